"""What rules give at ties and corners, where no derivative tells: the conventions of the docs."""

from __future__ import annotations

from typing import Any

import numpy as np

import tinygraph as tg
from tinygraph.ops.activation import Hardtanh, LeakyReLU
from tinygraph.ops.elementwise import Abs, Clip, FMax, FMin, Maximum, Minimum, ReLU
from tinygraph.ops.norms import VectorNorm
from tinygraph.ops.pool import AdaptiveMaxPool, MaxPool2d
from tinygraph.ops.reduction import Amax, Amin, Max, Mean, Min
from tinygraph.ops.selection import Sort
from tinygraph.ops.statistics import Std

from .table import Case, exactly


class Slopes:
    """The gradients of a Function for the cotangent 1, 2, 3, ..., one after the other."""

    differentiable = False

    def __init__(self, function: tg.Function) -> None:
        self.function = function

    def __repr__(self) -> str:
        return f"Slopes({self.function!r})"

    def __call__(self, *xs: tg.Tensor | np.ndarray) -> tg.Tensor:
        leaves = [tg.tensor(x, dtype=np.float64, requires_grad=True) for x in xs]
        with tg.enable_grad():
            y = self.function(*leaves)
        found = tg.grad(y, leaves, np.arange(1.0, y.size + 1).reshape(y.shape))
        return tg.Tensor(np.concatenate([gx.data.reshape(-1) for gx in found]))


def at(function: tg.Function, *inputs: Any, gives: list[float]) -> Case:
    expected = np.array(gives, np.float64)
    return Case(
        Slopes(function), [exactly(x) for x in inputs], lambda *xs: expected, keeps_dtype=False
    )


THIRDS = [2 / 3] * 3
ROW = [[[[1, 1, 0, 0]]]]

TIES = [
    at(Abs(), [-1, 0, 2], gives=[-1, 0, 3]),
    at(ReLU(), [-1, 0, 2], gives=[0, 0, 3]),
    at(LeakyReLU(0.5), [-1, 0, 2], gives=[0.5, 1, 3]),
    at(Clip(-1, 2), [-2, -1, 0, 2, 3], gives=[0, 2, 3, 4, 0]),
    at(Hardtanh(-1, 2), [-2, -1, 0, 2, 3], gives=[0, 0, 3, 0, 0]),
    at(Maximum(), [0, 1, 2], [0, 2, 1], gives=[0.5, 0, 3, 0.5, 2, 0]),
    at(Minimum(), [0, 1, 2], [0, 2, 1], gives=[0.5, 2, 0, 0.5, 0, 3]),
    at(FMax(), [0, 1, 2], [0, 2, 1], gives=[1, 0, 3, 0, 2, 0]),
    at(FMin(), [0, 1, 2], [0, 2, 1], gives=[1, 2, 0, 0, 0, 3]),
    at(Amax((1,), False), [[1, 3, 3], [2, 2, 2]], gives=[0, 0.5, 0.5, *THIRDS]),
    at(Amin((1,), False), [[1, 3, 1], [2, 2, 2]], gives=[0.5, 0, 0.5, *THIRDS]),
    at(Max((1,), False), [[1, 3, 3], [2, 2, 2]], gives=[0, 1, 0, 2, 0, 0]),
    at(Min((1,), False), [[1, 3, 1], [2, 2, 2]], gives=[1, 0, 0, 2, 0, 0]),
    at(MaxPool2d((1, 2), (1, 1), (0, 0), (1, 1), False), ROW, gives=[1, 2, 3, 0]),
    at(AdaptiveMaxPool((1, 2)), ROW, gives=[1, 0, 2, 0]),
    at(Sort(0), [1, 0, 1, 0], gives=[3, 1, 4, 2]),
    at(Sort(0, True), [1, 0, 1, 0], gives=[1, 3, 2, 4]),
    at(Std((0,), False, 0), [2, 2], gives=[0, 0]),
    at(VectorNorm((0,), False, 2), [0, 0], gives=[0, 0]),
    at(VectorNorm((0,), False, 3), [0, 0], gives=[0, 0]),
    at(Mean((0,), False), np.zeros((0, 3), int), gives=[]),
]
