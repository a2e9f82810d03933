"""The DOT of pictures: as it was, valid whatever things are called, and the same every time."""

from __future__ import annotations

import re
import resource
import shutil
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.render import render, to_dot

from . import golden, models
from .models import leaf
from .test_render import engine, texts

__all__ = ["engine"]  # a fixture


@pytest.mark.parametrize("name", sorted(golden.files()))
def test_it_is_as_it_was(name: str) -> None:
    """If the change is meant: python -m tests.render.golden"""
    assert golden.files()[name] == (golden.FOLDER / name).read_text()


def test_no_file_is_left_over() -> None:
    assert {path.name for path in golden.FOLDER.iterdir()} == set(golden.files())


def labels(graph: tg.Graph) -> list[str]:
    return re.findall(r'\[label="(.*?)" color', to_dot(graph).source)


def test_labels_tell_what_is_not_usual() -> None:
    assert labels(models.network()) == [
        r"images\n(2, 1, 8, 8) float32",
        r"w\n(4, 1, 3, 3) float32 · 36 numbers",
        r"b\n(4,) float32",
        r"Conv2d 3×3 stride 1×2 padding 1\n(2, 4, 8, 4) float32",
        r"ReLU\n(2, 4, 8, 4) float32",
        r"MaxPool2d 2×2 ceil_mode\n(2, 4, 4, 2) float32",
        r"Sum axis (2, 3)\n(2, 4) float32",
        r"Astype\n(2, 4)",
        r"Sum axis 1 keepdims\n(2, 1)",
    ]


def test_one_number_is_no_plural() -> None:
    graph = tg.graph(models.leaf("a", 1, 1) * models.leaf("b", 2, 2))
    assert labels(graph)[:2] == [
        r"a\n(1, 1) · 1 number",
        r"b\n(2, 2) · 4 numbers",
    ]


def test_an_einsum_says_only_its_subscripts() -> None:
    graph = tg.graph(tg.einsum("ij,jk->ik", models.leaf("a", 2, 2), models.leaf("b", 2, 2)))
    assert labels(graph)[-1] == r"Einsum subscripts ij,jk->ik\n(2, 2)"


def test_labels_name_results_and_cut_what_is_long() -> None:
    class Odd(tg.Function):
        def __init__(self) -> None:
            self.kernel_size, self.text = 3, "long" * 20

        def forward(self, x: np.ndarray) -> np.ndarray:
            return x.copy()

        def backward(self, g: np.ndarray) -> np.ndarray:
            return g

    y = Odd()(leaf("x"))
    y.name = "y"
    assert labels(tg.graph(y))[1] == "y = Odd 3 text " + ("long" * 10)[:39] + "…"


HOSTILE = [
    'say "hi"',
    "back\\slash\\",
    "\\N \\G \\l",
    "<b>bold</b>",
    "<<table>>",
    "a & b &amp; &lt;",
    "two\nlines\tand\0nothing",
    "{a|b}<port>",
    "node",
    "a -> b; // no comment",
    "\ud800alone",
    "합성곱",
    "0",
]


@pytest.mark.usefixtures("engine")
def test_any_name_is_shown_as_it_is(tmp_path: Path) -> None:
    path = render(tg.graph(*(leaf(name) for name in HOSTILE)), tmp_path / "g.svg")
    shown = [
        name if name.isprintable() else name.encode("unicode_escape").decode() for name in HOSTILE
    ]
    assert sorted(texts(path)) == sorted(shown)


def test_names_that_look_like_ours_are_told_apart() -> None:
    m = leaf("grad Multiply", 2) * leaf("sum Multiply", 2)
    with tg.scope("a/b"):
        y = (m + m * leaf("Multiply", 2)).tanh().exp()
    with tg.scope("a"), tg.scope("b"):
        y = y.tanh().exp()
    source = to_dot(tg.graph(y), backward="paired").source
    boxes = re.findall(r'^\t+("[^"]*") \[label', source, re.MULTILINE)
    assert len(set(boxes)) == len(boxes)
    frames = re.findall(r"subgraph (.*) {", source)
    assert sorted(frames) == ['"cluster a/b"', '"cluster a~1b"']


def test_a_long_name_loses_its_middle(tmp_path: Path) -> None:
    long = f"first{'.layer' * 300}.last"
    with tg.scope(long):
        y = leaf(long, 2).tanh().exp()
    y.name = long
    lines = [label.split(r"\n")[0] for label in labels(tg.graph(y))]
    assert all(len(line) < 80 for line in lines)
    cut = [line for line in lines if line.startswith("first") and ".last" in line]
    assert len(cut) == 2  # the parameter and the result
    assert long in to_dot(tg.graph(y)).source  # in what the mouse shows


NAMES = st.text(min_size=1, max_size=12) | st.text(alphabet='\\\\"<>&;{}|\n#[]->%N', max_size=8)


@pytest.mark.skipif(not shutil.which("dot"), reason="no dot on PATH")
@given(st.lists(NAMES, min_size=1, max_size=6))
@settings(deadline=None, max_examples=40)
def test_any_name_gives_valid_dot_with_as_many_boxes(names: list[str]) -> None:
    outputs = []
    for name in names:
        with tg.scope(name or "scope"):
            y = leaf(name, 2) * leaf(f"{name}.", 2)
            y = y.tanh()
        y.name = name
        outputs.append(y)
    graph = tg.graph(*outputs)
    source = to_dot(graph, backward="paired").source
    done = subprocess.run(["dot", "-Tsvg"], input=source.encode(), capture_output=True, check=True)
    assert b"rror" not in done.stderr
    svg = ElementTree.fromstring(done.stdout)
    groups = [g.get("class") for g in svg.iter("{http://www.w3.org/2000/svg}g")]
    assert groups.count("node") == len(graph) + 2 * len(names)
    assert groups.count("cluster") == len(names)


@pytest.mark.skipif(not shutil.which("dot"), reason="no dot on PATH")
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"backward": "paired", "theme": "dark", "direction": "LR"},
        {"depth": 2, "theme": "print", "direction": "BT"},
        {"fold": True, "backward": "paired"},
        {"depth": 1, "overlay": "flops"},
    ],
)
def test_a_network_is_drawn_in_every_way(options: dict[str, Any], tmp_path: Path) -> None:
    path = render(models.tower(3), tmp_path / "g.svg", **options)
    assert "loss = Sum" in texts(path)


def drawn(graph: tg.Graph, **options: Any) -> tuple[float, float, float]:
    """Return the width and the height of a picture, and the processor time of its layout."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    source = to_dot(graph, **options).source
    done = subprocess.run(["dot", "-Tsvg"], input=source.encode(), capture_output=True, check=True)
    root = ElementTree.fromstring(done.stdout)
    width, height = (float(root.get(name, "").removesuffix("pt")) for name in ("width", "height"))
    return width, height, resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


@pytest.mark.skipif(not shutil.which("dot"), reason="no dot on PATH")
def test_frames_stand_below_each_other() -> None:
    """They were a staircase: parameters of the next stood beside the end of the last."""
    (narrow, low, _), (width, height, _) = drawn(models.tower(2)), drawn(models.tower(12))
    assert width < 1.2 * narrow
    assert height > 4 * low


@pytest.mark.skipif(not shutil.which("dot"), reason="no dot on PATH")
def test_a_thousand_boxes_forward_and_backward_are_laid_out_in_a_second() -> None:
    graph = models.tower(70)
    assert to_dot(graph, backward="paired").source.count("label=") > 1000
    *_, seconds = drawn(graph, backward="paired")
    assert seconds < 2  # 1 s on a machine that does nothing else


@pytest.mark.skipif(not shutil.which("dot"), reason="no dot on PATH")
@pytest.mark.parametrize("options", [{"constants": True}, {"backward": "paired"}, {"fold": True}])
def test_boxes_are_as_wide_as_was_computed(options: dict[str, Any]) -> None:
    """A shape that has no size of its own was drawn upon the next box: a number's had none."""
    y = leaf("w", 2, 3)
    for number in (1.5, 3e-5, 1234567.0, 2.0, 2.0, 2.0):
        y = (y * number).tanh()
    source = to_dot(tg.graph(y), **options).source
    command = ["dot", "-Tplain"]
    plain = subprocess.run(command, input=source, capture_output=True, text=True, check=True).stdout
    drawn = re.findall(r'^node (?:"[^"]*"|\S+) \S+ \S+ (\S+) ', plain, re.MULTILINE)
    asked = re.findall(r' width="([^"]*)" shape=', source)
    assert len(drawn) == len(asked) > 2
    margins = [float(a) - float(b) for a, b in zip(sorted(drawn), sorted(asked), strict=True)]
    assert all(-0.01 < margin < 0.4 for margin in margins)  # of a double line, and of a triple
