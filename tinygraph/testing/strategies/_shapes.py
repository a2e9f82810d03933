"""Shapes, and what goes with them: axes, permutations, new shapes, shapes that fit each other."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from hypothesis.strategies import DrawFn, SearchStrategy

Shape: TypeAlias = tuple[int, ...]
ShapeLike: TypeAlias = int | Shape | SearchStrategy[Any]

MATMUL = "(m?,n),(n,p?)->(m?,p?)"


def shapes(
    min_dims: int = 0, max_dims: int = 3, max_side: int = 3, *, empty: bool = False
) -> SearchStrategy[Shape]:
    """Draw shapes, of at least ``min_dims`` and at most ``max_dims`` axes.

    Parameters
    ----------
    min_dims, max_dims : int
    max_side : int
        The greatest length of an axis.
    empty : bool
        Whether lengths of 0 are among them.

    Examples
    --------
    >>> from hypothesis import find
    >>> from tinygraph.testing import strategies as st
    >>> find(st.shapes(), lambda shape: len(shape) == 2)
    (1, 1)
    """
    least = _sides("shapes", max_side, empty)
    if not 0 <= min_dims <= max_dims:
        raise ValueError(f"shapes: expected 0 <= min_dims <= max_dims, not {min_dims}, {max_dims}")
    sides = st.integers(least, max_side)
    if least == 0:  # the simplest length is 1
        sides = sides.map(lambda n: (1, 0)[n] if n < 2 else n)
    return st.lists(sides, min_size=min_dims, max_size=max_dims).map(tuple)


def broadcastable(
    n: int = 2, *, max_dims: int = 3, max_side: int = 3, empty: bool = False
) -> SearchStrategy[tuple[Shape, ...]]:
    """Draw ``n`` shapes that broadcast with each other.

    Give them to `tensors` for as many Tensors.

    Examples
    --------
    >>> from hypothesis import find
    >>> from tinygraph.testing import strategies as st
    >>> sorted(find(st.broadcastable(2), lambda shapes: shapes[0] != shapes[1]))
    [(), (1,)]
    """
    least = _sides("broadcastable", max_side, empty)
    if n < 1:
        raise ValueError(f"broadcastable: expected at least one shape, not {n}")
    return hnp.mutually_broadcastable_shapes(
        num_shapes=n, max_dims=max_dims, min_side=least, max_side=max_side
    ).map(lambda drawn: drawn.input_shapes)


def matmul_pairs(
    *, max_dims: int = 2, max_side: int = 3, empty: bool = False
) -> SearchStrategy[tuple[Shape, Shape]]:
    """Draw pairs of shapes that can be matrix-multiplied: vectors, matrices, batches of them.

    Parameters
    ----------
    max_dims : int
        The greatest number of axes of a batch; those of the pair broadcast.
    max_side : int
        The greatest length of an axis.
    empty : bool
        Whether lengths of 0 are among them.

    Examples
    --------
    >>> from hypothesis import find
    >>> from tinygraph.testing import strategies as st
    >>> find(st.matmul_pairs(), lambda pair: len(pair[0]) == 3)
    ((1, 1, 1), (1,))
    """
    least = _sides("matmul_pairs", max_side, empty)
    return hnp.mutually_broadcastable_shapes(
        signature=MATMUL, max_dims=max_dims, min_side=least, max_side=max_side
    ).map(lambda drawn: (drawn.input_shapes[0], drawn.input_shapes[1]))


def axes(ndim: int) -> SearchStrategy[int | tuple[int, ...] | None]:
    """Draw the ``axis`` of a reduction: None, an axis, or several, counted from either end.

    Examples
    --------
    >>> from hypothesis import find
    >>> from tinygraph.testing import strategies as st
    >>> find(st.axes(2), lambda axis: isinstance(axis, tuple) and len(axis) == 2)
    (0, 1)
    """
    _check_ndim("axes", ndim)
    single: SearchStrategy[int] = st.integers(0, ndim - 1) if ndim else st.nothing()
    several = permutations(ndim).flatmap(
        lambda order: st.integers(0, ndim).map(lambda n: tuple(order[:n]))
    )
    return st.one_of(st.none(), single, single.map(lambda axis: axis - ndim), several)


@st.composite
def _signed(draw: DrawFn, order: SearchStrategy[list[int]], ndim: int) -> tuple[int, ...]:
    return tuple(axis - ndim if draw(st.booleans()) else axis for axis in draw(order))


def permutations(ndim: int) -> SearchStrategy[tuple[int, ...]]:
    """Draw the axes in any order, each counted from either end.

    Examples
    --------
    >>> from hypothesis import find
    >>> from tinygraph.testing import strategies as st
    >>> find(st.permutations(3), lambda axes: axes[0] == 1)
    (1, 0, 2)
    """
    _check_ndim("permutations", ndim)
    return _signed(st.permutations(range(ndim)), ndim)


def reshapes(shape: Shape) -> SearchStrategy[Shape]:
    """Draw shapes of as many elements, of up to 4 axes; one length may be left open, as -1.

    Examples
    --------
    >>> from hypothesis import find
    >>> from tinygraph.testing import strategies as st
    >>> find(st.reshapes((2, 3)), lambda shape: len(shape) == 2)
    (1, 6)
    """
    if any(n < 0 for n in shape):
        raise ValueError(f"reshapes: expected a shape, not {shape}")
    size = math.prod(shape)
    return _factors(size) if size else _empty_shapes()


@st.composite
def _factors(draw: DrawFn, size: int) -> Shape:
    rest, new = size, list[int]()
    while len(new) < 3 and draw(st.booleans()):
        new.append(draw(st.sampled_from([n for n in range(1, rest + 1) if rest % n == 0])))
        rest //= new[-1]
    if rest > 1 or size > 1 or draw(st.booleans()):  # a single number may have no axis at all
        new.append(rest)
    if draw(st.booleans()) and new:
        new[draw(st.integers(0, len(new) - 1))] = -1
    return tuple(new)


@st.composite
def _empty_shapes(draw: DrawFn) -> Shape:
    new = draw(st.lists(st.integers(0, 3), max_size=3))
    new.insert(draw(st.integers(0, len(new))), 0)
    return tuple(new)


def shapes_in(caller: str, shape: ShapeLike | None) -> SearchStrategy[Any]:
    """Return a strategy of shapes for what a user may give as one."""
    if shape is None:
        return shapes()
    if isinstance(shape, SearchStrategy):
        return shape
    if isinstance(shape, int):
        shape = (shape,)
    if not isinstance(shape, tuple) or not all(isinstance(n, int) and n >= 0 for n in shape):
        raise ValueError(f"{caller}: expected a shape or a strategy of shapes, not {shape!r}")
    return st.just(shape)


def _sides(caller: str, max_side: int, empty: bool) -> int:
    """Return the least length of an axis."""
    if max_side < 1:
        raise ValueError(f"{caller}: expected a max_side of at least 1, not {max_side}")
    return 0 if empty else 1


def _check_ndim(caller: str, ndim: int) -> None:
    if not isinstance(ndim, int) or ndim < 0:
        raise ValueError(f"{caller}: expected a number of axes, not {ndim!r}")
