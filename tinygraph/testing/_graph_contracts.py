"""Contracts of an operation in a graph: used twice, shared, one of several ways to its inputs.

What surrounds it multiplies by small integers, and so rounds nothing that it does not round itself.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import tinygraph as tg

from ._agreement import Expected
from ._point import Point, told
from ._problem import pull
from ._report import Array

# How an output goes on, and how often: ways of different lengths meet, in both orders.
USES: dict[str, tuple[Callable[[tg.Tensor], tg.Tensor], int]] = {
    "y + y": (lambda y: y + y, 2),
    "y * 2 + y": (lambda y: y * 2 + y, 3),
    "y + y * 2": (lambda y: y + y * 2, 3),
    "y + (y * 2 + y) + y": (lambda y: y + (y * 2 + y) + y, 5),
}


def _shared_output(point: Point) -> Iterator[str]:
    """Use the outputs several times; the cotangent goes to them, and comes back unharmed."""
    names = ["gradient of the output", *point.gradient_names]
    for use, (extend, times) in USES.items():
        for create_graph in (False, True):
            run = point.subject.run(point.arrays)
            ys = run.differentiable
            seeds = [v.copy() for v in point.cotangents]
            found = _gradients([extend(y) for y in ys], [*ys, *run.xs], seeds, create_graph)
            inner = [v * v.dtype.type(times) for v in point.cotangents]
            count = len(ys)
            want = [*inner, *point.subject.gradients(point.arrays, inner)]
            allowed = [np.abs(v) * np.finfo(v.dtype).eps for v in inner] + [
                times * a for a in point.expected_gradients.allowed
            ]
            expected = Expected(want, allowed)
            labels = [names[0]] * count + names[1:]
            yield from told(f"in {use}", expected.compare("", labels, found))
            yield from _unharmed(point, use, seeds, found)


def _unharmed(point: Point, use: str, seeds: list[Array], found: list[Array]) -> Iterator[str]:
    for seed, before in zip(seeds, point.cotangents, strict=True):
        if seed.tobytes() != before.tobytes():
            yield f"in {use}: the cotangent was written to"
        if any(np.shares_memory(seed, g) for g in found):
            yield f"in {use}: a gradient shares memory with the cotangent"
    if any(np.shares_memory(a, b) for a, b in itertools.combinations(found, 2)):
        yield f"in {use}: two gradients share memory"


def _used_again(point: Point) -> Iterator[str]:
    """Apply it two and three times to the same inputs, with a cotangent each, or in a sum."""
    for times, create_graph in itertools.product((2, 3), (False, True)):
        expected = _multiple(point, times)
        xs, calls = _several_calls(point, times)
        sums = [sum(parts[1:], parts[0]) for parts in zip(*calls, strict=True)]
        found = _gradients(sums, xs, point.cotangents, create_graph)
        findings = expected.compare("", point.gradient_names, found)
        yield from told(f"the sum of {times} calls", findings)
        xs, calls = _several_calls(point, times)
        seeds = [v for _ in range(times) for v in point.cotangents]
        found = _gradients(list(itertools.chain(*calls)), xs, seeds, create_graph)
        yield from told(f"{times} calls", expected.compare("", point.gradient_names, found))


def _several_calls(point: Point, times: int) -> tuple[list[tg.Tensor], list[list[tg.Tensor]]]:
    """Return the inputs, and the floating outputs of each of so many calls."""
    run = point.subject.run(point.arrays)
    calls = [run.ys]
    calls += [point.subject.call(_operands(point, run.xs)) for _ in range(times - 1)]
    return run.xs, [[y for y in ys if y.dtype.kind == "f"] for ys in calls]


def _multiple(point: Point, times: int) -> Expected:
    gradients = point.expected_gradients
    return Expected(
        [g * g.dtype.type(times) for g in gradients.results],
        [times * a for a in gradients.allowed],
    )


def _operands(point: Point, xs: list[tg.Tensor]) -> list[tg.Tensor]:
    """Return all inputs, of which ``xs`` are the floating ones."""
    floating = dict(zip(point.subject.floating, xs, strict=True))
    return [floating.get(i, tg.Tensor(a)) for i, a in enumerate(point.arrays)]


def _other_ways(point: Point) -> Iterator[str]:
    """Apply it to computed inputs, to which other ways lead too."""
    for create_graph in (False, True):
        leaves = [tg.Tensor(point.arrays[i], requires_grad=True) for i in point.subject.floating]
        inner = [x * 1 for x in leaves]
        ys = [y for y in point.subject.call(_operands(point, inner)) if y.dtype.kind == "f"]
        extra = [np.asarray(point.rng.standard_normal(x.shape)).astype(x.dtype) for x in leaves]
        outputs, seeds = [*ys, *inner], [*point.cotangents, *extra]
        found = _gradients(outputs, [*inner, *leaves], seeds, create_graph)
        gradients = point.expected_gradients
        want = [g + e for g, e in zip(gradients.results, extra, strict=True)] * 2
        allowed = [
            a + 4 * np.finfo(e.dtype).eps * np.abs(e)
            for a, e in zip(gradients.allowed, extra, strict=True)
        ] * 2
        names = [f"{name}, computed" for name in point.gradient_names] + point.gradient_names
        yield from told("beside another way", Expected(want, allowed).compare("", names, found))


def _same_input_twice(point: Point) -> Iterator[str]:
    """Hand on one Tensor as two inputs: its gradient is the sum of both."""
    floating = point.subject.floating
    for i, j in itertools.combinations(floating, 2):
        a, b = point.arrays[i], point.arrays[j]
        if a.shape != b.shape or a.dtype != b.dtype:
            continue
        arrays = list(point.arrays)
        arrays[j] = arrays[i]
        here, there = floating.index(i), floating.index(j)

        def sums(
            *given: Array, here: int = here, there: int = there, j: int = j, i: int = i
        ) -> Any:
            operands = list(given[: len(point.arrays)])
            operands[j] = operands[i].copy()
            parts = point.subject.gradients(operands, given[len(point.arrays) :])
            return [parts[here] + parts[there]]

        cotangents = point.subject.cotangents(point.rng, arrays)
        expected = Expected.of(sums, [*arrays, *cotangents], point.coarsest)
        x = tg.Tensor(arrays[i], requires_grad=True)
        operands = [x if k in (i, j) else tg.Tensor(a) for k, a in enumerate(arrays)]
        ys = [y for y in point.subject.call(operands) if y.dtype.kind == "f"]
        found = _gradients(ys, [x], cotangents, False)
        names = [f"gradient of {point.subject.names[i]} = {point.subject.names[j]}"]
        yield from told("one Tensor as two inputs", expected.compare("", names, found))


def _gradients(
    ys: list[tg.Tensor], xs: list[tg.Tensor], seeds: list[Array], create_graph: bool
) -> list[Array]:
    return [g.data for g in pull(ys, xs, [tg.Tensor(v) for v in seeds], create_graph)]


GRAPH_CONTRACTS = {
    "an output used several times": _shared_output,
    "used several times": _used_again,
    "computed inputs": _other_ways,
    "one Tensor as two inputs": _same_input_twice,
}
