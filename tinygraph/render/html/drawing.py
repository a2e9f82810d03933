"""View -> shapes in their places: what a page draws, in the colours that its style sheet gives.

Graphviz places and routes.  It is given stand-ins for names, so that pictures of blocks that are
alike, which a model has by the dozen, are one layout and stand once in the page.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, pairwise
from typing import NamedTuple, TypeAlias
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from ..._graph import printable
from ..._places import Path
from ..dot import Style, write
from ..measure import text_width
from ..svg import polish
from ..themes import LIGHT, SHAPES
from ..view import Cluster, Edge, View

SVG = "{http://www.w3.org/2000/svg}"
NUMBER = re.compile(r"-?[\d.]+")
PRECISION = 10  # parts of a point, which nobody sees

Marks: TypeAlias = tuple[str, ...]
Point: TypeAlias = tuple[int, int]


class Drawing(NamedTuple):
    """A laid-out picture, in points.

    A *mark* is a letter and numbers: ``R`` a rounded rectangle (left, top, width, height), ``E`` an
    ellipse (middle, radii), ``G`` a polygon, ``P`` a path as SVG writes it; in lower case what is
    not filled; ``T`` where a title stands and ``t`` where other text does.

    Attributes
    ----------
    width, height : float
    frames, boxes : tuple of tuple of str
        The marks of each, in the order of the view.
    edges : tuple
        Of each its tail and head, among the boxes, its classes, its marks, and its text.
    """

    width: float
    height: float
    frames: tuple[Marks, ...]
    edges: tuple[tuple[int, int, str, Marks, str], ...]
    boxes: tuple[Marks, ...]


# -- what is to be laid out


def source(view: View, style: Style) -> str:
    """Return a view as DOT, with numbers for names and without what the page says itself."""
    numbers = {box.id: str(i) for i, box in enumerate(view.boxes)}
    paths: dict[Path, Path] = {(): ()}
    clusters = _numbered(view.clusters, paths, ())
    boxes = tuple(
        replace(
            box,
            id=numbers[box.id],
            lines=tuple(map(_stand_in, box.lines)),
            tooltip=("",),
            scope=paths[box.scope],
        )
        for box in view.boxes
    )
    edges = tuple(replace(e, tail=numbers[e.tail], head=numbers[e.head]) for e in view.edges)
    ranks = tuple(tuple(numbers[id] for id in rank) for rank in view.ranks)
    bare = View(boxes, edges, clusters, ranks)
    return write(bare, style)


def _numbered(
    clusters: Sequence[Cluster], paths: dict[Path, Path], around: Path
) -> tuple[Cluster, ...]:
    """Return frames with numbers for names, in the order of `frames`; note them in ``paths``."""
    made = []
    for cluster in clusters:
        path = (*around, str(len(paths) - 1))
        paths[cluster.path] = path
        lines = tuple(map(_stand_in, cluster.lines))
        made.append(Cluster(path, lines, _numbered(cluster.clusters, paths, path)))
    return tuple(made)


def frames(clusters: Sequence[Cluster]) -> Iterator[Cluster]:
    """Iterate over frames, each before those inside of it."""
    for cluster in clusters:
        yield cluster
        yield from frames(cluster.clusters)


def _stand_in(text: str) -> str:
    """Return a text that is about as wide as another one, and the same for many."""
    return "i" * math.ceil(text_width(printable(text), 1) / text_width("i", 1))


# -- what was laid out


def drawing(svg: str, view: View) -> Drawing:
    """Return what Graphviz made of a view's `source` as a page draws it."""
    root = ElementTree.fromstring(polish(svg, LIGHT))
    _, _, width, height = (float(x) for x in root.attrib["viewBox"].split())
    graph = root[0]
    across, down = (float(x) for x in NUMBER.findall(graph.attrib["transform"])[-2:])
    pen = _Pen(across, down)
    groups: dict[str, list[Element]] = {"cluster": [], "edge": [], "node": []}
    for group in graph.iter(f"{SVG}g"):
        if group is not graph:
            groups[group.attrib["class"]].append(group)
    boxes = {int(_name(group)): group for group in groups["node"]}
    rounded = ("rounded" in SHAPES[box.role].get("style", "") for box in view.boxes)
    return Drawing(
        width,
        height,
        tuple(_frames(groups["cluster"], graph.iterfind(f"{SVG}text"), view, pen)),
        tuple(_edge(group, view, pen) for group in groups["edge"]),
        tuple(pen.marks(boxes[place], is_rounded) for place, is_rounded in enumerate(rounded)),
    )


def _name(group: Element) -> str:
    return group.findtext(f"{SVG}title") or ""


def _frames(
    groups: Sequence[Element], texts: Iterator[Element], view: View, pen: _Pen
) -> list[Marks]:
    """Return the marks of frames; their texts come at the end of the picture, in their order."""
    lengths = [len(cluster.lines) for cluster in frames(view.clusters)]
    found: list[Marks] = [()] * len(lengths)
    for group in groups:
        place = int(NUMBER.findall(_name(group))[-1])
        titles = (pen.text(next(texts)) for _ in range(lengths[place]))
        found[place] = (*pen.marks(group, rounded=True), *titles)
    return found


def _edge(group: Element, view: View, pen: _Pen) -> tuple[int, int, str, Marks, str]:
    edge = view.edges[int(NUMBER.findall(group.attrib["id"])[-1]) - 1]
    tail, head = _name(group).split("->")
    marks = pen.marks(group)
    return int(tail), int(head), edge_classes(edge), marks, printable(edge.argument)


def edge_classes(edge: Edge) -> str:
    """Return what an edge is, as classes of the page's style sheet."""
    traits = {"side": edge.side, "broadcast": edge.broadcast}
    return " ".join([edge.flow, *(name for name, has in traits.items() if has)])


class _Pen:
    """Writes what Graphviz drew as marks, moved to where the picture begins at 0, 0."""

    def __init__(self, across: float, down: float) -> None:
        self._move = across, down

    def marks(self, group: Element, rounded: bool = False) -> Marks:
        """Return the shapes and texts of a group."""
        return tuple(chain.from_iterable(self._mark(x, rounded) for x in group.iter()))

    def _mark(self, element: Element, rounded: bool) -> Iterator[str]:
        name = element.tag.removeprefix(SVG)
        if name == "text":
            yield self.text(element)
            return
        if name == "path":
            points = self._points(element.attrib["d"])
            mark = _rectangle(points) if rounded else f"P{_curves(points)}"
        elif name == "polygon":
            mark = f"G{_numbers(*chain(*self._points(element.attrib['points'])[:-1]))}"
        elif name == "polyline":
            mark = f"P{_lines(self._points(element.attrib['points']))}"
        elif name == "ellipse":
            mark = f"E{self._ellipse(element)}"
        else:
            return
        yield mark[0].lower() + mark[1:] if element.get("fill") == "none" else mark

    def text(self, element: Element) -> str:
        """Return where a text stands."""
        letter = "T" if element.get("font-weight") == "bold" else "t"
        [place] = self._points(f"{element.attrib['x']} {element.attrib['y']}")
        return f"{letter}{_numbers(*place)}"

    def _ellipse(self, element: Element) -> str:
        x, y, across, down = (element.attrib[key] for key in ("cx", "cy", "rx", "ry"))
        [middle] = self._points(f"{x} {y}")
        return _numbers(*middle, *(round(float(radius) * PRECISION) for radius in (across, down)))

    def _points(self, text: str) -> list[Point]:
        """Return the points in a text, in tenths."""
        numbers = [float(x) for x in NUMBER.findall(text)]
        across, down = self._move
        return [
            (round((x + across) * PRECISION), round((y + down) * PRECISION))
            for x, y in zip(numbers[::2], numbers[1::2], strict=True)
        ]


def _rectangle(points: Sequence[Point]) -> str:
    """Return the rectangle of a rounded box, whose outline is many curves."""
    (left, right), (top, bottom) = ((min(xs), max(xs)) for xs in zip(*points, strict=True))
    return f"R{_numbers(left, top, right - left, bottom - top)}"


def _curves(points: Sequence[Point]) -> str:
    """Return a path of cubic curves, each from where the one before it ends."""
    parts = [f"M{_numbers(*points[0])}"]
    for i in range(3, len(points), 3):
        curve = [_minus(point, points[i - 3]) for point in points[i - 2 : i + 1]]
        parts.append(_line(curve[-1]) if _is_straight(curve) else f"c{_numbers(*chain(*curve))}")
    return "".join(parts)


def _lines(points: Sequence[Point]) -> str:
    steps = (_line(_minus(end, start)) for start, end in pairwise(points))
    return "".join([f"M{_numbers(*points[0])}", *steps])


def _line(step: Point) -> str:
    across, down = step
    return f"v{_numbers(down)}" if not across else f"l{_numbers(across, down)}"


def _minus(point: Point, other: Point) -> Point:
    return point[0] - other[0], point[1] - other[1]


def _is_straight(curve: Sequence[Point]) -> bool:
    """Return whether a curve, told from its start, bends by less than a tenth of a point."""
    *bends, (x, y) = curve
    length = math.hypot(x, y)
    return all(abs(x * b - y * a) <= length for a, b in bends)


def _numbers(*tenths: int) -> str:
    """Return numbers as short as SVG allows: ``12.5-.3 7``."""
    return " ".join(map(_number, tenths)).replace(" -", "-")


def _number(tenths: int) -> str:
    whole, rest = divmod(abs(tenths), PRECISION)
    text = f"{whole or ''}.{rest}" if rest else str(whole)
    return f"-{text}" if tenths < 0 else text
