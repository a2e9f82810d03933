"""Reductions: sums, means, extremes and what is built from them."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from .. import kernels
from .._function import Function, Value
from .._tensor import Array, Shape, Tensor, TensorLike, as_tensor
from ._arguments import Axes, Axis, floating, normalize_axis, real, single_axis
from .elementwise import exp_, where_
from .selection import PutAlongAxis
from .shape import BroadcastTo


class Reduction(Function):
    """What all reductions share: the axes, and whether they stay with length 1."""

    def __init__(self, axis: Axes, keepdims: bool) -> None:
        self.axis, self.keepdims = axis, keepdims

    def restore(self, reduced: Value, shape: Shape) -> Value:
        """Give what was reduced from ``shape`` its axes back, with length 1."""
        if self.keepdims:
            return reduced
        return reduced.reshape(tuple(1 if i in self.axis else n for i, n in enumerate(shape)))

    def count(self, shape: Shape) -> int:
        """Return how many elements of ``shape`` go into one result."""
        return math.prod(shape[i] for i in self.axis)


class Sum(Reduction):
    """Sum over axes: gx = g, broadcast to the shape of x."""

    def forward(self, x: Array) -> Array:
        return x.sum(axis=self.axis, keepdims=self.keepdims)

    def backward(self, g: Value, x_spec: Any) -> Value:
        return BroadcastTo(x_spec.shape)(self.restore(g, x_spec.shape))


class Mean(Reduction):
    """Mean over axes (NaN of nothing): gx = g / n, broadcast to the shape of x."""

    def forward(self, x: Array) -> Array:
        wide = np.float32 if x.dtype == np.float16 else None
        total = x.sum(axis=self.axis, keepdims=self.keepdims, dtype=wide)
        with np.errstate(invalid="ignore"):  # 0 / 0
            y = np.true_divide(total, self.count(x.shape))
        return y.astype(x.dtype) if wide else y

    def backward(self, g: Value, x_spec: Any) -> Value:
        n = self.count(x_spec.shape) or 1
        share = g / n if n < 1 << 15 else g * (1 / n)  # 65520 and more are inf in float16
        return BroadcastTo(x_spec.shape)(self.restore(share, x_spec.shape))


class ChannelSum(Function):
    """Sum over all axes but channels, (N, C, d...) -> (1, C, 1...): gx = g, broadcast."""

    def forward(self, x: Array) -> Array:
        return kernels.channel_sum(x)

    def backward(self, g: Value, x_spec: Any) -> Value:
        return BroadcastTo(x_spec.shape)(g)


class Amax(Reduction):
    """Maximum over axes: gx = g / n where x = y, else 0, for n such elements."""

    def forward(self, x: Array) -> Array:
        return x.max(axis=self.axis, keepdims=self.keepdims)

    def backward(self, g: Value, x: Value, y: Value) -> Value:
        # NaN, which is unequal to itself, is the maximum wherever there is one
        attained = (x == self.restore(y, x.shape)) + (x != x)
        n = attained.astype(g.dtype).sum(axis=self.axis, keepdims=True)
        return where_(attained, self.restore(g, x.shape) / n, 0)

    def branch(self, x: Array) -> tuple[Array, ...]:
        return ((x == self.restore(self.forward(x), x.shape)) | (x != x),)


class Amin(Amax):
    """Minimum over axes: gx = g / n where x = y, else 0, for n such elements."""

    def forward(self, x: Array) -> Array:
        return x.min(axis=self.axis, keepdims=self.keepdims)


class Max(Reduction):
    """Maximum over one axis: gx = g put to the winners, the first elements that attain it."""

    aux = ("winners",)
    arg: ClassVar[Any] = staticmethod(np.argmax)

    def forward(self, x: Array) -> tuple[Array, Array]:
        (axis,) = self.axis
        winners = self.arg(x, axis=axis, keepdims=True)
        y = np.take_along_axis(x, winners, axis)
        return y if self.keepdims else y.squeeze(axis), winners

    def backward(self, g: Value, winners: Value, x_spec: Any) -> Value:
        (axis,) = self.axis
        return PutAlongAxis(axis, x_spec.shape)(self.restore(g, x_spec.shape), winners)


class Min(Max):
    """Minimum over one axis: gx = g put to the winners, the first elements that attain it."""

    arg = staticmethod(np.argmin)


class LogSumExp(Reduction):
    """log of the sum of exponentials over axes, shifted by the maximum: gx = g softmax(x)."""

    def forward(self, x: Array) -> Array:
        return kernels.logsumexp(x, self.axis, self.keepdims)

    def backward(self, g: Value, x: Value, y: Value) -> Value:
        y = self.restore(y, x.shape)
        shift = where_(y == -math.inf, 0, y)  # of nothing but -inf: exp(-inf) = 0, no gradient
        return self.restore(g, x.shape) * exp_(x - shift)


class Softmax(Function):
    """exp(x) / sum exp(x) along an axis: gx = y (g - sum g y)."""

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def forward(self, x: Array) -> Array:
        return kernels.softmax(x, self.axis)

    def backward(self, g: Value, y: Value) -> Value:
        return y * (g - (g * y).sum(axis=self.axis, keepdims=True))


class LogSoftmax(Function):
    """x - log sum exp(x) along an axis: gx = g - softmax(x) sum g."""

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def forward(self, x: Array) -> Array:
        return kernels.log_softmax(x, self.axis)

    def backward(self, g: Value, y: Value) -> Value:
        return g - exp_(y) * g.sum(axis=self.axis, keepdims=True)


# -- no gradient ---------------------------------------------------------------------------------


class Argmax(Reduction):
    """Position of the first maximum over one axis."""

    def forward(self, x: Array) -> Array:
        (axis,) = self.axis
        return x.argmax(axis=axis, keepdims=self.keepdims)


class Argmin(Reduction):
    """Position of the first minimum over one axis."""

    def forward(self, x: Array) -> Array:
        (axis,) = self.axis
        return x.argmin(axis=axis, keepdims=self.keepdims)


class AnyTrue(Reduction):
    """Whether any element over axes is true."""

    def forward(self, x: Array) -> Array:
        return np.any(x, axis=self.axis, keepdims=self.keepdims)


class AllTrue(Reduction):
    """Whether all elements over axes are true."""

    def forward(self, x: Array) -> Array:
        return np.all(x, axis=self.axis, keepdims=self.keepdims)


# -- what users call -----------------------------------------------------------------------------


def sum(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the sum over ``axis`` (an int, a tuple, or None for all)."""
    x = as_tensor(x)
    return Sum(normalize_axis("sum", axis, x.ndim), keepdims).apply(x)


def mean(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the mean over ``axis`` (an int, a tuple, or None for all); NaN of nothing.

    Integers give the default dtype (NumPy: float64).
    """
    x = real(x)
    return Mean(normalize_axis("mean", axis, x.ndim), keepdims).apply(x)


def _extreme(
    caller: str, one: type[Reduction], many: type[Reduction], x: TensorLike, axis: Axis, keep: bool
) -> Tensor:
    x = as_tensor(x)
    axes = normalize_axis(caller, axis, x.ndim)
    if math.prod(x.shape[i] for i in axes) == 0:
        raise ValueError(f"{caller}: no element to choose from, shape {x.shape} over axis {axis}")
    function = one if axes and isinstance(axis, (int, np.integer)) else many
    return function(axes, keep).apply(x)


def max(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the maximum over ``axis``.

    Over one axis, given as an int, the gradient goes to the first element that attains the
    maximum; over a tuple or all of them it is shared evenly, as by `amax`.

    Raises
    ------
    ValueError
        If there is no element to choose from.
    """
    return _extreme("max", Max, Amax, x, axis, keepdims)


def min(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the minimum over ``axis``; its gradient goes as that of `max`."""
    return _extreme("min", Min, Amin, x, axis, keepdims)


def amax(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the maximum over ``axis``; elements that attain it share the gradient evenly."""
    return _extreme("amax", Amax, Amax, x, axis, keepdims)


def amin(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the minimum over ``axis``; elements that attain it share the gradient evenly."""
    return _extreme("amin", Amin, Amin, x, axis, keepdims)


def _position(
    caller: str, function: type[Reduction], x: TensorLike, axis: int | None, keepdims: bool
) -> Tensor:
    x = as_tensor(x)
    if axis is None or (not x.ndim and axis in (0, -1)):
        flat = _position(caller, function, x.reshape(-1), 0, keepdims)
        return flat.reshape((1,) * x.ndim) if keepdims else flat
    axis = single_axis(caller, axis, x.ndim)
    if x.shape[axis] == 0:
        raise ValueError(f"{caller}: no element to choose from, shape {x.shape} over axis {axis}")
    return function((axis,), keepdims).apply(x)


def argmax(x: TensorLike, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Return the position of the first maximum along ``axis`` (None: in the flattened Tensor)."""
    return _position("argmax", Argmax, x, axis, keepdims)


def argmin(x: TensorLike, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Return the position of the first minimum along ``axis`` (None: in the flattened Tensor)."""
    return _position("argmin", Argmin, x, axis, keepdims)


def any(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return whether any element over ``axis`` is true."""
    x = as_tensor(x)
    return AnyTrue(normalize_axis("any", axis, x.ndim), keepdims).apply(x)


def all(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return whether all elements over ``axis`` are true."""
    x = as_tensor(x)
    return AllTrue(normalize_axis("all", axis, x.ndim), keepdims).apply(x)


def logsumexp(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return log(sum(exp(x))) over ``axis``; it overflows nowhere, and is -inf of nothing."""
    x = floating("logsumexp", x)
    return LogSumExp(normalize_axis("logsumexp", axis, x.ndim), keepdims).apply(x)


def _along(
    caller: str, function: type[Softmax] | type[LogSoftmax], x: TensorLike, axis: int
) -> Tensor:
    x = floating(caller, x)
    if not x.ndim and axis in (0, -1):  # a number is a list of one
        return function(0).apply(x.reshape(1)).reshape(())
    return function(single_axis(caller, axis, x.ndim)).apply(x)


def softmax(x: TensorLike, axis: int = -1) -> Tensor:
    """Return exp(x) / sum(exp(x)) along ``axis``."""
    return _along("softmax", Softmax, x, axis)


def log_softmax(x: TensorLike, axis: int = -1) -> Tensor:
    """Return the logarithm of the softmax along ``axis``, exact also where that is 0."""
    return _along("log_softmax", LogSoftmax, x, axis)
