"""View -> SVG without looks: what a page draws, in the colours that its style sheet gives.

Graphviz places and routes; what it wrote is read, and only shapes and text of it are kept, so
nothing in a name can become markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html import escape
from typing import NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from ..dot import Style, write
from ..svg import polish
from ..themes import LIGHT
from ..view import Box, Edge, View

SVG = "{http://www.w3.org/2000/svg}"
KEPT = {  # of what Graphviz draws with, the attributes that say where
    "ellipse": ("cx", "cy", "rx", "ry"),
    "path": ("d",),
    "polygon": ("points",),
    "polyline": ("points",),
}
NUMBER = re.compile(r"-?[\d.]+")
CORNER = 6  # points: the radius of a rounded box


class Drawing(NamedTuple):
    """A laid-out picture: its size in points, and what stands in its ``<svg>`` element."""

    width: float
    height: float
    content: str


def source(view: View, style: Style) -> str:
    """Return a view as DOT, with numbers for names and without what the page says itself."""
    numbers = {box.id: str(i) for i, box in enumerate(view.boxes)}
    boxes = tuple(replace(box, id=numbers[box.id], tooltip=("",)) for box in view.boxes)
    edges = tuple(replace(e, tail=numbers[e.tail], head=numbers[e.head]) for e in view.edges)
    ranks = tuple(tuple(numbers[id] for id in rank) for rank in view.ranks)
    bare = replace(view, boxes=boxes, edges=edges, ranks=ranks, notes=(), simplified=())
    return write(bare, style)


def drawing(svg: str, view: View) -> Drawing:
    """Return what Graphviz made of a view's `source` as a page draws it."""
    root = ElementTree.fromstring(polish(svg, LIGHT))
    _, _, width, height = (float(x) for x in root.attrib["viewBox"].split())
    graph = root[0]
    move = graph.attrib["transform"].partition("translate")[2]
    groups = sorted((group for group in graph if group.tag == f"{SVG}g"), key=_layer)
    titles = (_text(element) for element in graph if element.tag == f"{SVG}text")
    content = "".join([*(_drawn(group, view) for group in groups), _group("frame", "", titles)])
    return Drawing(width, height, f"<g transform='translate{move}'>{content}</g>")


def _layer(group: Element) -> tuple[int, int]:
    """Return what comes first: frames, then edges, then boxes, in the order of computation."""
    kind = group.attrib["class"]
    place = int(group.findtext(f"{SVG}title") or "") if kind == "node" else 0
    return ("cluster", "edge", "node").index(kind), place


def _drawn(group: Element, view: View) -> str:
    """Return a frame, an edge or a box, and which one it is."""
    if group.get("class") == "cluster":
        return _group("frame", "", _marks(group, rounded=True))
    title = group.findtext(f"{SVG}title") or ""
    if group.get("class") == "edge":
        edge = view.edges[int(NUMBER.findall(group.attrib["id"])[-1]) - 1]
        tail, head = title.split("->")
        return _group(_edge_classes(edge), f" data-tail='{tail}' data-head='{head}'", _marks(group))
    box = view.boxes[int(title)]
    marks = _marks(group, rounded=box.role in ("operation", "rule"))
    return _group(_box_classes(box), f" data-box='{title}'", marks)


def _group(classes: str, data: str, content: Iterator[str]) -> str:
    return f"<g class='{classes}'{data}>{''.join(content)}</g>"


def _box_classes(box: Box) -> str:
    return f"box {box.role}{' output' if box.output else ''}"


def _edge_classes(edge: Edge) -> str:
    traits = {"side": edge.side, "broadcast": edge.broadcast}
    return " ".join(["edge", edge.flow, *(name for name, has in traits.items() if has)])


def _marks(group: Element, rounded: bool = False) -> Iterator[str]:
    """Yield the shapes and texts of a group as markup."""
    for element in group.iter():
        name = element.tag.removeprefix(SVG)
        hollow = " fill='none'" if element.get("fill") == "none" else ""
        if name == "path" and rounded:
            yield f"<rect {_bounds(element.attrib['d'])}{hollow}/>"
        elif name in KEPT:
            where = " ".join(f"{key}='{_short(element.attrib[key])}'" for key in KEPT[name])
            yield f"<{name} {where}{hollow}/>"
        elif name == "text":
            yield _text(element)


def _text(element: Element) -> str:
    look = " class='title'" if element.get("font-weight") == "bold" else ""
    text = escape(element.text or "", quote=False)
    x, y = (_short(element.attrib[key]) for key in "xy")
    return f"<text x='{x}' y='{y}'{look}>{text}</text>"


def _short(numbers: str) -> str:
    """Round to a tenth of a point, which nobody sees."""
    return NUMBER.sub(lambda number: f"{float(number[0]):.1f}".removesuffix(".0"), numbers)


def _bounds(path: str) -> str:
    """Return the rectangle of a rounded box, whose outline is many curves."""
    numbers = [float(x) for x in NUMBER.findall(path)]
    left, top = min(numbers[::2]), min(numbers[1::2])
    width, height = max(numbers[::2]) - left, max(numbers[1::2]) - top
    return _short(f"x='{left}' y='{top}' width='{width}' height='{height}' rx='{CORNER}'")
