"""Functions of one number or two: transcendental ones, remainders, activations."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable

from tinygraph.ops.activation import (
    ELU,
    GELU,
    Hardsigmoid,
    Hardswish,
    Hardtanh,
    LeakyReLU,
    LogSigmoid,
    Mish,
    PReLU,
    SiLU,
    Softplus,
    Softsign,
    TanhGELU,
)
from tinygraph.ops.elementwise import FMax, FMin
from tinygraph.ops.logic import (
    BitwiseAnd,
    BitwiseOr,
    BitwiseXor,
    IsFinite,
    IsInf,
    IsNaN,
    LogicalAnd,
    LogicalOr,
    LogicalXor,
)
from tinygraph.ops.rounding import (
    Ceil,
    Copysign,
    Floor,
    FloorDivide,
    Fmod,
    Remainder,
    Round,
    Sign,
    Trunc,
)
from tinygraph.ops.transcendental import (
    Arccos,
    Arccosh,
    Arcsin,
    Arcsinh,
    Arctan,
    Arctan2,
    Arctanh,
    Cbrt,
    Cos,
    Cosh,
    Erf,
    Exp2,
    Expm1,
    Hypot,
    Log1p,
    Log2,
    Log10,
    LogAddExp,
    LogAddExp2,
    Reciprocal,
    Rsqrt,
    Sin,
    Sinh,
    Square,
    Tan,
)

from .table import Case, Input, apart, below, each, exactly, mask, normal, pointwise, positive, ties


def between(low: float, high: float) -> Callable[..., Input]:
    return lambda *shape: Input(shape, lambda rng, shape: rng.uniform(low, high, shape))


def sigmoid(v: float) -> float:
    e = math.exp(-abs(v))
    return (1 if v > 0 else e) / (1 + e)


def softplus(v: float) -> float:
    return max(v, 0) + math.log1p(math.exp(-abs(v)))  # overflows nowhere


def hardsigmoid(v: float) -> float:
    return min(max(v / 6 + 0.5, 0), 1)


def elu(alpha: float, scale: float = 1, rate: float = 1) -> Callable[[float], float]:
    return lambda v: scale * (v if v > 0 else alpha * math.expm1(rate * v))


UNARY = [
    (Exp2(), normal, lambda v: 2**v),
    (Expm1(), normal, math.expm1),
    (Log1p(), between(-0.5, 2), math.log1p),
    (Log2(), positive, math.log2),
    (Log10(), positive, math.log10),
    (Square(), normal, lambda v: v * v),
    (Reciprocal(), apart, lambda v: 1 / v),
    (Rsqrt(), positive, lambda v: 1 / math.sqrt(v)),
    (Cbrt(), apart, math.cbrt),
    (Sin(), normal, math.sin),
    (Cos(), normal, math.cos),
    (Tan(), between(-1, 1), math.tan),
    (Arcsin(), between(-0.75, 0.75), math.asin),
    (Arccos(), between(-0.75, 0.75), math.acos),
    (Arctan(), normal, math.atan),
    (Sinh(), normal, math.sinh),
    (Cosh(), normal, math.cosh),
    (Arcsinh(), normal, math.asinh),
    (Arccosh(), between(1.5, 3), math.acosh),
    (Arctanh(), between(-0.75, 0.75), math.atanh),
    (Erf(), normal, math.erf),
    (LeakyReLU(0.25), apart, lambda v: v if v > 0 else v / 4),
    (ELU(0.75), apart, elu(0.75)),
    (ELU(1.5, 2.0, 0.5), apart, elu(1.5, 2.0, 0.5)),
    (GELU(), normal, lambda v: v * (1 + math.erf(v / math.sqrt(2))) / 2),
    (
        TanhGELU(),
        normal,
        lambda v: v / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (v + 0.044715 * v**3))),
    ),
    (SiLU(), normal, lambda v: v * sigmoid(v)),
    (Mish(), normal, lambda v: v * math.tanh(softplus(v))),
    (Softplus(1.0, math.inf), normal, softplus),
    (Softplus(2.0, 20.0), normal, lambda v: softplus(2 * v) / 2),
    (Softplus(1.0, 1.0), apart, lambda v: v if v > 1 else softplus(v)),
    (Softplus(0.5, 1.0), apart, lambda v: v if v > 2 else 2 * softplus(v / 2)),
    (Softsign(), apart, lambda v: v / (1 + abs(v))),
    (LogSigmoid(), normal, lambda v: -softplus(-v)),
    (Hardtanh(-1, 2), apart, lambda v: min(max(v, -1), 2)),
    (Hardsigmoid(), apart, hardsigmoid),
    (Hardswish(), apart, lambda v: v * hardsigmoid(v)),
]

STEPS = [
    (Sign(), lambda v: math.copysign(1, v)),
    (Floor(), math.floor),
    (Ceil(), math.ceil),
    (Round(0), round),
    (Round(-1), lambda v: round(v, -1)),
    (Trunc(), math.trunc),
]

# a / b stays away from integers: its kinks
DIVIDENDS, DIVISORS = [[4.5, -4.5, 7.25]], [[1.75, 1.75, -3.25]]
DIVISIONS = [
    (FloorDivide(), operator.floordiv),
    (Remainder(), operator.mod),
    (Fmod(), math.fmod),
]

BINARY = [
    (Hypot(), normal, normal, math.hypot),
    (Arctan2(), apart, normal, math.atan2),
    (LogAddExp(), normal, normal, lambda a, b: math.log(math.exp(a) + math.exp(b))),
    (
        LogAddExp2(),
        normal,
        normal,
        lambda a, b: math.log2(2**a + 2**b),
    ),
    (Copysign(), apart, apart, math.copysign),
    (FMax(), apart, lambda *shape: apart(*shape, shift=0.5), max),
    (FMin(), apart, lambda *shape: apart(*shape, shift=0.5), min),
]

CONNECTIVES = [
    (LogicalAnd(), lambda a, b: bool(a) and bool(b)),
    (LogicalOr(), lambda a, b: bool(a) or bool(b)),
    (LogicalXor(), lambda a, b: bool(a) != bool(b)),
]

ODD_NUMBERS = exactly([math.nan, 0.0, -1.5])

POINTWISE = [
    *(Case(function, [fill(2, 3)], each(f)) for function, fill, f in UNARY),
    *(Case(Erf(), [between(-8, 8)(*shape)], each(math.erf)) for shape in ((), (0, 3), (40,))),
    *(Case(function, [apart(2, 3, shift=0.2)], each(f)) for function, f in STEPS),
    *(
        Case(function, [exactly(DIVIDENDS), exactly(DIVISORS)], each(f))
        for function, f in DIVISIONS
    ),
    *(
        pointwise(function, [apart(2, 3, shift=0.2), between(2.99, 3.01)(2, 3)], each(f))
        for function, f in DIVISIONS
    ),
    *(
        case
        for function, a, b, f in BINARY
        for case in (
            pointwise(function, [a(2, 3), b(2, 3)], each(f)),
            Case(function, [a(2, 1), b(3)], each(f)),
        )
    ),
    pointwise(PReLU(), [apart(2, 3), normal(2, 3)], each(lambda v, w: v if v > 0 else v * w)),
    Case(PReLU(), [apart(2, 3, 2), normal(3, 1)], each(lambda v, w: v if v > 0 else v * w)),
    *(
        Case(function, [ODD_NUMBERS], each(f, bool))
        for function, f in (
            (IsNaN(), math.isnan),
            (IsInf(), math.isinf),
            (IsFinite(), math.isfinite),
        )
    ),
    *(
        pointwise(function, inputs, each(f, bool), note=note)
        for function, f in CONNECTIVES
        for inputs, note in (
            ([mask(2, 1), mask(2, 3)], ""),
            ([ties(2, 1), ties(2, 3)], ":numbers"),
        )
    ),
    *(
        Case(function, inputs, each(f, dtype), note=note)
        for function, f in (
            (BitwiseAnd(), operator.and_),
            (BitwiseOr(), operator.or_),
            (BitwiseXor(), operator.xor),
        )
        for inputs, dtype, note in (
            ([mask(2, 1), mask(2, 3)], bool, ""),
            ([below(9, 2, 1), below(9, 3)], int, ":integers"),
        )
    ),
]
