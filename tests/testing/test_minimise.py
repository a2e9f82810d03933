"""minimise: what it returns still fails, is simpler, and costs no more than it may."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

from tinygraph.testing._minimise import minimise

PROPERTIES: dict[str, Callable[[Sequence[np.ndarray]], bool]] = {
    "always": lambda arrays: True,
    "a sum": lambda arrays: abs(arrays[0].sum()) > 0.5,
    "an order": lambda arrays: bool((arrays[0].ravel()[:1] > arrays[0].ravel()[1:]).all()),
    "a product": lambda arrays: abs(arrays[0].sum() * arrays[1].sum()) > 1e-3,
    "a sign": lambda arrays: bool((np.signbit(arrays[1]) == SIGNS).all()),
}
SIGNS = np.array([True, False, True])


def draw(shape: tuple[int, ...], seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    signed = rng.uniform(0.1, 3, 3) * np.where(SIGNS, -1, 1)
    return [rng.standard_normal(shape), signed, rng.integers(9, size=3)]


@pytest.mark.parametrize("name", PROPERTIES)
@given(shape=array_shapes(min_dims=0, max_dims=3, max_side=3), seed=st.integers(0, 2**32 - 1))
def test_what_failed_still_fails(name: str, shape: tuple[int, ...], seed: int) -> None:
    fails, arrays = PROPERTIES[name], draw(shape, seed)
    copies = [a.copy() for a in arrays]
    small = minimise(fails, arrays)
    assert fails(small) or not fails(arrays)
    for a, copy, b in zip(arrays, copies, small, strict=True):
        np.testing.assert_array_equal(a, copy)
        assert a.shape == b.shape
        assert a.dtype == b.dtype
        assert np.count_nonzero(b % 1) <= np.count_nonzero(a % 1)
    np.testing.assert_array_equal(small[2], arrays[2])  # no floats: left alone


def test_a_cotangent_becomes_one_hot() -> None:
    jacobian_error = np.zeros((4, 5))
    jacobian_error[2, 3] = 1e-3
    g = np.random.default_rng(0).standard_normal((4, 5))
    (small,) = minimise(lambda arrays: (arrays[0] * jacobian_error).sum() != 0, [g])
    assert np.flatnonzero(small).tolist() == [13]
    assert small[2, 3] == 1


def test_all_zero_where_values_do_not_matter() -> None:
    x, w = np.full((3, 4), 0.3, np.float32), np.array(1.7)
    small = minimise(lambda arrays: True, [x, w])
    assert not any(a.any() for a in small)
    assert [a.dtype for a in small] == [np.float32, np.float64]


def test_an_order_is_kept_by_small_integers() -> None:
    x = np.array([0.1, 0.3, 0.2, -0.1])
    (small,) = minimise(lambda arrays: arrays[0].argsort().tolist() == [3, 0, 2, 1], [x])
    assert small.argsort().tolist() == [3, 0, 2, 1]
    assert np.abs(small).max() <= 2


def test_a_point_outside_the_domain_has_not_failed() -> None:
    def fails(arrays: Sequence[np.ndarray]) -> bool:
        if (arrays[0] <= 0).any():
            raise ValueError("log of a negative number")
        return True

    (small,) = minimise(fails, [np.array([0.7, 2.3])])
    assert small.tolist() == [1, 1]


@pytest.mark.parametrize("special", [np.nan, np.inf])
def test_special_values_that_matter_stay(special: float) -> None:
    x = np.array([special, 1.5, 2.5])
    (small,) = minimise(lambda arrays: not np.isfinite(arrays[0]).all(), [x])
    np.testing.assert_array_equal(small, [special, 0, 0])


@pytest.mark.parametrize("evaluations", [0, 1, 7, 50])
def test_it_is_bounded(evaluations: int) -> None:
    calls = []

    def fails(arrays: Sequence[np.ndarray]) -> bool:
        calls.append(arrays)
        return len(calls) % 3 == 0

    x = np.random.default_rng(0).standard_normal(1000)
    minimise(fails, [x], evaluations)
    assert len(calls) == evaluations
