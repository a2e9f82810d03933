"""Graph: what a snapshot holds, and that it is the same whenever and wherever it is taken."""

from __future__ import annotations

import dataclasses
import gc
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import graph
from tinygraph._garbage import uncollected
from tinygraph._graph import Graph, Vertex


def leaf(name: str | None = None, *shape: int) -> tg.Tensor:
    return tg.tensor(np.ones(shape), requires_grad=True, name=name)


class Model:
    """The least that `graph` asks of a model."""

    def __init__(self, **parameters: tg.Tensor) -> None:
        self.parameters = parameters

    def named_parameters(self) -> Iterable[tuple[str, tg.Tensor]]:
        return ((name.replace("_", "."), tensor) for name, tensor in self.parameters.items())


def test_kinds_shapes_and_dtypes() -> None:
    x = tg.tensor(np.ones((2, 3), np.float32), name="x")
    w = tg.tensor(np.ones((4, 3), np.float32), requires_grad=True)
    g = graph(tg.linear(x, w) * 2.0)
    assert [(v.kind, v.function, v.shape, v.dtype) for v in g] == [
        ("input", None, (2, 3), "float32"),
        ("parameter", None, (4, 3), "float32"),
        ("operation", "Linear", (2, 4), "float32"),
        ("constant", None, (), "float32"),
        ("operation", "Multiply", (2, 4), "float32"),
    ]
    assert [v.operands for v in g] == [(), (), (0, 1, None), (), (2, 3)]
    assert [v.name for v in g] == ["x", None, None, None, None]
    assert g.outputs == (4,)
    assert [v.id for v in g] == list(range(len(g))) == [g[i].id for i in range(len(g))]
    assert (g[2].doc or "").startswith("Affine map")


def test_operands_keep_their_order() -> None:
    a, b = leaf("a"), leaf("b")
    for y, order in ((a - b, ["a", "b"]), (b - a, ["b", "a"]), (a * a, ["a", "a"])):
        g = graph(y)
        assert [g[i].name for i in g[g.outputs[0]].operands if i is not None] == order


def test_what_is_shared_appears_once() -> None:
    x, c = leaf("x"), tg.tensor([1.0, 2.0], name="c", dtype=np.float64)
    h = x * c
    g = graph(h + h, h - c)
    assert [v.function or v.name for v in g] == ["x", "c", "Multiply", "Add", "Subtract"]
    assert g.outputs == (3, 4)


def test_doubling_and_a_long_chain_are_linear() -> None:
    y = leaf()
    for _ in range(60):
        y = y + y
    assert len(graph(y)) == 61
    for _ in range(200_000):
        y = tg.relu(y)
    g = graph(y)
    assert len(g) == 200_061
    assert str(g).count("ReLU") == 200_000


def test_backward_changes_nothing() -> None:
    w = leaf("w", 2, 2)
    loss = tg.tanh(w @ w).sum()
    before = graph(loss)
    loss.backward()
    assert graph(loss) == before
    assert hash(graph(loss)) == hash(before)


def test_attributes_are_plain_and_operands_may_be_left_out() -> None:
    x = leaf("x", 1, 1, 4, 4)
    g = graph(tg.max_pool2d(tg.conv2d(x, leaf("w", 1, 1, 3, 3), padding=1), 2))
    assert g[2].operands == (0, 1, None)
    assert dict(g[2].attributes)["padding"] == (1, 1)
    assert dict(g[3].attributes)["kernel_size"] == (2, 2)
    index: Any = (slice(1, None), None, ..., [0, 2])
    (attribute,) = graph(leaf("x", 3, 3)[index])[2].attributes
    assert attribute == ("index", ("1:", None, "...", "array"))


def test_attributes_of_any_type() -> None:
    class Odd(tg.Function):
        def __init__(self) -> None:
            self.array, self.tensor = np.ones((2, 3)), leaf("t", 2)
            self.function, self.thing = leaf, object()
            self.names, self.kind = {"b", "a"}, np.float32
            self.number, self.nested = np.int64(3), [1, (2, "x")]

        def forward(self, x: Any) -> Any:
            return x.copy()

        def backward(self, g: Any) -> Any:
            return g

    attributes = dict(graph(Odd()(leaf("x")))[1].attributes)
    assert attributes == {
        "array": "float64 array (2, 3)",
        "tensor": "float64 array (2,)",
        "function": "<function leaf>",
        "thing": "<object object>",
        "names": ("a", "b"),
        "kind": "float32",
        "number": 3,
        "nested": (1, (2, "x")),
    }


def test_it_is_json() -> None:
    g = graph(tg.tanh(leaf("w", 2) * 3).sum())
    assert json.loads(json.dumps(dataclasses.asdict(g)))["outputs"] == [4]


def test_it_holds_nothing_alive_and_cannot_be_changed() -> None:
    g = graph(leaf("x") * 2)
    with pytest.raises(dataclasses.FrozenInstanceError):
        g.outputs = ()  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        g[0].name = "y"  # type: ignore[misc]
    held = [value for v in g for value in dataclasses.astuple(v)]
    assert not any(isinstance(value, (np.ndarray, tg.Tensor)) for value in held)


def test_a_vertex_is_what_its_constructor_makes() -> None:
    """A snapshot has a quicker way, as the constructor of a frozen dataclass is slow."""
    vertex = graph(leaf("x") * 2)[-1]
    values = {f.name: getattr(vertex, f.name) for f in dataclasses.fields(Vertex)}
    assert type(vertex) is Vertex
    assert vertex == Vertex(**values)
    assert hash(vertex) == hash(Vertex(**values))
    assert repr(vertex) == repr(Vertex(**values))
    assert pickle.loads(pickle.dumps(vertex)) == vertex
    assert dataclasses.replace(vertex, name="y").name == "y"


@pytest.mark.parametrize("enabled", [True, False])
def test_a_snapshot_leaves_the_garbage_collector_as_it_was(enabled: bool) -> None:
    was = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        graph(leaf("x") * 2)
        assert gc.isenabled() is enabled
        with pytest.raises(AssertionError), uncollected():
            assert gc.isenabled()
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if was else gc.disable)()


def test_names_from_a_model_come_first() -> None:
    w, frozen, other = leaf("mine", 2), tg.tensor([1.0, 2.0]), leaf("other", 2)
    model = Model(fc_weight=w, fc_scale=frozen)
    g = graph(w * frozen + other, model=model)
    assert [(v.kind, v.name) for v in g if v.kind != "operation"] == [
        ("parameter", "fc.weight"),
        ("parameter", "fc.scale"),
        ("parameter", "other"),
    ]


def test_a_computed_tensor_may_have_a_name() -> None:
    h = leaf("x") * 2
    h.name = "h"
    assert graph(h + 1)[2].name == "h"


def test_outputs_that_no_operation_made() -> None:
    x, c = leaf("x", 2), tg.tensor([1.0, 2.0])
    g = graph(x, c, x)
    assert [(v.kind, v.name) for v in g] == [("parameter", "x"), ("input", None)]
    assert g.outputs == (0, 1, 0)


@pytest.mark.parametrize(
    ("outputs", "model", "message"),
    [
        ((), None, "at least one Tensor"),
        ((np.ones(2),), None, "expected Tensors, not ndarray"),
        (([leaf()],), None, "expected Tensors, not list"),
        ((leaf(),), object(), r"model must have named_parameters\(\), and object has not"),
    ],
)
def test_what_it_cannot_take(outputs: Any, model: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        graph(*outputs, model=model)


# -- the listing ---------------------------------------------------------------------------------


def test_listing() -> None:
    x = tg.tensor(np.ones((2, 3), np.float32), name="x")
    w = tg.tensor(np.ones((4, 3), np.float32), requires_grad=True, name="fc.weight")
    g = graph(tg.linear(x, w).sum(axis=1))
    assert str(g).splitlines() == [
        "Graph: 2 operations, 1 parameter, 1 input",
        "%0 = input x  (2, 3) float32",
        "%1 = parameter fc.weight  (4, 3) float32",
        "%2 = Linear(x, fc.weight, None)  (2, 4) float32",
        "%3 = Sum(axis=(1,), keepdims=False)(%2)  (2,) float32  -> output",
    ]
    assert repr(g) == "<Graph: 2 operations, 1 parameter, 1 input>"


def test_listing_of_names_that_are_repeated_or_no_words() -> None:
    y = (leaf("w") + leaf("w")) + leaf("two\nlines")
    assert str(graph(y)).splitlines()[1:] == [
        "%0 = parameter 'w'  () float64",
        "%1 = parameter 'w'  () float64",
        "%2 = Add(%0, %1)  () float64",
        "%3 = parameter 'two\\nlines'  () float64",
        "%4 = Add(%2, %3)  () float64  -> output",
    ]


PROGRAM = """
import tinygraph as tg
from tinygraph import graph
from tinygraph.render import to_dot

class Odd(tg.Function):
    def __init__(self):
        self.names, self.thing = {"a", "b", "c", "d"}, object()
    def forward(self, x):
        return x.copy()
    def backward(self, g):
        return g

xs = [tg.tensor([float(i)], requires_grad=True) for i in range(20)]
y = xs[0]
for x in xs:
    y = tg.tanh(y * x - 2) + y
g = graph(Odd()(y))
print(g)
print(to_dot(g).source)
print(to_dot(g, backward="paired", fold=True).source)
"""


def test_the_same_program_gives_the_same_graph_and_dot() -> None:
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
    assert b"names=(a, b, c, d)" in runs.pop()


def test_it_is_a_graph() -> None:
    assert isinstance(graph(leaf()), Graph)
