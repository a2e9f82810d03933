"""pattern: it names what was planted, and takes no noise for a pattern."""

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

from tinygraph.testing._diagnosis import pattern

SEEDS = st.integers(0, 2**32 - 1)
BOUNDS = st.sampled_from([0.0, 1e-12, 1e-9, 1e-7])
SHAPES = [shape for n in (1, 2, 3) for shape in itertools.product(range(2, 6), repeat=n)]


def measured(right: np.ndarray, bound: float, rng: np.random.Generator) -> np.ndarray:
    """Return what differences give in place of the right numbers: off by up to ``bound``."""
    return right + bound * rng.uniform(-1, 1, right.shape)


def every_second(x: np.ndarray) -> np.ndarray:
    y = x.copy()
    y[1::2] += 0.3 * y[1::2] ** 2 + 0.1
    return y


def border(x: np.ndarray) -> np.ndarray:
    y = x.copy()
    y[..., 0] += np.exp(y[..., 0])
    return y


def along_axis_0(x: np.ndarray) -> np.ndarray:
    order = np.array([0, 2, 1, *range(3, len(x))])
    return x[order]


PLANTED: dict[str, tuple[str, Callable[[np.ndarray], np.ndarray]]] = {
    "twice": ("2 × the right gradient, as if it were added twice", lambda x: 2 * x),
    "sign": ("wrong sign", lambda x: -x),
    "mean": ("averaged twice?", lambda x: x / x.size if x.size > 2 else x / 3),
    "sum": ("not averaged?", lambda x: x * max(x.size, 3)),
    "zero": ("zero", lambda x: 0 * x),
    "1.01": ("1.01 × the right gradient", lambda x: 1.01 * x),
    "NaN": ("NaN, in every entry", lambda x: np.nan * x),
    "summed": ("summed over axis 0", lambda x: np.broadcast_to(x.sum(0), x.shape)),
    "averaged": ("averaged over axis 0", lambda x: np.broadcast_to(x.mean(0), x.shape)),
    "transposed": ("transposed (axes 0, 1)", lambda x: x.swapaxes(0, 1)),
    "reshaped": ("reshape for transpose?", lambda x: x.swapaxes(0, 1).reshape(x.shape)),
    "reversed": ("reversed along axis 0", lambda x: x[::-1]),
    "rolled": ("rolled by 1 along axis 0", lambda x: np.roll(x, 1, 0)),
    "permuted along": ("along axis 0 in the order [0, 2, 1", along_axis_0),
    "permuted": ("another order", lambda x: x[[2, 0, 3, 1, *range(4, len(x))]]),
    "odd": ("at odd indices of axis 0", every_second),
    "border": ("the first index of axis", border),
}
NEEDS: dict[str, Callable[[tuple[int, ...]], Any]] = {
    "mean": lambda shape: math.prod(shape) > 2,
    "sum": lambda shape: math.prod(shape) > 2,
    "1.01": lambda shape: math.prod(shape) > 2,
    "transposed": lambda shape: len(shape) > 1 and shape[0] == shape[1],
    "reshaped": lambda shape: len(shape) > 1 and shape[0] != shape[1],
    "rolled": lambda shape: shape[0] > 2,
    "permuted along": lambda shape: shape[0] > 3 and len(shape) > 1,
    "permuted": lambda shape: len(shape) == 1 and shape[0] > 4,
    "odd": lambda shape: shape[0] >= 4,
    "border": lambda shape: shape[-1] >= 3 and len(shape) > 1,
}


@pytest.mark.parametrize("name", PLANTED)
@given(seed=SEEDS, bound=BOUNDS, data=st.data())
def test_a_planted_pattern_is_named(name: str, seed: int, bound: float, data: Any) -> None:
    shape = data.draw(st.sampled_from(list(filter(NEEDS.get(name, bool), SHAPES))))
    words, plant = PLANTED[name]
    rng = np.random.default_rng(seed)
    right = rng.uniform(0.5, 1, shape) * rng.choice([-1, 1], shape)
    wrong = plant(right)
    assume(not np.allclose(wrong, right))
    found = pattern(wrong, measured(right, bound, rng), bound)
    assert found is not None
    assert words in found


@given(seed=SEEDS, log_bound=st.floats(-12, 0.5), shape=array_shapes(min_dims=0, max_dims=4))
def test_noise_is_no_pattern(seed: int, log_bound: float, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(seed)
    bound = 10**log_bound
    right = rng.standard_normal(shape)
    wrong = right + rng.standard_normal(shape)  # every entry is wrong, in its own way
    assert pattern(wrong, measured(right, bound, rng), bound) is None


@given(seed=SEEDS, bound=BOUNDS, shape=array_shapes(min_dims=0, max_dims=4))
def test_a_right_gradient_has_no_pattern(seed: int, bound: float, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(seed)
    right = rng.standard_normal(shape)
    assert pattern(right, measured(right, bound, rng), bound) is None


@pytest.mark.parametrize("bound", [0.3, 3.0])
def test_error_bars_too_wide_to_tell(bound: float) -> None:
    right = np.array([1.0, -2.0, 0.5])
    assert pattern(2 * right, right, bound) is None


def test_each_entry_has_its_own_error_bar() -> None:
    right = np.array([1.0, -2.0, 0.5, 1.5])
    off = right + np.array([0, 0, 0, 0.2])
    assert pattern(2 * right, off, [1e-9, 1e-9, 1e-9, 0.2]) == pattern(2 * right, right, 1e-9)
    assert pattern(2 * right, off, 1e-9) != pattern(2 * right, right, 1e-9)


def test_a_single_number_tells_little() -> None:
    assert pattern(2.5, 1.0, 1e-9) is None
    assert pattern(2.0, 1.0, 1e-9) is not None
    assert pattern([[-1.0]], [[1.0]], 1e-9) is not None


def test_zeros_that_are_right_do_not_hide_a_ratio() -> None:
    right = np.array([0.0, 0.0, 1.5, 0.0])
    assert pattern(2 * right, right, 1e-9) == pattern(2 * right[2], right[2], 1e-9)


def test_some_entries_have_a_ratio() -> None:
    right = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    wrong = right * [1, -1, -1, 1, 1]
    found = pattern(wrong, right, 1e-9)
    assert found == (
        "in 2 of 5 entries the rule gives the right gradient with the wrong sign; "
        "the others are right"
    )


def test_where_and_what() -> None:
    right = np.arange(1.0, 13).reshape(3, 4)
    wrong = right.copy()
    wrong[:, -1] = 0
    found = pattern(wrong, right, 1e-9)
    assert found == (
        "wrong only at the border: at the last index of axis 1 (padding?); there the rule gives "
        "zero"
    )


def test_a_stride_lost_in_two_directions() -> None:
    right = np.arange(1.0, 26).reshape(5, 5)
    wrong = np.zeros((5, 5))
    wrong[::2, ::2] = right[::2, ::2]
    found = pattern(wrong, right, 1e-9)
    assert found is not None
    assert "at odd indices of any of axes 0, 1 (a stride?)" in found


def test_only_at_ties() -> None:
    x = np.array([3.0, 1.0, 3.0, 2.0, 0.0])
    right = np.array([0.5, 0.7, 0.4, 0.1, 0.9])
    wrong = right + np.array([0.5, 0, -0.4, 0, 0])
    found = pattern(wrong, right, 1e-9, [x])
    assert found == "wrong only at ties: entries whose value occurs more than once"
    assert pattern(wrong, right, 1e-9) is None
    assert pattern(wrong, right, 1e-9, [np.arange(5.0)]) is None


def test_only_where_an_index_repeats() -> None:
    rng = np.random.default_rng(0)
    right = rng.standard_normal((6, 2))
    wrong = right.copy()
    wrong[[1, 4]] += rng.standard_normal((2, 2))
    indices = np.array([1, 4, 2, 1, -2])
    found = pattern(wrong, right, 1e-9, [right, indices])
    assert found == "wrong only where an index along axis 0 occurs more than once"
    assert pattern(wrong, right, 1e-9, [right, indices[:3]]) is None


@pytest.mark.parametrize(
    ("shape", "summed"),
    [((3,), (0,)), ((1, 3), (0,)), ((2, 1), (1,)), ((), (0, 1)), ((1, 1), (0, 1))],
)
def test_a_gradient_that_is_not_summed(shape: tuple[int, ...], summed: tuple[int, ...]) -> None:
    g = np.random.default_rng(0).standard_normal((2, 3))
    right = g.sum(axis=summed).reshape(shape)
    axes = ", ".join(map(str, summed))
    found = pattern(g, right, 1e-9)
    assert found is not None
    assert found.startswith(f"the rule gives shape (2, 3) in place of {shape}: it does not sum")
    assert f" {axes}, along which" in found
    assert pattern(g, right + 1, 1e-9) is None


def test_not_finite() -> None:
    right = np.array([1.0, 2.0])
    assert pattern([np.inf, 2], right, 1e-9) == "the rule gives infinity, in 1 of 2 entries"
    assert pattern([1, 2], [np.nan, 2], 1e-9) is None  # differences at fault, not the rule
    assert pattern([1, 3], right, np.nan) is None
