"""Softmax cross-entropy between logits and class indices, and its gradient.

A few rows at a time go through all steps while they are in the cache.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from tinygraph.kernels._types import Array
from tinygraph.kernels.threads import alone, pieces, share

MANY = 1 << 16  # logits, whose exponentials take longer than threads take to start
SMALL = 1 << 13  # logits, for whose product with a vector BLAS takes one thread anyway


def cross_entropy(x: Array, target: Array, ignore_index: int) -> tuple[Array, Array, Array]:
    """Return logsumexp(x) - x[target] over axis 1, 0 where the target is ignored.

    Beside it, what softmax is the quotient of: the exponentials of x less its maximum over axis 1,
    and their sum.

    (N, C, d...), (N, d...) -> (N, d...), (N, C, d...), (N, 1, d...)
    """
    y, e = np.empty(target.shape, x.dtype), np.empty(x.shape, x.dtype)
    total = np.empty((len(x), 1, *x.shape[2:]), x.dtype)

    def work(rows: slice) -> None:
        powers, sums, out = e[rows], total[rows], y[rows]
        np.subtract(x[rows], _max(x[rows]), out=powers)
        chosen = powers.take(_places(target[rows], powers.shape), mode="wrap")
        np.exp(powers, out=powers)
        _sum(powers, sums)
        np.log(sums[:, 0], out=out)
        out -= chosen
        ignored = target[rows] == ignore_index
        if np.count_nonzero(ignored):
            out[ignored] = 0

    _by_rows(x, work)
    return y, e, total


def cross_entropy_grad(g: Array, e: Array, target: Array, total: Array, ignore_index: int) -> Array:
    """Return g (e / total - 1 at the target), 0 where the target is ignored.

    (N, d...), (N, C, d...), (N, d...), (N, 1, d...) -> (N, C, d...)
    """
    y = np.empty(e.shape, np.result_type(g, e))

    def work(rows: slice) -> None:
        labels, weights, out = target[rows], g[rows], y[rows]
        counted = labels != ignore_index
        if np.count_nonzero(counted) < counted.size:
            labels, weights = np.where(counted, labels, 0), np.where(counted, weights, 0)
        np.multiply(e[rows], weights[:, None] / total[rows], out=out)
        out.reshape(-1)[_places(labels, out.shape)] -= weights

    _by_rows(e, work)
    return y


def _by_rows(x: Array, work: Callable[[slice], object]) -> None:
    """Have ``work`` done on a few rows at a time, with BLAS held to one thread."""

    def some(part: slice) -> None:
        _quietly(work, pieces(part, prod(x.shape[1:])))

    if x.size < SMALL:
        _quietly(work, (slice(0, len(x)),))
    elif x.size < MANY:
        alone(lambda: some(slice(0, len(x))))
    else:
        share(len(x), some, True)


@np.errstate(divide="ignore", invalid="ignore", under="ignore")  # log 0, inf - inf, exp(-1e4)
def _quietly(work: Callable[[slice], object], parts: Iterable[slice]) -> None:
    for rows in parts:
        work(rows)


def _max(x: Array) -> Array:
    """Find the maximum over axis 1; in short rows it is sooner located than computed."""
    if x.ndim == 2 and x.size:
        return x.take(_places(x.argmax(axis=1), x.shape))[:, None]
    return np.asarray(np.maximum.reduce(x, axis=1, keepdims=True, initial=-np.inf))


def _sum(x: Array, out: Array) -> None:
    """Sum over axis 1, as a product with ones where BLAS is quicker at that."""
    if x.ndim == 2:
        np.dot(x, _ones(x.shape[1], x.dtype), out=out[:, 0])
    else:
        np.add.reduce(x, axis=1, keepdims=True, out=out)


@lru_cache(maxsize=16)
def _ones(count: int, dtype: np.dtype[Any]) -> Array:
    return np.ones(count, dtype)


def _places(classes: Array, shape: tuple[int, ...]) -> Array:
    """Number a class for each row, (N, d...), in the flattened logits (N, C, d...)."""
    n, c, *sizes = shape
    classes = classes.astype(np.intp, copy=False)
    if not sizes:
        return classes + _starts(n, c)
    inner = prod(sizes)
    starts = _starts(n, c * inner)[:, None] + np.arange(inner)
    return (classes.reshape(n, inner) * inner + starts).reshape(classes.shape)


@lru_cache(maxsize=16)
def _starts(count: int, size: int) -> Array:
    return np.arange(count) * size
