"""Long lines: pictures whose layout would take long are made simpler, unless they are asked for."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

import tinygraph as tg
from tinygraph.render import RenderWarning, render
from tinygraph.render.html.views import pictures
from tinygraph.render.options import Backward, Options
from tinygraph.render.simplify import FEW, LONG, views
from tinygraph.render.strain import strain

from . import zoo
from .models import chain, leaf, rnn, tower
from .test_render import engine
from .test_view import titles, view

__all__ = ["engine"]  # a fixture


def test_lines_pass_rows() -> None:
    x, w = leaf("x", 2), leaf("w", 2)
    y = (x * w).exp() * w  # w stands in the row above x * w, and passes x * w and exp
    graph = tg.graph(y)
    assert strain(view(graph)) == 2
    # so do the gradient of w and, to the rule of the second product, w itself
    assert strain(view(graph, backward="paired")) == 6


def test_a_chain_has_no_long_lines() -> None:
    assert strain(view(chain(100), backward="paired")) == 0


def test_a_graph_of_both_passes_has_long_lines() -> None:
    """From what each operation keeps, above, to its rule in the backward pass below."""
    x = leaf("x", 2)
    graph = tg.graph(x.exp().tanh().exp(), backward=True)
    assert strain(view(graph, backward="full")) > strain(view(graph)) == 0


@pytest.mark.parametrize("backward", ["none", "paired"])
@pytest.mark.parametrize("scopes", [False, True])
@pytest.mark.parametrize("steps", [10, 20, 40, 80, 400])
def test_no_picture_of_a_loop_is_strained(steps: int, scopes: bool, backward: Backward) -> None:
    found = list(views(rnn(steps, scopes), Options(backward=backward)))
    assert found
    for picture in found:
        assert len(picture.boxes) <= FEW or strain(picture) <= LONG
        assert not picture.simplified or len(picture.boxes) <= FEW


@pytest.mark.parametrize("scopes", [False, True])
def test_a_long_loop_is_folded_and_says_so(scopes: bool) -> None:
    shown = view(rnn(80, scopes))
    (repeat,) = titles(shown, "repeat")
    assert repeat.endswith("× 80")
    assert shown.simplified == (
        "Simplified, to draw 402 operations: repeated blocks are folded.",
        "To see more: focus='NAME' for a part, or max_nodes=NUMBER for more boxes.",
    )
    assert not view(rnn(20, scopes)).simplified


def test_who_asks_for_many_boxes_gets_them() -> None:
    shown = view(rnn(40), max_nodes=1000)
    assert strain(shown) > LONG
    assert not shown.simplified
    assert view(rnn(40), max_nodes=200).simplified


def test_deep_networks_are_not_strained() -> None:
    """Their lines are many and short: around a block each."""
    for graph in (tower(100), zoo.translator()):
        for backward in ("none", "paired"):
            shown = view(graph, backward=backward)
            assert len(shown.boxes) > FEW
            assert not shown.simplified


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("scopes", [False, True])
def test_a_long_loop_is_drawn_at_the_first_attempt(scopes: bool, tmp_path: Path) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        path = render(rnn(400, scopes), tmp_path / "g.svg", backward="paired")
    assert "× 400" in path.read_text()
    (said,) = [str(warning.message) for warning in caught]
    assert caught[0].category is RenderWarning
    assert "took too long" not in said


def test_a_long_loop_has_no_page_that_takes_minutes() -> None:
    assert "everything" in [picture.id for picture in pictures(rnn(20), Options())]
    graph = rnn(120, scopes=True)
    found = pictures(graph, Options())
    assert max(len(picture.view.boxes) for picture in found) <= FEW + 10
    shown = {id for p in found for b in p.view.boxes if b.role == "operation" for id in b.vertices}
    assert shown >= {v.id for v in graph if v.kind == "operation"}


def test_the_parts_of_a_cut_loop_are_called_by_what_they_begin_with() -> None:
    found = pictures(rnn(200), Options())
    ids = [picture.id for picture in found] + [b.id for p in found for b in p.view.boxes]
    assert all(id == id.strip() != "" for id in ids)
    assert ids[2:5] == ["input", "input#26", "input#51"]
