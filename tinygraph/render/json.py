"""Graph -> JSON: everything that it holds, for other programs, and to compare runs."""

from __future__ import annotations

import json
import math
from dataclasses import fields, is_dataclass
from typing import Any

from .._graph import Graph

VERSION = 1


def to_json(graph: Graph) -> str:
    """Return a Graph as JSON, with one line for each vertex; the same Graph gives the same text.

    A vertex has the fields of `Vertex`, without those that are None or empty.  The docstrings of
    operations are told once, in "docs".  Numbers that are not finite are strings: "NaN",
    "Infinity", "-Infinity".

    Examples
    --------
    >>> import json, tinygraph as tg
    >>> x = tg.tensor(2.0, requires_grad=True, name="x")
    >>> data = json.loads(tg.graph(x * x).to_json())
    >>> data["outputs"], data["vertices"][1]["function"], data["vertices"][1]["operands"]
    ([1], 'Multiply', [0, 0])
    """
    vertices, docs = plain_vertices(graph)
    head = {
        "format": "tinygraph",
        "version": VERSION,
        "outputs": graph.outputs,
        "gradients": graph.gradients,
    }
    parts = [f"{_text(name)}: {_text(value)}" for name, value in head.items()]
    parts.append(f'"docs": {_text(docs)}')
    parts.append(f'"modules": {_lines(map(plain, graph.modules))}')
    parts.append(f'"vertices": {_lines(vertices)}')
    text = "{\n" + ",\n".join(parts) + "\n}\n"
    return text.encode("utf-8", "backslashreplace").decode()  # lone surrogates, as JSON writes them


def plain_vertices(graph: Graph) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Return the vertices of a Graph as what JSON has, and the docstrings of their functions."""
    docs: dict[str, str] = {}
    vertices = []
    for vertex in graph:
        known = plain(vertex)
        doc = known.pop("doc", None)
        if doc is not None and docs.setdefault(known["function"], doc) != doc:
            known["doc"] = doc  # another class of that name
        vertices.append(known)
    return vertices, docs


def plain(value: Any) -> Any:
    """Return a value as what JSON has, without the fields that are None or empty."""
    if is_dataclass(value):
        known = ((f.name, getattr(value, f.name)) for f in fields(value))
        return {name: plain(x) for name, x in known if x is not None and x != ()}
    if isinstance(value, tuple):
        return [plain(x) for x in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    return value


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _lines(values: Any) -> str:
    lines = [_text(value) for value in values]
    return "[\n" + ",\n".join(lines) + "\n]" if lines else "[]"
