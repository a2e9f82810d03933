"""From measurements to a table."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from math import prod
from typing import Any

from peers import NAMES, TITLES
from workloads import CHAINS, CONVOLUTIONS, Row

# {"peers": {name: [a value for each round]}, "left out": {name: why}, "errors": {name: distance}}
Result = dict[str, Any]


def table(rows: Iterable[Row], results: dict[str, Result], peers: list[str]) -> str:
    shown = [name for name in NAMES if name in peers]
    head = ["", *(TITLES[name] for name in shown), "× PyTorch (spread)", "goal", ""]
    lines = [head, ["---", *["---:"] * (len(shown) + 1), "---", "---"]]
    for row in rows:
        if row.name in results:
            result = results[row.name]
            values = [_value(row, result["peers"].get(name)) for name in shown]
            lines.append([row.title, *values, *_judged(ratios(result), row.goal)])
    lines += _together(list(rows), results, len(shown))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def ratios(result: Result, to: str = "torch") -> list[float]:
    """tinygraph's value over a peer's, round by round."""
    measured = result["peers"]
    return [
        a / b for a, b in zip(measured.get("tinygraph", ()), measured.get(to, ()), strict=False)
    ]


def _together(rows: list[Row], results: dict[str, Result], peers: int) -> list[list[str]]:
    """The rows that several rows make: means of the convolutions, flatness of the chains."""
    lines = []
    empty = [""] * peers
    convolutions = [row.name for row in rows if row.group == "conv2d"]
    for to, goal in (("torch", 1.0), ("mygrad", 0.2)):
        every = [ratios(results[name], to) for name in convolutions if name in results]
        each = [one for one in every if one]  # MyGrad does not run them all
        if len(every) == len(CONVOLUTIONS) and each:
            means = [prod(one) ** (1 / len(one)) for one in zip(*each, strict=False)]
            title = f"conv2d, geometric mean of {len(each)}, × {TITLES[to]}"
            lines.append([title, *empty, *_judged(means, goal)])
    chains = [row.name for row in rows if row.group == "chain"]
    costs = [results[name]["peers"].get("tinygraph") for name in chains if name in results]
    if len(costs) == len(CHAINS) and all(costs):
        flatness = [max(turn) / min(turn) for turn in zip(*costs, strict=False)]
        lines.append(["chain, dearest node / cheapest", *empty, *_judged(flatness, 1.5)])
    return lines


def _judged(values: list[float], goal: float | None) -> list[str]:
    """The median with its spread, the goal, and whether it is met or by what factor missed."""
    if not values:
        return ["–", "", ""]
    median = statistics.median(values)
    shown = f"{median:.2f} ({min(values):.2f}–{max(values):.2f})"
    if goal is None:
        return [shown, "", ""]
    return [shown, f"≤ {goal:g}", "met" if median <= goal else f"{median / goal:.2f} × the goal"]


def _value(row: Row, values: list[float] | None) -> str:
    if not values:
        return "–"
    value = statistics.median(values)
    if row.measures == "memory":
        return f"{value / 2**20:.0f} MiB"
    if value >= 1e-3:
        return f"{value * 1e3:.3g} ms" if value < 1 else f"{value:.3g} s"
    return f"{value * 1e6:.3g} µs"
