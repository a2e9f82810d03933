"""Elementwise operations: arithmetic, powers and exponentials, activations, selection."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from .. import kernels
from .._function import Function, Value
from .._tensor import Array, Tensor, TensorLike, as_tensor, as_tensors, get_default_dtype

# -- arithmetic ----------------------------------------------------------------------------------


class Add(Function):
    """Sum of two: ga = g, gb = g."""

    broadcasts = True

    def forward(self, a: Array, b: Array) -> Array:
        return a + b

    def backward(self, g: Value) -> Value:
        return g, g


class Subtract(Function):
    """Difference of two: ga = g, gb = -g."""

    broadcasts = True

    def forward(self, a: Array, b: Array) -> Array:
        return a - b

    def backward(self, g: Value, needs: Any) -> Value:
        return g, -g if needs.b else None


class Multiply(Function):
    """Product of two: ga = g b, gb = g a."""

    broadcasts = True

    def forward(self, a: Array, b: Array) -> Array:
        return a * b

    def backward(self, g: Value, a: Value, b: Value, needs: Any) -> Value:
        return g * b if needs.a else None, g * a if needs.b else None


class Divide(Function):
    """Quotient of two: ga = g / b, gb = -g a / b²."""

    broadcasts = True

    def forward(self, a: Array, b: Array) -> Array:
        return a / b

    def backward(self, g: Value, a: Value, b: Value, needs: Any) -> Value:
        ga = g / b
        return ga if needs.a else None, -ga * (a / b) if needs.b else None


class Negative(Function):
    """Negation: gx = -g."""

    def forward(self, x: Array) -> Array:
        return -x

    def backward(self, g: Value) -> Value:
        return -g


class Power(Function):
    """a to the power b: ga = g b a^(b-1), gb = g y log a.

    At a = b = 0, where a^(b-1) is infinite, ga is 0; where a = 0, gb is 0.
    """

    broadcasts = True

    def forward(self, a: Array, b: Array) -> Array:
        return a**b

    def backward(self, g: Value, a: Value, b: Value, y: Value, needs: Any) -> Value:
        ga = g * b * a ** (b - 1 + (a == 0) * (b == 0)) if needs.a else None
        gb = where_(a == 0, 0, g * y * log_(a + (a == 0))) if needs.b else None
        return ga, gb


class ScalarPower(Function):
    """x to the power of a fixed number p: gx = g p x^(p-1)."""

    def __init__(self, exponent: float) -> None:
        self.exponent = exponent

    def forward(self, x: Array) -> Array:
        return np.asarray(x**self.exponent)

    def backward(self, g: Value, x: Value) -> Value:
        p = self.exponent
        return g * (p * x ** (p - 1)) if p else None


# -- functions of one variable -------------------------------------------------------------------


class Exp(Function):
    """Exponential: gx = g y."""

    def forward(self, x: Array) -> Array:
        return np.exp(x)

    def backward(self, g: Value, y: Value) -> Value:
        return g * y


class Log(Function):
    """Natural logarithm: gx = g / x."""

    def forward(self, x: Array) -> Array:
        return np.log(x)

    def backward(self, g: Value, x: Value) -> Value:
        return g / x


class Sqrt(Function):
    """Square root: gx = g / 2y (infinite at 0)."""

    def forward(self, x: Array) -> Array:
        return np.sqrt(x)

    def backward(self, g: Value, y: Value) -> Value:
        return g / (2 * y)


class Abs(Function):
    """Absolute value: gx = g sign(x), 0 at 0."""

    def forward(self, x: Array) -> Array:
        return np.abs(x)

    def backward(self, g: Value, x: Value) -> Value:
        return where_(x > 0, g, where_(x < 0, -g, 0))

    def branch(self, x: Array) -> tuple[Array, ...]:
        return x > 0, x < 0


class Tanh(Function):
    """Hyperbolic tangent: gx = g (1 - y²)."""

    def forward(self, x: Array) -> Array:
        return np.tanh(x)

    def backward(self, g: Value, y: Value) -> Value:
        return g * (1 - y * y)


class Sigmoid(Function):
    """Logistic function 1 / (1 + exp(-x)): gx = g y (1 - y)."""

    def forward(self, x: Array) -> Array:
        return kernels.sigmoid(x)

    def backward(self, g: Value, y: Value) -> Value:
        return g * y * (1 - y)


class ReLU(Function):
    """max(x, 0): gx = 0 where y <= 0, else g."""

    def forward(self, x: Array) -> Array:
        return kernels.relu(x)

    def backward(self, g: Value, y: Value) -> Value:
        return where_(y <= 0, 0, g)

    def branch(self, x: Array) -> tuple[Array, ...]:
        return (x <= 0,)


class Clip(Function):
    """x limited to [low, high]: gx = g where low <= x <= high, else 0."""

    def __init__(self, low: float | None, high: float | None) -> None:
        self.low, self.high = low, high

    def forward(self, x: Array) -> Array:
        return np.clip(x, self.low, self.high)

    def backward(self, g: Value, x: Value) -> Value:
        if self.low is not None:
            g = where_(x >= self.low, g, 0)
        return g if self.high is None else where_(x <= self.high, g, 0)

    def branch(self, x: Array) -> tuple[Array, ...]:
        below = () if self.low is None else (x < self.low,)
        return below if self.high is None else (*below, x > self.high)


class Astype(Function):
    """Conversion to another dtype: gx = g, in the dtype of x."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype

    def forward(self, x: Array) -> Array:
        return x.astype(self.dtype)

    def backward(self, g: Value) -> Value:
        return g


class Clone(Function):
    """A copy: gx = g."""

    def forward(self, x: Array) -> Array:
        return x.copy()

    def backward(self, g: Value) -> Value:
        return g


# -- choices -------------------------------------------------------------------------------------


class Maximum(Function):
    """The larger of two; where they are equal or NaN, each gets half of g.

    ga = g where a > b, 0 where a < b, else g / 2; gb = g where a < b, 0 where a > b, else g / 2.
    """

    broadcasts = True

    def forward(self, a: Array, b: Array) -> Array:
        return np.maximum(a, b)

    def backward(self, g: Value, a: Value, b: Value) -> Value:
        return where_(a > b, g, where_(a < b, 0, g / 2)), where_(a < b, g, where_(a > b, 0, g / 2))

    def branch(self, a: Array, b: Array) -> tuple[Array, ...]:
        return a > b, a < b


class Minimum(Function):
    """The smaller of two; where they are equal or NaN, each gets half of g.

    ga = g where a < b, 0 where a > b, else g / 2; gb = g where a > b, 0 where a < b, else g / 2.
    """

    broadcasts = True

    def forward(self, a: Array, b: Array) -> Array:
        return np.minimum(a, b)

    def backward(self, g: Value, a: Value, b: Value) -> Value:
        return where_(a < b, g, where_(a > b, 0, g / 2)), where_(a > b, g, where_(a < b, 0, g / 2))

    def branch(self, a: Array, b: Array) -> tuple[Array, ...]:
        return a > b, a < b


class FMax(Function):
    """The larger of two, or the one that is not NaN, and a where they are equal.

    ga = g where a >= b or b is NaN, else 0; gb = 0 where a >= b or b is NaN, else g.
    """

    broadcasts = True

    def forward(self, a: Array, b: Array) -> Array:
        return np.fmax(a, b)

    def backward(self, g: Value, a: Value, b: Value) -> Value:
        first = (a >= b) + (b != b)
        return where_(first, g, 0), where_(first, 0, g)

    def branch(self, a: Array, b: Array) -> tuple[Array, ...]:
        return ((a >= b) | (b != b),)


class FMin(Function):
    """The smaller of two, or the one that is not NaN, and a where they are equal.

    ga = g where a <= b or b is NaN, else 0; gb = 0 where a <= b or b is NaN, else g.
    """

    broadcasts = True

    def forward(self, a: Array, b: Array) -> Array:
        return np.fmin(a, b)

    def backward(self, g: Value, a: Value, b: Value) -> Value:
        first = (a <= b) + (b != b)
        return where_(first, g, 0), where_(first, 0, g)

    def branch(self, a: Array, b: Array) -> tuple[Array, ...]:
        return ((a <= b) | (b != b),)


class Where(Function):
    """a where the condition holds, else b: ga = g there and 0 elsewhere, gb the other way round."""

    broadcasts = True

    def forward(self, condition: Array, a: Array, b: Array) -> Array:
        return kernels.where(condition, a, b)

    def backward(self, g: Value, condition: Value, needs: Any) -> Value:
        return (
            None,
            where_(condition, g, 0) if needs.a else None,
            where_(condition, 0, g) if needs.b else None,
        )


# -- comparisons: boolean Tensors, no gradient ---------------------------------------------------


class Equal(Function):
    """a == b."""

    broadcasts = True

    def forward(self, a: Array, b: Array) -> Array:
        return np.equal(a, b)


class NotEqual(Function):
    """a != b."""

    broadcasts = True

    def forward(self, a: Array, b: Array) -> Array:
        return np.not_equal(a, b)


class Less(Function):
    """a < b."""

    broadcasts = True

    def forward(self, a: Array, b: Array) -> Array:
        return np.less(a, b)


class LessEqual(Function):
    """a <= b."""

    broadcasts = True

    def forward(self, a: Array, b: Array) -> Array:
        return np.less_equal(a, b)


class Greater(Function):
    """a > b."""

    broadcasts = True

    def forward(self, a: Array, b: Array) -> Array:
        return np.greater(a, b)


class GreaterEqual(Function):
    """a >= b."""

    broadcasts = True

    def forward(self, a: Array, b: Array) -> Array:
        return np.greater_equal(a, b)


class LogicalNot(Function):
    """not x."""

    def forward(self, x: Array) -> Array:
        return np.logical_not(x)


class Invert(Function):
    """The bits that x has not."""

    def forward(self, x: Array) -> Array:
        return np.invert(x)


# One instance serves every call of a Function without attributes: rules are pure.
add_, subtract_, multiply_, divide_ = Add(), Subtract(), Multiply(), Divide()
negative_, power_, exp_, log_, sqrt_, abs_ = Negative(), Power(), Exp(), Log(), Sqrt(), Abs()
tanh_, sigmoid_, relu_, clone_ = Tanh(), Sigmoid(), ReLU(), Clone()
maximum_, minimum_, fmax_, fmin_, where_ = Maximum(), Minimum(), FMax(), FMin(), Where()
equal_, not_equal_, less_, less_equal_ = Equal(), NotEqual(), Less(), LessEqual()
greater_, greater_equal_ = Greater(), GreaterEqual()
logical_not_, invert_ = LogicalNot(), Invert()


# -- what users call -----------------------------------------------------------------------------


def apply_real(function: Function, *operands: TensorLike) -> Tensor:
    """Apply ``function`` in the default dtype if all its operands are integers or booleans."""
    for x in operands:
        if isinstance(x, Tensor) and x.dtype.kind == "f":
            return function.apply(*operands)
    tensors = as_tensors(operands)
    if not any(x is not None and x.dtype.kind == "f" for x in tensors):
        to_default = Astype(get_default_dtype())
        tensors = [x if x is None else to_default.apply(x) for x in tensors]
    return function.apply(*tensors)


def add(a: TensorLike, b: TensorLike) -> Tensor:
    """Return ``a + b``, broadcast."""
    return add_.apply(a, b)


def subtract(a: TensorLike, b: TensorLike) -> Tensor:
    """Return ``a - b``, broadcast."""
    return subtract_.apply(a, b)


def multiply(a: TensorLike, b: TensorLike) -> Tensor:
    """Return ``a * b``, broadcast."""
    return multiply_.apply(a, b)


def divide(a: TensorLike, b: TensorLike) -> Tensor:
    """Return ``a / b``, broadcast; of integers in the default dtype."""
    return apply_real(divide_, a, b)


def power(a: TensorLike, b: TensorLike) -> Tensor:
    """Return ``a ** b``, broadcast.

    Where ``a`` is 0, the gradient of ``b`` is 0, and that of ``a`` is finite for ``b`` = 0 (it is
    0) and ``b`` >= 1, but infinite in between, as that of `sqrt`.
    """
    if type(b) in (int, float) and isinstance(a, Tensor) and a.dtype.kind == "f":
        return ScalarPower(b).apply(a)  # type: ignore[arg-type]
    return power_.apply(a, b)


def negative(x: TensorLike) -> Tensor:
    """Return ``-x``."""
    return negative_.apply(x)


def exp(x: TensorLike) -> Tensor:
    """Return e to the power ``x``."""
    return apply_real(exp_, x)


def log(x: TensorLike) -> Tensor:
    """Return the natural logarithm of ``x``."""
    return apply_real(log_, x)


def sqrt(x: TensorLike) -> Tensor:
    """Return the square root of ``x``; its gradient is infinite at 0."""
    return apply_real(sqrt_, x)


def abs(x: TensorLike) -> Tensor:
    """Return the absolute value of ``x``; its gradient is 0 at 0."""
    return abs_.apply(x)


def tanh(x: TensorLike) -> Tensor:
    """Return the hyperbolic tangent of ``x``."""
    return apply_real(tanh_, x)


def sigmoid(x: TensorLike) -> Tensor:
    """Return 1 / (1 + exp(-x)); it overflows nowhere."""
    return apply_real(sigmoid_, x)


def relu(x: TensorLike) -> Tensor:
    """Return max(x, 0); its gradient is 0 at 0."""
    return relu_.apply(x)


def maximum(a: TensorLike, b: TensorLike) -> Tensor:
    """Return the larger of two, broadcast; where they are equal each gets half the gradient."""
    return maximum_.apply(a, b)


def minimum(a: TensorLike, b: TensorLike) -> Tensor:
    """Return the smaller of two, broadcast; where they are equal each gets half the gradient."""
    return minimum_.apply(a, b)


def fmax(a: TensorLike, b: TensorLike) -> Tensor:
    """Return the larger of two, broadcast, ignoring NaN; where they are equal ``a`` counts."""
    return fmax_.apply(a, b)


def fmin(a: TensorLike, b: TensorLike) -> Tensor:
    """Return the smaller of two, broadcast, ignoring NaN; where they are equal ``a`` counts."""
    return fmin_.apply(a, b)


def where(condition: TensorLike, a: TensorLike, b: TensorLike) -> Tensor:
    """Return ``a`` where the condition holds and ``b`` elsewhere, broadcast.

    What was not chosen gets a gradient of 0, whatever its value.

    Raises
    ------
    TypeError
        If the condition is not boolean.
    """
    mask = as_tensor(condition)
    if mask.dtype.kind != "b":
        raise TypeError(f"where: the condition must be boolean, not {mask.dtype}")
    return where_.apply(mask, *as_tensors((a, b)))


def clip(x: TensorLike, low: float | None = None, high: float | None = None) -> Tensor:
    """Return ``x`` limited to the numbers ``low`` and ``high``, of which one may be None.

    The gradient is that of ``x`` in between and at the limits, and 0 outside.

    Raises
    ------
    TypeError
        If a limit is not a number (for Tensors use `maximum` and `minimum`).
    ValueError
        If there is no limit.
    """
    if low is None and high is None:
        raise ValueError("clip: give low, high or both")
    for name, limit in (("low", low), ("high", high)):
        if not isinstance(limit, (int, float, np.integer, np.floating, type(None))):
            raise TypeError(
                f"clip: {name} must be a number or None, not {type(limit).__name__}; "
                "for Tensors use tg.maximum and tg.minimum"
            )
    # Python numbers are weak: float32 stays float32
    limits = (v.item() if isinstance(v, np.generic) else v for v in (low, high))
    return Clip(*limits).apply(x)


def astype(x: TensorLike, dtype: DTypeLike) -> Tensor:
    """Return a copy of ``x`` in another dtype; gradients come back in that of ``x``.

    Raises
    ------
    TypeError
        If ``dtype`` is not boolean, integer or real floating.
    """
    new = np.dtype(dtype)
    if new.kind not in "fiub":
        raise TypeError(f"astype: a Tensor holds booleans, integers or real floats, not {new}")
    return Astype(new).apply(x)


def clone(x: TensorLike) -> Tensor:
    """Return a copy of ``x`` that is part of the graph."""
    return clone_.apply(x)


def equal(a: TensorLike, b: TensorLike) -> Tensor:
    """Return the boolean Tensor ``a == b``."""
    return equal_.apply(a, b)


def not_equal(a: TensorLike, b: TensorLike) -> Tensor:
    """Return the boolean Tensor ``a != b``."""
    return not_equal_.apply(a, b)


def less(a: TensorLike, b: TensorLike) -> Tensor:
    """Return the boolean Tensor ``a < b``."""
    return less_.apply(a, b)


def less_equal(a: TensorLike, b: TensorLike) -> Tensor:
    """Return the boolean Tensor ``a <= b``."""
    return less_equal_.apply(a, b)


def greater(a: TensorLike, b: TensorLike) -> Tensor:
    """Return the boolean Tensor ``a > b``."""
    return greater_.apply(a, b)


def greater_equal(a: TensorLike, b: TensorLike) -> Tensor:
    """Return the boolean Tensor ``a >= b``."""
    return greater_equal_.apply(a, b)


def logical_not(x: TensorLike) -> Tensor:
    """Return the boolean Tensor ``not x``."""
    return logical_not_.apply(x)


def invert(x: TensorLike) -> Tensor:
    """Return ``~x``: the negation of booleans, the inverted bits of integers.

    Raises
    ------
    TypeError
        If ``x`` is neither boolean nor integer.

    Examples
    --------
    >>> import tinygraph as tg
    >>> (~tg.tensor([True, False])).tolist(), (~tg.tensor([0, 5])).tolist()
    ([False, True], [-1, -6])
    """
    bits = as_tensor(x)
    if bits.dtype.kind not in "biu":
        raise TypeError(
            f"~ inverts booleans and integers, not {bits.dtype}; see tinygraph.logical_not"
        )
    return (logical_not_ if bits.dtype.kind == "b" else invert_).apply(bits)
