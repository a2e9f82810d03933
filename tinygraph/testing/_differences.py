"""First derivatives against differences: the whole Jacobian, or random projections of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ._comparison import Comparison
from ._diagnosis import pattern
from ._numeric import FIRST_STEP, SECOND_OPINION, Derivative, derivative, nudged, one_sided
from ._problem import Problem
from ._report import Array, Entry, Finding

DENSE = 1000  # Jacobians of more entries are projected, and of more inputs: each costs 14 runs
DENSE_INPUTS = 100
PROJECTIONS = 4
MOST_LOCATED = 256  # coordinates that are looked at one by one, after a projection has failed
MOST_AT_KINKS = 64  # and for a primitive on a kink


class Kink(Exception):
    """No step from the point stays in one smooth piece."""


class Rows:
    """What is differentiated: each entry of the outputs, or each output times a cotangent."""

    def __init__(self, problem: Problem, cotangents: Sequence[Array] | None = None) -> None:
        self.problem = problem
        self.sizes = [y.size for y in problem.here.outputs]
        self.weights: Array | None = None
        if cotangents is not None:
            flat = [v * ok for v, ok in zip(cotangents, problem.finite, strict=True)]
            self.weights = np.zeros((len(flat), sum(self.sizes)))
            for k, v in enumerate(flat):
                start = sum(self.sizes[:k])
                self.weights[k, start : start + v.size] = v.ravel()

    @property
    def owners(self) -> Array:
        """Which output each row is of."""
        count = len(self.sizes)
        return np.arange(count) if self.weights is not None else np.repeat(range(count), self.sizes)

    def project(self, values: Array) -> Array:
        """Return the rows of flat outputs."""
        return values if self.weights is None else self.weights @ values

    @cached_property
    def noise(self) -> Array:
        """The noise in an evaluation of each row."""
        # A value that is small by saturation, as 1 - tanh(x)², has the noise of what it could be.
        inherited = self.problem.inherited or np.zeros(len(self.sizes))
        size = np.maximum(np.abs(self.problem.values), np.repeat(inherited, self.sizes))
        floor = size if self.weights is None else np.abs(self.weights) @ size
        seen = sum((np.abs(self.project(r)) for r in self.problem.roughness), np.zeros(floor.shape))
        return np.asarray(self.problem.here.watch.eps * floor + seen)

    @cached_property
    def gradients(self) -> list[list[Array]]:
        """The gradient of each row with respect to each input, by the rules."""
        return self._pulled(self.problem)

    @cached_property
    def rounding(self) -> list[list[Array]]:
        """How far each gradient moves when the inputs are moved by a rounding."""
        others = [self._pulled(self.problem.moved(p)) for p in nudged(self.problem.point)]
        return [
            [sum(np.abs(o[k][i] - g) for o in others) for i, g in enumerate(row)]
            for k, row in enumerate(self.gradients)
        ]

    def _pulled(self, problem: Problem) -> list[list[Array]]:
        recorded = problem.record()
        rng = np.random.default_rng(len(self.sizes))
        rows = []
        for k in range(len(self.owners)):
            # No rule sees a plain unit vector: it could be taken for a mask.  A power of two rounds
            # nothing.
            factor = 1.0
            if self.weights is None:
                factor = rng.choice([-4.0, -2.0, -0.5, 0.5, 2.0, 4.0])
            pulled = recorded.pull(self._cotangents(k, factor))
            rows.append([g / factor for g in pulled])
        return rows

    def _cotangents(self, row: int, factor: float) -> list[Array]:
        if self.weights is None:
            flat = np.zeros(sum(self.sizes))
            flat[row] = factor
        else:
            flat = self.weights[row]
        parts = np.split(flat, np.cumsum(self.sizes)[:-1])
        return [
            part.reshape(y.shape) for part, y in zip(parts, self.problem.here.outputs, strict=True)
        ]


@dataclass(frozen=True)
class Columns:
    """Derivatives of some rows along some directions of one input."""

    which: int
    directions: Sequence[Array]
    numeric: Array  # (rows, directions); so are the others
    bound: Array
    step: Array
    first: float
    at_kink: bool
    kinks: bool  # whether there are any


def differentiate(
    rows: Rows,
    which: int,
    directions: Sequence[Array],
    at_kink: bool = False,
    first: float = FIRST_STEP,
) -> Columns:
    """Return the derivatives of the rows along directions of the input ``which``.

    Raises
    ------
    Kink
        If no step along one of them stays in one smooth piece; except, ``at_kink``, where the
        rule's derivative lies between the slopes on both sides: then it is taken for right.
    """
    problem = rows.problem
    found, kinks = [], False
    for u in directions:
        result = derivative(_projected(rows, problem.along(which, u)), rows.noise, first)
        if not result.smooth:
            if not at_kink:
                raise Kink
            kinks = True
            moves = [np.zeros(x.shape) for x in problem.point]
            moves[which] = u
            result = _between_slopes(rows, moves)
        found.append(result)
    shape = (len(rows.owners), len(directions))

    def table(values: list[Array]) -> Array:
        return np.stack(values, axis=1) if values else np.zeros(shape)

    return Columns(
        which,
        directions,
        table([d.value for d in found]),
        table([d.bound for d in found]),
        table([d.step for d in found]),
        first,
        at_kink,
        kinks,
    )


def _projected(rows: Rows, along: Any) -> Any:
    def values(step: float) -> Array | None:
        flat = along(step)
        return None if flat is None else rows.project(flat)

    return values


def _between_slopes(rows: Rows, moves: Sequence[Array]) -> Derivative:
    """Return what is nearest to the rule's derivatives between the slopes on both sides."""
    along = rows.problem.along_all
    right, left = (
        one_sided(_projected(rows, along([side * u for u in moves], any_branch=True)), rows.noise)
        for side in (1, -1)
    )
    if not (right.smooth and left.smooth):
        raise Kink  # the domain ends here
    low, high = np.minimum(right.value, -left.value), np.maximum(right.value, -left.value)
    bound = np.maximum(right.bound, left.bound)
    return Derivative(np.clip(_total(rows, moves), low, high), bound, right.step, True)


def _total(rows: Rows, moves: Sequence[Array]) -> Array:
    """Return the derivatives of the rows when all inputs move, by the rules."""
    return np.array(
        [sum((g * u).sum() for g, u in zip(row, moves, strict=True)) for row in rows.gradients]
    )


# -- the two ways --------------------------------------------------------------------------------


def check_dense(problem: Problem, check: str, primitive: bool) -> list[Finding]:
    """Compare every entry of the Jacobian."""
    rows = Rows(problem)
    findings, kinks = [], False
    for i in range(len(problem.point)):
        places, directions = coordinates(problem, i)
        columns = differentiate(rows, i, directions, at_kink=primitive)
        kinks = kinks or columns.kinks
        for o in range(len(rows.sizes)):
            findings.append(_judged(rows, columns, o, check, places))
    if kinks and all(finding.verdict == "passed" for finding in findings):
        findings.append(_all_moved(rows, check))
    return findings


def _all_moved(rows: Rows, check: str) -> Finding:
    """On a kink, judge the derivative where all inputs move alike.

    Slopes that are possible one by one may not be together: if both sides of a maximum take all of
    the gradient, then the sum of gradients is not conserved.
    """
    problem = rows.problem
    step = max(s.max(initial=0.0) for s in problem.scales)
    moves = [np.where(s > 0, step, 0.0) for s in problem.scales]
    analytic, slopes = _total(rows, moves), _between_slopes(rows, moves)
    comparison = Comparison(
        analytic[:, None],
        slopes.value[:, None],
        slopes.bound[:, None],
        slopes.step[:, None],
        max(problem.naturals),
    )
    verdict, resolution, off = comparison.judge(lambda: np.zeros(()))
    finding = Finding(check, "all inputs, moved alike", verdict, resolution=resolution)
    if verdict != "failed":
        return finding
    k = int(off.argmax())
    sides = (float(part[k]) for part in (analytic, slopes.value, slopes.bound, slopes.step))
    message = "at a tie, what the inputs get does not add up to what there is"
    return replace(finding, worst=Entry((), *sides), message=message)


def check_projected(
    problem: Problem, check: str, primitive: bool, rng: np.random.Generator
) -> list[Finding]:
    """Compare random projections of the Jacobian; where one is wrong, look for the entry."""
    findings: dict[tuple[int, int], Finding] = {}
    for _ in range(PROJECTIONS):
        rows = Rows(problem, [rng.standard_normal(y.shape) for y in problem.here.outputs])
        for i, scale in enumerate(problem.scales):
            places = None
            try:
                columns = differentiate(rows, i, [scale * rng.choice([-1.0, 1.0], scale.shape)])
            except Kink:
                if not primitive:
                    raise
                places, directions = coordinates(problem, i, MOST_AT_KINKS, rng)
                columns = differentiate(rows, i, directions, at_kink=True)
            for o in range(len(rows.sizes)):
                before = findings.get((o, i))
                if before is not None and before.verdict == "failed":
                    continue
                finding = _judged(rows, columns, o, check, places)
                if finding.verdict == "failed" and places is None:
                    finding = _located(rows, i, o, finding, primitive, rng)
                findings[o, i] = _coarser(before, finding)
    return list(findings.values())


def _coarser(before: Finding | None, after: Finding) -> Finding:
    """Return one finding for two projections: the less reassuring one."""
    if before is None or after.verdict == "failed":
        return after
    return max(before, after, key=lambda finding: finding.resolution or 0.0)


def _located(
    rows: Rows, which: int, output: int, finding: Finding, primitive: bool, rng: Any
) -> Finding:
    """Look for the wrong entries of a projection that failed."""
    places, directions = coordinates(rows.problem, which, MOST_LOCATED, rng)
    try:
        columns = differentiate(rows, which, directions, at_kink=primitive)
    except Kink:
        return finding
    closer = _judged(rows, columns, output, finding.check, places)
    return closer if closer.verdict == "failed" else finding


def coordinates(
    problem: Problem, which: int, most: int | None = None, rng: Any = None
) -> tuple[Array, list[Array]]:
    """Return the places of the finite entries of an input, at most so many, and unit vectors."""
    scale = problem.scales[which]
    places = np.flatnonzero(scale)
    if most is not None and places.size > most:
        places = np.sort(rng.choice(places, most, replace=False))
    units = []
    for j in places:
        unit = np.zeros(scale.size)
        unit[j] = scale.ravel()[j]
        units.append(unit.reshape(scale.shape))
    return places, units


def subject_of(problem: Problem, output: int, which: int) -> str:
    """Return how people call the derivative of an output by an input."""
    shape = problem.point[which].shape
    return f"{problem.output_names[output]}, input {problem.names[which]} of shape {shape}"


# -- judging -------------------------------------------------------------------------------------


def _judged(rows: Rows, columns: Columns, output: int, check: str, places: Array | None) -> Finding:
    """Judge the rows of one output; ``places`` are the coordinates that the columns belong to."""
    problem, i = rows.problem, columns.which
    mine = np.flatnonzero(rows.owners == output)
    subject = subject_of(problem, output, i)
    if not mine.size or not columns.directions or not problem.here.outputs[output].size:
        return Finding(check, subject, "passed", "there is nothing to check: it is empty")
    if not problem.finite[output].any():
        return Finding(check, subject, "inconclusive", "the output is not finite at this point")
    analytic = _along(rows.gradients, mine, columns)
    if not all(ok.all() for ok in problem.finite):  # 0 times their infinite slopes is NaN
        lost = ~np.isfinite(analytic)
        analytic[lost] = columns.numeric[mine][lost]
    comparison = Comparison(
        analytic,
        columns.numeric[mine],
        columns.bound[mine],
        columns.step[mine],
        problem.naturals[output],
    )
    # Where a rounding would leave the kink, the gradient does not tell how well it is known.
    verdict, resolution, off = comparison.judge(
        lambda: np.zeros(()) if columns.kinks else _along(rows.rounding, mine, columns, True)
    )
    if verdict == "failed" and columns.first == FIRST_STEP:
        again = differentiate(rows, i, columns.directions, columns.at_kink, SECOND_OPINION)
        return _judged(rows, again, output, check, places)
    finding = Finding(check, subject, verdict, resolution=resolution)
    if verdict == "passed":
        return finding
    if verdict == "inconclusive":
        return replace(
            finding,
            message=f"the differences are certain to {resolution:.0e} of the gradient only",
        )
    return _explained(finding, rows, columns, mine, comparison, off, places)


def _along(
    gradients: list[list[Array]], mine: Array, columns: Columns, absolute: bool = False
) -> Array:
    return np.array(
        [
            [
                (gradients[k][columns.which] * (np.abs(u) if absolute else u)).sum()
                for u in columns.directions
            ]
            for k in mine
        ]
    )


def _explained(
    finding: Finding,
    rows: Rows,
    columns: Columns,
    mine: Array,
    comparison: Comparison,
    off: Array,
    places: Array | None,
) -> Finding:
    """Tell the worst entry of a comparison that failed, and the gradients where all are known."""
    shape = rows.problem.point[columns.which].shape
    k, d = map(int, np.unravel_index(int(off.argmax()), off.shape))
    size = 1.0 if places is None else float(np.abs(columns.directions[d]).sum())
    index = () if places is None else np.unravel_index(places[d], shape)
    worst = Entry(
        tuple(map(int, index)),
        float(comparison.analytic[k, d]) / size,
        float(comparison.numeric[k, d]) / size,
        float(comparison.bound[k, d]) / size,
        float(comparison.step[k, d]) * (size if places is not None else 1.0),
    )
    message = ""
    if places is None:
        message = "a projection on a random direction; no single entry was found wrong"
    elif rows.weights is None:
        output = rows.problem.here.outputs[int(rows.owners[mine[0]])]
        entry = [int(i) for i in np.unravel_index(int(k), output.shape)]
        message = f"it is the derivative of entry {entry} of the output" if entry else ""
    finding = replace(finding, message=message, worst=worst)
    if places is None or len(places) < math.prod(shape):
        return finding
    # Of a whole Jacobian, one random combination of the rows is a gradient to look at.
    v = np.ones(1) if rows.weights is not None else _weights(len(mine))
    sizes = np.array([np.abs(u).sum() for u in columns.directions])
    analytic = (v @ comparison.analytic / sizes).reshape(shape)
    numeric = (v @ comparison.numeric / sizes).reshape(shape)
    bound = (np.abs(v) @ comparison.bound / sizes).reshape(shape)
    guess = pattern(analytic, numeric, bound, rows.problem.point)
    if _lies_between_slopes(rows, columns, int(mine[k]), d):
        guess = "it lies between the slopes on both sides; `branch` of the Function tells a kink"
    message = "\n".join(filter(None, (guess, message)))
    return replace(finding, message=message, analytic=analytic, numeric=numeric)


def _lies_between_slopes(rows: Rows, columns: Columns, row: int, direction: int) -> bool:
    """Tell whether what was found wrong would be right on a kink."""
    moves = [np.zeros(x.shape) for x in rows.problem.point]
    moves[columns.which] = columns.directions[direction]
    try:
        slopes = _between_slopes(rows, moves)
    except Kink:
        return False
    return bool(abs(_total(rows, moves) - slopes.value)[row] <= 2 * slopes.bound[row])


def _weights(count: int) -> Array:
    return np.random.default_rng(0).standard_normal(count)


def dense_is_cheap(problem: Problem) -> bool:
    """Tell whether the whole Jacobian is small enough to be computed."""
    inputs = sum(x.size for x in problem.point)
    outputs = sum(y.size for y in problem.here.outputs)
    return inputs <= DENSE_INPUTS and inputs * outputs <= DENSE
