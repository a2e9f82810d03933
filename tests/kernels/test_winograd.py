"""Windows taken in pairs give what windows taken one by one give, which test_conv holds to."""

from contextlib import contextmanager
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygraph import kernels
from tinygraph.kernels import tiles, winograd

from .checks import check_fresh, check_sums
from .strategies import DTYPES, arrays

KERNELS = ("conv", "conv_weight_grad", "conv_input_grad")


@st.composite
def problems(draw, integers=None):
    """Draw what a convolution of pairs takes: images, filters, a bias, a gradient, and options."""
    rest = [
        (
            draw(st.integers(1, 4)),
            draw(st.integers(1, 3)),
            *draw(st.tuples(*[st.integers(1, 2)] * 2)),
        )
        for _ in range(draw(st.sampled_from([1, 1, 1, 2])))
    ]
    axes = [(draw(st.integers(1, 6)), 3, 1, draw(st.integers(1, 3)), 1)]
    axes += [(size + d * (k - 1), k, s, draw(st.integers(0, 2)), d) for size, k, s, d in rest]
    size, kernel_size, stride, padding, dilation = zip(*axes, strict=True)
    windows = tuple(kernels.output_size(*axis) for axis in axes)
    groups, depth, filters = (draw(st.integers(1, 2)) for _ in range(3))
    n, dtype = draw(st.integers(2, 4)), draw(DTYPES)
    x = draw(arrays((n, groups * depth, *size), dtype, integers))
    w = draw(arrays((groups * filters, depth, *kernel_size), dtype, integers))
    b = draw(st.one_of(st.none(), arrays((groups * filters,), dtype, integers)))
    g = draw(arrays((n, groups * filters, *windows), dtype, integers))
    return x, w, b, g, (stride, padding, dilation, groups)


def run(x, w, b, g, options):
    return (
        kernels.conv(x, w, b, *options),
        kernels.conv_weight_grad(g, x, w.shape[2:], *options),
        kernels.conv_input_grad(g, w, x.shape[2:], *options),
    )


def one_by_one(*problem):
    with mock.patch.object(winograd, "suits", return_value=False):
        return run(*problem)


@contextmanager
def pairing(tile_bytes=tiles.TILE_BYTES):
    """Have windows taken in pairs however few there are, and require that they were."""
    few = mock.patch.multiple(winograd, MANY_CHANNELS=1, MANY_WINDOWS=1)
    small = mock.patch.multiple(tiles, TILE_BYTES=tile_bytes, SHARED_BYTES=tile_bytes)
    with few, small, mock.patch.object(winograd, "_add_up", wraps=winograd._add_up) as spy:
        yield
    spy.assert_called()


def in_pairs(*problem, tile_bytes=tiles.TILE_BYTES):
    with pairing(tile_bytes):
        return run(*problem)


TILES = st.sampled_from([1, 1000, tiles.TILE_BYTES])


@given(problems(integers=True), TILES)
@settings(deadline=None, max_examples=200)
def test_pairs_of_integers_are_exact(problem, tile_bytes):
    results = in_pairs(*problem, tile_bytes=tile_bytes)
    for kernel, actual, expected in zip(KERNELS, results, one_by_one(*problem), strict=True):
        check_fresh(actual, expected.dtype, *problem[:2], problem[3])
        np.testing.assert_array_equal(actual, expected, kernel, strict=True)


@given(problems(integers=True), st.integers(0, 2), st.sampled_from([np.uint8, bool, np.float16]))
@settings(deadline=None, max_examples=100)
def test_rows_are_combined_in_the_dtype_of_the_result(problem, which, dtype):
    """In their own, differences of bytes wrap round, and sums of halves lose digits."""
    x, w, b, g, options = problem
    x, w, g = operands = [a.astype(float) for a in (x, w, g)]
    operands[which][...] = np.where(operands[which] > 0, 2047, 0).astype(dtype)
    expected = one_by_one(x, w, b, g, options)
    operands[which] = operands[which].astype(dtype)
    x, w, g = operands
    for kernel, *results in zip(KERNELS, in_pairs(x, w, b, g, options), expected, strict=True):
        np.testing.assert_array_equal(*results, kernel, strict=True)


@given(problems(integers=False), TILES)
@settings(deadline=None, max_examples=100)
def test_rounding_stays_within_the_window(problem, tile_bytes):
    """Of a window, each row is added to another and multiplied by the sum of the filter's rows."""
    x, w, b, g, options = problem
    double = [a if a is None else a.astype(float) for a in (x, w, b, g)]
    rows = np.broadcast_to(abs(double[1]).sum(axis=2, keepdims=True), w.shape)
    b_magnitude = None if b is None else abs(double[2])
    y, gw, gx = one_by_one(abs(double[0]), rows, b_magnitude, abs(double[3]), options)
    magnitudes = y, np.broadcast_to(gw.sum(axis=2, keepdims=True), w.shape), gx
    terms = 4 * max(w.size + 1, g.size)
    results = in_pairs(*problem, tile_bytes=tile_bytes), one_by_one(*double, options)
    for actual, expected, magnitude in zip(*results, magnitudes, strict=True):
        check_sums(actual, expected, 2 * magnitude, terms)


SPECIAL = st.sampled_from([np.inf, -np.inf, np.nan])


@given(problems(integers=True), SPECIAL, st.data())
@settings(deadline=None, max_examples=200)
def test_what_is_not_finite_is_computed_as_it_stands(problem, special, data):
    """Infinity less infinity in a pair is NaN where a window has one of them."""
    *arrays, options = problem
    which = data.draw(st.sampled_from([i for i, a in enumerate(arrays) if a is not None]))
    array = arrays[which].astype(float)
    array.flat[data.draw(st.integers(0, array.size - 1))] = special
    arrays = [a if a is None else a.astype(float) for a in arrays]
    arrays[which] = array
    with np.errstate(all="ignore"):
        results = in_pairs(*arrays, options), one_by_one(*arrays, options)
        for kernel, actual, expected in zip(KERNELS, *results, strict=True):
            np.testing.assert_array_equal(actual, expected, kernel)


@pytest.mark.parametrize("shape", [(2, 1, 4, 1), (2, 1, 5, 2)])
def test_sums_of_rows_that_overflow_say_nothing(shape):
    """Two rows are added that no window adds, as their filters are 0."""
    x = np.full(shape, np.finfo(float).max)
    w = np.array([1.0, 0.0, -1.0]).reshape(1, 1, 3, 1)
    options = (1, 1), (0, 0), (1, 1), 1
    with np.errstate(all="raise"), pairing():
        y = kernels.conv(x, w, None, *options)
    assert not y.any()


@given(problems(integers=True), st.data())
@settings(deadline=None, max_examples=100)
def test_a_large_pixel_counts_in_its_windows_only(problem, data):
    """Rounding included: what is beside it keeps all of its digits."""
    *arrays, options = problem
    x, w, b, g = (a if a is None else a.astype(float) for a in arrays)
    at = tuple(data.draw(st.integers(0, n - 1)) for n in x.shape)
    windows = np.zeros(x.shape)
    windows[at] = 1
    seen = one_by_one(windows, np.ones(w.shape), None, g, options)[0] != 0
    large = x.copy()
    large[at] = 1e30
    with pairing():
        y = kernels.conv(large, w, b, *options)
    expected = one_by_one(x, w, b, g, options)[0]
    np.testing.assert_array_equal(y[~seen], expected[~seen])


SUITED = {
    "dtype": np.dtype(np.float32),
    "shape": (8, 64, 64),
    "windows": (16, 16),
    "kernel_size": (3, 3),
    "stride": (1, 1),
    "dilation": (1, 1),
    "groups": 1,
}


@pytest.mark.parametrize(
    "change",
    [
        {"dtype": np.dtype(np.float16)},  # halves would lose digits
        {"dtype": np.dtype(np.int64)},
        {"shape": (1, 64, 64)},
        {"shape": (8, 64, 32)},
        {"windows": (8, 8)},
        {"kernel_size": (2, 3)},
        {"kernel_size": (3,), "windows": (256,), "stride": (1,), "dilation": (1,)},
        {"stride": (2, 1)},
        {"dilation": (2, 1)},
        {"groups": 2},
    ],
    ids=str,
)
def test_pairs_are_for_many_wide_images(change):
    assert winograd.suits(**SUITED)
    assert not winograd.suits(**SUITED | change)


def test_images_wide_enough_are_taken_in_pairs():
    """At the true sizes, in a batch that crosses tiles, with a last one that is not full."""
    rng = np.random.default_rng(0)
    x = rng.integers(-3, 4, (9, 64, 17, 16)).astype(np.float32)
    w = rng.integers(-3, 4, (65, 64, 3, 3)).astype(np.float32)
    b = rng.integers(-3, 4, 65).astype(np.float32)
    g = rng.integers(-3, 4, (9, 65, 17, 16)).astype(np.float32)
    problem = x, w, b, g, ((1, 1), (1, 1), (1, 1), 1)
    with mock.patch.object(winograd, "_add_up", wraps=winograd._add_up) as spy:
        results = run(*problem)
    assert spy.call_count > 4  # more than one tile for each of two threads, twice
    for actual, expected in zip(results, one_by_one(*problem), strict=True):
        np.testing.assert_array_equal(actual, expected)
