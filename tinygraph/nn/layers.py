"""Layers: Modules around the operations, with parameters and attributes of their own."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import DTypeLike

from .._tensor import Shape, Tensor, TensorLike, as_tensor, get_default_dtype
from ..ops._arguments import IntOrPair, pair
from ..ops.shape import flatten
from . import functional, init
from .module import Module, Parameter


def _check_positive(caller: str, **sizes: int) -> None:
    for name, size in sizes.items():
        if not isinstance(size, (int, np.integer)) or size < 1:
            raise ValueError(f"{caller}: {name} must be an integer of at least 1, not {size!r}")


class _Affine(Module):
    """A weight (out, in, ...) and, if wanted, a bias (out,), started as PyTorch does.

    Both are uniform up to ±1 / sqrt(fan_in): Kaiming's bound at a = sqrt(5).
    """

    weight: Parameter
    bias: Parameter | None

    def _start(
        self,
        shape: Shape,
        bias: bool,
        dtype: DTypeLike | None,
        generator: np.random.Generator | None,
    ) -> None:
        dtype = get_default_dtype() if dtype is None else dtype
        self.weight = Parameter(np.zeros(shape, dtype))
        init.kaiming_uniform_(self.weight, math.sqrt(5), generator=generator)
        self.bias = None
        if bias:
            self.bias = Parameter(np.zeros(shape[:1], dtype))
            bound = 1 / math.sqrt(math.prod(shape[1:]))
            init.uniform_(self.bias, -bound, bound, generator)


class Linear(_Affine):
    """Affine map ``x @ weight.T + bias``: (..., in_features) -> (..., out_features).

    Parameters
    ----------
    in_features, out_features : int
    bias : bool
    dtype : dtype, optional
        Of the parameters; the default dtype unless given.
    generator : numpy.random.Generator, optional
        Draws the initial values, uniform up to ±1 / sqrt(in_features); default: the one that
        `tinygraph.manual_seed` restarts.

    Attributes
    ----------
    weight : Parameter, shape (out_features, in_features)
    bias : Parameter, shape (out_features,), or None

    Raises
    ------
    ValueError
        If a size is not positive.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        dtype: DTypeLike | None = None,
        generator: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        _check_positive("Linear", in_features=in_features, out_features=out_features)
        self.in_features = in_features
        self.out_features = out_features
        self._start((out_features, in_features), bias, dtype, generator)

    def forward(self, x: TensorLike) -> Tensor:
        """(..., in_features) -> (..., out_features)."""
        return functional.linear(x, self.weight, self.bias)


class Conv2d(_Affine):
    """Convolution of images: (N, in_channels, H, W) -> (N, out_channels, H', W').

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size, stride, padding, dilation : int or pair of ints
        Along height and width, in pixels; the padding is of zeros, on both sides.
    groups : int
        Split the channels into groups that see only their own filters.
    bias : bool
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

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrPair,
        stride: IntOrPair = 1,
        padding: IntOrPair = 0,
        dilation: IntOrPair = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        dtype: DTypeLike | None = None,
        generator: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        _check_positive("Conv2d", in_channels=in_channels, out_channels=out_channels, groups=groups)
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"Conv2d: {groups} groups must divide both in_channels = {in_channels} and "
                f"out_channels = {out_channels}"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = pair("Conv2d", "kernel_size", kernel_size, 1)
        self.stride = pair("Conv2d", "stride", stride, 1)
        self.padding = pair("Conv2d", "padding", padding, 0)
        self.dilation = pair("Conv2d", "dilation", dilation, 1)
        self.groups = groups
        shape = (out_channels, in_channels // groups, *self.kernel_size)
        self._start(shape, bias, dtype, generator)

    def forward(self, x: TensorLike) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, H', W')."""
        return functional.conv2d(
            x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups
        )


class MaxPool2d(Module):
    """Maximum of each window: (N, C, H, W) -> (N, C, H', W').

    Parameters
    ----------
    kernel_size, stride, padding, dilation : int or pair of ints
        In pixels; the stride is the kernel size unless given.  Padding counts as -inf.
    ceil_mode : bool
        Keep a last window that sticks out of the image: sizes are rounded up.
    """

    def __init__(
        self,
        kernel_size: IntOrPair,
        stride: IntOrPair | None = None,
        padding: IntOrPair = 0,
        dilation: IntOrPair = 1,
        *,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.ceil_mode = ceil_mode

    def forward(self, x: TensorLike) -> Tensor:
        """(N, C, H, W) -> (N, C, H', W')."""
        return functional.max_pool2d(
            x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode
        )


class AvgPool2d(Module):
    """Mean of each window: (N, C, H, W) -> (N, C, H', W').

    Parameters
    ----------
    kernel_size, stride, padding : int or pair of ints
        In pixels; the stride is the kernel size unless given.  The padding is of zeros.
    ceil_mode : bool
        Keep a last window that sticks out of the image: sizes are rounded up.
    count_include_pad : bool
        Count the padding among the elements of a window.
    """

    def __init__(
        self,
        kernel_size: IntOrPair,
        stride: IntOrPair | None = None,
        padding: IntOrPair = 0,
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
        """(N, C, H, W) -> (N, C, H', W')."""
        return functional.avg_pool2d(
            x, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad
        )


class BatchNorm2d(Module):
    """Each channel normalised to mean 0 and variance 1, then scaled and shifted.

    By the statistics of the batch in training, which running averages follow; by those averages
    in evaluation.

    Parameters
    ----------
    num_features : int
        The number of channels.
    eps : float
        Added to the variance.
    momentum : float
        How far the running averages move towards each batch.
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

    Raises
    ------
    ValueError
        If ``num_features`` is not positive, or the input has another shape.
    """

    running_mean: Tensor | None
    running_var: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__()
        _check_positive("BatchNorm2d", num_features=num_features)
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        zeros = np.zeros(num_features, get_default_dtype() if dtype is None else dtype)
        self.weight = Parameter(zeros + 1) if affine else None
        self.bias = Parameter(zeros) if affine else None
        self.register_buffer("running_mean", zeros if track_running_stats else None)
        self.register_buffer("running_var", zeros + 1 if track_running_stats else None)

    def forward(self, x: TensorLike) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        x = as_tensor(x)
        if x.ndim != 4:
            raise ValueError(f"BatchNorm2d: x must have shape (N, C, H, W), not {x.shape}")
        return functional.batch_norm(
            x,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training,
            self.momentum,
            self.eps,
        )


class ReLU(Module):
    """max(x, 0), of any shape."""

    def forward(self, x: TensorLike) -> Tensor:
        """Return max(x, 0)."""
        return functional.relu(x)


class Tanh(Module):
    """Hyperbolic tangent, of any shape."""

    def forward(self, x: TensorLike) -> Tensor:
        """Return tanh(x)."""
        return functional.tanh(x)


class Sigmoid(Module):
    """1 / (1 + exp(-x)), of any shape."""

    def forward(self, x: TensorLike) -> Tensor:
        """Return 1 / (1 + exp(-x))."""
        return functional.sigmoid(x)


class Flatten(Module):
    """The axes from ``start_dim`` to ``end_dim`` joined: (N, C, H, W) -> (N, C * H * W)."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, x: TensorLike) -> Tensor:
        """Join the axes."""
        return flatten(x, self.start_dim, self.end_dim)


class Dropout(Module):
    """In training, each element set to 0 with probability ``p``, the others scaled by 1 / (1 - p).

    Parameters
    ----------
    p : float
        From 0 to 1.
    generator : numpy.random.Generator, optional
        Default: the one that `tinygraph.manual_seed` restarts.
    """

    def __init__(self, p: float = 0.5, *, generator: np.random.Generator | None = None) -> None:
        super().__init__()
        self.p = p
        self._generator = generator

    def forward(self, x: TensorLike) -> Tensor:
        """Drop elements in training; return ``x`` as it is in evaluation."""
        return functional.dropout(x, self.p, self.training, self._generator)
