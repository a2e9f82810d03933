"""Tests of numbers, and connectives of truth values and of bits: no gradient."""

from __future__ import annotations

import numpy as np

from .._function import Function
from .._tensor import Array, Tensor, TensorLike, as_tensor


class IsNaN(Function):
    """Whether x is NaN."""

    def forward(self, x: Array) -> Array:
        return np.isnan(x)


class IsInf(Function):
    """Whether x is inf or -inf."""

    def forward(self, x: Array) -> Array:
        return np.isinf(x)


class IsFinite(Function):
    """Whether x is neither NaN nor infinite."""

    def forward(self, x: Array) -> Array:
        return np.isfinite(x)


class LogicalAnd(Function):
    """Whether both are true, that is not 0."""

    broadcasts = True

    def forward(self, a: Array, b: Array) -> Array:
        return np.logical_and(a, b)


class LogicalOr(Function):
    """Whether one of two is true, that is not 0."""

    broadcasts = True

    def forward(self, a: Array, b: Array) -> Array:
        return np.logical_or(a, b)


class LogicalXor(Function):
    """Whether just one of two is true, that is not 0."""

    broadcasts = True

    def forward(self, a: Array, b: Array) -> Array:
        return np.logical_xor(a, b)


class BitwiseAnd(Function):
    """The bits that both have; for booleans, whether both are true."""

    broadcasts = True

    def forward(self, a: Array, b: Array) -> Array:
        return np.bitwise_and(a, b)


class BitwiseOr(Function):
    """The bits that at least one has; for booleans, whether one is true."""

    broadcasts = True

    def forward(self, a: Array, b: Array) -> Array:
        return np.bitwise_or(a, b)


class BitwiseXor(Function):
    """The bits that just one has; for booleans, whether just one is true."""

    broadcasts = True

    def forward(self, a: Array, b: Array) -> Array:
        return np.bitwise_xor(a, b)


isnan_, isinf_, isfinite_ = IsNaN(), IsInf(), IsFinite()
logical_and_, logical_or_, logical_xor_ = LogicalAnd(), LogicalOr(), LogicalXor()
bitwise_and_, bitwise_or_, bitwise_xor_ = BitwiseAnd(), BitwiseOr(), BitwiseXor()


# -- what users call -----------------------------------------------------------------------------


def isnan(x: TensorLike) -> Tensor:
    """Return where ``x`` is NaN."""
    return isnan_.apply(x)


def isinf(x: TensorLike) -> Tensor:
    """Return where ``x`` is inf or -inf."""
    return isinf_.apply(x)


def isfinite(x: TensorLike) -> Tensor:
    """Return where ``x`` is neither NaN nor infinite."""
    return isfinite_.apply(x)


def logical_and(a: TensorLike, b: TensorLike) -> Tensor:
    """Return where ``a`` and ``b`` are both true, that is not 0."""
    return logical_and_.apply(a, b)


def logical_or(a: TensorLike, b: TensorLike) -> Tensor:
    """Return where ``a`` or ``b`` is true, that is not 0, or both."""
    return logical_or_.apply(a, b)


def logical_xor(a: TensorLike, b: TensorLike) -> Tensor:
    """Return where either ``a`` or ``b`` is true, that is not 0, but not both."""
    return logical_xor_.apply(a, b)


def _bits(operator: str, function: Function, a: TensorLike, b: TensorLike) -> Tensor:
    for x in map(as_tensor, (a, b)):
        if x.dtype.kind == "f":
            raise TypeError(
                f"{operator} joins booleans or integers, not {x.dtype}; "
                "see tinygraph.logical_and and its like"
            )
    return function.apply(a, b)


def bitwise_and(a: TensorLike, b: TensorLike) -> Tensor:
    """Return ``a & b``: where both masks are true, or the bits that both integers have.

    Raises
    ------
    TypeError
        If one of them is neither boolean nor integer.

    Examples
    --------
    >>> import tinygraph as tg
    >>> x = tg.arange(5)
    >>> ((x > 0) & (x < 3)).tolist()
    [False, True, True, False, False]
    """
    return _bits("&", bitwise_and_, a, b)


def bitwise_or(a: TensorLike, b: TensorLike) -> Tensor:
    """Return ``a | b``: where a mask is true, or the bits of integers; raises as `bitwise_and`."""
    return _bits("|", bitwise_or_, a, b)


def bitwise_xor(a: TensorLike, b: TensorLike) -> Tensor:
    """Return ``a ^ b``: where masks, or the bits of integers, differ; raises as `bitwise_and`."""
    return _bits("^", bitwise_xor_, a, b)
