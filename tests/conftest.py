"""What every test shares: PyTorch as the reference, and the Hypothesis profiles.

A test that compares with PyTorch asks for the fixture ``torch``, which marks it ``reference``.
Those that need ONNX are skipped where it is not installed.
"""

from __future__ import annotations

import os
import warnings
from importlib.util import find_spec
from types import ModuleType

import hypothesis
import pytest

HAVE_TORCH = find_spec("torch") is not None
INSTALL = "python -m pip install -e '.[reference]'"
NO_TORCH = "PyTorch is not installed"

# Under numerical work a deadline measures the machine, not the code.
hypothesis.settings.register_profile("default", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "default")


@pytest.fixture(scope="session")
def torch() -> ModuleType:
    """PyTorch, on one thread so that it does not compete with NumPy's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torch

    torch.set_num_threads(1)
    return torch


def pytest_configure(config: pytest.Config) -> None:
    missing = [name for name in ("torch", "onnx", "onnxruntime") if find_spec(name) is None]
    if os.environ.get("TINYGRAPH_REQUIRE_REFERENCE") == "1" and missing:
        names = ", ".join(missing)
        raise pytest.UsageError(f"TINYGRAPH_REQUIRE_REFERENCE=1, but without {names}: {INSTALL}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "torch" in getattr(item, "fixturenames", ()):
            item.add_marker("reference")
        if not HAVE_TORCH and item.get_closest_marker("reference"):
            item.add_marker(pytest.mark.skip(reason=NO_TORCH))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = sum(
        isinstance(report.longrepr, tuple) and NO_TORCH in report.longrepr[2]
        for report in terminalreporter.stats.get("skipped", [])
    )
    if skipped:
        checks = "1 check" if skipped == 1 else f"{skipped} checks"
        terminalreporter.write_line(
            f"Skipped {checks} against PyTorch, which is not installed; to run them: {INSTALL}"
        )
