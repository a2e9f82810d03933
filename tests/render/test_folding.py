"""Folding, and pictures that are made simpler because they would be too large."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.render.options import Options
from tinygraph.render.simplify import views

from ..clock import cpu_time
from . import models
from .models import data, leaf
from .test_view import arrows, titles, view


def test_equal_modules_become_one_box() -> None:
    shown = view(models.tower(12), fold=True)
    (repeat,) = (box for box in shown.boxes if box.role == "repeat")
    assert repeat.lines == (
        "Block × 12",
        "blocks.0 … blocks.11",
        "(5, 4)",
        "60 operations · 1,008 parameters",
    )
    assert {edge for edge in arrows(shown) if repeat.id in edge} == {
        ("ReLU", repeat.id),
        (repeat.id, "head/Linear"),
    }


def test_closed_modules_fold_too() -> None:
    assert titles(view(models.tower(12), depth=2, fold=True), "repeat") == ["Block × 12"]


def test_modules_that_differ_do_not_fold() -> None:
    net = tg.nn.Sequential(*(tg.nn.Linear(n, n + 1) for n in range(2, 9)))
    assert not titles(view(tg.graph(net(data("x", 1, 2))), fold=True, depth=1), "repeat")


def test_operations_without_modules_fold() -> None:
    assert titles(view(models.chain(1000), fold=True)) == ["x", "(Multiply, Tanh) × 500"]


def test_scopes_are_called_by_their_names_without_numbers() -> None:
    y = leaf("x", 2)
    for name in ("part9", "part10", "part11", "rest2", "rest2", "rest2"):
        with tg.scope(name):
            y = tg.exp((y * 2).tanh())
    assert titles(view(tg.graph(y), fold=True), "repeat") == ["part × 3", "rest2 × 3"]


def test_blocks_in_blocks_fold() -> None:
    y = leaf("x", 2)
    for _ in range(5):
        for _ in range(6):
            y = tg.tanh(y * 2)
        y = tg.exp(y)
    shown = view(tg.graph(y), fold=True)
    assert len(shown.boxes) == 2
    assert shown.boxes[1].lines[0].endswith("× 5")


def test_a_mask_that_all_blocks_share_does_not_keep_them_from_folding() -> None:
    y, mask = leaf("x", 2), data("mask", 2)
    for _ in range(9):
        y = tg.tanh(y * mask)
    shown = view(tg.graph(y), fold=True)
    assert titles(shown) == ["x", "mask", "(Multiply, Tanh) × 9"]


def test_an_input_of_the_first_block_alone_is_shown() -> None:
    y = leaf("x", 2, 2)
    for i in range(6):
        y = tg.tanh(y @ leaf(f"w{i}", 2, 2))
    shown = view(tg.graph(y), fold=True)
    assert titles(shown) == ["x", "(MatMul, Tanh) × 6"]


def test_few_equal_operations_are_left_alone() -> None:
    y = leaf("x", 2)
    assert not titles(view(tg.graph(tg.tanh(tg.tanh(y))), fold=True), "repeat")


@given(
    st.lists(st.sampled_from(["tanh", "sigmoid", "relu"]), min_size=1, max_size=30),
    st.integers(1, 5),
)
@settings(deadline=None, max_examples=60)
def test_folding_loses_no_operation_and_makes_no_cycle(names: list[str], times: int) -> None:
    y = leaf("x", 2)
    for _ in range(times):
        kept = y
        for name in names:
            y = getattr(y, name)()
        y = y + kept
    graph = tg.graph(y)
    shown = view(graph, fold=True)
    assert sorted(id for box in shown.boxes for id in box.vertices) == list(range(len(graph)))
    place = {box.id: i for i, box in enumerate(shown.boxes)}
    assert all(place[edge.tail] < place[edge.head] for edge in shown.edges)


# -- too large -----------------------------------------------------------------------------------


def test_a_picture_of_too_many_boxes_is_simplified_and_says_so() -> None:
    shown = view(models.tower(12), max_nodes=30)
    assert len(shown.boxes) <= 30
    assert shown.simplified == (
        "Simplified, to draw 64 operations: repeated blocks are folded.",
        "To see more: focus='NAME' for a part, or max_nodes=NUMBER for more boxes.",
    )
    assert not view(models.tower(12)).simplified


def test_simpler_and_simpler() -> None:
    counts = [len(v.boxes) for v in views(models.tower(12), Options())]
    assert counts == sorted(set(counts), reverse=True)
    assert counts[0] > 100 > 20 > counts[-1]


LONG = 100_000


def irregular(length: int = LONG) -> tg.Graph:
    choices = np.random.default_rng(0).choice(["Exp", "Tanh", "ReLU", "Sigmoid"], length).tolist()
    return models.unrolled((choice, ()) for choice in choices)


def nested(length: int = LONG) -> tg.Graph:
    choices = np.random.default_rng(0).choice(["Exp", "Tanh", "ReLU"], length).tolist()
    return models.unrolled(
        (choice, (f"part{i // 1000}", f"piece{i // 20}")) for i, choice in enumerate(choices)
    )


@pytest.mark.parametrize("make", [irregular, nested])
def test_a_hundred_thousand_operations_are_at_most_150_boxes(make: Any) -> None:
    shown = view(make())
    assert len(shown.boxes) <= 150
    assert shown.simplified
    assert sum(len(box.vertices) for box in shown.boxes) > LONG


@pytest.mark.parametrize("make", [irregular, nested])
def test_the_time_grows_with_the_graph_and_no_faster(make: Any) -> None:
    few, many = (cpu_time(view, make(length)) for length in (4_000, 64_000))
    assert many < 4 * 16 * few  # 256 times where it is quadratic


def test_doublings_are_no_problem() -> None:
    y = leaf("x")
    for _ in range(60):
        y = y + y
    assert len(view(tg.graph(y)).edges) == 120
