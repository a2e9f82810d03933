"""Losses and normalisation."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tinygraph.ops.loss import (
    ClassCrossEntropy,
    ClassCrossEntropyGrad,
    CountLabels,
    CrossEntropy,
    MeanLoss,
    NegativeLogLikelihood,
    OneHot,
)
from tinygraph.ops.normalization import BatchNorm, ChannelCombine, ChannelDot

from .reduction import log_softmax, variance
from .table import (
    Case,
    apart,
    below,
    exactly,
    lines,
    normal,
    positive,
)


def one_hot(classes: int, ignore_index: int) -> Callable[..., np.ndarray]:
    def encode(target: np.ndarray) -> np.ndarray:
        y = np.zeros((target.shape[0], classes, *target.shape[1:]))
        for n, *rest in np.ndindex(*target.shape):
            if target[n, *rest] != ignore_index:
                y[n, target[n, *rest], *rest] = 1
        return y

    return encode


def cross_entropy(x: np.ndarray, t: np.ndarray) -> np.ndarray:
    return -(t * lines(1, log_softmax)(x)).sum(axis=1)


def class_cross_entropy(ignore_index: int) -> Callable[..., np.ndarray]:
    def apply(x: np.ndarray, t: np.ndarray) -> np.ndarray:
        return cross_entropy(x, one_hot(x.shape[1], ignore_index)(t))

    return apply


def class_cross_entropy_grad(ignore_index: int) -> Callable[..., np.ndarray]:
    def apply(g: np.ndarray, e: np.ndarray, t: np.ndarray, total: np.ndarray) -> np.ndarray:
        chosen = one_hot(e.shape[1], ignore_index)(t)
        return g[:, None] * (e / total * chosen.sum(axis=1, keepdims=True) - chosen)

    return apply


def batch_norm(eps: float) -> Callable[..., np.ndarray]:
    def apply(x: np.ndarray, w: np.ndarray | None, b: np.ndarray | None) -> np.ndarray:
        y = np.zeros(x.shape)
        for c in range(x.shape[1]):
            values = x[:, c]
            scale = 1 if w is None else w[c]
            y[:, c] = (values - values.mean()) / math.sqrt(variance(0)(list(values.ravel())) + eps)
            y[:, c] = y[:, c] * scale + (0 if b is None else b[c])
        return y

    return apply


LOSSES = [
    Case(
        OneHot(3, -100, np.dtype(np.float64)),
        [exactly([0, 2, -100, 2])],
        one_hot(3, -100),
        keeps_dtype=False,
    ),
    Case(OneHot(4, 1, np.dtype(np.float64)), [below(4, 2, 3)], one_hot(4, 1), keeps_dtype=False),
    Case(
        CrossEntropy(),
        [normal(3, 4), positive(3, 4)],
        cross_entropy,
        [((1, 1),) * 2, ((0, 3),) * 2, ((2, 3, 2),) * 2],
    ),
    Case(
        ClassCrossEntropy(-100),
        [normal(4, 3), below(3, 4)],
        class_cross_entropy(-100),
    ),
    Case(ClassCrossEntropy(1), [normal(2, 4, 3), below(4, 2, 3)], class_cross_entropy(1)),
    Case(
        ClassCrossEntropyGrad(-100),
        [normal(4), positive(4, 3), below(3, 4), positive(4, 1)],
        class_cross_entropy_grad(-100),
    ),
    Case(
        ClassCrossEntropyGrad(1),
        [normal(2, 3), positive(2, 4, 3), below(4, 2, 3), positive(2, 1, 3)],
        class_cross_entropy_grad(1),
    ),
    Case(
        CountLabels(2, np.dtype(np.float64)),
        [below(4, 3, 5)],
        lambda t: np.asarray(float((t != 2).sum())),
        keeps_dtype=False,
    ),
    Case(
        NegativeLogLikelihood(),
        [normal(3, 4), apart(3, 4)],
        lambda x, t: -sum(t[:, c] * x[:, c] for c in range(x.shape[1])),
        [((1, 1),) * 2, ((0, 3),) * 2, ((2, 3, 2),) * 2],
        linear=True,
    ),
    Case(
        MeanLoss(),
        [normal(2, 3), positive()],
        lambda x, n: np.asarray(math.fsum(x.flat) / n),
        [((), ()), ((0,), ())],
    ),
    Case(
        BatchNorm(1e-5),
        [normal(4, 2), normal(2), normal(2)],
        batch_norm(1e-5),
        [((3, 1), (1,), (1,)), ((1, 2, 2, 3), (2,), (2,)), ((2, 2, 3), (2,), (2,))],
    ),
    Case(
        ChannelDot(),
        [normal(3, 2, 4), normal(3, 2, 4), normal(1, 2, 1)],
        lambda x, z, shift: (x * (z - shift)).sum(axis=(0, *range(2, x.ndim)), keepdims=True),
        [
            ((2, 3), (2, 3), (1, 3)),
            ((2, 3, 4, 5), (2, 3, 4, 5), (1, 3, 1, 1)),  # long enough for products with vectors
            ((0, 2, 3), (0, 2, 3), (1, 2, 1)),
        ],
    ),
    Case(
        ChannelCombine(),
        [normal(3, 2, 4), normal(3, 2, 4), *(normal(1, 2, 1) for _ in range(4))],
        lambda x, z, shift, a, b, c: a * x + b * (z - shift) + c,
    ),
    Case(BatchNorm(0.5), [normal(2, 2, 2, 3), None, None], batch_norm(0.5)),
    Case(BatchNorm(0.1), [normal(3, 2), normal(2), None], batch_norm(0.1)),
    Case(BatchNorm(0.1), [normal(3, 2), None, normal(2)], batch_norm(0.1)),
]
