"""Products, running results, statistics."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.ops.cumulative import CumProd, CumSum, LinearScan, Prod
from tinygraph.ops.statistics import Std, Var

from .reduction import variance
from .table import Case, Input, lines, normal, over, reductions


def deviation(ddof: int) -> Callable[[list[float]], float]:
    return lambda values: math.sqrt(variance(ddof)(values))


def zeros(*shape: int) -> Input:
    """Draw normal numbers, and every third a zero."""

    def fill(rng: np.random.Generator, shape: Any) -> np.ndarray:
        return rng.standard_normal(shape) * (np.arange(math.prod(shape)) % 3 > 0).reshape(shape)

    return Input(shape, fill)


def running(f: Callable[[float, float], float], reverse: bool) -> Callable[[list], list]:
    step = -1 if reverse else 1
    return lambda values: list(itertools.accumulate(values[::step], f))[::step]


def recurrence(axis: int, reverse: bool) -> Callable[..., np.ndarray]:
    """Sum b[j] times all of a after j, up to i, for each i."""

    def scan(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        y = np.zeros(b.shape)
        n = b.shape[axis]
        for i, j in itertools.product(range(n), range(n)):
            between = range(i, j) if reverse else range(j + 1, i + 1)
            if (j >= i) if reverse else (j <= i):
                lead = (slice(None),) * axis
                factors = [a[(*lead, k)] for k in between]
                y[(*lead, i)] += math.prod(factors, start=b[(*lead, j)])
        return y

    return scan


SHAPES = (((3, 4), 1), ((4, 2, 2), 0), ((1,), 0), ((0, 3), 0), ((2, 0), 0))

RUNNING = [
    *reductions(Prod, normal, math.prod),
    Case(Prod((0, 2), False), [zeros(2, 3, 2)], over((0, 2), False, math.prod), note=":zeros"),
    Case(Prod((0,), False), [zeros(2, 3, 2)], over((0,), False, math.prod), note=":zeros"),
    Case(Prod((0,), True), [zeros(4, 2)], over((0,), True, math.prod), note=":zeros"),
    Case(Prod((0,), False), [normal(0, 3)], over((0,), False, math.prod)),
    *(
        Case(
            CumSum(axis, reverse),
            [normal(*shape)],
            lines(axis, running(operator.add, reverse)),
            linear=True,
        )
        for reverse in (False, True)
        for shape, axis in SHAPES
    ),
    *(
        Case(
            CumProd(axis, reverse),
            [fill(*shape)],
            lines(axis, running(operator.mul, reverse)),
            note=note,
        )
        for reverse in (False, True)
        for fill, note in ((normal, ""), (zeros, ":zeros"))
        for shape, axis in SHAPES
    ),
    *(
        Case(
            LinearScan(axis, reverse),
            [fill(*shape), normal(*shape)],
            recurrence(axis, reverse),
            note=note,
        )
        for reverse in (False, True)
        for fill, note in ((normal, ""), (zeros, ":zeros"))
        for shape, axis in SHAPES[:4]
    ),
    *reductions(Var, normal, variance(0), 0),
    Case(Var((1,), False, 1), [normal(2, 4)], over((1,), False, variance(1))),
    Case(Std((1,), True, 0), [normal(2, 4)], over((1,), True, deviation(0))),
    Case(Std((0, 2), False, 1), [normal(2, 3, 2)], over((0, 2), False, deviation(1))),
    Case(Std((1,), False, 0), [normal(0, 3)], over((1,), False, deviation(0))),
]
