"""Indexing, in all the forms that NumPy has."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._function import Function, Value
from .._tensor import Array, Shape, Tensor, TensorLike, as_tensor, to_array


class _Place:
    """Stands in a static index where an index array, an input of its own, goes."""

    def __repr__(self) -> str:
        return "array"


PLACE = _Place()


def fill(template: tuple[Any, ...], indices: tuple[Array, ...]) -> tuple[Any, ...]:
    """Put the index arrays in their places."""
    arrays = iter(indices)
    return tuple(next(arrays) if part is PLACE else part for part in template)


class GetItem(Function):
    """x[index]: gx = g at the index, summed where it repeats, and 0 elsewhere.

    ``index`` holds the integers, slices, None and Ellipsis; index arrays are inputs.
    """

    scatters = True

    def __init__(self, index: tuple[Any, ...]) -> None:
        self.index = index

    def forward(self, x: Array, *indices: Array) -> Array:
        return np.asarray(x[fill(self.index, indices)])

    def backward(self, g: Value, x_spec: Any, indices: Value) -> Value:
        gx = PutItem(self.index, x_spec.shape)(g, *indices)
        return gx, *(None for _ in indices)

    def add_to(self, total: Array, g: Array) -> None:
        total[self.index] += g


class PutItem(Function):
    """Adjoint of `GetItem`: x added at the index to zeros of a given shape: gx = g[index]."""

    def __init__(self, index: tuple[Any, ...], shape: Shape) -> None:
        self.index, self.shape = index, shape

    def forward(self, x: Array, *indices: Array) -> Array:
        y = np.zeros(self.shape, x.dtype)
        index = fill(self.index, indices)
        if any(array.dtype.kind != "b" for array in indices):
            np.add.at(y, index, x)  # an element may be named more than once
        else:
            y[index] = x
        return y

    def backward(self, g: Value, indices: Value) -> Value:
        gx = GetItem(self.index)(g, *indices)
        return gx, *(None for _ in indices)


def parse(index: Any) -> tuple[tuple[Any, ...], list[Tensor]]:
    """Split what stands in the brackets into the static index and the index arrays.

    Raises
    ------
    TypeError
        If an index array is neither integer nor boolean.
    """
    template: list[Any] = []
    arrays: list[Tensor] = []
    for part in index if isinstance(index, tuple) else (index,):
        if isinstance(part, (Tensor, np.ndarray, list, tuple, range)):
            array = part if isinstance(part, Tensor) else to_array(part)
            if array.size == 0 and not hasattr(part, "dtype"):  # an empty list holds floats
                array = np.zeros(array.shape, np.intp)
            if array.dtype.kind not in "iub":
                raise TypeError(
                    f"an index must be integers, booleans or slices, not {array.dtype} values"
                )
            template.append(PLACE)
            arrays.append(as_tensor(array))
        else:
            template.append(part)
    return tuple(template), arrays


def getitem(x: TensorLike, index: Any) -> Tensor:
    """Return ``x[index]``: integers, slices, None, Ellipsis, integer and boolean arrays.

    Basic indexing gives a view.  Gradients of elements that are named repeatedly add up.

    Raises
    ------
    IndexError
        If the index does not fit the shape.
    TypeError
        If an index array is neither integer nor boolean.
    """
    template, arrays = parse(index)
    return GetItem(template).apply(x, *arrays)
