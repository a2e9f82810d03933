"""Arrays are found in nested arguments by name, and put back in other values."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.testing._structure import Inputs, map_leaves


class Pair(NamedTuple):
    left: Any
    right: Any


@dataclass(frozen=True)
class Case:
    x: Any
    w: Any
    stride: int = 2
    derived: Any = field(default=None, init=False)


def names(f: Any, *inputs: Any, wrt: Any = None) -> list[str]:
    return [leaf.name for leaf in Inputs("test", f, inputs, wrt).leaves]


def test_names_say_where_an_array_stands() -> None:
    def f(x: Any, params: Any, case: Any, pair: Any, *rest: Any) -> None: ...

    a = np.ones(2)
    inputs = (
        tg.tensor(a),
        {"w": a, "b": [a, 3.0, None]},
        Case(a, a),
        Pair((a,), np.arange(2)),
        a,
        a,
    )
    assert names(f, *inputs) == [
        *("x", "params['w']", "params['b'][0]", "case.x", "case.w"),
        *("pair.left[0]", "rest[0]", "rest[1]"),
    ]
    assert names(tg.divide, a, a) == ["a", "b"]
    assert names(max, a) == ["input 0"]


def test_wrt_selects_by_name_position_and_container() -> None:
    def f(x: Any, p: Any) -> None: ...

    a = np.ones(2)
    inputs = (a, {"w": a, "b": a})
    assert names(f, *inputs, wrt="x") == ["x"]
    assert names(f, *inputs, wrt=["p['b']", 0]) == ["x", "p['b']"]
    assert names(f, *inputs, wrt="p") == ["p['w']", "p['b']"]
    for wrong in ("q", 3):
        with pytest.raises(ValueError, match=r"x, p\['w'\], p\['b'\]"):
            names(f, *inputs, wrt=wrong)


def test_no_array_of_floats_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing to differentiate max by"):
        names(max, np.arange(3), 2.0)


def test_arguments_are_rebuilt_around_other_values() -> None:
    seen: list[Any] = []
    case = Case(np.ones(2, np.float32), tg.tensor([1.0]))
    inputs = Inputs("test", lambda *args: seen.extend(args), (case, [np.arange(3)], "same"), 0)
    given = tg.tensor([5.0, 6.0])
    inputs.call([given])
    new, (whole,), text = seen
    assert new.x is given
    assert isinstance(new.w, tg.Tensor)
    assert new.w.dtype == np.float64
    assert (new.stride, text) == (2, "same")
    assert whole.tolist() == [0, 1, 2]
    assert whole is not inputs.inputs[1][0]
    assert isinstance(case.x, np.ndarray)


def test_without_promotion_constants_keep_their_dtype() -> None:
    seen: list[Any] = []
    arrays = (np.ones(2, np.float32), np.ones(2, np.float32))
    inputs = Inputs("test", lambda *args: seen.extend(args), arrays, 0)
    inputs.call([tg.tensor([1.0])], promote=False)
    assert seen[1].dtype == np.float32


def test_parameters_are_swapped_during_the_call_and_restored_even_after_an_error() -> None:
    model = tg.nn.Sequential(tg.nn.Linear(2, 3), tg.nn.BatchNorm1d(3))
    before = [(name, t, t.data.copy()) for name, t in model.state_dict().items()]
    own = list(model.parameters())
    inputs = Inputs("test", model, (np.ones((4, 2)),))
    assert [leaf.name for leaf in inputs.leaves][1:] == [n for n, _ in model.named_parameters()]
    tensors = [tg.Tensor(leaf.values.astype(np.float64) * 2) for leaf in inputs.leaves]
    y = inputs.call(tensors)
    assert y.dtype == np.float64
    with pytest.raises(ValueError, match="x has shape"):
        Inputs("test", model, (np.ones((4, 5)),)).call([tg.Tensor(np.ones((4, 5))), *tensors[1:]])
    assert [id(p) for p in model.parameters()] == [id(p) for p in own]
    for (name, _, values), (name_now, now) in zip(before, model.state_dict().items(), strict=True):
        assert name == name_now
        np.testing.assert_array_equal(now.data, values, strict=True)


def test_tied_parameters_stay_one() -> None:
    class Tied(tg.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = tg.nn.Linear(2, 2, bias=False)
            self.b = self.a.weight

        def forward(self, x: Any) -> Any:
            assert self.b is self.a.weight
            return self.a(x) * self.b

    inputs = Inputs("test", Tied(), (np.ones((2, 2)),))
    assert len(inputs.leaves) == 2
    inputs.call([tg.Tensor(leaf.values) for leaf in inputs.leaves])


def test_map_leaves_keeps_the_kinds_of_containers() -> None:
    tree = {"a": Pair([1], (2, 3)), "b": Case(4, 5)}
    doubled = map_leaves(tree, "t", lambda name, value: value if value is None else value * 2)
    assert doubled["a"] == Pair([2], (4, 6))
    assert isinstance(doubled["a"], Pair)
    assert (doubled["b"].x, doubled["b"].w, doubled["b"].derived) == (8, 10, None)
