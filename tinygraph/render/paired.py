"""The backward pass beside the forward one: a ladder.

The rule of each operation stands beside it.  Gradients flow up where data flow down, are added
where a value is used several times, and end at the parameters.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from .._graph import Graph, Vertex
from .partition import Group
from .view import Box, Edge, View, unlike

WIDTH, HEIGHT = 40, 3  # of the text of a rule, in characters and lines


def with_rules(graph: Graph, groups: Sequence[Group], view: View) -> View:
    """Return a view of ``groups`` with the gradients that flow in it."""
    learning = {
        box.id: any(graph[id].requires_grad for id in group.vertices)
        for box, group in zip(view.boxes, groups, strict=True)
    }
    operations = {box.id for box in view.boxes if box.role in ("operation", "module", "repeat")}
    taken = {box.id for box in view.boxes}
    rules = {id: unlike(f"grad {id}", taken) for id in operations if learning[id]}
    ladder = _Ladder(rules, taken)
    for box in view.boxes:
        if box.id in rules:
            ladder.add_rule(graph, box)
    for edge in view.edges:
        if learning[edge.tail] and edge.head in rules:
            ladder.gradients[edge.tail].append(edge)
    for box in view.boxes:
        ladder.join(box)
    edges = (*view.edges, *ladder.edges, *_saved(graph, view, rules))
    return replace(view, boxes=(*view.boxes, *ladder.boxes), edges=edges, ranks=tuple(ladder.ranks))


class _Ladder:
    """The boxes and edges of the backward pass, as they are made."""

    def __init__(self, rules: dict[str, str], taken: set[str]) -> None:
        self.rules = rules
        self.taken = taken
        self.boxes: list[Box] = []
        self.edges: list[Edge] = []
        self.ranks: list[tuple[str, ...]] = []
        self.gradients: dict[str, list[Edge]] = defaultdict(list)

    def add_rule(self, graph: Graph, box: Box) -> None:
        vertex = graph[box.vertices[-1]]
        lines = [f"∂ {vertex.function if box.role == 'operation' else box.lines[0]}"]
        lines += rule_lines(vertex) if box.role == "operation" else []
        if box.output and not vertex.shape and vertex.grad is None:
            lines.append("g = 1")
        self.boxes.append(
            Box(self.rules[box.id], "rule", tuple(lines), box.tooltip, box.vertices, box.scope)
        )

    def join(self, box: Box) -> None:
        """Bring the gradients of a box to its rule or, if it is a parameter, to itself."""
        arriving = self.gradients[box.id]
        target = self.rules.get(box.id, box.id)
        rank = [box.id, target] if target != box.id else [box.id]
        if len(arriving) > 1:
            plus = unlike(f"sum {box.id}", self.taken)
            self.boxes.append(
                Box(plus, "sum", ("+",), ("gradients are added here",), box.vertices, box.scope)
            )
            self.edges.append(Edge(target, plus, "gradient"))
            rank.append(plus)
            target = plus
        if len(rank) > 1:
            self.ranks.append(tuple(rank))
        for edge in arriving:
            rule = self.rules[edge.head]
            self.edges.append(Edge(target, rule, "gradient", broadcast=edge.broadcast))


def _saved(graph: Graph, view: View, rules: dict[str, str]) -> list[Edge]:
    """Return edges from what is kept to the rules that want it."""
    home = {id: box.id for box in view.boxes for id in box.vertices}
    edges = []
    for box in view.boxes:
        if box.id not in rules:
            continue
        vertex = graph[box.vertices[-1]]
        single = box.role == "operation"
        kept = single and "y" in vertex.saved
        edges.append(Edge(box.id, rules[box.id], "saved" if kept else "pair"))
        operands = [vertex.operands[i] for i in vertex.saved_operands] if single else []
        sources = dict.fromkeys(home[id] for id in operands if id in home)
        edges += [Edge(source, rules[box.id], "saved") for source in sources]
    return edges


def rules(vertex: Vertex) -> list[str]:
    """Return the rule of an operation, as its docstring states it: ``gx = g y``."""
    doc = " ".join(inspect.cleandoc(vertex.doc or "").split())
    found = re.search(r"\b(?:with h = [^,]*, )?g[a-z]+ = .*?(?=\. |\.$|  |$)", doc)
    return re.split(r"[,;] (?=g[a-z] = )", found[0]) if found else []


def rule_lines(vertex: Vertex) -> list[str]:
    """Return the rule of an operation as lines for a box."""
    lines = [line for part in rules(vertex) for line in textwrap.wrap(part, WIDTH)]
    return lines if len(lines) <= HEIGHT else [*lines[: HEIGHT - 1], f"{lines[HEIGHT - 1]} …"]
