"""Run the battery on a tinygraph with one bug, in this process.

    python battery.py NAME FUNCTIONS RESULT [arguments of pytest]

NAME is the mutant ("none": no bug).  Its bug is in the module that is imported; no file is touched.
FUNCTIONS are those whose tests are to run, with commas between ("": all tests).  RESULT is the file
for a line of JSON: which test failed first, why, and on how many elements.
"""

from __future__ import annotations

import ast
import json
import math
import re
import sys
import time
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType
from typing import Any

import numpy as np
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
    """Selects the tests of some Functions, and sees how many ran and which failed first."""

    def __init__(self, functions: str) -> None:
        self.wanted = re.compile(
            rf"\b(?:Test)?({functions.replace(',', '|')})\b" if functions else ""
        )
        self.start = time.perf_counter()
        self.result: dict[str, Any] = {"tests": 0}

    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        config.hook.pytest_deselected(
            items=[item for item in items if not self.wanted.search(item.nodeid)]
        )
        items[:] = [item for item in items if self.wanted.search(item.nodeid)]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.result["tests"] += report.when == "call"

    def pytest_exception_interact(self, node: pytest.Item, call: Any, report: Any) -> None:
        if "test" in self.result:
            return
        error = call.excinfo.value
        self.result |= {
            "test": node.nodeid,
            "error": type(error).__name__,
            "message": str(error),
            "sizes": sizes(node, error),
        }


def sizes(node: Any, error: BaseException) -> list[int] | None:
    """Return the number of elements of each input of the failing example, as far as it was shrunk.

    A report has it as a script, whose last statement is the call of the check.
    """
    report = getattr(error, "report", None)
    for _, text in getattr(report, "sections", ()):
        if "import numpy" in text:
            script = ast.parse(text)
            names: dict[str, Any] = {}
            exec(compile(ast.Module(script.body[:-1], []), "script", "exec"), names)
            return [value.size for value in names.values() if isinstance(value, np.ndarray)]
    case = getattr(getattr(node, "cls", None), "case", None)
    return case and [math.prod(i.shape) for i in case.inputs if i is not None]


def main() -> int:
    name, functions, result, *arguments = sys.argv[1:]
    sys.path.insert(0, str(ROOT))
    if name != "none":
        sys.meta_path.insert(0, Finder(by_name(name)))
    witness = Witness(functions)
    code = pytest.main(arguments, plugins=[witness])
    seconds = time.perf_counter() - witness.start
    Path(result).write_text(json.dumps({**witness.result, "code": int(code), "seconds": seconds}))
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
