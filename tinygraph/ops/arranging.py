"""What moves, repeats or cuts out elements: flip, roll, tile, triangles, diagonals, parts."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._function import Function, Value
from .._tensor import Array, Shape, Tensor, TensorLike, as_tensor
from ._arguments import Axes, Axis, lengths, normalize_axis, positions, single_axis
from .selection import Take
from .shape import concatenate, slab


class Roll(Function):
    """Elements moved along axes, from the end back to the start: gx = g rolled back."""

    def __init__(self, shifts: Shape, axes: Axes) -> None:
        self.shifts, self.axes = shifts, axes

    def forward(self, x: Array) -> Array:
        return np.roll(x, self.shifts, self.axes)

    def backward(self, g: Value) -> Value:
        return Roll(tuple(-n for n in self.shifts), self.axes)(g)


class Tril(Function):
    """The lower triangle of matrices, up to diagonal k, 0 elsewhere: gx = that of g."""

    def __init__(self, k: int) -> None:
        self.k = k

    def forward(self, x: Array) -> Array:
        return np.tril(x, self.k)

    def backward(self, g: Value) -> Value:
        return Tril(self.k)(g)


class Triu(Function):
    """The upper triangle of matrices, from diagonal k on, 0 elsewhere: gx = that of g."""

    def __init__(self, k: int) -> None:
        self.k = k

    def forward(self, x: Array) -> Array:
        return np.triu(x, self.k)

    def backward(self, g: Value) -> Value:
        return Triu(self.k)(g)


class Diagonal(Function):
    """The diagonals over two axes, as the last axis: gx = g on those of zeros."""

    def __init__(self, offset: int, axis1: int, axis2: int) -> None:
        self.offset, self.axis1, self.axis2 = offset, axis1, axis2

    def forward(self, x: Array) -> Array:
        return x.diagonal(self.offset, self.axis1, self.axis2)

    def backward(self, g: Value, x_spec: Any) -> Value:
        return PutDiagonal(x_spec.shape, self.offset, self.axis1, self.axis2)(g)


class PutDiagonal(Function):
    """Adjoint of `Diagonal`: x on the diagonals of zeros: gx = the diagonals of g."""

    def __init__(self, shape: Shape, offset: int, axis1: int, axis2: int) -> None:
        self.shape = shape
        self.offset, self.axis1, self.axis2 = offset, axis1, axis2

    def forward(self, x: Array) -> Array:
        y = np.zeros(self.shape, x.dtype)
        along = np.arange(x.shape[-1])
        rows, columns = along + max(-self.offset, 0), along + max(self.offset, 0)
        np.moveaxis(y, (self.axis1, self.axis2), (-2, -1))[..., rows, columns] = x
        return y

    def backward(self, g: Value) -> Value:
        return Diagonal(self.offset, self.axis1, self.axis2)(g)


# -- moved ---------------------------------------------------------------------------------------


def flip(x: TensorLike, axis: Axis = None) -> Tensor:
    """Return ``x`` with the order of elements reversed along ``axis`` (None: every one), a view."""
    x = as_tensor(x)
    axes = normalize_axis("flip", axis, x.ndim)
    return x[tuple(slice(None, None, -1 if i in axes else 1) for i in range(x.ndim))]


def roll(x: TensorLike, shift: int | Sequence[int], axis: Axis = None) -> Tensor:
    """Return ``x`` with its elements moved by ``shift``; those that leave come in again.

    Parameters
    ----------
    x : Tensor
    shift : int or tuple of ints
    axis : int, tuple of ints, or None
        A tuple of shifts needs as many axes; an int is used for all of them.  None: roll the
        flattened ``x``, and give it its shape back.

    Raises
    ------
    ValueError
        If there are not as many axes as shifts.
    """
    x = as_tensor(x)
    shifts = lengths("roll", "shift", shift if isinstance(shift, Sequence) else (shift,))
    if axis is None:
        if len(shifts) != 1:
            raise ValueError(f"roll: {len(shifts)} shifts need as many axes, but axis is None")
        return Roll(shifts, (0,)).apply(x.reshape(x.size)).reshape(x.shape)
    given = axis if isinstance(axis, Sequence) else (axis,)
    axes = tuple(single_axis("roll", i, x.ndim) for i in given)  # one may be named twice
    if not isinstance(shift, Sequence):
        shifts *= len(axes)
    if len(shifts) != len(axes):
        raise ValueError(f"roll: {len(shifts)} shifts but {len(axes)} axes")
    return Roll(shifts, axes).apply(x) if axes else x.clone()


# -- repeated ------------------------------------------------------------------------------------


def tile(x: TensorLike, reps: int | Sequence[int]) -> Tensor:
    """Return ``x`` repeated as a whole, ``reps`` times along each axis, the last ones first.

    Raises
    ------
    ValueError
        If a number of repetitions is negative.
    """
    x = as_tensor(x)
    counts = lengths("tile", "reps", reps if isinstance(reps, Sequence) else (reps,))
    if min(counts, default=0) < 0:
        raise ValueError(f"tile: reps must be at least 0, not {reps}")
    ndim = max(x.ndim, len(counts))
    counts = (1,) * (ndim - len(counts)) + counts
    shape = (1,) * (ndim - x.ndim) + x.shape
    pairs = list(zip(counts, shape, strict=True))
    blocks = x.reshape([m for _, n in pairs for m in (1, n)])
    full = blocks.broadcast_to(tuple(m for pair in pairs for m in pair))
    return full.reshape([count * n for count, n in pairs])


def repeat(x: TensorLike, repeats: TensorLike, axis: int | None = None) -> Tensor:
    """Return ``x`` with every element along ``axis`` (None: of flat ``x``) repeated.

    NumPy's, where PyTorch's method ``repeat`` is `tile`.

    Parameters
    ----------
    x : Tensor
    repeats : int, or integers
        How often; one for all, or one for each element along the axis.
    axis : int, optional

    Raises
    ------
    TypeError, ValueError
        If ``repeats`` are no integers, negative, or not as many as there are elements.

    Examples
    --------
    >>> import tinygraph as tg
    >>> tg.repeat([1, 2], [2, 3]).tolist()
    [1, 1, 2, 2, 2]
    """
    return _repeat("repeat", x, repeats, axis)


def repeat_interleave(x: TensorLike, repeats: TensorLike, dim: int | None = None) -> Tensor:
    """Return ``x`` with every element along ``dim`` repeated: `repeat` by PyTorch's name."""
    return _repeat("repeat_interleave", x, repeats, dim)


def _repeat(caller: str, x: TensorLike, repeats: TensorLike, axis: int | None) -> Tensor:
    x = as_tensor(x)
    if axis is None:
        x, axis = x.reshape(x.size), 0
    axis = single_axis(caller, axis, x.ndim)
    n = x.shape[axis]
    counts = positions(caller, "repeats", repeats).data
    if counts.ndim > 1 or counts.size not in (1, n):
        raise ValueError(f"{caller}: repeats must be one number or {n}, not shape {counts.shape}")
    if counts.size and counts.min() < 0:
        raise ValueError(f"{caller}: repeats must be at least 0, not {counts.min()}")
    return Take(axis).apply(x, np.repeat(np.arange(n), counts))


# -- matrices ------------------------------------------------------------------------------------


def _matrices(caller: str, x: TensorLike) -> Tensor:
    x = as_tensor(x)
    if x.ndim < 2:
        raise ValueError(f"{caller}: a matrix has two axes or more, not shape {x.shape}")
    return x


def _integer(caller: str, name: str, value: Any) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{caller}: {name} must be an integer, not {value!r}") from None


def tril(x: TensorLike, k: int = 0) -> Tensor:
    """Return the matrices ``x`` with 0 above diagonal ``k``.

    Raises
    ------
    ValueError
        If there are fewer than two axes.
    """
    return Tril(_integer("tril", "k", k)).apply(_matrices("tril", x))


def triu(x: TensorLike, k: int = 0) -> Tensor:
    """Return the matrices ``x`` with 0 below diagonal ``k``.

    Raises
    ------
    ValueError
        If there are fewer than two axes.
    """
    return Triu(_integer("triu", "k", k)).apply(_matrices("triu", x))


def diagonal(x: TensorLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """Return the diagonals of ``x`` over two axes, as the last axis of the result; a view.

    Raises
    ------
    ValueError
        If there are fewer than two axes, or one is named twice.
    """
    x = _matrices("diagonal", x)
    first, second = normalize_axis("diagonal", (axis1, axis2), x.ndim)
    return Diagonal(_integer("diagonal", "offset", offset), first, second).apply(x)


def diag(x: TensorLike, k: int = 0) -> Tensor:
    """Return the diagonal ``k`` of a matrix, or the matrix with the vector ``x`` on diagonal ``k``.

    Raises
    ------
    ValueError
        If ``x`` is neither.
    """
    x, k = as_tensor(x), _integer("diag", "k", k)
    if x.ndim == 2:
        return Diagonal(k, 0, 1).apply(x)
    if x.ndim != 1:
        raise ValueError(f"diag: expected a vector or a matrix, not shape {x.shape}")
    n = x.size + abs(k)
    return PutDiagonal((n, n), k, 0, 1).apply(x)


def trace(x: TensorLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """Return the sum of the diagonal over two axes of ``x``; errors as those of `diagonal`."""
    return diagonal(_matrices("trace", x), offset, axis1, axis2).sum(-1)


# -- parts ---------------------------------------------------------------------------------------


def narrow(x: TensorLike, dim: int, start: int, length: int) -> Tensor:
    """Return ``length`` elements of ``x`` along ``dim``, from ``start`` on; a view.

    Raises
    ------
    ValueError
        If there are not as many.
    """
    x = as_tensor(x)
    axis = single_axis("narrow", dim, x.ndim)
    n, count = x.shape[axis], _integer("narrow", "length", length)
    first = _integer("narrow", "start", start)
    if not (-n <= first <= n and 0 <= count <= n - first % (n + (first >= 0))):
        raise ValueError(f"narrow: {count} elements from {first} on do not fit a length of {n}")
    first += n if first < 0 else 0
    return x[slab(axis, slice(first, first + count))]


def _parts(x: Tensor, axis: int, stops: Sequence[int]) -> tuple[Tensor, ...]:
    starts = (0, *stops)
    return tuple(x[slab(axis, slice(a, b))] for a, b in zip(starts, (*stops, None), strict=True))


def split(
    x: TensorLike, indices_or_sections: int | Sequence[int], axis: int = 0
) -> tuple[Tensor, ...]:
    """Return ``x`` in parts along ``axis``, as views.

    NumPy's, where PyTorch's ``split`` takes the lengths of the parts.

    Parameters
    ----------
    x : Tensor
    indices_or_sections : int or sequence of ints
        The number of equal parts, or where each part after the first begins.
    axis : int

    Raises
    ------
    ValueError
        If the parts would not be equal.

    Examples
    --------
    >>> import tinygraph as tg
    >>> [part.tolist() for part in tg.split(tg.arange(5), [2, 3])]
    [[0, 1], [2], [3, 4]]
    """
    x = as_tensor(x)
    if isinstance(indices_or_sections, (int, np.integer)) and indices_or_sections > 0:
        n = x.shape[single_axis("split", axis, x.ndim)]
        if n % indices_or_sections:
            raise ValueError(f"split: {n} elements make no {indices_or_sections} equal parts")
    return _split("split", x, indices_or_sections, axis)


def array_split(
    x: TensorLike, indices_or_sections: int | Sequence[int], axis: int = 0
) -> tuple[Tensor, ...]:
    """Return ``x`` in parts along ``axis``, as `split`; the first ones may be longer by one."""
    return _split("array_split", as_tensor(x), indices_or_sections, axis)


def _split(caller: str, x: Tensor, where: int | Sequence[int], axis: int) -> tuple[Tensor, ...]:
    axis = single_axis(caller, axis, x.ndim)
    if not isinstance(where, (int, np.integer)):
        return _parts(x, axis, lengths(caller, "indices_or_sections", where))
    if where < 1:
        raise ValueError(f"{caller}: the number of parts must be at least 1, not {where}")
    length, longer = divmod(x.shape[axis], int(where))
    return _parts(x, axis, [i * length + min(i, longer) for i in range(1, int(where))])


def chunk(x: TensorLike, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Return ``x`` in at most ``chunks`` parts along ``dim``, as views: PyTorch's.

    All are of one length, rounded up, but the last, which may be shorter.

    Raises
    ------
    ValueError
        If ``chunks`` is below 1.
    """
    x = as_tensor(x)
    axis = single_axis("chunk", dim, x.ndim)
    if _integer("chunk", "chunks", chunks) < 1:
        raise ValueError(f"chunk: chunks must be at least 1, not {chunks}")
    n = x.shape[axis]
    if n == 0:
        return _split("chunk", x, chunks, axis)
    length = -(-n // chunks)
    return _parts(x, axis, range(length, n, length))


def unbind(x: TensorLike, dim: int = 0) -> tuple[Tensor, ...]:
    """Return the slices of ``x`` along ``dim``, without that axis, as views."""
    x = as_tensor(x)
    axis = single_axis("unbind", dim, x.ndim)
    return tuple(x[slab(axis, i)] for i in range(x.shape[axis]))


# -- joined --------------------------------------------------------------------------------------


def atleast_1d(x: TensorLike) -> Tensor:
    """Return ``x`` with at least one axis."""
    x = as_tensor(x)
    return x if x.ndim else x.reshape(1)


def atleast_2d(x: TensorLike) -> Tensor:
    """Return ``x`` with at least two axes; a vector is a row."""
    x = as_tensor(x)
    return x if x.ndim > 1 else x.reshape(1, x.size)


def _several(caller: str, tensors: Any) -> Sequence[Any]:
    if not isinstance(tensors, (Sequence, np.ndarray, Tensor)) or isinstance(tensors, str):
        raise TypeError(f"{caller}: expected a sequence of Tensors, not {type(tensors).__name__}")
    if len(tensors) == 0:
        raise ValueError(f"{caller}: expected at least one Tensor")
    return tensors  # type: ignore[return-value]


def hstack(tensors: Sequence[TensorLike]) -> Tensor:
    """Return the Tensors side by side: vectors end to end, others along the second axis."""
    xs = [atleast_1d(x) for x in _several("hstack", tensors)]
    return concatenate(xs, 0 if xs[0].ndim == 1 else 1)


def vstack(tensors: Sequence[TensorLike]) -> Tensor:
    """Return the Tensors below one another: vectors as rows, others along the first axis."""
    return concatenate([atleast_2d(x) for x in _several("vstack", tensors)], 0)


def column_stack(tensors: Sequence[TensorLike]) -> Tensor:
    """Return the Tensors side by side: vectors as columns, others along the second axis."""
    xs = [as_tensor(x) for x in _several("column_stack", tensors)]
    return concatenate([x if x.ndim > 1 else x.reshape(x.size, 1) for x in xs], 1)
