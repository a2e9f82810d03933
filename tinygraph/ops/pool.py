"""Pooling of signals, images and volumes, and its inverse for maxima."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from .. import kernels
from .._function import Function, Value
from .._tensor import Array, Tensor, TensorLike, as_tensor
from ._arguments import IntOrSizes, Sizes, floating, lengths, sizes
from ._windows import as_batch, single_again, window_count

# Where maxima come from is kept as winners, places in the window, which take a byte each.  Rules
# and users need pixels: places in the flattened image, as PyTorch's indices are.


class _MaxPool(Function):
    aux = ("winners",)

    def __init__(
        self, kernel_size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, ceil_mode: bool
    ) -> None:
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        self.dilation, self.ceil_mode = dilation, ceil_mode

    def forward(self, x: Array) -> tuple[Array, Array]:
        return kernels.max_pool(
            x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode
        )

    def pixels(self, winners: Value, size: Sizes) -> Value:
        windows = self.kernel_size, self.stride, self.padding, self.dilation
        return WinnerPixels(size, *windows)(winners)

    def backward(self, g: Value, winners: Value, x_spec: Any) -> Value:
        size = x_spec.shape[2:]
        return PutPixels(size)(g, self.pixels(winners, size))


class MaxPool1d(_MaxPool):
    """Maximum of each window: (N, C, L) -> (N, C, L').  gx = g scattered to the winners.

    The first maximum of a window wins; padding counts as minus infinity.
    """


class MaxPool2d(_MaxPool):
    """Maximum of each window: (N, C, H, W) -> (N, C, H', W').  gx = g scattered to the winners.

    The first maximum of a window wins; padding counts as minus infinity.
    """


class MaxPool3d(_MaxPool):
    """Maximum of each window: (N, C, D, H, W) -> (N, C, D', H', W').  gx = g put to the winners.

    The first maximum of a window wins; padding counts as minus infinity.
    """


class AdaptiveMaxPool(Function):
    """Maximum of each of H' × W' parts: (N, C, H, W) -> (N, C, H', W').  gx = g put to the winners.

    The first maximum of a part wins.
    """

    aux = ("pixels",)

    def __init__(self, size: Sizes) -> None:
        self.size = size

    def forward(self, x: Array) -> tuple[Array, Array]:
        return kernels.adaptive_max_pool(x, self.size)

    def backward(self, g: Value, pixels: Value, x_spec: Any) -> Value:
        return PutPixels(x_spec.shape[2:])(g, pixels)


class WinnerPixels(Function):
    """Pixels of the winners of windows, as places in the flattened image of a given size."""

    def __init__(
        self, size: Sizes, kernel_size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes
    ) -> None:
        self.size = size
        self.kernel_size, self.stride = kernel_size, stride
        self.padding, self.dilation = padding, dilation

    def forward(self, winners: Array) -> Array:
        windows = self.kernel_size, self.stride, self.padding, self.dilation
        return kernels.winner_pixels(winners, self.size, *windows)


class PutPixels(Function):
    """Each value added to its pixel: (N, C, H', W') -> (N, C, H, W).

    The adjoint of `TakePixels`: gx = the pixels of g.
    """

    def __init__(self, size: Sizes) -> None:
        self.size = size

    def forward(self, x: Array, pixels: Array) -> Array:
        return kernels.put_pixels(x, pixels, self.size)

    def backward(self, g: Value, pixels: Value) -> Value:
        return TakePixels()(g, pixels), None


class TakePixels(Function):
    """The pixel of each place: (N, C, H, W) -> (N, C, H', W').  gx = g put to them."""

    def forward(self, x: Array, pixels: Array) -> Array:
        return kernels.take_pixels(x, pixels)

    def backward(self, g: Value, pixels: Value, x_spec: Any) -> Value:
        return PutPixels(x_spec.shape[2:])(g, pixels), None


class MaxUnpool(Function):
    """Each value written to its pixel, and 0 elsewhere: (N, C, H', W') -> (N, C, H, W).

    Of several values for a pixel the last is written, and all get its gradient, as in PyTorch:
    where windows overlap they are one and the same maximum.  gx = the pixels of g.
    """

    def __init__(self, size: Sizes) -> None:
        self.size = size

    def forward(self, x: Array, pixels: Array) -> Array:
        return kernels.max_unpool(x, pixels, self.size)

    def backward(self, g: Value, pixels: Value) -> Value:
        return TakePixels()(g, pixels), None


class _AvgPool(Function):
    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes,
        padding: Sizes,
        ceil_mode: bool,
        count_include_pad: bool,
        divisor_override: int | None = None,
    ) -> None:
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad
        self.divisor_override = divisor_override

    def forward(self, x: Array) -> Array:
        return kernels.avg_pool(x, **self.attributes)

    def backward(self, g: Value, x_spec: Any) -> Value:
        return AvgUnpool(x_spec.shape[2:], **self.attributes)(g)


class AvgPool1d(_AvgPool):
    """Mean of each window: (N, C, L) -> (N, C, L').  gx = g / n, spread over the window."""


class AvgPool2d(_AvgPool):
    """Mean of each window: (N, C, H, W) -> (N, C, H', W').  gx = g / n, spread over the window."""


class AvgPool3d(_AvgPool):
    """Mean of each window: (N, C, D, H, W) -> (N, C, D', H', W').  gx = g / n, over the window."""


class AvgUnpool(Function):
    """Adjoint of average pooling: each value spread over its window.

    (N, C, H', W') -> (N, C, H, W).  gx = the means of g.
    """

    def __init__(
        self,
        size: Sizes,
        kernel_size: Sizes,
        stride: Sizes,
        padding: Sizes,
        ceil_mode: bool,
        count_include_pad: bool,
        divisor_override: int | None = None,
    ) -> None:
        self.size = size
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad
        self.divisor_override = divisor_override

    def forward(self, x: Array) -> Array:
        return kernels.avg_unpool(
            x,
            self.size,
            self.kernel_size,
            self.stride,
            self.padding,
            self.count_include_pad,
            self.divisor_override,
        )

    def backward(self, g: Value) -> Value:
        pool = AVG_POOL[len(self.size)]
        return pool(
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )(g)


MAX_POOL: dict[int, type[_MaxPool]] = {1: MaxPool1d, 2: MaxPool2d, 3: MaxPool3d}
AVG_POOL: dict[int, type[_AvgPool]] = {1: AvgPool1d, 2: AvgPool2d, 3: AvgPool3d}


# -- what users call -----------------------------------------------------------------------------


def _images(
    caller: str, x: TensorLike, rank: int, *, integers: bool = False
) -> tuple[Tensor, bool]:
    """Return a batch, and whether it was a single one, that has pixels and channels."""
    given = as_tensor(x)
    if not integers or given.dtype.kind not in "iu":
        given = floating(caller, given)
    images, single = as_batch(caller, given, rank)
    if 0 in images.shape[1:]:
        raise ValueError(f"{caller}: x of shape {images.shape} has no pixels")
    return images, single


def _windows(
    caller: str,
    rank: int,
    kernel_size: IntOrSizes,
    stride: IntOrSizes | None,
    padding: IntOrSizes,
    dilation: IntOrSizes = 1,
) -> tuple[Sizes, Sizes, Sizes, Sizes]:
    kernel = sizes(caller, "kernel_size", kernel_size, rank, 1)
    if stride is None or (isinstance(stride, (tuple, list)) and not stride):  # () means None, too
        strides = kernel
    else:
        strides = sizes(caller, "stride", stride, rank, 1)
    paddings = sizes(caller, "padding", padding, rank, 0)
    return kernel, strides, paddings, sizes(caller, "dilation", dilation, rank, 1)


@lru_cache(maxsize=256)
def _check_windows(
    caller: str,
    size: Sizes,
    kernel: Sizes,
    strides: Sizes,
    paddings: Sizes,
    dilations: Sizes,
    ceil_mode: bool,
) -> None:
    """Refuse windows that are larger than the image, or could hold nothing of it."""
    if any(p > k // 2 for p, k in zip(paddings, kernel, strict=True)):
        raise ValueError(
            f"{caller}: padding {paddings} is more than half of the kernel {kernel}, so that a "
            "window could hold no pixel"
        )
    window_count(caller, size, kernel, strides, paddings, dilations, ceil_mode)
    if any(p and d > n for n, p, d in zip(size, paddings, dilations, strict=True)):
        raise ValueError(
            f"{caller}: with dilation {dilations} and padding {paddings} a window could step "
            f"over the whole image of {size}"
        )


def max_pool1d(
    x: TensorLike,
    kernel_size: IntOrSizes,
    stride: IntOrSizes | None = None,
    padding: IntOrSizes = 0,
    dilation: IntOrSizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Return the maximum of each window of signals (N, C, L); the rest as `max_pool2d`."""
    windows = _windows("max_pool1d", 1, kernel_size, stride, padding, dilation)
    return _max_pool("max_pool1d", 1, x, *windows, ceil_mode, return_indices)


def max_pool2d(
    x: TensorLike,
    kernel_size: IntOrSizes,
    stride: IntOrSizes | None = None,
    padding: IntOrSizes = 0,
    dilation: IntOrSizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Return the maximum of each window.

    Parameters
    ----------
    x : Tensor, shape (N, C, H, W) or (C, H, W)
    kernel_size, stride, padding, dilation : int or pair of ints
        In pixels; the stride is the kernel size unless given.  Padding counts as -inf.
    ceil_mode : bool
        Keep a last window that sticks out of the image: sizes are rounded up.
    return_indices : bool
        Return also where the maxima are, for `tinygraph.nn.functional.max_unpool2d`.

    Returns
    -------
    Tensor, shape (N, C, H', W') or (C, H', W')
        With ``return_indices``, a tuple of it and of a Tensor of int64 of the same shape: the
        places of the maxima in the flattened image.

    Raises
    ------
    ValueError
        If the window is larger than the padded image, or the padding than half of the window.
    """
    windows = _windows("max_pool2d", 2, kernel_size, stride, padding, dilation)
    return _max_pool("max_pool2d", 2, x, *windows, ceil_mode, return_indices)


def max_pool3d(
    x: TensorLike,
    kernel_size: IntOrSizes,
    stride: IntOrSizes | None = None,
    padding: IntOrSizes = 0,
    dilation: IntOrSizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Return the maximum of each window of volumes (N, C, D, H, W); the rest as `max_pool2d`."""
    windows = _windows("max_pool3d", 3, kernel_size, stride, padding, dilation)
    return _max_pool("max_pool3d", 3, x, *windows, ceil_mode, return_indices)


def _max_pool(
    caller: str,
    rank: int,
    x: TensorLike,
    kernel: Sizes,
    strides: Sizes,
    paddings: Sizes,
    dilations: Sizes,
    ceil_mode: bool,
    return_indices: bool,
) -> Any:
    images, single = _images(caller, x, rank, integers=True)
    size = images.shape[2:]
    _check_windows(caller, size, kernel, strides, paddings, dilations, ceil_mode)
    pool = MAX_POOL[rank](kernel, strides, paddings, dilations, ceil_mode)
    if not return_indices:
        return single_again(pool.apply(images), single)
    y, winners = pool.apply_with_aux(images)
    return single_again(y, single), single_again(pool.pixels(winners, size), single)


def avg_pool1d(
    x: TensorLike,
    kernel_size: IntOrSizes,
    stride: IntOrSizes | None = None,
    padding: IntOrSizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """Return the mean of each window of signals (N, C, L); the rest as `avg_pool2d`."""
    windows = _windows("avg_pool1d", 1, kernel_size, stride, padding)
    return _avg_pool("avg_pool1d", 1, x, *windows, ceil_mode, count_include_pad, None)


def avg_pool2d(
    x: TensorLike,
    kernel_size: IntOrSizes,
    stride: IntOrSizes | None = None,
    padding: IntOrSizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
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
    divisor_override : int, optional
        Divide the sum of each window by this number, whatever it holds.

    Returns
    -------
    Tensor, shape (N, C, H', W') or (C, H', W')

    Raises
    ------
    ValueError
        If the window is larger than the padded image, or the padding than half of the window, or
        the divisor is 0.
    """
    windows = _windows("avg_pool2d", 2, kernel_size, stride, padding)
    return _avg_pool("avg_pool2d", 2, x, *windows, ceil_mode, count_include_pad, divisor_override)


def avg_pool3d(
    x: TensorLike,
    kernel_size: IntOrSizes,
    stride: IntOrSizes | None = None,
    padding: IntOrSizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """Return the mean of each window of volumes (N, C, D, H, W); the rest as `avg_pool2d`."""
    windows = _windows("avg_pool3d", 3, kernel_size, stride, padding)
    return _avg_pool("avg_pool3d", 3, x, *windows, ceil_mode, count_include_pad, divisor_override)


def _avg_pool(
    caller: str,
    rank: int,
    x: TensorLike,
    kernel: Sizes,
    strides: Sizes,
    paddings: Sizes,
    dilations: Sizes,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor: int | None,
) -> Tensor:
    images, single = _images(caller, x, rank)
    if divisor is not None and not isinstance(divisor, (int, np.integer)):
        raise TypeError(f"{caller}: divisor_override must be an integer, not {divisor!r}")
    if divisor == 0:
        raise ValueError(f"{caller}: divisor_override must not be 0")
    _check_windows(caller, images.shape[2:], kernel, strides, paddings, dilations, ceil_mode)
    pool = AVG_POOL[rank](kernel, strides, paddings, ceil_mode, count_include_pad, divisor)
    return single_again(pool.apply(images), single)


def adaptive_size(caller: str, output_size: Any, size: Sizes) -> Sizes:
    """Return the output size of an adaptive pooling; None leaves an axis as it is.

    Raises
    ------
    TypeError
        If it is neither an int nor one for each axis.
    ValueError
        If a length is negative.
    """
    wanted = output_size if isinstance(output_size, Sequence) else [output_size] * len(size)
    if len(wanted) != len(size):
        raise TypeError(
            f"{caller}: output_size must be an int or {len(size)} of them, not {output_size!r}"
        )
    kept = [n if wish is None else wish for wish, n in zip(wanted, size, strict=True)]
    return sizes(caller, "output_size", kept, len(size), 0)


def adaptive_max_pool1d(x: TensorLike, output_size: Any, return_indices: bool = False) -> Any:
    """Return the maximum of each of ``output_size`` parts of signals (N, C, L) or (C, L).

    The rest as `adaptive_max_pool2d`.
    """
    return _adaptive_max_pool("adaptive_max_pool1d", 1, x, output_size, return_indices)


def adaptive_max_pool2d(x: TensorLike, output_size: Any, return_indices: bool = False) -> Any:
    """Return the maximum of each of H' × W' parts of the images.

    Parameters
    ----------
    x : Tensor, shape (N, C, H, W) or (C, H, W)
    output_size : int, or pair of int or None
        H' and W'; None leaves an axis as it is.  Part i of an axis of length n goes from
        ``floor(i n / n')`` to ``ceil((i + 1) n / n')``.
    return_indices : bool
        Return also where the maxima are, as `max_pool2d` does.

    Returns
    -------
    Tensor, shape (N, C, H', W') or (C, H', W')
        With ``return_indices``, a tuple of it and of their places in the flattened image.

    Raises
    ------
    ValueError
        If the images have no pixels, or a size is negative.
    """
    return _adaptive_max_pool("adaptive_max_pool2d", 2, x, output_size, return_indices)


def adaptive_max_pool3d(x: TensorLike, output_size: Any, return_indices: bool = False) -> Any:
    """Return the maximum of each of D' × H' × W' parts of volumes; as `adaptive_max_pool2d`."""
    return _adaptive_max_pool("adaptive_max_pool3d", 3, x, output_size, return_indices)


def _adaptive_max_pool(
    caller: str, rank: int, x: TensorLike, output_size: Any, return_indices: bool
) -> Any:
    images, single = _images(caller, x, rank)
    pool = AdaptiveMaxPool(adaptive_size(caller, output_size, images.shape[2:]))
    if not return_indices:
        return single_again(pool.apply(images), single)
    y, pixels = pool.apply_with_aux(images)
    return single_again(y, single), single_again(pixels, single)


def max_unpool1d(
    x: TensorLike,
    indices: TensorLike,
    kernel_size: IntOrSizes,
    stride: IntOrSizes | None = None,
    padding: IntOrSizes = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Put maxima of signals (N, C, L) back where they were; the rest as `max_unpool2d`."""
    return _max_unpool("max_unpool1d", 1, x, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    x: TensorLike,
    indices: TensorLike,
    kernel_size: IntOrSizes,
    stride: IntOrSizes | None = None,
    padding: IntOrSizes = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Put maxima back where they were, into images of zeros.

    Where indices repeat, the last value is written, and all get its gradient.

    Parameters
    ----------
    x : Tensor, shape (N, C, H, W) or (C, H, W)
    indices : Tensor of int64, of the shape of ``x``
        As `max_pool2d` gives them with ``return_indices``.
    kernel_size, stride, padding : int or pair of ints
        Those of the pooling.
    output_size : sequence of ints, optional
        H' and W', perhaps behind N and C, where the pooling leaves it open.  Default:
        ``H' = (H - 1) stride - 2 padding + kernel_size``, and so W'.

    Returns
    -------
    Tensor, shape (N, C, H', W') or (C, H', W')

    Raises
    ------
    ValueError
        If the shapes of ``x`` and ``indices`` differ, an index is no pixel, or the pooling gives
        no such output from images of such a size.
    """
    return _max_unpool("max_unpool2d", 2, x, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    x: TensorLike,
    indices: TensorLike,
    kernel_size: IntOrSizes,
    stride: IntOrSizes | None = None,
    padding: IntOrSizes = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Put maxima of volumes (N, C, D, H, W) back where they were; the rest as `max_unpool2d`."""
    return _max_unpool("max_unpool3d", 3, x, indices, kernel_size, stride, padding, output_size)


def _max_unpool(
    caller: str,
    rank: int,
    x: TensorLike,
    indices: TensorLike,
    kernel_size: IntOrSizes,
    stride: IntOrSizes | None,
    padding: IntOrSizes,
    output_size: Sequence[int] | None,
) -> Tensor:
    kernel = sizes(caller, "kernel_size", kernel_size, rank, 1)
    strides = kernel if stride is None else sizes(caller, "stride", stride, rank, 1)
    paddings = sizes(caller, "padding", padding, rank, 0)
    images, single = _images(caller, x, rank)
    places, _ = as_batch(caller, as_tensor(indices), rank)
    if places.dtype != np.int64 or places.shape != images.shape:
        raise ValueError(
            f"{caller}: indices must be int64 and of the shape of x, {images.shape}, "
            f"not {places.dtype} of {places.shape}"
        )
    axes = zip(images.shape[2:], strides, paddings, kernel, strict=True)
    size = tuple((n - 1) * s - 2 * p + k for n, s, p, k in axes)
    if output_size is not None:
        size = _unpooled_size(caller, output_size, size, strides)
    pixels = int(np.prod(size))
    if min(size) < 1 or ((places.data < 0) | (places.data >= pixels)).any():
        raise ValueError(f"{caller}: an index is no pixel of the output of {size}")
    return single_again(MaxUnpool(size).apply(images, places), single)


def _unpooled_size(caller: str, wanted: Sequence[int], usual: Sizes, strides: Sizes) -> Sizes:
    size = lengths(caller, "output_size", wanted)[-len(usual) :]
    if len(wanted) not in (len(usual), len(usual) + 1, len(usual) + 2) or any(
        abs(n - m) >= s for n, m, s in zip(size, usual, strides, strict=False)
    ):
        raise ValueError(
            f"{caller}: output_size must be within the stride {strides} of {usual}, "
            f"not {tuple(wanted)}"
        )
    return size
