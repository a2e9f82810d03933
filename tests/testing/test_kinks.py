"""Kinks: steps stay within one smooth piece, points are moved off a kink, ties are conventions."""

from collections import Counter
from typing import Any

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.nn import functional as F
from tinygraph.testing import InconclusiveWarning, gradcheck
from tinygraph.testing._checks import MOST_REDRAWS, report_of


def net(x: Any, w: Any, b: Any, v: Any, c: Any) -> Any:
    h = tg.max_pool2d(tg.relu(tg.conv2d(x, w, b, padding=1)), 2)
    return F.cross_entropy(h.flatten(1) @ v + c, np.array([1, 3]))


def weights(seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    n = rng.standard_normal
    return [n((2, 1, 8, 8)), n((3, 1, 3, 3)), n(3) - 0.8, n((48, 5)), n(5)]


def test_a_network_at_random_points_is_conclusive() -> None:
    verdicts: Counter[str] = Counter()
    for seed in range(20):
        inputs = weights(seed)
        pooled = tg.max_pool2d(tg.relu(tg.conv2d(*inputs[:3], padding=1)), 2)
        assert (pooled.data == 0).any()  # windows that are all zero, and tie
        verdicts[report_of(net, inputs, seed=seed).verdict] += 1
    assert verdicts == {"passed": 20}


def test_a_mistake_in_the_network_is_found() -> None:
    @tg.function(lambda g, x: g * (x > -1), branch=lambda x: (x > 0,))
    def leaking(x: Any) -> Any:
        return np.maximum(x, 0)

    def wrong(x: Any, w: Any, b: Any, v: Any, c: Any) -> Any:
        h = tg.max_pool2d(leaking(tg.conv2d(x, w, b, padding=1)), 2)
        return F.cross_entropy(h.flatten(1) @ v + c, np.array([1, 3]))

    assert report_of(wrong, weights(0)).verdict == "failed"


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (tg.relu, [0.0, 1.0, -1.0]),
        (tg.abs, [0.0, 0.0]),
        (lambda x: tg.amax(x, axis=0), [1.0, 1.0, 0.0]),
        (lambda x: tg.max(x, axis=0), [1.0, 1.0, 0.0]),
        (lambda x: tg.clip(x, -1.0, 1.0), [1.0, -1.0, 0.5]),
        (lambda x: tg.maximum(x, np.zeros(2)), [0.0, 1.0]),
        (lambda x: tg.max_pool1d(x, 2), [[[2.0, 2.0, 1.0, 3.0]]]),
    ],
)
def test_on_a_kink_a_primitive_lies_between_the_slopes(f: Any, x: Any) -> None:
    report = gradcheck(f, np.array(x))
    assert report.verdict == "passed"
    assert report.redraws == 0


def test_on_a_kink_what_is_outside_of_the_slopes_is_wrong() -> None:
    @tg.function(lambda g, x: g * ((x > 0) + 1.5 * (x == 0)), branch=lambda x: (x > 0, x == 0))
    def steep(x: Any) -> Any:
        return np.maximum(x, 0)

    assert report_of(steep, [np.array([1.0, -1.0])]).verdict == "passed"
    (failure,) = report_of(steep, [np.array([1.0, 0.0, -1.0])]).failures
    assert failure.worst is not None
    assert failure.worst.index == (1,)


def test_at_a_tie_the_parts_add_up() -> None:
    def rule(g: Any, a: Any, b: Any) -> Any:
        return g * (a >= b), g * (b >= a)  # each is possible, both are not

    @tg.function(rule, branch=lambda a, b: (a > b, a < b))
    def larger(a: Any, b: Any) -> Any:
        return np.maximum(a, b)

    x, y = np.array([1.0, 2.0]), np.array([0.0, 3.0])
    assert report_of(larger, [x, y]).verdict == "passed"
    (failure,) = report_of(larger, [x, np.array([1.0, 3.0])]).failures
    assert "does not add up" in failure.message


def test_a_composition_on_a_kink_is_checked_nearby() -> None:
    x = np.array([0.0, 1.0, -1.0])  # there the slope is 1, and automatic differentiation gives 0
    report = gradcheck(lambda x: tg.relu(x) - tg.relu(-x), x)
    assert report.verdict == "passed"
    assert report.redraws == 1


def test_redraws_are_bounded_and_no_pass() -> None:
    with pytest.warns(InconclusiveWarning, match="closer to a kink"):
        report = gradcheck(lambda x: x + tg.floor(x * 1e12), np.ones(2))
    assert report.verdict == "inconclusive"
    assert report.redraws == MOST_REDRAWS


def test_the_end_of_the_domain_is_left_for_a_point_within() -> None:
    assert gradcheck(tg.sqrt, np.array([0.0, 1.0])).redraws == 1


def test_kinks_of_second_derivatives() -> None:
    gradcheck(lambda x: tg.relu(x) * x, np.random.default_rng(0).standard_normal(40), order=2)
    gradcheck(lambda x: F.huber_loss(x, np.zeros(3)), np.array([0.3, -2.0, 5.0]), order=2)


def test_exact_mode_at_ties() -> None:
    gradcheck(lambda x: tg.amax(x, axis=0), np.array([1.0, 1.0, 0.0]), mode="exact")

    @tg.function(lambda g, x: g * (x == x.max()) * 2, branch=lambda x: (x == x.max(),))
    def twice(x: Any) -> Any:
        return x.max()

    assert report_of(twice, [np.array([1.0, 1.0, 0.0])], mode="exact").verdict == "failed"
