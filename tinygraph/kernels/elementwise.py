"""Passes over whole arrays that NumPy's own functions make more slowly."""

from typing import Any

import numpy as np

from tinygraph.kernels._types import Array
from tinygraph.kernels.threads import MANY, sweep

BITS = {2: np.int16, 4: np.int32, 8: np.int64}  # the integers that are as wide as a float


def relu(x: Array) -> Array:
    """Return the maximum of x and 0."""
    if x.size < MANY or not x.flags.c_contiguous:
        return np.maximum(x, 0)
    y = np.empty_like(x)
    source, target = x.reshape(-1), y.reshape(-1)
    sweep(x.size, lambda piece: np.maximum(source[piece], 0, out=target[piece]))
    return y


@np.errstate(over="ignore", under="ignore")
def sigmoid(x: Array) -> Array:
    """Return 1 / (1 + exp(-x)); where exp overflows, that is 0."""
    if x.dtype == np.float16:  # there exp overflows too soon
        return sigmoid(x.astype(np.float32)).astype(np.float16)
    y = np.empty_like(x)
    np.negative(x, out=y)
    np.exp(y, out=y)
    np.add(y, 1, out=y)
    return np.divide(1, y, out=y)


def where(condition: Any, a: Any, b: Any) -> Array:
    """Choose a where a condition holds, and else b.

    `numpy.where` branches at each element, and where the condition has no pattern the processor
    guesses wrong half of the time.  Beside zeros, which is what gradients are chosen from, it is
    arithmetic on bits, and several times as fast.
    """
    if _is_zero(b) and _are_flat(condition, a):
        return _choose(condition, a)
    if _is_zero(a) and _are_flat(condition, b):
        return _choose(~condition, b)
    return np.where(condition, a, b)


def _choose(condition: Array, x: Array) -> Array:
    """Multiply the bits of x by 1 where a condition holds, and by 0 elsewhere."""
    bits, ones = x.view(BITS[x.itemsize]), condition.view(np.int8)
    if x.size < MANY:
        return (bits * ones).view(x.dtype)
    y = np.empty_like(bits)
    source, factor, target = bits.reshape(-1), ones.reshape(-1), y.reshape(-1)
    sweep(x.size, lambda piece: np.multiply(source[piece], factor[piece], out=target[piece]))
    return y.view(x.dtype)


def _is_zero(x: Any) -> bool:
    return (type(x) is int or (isinstance(x, np.ndarray) and not x.ndim)) and x == 0


def _are_flat(condition: Any, x: Any) -> bool:
    return (
        isinstance(condition, np.ndarray)
        and isinstance(x, np.ndarray)
        and condition.dtype.kind == "b"
        and x.shape == condition.shape != ()
        and x.dtype.kind == "f"
        and x.itemsize in BITS
        and x.flags.c_contiguous
        and condition.flags.c_contiguous
    )
