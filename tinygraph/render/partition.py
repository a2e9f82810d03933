"""Which vertices of a Graph are shown, and which of them together as one box.

A partition starts with every vertex by itself.  Focus leaves some out, closed modules and folded
repeats put operations together, and last the leaves go where they are used.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby
from typing import TypeAlias

from .._graph import Graph, Vertex
from .._places import Path, common, plain_step

STEPS = ("GetItem",)  # a step of a loop is told by an index: its blocks are equal all the same

Places: TypeAlias = Sequence[Sequence[int]]  # for each group, the places of others


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


def users(
    graph: Graph, shown: Iterable[int], of: Collection[int] | None = None
) -> dict[int, list[int]]:
    """Return, for each vertex, or each of some, the shown ones that use it: as often as they do."""
    found: dict[int, list[int]] = defaultdict(list)
    vertices = graph.vertices
    for id in shown:
        for operand in vertices[id].operands:
            if operand is not None and (of is None or operand in of):
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
    ``names`` holds the path or the class of.  A list of modules that others run between is opened.
    """
    operations = list(operations)
    cuts, named = _cuts(graph, operations, depth, names)
    groups = _grouped(graph, operations, cuts)
    while tangled := {g.scope for g in _in_cycles(graph, groups) if g.closed} - named:
        for scope, length in cuts.items():
            if length is not None and scope[:length] in tangled:
                cuts[scope] = length + 1 if len(scope) > length else None
        groups = _grouped(graph, operations, cuts)
    return groups


def _cuts(
    graph: Graph, operations: Sequence[int], depth: int | None, names: Collection[str]
) -> tuple[dict[Path, int | None], set[Path]]:
    """Return how much of each scope is the path of a closed one, and those that are by name."""
    sizes: Counter[Path] = Counter()
    scopes = Counter(graph.vertices[id].scope for id in operations)
    for scope, count in scopes.items():
        sizes.update({scope[:length]: count for length in range(1, len(scope) + 1)})
    classes = {module.path: module.class_name for module in graph.modules} if names else {}
    named: set[Path] = set()

    def cut(scope: Path) -> int | None:
        for length in range(1, len(scope) + 1):
            path = ".".join(scope[:length])
            plain = ".".join(map(plain_step, scope[:length]))
            if path in names or classes.get(plain) in names:
                named.add(scope[:length])
                return length
            if length == depth:
                return length
        return len(scope) if depth and scope and sizes[scope] == 1 else None

    return {scope: cut(scope) for scope in scopes}, named


def _grouped(
    graph: Graph, operations: Iterable[int], cuts: Mapping[Path, int | None]
) -> list[Group]:
    """Return the groups of operations that are closed, each where its first one stands."""
    members: dict[Path, list[int]] = {}
    groups: list[Group | Path] = []
    for scope, ids in groupby(operations, key=lambda id: graph.vertices[id].scope):
        length = cuts[scope]
        if length is None:
            groups += [Group((id,), scope) for id in ids]
        elif scope[:length] in members:
            members[scope[:length]] += ids
        else:
            members[scope[:length]] = [*ids]
            groups.append(scope[:length])
    return [g if isinstance(g, Group) else Group(tuple(members[g]), g, closed=True) for g in groups]


def _in_cycles(graph: Graph, groups: Sequence[Group]) -> list[Group]:
    """Return the groups that lead to themselves, and those on the way from one such to another."""
    if all(group.single for group in groups):
        return []
    before = predecessors(graph, groups)
    after = _turned(before)
    ends = set(_unwound(before, after)) & set(_unwound(after, before))
    return [groups[i] for i in sorted(ends)]


def is_tangled(before: Sequence[Iterable[int]], members: Sequence[int]) -> bool:
    """Return whether something outside lies on a way from one member to another.

    ``before`` holds what each place takes from, in order.
    """
    inside, between = set(members), set[int]()
    for place in range(members[0], members[-1] + 1):
        if place in inside:
            if not between.isdisjoint(before[place]):
                return True
        elif any(x in inside or x in between for x in before[place]):
            between.add(place)
    return False


def _unwound(before: Places, after: Places) -> Iterator[int]:
    """Yield the places that remain when again and again those with nothing before them go."""
    waiting = list(map(len, before))
    ready = [i for i, count in enumerate(waiting) if not count]
    while ready:
        for i in after[ready.pop()]:
            waiting[i] -= 1
            if not waiting[i]:
                ready.append(i)
    return (i for i, count in enumerate(waiting) if count)


def chunk(graph: Graph, operations: Sequence[int], count: int) -> list[Group]:
    """Cut operations that nothing else groups into ``count`` boxes, one after another."""
    size = -(-len(operations) // count)
    parts = [tuple(operations[i : i + size]) for i in range(0, len(operations), size)]
    return [Group(part, common([graph[id].scope for id in part]), closed=True) for part in parts]


# -- order ---------------------------------------------------------------------------------------


def predecessors(graph: Graph, groups: Sequence[Group], leaves: bool = False) -> list[list[int]]:
    """Return, for each group, the places of those it takes from: in order, each once if closed.

    With ``leaves``, -1 stands for each leaf that a single operation takes from.
    """
    vertices = graph.vertices
    place: dict[int | None, int] = {
        id: i for i, group in enumerate(groups) for id in group.vertices
    }
    found = []
    for i, group in enumerate(groups):
        if len(group.vertices) == 1:
            operands = vertices[group.vertices[0]].operands
            places = [place.get(x, -1) for x in operands]
            found.append(places if leaves else [x for x in places if x >= 0])
        else:
            taken = [x for id in group.vertices for x in vertices[id].operands]
            found.append([x for x in dict.fromkeys(place.get(x, i) for x in taken) if x != i])
    return found


def in_order(graph: Graph, groups: Sequence[Group]) -> list[Group]:
    """Sort groups so that what is used comes before what uses it, but not long before.

    Of what one takes, that with the longest way behind it comes first: a loop is then unrolled step
    by step.  A scope that is left and entered again may make a cycle; its groups come where they
    started.
    """
    before = predecessors(graph, groups)
    length = lengths(before)
    if length is None:
        return sorted(groups, key=lambda group: group.vertices[0])
    used = {place for places in before for place in places}
    stack = [(i, False) for i in reversed(range(len(groups))) if i not in used]
    order: dict[int, None] = {}
    while stack:
        i, done = stack.pop()
        if done:
            order[i] = None
        elif i not in order:
            stack.append((i, True))
            ahead = [place for place in reversed(before[i]) if place not in order]
            stack += [(place, False) for place in sorted(ahead, key=length.__getitem__)]
    return [groups[i] for i in order]


def longest_ways(before: Places) -> list[int | None]:
    """Return, for each place, the one before it that has the longest way behind it."""
    length = lengths(before) or [0] * len(before)
    return [max(places, key=length.__getitem__, default=None) for places in before]


def lengths(before: Places) -> list[int] | None:
    """Return how long the longest way to each place is, or None if there is a cycle."""
    after = _turned(before)
    length = [0] * len(before)
    waiting = list(map(len, before))
    ready = [i for i, count in enumerate(waiting) if not count]
    for i in ready:  # which grows meanwhile
        for user in after[i]:
            length[user] = max(length[user], length[i] + 1)
            waiting[user] -= 1
            if not waiting[user]:
                ready.append(user)
    return length if len(ready) == len(before) else None


def _turned(before: Places) -> list[list[int]]:
    """Return, for each place, those that have it before them: as often as they do."""
    after: list[list[int]] = [[] for _ in before]
    for i, places in enumerate(before):
        for place in places:
            after[place].append(i)
    return after


# -- leaves --------------------------------------------------------------------------------------


def with_leaves(
    graph: Graph, groups: Sequence[Group], leaves: Iterable[int], hide: bool = False
) -> list[Group]:
    """Put each leaf inside the one box that uses it, if it belongs there, or by itself before it.

    To a closed module belong its parameters, and what was made inside of it: the mask of a
    dropout, say.  What data comes in by does not.  ``hide`` puts all leaves inside.
    """
    place = {id: i for i, group in enumerate(groups) for id in group.vertices}
    uses = users(graph, place, set(leaves))
    inside: dict[int, list[int]] = defaultdict(list)
    before: dict[int, list[Group]] = defaultdict(list)

    @cache
    def block(home: int) -> dict[int, int]:
        parts = enumerate(groups[home].parts)
        return {id: i for i, part in parts for id in part}

    for id in leaves:
        homes = sorted({place[user] for user in uses[id]}) or [0]
        if not groups:
            before[0].append(Group((id,)))
            continue
        group = groups[homes[0]]
        scope = common([groups[home].scope for home in homes])
        belongs = _belongs(graph, id, uses[id], scope)
        within = len(homes) == 1 and (
            _is_repeated(graph, id, uses[id], group.parts, block(homes[0]))
            if group.parts
            else belongs and group.closed
        )
        if within or (hide and not group.single):
            inside[homes[0]].append(id)
        else:
            before[homes[0]].append(Group((id,), scope if belongs else ()))
    result: list[Group] = [] if groups else before[0]
    for i, group in enumerate(groups):
        if inside[i]:
            group = replace(group, vertices=tuple(sorted((*inside[i], *group.vertices))))
        result += [*before[i], group]
    return result


def _belongs(graph: Graph, leaf: int, uses: Sequence[int], scope: Path) -> bool:
    """Return whether a leaf is part of the scope that uses it, and not what comes in to it."""
    vertex = graph[leaf]
    if vertex.kind != "input" or vertex.value is not None:
        return True
    if vertex.name is not None and " " not in vertex.name:  # else an operation describes it
        return bool(scope) and vertex.name.startswith(f"{'.'.join(scope)}.")
    return any(graph[x].kind == "operation" for x in operands_of(graph, uses))


def _is_repeated(
    graph: Graph,
    leaf: int,
    uses: Sequence[int],
    parts: tuple[tuple[int, ...], ...],
    block: Mapping[int, int],
) -> bool:
    """Return whether one block uses a leaf, and the other blocks other ones in its place.

    ``block`` tells the number of the block in which an operation lies.
    """
    blocks = {block.get(user) for user in uses}
    if blocks != {0}:  # but in the first, data come in as well
        return len(blocks) == 1
    places = [parts[0].index(user) for user in uses]
    likes = [
        graph[parts[1][place]].operands[graph[user].operands.index(leaf)]
        for place, user in zip(places, uses, strict=True)
    ]
    return all(like is None or graph[like].kind != "operation" for like in likes)
