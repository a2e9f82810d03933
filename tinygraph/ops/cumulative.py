"""Running sums and products, and the product of all: right where there are zeros, to every order.

No rule here divides by an element.  What the derivative of a product needs, the products of all
others, comes from running products of what lies before and after.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._function import Function, Value
from .._tensor import Array, Tensor, TensorLike, as_tensor
from ._arguments import Axes, Axis, normalize_axis
from .reduction import Reduction
from .selection import apply_along
from .shape import Pad


class Running(Function):
    """What runs along an axis: from its start, or in reverse from its end."""

    def __init__(self, axis: int, reverse: bool = False) -> None:
        self.axis, self.reverse = axis, reverse

    def steps(self, x: Array) -> Array:
        """Return a view of ``x`` with the axis first, in the order of running."""
        first = np.moveaxis(x, self.axis, 0)
        return first[::-1] if self.reverse else first

    def accumulate(self, ufunc: np.ufunc, x: Array) -> Array:
        """Return the running results of ``ufunc``, in memory in the order of ``x``."""
        along = (slice(None),) * self.axis + (slice(None, None, -1 if self.reverse else 1),)
        return ufunc.accumulate(x[along], self.axis)[along]

    def before(self, y: Value, start: float) -> Value:
        """Return what was there one step earlier, and ``start`` at the first step."""
        return _shift(y, self.axis, -1 if self.reverse else 1, start)

    def after(self, x: Value) -> Value:
        """Return what comes one step later, and 0 at the last step."""
        return _shift(x, self.axis, 1 if self.reverse else -1, 0)


def _shift(x: Value, axis: int, step: int, fill: float) -> Value:
    """Move ``x`` by one place along the axis, up or down, and fill the place that becomes free."""
    n = x.shape[axis]
    free = min(n, 1)
    rest = slice(0, n - free) if step > 0 else slice(free, n)
    width = (free, 0) if step > 0 else (0, free)
    widths = tuple(width if i == axis else (0, 0) for i in range(x.ndim))
    return Pad(widths, fill)(x[(slice(None),) * axis + (rest,)])


class CumSum(Running):
    """Running sum along an axis: gx = the running sum of g in the other direction."""

    def forward(self, x: Array) -> Array:
        return self.accumulate(np.add, x)

    def backward(self, g: Value) -> Value:
        return CumSum(self.axis, not self.reverse)(g)


class CumProd(Running):
    """Running product along an axis: gx = y[i-1] u, with u[i] = g[i] + x[i+1] u[i+1]."""

    def forward(self, x: Array) -> Array:
        return self.accumulate(np.multiply, x)

    def backward(self, g: Value, x: Value, y: Value) -> Value:
        u = LinearScan(self.axis, not self.reverse)(self.after(x), g)
        return self.before(y, 1) * u


class LinearScan(Running):
    """y[i] = a[i] y[i-1] + b[i] along an axis: gb = u[i] = g[i] + a[i+1] u[i+1], ga = u y[i-1]."""

    def forward(self, a: Array, b: Array) -> Array:
        y = b.copy()
        factors, results = self.steps(a), self.steps(y)
        for i in range(1, len(results)):
            results[i] += factors[i] * results[i - 1]
        return y

    def backward(self, g: Value, a: Value, y: Value, needs: Any) -> Value:
        u = LinearScan(self.axis, not self.reverse)(self.after(a), g)
        return u * self.before(y, 0) if needs.a else None, u


class Prod(Reduction):
    """Product over axes: gx = g times the product of all other elements."""

    def forward(self, x: Array) -> Array:
        return x.prod(axis=self.axis, keepdims=self.keepdims)

    def backward(self, g: Value, x: Value) -> Value:
        kept = tuple(i for i in range(x.ndim) if i not in self.axis)
        order: Axes = (*kept, *self.axis)
        moved = x.transpose(order)
        rows = moved.reshape((*(x.shape[i] for i in kept), self.count(x.shape)))
        others = _others(rows).reshape(moved.shape)
        return self.restore(g, x.shape) * others.transpose(tuple(map(order.index, range(x.ndim))))


def _others(x: Value) -> Value:
    """Return for each element the product of all others along the last axis."""
    forth, back = CumProd(x.ndim - 1), CumProd(x.ndim - 1, reverse=True)
    return forth.before(forth(x), 1) * back.before(back(x), 1)


# -- what users call -----------------------------------------------------------------------------


def prod(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the product over ``axis`` (an int, a tuple, or None for all); 1 of nothing.

    Derivatives of every order are right wherever there are zeros, and however many.

    Examples
    --------
    >>> import tinygraph as tg
    >>> x = tg.tensor([2.0, 0.0, 3.0], requires_grad=True)
    >>> x.prod().backward()
    >>> x.grad.tolist()
    [0.0, 6.0, 0.0]
    """
    x = as_tensor(x)
    return Prod(normalize_axis("prod", axis, x.ndim), keepdims).apply(x)


def cumsum(x: TensorLike, axis: int | None = None) -> Tensor:
    """Return the running sum along ``axis`` (None: of the flattened Tensor)."""
    return apply_along("cumsum", CumSum, x, axis)


def cumprod(x: TensorLike, axis: int | None = None) -> Tensor:
    """Return the running product along ``axis`` (None: of the flattened Tensor).

    Derivatives of every order are right also where there are zeros.  They take as many steps as
    the axis is long, each for all lines at once.
    """
    return apply_along("cumprod", CumProd, x, axis)
