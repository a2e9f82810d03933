"""View -> DOT, with one visual grammar for all pictures.

Labels are plain text, because not every layout engine reads HTML ones; `svg.polish` tells titles
from details afterwards.  Boxes have a size of their own, so the fonts of a machine change nothing.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from .._graph import printable
from .._places import Path
from .checks import one_of
from .measure import text_width
from .themes import FONT, LINES, SHAPES, THEMES, Theme, ThemeName
from .view import Box, Cluster, Edge, View

Direction: TypeAlias = Literal["TB", "BT", "LR", "RL"]

NAME = "tinygraph"
SIZE, SMALL, TINY = 12, 11, 9  # points: a title, details, the name of an operand
LINE = 14.4  # from line to line
MANY = 2500  # boxes from which on a fast layout is worth more than a fine one
SIDE = 0.64  # of the height of a cylinder, below its top and as much above its bottom
# Around the text: width and height, in points.
MARGINS = {
    "box": (22, 12),
    "box3d": (36, 18),
    "circle": (6, 6),
    "cylinder": (18, 8),
    "ellipse": (26, 14),
    "plaintext": (2, 2),
}


@dataclass(frozen=True, slots=True)
class Style:
    """How a picture is to look: its theme, where data flow, and whether it explains itself."""

    theme: ThemeName = "light"
    direction: Direction = "TB"
    legend: bool | None = None

    def __post_init__(self) -> None:
        one_of("theme", self.theme, tuple(THEMES))
        one_of("direction", self.direction, get_args(Direction))

    @property
    def colors(self) -> Theme:
        """The colours of the theme."""
        return THEMES[self.theme]


def write(view: View, style: Style) -> str:
    """Return a View as DOT: the same View gives the same DOT, byte for byte."""
    return f"digraph {NAME} {{\n{''.join(body(view, style))}}}\n"


def body(view: View, style: Style) -> Iterator[str]:
    """Yield the lines between the braces."""
    theme = style.colors
    boxes: dict[Path, list[Box]] = defaultdict(list)
    for box in view.boxes:
        boxes[box.scope].append(box)
    scopes = {box.id: box.scope for box in view.boxes}
    lines = [
        f"\tgraph {_attributes(_graph_attributes(view, theme, style.direction))}",
        f"\tnode {_attributes(_node_attributes(theme))}",
        f"\tedge {_attributes(_edge_attributes(theme))}",
        *_level((), boxes, view.clusters, theme, "\t"),
        *(_edge(edge, theme, scopes) for edge in view.edges),
        *(f"\t{{rank=same; {'; '.join(map(_id, rank))}}}" for rank in view.ranks),
    ]
    return (f"{line}\n" for line in lines)


def _graph_attributes(view: View, theme: Theme, direction: Direction) -> dict[str, str]:
    attributes = {
        "bgcolor": theme.paper,
        "fontcolor": theme.muted,
        "fontname": FONT,
        "fontsize": str(SMALL),
        "newrank": "true",
        "nodesep": "0.22",
        "nslimit": "4",  # more hardly changes a picture, and where edges are long takes minutes
        "pad": "0.2",
        "rankdir": direction,
        "ranksep": "0.32",
    }
    notes = (*view.simplified, *view.notes)
    if notes:
        attributes |= {"label": _text(notes, left=True), "labelloc": "b", "labeljust": "l"}
    if all(edge.flow == "data" for edge in view.edges):
        attributes["ordering"] = "in"
    if len(view.boxes) > MANY:
        attributes |= {"nslimit": "0.5", "splines": "polyline"}
    return attributes


def _node_attributes(theme: Theme) -> dict[str, str]:
    return {
        "fixedsize": "true",
        "fontcolor": theme.ink,
        "fontname": FONT,
        "fontsize": str(SIZE),
        "penwidth": "1.2",
    }


def _edge_attributes(theme: Theme) -> dict[str, str]:
    return {
        "arrowsize": "0.7",
        "color": theme.flows["data"],
        "labelfontcolor": theme.muted,
        "labelfontname": FONT,
        "labelfontsize": str(TINY),
    }


def _level(
    path: Path,
    boxes: dict[Path, list[Box]],
    clusters: Iterable[Cluster],
    theme: Theme,
    indent: str,
) -> Iterator[str]:
    """Yield the boxes in a cluster, and then the clusters inside of it."""
    for box in boxes[path]:
        yield f"{indent}{_id(box.id)} {_attributes(_box(box, theme))}"
    for cluster in clusters:
        line, fill = theme.frame
        look = {
            "bgcolor": fill,
            "color": line,
            "fontcolor": theme.muted,
            "fontname": FONT,
            "fontsize": str(SMALL),
            "label": _text(cluster.lines, left=True),
            "labeljust": "l",
            "labelloc": "t",
            "margin": "10",
            "style": "rounded",
        }
        yield f"{indent}subgraph {_id(_cluster_name(cluster.path))} {{"
        yield f"{indent}\tgraph {_attributes(look)}"
        yield from _level(cluster.path, boxes, cluster.clusters, theme, indent + "\t")
        yield f"{indent}}}"


def _cluster_name(path: Path) -> str:
    """Return a name that tells ("a/b",) from ("a", "b"), as a JSON pointer does."""
    return "cluster " + "/".join(step.replace("~", "~0").replace("/", "~1") for step in path)


def _box(box: Box, theme: Theme) -> dict[str, str]:
    shape = SHAPES[box.role]
    color, fill = theme.output if box.output else theme.roles[box.role]
    if isinstance(box.mark, str):
        color, fill = theme.alarms[box.mark]
    elif box.mark is not None:
        fill = theme.scale[round(box.mark * (len(theme.scale) - 1))]
    width, height = size(box.lines, shape["shape"])
    attributes = {
        "label": _text(box.lines),
        "color": color,
        "fillcolor": fill,
        "height": f"{height / 72:.3f}",
        "tooltip": _text(box.tooltip or box.lines),
        "width": f"{width / 72:.3f}",
        **shape,
    }
    if box.output:
        attributes["peripheries"] = "2"
    if box.mark is not None:
        attributes["fontcolor"] = theme.strong
    if box.mark in ("origin", "highlight"):
        attributes["penwidth"] = "3"
    return attributes


def size(lines: Sequence[str], shape: str) -> tuple[float, float]:
    """Return width and height of a box around some lines, in points."""
    title, *details = [printable(line) for line in lines]
    width = max([text_width(title, SIZE, bold=True), *(text_width(x, SMALL) for x in details)])
    across, down = MARGINS[shape]
    if shape == "ellipse":  # its corners are cut
        width *= 1.12
    height = LINE * len(lines) + down
    if shape == "cylinder":
        height /= SIDE
    return max(width + across, height), height


def _edge(edge: Edge, theme: Theme, scopes: Mapping[str, Path]) -> str:
    attributes = dict(LINES[edge.flow])
    if edge.flow != "data":
        attributes["color"] = theme.flows[edge.flow]
    elif edge.side:
        attributes["color"] = theme.side
    if edge.broadcast:
        attributes |= (
            {"arrowhead": "normalodiamond"}
            if edge.flow == "data"
            else {"arrowhead": "odiamond", "dir": "both"}
        )
    if edge.flow == "data" and edge.main:
        attributes["weight"] = "8"
    if edge.argument:
        attributes |= _beside_the_arrow(edge.argument)
    entered = scopes[edge.head]
    if edge.flow == "data" and scopes[edge.tail][: len(entered)] != entered:
        attributes["minlen"] = "2"  # its parameters come between, so that frames do not overlap
    ends = f"{_id(edge.tail)} -> {_id(edge.head)}"
    return f"\t{ends} {_attributes(attributes)}" if attributes else f"\t{ends}"


def _beside_the_arrow(name: str) -> dict[str, str]:
    along, across = 9, text_width(name, TINY) / 2 + 4
    return {
        "headlabel": _text((name,)),
        "labelangle": f"{-math.degrees(math.atan2(across, along)):.0f}",
        "labeldistance": f"{math.hypot(across, along) / 10:.1f}",
    }


def _attributes(attributes: dict[str, str]) -> str:
    return f"[{' '.join(f'{name}={_quote(value)}' for name, value in attributes.items())}]"


def _quote(text: str) -> str:
    """Quote what is escaped already, or needs no escape."""
    return f'"{text}"'


def _id(id: str) -> str:
    return _quote(_escape(id))


def _text(lines: Sequence[str], left: bool = False) -> str:
    """Escape lines of text so that DOT shows them as they are."""
    end = "\\l" if left else "\\n"
    text = end.join(map(_escape, lines))
    return text + end if left else text


def _escape(text: str) -> str:
    return printable(text).replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")
