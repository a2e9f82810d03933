"""What is written and painted over the boxes of a view: values, amounts, alarms."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TypeAlias

from .._graph import Graph, Vertex, explains
from .._zeros import zero_rule
from .labels import place
from .numbers import amount, duration, entries, short, span
from .view import Box, View

Mark: TypeAlias = "tuple[str | float | None, tuple[str, ...]]"  # how it is painted, what it says
WIDTH = 40  # characters of a line of a reason
DECADES = 3.0  # of gradient norms that at least lie between the palest and the strongest colour


def _annotated(view: View, note: Callable[[Box], Mark]) -> View:
    """Return a view in which each box says, and is painted, what ``note`` tells."""
    boxes = []
    for box in view.boxes:
        mark, lines = note(box)
        boxes.append(
            replace(
                box,
                lines=(*box.lines, *lines),
                tooltip=(*box.tooltip, *lines) if box.tooltip else (),
                mark=box.mark if mark is None else mark,
            )
        )
    return replace(view, boxes=tuple(boxes))


def _last(graph: Graph, box: Box) -> Vertex:
    """Return the vertex whose value leaves a box."""
    operations = [id for id in box.vertices if graph[id].kind == "operation"]
    return graph[(operations or box.vertices)[-1]]


# -- values --------------------------------------------------------------------------------------


def with_values(graph: Graph, view: View, full: bool) -> View:
    """Write values and gradients into the boxes: all numbers, or their range.

    Raises
    ------
    ValueError
        If none were recorded.
    """
    if all(v.stats is None and v.grad is None for v in graph):
        raise ValueError(
            'render: values= needs the numbers, which were not kept: compute under "with '
            'tg.record():", and backward too if its gradients are to be seen'
        )
    paired = any(box.role == "rule" for box in view.boxes)

    def note(box: Box) -> Mark:
        vertex = _last(graph, box)
        operation = vertex.kind == "operation"
        lines: list[str] = []
        if box.role not in ("rule", "sum", "constant") and vertex.stats:
            lines += entries("value", vertex.stats) if full else [span(vertex.stats)]
        name = "g" if box.role == "rule" else "gradient"
        if box.role != "sum" and vertex.grad and (box.role == "rule") == (operation and paired):
            lines += entries(name, vertex.grad) if full else [f"{name} {span(vertex.grad)}"]
        return None, tuple(lines)

    return _annotated(view, note)


# -- amounts -------------------------------------------------------------------------------------


def _gradient_norm(vertices: list[Vertex], rule: bool) -> float | None:
    """Return the norm of the gradient of the parameters in a box, else of what leaves it."""
    norms = [v.grad.norm for v in vertices if v.kind == "parameter" and v.grad]
    if rule or not norms:
        norms = [vertices[-1].grad.norm] if vertices[-1].grad else []
    known = [norm for norm in norms if norm is not None]
    return math.hypot(*known) if known else None


def _time(vertices: list[Vertex], rule: bool) -> float | None:
    times = [v.backward_time if rule else v.forward_time for v in vertices]
    known = [time for time in times if time is not None]
    return sum(known) if known else None


def _flops(vertices: list[Vertex], rule: bool) -> float | None:
    known = [v.flops for v in vertices if v.flops is not None and not rule]
    return sum(known) if known else None


def _bytes(vertices: list[Vertex], rule: bool) -> float | None:
    return None if rule else sum(v.bytes for v in vertices)


AMOUNTS: Mapping[str, tuple[Callable[[list[Vertex], bool], float | None], Callable[[float], str]]]
AMOUNTS = {
    "grad_norm": (_gradient_norm, lambda norm: f"|g| {short(norm)}"),
    "time": (_time, duration),
    "flops": (_flops, lambda count: amount(count, "FLOP")),
    "bytes": (_bytes, lambda count: amount(count, "B")),
}
NEEDED = {
    "grad_norm": 'gradients: run forward and backward under "with tg.record():"',
    "time": 'times: run forward, and backward, under "with tg.profile():"',
    "flops": "operations whose cost is known",
    "bytes": "operations",
}


def with_amounts(graph: Graph, view: View, overlay: str) -> View:
    """Paint and label the boxes by how much of something they have.

    Raises
    ------
    ValueError
        If that was not recorded.
    """
    measure, text = AMOUNTS[overlay]
    found: dict[str, float] = {}
    for box in view.boxes:
        value = measure([graph[id] for id in box.vertices], box.role == "rule")
        if value is not None and box.role != "sum":
            found[box.id] = value
    if not found:
        raise ValueError(f"render: overlay={overlay!r} needs {NEEDED[overlay]}")
    paired = any(box.role == "rule" for box in view.boxes)
    share = _logarithmic(found.values()) if overlay == "grad_norm" else _linear(found.values())

    def note(box: Box) -> Mark:
        value = found.get(box.id)
        if overlay == "grad_norm":
            if value is None and _misses_gradient(graph, box):
                return "missing", ("no gradient",)
            if value == 0:
                return "dead", ("gradient all 0",)
            told = box.role == "rule" or not paired
            if value is not None and told and _stops_here(graph, box):
                return share(value), (text(value), "none of it goes on:", *_why_zero(graph, box))
        return (None, ()) if value is None else (share(value), (text(value),))

    return _annotated(view, note)


def _stops_here(graph: Graph, box: Box) -> bool:
    """Return whether a rule made 0 of a gradient that is not."""
    left = [made for made in _last(graph, box).contributions if made is not None]
    lone = sum(graph[id].kind == "operation" for id in box.vertices) == 1
    return lone and bool(left) and all(made.zeros == made.size for made in left)


def _why_zero(graph: Graph, box: Box) -> list[str]:
    return textwrap.wrap(zero_rule(_last(graph, box).function or ""), WIDTH)


def _misses_gradient(graph: Graph, box: Box) -> bool:
    return box.role != "sum" and _last(graph, box).requires_grad


def _linear(values: Iterable[float]) -> Callable[[float], float]:
    most = max(values) or 1.0
    return lambda value: value / most


def _logarithmic(values: Iterable[float]) -> Callable[[float], float]:
    """Return where between the least and the greatest norm one lies, by its order of magnitude."""
    orders = [math.log10(value) for value in values if value]
    most = max(orders, default=0.0)
    decades = max(most - min(orders, default=0.0), DECADES)
    return lambda value: 1 + (math.log10(value) - most) / decades if value else 0.0


# -- alarms --------------------------------------------------------------------------------------


def with_nonfinite(graph: Graph, view: View) -> View:
    """Mark what made NaN or infinity out of finite numbers, and what only handed it on.

    Raises
    ------
    ValueError
        If no values were recorded.
    """
    if all(v.stats is None for v in graph):
        raise ValueError(
            'render: overlay="nonfinite" needs the numbers: compute under "with tg.record():"'
        )
    forward = _origins(graph)
    backward = _gradient_origins(graph)

    def note(box: Box) -> Mark:
        if box.role == "sum":
            return None, ()
        if box.role == "rule":
            return _alarm(graph, box, backward)
        mark, lines = _alarm(graph, box, forward)
        return (mark, lines) if mark or len(view.ranks) else _alarm(graph, box, backward)

    return _annotated(view, note)


def _alarm(graph: Graph, box: Box, origins: Mapping[int, list[str]]) -> Mark:
    found = [id for id in box.vertices if id in origins]
    first = next((id for id in found if origins[id]), None)
    if first is not None:
        vertex = graph[first]
        inside = [f"in {vertex.key}"] if len(box.vertices) > 1 else []
        line = [f"at {place(vertex.location)}"] if vertex.location else []
        return "origin", (*inside, *origins[first], *line)
    return ("victim", ("not finite, from elsewhere",)) if found else (None, ())


def _origins(graph: Graph) -> dict[int, list[str]]:
    """Return what is not finite; with what to say of it where the operands do not explain it."""
    bad: dict[int, list[str]] = {}
    for v in graph:
        if v.stats is None or v.stats.finite or (v.function is None and not v.stats.nans):
            continue  # an infinite leaf, such as a mask, is meant to be
        bad[v.id] = []
        operands = [graph[id] for id in v.operands if id is not None]
        if not explains([operand.stats for operand in operands], v.stats):
            bad[v.id] = [f"first not finite: {span(v.stats)}"]
            bad[v.id] += [f"from {x.key}: {span(x.stats)}" for x in operands if x.stats]
    return bad


def _gradient_origins(graph: Graph) -> dict[int, list[str]]:
    """Return where gradients are not finite; with what to say of the rules that made them so."""
    bad: dict[int, list[str]] = {v.id: [] for v in graph if v.grad and not v.grad.finite}
    for v in graph:
        for made in v.contributions:
            if made and not made.finite and not explains([v.grad], made):
                arrived = span(v.grad) if v.grad else "nothing"
                bad[v.id] = [f"its rule made {span(made)}", f"from a gradient {arrived}"]
    return bad


def with_highlights(view: View, texts: Mapping[int, str]) -> View:
    """Paint the boxes of some vertices red, and write why."""

    def note(box: Box) -> Mark:
        lines = tuple(texts[id] for id in box.vertices if texts.get(id))
        marked = box.role not in ("rule", "sum") and any(id in texts for id in box.vertices)
        return ("highlight", lines) if marked else (None, ())

    return _annotated(view, note)
