"""Tiles of a batch: as many images at a time as have their columns in the cache."""

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from tinygraph.kernels._types import Array, Sizes

TILE_BYTES = 1 << 21
"""Columns made at a time: few enough to be in the cache yet when they are used, and so many that
threads seldom wait for Python's lock."""

SHARED_BYTES = 1 << 20
"""Columns from which on threads share the images."""

CACHE_LINE = 64  # bytes


def is_large(x: Array, kernel_size: Sizes, windows: Sizes) -> bool:
    """Whether the columns of all images are worth several threads."""
    size: int = x.itemsize * prod((*x.shape[:2], *kernel_size, *windows))
    return size > SHARED_BYTES


def tile_length(n: int, itemsize: int, *columns: tuple[int, ...]) -> int:
    """Return of how many of n images there is room for columns of these shapes at a time."""
    return max(1, min(n, TILE_BYTES // max(1, itemsize * sum(map(prod, columns)))))


def tiles(n: int, length: int) -> Iterator[slice]:
    """Cut n images into tiles of that length."""
    for start in range(0, n, length):
        yield slice(start, min(start + length, n))


def column_buffer(rows: tuple[int, ...], length: Sizes, dtype: np.dtype[Any]) -> Array:
    """Return room for columns, (*rows, *length): (N, C, kh, kw, H', W'), say.

    Each row of L numbers is followed by a gap of a cache line.  Without it the rows of images whose
    size is a power of 2 fall on the same lines of the cache, and a product takes a sixth longer.
    """
    buffer = np.empty((prod(rows), prod(length) + CACHE_LINE // dtype.itemsize), dtype)
    return buffer[:, : prod(length)].reshape(*rows, *length)


def matrices(cols: Array, groups: int) -> Array:
    """View columns as matrices: (N, C, kh, kw, H', W') -> (N, G, D, L)."""
    n, c, *shape = cols.shape
    axes = len(shape) // 2
    return cols.reshape(n, groups, c // groups * prod(shape[:axes]), prod(shape[axes:]))
