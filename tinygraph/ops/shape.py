"""Shape operations.  Their results may share memory with their input, as NumPy's do."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._function import Function, Value
from .._tensor import Array, Shape, Tensor, TensorLike, as_tensor
from ._arguments import Axes, Axis, lengths, normalize_axis, single_axis
from .selection import Take


class Reshape(Function):
    """The same elements in another shape: gx = g in the shape of x."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape

    def forward(self, x: Array) -> Array:
        return x.reshape(self.shape)

    def backward(self, g: Value, x_spec: Any) -> Value:
        return g.reshape(x_spec.shape)


class Transpose(Function):
    """Axes in another order: gx = g with its axes put back."""

    def __init__(self, axes: Axes) -> None:
        self.axes = axes

    def forward(self, x: Array) -> Array:
        return x.transpose(self.axes)

    def backward(self, g: Value) -> Value:
        return g.transpose(tuple(self.axes.index(i) for i in range(len(self.axes))))


class BroadcastTo(Function):
    """x repeated to a larger shape: gx = g, which the engine sums to the shape of x."""

    broadcasts = True

    def __init__(self, shape: Shape) -> None:
        self.shape = shape

    def forward(self, x: Array) -> Array:
        return _repeated(x, self.shape)

    def backward(self, g: Value) -> Value:
        return g


def _repeated(x: Array, shape: Shape) -> Array:
    """Return `numpy.broadcast_to`, which asks Python for so much that it takes twice as long."""
    views = np.nditer(
        x, ["multi_index", "zerosize_ok"], ["readonly"], itershape=shape, order="C"
    ).itviews
    return views[0]


def slab(axis: int, part: slice | int) -> tuple[slice | int, ...]:
    """Return the index of a part of an axis and all of those before it."""
    return (*(slice(None),) * axis, part)


class Concatenate(Function):
    """Tensors one after another along an axis: gxs = split(g), where they meet."""

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def forward(self, *xs: Array) -> Array:
        return np.concatenate(xs, self.axis)

    def backward(self, g: Value, xs_spec: Any) -> Value:
        parts, start = [], 0
        for spec in xs_spec:
            stop = start + spec.shape[self.axis]
            parts.append(g[slab(self.axis, slice(start, stop))])
            start = stop
        return tuple(parts)


class Stack(Function):
    """Tensors side by side along a new axis: gxs = unbind(g)."""

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def forward(self, *xs: Array) -> Array:
        return np.stack(xs, self.axis)

    def backward(self, g: Value) -> Value:
        return tuple(g[slab(self.axis, i)] for i in range(g.shape[self.axis]))


class Pad(Function):
    """A constant border around x: gx = g without the border."""

    def __init__(self, width: tuple[tuple[int, int], ...], value: float) -> None:
        self.width, self.value = width, value

    def forward(self, x: Array) -> Array:
        shape = tuple(n + sum(width) for n, width in zip(x.shape, self.width, strict=True))
        y = np.full(shape, self.value, x.dtype)
        y[self._inside(x.shape)] = x
        return y

    def backward(self, g: Value, x_spec: Any) -> Value:
        return g[self._inside(x_spec.shape)]

    def _inside(self, shape: Shape) -> tuple[slice, ...]:
        return tuple(
            slice(before, before + n) for n, (before, _) in zip(shape, self.width, strict=True)
        )


# -- what users call -----------------------------------------------------------------------------


def _sequence(values: tuple[Any, ...]) -> Any:
    """Accept ``f(x, 2, 3)`` as well as ``f(x, (2, 3))``."""
    return values[0] if len(values) == 1 and isinstance(values[0], Sequence) else values


def reshape(x: TensorLike, *shape: int | Sequence[int]) -> Tensor:
    """Return the same elements, in the same order, in another shape; one length may be -1.

    Raises
    ------
    ValueError
        If the number of elements differs.
    """
    x, asked = as_tensor(x), lengths("reshape", "the shape", _sequence(shape))
    new = asked
    known = math.prod(n for n in new if n != -1)
    if asked.count(-1) == 1 and known:
        new = tuple(x.size // known if n == -1 else n for n in asked)
    if min(new, default=0) < 0 or math.prod(new) != x.size:
        raise ValueError(f"reshape: {x.size} elements of shape {x.shape} do not fit {asked}")
    return Reshape(new).apply(x)


def transpose(x: TensorLike, *axes: int | Sequence[int] | None) -> Tensor:
    """Return ``x`` with its axes in the order ``axes``, or reversed where none are given.

    Raises
    ------
    ValueError
        If ``axes`` does not name every axis once.
    """
    x = as_tensor(x)
    if axes in ((), (None,)):
        return Transpose(tuple(reversed(range(x.ndim)))).apply(x)
    order = normalize_axis("transpose", _sequence(axes), x.ndim)
    if len(order) != x.ndim:
        hint = f"; swapaxes{order} swaps two" if len(order) == 2 else ""
        raise ValueError(f"transpose: {len(order)} axes given for shape {x.shape}{hint}")
    return Transpose(order).apply(x)


def permute(x: TensorLike, *dims: int | Sequence[int]) -> Tensor:
    """Return ``x`` with its axes in the order ``dims``: `transpose` by PyTorch's name."""
    return transpose(x, *dims)


def moveaxis(
    x: TensorLike, source: int | Sequence[int], destination: int | Sequence[int]
) -> Tensor:
    """Return ``x`` with the axes ``source`` at ``destination``, the others in their order.

    Raises
    ------
    ValueError
        If there are not as many of both, or an axis is named twice.
    """
    x = as_tensor(x)
    sources = normalize_axis("moveaxis", () if source is None else source, x.ndim)
    goals = normalize_axis("moveaxis", () if destination is None else destination, x.ndim)
    if len(sources) != len(goals):
        raise ValueError(f"moveaxis: {len(sources)} axes cannot go to {len(goals)} places")
    rest = (i for i in range(x.ndim) if i not in sources)
    placed = dict(zip(goals, sources, strict=True))
    order = tuple(placed[i] if i in placed else next(rest) for i in range(x.ndim))
    return Transpose(order).apply(x)


def swapaxes(x: TensorLike, axis1: int, axis2: int) -> Tensor:
    """Return ``x`` with two axes swapped."""
    x = as_tensor(x)
    first = single_axis("swapaxes", axis1, x.ndim)
    second = single_axis("swapaxes", axis2, x.ndim)
    axes = list(range(x.ndim))
    axes[first], axes[second] = second, first
    return Transpose(tuple(axes)).apply(x)


def swap_last(x: TensorLike) -> Tensor:
    """Return ``x`` with its last two axes swapped: ``x.mT``.

    Raises
    ------
    ValueError
        If there are fewer than two axes.
    """
    x = as_tensor(x)
    if x.ndim < 2:
        raise ValueError(f"mT: a matrix has two axes or more, not shape {x.shape}")
    return Transpose((*range(x.ndim - 2), x.ndim - 1, x.ndim - 2)).apply(x)


def flatten(x: TensorLike, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Return ``x`` with the axes from ``start_dim`` to ``end_dim`` joined into one."""
    x = as_tensor(x)
    shape = x.shape
    if not shape:
        return reshape(x, 1)
    start = single_axis("flatten", start_dim, len(shape))
    end = single_axis("flatten", end_dim, len(shape))
    if start > end:
        raise ValueError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim}")
    joined = math.prod(shape[start : end + 1])
    return Reshape((*shape[:start], joined, *shape[end + 1 :])).apply(x)


def ravel(x: TensorLike) -> Tensor:
    """Return ``x`` with its axes joined into one."""
    x = as_tensor(x)
    return Reshape((x.size,)).apply(x)


def squeeze(x: TensorLike, axis: Axis = None) -> Tensor:
    """Return ``x`` without its axes of length 1, or without those named.

    Raises
    ------
    ValueError
        If a named axis has another length.
    """
    x = as_tensor(x)
    if axis is None:
        return Reshape(tuple(n for n in x.shape if n != 1)).apply(x)
    axes = normalize_axis("squeeze", axis, x.ndim)
    for i in axes:
        if x.shape[i] != 1:
            raise ValueError(f"squeeze: axis {i} of shape {x.shape} has not length 1")
    return Reshape(tuple(n for i, n in enumerate(x.shape) if i not in axes)).apply(x)


def expand_dims(x: TensorLike, axis: int | Sequence[int]) -> Tensor:
    """Return ``x`` with new axes of length 1, which are at ``axis`` in the result."""
    x = as_tensor(x)
    new = tuple(axis) if isinstance(axis, Sequence) else (axis,)
    axes = normalize_axis("expand_dims", new, x.ndim + len(new))
    rest = iter(x.shape)
    shape = tuple(1 if i in axes else next(rest) for i in range(x.ndim + len(new)))
    return Reshape(shape).apply(x)


def unsqueeze(x: TensorLike, dim: int) -> Tensor:
    """Return ``x`` with a new axis of length 1 at ``dim``: `expand_dims` by PyTorch's name."""
    return expand_dims(x, dim)


def broadcast_to(x: TensorLike, shape: Sequence[int]) -> Tensor:
    """Return ``x`` repeated along new axes and those of length 1, as a read-only view.

    Raises
    ------
    ValueError
        If ``x`` does not broadcast to ``shape``.
    """
    x, shape = as_tensor(x), lengths("broadcast_to", "shape", shape)
    lead = len(shape) - x.ndim
    fits = lead >= 0 and all(n in (1, m) for n, m in zip(x.shape, shape[lead:], strict=True))
    if not fits or min(shape, default=0) < 0:
        raise ValueError(f"broadcast_to: shape {x.shape} does not broadcast to {shape}")
    return BroadcastTo(shape).apply(x)


def expand(x: TensorLike, *sizes: int | Sequence[int]) -> Tensor:
    """Return ``x`` repeated to ``sizes``, of which -1 keeps a length: PyTorch's `broadcast_to`.

    Raises
    ------
    ValueError
        If ``x`` does not broadcast to that, or a new axis has length -1.
    """
    x, asked = as_tensor(x), lengths("expand", "the sizes", _sequence(sizes))
    lead = len(asked) - x.ndim
    if lead < 0 or -1 in asked[:lead] or min(asked, default=0) < -1:
        raise ValueError(f"expand: shape {x.shape} does not expand to {asked}")
    return broadcast_to(x, tuple(x.shape[i - lead] if n == -1 else n for i, n in enumerate(asked)))


def _tensors(caller: str, tensors: Any) -> list[Tensor]:
    if not isinstance(tensors, (Sequence, np.ndarray, Tensor)) or isinstance(tensors, str):
        raise TypeError(f"{caller}: expected a sequence of Tensors, not {type(tensors).__name__}")
    return [as_tensor(x) for x in tensors]


def concatenate(tensors: Sequence[TensorLike], axis: int | None = 0) -> Tensor:
    """Return the Tensors one after another along an existing ``axis`` (None: flattened).

    Raises
    ------
    ValueError
        If there is none, one is 0-d, or the shapes differ elsewhere than along ``axis``.
    """
    xs = _tensors("concatenate", tensors)
    if not xs:
        raise ValueError("concatenate: expected at least one Tensor")
    if axis is None:
        return Concatenate(0).apply(*map(ravel, xs))
    if xs[0].ndim == 0:
        raise ValueError("concatenate: 0-d Tensors have no axis to join along; use stack")
    axis = single_axis("concatenate", axis, xs[0].ndim)
    shapes = [(*x.shape[:axis], *x.shape[axis + 1 :]) for x in xs]
    if any(x.ndim != xs[0].ndim for x in xs) or any(shape != shapes[0] for shape in shapes):
        raise ValueError(
            "concatenate: shapes must agree except along axis "
            f"{axis}, not {', '.join(str(x.shape) for x in xs)}"
        )
    return Concatenate(axis).apply(*xs)


def cat(tensors: Sequence[TensorLike], dim: int = 0) -> Tensor:
    """Return the Tensors one after another along ``dim``: `concatenate` by PyTorch's name."""
    return concatenate(tensors, dim)


def stack(tensors: Sequence[TensorLike], axis: int = 0) -> Tensor:
    """Return the Tensors, all of one shape, side by side along a new ``axis``.

    Raises
    ------
    ValueError
        If there is none, or the shapes differ.
    """
    xs = _tensors("stack", tensors)
    if not xs:
        raise ValueError("stack: expected at least one Tensor")
    if any(x.shape != xs[0].shape for x in xs):
        raise ValueError(f"stack: shapes must agree, not {', '.join(str(x.shape) for x in xs)}")
    return Stack(single_axis("stack", axis, xs[0].ndim + 1)).apply(*xs)


PAD_MODES = ("constant", "edge", "reflect", "symmetric", "wrap")


def pad(
    x: TensorLike, pad_width: Any, mode: str = "constant", constant_values: float = 0
) -> Tensor:
    """Return ``x`` with a border.

    Parameters
    ----------
    x : Tensor
    pad_width : int, pair, or pair for each axis
        How many elements to put before and after; NumPy's forms.
    mode : {"constant", "edge", "reflect", "symmetric", "wrap"}
        What the border holds: a number, the element at the edge, the elements inside in reverse
        (without and with the one at the edge), or those of the other side.
    constant_values : number
        What a constant border holds.

    Raises
    ------
    ValueError
        If a width is negative, there is not one for each axis, the mode is another, or there is
        nothing to fill the border with.
    """
    x = as_tensor(x)
    if mode not in PAD_MODES:
        raise ValueError(f"pad: mode must be one of {', '.join(PAD_MODES)}, not {mode!r}")
    if not isinstance(constant_values, (int, float, np.number)):
        raise TypeError(f"pad: constant_values must be a number, not {constant_values!r}")
    try:
        width = np.broadcast_to(np.asarray(pad_width), (x.ndim, 2))
    except ValueError:
        raise ValueError(
            f"pad: pad_width {pad_width} gives no pair for each axis of shape {x.shape}"
        ) from None
    if width.dtype.kind not in "iu" or (width < 0).any():
        raise ValueError(f"pad: pad_width must be integers of at least 0, not {pad_width}")
    widths = tuple((int(a), int(b)) for a, b in width)
    if mode == "constant":
        return Pad(widths, constant_values).apply(x)
    return _pad_from_inside(x, widths, mode)


def _pad_from_inside(x: Tensor, widths: tuple[tuple[int, int], ...], mode: str) -> Tensor:
    wider = [axis for axis, around in enumerate(widths) if any(around)]
    for axis in wider:
        if not x.shape[axis]:
            raise ValueError(f"pad: mode {mode!r} finds nothing along axis {axis} of {x.shape}")
    y = x
    for axis in wider:
        # mypy wants the mode written out
        inside = np.pad(np.arange(x.shape[axis]), widths[axis], mode)  # type: ignore[call-overload]
        y = Take(axis).apply(y, inside)
    return y if wider else x.clone()
