"""Pictures of one ResNet-50 by tinygraph, torchview and torchviz, and of what is much larger.

    python benchmarks/pictures.py                 # in an environment of its own; dot is on PATH
    python benchmarks/pictures.py --here          # with what is installed here; installs nothing
    python benchmarks/pictures.py --here --rounds 1 --row full

A row's time is from the network and its input to the finished SVG file: the forward pass, the
graph, the layout.  Each library runs in a process of its own; in every round they take turns.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from environment import ROOT, python_with_peers

HERE = Path(__file__).resolve().parent
PEERS = ("torch==2.13.0", "torchview==0.2.7", "torchviz==0.0.3")
LIBRARIES = {
    "tinygraph": "tinygraph",
    "tinygraph-wasm": "tinygraph without dot",
    "torchview": "torchview",
    "torchviz": "torchviz",
}


class Row(NamedTuple):
    title: str
    goal: float | None = None  # seconds
    boxes: int | None = None  # at most


ROWS = {
    "depth 1": Row("ResNet-50, depth 1"),
    "depth 2": Row("ResNet-50, depth 2"),
    "full": Row("ResNet-50, every operation"),
    "backward": Row("ResNet-50, with its backward pass"),
    "1000": Row("a longer ResNet, forward and backward, 1,000 boxes", 1),
    "5000": Row("the same, 5,000 boxes", 15),
    "irregular": Row("100,000 operations in no order", 3, 150),
    "nested": Row("100,000 operations in no order, in 5,000 scopes in 100 scopes", 3, 150),
    "blocks": Row("100,000 operations in 20,000 equal blocks", 3, 150),
    "doubling": Row("`y = y + y`, 60 deep: the snapshot"),
    "chain": Row("a chain of 200,000 operations: the snapshot"),
}


class Process:
    """A library's process, which draws what it is told to."""

    def __init__(self, python: str, library: str) -> None:
        self.process = subprocess.Popen(
            [python, str(HERE / "drawing.py"), library],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.library = library
        line = self.process.stdout.readline()
        answer = json.loads(line) if line else {}
        self.opened: dict[str, Any] = {"rows": [], "versions": {}} | answer
        if not self.opened["rows"]:
            missing = answer.get("missing")
            reason = f"{missing} is not installed" if missing else "it does not run"
            print(f"left out: {library}: {reason}", file=sys.stderr)

    def draw(self, row: str) -> dict[str, Any]:
        self.process.stdin.write(json.dumps(row) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def measure(processes: list[Process], row: str, rounds: int) -> dict[str, list[dict[str, Any]]]:
    drawn: dict[str, list[dict[str, Any]]] = {}
    able = [process for process in processes if row in process.opened["rows"]]
    for turn in range(rounds):
        for process in able[:: -1 if turn % 2 else 1]:
            drawn.setdefault(process.library, []).append(process.draw(row))
    return drawn


def line(row: Row, drawn: dict[str, list[dict[str, Any]]], libraries: list[str]) -> str:
    cells = [row.title]
    for library in libraries:
        cells.append(_shown(drawn[library]) if library in drawn else "–")
    cells.append(_judged(row, drawn.get("tinygraph", [])) if row.goal else "")
    return f"| {' | '.join(cells)} |"


def _shown(drawn: list[dict[str, Any]]) -> str:
    times = sorted(one["seconds"] for one in drawn)
    median, boxes = statistics.median(times), drawn[0]["boxes"]
    unit, scale = ("s", 1.0) if median >= 1 else ("ms", 1e3)
    low, middle, high = (f"{x * scale:.3g}" for x in (times[0], median, times[-1]))
    count = "" if boxes is None else f", {boxes:,} boxes"
    return f"{middle} {unit} ({low}–{high}){count}"


def _judged(row: Row, ours: list[dict[str, Any]]) -> str:
    if not ours:
        return ""
    goal = f"≤ {row.goal:g} s" + (f", ≤ {row.boxes} boxes" if row.boxes else "")
    met = statistics.median(one["seconds"] for one in ours) <= row.goal
    met = met and (row.boxes is None or ours[0]["boxes"] <= row.boxes)
    return f"{goal}: {'met' if met else 'missed'}"


def _same_networks(processes: list[Process]) -> bool:
    """Whether all of them draw a network of the same parameters."""
    networks = [p.opened["parameters"] for p in processes if p.opened["rows"]]
    return all(network == networks[0] for network in networks)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--row", nargs="+", choices=ROWS, default=[*ROWS], metavar="NAME")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--here", action="store_true", help="with what is here, installing nothing")
    parser.add_argument(
        "--env", type=Path, default=ROOT / "out" / "pictures-environment", help="where to install"
    )
    options = parser.parse_args()
    here = sys.executable if options.here else None
    python = here or python_with_peers(options.env, PEERS, f"{ROOT}[viz]")
    processes = [Process(python, library) for library in LIBRARIES]
    libraries = [process.library for process in processes if process.opened["rows"]]
    if not _same_networks(processes):
        print("the networks differ", file=sys.stderr)
        return 1
    titles = [LIBRARIES[library] for library in libraries]
    print(f"|  | {' | '.join(titles)} | goal |")
    print(f"| --- | {'---: | ' * len(titles)}--- |")
    for name in options.row:
        print(line(ROWS[name], measure(processes, name, options.rounds), libraries), flush=True)
    versions = {name: v for process in processes for name, v in process.opened["versions"].items()}
    print("\n" + ", ".join(f"{name} {version}" for name, version in versions.items()))
    for process in processes:
        process.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
