"""What the shapes and lines of a picture mean: a strip below it, in the SVG."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from typing import TypeAlias

from .measure import text_width
from .themes import FONT, Look, Theme
from .view import Flow, Role, View

ROLES: dict[Role, str] = {
    "input": "input",
    "parameter": "parameter",
    "constant": "number",
    "operation": "operation",
    "module": "closed module",
    "repeat": "repeated block",
    "rule": "gradient rule",
    "sum": "gradients added",
}
FLOWS: dict[Flow, str] = {"data": "data", "gradient": "gradient", "saved": "kept for the rule"}
ALARMS = {
    "origin": "first not finite",
    "victim": "not finite, from elsewhere",
    "dead": "gradient all 0",
    "missing": "no gradient",
    "highlight": "marked",
}
SAMPLE, HIGH, GAP, SIZE = 26.0, 15.0, 16.0, 10.5  # points: a sample, a row, between entries, text

Entry: TypeAlias = "tuple[str, str]"  # the drawing of a sample in SVG, and what it means


def is_wanted(view: View) -> bool:
    """Return whether a picture shows more than data that flow through operations."""
    return any(edge.flow != "data" for edge in view.edges) or any(
        box.mark is not None for box in view.boxes
    )


def entries(view: View, theme: Theme) -> Iterator[Entry]:
    """Yield what occurs in a view."""
    roles = {box.role for box in view.boxes}
    for role, text in ROLES.items():
        if role in roles:
            yield _sample(role, theme.roles[role]), text
    if any(box.output for box in view.boxes):
        yield _sample("output", theme.output), "output"
    flows = {edge.flow for edge in view.edges}
    for flow, text in FLOWS.items():
        if flow in flows:
            yield _line(flow, theme.flows[flow]), text
    if any(edge.broadcast for edge in view.edges):
        yield _line("broadcast", theme.flows["data"]), "broadcast; its gradient is summed"
    marks = {box.mark for box in view.boxes}
    for mark, text in ALARMS.items():
        if mark in marks:
            yield _sample("operation", theme.alarms[mark]), text
    if any(isinstance(mark, float) for mark in marks):
        yield _scale(theme), "little … much"


def add(svg: str, view: View, theme: Theme) -> str:
    """Return an SVG that Graphviz made with a strip below it that explains it."""
    size = re.search(r'<svg width="([\d.]+)pt" height="([\d.]+)pt"\s+viewBox="[^"]*"', svg)
    if size is None:
        return svg
    width, height = float(size[1]), float(size[2])
    drawn, x, y = [], GAP, HIGH
    for sample, text in entries(view, theme):
        room = SAMPLE + 6 + text_width(text, SIZE)
        if x + room > width and x > GAP:
            x, y = GAP, y + HIGH + 6
        drawn.append(
            f'<g transform="translate({x:.1f} {height + y:.1f})">{sample}'
            f'<text x="{SAMPLE + 6:g}" y="3.7" font-family="{FONT},Helvetica,sans-serif" '
            f'font-size="{SIZE}" fill="{theme.muted}">{escape(text)}</text></g>'
        )
        x += room + GAP
        width = max(width, x)
    total = height + y + HIGH
    head = (
        f'<svg width="{width:.2f}pt" height="{total:.2f}pt" '
        f'viewBox="0.00 0.00 {width:.2f} {total:.2f}"'
    )
    paper = f'<rect width="{width + 1:.2f}" height="{total + 1:.2f}" fill="{theme.paper}"/>'
    body = svg[size.end() :].replace("<g id=", f"{paper}\n<g id=", 1)
    strip = "\n".join(['<g id="legend">', *drawn, "</g>", "</svg>"])
    return svg[: size.start()] + head + body.replace("</svg>", strip)


def _sample(role: str, look: Look) -> str:
    line, fill = look
    paint = f'fill="{fill}" stroke="{line}"'
    if role == "constant":
        return (
            f'<text x="9" y="3.7" font-family="{FONT}" font-size="{SIZE}" fill="{line}">1.5</text>'
        )
    if role == "input":
        return f'<ellipse cx="13" rx="12" ry="6" {paint}/>'
    if role == "sum":
        return f'<circle cx="13" r="6" {paint}/><path d="M10 0h6M13 -3v6" stroke="{line}"/>'
    if role == "parameter":
        return (
            f'<path d="M4 -4v8c0 3 18 3 18 0v-8" {paint}/>'
            f'<ellipse cx="13" cy="-4" rx="9" ry="2.2" {paint}/>'
        )
    if role in ("repeat", "output"):
        return (
            f'<rect x="1" y="-6" width="24" height="12" rx="2" {paint}/>'
            f'<rect x="3.5" y="-3.5" width="19" height="7" rx="1" {paint}/>'
        )
    if role == "module":
        return (
            f'<path d="M1 -4l3 -3h21v10l-3 3h-21z" {paint}/>'
            f'<path d="M1 -4h21v10M22 -4l3 -3" fill="none" stroke="{line}"/>'
        )
    dashes = ' stroke-dasharray="4 2"' if role == "rule" else ""
    return f'<rect x="1" y="-6" width="24" height="12" rx="4" {paint}{dashes}/>'


def _line(flow: str, color: str) -> str:
    dashes = {"gradient": ' stroke-dasharray="5 2"', "saved": ' stroke-dasharray="1 3"'}
    line = f'<path d="M1 0h22" fill="none" stroke="{color}"{dashes.get(flow, "")}/>'
    if flow == "gradient":
        return line + f'<path d="M0 0l7 -3v6z" fill="{color}"/>'
    if flow == "broadcast":
        line += f'<path d="M9 0l4 -3l4 3l-4 3z" fill="none" stroke="{color}"/>'
    return line if flow == "saved" else line + f'<path d="M26 0l-7 -3v6z" fill="{color}"/>'


def _scale(theme: Theme) -> str:
    width = SAMPLE / len(theme.scale)
    return "".join(
        f'<rect x="{i * width:.1f}" y="-6" width="{width:.1f}" height="12" fill="{color}" '
        f'stroke="{theme.side}" stroke-width="0.5"/>'
        for i, color in enumerate(theme.scale)
    )
