"""Run the battery on a tinygraph with one bug, in this process: python battery.py NAME RESULT ...

What follows goes to pytest.  The bug is in the module that is imported; no file is touched.  RESULT
is the file for a line of JSON: which test failed first, why, and on how many elements.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
from catalogue import by_name
from mutant import ROOT, Mutant


class _Loader(SourceFileLoader):
    """Compiles the mutated source in the place of the file's, and caches nothing."""

    def __init__(self, mutant: Mutant) -> None:
        super().__init__(mutant.module, str(mutant.path))
        self.source = mutant.source()

    def get_code(self, fullname: str) -> CodeType:
        return compile(self.source, self.path, "exec", dont_inherit=True)


class Finder(MetaPathFinder):
    """Finds the module that has the bug."""

    def __init__(self, mutant: Mutant) -> None:
        self.mutant = mutant

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: Any = None
    ) -> ModuleSpec | None:
        if fullname != self.mutant.module:
            return None
        loader = _Loader(self.mutant)
        return spec_from_file_location(fullname, self.mutant.path, loader=loader)


class Witness:
    """Watches pytest: how many tests ran, and the first that failed."""

    def __init__(self) -> None:
        self.start = time.perf_counter()
        self.result: dict[str, Any] = {"tests": 0}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.result["tests"] += report.when == "call"

    def pytest_exception_interact(self, node: pytest.Item, call: Any, report: Any) -> None:
        if "test" in self.result:
            return
        error = call.excinfo.value
        self.result |= {
            "test": node.nodeid,
            "collected": isinstance(node, pytest.Item),
            "error": type(error).__name__,
            "message": str(error),
            "sizes": sizes(node, error),
        }


def sizes(node: Any, error: BaseException) -> list[int] | None:
    """Return the number of elements of each input of the failing example, where it is told."""
    case = getattr(node, "callspec", None) and node.callspec.params.get("case")
    inputs = getattr(case, "inputs", None)
    if inputs is None:
        return None
    return [_size(i.shape) for i in inputs if i is not None]


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for n in shape:
        size *= n
    return size


def main() -> int:
    name, result, *arguments = sys.argv[1:]
    sys.path.insert(0, str(ROOT))
    if name != "none":
        sys.meta_path.insert(0, Finder(by_name(name)))
    witness = Witness()
    code = pytest.main(arguments, plugins=[witness])
    seconds = time.perf_counter() - witness.start
    Path(result).write_text(json.dumps({**witness.result, "code": int(code), "seconds": seconds}))
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
