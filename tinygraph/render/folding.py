"""Folding: equal blocks that follow one another become one group.

Two places are alike at a distance p if they are the same operation, in scopes of the same names
but for numbers, and take from the same places, p further on, or from one and the same.  A run of p
and more of such pairs is a repeated block; where the others take from the block before, the first
may take from what is before it.  The distances worth trying are those at which longer and longer
words of the sequence come again; they are found by doubling, so the search is nearly linear.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from .._graph import Graph
from .._places import Path, common
from .partition import STEPS, Group, Places, in_order, predecessors

Ints: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]

ROUNDS = 4  # blocks of blocks of blocks
COLUMNS = 3  # operands that are compared one by one
NOWHERE = (-1,) * COLUMNS
TRIED = 4  # distances tried for each length of words, and starts for each stretch
LEAST = 3  # fewer operations hidden are not worth it
NUMBER = re.compile(r"#?\d+")  # of a block or a step, in the name of its scope
LARGE = 2000  # of so many groups at least half must go, or looking for repeats takes too long


class Run(NamedTuple):
    """Equal blocks: where they start, how long each is, how many there are.

    ``end`` is where what follows is no longer as in another block.
    """

    start: int
    period: int
    times: int
    end: int

    @property
    def stop(self) -> int:
        """Where they end."""
        return self.start + self.period * self.times

    @property
    def hidden(self) -> int:
        """How many places there are less when they are folded."""
        return self.period * (self.times - 1)


def fold(graph: Graph, groups: Sequence[Group]) -> list[Group]:
    """Return groups of operations in order, with blocks that repeat put together.

    What is folded has a shorter way behind it, so that others may come in another order then: two
    loops, say, of which one takes from all steps of the other.
    """
    for _ in range(ROUNDS):
        groups, runs = _repeats(graph, in_order(graph, groups))
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


def _repeats(graph: Graph, groups: Sequence[Group]) -> tuple[Sequence[Group], list[Run]]:
    """Return the runs, and the groups, in an order in which these are as long as can be."""
    tokens, sources = _sequence(graph, groups)
    runs = _best(groups, tokens, sources)
    order = _in_step(tokens, sources, runs)
    if order == sorted(order):
        return groups, runs
    groups = [groups[i] for i in order]
    return groups, _best(groups, *_sequence(graph, groups))


def _together(groups: Sequence[Group], run: Run) -> Group:
    blocks = [groups[i : i + run.period] for i in range(0, len(groups), run.period)]
    parts = tuple(tuple(id for group in block for id in group.vertices) for block in blocks)
    vertices = tuple(sorted(id for part in parts for id in part))
    return Group(vertices, common([group.scope for group in groups]), parts=parts)


def _best(groups: Sequence[Group], tokens: Ints, sources: Places) -> list[Run]:
    """Return runs that do not overlap, those that hide most first chosen, in order.

    If they do not hide enough to be worth it, there are none.
    """
    least = len(groups) / 2 if len(groups) > LARGE else 1
    columns = np.array([(*places, *NOWHERE)[:COLUMNS] for places in sources]).reshape(-1, COLUMNS)
    found = [
        (start, length, period)
        for period in _periods(tokens)
        for start, length in _alike(tokens, columns, period)
        if length >= period + LEAST or not groups[start].single
    ]
    if sum(length - period for _, length, period in found) < least:
        return []
    depths = _depths(groups)
    runs = [run for stretch in found for run in _aligned(groups, depths, *stretch)]
    members = _members(groups)
    taken = np.zeros(len(groups), bool)
    chosen = []
    for run in sorted(runs, key=lambda run: (-run.hidden, run.period, run.start)):
        block = groups[run.start : run.start + run.period]
        worth = run.hidden >= LEAST or not any(group.single for group in block)
        free = worth and not taken[run.start : run.stop].any()
        if free and _is_whole(groups, run, members) and not _shares_own(columns, run):
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
) -> list[Run]:
    """Return the longest runs of which the blocks start where modules do, if they cut none."""
    end = start + length

    def rank(run: Run) -> tuple[int, int]:
        return int(depths[run.start : run.stop + 1 : period].max()), -run.times

    starts = range(start, start + min(period, length - 2 * period + 1))
    runs = [Run(first, period, (end - first) // period, end) for first in starts]
    ranks = [rank(run) for run in runs]
    best = min(ranks)
    runs = [run for run, ranked in zip(runs, ranks, strict=True) if ranked == best]
    inside = common([group.scope for group in groups[runs[0].start : runs[0].stop]])
    return runs[:TRIED] if best[0] <= len(inside) else []


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


def _shares_own(columns: Ints, run: Run) -> bool:
    """Return whether two blocks take from one and the same place that lies in a block itself."""
    here = columns[run.start : run.stop - run.period]
    there = columns[run.start + run.period : run.stop]
    return bool(((here == there) & (here >= run.start)).any())


# -- the first block -----------------------------------------------------------------------------


def _in_step(tokens: Ints, sources: Places, runs: Iterable[Run]) -> list[int]:
    """Return an order in which what comes before a run stands as what is like it in the run.

    The first step of a loop may stand in another order than the others, because its state does not
    come from a step before.
    """
    kinds = tokens.tolist()
    order = list(range(len(kinds)))
    ahead: list[Run] = []  # of those before a run, the ones that hide more
    for run in runs:
        while ahead and ahead[-1].hidden < run.hidden:
            ahead.pop()
        start = min(ahead[-1].end, run.start) if ahead else 0
        first = _first(kinds, sources, run, start)
        others = [i for i in order[start : run.start] if i not in first]
        rank = {i: n for n, i in enumerate((*others, *first))}
        if all(rank.get(x, -1) < n for i, n in rank.items() for x in sources[i]):
            order[start : run.start] = rank
        ahead.append(run)
    return order


def _first(tokens: Sequence[int], sources: Places, run: Run, start: int) -> dict[int, None]:
    """Return the places from ``start`` on that are before a run what others are in it, in order.

    It goes back from two blocks at a time: what both take is alike, if it is the same operation.
    """
    stop = run.start + run.period
    like: dict[int, int] = {}
    pairs = [(i + run.period, i) for i in range(run.start, stop)]
    while pairs:
        for later, earlier in zip(*map(sources.__getitem__, pairs.pop()), strict=False):
            inside = run.start <= later < stop and start <= earlier < run.start
            if inside and later not in like and tokens[later] == tokens[earlier]:
                like[later] = earlier
                pairs.append((later, earlier))
    return dict.fromkeys(like[later] for later in sorted(like))


# -- the sequence --------------------------------------------------------------------------------


def _sequence(graph: Graph, groups: Sequence[Group]) -> tuple[Ints, list[list[int]]]:
    """Return what each group is, as a number, and the places from which it takes.

    Leaves count: the state of the first step is one, which the others take from the step before.
    """
    names = {group.scope: NUMBER.sub("", "/".join(group.scope)) for group in groups}
    numbers: dict[Hashable, int] = {}
    sources = predecessors(graph, groups, leaves=True)
    tokens = []
    for i, (group, places) in enumerate(zip(groups, sources, strict=True)):
        others = [place if place < 0 else i - place for place in places[COLUMNS:]]
        token = (names[group.scope], _structure(graph, group), *others)
        tokens.append(numbers.setdefault(token, len(numbers)))
    return np.array(tokens), sources


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
                value = source.value if source.kind == "constant" else None
                parts += (source.shape, source.dtype, value)
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
