"""explain, and where NaN comes from: the reason, the culprit and the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import explain
from tinygraph._explain import Explanation
from tinygraph.ops.recurrent import GRUGates, LSTMGates


def leaf(*values: float, name: str | None = "w") -> tg.Tensor:
    return tg.tensor(np.array(values), requires_grad=True, name=name)


def functions(explanation: Explanation) -> list[str | None]:
    graph = explanation.graph
    return [graph[i].function or graph[i].name for i in explanation.path]


def culprit(explanation: Explanation) -> str | None:
    assert explanation.culprit is not None
    return explanation.graph[explanation.culprit].function


# -- no gradient ---------------------------------------------------------------------------------


def test_integers() -> None:
    found = explain(tg.tensor([1, 2], name="index"), leaf(1.0).sum())
    assert found.finding == "missing"
    assert "index holds int64 numbers, which have no gradient" in found.reason
    assert found.path == ()


def test_a_leaf_that_requires_none() -> None:
    x = tg.tensor([1.0], name="x")
    found = explain(x, (x * leaf(2.0)).sum())
    assert (found.finding, functions(found)) == ("missing", ["x", "Multiply", "Sum"])
    assert found.reason == "x requires no gradient: set requires_grad=True before its use."


def test_not_connected() -> None:
    found = explain(leaf(1.0), leaf(2.0, name="v").sum())
    assert found.finding == "missing"
    assert found.reason.startswith("The loss was not computed from w. Run the forward pass under")


def test_a_loss_without_a_gradient() -> None:
    with tg.no_grad():
        loss = (leaf(1.0) * 2).sum()
    found = explain(leaf(1.0), loss)
    assert found.finding == "missing"
    assert "The loss requires no gradient" in found.reason
    assert "tg.record()" in found.reason


def test_no_grad_is_found_where_it_was_recorded() -> None:
    w = leaf(1.0)
    with tg.record():
        with tg.no_grad():
            h = w * 2
        loss = (h.exp() + leaf(1.0, name="v")).sum()
    found = explain(w, loss)
    assert "w leads to Multiply" in found.reason
    assert "run under no_grad" in found.reason
    assert "test_explain.py:" in found.reason
    assert (culprit(found), functions(found)) == (
        "Multiply",
        ["w", "Multiply", "Exp", "Add", "Sum"],
    )
    assert "was computed without a gradient: under no_grad" in explain(h, loss).reason


def test_an_operation_without_a_gradient_is_found_where_it_was_recorded() -> None:
    w = leaf(1.0, -1.0)
    with tg.record():
        loss = ((w > 0).astype(np.float64) * leaf(1.0, name="v")).sum()
    found = explain(w, loss)
    assert "w leads to Greater" in found.reason
    assert "which has no gradient" in found.reason
    assert culprit(found) == "Greater"


@pytest.mark.parametrize("recorded", [False, True])
def test_detach_is_found_where_the_value_is_known(recorded: bool) -> None:
    w, v = leaf(1.0, 2.0), leaf(3.0, 4.0, name="v")

    def loss() -> tg.Tensor:
        return (w.detach() * v).sum()

    if recorded:
        with tg.record():
            y = loss()
    else:
        y = loss()
    found = explain(w, y)
    assert found.reason.startswith("w was detached before it came to Multiply")
    assert culprit(found) == "Multiply"


def test_a_graph_that_was_freed() -> None:
    w = leaf(1.0)
    loss = (w * 2).sum()
    loss.backward()
    found = explain(w, loss)
    assert found.finding == "missing"
    assert "An earlier backward has freed" in found.reason


def test_a_graph_that_was_freed_but_recorded() -> None:
    w = leaf(-1.0, -2.0)
    with tg.record():
        loss = (w * 2).relu().sum()
        loss.backward()
    found = explain(w, loss)
    assert (found.finding, culprit(found)) == ("zero", "ReLU")


# -- zero ----------------------------------------------------------------------------------------

ZEROS: dict[str, tuple[Any, str, str]] = {
    "dead ReLU": (lambda w: (w * -1).relu(), "ReLU", "dead ReLU"),
    "clip": (lambda w: (w + 10).clip(-1, 1), "Clip", "outside of its bounds"),
    "saturated": (lambda w: (w * 1e3).tanh(), "Tanh", "saturated"),
    "gates of an LSTM": (lambda w: LSTMGates()(tg.tile(w * 1e3, 4)), "LSTMGates", "saturated"),
    "gates of a GRU": (
        lambda w: GRUGates()(tg.tile(w * 1e3, 3), np.ones(6)),
        "GRUGates",
        "saturated",
    ),
    "masked": (lambda w: w * np.zeros(2), "Multiply", "the other factor is 0"),
    "where": (lambda w: tg.where(np.array([True, True]), 0.0, w), "Where", "chooses the other"),
    "index": (lambda w: tg.concatenate([w, leaf(5.0)])[2:], "Concatenate", "leaves these"),
    "maximum": (lambda w: tg.maximum(w, 10.0), "Maximum", "operand is greater"),
    "rounding": (lambda w: w.round(), "Round", "flat between its steps"),
    "convolution": (
        lambda w: tg.conv1d(w.reshape(1, 1, 2), np.zeros((1, 1, 1))),
        "Conv1d",
        "the other factor is 0",
    ),
}


@pytest.mark.parametrize("case", ZEROS)
def test_zero(case: str) -> None:
    make, function, reason = ZEROS[case]
    w = leaf(1.0, 2.0)
    found = explain(w, (make(w) * 3).sum())
    assert found.finding == "zero"
    assert culprit(found) == function
    assert found.reason.startswith(f"The gradient of w is 0 everywhere, from {function} on: ")
    assert reason in found.reason
    assert functions(found)[0] == "w"
    assert functions(found)[-1] == "Sum"


def test_a_gradient_that_cancels() -> None:
    w = leaf(1.0)
    found = explain(w, (w - w).sum())
    assert (found.finding, found.culprit) == ("zero", None)
    assert "cancels out" in found.reason


def test_a_dead_unit_in_a_model_is_named_by_its_place() -> None:
    net = tg.nn.Sequential(tg.nn.Linear(2, 3), tg.nn.ReLU(), tg.nn.Linear(3, 1))
    net[0].weight.data = np.zeros((3, 2))
    net[0].bias.data = np.full(3, -1.0)
    with tg.record():
        loss = net(tg.ones((1, 2))).sum()
    found = explain(net[0].weight, loss, model=net)
    assert found.reason.startswith("The gradient of 0.weight is 0 everywhere, from ReLU (1 at ")
    lines = str(found).splitlines()
    assert [line.split()[0] for line in lines[1:]] == [
        "0.weight",
        "0/Linear",
        "1/ReLU",
        "2/Linear",
        "Sum",
    ]
    assert lines[3].endswith("<- here")
    assert lines[1].split()[1:] == ["gradient", "0"]


# -- NaN and infinity ----------------------------------------------------------------------------


def test_infinity_from_a_rule() -> None:
    w = leaf(0.0, 1.0)
    found = explain(w, (w * 2).sqrt().sum())
    assert (found.finding, culprit(found)) == ("nonfinite", "Sqrt")
    assert "the rule of Sqrt makes infinite" in found.reason


def test_nan_in_forward() -> None:
    w = leaf(-1.0, 4.0)
    with np.errstate(invalid="ignore"), tg.record():
        loss = ((w * 2).sqrt() * 3).exp().sum()
    found = explain(w, loss)
    assert (found.finding, culprit(found)) == ("nonfinite", "Sqrt")
    assert "in forward already" in found.reason
    assert "of x from -2 to 8" in found.reason
    assert "test_explain.py:" in found.reason


def test_nan_in_forward_that_was_not_recorded() -> None:
    w = leaf(-1.0)
    with np.errstate(invalid="ignore"):
        loss = w.sqrt().sum()
    found = explain(w, loss)
    assert (found.finding, found.culprit) == ("nonfinite", None)
    assert "tg.record()" in found.reason


# -- size ----------------------------------------------------------------------------------------


def test_huge_tiny_and_fine() -> None:
    w = leaf(0.5)
    found = explain(w, ((w * 3) * 1e6 * 2).sum())
    assert found.finding == "huge"
    assert "it grows most at Multiply, by 1e+06" in found.reason
    found = explain(w, ((w * 3) * 1e-9 * 2).sum())
    assert found.finding == "tiny"
    assert "it shrinks most at Multiply, by 1e-09" in found.reason
    found = explain(w, (w * 3).sum())
    assert (found.finding, found.culprit) == ("fine", None)
    assert str(found).splitlines() == [
        "The gradient of w has norm 3; nothing is wrong with it.",
        "  w         gradient 3",
        "  Multiply  gradient 1",
        "  Sum       gradient 1",
    ]


def test_no_elements_are_no_zeros() -> None:
    x = tg.tensor(np.ones((0, 3)), requires_grad=True, name="x")
    found = explain(x, x.sum())
    assert (found.finding, found.culprit) == ("fine", None)
    assert found.reason == "x has no elements, nor has its gradient."


def test_computed_tensors_and_the_loss_itself() -> None:
    w = leaf(1.0, name=None)
    h = w * 2
    loss = h.exp().sum()
    assert explain(h, loss).reason.startswith("The gradient of the result of Multiply has norm")
    assert explain(w, loss).reason.startswith("The gradient of the Tensor has norm")
    assert explain(loss, loss).finding == "fine"
    assert explain(w, w).finding == "fine"


def test_it_leaves_no_trace() -> None:
    w = leaf(1.0)
    h = w * 2
    h.retain_grad()
    loss = h.exp().sum()
    explain(w, loss)
    assert (w.grad, h.grad) == (None, None)
    loss.backward()  # nothing was freed
    assert h.grad is not None


@pytest.mark.parametrize("arguments", [(np.ones(2), leaf(1.0)), (leaf(1.0), 3.0)])
def test_what_it_cannot_take(arguments: Any) -> None:
    with pytest.raises(TypeError, match=r"explain: (tensor|loss) must be a Tensor"):
        explain(*arguments)


# -- the origin of what is not finite, in a Graph -------------------------------------------------


def test_the_origin_is_told_from_its_victims() -> None:
    w = leaf(1000.0)
    with np.errstate(all="ignore"), tg.record():
        y = (w * 1).exp()
        loss = (y - y).sum()
    graph = tg.graph(loss)
    assert graph.origin_of_nonfinite is not None
    assert graph[graph.origin_of_nonfinite].function == "Exp"


def test_infinity_that_is_meant_is_no_origin() -> None:
    w = leaf(1.0, 2.0)
    with tg.record():
        scores = tg.where(np.array([True, False]), w, -np.inf)
        loss = scores.softmax().sum()
        loss.backward()
    graph = tg.graph(loss)
    assert graph.origin_of_nonfinite is None
    assert graph.origin_of_nonfinite_gradient is None


def test_a_leaf_that_holds_nan_is_the_origin() -> None:
    x = tg.tensor([np.nan, 1.0], name="x")
    with tg.record():
        loss = (x * leaf(1.0, 1.0)).sum()
    graph = tg.graph(loss)
    assert graph[graph.origin_of_nonfinite or 0].name == "x"


def test_the_origin_in_the_gradients() -> None:
    w = leaf(0.0)
    with np.errstate(all="ignore"), tg.record():
        loss = ((w * 1).sqrt() * 2).sum()
        loss.backward()
    graph = tg.graph(loss)
    assert graph.origin_of_nonfinite is None
    assert graph[graph.origin_of_nonfinite_gradient or 0].function == "Sqrt"


def test_without_a_record_no_origin_is_known() -> None:
    graph = tg.graph((leaf(np.nan) * 2).sum())
    assert graph.origin_of_nonfinite is None
    assert graph.origin_of_nonfinite_gradient is None


# -- hooks ---------------------------------------------------------------------------------------


def zero(g: tg.Tensor) -> tg.Tensor:
    return g * 0


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("on_the_leaf", [False, True])
def test_a_hook_that_zeroes(on_the_leaf: bool, after: bool) -> None:
    with tg.record():
        w = leaf(1.0, 2.0)
        h = w * 2
        (w if on_the_leaf else h).register_hook(zero)
        loss = h.exp().sum()
        if after:
            loss.backward()
    found = explain(w, loss)
    assert found.finding == "zero"
    place = "w" if on_the_leaf else "Multiply (at "
    assert found.reason.startswith("The gradient of w is 0 everywhere: the hook zero (")
    assert f"{Path(__file__).name}:" in found.reason
    assert f") on {place}" in found.reason
    assert found.reason.endswith("makes it 0.")
    assert found.culprit is not None
    assert found.graph[found.culprit].function == (None if on_the_leaf else "Multiply")


def test_a_hook_that_makes_nan() -> None:
    w = leaf(1.0)
    h = w * 2
    h.register_hook(lambda g: g * np.nan)
    found = explain(w, h.sum())
    assert found.finding == "nonfinite"
    assert "has NaN: the hook <lambda> (" in found.reason


def test_a_hook_that_is_not_to_blame() -> None:
    w = leaf(-1.0)
    h = w * 2
    seen: list[tg.Tensor] = []
    h.register_hook(seen.append)
    found = explain(w, h.relu().sum())
    assert culprit(found) == "ReLU"
    assert "hook" not in found.reason
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("factor", "finding", "words"),
    [
        (0.5, "fine", "has norm 1; the hook scaled ("),
        (1e6, "huge", "it grows most in the hook scaled ("),
        (1e-9, "tiny", "it shrinks most in the hook scaled ("),
    ],
)
def test_a_hook_that_scales(factor: float, finding: str, words: str) -> None:
    def scaled(g: tg.Tensor) -> tg.Tensor:
        return g * factor

    w = leaf(1.0)
    h = w * 2
    h.register_hook(scaled)
    found = explain(w, h.sum())
    assert found.finding == finding
    assert words in found.reason
    assert found.reason.endswith(f"by {factor:.3g}.")
