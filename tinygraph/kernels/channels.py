"""Passes over images that treat each channel, axis 1, in its own way: sums, and affine maps.

Images (N, C, d...) are gone through a few at a time, on all threads.  What belongs to channels has
the shape (1, C, 1...).
"""

from collections.abc import Callable
from math import prod

import numpy as np

from tinygraph.kernels._types import Array
from tinygraph.kernels.threads import MANY, PIECE, pieces, share, sweep

LONG = 16  # elements of a channel from which on a product with a vector pays


def channel_moments(x: Array) -> tuple[Array, Array]:
    """Return the mean and the variance of each channel."""
    count = max(1, x.size // max(1, x.shape[1]))
    mean = channel_sum(x) / count

    def squares(tile: slice) -> Array:
        distance = x[tile] - mean
        return _dot(distance, distance)

    return mean, _sum(x, squares) / count


def channel_sum(x: Array) -> Array:
    """Sum each channel: (N, C, d...) -> (1, C, 1...)."""
    return _sum(x, lambda tile: x[tile].sum(axis=_others(x)))


def channel_dot(x: Array, z: Array, shift: Array) -> Array:
    """Sum x (z - shift) over each channel: two (N, C, d...) -> (1, C, 1...)."""
    return _sum(x, lambda tile: _dot(x[tile], z[tile] - shift))


def channel_affine(x: Array, shift: Array, scale: Array, offset: Array | None) -> Array:
    """Return (x - shift) scale + offset."""
    y = np.empty(x.shape, np.result_type(x, shift, scale))

    def work(tile: slice) -> None:
        out = np.subtract(x[tile], shift, out=y[tile])
        out *= scale
        if offset is not None:
            out += offset

    sweep(len(x), work, prod(x.shape[1:]))
    return y


def channel_combine(x: Array, z: Array, shift: Array, a: Array, b: Array, c: Array) -> Array:
    """Return a x + b (z - shift) + c."""
    y = np.empty(x.shape, np.result_type(x, z, shift, a, b, c))

    def work(tile: slice) -> None:
        out = np.subtract(z[tile], shift, out=y[tile])
        out *= b
        out += x[tile] * a
        out += c

    sweep(len(x), work, prod(x.shape[1:]))
    return y


def _dot(a: Array, b: Array) -> Array:
    length = prod(a.shape[2:])
    if length < LONG:
        return (a * b).sum(axis=_others(a))
    rows = (*a.shape[:2], length)
    return np.vecdot(a.reshape(rows), b.reshape(rows)).sum(axis=0)


def _others(x: Array) -> tuple[int, ...]:
    return (0, *range(2, x.ndim))


def _sum(x: Array, f: Callable[[slice], Array]) -> Array:
    """Sum what ``f`` returns, (C,) for some images, over all of them."""
    if x.size <= PIECE:
        return f(slice(None)).reshape(1, -1, *(1 for _ in x.shape[2:]))

    def work(part: slice) -> Array:
        total = f(slice(0, 0))  # zeros, of its dtype
        for tile in pieces(part, prod(x.shape[1:])):
            total += f(tile)
        return total

    first, *rest = share(len(x), work, x.size >= MANY)
    return sum(rest, first).reshape(1, -1, *(1 for _ in x.shape[2:]))
