"""A function at a point, run on other arrays in the place of its own, in their layout and dtype."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np

import tinygraph as tg

from ._problem import pull
from ._report import Array
from ._structure import _argument_names, _parameters, _swapped, map_leaves


@dataclass(frozen=True)
class Run:
    """A recorded run: the Tensors that gradients are wanted of, and all that came out."""

    xs: list[tg.Tensor]
    ys: list[tg.Tensor]

    @property
    def differentiable(self) -> list[tg.Tensor]:
        """What came out of floats, which have cotangents."""
        return [y for y in self.ys if y.dtype.kind == "f"]

    def pull(
        self, cotangents: Sequence[Array], create_graph: bool = False, retain: bool | None = None
    ) -> list[Array]:
        """Return the gradient of each of ``xs``: zeros where nothing depends on it."""
        vs = [tg.Tensor(v) for v in cotangents]
        return [g.data for g in pull(self.differentiable, self.xs, vs, create_graph, retain)]


class Subject:
    """A function of whatever nests arrays, taken for a function of a list of them.

    A Module, as the function or among the inputs, stands for its parameters.  Where ``named_by`` is
    given, that is the function whose signature names the inputs, or whose parameters count.

    Attributes
    ----------
    f : callable
    names : list of str
    arrays : list of ndarray
        Copies of the user's, in order.
    floating : list of int
        Which of them are differentiated by.
    """

    def __init__(
        self,
        f: Callable[..., Any],
        inputs: Sequence[Any],
        named_by: Callable[..., Any] | None = None,
    ) -> None:
        self.f = f
        self.inputs = inputs
        self._argument_names = _argument_names(named_by or f, len(inputs))
        self._modules: list[tg.nn.Module] = []
        self._parameters: list[tuple[str, tg.Tensor]] = []
        found: list[tuple[str, Any]] = []

        def visit(name: str, value: Any) -> Any:
            if isinstance(value, tg.nn.Module):
                self._modules.append(value)
                self._parameters += _parameters(value, name)
            elif isinstance(value, (tg.Tensor, np.ndarray)):
                found.append((name, value))
            return value

        outermost = named_by or f
        if isinstance(outermost, tg.nn.Module):
            visit("", outermost)
        for name, value in zip(self._argument_names, inputs, strict=True):
            map_leaves(value, name, visit)
        found += self._parameters
        self.names = [name for name, _ in found]
        self.arrays = [np.array(x.data if isinstance(x, tg.Tensor) else x) for _, x in found]
        self.floating = [i for i, a in enumerate(self.arrays) if a.dtype.kind == "f"]

    def call(self, operands: Sequence[tg.Tensor]) -> list[tg.Tensor]:
        """Call the function with ``operands`` in the place of its arrays; return all its Tensors.

        An array of integers or booleans that the user gave as such is handed on as such.
        """
        given = dict(zip(self.names, operands, strict=True))
        replaced = {id(parameter): given[name] for name, parameter in self._parameters}
        with ExitStack() as stack:
            for module in self._modules:
                stack.enter_context(_swapped(module, replaced, promote=False))
            result = self.f(*self.nested(operands))
        return tensors_in(result)

    def nested(self, values: Sequence[Any]) -> list[Any]:
        """Return the inputs as the user nested them, with ``values`` in the place of the arrays."""
        given = dict(zip(self.names, values, strict=True))

        def put(name: str, value: Any) -> Any:
            if name not in given:
                return value
            new = given[name]
            plain = (
                isinstance(value, np.ndarray)
                and value.dtype.kind != "f"
                and not isinstance(self.f, tg.Function)  # which only runs its kernel on arrays
            )
            return new.data if plain and isinstance(new, tg.Tensor) else new

        arguments = zip(self._argument_names, self.inputs, strict=True)
        return [map_leaves(value, name, put) for name, value in arguments]

    def run(self, arrays: Sequence[Array], wanted: Collection[int] | None = None) -> Run:
        """Run it on arrays, which the Tensors share, recorded for the gradients that are wanted."""
        which = self.floating if wanted is None else wanted
        operands = [tg.Tensor(a, requires_grad=i in which) for i, a in enumerate(arrays)]
        with np.errstate(all="ignore"):
            ys = self.call(operands)
        return Run([x for i, x in enumerate(operands) if i in which], ys)

    def values(self, arrays: Sequence[Array]) -> list[Array]:
        """Return what comes out, without recording."""
        with tg.no_grad():
            return [y.data for y in self.run(arrays, wanted=()).ys]

    def gradients(
        self, arrays: Sequence[Array], cotangents: Sequence[Array], create_graph: bool = False
    ) -> list[Array]:
        """Return the gradients of all floating arrays."""
        with np.errstate(all="ignore"):
            return self.run(arrays).pull(cotangents, create_graph)

    def everything(self, arrays: Sequence[Array], cotangents: Sequence[Array]) -> list[Array]:
        """Return what comes out, and the gradients."""
        return [*self.values(arrays), *self.gradients(arrays, cotangents)]

    def cotangents(self, rng: np.random.Generator, arrays: Sequence[Array]) -> list[Array]:
        """Draw a cotangent for each floating output."""
        ys = [y for y in self.values(arrays) if y.dtype.kind == "f"]
        return [np.asarray(rng.standard_normal(y.shape)).astype(y.dtype) for y in ys]

    def cast(self, dtype: Any, arrays: Sequence[Array]) -> list[Array]:
        """Return copies of the arrays, the floating ones in another dtype."""
        return [np.array(a, dtype if a.dtype.kind == "f" else a.dtype) for a in arrays]


def tensors_in(result: Any) -> list[tg.Tensor]:
    """Return the Tensors in what a function returned."""
    found: list[tg.Tensor] = []

    def visit(name: str, value: Any) -> Any:
        if isinstance(value, tg.Tensor):
            found.append(value)
        return value

    map_leaves(result, "", visit)
    return found
