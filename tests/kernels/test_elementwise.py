"""Bit for bit what NumPy's functions give, whatever the size, dtype and layout; and sigmoid."""

import numpy as np
import pytest

from tinygraph import kernels

SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0]
SIZES = [0, 1, 7, 1023, 1024, 1 << 17, (1 << 20) + 5]  # small ones, one piece, several threads


def numbers(size: int, dtype: type) -> np.ndarray:
    rng = np.random.default_rng(size)
    x = rng.standard_normal(size).astype(dtype)
    x[: len(SPECIAL)] = SPECIAL[:size]
    return x


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_relu_and_where_are_what_numpy_gives(size, dtype):
    x = numbers(size, dtype)
    condition = np.random.default_rng(1).random(size) < 0.5
    kept = x.copy()
    for found, expected in [
        (kernels.relu(x), np.maximum(x, 0)),
        (kernels.where(condition, x, 0), np.where(condition, x, 0)),
        (kernels.where(condition, 0, x), np.where(condition, 0, x)),
        (kernels.where(condition, np.zeros((), dtype), x), np.where(condition, dtype(0), x)),
        (kernels.where(condition, 1, x), np.where(condition, 1, x)),
        (kernels.where(condition, x, x[::-1]), np.where(condition, x, x[::-1])),
    ]:
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
        assert not np.shares_memory(found, x)
    np.testing.assert_array_equal(x, kept)


@pytest.mark.parametrize("layout", ["transposed", "strided", "broadcast"])
def test_other_layouts_and_shapes(layout):
    x = numbers(64 * 64, np.float32).reshape(64, 64)
    x = {"transposed": x.T, "strided": x[:, ::2], "broadcast": x[:1]}[layout]
    condition = numbers(64 * x.shape[1], np.float32).reshape(64, -1) > 0
    np.testing.assert_array_equal(kernels.relu(x), np.maximum(x, 0))
    np.testing.assert_array_equal(kernels.where(condition, x, 0), np.where(condition, x, 0))
    np.testing.assert_array_equal(kernels.where(condition, 0, x), np.where(condition, 0, x))


def test_integers_are_chosen_too():
    x, condition = np.arange(5000), np.arange(5000) % 2 == 0
    np.testing.assert_array_equal(kernels.where(condition, x, 0), np.where(condition, x, 0))
    assert kernels.where(condition, x, 0.0).dtype == np.float64


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_sigmoid_is_as_exact_where_it_is_small(dtype):
    x = np.linspace(-15, 15, 1001).astype(dtype)
    x.flags.writeable = False
    info = np.finfo(dtype)
    for values in (x, x[::-3], x[:1000].reshape(10, 100).T, np.asarray(x[0])):
        y, exact = kernels.sigmoid(values), 1 / (1 + np.exp(-values.astype(np.longdouble)))
        assert y.dtype == dtype
        np.testing.assert_allclose(y, exact, rtol=4 * info.eps, atol=info.smallest_subnormal)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_sigmoid_of_what_is_large(dtype):
    x = np.array([-np.inf, np.finfo(dtype).min, -0.0, np.finfo(dtype).max, np.inf, np.nan], dtype)
    np.testing.assert_array_equal(kernels.sigmoid(x), np.array([0, 0, 0.5, 1, 1, np.nan], dtype))
