"""What a page knows of arrays: each summary once, and pictures no larger than there is room for.

These are the limits of a page: entries one by one of arrays of at most 36, and of larger ones a
corner of at most 28 × 28; where there are many arrays, smaller corners, so that all together hold
at most 600,000 entries; numbers with six digits, of which three are shown.
"""

from __future__ import annotations

import math
from dataclasses import fields, replace
from typing import Any

from ..._graph import Graph, Vertex
from ..._summary import SIDE, Summary, corner
from ..json import plain, plain_vertices

DIGITS = 6
ROOM = 600_000  # entries of all corners: 3.2 MB
LEAST = 4  # rows and columns that still make a picture

SINGLE = ("stats", "grad", "arrived")
SEVERAL = ("contributions", "reductions")


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
    known = summary.corner
    if known is not None and side < LEAST:
        known = None
    elif known is not None and side < SIDE:
        known = corner(known.array, side * side, side)
    values = {f.name: _rounded(getattr(summary, f.name)) for f in fields(summary)}
    return {name: plain(x) for name, x in (values | {"corner": known}).items() if x is not None}


def _rounded(value: Any) -> Any:
    """Return floats, also in nested tuples, with fewer digits."""
    if isinstance(value, tuple):
        return tuple(map(_rounded, value))
    if isinstance(value, float) and math.isfinite(value):
        return float(f"{value:.{DIGITS}g}")
    return value
