"""Selection along axes: elements named by index Tensors or masks, and in order of size."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .._function import Function, Value
from .._tensor import Array, Shape, Tensor, TensorLike, as_tensor, wrap
from ._arguments import positions, single_axis
from .elementwise import where


def _places(index: Array, axis: int) -> tuple[Array, ...]:
    """Return the index arrays of all axes: ``index`` along its axis, its own place elsewhere."""
    grid: list[Array] = list(np.ogrid[tuple(map(slice, index.shape))])
    grid[axis] = index
    return tuple(grid)


def _from_start(index: Array, length: int) -> Array:
    """Count from the start of an axis what may be counted from its end."""
    return index.astype(np.intp) % max(length, 1)


def _add_at(y: Array, places: Array, x: Array) -> None:
    """Add ``x`` to the contiguous ``y`` in the places in its memory; np.add.at is fast in 1-d."""
    np.add.at(y.reshape(-1), places.reshape(-1), x.reshape(-1))


class TakeAlongAxis(Function):
    """The elements of each line along an axis that the index names: gx = g, added to zeros there.

    Along the other axes the index may be shorter than x.
    """

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def forward(self, x: Array, index: Array) -> Array:
        return np.asarray(x[_places(index, self.axis)])

    def backward(self, g: Value, index: Value, x_spec: Any) -> Value:
        return PutAlongAxis(self.axis, x_spec.shape)(g, index), None


class PutAlongAxis(Function):
    """Adjoint of `TakeAlongAxis`: x added to zeros where the index says; gx = g in these places."""

    def __init__(self, axis: int, shape: Shape) -> None:
        self.axis, self.shape = axis, shape

    def forward(self, x: Array, index: Array) -> Array:
        y = np.zeros(self.shape, x.dtype)
        if index.shape[self.axis] == 1:  # nothing is named twice
            y[_places(index, self.axis)] = x
        else:
            places = _places(_from_start(index, self.shape[self.axis]), self.axis)
            steps = (math.prod(self.shape[i + 1 :]) for i in range(y.ndim))
            flat: Any = sum(p * step for p, step in zip(places, steps, strict=True))
            _add_at(y, flat, x)
        return y

    def backward(self, g: Value, index: Value) -> Value:
        return TakeAlongAxis(self.axis)(g, index), None


class Take(Function):
    """The slices of x along an axis that the index names: gx = g, added to zeros there.

    The axes of the index take the place of the axis.
    """

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def forward(self, x: Array, index: Array) -> Array:
        return np.asarray(np.take(x, index, self.axis))

    def backward(self, g: Value, index: Value, x_spec: Any) -> Value:
        return Put(self.axis, x_spec.shape[self.axis])(g, index), None


class Put(Function):
    """Adjoint of `Take`: the slices of x added to zeros at the index; gx = those of g there."""

    def __init__(self, axis: int, length: int) -> None:
        self.axis, self.length = axis, length

    def forward(self, x: Array, index: Array) -> Array:
        before, after = x.shape[: self.axis], x.shape[self.axis + index.ndim :]
        y = np.zeros((*before, self.length, *after), x.dtype)
        lead = np.arange(math.prod(before)).reshape(-1, 1, 1) * self.length
        slices = lead + _from_start(index, self.length).reshape(-1, 1)
        rest = math.prod(after)
        _add_at(y, slices * rest + np.arange(rest), x)
        return y

    def backward(self, g: Value, index: Value) -> Value:
        return Take(self.axis)(g, index), None


class Sort(Function):
    """The elements of each line along an axis in order, NaN last: gx = g, put back."""

    aux = ("order",)

    def __init__(self, axis: int, descending: bool = False) -> None:
        self.axis, self.descending = axis, descending

    def forward(self, x: Array) -> tuple[Array, Array]:
        order = _order(x, self.axis, self.descending)
        return np.take_along_axis(x, order, self.axis), order

    def backward(self, g: Value, order: Value, x_spec: Any) -> Value:
        return PutAlongAxis(self.axis, x_spec.shape)(g, order)


class Argsort(Function):
    """Where the elements of each line along an axis are, in the order of their size."""

    def __init__(self, axis: int, descending: bool = False) -> None:
        self.axis, self.descending = axis, descending

    def forward(self, x: Array) -> Array:
        return _order(x, self.axis, self.descending)


def _order(x: Array, axis: int, descending: bool) -> Array:
    """Return the stable order: of equal elements the first comes first, also if descending."""
    if not descending:
        return x.argsort(axis=axis, kind="stable")
    back = np.flip(np.flip(x, axis).argsort(axis=axis, kind="stable"), axis)
    return x.shape[axis] - 1 - back


# -- along an axis -------------------------------------------------------------------------------


def take(x: TensorLike, indices: TensorLike, axis: int | None = None) -> Tensor:
    """Return the slices of ``x`` along ``axis`` that ``indices`` names, or elements of flat ``x``.

    Parameters
    ----------
    x : Tensor
    indices : Tensor of integers, of any shape
        Negative ones count from the end.
    axis : int, optional
        Its place is taken by the axes of ``indices``.  None: index the flattened ``x``.

    Raises
    ------
    TypeError
        If ``indices`` holds no integers.
    IndexError
        If one of them is out of range.

    Examples
    --------
    >>> import tinygraph as tg
    >>> tg.take([[1, 2, 3], [4, 5, 6]], [2, 0], axis=1).tolist()
    [[3, 1], [6, 4]]
    """
    x = as_tensor(x)
    if axis is None:
        x, axis = x.reshape(x.size), 0
    axis = single_axis("take", axis, x.ndim)
    return Take(axis).apply(x, positions("take", "index", indices, x.shape[axis]))


def take_along_axis(x: TensorLike, indices: TensorLike, axis: int | None = -1) -> Tensor:
    """Return, for each line along ``axis``, the elements that the same line of ``indices`` names.

    Parameters
    ----------
    x : Tensor
    indices : Tensor of integers
        As many axes as ``x``, with which they broadcast, except along ``axis``.
    axis : int, optional
        None: index the flattened ``x``, with one axis of ``indices``.

    Raises
    ------
    TypeError, ValueError, IndexError
        If ``indices`` holds no integers, the shapes do not match, or an index is out of range.
    """
    x = as_tensor(x)
    if axis is None:
        x, axis = x.reshape(x.size), 0
    axis = single_axis("take_along_axis", axis, x.ndim)
    index = positions("take_along_axis", "index", indices, x.shape[axis])
    one = tuple(1 if i == axis else n for i, n in enumerate(x.shape))
    other = tuple(1 if i == axis else n for i, n in enumerate(index.shape))
    try:
        if index.ndim != x.ndim:
            raise ValueError
        shape = np.broadcast_shapes(one, other)
    except ValueError:
        raise ValueError(
            f"take_along_axis: indices of shape {index.shape} do not broadcast with x of shape "
            f"{x.shape} except along axis {axis}"
        ) from None
    full, along = (
        tuple(t.shape[axis] if i == axis else n for i, n in enumerate(shape)) for t in (x, index)
    )
    x = x if x.shape == full else x.broadcast_to(full)
    return TakeAlongAxis(axis).apply(x, index.broadcast_to(along))


def _lines(caller: str, x: Tensor, dim: int, index: TensorLike) -> tuple[int, Tensor, Tensor]:
    """Return ``dim``, ``x``, and an ``index`` that may be smaller; each with at least one axis."""
    x = x if x.ndim else x.reshape(1)
    dim = single_axis(caller, dim, x.ndim)
    places = positions(caller, "index", index, x.shape[dim], negative=False)
    places = places if places.ndim else places.reshape(1)
    fits = places.ndim == x.ndim and all(
        n <= m or i == dim for i, (n, m) in enumerate(zip(places.shape, x.shape, strict=True))
    )
    if not fits:
        raise ValueError(
            f"{caller}: index of shape {places.shape} does not fit x of shape {x.shape}; "
            f"it may be larger along dim {dim} only"
        )
    return dim, x, places


def gather(x: TensorLike, dim: int, index: TensorLike) -> Tensor:
    """Return ``y[i][j] = x[i][index[i][j]]`` for ``dim=1``, and likewise for other axes: PyTorch's.

    Parameters
    ----------
    x : Tensor
    dim : int
    index : Tensor of integers of at least 0
        As many axes as ``x``, none longer than those of ``x`` but ``dim``.

    Returns
    -------
    Tensor of the shape of ``index``

    Raises
    ------
    TypeError, ValueError, IndexError
        If ``index`` holds no integers, its shape does not fit, or one is out of range.
    """
    x, index = as_tensor(x), as_tensor(index)
    dim, full, places = _lines("gather", x, dim, index)
    y = TakeAlongAxis(dim).apply(full, places)
    return y if index.ndim else y.reshape(())


def scatter_add(x: TensorLike, dim: int, index: TensorLike, src: TensorLike) -> Tensor:
    """Return ``x`` with ``src`` added: ``y[i][index[i][j]] += src[i][j]`` for ``dim=1``.

    Parameters
    ----------
    x : Tensor
    dim : int
    index : Tensor of integers of at least 0
        As many axes as ``x``, none longer than those of ``x`` but ``dim``.
    src : Tensor
        As many axes, each at least as long as that of ``index``.

    Raises
    ------
    TypeError, ValueError, IndexError
        If ``index`` holds no integers, a shape or dtype does not fit, or one is out of range.
    """
    x, src = as_tensor(x), as_tensor(src)
    dim, full, places = _lines("scatter_add", x, dim, index)
    _same_dtype("scatter_add", "src", x, src)
    source = src if src.ndim else src.reshape(1)
    if source.ndim != full.ndim or any(
        n > m for n, m in zip(places.shape, source.shape, strict=True)
    ):
        raise ValueError(
            f"scatter_add: src of shape {src.shape} is smaller than index of shape {places.shape}"
        )
    if source.shape != places.shape:
        source = source[tuple(map(slice, places.shape))]
    added = PutAlongAxis(dim, full.shape).apply(source, places)
    return x + (added if x.ndim else added.reshape(()))


def _same_dtype(caller: str, name: str, x: Tensor, other: Tensor) -> None:
    if other.dtype != x.dtype:
        raise TypeError(f"{caller}: {name} has dtype {other.dtype} but x {x.dtype}")


def _row(caller: str, x: Tensor, dim: int, index: TensorLike) -> tuple[int, Tensor, Tensor]:
    """Return ``dim``, ``x`` with at least one axis, and an index of one axis, as PyTorch's."""
    x = x if x.ndim else x.reshape(1)
    dim = single_axis(caller, dim, x.ndim)
    places = positions(caller, "index", index, x.shape[dim], negative=False)
    if places.ndim > 1:
        raise ValueError(f"{caller}: index must have one axis, not shape {places.shape}")
    return dim, x, places.reshape(places.size)


def index_select(x: TensorLike, dim: int, index: TensorLike) -> Tensor:
    """Return the slices of ``x`` along ``dim`` that ``index``, of one axis, names: PyTorch's.

    Raises
    ------
    TypeError, ValueError, IndexError
        If ``index`` holds no integers, has several axes, or one is out of range.
    """
    x = as_tensor(x)
    dim, full, places = _row("index_select", x, dim, index)
    y = Take(dim).apply(full, places)
    return y if x.ndim else y.reshape(())


def index_add(
    x: TensorLike, dim: int, index: TensorLike, source: TensorLike, *, alpha: float = 1
) -> Tensor:
    """Return ``x`` with ``alpha`` times each slice of ``source`` added where ``index`` names.

    Parameters
    ----------
    x : Tensor
    dim : int
    index : Tensor of integers, shape (n,)
    source : Tensor
        The shape and dtype of ``x``, but of length n along ``dim``.
    alpha : number

    Raises
    ------
    TypeError, ValueError, IndexError
        If ``index`` holds no integers, a shape or dtype does not fit, or one is out of range.
    """
    x, source = as_tensor(x), as_tensor(source)
    source = source if source.ndim else source.reshape(1)
    dim, full, places = _row("index_add", x, dim, index)
    _same_dtype("index_add", "source", x, source)
    expected = tuple(places.size if i == dim else n for i, n in enumerate(full.shape))
    if source.shape != expected:
        raise ValueError(
            f"index_add: source must have shape {expected} (x has shape {x.shape}, index "
            f"{places.size} elements), not {source.shape}"
        )
    added = Put(dim, full.shape[dim]).apply(source, places).reshape(x.shape)
    return x + (added if alpha == 1 else added * alpha)


# -- masks ---------------------------------------------------------------------------------------


def _mask(caller: str, mask: TensorLike) -> Tensor:
    condition = as_tensor(mask)
    if condition.dtype.kind != "b":
        raise TypeError(f"{caller}: the mask must be boolean, not {condition.dtype}")
    return condition


def masked_fill(x: TensorLike, mask: TensorLike, value: TensorLike) -> Tensor:
    """Return ``x`` with a number in place of what is masked, broadcast; dtype as ``x``.

    Raises
    ------
    TypeError
        If the mask is not boolean, or ``value`` a float for a Tensor of integers.
    ValueError
        If ``value`` is not a single number, or the shapes do not broadcast.
    """
    x, condition = as_tensor(x), _mask("masked_fill", mask)
    number = value if isinstance(value, Tensor) else as_tensor(np.asarray(value))
    if number.ndim:
        raise ValueError(f"masked_fill: value must be a single number, not shape {number.shape}")
    if number.dtype.kind == "f" and x.dtype.kind != "f":
        raise TypeError(f"masked_fill: a float does not fit a Tensor of {x.dtype}")
    return where(condition, number if number.dtype == x.dtype else number.astype(x.dtype), x)


def masked_select(x: TensorLike, mask: TensorLike) -> Tensor:
    """Return the elements of ``x`` that are masked, as one axis; ``x`` and the mask broadcast.

    Raises
    ------
    TypeError
        If the mask is not boolean.
    ValueError
        If the shapes do not broadcast.
    """
    x, condition = as_tensor(x), _mask("masked_select", mask)
    try:
        shape = np.broadcast_shapes(x.shape, condition.shape)
    except ValueError:
        raise ValueError(
            f"masked_select: shapes {x.shape} and {condition.shape} do not broadcast"
        ) from None
    return x.broadcast_to(shape)[condition.broadcast_to(shape)]


def nonzero(x: TensorLike) -> tuple[Tensor, ...]:
    """Return where ``x`` is not 0: the indices along each axis, without a gradient.

    Raises
    ------
    ValueError
        If ``x`` is 0-d.
    """
    x = as_tensor(x)
    if not x.ndim:
        raise ValueError("nonzero: a 0-d Tensor has no axis to index")
    return tuple(wrap(index) for index in np.nonzero(x.data))


# -- order ---------------------------------------------------------------------------------------


def apply_along(
    caller: str,
    function: Callable[..., Function],
    x: TensorLike,
    axis: int | None,
    *attributes: Any,
) -> Tensor:
    """Apply a Function that works along an axis; None flattens, and a number is a line of one."""
    x = as_tensor(x)
    if axis is None:
        return function(0, *attributes).apply(x.reshape(x.size))
    full = x if x.ndim else x.reshape(1)
    y = function(single_axis(caller, axis, full.ndim), *attributes).apply(full)
    return y if x.ndim else y.reshape(())


def sort(x: TensorLike, axis: int | None = -1, *, descending: bool = False) -> Tensor:
    """Return a copy of ``x``, sorted along ``axis`` (None: flattened).

    The order is stable.  NaN counts as the largest, so it comes last, or first if ``descending``.
    The values alone, as NumPy's; PyTorch's pair also has what `argsort` gives.
    """
    return apply_along("sort", Sort, x, axis, bool(descending))


def argsort(x: TensorLike, axis: int | None = -1, *, descending: bool = False) -> Tensor:
    """Return the indices that sort ``x`` along ``axis``, in the order that `sort` has."""
    return apply_along("argsort", Argsort, x, axis, bool(descending))


def topk(
    x: TensorLike, k: int, dim: int = -1, largest: bool = True, sorted: bool = True
) -> tuple[Tensor, Tensor]:
    """Return the ``k`` largest elements along ``dim``, in order, and their indices.

    Parameters
    ----------
    x : Tensor
    k : int
    dim : int
    largest : bool
        False: the smallest ones.  NaN counts as the largest.
    sorted : bool
        As PyTorch has it; here they are sorted in any case.

    Returns
    -------
    values, indices : Tensor
        Sorted; of equal elements the first comes first.

    Raises
    ------
    ValueError
        If ``k`` is negative, or larger than the length of the axis.

    Examples
    --------
    >>> import tinygraph as tg
    >>> values, indices = tg.topk([1.0, 5.0, 3.0], 2)
    >>> values.tolist(), indices.tolist()
    ([5.0, 3.0], [1, 2])
    """
    x = as_tensor(x)
    if not isinstance(k, (int, np.integer)):
        raise TypeError(f"topk: k must be an integer, not {k!r}")
    full = x if x.ndim else x.reshape(1)
    axis = single_axis("topk", dim, full.ndim)
    if not 0 <= k <= full.shape[axis]:
        raise ValueError(f"topk: k={k} of the {full.shape[axis]} elements along dim {dim}")
    order = _order(full.data, axis, bool(largest))
    index = wrap(order[(slice(None),) * axis + (slice(k),)].copy())
    values = TakeAlongAxis(axis).apply(full, index)
    return (values, index) if x.ndim else (values.reshape(()), index.reshape(()))
