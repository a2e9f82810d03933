"""The pages in docs: they are what the package and its examples write now.

If they are not: python examples/gallery.py --out docs/images/gallery --page docs/gallery.md
and python examples/watch_backprop.py --out docs/pages
"""

from __future__ import annotations

import importlib.util
import inspect
import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import tinygraph as tg
from tinygraph.render.html import assemble
from tinygraph.render.html.data import page_data
from tinygraph.render.html.drawing import Drawing
from tinygraph.render.html.views import pictures
from tinygraph.render.options import Options
from tinygraph.render.paired import rules

from .test_html import Parts

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").rglob("*.html"))


@cache
def data_in(page: Path) -> Any:
    return json.loads(Parts(page.read_text(encoding="utf-8")).inside["script"][0])


def test_there_are_pages() -> None:
    names = {path.name for path in PAGES}
    assert {"formula.html", "cnn.html", "lenet.html", "transformer.html"} <= names


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_scripts_and_styles_are_those_of_the_package(path: Path) -> None:
    current = assemble(data_in(path)) == path.read_text(encoding="utf-8")
    assert current, "its scripts, styles or frame are old"  # and not a megabyte of difference


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_docstrings_and_rules_are_those_of_the_functions(path: Path) -> None:
    data = data_in(path)
    known = {function.__name__: function for function in functions(tg.Function)}
    assert data["docs"]
    for name, doc in data["docs"].items():
        assert inspect.cleandoc(known[name].__doc__ or "") == inspect.cleandoc(doc)
    [vertex] = tg.graph(tg.tensor(1.0))
    for name, lines in data["rules"].items():
        assert rules(replace(vertex, doc=known[name].__doc__)) == lines


def functions(function: type[tg.Function]) -> list[type[tg.Function]]:
    """The Functions of tinygraph below one."""
    found = [f for below in function.__subclasses__() for f in (below, *functions(below))]
    return [f for f in found if f.__module__.startswith("tinygraph.")]


def test_a_page_tells_what_a_new_one_would() -> None:
    """All but where things stand, which is Graphviz's."""
    spec = importlib.util.spec_from_file_location(
        "watch_backprop", ROOT / "examples" / "watch_backprop.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    graph = module.formula()
    found = pictures(graph, Options())
    nowhere = [Drawing(place, 0, (), (), ()) for place in range(len(found))]
    new = json.loads(json.dumps(page_data(graph, Options(), found, nowhere)))
    old = data_in(ROOT / "docs" / "pages" / "formula.html")
    for name in (old | new).keys() - {"drawings"}:
        assert old[name] == new[name], name
    assert [drawing.keys() for drawing in old["drawings"]] == [new["drawings"][0].keys()]
