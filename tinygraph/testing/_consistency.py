"""What gradients must agree with besides differences: themselves, and the float64 ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import tinygraph as tg

from ._numeric import EPS, ROUNDINGS, movement, nudged
from ._problem import Problem, Recorded, Watch, floating, leaves, pull
from ._report import Array, Entry, Finding
from ._structure import Inputs

# Cancellation may cost a rule half of its digits, of the largest entry; a rule that does not agree
# with itself is off by far more.
HALF = EPS**0.5


def _random(ys: Sequence[Array], rng: np.random.Generator, size: float = 1.0) -> list[Array]:
    return [size * rng.standard_normal(y.shape) for y in ys]


def _largest(values: Array) -> float:
    """Return the size of the largest entry that is finite."""
    return float(np.abs(values[np.isfinite(values)]).max(initial=0.0))


def _single(ys: Sequence[Array], rng: np.random.Generator) -> list[Array]:
    """Return cotangents that are 0 but for one entry each: as unlike random ones as can be."""
    units = [np.zeros(y.shape) for y in ys]
    for unit in units:
        if unit.size:
            unit.flat[rng.integers(unit.size)] = rng.choice([-1.0, 1.0])
    return units


def _agreement(
    check: str, subject: str, got: Array, expected: Array, bound: Array, message: str
) -> Finding:
    """Judge whether ``got`` is ``expected`` to within ``bound``; not finite, it is not compared."""
    known = np.isfinite(expected)
    with np.errstate(all="ignore"):
        off = np.where(known & (got != expected), np.abs(got - expected) / bound, 0.0)
    off = np.where(np.isnan(off), np.inf, off)
    if not (off > 1).any():
        return Finding(check, subject, "passed")
    index = np.unravel_index(int(off.argmax()), off.shape)
    worst = Entry(
        tuple(map(int, index)), float(got[index]), float(expected[index]), float(bound[index]), 0.0
    )
    return Finding(check, subject, "failed", message, worst, got, expected)


def _moved(problem: Problem, cotangents: Sequence[Array], dtype: Any = np.float64) -> Any:
    """Return the gradients when the point and the cotangents are moved by a rounding."""
    count = len(problem.point)
    floor = 0.0 if dtype == np.float64 else 1.0  # many a formula adds to 1
    return [
        Recorded(problem.moved(arrays[:count])).pull(arrays[count:])
        for arrays in nudged([*problem.point, *cotangents], dtype, floor)
    ]


# -- the same again ------------------------------------------------------------------------------


def check_repeatable(problem: Problem, rng: np.random.Generator) -> list[Finding]:
    """Check that the gradients are the same, to the last bit, when asked for again."""
    cotangents = _random(problem.here.outputs, rng)
    first, again = (Recorded(problem).pull(cotangents) for _ in range(2))
    return [
        _agreement(
            "repeated gradient",
            f"input {name}",
            b,
            a,
            np.zeros(a.shape),
            "the rule gives another gradient when it runs again",
        )
        for name, a, b in zip(problem.names, first, again, strict=True)
    ]


# -- linearity in the cotangent ------------------------------------------------------------------


def check_linearity(problem: Problem, rng: np.random.Generator) -> list[Finding]:
    """Check that the gradients of a sum of cotangents are the sum of the gradients."""
    recorded = Recorded(problem)
    outputs = problem.here.outputs
    one, other = _single(outputs, rng), _random(outputs, rng, size=-5.0)
    first, second = recorded.pull(one), recorded.pull(other)
    both = [a + b for a, b in zip(one, other, strict=True)]
    together = recorded.pull(both)
    moved = _moved(problem, both)
    strength = max(map(_largest, both), default=0.0)
    findings = []
    for i, name in enumerate(problem.names):
        size = _largest(np.abs(first[i]) + np.abs(second[i]))
        bound = ROUNDINGS * movement(together[i], [m[i] for m in moved])
        bound += HALF * size + ROUNDINGS * EPS * strength * problem.naturals_of_gradient[i]
        findings.append(
            _agreement(
                "linearity",
                f"the gradient of input {name} in the cotangent",
                together[i],
                first[i] + second[i],
                bound,
                "the gradient of v + w is not that of v plus that of w",
            )
        )
    return findings


# -- forward and reverse -------------------------------------------------------------------------


def check_adjoint(problem: Problem, rng: np.random.Generator) -> list[Finding]:
    """Check that <J u, v> = <u, J^T v>: J u is the derivative of J^T v by v, along u."""
    us = [rng.standard_normal(x.shape) for x in problem.point]
    vs = _random(problem.here.outputs, rng)
    count = len(us)
    forth, back, size = _products(problem, problem.point, us, vs)
    moved = [
        _products(problem, arrays[:count], us, arrays[count:])
        for arrays in nudged([*problem.point, *vs])
    ]
    natural = sum(problem.naturals_of_gradient)
    rounding = sum(abs(m[0] - forth) + abs(m[1] - back) for m in moved)
    return [
        _agreement(
            "adjoint",
            "the derivative along a direction, and the gradient",
            np.array(forth),
            np.array(back),
            np.array(ROUNDINGS * (rounding + EPS * natural) + HALF * size),
            "<J u, v> by differentiating the rules is not <u, J^T v> by the rules",
        )
    ]


def _products(
    problem: Problem, point: Sequence[Array], us: Sequence[Array], cotangents: Sequence[Array]
) -> tuple[float, float, float]:
    """Return <J u, v>, <u, J^T v>, and the size of their terms."""
    xs, vs = leaves(point), leaves(cotangents)
    with np.errstate(all="ignore"):
        back = pull(problem.call(xs, True), xs, vs, True)
        forth = pull(back, vs, [tg.Tensor(u.copy()) for u in us], False)
    left = np.concatenate([(j.data * v.data).ravel() for j, v in zip(forth, vs, strict=True)])
    right = np.concatenate([(g.data * u).ravel() for g, u in zip(back, us, strict=True)])
    size = np.abs(left).sum() + np.abs(right).sum()
    return float(left.sum()), float(right.sum()), float(size)


def check_modes(problem: Problem, rng: np.random.Generator) -> list[Finding]:
    """Check that the rules give Tensors what they give arrays."""
    cotangents = _random(problem.here.outputs, rng)
    xs = leaves(problem.point)
    ys = problem.call(xs, True)
    arrays = pull(ys, xs, leaves(cotangents), False, retain=True)
    tensors = pull(ys, xs, leaves(cotangents), True)
    moved = _moved(problem, cotangents)
    return [
        _agreement(
            "gradient with create_graph",
            f"input {name}",
            np.array(t.data),
            np.array(a.data),
            ROUNDINGS * movement(a.data, [m[i] for m in moved])
            + HALF * _largest(a.data)
            + ROUNDINGS * EPS * problem.naturals_of_gradient[i],
            "the rule gives another gradient when it is itself recorded",
        )
        for i, (name, a, t) in enumerate(zip(problem.names, arrays, tensors, strict=True))
    ]


# -- single precision ----------------------------------------------------------------------------


def check_precision(problem: Problem, inputs: Inputs, rng: np.random.Generator) -> list[Finding]:
    """Compare the gradients in the dtypes of the user with those in float64.

    Differences would be too coarse.  What the rounding of the dtype may do is measured.
    """
    dtypes = [leaf.dtype for leaf in inputs.leaves]
    if all(dtype == np.float64 for dtype in dtypes):
        return []
    coarse = max(dtypes, key=lambda dtype: np.finfo(dtype).eps)
    xs = [tg.Tensor(leaf.values.copy(), requires_grad=True) for leaf in inputs.leaves]
    watch = Watch()
    with watch, np.errstate(all="ignore"):
        ys = floating(inputs.call(xs, promote=False))
    check = f"{coarse} gradient"
    if not watch.agrees(problem.here.watch):
        message = f"rounding to {coarse} makes other choices than float64 (a kink is near)"
        return [Finding(check, "all inputs", "inconclusive", message)]
    cotangents = [v.astype(coarse).astype(np.float64) for v in _random(problem.here.outputs, rng)]
    vs = [tg.Tensor(v.astype(y.dtype)) for v, y in zip(cotangents, ys, strict=True)]
    with np.errstate(all="ignore"):
        got = pull(ys, xs, vs, False)
    return [
        _in_precision(check, dtypes[i], name, got[i], expected, bound)
        for i, (name, (expected, bound)) in enumerate(
            zip(problem.names, _double(problem, cotangents, coarse), strict=True)
        )
    ]


def _double(
    problem: Problem, cotangents: list[Array], dtype: np.dtype[np.float64]
) -> list[tuple[Array, Array]]:
    """Return the gradients in float64, and what roundings to ``dtype`` may do to them."""
    expected = Recorded(problem).pull(cotangents)
    moved = _moved(problem, cotangents, dtype)
    eps = float(np.finfo(dtype).eps)
    return [
        (g, ROUNDINGS * movement(g, [m[i] for m in moved], eps)) for i, g in enumerate(expected)
    ]


def _in_precision(
    check: str,
    dtype: np.dtype[np.float64],
    name: str,
    got: tg.Tensor,
    expected: Array,
    bound: Array,
) -> Finding:
    subject = f"input {name} of shape {got.shape}"
    if got.dtype != dtype:
        message = f"the gradient of an input of {dtype} is of {got.dtype}"
        return Finding(check, subject, "failed", message)
    tiny = float(np.finfo(dtype).tiny)
    return _agreement(
        check,
        subject,
        got.data.astype(np.float64),
        np.where(np.abs(expected) > float(np.finfo(dtype).max) / 2, np.inf, expected),
        bound + tiny,
        f"the rule loses more in {dtype} than the rounding of its inputs explains",
    )
