"""Matrix products."""

from __future__ import annotations

import numpy as np

from tinygraph.ops.linalg import Linear, MatMul

from .table import (
    Case,
    normal,
)


def matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a = np.broadcast_to(a, (*lead, *a.shape[-2:]))
    b = np.broadcast_to(b, (*lead, *b.shape[-2:]))
    y = np.zeros((*a.shape[:-1], b.shape[-1]))
    for i, k, j in np.ndindex(a.shape[-2], a.shape[-1], b.shape[-1]):
        y[..., i, j] += a[..., i, k] * b[..., k, j]
    return y


def linear(x: np.ndarray, w: np.ndarray, b: np.ndarray | None) -> np.ndarray:
    y = np.zeros((*x.shape[:-1], w.shape[0]))
    for i, o in np.ndindex(x.shape[-1], w.shape[0]):
        y[..., o] += x[..., i] * w[o, i]
    return y if b is None else y + b


PRODUCTS = [
    Case(MatMul(), [normal(2, 3), normal(3, 4)], matmul, linear=True),
    Case(MatMul(), [normal(2, 1, 2, 3), normal(3, 3, 1)], matmul, linear=True),
    Case(MatMul(), [normal(2, 3), normal(2, 3, 2)], matmul, linear=True),
    Case(
        MatMul(),
        [normal(1, 3), normal(3, 1)],
        matmul,
        [((0, 3), (3, 2)), ((2, 0), (0, 3)), ((0, 2, 3), (3, 2))],
        linear=True,
    ),
    Case(
        Linear(),
        [normal(2, 3), normal(4, 3), normal(4)],
        linear,
        [((3,), (4, 3), (4,)), ((2, 2, 3), (1, 3), (1,)), ((0, 3), (4, 3), (4,))],
        linear=True,
    ),
    Case(Linear(), [normal(2, 3), normal(4, 3), None], linear, linear=True),
    Case(
        Linear(),
        [normal(2, 3), normal(4, 3), normal(2, 4)],
        linear,
        [((2, 2, 3), (1, 3), (2, 2, 1)), ((0, 3), (4, 3), (0, 4))],
        linear=True,
    ),
]
