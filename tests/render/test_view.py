"""Views: which boxes a picture has, without anything being drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.render.options import Options
from tinygraph.render.simplify import views
from tinygraph.render.view import View

from . import models
from .models import data, leaf


def view(graph: tg.Graph, **options: Any) -> View:
    return next(views(graph, Options(**options)))


def titles(view: View, *roles: str) -> list[str]:
    return [box.lines[0] for box in view.boxes if not roles or box.role in roles]


def arrows(view: View, flow: str = "data") -> set[tuple[str, str]]:
    return {(edge.tail, edge.head) for edge in view.edges if edge.flow == flow}


def frames(view: View) -> dict[str, Any]:
    def nested(clusters: Any) -> dict[str, Any]:
        return {cluster.lines[0]: nested(cluster.clusters) for cluster in clusters}

    return nested(view.clusters)


# -- constants -----------------------------------------------------------------------------------


def test_constants_stand_in_their_operations() -> None:
    x = leaf("x", 2)
    ys = (x - 1, 1 - x, x / 0.25, tg.maximum(x, 0), 2**x)
    assert titles(view(tg.graph(*ys)), "operation") == [
        "Subtract · − 1",
        "Subtract 1 − ·",
        "Divide · ÷ 0.25",
        "Maximum (·, 0)",
        "Power 2 ^ ·",
    ]


def test_constants_may_have_boxes() -> None:
    shown = view(models.formula(), constants=True)
    assert titles(shown, "constant") == ["1"]
    assert titles(shown, "operation") == ["Multiply", "Subtract", "Sum"]


def test_an_output_is_shown_even_if_it_is_a_constant() -> None:
    assert titles(view(tg.graph(tg.tensor(2.0)))) == ["number"]


# -- edges ---------------------------------------------------------------------------------------


def test_edges_keep_number_and_order_of_operands() -> None:
    a, b = leaf("a"), leaf("b")
    for y, tails in ((a - b, ["a", "b"]), (b - a, ["b", "a"]), (a * a, ["a", "a"])):
        assert [edge.tail for edge in view(tg.graph(y)).edges] == tails


def test_broadcast_operands_are_told_apart() -> None:
    edges = view(models.shared()).edges
    assert [(e.tail, e.broadcast) for e in edges if e.head == "Add"] == [
        ("Multiply", False),
        ("b", True),
    ]


# -- modules -------------------------------------------------------------------------------------


def test_modules_are_frames() -> None:
    assert frames(view(models.tower(2))) == {
        "blocks: Sequential": {
            "0: Block": {"mlp: Sequential": {}},
            "1: Block": {"mlp: Sequential": {}},
        }
    }


def test_a_module_with_one_operation_has_no_frame_but_its_name() -> None:
    assert titles(view(models.tower(1)), "operation") == [
        "stem: Linear",
        "ReLU",
        "norm: LayerNorm",
        "0: Linear",
        "1: GELU",
        "2: Linear",
        "Add",
        "head: Linear",
        "loss = Sum",
    ]


def test_parameters_are_in_the_frame_of_their_module() -> None:
    box = next(b for b in view(models.tower(1)).boxes if b.vertices == (5,))
    assert (box.lines[0], box.scope) == ("norm.weight", ("blocks", "0"))


def test_depth_closes_modules() -> None:
    shown = view(models.tower(2), depth=1)
    assert [box.lines for box in shown.boxes] == [
        ("x", "(5, 3)"),
        ("stem: Linear", "(5, 4)", "16 parameters"),
        ("ReLU", "(5, 4)"),
        ("blocks: Sequential", "(5, 4)", "10 operations · 168 parameters"),
        ("head: Linear", "(5, 2)", "10 parameters"),
        ("loss = Sum",),
    ]
    assert len(shown.edges) == 5
    assert frames(shown) == {}


def test_depth_2_shows_what_is_inside() -> None:
    shown = view(models.tower(2), depth=2)
    assert titles(shown, "module") == ["0: Block", "1: Block"]
    assert frames(shown) == {"blocks: Sequential": {}}


def test_a_model_that_nobody_named_is_called_by_its_class() -> None:
    net = models.Tower(1)
    graph = tg.graph(net(data("x", 5, 3)))
    assert titles(view(graph, depth=1)) == ["x", "Tower"]
    shown = view(graph, depth=2)
    assert frames(shown) == {"Tower": {}}
    assert titles(shown) == ["x", "stem: Linear", "ReLU", "blocks: Sequential", "head: Linear"]


def test_collapse_by_path_and_by_class() -> None:
    graph = models.tower(2)
    assert titles(view(graph, collapse="blocks.1"), "module") == ["1: Block"]
    assert titles(view(graph, collapse=("Block", "head")), "module") == ["0: Block", "1: Block"]
    with pytest.raises(ValueError, match=r"collapse names no module or scope: 'nowhere'"):
        view(graph, collapse="nowhere")


def test_scopes_are_frames_and_may_be_closed() -> None:
    with tg.scope('say "hi"'):
        y = (leaf("x", 2) * 2).tanh()
    graph = tg.graph(y + 1)
    assert frames(view(graph)) == {'say "hi"': {}}
    closed = view(graph, depth=1)
    assert titles(closed) == ['say "hi"', "Add · + 1"]


def test_an_unnamed_mask_belongs_to_its_module_but_data_do_not() -> None:
    net = tg.nn.Sequential(tg.nn.Linear(2, 2), tg.nn.Dropout(0.5))
    shown = view(tg.graph(net(data(None, 3, 2)).sum(), model=net), depth=1)
    assert titles(shown) == ["input", "0: Linear", *titles(shown)[2:]]
    assert titles(shown, "input") == ["input"]


def test_a_module_that_is_called_twice() -> None:
    net = tg.nn.Sequential(tg.nn.Linear(2, 2), tg.nn.ReLU())
    shown = view(tg.graph(net(net(data("x", 1, 2))), model=net), depth=1)
    assert len({box.id for box in shown.boxes}) == len(shown.boxes)
    assert sum("Linear" in title for title in titles(shown)) == 2


# -- focus ---------------------------------------------------------------------------------------


def test_focus_shows_a_neighbourhood() -> None:
    graph = models.tower(3)
    shown = view(graph, focus="blocks.1.mlp")
    assert titles(shown, "operation") == [
        "norm: LayerNorm",
        "0: Linear",
        "1: GELU",
        "2: Linear",
        "Add",
    ]
    assert shown.notes == ("5 of 19 operations: those within 1 hop of blocks.1.mlp",)
    assert titles(view(graph, focus="GELU", hops=0), "operation") == [
        f"{i}.mlp.1: GELU" for i in range(3)
    ]
    assert titles(view(graph, focus="loss", hops=0)) == ["loss = Sum"]
    assert view(graph, focus=graph.outputs[0], hops=2).boxes


def test_focus_on_a_number_shows_it() -> None:
    shown = view(models.formula(), focus=3)
    assert models.formula()[3].kind == "constant"
    assert titles(shown, "constant", "operation") == ["1", "Subtract · − 1"]


def test_focus_on_nothing_says_what_it_may_name() -> None:
    with pytest.raises(ValueError, match="focus='nothing' names no vertex"):
        view(models.tower(1), focus="nothing")


# -- what may be asked ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backward": "both"}, "backward must be one of 'none', 'paired', 'full', not 'both'"),
        ({"values": True}, "values must be one of 'none', 'stats', 'full', not True"),
        ({"overlay": "heat"}, "overlay must be one of None, 'grad_norm'"),
        ({"depth": 0}, "depth must be an integer from 1 on, not 0"),
        ({"hops": -1}, "hops must be an integer from 0 on, not -1"),
        ({"max_nodes": 1.5}, "max_nodes must be an integer from 1 on"),
        ({"highlight": {99: "x"}}, "highlight: there is no vertex 99"),
    ],
)
def test_options_that_are_none(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        view(models.formula(), **options)


def test_ids_are_keys_and_unique() -> None:
    odd = [leaf("a"), leaf("a"), leaf("a#2"), leaf("a\n"), leaf("a\\n")]
    ids = [box.id for box in view(tg.graph(*odd)).boxes]
    assert len(set(ids)) == 5
    assert all(id.isprintable() for id in ids)
    assert [box.id for box in view(models.formula()).boxes] == [
        "w",
        "x",
        "Multiply",
        "Subtract",
        "Sum",
    ]


def test_highlight() -> None:
    graph = models.formula()
    shown = view(graph, highlight={2: "off by 2e-3"})
    assert [(box.mark, box.lines[-1]) for box in shown.boxes if box.mark] == [
        ("highlight", "off by 2e-3")
    ]
    (closed,) = (b for b in view(graph, highlight={2: ""}, fold=True).boxes if b.mark)
    assert closed.lines == ("Multiply", "(2,)")


def test_a_graph_of_nothing_but_leaves() -> None:
    assert titles(view(tg.graph(leaf("a"), data("b", 2)), fold=True, depth=1)) == ["a", "b"]


def test_numpy_integers_are_ids() -> None:
    assert view(models.formula(), focus=int(np.int64(2)), hops=0).boxes
