"""Graph: where in a model each operation is, what its rule keeps, and what was broadcast."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

import tinygraph as tg
from tinygraph._graph import Graph, Vertex


class Block(tg.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = tg.nn.Linear(4, 4)

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        return x + self.fc(x).relu() * 2


class Net(tg.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = tg.nn.ModuleList(Block() for _ in range(2))
        self.head = tg.nn.Linear(4, 3)

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        for layer in self.layers:
            x = layer(x)
        return self.head(x)


def places(graph: Graph) -> dict[str, tuple[str, ...]]:
    return {v.key: v.scope for v in graph if v.kind == "operation"}


def ones(*shape: int, name: str | None = None) -> tg.Tensor:
    return tg.tensor(np.ones(shape, np.float32), requires_grad=True, name=name)


def only(graph: Graph, function: str) -> Vertex:
    (vertex,) = (v for v in graph if v.function == function)
    return vertex


# -- scopes --------------------------------------------------------------------------------------


def test_modules_name_the_places_of_operations() -> None:
    net = Net()
    assert places(tg.graph(net(ones(2, 4)), model=net)) == {
        "layers/0/fc/Linear": ("layers", "0", "fc"),
        "layers/0/ReLU": ("layers", "0"),
        "layers/0/Multiply": ("layers", "0"),
        "layers/0/Add": ("layers", "0"),
        "layers/1/fc/Linear": ("layers", "1", "fc"),
        "layers/1/ReLU": ("layers", "1"),
        "layers/1/Multiply": ("layers", "1"),
        "layers/1/Add": ("layers", "1"),
        "head/Linear": ("head",),
    }


def test_without_a_model_the_class_of_the_outermost_module_comes_first() -> None:
    graph = tg.graph(Net()(ones(2, 4)))
    assert graph[graph.outputs[0]].scope == ("Net", "head")
    assert {m.path for m in graph.modules} == set()  # the model is gone: nothing kept it alive


def test_modules_are_listed_with_their_parameters() -> None:
    net = Net()
    y = net(ones(2, 4))
    with_model, without = tg.graph(y, model=net).modules, tg.graph(y).modules
    assert [(m.path, m.class_name, m.parameters, m.own_parameters) for m in with_model] == [
        ("", "Net", 55, 0),
        ("layers", "ModuleList", 40, 0),
        ("layers.0", "Block", 20, 0),
        ("layers.0.fc", "Linear", 20, 20),
        ("layers.1", "Block", 20, 0),
        ("layers.1.fc", "Linear", 20, 20),
        ("head", "Linear", 15, 15),
    ]
    assert [(m.path, m.class_name) for m in without] == [
        ("Net", "Net"),
        ("Net.layers.0", "Block"),
        ("Net.layers.0.fc", "Linear"),
        ("Net.layers.1", "Block"),
        ("Net.layers.1.fc", "Linear"),
        ("Net.head", "Linear"),
    ]


def test_further_calls_of_a_module_are_told_apart_in_the_order_of_the_calls() -> None:
    block = Block()
    first, second = block(ones(2, 4)), block(ones(2, 4))
    graph = tg.graph(second - first)  # which visits the second call first
    assert graph[only(graph, "Subtract").operands[0] or 0].scope == ("Block#2",)
    assert graph[only(graph, "Subtract").operands[1] or 0].scope == ("Block",)
    inside = tg.graph(second - first, model=block)
    assert {v.scope for v in inside if v.function == "Linear"} == {("fc",), ("fc#2",)}
    assert {v.key for v in inside if v.function == "Linear"} == {"fc/Linear", "fc#2/Linear"}


def test_blocks_and_modules_nest() -> None:
    fc = tg.nn.Linear(2, 2)
    net = tg.nn.Sequential(fc)
    with tg.scope("outer"):
        y = net(ones(1, 2))
        with tg.scope("inner"):
            y = y * 1
        with tg.scope("inner"):
            y = y + 1
    graph = tg.graph(y, model=net)
    assert places(graph) == {
        "outer/0/Linear": ("outer", "0"),
        "outer/inner/Multiply": ("outer", "inner"),
        "outer/inner#2/Add": ("outer", "inner#2"),
    }
    assert [(m.path, m.class_name) for m in graph.modules] == [
        ("", "Sequential"),
        ("0", "Linear"),
        ("outer", "Sequential"),
        ("outer.0", "Linear"),
    ]


def test_a_module_called_by_one_that_does_not_hold_it_keeps_its_whole_name() -> None:
    class Tied(tg.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = Block()
            self.decoder = Decoder()

        def forward(self, x: tg.Tensor) -> Any:
            return self.decoder(x, self.encoder)

    class Decoder(tg.nn.Module):
        def forward(self, x: tg.Tensor, encoder: Block) -> Any:
            return encoder.fc(x)

    net = Tied()
    assert only(tg.graph(net(ones(1, 4)), model=net), "Linear").scope == ("decoder", "encoder.fc")


def test_a_scope_ends_where_a_module_or_block_fails() -> None:
    class Broken(tg.nn.Module):
        def forward(self) -> None:
            raise KeyError

    with pytest.raises(KeyError):
        Broken()()
    with pytest.raises(KeyError), tg.scope("block"):
        raise KeyError
    assert only(tg.graph(ones(2).exp()), "Exp").scope == ()


def test_a_scope_may_decorate_a_function() -> None:
    @tg.scope("norm")
    def norm(x: tg.Tensor) -> tg.Tensor:
        return (x * x).sum().sqrt()

    graph = tg.graph(norm(ones(2)) + norm(ones(2)))
    assert {v.scope for v in graph if v.function == "Sqrt"} == {("norm",), ("norm#2",)}


@pytest.mark.parametrize(("name", "error"), [(3, TypeError), ("", ValueError)])
def test_names_that_a_scope_cannot_have(name: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="scope: the name"):
        tg.scope(name)


def test_a_graph_keeps_no_module_alive() -> None:
    block = Block()
    block.last = block(ones(2, 4))  # type: ignore[assignment]  # would be a cycle
    gone = weakref.ref(block)
    gc.disable()
    try:
        del block
        assert gone() is None
    finally:
        gc.enable()


def test_leaves_are_where_all_that_uses_them_is() -> None:
    net = Net()
    x = ones(2, 4, name="x")
    graph = tg.graph(net(net.layers[0](x.detach())) * x.sum(), model=net)
    scopes = {v.name: v.scope for v in graph if v.kind != "operation" and v.name}
    assert scopes["head.weight"] == ("head",)
    assert scopes["layers.1.fc.bias"] == ("layers", "1", "fc")
    assert scopes["layers.0.fc.weight"] == ("layers",)  # used in 0 and 0#2
    assert scopes["x"] == ()
    constants = [v.scope for v in graph if v.kind == "constant"]
    assert sorted(constants) == [("layers", "0"), ("layers", "0#2"), ("layers", "1")]


def test_buffers_have_names_and_places() -> None:
    class Shift(tg.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("by", [1.0, 2.0])

        def forward(self, x: tg.Tensor) -> tg.Tensor:
            return x + self.by

    net = tg.nn.Sequential(Shift())
    (buffer,) = (v for v in tg.graph(net(ones(2)), model=net) if v.kind == "input")
    assert (buffer.name, buffer.scope) == ("0.by", ("0",))


# -- keys ----------------------------------------------------------------------------------------


def test_keys_are_unique_whatever_the_names() -> None:
    x = ones(2, name="Exp#2")
    y = x.exp().exp().exp() + ones(2, name="Exp") * 2 * 3
    keys = [v.key for v in tg.graph(y)]
    assert len(set(keys)) == len(keys)
    assert {"Exp#2", "Exp", "constant", "constant#2", "Add"} < set(keys)


def test_keys_stay_when_something_elsewhere_is_added() -> None:
    def keys(more: bool) -> set[str]:
        net = Block()
        x = ones(2, 4, name="x")
        return {v.key for v in tg.graph(net(x.exp() if more else x), model=net)}

    assert keys(more=True) - keys(more=False) == {"Exp"}


# -- what is kept, and where gradients flow -------------------------------------------------------


def test_what_rules_keep() -> None:
    x, w, b = ones(2, 3), ones(4, 3), ones(4)
    graph = tg.graph(tg.linear(x, w, b).relu() + 1)
    saved = {v.function: (v.saved, v.saved_operands) for v in graph if v.function}
    assert saved == {
        "Linear": (("x", "w"), (0, 1)),
        "ReLU": (("y",), ()),
        "Add": ((), ()),
    }
    pool = only(tg.graph(tg.max_pool2d(ones(1, 1, 4, 4), 2)), "MaxPool2d")
    assert "winners" in pool.saved
    before = tg.graph(loss := (x * x).sum())
    loss.backward()
    assert tg.graph(loss) == before


def test_what_rules_keep_of_operands_that_were_left_out_or_are_many() -> None:
    class Join(tg.Function):
        def forward(self, x: Any, w: Any = None, *more: Any) -> Any:
            return x + sum(more)

        def backward(self, g: Any, w: Any, more: Any) -> Any:
            return (g,) * (2 + len(more))

    join = Join()
    (vertex,) = (v for v in tg.graph(join(ones(2), None, ones(2), ones(2))) if v.function)
    assert (vertex.saved, vertex.saved_operands) == (("more",), (2, 3))


def test_where_gradients_flow() -> None:
    x, w = tg.tensor([1.0, 2.0], name="x"), ones(2, name="w")
    graph = tg.graph((x * w) * 2)
    assert [(v.function or v.name, v.requires_grad) for v in graph] == [
        ("x", False),
        ("w", True),
        ("Multiply", True),
        (None, False),
        ("Multiply", True),
    ]


def test_what_is_broadcast() -> None:
    a, b = ones(2, 3), ones(3)
    assert only(tg.graph(a * b), "Multiply").broadcast == (1,)
    assert only(tg.graph(ones(2, 1) + ones(1, 3)), "Add").broadcast == (0, 1)
    assert only(tg.graph(a * a), "Multiply").broadcast == ()
    assert only(tg.graph(tg.broadcast_to(b, (2, 3))), "BroadcastTo").broadcast == (0,)
    assert only(tg.graph(ones(5, 2, 3) @ ones(3, 4)), "MatMul").broadcast == (1,)
    assert only(tg.graph(ones(2, 3) @ ones(3, 4)), "MatMul").broadcast == ()
    assert only(tg.graph(tg.linear(a, ones(4, 3), ones(4))), "Linear").broadcast == ()
