"""Cross-entropy of class indices: what float64 and one row at a time give, at any size."""

import warnings

import numpy as np
import pytest

from tinygraph import kernels

SHAPES = [
    (0, 3),
    (1, 1),
    (5, 3),
    (40, 300),  # a product of this size would take all threads of BLAS
    (300, 400),  # this is shared
    (2, 4, 3),
    (3, 5, 2, 4),
    (6, 7, 40, 50),
]
IGNORED = 1


def numbers(shape, dtype=np.float32, seed=0):
    rng = np.random.default_rng(seed)
    x = (10 * rng.standard_normal(shape)).astype(dtype)
    target = rng.integers(0, shape[1], (shape[0], *shape[2:]))
    g = rng.standard_normal(target.shape).astype(dtype)
    return x, target, g


def expected(x, target, g, ignore_index):
    x = np.moveaxis(x.astype(float), 1, -1)
    e = np.exp(x - x.max(axis=-1, keepdims=True, initial=-np.inf))
    p = e / e.sum(axis=-1, keepdims=True)
    counted = target != ignore_index
    chosen = (target[..., None] == np.arange(x.shape[-1])) & counted[..., None]
    losses = np.zeros(target.shape)
    losses[counted] = -np.log(p[chosen])
    gx = np.where(counted, g, 0)[..., None] * (p - chosen)
    return losses, np.moveaxis(gx, -1, 1)


def both(x, target, g, ignore_index):
    losses, e, total = kernels.cross_entropy(x, target, ignore_index)
    return losses, kernels.cross_entropy_grad(g, e, target, total, ignore_index)


@pytest.mark.parametrize("ignore_index", [-100, IGNORED])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_values(shape, dtype, ignore_index):
    x, target, g = numbers(shape, dtype)
    close = dict(rtol=1e-5, atol=1e-5) if dtype == np.float32 else dict(rtol=1e-12, atol=1e-12)
    found = both(x, target, g, ignore_index)
    for value, exact in zip(found, expected(x, target, g, ignore_index), strict=True):
        assert value.dtype == dtype
        assert value.flags.c_contiguous
        np.testing.assert_allclose(value, exact, **close)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_layouts_and_dtypes_of_labels(shape):
    x, target, g = numbers(shape)
    plain = both(x, target, g, IGNORED)
    x, target, g = (np.asfortranarray(array) for array in (x, target, g))
    for labels in (target, target.astype(np.uint8 if shape[1] < 256 else np.uint64)):
        for value, same in zip(both(x, labels, g, IGNORED), plain, strict=True):
            assert value.flags.c_contiguous
            np.testing.assert_allclose(value, same, rtol=1e-6, atol=1e-6)


def test_labels_outside_of_the_classes_are_ignored_where_they_are_to_be():
    x, target, g = numbers((5, 3))
    target[[0, 3]] = -100
    losses, gx = both(x, target, g, -100)
    assert not losses[[0, 3]].any()
    assert not gx[[0, 3]].any()
    counted = [1, 2, 4]
    for value, alone in zip(
        (losses, gx), both(x[counted], target[counted], g[counted], -100), strict=True
    ):
        np.testing.assert_array_equal(value[counted], alone)


@pytest.mark.parametrize("rows", [3, 3000])
def test_logits_that_are_not_finite(rows):
    inf, nan = np.inf, np.nan
    x = np.zeros((rows, 30), np.float32)
    x[0, :2], x[1], x[2, 5] = (-inf, 1000), -inf, nan
    target, g = np.zeros(rows, int), np.ones(rows, np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        losses, gx = both(x, target, g, -100)
    assert losses[0] == inf
    np.testing.assert_array_equal(gx[0, :2], [-1, 1])
    assert np.isnan(losses[1:3]).all()
    assert np.isnan(gx[1:3]).all()
    np.testing.assert_allclose(losses[3:], np.log(30), rtol=1e-6)


def test_what_is_not_chosen_is_not_lost_beside_large_logits():
    x = np.array([[1e4, 1e4 - 10, -1e4]], np.float32)
    losses, gx = both(x, np.array([0]), np.ones(1, np.float32), -100)
    np.testing.assert_allclose(losses, np.log1p(np.exp(-10.0)), rtol=2e-3)  # 1 + 5e-5 is rounded
    np.testing.assert_allclose(gx[0, 1], 1 / (1 + np.exp(10.0)), rtol=1e-6)
