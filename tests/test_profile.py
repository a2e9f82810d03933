"""profile and cost: what operations take, by the clock and by formula."""

from __future__ import annotations

import re
import time
from typing import Any

import numpy as np
import pytest

import tinygraph as tg
from tinygraph._cost import FORMULAS, cost
from tinygraph._graph import Graph, Vertex
from tinygraph.ops.recurrent import gru_step, lstm_step

nn = tg.nn
F = nn.functional


def ones(*shape: int) -> tg.Tensor:
    return tg.tensor(np.ones(shape, np.float32), requires_grad=True)


def last(y: tg.Tensor) -> Vertex:
    graph = tg.graph(y)
    return graph[graph.outputs[0]]


class Slow(tg.Function):
    """Takes 10 ms forward, and 20 ms backward."""

    def forward(self, x: Any) -> Any:
        time.sleep(0.01)
        return x + 1

    def backward(self, g: Any) -> Any:
        time.sleep(0.02)
        return g


# -- cost ----------------------------------------------------------------------------------------

FLOPS = {
    "add": (lambda: ones(2, 3) + ones(3), 6),
    "exp": (lambda: ones(2, 3).exp(), 6),
    "where": (lambda: tg.where(ones(4) > 0, ones(4), 0.0), 0),
    "matmul": (lambda: ones(2, 3) @ ones(3, 4), 2 * 2 * 3 * 4),
    "matmul, batched": (lambda: ones(5, 2, 3) @ ones(3, 4), 5 * 2 * 2 * 3 * 4),
    "linear": (lambda: F.linear(ones(2, 3), ones(4, 3)), 2 * 2 * 3 * 4),
    "linear, bias": (lambda: F.linear(ones(2, 3), ones(4, 3), ones(4)), 2 * 2 * 3 * 4 + 8),
    "conv": (lambda: F.conv2d(ones(2, 3, 8, 8), ones(4, 3, 3, 3)), 2 * 2 * 4 * 36 * 27),
    "conv, groups": (
        lambda: F.conv2d(ones(1, 4, 8, 8), ones(4, 1, 3, 3), ones(4), groups=4),
        4 * 36 * (2 * 9 + 1),
    ),
    "transposed conv": (
        lambda: F.conv_transpose2d(ones(1, 3, 4, 4), ones(3, 5, 2, 2), stride=2),
        2 * 48 * 5 * 4,
    ),
    "max pool": (lambda: F.max_pool2d(ones(1, 2, 4, 4), 2), 8 * 4),
    "avg pool": (lambda: F.avg_pool2d(ones(1, 2, 4, 4), 2), 8 * 4),
    "sum": (lambda: ones(4, 5).sum(), 20),
    "softmax": (lambda: ones(4, 5).softmax(axis=1), 100),
    "einsum": (lambda: tg.einsum("bij,jk->bik", ones(2, 3, 4), ones(4, 5)), 2 * 2 * 3 * 4 * 5),
    "einsum of one": (lambda: tg.einsum("ij->i", ones(3, 4)), 12),
    "inverse": (lambda: tg.linalg.inv(tg.tensor(np.eye(3), requires_grad=True)), 54),
    "reshape": (lambda: ones(2, 3).reshape(6), 0),
    "concatenate": (lambda: tg.concatenate([ones(2), ones(3)]), 0),
}


@pytest.mark.parametrize("case", FLOPS)
def test_flops(case: str) -> None:
    make, expected = FLOPS[case]
    assert last(make()).flops == expected  # type: ignore[no-untyped-call]


def test_a_convolution_costs_backward_what_it_costs_forward_twice() -> None:
    x, w = ones(2, 3, 8, 8), ones(4, 3, 3, 3)
    y = F.conv2d(x, w)
    gradients = tg.grad(y.sum(), [x, w], create_graph=True)
    assert [last(g).flops for g in gradients] == [last(y).flops] * 2


def test_gates_cost_what_the_arithmetic_in_them_does() -> None:
    def flops(*ys: tg.Tensor) -> int:
        return sum(v.flops or 0 for v in tg.graph(*ys))

    x, h, c, weight = ones(2, 12), ones(2, 3), ones(2, 3), ones(12, 3)
    i, f, n, o = tg.split(x + F.linear(h, weight), 4, -1)
    state = f.sigmoid() * c + i.sigmoid() * n.tanh()
    assert flops(*lstm_step(x, h, c, weight)) == flops(o.sigmoid() * state.tanh(), state)

    x, weight, bias = ones(2, 9), ones(9, 3), ones(9)
    (xr, xz, xn), (ur, uz, un) = (tg.split(part, 3, -1) for part in (x, F.linear(h, weight, bias)))
    z, n = (xz + uz).sigmoid(), (xn + (xr + ur).sigmoid() * un).tanh()
    assert flops(gru_step(x, h, weight, bias)) == flops(n + z * (h - n))


def test_bytes_are_what_is_read_and_written() -> None:
    x = ones(2, 3)
    assert last(x + 1.0).bytes == 24 + 4 + 24
    assert last(x.astype(np.float64)).bytes == 24 + 48
    views = [x.reshape(6), x.transpose(), x[1:], tg.broadcast_to(x, (5, 2, 3))]
    assert [last(y).bytes for y in views] == [0, 0, 0, 0]
    assert last(x[[0, 1, 1]]).bytes > 0
    assert tg.graph(x + 1)[0].bytes == 24
    assert tg.graph(x + 1)[0].flops is None


def test_a_function_of_the_user_has_no_formula() -> None:
    vertex = last(Slow()(ones(2)))
    assert (vertex.flops, vertex.bytes) == (None, 16)


def test_formulas_take_every_operation_there_is() -> None:
    """Those of the models of the tests, at least: none fails, none is negative."""
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten()
    )
    y = net(ones(2, 1, 8, 8))
    y = nn.MultiheadAttention(16, 4, batch_first=True)(*(y.reshape(1, 2, 16),) * 3)[0]
    gradients = tg.grad(y.sum(), list(net.parameters()), create_graph=True)
    costs = [v.flops for v in tg.graph(*gradients) if v.function]
    assert len(costs) > 50
    assert all(flops is not None and flops >= 0 for flops in costs)


def test_every_formula_is_of_a_function() -> None:
    assert all(issubclass(kind, tg.Function) for kind in FORMULAS)


def test_cost_takes_arrays() -> None:
    assert cost(Slow(), [np.ones(3)], np.ones(3)) == (None, 48)


# -- profile -------------------------------------------------------------------------------------


def test_times_are_those_of_the_operation() -> None:
    with tg.profile() as p:
        y = (Slow()(ones(2)) * 2).sum()
        y.backward()
    slow = p.operations[0]
    assert (slow.name, slow.calls) == ("Slow", 1)
    assert 0.01 <= slow.forward < 0.02 + slow.backward
    assert slow.backward >= 0.02
    times = {v.function: (v.forward_time, v.backward_time) for v in tg.graph(y) if v.function}
    assert times["Slow"] == (slow.forward, slow.backward)
    assert all(t is not None and t > 0 for pair in times.values() for t in pair)
    assert p.total.time == pytest.approx(sum(sum(t) for t in times.values()))  # type: ignore[arg-type]


def test_without_it_there_are_no_times() -> None:
    y = ones(2) * 2
    y.sum().backward()
    assert last(y).forward_time is None
    assert last(y).backward_time is None


def test_modules_add_up_what_is_below_them() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
            self.head = nn.Linear(4, 2)

        def forward(self, x: tg.Tensor) -> tg.Tensor:
            with tg.scope("twice"):
                return self.head(self.body(self.body(x)))

    net = Net()
    with tg.profile() as p:
        for _ in range(3):
            net(tg.ones((5, 4))).sum().backward()
    rows = {m.name: (m.calls, m.flops, m.parameters) for m in p.modules}
    linear = 5 * 4 * (2 * 4 + 1)
    assert rows == {
        "Net": (15, 3 * (2 * linear + 40 + 90), 30),
        "Net.twice": (15, 3 * (2 * linear + 40 + 90), 30),
        "Net.twice.body": (12, 3 * (2 * linear + 40), 20),
        "Net.twice.body.0": (6, 6 * linear, 20),
        "Net.twice.body.1": (6, 120, 0),
        "Net.twice.head": (3, 270, 10),
    }
    assert p.total.calls == 18
    assert p.total.parameters == 30


def test_what_runs_inside_an_operation_is_not_counted_twice() -> None:
    with tg.profile() as p:
        start = time.perf_counter()
        tg.checkpoint(lambda x: Slow()(x), ones(2)).sum().backward()
        passed = time.perf_counter() - start
    rows = {m.name: m for m in p.operations}
    assert rows["Slow"].calls == 2
    assert rows["Checkpoint"].backward < rows["Slow"].forward
    assert p.total.time <= passed


def test_an_operation_that_fails_leaves_the_clock_right() -> None:
    with tg.profile() as p:
        with pytest.raises(ValueError, match="do not broadcast"):
            ones(2) + ones(3)
        ones(2).exp()
    assert [m.name for m in p.operations] == ["Exp"]


def test_it_prints_tables() -> None:
    net = nn.Sequential(nn.Linear(100, 50), nn.ReLU())
    with tg.profile() as p:
        net(tg.ones((10, 100))).sum().backward()
    operations, modules = str(p).split("\n\n")
    head, *rows = operations.splitlines()
    assert " ".join(head.split()) == (
        "operation calls forward backward time FLOPs bytes parameters"
    )
    assert {len(line) for line in rows} == {len(head)}
    assert [row.split()[0] for row in rows][-1] == "total"
    (linear,) = (row for row in rows if row.startswith("Linear"))
    assert re.search(r"100\.5 k +26\.2 kB +5,050$", linear)
    assert [row.split()[0] for row in modules.splitlines()] == [
        "module",
        "Sequential",
        "Sequential.0",
        "Sequential.1",
        "total",
    ]


def test_an_empty_profile_prints_too() -> None:
    with tg.profile() as p:
        pass
    assert str(p).splitlines()[-1].split()[:2] == ["total", "0"]


def test_it_records_no_more_than_usual() -> None:
    with tg.profile():
        y = tg.ones(2) * 2
        graph: Graph = tg.graph(ones(2) * 2)
    assert y._source is None
    assert graph[2].stats is None
