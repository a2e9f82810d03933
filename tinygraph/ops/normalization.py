"""Normalisation, and what goes with it in a network: dropout."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _random
from .._function import Function, Value
from .._tensor import Array, Tensor, TensorLike, as_tensor
from ._arguments import floating
from .elementwise import multiply_


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
        mean, var = self.mean(x), self.var(x)
        scale = (var + self.eps) ** -0.5
        if w is not None:
            scale = scale * _channels(w, x.ndim)
        y = (x - mean) * scale
        if b is not None:
            y += _channels(b, x.ndim)
        return y, mean, var

    def mean(self, x: Value) -> Value:
        return x.mean(axis=_not_channels(x), keepdims=True)

    def var(self, x: Value) -> Value:
        return x.var(axis=_not_channels(x), keepdims=True)

    def backward(self, g: Value, x: Value, w: Value, mean: Value, var: Value, needs: Any) -> Value:
        axes = _not_channels(x)
        rate = (var + self.eps) ** -0.5
        normal = (x - mean) * rate
        gb = g.sum(axis=axes, keepdims=True)
        gw = (g * normal).sum(axis=axes, keepdims=True)
        gx = None
        if needs.x:
            n = x.size // x.shape[1]
            scale = rate if w is None else rate * _channels(w, x.ndim)
            gx = scale * (g - gb / n - normal * (gw / n))
        return gx, gw.reshape(-1) if needs.w else None, gb.reshape(-1) if needs.b else None


def _not_channels(x: Value) -> tuple[int, ...]:
    return (0, *range(2, x.ndim))


def _channels(p: Value, ndim: int) -> Value:
    return p.reshape(1, -1, *(1,) * (ndim - 2))


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
    """Normalise each channel: by the batch when training (or nothing is running), else by what ran.

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
        If a shape does not match, or a channel has a single value to take the variance of.

    Notes
    -----
    Ioffe and Szegedy, *Batch Normalization*, 2015.
    """
    x = floating("batch_norm", x)
    if x.ndim < 2:
        raise ValueError(f"batch_norm: x must have shape (N, C, ...), not {x.shape}")
    running = {"running_mean": running_mean, "running_var": running_var}
    for name, statistic in running.items():
        if not isinstance(statistic, (Tensor, type(None))):
            raise TypeError(
                f"batch_norm: {name} must be a Tensor, which training writes into, "
                f"not {type(statistic).__name__}"
            )
    for name, value in {"weight": weight, "bias": bias, **running}.items():
        if value is not None and np.shape(value) != x.shape[1:2]:
            raise ValueError(
                f"batch_norm: {name} must have shape {x.shape[1:2]} (x has shape {x.shape}), "
                f"not {np.shape(value)}"
            )
    if not training and running_mean is not None and running_var is not None:
        rate = (_channels(running_var, x.ndim) + eps) ** -0.5
        scale = rate if weight is None else rate * _channels(as_tensor(weight), x.ndim)
        y = (x - _channels(running_mean, x.ndim)) * scale
        return y if bias is None else y + _channels(as_tensor(bias), x.ndim)
    n = math.prod(x.shape) // max(x.shape[1], 1)
    if n < 2:
        raise ValueError(
            f"batch_norm: a variance needs more than one value per channel, x has shape {x.shape}"
        )
    y, mean, var = BatchNorm(eps).apply_with_aux(x, weight, bias)
    if training:
        for old, new in ((running_mean, mean.data), (running_var, var.data * n / (n - 1))):
            if old is not None:
                old.data = (1 - momentum) * old.data + momentum * new.reshape(-1)
    return y


def dropout(
    x: TensorLike,
    p: float = 0.5,
    training: bool = True,
    generator: np.random.Generator | None = None,
) -> Tensor:
    """Set each element to 0 with probability ``p`` and scale the others by 1 / (1 - p).

    Parameters
    ----------
    x : Tensor
    p : float
        From 0 to 1.
    training : bool
        Return ``x`` as it is when False.
    generator : numpy.random.Generator, optional
        Default: the one that `tinygraph.manual_seed` restarts.

    Raises
    ------
    ValueError
        If ``p`` is not a probability.
    """
    if not isinstance(p, (int, float)):
        raise TypeError(f"dropout: p must be a number, not {type(p).__name__}")
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: p must be from 0 to 1, not {p}")
    x = floating("dropout", x)
    if not training or p == 0:
        return x
    kept = _random.generator(generator).random(x.shape) >= p
    mask = as_tensor(kept.astype(x.dtype) * x.dtype.type(1 / (1 - p) if p < 1 else 0))
    mask.name = "dropout mask"
    return multiply_.apply(x, mask)
