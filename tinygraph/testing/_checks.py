"""What is checked of a function: its derivatives up to an order, and that they agree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal, TypeAlias

import numpy as np

from . import _exact
from ._consistency import (
    check_adjoint,
    check_linearity,
    check_modes,
    check_precision,
    check_repeatable,
)
from ._differences import Kink, check_dense, check_projected, dense_is_cheap
from ._problem import Problem, problem_of
from ._report import Finding, Report, name_of
from ._structure import Inputs

Mode: TypeAlias = Literal["auto", "dense", "projected", "exact"]
ORDERS = {1: "gradient", 2: "second derivative", 3: "third derivative"}
MOST_REDRAWS = 8
REDRAW = 2.0**-5  # how far, relative to the point


def report_of(
    f: Callable[..., Any],
    inputs: Sequence[Any],
    wrt: Any = None,
    order: int = 1,
    mode: Mode = "auto",
    seed: int = 0,
) -> Report:
    """Return what `gradcheck` finds, whatever it is."""
    arguments = Inputs("gradcheck", f, inputs, wrt)
    rng = np.random.default_rng(seed)
    problem = problem_of("gradcheck", arguments)
    if mode == "exact":
        findings = _exactly(problem, rng)
    else:
        findings = check_problem(problem, order, mode, rng)
        findings += check_precision(problem, arguments, rng)
    return Report(name_of(f), tuple(findings))


def check_problem(
    problem: Problem, order: int, mode: str, rng: np.random.Generator
) -> list[Finding]:
    """Check the derivatives up to an order, and that they agree with each other."""
    findings = []
    for k in range(1, order + 1):
        if k > 1:
            problem = problem.gradient(rng)
        findings += _away_from_kinks(
            problem,
            ORDERS[k],
            partial(_differences, check=ORDERS[k], mode=mode, first=k == 1, rng=rng),
            _perturbed,
            rng,
        )
        if k == 1:
            findings += check_repeatable(problem, rng) + check_linearity(problem, rng)
        if k == 1 and order > 1:
            findings += check_adjoint(problem, rng) + check_modes(problem, rng)
    return findings


def _differences(
    problem: Problem, check: str, mode: str, first: bool, rng: np.random.Generator
) -> list[Finding]:
    primitive = first and problem.here.watch.nodes == 1
    if mode == "dense" or (mode == "auto" and dense_is_cheap(problem)):
        return check_dense(problem, check, primitive)
    return check_projected(problem, check, primitive, rng)


def _exactly(problem: Problem, rng: np.random.Generator) -> list[Finding]:
    primitive = problem.here.watch.nodes == 1
    return _away_from_kinks(
        _exact.rounded(problem),
        _exact.CHECK,
        lambda p: _exact.check_exact(p, primitive, rng),
        _exact.redrawn,
        rng,
    )


def _away_from_kinks(
    problem: Problem,
    name: str,
    check: Callable[[Problem], list[Finding]],
    redraw: Callable[[Problem, np.random.Generator], Problem],
    rng: np.random.Generator,
) -> list[Finding]:
    """Check at the point, or near it where it is too close to a kink."""
    for redraws in range(MOST_REDRAWS + 1):
        try:
            findings = check(problem)
        except Kink:
            problem = redraw(problem, rng)
        else:
            count = problem.evaluations
            return [replace(findings[0], redraws=redraws, evaluations=count), *findings[1:]]
    message = f"{MOST_REDRAWS + 1} points tried, and each is closer to a kink than any usable step"
    return [Finding(name, "all inputs", "inconclusive", message, redraws=MOST_REDRAWS)]


def _perturbed(problem: Problem, rng: np.random.Generator) -> Problem:
    return problem.moved(
        [
            x + REDRAW * s * rng.uniform(-1, 1, x.shape)
            for x, s in zip(problem.point, problem.scales, strict=True)
        ]
    )
