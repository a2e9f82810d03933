"""Two-dimensional pooling."""

from __future__ import annotations

from typing import Any

from .. import kernels
from .._function import Function, Value
from .._tensor import Array, Tensor, TensorLike
from ._arguments import IntOrPair, Pair, floating, pair
from .conv import as_batch, window_count


class MaxPool2d(Function):
    """Maximum of each window: (N, C, H, W) -> (N, C, H', W').  gx = g scattered to the winners.

    The first maximum of a window wins; padding counts as minus infinity.
    """

    aux = ("winners",)

    def __init__(
        self, kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool
    ) -> None:
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        self.dilation, self.ceil_mode = dilation, ceil_mode

    def forward(self, x: Array) -> tuple[Array, Array]:
        return kernels.max_pool2d(
            x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode
        )

    def backward(self, g: Value, winners: Value, x_spec: Any) -> Value:
        windows = self.kernel_size, self.stride, self.padding, self.dilation
        return MaxUnpool2d(x_spec.shape[2:], *windows)(g, winners)


class MaxUnpool2d(Function):
    """Each value added to the winner of its window: (N, C, H', W') -> (N, C, H, W).

    The adjoint of `TakeWinners`: gx = the winners of g.
    """

    def __init__(
        self, size: Pair, kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair
    ) -> None:
        self.size = size
        self.kernel_size, self.stride = kernel_size, stride
        self.padding, self.dilation = padding, dilation

    def forward(self, x: Array, winners: Array) -> Array:
        windows = self.kernel_size, self.stride, self.padding, self.dilation
        return kernels.max_unpool2d(x, winners, self.size, *windows)

    def backward(self, g: Value, winners: Value) -> Value:
        windows = self.kernel_size, self.stride, self.padding, self.dilation
        return TakeWinners(*windows)(g, winners), None


class TakeWinners(Function):
    """The winner of each window: (N, C, H, W) -> (N, C, H', W').  gx = g scattered to them."""

    def __init__(self, kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair) -> None:
        self.kernel_size, self.stride = kernel_size, stride
        self.padding, self.dilation = padding, dilation

    def forward(self, x: Array, winners: Array) -> Array:
        windows = self.kernel_size, self.stride, self.padding, self.dilation
        return kernels.take_winners(x, winners, *windows)

    def backward(self, g: Value, winners: Value, x_spec: Any) -> Value:
        windows = self.kernel_size, self.stride, self.padding, self.dilation
        return MaxUnpool2d(x_spec.shape[2:], *windows)(g, winners), None


class AvgPool2d(Function):
    """Mean of each window: (N, C, H, W) -> (N, C, H', W').  gx = g / n, spread over the window."""

    def __init__(
        self,
        kernel_size: Pair,
        stride: Pair,
        padding: Pair,
        ceil_mode: bool,
        count_include_pad: bool,
    ) -> None:
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad

    def forward(self, x: Array) -> Array:
        return kernels.avg_pool2d(
            x, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad
        )

    def backward(self, g: Value, x_spec: Any) -> Value:
        return AvgUnpool2d(
            x_spec.shape[2:],
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
        )(g)


class AvgUnpool2d(Function):
    """Adjoint of `AvgPool2d`: each value spread over its window, (N, C, H', W') -> (N, C, H, W)."""

    def __init__(
        self,
        size: Pair,
        kernel_size: Pair,
        stride: Pair,
        padding: Pair,
        ceil_mode: bool,
        count_include_pad: bool,
    ) -> None:
        self.size = size
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad

    def forward(self, x: Array) -> Array:
        return kernels.avg_unpool2d(
            x, self.size, self.kernel_size, self.stride, self.padding, self.count_include_pad
        )

    def backward(self, g: Value) -> Value:
        return AvgPool2d(
            self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad
        )(g)


# -- what users call -----------------------------------------------------------------------------


def _windows(
    caller: str,
    kernel_size: IntOrPair,
    stride: IntOrPair | None,
    padding: IntOrPair,
    dilation: IntOrPair = 1,
) -> tuple[Pair, Pair, Pair, Pair]:
    kernel = pair(caller, "kernel_size", kernel_size, 1)
    strides = kernel if stride is None else pair(caller, "stride", stride, 1)
    paddings = pair(caller, "padding", padding, 0)
    dilations = pair(caller, "dilation", dilation, 1)
    if any(p > k // 2 for p, k in zip(paddings, kernel, strict=True)):
        raise ValueError(
            f"{caller}: padding {paddings} is more than half of the kernel {kernel}, so that a "
            "window could hold no pixel"
        )
    return kernel, strides, paddings, dilations


def max_pool2d(
    x: TensorLike,
    kernel_size: IntOrPair,
    stride: IntOrPair | None = None,
    padding: IntOrPair = 0,
    dilation: IntOrPair = 1,
    ceil_mode: bool = False,
) -> Tensor:
    """Return the maximum of each window.

    Parameters
    ----------
    x : Tensor, shape (N, C, H, W) or (C, H, W)
    kernel_size, stride, padding, dilation : int or pair of ints
        In pixels; the stride is the kernel size unless given.  Padding counts as -inf.
    ceil_mode : bool
        Keep a last window that sticks out of the image: sizes are rounded up.

    Returns
    -------
    Tensor, shape (N, C, H', W') or (C, H', W')

    Raises
    ------
    ValueError
        If the window is larger than the padded image, or the padding than half of the window.
    """
    x = floating("max_pool2d", x)
    windows = _windows("max_pool2d", kernel_size, stride, padding, dilation)
    images, single = as_batch("max_pool2d", x)
    size: Any = images.shape[2:]
    window_count("max_pool2d", size, *windows, ceil_mode)
    _, _, paddings, dilations = windows
    if any(p and d > n for n, p, d in zip(size, paddings, dilations, strict=True)):
        raise ValueError(
            f"max_pool2d: with dilation {dilations} and padding {paddings} a window could step "
            f"over the whole image of {size}"
        )
    y = MaxPool2d(*windows, ceil_mode).apply(images)
    return y.reshape(y.shape[1:]) if single else y


def avg_pool2d(
    x: TensorLike,
    kernel_size: IntOrPair,
    stride: IntOrPair | None = None,
    padding: IntOrPair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """Return the mean of each window.

    Parameters
    ----------
    x : Tensor, shape (N, C, H, W) or (C, H, W)
    kernel_size, stride, padding : int or pair of ints
        In pixels; the stride is the kernel size unless given.  The padding is of zeros.
    ceil_mode : bool
        Keep a last window that sticks out of the image: sizes are rounded up.
    count_include_pad : bool
        Count the padding among the elements of a window.

    Returns
    -------
    Tensor, shape (N, C, H', W') or (C, H', W')

    Raises
    ------
    ValueError
        If the window is larger than the padded image, or the padding than half of the window.
    """
    x = floating("avg_pool2d", x)
    windows = _windows("avg_pool2d", kernel_size, stride, padding)
    images, single = as_batch("avg_pool2d", x)
    size: Any = images.shape[2:]
    window_count("avg_pool2d", size, *windows, ceil_mode)
    y = AvgPool2d(*windows[:3], ceil_mode, count_include_pad).apply(images)
    return y.reshape(y.shape[1:]) if single else y
