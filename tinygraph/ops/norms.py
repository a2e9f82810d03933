"""Vector norms, whose gradients are finite everywhere."""

from __future__ import annotations

import numpy as np

from .._function import Value
from .._tensor import Array, Tensor
from ._arguments import Axes
from .elementwise import abs_, where_
from .reduction import Reduction


class VectorNorm(Reduction):
    """(Σ |x|^p)^(1/p) over axes: gx = g sign(x) (|x| / y)^(p-1), 0 where x is 0.

    For p = 0 it is the number of elements other than 0, whose gradient is 0.
    """

    def __init__(self, axis: Axes, keepdims: bool, p: float) -> None:
        super().__init__(axis, keepdims)
        self.p = p

    def forward(self, x: Array) -> Array:
        if self.p == 0:
            return (x != 0).sum(axis=self.axis, keepdims=self.keepdims, dtype=x.dtype)
        wide = x.astype(np.float32) if x.dtype == np.float16 else x
        with np.errstate(divide="ignore"):  # 0 to a negative power
            powers = np.square(wide) if self.p == 2 else np.abs(wide) ** self.p
            total = powers.sum(axis=self.axis, keepdims=self.keepdims)
            y = np.sqrt(total) if self.p == 2 else total ** (1 / self.p)
        return np.asarray(y).astype(x.dtype, copy=False)

    def backward(self, g: Value, x: Value, y: Value) -> Value:
        if self.p == 0:
            return None
        g, y = self.restore(g, x.shape), self.restore(y, x.shape)
        ratio = x / where_(y == 0, 1, y)
        if self.p == 2:
            return g * ratio
        flat = (x == 0) + (y == 0)
        ratio = where_(flat, 1, abs_(ratio)) ** (self.p - 1)
        return g * where_(flat, 0, where_(x < 0, -ratio, ratio))

    def branch(self, x: Array) -> tuple[Array, ...]:
        even = self.p > 0 and self.p % 2 == 0  # a polynomial in x, to the power 1/p
        return () if even else (x > 0, x < 0)


def vector_norm_over(x: Tensor, p: float, axes: Axes, keepdims: bool) -> Tensor:
    """Return the p-norm over axes: for 0 the number of elements other than 0, for inf the largest.

    Raises
    ------
    ValueError
        If p is infinite and there is no element to choose from.
    """
    if p == 1:
        return x.abs().sum(axis=axes, keepdims=keepdims)
    if abs(p) == np.inf:
        size = x.abs()
        return (size.amax if p > 0 else size.amin)(axis=axes, keepdims=keepdims)
    return VectorNorm(axes, keepdims, p).apply(x)
