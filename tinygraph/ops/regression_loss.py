"""Losses of regression: what a prediction differs by, and how unlikely a distribution finds it."""

from __future__ import annotations

import math
import warnings

import numpy as np

from .._function import Function, Value
from .._tensor import Array, Tensor, TensorLike, as_tensor
from ._arguments import floating
from .elementwise import abs, clip, exp, exp_, log, log_, where, where_
from .loss import labels_for, reduce_loss


class Huber(Function):
    """x²/2 up to |x| = delta, then delta (|x| - delta/2): gx = g x, cut off at ±delta."""

    def __init__(self, delta: float) -> None:
        self.delta = delta

    def forward(self, x: Array) -> Array:
        size = np.abs(x)
        capped = np.minimum(size, self.delta)
        return capped * (size - capped / 2)

    def backward(self, g: Value, x: Value) -> Value:
        capped = where_(x > self.delta, self.delta, where_(x < -self.delta, -self.delta, x))
        return g * capped

    def branch(self, x: Array) -> tuple[Array, ...]:
        return x > self.delta, x < -self.delta


class KLDivergence(Function):
    """t (log t - x), 0 - 0 x at t = 0, where x is a logarithm: gx = -g t, gt = g (log t - x + 1).

    At t = 0, gt = -g x.
    """

    broadcasts = True

    def forward(self, x: Array, t: Array) -> Array:
        with np.errstate(invalid="ignore"):  # a negative t: NaN
            return t * np.log(np.where(t == 0, 1, t)) - t * x

    def backward(self, g: Value, x: Value, t: Value) -> Value:
        zero = t == 0
        return -g * t, g * (where_(zero, 0, log_(where_(zero, 1, t)) + 1) - x)

    def branch(self, x: Array, t: Array) -> tuple[Array, ...]:
        return (t == 0,)


class KLDivergenceOfLogs(Function):
    """exp(t) (t - x), where both are logarithms: gx = -g exp(t), gt = g exp(t) (t - x + 1)."""

    broadcasts = True

    def forward(self, x: Array, t: Array) -> Array:
        return np.exp(t) * (t - x)

    def backward(self, g: Value, x: Value, t: Value) -> Value:
        weight = g * exp_(t)
        return -weight, weight * (t - x + 1)


# -- what users call -----------------------------------------------------------------------------


def _difference(caller: str, x: TensorLike, target: TensorLike) -> Tensor:
    """Return x - target, and warn where broadcasting pairs what may not belong together."""
    x = as_tensor(x)
    target = labels_for(x, target)
    difference = x - target
    if x.shape != target.shape:
        warnings.warn(
            f"{caller}: x of shape {x.shape} and target of shape {target.shape} are broadcast",
            stacklevel=3,
        )
    return difference


def mse_loss(x: TensorLike, target: TensorLike, reduction: str = "mean") -> Tensor:
    """Return the mean of the squared differences (or their sum, or the squares themselves).

    Warns
    -----
    UserWarning
        If the shapes differ, so that broadcasting pairs elements that may not belong together.
    """
    return reduce_loss("mse_loss", _difference("mse_loss", x, target) ** 2, reduction)


def l1_loss(x: TensorLike, target: TensorLike, *, reduction: str = "mean") -> Tensor:
    """Return the mean of the absolute differences (or their sum, or each); warns as `mse_loss`."""
    return reduce_loss("l1_loss", abs(_difference("l1_loss", x, target)), reduction)


def huber_loss(
    x: TensorLike, target: TensorLike, reduction: str = "mean", delta: float = 1.0
) -> Tensor:
    """Return half the square of each difference d up to delta, and delta (|d| - delta/2) beyond.

    Warns as `mse_loss`.

    Raises
    ------
    ValueError
        If ``delta`` is not positive.

    Examples
    --------
    >>> import tinygraph as tg
    >>> tg.nn.functional.huber_loss([0.5, -3.0], [0.0, 0.0], reduction="none").tolist()
    [0.125, 2.5]
    """
    if not delta > 0:
        raise ValueError(f"huber_loss: delta must be positive, not {delta}")
    difference = _difference("huber_loss", x, target)
    return reduce_loss("huber_loss", Huber(float(delta)).apply(difference), reduction)


def smooth_l1_loss(
    x: TensorLike, target: TensorLike, *, reduction: str = "mean", beta: float = 1.0
) -> Tensor:
    """Return `huber_loss` with delta = beta, divided by beta; `l1_loss` at beta = 0.

    Warns as `mse_loss`.

    Raises
    ------
    ValueError
        If ``beta`` is negative.
    """
    if not beta >= 0:
        raise ValueError(f"smooth_l1_loss: beta must not be negative, but is {beta}")
    difference = _difference("smooth_l1_loss", x, target)
    losses = Huber(float(beta)).apply(difference) / beta if beta else abs(difference)
    return reduce_loss("smooth_l1_loss", losses, reduction)


def kl_div(
    x: TensorLike, target: TensorLike, *, reduction: str = "mean", log_target: bool = False
) -> Tensor:
    """Return the Kullback-Leibler divergence, target (log target - x), of each probability.

    Parameters
    ----------
    x : Tensor
        Logarithms of probabilities.
    target : Tensor
        Probabilities, broadcast with ``x``; their logarithms with ``log_target``.
    reduction : {"mean", "sum", "none", "batchmean"}
        The divergence as mathematics has it is "batchmean": the sum by the length of the first
        axis.
    log_target : bool

    Raises
    ------
    TypeError
        If a dtype is not floating.
    ValueError
        If ``reduction`` is none of the four.
    """
    x, target = floating("kl_div", x), floating("kl_div", target)
    losses = (KLDivergenceOfLogs() if log_target else KLDivergence()).apply(x, target)
    if reduction != "batchmean":
        return reduce_loss("kl_div", losses, reduction)
    if not x.ndim:
        raise ValueError("kl_div: x of shape () has no batch for reduction 'batchmean'")
    return losses.sum() / (x.shape[0] or math.nan)


def poisson_nll_loss(
    x: TensorLike,
    target: TensorLike,
    log_input: bool = True,
    *,
    full: bool = False,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Tensor:
    """Return how unlikely it is to count ``target`` events where ``x`` are expected.

    Parameters
    ----------
    x : Tensor
        The logarithm of the expected number, or with ``log_input=False`` that number.
    target : Tensor
    log_input : bool
    full : bool
        Add Stirling's approximation to log(target!), where target > 1.
    eps : float
        Added to ``x`` before its logarithm is taken, where ``log_input`` is False.
    reduction : {"mean", "sum", "none"}

    Raises
    ------
    ValueError
        If ``reduction`` is none of the three.
    """
    x = floating("poisson_nll_loss", x)
    target = labels_for(x, target)
    losses = exp(x) - target * x if log_input else x - target * log(x + eps)
    if full:
        many = target > 1
        n = where(many, target, 1)
        stirling = n * log(n) - n + 0.5 * log(2 * math.pi * n)
        losses = losses + where(many, stirling, 0)
    return reduce_loss("poisson_nll_loss", losses, reduction)


def gaussian_nll_loss(
    x: TensorLike,
    target: TensorLike,
    var: TensorLike,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """Return how unlikely ``target`` is, normally distributed around ``x`` with variance ``var``.

    Parameters
    ----------
    x, target : Tensor
    var : Tensor or float
        Of the shape of ``x``, or that without the last axis, or with one axis of length 1.
    full : bool
        Add the constant log(2 pi) / 2.
    eps : float
        The least variance; what is below counts as this, but keeps its gradient.
    reduction : {"mean", "sum", "none"}

    Raises
    ------
    ValueError
        If a variance is negative or does not fit ``x``, or ``eps`` is not positive.
    """
    x = floating("gaussian_nll_loss", x)
    target, var = labels_for(x, target), labels_for(x, var)
    if (var.data < 0).any():
        raise ValueError("gaussian_nll_loss: var holds a negative variance")
    if not eps > 0:
        raise ValueError(f"gaussian_nll_loss: eps must be positive, not {eps}")
    if var.ndim and var.shape == x.shape[:-1]:
        var = var.reshape(*var.shape, 1)
    different = [n for m, n in zip(x.shape, var.shape, strict=False) if m != n]
    if var.ndim and (var.ndim != x.ndim or different not in ([], [1])):
        raise ValueError(
            f"gaussian_nll_loss: var of shape {var.shape} does not fit x of shape {x.shape}"
        )
    var = var + (clip(var, eps) - var).detach()
    losses = 0.5 * (log(var) + (x - target) ** 2 / var)
    if full:
        losses = losses + 0.5 * math.log(2 * math.pi)
    return reduce_loss("gaussian_nll_loss", losses, reduction)
