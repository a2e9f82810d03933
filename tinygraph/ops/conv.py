"""Two-dimensional convolution, and the windows it is made of (im2col and col2im)."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import kernels
from .._function import Function, Value
from .._tensor import Array, Tensor, TensorLike, as_tensor
from ._arguments import IntOrPair, Pair, pair

# Convolution is linear in x and in w.  With its two adjoints it is closed under differentiation:
# each of the three is one view of the same sum <conv(x, w), g>.


class _Convolution(Function):
    def __init__(self, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> None:
        self.stride, self.padding = stride, padding
        self.dilation, self.groups = dilation, groups

    def _settings(self) -> tuple[Pair, Pair, Pair, int]:
        return self.stride, self.padding, self.dilation, self.groups

    def conv(self, x: Value, w: Value) -> Value:
        return Conv2d(*self._settings())(x, w, None)

    def input_grad(self, g: Value, w: Value, size: Pair) -> Value:
        return Conv2dInputGrad(size, *self._settings())(g, w)

    def weight_grad(self, g: Value, x: Value, size: Pair) -> Value:
        return Conv2dWeightGrad(size, *self._settings())(g, x)


class Conv2d(_Convolution):
    """Convolution (N, C, H, W) * (O, C/groups, kh, kw) -> (N, O, H', W'), by im2col and GEMM.

    gx = col2im(wᵀ g), gw = g im2col(x)ᵀ, gb = sum g.
    """

    def forward(self, x: Array, w: Array, b: Array | None = None) -> Array:
        return kernels.conv2d(x, w, b, *self._settings())

    def backward(self, g: Value, x: Value, w: Value, needs: Any) -> Value:
        gx = self.input_grad(g, w, x.shape[2:]) if needs.x else None
        gw = self.weight_grad(g, x, w.shape[2:]) if needs.w else None
        return gx, gw, g.sum(axis=(0, 2, 3)) if needs.b else None


class Conv2dInputGrad(_Convolution):
    """Adjoint of `Conv2d` in x (transposed convolution): (N, O, H', W') -> (N, C, H, W)."""

    def __init__(self, size: Pair, *settings: Any) -> None:
        super().__init__(*settings)
        self.size = size

    def forward(self, z: Array, w: Array) -> Array:
        return kernels.conv2d_input_grad(z, w, self.size, *self._settings())

    def backward(self, g: Value, z: Value, w: Value, needs: Any) -> Value:
        gz = self.conv(g, w) if needs.z else None
        return gz, self.weight_grad(z, g, w.shape[2:]) if needs.w else None


class Conv2dWeightGrad(_Convolution):
    """Adjoint of `Conv2d` in w: (N, O, H', W') and (N, C, H, W) -> (O, C/groups, kh, kw)."""

    def __init__(self, size: Pair, *settings: Any) -> None:
        super().__init__(*settings)
        self.size = size

    def forward(self, z: Array, x: Array) -> Array:
        return kernels.conv2d_weight_grad(z, x, self.size, *self._settings())

    def backward(self, g: Value, z: Value, x: Value, needs: Any) -> Value:
        gz = self.conv(x, g) if needs.z else None
        return gz, self.input_grad(z, g, x.shape[2:]) if needs.x else None


class Unfold(Function):
    """im2col: every window becomes a column, (N, C, H, W) -> (N, C kh kw, L): gx = fold(g)."""

    def __init__(self, kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair) -> None:
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
        self, size: Pair, kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair
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


def window_count(
    caller: str,
    size: Pair,
    kernel: Pair,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    ceil_mode: bool = False,
) -> Pair:
    """Return how many windows fit along each axis of an image.

    Raises
    ------
    ValueError
        If not a single one does.
    """
    h, w = (
        kernels.output_size(size[i], kernel[i], stride[i], padding[i], dilation[i], ceil_mode)
        for i in (0, 1)
    )
    if h < 1 or w < 1:
        padded = tuple(size[i] + 2 * padding[i] for i in (0, 1))
        reach = tuple(dilation[i] * (kernel[i] - 1) + 1 for i in (0, 1))
        raise ValueError(
            f"{caller}: the window {reach} is larger than the padded image {padded} "
            f"(kernel {kernel}, dilation {dilation}, padding {padding})"
        )
    return h, w


def as_batch(caller: str, x: Tensor) -> tuple[Tensor, bool]:
    """Return images (N, C, H, W), and whether they were a single one (C, H, W).

    Raises
    ------
    ValueError
        If ``x`` has neither shape.
    """
    if x.ndim == 3:
        return x.reshape(1, *x.shape), True
    if x.ndim != 4:
        raise ValueError(f"{caller}: x must have shape (N, C, H, W) or (C, H, W), not {x.shape}")
    return x, False


def conv2d(
    x: TensorLike,
    weight: TensorLike,
    bias: TensorLike | None = None,
    stride: IntOrPair = 1,
    padding: IntOrPair = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
) -> Tensor:
    """Convolve images with filters (cross-correlation, as PyTorch's conv2d).

    Parameters
    ----------
    x : Tensor, shape (N, C, H, W) or (C, H, W)
    weight : Tensor, shape (O, C / groups, kh, kw)
    bias : Tensor, shape (O,), optional
    stride, padding, dilation : int or pair of ints
        Along height and width, in pixels; the padding is of zeros, on both sides.
    groups : int
        Split the channels into groups that see only their own filters.

    Returns
    -------
    Tensor, shape (N, O, H', W') or (O, H', W')
        ``H' = (H + 2 padding - dilation (kh - 1) - 1) // stride + 1``, and so for W'.

    Raises
    ------
    ValueError
        If the shapes do not match, or the window is larger than the padded image.
    """
    x, weight = as_tensor(x), as_tensor(weight)
    bias = None if bias is None else as_tensor(bias)
    strides = pair("conv2d", "stride", stride, 1)
    paddings = pair("conv2d", "padding", padding, 0)
    dilations = pair("conv2d", "dilation", dilation, 1)
    images, single = as_batch("conv2d", x)
    _check_filters(images, weight, bias, groups)
    kernel: Any = weight.shape[2:]
    size: Any = images.shape[2:]
    window_count("conv2d", size, kernel, strides, paddings, dilations)
    y = Conv2d(strides, paddings, dilations, groups).apply(images, weight, bias)
    return y.reshape(y.shape[1:]) if single else y


def _check_filters(x: Tensor, weight: Tensor, bias: Tensor | None, groups: int) -> None:
    if weight.ndim != 4 or 0 in weight.shape[2:]:
        raise ValueError(
            f"conv2d: weight must have shape (O, C / groups, kh, kw), not {weight.shape}"
        )
    if not isinstance(groups, (int, np.integer)):
        raise TypeError(f"conv2d: groups must be an integer, not {groups!r}")
    channels, filters = x.shape[1], weight.shape[0]
    if groups < 1 or filters % groups:
        raise ValueError(f"conv2d: {filters} filters do not split into {groups} groups")
    if channels != weight.shape[1] * groups:
        in_groups = f" in each of {groups} groups" if groups > 1 else ""
        raise ValueError(
            f"conv2d: weight expects {weight.shape[1]} input channels{in_groups} "
            f"(weight shape {weight.shape}) but x has {channels} (shape {x.shape})"
        )
    if bias is not None and bias.shape != (filters,):
        raise ValueError(
            f"conv2d: bias must have shape ({filters},) (weight shape {weight.shape}), "
            f"not {bias.shape}"
        )


def unfold(
    x: TensorLike,
    kernel_size: IntOrPair,
    dilation: IntOrPair = 1,
    padding: IntOrPair = 0,
    stride: IntOrPair = 1,
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
    kernel = pair("unfold", "kernel_size", kernel_size, 1)
    dilations = pair("unfold", "dilation", dilation, 1)
    paddings = pair("unfold", "padding", padding, 0)
    strides = pair("unfold", "stride", stride, 1)
    images, single = as_batch("unfold", x)
    size: Any = images.shape[2:]
    window_count("unfold", size, kernel, strides, paddings, dilations)
    y = Unfold(kernel, strides, paddings, dilations).apply(images)
    return y.reshape(y.shape[1:]) if single else y


def fold(
    x: TensorLike,
    output_size: IntOrPair,
    kernel_size: IntOrPair,
    dilation: IntOrPair = 1,
    padding: IntOrPair = 0,
    stride: IntOrPair = 1,
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
    size = pair("fold", "output_size", output_size, 1)
    kernel = pair("fold", "kernel_size", kernel_size, 1)
    dilations = pair("fold", "dilation", dilation, 1)
    paddings = pair("fold", "padding", padding, 0)
    strides = pair("fold", "stride", stride, 1)
    if x.ndim not in (2, 3):
        raise ValueError(f"fold: x must have shape (N, C * kh * kw, L), not {x.shape}")
    columns = x if x.ndim == 3 else x.reshape(1, *x.shape)
    h, w = window_count("fold", size, kernel, strides, paddings, dilations)
    if columns.shape[1] % (kernel[0] * kernel[1]) or columns.shape[2] != h * w:
        raise ValueError(
            f"fold: {h} x {w} windows of {kernel} need x of shape "
            f"(N, C * {kernel[0] * kernel[1]}, {h * w}), not {x.shape}"
        )
    y = Fold(size, kernel, strides, paddings, dilations).apply(columns)
    return y if x.ndim == 3 else y.reshape(y.shape[1:])
