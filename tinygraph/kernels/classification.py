"""Softmax cross-entropy between logits and class indices, and its gradient.

A few rows at a time go through all steps while they are in the cache: nothing of the size of the
logits is made but the gradient.
"""

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from tinygraph.kernels._types import Array
from tinygraph.kernels.threads import pieces, share

MANY = 1 << 16  # logits, whose exponentials take longer than threads take to start


def cross_entropy(x: Array, target: Array, ignore_index: int) -> Array:
    """Return logsumexp(x) - x[target] over axis 1, 0 where the target is ignored.

    (N, C, d...), (N, d...) -> (N, d...)
    """
    y = np.empty(target.shape, x.dtype)

    def work(rows: slice, shifted: Array) -> None:
        _shift(x[rows], shifted)
        counted = target[rows] != ignore_index
        chosen = shifted[_at(target[rows], counted)]
        np.exp(shifted, out=shifted)
        out = y[rows]
        np.log(np.add.reduce(shifted, axis=1), out=out)
        out -= chosen
        out[~counted] = 0

    _by_rows(x, work)
    return y


def cross_entropy_grad(g: Array, x: Array, target: Array, ignore_index: int) -> Array:
    """Return g (softmax(x) - 1 at the target), 0 where the target is ignored.

    (N, d...), (N, C, d...), (N, d...) -> (N, C, d...)
    """
    y = np.empty(x.shape, np.result_type(g, x))

    def work(rows: slice, shifted: Array) -> None:
        _shift(x[rows], shifted)
        np.exp(shifted, out=shifted)
        counted = target[rows] != ignore_index
        share = np.where(counted, g[rows], 0)
        np.multiply(shifted, np.expand_dims(share / np.add.reduce(shifted, axis=1), 1), out=y[rows])
        y[rows][_at(target[rows], counted)] -= share

    _by_rows(x, work)
    return y


def _shift(x: Array, out: Array) -> None:
    """Subtract the maximum over axis 1."""
    np.subtract(x, np.maximum.reduce(x, axis=1, keepdims=True, initial=-np.inf), out=out)


def _by_rows(x: Array, work: Callable[[slice, Array], object]) -> None:
    """Have ``work`` done on a few rows at a time, with a buffer for as many."""

    def some(part: slice) -> None:
        buffer: Array | None = None
        with np.errstate(divide="ignore", invalid="ignore", under="ignore"):  # log 0, inf - inf
            for rows in pieces(part, prod(x.shape[1:])):
                if buffer is None:  # the first piece is the longest
                    buffer = np.empty_like(x[rows], order="C")
                work(rows, buffer[: rows.stop - rows.start])

    share(len(x), some, x.size >= MANY)


def _at(target: Array, counted: Array) -> tuple[Any, ...]:
    """Return the index of the classes in an array (N, C, d...): class 0 where one is ignored."""
    places: list[Array] = [*np.indices(target.shape, sparse=True)]
    return (places[0], np.where(counted, target, 0), *places[1:])
