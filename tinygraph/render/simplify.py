"""From a Graph to the view that was asked for, or to a simpler one where that would be too large.

Too large are too many boxes, and lines that pass so many rows that their layout takes long.

The steps: as asked; with repeats folded; with modules closed ever less deep; and, where nothing
else groups the operations, stretches of them in one box each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import NamedTuple

from .._garbage import uncollected
from .._graph import Graph
from .folding import fold
from .labels import plural
from .marks import with_amounts, with_highlights, with_nonfinite, with_values
from .options import Options
from .paired import with_rules
from .partition import Group, chunk, close, in_focus, with_leaves
from .strain import strain
from .view import View, assemble

FEW = 150  # boxes: what a picture that has to be simplified is brought down to
CHUNKS = 40  # boxes for operations that nothing else groups
LONG = 5000  # rows passed by the lines of a picture that is laid out in a second or two
TANGLE = 20  # rows for each box, that the lines pass of a loop which is better read when folded


class Plan(NamedTuple):
    """How vertices are put together; ``chunks``, if not 0, as so many boxes in a row."""

    depth: int | None
    fold: bool
    chunks: int = 0


def views(graph: Graph, options: Options) -> Iterator[View]:
    """Yield the view that was asked for, or if it is too large a simpler one; then simpler ones.

    Raises
    ------
    ValueError
        If an option names what is not there, or the Graph does not hold what is asked for.
    """
    check(graph, options)
    boxes = _Boxes(graph, options)
    limit = options.most
    found = False
    for plan in boxes.plans():
        if plan.chunks and found:
            return
        groups = boxes.groups(plan, limit)
        if groups is not None:
            view = view_of(graph, groups, options)
            if not is_strained(view, options) and not boxes.is_tangle(plan, view):
                found = True
                limit = boxes.count(groups) - 1  # what comes after is to be simpler
                yield replace(view, notes=boxes.notes(), simplified=boxes.simplified(plan))
        limit = min(limit, FEW)


def is_strained(view: View, options: Options) -> bool:
    """Return whether the layout of a view would take long, for the sake of its lines.

    A small one is laid out all the same, and so is one that was asked for by ``max_nodes``.
    """
    return options.max_nodes is None and len(view.boxes) > FEW and strain(view) > LONG


@uncollected()
def view_of(graph: Graph, groups: list[Group], options: Options) -> View:
    """Return the view of some groups, with all that is to be written and painted on it."""
    view = assemble(graph, groups, options.constants, options.backward == "paired")
    if options.backward == "paired":
        view = with_rules(graph, groups, view)
    if options.values != "none":
        view = with_values(graph, view, full=options.values == "full")
    if options.overlay == "nonfinite":
        view = with_nonfinite(graph, view)
    elif options.overlay is not None:
        view = with_amounts(graph, view, options.overlay)
    return with_highlights(view, options.highlight) if options.highlight else view


class _Boxes:
    """The vertices that are shown, and how they get into boxes."""

    def __init__(self, graph: Graph, options: Options) -> None:
        self._graph = graph
        self._options = options
        shown = shown_in(graph, options)
        self._operations = [id for id in shown if graph.vertices[id].kind == "operation"]
        self._leaves = [id for id in shown if graph.vertices[id].kind != "operation"]
        self._closed = cache(lambda depth: close(graph, self._operations, depth, options.closed))

    def plans(self) -> Iterator[Plan]:
        """Yield what was asked for, and then simpler and simpler ways."""
        asked = self._options
        yield Plan(asked.depth, asked.fold)
        if not asked.fold:
            yield Plan(asked.depth, True)
        deepest = max((len(self._graph[id].scope) for id in self._operations), default=0)
        start = deepest + 1 if asked.depth is None else min(asked.depth, deepest + 1)
        for depth in range(start - 1, 0, -1):
            yield Plan(depth, True)
        yield Plan(None, False, CHUNKS)

    @uncollected()
    def groups(self, plan: Plan, limit: int) -> list[Group] | None:
        """Return the groups of a plan, or None if they would be more boxes than ``limit``."""
        if plan.chunks:
            chunks = chunk(self._graph, self._operations, plan.chunks)
            return with_leaves(self._graph, chunks, self._leaves, hide=True)
        groups = self._closed(plan.depth)
        if plan.fold:
            groups = fold(self._graph, groups)
        if self.count(groups) <= limit:
            groups = with_leaves(self._graph, groups, self._leaves)
        return groups if self.count(groups) <= limit else None

    def is_tangle(self, plan: Plan, view: View) -> bool:
        """Return whether nobody can follow the lines of a view that is a small one when folded."""
        asked = plan.fold or self._options.max_nodes is not None
        if asked or strain(view) <= TANGLE * len(view.boxes):
            return False
        folded = self.groups(plan._replace(fold=True), FEW)
        return folded is not None and len(folded) < len(view.boxes) / 2

    def count(self, groups: list[Group]) -> int:
        """Return how many boxes some groups will be: each operation has a rule where paired."""
        if self._options.backward != "paired":
            return len(groups)
        kinds = (self._graph[group.vertices[-1]].kind for group in groups)
        return len(groups) + sum(kind == "operation" for kind in kinds)

    def notes(self) -> tuple[str, ...]:
        """Say what is not shown because it was not asked for."""
        if self._options.focus is None:
            return ()
        total = plural(sum(v.kind == "operation" for v in self._graph), "operation")
        distance = plural(self._options.hops, "hop")
        shown = f"{len(self._operations):,} of {total}"
        return (f"{shown}: those within {distance} of {self._options.focus}",)

    def simplified(self, plan: Plan) -> tuple[str, ...]:
        """Say what is not shown although it was asked for, and how to see it."""
        asked = self._options
        if plan == Plan(asked.depth, asked.fold):
            return ()
        done = []
        if plan.fold and not asked.fold:
            done.append("repeated blocks are folded")
        if plan.depth != asked.depth:
            done.append(f"modules are closed at depth {plan.depth}")
        if plan.chunks:
            done = ["operations that follow one another share a box"]
        count = plural(len(self._operations), "operation")
        return (
            f"Simplified, to draw {count}: {', '.join(done)}.",
            "To see more: focus='NAME' for a part, or max_nodes=NUMBER for more boxes.",
        )


def check(graph: Graph, options: Options) -> None:
    """Refuse names that name nothing: a picture without them would mislead."""
    if options.closed:
        paths = {v.scope[:n] for v in graph for n in range(1, len(v.scope) + 1)}
        known = {".".join(path) for path in paths} | {m.class_name for m in graph.modules}
        for name in options.closed:
            if name not in known:
                raise ValueError(f"render: collapse names no module or scope: {name!r}")
    for id in options.highlight:
        if not 0 <= id < len(graph):
            raise ValueError(f"render: highlight: there is no vertex {id}")
    if options.backward == "full" and all(v.phase == "forward" for v in graph):
        raise ValueError(
            'render: backward="full" draws the operations of the backward pass, which this Graph '
            "does not hold: make it by tg.graph(..., backward=True)"
        )


def shown_in(graph: Graph, options: Options) -> list[int]:
    """Return the vertices that a picture is made of."""
    phases = ("forward", "backward") if options.backward == "full" else ("forward",)
    shown = [
        v.id
        for v in graph
        if v.phase in phases
        and (
            v.kind != "constant"
            or options.constants
            or v.id in graph.outputs
            or v.id == options.focus
        )
    ]
    return shown if options.focus is None else in_focus(graph, shown, options.focus, options.hops)
