"""Graph: the backward pass, traced into the same graph."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

import tinygraph as tg
from tinygraph._graph import Graph, Vertex


def leaf(*values: float, name: str | None = None) -> tg.Tensor:
    return tg.tensor(np.array(values), requires_grad=True, name=name)


def backward_of(graph: Graph) -> list[Vertex]:
    return [v for v in graph if v.phase == "backward" and v.function]


def net() -> tg.nn.Sequential:
    tg.manual_seed(0)
    return tg.nn.Sequential(
        tg.nn.Conv2d(1, 2, 3), tg.nn.ReLU(), tg.nn.MaxPool2d(2), tg.nn.Flatten(), tg.nn.Linear(8, 3)
    )


def test_it_follows_the_forward_pass_and_changes_nothing_in_it() -> None:
    model = net()
    loss = model(tg.ones((2, 1, 6, 6))).sum()
    forward, both = tg.graph(loss, model=model), tg.graph(loss, model=model, backward=True)
    assert both.vertices[: len(forward)] == forward.vertices
    assert both.outputs == forward.outputs
    assert {v.phase for v in both.vertices[: len(forward)]} == {"forward"}
    assert {v.phase for v in both.vertices[len(forward) :]} == {"backward"}
    assert forward.gradients == ()
    assert len({v.key for v in both}) == len(both)


def test_each_leaf_has_its_gradient() -> None:
    model = net()
    graph = tg.graph(model(tg.ones((2, 1, 6, 6))).sum(), model=model, backward=True)
    names = [graph[leaf].name for leaf, _ in graph.gradients]
    assert names == [name for name, _ in model.named_parameters()]
    assert all(graph[leaf].shape == graph[g].shape for leaf, g in graph.gradients)
    assert f"-> gradient of {names[0]}" in str(graph)


def test_each_operation_belongs_to_a_rule_and_is_where_its_operation_is() -> None:
    model = net()
    graph = tg.graph(model(tg.ones((2, 1, 6, 6))).sum(), model=model, backward=True)
    rules = {}
    for v in backward_of(graph):
        assert v.rule_of is not None
        assert v.scope == graph[v.rule_of].scope
        rules.setdefault(graph[v.rule_of].function, set()).add(v.function)
    assert set(rules) == {"Conv2d", "ReLU", "MaxPool2d", "Reshape", "Linear", "Sum"}
    assert "ConvWeightGrad" in rules["Conv2d"]
    assert "PutPixels" in rules["MaxPool2d"]
    assert all(v.rule_of is None for v in graph if v.phase == "forward")


def test_gradients_that_meet_are_summed_outside_of_the_rules() -> None:
    x = leaf(3.0, name="x")
    graph = tg.graph((x.exp() + x * 2).sum(), backward=True)
    sums = [v for v in backward_of(graph) if v.rule_of is None]
    assert [v.function for v in sums] == ["Add"]
    assert graph.gradients == ((0, sums[0].id),)


def test_the_reduction_of_what_was_broadcast_belongs_to_the_rule() -> None:
    x, b = leaf(1.0, 2.0), leaf(5.0)
    graph = tg.graph((x * b).sum(), backward=True)
    product = next(v for v in graph if v.function == "Multiply")
    reduction = [v for v in backward_of(graph) if v.function == "Sum"]
    assert [v.rule_of for v in reduction] == [product.id]


def test_the_seed_is_a_constant_1_of_any_shape() -> None:
    x = leaf(1.0, 2.0)
    graph = tg.graph(x * 3, x.exp(), backward=True)
    seeds = [v for v in graph if v.phase == "backward" and not v.function]
    assert [(v.value, v.shape) for v in seeds] == [(1.0, (2,)), (1.0, (2,))]


def test_an_output_that_is_a_leaf() -> None:
    graph = tg.graph(leaf(1.0, name="x"), backward=True)
    assert [(v.name, v.value, v.phase) for v in graph] == [
        ("x", None, "forward"),
        (None, 1.0, "backward"),
    ]
    assert graph.gradients == ((0, 1),)


def test_under_record_its_values_are_known() -> None:
    x = leaf(1.0, -2.0, name="x")
    with tg.record():
        loss = (x.relu() * x).sum()
        graph = tg.graph(loss, backward=True)
    loss.backward()
    ((leaf_id, gradient),) = graph.gradients
    assert graph[leaf_id].name == "x"
    assert x.grad is not None
    assert graph[gradient].stats is not None
    assert graph[gradient].stats.entries == tuple(x.grad.tolist())
    assert all(v.stats is not None for v in backward_of(graph))


def test_it_leaves_no_trace() -> None:
    x = leaf(1.0)
    calls: list[tg.Tensor] = []
    h = x * 2
    h.retain_grad()
    h.register_hook(calls.append)
    loss = h.sum()
    first = tg.graph(loss, backward=True)
    assert (calls, x.grad, h.grad) == ([], None, None)
    assert tg.graph(loss, backward=True) == first
    loss.backward()
    assert x.grad is not None
    assert x.grad.tolist() == [2.0]


def test_inside_no_grad() -> None:
    loss = (leaf(1.0) * 2).sum()
    with tg.no_grad():
        assert tg.graph(loss, backward=True) == tg.graph(loss, backward=True)


def test_a_checkpoint_is_traced() -> None:
    x = leaf(1.0)
    graph = tg.graph(tg.checkpoint(lambda x: (x * x).exp(), x).sum(), backward=True)
    assert "Exp" in {v.function for v in backward_of(graph)}


def test_it_holds_only_values() -> None:
    graph = tg.graph((leaf(1.0) * 2).sum(), backward=True)
    held = [value for v in graph for value in dataclasses.astuple(v)]
    assert not any(isinstance(value, (np.ndarray, tg.Tensor)) for value in held)


def freed() -> tg.Tensor:
    loss = leaf(1.0).exp().sum()
    loss.backward()
    return loss


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (lambda: tg.ones(2) * 2, "no output requires a gradient"),
        (freed, "an earlier backward has freed what Exp keeps; take the graph before it"),
    ],
)
def test_what_cannot_be_traced(output: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"graph: backward=True, but {message}"):
        tg.graph(output(), backward=True)
