"""The windows of images as columns, and back: im2col and col2im."""

from __future__ import annotations

from typing import Any

from .. import kernels
from .._function import Function, Value
from .._tensor import Array, Tensor, TensorLike, as_tensor
from ._arguments import IntOrSizes, Sizes, sizes
from ._windows import as_batch, single_again, window_count


class Unfold(Function):
    """im2col: every window becomes a column, (N, C, H, W) -> (N, C kh kw, L): gx = fold(g)."""

    def __init__(self, kernel_size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes) -> None:
        self.kernel_size, self.stride = kernel_size, stride
        self.padding, self.dilation = padding, dilation

    def forward(self, x: Array) -> Array:
        return kernels.unfold(x, self.kernel_size, self.stride, self.padding, self.dilation)

    def backward(self, g: Value, x_spec: Any) -> Value:
        size = x_spec.shape[2:]
        return Fold(size, self.kernel_size, self.stride, self.padding, self.dilation)(g)


class Fold(Function):
    """col2im: columns added up where they came from, (N, C kh kw, L) -> (N, C, H, W).

    The adjoint of `Unfold`: gx = unfold(g).
    """

    def __init__(
        self, size: Sizes, kernel_size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes
    ) -> None:
        self.size, self.kernel_size, self.stride = size, kernel_size, stride
        self.padding, self.dilation = padding, dilation

    def forward(self, x: Array) -> Array:
        return kernels.fold(
            x, self.size, self.kernel_size, self.stride, self.padding, self.dilation
        )

    def backward(self, g: Value) -> Value:
        return Unfold(self.kernel_size, self.stride, self.padding, self.dilation)(g)


# -- what users call -----------------------------------------------------------------------------


def unfold(
    x: TensorLike,
    kernel_size: IntOrSizes,
    dilation: IntOrSizes = 1,
    padding: IntOrSizes = 0,
    stride: IntOrSizes = 1,
) -> Tensor:
    """Lay every window of the images out as a column: im2col, the adjoint of `fold`.

    Parameters
    ----------
    x : Tensor, shape (N, C, H, W) or (C, H, W)
    kernel_size, dilation, padding, stride : int or pair of ints
        In pixels, along height and width.

    Returns
    -------
    Tensor, shape (N, C * kh * kw, L) or (C * kh * kw, L)
        One column for each of the L windows.

    Raises
    ------
    ValueError
        If the window is larger than the padded image.
    """
    x = as_tensor(x)
    kernel = sizes("unfold", "kernel_size", kernel_size, 2, 1)
    dilations = sizes("unfold", "dilation", dilation, 2, 1)
    paddings = sizes("unfold", "padding", padding, 2, 0)
    strides = sizes("unfold", "stride", stride, 2, 1)
    images, single = as_batch("unfold", x, 2)
    window_count("unfold", images.shape[2:], kernel, strides, paddings, dilations)
    return single_again(Unfold(kernel, strides, paddings, dilations).apply(images), single)


def fold(
    x: TensorLike,
    output_size: IntOrSizes,
    kernel_size: IntOrSizes,
    dilation: IntOrSizes = 1,
    padding: IntOrSizes = 0,
    stride: IntOrSizes = 1,
) -> Tensor:
    """Add columns up where their windows lie in the image: col2im, the adjoint of `unfold`.

    Parameters
    ----------
    x : Tensor, shape (N, C * kh * kw, L) or (C * kh * kw, L)
    output_size : int or pair of ints
        Height and width of the image.
    kernel_size, dilation, padding, stride : int or pair of ints

    Returns
    -------
    Tensor, shape (N, C, H, W) or (C, H, W)

    Raises
    ------
    ValueError
        If the number of rows or of columns is not that of such windows.
    """
    x = as_tensor(x)
    size = sizes("fold", "output_size", output_size, 2, 1)
    kernel = sizes("fold", "kernel_size", kernel_size, 2, 1)
    dilations = sizes("fold", "dilation", dilation, 2, 1)
    paddings = sizes("fold", "padding", padding, 2, 0)
    strides = sizes("fold", "stride", stride, 2, 1)
    if x.ndim not in (2, 3):
        raise ValueError(f"fold: x must have shape (N, C * kh * kw, L), not {x.shape}")
    single = x.ndim == 2
    columns = x.reshape(1, *x.shape) if single else x
    h, w = window_count("fold", size, kernel, strides, paddings, dilations)
    if columns.shape[1] % (kernel[0] * kernel[1]) or columns.shape[2] != h * w:
        raise ValueError(
            f"fold: {h} x {w} windows of {kernel} need x of shape "
            f"(N, C * {kernel[0] * kernel[1]}, {h * w}), not {x.shape}"
        )
    return single_again(Fold(size, kernel, strides, paddings, dilations).apply(columns), single)
