"""The assertions about a graph: when they pass, when they fail, and what they say."""

from __future__ import annotations

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.testing import assert_all_parameters_reached, assert_no_float64, assert_same_graph


def leaf(*values: float, name: str | None = None) -> tg.Tensor:
    return tg.tensor(values, requires_grad=True, name=name)


def test_the_same_graph_whatever_was_recorded_of_it() -> None:
    x = leaf(1.0, 2.0, name="x")
    plain = tg.graph((x * 2).exp())
    with tg.record(), tg.scope("elsewhere"):
        recorded = (x * 2).exp()
    assert_same_graph(plain, recorded)
    assert_same_graph(recorded, plain)


@pytest.mark.parametrize("change", ["operand order", "attribute", "dtype", "output", "constant"])
def test_graphs_that_differ(change: str) -> None:
    x, y = leaf(1.0, 2.0, name="x"), leaf(3.0, 4.0, name="y")
    first, second = {
        "operand order": (x - y, y - x),
        "attribute": (x.sum(), x.sum(keepdims=True)),
        "dtype": (x.exp(), x.astype(np.float64).exp()),
        "output": (tg.graph(x, y), tg.graph(y, x)),
        "constant": (x * 2, x * 3),
    }[change]
    assert_same_graph(first, first)
    with pytest.raises(AssertionError, match="the graphs differ:"):
        assert_same_graph(first, second)


def test_only_the_lines_around_a_difference_are_shown() -> None:
    x = leaf(1.0, name="x")
    y = x
    for _ in range(20):
        y = y.sin()
    with pytest.raises(AssertionError) as caught:
        assert_same_graph(y.cos(), y.tanh())
    assert len(str(caught.value).splitlines()) == 6


def test_all_parameters_are_reached() -> None:
    net = tg.nn.Sequential(tg.nn.Linear(2, 2), tg.nn.Linear(2, 1))
    loss = net(tg.ones((1, 2))).sum()
    assert_all_parameters_reached(loss, net)
    loss.backward()
    assert_all_parameters_reached(loss, net)


def test_a_parameter_that_is_frozen_need_not_be_reached() -> None:
    net = tg.nn.Sequential(tg.nn.Linear(2, 2), tg.nn.Linear(2, 1))
    net[0].requires_grad_(False)
    assert_all_parameters_reached(net[1](tg.ones((1, 2))).sum(), net)


def test_a_parameter_that_was_cut_off_is_told_with_the_reason() -> None:
    net = tg.nn.Sequential(tg.nn.Linear(2, 2), tg.nn.Linear(2, 1))
    with tg.record():
        with tg.no_grad():
            hidden = net[0](tg.ones((1, 2)))
        loss = net[1](hidden).sum()
    with pytest.raises(AssertionError, match=r"2 of 4 parameters.*\n.*0\.weight leads to Linear"):
        assert_all_parameters_reached(loss, net)


def test_double_precision_is_told_where_it_enters() -> None:
    x = leaf(1.0, name="x")
    assert_no_float64(tg.graph((x * 2.5).exp().sum()))
    y = (x.astype(np.float64) * 2).exp()
    with pytest.raises(AssertionError) as caught:
        assert_no_float64(y)
    assert [line.split()[2] for line in str(caught.value).splitlines()[1:]] == [
        "Astype(dtype=float64)(x)",
        "constant",
    ]
