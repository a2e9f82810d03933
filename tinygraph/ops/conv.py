"""Convolution of signals, images and volumes, and its transpose."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import kernels
from .._function import Function, Value
from .._tensor import Array, Tensor, TensorLike, as_tensor
from ._arguments import IntOrSizes, Sizes, sizes
from ._windows import AXES, as_batch, single_again, window_count
from .reduction import ChannelSum
from .shape import pad

# Convolution is linear in x and in w.  With its two adjoints it is closed under differentiation:
# each of the three is one view of the same sum <conv(x, w), g>.  All three take any number of
# spatial axes; pictures name what users call: Conv1d, Conv2d, Conv3d, and their transposes.


class _Convolution(Function):
    def __init__(self, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int) -> None:
        self.stride, self.padding = stride, padding
        self.dilation, self.groups = dilation, groups

    def _settings(self) -> tuple[Sizes, Sizes, Sizes, int]:
        return self.stride, self.padding, self.dilation, self.groups

    def conv(self, x: Value, w: Value, windows: Sizes) -> Value:
        y = CONV[len(self.stride)](*self._settings())(x, w, None)
        # An output_padding may have made room for more windows than there were.
        return y if y.shape[2:] == windows else y[(..., *map(slice, windows))]

    def input_grad(self, g: Value, w: Value, size: Sizes) -> Value:
        return CONV_TRANSPOSE[len(size)](size, *self._settings())(g, w, None)

    def weight_grad(self, g: Value, x: Value, size: Sizes) -> Value:
        return ConvWeightGrad(size, *self._settings())(g, x)


class _Conv(_Convolution):
    def forward(self, x: Array, w: Array, b: Array | None = None) -> Array:
        return kernels.conv(x, w, b, *self._settings())

    def backward(self, g: Value, x: Value, w: Value, needs: Any) -> Value:
        gx = self.input_grad(g, w, x.shape[2:]) if needs.x else None
        gw = self.weight_grad(g, x, w.shape[2:]) if needs.w else None
        return gx, gw, ChannelSum()(g).reshape(-1) if needs.b else None


class Conv1d(_Conv):
    """Convolution (N, C, L) * (O, C/groups, k) -> (N, O, L'), by im2col and GEMM.

    gx = col2im(wᵀ g), gw = g im2col(x)ᵀ, gb = sum g.
    """


class Conv2d(_Conv):
    """Convolution (N, C, H, W) * (O, C/groups, kh, kw) -> (N, O, H', W'), by im2col and GEMM.

    gx = col2im(wᵀ g), gw = g im2col(x)ᵀ, gb = sum g.
    """


class Conv3d(_Conv):
    """Convolution (N, C, D, H, W) * (O, C/groups, kd, kh, kw) -> (N, O, D', H', W').

    By im2col and GEMM: gx = col2im(wᵀ g), gw = g im2col(x)ᵀ, gb = sum g.
    """


class _ConvTranspose(_Convolution):
    def __init__(self, size: Sizes, *settings: Any) -> None:
        super().__init__(*settings)
        self.size = size

    def forward(self, x: Array, w: Array, b: Array | None = None) -> Array:
        y = kernels.conv_input_grad(x, w, self.size, *self._settings())
        if b is not None:
            y += b.reshape(len(b), *(1 for _ in self.size))
        return y

    def backward(self, g: Value, x: Value, w: Value, needs: Any) -> Value:
        gx = self.conv(g, w, x.shape[2:]) if needs.x else None
        gw = self.weight_grad(x, g, w.shape[2:]) if needs.w else None
        return gx, gw, ChannelSum()(g).reshape(-1) if needs.b else None


class ConvTranspose1d(_ConvTranspose):
    """Adjoint of `Conv1d` in x: (N, C, L) * (C, O/groups, k) -> (N, O, L').

    gx = conv(g, w), gw = x im2col(g)ᵀ, gb = sum g.
    """


class ConvTranspose2d(_ConvTranspose):
    """Adjoint of `Conv2d` in x: (N, C, H, W) * (C, O/groups, kh, kw) -> (N, O, H', W').

    gx = conv(g, w), gw = x im2col(g)ᵀ, gb = sum g.
    """


class ConvTranspose3d(_ConvTranspose):
    """Adjoint of `Conv3d` in x: (N, C, D, H, W) * (C, O/groups, kd, kh, kw) -> (N, O, D', H', W').

    gx = conv(g, w), gw = x im2col(g)ᵀ, gb = sum g.
    """


class ConvWeightGrad(_Convolution):
    """Adjoint of a convolution in w: (N, O, H', W') and (N, C, H, W) -> (O, C/groups, kh, kw).

    gz = conv(x, g), gx = col2im(gᵀ z).
    """

    def __init__(self, size: Sizes, *settings: Any) -> None:
        super().__init__(*settings)
        self.size = size

    def forward(self, z: Array, x: Array) -> Array:
        return kernels.conv_weight_grad(z, x, self.size, *self._settings())

    def backward(self, g: Value, z: Value, x: Value, needs: Any) -> Value:
        gz = self.conv(x, g, z.shape[2:]) if needs.z else None
        return gz, self.input_grad(z, g, x.shape[2:]) if needs.x else None


CONV: dict[int, type[_Conv]] = {1: Conv1d, 2: Conv2d, 3: Conv3d}
CONV_TRANSPOSE: dict[int, type[_ConvTranspose]] = {
    1: ConvTranspose1d,
    2: ConvTranspose2d,
    3: ConvTranspose3d,
}


# -- what users call -----------------------------------------------------------------------------


def conv1d(
    x: TensorLike,
    weight: TensorLike,
    bias: TensorLike | None = None,
    stride: IntOrSizes = 1,
    padding: IntOrSizes | str = 0,
    dilation: IntOrSizes = 1,
    groups: int = 1,
) -> Tensor:
    """Convolve signals (N, C, L) with filters (O, C / groups, k); the rest as `conv2d`."""
    return _convolve("conv1d", 1, x, weight, bias, stride, padding, dilation, groups)


def conv2d(
    x: TensorLike,
    weight: TensorLike,
    bias: TensorLike | None = None,
    stride: IntOrSizes = 1,
    padding: IntOrSizes | str = 0,
    dilation: IntOrSizes = 1,
    groups: int = 1,
) -> Tensor:
    """Convolve images with filters (cross-correlation, as PyTorch's conv2d).

    Parameters
    ----------
    x : Tensor, shape (N, C, H, W) or (C, H, W)
    weight : Tensor, shape (O, C / groups, kh, kw)
    bias : Tensor, shape (O,), optional
    stride, padding, dilation : int or pair of ints
        Along height and width, in pixels; the padding is of zeros, on both sides.  It may also be
        "valid", which is none, or "same", which keeps the size (for a stride of 1; what cannot be
        on both sides goes to the end).
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
    return _convolve("conv2d", 2, x, weight, bias, stride, padding, dilation, groups)


def conv3d(
    x: TensorLike,
    weight: TensorLike,
    bias: TensorLike | None = None,
    stride: IntOrSizes = 1,
    padding: IntOrSizes | str = 0,
    dilation: IntOrSizes = 1,
    groups: int = 1,
) -> Tensor:
    """Convolve volumes (N, C, D, H, W) with filters (O, C / groups, kd, kh, kw); as `conv2d`."""
    return _convolve("conv3d", 3, x, weight, bias, stride, padding, dilation, groups)


def _convolve(
    caller: str,
    rank: int,
    x: TensorLike,
    weight: TensorLike,
    bias: TensorLike | None,
    stride: IntOrSizes,
    padding: IntOrSizes | str,
    dilation: IntOrSizes,
    groups: int,
) -> Tensor:
    x, weight = as_tensor(x), as_tensor(weight)
    bias = None if bias is None else as_tensor(bias)
    strides = sizes(caller, "stride", stride, rank, 1)
    dilations = sizes(caller, "dilation", dilation, rank, 1)
    images, single = as_batch(caller, x, rank)
    _check_filters(caller, images, weight, bias, groups)
    kernel = weight.shape[2:]
    if isinstance(padding, str):
        paddings, surplus = _named_padding(caller, padding, kernel, strides, dilations)
        if any(surplus):
            images = pad(images, [(0, 0), (0, 0), *((0, n) for n in surplus)])
    else:
        paddings = sizes(caller, "padding", padding, rank, 0)
    window_count(caller, images.shape[2:], kernel, strides, paddings, dilations)
    conv = CONV[rank](strides, paddings, dilations, groups)
    return single_again(conv.apply(images, weight, bias), single)


def _named_padding(
    caller: str, name: str, kernel: Sizes, stride: Sizes, dilation: Sizes
) -> tuple[Sizes, Sizes]:
    """Return the padding of both sides, and what comes in addition at the end."""
    if name == "valid":
        return (0,) * len(kernel), (0,) * len(kernel)
    if name != "same":
        raise ValueError(f"{caller}: padding must be ints, 'valid' or 'same', not {name!r}")
    if set(stride) != {1}:
        raise ValueError(f"{caller}: padding 'same' needs a stride of 1, not {stride}")
    total = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    return tuple(n // 2 for n in total), tuple(n % 2 for n in total)


def _check_groups(caller: str, filters: int, groups: int) -> None:
    if not isinstance(groups, (int, np.integer)):
        raise TypeError(f"{caller}: groups must be an integer, not {groups!r}")
    if groups < 1 or filters % groups:
        raise ValueError(f"{caller}: {filters} filters do not split into {groups} groups")


def _check_bias(caller: str, bias: Tensor | None, channels: int, weight: Tensor) -> None:
    if bias is not None and bias.shape != (channels,):
        raise ValueError(
            f"{caller}: bias must have shape ({channels},) (weight shape {weight.shape}), "
            f"not {bias.shape}"
        )


def _check_filters(
    caller: str, x: Tensor, weight: Tensor, bias: Tensor | None, groups: int
) -> None:
    if weight.ndim != x.ndim or 0 in weight.shape[2:]:
        raise ValueError(
            f"{caller}: weight must have shape (O, C / groups, {_kernel_axes(x)}), "
            f"not {weight.shape}"
        )
    _check_groups(caller, weight.shape[0], groups)
    channels = x.shape[1]
    if channels != weight.shape[1] * groups:
        in_groups = f" in each of {groups} groups" if groups > 1 else ""
        raise ValueError(
            f"{caller}: weight expects {weight.shape[1]} input channels{in_groups} "
            f"(weight shape {weight.shape}) but x has {channels} (shape {x.shape})"
        )
    _check_bias(caller, bias, weight.shape[0], weight)


def _kernel_axes(x: Tensor) -> str:
    """Return how messages call the axes of a kernel: "kh, kw"."""
    axes = AXES[x.ndim - 2].lower().split(", ")
    return "k" if len(axes) == 1 else ", ".join(f"k{axis}" for axis in axes)


def conv_transpose1d(
    x: TensorLike,
    weight: TensorLike,
    bias: TensorLike | None = None,
    stride: IntOrSizes = 1,
    padding: IntOrSizes = 0,
    output_padding: IntOrSizes = 0,
    groups: int = 1,
    dilation: IntOrSizes = 1,
) -> Tensor:
    """Spread signals (N, C, L) by filters (C, O / groups, k); the rest as `conv_transpose2d`."""
    settings = stride, padding, output_padding, groups, dilation
    return _spread("conv_transpose1d", 1, x, weight, bias, *settings)


def conv_transpose2d(
    x: TensorLike,
    weight: TensorLike,
    bias: TensorLike | None = None,
    stride: IntOrSizes = 1,
    padding: IntOrSizes = 0,
    output_padding: IntOrSizes = 0,
    groups: int = 1,
    dilation: IntOrSizes = 1,
) -> Tensor:
    """Spread every pixel over a window of the output: the adjoint of `conv2d` in its input.

    Parameters
    ----------
    x : Tensor, shape (N, C, H, W) or (C, H, W)
    weight : Tensor, shape (C, O / groups, kh, kw)
    bias : Tensor, shape (O,), optional
    stride, padding, dilation : int or pair of ints
        Those of the convolution whose adjoint it is.
    output_padding : int or pair of ints
        How many pixels more at the end, which several sizes of its input leave open; less than
        the stride or the dilation.
    groups : int
        Split the channels into groups that see only their own filters.

    Returns
    -------
    Tensor, shape (N, O, H', W') or (O, H', W')
        ``H' = (H - 1) stride - 2 padding + dilation (kh - 1) + output_padding + 1``, and so W'.

    Raises
    ------
    ValueError
        If the shapes do not match, nothing would be left of the output, or ``output_padding`` is
        too large.
    """
    settings = stride, padding, output_padding, groups, dilation
    return _spread("conv_transpose2d", 2, x, weight, bias, *settings)


def conv_transpose3d(
    x: TensorLike,
    weight: TensorLike,
    bias: TensorLike | None = None,
    stride: IntOrSizes = 1,
    padding: IntOrSizes = 0,
    output_padding: IntOrSizes = 0,
    groups: int = 1,
    dilation: IntOrSizes = 1,
) -> Tensor:
    """Spread volumes (N, C, D, H, W) by filters (C, O / groups, kd, kh, kw).

    The rest as `conv_transpose2d`.
    """
    settings = stride, padding, output_padding, groups, dilation
    return _spread("conv_transpose3d", 3, x, weight, bias, *settings)


def _spread(
    caller: str,
    rank: int,
    x: TensorLike,
    weight: TensorLike,
    bias: TensorLike | None,
    stride: IntOrSizes,
    padding: IntOrSizes,
    output_padding: IntOrSizes,
    groups: int,
    dilation: IntOrSizes,
) -> Tensor:
    x, weight = as_tensor(x), as_tensor(weight)
    bias = None if bias is None else as_tensor(bias)
    strides = sizes(caller, "stride", stride, rank, 1)
    paddings = sizes(caller, "padding", padding, rank, 0)
    surplus = sizes(caller, "output_padding", output_padding, rank, 0)
    dilations = sizes(caller, "dilation", dilation, rank, 1)
    images, single = as_batch(caller, x, rank)
    _check_spread(caller, images, weight, bias, groups)
    if any(n >= max(s, d) for n, s, d in zip(surplus, strides, dilations, strict=True)):
        raise ValueError(
            f"{caller}: output_padding {surplus} must be less than the stride {strides} or the "
            f"dilation {dilations}"
        )
    axes = zip(images.shape[2:], strides, paddings, dilations, weight.shape[2:], strict=True)
    reach = [(n - 1) * s - 2 * p + d * (k - 1) + 1 for n, s, p, d, k in axes]
    size = tuple(map(sum, zip(reach, surplus, strict=True)))
    if 0 in images.shape[2:] or min(size) < 1:
        raise ValueError(
            f"{caller}: x of shape {x.shape} with padding {paddings} gives an output of {size}"
        )
    spread = CONV_TRANSPOSE[rank](size, strides, paddings, dilations, groups)
    return single_again(spread.apply(images, weight, bias), single)


def _check_spread(caller: str, x: Tensor, weight: Tensor, bias: Tensor | None, groups: int) -> None:
    if weight.ndim != x.ndim or 0 in weight.shape[2:]:
        raise ValueError(
            f"{caller}: weight must have shape (C, O / groups, {_kernel_axes(x)}), "
            f"not {weight.shape}"
        )
    _check_groups(caller, weight.shape[0], groups)
    if x.shape[1] != weight.shape[0]:
        raise ValueError(
            f"{caller}: weight expects {weight.shape[0]} input channels (weight shape "
            f"{weight.shape}) but x has {x.shape[1]} (shape {x.shape})"
        )
    _check_bias(caller, bias, weight.shape[1] * groups, weight)
