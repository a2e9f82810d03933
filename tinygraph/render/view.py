"""View: what a picture of a Graph shows, before anything says how it looks.

A Graph becomes boxes, edges between them, and clusters around them.  Whatever is hidden, closed,
folded or marked is so here; a writer only turns a View into DOT, or into a page.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from .._graph import Graph, printable
from .._places import Path
from .labels import Labels, tooltip
from .partition import Group

Role: TypeAlias = Literal[
    "input", "parameter", "constant", "operation", "module", "repeat", "rule", "sum"
]
Flow: TypeAlias = Literal["data", "gradient", "saved", "pair"]


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
        Whether it is the way of the data, to which others give way.
    broadcast : bool
        Whether the data are repeated to a larger shape, or the gradient is summed to a smaller one.
    """

    tail: str
    head: str
    flow: Flow = "data"
    side: bool = False
    main: bool = True
    broadcast: bool = False


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


def assemble(graph: Graph, groups: Sequence[Group], constants: bool) -> View:
    """Return the view in which each of some groups of vertices is one box."""
    labels = Labels(graph, constants)
    paths = _cluster_paths(graph, groups)
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
    edges = tuple(_edges(graph, groups, ids))
    return View(tuple(boxes), edges, _clusters(labels, list(paths)))


def role_of(graph: Graph, group: Group) -> Role:
    """Return what the box of a group is."""
    if group.parts:
        return "repeat"
    kinds = [graph[id].kind for id in group.vertices]
    if kinds.count("operation") == 1 and graph[group.vertices[-1]].phase == "backward":
        return "rule"
    return kinds[-1] if group.single or kinds.count("operation") == 1 else "module"


def names(graph: Graph, groups: Iterable[Group]) -> list[str]:
    """Return ids for groups: the key of a vertex, the path of a module."""
    found: Counter[str] = Counter()
    ids = []
    for group in groups:
        first = graph[group.vertices[0]]
        name = "/".join(group.scope) if group.closed else first.key
        id = printable(f"{name} × {len(group.parts)}" if group.parts else name)
        found[id] += 1
        ids.append(id if found[id] == 1 else f"{id} ({found[id]})")
    return ids


def _edges(graph: Graph, groups: Sequence[Group], ids: Sequence[str]) -> Iterator[Edge]:
    place = {id: i for i, group in enumerate(groups) for id in group.vertices}
    for i, group in enumerate(groups):
        drawn: set[int] = set()
        for id in group.vertices:
            for position, operand in enumerate(graph[id].operands):
                if operand is None or place.get(operand, i) == i or place[operand] in drawn:
                    continue
                if not group.single:
                    drawn.add(place[operand])
                yield _edge(graph, operand, id, position, ids[place[operand]], ids[i])
    for leaf, gradient in graph.gradients:
        if leaf in place and gradient in place:
            yield Edge(ids[place[leaf]], ids[place[gradient]], "gradient")


def _edge(graph: Graph, operand: int, id: int, position: int, tail: str, head: str) -> Edge:
    """Return the edge between two boxes; that of a traced backward pass climbs up."""
    source, user = graph[operand], graph[id]
    if user.phase == "backward":
        if source.phase == "backward":
            return Edge(head, tail, "gradient")
        return Edge(tail, head, "saved")
    return Edge(
        tail,
        head,
        side=source.kind in ("parameter", "constant"),
        main=position == 0 or source.kind == "operation",
        broadcast=position in user.broadcast,
    )


# -- clusters ------------------------------------------------------------------------------------


def _around(group: Group) -> Path:
    """Return the scope around a group."""
    return group.scope[:-1] if group.closed else group.scope


def _cluster_paths(graph: Graph, groups: Iterable[Group]) -> Mapping[Path, int]:
    """Return the scopes that get a frame: around several operations, the innermost if equal."""
    counts: Counter[Path] = Counter()
    for group in groups:
        if graph[group.vertices[-1]].kind == "operation":
            around = _around(group)
            counts.update(around[:length] for length in range(1, len(around) + 1))
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
