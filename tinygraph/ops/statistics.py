"""Statistics over axes: spread, median, and what passes over NaN."""

from __future__ import annotations

import math

import numpy as np

from .._function import Value
from .._tensor import Array, Tensor, TensorLike, as_tensor
from ._arguments import Axes, Axis, normalize_axis, real
from .elementwise import not_equal, where, where_
from .reduction import Reduction, mean, sum
from .selection import sort


class Var(Reduction):
    """Variance over axes, Σ(x - mean)² / (n - ddof): gx = 2 g (x - mean) / (n - ddof)."""

    def __init__(self, axis: Axes, keepdims: bool, ddof: float) -> None:
        super().__init__(axis, keepdims)
        self.ddof = ddof

    def forward(self, x: Array) -> Array:
        return self.variance(x).astype(x.dtype, copy=False)

    def variance(self, x: Array) -> Array:
        """Return the variance, float16 in single precision; NaN or inf where n <= ddof."""
        wide = np.float32 if x.dtype == np.float16 else None
        n = self.count(x.shape)
        with np.errstate(invalid="ignore", divide="ignore"):  # by 0
            average = np.true_divide(x.sum(axis=self.axis, keepdims=True, dtype=wide), n)
            centred = x - average
            squares = np.square(centred).sum(axis=self.axis, keepdims=self.keepdims)
            return np.asarray(np.true_divide(squares, max(n - self.ddof, 0)))

    def backward(self, g: Value, x: Value) -> Value:
        centred = x - x.mean(axis=self.axis, keepdims=True)
        freedom = self.count(x.shape) - self.ddof
        return self.restore(g, x.shape) * centred * (2 / freedom if freedom > 0 else math.nan)


class Std(Var):
    """Standard deviation over axes: gx = g (x - mean) / ((n - ddof) y), 0 where y is 0."""

    def forward(self, x: Array) -> Array:
        return np.sqrt(self.variance(x)).astype(x.dtype, copy=False)

    def backward(self, g: Value, x: Value, y: Value) -> Value:  # type: ignore[override]
        flat = y == 0
        return super().backward(where_(flat, 0, g / (2 * y + flat)), x)


# -- what users call -----------------------------------------------------------------------------


def var(x: TensorLike, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> Tensor:
    """Return the variance over ``axis``: the mean square deviation, divided by n - ``ddof``.

    Integers give the default dtype (NumPy: float64).
    """
    x = real(x)
    return Var(normalize_axis("var", axis, x.ndim), keepdims, ddof).apply(x)


def std(x: TensorLike, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> Tensor:
    """Return the standard deviation over ``axis``, the square root of the variance.

    Its gradient is 0 where it is 0, as PyTorch's.  ``ddof`` is NumPy's, 0 (PyTorch: 1); integers
    give the default dtype.
    """
    x = real(x)
    return Std(normalize_axis("std", axis, x.ndim), keepdims, ddof).apply(x)


def median(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the median over ``axis``: of an even number, the mean of the two in the middle.

    NumPy's, where PyTorch's ``median`` is the lower of the two.  NaN where there is one, and of
    nothing.  The gradient goes to those in the middle, the first ones where several are equal.

    Examples
    --------
    >>> import tinygraph as tg
    >>> tg.median([1.0, 4.0, 2.0, 100.0]).item()
    3.0
    """
    x = real(x)
    axes = normalize_axis("median", axis, x.ndim)
    n = math.prod(x.shape[i] for i in axes)
    if n == 0:
        return mean(x, axis, keepdims)
    kept = tuple(i for i in range(x.ndim) if i not in axes)
    rows = x.transpose((*kept, *axes)).reshape((*(x.shape[i] for i in kept), n))
    ordered = sort(rows)
    middle = ordered[..., (n - 1) // 2 : n // 2 + 1].mean(-1)
    last = ordered[..., -1]
    y = where(not_equal(last, last), last, middle)  # NaN comes last
    return y.reshape([1 if i in axes else m for i, m in enumerate(x.shape)]) if keepdims else y


def nansum(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the sum over ``axis`` of what is not NaN; the gradient of NaN is 0."""
    x = as_tensor(x)
    return sum(where(not_equal(x, x), 0, x), normalize_axis("nansum", axis, x.ndim), keepdims)


def nanmean(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the mean over ``axis`` of what is not NaN; NaN where there is nothing else.

    The gradient of NaN is 0.
    """
    x = real(x)
    axes = normalize_axis("nanmean", axis, x.ndim)
    wide = x.astype(np.float32) if x.dtype == np.float16 else x
    n = sum((x == x).astype(wide.dtype), axes, keepdims)
    y = nansum(wide, axes, keepdims) / where(n == 0, math.nan, n)
    return y if wide is x else y.astype(x.dtype)


def count_nonzero(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return how many elements over ``axis`` are not 0, as integers; NaN counts."""
    x = as_tensor(x)
    return sum(not_equal(x, 0), normalize_axis("count_nonzero", axis, x.ndim), keepdims)
