"""The pytest plugin of `tinygraph.testing`: options, the marker, reports and pictures of failures.

It is loaded in every pytest run where tinygraph is installed, so it imports neither that nor
Hypothesis: which a module inside of the package could not help.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Generator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

LEVEL = "TINYGRAPH_GRAD_LEVEL"  # how tinygraph.testing is told
LEVELS = ("fast", "full")
COUNTS = ("checks", "redraws", "inconclusive")
_before = pytest.StashKey[dict[str, int]]()
_outside = pytest.StashKey[str | None]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("tinygraph", "gradient checks (tinygraph)")
    group.addoption(
        "--grad-level",
        choices=LEVELS,
        help="how many examples gradtest and FunctionSuite try (default: the ini option "
        "grad_level, or full)",
    )
    group.addoption(
        "--grad-artifacts",
        metavar="DIR",
        type=Path,
        help="where failing gradient checks leave a report, a script and a picture (default: "
        "gradient-failures in pytest's cache)",
    )
    parser.addini("grad_level", "the default of --grad-level: fast or full")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and tell the level."""
    config.addinivalue_line("markers", "gradcheck: checks gradients with tinygraph.testing")
    level = config.getoption("--grad-level") or config.getini("grad_level")
    if level and level not in LEVELS:
        raise pytest.UsageError(f"grad_level: expected fast or full, not {level!r}")
    config.stash[_outside] = os.environ.get(LEVEL)
    if level:
        os.environ[LEVEL] = level


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave the environment as it was."""
    outside = config.stash.get(_outside, None)
    if outside is None:
        os.environ.pop(LEVEL, None)
    else:
        os.environ[LEVEL] = outside


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark what ``gradtest`` and ``FunctionSuite`` have made."""
    places = (getattr(item, "obj", None), getattr(item, "cls", None))
    if any(getattr(place, "__gradcheck__", False) for place in places):
        item.add_marker("gradcheck")


def _loaded(module: str) -> ModuleType | None:
    """Return a module of tinygraph.testing, if the tests have imported it."""
    return sys.modules.get(f"tinygraph.testing.{module}")


def _counts() -> dict[str, int]:
    session = _loaded("_session")
    return {name: getattr(session.tally, name) if session else 0 for name in COUNTS}


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Note where the counts stand."""
    item.stash[_before] = _counts()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Give a failed gradient check a section of its own, and count checks."""
    error = _gradient_error(call.excinfo)
    if error is not None:
        error.args = (error.report.headline,)  # the section has the rest
    report = yield
    if call.when == "call":
        before = item.stash.get(_before, dict.fromkeys(COUNTS, 0))
        counted = {name: n - before[name] for name, n in _counts().items()}
        vars(report)["gradcheck"] = counted  # pytest-xdist carries it to where the summary is
    if error is not None:
        report.sections += _sections(item, error)
    return report


def _gradient_error(info: pytest.ExceptionInfo[BaseException] | None) -> Any:
    """Return the GradientError behind an exception, if there is one."""
    module = _loaded("_report")
    waiting = [info.value] if info is not None and module is not None else []
    while waiting:
        error = waiting.pop()
        if isinstance(error, module.GradientError):  # type: ignore[union-attr]
            return error
        if isinstance(error, BaseExceptionGroup):
            waiting += error.exceptions[::-1]
        if error.__cause__ is not None:
            waiting.append(error.__cause__)
    return None


def _sections(item: pytest.Item, error: Any) -> list[tuple[str, str]]:
    """Return what is told of a failure; what goes wrong on the way must not hide it."""
    from tinygraph.testing._reproduce import told

    try:
        error = told(error)
    except Exception as problem:
        return [("gradient report", f"{error.report}\nnot made simpler: {_brief(problem)}")]
    return [("gradient report", str(error.report)), ("gradient artifacts", _keep(item, error))]


def _keep(item: pytest.Item, error: Any) -> str:
    """Write the files of a failure, and return where they are."""
    from tinygraph.testing._reproduce import artefacts

    try:
        directory = _directory(item.config) / re.sub(r"[^\w.-]+", "-", item.nodeid).strip("-")
        paths = artefacts(directory, error)
    except Exception as problem:
        return f"nothing was written: {_brief(problem)}"
    names = ", ".join(path.name for path in paths)
    return f"{names}\nin {os.path.relpath(directory)}"


def _brief(problem: Exception) -> str:
    return f"{type(problem).__name__}: {problem}"


def _directory(config: pytest.Config) -> Path:
    given: Path | None = config.getoption("--grad-artifacts")
    if given is not None:
        return config.invocation_params.dir / given
    if hasattr(config, "cache") and config.cache is not None:
        return Path(config.cache.mkdir("gradient-failures"))
    return config.rootpath / "gradient-failures"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many points were redrawn at kinks, and how many checks were inconclusive."""
    total = dict.fromkeys(COUNTS, 0)
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, count in getattr(report, "gradcheck", {}).items():
                total[name] += count
    if total["checks"]:
        terminalreporter.write_line(
            f"gradient checks: {total['checks']}, of which {total['inconclusive']} inconclusive; "
            f"{total['redraws']} points redrawn at kinks"
        )
