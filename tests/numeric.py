"""Numbers to compare with: derivatives by differences, with error bars, and bounds on rounding.

No tolerance here is a guess.  What a result may be off by is measured: how far does the expected
one move when every input moves by one unit in its last place?
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

# An operation rounds a few times more than the single time that is measured.
ROUNDINGS = 16
PROBES = 4
FIRST_STEP = 1 / 8  # the table of cases draws its inputs further than this from every kink
LEVELS = 8
# Differences that are less certain than this prove nothing.
RESOLUTION = 1e-6


def nudged(arrays: Sequence, dtype) -> list[list]:
    """Return copies of the arrays in which every float is moved by one ulp, up or down.

    By at least that of 1, which numbers are added to in the middle of many a formula.
    """
    eps = np.finfo(dtype).eps
    rng = np.random.default_rng(0)

    def nudge(a):
        if a is None or a.dtype.kind != "f":
            return a
        return a + eps * np.maximum(np.abs(a), 1) * rng.choice([-1, 1], a.shape)

    return [[nudge(a) for a in arrays] for _ in range(PROBES)]


def assert_agrees(actual: Sequence, f: Callable[..., Sequence], arrays: Sequence, dtype=np.float64):
    """Require ``actual`` to be ``f(*arrays)`` to the rounding of ``dtype``.

    ``f``, which computes in double precision, returns a list of arrays, as ``actual`` is one.
    Where ``f`` gives integers or booleans, they must be the same.
    """
    expected = f(*arrays)
    moved = [f(*copies) for copies in nudged(arrays, dtype)]
    for i, (got, want) in enumerate(zip(actual, expected, strict=True)):
        assert got.shape == want.shape
        if want.dtype.kind != "f":
            np.testing.assert_array_equal(got, want)
            assert got.dtype == want.dtype
            continue
        special = ~np.isfinite(want)
        np.testing.assert_array_equal(got[special], want[special])
        eps = np.finfo(dtype).eps
        with np.errstate(invalid="ignore"):  # inf - inf, among the special values
            bound = eps * np.abs(want) + sum(np.abs(other[i] - want) for other in moved)
            error = np.abs(got.astype(np.float64) - want)
        wrong = (error > ROUNDINGS * bound) & ~special
        assert not wrong.any(), (
            f"result {i}: {got[wrong][:4]} should be {want[wrong][:4]} "
            f"to within {ROUNDINGS * bound[wrong][:4]}"
        )


def derivative(phi: Callable[[float], float], noise: float) -> tuple[float, float]:
    """Return phi'(0) and a bound on its error, by extrapolated central differences.

    ``noise`` is the error of an evaluation.  The step shrinks until that outweighs the error of
    the extrapolation, which the neighbouring extrapolations tell.
    """
    best, bound = np.nan, np.inf
    coarser: list[float] = []
    for level in range(LEVELS):
        step = FIRST_STEP / 4**level
        row = [(phi(step) - phi(-step)) / (2 * step)]
        for order, coarse in enumerate(coarser, start=1):
            row.append(row[-1] + (row[-1] - coarse) / (16**order - 1))
        roundoff = 4 * noise / step
        for order in range(1, len(row)):
            spread = max(abs(row[order] - row[order - 1]), abs(row[order] - coarser[order - 1]))
            if spread + roundoff < bound:
                best, bound = row[order], spread + roundoff
        if roundoff > bound:
            break
        coarser = row
    return best, bound


def assert_derivative(
    phi: Callable[..., float],
    arrays: Sequence,
    which: int,
    gradient: np.ndarray,
    rng: np.random.Generator,
    directions: int = 2,
):
    """Require ``gradient`` to be that of ``phi(*arrays)`` with respect to ``arrays[which]``.

    It is projected on random directions of +-1, in which no regular error cancels.
    """
    here = phi(*arrays)
    noise = sum(abs(phi(*copies) - here) for copies in nudged(arrays, np.float64))
    noise += np.finfo(np.float64).eps * abs(here)
    size = np.abs(gradient).sum()
    for _ in range(directions):
        u = rng.choice([-1.0, 1.0], gradient.shape)

        def along(step: float, u: np.ndarray = u) -> float:
            moved = list(arrays)
            moved[which] = arrays[which] + step * u
            return phi(*moved)

        numeric, bound = derivative(along, noise)
        analytic = (gradient * u).sum()
        assert bound <= RESOLUTION * (size + abs(here)), (
            f"inconclusive: the differences give {numeric} within {bound}, the rule {analytic}"
        )
        allowed = 2 * bound + ROUNDINGS * np.finfo(np.float64).eps * size
        assert abs(numeric - analytic) <= allowed, (
            f"input {which}: the differences give {numeric}, the rule {analytic}: "
            f"{abs(numeric - analytic):.2g} apart, where {allowed:.2g} is possible"
        )
