"""Normalisation over the last axes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.ops.normalization import LayerNorm, RMSNorm

from .reduction import variance
from .table import Case, normal


def over_last(ndim: int, normal_: Callable[[list[float]], np.ndarray]) -> Callable[..., np.ndarray]:
    """Normalise the flat list of each sample, then scale and shift it."""

    def apply(x: np.ndarray, w: Any = None, b: Any = None) -> np.ndarray:
        y = np.zeros(x.shape)
        for at in np.ndindex(*x.shape[: x.ndim - ndim]):
            y[at] = normal_(list(x[at].ravel())).reshape(x[at].shape)
            y[at] = y[at] * (1 if w is None else w) + (0 if b is None else b)
        return y

    return apply


def layer_norm(eps: float) -> Callable[[list[float]], np.ndarray]:
    def of(values: list[float]) -> np.ndarray:
        mean = math.fsum(values) / len(values)
        return np.array([(v - mean) / math.sqrt(variance(0)(values) + eps) for v in values])

    return of


def rms_norm(eps: float) -> Callable[[list[float]], np.ndarray]:
    def of(values: list[float]) -> np.ndarray:
        square = math.fsum(v * v for v in values) / len(values)
        return np.array([v / math.sqrt(square + eps) for v in values])

    return of


NORMALIZATIONS = [
    Case(
        LayerNorm(1, 0.1),
        [normal(2, 3), normal(3), normal(3)],
        over_last(1, layer_norm(0.1)),
        [((2, 2, 3), (3,), (3,)), ((3,), (3,), (3,)), ((0, 3), (3,), (3,))],
    ),
    Case(LayerNorm(2, 0.5), [normal(2, 3, 2), normal(3, 2), None], over_last(2, layer_norm(0.5))),
    Case(LayerNorm(1, 0.1), [normal(2, 3), None, normal(3)], over_last(1, layer_norm(0.1))),
    Case(LayerNorm(2, 0.1), [normal(3, 2), None, None], over_last(2, layer_norm(0.1))),
    Case(
        RMSNorm(1, 0.1),
        [normal(2, 3), normal(3)],
        over_last(1, rms_norm(0.1)),
        [((2, 2, 3), (3,)), ((3,), (3,)), ((0, 3), (3,))],
    ),
    Case(RMSNorm(2, 0.1), [normal(2, 3, 2), None], over_last(2, rms_norm(0.1))),
    Case(RMSNorm(1, 0.5), [normal(2, 3)], over_last(1, rms_norm(0.5))),
    Case(LayerNorm(1, 0.5), [normal(2, 3)], over_last(1, layer_norm(0.5))),
]
