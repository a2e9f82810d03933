"""Which rule is wrong: every operation that a function records is checked by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import tinygraph as tg

from ._checks import ORDERS, check_problem
from ._problem import Problem, floating, leaves
from ._report import Array, Finding, place_of
from ._structure import Inputs


@dataclass(frozen=True)
class _Operation:
    """An operation that ran: its inputs, and which of them gradients flow to."""

    function: tg.Function
    inputs: list[Array | None]
    moving: list[int]

    def problem(self) -> Problem:
        """Return the operation alone, at the inputs that it had."""

        def call(tensors: Sequence[tg.Tensor], recorded: bool) -> list[tg.Tensor]:
            given: list[Any] = [None if a is None else a.copy() for a in self.inputs]
            for i, tensor in zip(self.moving, tensors, strict=True):
                given[i] = tensor
            return floating(self.function.apply(*given))

        names = self.function.signature.names(len(self.inputs))
        points = [x for i in self.moving if (x := self.inputs[i]) is not None]
        return Problem(call, points, [names[i] for i in self.moving])


class _Operations(tg.FunctionHook):
    def __init__(self) -> None:
        self.found: list[_Operation] = []

    def after_forward(
        self,
        function: tg.Function,
        inputs: Sequence[Array | None],
        output: Array,
        node: Any,
    ) -> None:
        """Copy what an operation was given, before anything can write into it."""
        if node is not None:
            copies = [None if a is None else np.array(a) for a in inputs]
            moving = [i for i, source in enumerate(node.inputs) if _has_gradient(source)]
            self.found.append(_Operation(function, copies, moving))


def _has_gradient(source: Any) -> bool:
    """Tell whether a place in the graph is an operation or a leaf that requires a gradient."""
    return isinstance(source, tg.Tensor) or hasattr(source, "function")


def localise(f: Callable[..., Any], *inputs: Any, order: int = 1, seed: int = 0) -> Finding | None:
    """Return what is wrong with the first wrong rule in ``f``, or None if all are right.

    ``f`` runs once, and each operation that it recorded is then checked alone, at the inputs that
    it had there, in the order in which they ran.

    Parameters
    ----------
    f : callable
    *inputs
        As for `gradcheck`.
    order : {1, 2, 3}
        Up to which order the rules are checked.
    seed : int

    Returns
    -------
    Finding or None
        ``rule`` names the class, and the file and line of its ``backward``.

    Examples
    --------
    >>> import tinygraph as tg
    >>> from tinygraph.testing import localise
    >>> @tg.function(lambda g, x: g * x)  # the factor 2 is missing
    ... def squared(x):
    ...     return x * x
    >>> localise(lambda x: squared(x.exp()).sum(), tg.tensor([1.0, 2.0])).rule
    'squared.backward (...)'
    """
    arguments = Inputs("localise", f, inputs)
    operations = _Operations()
    with operations, np.errstate(all="ignore"):
        arguments.call(leaves([leaf.values.astype(np.float64) for leaf in arguments.leaves]))
    rng = np.random.default_rng(seed)
    for number, operation in enumerate(operations.found):
        for finding in _failures(operation, order, rng):
            function = type(operation.function)
            return replace(
                finding,
                subject=f"{operation.function!r}, operation {number}: {finding.subject}",
                rule=place_of(function.backward, f"{function.__name__}.backward")
                + _constants(function, finding),
            )
    return None


def _constants(function: type[tg.Function], finding: Finding) -> str:
    """Say what a higher derivative may have missed: aux that have no formula."""
    held = [name for name in function.aux if not hasattr(function, name)]
    if finding.check == ORDERS[1] or not held:
        return ""
    return (
        f"\n  aux {' and '.join(held)} is a constant to it; a smooth one needs its formula, "
        "a method of that name"
    )


def _failures(operation: _Operation, order: int, rng: np.random.Generator) -> Iterator[Finding]:
    findings = check_problem(operation.problem(), order, "auto", rng)
    return (finding for finding in findings if finding.verdict == "failed")
