"""The state machine finds nothing in our engine, and the bugs that are planted in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

import tinygraph as tg
from tinygraph import _autograd
from tinygraph.testing import EngineMachine
from tinygraph.testing._polynomial import Polynomial

TestEngine = EngineMachine.TestCase
TestEngine.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)

# Enough to find each of the bugs below; none has to be shrunk.
hunting = settings(
    max_examples=400,
    stateful_step_count=20,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)

BUGS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {}


def bug(plant: Callable[[pytest.MonkeyPatch], None]) -> Callable[[pytest.MonkeyPatch], None]:
    BUGS[plant.__name__] = plant
    return plant


@bug
def sums_into_what_a_rule_returned(patch: pytest.MonkeyPatch) -> None:
    def add(self: Any, source: Any, g: Any, made: bool) -> None:
        held = self.values.get(source)
        if held is None:
            self.values[source] = g
        elif self.create_graph:
            self.values[source] = held + g
        else:
            held += g

    patch.setattr(_autograd._Gradients, "add", add)


@bug
def forgets_what_arrived_before(patch: pytest.MonkeyPatch) -> None:
    def add(self: Any, source: Any, g: Any, made: bool) -> None:
        self.values[source] = g

    patch.setattr(_autograd._Gradients, "add", add)


@bug
def hands_out_shared_gradients(patch: pytest.MonkeyPatch) -> None:
    def result(self: Any, source: Any) -> tg.Tensor:
        g = self.values[source]
        return g if isinstance(g, tg.Tensor) else tg.Tensor(g)

    patch.setattr(_autograd._Gradients, "result", result)


@bug
def goes_in_the_wrong_order(patch: pytest.MonkeyPatch) -> None:
    def breadth_first(roots: Any, *kinds: Any) -> list[Any]:
        order: list[Any] = []
        queue = list(roots)
        for node in queue:
            if isinstance(node, _autograd.Node) and node not in order:
                order.append(node)
                queue += node.inputs
        return order[::-1]

    patch.setattr(_autograd, "postorder", breadth_first)


@bug
def goes_through_freed_graphs(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(_autograd, "_check_usable", lambda order: None)


@bug
def frees_nothing(patch: pytest.MonkeyPatch) -> None:
    backward = tg.Tensor.backward

    def retaining(self: Any, gradient: Any, retain_graph: bool) -> None:
        backward(self, gradient, retain_graph=True)

    patch.setattr(tg.Tensor, "backward", retaining)


@bug
def averages_over_broadcast_axes(patch: pytest.MonkeyPatch) -> None:
    unbroadcast = _autograd.unbroadcast

    def average(g: Any, shape: Any) -> Any:
        return unbroadcast(g, shape) / 2

    patch.setattr(_autograd, "unbroadcast", average)


@bug
def ignores_no_grad(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(tg, "no_grad", tg.enable_grad)


@bug
def replaces_the_gradient(patch: pytest.MonkeyPatch) -> None:
    backward = tg.Tensor.backward

    def from_zero(self: Any, *args: Any, **options: Any) -> None:
        for source in _autograd.postorder([self._source]) if self._source else []:
            for leaf in source.inputs:
                if isinstance(leaf, tg.Tensor):
                    leaf.grad = None
        backward(self, *args, **options)

    patch.setattr(tg.Tensor, "backward", from_zero)


@bug
def leaks_double_precision(patch: pytest.MonkeyPatch) -> None:
    conform = _autograd.conform

    def keep_dtype(g: Any, source: Any, node: Any, create_graph: bool) -> Any:
        new, made = conform(g, source, node, create_graph)
        return (new.astype(np.float64), True) if not create_graph else (new, made)

    patch.setattr(_autograd, "conform", keep_dtype)


@pytest.mark.parametrize("plant", BUGS.values(), ids=list(BUGS))
def test_a_planted_bug_is_found(plant: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(EngineMachine, settings=hunting)


def test_polynomials_obey_algebra() -> None:
    x, y = Polynomial({(0,): 1}), Polynomial({(1,): 1})
    p = (x + y) * (x - y)
    assert p.terms == {(0, 0): 1, (1, 1): -1}
    assert p.derivative(0).terms == {(0,): 2}
    assert p.derivative(1).terms == {(1,): -2}
    assert (p * p).derivative(0).derivative(1).terms == {(0, 1): -8}
    assert (p - p).terms == {}
    assert p.at({0: 5, 1: 3}) == 16
