"""What the gates of recurrent networks do: each is a block of the last axis."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tinygraph.ops.recurrent import GRUGates, GRUState, LSTMGates, LSTMOutput, LSTMState

from .table import Case, Shape, each, normal


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def case(function: object, counts: tuple[int, ...], *outputs: Callable[..., float]) -> Case:
    """Make the rows of an operation on so many blocks, whose outputs are blocks again."""

    def reference(*xs: np.ndarray) -> np.ndarray:
        parts = [part for n, x in zip(counts, xs, strict=True) for part in np.split(x, n, -1)]
        return np.concatenate([each(output)(*parts) for output in outputs], -1)

    def shapes(*shape: int) -> tuple[Shape, ...]:
        return tuple((*shape[:-1], n * shape[-1]) for n in counts)

    # One sequence, none, more axes, a single unit.
    corners = [shapes(3), shapes(0, 3), shapes(2, 1, 2), shapes(2, 1)]
    return Case(function, [normal(*shape) for shape in shapes(2, 3)], reference, corners)


RECURRENT = [
    case(
        LSTMGates(),
        (4,),
        lambda i, f, n, o: sigmoid(i),
        lambda i, f, n, o: sigmoid(f),
        lambda i, f, n, o: math.tanh(n),
        lambda i, f, n, o: sigmoid(o),
    ),
    case(LSTMState(), (4, 1), lambda i, f, n, o, c: f * c + i * n),
    case(LSTMOutput(), (4, 1), lambda i, f, n, o, c: o * math.tanh(c)),
    case(
        GRUGates(),
        (3, 3),
        lambda rx, zx, nx, ru, zu, nu: sigmoid(rx + ru),
        lambda rx, zx, nx, ru, zu, nu: sigmoid(zx + zu),
        lambda rx, zx, nx, ru, zu, nu: math.tanh(nx + sigmoid(rx + ru) * nu),
    ),
    case(GRUState(), (3, 1), lambda r, z, n, h: (1 - z) * n + z * h),
]
