"""Tensors in every layout that NumPy has."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from hypothesis import currently_in_test_context, note
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from numpy.typing import DTypeLike

import tinygraph as tg

from ._shapes import Shape, ShapeLike, shapes_in
from ._values import Array, Interval, Kind, values

Layout: TypeAlias = Literal["C", "F", "strided", "negative", "zero-stride", "readonly"]

LAYOUTS: tuple[Layout, ...] = get_args(Layout)


def tensors(
    shape: ShapeLike | tuple[Shape, ...] | None = None,
    dtype: DTypeLike = np.float64,
    layout: Layout | Literal["any"] = "C",
    kind: Kind = "distinct",
    *,
    within: Interval | None = None,
) -> SearchStrategy[Any]:
    """Draw a Tensor, or one for each of several shapes; floating ones require a gradient.

    Parameters
    ----------
    shape : shape, tuple of shapes, or strategy of either, optional
        For a tuple of shapes, such as `broadcastable` draws, it draws a tuple of Tensors.
        Default: `shapes`.
    dtype : dtype
    layout : str
        How the array lies in memory: ``"C"``, ``"F"``; ``"strided"``, with gaps, which hold NaN;
        ``"negative"``, backwards along every axis; ``"zero-stride"``, repeated along an axis, as
        `numpy.broadcast_to` makes it; ``"readonly"``; or ``"any"`` of these.
    kind, within
        As in `values`.

    Raises
    ------
    ValueError
        If there is no such layout or kind.

    Examples
    --------
    >>> from hypothesis import find
    >>> from tinygraph.testing import strategies as st
    >>> find(st.tensors((2,)), lambda x: True)
    tensor([ 1., -2.], dtype=float64, requires_grad=True)
    >>> a, b = find(st.tensors(st.matmul_pairs()), lambda pair: pair[0].ndim == 2)
    >>> (a @ b).shape
    (1,)
    """
    if layout != "any" and layout not in LAYOUTS:
        raise ValueError(f"tensors: expected a layout of any, {', '.join(LAYOUTS)}, not {layout!r}")
    several = isinstance(shape, tuple) and shape and isinstance(shape[0], tuple)
    if isinstance(shape, tuple) and several:
        drawn = st.tuples(*(shapes_in("tensors", one) for one in shape))
    else:
        drawn = shapes_in("tensors", shape)  # type: ignore[arg-type]
    values((), dtype, kind, within=within)  # complains now, not when drawing
    layouts: SearchStrategy[Any] = st.sampled_from(LAYOUTS) if layout == "any" else st.just(layout)
    return _tensors(drawn, layouts, dtype, kind, within)


@st.composite
def _tensors(
    draw: DrawFn,
    shapes: SearchStrategy[Any],
    layouts: SearchStrategy[Layout],
    dtype: DTypeLike,
    kind: Kind,
    within: Interval | None,
) -> Any:
    def one(shape: Shape) -> tg.Tensor:
        array = draw(values(shape, dtype, kind, within=within))
        layout = draw(layouts)
        laid = draw(_laid_out(array, layout))
        if layout != "C" and currently_in_test_context():
            note(f"The layout of the Tensor of shape {shape} is {layout!r}")  # its repr is silent
        return tg.Tensor(laid, requires_grad=laid.dtype.kind == "f")

    shape = draw(shapes)
    if shape and isinstance(shape[0], tuple):
        return tuple(one(each) for each in shape)
    return one(shape)


@st.composite
def _laid_out(draw: DrawFn, array: Array, layout: Layout) -> Array:
    """Lay out an array; the same values, unless some have to be repeated."""
    if layout == "F":
        return array.copy(order="F")
    if layout == "strided":
        return _with_gaps(array)
    if layout == "negative":
        return np.flip(np.flip(array).copy())
    if layout == "zero-stride" and array.size > 1:
        axis = draw(st.sampled_from([i for i, n in enumerate(array.shape) if n > 1]))
        return np.broadcast_to(array.take([0], axis), array.shape)
    if layout == "readonly":
        array.flags.writeable = False
    return array


def _with_gaps(array: Array) -> Array:
    """Return every second element, along each axis, of an array that is worthless between them."""
    gap = np.nan if array.dtype.kind == "f" else 77
    wide = np.full([2 * n for n in array.shape], gap, array.dtype)
    every_second: Array = wide[tuple(slice(None, None, 2) for _ in array.shape) or ...]
    every_second[...] = array
    return every_second
