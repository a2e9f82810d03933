"""Folding: equal blocks that follow one another become one group.

Two places are alike at a distance p if they are the same operation and take from the same places,
p further on, or from one and the same.  A run of p and more of such pairs is a repeated block;
where the others take from the block before, the first may take from what is before it.  The
distances worth trying are those at which longer and longer words of the sequence come again; they
are found by doubling, so the search is nearly linear.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from .._graph import Graph
from .._places import Path, common
from .partition import Group, in_order, predecessors

Ints: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]

ROUNDS = 4  # blocks of blocks of blocks
COLUMNS = 3  # operands that are compared one by one
NOWHERE = (-1,) * COLUMNS
TRIED = 4  # distances tried for each length of words
LEAST = 3  # fewer operations hidden are not worth it
STEPS = ("GetItem",)  # the step of a loop is told by an index: its blocks are equal all the same
LARGE = 2000  # of so many groups at least half must go, or looking for repeats takes too long


class Run(NamedTuple):
    """Equal blocks: where they start, how long each is, how many there are."""

    start: int
    period: int
    times: int

    @property
    def stop(self) -> int:
        """Where they end."""
        return self.start + self.period * self.times

    @property
    def hidden(self) -> int:
        """How many places there are less when they are folded."""
        return self.period * (self.times - 1)


def fold(graph: Graph, groups: Sequence[Group]) -> list[Group]:
    """Return groups of operations in order, with blocks that repeat put together."""
    groups = in_order(graph, groups)
    for _ in range(ROUNDS):
        runs = _best(graph, groups)
        if not runs:
            break
        folded: list[Group] = []
        place = 0
        for run in runs:
            folded += groups[place : run.start]
            folded.append(_together(groups[run.start : run.stop], run))
            place = run.stop
        groups = [*folded, *groups[place:]]
    return list(groups)


def _together(groups: Sequence[Group], run: Run) -> Group:
    blocks = [groups[i : i + run.period] for i in range(0, len(groups), run.period)]
    parts = tuple(tuple(id for group in block for id in group.vertices) for block in blocks)
    vertices = tuple(sorted(id for part in parts for id in part))
    return Group(vertices, common([group.scope for group in groups]), parts=parts)


def _best(graph: Graph, groups: Sequence[Group]) -> list[Run]:
    """Return runs that do not overlap, those that hide most first chosen, in order.

    If they do not hide enough to be worth it, there are none.
    """
    least = len(groups) / 2 if len(groups) > LARGE else 1
    tokens, sources = _sequence(graph, groups)
    found = [
        (start, length, period)
        for period in _periods(tokens)
        for start, length in _alike(tokens, sources, period)
        if length >= period + LEAST or not groups[start].single
    ]
    if sum(length - period for _, length, period in found) < least:
        return []
    depths = _depths(groups)
    runs = [run for stretch in found if (run := _aligned(groups, depths, *stretch)) is not None]
    members = _members(groups)
    taken = np.zeros(len(groups), bool)
    chosen = []
    for run in sorted(runs, key=lambda run: (-run.hidden, run.period, run.start)):
        block = groups[run.start : run.start + run.period]
        worth = run.hidden >= LEAST or not any(group.single for group in block)
        free = worth and not taken[run.start : run.stop].any()
        if free and _is_whole(groups, run, members):
            taken[run.start : run.stop] = True
            chosen.append(run)
    return sorted(chosen) if sum(run.hidden for run in chosen) >= least else []


def _depths(groups: Sequence[Group]) -> Ints:
    """Return how deep in modules one is between each group and the one before, and at the ends."""
    scopes = [group.scope for group in groups]
    between = (len(a) if a is b else len(common((a, b))) for a, b in pairwise(scopes))
    return np.array([0, *between, 0])


def _aligned(
    groups: Sequence[Group], depths: Ints, start: int, length: int, period: int
) -> Run | None:
    """Let the blocks start where modules do; return None if they would cut one."""

    def run(first: int) -> Run:
        return Run(first, period, (start + length - first) // period)

    def cut(run: Run) -> int:
        return int(depths[run.start : run.stop + 1 : period].max())

    starts = range(start, start + min(period, length - 2 * period + 1))
    best = min(map(run, starts), key=lambda run: (cut(run), -run.times, run.start))
    inside = common([group.scope for group in groups[best.start : best.stop]])
    return best if cut(best) <= len(inside) else None


def _members(groups: Iterable[Group]) -> Counter[Path]:
    """Return how many groups lie in each module."""
    members: Counter[Path] = Counter()
    for scope, count in Counter(group.scope for group in groups).items():
        members.update({scope[:length]: count for length in range(1, len(scope) + 1)})
    return members


def _is_whole(groups: Sequence[Group], run: Run, members: Mapping[Path, int]) -> bool:
    """Return whether a module is wholly in one block, or else is around all of them."""
    first = _members(groups[run.start : run.start + run.period])
    last = _members(groups[run.stop - run.period : run.stop])
    return all(
        count == members[path] or (path in first and path in last)
        for block in (first, last)
        for path, count in block.items()
    )


# -- the sequence --------------------------------------------------------------------------------


def _sequence(graph: Graph, groups: Sequence[Group]) -> tuple[Ints, Ints]:
    """Return what each group is, as a number, and in columns from where it takes, or -1."""
    numbers: dict[Hashable, int] = {}
    tokens, sources = [], []
    for i, (group, places) in enumerate(zip(groups, predecessors(graph, groups), strict=True)):
        token = (_structure(graph, group), *[i - place for place in places[COLUMNS:]])
        tokens.append(numbers.setdefault(token, len(numbers)))
        sources.append((*places, *NOWHERE)[:COLUMNS])
    return np.array(tokens), np.array(sources).reshape(-1, COLUMNS)


def _structure(graph: Graph, group: Group) -> Hashable:
    """Return what a group consists of, without names and places in the Graph."""
    vertices = graph.vertices
    within = {id: i for i, id in enumerate(group.vertices)}
    parts: list[Hashable] = [len(group.parts)]
    for id in group.vertices:
        v = vertices[id]
        settings = () if v.function in STEPS else v.attributes
        parts += (v.function, settings, v.shape, v.dtype)
        for operand in v.operands:
            if operand is None or operand in within:
                parts.append(operand and within[operand])
            else:
                source = vertices[operand]
                parts += (source.shape, source.dtype, source.value)
    return tuple(parts)


# -- what repeats --------------------------------------------------------------------------------


def _periods(tokens: Ints) -> list[int]:
    """Return the distances at which words of 1, 2, 4, ... tokens most often come again."""
    found: dict[int, None] = {}
    words, length = tokens, 1
    while len(words) > 1:
        order = np.argsort(words, kind="stable")
        again = words[order[1:]] == words[order[:-1]]
        if not again.any():
            break
        distances, votes = np.unique(np.diff(order)[again], return_counts=True)
        best = np.lexsort((distances, -votes))[:TRIED]
        found |= dict.fromkeys(distances[best].tolist())
        pairs = words[:-length] * (int(words.max()) + 1) + words[length:]
        words, length = np.unique(pairs, return_inverse=True)[1], 2 * length
    return list(found)


def _alike(tokens: Ints, sources: Ints, period: int) -> Iterator[tuple[int, int]]:
    """Yield start and length of each stretch of at least two blocks of this period."""
    here, there = sources[:-period], sources[period:]
    same: Any = (there == here) | ((there == here + period) & (here >= 0))
    called = _long(tokens[period:] == tokens[:-period], period)
    stretches = _stretches(called & same.all(axis=1)).tolist()
    takes = np.where(same, -1, here).max(axis=1).tolist()  # from how far on, unlike the next block
    operations = called.tolist()
    for start, stop in stretches:
        earlier, outside = start, -1  # where the first block begins, and the last it takes from
        for place in range(start - 1, max(start - period, 0) - 1, -1):
            outside = max(outside, takes[place])
            if not operations[place] or outside >= place:
                break
            earlier = place
        if stop - earlier >= period:
            yield earlier, stop - earlier + period


def _stretches(mask: Mask) -> Ints:
    """Return start and stop of each stretch in which ``mask`` holds."""
    ends = np.diff(np.concatenate([[False], mask, [False]]))
    return np.flatnonzero(ends).reshape(-1, 2)


def _long(mask: Mask, least: int) -> Mask:
    """Return ``mask`` without the stretches that are shorter than ``least``."""
    starts, stops = _stretches(mask).T
    kept = stops - starts >= least
    steps = np.zeros(len(mask) + 1, np.int8)
    steps[starts[kept]], steps[stops[kept]] = 1, -1
    return np.cumsum(steps[:-1], dtype=np.int8).astype(bool)
