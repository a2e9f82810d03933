"""How hard a picture is to lay out: long lines, not boxes, are what takes an engine's time."""

from __future__ import annotations

from .partition import lengths
from .view import View


def strain(view: View) -> int:
    """Return how many rows all lines of a picture pass, from box to box.

    The weights of a loop of 100 steps, say, have lines to each of them: some 50 rows each.
    """
    beside = {id: rank[0] for rank in view.ranks for id in rank}
    place = {box.id: i for i, box in enumerate(view.boxes)}
    lines = [
        tuple(place[beside.get(id, id)] for id in (edge.tail, edge.head)) for edge in view.edges
    ]
    before: list[list[int]] = [[] for _ in view.boxes]
    after: list[list[int]] = [[] for _ in view.boxes]
    for tail, head in lines:
        if tail != head:
            before[head].append(tail)
            after[tail].append(head)
    row = lengths(before)
    if row is None:  # boxes in a circle are stretches of operations, and those are few
        return 0
    above = [
        row[i] if before[i] else min((row[j] for j in after[i]), default=1) - 1
        for i in range(len(row))
    ]  # what begins a line stands close to where it leads
    return sum(max(0, row[head] - above[tail] - 1) for tail, head in lines)
