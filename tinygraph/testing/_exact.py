"""Gradients of (multi)linear operations on small integers, where differences are exact: ``==``."""

from __future__ import annotations

import numpy as np

from ._differences import PROJECTIONS, Kink, Rows, coordinates, dense_is_cheap, subject_of
from ._problem import Problem
from ._report import Array, Entry, Finding, Verdict

CHECK = "exact gradient"
LARGEST = 4  # of the integers
EXACT = 2.0**53
FRACTION = 2.0**10  # what means over 2, 4, ... are multiples of


def rounded(problem: Problem) -> Problem:
    """Return the same function at a point of integers: the user's, or such as theirs."""
    point = []
    for x in problem.point:
        sizes = np.abs(np.where(np.isfinite(x), x, 0.0))
        largest = sizes.max(initial=0.0)
        shrink = LARGEST / largest if largest > LARGEST or 0 < largest < 1 else 1.0
        point.append(np.where(np.isfinite(x), np.rint(x * shrink), x))
    return problem.moved(point)


def redrawn(problem: Problem, rng: np.random.Generator) -> Problem:
    """Return the same function at other integers, all different, and none of them 0."""
    return problem.moved(
        [
            rng.choice([-1.0, 1.0], x.shape) * (1 + rng.permutation(x.size).reshape(x.shape))
            for x in problem.point
        ]
    )


def check_exact(problem: Problem, primitive: bool, rng: np.random.Generator) -> list[Finding]:
    """Compare gradients with exact differences.

    Raises
    ------
    ValueError
        If the values are no short binary fractions, or the function is not linear in each of its
        inputs.
    """
    _require_exact(problem.values)
    dense = dense_is_cheap(problem)
    findings: dict[tuple[int, int], Finding] = {}
    for _ in range(1 if dense else PROJECTIONS):
        rows = Rows(problem, None if dense else _signs(problem, rng))
        for i, x in enumerate(problem.point):
            if dense:
                units = [(u != 0).astype(float) for u in coordinates(problem, i)[1]]
            else:
                units = [rng.choice([-1.0, 1.0], x.shape) * (problem.scales[i] != 0)]
            for o, finding in enumerate(_check_input(rows, i, units, primitive)):
                before = findings.get((o, i))
                if before is None or before.verdict == "passed":
                    findings[o, i] = finding
    return list(findings.values())


def _signs(problem: Problem, rng: np.random.Generator) -> list[Array]:
    return [rng.choice([-3.0, -2.0, -1.0, 1.0, 2.0, 3.0], y.shape) for y in problem.here.outputs]


def _require_exact(values: Array) -> None:
    wide = values * FRACTION
    rounded = wide != np.rint(wide)
    if rounded.any() or (np.abs(wide) >= EXACT).any():
        raise ValueError(
            "gradcheck: mode='exact' needs integer arithmetic, or halves, quarters and so on, and "
            f"the function makes {values[rounded][:1]} of integers; use mode='auto'"
        )


def _slopes(rows: Rows, which: int, u: Array, primitive: bool) -> tuple[Array, Array]:
    """Return the exact slopes to the left and to the right along ``u``."""
    problem = rows.problem
    step = 0.25 if problem.here.watch.chooses else 1.0  # integers are at least 1 apart
    here = rows.project(problem.values)
    sides = [problem.along(which, u)(s * step) for s in (1.0, -1.0)]
    smooth = all(side is not None for side in sides)
    if not smooth:
        if not primitive or rows.weights is not None:  # slopes are of one coordinate at a time
            raise Kink
        sides = [problem.along(which, u, any_branch=True)(s * step) for s in (1.0, -1.0)]
    ahead, behind = sides
    if ahead is None or behind is None:
        raise Kink
    right = (rows.project(ahead) - here) / step
    left = (here - rows.project(behind)) / step
    _require_exact(right)
    if smooth and (left != right).any():
        raise ValueError(
            "gradcheck: mode='exact' needs a function that is linear in each input, and this one "
            f"is not in {problem.names[which]}, or not in integer arithmetic; use mode='auto'"
        )
    return left, right


def _check_input(rows: Rows, which: int, units: list[Array], primitive: bool) -> list[Finding]:
    """Return a finding for each output."""
    problem = rows.problem
    count = len(rows.owners)
    slopes = [_slopes(rows, which, u, primitive) for u in units]
    left = np.array([s[0] for s in slopes]).reshape(len(units), count).T
    right = np.array([s[1] for s in slopes]).reshape(len(units), count).T
    analytic = np.array(
        [[(row[which] * u).sum() for u in units] for row in rows.gradients]
    ).reshape(left.shape)
    expected = np.clip(analytic, np.minimum(left, right), np.maximum(left, right))
    findings = []
    for o in range(len(rows.sizes)):
        mine = np.flatnonzero(rows.owners == o)
        wrong = np.argwhere(analytic[mine] != expected[mine])
        verdict: Verdict = "failed" if len(wrong) else "passed"
        worst = None
        message = ""
        if len(wrong):
            k, d = wrong[0]
            place = np.argwhere(units[d])[0] if len(units) > 1 else ()
            got, want = (float(table[mine][k, d]) for table in (analytic, expected))
            worst = Entry(tuple(map(int, place)), got, want, 0.0, 0.0)
            message = "on small integers the two must be equal"
        subject = subject_of(problem, o, which)
        findings.append(Finding(CHECK, subject, verdict, message, worst, resolution=0.0))
    return findings
