"""Passes over channels: NumPy's own arithmetic, in the dtype that it would have, on any threads."""

import numpy as np
import pytest

from tinygraph import kernels

SHAPES = [
    (0, 3, 4),
    (1, 3),
    (5, 3),
    (4, 3, 7),
    (2, 3, 4, 5),
    (40, 16, 30, 40),
]  # the last is shared


def numbers(shape, dtype, seed):
    return (np.random.default_rng(seed).standard_normal(shape) + 3).astype(dtype)


@pytest.mark.parametrize("wide", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_channels(shape, wide):
    x, z = numbers(shape, np.float32, 0), numbers(shape, np.float32, 1)
    axes, channels = (0, *range(2, len(shape))), (1, shape[1], *(1 for _ in shape[2:]))
    shift, a, b, c = (numbers(channels, wide, seed) for seed in range(2, 6))
    precise = 1e-5 if wide == np.float32 else 1e-12

    affine = kernels.channel_affine(x, shift, a, b)
    combined = kernels.channel_combine(x, z, shift, a, b, c)
    for found, expected in [
        (affine, (x - shift) * a + b),
        (combined, a * x + b * (z - shift) + c),
    ]:
        assert found.dtype == expected.dtype == wide
        atol = precise * abs(expected).max(initial=0)
        np.testing.assert_allclose(found, expected, rtol=0, atol=atol)
    total = kernels.channel_sum(x)
    assert total.shape == channels
    assert total.dtype == x.dtype
    exact = x.sum(axis=axes, keepdims=True, dtype=float)
    size = abs(x).sum(axis=axes, keepdims=True, dtype=float)
    assert (abs(total - exact) <= 1e-5 * size).all()
    dot = kernels.channel_dot(x, z, shift)
    assert dot.shape == channels
    assert dot.dtype == wide
    exact = (x.astype(float) * (z.astype(float) - shift)).sum(axis=axes, keepdims=True)
    size = (abs(x.astype(float)) * abs(z.astype(float) - shift)).sum(axis=axes, keepdims=True)
    assert (abs(dot - exact) <= 1e-5 * size).all()


@pytest.mark.parametrize("shape", SHAPES[1:], ids=str)
def test_moments(shape):
    x = numbers(shape, np.float64, 0)
    axes = (0, *range(2, len(shape)))
    mean, var = kernels.channel_moments(x)
    np.testing.assert_allclose(mean, x.mean(axis=axes, keepdims=True), rtol=1e-12)
    np.testing.assert_allclose(var, x.var(axis=axes, keepdims=True), rtol=1e-12, atol=1e-30)
