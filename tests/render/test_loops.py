"""Loops, unrolled: recurrent networks and those that somebody wrote by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph import nn
from tinygraph.render.folding import fold
from tinygraph.render.partition import Group
from tinygraph.render.simplify import TANGLE
from tinygraph.render.strain import strain
from tinygraph.render.view import View, spans

from ..clock import cpu_time
from . import zoo
from .models import data, leaf, rnn, tower
from .test_view import arrows, frames, titles, view


class Net(nn.Module):
    """A recurrent layer between data and a loss."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.rnn = layer

    def forward(self, x: Any, hx: Any = None) -> Any:
        return self.rnn(x, hx)[0].sum()


def recurrent(kind: Any, steps: int, **options: Any) -> tg.Graph:
    net = Net(kind(5, 6, **options))
    return tg.graph(net(data("x", steps, 2, 5)), model=net)


def repeats(view: View) -> list[tuple[str, ...]]:
    return [box.lines[:2] for box in view.boxes if box.role == "repeat"]


def box(view: View, title: str) -> Any:
    (found,) = (box for box in view.boxes if box.lines[0] == title)
    return found


KINDS = [nn.RNN, nn.LSTM, nn.GRU]


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_all_steps_of_a_recurrent_layer_are_one_box(kind: Any, batch_first: bool) -> None:
    net = Net(kind(5, 6, batch_first=batch_first))
    shown = view(tg.graph(net(data("x", 8, 8, 5)), model=net), fold=True)
    assert repeats(shown) == [("step × 8", "rnn.step … rnn.step#8")]
    assert frames(shown) == {f"rnn: {kind.__name__}": {}}


@pytest.mark.parametrize("kind", KINDS)
def test_cells_in_a_loop_are_called_by_their_class(kind: Any) -> None:
    cell = {nn.RNN: nn.RNNCell, nn.LSTM: nn.LSTMCell, nn.GRU: nn.GRUCell}[kind](3, 4)
    state = None
    for x in leaf("x", 8, 2, 3).exp():
        state = cell(x, state)
    name = type(cell).__name__
    shown = view(tg.graph(state[0] if isinstance(state, tuple) else state), fold=True)
    assert repeats(shown) == [(f"{name} × 8", f"{name} … {name}#8")]


def test_layers_fold_and_directions_do_not() -> None:
    """They do the same, but are not one after the other."""
    deep = view(recurrent(nn.RNN, 6, num_layers=4), fold=True)
    assert repeats(deep)[-1] == ("l × 3", "rnn.l1 … rnn.l3")  # the first has another width
    both = view(recurrent(nn.LSTM, 6, bidirectional=True), fold=True)
    assert repeats(both) == [
        ("step × 6", "rnn.l0.step … rnn.l0.step#6"),
        ("step × 6", "rnn.l0_reverse.step … rnn.l0_reverse.step#6"),
    ]


def test_two_loops_of_which_one_reads_the_other() -> None:
    """Step by step, or the one after the other."""
    cells = nn.GRUCell(4, 4), nn.GRUCell(4, 4)
    xs = leaf("x", 8, 2, 4).exp()
    below = above = None
    for x in xs:
        below = cells[0](x, below)
        above = cells[1](below, above)
    shown = view(tg.graph(above), fold=True)
    assert [lines[0] for lines in repeats(shown)] == ["GRUCell × 8"] * 2

    class Seq2Seq(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder, self.decoder = cells

        def forward(self, xs: Any) -> Any:
            h = None
            for cell in (self.encoder, self.decoder):
                for x in xs:
                    h = cell(x, h)
            return h

    net = Seq2Seq()
    assert repeats(view(tg.graph(net(xs), model=net), fold=True)) == [
        ("GRUCell × 8", "encoder … encoder#8"),
        ("GRUCell × 8", "decoder … decoder#8"),
    ]


# -- loops written by hand -----------------------------------------------------------------------

w, u, v = leaf("w", 4, 4), leaf("u", 4, 4), leaf("v", 4, 4)
Terms = list[Callable[[Any, Any, Any], Any]]
TERMS: Terms = [  # of which a step is the sum; its input x, its states h and c
    lambda x, h, c: x,
    lambda x, h, c: h,
    lambda x, h, c: c,
    lambda x, h, c: x @ w,
    lambda x, h, c: h @ u,
    lambda x, h, c: (x * c).exp(),
    lambda x, h, c: h.sigmoid() * c.tanh(),
    lambda x, h, c: h[:, 2:].sum(axis=1, keepdims=True) * x,
]
STARTS: list[Callable[[], Any]] = [
    lambda: leaf("h", 2, 4),
    lambda: leaf("h", 2, 4).tanh(),
    lambda: leaf("h", 2, 3) @ leaf("v", 3, 4),
]
INPUTS: list[Callable[[int], Any]] = [
    lambda steps: data("x", steps, 2, 4),
    lambda steps: leaf("x", steps, 2, 4),
    lambda steps: leaf("x", steps, 2, 4).exp(),
]


def step(terms: Terms, x: Any, h: Any, c: Any) -> tuple[Any, Any]:
    c = c.sigmoid() * (h @ v) + x
    return sum((term(x, h, c) for term in terms), h @ u).tanh(), c


def folded(graph: tg.Graph) -> list[Group]:
    return fold(graph, [Group((v.id,), v.scope) for v in graph if v.kind == "operation"])


def what(graph: tg.Graph, block: Sequence[int]) -> list[Any]:
    """Return what a block does: its operations, and which of its own they take from."""
    place: dict[int | None, int] = {id: i for i, id in enumerate(block)}
    return [
        (graph[id].function, graph[id].shape, [place.get(x) for x in graph[id].operands])
        for id in block
    ]


def check(graph: tg.Graph, groups: Sequence[Group]) -> None:
    """Each operation is in one group, after those that it takes from; blocks are equal."""
    operations = [v.id for v in graph if v.kind == "operation"]
    assert sorted(id for group in groups for id in group.vertices) == operations
    place: dict[int | None, int] = {id: i for i, g in enumerate(groups) for id in g.vertices}
    for id in operations:
        assert all(place.get(x, -1) <= place[id] for x in graph[id].operands)
    for group in groups:
        assert sorted(id for block in group.parts for id in block) in ([], [*group.vertices])
        first, *others = (what(graph, block) for block in group.parts or [group.vertices])
        assert all(other == first for other in others)


STEPS = st.lists(st.sampled_from(TERMS), min_size=1, max_size=5)


@given(
    terms=STEPS,
    start=st.sampled_from(STARTS),
    inputs=st.sampled_from(INPUTS),
    steps=st.integers(4, 9),
    every=st.booleans(),
    scoped=st.booleans(),
)
@settings(deadline=None)
def test_all_steps_of_a_loop_are_one_box(
    terms: Terms, start: Any, inputs: Any, steps: int, every: bool, scoped: bool
) -> None:
    """Whatever a step is made of, and in which order, though the first has another state."""
    h, c = start(), start()
    states = []
    for x in inputs(steps):
        with tg.scope("step") if scoped else nullcontext():
            h, c = step(terms, x, h, c)
        states.append(h)
    graph = tg.graph(tg.stack(states) if every else h.mean())
    groups = folded(graph)
    check(graph, groups)
    assert [len(group.parts) for group in groups if group.parts] == [steps]


@given(
    terms=STEPS,
    changes=st.lists(
        st.sampled_from([tg.tanh, tg.tanh, tg.tanh, tg.exp, tg.relu]), min_size=4, max_size=12
    ),
    start=st.sampled_from(STARTS),
)
@settings(deadline=None)
def test_steps_that_differ_are_not_folded(terms: Terms, changes: list[Any], start: Any) -> None:
    """The first one, too."""
    h, c = start(), start()
    for change, x in zip(changes, leaf("x", len(changes), 2, 4), strict=True):
        h, c = step(terms, x, change(h), c)
    graph = tg.graph(h.mean())
    check(graph, folded(graph))


def test_a_first_step_that_differs_stays_out() -> None:
    h = leaf("h", 2, 4)
    for i, x in enumerate(leaf("x", 9, 2, 4)):
        h = (h @ u + x @ w).relu() if i == 0 else (h @ u + x @ w).tanh()
    shown = view(tg.graph(h.mean()), fold=True)
    assert titles(shown, "repeat") == ["(MatMul × 2, GetItem, Add, …) × 8"]
    assert titles(shown, "operation")[-2:] == ["ReLU", "Mean"]


MODELS = [
    zoo.unet,
    zoo.lstm,
    zoo.siamese,
    zoo.mixture,
    zoo.translator,
    lambda: tower(6),
    lambda: rnn(9),
    lambda: rnn(9, scopes=True),
    lambda: recurrent(nn.LSTM, 7, num_layers=2, bidirectional=True),
    lambda: recurrent(nn.GRU, 7, num_layers=3, dropout=0.5),
]


@pytest.mark.parametrize("model", MODELS)
def test_folding_loses_nothing_and_folds_what_is_equal(model: Callable[[], tg.Graph]) -> None:
    graph = model()
    check(graph, folded(graph))


@pytest.mark.parametrize("scopes", [False, True])
def test_the_time_grows_with_the_steps_and_no_faster(scopes: bool) -> None:
    few, many = (cpu_time(folded, rnn(steps, scopes)) for steps in (250, 4000))
    assert many < 4 * 16 * few  # 256 times where it is quadratic


# -- lines ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("backward", ["none", "paired"])
def test_one_line_leads_from_all_steps_to_what_takes_their_states(backward: Any) -> None:
    shown = view(recurrent(nn.RNN, 8), fold=True, backward=backward)
    steps, stack = box(shown, "step × 8").id, box(shown, "Stack axis 0").id
    (line,) = (e for e in shown.edges if (e.tail, e.head, e.flow) == (steps, stack, "data"))
    assert line.argument == "0–7"


def test_operands_from_several_boxes_are_told_apart() -> None:
    h = leaf("h", 2, 4)
    states = [h.exp()]
    for _ in range(5):
        h = (h @ u + h @ w).tanh()
        states.append(h)
    shown = view(tg.graph(tg.stack([*states, states[0]])), fold=True)
    assert [(e.argument) for e in shown.edges if e.head == "Stack"] == ["0", "1–5", "6"]


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b"], "a, b"),
        (["0", "1"], "0–1"),
        (["0", "1", "2", "9", "10"], "0–2, 9–10"),
        (["9", "8"], "9, 8"),
        (["0", "2", "4", "6"], "0, 2, 4, …"),
    ],
)
def test_spans(names: list[str], text: str) -> None:
    assert spans(names) == text


def test_what_takes_a_step_out_of_a_sequence_stands_by_the_step() -> None:
    """And not in a row as wide as the sequence is long, below what it takes it from."""
    shown = view(recurrent(nn.RNN, 8))
    lines = [e for e in shown.edges if e.head.startswith("rnn/GetItem")]
    assert len(lines) == 8
    assert not any(line.main for line in lines)


# -- states --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_of_zeros_is_no_input(kind: Any) -> None:
    graph = recurrent(kind, 6, num_layers=2, bidirectional=True)
    assert titles(view(graph, depth=1), "input") == ["x"]
    shown = view(graph, fold=True)
    assert titles(shown, "input") == ["x"]
    zeros = [b for b in shown.boxes if b.role == "constant"]
    states = ["h_0 = 0", "c_0 = 0"] if kind is nn.LSTM else ["h_0 = 0"]
    assert [b.lines[0] for b in zeros] == states * 4
    assert {b.scope[:2] for b in zeros} == {
        ("rnn", place) for place in ("l0", "l0_reverse", "l1", "l1_reverse")
    }


def test_a_state_that_is_given_is_one() -> None:
    cell = nn.GRUCell(5, 6)
    h = data("before", 2, 6)
    for i in range(5):
        h = cell(data(f"x{i}", 2, 5), h)
    shown = view(tg.graph(h), fold=True)
    assert "before" in titles(shown, "input")
    assert not titles(shown, "constant")


def test_weights_of_all_steps_are_in_the_frame_of_their_module() -> None:
    shown = view(recurrent(nn.RNN, 8), fold=True)
    weight = box(shown, "weight_hh_l0")
    assert weight.scope == ("rnn",)
    assert (weight.id, box(shown, "step × 8").id) in arrows(shown)
    both = view(recurrent(nn.RNN, 8, bidirectional=True), fold=True)
    assert box(both, "weight_hh_l0_reverse").scope == ("rnn", "l0_reverse")


# -- what is drawn unless something is asked for -------------------------------------------------


def test_a_tangle_of_lines_is_folded_and_says_so() -> None:
    graph = recurrent(nn.RNN, 30)
    shown = view(graph)
    assert titles(shown, "repeat") == ["step × 30"]
    assert shown.simplified[0].endswith("repeated blocks are folded.")
    assert not view(graph, fold=True).simplified
    assert not titles(view(graph, max_nodes=500), "repeat")
    assert not view(recurrent(nn.RNN, 8)).simplified


def test_a_small_tangle_without_blocks_is_drawn_as_it_is() -> None:
    """Each of its layers takes from all before it."""
    xs = [leaf("x", 2, 1)]
    for i in range(30):
        xs.append((tg.concatenate(xs, 1) @ leaf(f"w{i}", i + 1, 1)).tanh())
    shown = view(tg.graph(xs[-1]))
    assert strain(shown) > TANGLE * len(shown.boxes)
    assert not shown.simplified
