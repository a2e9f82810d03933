"""Pooling and resampling as Modules, of signals, images and volumes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from .._tensor import Tensor, TensorLike
from ..ops._arguments import IntOrSizes
from . import functional
from .module import Module


class _MaxPool(Module):
    rank: ClassVar[int]

    def __init__(
        self,
        kernel_size: IntOrSizes,
        stride: IntOrSizes | None = None,
        padding: IntOrSizes = 0,
        dilation: IntOrSizes = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, x: TensorLike) -> Any:
        """Return the maxima, and with ``return_indices`` a tuple of them and of their places."""
        return getattr(functional, f"max_pool{self.rank}d")(
            x,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            self.ceil_mode,
            self.return_indices,
        )


class MaxPool1d(_MaxPool):
    """Maximum of each window: (N, C, L) -> (N, C, L'); as `MaxPool2d`."""

    rank = 1


class MaxPool2d(_MaxPool):
    """Maximum of each window: (N, C, H, W) -> (N, C, H', W').

    Parameters
    ----------
    kernel_size, stride, padding, dilation : int or pair of ints
        In pixels; the stride is the kernel size unless given.  Padding counts as -inf.
    return_indices : bool
        Return a tuple of the maxima and of their places, for `MaxUnpool2d`.
    ceil_mode : bool
        Keep a last window that sticks out of the image: sizes are rounded up.
    """

    rank = 2


class MaxPool3d(_MaxPool):
    """Maximum of each window: (N, C, D, H, W) -> (N, C, D', H', W'); as `MaxPool2d`."""

    rank = 3


class _MaxUnpool(Module):
    rank: ClassVar[int]

    def __init__(
        self,
        kernel_size: IntOrSizes,
        stride: IntOrSizes | None = None,
        padding: IntOrSizes = 0,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding

    def forward(
        self, x: TensorLike, indices: TensorLike, output_size: Sequence[int] | None = None
    ) -> Tensor:
        """Put the values to the places that pooling has returned with them."""
        unpool = getattr(functional, f"max_unpool{self.rank}d")
        y: Tensor = unpool(x, indices, self.kernel_size, self.stride, self.padding, output_size)
        return y


class MaxUnpool1d(_MaxUnpool):
    """Maxima put back where they were: (N, C, L) -> (N, C, L'); as `MaxUnpool2d`."""

    rank = 1


class MaxUnpool2d(_MaxUnpool):
    """Maxima put back where they were, into zeros: (N, C, H, W) -> (N, C, H', W').

    Parameters
    ----------
    kernel_size, stride, padding : int or pair of ints
        Those of the pooling.
    """

    rank = 2


class MaxUnpool3d(_MaxUnpool):
    """Maxima put back where they were: (N, C, D, H, W) -> (N, C, D', H', W'); as `MaxUnpool2d`."""

    rank = 3


class AvgPool1d(Module):
    """Mean of each window: (N, C, L) -> (N, C, L'); as `AvgPool2d`, without a divisor."""

    def __init__(
        self,
        kernel_size: IntOrSizes,
        stride: IntOrSizes | None = None,
        padding: IntOrSizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, x: TensorLike) -> Tensor:
        """(N, C, L) -> (N, C, L')."""
        return functional.avg_pool1d(
            x, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad
        )


class _AvgPool(Module):
    rank: ClassVar[int]

    def __init__(
        self,
        kernel_size: IntOrSizes,
        stride: IntOrSizes | None = None,
        padding: IntOrSizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, x: TensorLike) -> Tensor:
        """Return the mean of each window."""
        y: Tensor = getattr(functional, f"avg_pool{self.rank}d")(
            x,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )
        return y


class AvgPool2d(_AvgPool):
    """Mean of each window: (N, C, H, W) -> (N, C, H', W').

    Parameters
    ----------
    kernel_size, stride, padding : int or pair of ints
        In pixels; the stride is the kernel size unless given.  The padding is of zeros.
    ceil_mode : bool
        Keep a last window that sticks out of the image: sizes are rounded up.
    count_include_pad : bool
        Count the padding among the elements of a window.
    divisor_override : int, optional
        Divide the sum of each window by this number.
    """

    rank = 2


class AvgPool3d(_AvgPool):
    """Mean of each window: (N, C, D, H, W) -> (N, C, D', H', W'); as `AvgPool2d`."""

    rank = 3


class _AdaptiveAvgPool(Module):
    rank: ClassVar[int]

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, x: TensorLike) -> Tensor:
        """Return the mean of each part."""
        y: Tensor = getattr(functional, f"adaptive_avg_pool{self.rank}d")(x, self.output_size)
        return y


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """Mean of each of L' parts: (N, C, L) -> (N, C, L'); as `AdaptiveAvgPool2d`."""

    rank = 1


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """Mean of each of H' × W' parts of equal size: (N, C, H, W) -> (N, C, H', W').

    Parameters
    ----------
    output_size : int, or pair of int or None
        H' and W'; None leaves an axis as it is.
    """

    rank = 2


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """Mean of each part: (N, C, D, H, W) -> (N, C, D', H', W'); as `AdaptiveAvgPool2d`."""

    rank = 3


class _AdaptiveMaxPool(Module):
    rank: ClassVar[int]

    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__()
        self.output_size = output_size
        self.return_indices = return_indices

    def forward(self, x: TensorLike) -> Any:
        """Return the maxima, and with ``return_indices`` a tuple of them and of their places."""
        pool = getattr(functional, f"adaptive_max_pool{self.rank}d")
        return pool(x, self.output_size, self.return_indices)


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """Maximum of each of L' parts: (N, C, L) -> (N, C, L'); as `AdaptiveMaxPool2d`."""

    rank = 1


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """Maximum of each of H' × W' parts: (N, C, H, W) -> (N, C, H', W').

    Parameters
    ----------
    output_size : int, or pair of int or None
        H' and W'; None leaves an axis as it is.
    return_indices : bool
        Return a tuple of the maxima and of their places.
    """

    rank = 2


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """Maximum of each part: (N, C, D, H, W) -> (N, C, D', H', W'); as `AdaptiveMaxPool2d`."""

    rank = 3


class Upsample(Module):
    """Images of another size: (N, C, H, W) -> (N, C, H', W'), and so signals and volumes.

    Parameters
    ----------
    size, scale_factor, mode, align_corners, recompute_scale_factor
        As for `tinygraph.nn.functional.interpolate`.
    """

    def __init__(
        self,
        size: int | Sequence[int] | None = None,
        scale_factor: float | Sequence[float] | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        self.size = size
        self.scale_factor = scale_factor
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, x: TensorLike) -> Tensor:
        """Interpolate."""
        return functional.interpolate(
            x,
            self.size,
            self.scale_factor,
            self.mode,
            self.align_corners,
            self.recompute_scale_factor,
        )


class PixelShuffle(Module):
    """Channels laid out as pixels: (..., C r², H, W) -> (..., C, H r, W r)."""

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, x: TensorLike) -> Tensor:
        """(..., C r², H, W) -> (..., C, H r, W r)."""
        return functional.pixel_shuffle(x, self.upscale_factor)


class PixelUnshuffle(Module):
    """Pixels laid out as channels: (..., C, H r, W r) -> (..., C r², H, W)."""

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, x: TensorLike) -> Tensor:
        """(..., C, H r, W r) -> (..., C r², H, W)."""
        return functional.pixel_unshuffle(x, self.downscale_factor)
