"""record: values, gradients and source lines of everything, for as long as the graph lives."""

from __future__ import annotations

import gc
import math
import pickle
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygraph as tg
from tinygraph._function import InertNode, Node
from tinygraph._graph import Graph, Vertex
from tinygraph._record import seen
from tinygraph._summary import summarize


def leaf(*values: float, name: str | None = None) -> tg.Tensor:
    return tg.tensor(np.array(values), requires_grad=True, name=name)


def only(graph: Graph, function: str) -> Vertex:
    (vertex,) = (v for v in graph if v.function == function)
    return vertex


def entries(summary: Any) -> Any:
    return None if summary is None else summary.entries


# -- what is recorded ----------------------------------------------------------------------------


def test_values_and_gradients() -> None:
    x, w = tg.tensor(np.array([1.0, 2.0]), name="x"), leaf(3.0, 4.0, name="w")
    with tg.record():
        loss = (x * w * 2).sum()
        loss.backward()
    graph = tg.graph(loss)
    assert [(v.function or v.name, entries(v.stats), entries(v.grad)) for v in graph] == [
        ("x", (1.0, 2.0), None),
        ("w", (3.0, 4.0), (2.0, 4.0)),
        ("Multiply", (3.0, 8.0), (2.0, 2.0)),
        (None, 2.0, None),
        ("Multiply", (6.0, 16.0), (1.0, 1.0)),
        ("Sum", 22.0, 1.0),
    ]
    assert [tuple(map(entries, v.contributions)) for v in graph if v.function] == [
        (None, (2.0, 4.0)),
        ((2.0, 2.0), None),
        ((1.0, 1.0),),
    ]


def test_without_it_nothing_is_known() -> None:
    w = leaf(1.0)
    loss = (w * 2).sum()
    loss.backward()
    assert all((v.location, v.stats, v.grad) == (None, None, None) for v in tg.graph(loss))


def test_source_lines_are_those_of_the_user() -> None:
    net = tg.nn.Sequential(tg.nn.Linear(2, 2), tg.nn.ReLU())
    with tg.record():
        y = net(tg.ones((1, 2)))
        z = np.exp(y)
    lines = Path(__file__).read_text().splitlines()
    for vertex in tg.graph(z):
        if vertex.function:
            file, _, line = (vertex.location or "").rpartition(":")
            assert file == __file__
            call = "np.exp" if vertex.function == "Exp" else "net(tg.ones"
            assert call in lines[int(line) - 1]


def test_operations_without_a_gradient_are_recorded_too() -> None:
    w = leaf(1.0, -2.0, name="w")
    with tg.record():
        mask = w > 0
        with tg.no_grad():
            scale = w * 3
        y = tg.where(mask, w, 0.0) * scale
    graph = tg.graph(y)
    flows = {v.function: v.requires_grad for v in graph if v.function not in (None, "Multiply")}
    assert flows == {"Greater": False, "Where": True}
    assert [v.requires_grad for v in graph if v.function == "Multiply"] == [False, True]
    assert not mask.requires_grad
    assert not scale.requires_grad
    (y * 1).sum().backward()
    assert w.grad is not None
    assert w.grad.tolist() == [3.0, 0.0]  # scale is a constant: what comes from w > 0 and w * 3


def test_a_recorded_tensor_without_a_gradient_is_a_leaf() -> None:
    with tg.record():
        y = tg.tensor([1.0, 2.0], name="x") * 2
    assert type(y._source) is InertNode
    assert y.is_leaf
    assert pickle.loads(pickle.dumps(y)).tolist() == [2.0, 4.0]
    y.requires_grad = True
    (y * y).sum().backward()
    assert y.grad is not None
    assert y.grad.tolist() == [4.0, 8.0]


def test_gradients_are_the_same_to_second_order() -> None:
    def derivatives() -> list[float]:
        x = leaf(0.3, -0.7)
        y = (tg.tanh(x * 2) * x.detach() * (x > 0)).sum()
        g = tg.grad(y, x, create_graph=True)
        return [*g.tolist(), *tg.grad((g * g).sum(), x).tolist()]

    plain = derivatives()
    with tg.record():
        assert derivatives() == plain


def test_checkpoints_transforms_and_optimisers_work_under_it() -> None:
    net = tg.nn.Linear(3, 2)
    optimiser = tg.optim.SGD(net.parameters(), lr=0.1)
    with tg.record():
        loss = tg.checkpoint(net, tg.ones((4, 3))).sum()
        loss.backward()
        optimiser.step()
        assert tg.func.hessian(lambda x: (x**3).sum())(leaf(2.0)).tolist() == [[12.0]]
    assert only(tg.graph(loss), "Checkpoint").stats is not None


def test_values_are_those_at_the_time() -> None:
    w = leaf(1.0, name="w")
    with tg.record():
        y = w * 2
        w.data = np.array([5.0])
        z = w * 3
    assert [entries(v.stats) for v in tg.graph(y) if v.name == "w"] == [(1.0,)]
    assert [entries(v.stats) for v in tg.graph(z) if v.name == "w"] == [(5.0,)]


def test_a_leaf_is_copied_once() -> None:
    w = leaf(1.0)
    with tg.record():
        a, b = w * 2, w * 3
    records = [seen(t._source) for t in (a, b) if isinstance(t._source, Node)]
    kept = [record.inputs[0] for record in records if record and record.inputs]
    assert len(kept) == 2
    assert kept[0] is kept[1]
    assert kept[0] is not w.data


def test_gradients_accumulate_in_leaves_and_are_the_latest_elsewhere() -> None:
    w = leaf(1.0, name="w")
    with tg.record():
        y = w * 2
        y.backward(np.array([1.0]), retain_graph=True)
        y.backward(np.array([10.0]))
    assert [entries(v.grad) for v in tg.graph(y) if v.requires_grad] == [(22.0,), (10.0,)]


def test_backward_of_what_was_made_before_is_recorded() -> None:
    loss = (leaf(1.0) * 2).sum()
    with tg.record():
        loss.backward()
    product = only(tg.graph(loss), "Multiply")
    assert (product.stats, product.location) == (None, None)
    assert entries(product.grad) == (1.0,)


def test_records_go_with_the_graph() -> None:
    gc.disable()
    try:
        for create_graph in (False, True):
            w = leaf(1.0)
            with tg.record():
                y = (w * 2).exp()
                y.sum().backward(create_graph=create_graph)
            assert isinstance(y._source, Node)
            record = seen(y._source)
            assert record is not None
            gone = weakref.ref(record.output)  # type: ignore[arg-type]
            del record, y
            w.grad = None
            assert gone() is None
    finally:
        gc.enable()


def test_it_nests_and_ends() -> None:
    record = tg.record()
    with record, record:
        y = leaf(1.0) * 2
    assert only(tg.graph(y), "Multiply").stats is not None
    assert (tg.ones(2) * 2)._source is None
    assert only(tg.graph(leaf(1.0) * 2), "Multiply").stats is None


def test_a_packed_function_is_recorded() -> None:
    class Both(tg.Function):
        outputs = ("s", "c")

        def forward(self, x: Any) -> Any:
            return np.sin(x), np.cos(x)

        def backward(self, g: Any, y: Any) -> Any:
            return g[0] * y[1] - g[1] * y[0]

    x = leaf(0.0, 0.0)
    with tg.record():
        s, c = Both()(x)
        (s + c).sum().backward()
    both = only(tg.graph(s, c), "Both")
    assert entries(both.stats) == (0.0, 0.0, 1.0, 1.0)
    assert entries(both.grad) == (1.0,) * 4


# -- what flowed back ----------------------------------------------------------------------------


def test_rules_have_turns_and_what_they_sent_is_known() -> None:
    x = tg.tensor(np.array([[1.0, 2.0], [3.0, 4.0]]), requires_grad=True, name="x")
    b = leaf(0.5, 1.0, name="b")
    with tg.record():
        h = x * b + b
        loss = (h * h).sum()
        loss.backward()
    graph = tg.graph(loss)
    assert [(v.function, v.turn) for v in graph if v.function] == [
        ("Multiply", 3),
        ("Add", 2),
        ("Multiply", 1),
        ("Sum", 0),
    ]
    product, add, _, _ = (v for v in graph if v.function)
    assert product.arguments == add.arguments == ("a", "b")
    assert list(map(entries, add.contributions)) == [((2.0, 6.0), (4.0, 10.0))] * 2
    assert list(map(entries, add.reductions)) == [None, (6.0, 16.0)]
    assert list(map(entries, product.reductions)) == [None, (14.0, 52.0)]
    (bias,) = (v for v in graph if v.name == "b")
    assert entries(bias.grad) == (20.0, 68.0)
    assert {v.arrived for v in graph} == {None}


def test_turns_are_those_of_the_latest_backward() -> None:
    x = leaf(1.0, name="x")
    with tg.record():
        h = x * 2
        first, second = h.exp().sum(), h.sin().sum()
        second.backward(retain_graph=True)
        first.backward()
    graph = tg.graph(first, second)
    turns = {v.function: v.turn for v in graph if v.function not in (None, "Sum")}
    assert turns == {"Sin": 1, "Exp": 3, "Multiply": 4}


def test_what_arrived_is_told_where_the_gradient_differs() -> None:
    x = leaf(2.0, name="x")
    x.grad = tg.tensor(np.array([10.0]))
    with tg.record():
        h = x * 3
        h.register_hook(lambda g: g * 100)
        loss = (h * h).sum()
        loss.backward()
    graph = tg.graph(loss)
    product = next(v for v in graph if v.function == "Multiply")
    assert (entries(product.arrived), entries(product.grad)) == ((12.0,), (1200.0,))
    assert (entries(graph[0].arrived), entries(graph[0].grad)) == ((3600.0,), (3610.0,))


def test_sums_are_those_of_the_engine_to_the_last_bit() -> None:
    rng = np.random.default_rng(0)
    x = tg.tensor(rng.standard_normal((5, 7)).astype("f"), requires_grad=True)
    b = tg.tensor(rng.standard_normal(7).astype("f"), requires_grad=True)
    with tg.record():
        h = tg.tanh(x * b) + x.exp() * b + x
        loss = (h * x * h).sum() + b.sum()
        loss.backward()
    assert {v.arrived for v in tg.graph(loss)} == {None}


def test_winners_and_masks_are_kept() -> None:
    x = tg.tensor(np.arange(16.0).reshape(1, 1, 4, 4), requires_grad=True)
    with tg.record():
        loss = (tg.max_pool2d(x, 2) * 1).sum()
        loss.backward()
    pool = only(tg.graph(loss), "MaxPool2d")
    assert [(name, entries(s)) for name, s in pool.aux] == [("winners", ((((3, 3), (3, 3)),),))]
    assert only(tg.graph(loss), "Sum").aux == ()


def test_a_rule_that_went_wrong_can_be_looked_at() -> None:
    class Wrong(tg.Function):
        def forward(self, x: Any) -> Any:
            return x + 1

        def backward(self, g: Any) -> Any:
            return g.sum()

    with tg.record():
        loss = Wrong()(leaf(1.0, 2.0)).sum()
        with pytest.raises(ValueError, match=r"Wrong\.backward returned a gradient of shape"):
            loss.backward()
    wrong = only(tg.graph(loss), "Wrong")
    assert (wrong.turn, entries(wrong.contributions[0]), wrong.reductions) == (1, 2.0, ())


# -- summaries -----------------------------------------------------------------------------------

ARRAYS = hnp.arrays(
    st.sampled_from([np.float32, np.float64, np.int64, np.bool_]),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=6),
)


@given(ARRAYS)
def test_summaries(array: Any) -> None:
    s = summarize(array)
    numbers = array.astype(np.float64)
    finite = numbers[np.isfinite(numbers)]
    assert s.size == array.size
    assert s.nans + s.infs + finite.size == array.size
    assert s.zeros == (numbers == 0).sum()
    assert (s.nans, s.infs) == (np.isnan(numbers).sum(), np.isinf(numbers).sum())
    assert s.finite == (finite.size == array.size)
    assert sum(s.histogram) == finite.size
    assert len(s.histogram) == 16
    if finite.size:
        assert (s.min, s.max) == (finite.min(), finite.max())
        assert s.mean is not None
        assert s.norm is not None
        assert math.isfinite(s.norm)
        if np.abs(finite).max() < 1e150:
            np.testing.assert_allclose(s.norm, np.linalg.norm(finite), rtol=1e-6, atol=1e-150)
            np.testing.assert_allclose(
                s.mean, finite.mean(), rtol=1e-6, atol=1e-12 * np.abs(finite).max()
            )
    else:
        assert (s.min, s.max, s.mean, s.norm) == (None,) * 4
    if array.size <= 36:
        np.testing.assert_array_equal(np.array(s.entries, array.dtype).reshape(array.shape), array)
        assert s.corner is None
    else:
        assert s.entries is None
        assert s.corner is not None
        with np.errstate(over="ignore"):
            block = array[tuple(map(slice, s.corner.shape))].astype(np.float32)
        np.testing.assert_array_equal(s.corner.array, block)
    assert s == summarize(array)
    assert hash(s) == hash(summarize(array))


def test_the_histogram_counts_equal_parts_of_the_range() -> None:
    assert summarize(np.arange(32.0)).histogram == (2,) * 16
    assert summarize(np.full(5, 7.0)).histogram == (5, *(0,) * 15)
    assert summarize(np.array([-1.7e308, 1.7e308])).histogram == (1, *(0,) * 14, 1)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((37,), (28,)),
        ((30, 3), (28, 3)),
        ((64, 1, 28, 28), (1, 1, 28, 28)),
        ((64, 3, 224, 224), (1, 1, 28, 28)),
        ((32, 8, 8, 8), (1, 8, 8, 8)),
        ((16, 8, 3, 3), (10, 8, 3, 3)),
        ((1000, 1, 1), (784, 1, 1)),
        ((2, 3, 4, 1000), (2, 3, 4, 28)),
    ],
)
def test_the_corner_is_what_makes_a_picture(shape: Any, expected: Any) -> None:
    corner = summarize(np.ones(shape)).corner
    assert corner is not None
    assert corner.shape == corner.array.shape == expected


@pytest.mark.parametrize("value", [1e-310, 5e-324, 1e300, -1e300])
def test_extreme_numbers_have_a_norm(value: float) -> None:
    assert summarize(np.full(4, value)).norm == pytest.approx(2 * abs(value), rel=1e-6)
