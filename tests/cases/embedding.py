"""Rows of a table, and their adjoint."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinygraph.ops.embedding import AddRows, Embedding

from .table import Case, below, normal


def take_rows(w: np.ndarray, index: np.ndarray) -> np.ndarray:
    y = np.zeros((*index.shape, *w.shape[1:]))
    for at in np.ndindex(*index.shape):
        y[at] = w[index[at]]
    return y


def add_rows(rows: int) -> Callable[..., np.ndarray]:
    def add(x: np.ndarray, index: np.ndarray) -> np.ndarray:
        y = np.zeros((rows, *x.shape[index.ndim :]))
        for at in np.ndindex(*index.shape):
            y[index[at]] += x[at]
        return y

    return add


EMBEDDINGS = [
    Case(
        Embedding(),
        [normal(4, 3), below(4, 2, 5)],
        take_rows,
        [((4, 3), ()), ((4, 3), (0,)), ((4, 0), (2,))],
        linear=True,
    ),
    Case(
        AddRows(4),
        [normal(2, 5, 3), below(4, 2, 5)],
        add_rows(4),
        [((3,), ()), ((0, 3), (0,)), ((7,), (7,))],
        linear=True,
    ),
]
