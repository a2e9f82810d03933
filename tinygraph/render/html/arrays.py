"""What a page knows of arrays: each summary once, and pictures no larger than there is room for.

These are the limits of a page: entries one by one of arrays of at most 36, and of larger ones a
corner of at most 28 × 28; where there are many arrays, smaller corners, so that all together hold
at most 300,000 entries; numbers with six digits, of which three are shown.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from ..._graph import Graph, Vertex
from ..._summary import SIDE, Summary, corner
from ..json import plain, plain_vertices

DIGITS = 6
ROOM = 300_000  # entries of all corners: 1.6 MB
LEAST = 4  # rows and columns that still make a picture

SINGLE = ("stats", "grad", "arrived")
SEVERAL = ("contributions", "reductions")
NUMBERS = ("size", "min", "max", "mean", "norm", "zeros", "nans", "infs", "entries")


def plain_with_arrays(
    graph: Graph,
) -> tuple[list[dict[str, Any]], dict[str, str], list[dict[str, Any]]]:
    """Return the vertices as what JSON has, docstrings by function, and all summaries.

    A vertex tells the places of its summaries among these.
    """
    bare = replace(graph, vertices=tuple(map(_bare, graph)))
    vertices, docs = plain_vertices(bare)
    found: dict[Summary, int] = {}
    for vertex, known in zip(graph, vertices, strict=True):
        known.update(_places(vertex, found))
    return vertices, docs, _plain_summaries(list(found))


def _bare(vertex: Vertex) -> Vertex:
    return replace(
        vertex, stats=None, grad=None, arrived=None, contributions=(), reductions=(), aux=()
    )


def _places(vertex: Vertex, found: dict[Summary, int]) -> dict[str, Any]:
    """Return where the summaries of a vertex are, by field."""

    def place(summary: Summary | None) -> int | None:
        return None if summary is None else found.setdefault(summary, len(found))

    known: dict[str, Any] = {name: place(getattr(vertex, name)) for name in SINGLE}
    known |= {name: [place(summary) for summary in getattr(vertex, name)] for name in SEVERAL}
    known["aux"] = [(name, place(summary)) for name, summary in vertex.aux]
    return {name: value for name, value in known.items() if value not in (None, [])}


def _plain_summaries(summaries: list[Summary]) -> list[dict[str, Any]]:
    large = sum(summary.corner is not None for summary in summaries)
    side = min(SIDE, math.isqrt(ROOM // max(large, 1)))
    return [_plain_summary(summary, side) for summary in summaries]


def _plain_summary(summary: Summary, side: int) -> dict[str, Any]:
    values = {name: _rounded(getattr(summary, name)) for name in NUMBERS}
    values["histogram"] = summary.histogram
    known = summary.corner
    if known is not None and side >= LEAST:
        known = corner(known.array, side * side, side) if side < SIDE else known
        values |= {"leading": known.shape, "numbers": known.numbers}
    return {name: x for name, x in values.items() if x is not None}


def _rounded(value: Any) -> Any:
    """Return numbers, also in nested tuples, as what JSON has, with fewer digits."""
    if isinstance(value, tuple):
        return tuple(map(_rounded, value))
    if isinstance(value, float) and math.isfinite(value):
        return float(f"{value:.{DIGITS}g}")
    return plain(value)
