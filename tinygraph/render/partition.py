"""Which vertices of a Graph are shown, and which of them together as one box.

A partition starts with every vertex by itself.  Focus leaves some out, closed modules and folded
repeats put operations together, and last the leaves go where they are used.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from heapq import heapify, heappop, heappush

from .._graph import Graph, Vertex
from .._places import Path, common, plain_step


@dataclass(frozen=True, slots=True)
class Group:
    """Vertices that are drawn as one box.

    Attributes
    ----------
    vertices : tuple of int
        In order.
    scope : tuple of str
        The module or scope that it lies in, or, if it is a closed one, that it is.
    closed : bool
        Whether it is a module or scope of which the inside is not shown.
    parts : tuple of tuple of int
        The operations of each of the equal blocks that are folded into one.
    """

    vertices: tuple[int, ...]
    scope: Path = ()
    closed: bool = False
    parts: tuple[tuple[int, ...], ...] = ()

    @property
    def single(self) -> bool:
        """Whether it is an operation by itself, or a leaf."""
        return len(self.vertices) == 1 and not self.closed and not self.parts


def users(graph: Graph, shown: Collection[int]) -> dict[int, list[int]]:
    """Return, for each vertex, the shown ones that use it: as often as they do."""
    found: dict[int, list[int]] = defaultdict(list)
    vertices = graph.vertices
    for id in shown:
        for operand in vertices[id].operands:
            if operand is not None:
                found[operand].append(id)
    return found


def operands_of(graph: Graph, vertices: Iterable[int]) -> Iterator[int]:
    """Iterate over the vertices that some use, in order."""
    for id in vertices:
        yield from (operand for operand in graph.vertices[id].operands if operand is not None)


# -- what is shown -------------------------------------------------------------------------------


def in_focus(graph: Graph, shown: Sequence[int], focus: int | str, hops: int) -> list[int]:
    """Return the vertices that ``focus`` names, and those at most ``hops`` operations from them.

    Raises
    ------
    ValueError
        If there is nothing of that name.
    """
    centre = {id for id in shown if _is_named(graph[id], focus)}
    if not centre:
        raise ValueError(
            f"render: focus={focus!r} names no vertex: neither a Tensor, a parameter, a module or "
            "scope (such as 'layer1.0'), an operation (such as 'Conv2d'), nor the id of a vertex"
        )
    uses = users(graph, shown)
    found, edge = set(centre), centre
    for _ in range(hops):
        near = {i for id in edge for i in uses[id]}
        near.update(operands_of(graph, edge))
        edge = near - found
        found |= edge
    found.update(i for i in set(operands_of(graph, found)) if graph[i].kind != "operation")
    return [id for id in shown if id in found]


def _is_named(vertex: Vertex, focus: int | str) -> bool:
    if isinstance(focus, int):
        return vertex.id == focus
    path = ".".join(vertex.scope)
    inside = path == focus or path.startswith(f"{focus}.")
    return inside or focus in (vertex.name, vertex.function)


# -- closed modules ------------------------------------------------------------------------------


def close(
    graph: Graph,
    operations: Iterable[int],
    depth: int | None = None,
    names: Collection[str] = (),
) -> list[Group]:
    """Group operations by the modules and scopes that are closed.

    Closed are those ``depth`` deep, those above that hold a single operation, and those that
    ``names`` holds the path or the class of.
    """
    operations = list(operations)
    sizes: Counter[Path] = Counter()
    for scope, count in Counter(graph.vertices[id].scope for id in operations).items():
        sizes.update({scope[:length]: count for length in range(1, len(scope) + 1)})
    classes = {module.path: module.class_name for module in graph.modules} if names else {}
    cuts: dict[Path, int | None] = {}

    def cut(scope: Path) -> int | None:
        for length in range(1, len(scope) + 1):
            path = ".".join(scope[:length])
            plain = ".".join(map(plain_step, scope[:length]))
            if length == depth or path in names or classes.get(plain) in names:
                return length
        return len(scope) if depth and scope and sizes[scope] == 1 else None

    members: dict[Path, list[int]] = {}
    groups: list[Group | Path] = []
    for id in operations:
        scope = graph.vertices[id].scope
        if scope not in cuts:
            cuts[scope] = cut(scope)
        length = cuts[scope]
        if length is None:
            groups.append(Group((id,), scope))
        elif scope[:length] in members:
            members[scope[:length]].append(id)
        else:
            members[scope[:length]] = [id]
            groups.append(scope[:length])
    return [g if isinstance(g, Group) else Group(tuple(members[g]), g, closed=True) for g in groups]


def chunk(graph: Graph, operations: Sequence[int], count: int) -> list[Group]:
    """Cut operations that nothing else groups into ``count`` boxes, one after another."""
    size = -(-len(operations) // count)
    parts = [tuple(operations[i : i + size]) for i in range(0, len(operations), size)]
    return [Group(part, common([graph[id].scope for id in part]), closed=True) for part in parts]


# -- order ---------------------------------------------------------------------------------------


def predecessors(graph: Graph, groups: Sequence[Group]) -> list[list[int]]:
    """Return, for each group, the places of those it takes from: in order, each once if closed."""
    place = {id: i for i, group in enumerate(groups) for id in group.vertices}
    found = []
    for i, group in enumerate(groups):
        if len(group.vertices) == 1:
            operands = graph.vertices[group.vertices[0]].operands
            found.append([place[x] for x in operands if x in place])
        else:
            places = (place.get(x, i) for x in operands_of(graph, group.vertices))
            found.append([x for x in dict.fromkeys(places) if x != i])
    return found


def in_order(graph: Graph, groups: Sequence[Group]) -> list[Group]:
    """Sort groups so that what is used comes before what uses it, else as they were recorded.

    A scope that is left and entered again may make a cycle; its groups come where they started.
    """
    before = [set(places) for places in predecessors(graph, groups)]
    after: list[list[int]] = [[] for _ in groups]
    for i, places in enumerate(before):
        for place in places:
            after[place].append(i)
    waiting = [len(places) for places in before]
    ready = [(groups[i].vertices[0], i) for i, count in enumerate(waiting) if not count]
    heapify(ready)
    order: list[int] = []
    while ready:
        _, i = heappop(ready)
        order.append(i)
        for j in after[i]:
            waiting[j] -= 1
            if not waiting[j]:
                heappush(ready, (groups[j].vertices[0], j))
    if len(order) < len(groups):
        return sorted(groups, key=lambda group: group.vertices[0])
    return [groups[i] for i in order]


# -- leaves --------------------------------------------------------------------------------------


def with_leaves(
    graph: Graph, groups: Sequence[Group], leaves: Iterable[int], hide: bool = False
) -> list[Group]:
    """Put each leaf inside the one box that uses it, if it belongs there, or by itself before it.

    To a closed module belong its parameters, and what was made inside of it: the mask of a
    dropout, say.  What data comes in by does not.  ``hide`` puts all leaves inside.
    """
    place = {id: i for i, group in enumerate(groups) for id in group.vertices}
    uses = users(graph, place)
    inside: dict[int, list[int]] = defaultdict(list)
    before: dict[int, list[Group]] = defaultdict(list)
    for id in leaves:
        homes = sorted({place[user] for user in uses[id]}) or [0]
        scope = common([groups[home].scope for home in homes]) if groups else ()
        belongs = not groups or _belongs(graph, id, uses[id], groups[homes[0]], scope)
        closed = groups and not groups[homes[0]].single
        if closed and (hide or (belongs and len(homes) == 1)):
            inside[homes[0]].append(id)
        else:
            before[homes[0]].append(Group((id,), scope if belongs else ()))
    result: list[Group] = [] if groups else before[0]
    for i, group in enumerate(groups):
        if inside[i]:
            group = replace(group, vertices=tuple(sorted((*inside[i], *group.vertices))))
        result += [*before[i], group]
    return result


def _belongs(graph: Graph, leaf: int, uses: Sequence[int], home: Group, scope: Path) -> bool:
    """Return whether a leaf is part of the scope that uses it, and not what comes in to it."""
    if home.parts:
        return _is_repeated(graph, leaf, uses, home.parts)
    vertex = graph[leaf]
    if vertex.kind != "input":
        return True
    if vertex.name is not None and " " not in vertex.name:  # else an operation describes it
        return bool(scope) and vertex.name.startswith(f"{'.'.join(scope)}.")
    return any(graph[x].kind == "operation" for x in operands_of(graph, uses))


def _is_repeated(
    graph: Graph, leaf: int, uses: Sequence[int], parts: tuple[tuple[int, ...], ...]
) -> bool:
    """Return whether one block uses a leaf, and the second block another one in its place."""
    if uses[-1] > max(parts[0]):  # not in the first block, where data come in
        return max(uses) - min(uses) < len(parts[0]) or len(set(uses)) == 1
    places = [parts[0].index(user) for user in uses]
    likes = [
        graph[parts[1][place]].operands[graph[user].operands.index(leaf)]
        for place, user in zip(places, uses, strict=True)
    ]
    return all(like is None or graph[like].kind != "operation" for like in likes)
