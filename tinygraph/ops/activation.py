"""Activations of neural networks, named and defined as PyTorch's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import kernels
from .._function import Function, Value
from .._tensor import Array, Tensor, TensorLike
from ._arguments import floating, number
from .elementwise import Clip, abs_, exp_, sigmoid_, tanh_, where_
from .transcendental import bell, erf_

# -- linear on both sides of 0 -------------------------------------------------------------------


class LeakyReLU(Function):
    """x where it is positive, else x times a fixed slope: gx = g or g times the slope."""

    def __init__(self, negative_slope: float) -> None:
        self.negative_slope = negative_slope

    def forward(self, x: Array) -> Array:
        return np.where(x > 0, x, x * self.negative_slope)

    def backward(self, g: Value, x: Value) -> Value:
        return where_(x > 0, g, g * self.negative_slope)

    def branch(self, x: Array) -> tuple[Array, ...]:
        return (x > 0,)


class PReLU(Function):
    """x where it is positive, else w x: gx = g or g w, gw = 0 or g x."""

    broadcasts = True

    def forward(self, x: Array, w: Array) -> Array:
        return np.where(x > 0, x, x * w)

    def backward(self, g: Value, x: Value, w: Value, needs: Any) -> Value:
        gx = where_(x > 0, g, g * w) if needs.x else None
        return gx, where_(x > 0, 0, g * x) if needs.w else None

    def branch(self, x: Array, w: Array) -> tuple[Array, ...]:
        return (x > 0,)


class Hardtanh(Function):
    """x limited to [low, high]: gx = g strictly between them, else 0."""

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high

    def forward(self, x: Array) -> Array:
        return np.clip(x, self.low, self.high)

    def backward(self, g: Value, x: Value) -> Value:
        return where_((x > self.low) * (x < self.high), g, 0)

    def branch(self, x: Array) -> tuple[Array, ...]:
        return x <= self.low, x >= self.high


class Hardsigmoid(Function):
    """(x + 3) / 6 limited to [0, 1]: gx = g / 6 where -3 < x < 3, else 0."""

    def forward(self, x: Array) -> Array:
        return np.clip(x + 3, 0, 6) / 6

    def backward(self, g: Value, x: Value) -> Value:
        return where_((x > -3) * (x < 3), g / 6, 0)

    def branch(self, x: Array) -> tuple[Array, ...]:
        return x <= -3, x >= 3


class Hardswish(Function):
    """x times its hard sigmoid: gx = 0 where x <= -3, g (2x + 3) / 6 where x < 3, else g."""

    def forward(self, x: Array) -> Array:
        return x * (np.clip(x + 3, 0, 6) / 6)

    def backward(self, g: Value, x: Value) -> Value:
        return where_(x < 3, where_(x > -3, g * (x / 3 + 0.5), 0), g)

    def branch(self, x: Array) -> tuple[Array, ...]:
        return x <= -3, x >= 3


# -- smooth --------------------------------------------------------------------------------------


class ELU(Function):
    """scale x where x is positive, else scale alpha (exp(rate x) - 1).

    gx = g scale, or g scale alpha rate exp(rate x).
    """

    def __init__(self, alpha: float, scale: float = 1.0, rate: float = 1.0) -> None:
        self.alpha, self.scale, self.rate = alpha, scale, rate

    def forward(self, x: Array) -> Array:
        below = np.expm1(np.minimum(x, 0) * self.rate)
        return np.where(x > 0, x, below * self.alpha) * self.scale

    def backward(self, g: Value, x: Value) -> Value:
        slope = exp_(where_(x > 0, 0, x) * self.rate) * (self.alpha * self.rate)
        return g * self.scale * where_(x > 0, 1, slope)

    def branch(self, x: Array) -> tuple[Array, ...]:
        return (x > 0,)


_selu = ELU(alpha=1.6732632423543772, scale=1.0507009873554805)


class GELU(Function):
    """x Φ(x), where Φ is the distribution function of the normal distribution.

    gx = g (Φ(x) + x exp(-x² / 2) / sqrt(2 pi)).
    """

    def forward(self, x: Array) -> Array:
        return x * _normal_cdf(x)

    def backward(self, g: Value, x: Value) -> Value:
        density = bell(x * math.sqrt(0.5)) * (1 / math.sqrt(2 * math.pi))
        return g * (_normal_cdf(x) + x * density)


def _normal_cdf(x: Value) -> Value:
    return (erf_(x * math.sqrt(0.5)) + 1) * 0.5


class TanhGELU(Function):
    """The approximation x s of GELU, where s = sigmoid(2 sqrt(2 / pi) (x + 0.044715 x³)).

    gx = g (s + x s (1 - s) s'), s' being the derivative of what is in parentheses.
    """

    scale = math.sqrt(8 / math.pi)

    def forward(self, x: Array) -> Array:
        z = _within(x)
        return x * sigmoid_(z * (self.scale + self.scale * 0.044715 * (z * z)))

    def backward(self, g: Value, x: Value) -> Value:
        z = _within(x)
        square = z * z
        s = sigmoid_(z * (self.scale + self.scale * 0.044715 * square))
        slope = self.scale + self.scale * 0.134145 * square
        return g * (s + z * s * (1 - s) * slope)


_within = Clip(-25, 25)  # beyond, the sigmoid is 0 or 1 in every dtype, but x³ may overflow


class SiLU(Function):
    """x sigmoid(x): gx = g s (1 + x (1 - s)), where s = sigmoid(x)."""

    def forward(self, x: Array) -> Array:
        return x * sigmoid_(x)

    def backward(self, g: Value, x: Value) -> Value:
        s = sigmoid_(x)
        return g * (s * (1 + x * (1 - s)))


class Mish(Function):
    """x t, where t = tanh(log(1 + exp(x))): gx = g (t + x (1 - t²) sigmoid(x))."""

    def forward(self, x: Array) -> Array:
        return x * np.tanh(kernels.softplus(x))

    def backward(self, g: Value, x: Value) -> Value:
        t = tanh_(_softplus(x))
        return g * (t + x * (1 - t * t) * sigmoid_(x))


class Softplus(Function):
    """log(1 + exp(beta x)) / beta, or x where beta x exceeds the threshold.

    gx = g sigmoid(beta x), or g.
    """

    def __init__(self, beta: float, threshold: float) -> None:
        self.beta, self.threshold = beta, threshold

    def forward(self, x: Array) -> Array:
        z = x * self.beta
        return np.where(z > self.threshold, x, kernels.softplus(z) / self.beta)

    def backward(self, g: Value, x: Value) -> Value:
        z = x * self.beta
        return where_(z > self.threshold, g, g * sigmoid_(z))

    def branch(self, x: Array) -> tuple[Array, ...]:
        return (x * self.beta > self.threshold,)


_softplus = Softplus(1, math.inf)


class Softsign(Function):
    """x / (1 + |x|): gx = g / (1 + |x|)²."""

    def forward(self, x: Array) -> Array:
        return x / (1 + np.abs(x))

    def backward(self, g: Value, x: Value) -> Value:
        d = 1 + abs_(x)
        return g / d / d

    def branch(self, x: Array) -> tuple[Array, ...]:
        return x > 0, x < 0


class LogSigmoid(Function):
    """log(1 / (1 + exp(-x))): gx = g sigmoid(-x)."""

    def forward(self, x: Array) -> Array:
        return -kernels.softplus(-x)

    def backward(self, g: Value, x: Value) -> Value:
        return g * sigmoid_(-x)


# -- what users call -----------------------------------------------------------------------------


def leaky_relu(x: TensorLike, negative_slope: float = 0.01) -> Tensor:
    """Return ``x`` where it is positive, else ``negative_slope`` times ``x``.

    The gradient at 0 is the slope.
    """
    slope = number("leaky_relu", "negative_slope", negative_slope)
    return LeakyReLU(slope).apply(floating("leaky_relu", x))


def prelu(x: TensorLike, weight: TensorLike) -> Tensor:
    """Return ``x`` where it is positive, else ``x`` times a weight that can be learnt.

    Parameters
    ----------
    x : Tensor, shape (N, C, ...), or any shape with a single weight
    weight : Tensor, shape (C,), (1,) or ()

    Raises
    ------
    ValueError
        If the shapes do not fit.
    TypeError
        If a dtype is not floating.
    """
    x, weight = floating("prelu", x), floating("prelu", weight)
    if weight.ndim > 1:
        raise ValueError(f"prelu: weight must have shape (C,), (1,) or (), not {weight.shape}")
    if weight.size != 1:
        channels = x.shape[1] if x.ndim > 1 else 1
        if weight.size != channels:
            raise ValueError(
                f"prelu: weight has {weight.size} elements but x {channels} channels "
                f"(shape {x.shape})"
            )
    lined_up = (weight.size, *(1,) * (x.ndim - 2)) if x.ndim > 1 else (1,) * x.ndim
    return PReLU().apply(x, weight.reshape(lined_up))


def elu(x: TensorLike, alpha: float = 1.0) -> Tensor:
    """Return ``x`` where it is positive, else alpha (exp(x) - 1)."""
    return ELU(number("elu", "alpha", alpha)).apply(floating("elu", x))


def selu(x: TensorLike) -> Tensor:
    """Return `elu`, scaled so that activations keep mean 0 and variance 1 from layer to layer."""
    return _selu.apply(floating("selu", x))


def gelu(x: TensorLike, approximate: str = "none") -> Tensor:
    """Return ``x`` times the probability that a normal number is smaller.

    Parameters
    ----------
    x : Tensor, any shape
    approximate : {"none", "tanh"}
        Exactly, or with tanh in the place of the distribution function.

    Raises
    ------
    ValueError
        If ``approximate`` is another.
    TypeError
        If the dtype is not floating.
    """
    x = floating("gelu", x)
    if approximate not in ("none", "tanh"):
        raise ValueError(f"gelu: approximate must be 'none' or 'tanh', not {approximate!r}")
    return (GELU() if approximate == "none" else TanhGELU()).apply(x)


def silu(x: TensorLike) -> Tensor:
    """Return ``x`` times sigmoid(x), also called swish."""
    return SiLU().apply(floating("silu", x))


def mish(x: TensorLike) -> Tensor:
    """Return ``x`` times tanh(softplus(x))."""
    return Mish().apply(floating("mish", x))


def softplus(x: TensorLike, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """Return log(1 + exp(beta x)) / beta, a smooth `relu`; it overflows nowhere.

    Where beta x exceeds ``threshold`` it is ``x`` itself, as PyTorch has it.

    Raises
    ------
    ValueError
        If ``beta`` is 0.
    TypeError
        If the dtype is not floating, or a parameter is no number.
    """
    beta = number("softplus", "beta", beta)
    if not beta:
        raise ValueError("softplus: beta must not be 0")
    threshold = number("softplus", "threshold", threshold)
    return Softplus(beta, threshold).apply(floating("softplus", x))


def softsign(x: TensorLike) -> Tensor:
    """Return x / (1 + abs(x))."""
    return Softsign().apply(floating("softsign", x))


def log_sigmoid(x: TensorLike) -> Tensor:
    """Return the logarithm of the sigmoid, exact also where that underflows."""
    return LogSigmoid().apply(floating("log_sigmoid", x))


def hardtanh(x: TensorLike, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """Return ``x`` limited to the numbers ``min_val`` and ``max_val``.

    The gradient at the limits is 0, other than that of `clip`.

    Raises
    ------
    ValueError
        If the limits are in the wrong order.
    TypeError
        If the dtype is not floating, or a limit is no number.
    """
    low, high = number("hardtanh", "min_val", min_val), number("hardtanh", "max_val", max_val)
    if low > high:
        raise ValueError(f"hardtanh: min_val {low} is greater than max_val {high}")
    return Hardtanh(low, high).apply(floating("hardtanh", x))


def relu6(x: TensorLike) -> Tensor:
    """Return ``x`` limited to [0, 6]; the gradient is 0 at 0 and at 6."""
    return Hardtanh(0, 6).apply(floating("relu6", x))


def hardsigmoid(x: TensorLike) -> Tensor:
    """Return (x + 3) / 6 limited to [0, 1], a `sigmoid` made of three lines."""
    return Hardsigmoid().apply(floating("hardsigmoid", x))


def hardswish(x: TensorLike) -> Tensor:
    """Return ``x`` times hardsigmoid(x)."""
    return Hardswish().apply(floating("hardswish", x))
