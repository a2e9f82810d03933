"""Reductions, and what runs along an axis."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable

import numpy as np

from tinygraph.ops.reduction import (
    AllTrue,
    Amax,
    Amin,
    AnyTrue,
    Argmax,
    Argmin,
    ChannelSum,
    LogSoftmax,
    LogSumExp,
    Max,
    Mean,
    Min,
    Softmax,
    Sum,
)

from .table import (
    Case,
    apart,
    choices,
    lines,
    mask,
    normal,
    over,
    reductions,
    ties,
)


def variance(ddof: int) -> Callable[[list[float]], float]:
    def of(values: list[float]) -> float:
        mean = statistics.fmean(values)
        return math.fsum((v - mean) ** 2 for v in values) / (len(values) - ddof)

    return of


def logsumexp(values: list[float]) -> float:
    peak = max(values)  # so that the result is as precise as can be
    return peak + math.log(math.fsum(math.exp(v - peak) for v in values))


def softmax(values: list[float]) -> list[float]:
    return [math.exp(v - logsumexp(values)) for v in values]


def log_softmax(values: list[float]) -> list[float]:
    return [v - logsumexp(values) for v in values]


REDUCTIONS = [
    *reductions(Sum, normal, math.fsum, linear=True),
    Case(Sum((0,), False), [normal(0, 3)], over((0,), False, math.fsum), linear=True),
    Case(
        ChannelSum(),
        [normal(2, 3, 4)],
        lambda x: over((0, *range(2, x.ndim)), True, math.fsum)(x),
        [((2, 3),), ((0, 2, 3),)],
        linear=True,
    ),
    *reductions(Mean, normal, statistics.fmean),
    Case(Mean((1,), False), [normal(2, 4)], over((1,), False, statistics.fmean), linear=True),
    *reductions(Amax, apart, max),
    *reductions(Amin, apart, min),
    *choices(Max, apart, max),
    *choices(Min, apart, min),
    *reductions(LogSumExp, normal, logsumexp),
    *choices(Argmax, ties, lambda values: values.index(max(values)), np.intp),
    *choices(Argmin, ties, lambda values: values.index(min(values)), np.intp),
    *(
        Case(function(axis, keep), [fill(*shape)], over(axis, keep, f, bool), note=note)
        for function, f in ((AnyTrue, any), (AllTrue, all))
        for fill, note in ((mask, ""), (ties, ":numbers"))
        for shape, axis, keep in (
            ((2, 3), (1,), False),
            ((2, 2), (0, 1), True),
            ((0, 2), (0,), False),
        )
    ),
    *(
        Case(function(axis), [normal(*shape)], lines(axis, f))
        for function, f in ((Softmax, softmax), (LogSoftmax, log_softmax))
        for shape, axis in (((2, 3), 1), ((3, 2, 2), 0), ((1,), 0), ((0, 3), 1))
    ),
]
