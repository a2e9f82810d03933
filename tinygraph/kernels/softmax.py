"""softmax, its logarithm and logsumexp, shifted by the maximum so that nothing overflows."""

import numpy as np

from tinygraph.kernels._types import Array

Axis = int | tuple[int, ...] | None


def softmax(x: Array, axis: Axis) -> Array:
    """Exponentials that sum to 1 along `axis`, of the shape of x; NaN where all are -inf."""
    with np.errstate(invalid="ignore", under="ignore"):  # -inf - -inf, exp(-1e4)
        y = _minus(x, _maximum(x, axis))
        np.exp(y, out=y)
        y /= y.sum(axis=axis, keepdims=True)
    return y


def log_softmax(x: Array, axis: Axis) -> Array:
    """Logarithm of `softmax`, finite where that underflows: x - logsumexp(x)."""
    with np.errstate(divide="ignore", invalid="ignore", under="ignore"):  # log(0) of nothing
        y = _minus(x, _maximum(x, axis))
        y -= np.log(np.exp(y).sum(axis=axis, keepdims=True))
    return y


def logsumexp(x: Array, axis: Axis, keepdims: bool) -> Array:
    """Logarithm of the sum of exponentials along `axis`; -inf for the sum of nothing."""
    shift = _maximum(x, axis)
    shift = np.where(np.isfinite(shift), shift, 0)  # inf - inf would be NaN
    with np.errstate(divide="ignore", over="ignore", under="ignore"):  # log(0), exp beside inf
        y = _minus(x, shift)
        np.exp(y, out=y)
        total = np.asarray(y.sum(axis=axis, keepdims=True))
        np.log(total, out=total)
        total += shift
    return total if keepdims else total.squeeze(axis)


def _maximum(x: Array, axis: Axis) -> Array:
    return np.asarray(x.max(axis=axis, keepdims=True, initial=-np.inf))


def _minus(x: Array, shift: Array) -> Array:
    """Subtract into a C-contiguous array, even where x is not."""
    return np.subtract(x, shift, out=np.empty(x.shape, x.dtype))
