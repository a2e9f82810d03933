"""What a row of the table is, how its inputs are drawn, and how its definition is written.

A definition is independent of tinygraph: plain loops or Python's own mathematics.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinygraph import Function

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Input:
    """One input: its shape, and how to fill it from a Generator."""

    shape: Shape
    fill: Callable[[np.random.Generator, Shape], np.ndarray]

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        return np.asarray(self.fill(rng, self.shape))


def normal(*shape: int) -> Input:
    return Input(shape, lambda rng, shape: rng.standard_normal(shape))


def positive(*shape: int) -> Input:
    return Input(shape, lambda rng, shape: rng.uniform(0.5, 2, shape))


def apart(*shape: int, shift: float = 0) -> Input:
    """Draw numbers at least 0.8 from each other, 0.4 from 0, and 0.3 from those of shift 0.5.

    So no step of at most 1/8, not even of two numbers towards each other, crosses a kink.
    """

    def fill(rng: np.random.Generator, shape: Shape) -> np.ndarray:
        n = math.prod(shape)
        spaced = np.arange(n) - n // 2 + 0.5 + shift
        return rng.permutation(spaced + rng.uniform(-0.1, 0.1, n)).reshape(shape)

    return Input(shape, fill)


def ties(*shape: int) -> Input:
    """Draw from -1, 0 and 1, for operations that have no gradient to be spoiled by ties."""
    return Input(shape, lambda rng, shape: rng.integers(-1, 2, shape).astype(np.float64))


def mask(*shape: int) -> Input:
    return Input(shape, lambda rng, shape: rng.random(shape) < 0.5)


def below(n: int, *shape: int) -> Input:
    """Draw integers from 0 to n - 1."""
    return Input(shape, lambda rng, shape: rng.integers(0, n, shape))


def exactly(values: Any) -> Input:
    array = np.asarray(values)
    return Input(array.shape, lambda rng, shape: array.reshape(shape))


@dataclass(frozen=True, eq=False)
class Case:
    """An operation, its inputs, and its definition.

    Attributes
    ----------
    function : Function, or a callable over Tensors
    inputs : list of Input, or None for an optional input left out
        Floating ones are differentiable.  Drawn in float64 and away from kinks.
    reference : callable
        The definition: ndarrays in float64 -> ndarray.
    corners : list
        Further shapes of the inputs (0-d, empty, a batch of one), as rows of their own.
    linear : bool
        Linear (or affine) in each floating input, and exact on small integers.
    view : bool
        The output may share memory with the input.
    keeps_dtype : bool
        The output has the dtype of the floating inputs.
    note : str
        Tells rows apart whose Functions and shapes are the same.
    """

    function: Any
    inputs: list[Input | None]
    reference: Callable[..., np.ndarray]
    corners: list[tuple[Shape, ...]] | tuple[()] = ()
    linear: bool = False
    view: bool = False
    keeps_dtype: bool = True
    note: str = ""

    def __str__(self) -> str:
        shapes = ["None" if i is None else "x".join(map(str, i.shape)) or "0d" for i in self.inputs]
        return f"{self.function!r}:{','.join(shapes)}{self.note}".replace(" ", "")

    @property
    def differentiable(self) -> bool:
        return bool(getattr(self.function, "differentiable", True))

    def draw(self, rng: np.random.Generator, dtype: Any = np.float64) -> list[np.ndarray | None]:
        """Draw the inputs, read-only."""
        return [None if i is None else frozen(i.draw(rng), dtype) for i in self.inputs]

    def draw_integers(self, rng: np.random.Generator) -> list[np.ndarray | None]:
        """Draw the inputs with small integers for the floating ones: sums of them are exact."""
        return [
            a if a is None or a.dtype.kind != "f" else frozen(rng.integers(-3, 4, a.shape) * 1.0)
            for a in self.draw(rng)
        ]

    def variants(self) -> list[Case]:
        """Return a case for each of the corners."""
        return [
            replace(
                self,
                corners=(),
                inputs=[
                    None if i is None else replace(i, shape=shape)
                    for i, shape in zip(self.inputs, shapes, strict=True)
                ],
            )
            for shapes in self.corners
        ]


def frozen(array: Any, dtype: Any = np.float64) -> np.ndarray:
    """Return a read-only copy; a floating one in ``dtype``."""
    array = np.asarray(array)
    copy = np.array(array, dtype if array.dtype.kind == "f" else array.dtype)
    copy.flags.writeable = False
    return copy


def pointwise(function: Function, inputs: list[Input | None], *rest: Any, **flags: Any) -> Case:
    """Make the row of an elementwise operation, which also takes 0-d and empty inputs."""
    corners = [((),) * len(inputs), ((0, 3),) * len(inputs)]
    return Case(function, inputs, *rest, corners=corners, **flags)


def each(f: Callable[..., Any], dtype: Any = float) -> Callable[..., np.ndarray]:
    """Apply a Python function to every element."""
    return np.vectorize(f, otypes=[dtype])


def over(
    axis: Shape, keepdims: bool, f: Callable[[list[float]], float], dtype: Any = float
) -> Callable[[np.ndarray], np.ndarray]:
    """Apply a Python function to the list of the elements over the axes."""

    def reduce(x: np.ndarray) -> np.ndarray:
        left = [n for i, n in enumerate(x.shape) if i not in axis]
        last = np.moveaxis(x, axis, range(x.ndim - len(axis), x.ndim))
        rows = last.reshape(math.prod(left), math.prod(x.shape[i] for i in axis))
        y = np.array([f(list(row)) for row in rows], dtype)
        return y.reshape(
            [1 if i in axis else n for i, n in enumerate(x.shape)] if keepdims else left
        )

    return reduce


def lines(axis: int, f: Callable[[list[float]], list[float]]) -> Callable[[np.ndarray], np.ndarray]:
    """Apply a Python function from list to list to every line along the axis."""

    def apply(x: np.ndarray) -> np.ndarray:
        last = np.moveaxis(x, axis, -1)
        rows = last.reshape(math.prod(last.shape[:-1]), last.shape[-1])
        y = np.array([f(list(row)) for row in rows], float)
        return np.moveaxis(y.reshape(last.shape), -1, axis)

    return apply


def adjoint(linear: Callable[[np.ndarray], np.ndarray], shape: Shape) -> Any:
    """Return the adjoint of a linear map from ``shape``: <linear(unit), y> for each unit vector."""

    def apply(y: np.ndarray) -> np.ndarray:
        gx = np.zeros(shape)
        for at in np.ndindex(*shape):
            unit = np.zeros(shape)
            unit[at] = 1
            gx[at] = (linear(unit) * y).sum()
        return gx

    return apply


def reductions(function: Any, fill: Any, f: Any, *more: Any, **flags: Any) -> list[Case]:
    """Make the rows of a reduction over any axes."""
    forms = [((2, 3, 2), (0, 2), False), ((2, 3, 2), (1,), True), ((2, 3), (0, 1), True)]
    forms += [((0, 3), (1,), False), ((), (), False), ((2, 3), (), False), ((1, 3), (0,), False)]
    return [
        Case(function(axis, keep, *more), [fill(*shape)], over(axis, keep, f), **flags)
        for shape, axis, keep in forms
    ]


def choices(function: Any, fill: Any, f: Any, dtype: Any = float) -> list[Case]:
    """Make the rows of a reduction that chooses an element over one axis."""
    forms = [
        ((2, 3, 2), (1,), False),
        ((4, 3), (0,), True),
        ((0, 3), (1,), False),
        ((1,), (0,), False),
    ]
    return [
        Case(function(axis, keep), [fill(*shape)], over(axis, keep, f, dtype))
        for shape, axis, keep in forms
    ]


def with_corners(shape: Shape, *rest: Shape) -> list[tuple[Shape, ...]]:
    """Return the same shapes with a batch of one, and of none, for the first."""
    return [((n, *shape[1:]), *rest) for n in (1, 0) if n != shape[0]]
