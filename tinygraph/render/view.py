"""View: what a picture of a Graph shows, before anything says how it looks.

A Graph becomes boxes, edges between them, and clusters around them.  Whatever is hidden, closed,
folded or marked is so here; a writer only turns a View into DOT, or into a page.
"""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Collection, Container, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from .._graph import Graph, printable
from .._places import Path
from .labels import COMMUTATIVE, Labels, tooltip
from .partition import STEPS, Group, Places, is_tangled, longest_ways, predecessors

Role: TypeAlias = Literal[
    "input", "parameter", "constant", "operation", "module", "repeat", "rule", "sum"
]
Flow: TypeAlias = Literal["data", "gradient", "saved", "pair"]
Use: TypeAlias = tuple[int, int, int]  # an operation, and which of its operands what is

SPANS = 3  # of the names of operands at one line


@dataclass(frozen=True, slots=True)
class Box:
    """A place in a picture.

    Attributes
    ----------
    id : str
        The key of a vertex, or the path of a module: the same for the same program.
    role : str
        What it stands for; "rule" and "sum" belong to the backward pass.
    lines : tuple of str
        A title and details.
    tooltip : tuple of str
    vertices : tuple of int
        What it stands for.
    scope : tuple of str
        The cluster in which it stands.
    output : bool
    mark : str or None
        How an overlay paints it: a name that themes know, or a share from 0 to 1 of the scale.
    """

    id: str
    role: Role
    lines: tuple[str, ...]
    tooltip: tuple[str, ...] = ()
    vertices: tuple[int, ...] = ()
    scope: Path = ()
    output: bool = False
    mark: str | float | None = None


@dataclass(frozen=True, slots=True)
class Edge:
    """A line from a box down to another.  A gradient flows up, from ``head`` to ``tail``.

    Attributes
    ----------
    tail, head : str
        The ids of the boxes.
    flow : {"data", "gradient", "saved", "pair"}
        "saved" leads from what is kept to the rule that wants it.  A pair is not drawn: it puts a
        rule beside its operation.
    side : bool
        Whether it comes from a parameter or constant.
    main : bool
        Whether it is the longest way to where it leads, to which others give way.
    broadcast : bool
        Whether the data are repeated to a larger shape, or the gradient is summed to a smaller one.
    argument : str
        What the operation calls this operand, where one has to know which is which.
    """

    tail: str
    head: str
    flow: Flow = "data"
    side: bool = False
    main: bool = True
    broadcast: bool = False
    argument: str = ""


@dataclass(frozen=True, slots=True)
class Cluster:
    """An open module or scope: its path, its title and details, and the clusters inside of it."""

    path: Path
    lines: tuple[str, ...]
    clusters: tuple[Cluster, ...]


@dataclass(frozen=True, slots=True)
class View:
    """What a picture shows.

    Attributes
    ----------
    boxes : tuple of Box
    edges : tuple of Edge
    clusters : tuple of Cluster
        The outermost ones.
    ranks : tuple of tuple of str
        Boxes that stand side by side.
    notes : tuple of str
        What is not shown because it was not asked for.
    simplified : tuple of str
        What is not shown although it was asked for, and how to see it.
    """

    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]
    clusters: tuple[Cluster, ...] = ()
    ranks: tuple[tuple[str, ...], ...] = ()
    notes: tuple[str, ...] = ()
    simplified: tuple[str, ...] = ()


def assemble(
    graph: Graph, groups: Sequence[Group], constants: bool, with_rules: bool = False
) -> View:
    """Return the view in which each of some groups of vertices is one box.

    Where rules are to be written beside them, more operands have their names.
    """
    labels = Labels(graph, constants)
    before = predecessors(graph, groups)
    paths = _cluster_paths(graph, groups, before)
    ids = names(graph, groups)
    outputs = set(graph.outputs)
    boxes = []
    for id, group in zip(ids, groups, strict=True):
        inside = _innermost(_around(group), paths)
        vertex = graph[group.vertices[-1]]
        boxes.append(
            Box(
                id,
                role_of(graph, group),
                labels.vertex(vertex, inside) if group.single else labels.group(group, inside),
                tooltip(vertex) if group.single else (),
                group.vertices,
                inside,
                not outputs.isdisjoint(group.vertices),
            )
        )
    alike = {"Add"} if with_rules else COMMUTATIVE
    edges = tuple(_edges(graph, groups, ids, longest_ways(before), alike))
    return View(tuple(boxes), edges, _clusters(labels, list(paths)))


def without_frames(view: View) -> View:
    """Return a view without its clusters: with some, older Graphvizes lose an edge and give up."""
    boxes = tuple(replace(box, scope=()) for box in view.boxes)
    said = "The frames of modules are left out: the layout failed with them."
    return replace(view, boxes=boxes, clusters=(), simplified=(*view.simplified, said))


def role_of(graph: Graph, group: Group) -> Role:
    """Return what the box of a group is."""
    if group.parts:
        return "repeat"
    kinds = [graph[id].kind for id in group.vertices]
    last = graph[group.vertices[-1]]
    if last.value is not None:
        return "constant"
    if kinds.count("operation") == 1 and last.phase == "backward":
        return "rule"
    return kinds[-1] if group.single or kinds.count("operation") == 1 else "module"


def names(graph: Graph, groups: Iterable[Group]) -> list[str]:
    """Return ids for groups: the path of a module, else the key of the first vertex."""
    ids: dict[str, None] = {}
    for group in groups:
        first = graph[group.vertices[0]]
        name = ("/".join(group.scope) if group.closed else "") or first.key
        text = f"{name} × {len(group.parts)}" if group.parts else name
        ids[unlike(printable(text), ids)] = None
    return list(ids)


def unlike(id: str, taken: Container[str]) -> str:
    """Return an id, with a number if it is taken: a user may have named anything so."""
    numbered = (f"{id} ({number})" for number in itertools.count(2))
    return next(x for x in itertools.chain([id], numbered) if x not in taken)


def _edges(
    graph: Graph,
    groups: Sequence[Group],
    ids: Sequence[str],
    trunk: Sequence[int | None],
    alike: Collection[str],
) -> Iterator[Edge]:
    """Yield the edges between groups; operands of the operations in ``alike`` have no names.

    ``trunk`` tells from where the main one comes to each.
    """
    place = {id: i for i, group in enumerate(groups) for id in group.vertices}
    for i, group in enumerate(groups):
        for home, uses in _lines(graph, groups, place, i):
            id, position, operand = uses[0]
            edge = _edge(graph, operand, id, position, ids[home], ids[i])
            named = group.single and graph[id].function not in alike
            arguments = [_argument(graph, x, id, n) for id, n, x in uses] if named else []
            aside = group.single and graph[id].function in STEPS  # it stands by what uses it
            main = home == trunk[i] and not aside
            yield replace(edge, main=main, argument=spans([*filter(None, arguments)]))
    for leaf, gradient in graph.gradients:
        if leaf in place and gradient in place:
            yield Edge(ids[place[leaf]], ids[place[gradient]], "gradient")


def _lines(
    graph: Graph, groups: Sequence[Group], place: Mapping[int, int], i: int
) -> Iterable[tuple[int, list[Use]]]:
    """Return for each line to a group from where it comes, and the uses that it stands for.

    Between single operations each use has its line; else there is one from box to box.
    """
    group = groups[i]
    lines: dict[Hashable, tuple[int, list[Use]]] = {}
    for id in group.vertices:
        for position, operand in enumerate(graph[id].operands):
            if operand is None or place.get(operand, i) == i:
                continue
            home = place[operand]
            line = (home, position if group.single and groups[home].single else None)
            lines.setdefault(line, (home, []))[1].append((id, position, operand))
    return lines.values()


def spans(names: Sequence[str]) -> str:
    """Return some names in a row: 0, 1, 2, 3 as ``0–3``, and of many the first ones."""

    def start(place: int) -> str | int:
        return int(names[place]) - place if names[place].isdigit() else names[place]

    texts: list[str] = []
    for _, places in itertools.groupby(range(len(names)), start):
        first, *others = [names[place] for place in places]
        texts.append(f"{first}–{others[-1]}" if others else first)
    return ", ".join([*texts[:SPANS], "…"] if len(texts) > SPANS else texts)


def _edge(graph: Graph, operand: int, id: int, position: int, tail: str, head: str) -> Edge:
    """Return the edge between two boxes; that of a traced backward pass climbs up."""
    source, user = graph[operand], graph[id]
    if user.phase == "backward":
        if source.phase == "backward":
            return Edge(head, tail, "gradient")
        return Edge(tail, head, "saved")
    side = source.kind in ("parameter", "constant") or source.value is not None
    return Edge(tail, head, side=side, broadcast=position in user.broadcast)


def _argument(graph: Graph, operand: int, id: int, position: int) -> str:
    """Return the name of an operand, unless it is told by what it is.

    So are a condition or an index beside numbers, the x of a layer and its parameters.
    """
    source, vertex = graph[operand], graph[id]
    operands = [graph[i] for i in vertex.operands if i is not None]
    alike = [x for x in operands if x.kind != "constant" and x.dtype == source.dtype]
    layer = vertex.arguments[:1] == ("x",) and (position == 0 or source.kind != "operation")
    told = layer or len(alike) < 2 or not vertex.arguments or vertex.phase == "backward"
    return "" if told else re.sub(r".*\[(\d+)\]", r"\1", vertex.arguments[position])


# -- clusters ------------------------------------------------------------------------------------


def _around(group: Group) -> Path:
    """Return the scope around a group."""
    return group.scope[:-1] if group.closed else group.scope


def _cluster_paths(graph: Graph, groups: Sequence[Group], before: Places) -> Mapping[Path, int]:
    """Return the scopes that get a frame: around several operations, the innermost if equal.

    A list of modules between which others run gets none.
    """
    members: dict[Path, list[int]] = defaultdict(list)
    for i, group in enumerate(groups):
        if graph[group.vertices[-1]].kind == "operation":
            around = _around(group)
            for length in range(1, len(around) + 1):
                members[around[:length]].append(i)
    counts = {path: len(places) for path, places in members.items()}
    counts = {path: n for path, n in counts.items() if not is_tangled(before, members[path])}
    fullest: dict[Path, int] = {}
    for path, count in counts.items():
        parent = path[:-1]
        fullest[parent] = max(fullest.get(parent, 0), count)
    return {
        path: count for path, count in counts.items() if count > 1 and fullest.get(path) != count
    }


def _innermost(scope: Path, paths: Mapping[Path, int]) -> Path:
    """Return the smallest frame around a scope."""
    for length in range(len(scope), 0, -1):
        if scope[:length] in paths:
            return scope[:length]
    return ()


def _clusters(labels: Labels, paths: Sequence[Path], inside: Path = ()) -> tuple[Cluster, ...]:
    """Nest frames: those that lie in ``inside``, and in them the others."""
    clusters = []
    while paths:
        outermost = min(paths, key=len)
        within = [path for path in paths if path[: len(outermost)] == outermost]
        paths = [path for path in paths if path[: len(outermost)] != outermost]
        within.remove(outermost)
        clusters.append(
            Cluster(
                outermost, labels.cluster(outermost, inside), _clusters(labels, within, outermost)
            )
        )
    return tuple(clusters)
