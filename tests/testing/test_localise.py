"""localise: of all the rules in a graph, the first wrong one is named."""

from typing import Any

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.testing import GradientError, gradcheck, localise


class Cube(tg.Function):
    """x³, with a rule that forgets the factor."""

    def forward(self, x: Any) -> Any:
        return x**3

    def backward(self, g: Any, x: Any) -> Any:
        return g * x**2


class Smooth(tg.Function):
    """x³, with a slope that is wrongly taken for constant."""

    aux = ("slope",)

    def forward(self, x: Any) -> Any:
        return x**3, 3 * x**2

    def backward(self, g: Any, slope: Any) -> Any:
        return g * slope


def test_right_rules_give_none() -> None:
    model = tg.nn.Sequential(tg.nn.Conv2d(1, 2, 3), tg.nn.ReLU(), tg.nn.MaxPool2d(2))
    assert localise(model, np.random.default_rng(0).standard_normal((2, 1, 6, 6))) is None


def test_the_first_wrong_rule_is_named_with_its_place() -> None:
    def f(x: Any, w: Any) -> Any:
        return Cube()(Smooth()(x.tanh()) @ w).exp().sum()

    found = localise(f, np.ones((2, 3)) / 3, np.ones((3, 2)))
    assert found is not None
    line = Cube.backward.__code__.co_firstlineno
    assert found.rule is not None
    assert found.rule.startswith("Cube.backward (")
    assert found.rule.endswith(f"test_localise.py:{line})")
    assert "Cube()" in found.subject
    assert "input x" in found.subject
    assert found.worst is not None
    assert found.worst.numeric == pytest.approx(3 * found.worst.analytic)

    second = localise(f, np.ones((2, 3)) / 3, np.ones((3, 2)), order=2)
    assert second is not None
    assert second.rule is not None
    assert second.rule.startswith("Smooth.backward")
    assert "aux slope is a constant to it" in second.rule
    assert "a method of that name" in second.rule
    assert "constant" not in found.rule


def test_every_rule_is_checked_at_the_inputs_it_had() -> None:
    @tg.function(lambda g, x: g * np.where(x > 10, 2.0, 1.0))
    def only_above_ten(x: Any) -> Any:
        return x * 1.0

    assert localise(lambda x: only_above_ten(x), np.ones(3)) is None
    assert localise(lambda x: only_above_ten(x * 20), np.ones(3)) is not None


def test_gradcheck_names_the_rule() -> None:
    with pytest.raises(GradientError, match=r"Cube.backward \(.*test_localise.py:\d+\)") as caught:
        gradcheck(lambda x: Cube()(x.exp()).sum(), np.ones(2))
    assert caught.value.report.verdict == "failed"


def test_a_mistake_outside_of_all_rules_names_none() -> None:
    x = np.random.default_rng(0).standard_normal(3)
    assert localise(lambda x: x * tg.Tensor(x.data), x) is None
