"""What a page knows: the vertices of a Graph, the pictures, and what an overlay paints in them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, get_args

from ..._graph import Graph, Vertex, printable
from .. import legend
from ..json import plain
from ..labels import parameters, place, plural
from ..marks import with_amounts, with_nonfinite
from ..options import Options, Overlay
from ..paired import rules
from ..themes import LIGHT
from ..view import Box, View
from .arrays import plain_with_arrays
from .colors import VARIABLES
from .columns import column, columns
from .drawing import Drawing, frames
from .formulas import symbols
from .steps import steps
from .views import READABLE, Picture, first, operations_in

ESCAPES = {c: f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


def page_data(
    graph: Graph,
    options: Options,
    found: Sequence[Picture],
    drawings: Sequence[Drawing],
) -> dict[str, Any]:
    """Return all that a page shows, as what JSON has."""
    vertices, docs, summaries = plain_with_arrays(graph)
    for vertex in vertices:
        if "location" in vertex:
            vertex["location"] = place(vertex["location"])
    if options.overlay is not None:
        _painted(graph, found[0].view, options.overlay)  # or it says what is missing
    recorded = any(vertex.stats for vertex in graph)
    sound = recorded and all(map(_is_sound, graph))
    overlays = [_overlays(graph, picture.view, sound) for picture in found]
    drawn = {drawing: place for place, drawing in enumerate(dict.fromkeys(drawings))}
    places = [drawn[drawing] for drawing in drawings]
    opens = {picture.inside: picture.id for picture in found if picture.inside}
    return {
        "format": "tinygraph-page",
        "title": title(graph),
        "subtitle": subtitle(graph),
        "outputs": graph.outputs,
        "vertices": columns(vertices),
        "summaries": columns(summaries),
        "symbols": symbols(graph),
        "docs": docs,
        "rules": {v.function: lines for v in graph if (lines := rules(v))},
        "modules": [plain(module) for module in graph.modules],
        "roles": legend.ROLES,
        "legend": _legend([*(p.view for p in found), *(v for by in overlays for v in by.values())]),
        "views": [
            _picture(graph, *parts, opens) for parts in zip(found, places, overlays, strict=True)
        ],
        "drawings": [drawing._asdict() for drawing in drawn],
        "first": first(found).id,
        "readable": READABLE,
        "overlay": options.overlay,
        "steps": columns(steps(graph)),
    }


def as_script(data: Mapping[str, Any]) -> str:
    """Return data as JSON that can stand in a ``<script>`` element, whatever it holds."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character, escape in ESCAPES.items():
        text = text.replace(character, escape)
    return text.encode("utf-8", "backslashreplace").decode()


def title(graph: Graph) -> str:
    """Return what a Graph is a graph of: the model, and the output if it has a name."""
    model = next((m.class_name for m in graph.modules if not m.path), None)
    output = graph[graph.outputs[0]]
    name = output.name or (None if model else output.function or output.kind)
    return printable(": ".join(filter(None, (model, name))))


def subtitle(graph: Graph) -> str:
    """Return how much there is in a Graph."""
    forward = [vertex for vertex in graph if vertex.phase == "forward"]
    operations = sum(vertex.kind == "operation" for vertex in forward)
    counts = ((operations, "operation"), (parameters(forward), "parameter"))
    return " · ".join(plural(count, what) for count, what in counts if count)


def _legend(views: Sequence[View]) -> list[legend.Entry]:
    """Return what occurs in some views: a drawing of each, and what it means."""
    boxes = tuple(box for view in views for box in view.boxes)
    edges = tuple(edge for view in views for edge in view.edges)
    return list(legend.entries(View(boxes, edges), VARIABLES))


def _picture(
    graph: Graph,
    picture: Picture,
    drawn: int,
    overlays: Mapping[str, View],
    opens: Mapping[tuple[int, ...], str],
) -> dict[str, Any]:
    view = picture.view
    known = {
        "id": picture.id,
        "title": printable(picture.title),
        "parent": picture.parent,
        "drawing": drawn,
        "frames": [list(map(printable, frame.lines)) for frame in frames(view.clusters)] or None,
        "boxes": columns([_box(graph, box, picture, opens) for box in view.boxes]),
        "overlays": {name: column(_notes(view, painted)) for name, painted in overlays.items()},
        "notes": view.notes,
    }
    return {name: value for name, value in known.items() if value not in (None, (), {})}


def _box(
    graph: Graph, box: Box, picture: Picture, opens: Mapping[tuple[int, ...], str]
) -> dict[str, Any]:
    closed = box.role in ("module", "repeat")
    known = {
        "role": box.role,
        "lines": [printable(line) for line in box.lines],
        "vertices": box.vertices,
        "output": box.output or None,
        "mark": box.mark,
        "opens": opens[operations_in(graph, box)] if closed else None,
        "around": not picture.around.isdisjoint(box.vertices) or None,
    }
    return {name: value for name, value in known.items() if value is not None}


def _is_sound(vertex: Vertex) -> bool:
    """Return whether all numbers of a vertex are finite."""
    known = (vertex.stats, vertex.grad, *vertex.contributions)
    return all(summary is None or summary.finite for summary in known)


def _overlays(graph: Graph, view: View, sound: bool) -> dict[str, View]:
    """Return a view as each overlay paints it, of those that the Graph knows of.

    Where all numbers are sound, there is no need to look in each view for what is not.
    """
    found = {}
    for name in get_args(Overlay):
        with suppress(ValueError):  # it was not recorded
            idle = name == "nonfinite" and sound
            found[name] = view if idle else _painted(graph, view, name)
    return found


def _painted(graph: Graph, view: View, overlay: Overlay) -> View:
    if overlay == "nonfinite":
        return with_nonfinite(graph, view)
    return with_amounts(graph, view, overlay)


def _notes(view: View, painted: View) -> list[Any]:
    """Return how an overlay marks each box, and what it says of it."""
    pairs = zip(view.boxes, painted.boxes, strict=True)
    return [
        None if new.mark is None else [_step(new.mark), *new.lines[len(old.lines) :]]
        for old, new in pairs
    ]


def _step(mark: str | float) -> str | int:
    """Return how a box is painted: the name of an alarm, or a step of the scale."""
    return mark if isinstance(mark, str) else round(mark * (len(LIGHT.scale) - 1))
