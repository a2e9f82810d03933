"""Convolutions as Modules, of signals, images and volumes."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import DTypeLike

from .._tensor import Shape, Tensor, TensorLike
from ..ops._arguments import IntOrSizes, Sizes, sizes
from . import functional
from .layers import _Affine, _check_positive

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class _Convolution(_Affine):
    """What convolutions and their transposes share: attributes, checks and initial values."""

    rank: ClassVar[int]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrSizes,
        stride: IntOrSizes,
        padding: IntOrSizes | str,
        dilation: IntOrSizes,
        groups: int,
        padding_mode: str,
    ) -> None:
        super().__init__()
        name, rank = type(self).__name__, self.rank
        _check_positive(name, in_channels=in_channels, out_channels=out_channels, groups=groups)
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"{name}: {groups} groups must divide both in_channels = {in_channels} and "
                f"out_channels = {out_channels}"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = sizes(name, "kernel_size", kernel_size, rank, 1)
        self.stride = sizes(name, "stride", stride, rank, 1)
        self.padding: Sizes | str = (
            padding if isinstance(padding, str) else sizes(name, "padding", padding, rank, 0)
        )
        self.dilation = sizes(name, "dilation", dilation, rank, 1)
        self.groups = groups
        self.padding_mode = padding_mode


class _Conv(_Convolution):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrSizes,
        stride: IntOrSizes = 1,
        padding: IntOrSizes | str = 0,
        dilation: IntOrSizes = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        *,
        dtype: DTypeLike | None = None,
        generator: np.random.Generator | None = None,
    ) -> None:
        shape = in_channels, out_channels, kernel_size
        super().__init__(*shape, stride, padding, dilation, groups, padding_mode)
        name = type(self).__name__
        if isinstance(padding, str) and padding not in ("valid", "same"):
            raise ValueError(f"{name}: padding must be ints, 'valid' or 'same', not {padding!r}")
        if padding == "same" and set(self.stride) != {1}:
            raise ValueError(f"{name}: padding 'same' needs a stride of 1, not {self.stride}")
        if padding_mode not in PADDING_MODES:
            raise ValueError(
                f"{name}: padding_mode must be one of {', '.join(PADDING_MODES)}, "
                f"not {padding_mode!r}"
            )
        weight = (out_channels, in_channels // groups, *self.kernel_size)
        self._start(weight, out_channels if bias else None, dtype, generator)

    def forward(self, x: TensorLike) -> Tensor:
        """Convolve a batch, or a single signal, image or volume."""
        padding: Sizes | str = self.padding
        if self.padding_mode != "zeros":
            x, padding = (
                functional.pad(x, self._border(), self.padding_mode),
                "valid",
            )
        conv = getattr(functional, f"conv{self.rank}d")
        y: Tensor = conv(
            x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups
        )
        return y

    def _border(self) -> list[int]:
        """Return the padding before and after each axis, the last axis first."""
        if isinstance(self.padding, str):
            same = self.padding == "same"
            reach = zip(self.kernel_size, self.dilation, strict=True)
            total = [d * (k - 1) if same else 0 for k, d in reach]
        else:
            total = [2 * p for p in self.padding]
        return [n for both in reversed(total) for n in (both // 2, both - both // 2)]


class Conv1d(_Conv):
    """Convolution of signals: (N, in_channels, L) -> (N, out_channels, L'); as `Conv2d`."""

    rank = 1


class Conv2d(_Conv):
    """Convolution of images: (N, in_channels, H, W) -> (N, out_channels, H', W').

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size, stride, padding, dilation : int or pair of ints
        Along height and width, in pixels; the padding is on both sides.  It may also be "valid"
        or "same", as `tinygraph.conv2d` describes.
    groups : int
        Split the channels into groups that see only their own filters.
    bias : bool
    padding_mode : {"zeros", "reflect", "replicate", "circular"}
    dtype : dtype, optional
        Of the parameters; the default dtype unless given.
    generator : numpy.random.Generator, optional
        Draws the initial values, uniform up to ±1 / sqrt(in_channels / groups * kh * kw);
        default: the one that `tinygraph.manual_seed` restarts.

    Attributes
    ----------
    weight : Parameter, shape (out_channels, in_channels / groups, kh, kw)
    bias : Parameter, shape (out_channels,), or None

    Raises
    ------
    ValueError
        If a size is not positive, or the groups do not divide the channels.
    """

    rank = 2


class Conv3d(_Conv):
    """Convolution of volumes: (N, in_channels, D, H, W) -> (N, out_channels, D', H', W').

    As `Conv2d`.
    """

    rank = 3


class _ConvTranspose(_Convolution):
    padding: Sizes

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrSizes,
        stride: IntOrSizes = 1,
        padding: IntOrSizes = 0,
        output_padding: IntOrSizes = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: IntOrSizes = 1,
        padding_mode: str = "zeros",
        *,
        dtype: DTypeLike | None = None,
        generator: np.random.Generator | None = None,
    ) -> None:
        paddings = sizes(type(self).__name__, "padding", padding, self.rank, 0)
        shape = in_channels, out_channels, kernel_size
        super().__init__(*shape, stride, paddings, dilation, groups, padding_mode)
        name = type(self).__name__
        if padding_mode != "zeros":
            raise ValueError(f"{name}: padding_mode must be 'zeros', not {padding_mode!r}")
        self.output_padding = sizes(name, "output_padding", output_padding, self.rank, 0)
        weight = (in_channels, out_channels // groups, *self.kernel_size)
        self._start(weight, out_channels if bias else None, dtype, generator)

    def forward(self, x: TensorLike, output_size: Shape | None = None) -> Tensor:
        """Spread a batch, or a single signal, image or volume.

        With ``output_size`` (its last axes count), the output has that size, if the layer as a
        convolution makes an ``x`` of it.
        """
        spread = getattr(functional, f"conv_transpose{self.rank}d")
        settings = self.groups, self.dilation
        surplus = self.output_padding
        if output_size is not None:
            surplus = self._surplus(np.shape(x), tuple(output_size))
        y: Tensor = spread(x, self.weight, self.bias, self.stride, self.padding, surplus, *settings)
        return y

    def _surplus(self, shape: Shape, output_size: Shape) -> Sizes:
        """Return the output_padding that leads to an output size."""
        name, rank = type(self).__name__, self.rank
        axes = zip(
            shape[-rank:], self.stride, self.padding, self.dilation, self.kernel_size, strict=True
        )
        least = [(n - 1) * s - 2 * p + d * (k - 1) + 1 for n, s, p, d, k in axes]
        wanted = output_size[-rank:]
        if len(output_size) not in (rank, rank + 2) or any(
            not 0 <= n - m < s for n, m, s in zip(wanted, least, self.stride, strict=True)
        ):
            raise ValueError(
                f"{name}: output_size must be from {tuple(least)} to less than a stride "
                f"{self.stride} more, not {output_size}"
            )
        return tuple(n - m for n, m in zip(wanted, least, strict=True))


class ConvTranspose1d(_ConvTranspose):
    """Transposed convolution of signals: (N, in_channels, L) -> (N, out_channels, L').

    As `ConvTranspose2d`.
    """

    rank = 1


class ConvTranspose2d(_ConvTranspose):
    """Transposed convolution of images: (N, in_channels, H, W) -> (N, out_channels, H', W').

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size, stride, padding, dilation : int or pair of ints
        Those of the convolution whose adjoint it is.
    output_padding : int or pair of ints
        How many pixels more at the end.
    groups : int
        Split the channels into groups that see only their own filters.
    bias : bool
    padding_mode : {"zeros"}
    dtype, generator
        As for `Conv2d`.

    Attributes
    ----------
    weight : Parameter, shape (in_channels, out_channels / groups, kh, kw)
    bias : Parameter, shape (out_channels,), or None

    Raises
    ------
    ValueError
        If a size is not positive, or the groups do not divide the channels.
    """

    rank = 2


class ConvTranspose3d(_ConvTranspose):
    """Transposed convolution of volumes.

    (N, in_channels, D, H, W) -> (N, out_channels, D', H', W'), as `ConvTranspose2d`.
    """

    rank = 3
