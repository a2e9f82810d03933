"""Steps: the walk through a Graph, forward and then backward, one operation at a time.

Forward steps follow the Graph's own order, backward ones that in which `record` saw the rules run;
what was not recorded is walked in the order in which it would run.  A step holds no numbers: it
says where they are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from ..._graph import Graph, Vertex
from .formulas import forward_formula, rule_formulas
from .windows import windows

Step = dict[str, Any]


def steps(graph: Graph) -> tuple[Step, ...]:
    """Return the steps of a walk through a Graph.

    Each has a ``phase``, "forward" or "backward", and a ``kind``:

    - "start": the leaves, before anything is computed;
    - "forward": an operation, with the ``formula`` of what it computes of its operands;
    - "seed": where backward begins, with the gradient of the output itself;
    - "rule": an operation of the backward pass, with the lines of its ``rule`` and the ``parts``
      that it sends to its operands, with the axes along which one was repeated;
    - "sum": a place whose gradient is the sum of several ``parts``, each an operation and the
      place of the operand, in the order in which they are added;
    - "end": the gradients of the parameters.
    """
    found = [*_forward(graph), *_Walk(graph).steps()]
    return tuple({"id": id, **step} for id, step in enumerate(found))


def _forward(graph: Graph) -> Iterator[Step]:
    present = [vertex for vertex in graph if vertex.phase == "forward"]
    leaves = [v.id for v in present if v.kind in ("input", "parameter")]
    if leaves:
        yield {"phase": "forward", "kind": "start", "vertices": leaves}
    for vertex in present:
        if vertex.kind == "operation":
            yield {
                "phase": "forward",
                "kind": "forward",
                "vertex": vertex.id,
                "formula": forward_formula(graph, vertex),
                **windows(graph, vertex),
            }


class _Walk:
    """The way back: which rules run in which order, and what meets where."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.order = _rules_in_order(graph)
        self.parts: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for vertex in self.order:
            for position, operand in self._targets(vertex):
                self.parts[operand].append((vertex.id, position))

    def _targets(self, vertex: Vertex) -> Iterator[tuple[int, int]]:
        """Iterate over the operands that a rule sends something to, with their positions."""
        sent = vertex.contributions
        for position, operand in enumerate(vertex.operands):
            if operand is None or not self.graph[operand].requires_grad:
                continue
            if vertex.turn is None or (position < len(sent) and sent[position] is not None):
                yield position, operand

    def steps(self) -> Iterator[Step]:
        """Iterate over the steps."""
        missing = {id: len(parts) for id, parts in self.parts.items()}
        for vertex in self.order:
            if vertex.id not in self.parts:
                yield {"phase": "backward", "kind": "seed", "vertex": vertex.id}
            targets = list(self._targets(vertex))
            yield self._rule(vertex, targets)
            for operand in dict.fromkeys(operand for _, operand in targets):
                missing[operand] -= [target for _, target in targets].count(operand)
                if not missing[operand] and len(self.parts[operand]) > 1:
                    yield self._sum(operand)
        learned = [v.id for v in self.graph if v.kind == "parameter" and v.id in self.parts]
        if learned:
            yield {"phase": "backward", "kind": "end", "vertices": learned}

    def _rule(self, vertex: Vertex, targets: list[tuple[int, int]]) -> Step:
        parts = []
        for position, operand in targets:
            part: Step = {"operand": position}
            if position in vertex.broadcast:
                part["axes"] = _repeated(self.graph[operand], vertex)
            parts.append(part)
        return {
            "phase": "backward",
            "kind": "rule",
            "vertex": vertex.id,
            "rule": rule_formulas(self.graph, vertex),
            "parts": parts,
            **windows(self.graph, vertex),
        }

    def _sum(self, operand: int) -> Step:
        return {
            "phase": "backward",
            "kind": "sum",
            "vertex": operand,
            "parts": tuple(self.parts[operand]),
        }


def _rules_in_order(graph: Graph) -> list[Vertex]:
    """Return the operations whose rules ran or, if nothing was recorded, would run."""
    ran = [vertex for vertex in graph if vertex.turn is not None]
    if ran:
        return sorted(ran, key=lambda vertex: vertex.turn or 0)
    reached = set(graph.outputs)
    order = []
    for vertex in reversed(graph.vertices):
        learning = vertex.requires_grad and vertex.phase == "forward"
        if learning and vertex.id in reached and vertex.kind == "operation":
            order.append(vertex)
            reached.update(id for id in vertex.operands if id is not None)
    return order


def _repeated(operand: Vertex, vertex: Vertex) -> list[int]:
    """Return the axes of an operation's output along which an operand was repeated."""
    lead = len(vertex.shape) - len(operand.shape)
    pairs = zip(operand.shape, vertex.shape[lead:], strict=True)
    return [*range(lead), *(lead + i for i, (n, m) in enumerate(pairs) if n != m)]
