"""Summary: what an array holds, in a few plain numbers."""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from ._tensor import Array, Shape

BINS = 16
FEW = 36  # entries that are told one by one
SIDE = 28  # rows and columns of a picture, which show a handwritten digit whole

Entries: TypeAlias = "bool | int | float | tuple[Entries, ...]"


@dataclass(frozen=True, slots=True)
class Corner:
    """The leading entries of an array, as many as make a picture.

    Attributes
    ----------
    shape : tuple of int
        How many along each axis: at most 28 rows and columns, of as many leading channels, images
        and so on as 784 entries have room for.
    numbers : str
        The entries, row by row, as little-endian float32 in base64.
    """

    shape: Shape
    numbers: str

    @property
    def array(self) -> Array:
        """The entries, as an array."""
        raw = base64.b64decode(self.numbers)
        return np.frombuffer(raw, "<f4").reshape(self.shape)


@dataclass(frozen=True, slots=True)
class Summary:
    """The numbers in an array, whatever its shape.

    Attributes
    ----------
    size : int
        How many there are.
    min, max, mean, norm : float or None
        Of those that are finite, or None where none is; the norm is the root of the sum of squares.
    zeros, nans, infs : int
        How many are zero, NaN, and infinite.
    histogram : tuple of int
        How many of the finite ones lie in each of 16 equal parts of the range from min to max.
    entries : number, or nested tuples of numbers, or None
        All of them, where there are at most 36.
    corner : Corner or None
        The leading ones, where there are more.
    """

    size: int
    min: float | None
    max: float | None
    mean: float | None
    norm: float | None
    zeros: int
    nans: int
    infs: int
    histogram: tuple[int, ...]
    entries: Entries | None
    corner: Corner | None = None

    @property
    def finite(self) -> bool:
        """Whether none is NaN or infinite."""
        return not (self.nans or self.infs)


def summarize(array: Array) -> Summary:
    """Return what ``array`` holds."""
    numbers = array.astype(np.float64).reshape(-1)
    nans = int(np.isnan(numbers).sum())
    infs = int(np.isinf(numbers).sum())
    finite = numbers[np.isfinite(numbers)] if nans or infs else numbers
    few = array.size <= FEW
    low, high, mean, norm = _range(finite)
    return Summary(
        size=array.size,
        min=low,
        max=high,
        mean=mean,
        norm=norm,
        zeros=array.size - int(np.count_nonzero(numbers)),
        nans=nans,
        infs=infs,
        histogram=_histogram(finite),
        entries=_entries(array.tolist()) if few else None,
        corner=None if few else corner(array),
    )


def corner(array: Array, room: int = SIDE * SIDE, side: int = SIDE) -> Corner:
    """Return the leading entries of ``array``: as many as there is ``room`` for."""
    lengths: list[int] = []
    for place, length in enumerate(reversed(array.shape)):
        most = min(room, side) if place < 2 else room
        lengths.insert(0, min(length, most))
        room //= lengths[0]
    leading = array[tuple(slice(length) for length in lengths)]
    with np.errstate(over="ignore"):  # 1e300 is infinite here
        raw = leading.astype("<f4").tobytes()
    return Corner(tuple(lengths), base64.b64encode(raw).decode())


def _range(finite: Array) -> tuple[float | None, float | None, float | None, float | None]:
    """Return the least, the greatest, the mean and the norm of finite numbers."""
    if not finite.size:
        return None, None, None, None
    low, high = float(finite.min()), float(finite.max())
    scale = max(abs(low), abs(high)) or 1.0  # squares of large numbers overflow
    scaled = finite / scale
    mean = float(scaled.mean()) * scale
    return low, high, mean, min(math.sqrt(float(scaled @ scaled)) * scale, np.finfo(float).max)


def _histogram(finite: Array) -> tuple[int, ...]:
    """Count finite numbers in equal parts of their range; all are in the first if it is a point."""
    if not finite.size:
        return (0,) * BINS
    halves = finite / 2  # the whole range might be infinite
    width = halves.max() - halves.min()
    places = (halves - halves.min()) / (width or 1.0) * BINS
    counts = np.bincount(places.astype(np.intp).clip(0, BINS - 1), minlength=BINS)
    return tuple(counts.tolist())


def _entries(values: Any) -> Entries:
    """Return nested lists as nested tuples, with one and the same NaN, so that tuples compare."""
    if isinstance(values, list):
        return tuple(map(_entries, values))
    return math.nan if values != values else values
