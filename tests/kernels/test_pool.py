import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tinygraph import kernels

from . import reference
from .checks import check_adjoint, check_fresh, check_sums
from .strategies import BATCHES, arrays, geometries

POOLING = geometries(pooling=True)
AVERAGING = geometries(pooling=True, dilated=False)
DIVISORS = st.sampled_from([None, None, 3, -2])
SPECIAL = st.sampled_from([-np.inf, np.inf, np.nan])


def averaging(geometry):
    return geometry.kernel_size, geometry.stride, geometry.padding


def sprinkle(x, values, seed):
    """Give a copy of x in which about a third of the entries are special."""
    rng = np.random.default_rng(seed)
    return np.where(rng.random(x.shape) < 0.3, rng.choice(values, x.shape), x).astype(x.dtype)


@given(st.data(), POOLING, BATCHES)
@settings(deadline=None, max_examples=150)
def test_max_pool_is_its_definition(data, geometry, n):
    """Integers bring ties, special values -inf and NaN, alone or together."""
    x = data.draw(arrays((n, 2, *geometry.size)))
    special = data.draw(st.lists(SPECIAL, max_size=3))
    if special:
        x = sprinkle(x, special, data.draw(st.integers(0, 999)))
    y, winners = kernels.max_pool(x, *geometry.sliding, geometry.ceil_mode)
    check_fresh(y, x.dtype, x)
    check_fresh(winners, np.uint8, y)
    expected, expected_winners = reference.max_pool(x, *geometry.sliding, geometry.ceil_mode)
    np.testing.assert_array_equal(y, expected, strict=True)
    np.testing.assert_array_equal(winners, expected_winners)


@given(st.data(), POOLING, BATCHES)
@settings(deadline=None, max_examples=120)
def test_pixels_of_winners_put_and_taken_are_their_definitions(data, geometry, n):
    x = data.draw(arrays((n, 2, *geometry.size), integers=True))
    y, winners = kernels.max_pool(x, *geometry.sliding, geometry.ceil_mode)
    winners.flags.writeable = False
    pixels = kernels.winner_pixels(winners, geometry.size, *geometry.sliding)
    check_fresh(pixels, np.int64, winners)
    expected = reference.winner_pixels(winners, geometry.size, *geometry.sliding)
    np.testing.assert_array_equal(pixels, expected, strict=True)

    pixels.flags.writeable = False
    g = data.draw(arrays(y.shape, x.dtype, integers=True))
    gx = kernels.put_pixels(g, pixels, geometry.size)
    check_fresh(gx, g.dtype, g)
    expected = reference.max_unpool(g, winners, geometry.size, *geometry.sliding)
    np.testing.assert_array_equal(gx, expected, strict=True)

    np.testing.assert_array_equal(kernels.take_pixels(x, pixels), y)
    other = data.draw(arrays(x.shape, x.dtype, integers=True))
    taken = kernels.take_pixels(other, pixels)
    check_fresh(taken, x.dtype, other)
    check_adjoint(other, taken, g, gx)


@given(st.data(), st.integers(1, 3), BATCHES)
@settings(deadline=None, max_examples=80)
def test_adaptive_max_pool_is_its_definition(data, rank, n):
    size, parts = (data.draw(st.tuples(*[st.integers(1, 6)] * rank)) for _ in range(2))
    x = data.draw(arrays((n, 2, *size), integers=True))
    y, pixels = kernels.adaptive_max_pool(x, parts)
    check_fresh(y, x.dtype, x)
    check_fresh(pixels, np.int64, x)
    np.testing.assert_array_equal(y, reference.adaptive_pool(x, parts, max))
    number = np.broadcast_to(np.arange(np.prod(size)).reshape(size), x.shape)
    keys = x.astype(int) * number[0, 0].size - number if n else x  # the first of equals is largest
    best = reference.adaptive_pool(keys, parts, max)
    np.testing.assert_array_equal(np.mod(-best, np.prod(size)), pixels)


def test_ties_go_to_the_first():
    x = np.zeros((1, 1, 4, 4), np.float32)
    y, winners = kernels.max_pool(x, (2, 2), (2, 2), (1, 1), (1, 1), False)
    np.testing.assert_array_equal(y, np.zeros((1, 1, 3, 3)))
    # The first entry inside the image, not the padding before it.
    np.testing.assert_array_equal(winners[0, 0], [[3, 2, 2], [1, 0, 0], [1, 0, 0]])


def test_infinite_gradients_stay_with_the_winner():
    x = np.array([[[[1.0, 2.0]]]])
    window = (1, 2), (1, 2), (0, 0), (1, 1)
    _, winners = kernels.max_pool(x, *window, False)
    pixels = kernels.winner_pixels(winners, (1, 2), *window)
    gx = kernels.put_pixels(np.array([[[[np.inf]]]]), pixels, (1, 2))
    np.testing.assert_array_equal(gx, [[[[0, np.inf]]]])


@pytest.mark.parametrize(("kernel", "dtype"), [((15, 17), np.uint8), ((16, 16), np.uint16)])
def test_winners_of_large_windows(kernel, dtype):
    x = np.arange(np.prod(kernel), dtype=np.float32).reshape(1, 1, *kernel)
    _, winners = kernels.max_pool(x, kernel, (1, 1), (0, 0), (1, 1), False)
    assert winners.dtype == dtype
    assert winners.item() == x.size - 1


def test_window_of_padding_only():
    """Dilation longer than the image can step over it."""
    x = np.ones((1, 1, 1, 1))
    y, winners = kernels.max_pool(x, (2, 1), (1, 1), (1, 0), (2, 1), False)
    assert y.item() == -np.inf
    assert winners.item() == 2


@given(st.data(), AVERAGING, BATCHES, st.booleans(), DIVISORS)
@settings(deadline=None, max_examples=150)
def test_avg_pool_is_its_definition(data, geometry, n, count_include_pad, divisor):
    x = data.draw(arrays((n, 2, *geometry.size)))
    arguments = *averaging(geometry), geometry.ceil_mode, count_include_pad, divisor
    y = kernels.avg_pool(x, *arguments)
    check_fresh(y, x.dtype, x)
    np.testing.assert_array_equal(y, reference.avg_pool(x, *arguments), strict=True)


@given(st.data(), AVERAGING, BATCHES, st.booleans(), DIVISORS)
@settings(deadline=None, max_examples=120)
def test_avg_unpool_is_the_adjoint_of_avg_pool(data, geometry, n, count_include_pad, divisor):
    """Every pixel's row of the transposed matrix; the batch and channels come along."""
    sliding = averaging(geometry)
    g = data.draw(arrays((n, 2, *geometry.windows)))
    gx = kernels.avg_unpool(g, geometry.size, *sliding, count_include_pad, divisor)
    check_fresh(gx, g.dtype, g)

    pixels = np.eye(np.prod(geometry.size)).reshape(-1, 1, *geometry.size)
    matrix = reference.avg_pool(pixels, *sliding, geometry.ceil_mode, count_include_pad, divisor)
    matrix = matrix.reshape(len(matrix), -1)  # (H*W, L)
    flat = g.reshape(n, 2, matrix.shape[1]).astype(float)
    expected = (flat @ matrix.T).reshape(gx.shape)
    check_sums(gx, expected, (abs(flat) @ abs(matrix.T)).reshape(gx.shape), matrix.shape[1])


@given(st.data(), POOLING)
@settings(deadline=None, max_examples=80)
def test_max_pooling_agrees_with_torch(torch, data, geometry):
    pairs = zip(geometry.padding, geometry.kernel_size, strict=True)
    assume(all(p <= k // 2 for p, k in pairs))  # PyTorch's bound, which overlooks the dilation
    x = data.draw(arrays((2, 2, *geometry.size), integers=True))
    y, winners = kernels.max_pool(x, *geometry.sliding, geometry.ceil_mode)
    g = data.draw(arrays(y.shape, x.dtype, integers=True))
    pixels = kernels.winner_pixels(winners, geometry.size, *geometry.sliding)
    gx = kernels.put_pixels(g, pixels, geometry.size)
    peer = torch.tensor(x.copy(), requires_grad=True)
    pool = getattr(torch.nn.functional, f"max_pool{x.ndim - 2}d")
    pooled, indices = pool(peer, *geometry.sliding, geometry.ceil_mode, return_indices=True)
    np.testing.assert_array_equal(y, pooled.detach())
    np.testing.assert_array_equal(pixels, indices)
    (expected,) = torch.autograd.grad(pooled, peer, torch.tensor(g.copy()))
    np.testing.assert_array_equal(gx, expected)


@given(st.data(), geometries(pooling=True, dilated=False, ranks=[1, 2]), st.booleans())
@settings(deadline=None, max_examples=80)
def test_average_pooling_agrees_with_torch(torch, data, geometry, count_include_pad):
    x = data.draw(arrays((2, 2, *geometry.size), integers=True))
    y = kernels.avg_pool(x, *averaging(geometry), geometry.ceil_mode, count_include_pad, None)
    pool = torch.avg_pool1d if x.ndim == 3 else getattr(torch._C._nn, f"avg_pool{x.ndim - 2}d")
    peer = pool(torch.tensor(x.copy()), *averaging(geometry), geometry.ceil_mode, count_include_pad)
    np.testing.assert_array_equal(y, peer)
