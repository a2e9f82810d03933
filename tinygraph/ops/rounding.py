"""Signs, roundings and remainders: what is constant, or linear, piece by piece."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._function import Function, Value
from .._tensor import Array, Tensor, TensorLike
from .elementwise import apply_real, where_


def _zero(g: Value) -> Value:
    """Return zeros, not None, so that an input that was used has a gradient."""
    return where_(True, 0, g)


class _Step(Function):
    def backward(self, g: Value) -> Value:
        return _zero(g)

    def branch(self, x: Array) -> tuple[Array, ...]:
        return (self.forward(x),)


class Sign(_Step):
    """-1, 0 or 1: gx = 0."""

    def forward(self, x: Array) -> Array:
        return np.sign(x)


class Floor(_Step):
    """Largest integer that is not above x: gx = 0."""

    def forward(self, x: Array) -> Array:
        return np.floor(x)


class Ceil(_Step):
    """Smallest integer that is not below x: gx = 0."""

    def forward(self, x: Array) -> Array:
        return np.ceil(x)


class Round(_Step):
    """Nearest number of so many decimals, the even one of two: gx = 0."""

    def __init__(self, decimals: int) -> None:
        self.decimals = decimals

    def forward(self, x: Array) -> Array:
        return np.round(x, self.decimals)


class Trunc(_Step):
    """Nearest integer towards 0: gx = 0."""

    def forward(self, x: Array) -> Array:
        return np.trunc(x)


class Copysign(Function):
    """a with the sign of b: ga = g, or -g where the sign changed, 0 at 0; gb = 0."""

    broadcasts = True

    def forward(self, a: Array, b: Array) -> Array:
        return np.copysign(a, b)

    def backward(self, g: Value, a: Value, y: Value, needs: Any) -> Value:
        return g * (sign_(a) * sign_(y)) if needs.a else None, _zero(g)

    def branch(self, a: Array, b: Array) -> tuple[Array, ...]:
        return np.sign(a), np.signbit(b)


class FloorDivide(Function):
    """Quotient of two, rounded down: ga = gb = 0."""

    broadcasts = True

    def forward(self, a: Array, b: Array) -> Array:
        return np.floor_divide(a, b)

    def backward(self, g: Value) -> Value:
        return _zero(g), _zero(g)

    def branch(self, a: Array, b: Array) -> tuple[Array, ...]:
        return (np.floor_divide(a, b),)


class Remainder(Function):
    """a - b floor(a / b), which has the sign of b: ga = g, gb = -g floor(a / b)."""

    broadcasts = True

    def forward(self, a: Array, b: Array) -> Array:
        return np.remainder(a, b)

    def backward(self, g: Value, a: Value, b: Value, needs: Any) -> Value:
        return g, -g * floor_divide_(a, b) if needs.b else None

    def branch(self, a: Array, b: Array) -> tuple[Array, ...]:
        return (np.floor_divide(a, b),)


class Fmod(Function):
    """a - b trunc(a / b), which has the sign of a: ga = g, gb = -g trunc(a / b)."""

    broadcasts = True

    def forward(self, a: Array, b: Array) -> Array:
        return np.fmod(a, b)

    def backward(self, g: Value, a: Value, b: Value, needs: Any) -> Value:
        return g, -g * trunc_(a / b) if needs.b else None

    def branch(self, a: Array, b: Array) -> tuple[Array, ...]:
        return (np.trunc(a / b),)


sign_, floor_, ceil_, round_, trunc_ = Sign(), Floor(), Ceil(), Round(0), Trunc()
copysign_, floor_divide_, remainder_, fmod_ = Copysign(), FloorDivide(), Remainder(), Fmod()


# -- what users call -----------------------------------------------------------------------------


def sign(x: TensorLike) -> Tensor:
    """Return -1, 0 or 1, the sign of ``x``; its gradient is 0."""
    return sign_.apply(x)


def floor(x: TensorLike) -> Tensor:
    """Return the largest integers not above ``x``, in its dtype; the gradient is 0."""
    return floor_.apply(x)


def ceil(x: TensorLike) -> Tensor:
    """Return the smallest integers not below ``x``, in its dtype; the gradient is 0."""
    return ceil_.apply(x)


def round(x: TensorLike, decimals: int = 0) -> Tensor:
    """Return ``x`` rounded to so many decimals, halves to even; the gradient is 0.

    Raises
    ------
    TypeError
        If ``decimals`` is not an integer.
    """
    if not isinstance(decimals, (int, np.integer)):
        raise TypeError(f"round: decimals must be an integer, not {type(decimals).__name__}")
    return Round(int(decimals)).apply(x)


def trunc(x: TensorLike) -> Tensor:
    """Return ``x`` rounded towards 0, in its dtype; the gradient is 0."""
    return trunc_.apply(x)


def copysign(a: TensorLike, b: TensorLike) -> Tensor:
    """Return ``a`` with the sign of ``b``, broadcast; the gradient of ``b``, and at 0, is 0."""
    return apply_real(copysign_, a, b)


def floor_divide(a: TensorLike, b: TensorLike) -> Tensor:
    """Return ``a // b``, the quotient rounded down, broadcast; the gradients are 0."""
    return floor_divide_.apply(a, b)


def remainder(a: TensorLike, b: TensorLike) -> Tensor:
    """Return ``a % b``, broadcast: what `floor_divide` leaves, with the sign of ``b``."""
    return remainder_.apply(a, b)


def fmod(a: TensorLike, b: TensorLike) -> Tensor:
    """Return what division towards 0 leaves of ``a``, broadcast, with the sign of ``a``.

    Examples
    --------
    >>> import tinygraph as tg
    >>> tg.fmod([-3, 3], 2).tolist(), tg.remainder([-3, 3], 2).tolist()
    ([-1, 1], [1, 1])
    """
    return fmod_.apply(a, b)
