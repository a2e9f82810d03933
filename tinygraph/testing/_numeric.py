"""Derivatives by differences with an error bar that is derived, and measured bounds on rounding.

No tolerance here is a guess.  What differences are off by, the extrapolations that neighbour each
other tell, and the noise of the function itself; what rounding does, the function tells when its
inputs move by one unit in their last place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from ._report import Array

Values: TypeAlias = "Array | None"  # None: of another branch, or not finite


EPS = float(np.finfo(np.float64).eps)
FIRST_STEP = 2.0**-3
# Differences that refute a rule are taken again: a periodic function agrees with itself by design.
SECOND_OPINION = FIRST_STEP / 91.0
# A step below this tells too little, so a point with a kink nearer than that is drawn anew.
SMALLEST_STEP = 2.0**-22
NOISE_STEPS = [2.0**-20 * k**0.5 for k in (0, 1, 5, 11)]  # uneven, and incommensurable
LAST_STEP = 2.0**-45  # where the scale of the function is far below that of its input
RATIO = 4
# Two rows may agree by accident: what the step before was off by does not vanish at once.
GAIN = 256
# An operation rounds a few times more than the single time that is measured.
ROUNDINGS = 16
PROBES = 4
# Differences that are less certain than this, relative to the gradient, prove nothing.
RESOLUTION = 1e-5


@dataclass(frozen=True)
class Derivative:
    """The derivatives at 0 of some functions of one number, and bounds on their errors.

    ``smooth`` is False where no step of at least 2^-22 stays in one smooth piece.
    """

    value: Array
    bound: Array
    step: Array
    smooth: bool


def derivative(
    phi: Callable[[float], Values], noise: Array, first: float = FIRST_STEP
) -> Derivative:
    """Return the derivatives of ``phi`` at 0, by extrapolated central differences.

    Parameters
    ----------
    phi : callable
        From a step, of which 1 is as large as the point itself, to an array; or to None where a
        kink or the end of the domain lies between.
    noise : ndarray
        The error of an evaluation.
    first : float
        The largest step.

    Notes
    -----
    Romberg's scheme: the step is divided by 4, and neighbouring rows are combined to cancel one
    even power of the step after another.  What is kept, for each entry, is where the disagreement
    with both of its neighbours, and the noise over the step, sum up to least; provided that the
    row before was not off by more than 256 times as much.
    """
    return _extrapolate(phi, noise, first, central=True)


def one_sided(phi: Callable[[float], Values], noise: Array) -> Derivative:
    """Return the right derivatives of ``phi`` at 0: for a kink at 0 itself."""
    return _extrapolate(phi, noise, FIRST_STEP, central=False)


def _extrapolate(
    phi: Callable[[float], Values], noise: Array, step: float, central: bool
) -> Derivative:
    base = RATIO * RATIO if central else RATIO
    here = None if central else phi(0.0)
    best = _Best(noise.shape)
    coarser: list[Array] = []
    spread = np.full(noise.shape, np.inf)
    while step >= (LAST_STEP if best.found or coarser else SMALLEST_STEP):
        right = phi(step)
        left = here if right is None or not central else phi(-step)
        if right is None or left is None:
            coarser, spread = [], np.full(noise.shape, np.inf)
        else:
            row = [(right - left) / (2 * step if central else step)]
            for order, coarse in enumerate(coarser, start=1):
                row.append(row[-1] + (row[-1] - coarse) / (base**order - 1))
            roundoff = 4 * noise / step
            before, spread = spread, np.full(noise.shape, np.inf)
            for order in range(1, len(row)):
                apart = np.maximum(
                    np.abs(row[order] - row[order - 1]), np.abs(row[order] - coarser[order - 1])
                )
                spread = np.minimum(spread, apart)
                best.offer(row[order], np.maximum(apart, before / GAIN) + roundoff, step)
            if best.found and np.all(RATIO * roundoff >= best.bound):
                break  # the next step could not do better
            coarser = row
        step /= RATIO
    return Derivative(best.value, best.bound, best.step, best.found)


class _Best:
    """The most certain value of each entry so far."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.value = np.full(shape, np.nan)
        self.bound = np.full(shape, np.inf)
        self.step = np.zeros(shape)
        self.found = False

    def offer(self, value: Array, bound: Array, step: float) -> None:
        better = bound < self.bound
        self.value = np.where(better, value, self.value)
        self.bound = np.where(better, bound, self.bound)
        self.step = np.where(better, step, self.step)
        self.found = True


# -- scales, and moves by a rounding --------------------------------------------------------------


def scales(x: Array) -> Array:
    """Return how large a step of 1 is for each entry: its own size, or nearly that of the others.

    An entry may be small by chance, or because its scale is small: so at least 2^-6 of the largest.
    """
    sizes = np.abs(np.where(np.isfinite(x), x, 0.0))
    largest = sizes.max(initial=0.0)
    return np.maximum(sizes, largest * 2.0**-6) if largest else np.ones(x.shape)


def _third_difference(steps: Sequence[float]) -> Array:
    """Return weights of unit length under which the values of every quadratic sum up to 0."""
    apart = np.subtract.outer(steps, steps) + np.eye(len(steps))
    weights = 1 / apart.prod(axis=1)
    return np.asarray(weights / np.linalg.norm(weights))


NOISE_WEIGHTS = _third_difference(NOISE_STEPS)


def noise_of(phi: Callable[[float], Values], here: Array) -> Values:
    """Return the noise in values of ``phi`` near 0, where it is ``here``; with its sign.

    Third differences over tiny steps: what is smooth vanishes in them; roundings, of the point and
    of all that is computed from it, do not, and they do not cancel by symmetry.  The steps are
    uneven because small differences of large numbers lie on a grid, as 1 + x - 1 does: over even
    steps, every third difference of such values is 0.  None is returned where a kink is too near.
    """
    noise = NOISE_WEIGHTS[0] * here
    for step, weight in zip(NOISE_STEPS[:0:-1], NOISE_WEIGHTS[:0:-1], strict=True):
        value = phi(step)
        if value is None:
            return None
        noise = noise + weight * value
    return np.asarray(noise)


def nudged(
    arrays: Sequence[Array], dtype: Any = np.float64, floor: float = 0.0
) -> list[list[Array]]:
    """Return copies of the arrays in which every number is moved by one ulp of ``dtype``.

    By at least that of ``floor``.
    """
    eps = float(np.finfo(dtype).eps)
    rng = np.random.default_rng(0)
    return [
        [a + eps * np.maximum(np.abs(a), floor) * rng.choice([-1.0, 1.0], a.shape) for a in arrays]
        for _ in range(PROBES)
    ]


def movement(here: Array, others: Sequence[Array], eps: float = EPS) -> Array:
    """Return what the rounding of inputs does to ``here``, which moved to ``others``."""
    with np.errstate(invalid="ignore"):  # inf - inf
        moved = sum((np.abs(other - here) for other in others), np.zeros(here.shape))
    return np.asarray(moved + eps * np.abs(here))
