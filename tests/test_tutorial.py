"""The tutorial on gradient tests: its files are run as they stand, and print what it shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parent.parent / "docs" / "test-your-own-gradient.md"
MISTAKE, MENDED = "2 * g[..., None] * x\n", "2 * g[..., None] * x / x.shape[-1]\n"


def block(kind: str, name: str) -> str:
    """Return the fenced block under ``<!-- kind: name -->``."""
    found = re.search(rf"<!-- {kind}: {name} -->\n```\w+\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found, name
    return found[1]


def run_pytest(directory: Path, name: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "--grad-level=fast", name]
    # What the run around this one was told is not for this one.
    environment = {key: x for key, x in os.environ.items() if not key.startswith("PYTEST_")}
    return subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, check=False
    )


def report_in(output: str) -> str:
    """Return what the page shows of pytest's output, without what differs between machines."""
    start = output.index("--- gradient report") + len("--- gradient report ")
    text = output[output.index("\n", start) + 1 : output.index("\ngradient checks:")]
    text = re.sub(r"(?<=sys.path.insert\(0, ').*?(?='\))", "...", text)
    return re.sub(r"^-+ (.*?) -+$", r"--- \1 ---", text, flags=re.MULTILINE) + "\n"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    for name in ("mean_square.py", "test_loss.py", "test_mean_square.py"):
        (tmp_path / name).write_text(block("file", name))
    return tmp_path


def test_the_mistake_is_told_as_the_page_shows(directory: Path) -> None:
    result = run_pytest(directory, "test_loss.py")
    assert result.returncode == 1
    without_figures = [
        re.sub(r"\d+\.\d+|\d+e-?\d+|\d+ evaluations", "#", text)
        for text in (report_in(result.stdout), block("output", "test_loss.py"))
    ]
    assert without_figures[0] == without_figures[1]


def test_mended_it_passes(directory: Path) -> None:
    source = (directory / "mean_square.py").read_text()
    assert MISTAKE in source
    (directory / "mean_square.py").write_text(source.replace(MISTAKE, MENDED))
    for name in ("test_loss.py", "test_mean_square.py"):
        result = run_pytest(directory, name)
        assert result.returncode == 0, result.stdout


def test_the_suite_finds_the_mistake_too(directory: Path) -> None:
    result = run_pytest(directory, "test_mean_square.py")
    assert result.returncode == 1
    assert "FAILED test_mean_square.py::TestMeanSquare::test_gradient" in result.stdout
    assert "FAILED test_mean_square.py::test_after_a_product" in result.stdout
