"""Numbers as text: short enough for a box."""

from __future__ import annotations

from typing import Any

from .._summary import Summary

DIGITS = 4
UNITS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
TIMES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))


def short(value: float | None) -> str:
    """Return a number with four digits: 0.3333, -2, 1.5e-07."""
    if value is None:
        return "–"
    return f"{value:.{DIGITS}g}".replace("-", "−") if value == value else "NaN"


def amount(count: float, unit: str = "") -> str:
    """Return a count with a prefix: 1.2 M."""
    size, prefix = next(((s, p) for s, p in UNITS if count >= s), (1, ""))
    return f"{short(count / size)} {prefix}{unit}".strip()


def duration(seconds: float) -> str:
    """Return a time: 1.5 ms."""
    size, unit = next(((s, u) for s, u in TIMES if seconds >= s), TIMES[-1])
    return f"{seconds / size:.3g} {unit}"


def span(stats: Summary) -> str:
    """Return the range of some numbers, and what is odd among them: -1 … 2, 3 NaN."""
    if not stats.size:
        return "empty"
    parts = []
    if stats.min is not None:
        low, high = short(stats.min), short(stats.max)
        parts.append(low if low == high else f"{low} … {high}")
    if 1 < stats.size == stats.zeros:
        parts = ["all 0"]
    odd = ((stats.nans, "NaN"), (stats.infs, "infinite"))
    return ", ".join([*parts, *(f"{count:,} {what}" for count, what in odd if count)])


def entries(name: str, stats: Summary) -> list[str]:
    """Return all numbers of a small array, a line for each row; of a large one the range."""
    if stats.entries is None:
        return [f"{name} {span(stats)}"]
    rows = _rows(stats.entries)
    return [f"{name} = {rows[0]}", *rows[1:]]


def _rows(entries: Any) -> list[str]:
    if not isinstance(entries, tuple):
        return [short(entries) if not isinstance(entries, bool) else str(entries)]
    if not any(isinstance(x, tuple) for x in entries):
        return [f"[{', '.join(_rows(x)[0] for x in entries)}]"]
    return [row for x in entries for row in _rows(x)]
