"""Elementwise operations."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable

import numpy as np

from tinygraph.ops.elementwise import (
    Abs,
    Add,
    Astype,
    Clip,
    Clone,
    Divide,
    Equal,
    Exp,
    Greater,
    GreaterEqual,
    Invert,
    Less,
    LessEqual,
    Log,
    LogicalNot,
    Maximum,
    Minimum,
    Multiply,
    Negative,
    NotEqual,
    Power,
    ReLU,
    ScalarPower,
    Sigmoid,
    Sqrt,
    Subtract,
    Tanh,
    Where,
)

from .table import (
    Case,
    apart,
    below,
    each,
    mask,
    normal,
    pointwise,
    positive,
    ties,
)


def power(p: float) -> Callable[[float], float]:
    return lambda v: v**p


ELEMENTWISE = [
    pointwise(Add(), [normal(2, 3), normal(2, 3)], each(operator.add), linear=True),
    Case(Add(), [normal(2, 1), normal(3)], each(operator.add), [((0, 1), (3,))], linear=True),
    pointwise(Subtract(), [normal(2, 3), normal(2, 3)], each(operator.sub), linear=True),
    Case(Subtract(), [normal(3), normal(2, 1, 3)], each(operator.sub), linear=True),
    pointwise(Multiply(), [normal(2, 3), normal(2, 3)], each(operator.mul), linear=True),
    Case(Multiply(), [normal(2, 1), normal(2, 2, 3)], each(operator.mul), linear=True),
    pointwise(Divide(), [normal(2, 3), apart(2, 3)], each(operator.truediv)),
    Case(Divide(), [normal(), apart(2, 3)], each(operator.truediv)),
    Case(Divide(), [normal(2, 3), apart(1, 3)], each(operator.truediv)),
    pointwise(Negative(), [normal(2, 3)], each(operator.neg), linear=True),
    pointwise(Power(), [positive(2, 3), normal(2, 3)], each(operator.pow)),
    Case(Power(), [positive(3), normal(2, 1)], each(operator.pow)),
    *(pointwise(ScalarPower(p), [apart(2, 3)], each(power(p))) for p in (3, 2, 1, 0, -1, -2.0)),
    *(pointwise(ScalarPower(p), [positive(2, 3)], each(power(p))) for p in (0.5, -0.5, 2.5)),
    pointwise(Exp(), [normal(2, 3)], each(math.exp)),
    pointwise(Log(), [positive(2, 3)], each(math.log)),
    pointwise(Sqrt(), [positive(2, 3)], each(math.sqrt)),
    pointwise(Abs(), [apart(2, 3)], each(abs)),
    pointwise(Tanh(), [normal(2, 3)], each(math.tanh)),
    pointwise(Sigmoid(), [normal(2, 3)], each(lambda v: (1 + math.tanh(v / 2)) / 2)),
    pointwise(ReLU(), [apart(2, 3)], each(lambda v: max(v, 0))),
    pointwise(Clip(-1, 2), [apart(2, 4)], each(lambda v: min(max(v, -1), 2))),
    pointwise(Clip(-math.inf, 1.0), [apart(2, 4)], each(lambda v: min(v, 1))),
    pointwise(
        Astype(np.dtype(np.float64)), [normal(2, 3)], each(float), linear=True, keeps_dtype=False
    ),
    pointwise(Clone(), [normal(2, 3)], each(float), linear=True),
    pointwise(Maximum(), [apart(2, 3), apart(2, 3, shift=0.5)], each(max)),
    Case(Maximum(), [apart(2, 1), apart(3, shift=0.5)], each(max)),
    pointwise(Minimum(), [apart(2, 3), apart(2, 3, shift=0.5)], each(min)),
    Case(Minimum(), [apart(2, 1), apart(3, shift=0.5)], each(min)),
    pointwise(
        Where(),
        [mask(2, 3), normal(2, 3), normal(2, 3)],
        each(lambda c, a, b: a if c else b),
        linear=True,
    ),
    Case(
        Where(),
        [mask(2, 1), normal(3), normal(1, 1)],
        each(lambda c, a, b: a if c else b),
        linear=True,
    ),
    *(
        pointwise(function, [ties(2, 1), ties(2, 3)], each(compare, bool))
        for function, compare in (
            (Equal(), operator.eq),
            (NotEqual(), operator.ne),
            (Less(), operator.lt),
            (LessEqual(), operator.le),
            (Greater(), operator.gt),
            (GreaterEqual(), operator.ge),
        )
    ),
    pointwise(LogicalNot(), [mask(2, 3)], each(operator.not_, bool)),
    pointwise(LogicalNot(), [ties(2, 3)], each(operator.not_, bool), note=":numbers"),
    Case(Invert(), [below(9, 2, 3)], each(operator.invert, int)),
]
