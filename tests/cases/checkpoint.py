"""Functions that run again in backward."""

from __future__ import annotations

import numpy as np

import tinygraph as tg
from tinygraph._checkpoint import Checkpoint
from tinygraph._random import Randomness

from .table import Case, normal


def squashed(x: tg.Tensor, w: tg.Tensor) -> tg.Tensor:
    return (x * w).tanh().sum(axis=0)


CHECKPOINTS = [
    Case(
        Checkpoint(squashed, Randomness()),
        [normal(2, 3), normal(3)],
        lambda x, w: np.tanh(x * w).sum(axis=0),
        [((0, 3), (3,)), ((1, 1), ()), ((2, 0), (0,))],
    )
]
