"""What a failure leaves behind: scripts that fail again, the simplest inputs, a red node."""

from __future__ import annotations

import dataclasses
import functools
import subprocess
import sys
from collections import namedtuple
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.render import engines
from tinygraph.testing import Finding, GradientError, Report, gradcheck
from tinygraph.testing._checks import report_of
from tinygraph.testing._reproduce import artefacts, script, simplest
from tinygraph.testing._source import Source

FACTOR = 3.0
REPORT = Report("f", (Finding("gradient", "output 0, input x of shape (2,)", "failed"),))
X = np.array([1.5, -2.5])


class Scaled(tg.Function):
    """A wrong rule, that a script can import."""

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def forward(self, x: Any) -> Any:
        return self.factor * x

    def backward(self, g: Any) -> Any:
        return g


def helper(x: Any) -> Any:
    return x * FACTOR


def tripled(x: Any) -> Any:
    return Scaled(FACTOR)(x)


class Pair(NamedTuple):
    a: Any
    b: Any


@dataclasses.dataclass
class Settings:
    w: np.ndarray
    stride: tuple[int, int]


# -- scripts -------------------------------------------------------------------------------------


def local_function() -> Any:
    scale = 2.0

    class Local(Scaled):
        def backward(self, g: np.ndarray) -> Any:
            return scale * helper(g)

    def base(x: Any) -> Any:
        return Local(2.0)(x).sum()

    def f(x: np.ndarray, *, again: bool = True) -> Any:
        X = base(x)  # not the array of this module
        return X

    return f


def function_of_two() -> Any:
    @tg.function(lambda g, x: g * x)
    def squared(x: Any) -> Any:
        return x**2

    return squared


def one_of_several_lambdas() -> Any:
    first, second = lambda x: x, lambda x: Scaled(7.0)(x) + FACTOR * x
    assert first is not second
    return second


FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "an importable function": (tripled, (X,)),
    "a Function": (Scaled(2.0), (X,)),
    "a bound method": (Scaled(2.0).apply, (X,)),
    "a local function": (local_function(), (X,)),
    "a decorated function": (function_of_two(), (X,)),
    "a lambda": (one_of_several_lambdas(), (X,)),
    "a partial": (functools.partial(lambda x, w: tripled(x) * w, w=X), (X,)),
    "nested inputs": (
        lambda pair, more, flag: tripled(pair.a) * pair.b + more["w"][0] if flag else None,
        (Pair(tg.tensor(X), 2), {"w": [tg.tensor(X, requires_grad=True)]}, True),
    ),
    "a dataclass": (lambda case, x: tripled(x) * case.w, (Settings(X, (2, 1)), X)),
    "a model": (tg.nn.Sequential(tg.nn.Linear(2, 2), tg.nn.Sigmoid()), (X, 1)),
    "many numbers": (tripled, (np.random.default_rng(0).standard_normal((15, 20)),)),
    "a name that is taken": (lambda np, tg: tripled(np) * tg, (X, X)),
}


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name != "a model"])
def test_a_script_fails_as_the_check_did(name: str) -> None:
    f, inputs = FUNCTIONS[name]
    with pytest.raises(GradientError) as found:
        gradcheck(f, *inputs)
    text = dict(found.value.report.sections)["the example, as a script"]
    assert "..." not in text
    with pytest.raises(GradientError) as again:
        exec(compile(text, "script", "exec"), {"__name__": "script"})
    for old, new in zip(found.value.report.failures, again.value.report.failures, strict=True):
        assert (old.check, old.subject, old.worst) == (new.check, new.subject, new.worst)


def test_a_model_is_in_the_script() -> None:
    model, text = FUNCTIONS["a model"][0], script(FUNCTIONS["a model"][0], (X,), REPORT)
    place: dict[str, Any] = {}
    exec(compile(text, "script", "exec"), place)  # it passes: a model of ours is right
    for (name, ours), theirs in zip(model.named_parameters(), place["f"].parameters(), strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy(), err_msg=name)


@pytest.mark.parametrize("name", ["an importable function", "a local function"])
def test_a_script_runs_by_itself(name: str, tmp_path: Path) -> None:
    f, inputs = FUNCTIONS[name]
    path = tmp_path / "reproduce.py"
    path.write_text(script(f, inputs, REPORT))
    done = subprocess.run(
        [sys.executable, "-W", "error", path], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 1
    assert "GradientError: " in done.stderr
    assert "input x of shape (2,): failed" in done.stderr


def test_a_script_repeats_the_options() -> None:
    with pytest.raises(GradientError) as found:
        gradcheck(tripled, X, order=2, wrt="x", seed=5)
    text = dict(found.value.report.sections)["the example, as a script"]
    assert text.endswith("gradcheck(tripled, x, wrt='x', order=2, seed=5)\n")


def test_what_cannot_be_written_is_said() -> None:
    place: dict[str, Any] = {}
    exec("def unseen(x): return 2 * x", place)
    text = script(place["unseen"], (X, open), REPORT)
    assert "# Fill in unseen, which could not be written here." in text
    assert "unseen = ...  # insert unseen of " in text


# -- expressions ---------------------------------------------------------------------------------

Point = namedtuple("Point", "x y")

VALUES = [
    np.array([[1.0, -0.1], [np.nan, -np.inf]]),
    np.array(1 / 3, np.float32),
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.arange(1000.0).reshape(10, 100)[:, ::2],
    np.asfortranarray(np.arange(600, dtype=np.int32).reshape(2, 300)),
    np.zeros((2, 0, 3), np.float16),
    np.array([True, False]),
    np.array([[1], [-2]]),
    np.float32(0.1),
    np.int64(-3),
    np.dtype(np.float32),
    float("inf"),
    -0.0,
    (1,),
    [None, ..., slice(1, None, -2)],
    {"a": (1, "b"), 2: np.array([1.0])},
    Point(1, np.array([2.0])),
    Settings(np.array([1.0]), (1, 2)),
    range(3),
    Path("a"),
]


def assert_same(a: Any, b: Any) -> None:
    assert type(a) is type(b)
    if isinstance(a, np.ndarray):
        np.testing.assert_array_equal(a, b, strict=True)
        if not a.flags.c_contiguous and a.flags.f_contiguous:
            assert b.flags.f_contiguous
    elif dataclasses.is_dataclass(a):
        assert_same(vars(a), vars(b))
    elif isinstance(a, dict):
        assert a.keys() == b.keys()
        assert_same(list(a.values()), list(b.values()))
    elif isinstance(a, (list, tuple)):
        for pair in zip(a, b, strict=True):
            assert_same(*pair)
    else:
        assert repr(a) == repr(b)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_an_expression_gives_the_value_again(value: Any) -> None:
    source = Source()
    source.define("result", value)
    place: dict[str, Any] = {}
    exec(compile(str(source), "script", "exec"), place)
    assert_same(place["result"], value)


def test_a_tensor_is_told_with_what_it_is() -> None:
    source = Source()
    x = tg.tensor(np.array([1, 2], np.float32), requires_grad=True, name="x")
    place: dict[str, Any] = {}
    source.define("again", x)
    exec(str(source), place)
    again = place["again"]
    np.testing.assert_array_equal(again.numpy(), x.numpy(), strict=True)
    assert (again.requires_grad, again.name) == (True, "x")


# -- simpler inputs ------------------------------------------------------------------------------


def test_the_simplest_inputs_fail_in_the_same_way() -> None:
    def f(x: Any, w: Any) -> Any:
        return (tripled(x) * w).sum()

    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((2, 2)), tg.tensor(rng.standard_normal(2))

    def check(inputs: Sequence[Any]) -> Report:
        return report_of(f, inputs)

    before = check(inputs)
    small, report = simplest(inputs, before, check)
    assert [(x.check, x.subject) for x in report.failures] == [
        (x.check, x.subject) for x in before.failures
    ]
    assert isinstance(small[0], np.ndarray)
    assert isinstance(small[1], tg.Tensor)
    assert np.count_nonzero(small[0]) == 0
    assert np.abs(small[1].numpy()).sum() == 1


def test_large_inputs_stay_as_they_are() -> None:
    x = np.random.default_rng(0).standard_normal(300)
    report = report_of(tripled, (x,))
    assert simplest((x,), report, lambda inputs: pytest.fail("not to be called")) == ((x,), report)


# -- files ---------------------------------------------------------------------------------------


def wrong_in_the_middle(x: Any) -> Any:
    return tripled(x.exp()).sum()


@pytest.fixture
def error() -> GradientError:
    with pytest.raises(GradientError) as found:
        gradcheck(wrong_in_the_middle, X)
    return found.value


def test_the_wrong_rule_is_told_by_itself(error: GradientError) -> None:
    (finding,) = error.report.failures
    assert finding.rule is not None
    assert finding.rule.startswith("Scaled.backward (")
    alone = dict(error.report.sections)["the rule by itself, with what it was given there"]
    assert "gradient of Scaled(factor=3.0), operation 1" in alone


def test_the_wrong_node_is_red(
    error: GradientError, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = artefacts(tmp_path / "new", error)
    assert [path.name for path in paths] == ["report.txt", "reproduce.py", "graph.svg"]
    monkeypatch.setattr(engines, "ENGINES", ())  # no layout: DOT
    (dot,) = artefacts(tmp_path, error)[2:]
    assert dot.name == "graph.dot"
    told = [line for line in dot.read_text().splitlines() if "wrong gradient" in line]
    assert len(told) == 1
    assert "Scaled" in told[0]


def test_the_report_and_script_are_files(error: GradientError, tmp_path: Path) -> None:
    report, script, _ = artefacts(tmp_path, error)
    assert report.read_text() == f"{error.report}\n"
    assert "gradcheck(wrong_in_the_middle, x)" in script.read_text()
