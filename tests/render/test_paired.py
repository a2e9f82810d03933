"""The backward pass beside the forward one."""

from __future__ import annotations

import pytest

import tinygraph as tg
from tinygraph.render.paired import rule_lines

from . import models
from .models import data, leaf
from .test_view import arrows, titles, view


def test_each_rule_stands_beside_its_operation() -> None:
    shown = view(models.formula(), backward="paired")
    assert [box.lines for box in shown.boxes if box.role == "rule"] == [
        ("∂ Multiply", "ga = g b", "gb = g a"),
        ("∂ Subtract", "ga = g", "gb = -g"),
        ("∂ Sum", "gx = g, broadcast to the shape of x", "g = 1"),
    ]
    assert shown.ranks == (
        ("Multiply", "grad Multiply"),
        ("Subtract", "grad Subtract"),
        ("Sum", "grad Sum"),
    )


def test_gradients_flow_against_the_data_and_end_at_parameters() -> None:
    shown = view(models.formula(), backward="paired")
    assert arrows(shown, "gradient") == {
        ("w", "grad Multiply"),
        ("grad Multiply", "grad Subtract"),
        ("grad Subtract", "grad Sum"),
    }


def test_gradients_of_what_is_used_twice_are_added() -> None:
    shown = view(models.shared(), backward="paired")
    assert titles(shown, "sum") == ["+"]
    flows = [(e.tail, e.head, e.broadcast) for e in shown.edges if e.flow == "gradient"]
    assert flows.count(("sum Add", "grad Multiply#2", False)) == 2
    assert ("grad Add", "sum Add", False) in flows
    assert ("b", "grad Add", True) in flows  # summed: b was broadcast
    assert ("Add", "grad Add", "sum Add") in shown.ranks


def test_what_is_kept_leads_to_its_rule() -> None:
    x = leaf("x", 2)
    shown = view(tg.graph(tg.tanh(x * data("y", 2))), backward="paired")
    assert arrows(shown, "saved") == {
        ("Tanh", "grad Tanh"),
        ("x", "grad Multiply"),
        ("y", "grad Multiply"),
    }
    assert arrows(shown, "pair") == {("Multiply", "grad Multiply")}


def test_what_needs_no_gradient_has_no_rule() -> None:
    with tg.record():
        y = data("x", 2).exp() * leaf("w", 2)
    shown = view(tg.graph(y), backward="paired")
    assert titles(shown, "rule") == ["∂ Multiply"]


def test_closed_and_folded_boxes_have_rules_too() -> None:
    shown = view(models.tower(12), backward="paired", fold=True, depth=1)
    assert "∂ blocks: Sequential" in titles(shown, "rule")
    shown = view(models.tower(12), backward="paired", fold=True)
    assert "∂ Block × 12" in titles(shown, "rule")
    assert len({box.id for box in shown.boxes}) == len(shown.boxes)


@pytest.mark.parametrize(
    ("doc", "lines"),
    [
        (None, []),
        ("No rule.", []),
        ("Product of two: ga = g b, gb = g a.", ["ga = g b", "gb = g a"]),
        ("Windows: (N, C) -> (N, L).  gx = g scattered to the winners.\n\nTies: the first.",
         ["gx = g scattered to the winners"]),
        ("Convolution.\n\n    gx = col2im(wᵀ g), gw = g im2col(x)ᵀ, gb = sum g.",
         ["gx = col2im(wᵀ g)", "gw = g im2col(x)ᵀ", "gb = sum g"]),
        ("Long: gx = " + "very " * 60 + "long.", None),
    ],
)  # fmt: skip
def test_rules_are_read_off_docstrings(doc: str | None, lines: list[str] | None) -> None:
    function = type("F", (tg.Function,), {
        "__doc__": doc,
        "forward": lambda self, x: x.copy(),
        "backward": lambda self, g: g,
    })  # fmt: skip
    found = rule_lines(tg.graph(function()(leaf("x")))[1])
    if lines is None:
        assert len(found) == 3
        assert found[-1].endswith("…")
    else:
        assert found == lines


def test_full_needs_a_traced_backward_pass() -> None:
    with pytest.raises(ValueError, match=r"make it by tg\.graph\(\.\.\., backward=True\)"):
        view(models.formula(), backward="full")
