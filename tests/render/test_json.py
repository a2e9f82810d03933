"""Graph -> JSON: all that a Graph holds, the same in every run, and valid whatever it holds."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg


def leaf(*values: float, name: str | None = None) -> tg.Tensor:
    return tg.tensor(np.array(values), requires_grad=True, name=name)


def loads(graph: tg.Graph) -> Any:
    def refuse(text: str) -> None:
        raise ValueError(text)  # NaN and Infinity are no JSON

    return json.loads(graph.to_json(), parse_constant=refuse)


def test_it_holds_what_the_graph_holds() -> None:
    net = tg.nn.Sequential(tg.nn.Linear(2, 1))
    with tg.record():
        loss = net(tg.tensor([[1.0, 2.0]], name="x")).sum()
        loss.backward()
    graph = tg.graph(loss, model=net)
    data = loads(graph)
    assert data["format"] == "tinygraph"
    assert data["outputs"] == list(graph.outputs)
    assert data["modules"] == [
        {"path": "", "class_name": "Sequential", "parameters": 3, "own_parameters": 0},
        {"path": "0", "class_name": "Linear", "parameters": 3, "own_parameters": 3},
    ]
    linear = data["vertices"][3]
    assert (linear["key"], linear["scope"], linear["operands"]) == ("0/Linear", ["0"], [0, 1, 2])
    assert linear["stats"]["size"] == 1
    assert linear["grad"]["entries"] == [[1.0]]
    assert len(linear["contributions"]) == 3
    assert "doc" not in linear
    assert data["docs"]["Linear"] == graph[3].doc
    assert [v["id"] for v in data["vertices"]] == list(range(len(graph)))


def test_what_is_none_or_empty_is_left_out_and_what_is_zero_is_not() -> None:
    x = leaf(1.0)
    vertices = loads(tg.graph(x * 0))["vertices"]
    assert "stats" not in vertices[0]
    assert "operands" not in vertices[0]
    assert vertices[1]["value"] == 0
    assert vertices[1]["requires_grad"] is False


def test_numbers_that_are_not_finite_are_strings() -> None:
    with tg.record():
        y = leaf(1.0, 2.0, 3.0) * np.array([np.nan, np.inf, -np.inf])
    stats = loads(tg.graph(y))["vertices"][-1]["stats"]
    assert stats["entries"] == ["NaN", "Infinity", "-Infinity"]
    assert (stats["nans"], stats["infs"], "min" in stats) == (1, 2, False)


def test_a_large_array_tells_its_corner() -> None:
    with tg.record():
        y = tg.tensor(np.arange(60 * 60, dtype=np.float32).reshape(60, 60)) + 0
    corner = loads(tg.graph(y))["vertices"][-1]["stats"]["corner"]
    numbers = np.frombuffer(base64.b64decode(corner["numbers"]), "<f4").reshape(corner["shape"])
    np.testing.assert_array_equal(numbers, y.numpy()[:28, :28])


def test_two_classes_of_one_name_keep_their_docstrings() -> None:
    def make(text: str) -> tg.Function:
        class Odd(tg.Function):
            __doc__ = text

            def forward(self, x: Any) -> Any:
                return x + 1

            def backward(self, g: Any) -> Any:
                return g

        return Odd()

    data = loads(tg.graph(make("one")(make("two")(leaf(1.0)))))
    assert data["docs"] == {"Odd": "two"}
    assert [v.get("doc") for v in data["vertices"]] == [None, None, "one"]


@given(st.text(st.characters()))
def test_any_name_comes_back(name: str) -> None:
    assert loads(tg.graph(leaf(1.0, name=name)))["vertices"][0].get("name") == name


def test_render_writes_it(tmp_path: Path) -> None:
    graph = tg.graph(leaf(1.0).exp(), backward=True)
    path = graph.render(tmp_path / "g.json")
    assert path.read_text(encoding="utf-8") == graph.to_json()
    assert loads(graph)["gradients"] == [[0, graph.gradients[0][1]]]


PROGRAM = """
import tinygraph as tg
tg.manual_seed(0)
net = tg.nn.Sequential(tg.nn.Linear(2, 3), tg.nn.Tanh(), tg.nn.Linear(3, 1))
with tg.record():
    loss = (net(tg.ones((4, 2))) * net(tg.ones((4, 2)))).sum()
    loss.backward(retain_graph=True)
print(tg.graph(loss, model=net, backward=True).to_json())
"""


def test_the_same_program_gives_the_same_text() -> None:
    runs = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "12345")
    }
    assert len(runs) == 1
    assert b"0#2/Linear" in runs.pop()
