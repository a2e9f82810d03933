"""softmax, its logarithm and logsumexp, shifted by the maximum so that nothing overflows."""

import numpy as np

from tinygraph.kernels._types import Array

Axis = int | tuple[int, ...] | None


def softmax(x: Array, axis: Axis) -> Array:
    """Exponentials that sum to 1 along `axis`, of the shape of x; NaN where all are -inf."""
    with np.errstate(invalid="ignore", under="ignore"):  # -inf - -inf, exp(-1e4)
        y = _minus(x, _maximum(x, axis))
        np.exp(y, out=y)
        y /= _total(y, axis)
    return y


def log_softmax(x: Array, axis: Axis) -> Array:
    """Logarithm of `softmax`, finite where that underflows: x - logsumexp(x)."""
    with np.errstate(divide="ignore", invalid="ignore", under="ignore"):  # log(0) of nothing
        y = _minus(x, _maximum(x, axis))
        y -= np.log(_total(np.exp(y), axis))
    return y


def logsumexp(x: Array, axis: Axis, keepdims: bool) -> Array:
    """Logarithm of the sum of exponentials along `axis`; -inf for the sum of nothing."""
    shift = _maximum(x, axis)
    shift = np.where(np.isfinite(shift), shift, 0)  # inf - inf would be NaN
    with np.errstate(divide="ignore", over="ignore", under="ignore"):  # log(0), exp beside inf
        y = _minus(x, shift)
        np.exp(y, out=y)
        total = _total(y, axis)
        np.log(total, out=total)
        total += shift
    total = total.astype(x.dtype, copy=False)
    return total if keepdims else total.squeeze(axis)


def _maximum(x: Array, axis: Axis) -> Array:
    return np.asarray(x.max(axis=axis, keepdims=True, initial=-np.inf))


def _total(y: Array, axis: Axis) -> Array:
    """Sum along `axis`, of float16 in single precision: by itself it stops at 2048 ones."""
    wide = np.float32 if y.dtype == np.float16 else None
    return np.asarray(y.sum(axis=axis, keepdims=True, dtype=wide))


def _minus(x: Array, shift: Array) -> Array:
    """Subtract into a C-contiguous array, even where x is not."""
    return np.subtract(x, shift, out=np.empty(x.shape, x.dtype))
