"""Indices in every form that NumPy takes, and the labels of classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

import tinygraph as tg

from ._shapes import Shape, ShapeLike, shapes_in
from ._values import Array


def indices(shape: Shape) -> SearchStrategy[Any]:
    """Draw what ``x[index]`` takes for an array of this shape; NumPy accepts each of them.

    Integers, slices of any step, None, an Ellipsis, integer arrays and lists with repeats and
    negative numbers, which broadcast, boolean masks over one or several axes; alone or together.

    Examples
    --------
    >>> from hypothesis import find
    >>> from tinygraph.testing import strategies as st
    >>> import numpy as np
    >>> find(st.indices((3,)), lambda index: isinstance(index, np.ndarray) and index.size == 2)
    array([0, 0])
    """
    if not isinstance(shape, tuple) or not all(isinstance(n, int) and n >= 0 for n in shape):
        raise ValueError(f"indices: expected a shape, not {shape!r}")
    return st.one_of(_indices(shape), _masks(shape))


def labels(
    n: ShapeLike, classes: int, ignore_index: int | None = None
) -> SearchStrategy[tg.Tensor]:
    """Draw the labels of ``n`` samples, or of a shape of them: integers below ``classes``.

    With ``ignore_index`` some are that, but not all.

    Examples
    --------
    >>> from hypothesis import find
    >>> from tinygraph.testing import strategies as st
    >>> find(st.labels(3, classes=5, ignore_index=-100), lambda y: -100 in y)
    tensor([   0,    0, -100], dtype=int64)
    """
    if not isinstance(classes, int) or classes < 1:
        raise ValueError(f"labels: expected a number of classes, not {classes!r}")
    if ignore_index is not None and 0 <= ignore_index < classes:
        raise ValueError(f"labels: {ignore_index} is a class itself, not one to ignore")
    return _labels(shapes_in("labels", n), classes, ignore_index)


@st.composite
def _labels(
    draw: DrawFn, shapes: SearchStrategy[Any], classes: int, ignore_index: int | None
) -> tg.Tensor:
    shape = draw(shapes)
    size = math.prod(shape)
    drawn = draw(st.lists(st.integers(0, classes - 1), min_size=size, max_size=size))
    if ignore_index is not None:
        counted = draw(st.integers(0, max(size - 1, 0)))  # one that is not ignored
        for i in range(size):
            if i != counted and draw(st.booleans()):
                drawn[i] = ignore_index
    return tg.Tensor(np.array(drawn, np.int64).reshape(shape))


@st.composite
def _indices(draw: DrawFn, shape: Shape) -> Any:
    """Index some of the first axes, and, after an Ellipsis, maybe some of the last."""
    common = draw(st.sampled_from([(1,), (2,), (3,), (2, 1), (1, 2), (2, 3), (0,)]))
    first = draw(st.integers(0, len(shape)))
    index = draw(_items(shape[:first], common))
    if draw(st.booleans()):
        last = draw(st.integers(first, len(shape)))
        index += [..., *draw(_items(shape[last:], common))]
    if len(index) == 1 and draw(st.booleans()):
        return index[0]
    return tuple(index)


@st.composite
def _items(draw: DrawFn, shape: Shape, common: Shape) -> list[Any]:
    """Draw what indexes all axes of a shape; index arrays broadcast to ``common``."""
    items: list[Any] = []
    axis = 0
    while axis < len(shape):
        if _seldom(draw):
            items.append(None)
        item, count = draw(_item(shape[axis:], common))
        items.append(item)
        axis += count
    if _seldom(draw):
        items.append(None)
    return items


def _seldom(draw: DrawFn) -> bool:
    return draw(st.integers(0, 5)) == 5


@st.composite
def _item(draw: DrawFn, shape: Shape, common: Shape) -> tuple[Any, int]:
    """Draw what indexes the first axes of a shape, and tell how many they are."""
    n = shape[0]
    form = draw(st.sampled_from(["slice", "integer", "array", "list", "mask"] if n else ["slice"]))
    if form == "slice":
        return draw(st.slices(n)), 1
    if form == "integer":
        return draw(st.integers(-n, n - 1)), 1
    if form == "mask":
        count = draw(st.integers(1, shape.index(0) if 0 in shape else len(shape)))
        return draw(_mask(shape[:count], [1, common[-1]])), count
    fitting = [common, common[-1:], (1,) * len(common), ()]
    array = draw(_places(n, draw(st.sampled_from(fitting))))
    return (array.tolist() if form == "list" else array), 1


@st.composite
def _places(draw: DrawFn, n: int, shape: Shape) -> Array:
    size = math.prod(shape)
    drawn = draw(st.lists(st.integers(-n, n - 1), min_size=size, max_size=size))
    return np.array(drawn, np.intp).reshape(shape)


@st.composite
def _masks(draw: DrawFn, shape: Shape) -> Array:
    """Draw a mask over any number of leading axes, which may choose nothing or all."""
    covered = shape[: draw(st.integers(0, len(shape)))]
    return draw(_mask(covered, range(math.prod(covered) + 1)))


@st.composite
def _mask(draw: DrawFn, shape: Shape, counts: Sequence[int]) -> Array:
    """Draw a mask that chooses as many elements as one of the counts says, if there are as many."""
    size = math.prod(shape)
    count = draw(st.sampled_from([n for n in counts if n <= size] or [size]))
    mask = np.zeros(size, bool)
    mask[draw(st.permutations(range(size)))[:count]] = True
    return mask.reshape(shape)
