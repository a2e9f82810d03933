"""Layers that normalise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import DTypeLike

from .._tensor import Array, Shape, Tensor, TensorLike, as_tensor, get_default_dtype
from . import functional
from .layers import _check_positive
from .module import Module, Parameter


def _zeros(shape: int | Shape, dtype: DTypeLike | None) -> Array:
    return np.zeros(shape, get_default_dtype() if dtype is None else dtype)


class _Channels(Module):
    """A scale, a shift and running averages for each channel, where wanted."""

    layouts: ClassVar[dict[int, str]]  # the inputs it takes: number of dimensions -> shape

    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float,
        momentum: float | None,
        affine: bool,
        track_running_stats: bool,
        dtype: DTypeLike | None,
    ) -> None:
        super().__init__()
        _check_positive(type(self).__name__, num_features=num_features)
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        zeros = _zeros(num_features, dtype)
        self.weight = Parameter(zeros + 1) if affine else None
        self.bias = Parameter(zeros) if affine else None
        track = track_running_stats
        self.register_buffer("running_mean", zeros if track else None)
        self.register_buffer("running_var", zeros + 1 if track else None)
        self.register_buffer("num_batches_tracked", np.zeros((), np.int64) if track else None)

    def _read(self, x: TensorLike) -> Tensor:
        x = as_tensor(x)
        if x.ndim not in self.layouts:
            shapes = " or ".join(self.layouts.values())
            raise ValueError(f"{type(self).__name__}: x must have shape {shapes}, not {x.shape}")
        return x

    def _factor(self) -> float:
        """Count a batch in training, and return how far the averages move towards it."""
        if self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked.data = self.num_batches_tracked.data + 1
            if self.momentum is None:
                return 1 / int(self.num_batches_tracked)
        return self.momentum or 0.0


class _BatchNorm(_Channels):
    """Batch normalisation of any number of dimensions."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, dtype)

    def forward(self, x: TensorLike) -> Tensor:
        """Normalise; the shape stays."""
        return functional.batch_norm(
            self._read(x),
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or self.running_mean is None,
            self._factor(),
            self.eps,
        )


class BatchNorm1d(_BatchNorm):
    """Batch normalisation of (N, C) or (N, C, L); all else as `BatchNorm2d`."""

    layouts: ClassVar = {2: "(N, C)", 3: "(N, C, L)"}


class BatchNorm2d(_BatchNorm):
    """Each channel normalised to mean 0 and variance 1, then scaled and shifted.

    By the statistics of the batch in training, which running averages follow; by those averages
    in evaluation.

    Parameters
    ----------
    num_features : int
        The number of channels.
    eps : float
        Added to the variance.
    momentum : float or None
        How far the running averages move towards each batch; None: to the mean of all batches.
    affine : bool
        Whether to learn a scale and a shift for each channel.
    track_running_stats : bool
        Without running averages the batch counts in evaluation too.
    dtype : dtype, optional
        Of parameters and averages; the default dtype unless given.

    Attributes
    ----------
    weight, bias : Parameter, shape (num_features,), or None
    running_mean, running_var : Tensor, shape (num_features,), or None
        Buffers; the variance is the unbiased one.
    num_batches_tracked : Tensor, shape (), or None
        A buffer: the number of batches in training so far.

    Raises
    ------
    ValueError
        If ``num_features`` is not positive, or the input has another shape.
    """

    layouts: ClassVar = {4: "(N, C, H, W)"}


class BatchNorm3d(_BatchNorm):
    """Batch normalisation of (N, C, D, H, W); all else as `BatchNorm2d`."""

    layouts: ClassVar = {5: "(N, C, D, H, W)"}


class _InstanceNorm(_Channels):
    """Instance normalisation of any number of dimensions."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        *,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, dtype)

    def forward(self, x: TensorLike) -> Tensor:
        """Normalise; the shape stays.  A sample alone, (C, L...), is taken as well."""
        x = self._read(x)
        alone = x.ndim == min(self.layouts)
        batch = x.unsqueeze(0) if alone else x
        if batch.shape[1] != self.num_features:
            raise ValueError(
                f"{type(self).__name__}: x must have {self.num_features} channels, not shape "
                f"{x.shape}"
            )
        y = functional.instance_norm(
            batch,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or self.running_mean is None,
            self.momentum or 0.0,
            self.eps,
        )
        return y.squeeze(0) if alone else y


class InstanceNorm1d(_InstanceNorm):
    """Instance normalisation of (N, C, L) or (C, L); all else as `InstanceNorm2d`."""

    layouts: ClassVar = {2: "(C, L)", 3: "(N, C, L)"}


class InstanceNorm2d(_InstanceNorm):
    """Each channel of each sample normalised to mean 0 and variance 1, then scaled and shifted.

    Parameters
    ----------
    num_features : int
        The number of channels.
    eps : float
        Added to the variance.
    momentum : float
        How far running averages, where there are some, move towards each batch.
    affine : bool
        Whether to learn a scale and a shift for each channel.
    track_running_stats : bool
        Whether to follow the statistics in training, and use them in evaluation.
    dtype : dtype, optional
        Of parameters and averages; the default dtype unless given.

    Attributes
    ----------
    weight, bias : Parameter, shape (num_features,), or None
    running_mean, running_var : Tensor, shape (num_features,), or None

    Raises
    ------
    ValueError
        If ``num_features`` is not positive, or the input has another shape.
    """

    layouts: ClassVar = {3: "(C, H, W)", 4: "(N, C, H, W)"}


class InstanceNorm3d(_InstanceNorm):
    """Instance normalisation of (N, C, D, H, W) or (C, D, H, W); all else as `InstanceNorm2d`."""

    layouts: ClassVar = {4: "(C, D, H, W)", 5: "(N, C, D, H, W)"}


class GroupNorm(Module):
    """Groups of channels of each sample normalised, then each channel scaled and shifted.

    Parameters
    ----------
    num_groups : int
        A divisor of ``num_channels``.
    num_channels : int
    eps : float
        Added to the variance.
    affine : bool
        Whether to learn a scale and a shift for each channel.
    dtype : dtype, optional
        Of the parameters; the default dtype unless given.

    Attributes
    ----------
    weight, bias : Parameter, shape (num_channels,), or None

    Raises
    ------
    ValueError
        If the groups do not divide the channels.
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        *,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__()
        _check_positive("GroupNorm", num_groups=num_groups, num_channels=num_channels)
        if num_channels % num_groups:
            raise ValueError(
                f"GroupNorm: {num_groups} groups must divide num_channels = {num_channels}"
            )
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        zeros = _zeros(num_channels, dtype)
        self.weight = Parameter(zeros + 1) if affine else None
        self.bias = Parameter(zeros) if affine else None

    def forward(self, x: TensorLike) -> Tensor:
        """(N, C, ...) -> (N, C, ...)."""
        return functional.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)


def _shape(caller: str, normalized_shape: int | Sequence[int]) -> Shape:
    given = (
        (normalized_shape,) if isinstance(normalized_shape, (int, np.integer)) else normalized_shape
    )
    if not isinstance(given, Sequence):
        raise TypeError(
            f"{caller}: normalized_shape must be an int or a sequence of ints, "
            f"not {normalized_shape!r}"
        )
    shape = tuple(given)
    for size in shape:
        _check_positive(caller, normalized_shape=size)
    return shape


class LayerNorm(Module):
    """Each sample normalised to mean 0 and variance 1 over its last axes, then scaled and shifted.

    Parameters
    ----------
    normalized_shape : int or sequence of ints
        The lengths of those axes.
    eps : float
        Added to the variance.
    elementwise_affine : bool
        Whether to learn a scale and a shift for each element.
    bias : bool
        Whether to learn the shift.
    dtype : dtype, optional
        Of the parameters; the default dtype unless given.

    Attributes
    ----------
    weight, bias : Parameter, shape normalized_shape, or None

    Raises
    ------
    ValueError
        If a size is not positive, or the input has other last axes.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape("LayerNorm", normalized_shape)
        self.eps = eps
        zeros = _zeros(self.normalized_shape, dtype)
        self.weight = Parameter(zeros + 1) if elementwise_affine else None
        self.bias = Parameter(zeros) if elementwise_affine and bias else None

    def forward(self, x: TensorLike) -> Tensor:
        """Normalise; the shape stays."""
        return functional.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)


class RMSNorm(Module):
    """Each sample divided by its root mean square over its last axes, then scaled.

    Parameters
    ----------
    normalized_shape : int or sequence of ints
        The lengths of those axes.
    eps : float, optional
        Added to the mean square; the epsilon of the dtype, of float32 at least, unless given.
    elementwise_affine : bool
        Whether to learn a scale for each element.
    dtype : dtype, optional
        Of the parameters; the default dtype unless given.

    Attributes
    ----------
    weight : Parameter, shape normalized_shape, or None

    Raises
    ------
    ValueError
        If a size is not positive, or the input has other last axes.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        *,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape("RMSNorm", normalized_shape)
        self.eps = eps
        zeros = _zeros(self.normalized_shape, dtype)
        self.weight = Parameter(zeros + 1) if elementwise_affine else None

    def forward(self, x: TensorLike) -> Tensor:
        """Normalise; the shape stays."""
        return functional.rms_norm(x, self.normalized_shape, self.weight, self.eps)


class LocalResponseNorm(Module):
    """Each element divided by a power of the mean square of its neighbours in other channels.

    Parameters
    ----------
    size : int
        The number of neighbouring channels.
    alpha, beta, k : float
        As `functional.local_response_norm` takes them.
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, x: TensorLike) -> Tensor:
        """(N, C, L...) -> (N, C, L...)."""
        return functional.local_response_norm(x, self.size, self.alpha, self.beta, self.k)
