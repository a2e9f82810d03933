"""How hard a picture is to lay out: long lines, not boxes, are what takes an engine's time."""

from __future__ import annotations

from collections.abc import Sequence

from ..._graph import Graph
from ..partition import Group, predecessors


def strain(graph: Graph, groups: Sequence[Group]) -> int:
    """Return how many rows all lines between some boxes pass, from operand to user.

    The weights of a loop of 100 steps, say, have lines to each of them: some 50 rows each.
    """
    before = predecessors(graph, groups)
    row = [0] * len(groups)
    for i in sorted(range(len(groups)), key=lambda i: groups[i].vertices[-1]):  # as computed
        row[i] = max((row[place] + 1 for place in before[i]), default=0)
    lines = [(place, i) for i, places in enumerate(before) for place in places]
    first: dict[int, int] = {}  # user of each
    for place, i in lines:
        first[place] = min(first.get(place, row[i]), row[i])
    above = [row[i] if before[i] else first.get(i, 1) - 1 for i in range(len(groups))]
    return sum(max(0, row[i] - above[place] - 1) for place, i in lines)
