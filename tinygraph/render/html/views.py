"""Which pictures a page has: the whole in more and less detail, and the inside of each closed box.

Layout is done here, in advance: a page opens a module by going to another picture.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count

from ..._graph import Graph
from ..._places import common
from ..labels import plural
from ..options import Options
from ..partition import Group, chunk, close, operands_of, users, with_leaves
from ..simplify import CHUNKS, FEW, check, is_strained, shown_in, view_of, views
from ..view import Box, View

READABLE = 40  # boxes: what one begins with, if there is a choice
NEAR = 12  # operations shown on each side of a module, of those that it takes from or gives to


@dataclass(frozen=True, slots=True)
class Picture:
    """A view of the whole or of a part, and how one gets there.

    Attributes
    ----------
    id, title : str
    view : View
    parent : str or None
        The picture in which a closed box stands for this one; None for a picture of the whole.
    inside : tuple of int
        The operations of that box.
    around : frozenset of int
        The operations that are only shown to say what comes before and after.
    """

    id: str
    title: str
    view: View
    parent: str | None = None
    inside: tuple[int, ...] = ()
    around: frozenset[int] = frozenset()


def pictures(graph: Graph, options: Options, notes: tuple[str, ...] = ()) -> list[Picture]:
    """Return the pictures of a page: those of the whole, from the simplest on, and then parts.

    ``notes`` are to stand below those of the whole.

    Raises
    ------
    ValueError
        If an option names what is not there, or the Graph does not hold what is asked for.
    """
    check(graph, options)
    found = [
        replace(whole, view=replace(whole.view, notes=(*whole.view.notes, *notes)))
        for whole in _whole(graph, options)
    ]
    parts = _Parts(graph, options, {whole.id for whole in found})
    for picture in found:  # which grows meanwhile
        found += parts.inside(picture)
    return _nested(found)


def _nested(found: Sequence[Picture]) -> list[Picture]:
    """Let the parent of each part be the smallest other part that holds all of it, if one does."""
    holding: dict[int, list[Picture]] = defaultdict(list)
    for picture in sorted(found, key=lambda picture: len(picture.inside)):
        for id in picture.inside:
            holding[id].append(picture)
    return [
        replace(p, parent=next((q.id for q in _around(p, holding)), p.parent)) if p.inside else p
        for p in found
    ]


def _around(part: Picture, holding: Mapping[int, Sequence[Picture]]) -> Iterator[Picture]:
    inside = set(part.inside)
    for other in holding[part.inside[0]]:
        if len(other.inside) > len(inside) and inside.issubset(other.inside):
            yield other


def _whole(graph: Graph, options: Options) -> Iterator[Picture]:
    """Yield what was asked for; if that is nothing special, the whole at each depth, and all."""
    asked = options.depth or options.closed or options.fold or options.focus is not None
    levels = [] if asked else list(_levels(graph, options))
    if levels:
        yield from levels
    else:
        limit = options.max_nodes if asked else min(FEW, options.most)
        yield Picture("whole", "Overview", next(views(graph, replace(options, max_nodes=limit))))


def _levels(graph: Graph, options: Options) -> Iterator[Picture]:
    shown = shown_in(graph, options)
    operations = [id for id in shown if graph[id].kind == "operation"]
    leaves = [id for id in shown if graph[id].kind != "operation"]
    deepest = max((len(graph[id].scope) for id in operations), default=0)
    counts = set()
    for depth in (*range(1, deepest + 1), None):
        groups = with_leaves(graph, close(graph, operations, depth), leaves)
        limit = options.most if depth is None else min(FEW, options.most)
        if len(groups) in counts or _size(groups, options) > limit:
            continue  # what is neither legible nor everything, modules show better one by one
        view = view_of(graph, groups, options)
        if is_strained(view, options):
            continue
        counts.add(len(groups))
        title = "Everything" if depth is None else f"Depth {depth}"
        yield Picture(title.lower().replace(" ", "-"), title, view)


def _size(groups: Sequence[Group], options: Options) -> int:
    return len(groups) * (2 if options.backward == "paired" else 1)


def first(found: Sequence[Picture]) -> Picture:
    """Return the picture to begin with: of the whole, the fullest that can be read at once."""
    whole = [picture for picture in found if picture.parent is None]
    small = [picture for picture in whole if len(picture.view.boxes) <= READABLE]
    return small[-1] if small else whole[0]


def operations_in(graph: Graph, box: Box) -> tuple[int, ...]:
    """Return the operations that a box stands for."""
    return tuple(id for id in box.vertices if graph[id].kind == "operation")


class _Parts:
    """The pictures of what is inside of closed boxes, each made once."""

    def __init__(self, graph: Graph, options: Options, ids: set[str]) -> None:
        self._graph = graph
        self._options = replace(options, focus=None)
        self._shown = shown_in(graph, self._options)
        self._uses = users(graph, self._shown)
        self._made: set[tuple[int, ...]] = set()
        self._ids = ids  # of all pictures

    def inside(self, picture: Picture) -> Iterator[Picture]:
        """Yield a picture for each closed box of another one that has none yet."""
        for box in picture.view.boxes:
            if box.role in ("module", "repeat"):
                operations = operations_in(self._graph, box)
                if operations not in self._made:
                    self._made.add(operations)
                    yield self._part(box, operations, picture)

    def _part(self, box: Box, operations: tuple[int, ...], parent: Picture) -> Picture:
        before, after = self._neighbours(operations)
        near = [Group((id,)) for id in before[-NEAR:]], [Group((id,)) for id in after[:NEAR]]
        groups = [*near[0], *self._groups(operations), *near[1]]
        hidden = len(before) + len(after) - len(near[0]) - len(near[1])
        view = view_of(self._graph, groups, self._options)
        if hidden:
            view = replace(view, notes=(f"{plural(hidden, 'more operation')} next to it",))
        return Picture(
            self._new_id(box.id),
            box.lines[0],
            view,
            parent.id,
            operations,
            frozenset(group.vertices[0] for side in near for group in side),
        )

    def _new_id(self, name: str) -> str:
        """Return a name, with a number where it is taken."""
        numbered = (f"{name} ({number})" for number in count(2))
        id = next(id for id in chain([name], numbered) if id not in self._ids)
        self._ids.add(id)
        return id

    def _neighbours(self, operations: Sequence[int]) -> tuple[list[int], list[int]]:
        """Return the operations that some take from, and those that take from them."""
        own = set(operations)
        graph = self._graph
        sources = {id for id in operands_of(graph, operations) if graph[id].kind == "operation"}
        sinks = {user for id in operations for user in self._uses[id]}
        other = set(self._shown) - own
        return sorted(sources & other), sorted((sinks - sources) & other)

    def _groups(self, operations: Sequence[int]) -> list[Group]:
        """Put some operations into boxes: as few as possible are closed."""
        graph = self._graph
        used = set(operands_of(graph, operations))
        leaves = [id for id in self._shown if id in used and graph[id].kind != "operation"]
        options = self._options
        if len(operations) + len(leaves) <= min(FEW, options.most):
            return with_leaves(graph, close(graph, operations), leaves)
        groups = with_leaves(graph, self._closed(operations), leaves)
        fits = _size(groups, options) <= options.most
        if fits and not is_strained(view_of(graph, groups, options), options):
            return groups
        return with_leaves(graph, chunk(graph, operations, CHUNKS), leaves, hide=True)

    def _closed(self, operations: Sequence[int]) -> list[Group]:
        """Close the outermost modules that there are several of; if there are none, nothing."""
        scopes = [self._graph[id].scope for id in operations]
        for depth in range(len(common(scopes)) + 1, max(map(len, scopes)) + 1):
            groups = close(self._graph, operations, depth)
            if len(groups) > 1:
                return groups
        return close(self._graph, operations)
