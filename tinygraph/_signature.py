"""What a Function's methods take, and so what a Node keeps: read off their parameters once."""

from __future__ import annotations

import inspect
from collections import namedtuple
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._function import Function


def _picker(names: tuple[str, ...], bag: tuple[str, ...]) -> Callable[[tuple[Any, ...]], Any]:
    """Return a function that picks ``names`` from a tuple laid out as ``bag``, as a tuple."""
    places = [bag.index(name) for name in names]
    if not places:
        return lambda values: ()
    if len(places) == 1:
        (place,) = places
        return lambda values: (values[place],)
    return itemgetter(*places)


def _parameters(function: type[Function], method: str) -> list[inspect.Parameter]:
    """Return what a method takes, without ``self`` and what need not be given by keyword."""
    found = inspect.getattr_static(function, method)
    bound = found.__get__(object(), function) if hasattr(found, "__get__") else found
    try:
        signature = inspect.signature(bound)
    except ValueError:
        raise TypeError(
            f"{function.__name__}.{method} must take self, or be a staticmethod"
        ) from None
    parameters = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    return [p for p in parameters if p.kind is not p.KEYWORD_ONLY or p.default is p.empty]


def _rule_parameters(function: type[Function]) -> list[inspect.Parameter]:
    """Return what ``backward`` takes: the gradient, and then what it wants kept."""
    parameters = _parameters(function, "backward")
    if not parameters or parameters[0].kind not in (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
    ):
        raise TypeError(
            f"{function.__name__}.backward must take g, the gradient of the output, before what "
            "it wants kept"
        )
    return parameters


def _check_parameters(
    function: type[Function], forward: list[inspect.Parameter], rule: list[inspect.Parameter]
) -> None:
    """Refuse what would not be given, or not as it says."""
    if "ctx" in (p.name for p in (*forward, *rule)):
        raise TypeError(
            f"{function.__name__}: forward takes arrays, and no ctx; what backward wants kept "
            "it names after g, such as backward(self, g, x, y)"
        )
    for method, parameters in (("forward", forward), ("backward", rule)):
        for p in parameters:
            if p.kind is p.KEYWORD_ONLY:
                raise TypeError(
                    f"{function.__name__}.{method}: {p.name!r} must not be keyword-only"
                )
    for p in rule:
        if p.kind is p.VAR_POSITIONAL:
            raise TypeError(
                f"{function.__name__}.backward must take {p.name}, not *{p.name}: it gets what it "
                "names, and several inputs of one name as a tuple"
            )


def _check_branch(function: type[Function], forward: list[inspect.Parameter]) -> None:
    """Refuse a ``branch`` that cannot be called with all that ``forward`` can be called with."""
    branch = inspect.Signature(_parameters(function, "branch"))
    variadic = any(p.kind is p.VAR_POSITIONAL for p in forward)
    fewest = sum(p.default is p.empty and p.kind is not p.VAR_POSITIONAL for p in forward)
    for count in (fewest, len(forward) + variadic):
        try:
            branch.bind(*range(count))
        except TypeError:
            takes = inspect.Signature([p.replace(annotation=p.empty) for p in forward])
            raise TypeError(
                f"{function.__name__}.branch must take what forward takes: {takes}"
            ) from None


def _check_names(
    function: type[Function],
    forward: list[inspect.Parameter],
    known: Sequence[str],
    named: Sequence[str],
) -> None:
    """Refuse names with two meanings, and those of what is not there to be kept."""
    for name in known:
        if known.count(name) > 1 or name == "g":
            raise TypeError(
                f"{function.__name__}: {name!r} would have two meanings; rename the input "
                "or aux (y is the output, g its gradient)"
            )
    for name in named:
        if name not in known:
            raise TypeError(
                f"{function.__name__}.backward asks for {name!r}, which is none of "
                f"{', '.join(known)}"
            )
    for p in forward:
        if p.name.startswith("_"):
            raise TypeError(
                f"{function.__name__}.forward: {p.name!r} must not begin with an underscore"
            )
        if p.name in named and p.default is not p.empty and p.default is not None:
            raise TypeError(
                f"{function.__name__}.backward asks for {p.name!r}, an input that may be left out: "
                f"its default must be None, not {p.default!r}"
            )


@dataclass(frozen=True, slots=True)
class Signature:
    """What `Function.forward` takes, and what `Function.backward` wants kept, by their names."""

    inputs: tuple[str, ...]
    variadic: bool  # forward(self, x, *xs): the last name stands for all the remaining inputs
    kept: tuple[str, ...]  # "y", aux and inputs that stay alive for the rule
    keep: Callable[[tuple[Any, ...]], tuple[Any, ...]]  # picks them from (y, *aux, *inputs)
    pick: Callable[[tuple[Any, ...]], tuple[Any, ...]] | None  # picks the arguments of the rule
    formulas: dict[str, tuple[str, ...]]  # smooth aux -> the kept values its formula takes
    needs: Callable[..., Any]  # makes the `needs` that a rule may ask for
    optional: tuple[str, ...]  # the inputs that may be None: those with a default

    @classmethod
    def of(cls, function: type[Function], branches: bool) -> Signature:
        """Read the signature of a Function class, which has a ``branch`` of its own or has not.

        Raises
        ------
        TypeError
            If the rule takes no gradient, or names what ``forward`` neither takes nor hands on; if
            a parameter is of a kind or has a name or default that does not do; or if ``branch``
            does not take what ``forward`` takes.
        """
        forward = _parameters(function, "forward")
        rule = _rule_parameters(function) if function.differentiable else []
        _check_parameters(function, forward, rule)
        if branches:
            _check_branch(function, forward)
        variadic = any(p.kind is p.VAR_POSITIONAL for p in forward)
        inputs = tuple(p.name for p in forward)
        values = ("y", *function.aux, *inputs)
        specs = tuple(f"{name}_spec" for name in inputs)

        wanted = tuple(p.name for p in rule[1:])
        formulas = {
            name: tuple(p.name for p in _parameters(function, name))
            for name in function.aux
            if name in wanted and hasattr(function, name)
        }
        known = (*values, *specs, "needs")
        named = [*wanted, *(name for names in formulas.values() for name in names)]
        _check_names(function, forward, known, named)
        kept = tuple(name for name in values if name in named)
        pick = None if wanted == kept else _picker(wanted, (*kept, *specs, "needs"))
        needs = namedtuple("needs", inputs)  # type: ignore[misc]
        optional = tuple(p.name for p in forward if p.default is None)
        return cls(inputs, variadic, kept, _picker(kept, values), pick, formulas, needs, optional)

    def names(self, count: int) -> list[str]:
        """Return names for ``count`` inputs: those of ``*xs`` are numbered."""
        last = len(self.inputs) - 1
        return [
            f"{self.inputs[last]}[{i - last}]" if self.variadic and i >= last else self.inputs[i]
            for i in range(count)
        ]

    def by_name(self, values: Sequence[Any]) -> tuple[Any, ...]:
        """Lay out what there is one of for each input passed as one for each name in ``inputs``."""
        named = len(self.inputs) - self.variadic
        if len(values) < named:  # optional inputs were left out
            values = (*values, *(None,) * (named - len(values)))
        return (*values[:named], tuple(values[named:])) if self.variadic else tuple(values)
