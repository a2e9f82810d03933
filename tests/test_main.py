"""The command line."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tinygraph.__main__ import main

PROGRAM = """
import tinygraph as tg
from tinygraph import nn

net = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
loss = net(tg.ones((1, 2))).sum()

def compute():
    y = net(tg.ones((1, 2))).mean()
    y.backward()
    return y

def graph():
    return tg.graph(loss)
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "a_program", raising=False)
    path = tmp_path / "a_program.py"
    path.write_text(PROGRAM)
    return str(path)


def test_it_draws_a_tensor_a_graph_and_what_a_function_returns(
    program: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "g.dot"
    for name in ("loss", "graph", "compute"):
        assert main(["render", f"{program}:{name}", "-o", str(out)]) == 0
        assert "ReLU" in out.read_text()
    assert capsys.readouterr().out.split() == [str(out)] * 3


def test_it_takes_what_render_takes(program: str, tmp_path: Path) -> None:
    out = tmp_path / "g.dot"
    options = ["--backward", "paired", "--depth", "1", "--values", "stats", "--theme", "dark"]
    options += ["--direction", "LR", "--model", "net", "--collapse", "0", "--legend"]
    assert main(["render", f"{program}:compute", "-o", str(out), *options]) == 0
    assert "0: Linear" in out.read_text()
    assert "#16191d" in out.read_text()


@pytest.mark.skipif(not shutil.which("dot"), reason="no dot on PATH")
def test_a_page_has_the_numbers(program: str, tmp_path: Path) -> None:
    out = tmp_path / "g.html"
    assert main(["render", f"{program}:compute", "-o", str(out)]) == 0
    text = out.read_text()
    assert text.startswith("<!doctype html>")
    assert '"overlays":{"grad_norm":' in text


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere.py:x", "there is no file 'nowhere.py'"),
        ("just_a_name", "expected FILE.py:NAME"),
        ("no_such_module:x", "No module named 'no_such_module'"),
        ("PROGRAM:nothing", "has no attribute 'nothing'"),
        ("PROGRAM:net", "a model has a graph only once it is applied"),
        ("PROGRAM:nn", "expected Tensors, not module"),
    ],
)
def test_mistakes_are_told_in_a_line(
    source: str, message: str, program: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "g.dot"
    assert main(["render", source.replace("PROGRAM", program), "-o", str(out)]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not out.exists()


def test_doctor(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Python 3.")
    assert any(line.startswith("text  works") for line in lines)


def test_doctor_on_a_bare_machine_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("tinygraph.render.engines.find_spec", lambda name: None)
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    assert "apt-get install graphviz" in said
    assert "svg cannot be drawn: pip install 'tinygraph[viz]'" in said


def test_it_is_a_program(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tinygraph", "render", "--help"]
    assert b"FILE.py:NAME" in subprocess.run(command, capture_output=True, check=True).stdout
