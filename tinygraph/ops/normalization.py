"""Normalisation: by the batch, by the features, by the neighbours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import kernels
from .._function import Function, Value
from .._tensor import Array, Shape, Tensor, TensorLike, as_tensor
from ._arguments import floating, lengths
from .pool import avg_pool2d
from .reduction import ChannelSum
from .shape import pad


class BatchNorm(Function):
    """Each channel (axis 1) normalised by its mean and variance over the batch, then w x̂ + b.

    x̂ = (x - mean) / sqrt(var + eps);  gw = sum g x̂, gb = sum g,
    gx = w / sqrt(var + eps) (g - mean g - x̂ mean g x̂), means over all axes but 1.
    """

    aux = ("mean", "var")

    def __init__(self, eps: float) -> None:
        self.eps = eps

    def forward(
        self, x: Array, w: Array | None = None, b: Array | None = None
    ) -> tuple[Array, Array, Array]:
        mean, var = kernels.channel_moments(_wide(x))
        scale = (var + self.eps) ** -0.5
        if w is not None:
            scale = scale * _channels(w, x.ndim)
        offset = None if b is None else _channels(b, x.ndim)
        y = kernels.channel_affine(_wide(x), mean, scale, offset)
        return _narrow(y, x, w, b), mean, var

    def mean(self, x: Value) -> Value:
        return _wide(x).mean(axis=_not_channels(x), keepdims=True)

    def var(self, x: Value) -> Value:
        return _wide(x).var(axis=_not_channels(x), keepdims=True)

    def backward(self, g: Value, x: Value, w: Value, mean: Value, var: Value, needs: Any) -> Value:
        rate = (var + self.eps) ** -0.5
        gb = ChannelSum()(g)
        gw = ChannelDot()(g, x, mean) * rate
        gx = None
        if needs.x:
            n = x.size // x.shape[1]
            scale = rate if w is None else rate * _channels(w, x.ndim)
            gx = ChannelCombine()(g, x, mean, scale, -scale * rate * gw / n, -scale * gb / n)
        return gx, gw.reshape(-1) if needs.w else None, gb.reshape(-1) if needs.b else None


class ChannelDot(Function):
    """Sum of x (z - shift) over each channel: two (N, C, d...) and (1, C, 1...) -> (1, C, 1...).

    gx = g (z - shift), gz = g x, gshift = - g sum x.
    """

    def forward(self, x: Array, z: Array, shift: Array) -> Array:
        return kernels.channel_dot(x, z, shift)

    def backward(self, g: Value, x: Value, z: Value, shift: Value) -> Value:
        return g * (z - shift), g * x, -g * ChannelSum()(x)


class ChannelCombine(Function):
    """a x + b (z - shift) + c, where shift, a, b and c have the shape (1, C, 1...).

    gx = g a, gz = g b, gshift = - sum g b, ga = sum g x, gb = sum g (z - shift), gc = sum g.
    """

    broadcasts = True

    def forward(self, x: Array, z: Array, shift: Array, a: Array, b: Array, c: Array) -> Array:
        return kernels.channel_combine(x, z, shift, a, b, c)

    def backward(self, g: Value, x: Value, z: Value, shift: Value, a: Value, b: Value) -> Value:
        return g * a, g * b, -g * b, g * x, g * (z - shift), g


class LayerNorm(Function):
    """Each sample normalised by its mean and variance over the last ``ndim`` axes, then w x̂ + b.

    x̂ = (x - mean) / sqrt(var + eps);  gw = sum g x̂, gb = sum g over the other axes;
    with h = g w, gx = (h - mean h - x̂ mean h x̂) / sqrt(var + eps).
    """

    aux = ("mean", "var")

    def __init__(self, ndim: int, eps: float) -> None:
        self.ndim, self.eps = ndim, eps

    def forward(
        self, x: Array, w: Array | None = None, b: Array | None = None
    ) -> tuple[Array, Array, Array]:
        mean, var = self.mean(x), self.var(x)
        y = (x - mean) * (var + self.eps) ** -0.5
        if w is not None:
            y = y * w
        if b is not None:
            y = y + b
        return _narrow(y, x, w, b), mean, var

    def mean(self, x: Value) -> Value:
        return _wide(x).mean(axis=_last(self.ndim, x), keepdims=True)

    def var(self, x: Value) -> Value:
        return _wide(x).var(axis=_last(self.ndim, x), keepdims=True)

    def backward(self, g: Value, x: Value, w: Value, mean: Value, var: Value, needs: Any) -> Value:
        axes, others = _last(self.ndim, x), tuple(range(x.ndim - self.ndim))
        rate = (var + self.eps) ** -0.5
        normal = (x - mean) * rate
        gx = None
        if needs.x:
            h = g if w is None else g * w
            across = (h * normal).mean(axis=axes, keepdims=True)
            gx = rate * (h - h.mean(axis=axes, keepdims=True) - normal * across)
        gw = (g * normal).sum(axis=others) if needs.w else None
        return gx, gw, g.sum(axis=others) if needs.b else None


class RMSNorm(Function):
    """Each sample divided by its root mean square over the last ``ndim`` axes, then w x̂.

    x̂ = x / sqrt(square + eps), where square = mean x²;  gw = sum g x̂ over the other axes;
    with h = g w, gx = (h - x̂ mean h x̂) / sqrt(square + eps).
    """

    aux = ("square",)

    def __init__(self, ndim: int, eps: float) -> None:
        self.ndim, self.eps = ndim, eps

    def forward(self, x: Array, w: Array | None = None) -> tuple[Array, Array]:
        square = self.square(x)
        y = x * (square + self.eps) ** -0.5
        return _narrow(y if w is None else y * w, x, w), square

    def square(self, x: Value) -> Value:
        return (_wide(x) ** 2).mean(axis=_last(self.ndim, x), keepdims=True)

    def backward(self, g: Value, x: Value, w: Value, square: Value, needs: Any) -> Value:
        axes, others = _last(self.ndim, x), tuple(range(x.ndim - self.ndim))
        rate = (square + self.eps) ** -0.5
        normal = x * rate
        gx = None
        if needs.x:
            h = g if w is None else g * w
            gx = rate * (h - normal * (h * normal).mean(axis=axes, keepdims=True))
        return gx, (g * normal).sum(axis=others) if needs.w else None


def _not_channels(x: Value) -> tuple[int, ...]:
    return (0, *range(2, x.ndim))


def _channels(p: Value, ndim: int) -> Value:
    return p.reshape(1, -1, *(1,) * (ndim - 2))


def _last(ndim: int, x: Value) -> tuple[int, ...]:
    return tuple(range(x.ndim - ndim, x.ndim))


def _wide(x: Value) -> Value:
    """Return x in at least single precision: the square of a half would soon overflow."""
    return x.astype(np.float32) if x.dtype == np.float16 else x


def _narrow(y: Array, *inputs: Array | None) -> Array:
    """Return y in the dtype of the inputs."""
    return y.astype(np.result_type(*(a for a in inputs if a is not None)), copy=False)


# -- by the batch --------------------------------------------------------------------------------


def _check_shapes(caller: str, x: Tensor, shape: Shape, **values: TensorLike | None) -> None:
    for name, value in values.items():
        if value is not None and np.shape(value) != shape:
            raise ValueError(
                f"{caller}: {name} must have shape {shape} (x has shape {x.shape}), "
                f"not {np.shape(value)}"
            )


def _check_running(caller: str, **running: Tensor | None) -> None:
    for name, statistic in running.items():
        if not isinstance(statistic, (Tensor, type(None))):
            raise TypeError(
                f"{caller}: {name} must be a Tensor, which training writes into, "
                f"not {type(statistic).__name__}"
            )


def _affine(y: Tensor, weight: TensorLike | None, bias: TensorLike | None) -> Tensor:
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


def _scaled(y: Tensor, weight: TensorLike | None, bias: TensorLike | None) -> Tensor:
    """Return y times a weight and plus a bias for each channel."""
    aligned = (None if p is None else _channels(as_tensor(p), y.ndim) for p in (weight, bias))
    return _affine(y, *aligned)


def _follow(running: Tensor | None, new: Array, momentum: float) -> None:
    """Move a running statistic towards the new one."""
    if running is not None:
        running.data = (1 - momentum) * running.data + momentum * new


def batch_norm(
    x: TensorLike,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: TensorLike | None = None,
    bias: TensorLike | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each channel: by the batch when training, else by what ran.

    Parameters
    ----------
    x : Tensor, shape (N, C, ...)
    running_mean, running_var : Tensor, shape (C,), optional
        Moved towards those of the batch, by ``momentum``, when training.
    weight, bias : Tensor, shape (C,), optional
    training : bool
    momentum, eps : float

    Returns
    -------
    Tensor, shape (N, C, ...)

    Raises
    ------
    ValueError
        If a shape does not match, a channel has a single value to take the variance of, or there
        are no running statistics when not training.

    Notes
    -----
    Ioffe and Szegedy, *Batch Normalization*, 2015.
    """
    x = floating("batch_norm", x)
    if x.ndim < 2:
        raise ValueError(f"batch_norm: x must have shape (N, C, ...), not {x.shape}")
    running = {"running_mean": running_mean, "running_var": running_var}
    _check_running("batch_norm", **running)
    _check_shapes("batch_norm", x, x.shape[1:2], weight=weight, bias=bias, **running)
    if not training:
        if running_mean is None or running_var is None:
            raise ValueError("batch_norm: without training, running_mean and running_var are used")
        rate = (_channels(running_var, x.ndim) + eps) ** -0.5
        scale = rate if weight is None else rate * _channels(as_tensor(weight), x.ndim)
        return _scaled((x - _channels(running_mean, x.ndim)) * scale, None, bias)
    n = math.prod(x.shape) // max(x.shape[1], 1)
    if n < 2:
        raise ValueError(
            f"batch_norm: a variance needs more than one value per channel, x has shape {x.shape}"
        )
    y, mean, var = BatchNorm(eps).apply_with_aux(x, weight, bias)
    _follow(running_mean, mean.data.reshape(-1), momentum)
    _follow(running_var, var.data.reshape(-1) * (n / (n - 1)), momentum)
    return y


def instance_norm(
    x: TensorLike,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: TensorLike | None = None,
    bias: TensorLike | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each channel of each sample: by its own statistics, or else by what ran.

    Parameters
    ----------
    x : Tensor, shape (N, C, L...)
    running_mean, running_var : Tensor, shape (C,), optional
        Moved towards the means, over the batch, of the samples' statistics, by ``momentum``,
        where those are used.
    weight, bias : Tensor, shape (C,), optional
    use_input_stats : bool
    momentum, eps : float

    Returns
    -------
    Tensor, shape (N, C, L...)

    Raises
    ------
    ValueError
        If a shape does not match, a channel has a single value to take the variance of, or there
        are no running statistics where they are used.

    Notes
    -----
    Ulyanov, Vedaldi and Lempitsky, *Instance Normalization*, 2016.
    """
    x = floating("instance_norm", x)
    if not use_input_stats:
        return batch_norm(x, running_mean, running_var, weight, bias, False, momentum, eps)
    size = math.prod(x.shape[2:])
    if x.ndim < 3 or size == 1:
        raise ValueError(
            "instance_norm: x must have shape (N, C, L...) with more than one value per channel, "
            f"not {x.shape}"
        )
    running = {"running_mean": running_mean, "running_var": running_var}
    _check_running("instance_norm", **running)
    _check_shapes("instance_norm", x, x.shape[1:2], weight=weight, bias=bias, **running)
    if not x.size:
        return _scaled(x, weight, bias)
    y, mean, var = LayerNorm(x.ndim - 2, eps).apply_with_aux(x)
    _follow(running_mean, mean.data.mean(axis=0).reshape(-1), momentum)
    _follow(running_var, var.data.mean(axis=0).reshape(-1) * (size / (size - 1)), momentum)
    return _scaled(y, weight, bias)


# -- by the features -----------------------------------------------------------------------------


def _features(caller: str, x: Tensor, normalized_shape: Any, **parameters: Any) -> int:
    """Return how many axes at the end of x the normalised shape names."""
    if isinstance(normalized_shape, (int, np.integer)):
        normalized_shape = (normalized_shape,)
    shape = lengths(caller, "normalized_shape", normalized_shape)
    if not shape or x.shape[x.ndim - len(shape) :] != shape or x.ndim < len(shape):
        raise ValueError(
            f"{caller}: normalized_shape must be the last axes of x (shape {x.shape}), not {shape}"
        )
    _check_shapes(caller, x, shape, **parameters)
    return len(shape)


def layer_norm(
    x: TensorLike,
    normalized_shape: int | Sequence[int],
    weight: TensorLike | None = None,
    bias: TensorLike | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each sample to mean 0 and variance 1 over its last axes, then scale and shift.

    Parameters
    ----------
    x : Tensor, shape (..., *normalized_shape)
    normalized_shape : sequence of ints
    weight, bias : Tensor, shape normalized_shape, optional
    eps : float
        Added to the variance.

    Raises
    ------
    TypeError
        If the dtype is not floating.
    ValueError
        If a shape does not match.

    Notes
    -----
    Ba, Kiros and Hinton, *Layer Normalization*, 2016.

    Examples
    --------
    >>> import tinygraph as tg
    >>> y = tg.nn.functional.layer_norm(tg.tensor([[1.0, 3.0], [-5.0, 5.0]]), [2])
    >>> [[round(value, 3) for value in row] for row in y.tolist()]
    [[-1.0, 1.0], [-1.0, 1.0]]
    """
    x = floating("layer_norm", x)
    ndim = _features("layer_norm", x, normalized_shape, weight=weight, bias=bias)
    if not x.size:
        return _affine(x, weight, bias)
    return LayerNorm(ndim, eps).apply(x, weight, bias)


def rms_norm(
    x: TensorLike,
    normalized_shape: int | Sequence[int],
    weight: TensorLike | None = None,
    eps: float | None = None,
) -> Tensor:
    """Divide each sample by its root mean square over its last axes, then scale.

    Parameters
    ----------
    x : Tensor, shape (..., *normalized_shape)
    normalized_shape : sequence of ints
    weight : Tensor, shape normalized_shape, optional
    eps : float, optional
        Added to the mean square; the epsilon of the dtype, of float32 at least, unless given.

    Raises
    ------
    TypeError
        If the dtype is not floating.
    ValueError
        If a shape does not match.

    Notes
    -----
    Zhang and Sennrich, *Root Mean Square Layer Normalization*, 2019.
    """
    x = floating("rms_norm", x)
    ndim = _features("rms_norm", x, normalized_shape, weight=weight)
    if eps is None:
        eps = float(np.finfo(np.promote_types(x.dtype, np.float32)).eps)
    if not x.size:
        return _affine(x, weight, None)
    return RMSNorm(ndim, eps).apply(x, *(() if weight is None else (weight,)))


def group_norm(
    x: TensorLike,
    num_groups: int,
    weight: TensorLike | None = None,
    bias: TensorLike | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise groups of channels of each sample, then scale and shift each channel.

    Parameters
    ----------
    x : Tensor, shape (N, C, ...)
    num_groups : int
        A divisor of C.
    weight, bias : Tensor, shape (C,), optional
    eps : float
        Added to the variance.

    Raises
    ------
    TypeError
        If the dtype is not floating.
    ValueError
        If a shape does not match, or the groups do not divide the channels.

    Notes
    -----
    Wu and He, *Group Normalization*, 2018.
    """
    x = floating("group_norm", x)
    if x.ndim < 2:
        raise ValueError(f"group_norm: x must have shape (N, C, ...), not {x.shape}")
    if not isinstance(num_groups, (int, np.integer)) or num_groups < 1 or x.shape[1] % num_groups:
        raise ValueError(
            f"group_norm: num_groups must divide the {x.shape[1]} channels of x (shape "
            f"{x.shape}), not be {num_groups!r}"
        )
    _check_shapes("group_norm", x, x.shape[1:2], weight=weight, bias=bias)
    if x.size == num_groups:
        raise ValueError(
            f"group_norm: a variance needs more than one value per group, x has shape {x.shape}"
        )
    if not x.size:
        return _scaled(x, weight, bias)
    groups = x.reshape(x.shape[0], num_groups, math.prod(x.shape[1:]) // num_groups)
    return _scaled(LayerNorm(1, eps).apply(groups).reshape(x.shape), weight, bias)


# -- by the neighbours ---------------------------------------------------------------------------


def local_response_norm(
    x: TensorLike, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """Divide by (k + alpha s) ** beta, s the mean square over ``size`` neighbouring channels.

    Parameters
    ----------
    x : Tensor, shape (N, C, ...), at least 3 dimensions
    size : int
        Channels beyond the first and the last count as 0.
    alpha, beta, k : float

    Raises
    ------
    TypeError
        If the dtype is not floating.
    ValueError
        If ``x`` has fewer than 3 dimensions, or ``size`` is not positive.

    Notes
    -----
    Krizhevsky, Sutskever and Hinton, *ImageNet Classification with Deep Convolutional Neural
    Networks*, 2012.
    """
    x = floating("local_response_norm", x)
    if x.ndim < 3:
        raise ValueError(f"local_response_norm: x must have shape (N, C, L, ...), not {x.shape}")
    if not isinstance(size, (int, np.integer)) or size < 1:
        raise ValueError(f"local_response_norm: size must be an integer above 0, not {size!r}")
    if not x.size:
        return x
    n, channels, *rest = x.shape
    squares = (x * x).reshape(n, 1, channels, math.prod(rest))
    around = pad(squares, [(0, 0), (0, 0), (size // 2, (size - 1) // 2), (0, 0)])
    mean = avg_pool2d(around, (size, 1), 1).reshape(x.shape)
    return x / (mean * alpha + k) ** beta
