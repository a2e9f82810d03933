"""The error bars of differences hold, and are small, also where functions are badly scaled."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tinygraph.testing._numeric import (
    EPS,
    RESOLUTION,
    SMALLEST_STEP,
    derivative,
    noise_of,
    one_sided,
    scales,
)

FUNCTIONS = {
    "cube": (lambda x: x**3, lambda x: 3 * x**2),
    "inverse": (lambda x: 1 / x, lambda x: -1 / x**2),
    "exp": (np.exp, np.exp),
    "tanh": (np.tanh, lambda x: 1 / np.cosh(x) ** 2),
    "log": (np.log, lambda x: 1 / x),
    "sqrt": (np.sqrt, lambda x: 0.5 / np.sqrt(x)),
    "sin": (np.sin, np.cos),
}


def measured(f: Callable[[Any], Any], x: float) -> Any:
    """Return the derivative of f at x, by a step relative to x."""

    def phi(t: float) -> Any:
        with np.errstate(all="ignore"):
            y = np.asarray(f(x + t * x))
        return y if np.isfinite(y) else None

    here = phi(0.0)
    noise = EPS * abs(here) + sum(
        abs(noise_of(lambda t, k=k: phi(t * k), here)) for k in (1.0, 0.83, -0.71)
    )
    return derivative(phi, noise)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_error_bars_hold_at_every_scale(name: str, scale: float) -> None:
    f, slope = FUNCTIONS[name]
    rng = np.random.default_rng(0)
    resolutions = []
    for x in rng.uniform(0.2, 2.0, 100) * scale:
        if name in ("exp", "tanh", "sin") and x > 20:
            continue  # it overflows, is flat, or turns many times within the first step
        found, right = measured(f, x), slope(x) * x
        assert abs(found.value - right) <= 2 * found.bound + 16 * EPS * abs(right)
        resolutions.append(found.bound / abs(right))
    if resolutions:
        assert np.median(resolutions) < 1e-8
        assert max(resolutions) < RESOLUTION


def test_internal_rounding_is_seen() -> None:
    f, x = (lambda x: (x + 1e6) - 1e6), 0.7
    found = measured(f, x)
    assert abs(found.value - x) <= 2 * found.bound
    assert found.bound > 1e-9


def test_noise_on_a_grid_is_seen() -> None:
    """Values that are small differences of large numbers differ by multiples of one rounding."""
    rng = np.random.default_rng(0)
    for large in (1e3, 1e6):
        x, u = rng.normal(size=(2, 10_000))
        spacing = np.spacing(large)

        def phi(t: float, x: Any = x, u: Any = u, large: float = large) -> Any:
            return (x + t * u + large) - large

        noise = np.abs(noise_of(phi, phi(0.0)))
        assert np.mean(noise < spacing / 100) < 0.05
        assert noise.max() < 2 * spacing


def test_several_functions_have_error_bars_of_their_own() -> None:
    powers = np.array([1.0, 2.0, 5.0])
    found = derivative(lambda t: (1 + t) ** powers * [1, 1e6, 1e-6], EPS * np.array([1, 1e6, 1e-6]))
    right = powers * [1, 1e6, 1e-6]
    assert (abs(found.value - right) <= 2 * found.bound).all()
    assert (found.bound <= 1e-9 * right).all()


def test_the_end_of_the_domain_only_makes_the_step_smaller() -> None:
    def phi(t: float) -> Any:
        return np.array(math.log(1e-3 + t)) if t > -1e-3 else None

    found = derivative(phi, np.array(8 * EPS))
    assert found.smooth
    assert found.step < 1e-3
    assert abs(found.value - 1e3) <= 2 * found.bound < 1e-3


@pytest.mark.parametrize("kink", [0.05, 1e-4, 3 * SMALLEST_STEP])
def test_no_step_reaches_over_a_kink(kink: float) -> None:
    def phi(t: float) -> Any:
        return np.array(t * t) if t < kink else None

    found = derivative(phi, np.array(EPS))
    assert found.smooth
    assert found.step < kink
    assert abs(found.value) <= 2 * found.bound


def test_no_step_below_the_smallest_is_tried_before_giving_up() -> None:
    steps = []

    def phi(t: float) -> Any:
        steps.append(abs(t))
        return None if t > 0 else np.array(0.0)

    assert not derivative(phi, np.array(EPS)).smooth
    assert min(steps) >= SMALLEST_STEP


def test_slopes_on_both_sides_of_a_kink() -> None:
    right = one_sided(lambda t: np.array(math.exp(t) if t >= 0 else 1 - 2 * t), np.array(EPS))
    left = one_sided(lambda t: np.array(math.exp(-t) if t <= 0 else 1 - 2 * t), np.array(EPS))
    assert abs(right.value - 1) <= 2 * right.bound < 1e-6
    assert abs(left.value + 2) <= 2 * left.bound < 1e-6


def test_scales_follow_single_entries_but_not_accidents() -> None:
    assert scales(np.zeros(2)).tolist() == [1, 1]
    assert scales(np.array([1e3, -2.0, 1e-9])).tolist() == [1e3, 1e3 / 64, 1e3 / 64]
    assert scales(np.array(-1e-3)) == 1e-3
