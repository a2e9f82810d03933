"""Images of another size: interpolation, adaptive means, and pixels moved between the axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import kernels
from .._function import Function, Value
from .._tensor import Array, Tensor, TensorLike, as_tensor
from ._arguments import Sizes, floating, sizes
from ._windows import as_batch, single_again
from .pool import adaptive_size


class _Resample(Function):
    """One sparse matrix for each spatial axis."""

    size: Sizes

    def weights(self, size: Sizes, dtype: np.dtype[Any]) -> list[Any]:
        """Return the matrices that take an image of such a size to one of ``self.size``."""
        raise NotImplementedError

    def forward(self, x: Array) -> Array:
        return kernels.resample(x, self.weights(x.shape[2:], x.dtype))

    def backward(self, g: Value, x_spec: Any) -> Value:
        return ResampleAdjoint(self, x_spec.shape[2:])(g)


class AdaptiveAvgPool(_Resample):
    """Mean of each of H' × W' parts: (N, C, H, W) -> (N, C, H', W').  gx = g / n, over the part."""

    def __init__(self, size: Sizes) -> None:
        self.size = size

    def weights(self, size: Sizes, dtype: np.dtype[Any]) -> list[Any]:
        """Return the matrices of means."""
        return [kernels.area_weights(*axis) for axis in zip(size, self.size, strict=True)]


class Interpolate(_Resample):
    """Images of another size: (N, C, H, W) -> (N, C, H', W').  gx = g, shared by the same weights.

    Each output pixel is a weighted sum of its neighbours, one axis after the other.
    """

    def __init__(
        self,
        size: Sizes,
        mode: str,
        align_corners: bool = False,
        scale: tuple[float, ...] | None = None,
    ) -> None:
        self.size, self.mode = size, mode
        self.align_corners, self.scale = align_corners, scale

    def weights(self, size: Sizes, dtype: np.dtype[Any]) -> list[Any]:
        """Return the matrices of interpolation."""
        precision = np.result_type(dtype, np.float32)
        scale = (None,) * len(size) if self.scale is None else self.scale
        return [
            kernels.interpolation_weights(n, length, self.mode, self.align_corners, s, precision)
            for n, length, s in zip(size, self.size, scale, strict=True)
        ]


class ResampleAdjoint(Function):
    """Adjoint of a resampling of images of such a size: gx = resampled g."""

    def __init__(self, resample: _Resample, size: Sizes) -> None:
        self.resample, self.size = resample, size

    def forward(self, x: Array) -> Array:
        weights = self.resample.weights(self.size, x.dtype)
        return kernels.resample(x, [along.mT for along in weights])

    def backward(self, g: Value) -> Value:
        return self.resample(g)


# -- what users call -----------------------------------------------------------------------------


def adaptive_avg_pool1d(x: TensorLike, output_size: Any) -> Tensor:
    """Return the mean of each of ``output_size`` parts of signals (N, C, L) or (C, L).

    The rest as `adaptive_avg_pool2d`.
    """
    return _adaptive_avg_pool("adaptive_avg_pool1d", 1, x, output_size)


def adaptive_avg_pool2d(x: TensorLike, output_size: Any) -> Tensor:
    """Return the mean of each of H' × W' parts of the images; 1 is the mean of all pixels.

    Parameters
    ----------
    x : Tensor, shape (N, C, H, W) or (C, H, W)
    output_size : int, or pair of int or None
        H' and W'; None leaves an axis as it is.  Part i of an axis of length n goes from
        ``floor(i n / n')`` to ``ceil((i + 1) n / n')``.

    Returns
    -------
    Tensor, shape (N, C, H', W') or (C, H', W')

    Raises
    ------
    ValueError
        If the images have no pixels, or a size is negative.
    """
    return _adaptive_avg_pool("adaptive_avg_pool2d", 2, x, output_size)


def adaptive_avg_pool3d(x: TensorLike, output_size: Any) -> Tensor:
    """Return the mean of each of D' × H' × W' parts of volumes; as `adaptive_avg_pool2d`."""
    return _adaptive_avg_pool("adaptive_avg_pool3d", 3, x, output_size)


def _adaptive_avg_pool(caller: str, rank: int, x: TensorLike, output_size: Any) -> Tensor:
    images, single = as_batch(caller, floating(caller, x), rank)
    if 0 in images.shape[2:]:
        raise ValueError(f"{caller}: x of shape {images.shape} has no pixels")
    size = adaptive_size(caller, output_size, images.shape[2:])
    return single_again(AdaptiveAvgPool(size).apply(images), single)


MODES = {  # the kernel's mode, and the number of spatial axes
    "nearest": ("nearest", (1, 2, 3)),
    "nearest-exact": ("nearest-exact", (1, 2, 3)),
    "linear": ("linear", (1,)),
    "bilinear": ("linear", (2,)),
    "trilinear": ("linear", (3,)),
    "bicubic": ("cubic", (2,)),
    "area": ("area", (1, 2, 3)),
}


def interpolate(
    x: TensorLike,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Return images of another size, as PyTorch's interpolate does.

    Parameters
    ----------
    x : Tensor, shape (N, C, L), (N, C, H, W) or (N, C, D, H, W)
    size : int or sequence of ints
        The new spatial lengths; either these or ``scale_factor``.
    scale_factor : float or sequence of floats
        How many times as long each axis becomes, rounded down.
    mode : str
        "nearest", "nearest-exact", "area" (means of parts, as `adaptive_avg_pool2d`), "linear" for
        signals, "bilinear" or "bicubic" for images, "trilinear" for volumes.
    align_corners : bool, optional
        Whether the centres of the corner pixels stay in place, and not their outer corners; for
        the linear modes and "bicubic" only.
    recompute_scale_factor : bool, optional
        Take the new lengths, rounded down, for the true factor.
    antialias : bool
        Must be False: there is no smoothing before an image shrinks.

    Returns
    -------
    Tensor, shape (N, C, H', W') or alike

    Raises
    ------
    ValueError
        If the mode does not fit the shape, or not exactly one of ``size`` and ``scale_factor`` is
        given.

    Examples
    --------
    >>> import tinygraph as tg
    >>> x = tg.tensor([[[1.0, 3.0]]])
    >>> tg.nn.functional.interpolate(x, scale_factor=2, mode="linear").tolist()
    [[[1.0, 1.5, 2.5, 3.0]]]
    """
    x = floating("interpolate", x)
    rank = x.ndim - 2
    if mode not in MODES or rank not in MODES[mode][1] or 0 in x.shape[1:]:
        raise ValueError(f"interpolate: mode {mode!r} does not fit x of shape {x.shape}")
    if antialias:
        raise ValueError("interpolate: antialias=True is not supported")
    if align_corners is not None and MODES[mode][0] not in ("linear", "cubic"):
        raise ValueError(f"interpolate: align_corners does not go with mode {mode!r}")
    if (size is None) == (scale_factor is None):
        raise ValueError("interpolate: give either size or scale_factor")
    if size is not None:
        if recompute_scale_factor:
            raise ValueError("interpolate: recompute_scale_factor goes with scale_factor only")
        scale, lengths = None, sizes("interpolate", "size", size, rank, 1)
    else:
        scale = _scales(scale_factor, rank)
        lengths = tuple(math.floor(n * s) for n, s in zip(x.shape[2:], scale, strict=True))
        if min(lengths) < 1:
            raise ValueError(f"interpolate: scale_factor {scale_factor!r} leaves nothing of x")
    if mode == "area":
        return AdaptiveAvgPool(lengths).apply(x)
    scale = None if recompute_scale_factor else scale
    return Interpolate(lengths, MODES[mode][0], bool(align_corners), scale).apply(x)


def _scales(scale_factor: Any, rank: int) -> tuple[float, ...]:
    scale = scale_factor if isinstance(scale_factor, Sequence) else (scale_factor,) * rank
    if len(scale) != rank or not all(
        isinstance(s, (int, float, np.integer, np.floating)) and math.isfinite(s) for s in scale
    ):
        raise TypeError(
            f"interpolate: scale_factor must be a number or {rank} of them, not {scale_factor!r}"
        )
    return tuple(map(float, scale))


def pixel_shuffle(x: TensorLike, upscale_factor: int) -> Tensor:
    """Return channels laid out as pixels: (..., C r², H, W) -> (..., C, H r, W r).

    Raises
    ------
    ValueError
        If the channels do not divide so.
    """
    x, r = as_tensor(x), _factor("pixel_shuffle", "upscale_factor", upscale_factor)
    if x.ndim < 3 or x.shape[-3] % (r * r):
        raise ValueError(
            f"pixel_shuffle: x must have shape (..., C * {r * r}, H, W), not {x.shape}"
        )
    *batch, c, h, w = x.shape
    n = len(batch)
    y = x.reshape(*batch, c // (r * r), r, r, h, w)
    y = y.permute(*range(n + 1), n + 3, n + 1, n + 4, n + 2)
    return y.reshape(*batch, c // (r * r), h * r, w * r)


def pixel_unshuffle(x: TensorLike, downscale_factor: int) -> Tensor:
    """Undo `pixel_shuffle`: (..., C, H r, W r) -> (..., C r², H, W).

    Raises
    ------
    ValueError
        If the factor does not divide height and width.
    """
    x, r = as_tensor(x), _factor("pixel_unshuffle", "downscale_factor", downscale_factor)
    if x.ndim < 3 or x.shape[-2] % r or x.shape[-1] % r:
        raise ValueError(
            f"pixel_unshuffle: x must have shape (..., C, H * {r}, W * {r}), not {x.shape}"
        )
    *batch, c, h, w = x.shape
    n = len(batch)
    y = x.reshape(*batch, c, h // r, r, w // r, r)
    y = y.permute(*range(n + 1), n + 2, n + 4, n + 1, n + 3)
    return y.reshape(*batch, c * r * r, h // r, w // r)


def channel_shuffle(x: TensorLike, groups: int) -> Tensor:
    """Return the channels of the groups in turn: (N, C, ...) -> (N, C, ...).

    Raises
    ------
    ValueError
        If the channels do not split into the groups.
    """
    x, groups = as_tensor(x), _factor("channel_shuffle", "groups", groups)
    if x.ndim < 3 or x.shape[1] % groups:
        raise ValueError(
            f"channel_shuffle: x must have shape (N, C * {groups}, ...), not {x.shape}"
        )
    n, c, *size = x.shape
    split = x.reshape(n, groups, c // groups, *size)
    return split.permute(0, 2, 1, *range(3, split.ndim)).reshape(x.shape)


def _factor(caller: str, name: str, value: int) -> int:
    return sizes(caller, name, value, 1, 1)[0]
