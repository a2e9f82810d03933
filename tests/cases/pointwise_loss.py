"""Losses of regression and of yes-or-no questions: one for each element."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygraph.ops.binary_loss import (
    BinaryCrossEntropy,
    BinaryCrossEntropyWithLogits,
    LogFloor,
    LogisticLoss,
)
from tinygraph.ops.regression_loss import Huber, KLDivergence, KLDivergenceOfLogs

from .table import Case, Input, apart, each, normal, pointwise, positive


def probability(*shape: int) -> Input:
    return Input(shape, lambda rng, shape: rng.uniform(0.3, 0.7, shape))


def huber(delta: float) -> Any:
    return each(lambda x: x * x / 2 if abs(x) <= delta else delta * (abs(x) - delta / 2))


def logistic(x: float) -> float:
    return max(-x, 0) + math.log1p(math.exp(-abs(x)))  # overflows nowhere


def with_logits(x: np.ndarray, t: np.ndarray, p: np.ndarray | None) -> np.ndarray:
    return each(lambda x, t, p: p * t * logistic(x) + (1 - t) * logistic(-x))(
        x, t, 1.0 if p is None else p
    )


POINTWISE_LOSSES = [
    *(pointwise(Huber(delta), [apart(2, 3)], huber(delta)) for delta in (1.0, 2.0)),
    pointwise(
        KLDivergence(), [normal(2, 3), positive(2, 3)], each(lambda x, t: t * (math.log(t) - x))
    ),
    pointwise(
        KLDivergenceOfLogs(),
        [normal(2, 3), normal(2, 3)],
        each(lambda x, t: math.exp(t) * (t - x)),
    ),
    pointwise(LogFloor(), [positive(2, 3)], each(math.log)),
    pointwise(
        BinaryCrossEntropy(),
        [probability(2, 3), normal(2, 3)],
        each(lambda x, t: -t * math.log(x) - (1 - t) * math.log(1 - x)),
    ),
    pointwise(LogisticLoss(), [normal(2, 3)], each(logistic)),
    pointwise(BinaryCrossEntropyWithLogits(), [normal(2, 3), normal(2, 3), None], with_logits),
    Case(BinaryCrossEntropyWithLogits(), [normal(2, 3), normal(2, 3), positive(3)], with_logits),
]
