"""Functional updates, ``x.at[index].set(v)``: a new Tensor where NumPy would write into the old."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from .._function import Function, Value
from .._tensor import Array, Shape, Tensor, TensorLike, as_tensor, as_tensors
from .elementwise import maximum, minimum, multiply
from .indexing import PutItem, fill, getitem, parse


def _places(shape: Shape, index: tuple[Any, ...], arrays: tuple[Array, ...]) -> Array:
    """Return the places that x[index] reads, as positions in the flattened x."""
    return np.asarray(np.arange(math.prod(shape)).reshape(shape)[fill(index, arrays)])


def _assign(y: Array, index: tuple[Any, ...], arrays: tuple[Array, ...], v: Array) -> Array:
    """Assign ``v`` to y[index] of a contiguous ``y``, the last one where a place is named again.

    In one dimension, as else NumPy's order, and so the last, depends on the memory layout.
    """
    if any(array.dtype.kind != "b" for array in arrays):
        places = _places(y.shape, index, arrays)
        y.reshape(-1)[places.reshape(-1)] = np.broadcast_to(v, places.shape).reshape(-1)
    else:
        y[fill(index, arrays)] = v
    return y


def _overwritten(places: Array, size: int) -> Array:
    """Tell which of the places are named again later."""
    turns = np.arange(places.size)
    latest = np.zeros(size, turns.dtype)
    latest[places] = turns
    return latest[places] != turns


class SetItem(Function):
    """A copy of x with v at the index, the last of v where it repeats.

    gx = g with 0 at the index, gv = g there, but 0 for what was overwritten.
    """

    def __init__(self, index: tuple[Any, ...]) -> None:
        self.index = index

    def forward(self, x: Array, v: Array, *indices: Array) -> Array:
        return _assign(x.copy(), self.index, indices, v)

    def backward(self, g: Value, indices: Value, needs: Any) -> Value:
        gx = SetItem(self.index)(g, 0, *indices) if needs.x else None
        gv = GetLast(self.index)(g, *indices) if needs.v else None
        return gx, gv, *(None for _ in indices)


class GetLast(Function):
    """x[index], but 0 for each place that the index names again later: gx = g put back."""

    def __init__(self, index: tuple[Any, ...]) -> None:
        self.index = index

    def forward(self, x: Array, *indices: Array) -> Array:
        y = np.array(x[fill(self.index, indices)], order="C")
        if any(array.dtype.kind != "b" for array in indices):
            places = _places(x.shape, self.index, indices).reshape(-1)
            y.reshape(-1)[_overwritten(places, x.size)] = 0
        return y

    def backward(self, g: Value, x_spec: Any, indices: Value) -> Value:
        gx = PutLast(self.index, x_spec.shape)(g, *indices)
        return gx, *(None for _ in indices)


class PutLast(Function):
    """Adjoint of `GetLast`: x at the index of zeros, the last one where it repeats.

    gx = g there, but 0 for what was overwritten.
    """

    def __init__(self, index: tuple[Any, ...], shape: Shape) -> None:
        self.index, self.shape = index, shape

    def forward(self, x: Array, *indices: Array) -> Array:
        return _assign(np.zeros(self.shape, x.dtype), self.index, indices, x)

    def backward(self, g: Value, indices: Value) -> Value:
        gx = GetLast(self.index)(g, *indices)
        return gx, *(None for _ in indices)


class At:
    """What ``x.at`` is: index it, and say what happens there."""

    def __init__(self, x: Tensor) -> None:
        self._x = x

    def __getitem__(self, index: Any) -> Update:
        return Update(self._x, index)


class Update:
    """What ``x.at[index]`` is: ``set``, ``add``, ... return ``x`` with that done there.

    The index may be all that ``x[index]`` takes.  Values broadcast, and become the dtype of ``x``.
    """

    def __init__(self, x: Tensor, index: Any) -> None:
        self._x, self._index = x, index
        self._template, self._arrays = parse(index)
        self._places = _places(x.shape, self._template, tuple(a.data for a in self._arrays))

    def set(self, values: TensorLike) -> Tensor:
        """Return ``x`` with ``values`` at the index, the last one where it names a place again.

        What is overwritten, of ``x`` or of the values, gets a gradient of 0.

        Examples
        --------
        >>> import tinygraph as tg
        >>> tg.zeros((2, 2)).at[:, 0].set([1.0, 2.0]).tolist()
        [[1.0, 0.0], [2.0, 0.0]]
        """
        return SetItem(self._template).apply(self._x, self._fit("set", values), *self._arrays)

    def add(self, values: TensorLike) -> Tensor:
        """Return ``x`` with ``values`` added at the index, all of them where it repeats.

        Examples
        --------
        >>> import tinygraph as tg
        >>> tg.zeros(3).at[[0, 2, 2]].add(1.0).tolist()
        [1.0, 0.0, 2.0]
        """
        put = PutItem(self._template, self._x.shape)
        return self._x + put.apply(self._fit("add", values), *self._arrays)

    def multiply(self, values: TensorLike) -> Tensor:
        """Return ``x`` multiplied by ``values`` at the index, by all of them where it repeats."""
        return self._combine("multiply", multiply, values)

    def max(self, values: TensorLike) -> Tensor:
        """Return ``x`` with the maximum of it and ``values`` at the index, as `maximum` has it."""
        return self._combine("max", maximum, values)

    def min(self, values: TensorLike) -> Tensor:
        """Return ``x`` with the minimum of it and ``values`` at the index, as `minimum` has it."""
        return self._combine("min", minimum, values)

    def _combine(self, caller: str, f: Callable[..., Tensor], values: TensorLike) -> Tensor:
        values = self._fit(caller, values)
        places, rounds = self._places.reshape(-1), _occurrences(self._places.reshape(-1))
        if not rounds.any():
            return self.set(f(getitem(self._x, self._index), values))
        y, others = self._x.reshape(self._x.size), values.reshape(values.size)
        for i in range(int(rounds.max()) + 1):  # no place is named twice in one round
            now = np.flatnonzero(rounds == i)
            y = Update(y, places[now]).set(f(y[places[now]], others[now]))
        return y.reshape(self._x.shape)

    def _fit(self, caller: str, values: TensorLike) -> Tensor:
        """Return the values in the dtype of x and the shape of x[index]."""
        _, v = as_tensors((self._x, values))
        if not np.can_cast(v.dtype, self._x.dtype, "same_kind"):
            raise TypeError(f"at[].{caller}: {v.dtype} values do not fit {self._x.dtype}")
        v = v if v.dtype == self._x.dtype else v.astype(self._x.dtype)
        shape = self._places.shape
        while v.ndim > len(shape) and v.shape[0] == 1:  # as NumPy's assignment allows
            v = v.reshape(v.shape[1:])
        try:
            return v if v.shape == shape else v.broadcast_to(shape)
        except ValueError:
            raise ValueError(
                f"at[].{caller}: values of shape {v.shape} do not broadcast to the shape {shape} "
                "of what the index names"
            ) from None


def _occurrences(places: Array) -> Array:
    """Return for each place how often it was named before."""
    order = places.argsort(kind="stable")
    named = places[order]
    count = np.empty_like(places)
    count[order] = np.arange(places.size) - np.searchsorted(named, named)
    return count


# -- what users call -----------------------------------------------------------------------------


def at(x: TensorLike) -> At:
    """Functional updates: ``x.at[index].set(v)``, ``.add(v)`` and ``.multiply(v)``, as JAX's.

    There are ``.max(v)`` and ``.min(v)``, too.  Each returns a new Tensor, through which gradients
    flow to ``x`` and to ``v``.
    """
    return At(as_tensor(x))


def setitem(x: Tensor, index: Any, value: Any) -> NoReturn:
    """Refuse to write into a Tensor that a recorded operation may need.

    Raises
    ------
    TypeError
        Always; it names the way that works.
    """
    raise TypeError(
        "a Tensor does not support item assignment, as recorded operations may need its values; "
        "x = x.at[index].set(value) gives a changed copy, through which gradients flow"
    )
