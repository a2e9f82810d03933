"""FunctionSuite and gradtest pass what is right, and fail what is wrong."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.ops.elementwise import Exp, Greater, Sigmoid
from tinygraph.testing import FunctionSuite, GradientError, gradtest
from tinygraph.testing import strategies as st
from tinygraph.testing._examples import TooManyInconclusive


class Swish(tg.Function):
    def forward(self, x: Any) -> Any:
        return x / (1 + np.exp(-x))

    def backward(self, g: Any, x: Any) -> Any:
        s = Sigmoid()(x)
        return g * s * (1 + x * (1 - s))


def swish(x: Any) -> Any:
    return x / (1 + np.exp(-x))


INPUTS = st.tensors(kind="normal")


class TestSwish(FunctionSuite):
    function, inputs = Swish, INPUTS

    def reference(x: Any) -> Any:
        return x / (1 + np.exp(-x))


class Scale(tg.Function):
    def __init__(self, factor: float) -> None:
        self.factor = factor

    def forward(self, x: Any) -> Any:
        return x * self.factor

    def backward(self, g: Any) -> Any:
        return g * self.factor


class TestAttributes(FunctionSuite):
    function = Scale
    inputs = st.tensors().map(lambda x: ({"factor": 3.0}, x))
    linear = True

    def reference(x: Any, factor: float) -> Any:
        return x * factor


class TestCallable(FunctionSuite):
    function = tg.multiply
    inputs = st.tensors(st.broadcastable(2))
    reference = np.multiply


class TestComparison(FunctionSuite):
    function = Greater()
    inputs = st.tensors(st.broadcastable(2), kind="ties")
    reference = np.greater


class TestCase(FunctionSuite):
    inputs = st.conv_configs()

    def function(case: Any) -> tg.Tensor:
        return tg.conv2d(case.x, case.w, case.b, **case.options)


def suite(function: Any, reference: Any = None, inputs: Any = INPUTS, **more: Any) -> Any:
    attributes = {"function": function, "inputs": inputs, "reference": reference, **more}
    return type("TestOne", (FunctionSuite,), attributes)()


def failing(tests: Any) -> set[str]:
    """Return the tests of a suite that fail."""
    failed = set()
    for name in dir(tests):
        if name.startswith("test_"):
            try:
                getattr(tests, name)()
            except GradientError:
                failed.add(name)
    return failed


class Wrong(Swish):
    def backward(self, g: Any, x: Any) -> Any:
        s = Sigmoid()(x)
        return g * s * (1 + x * (1 + s))


class HeldSlope(tg.Function):
    """The smooth slope is kept as if it were constant: the second derivative is wrong."""

    aux = ("slope",)

    def forward(self, x: Any) -> Any:
        return x**3, 3 * x**2

    def backward(self, g: Any, slope: Any) -> Any:
        return g * slope


class WrongWithItsGradient(tg.Function):
    def forward(self, x: Any) -> Any:
        return 2.001 * x

    def backward(self, g: Any) -> Any:
        return 2.001 * g


class NaiveSoftmax(tg.Function):
    def forward(self, x: Any) -> Any:
        e = np.exp(x)
        return e / e.sum(axis=-1, keepdims=True)

    def backward(self, g: Any, y: Any) -> Any:
        return y * (g - (g * y).sum(axis=-1, keepdims=True))


class NaiveRule(tg.Function):
    """Its value is right for large numbers, its gradient inf / inf."""

    def forward(self, x: Any) -> Any:
        return np.logaddexp(x, 0)

    def backward(self, g: Any, x: Any) -> Any:
        e = Exp()(x)
        return g * e / (1 + e)


class AddUnbroadcast(tg.Function):
    def forward(self, a: Any, b: Any) -> Any:
        return a + b

    def backward(self, g: Any) -> Any:
        return g, g


def stable_softmax(x: Any) -> Any:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


full = pytest.mark.skipif(
    not hasattr(TestSwish, "test_second_derivative"), reason="left out at the fast level"
)


def test_a_right_function_passes() -> None:
    assert failing(suite(Swish, swish)) == set()


def test_a_wrong_gradient_fails() -> None:
    assert "test_gradient" in failing(suite(Wrong, swish))


@full
def test_a_wrong_second_derivative_fails() -> None:
    cube = suite(HeldSlope, lambda x: x**3)
    cube.test_gradient()
    assert "test_second_derivative" in failing(cube)


def test_a_wrong_value_with_its_gradient_fails() -> None:
    tests = suite(WrongWithItsGradient, lambda x: 2 * x)
    assert "test_value" in failing(tests)
    tests.test_gradient()


def test_a_wrong_linear_rule_fails_exactly() -> None:
    class Slightly(Scale):
        def backward(self, g: Any) -> Any:
            return g * (self.factor + 1e-12)

    tests = suite(Slightly(2.0), linear=True)
    with pytest.raises(GradientError):
        tests.test_exact_gradient()


@full
@pytest.mark.parametrize(
    ("function", "reference"),
    [(NaiveSoftmax, stable_softmax), (NaiveRule, lambda x: np.logaddexp(x, 0))],
)
def test_large_numbers_that_overflow_fail(function: Any, reference: Any) -> None:
    tests = suite(function, reference, st.tensors((2, 3), kind="normal"))
    tests.test_value()
    with pytest.raises(GradientError):
        tests.test_large_numbers()


def test_a_missing_unbroadcast_fails() -> None:
    tests = suite(AddUnbroadcast, np.add, st.tensors(((2, 3), (3,))))
    with pytest.raises(ValueError, match="broadcast"):
        tests.test_gradient()


def test_the_smallest_example_is_told() -> None:
    with pytest.raises(GradientError) as caught:
        suite(Wrong, swish).test_gradient()
    assert "Wrong" in str(caught.value)
    assert any("inputs=tensor(" in note for note in caught.value.__notes__)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({}, "function and inputs"),
        ({"function": Swish}, "needs inputs"),
        ({"inputs": INPUTS}, "needs function"),
        ({"function": Swish, "inputs": np.ones(3)}, "strategy.*not ndarray"),
    ],
)
def test_what_is_missing_is_named(attributes: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        type("TestIncomplete", (FunctionSuite,), attributes)


def test_a_base_class_may_be_incomplete_and_tests_be_replaced() -> None:
    class Base(FunctionSuite):
        inputs_of_all = INPUTS

    class TestReplaced(Base):
        function, inputs = Swish, INPUTS

        def test_contracts(self) -> str:
            return "mine"

    assert not hasattr(Base, "test_gradient")
    assert TestReplaced().test_contracts() == "mine"


# -- gradtest ------------------------------------------------------------------------------------


@gradtest(st.conv_configs())
def test_convolution(case: Any) -> tg.Tensor:
    return tg.conv2d(case.x, case.w, **case.options)


@gradtest(st.tensors((2, 3), kind="normal"), st.tensors((3,), kind="normal"), order=2)
def test_two_strategies(x: tg.Tensor, w: tg.Tensor) -> tg.Tensor:
    return (x * w).exp()


@pytest.fixture
def factor() -> float:
    return 3.0


class TestMethods:
    @gradtest(st.tensors((2,)))
    def test_method_with_fixture(self, factor: float, x: tg.Tensor) -> tg.Tensor:
        return x.exp() * factor

    @gradtest(x=st.tensors((2,)))
    def test_named(self, x: tg.Tensor) -> dict[str, tg.Tensor]:
        return {"first": x.exp(), "second": x.sum()}


def test_gradtest_fails_for_a_wrong_rule_at_a_small_example() -> None:
    @gradtest(st.tensors())
    def wrong(x: tg.Tensor) -> tg.Tensor:
        return Wrong()(x)

    with pytest.raises(GradientError) as caught:
        wrong()
    assert caught.value.report.failures[0].analytic.size <= 4
    assert "input x" in str(caught.value)


def test_gradtest_fails_where_too_much_is_inconclusive() -> None:
    class Rough(tg.Function):
        """It has a kink between any two points."""

        def forward(self, x: Any) -> Any:
            return 1.0 * x

        def backward(self, g: Any) -> Any:
            return g

        def branch(self, x: Any) -> Any:
            return (x.copy(),)

    @gradtest(st.tensors((2,), kind="normal"))
    def rough(x: tg.Tensor) -> tg.Tensor:
        return Rough()(x) + Rough()(x * 2)

    with pytest.raises(TooManyInconclusive, match="examples were inconclusive"):
        rough()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gradtest(), "expected strategies"),
        (lambda: gradtest(3), "must be a Hypothesis strategy.*int"),
        (lambda: gradtest(INPUTS, x=INPUTS), "by position, or all by name"),
    ],
)
def test_gradtest_wants_strategies(call: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        call()


def test_the_core_imports_no_hypothesis() -> None:
    code = (
        "import sys; from tinygraph.testing import contracts, gradcheck; "
        "sys.exit('hypothesis' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
