"""Exponentials, logarithms, roots, trigonometric and hyperbolic functions, and erf.

Integers and booleans become the default dtype first.
"""

from __future__ import annotations

import math

import numpy as np

from .. import kernels
from .._function import Function, Value
from .._tensor import Array, Tensor, TensorLike
from .elementwise import Clip, apply_real, exp_, multiply_, sigmoid_, sqrt_

# -- exponentials and logarithms -----------------------------------------------------------------


class Exp2(Function):
    """2 to the power x: gx = g y log 2."""

    def forward(self, x: Array) -> Array:
        return np.exp2(x)

    def backward(self, g: Value, y: Value) -> Value:
        return g * (y * math.log(2))


class Expm1(Function):
    """exp(x) - 1, exact near 0: gx = g (y + 1)."""

    def forward(self, x: Array) -> Array:
        return np.expm1(x)

    def backward(self, g: Value, y: Value) -> Value:
        return g * (y + 1)


class Log1p(Function):
    """log(1 + x), exact near 0: gx = g / (1 + x)."""

    def forward(self, x: Array) -> Array:
        return np.log1p(x)

    def backward(self, g: Value, x: Value) -> Value:
        return g / (1 + x)


class Log2(Function):
    """Logarithm to base 2: gx = g / (x log 2)."""

    def forward(self, x: Array) -> Array:
        return np.log2(x)

    def backward(self, g: Value, x: Value) -> Value:
        return g / (x * math.log(2))


class Log10(Function):
    """Logarithm to base 10: gx = g / (x log 10)."""

    def forward(self, x: Array) -> Array:
        return np.log10(x)

    def backward(self, g: Value, x: Value) -> Value:
        return g / (x * math.log(10))


class LogAddExp(Function):
    """log(exp(a) + exp(b)), which overflows nowhere: ga = g sigmoid(a - b), gb = g sigmoid(b - a).

    Where both are -inf, or both inf, the gradients are NaN.
    """

    broadcasts = True

    def forward(self, a: Array, b: Array) -> Array:
        return np.logaddexp(a, b)

    def backward(self, g: Value, a: Value, b: Value) -> Value:
        return g * sigmoid_(a - b), g * sigmoid_(b - a)


class LogAddExp2(Function):
    """log2(2^a + 2^b): ga = g / (1 + 2^(b - a)), gb = g / (1 + 2^(a - b)), as for `LogAddExp`."""

    broadcasts = True

    def forward(self, a: Array, b: Array) -> Array:
        return np.logaddexp2(a, b)

    def backward(self, g: Value, a: Value, b: Value) -> Value:
        difference = (a - b) * math.log(2)
        return g * sigmoid_(difference), g * sigmoid_(-difference)


# -- powers and roots ----------------------------------------------------------------------------


class Square(Function):
    """x²: gx = 2 g x."""

    def forward(self, x: Array) -> Array:
        return np.square(x)

    def backward(self, g: Value, x: Value) -> Value:
        return g * (2 * x)


class Reciprocal(Function):
    """1 / x: gx = -g y²."""

    def forward(self, x: Array) -> Array:
        return np.reciprocal(x)

    def backward(self, g: Value, y: Value) -> Value:
        return -g * y * y


class Rsqrt(Function):
    """1 / sqrt(x): gx = -g y³ / 2."""

    def forward(self, x: Array) -> Array:
        return np.reciprocal(np.sqrt(x))

    def backward(self, g: Value, y: Value) -> Value:
        return g * y * y * y * -0.5


class Cbrt(Function):
    """Cube root: gx = g / 3y² (infinite at 0)."""

    def forward(self, x: Array) -> Array:
        return np.cbrt(x)

    def backward(self, g: Value, y: Value) -> Value:
        return g / (3 * y * y)


class Hypot(Function):
    """sqrt(a² + b²), which overflows nowhere: ga = g a / y, gb = g b / y, both 0 at the origin."""

    broadcasts = True

    def forward(self, a: Array, b: Array) -> Array:
        return np.hypot(a, b)

    def backward(self, g: Value, a: Value, b: Value, y: Value) -> Value:
        y = y + (y == 0)
        return g * (a / y), g * (b / y)


# -- trigonometric functions ---------------------------------------------------------------------


class Sin(Function):
    """Sine: gx = g cos x."""

    def forward(self, x: Array) -> Array:
        return np.sin(x)

    def backward(self, g: Value, x: Value) -> Value:
        return g * cos_(x)


class Cos(Function):
    """Cosine: gx = -g sin x."""

    def forward(self, x: Array) -> Array:
        return np.cos(x)

    def backward(self, g: Value, x: Value) -> Value:
        return -g * sin_(x)


class Tan(Function):
    """Tangent: gx = g (1 + y²)."""

    def forward(self, x: Array) -> Array:
        return np.tan(x)

    def backward(self, g: Value, y: Value) -> Value:
        return g * (1 + y * y)


class Arcsin(Function):
    """Inverse sine: gx = g / sqrt(1 - x²) (infinite at ±1)."""

    def forward(self, x: Array) -> Array:
        return np.arcsin(x)

    def backward(self, g: Value, x: Value) -> Value:
        return g / sqrt_((1 - x) * (1 + x))


class Arccos(Function):
    """Inverse cosine: gx = -g / sqrt(1 - x²) (infinite at ±1)."""

    def forward(self, x: Array) -> Array:
        return np.arccos(x)

    def backward(self, g: Value, x: Value) -> Value:
        return -g / sqrt_((1 - x) * (1 + x))


class Arctan(Function):
    """Inverse tangent: gx = g / (1 + x²)."""

    def forward(self, x: Array) -> Array:
        return np.arctan(x)

    def backward(self, g: Value, x: Value) -> Value:
        h = hypot_(x, 1)  # x² would overflow
        return g / h / h


class Arctan2(Function):
    """Angle of the point (b, a): ga = g b / (a² + b²), gb = -g a / (a² + b²), 0 at the origin."""

    broadcasts = True

    def forward(self, a: Array, b: Array) -> Array:
        return np.arctan2(a, b)

    def backward(self, g: Value, a: Value, b: Value) -> Value:
        h = hypot_(a, b)
        h = h + (h == 0)
        g = g / h
        return g * (b / h), -g * (a / h)

    def branch(self, a: Array, b: Array) -> tuple[Array, ...]:
        return (np.signbit(a) & (b < 0),)  # the jump from pi to -pi


# -- hyperbolic functions ------------------------------------------------------------------------


class Sinh(Function):
    """Hyperbolic sine: gx = g cosh x."""

    def forward(self, x: Array) -> Array:
        return np.sinh(x)

    def backward(self, g: Value, x: Value) -> Value:
        return g * cosh_(x)


class Cosh(Function):
    """Hyperbolic cosine: gx = g sinh x."""

    def forward(self, x: Array) -> Array:
        return np.cosh(x)

    def backward(self, g: Value, x: Value) -> Value:
        return g * sinh_(x)


class Arcsinh(Function):
    """Inverse hyperbolic sine: gx = g / sqrt(x² + 1)."""

    def forward(self, x: Array) -> Array:
        return np.arcsinh(x)

    def backward(self, g: Value, x: Value) -> Value:
        return g / hypot_(x, 1)


class Arccosh(Function):
    """Inverse hyperbolic cosine: gx = g / sqrt(x² - 1) (infinite at 1)."""

    def forward(self, x: Array) -> Array:
        return np.arccosh(x)

    def backward(self, g: Value, x: Value) -> Value:
        return g / (sqrt_(x - 1) * sqrt_(x + 1))


class Arctanh(Function):
    """Inverse hyperbolic tangent: gx = g / (1 - x²) (infinite at ±1)."""

    def forward(self, x: Array) -> Array:
        return np.arctanh(x)

    def backward(self, g: Value, x: Value) -> Value:
        return g / ((1 - x) * (1 + x))


class Erf(Function):
    """Error function, 2 / sqrt(pi) times the integral of exp(-t²) from 0 to x.

    gx = 2 g exp(-x²) / sqrt(pi).
    """

    def forward(self, x: Array) -> Array:
        return kernels.erf(x)

    def backward(self, g: Value, x: Value) -> Value:
        return g * (bell(x) * (2 / math.sqrt(math.pi)))


def bell(x: Value) -> Value:
    """Return exp(-x²), for a rule; beyond ±30, where that is 0 in every dtype, x² may overflow."""
    x = _narrow(x)
    return exp_(-x * x)


exp2_, expm1_, log1p_, log2_, log10_ = Exp2(), Expm1(), Log1p(), Log2(), Log10()
logaddexp_, logaddexp2_, square_ = LogAddExp(), LogAddExp2(), Square()
reciprocal_, rsqrt_ = Reciprocal(), Rsqrt()
cbrt_, hypot_, sin_, cos_, tan_, arcsin_, arccos_ = (
    Cbrt(),
    Hypot(),
    Sin(),
    Cos(),
    Tan(),
    Arcsin(),
    Arccos(),
)
arctan_, arctan2_, sinh_, cosh_ = Arctan(), Arctan2(), Sinh(), Cosh()
arcsinh_, arccosh_, arctanh_, erf_ = Arcsinh(), Arccosh(), Arctanh(), Erf()
_narrow = Clip(-30, 30)


# -- what users call -----------------------------------------------------------------------------


def exp2(x: TensorLike) -> Tensor:
    """Return 2 to the power ``x``."""
    return apply_real(exp2_, x)


def expm1(x: TensorLike) -> Tensor:
    """Return exp(x) - 1, exact also near 0."""
    return apply_real(expm1_, x)


def log1p(x: TensorLike) -> Tensor:
    """Return log(1 + x), exact also near 0."""
    return apply_real(log1p_, x)


def log2(x: TensorLike) -> Tensor:
    """Return the logarithm of ``x`` to base 2."""
    return apply_real(log2_, x)


def log10(x: TensorLike) -> Tensor:
    """Return the logarithm of ``x`` to base 10."""
    return apply_real(log10_, x)


def square(x: TensorLike) -> Tensor:
    """Return ``x`` times itself; integers stay integers."""
    return square_.apply(x)


def reciprocal(x: TensorLike) -> Tensor:
    """Return 1 / x, of integers too (where NumPy rounds towards 0)."""
    return apply_real(reciprocal_, x)


def rsqrt(x: TensorLike) -> Tensor:
    """Return 1 / sqrt(x)."""
    return apply_real(rsqrt_, x)


def cbrt(x: TensorLike) -> Tensor:
    """Return the cube root of ``x``; its gradient is infinite at 0."""
    return apply_real(cbrt_, x)


def deg2rad(x: TensorLike) -> Tensor:
    """Return an angle in degrees as radians."""
    return multiply_.apply(x, math.pi / 180)


def rad2deg(x: TensorLike) -> Tensor:
    """Return an angle in radians as degrees."""
    return multiply_.apply(x, 180 / math.pi)


def sin(x: TensorLike) -> Tensor:
    """Return the sine of ``x``, an angle in radians."""
    return apply_real(sin_, x)


def cos(x: TensorLike) -> Tensor:
    """Return the cosine of ``x``, an angle in radians."""
    return apply_real(cos_, x)


def tan(x: TensorLike) -> Tensor:
    """Return the tangent of ``x``, an angle in radians."""
    return apply_real(tan_, x)


def arcsin(x: TensorLike) -> Tensor:
    """Return the angle from -pi/2 to pi/2 whose sine is ``x``; its gradient is infinite at ±1."""
    return apply_real(arcsin_, x)


def arccos(x: TensorLike) -> Tensor:
    """Return the angle from 0 to pi whose cosine is ``x``; its gradient is infinite at ±1."""
    return apply_real(arccos_, x)


def arctan(x: TensorLike) -> Tensor:
    """Return the angle from -pi/2 to pi/2 whose tangent is ``x``."""
    return apply_real(arctan_, x)


def sinh(x: TensorLike) -> Tensor:
    """Return the hyperbolic sine of ``x``."""
    return apply_real(sinh_, x)


def cosh(x: TensorLike) -> Tensor:
    """Return the hyperbolic cosine of ``x``."""
    return apply_real(cosh_, x)


def arcsinh(x: TensorLike) -> Tensor:
    """Return the inverse hyperbolic sine of ``x``."""
    return apply_real(arcsinh_, x)


def arccosh(x: TensorLike) -> Tensor:
    """Return the inverse hyperbolic cosine of ``x``; its gradient is infinite at 1."""
    return apply_real(arccosh_, x)


def arctanh(x: TensorLike) -> Tensor:
    """Return the inverse hyperbolic tangent of ``x``; its gradient is infinite at ±1."""
    return apply_real(arctanh_, x)


def erf(x: TensorLike) -> Tensor:
    """Return the error function of ``x``, to full precision."""
    return apply_real(erf_, x)


def arctan2(a: TensorLike, b: TensorLike) -> Tensor:
    """Return the angle of the point with ordinate ``a`` and abscissa ``b``, from -pi to pi.

    The gradients at the origin are 0.

    Examples
    --------
    >>> import tinygraph as tg
    >>> tg.arctan2([1.0, 0.0], [0.0, -1.0]).tolist()
    [1.5707963705062866, 3.1415927410125732]
    """
    return apply_real(arctan2_, a, b)


def hypot(a: TensorLike, b: TensorLike) -> Tensor:
    """Return sqrt(a² + b²), which overflows nowhere; the gradients at the origin are 0."""
    return apply_real(hypot_, a, b)


def logaddexp(a: TensorLike, b: TensorLike) -> Tensor:
    """Return log(exp(a) + exp(b)), which overflows nowhere.

    Examples
    --------
    >>> import tinygraph as tg
    >>> tg.logaddexp(1e4, -1e4).item()
    10000.0
    """
    return apply_real(logaddexp_, a, b)


def logaddexp2(a: TensorLike, b: TensorLike) -> Tensor:
    """Return log2(2**a + 2**b), which overflows nowhere."""
    return apply_real(logaddexp2_, a, b)
