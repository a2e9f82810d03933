"""One framework's process: reads commands from stdin, answers on stdout, a line of JSON each.

run.py starts it: python worker.py PEER THREADS
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import peers
from workloads import rows

ROWS = {row.name: row for row in rows()}


class Worker:
    def __init__(self, name: str) -> None:
        self.peer = peers.load(name)
        self.version = version(name)

    def open(self, row: str, quick: bool) -> dict[str, Any]:
        """Make a row's task."""
        self.row = ROWS[row]
        work = self.row.quick if quick else self.row.work
        self.calls = getattr(work, "nodes", 1)
        try:
            self.task = peers.make(self.peer, work)
        except peers.LeftOut as reason:
            return {"left out": str(reason)}
        return {"version": self.version}

    def check(self, path: str) -> dict[str, Any]:
        """Write the results to path; or, where another peer has, tell the distance from them."""
        import numpy as np

        results = {name: np.asarray(array) for name, array in self.task.results().items()}
        if not Path(path).exists():
            np.savez(path, **results)
            return {"error": 0.0}
        with np.load(path) as reference:
            if set(reference) != set(results):
                return {"error": float("inf")}
            return {"error": max(_distance(results[name], reference[name]) for name in results)}

    def time(self, seconds: float) -> dict[str, Any]:
        """The median time of a step, in seconds: each call alone, or many where they are short.

        A step of training is preceded by one that is not timed, as there is a pause before it.
        """
        times, inner = [], 1
        if seconds and self.calls == 1:
            self.task.step()
        end = time.perf_counter() + seconds
        while not times or time.perf_counter() < end:
            if self.task.before:
                self.task.before()
            start = time.perf_counter()
            for _ in range(inner):
                self.task.step()
            elapsed = time.perf_counter() - start
            if elapsed < 5e-4 and seconds and not self.task.before:
                inner *= 2
            else:
                times.append(elapsed / inner / self.calls)
        return {"value": statistics.median(times)}

    def memory(self) -> dict[str, Any]:
        """The peak of resident memory over three steps, less what there was before: bytes."""
        before = _resident()
        for _ in range(3):
            self.task.step()
        return {"value": _peak() - before}


def _distance(a: Any, b: Any) -> float:
    """The length of a − b, relative to b's."""
    import numpy as np

    a, b = a.astype(np.float64), b.astype(np.float64)
    if a.shape != b.shape:
        return float("inf")
    distance = float(np.linalg.norm(a - b) / max(np.linalg.norm(b), 1e-30))
    return distance if np.isfinite(distance) else float("inf")


def _resident() -> int:
    """Resident bytes now; the peak, where the system allows it, starts from here again."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return _peak()
    return _status("VmRSS")


def _peak() -> int:
    if Path("/proc/self/status").exists():
        return _status("VmHWM")
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status has no {name}")


def main() -> None:
    name, threads = sys.argv[1], int(sys.argv[2])
    if hasattr(os, "sched_setaffinity"):  # for frameworks that ask no variable, as JAX
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a framework prints is no answer
    worker = Worker(name)
    for line in sys.stdin:
        command = json.loads(line)
        try:
            answer = getattr(worker, command.pop("command"))(**command)
        except Exception as error:
            answer = {"failed": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
