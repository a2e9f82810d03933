"""The rule's derivatives beside those by differences: right, wrong, or not to be told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ._numeric import EPS, RESOLUTION, ROUNDINGS
from ._report import Array, Verdict

# Where the differences are too coarse to confirm, their error bar is not quite trusted either.
DISTRUST = 8
TINY = float(np.finfo(np.float64).tiny) ** 0.5  # products of such numbers underflow


@dataclass(frozen=True)
class Comparison:
    """Derivatives along some directions, of some rows; all arrays are of the same shape.

    A direction is as long as the point is large in it; ``natural`` is a size that a derivative
    along it could have: that of the rows themselves.
    """

    analytic: Array
    numeric: Array
    bound: Array
    step: Array
    natural: float

    def judge(self, rounding: Callable[[], Array]) -> tuple[Verdict, float, Array]:
        """Return the verdict, the resolution, and by how much each entry is off, of the possible.

        ``rounding`` tells what a rounding of the inputs does to ``analytic``; it is expensive, and
        asked only if it matters.
        """
        resolution = self._resolution(rounding)
        size = max(float(np.nan_to_num(np.abs(self.analytic)).max(initial=0.0)), self.natural)
        allowed = 2 * self.bound + ROUNDINGS * EPS * np.abs(self.analytic) + EPS**2 * size + TINY
        if resolution > RESOLUTION:
            allowed = DISTRUST * allowed
        off = self._off(allowed)
        if (off > 1).any():
            off = self._off(allowed + ROUNDINGS * rounding())
        if (off > 1).any():
            return "failed", resolution, off
        return ("inconclusive" if resolution > RESOLUTION else "passed"), resolution, off

    def _off(self, allowed: Array) -> Array:
        with np.errstate(all="ignore"):
            off = np.abs(self.analytic - self.numeric) / allowed
        off = np.where(self.analytic == self.numeric, 0.0, off)
        return np.where(np.isnan(off), np.inf, off)

    def _resolution(self, rounding: Callable[[], Array]) -> float:
        if not self.bound.size or not self.bound.any():
            return 0.0
        coarsest = float(self.bound.max())
        size = float(np.nan_to_num(np.abs(self.analytic)).max())
        if coarsest <= RESOLUTION * size:
            return coarsest / size
        # A gradient that is zero, or would be but for rounding, is as certain as zero can be.
        if size == 0 or ROUNDINGS * float(rounding().max()) >= size:
            size = max(size, self.natural)
        return coarsest / size if size else np.inf
