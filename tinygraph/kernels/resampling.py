"""Resampling: images of another size, one axis after the other.

Along an axis each output is a weighted sum of a few inputs: a sparse matrix, whose transpose is
the adjoint. What has no weight is not touched, so that an infinite pixel stays where it is.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from tinygraph.kernels._types import Array
from tinygraph.kernels.pool import adaptive_parts


class Weights(NamedTuple):
    """A sparse matrix of ``length`` rows: its entries, sorted by row."""

    length: int
    rows: Array
    columns: Array
    values: Array
    width: int

    @property
    def mT(self) -> "Weights":
        """The transposed matrix."""
        order = np.argsort(self.columns, kind="stable")
        rows, columns = self.columns[order], self.rows[order]
        return Weights(self.width, rows, columns, self.values[order], self.length)


def resample(x: Array, weights: Sequence[Weights]) -> Array:
    """Multiply each spatial axis by its matrix: (N, C, H, W) -> (N, C, H', W')."""
    for axis, along in enumerate(weights, 2):
        x = _along_axis(x, axis, along)
    return x


def _along_axis(x: Array, axis: int, weights: Weights) -> Array:
    terms = x.take(weights.columns, axis)
    terms *= weights.values.astype(x.dtype).reshape(-1, *(1 for _ in x.shape[axis + 1 :]))
    rows, starts = np.unique(weights.rows, return_index=True)
    if len(starts) < len(weights.rows):
        terms = np.add.reduceat(terms, starts, axis, x.dtype)
    if len(rows) == weights.length:
        return terms
    y = np.zeros((*x.shape[:axis], weights.length, *x.shape[axis + 1 :]), x.dtype)
    y.swapaxes(0, axis)[rows] = terms.swapaxes(0, axis)
    return y


def area_weights(size: int, length: int) -> Weights:
    """Average each of ``length`` parts of an axis (`adaptive_parts`)."""
    parts = adaptive_parts(size, length)
    counts = [stop - start for start, stop in parts]
    columns = np.concatenate([np.arange(0), *(np.arange(*part) for part in parts)])
    values = np.repeat(1 / np.array(counts, float), counts)
    return Weights(length, np.repeat(np.arange(length), counts), columns, values, size)


@lru_cache(maxsize=256)
def interpolation_weights(
    size: int,
    length: int,
    mode: str,
    align_corners: bool,
    scale: float | None,
    dtype: np.dtype[Any],
) -> Weights:
    """Interpolate an axis, as PyTorch does it: "nearest", "nearest-exact", "linear" or "cubic".

    ``scale`` says how much longer the axis becomes where that is not exactly length / size.
    ``dtype`` is the precision in which PyTorch computes which pixel is nearest.
    """
    step = size / length if scale is None else 1 / scale
    if mode == "linear" and size == length:
        step = 1.0  # whatever the scale
    out = np.arange(length)
    if mode.startswith("nearest"):
        half = 0.5 if mode == "nearest-exact" else 0.0
        source = ((out + half) * float(dtype.type(step)) - half).astype(dtype)  # rounded once: FMA
        nearest = np.floor((np.maximum(source, 0) + half).astype(np.float32)).astype(np.int64)
        return Weights(length, out, np.minimum(nearest, size - 1), np.ones(length), size)
    if align_corners:
        source = out * ((size - 1) / max(length - 1, 1))
    else:
        source = (out + 0.5) * step - 0.5
    first = np.floor(source).astype(np.int64)
    near = source - first
    if mode == "linear":
        offsets, values = [0, 1], [1 - near, near]
    else:
        offsets, values = [-1, 0, 1, 2], [_cubic(near - k) for k in (-1, 0, 1, 2)]
    columns = np.clip(np.add.outer(first, offsets), 0, size - 1).reshape(-1)
    entries = np.stack(values, axis=-1).reshape(-1)
    some = np.flatnonzero(entries)
    return Weights(length, np.repeat(out, len(offsets))[some], columns[some], entries[some], size)


def _cubic(x: Array) -> Array:
    """Weigh a pixel at distance x: Keys's kernel with a = -3/4, as PyTorch and OpenCV have it."""
    a, x = -0.75, np.abs(x)
    inner = ((a + 2) * x - (a + 3)) * x * x + 1
    outer = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(x <= 1, inner, np.where(x < 2, outer, 0))
