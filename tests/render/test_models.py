"""Networks of difficult shapes: skips, loops, lists of modules, shared weights, cross attention."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import tinygraph as tg
from tinygraph.render import render

from . import zoo
from .models import data, leaf
from .test_render import engine
from .test_view import arrows, frames, titles, view

__all__ = ["engine"]  # a fixture

MODELS = [zoo.unet, zoo.lstm, zoo.siamese, zoo.mixture, zoo.translator]


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("style", [{}, {"theme": "dark", "direction": "LR"}])
@pytest.mark.parametrize(
    "options",
    [
        {"depth": 1},
        {"depth": 1, "backward": "paired"},
        {"depth": 2, "overlay": "flops"},
        {"fold": True, "backward": "paired"},
        {"depth": 2, "constants": True},
    ],
)
@pytest.mark.parametrize("model", MODELS)
def test_it_is_drawn(
    model: Callable[[], tg.Graph], options: dict[str, Any], style: dict[str, Any], tmp_path: Path
) -> None:
    graph = model()
    path = render(graph, tmp_path / "g.svg", **options, **style)
    root = ElementTree.parse(path).getroot()
    classes = [g.get("class") for g in root.iter("{http://www.w3.org/2000/svg}g")]
    shown = view(graph, **options)
    assert classes.count("node") == len(shown.boxes)
    assert classes.count("edge") >= len([e for e in shown.edges if e.flow != "pair"])


@pytest.mark.parametrize("model", MODELS)
def test_the_operations_of_backward_are_drawn(model: Callable[[], tg.Graph]) -> None:
    graph = model()
    assert len(view(graph, backward="paired", fold=True).boxes) > 10


# -- lists of modules ----------------------------------------------------------------------------


def test_a_list_between_whose_modules_others_run_is_opened() -> None:
    """As one box it would lead to itself."""
    shown = view(zoo.unet(), depth=1)
    assert frames(shown) == {}
    assert titles(shown) == [
        "image",
        "down.0: Double",
        "MaxPool2d 2×2",
        "down.1: Double",
        "MaxPool2d 2×2",
        "down.2: Double",
        "up.0: ConvTranspose2d 2×2 stride 2",
        "Concatenate axis 1",
        "merge.0: Double",
        "up.1: ConvTranspose2d 2×2 stride 2",
        "Concatenate axis 1",
        "merge.1: Double",
        "head: Conv2d 1×1",
        "Mean",
    ]


@pytest.mark.parametrize("batch_first", [False, True])
def test_the_layers_of_an_encoder_fold(batch_first: bool) -> None:
    """The first one too, which takes data, of which no operation is recorded."""
    layer = tg.nn.TransformerEncoderLayer(8, 2, 16, batch_first=batch_first)
    net = tg.nn.TransformerEncoder(layer, 4)
    shown = view(tg.graph(net(data("x", 5, 5, 8)).sum(), model=net), fold=True)
    assert titles(shown) == ["x", "TransformerEncoderLayer × 4", "Sum"]


def test_a_list_that_is_closed_by_name_stays_closed() -> None:
    assert titles(view(zoo.unet(), collapse="down"), "module") == ["down: ModuleList"]


def test_a_list_whose_modules_run_side_by_side_has_a_frame() -> None:
    shown = view(zoo.mixture())
    assert list(frames(shown)["1: Mixture"]) == ["experts: ModuleList"]
    assert titles(view(zoo.mixture(), depth=2), "module") == ["experts: ModuleList"]


def test_lists_that_follow_one_another_are_closed() -> None:
    shown = view(zoo.translator(), depth=1)
    assert sorted(titles(shown, "module")) == ["decoder: ModuleList", "encoder: ModuleList"]


# -- loops ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("recorded", [False, True])
def test_the_steps_of_a_loop_fold(recorded: bool) -> None:
    """Also where the step is an index, and its input is computed."""
    if recorded:
        with tg.record():
            graph = zoo.lstm()
    else:
        graph = zoo.lstm()
    shown = view(graph, fold=True)
    (repeat,) = (box for box in shown.boxes if box.role == "repeat")
    assert repeat.lines[:2] == ("LSTMCell × 20", "cell … cell#20")
    assert len(titles(shown, "input")) <= 4  # of 20 steps


def test_weights_that_all_steps_share_are_drawn_once() -> None:
    shown = view(zoo.lstm(), fold=True)
    assert titles(shown, "parameter").count("cell.x.weight") == 1
    (repeat,) = (box.id for box in shown.boxes if box.role == "repeat")
    assert ("cell.x.weight", repeat) in arrows(shown)


def test_blocks_fold_where_modules_start_and_end() -> None:
    shown = view(zoo.translator(), fold=True)
    repeats = [box.lines[:2] for box in shown.boxes if box.role == "repeat"]
    assert repeats == [
        ("Encoder × 6", "encoder.0 … encoder.5"),
        ("Decoder × 6", "decoder.0 … decoder.5"),
    ]


@pytest.mark.skipif(not shutil.which("dot"), reason="no dot on PATH")
def test_a_loop_is_laid_out_in_time(tmp_path: Path) -> None:
    """Its long edges took minutes; it would be simplified, with a warning, when stopped."""
    graph = zoo.lstm()
    with warnings.catch_warnings(action="error"):
        path = render(graph, tmp_path / "g.svg", timeout=60)
    assert path.read_text().count('class="node') == len(view(graph).boxes)


# -- which operand is which ----------------------------------------------------------------------


def arguments(graph: tg.Graph, **options: Any) -> list[tuple[str, str]]:
    edges = view(graph, **options).edges
    return [(edge.tail, edge.argument) for edge in edges if edge.argument]


def test_operands_have_names_where_their_order_counts() -> None:
    a, b = leaf("left", 2, 2), leaf("right", 2, 2)
    assert arguments(tg.graph(b - a)) == [("right", "a"), ("left", "b")]
    assert arguments(tg.graph(a + b)) == []
    assert arguments(tg.graph(tg.concatenate([a, b]))) == [("left", "0"), ("right", "1")]
    assert arguments(tg.graph(a * b)) == []
    assert arguments(tg.graph(a * b), backward="paired") == [("left", "a"), ("right", "b")]


def test_operands_that_tell_themselves_need_no_names() -> None:
    x = data("x", 2, 2)
    assert arguments(tg.graph(tg.nn.Linear(2, 2)(x)), backward="paired") == []
    assert arguments(tg.graph(leaf("x") - 1)) == []
    mask = tg.from_numpy(x.data > 0, name="mask")
    chosen = tg.where(mask, leaf("yes", 2, 2), leaf("no", 2, 2))
    assert arguments(tg.graph(chosen)) == [("yes", "a"), ("no", "b")]


@pytest.mark.usefixtures("engine")
def test_names_of_operands_are_drawn(tmp_path: Path) -> None:
    path = render(tg.graph(leaf("p") / leaf("q")), tmp_path / "g.svg")
    shown = [text.text for text in ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")]
    assert sorted(shown) == ["Divide", "a", "b", "p", "q"]
