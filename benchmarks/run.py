"""tinygraph beside its peers: one command, one table.

    python benchmarks/run.py                    # everything, in an environment of its own
    python benchmarks/run.py --row lenet        # one row (or several)
    python benchmarks/run.py --here --row lenet --peers tinygraph,torch   # installs nothing
    python benchmarks/run.py --quick            # that it works and that results agree; no figures

Each framework runs in a process of its own; in every round they take turns.  Before a row is
timed, all must give the same losses and gradients.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import peers as frameworks
import report
from environment import ROOT, python_with_peers
from workloads import Row, rows

HERE = Path(__file__).resolve().parent
TOLERANCE = 1e-4  # in float32, of a whole gradient's length
PAUSE = 0.1  # between two frameworks: what the first left spinning has gone to sleep
SLOW = 2.0  # seconds: what takes longer is measured in one round only


class Failed(Exception):
    """A framework's process could not do what it was asked."""


class Process:
    """A framework's process, which answers commands."""

    def __init__(self, python: str, peer: str, threads: int) -> None:
        variables = ("OMP", "OPENBLAS", "MKL", "NUMBA")
        environment = os.environ | {f"{name}_NUM_THREADS": str(threads) for name in variables}
        self.process = subprocess.Popen(
            [python, str(HERE / "worker.py"), peer, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self.peer = peer

    def ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        self.process.stdin.write(json.dumps({"command": command, **arguments}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        answer = json.loads(line) if line else {"failed": "its process ended"}
        if "failed" in answer:
            raise Failed(f"{self.peer}, {command}: {answer['failed']}")
        return answer

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


class Driver:
    def __init__(self, python: str, peers: list[str], options: argparse.Namespace) -> None:
        self.python, self.peers, self.options = python, peers, options
        self.versions: dict[str, str] = {}
        self.complete = True  # every row ran, and all results agreed
        # In quick mode each process serves all rows: importing costs more than the work.
        self.lasting = self.start(peers) if options.quick else None

    def start(self, peers: list[str]) -> list[Process]:
        return [Process(self.python, peer, self.options.threads) for peer in peers]

    def run(self, together: list[Row]) -> dict[str, report.Result]:
        """Check rows, then measure them in rounds, in which they take turns as well."""
        results = {}
        jobs: list[tuple[Process, report.Result]] = []
        started: list[Process] = []
        for row in together:
            result: report.Result = {"peers": {}, "left out": {}, "errors": {}}
            results[row.name] = result
            processes = self.lasting or self.start(self.peers)
            started += processes
            with self.failures(row.name):
                ready = self.check(row, processes, result)
                if row.measures == "memory":
                    self.measure_memory(row, [p.peer for p in ready], result)
                else:
                    jobs += [(process, result) for process in ready]
        with self.failures(", ".join(results)):
            self.measure_time(jobs)
        if not self.lasting:
            for process in started:
                process.close()
        return results

    @contextmanager
    def failures(self, what: str) -> Iterator[None]:
        """Tell of a process that failed at some rows, and go on."""
        try:
            yield
        except Failed as failure:
            self.complete = False
            print(f"{what}: {failure}", file=sys.stderr)

    def check(self, row: Row, processes: list[Process], result: report.Result) -> list[Process]:
        """Return the processes that run a row and agree on its results."""
        ready = [p for p in processes if self.opened(p, row, result)]
        with tempfile.TemporaryDirectory() as directory:
            path = str(Path(directory) / "results.npz")
            # PyTorch first: what the others are compared with.
            for process in sorted(ready, key=lambda p: p.peer != "torch"):
                result["errors"][process.peer] = process.ask("check", path=path)["error"]
        wrong = {peer: e for peer, e in result["errors"].items() if e > TOLERANCE}
        if wrong:
            self.complete = False
            print(f"{row.name}: results differ, not measured: {wrong}", file=sys.stderr)
        return [p for p in ready if p.peer not in wrong]

    def opened(self, process: Process, row: Row, result: report.Result) -> bool:
        answer = process.ask("open", row=row.name, quick=self.options.quick)
        if "left out" in answer:
            result["left out"][process.peer] = answer["left out"]
            return False
        self.versions[process.peer] = answer["version"]
        return True

    def measure_time(self, jobs: list[tuple[Process, report.Result]]) -> None:
        slow: set[Process] = set()
        for turn in range(self.options.rounds):
            for process, result in jobs[:: -1 if turn % 2 else 1]:
                if process in slow:
                    continue
                self.pause()
                start = time.perf_counter()
                answer = process.ask("time", seconds=self.options.seconds)
                result["peers"].setdefault(process.peer, []).append(answer["value"])
                took = time.perf_counter() - start - self.options.seconds
                if took > SLOW and process.peer not in ("tinygraph", "torch"):
                    slow.add(process)

    def measure_memory(self, row: Row, peers: list[str], result: report.Result) -> None:
        """Each figure from a fresh process: what the allocator has kept would hide it."""
        for _ in range(1 if self.options.quick else 3):
            for peer in peers:
                [process] = self.start([peer])
                process.ask("open", row=row.name, quick=self.options.quick)
                value = process.ask("memory")["value"]
                result["peers"].setdefault(peer, []).append(value)
                process.close()

    def pause(self) -> None:
        if not self.options.quick:
            time.sleep(PAUSE)

    def close(self) -> None:
        for process in self.lasting or ():
            process.close()


def machine(options: argparse.Namespace, versions: dict[str, str]) -> dict[str, Any]:
    cpu = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        names = [x for x in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in x]
        cpu = names[0].split(":")[1].strip() if names else cpu
    return {
        "cpu": cpu,
        "cpus": os.cpu_count(),
        "threads": options.threads,
        "python": platform.python_version(),
        "versions": versions,
        "rounds": options.rounds,
        "seconds": options.seconds,
        "load": os.getloadavg() if hasattr(os, "getloadavg") else None,
    }


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [row.name for row in rows()]
    parser.add_argument("--row", nargs="+", choices=names, default=names, metavar="NAME")
    parser.add_argument("--peers", default=",".join(frameworks.NAMES), help="some of %(default)s")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.3, help="for a peer in a round")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="small, once, with what is here")
    parser.add_argument("--here", action="store_true", help="with what is here; installs nothing")
    parser.add_argument("--env", type=Path, default=HERE / ".venv", help="where to install")
    parser.add_argument("--json", type=Path, default=ROOT / "out" / "benchmarks.json")
    options = parser.parse_args()
    if unknown := set(options.peers.split(",")) - set(frameworks.NAMES):
        parser.error(f"no such peers: {', '.join(sorted(unknown))}")
    if options.quick:
        options.rounds, options.seconds = 1, 0.0
    return options


def importable(python: str) -> list[str]:
    code = "import peers; print(*peers.installed())"
    found = subprocess.run([python, "-c", code], cwd=HERE, check=True, capture_output=True)
    return found.stdout.decode().split()


def in_turn(chosen: list[Row], quick: bool) -> list[list[Row]]:
    """Group the rows: the chains, whose times are compared with each other, take turns."""
    chains = [row for row in chosen if row.group == "chain" and not quick]
    others = [[row] for row in chosen if row not in chains]
    return [*others, chains] if chains else others


def main() -> int:
    options = arguments()
    here = options.quick or options.here
    python = sys.executable if here else python_with_peers(options.env)
    found = importable(python)
    peers = [name for name in options.peers.split(",") if name in found]
    chosen = [row for row in rows() if row.name in options.row]
    driver = Driver(python, peers, options)
    results = {}
    options.json.parent.mkdir(parents=True, exist_ok=True)
    for together in in_turn(chosen, options.quick):
        results |= driver.run(together)
        about = machine(options, driver.versions)
        options.json.write_text(json.dumps({"machine": about, "rows": results}, indent=1) + "\n")
        print(*(row.name for row in together), end=" ", file=sys.stderr, flush=True)
    driver.close()
    print(file=sys.stderr)
    if options.quick:
        absent = [name for name in options.peers.split(",") if name not in peers]
        without = f", without {', '.join(absent)}" if absent else ""
        print(f"{len(results)} rows run with {', '.join(peers)}{without}")
    else:
        print(report.table(chosen, results, peers))
        print("\n" + ", ".join(f"{key}: {value}" for key, value in about.items()))
    return int(not driver.complete)


if __name__ == "__main__":
    sys.exit(main())
