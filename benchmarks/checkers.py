"""Gradient checkers side by side: the same planted bugs, the same right rules, one table.

    python benchmarks/checkers.py           # in the environment of run.py
    python benchmarks/checkers.py --here    # with what is installed here

Bugs: caught or missed, with five seeds each (of the inputs and the checker).  Right rules: how many
of five seeds raised a false alarm, and the resolution, measured in the same way for all: the
smallest relative error of the rule, a power of ten, that was caught with all five.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import checks
import numpy as np
from environment import ROOT, python_with_peers
from planted import SUBJECTS, Subject

HERE = Path(__file__).resolve().parent
SEEDS = range(5)
FINEST = 14  # the smallest error that is tried is 1e-14


class Trial:
    """One checker at work, timed."""

    def __init__(self, peer: str) -> None:
        self.make = checks.CHECKERS[peer]()
        self.seconds: list[float] = []

    def verdicts(self, subject: Subject) -> Iterator[str]:
        """Check a subject with each seed."""
        check = None
        for seed in SEEDS:
            xs = subject.draw(np.random.default_rng(seed))
            check = check or self.make(subject, xs)
            start = time.perf_counter()
            try:
                verdict = check(xs, seed)
            except Exception as error:  # a bug that breaks the framework is seen, too
                verdict = f"failed: {type(error).__name__}: {error}"
            self.seconds.append(time.perf_counter() - start)
            yield verdict

    def resolution(self, subject: Subject) -> float | None:
        """Return the smallest power of ten that was caught as an error, with every seed."""
        caught, missed = 0, FINEST + 1
        while missed - caught > 1:
            power = (caught + missed) // 2
            verdicts = self.verdicts(subject.off_by(10.0**-power))
            if all(v.startswith("failed") for v in verdicts):  # stops at the first
                caught = power
            else:
                missed = power
        return 10.0**-caught if caught else None


def judge(peer: str) -> dict[str, Any]:
    """Run everything with one checker."""
    warnings.simplefilter("ignore")  # PyTorch asks for double precision; inconclusive checks
    trial = Trial(peer)
    bugs = {
        subject.name: None if subject.writes and peer == "jax" else list(trial.verdicts(subject))
        for subject in SUBJECTS["bugs"]
    }
    right = {}
    for subject in SUBJECTS["right"]:
        verdicts = list(trial.verdicts(subject))
        alarms = sum(v.startswith("failed") for v in verdicts)
        finest = trial.resolution(subject) if alarms < len(verdicts) else None
        right[subject.name] = {
            "alarms": alarms,
            "inconclusive": verdicts.count("inconclusive"),
            "resolution": finest,
        }
    return {"bugs": bugs, "right": right, "seconds": statistics.median(trial.seconds)}


# -- the tables ----------------------------------------------------------------------------------


def bug_cell(verdicts: list[str] | None) -> str:
    if verdicts is None:
        return "cannot happen"
    caught = sum(v.startswith("failed") for v in verdicts)
    unsure = verdicts.count("inconclusive")
    if caught == len(verdicts):
        return "caught"
    told = f"caught {caught} of {len(verdicts)}" if caught else "**missed**"
    return f"{told}, inconclusive {unsure}" if unsure else told


def right_cell(result: dict[str, Any]) -> str:
    finest = "none" if result["resolution"] is None else f"{result['resolution']:.0e}"
    parts = [f"**{result['alarms']} of {len(SEEDS)} alarms**"] if result["alarms"] else []
    if result["inconclusive"]:
        parts.append(f"{result['inconclusive']} inconclusive")
    return ", ".join([*parts, finest])


def totals(results: dict[str, Any]) -> list[list[str]]:
    rows = []
    for peer, result in results.items():
        bugs = [v for v in result["bugs"].values() if v is not None]
        always = sum(all(v.startswith("failed") for v in verdicts) for verdicts in bugs)
        alarms = sum(r["alarms"] for r in result["right"].values())
        unsure = sum(r["inconclusive"] for r in result["right"].values())
        cases = len(SEEDS) * len(result["right"])
        finest = [r["resolution"] or 1 for r in result["right"].values()]
        rows.append(
            [
                checks.TITLES[peer],
                f"{always} of {len(bugs)}",
                f"{alarms} of {cases}",
                str(unsure),
                f"{statistics.median(finest):.0e}",
                f"{result['seconds'] * 1e3:.1f} ms",
            ]
        )
    return rows


def table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def show(results: dict[str, Any]) -> None:
    header = ["", "bugs always caught", "false alarms", "inconclusive", "resolution", "a check"]
    print(table(header, totals(results)), end="\n\n")
    peers = [checks.TITLES[peer] for peer in results]
    for title, kind, cell in (("bug", "bugs", bug_cell), ("right rule", "right", right_cell)):
        rows = [
            [subject.name, *(cell(result[kind][subject.name]) for result in results.values())]
            for subject in SUBJECTS[kind]
        ]
        print(table([title, *peers], rows), end="\n\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--here", action="store_true", help="with what is here; installs nothing")
    parser.add_argument("--env", type=Path, default=HERE / ".venv", help="where to install")
    parser.add_argument("--json", type=Path, default=ROOT / "out" / "checkers.json")
    parser.add_argument("--peer", choices=checks.CHECKERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        print(json.dumps(judge(options.peer)))
        return 0
    python = sys.executable if options.here else python_with_peers(options.env)
    results = {}
    code = "import checks; print(*checks.installed())"
    found = subprocess.run([python, "-c", code], cwd=HERE, check=True, capture_output=True)
    for peer in found.stdout.decode().split():
        command = [python, HERE / "checkers.py", "--peer", peer]
        answer = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
        results[peer] = json.loads(answer.splitlines()[-1])
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(results, indent=1) + "\n")
    show(results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
