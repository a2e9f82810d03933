from dataclasses import dataclass
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygraph import kernels
from tinygraph.kernels import tiles

from . import reference
from .checks import check_adjoint, check_fresh, check_sums
from .strategies import BATCHES, arrays, geometries


@dataclass(frozen=True)
class Convolution:
    """A convolution's arguments, and a gradient of its output."""

    x: np.ndarray
    w: np.ndarray
    b: np.ndarray | None
    g: np.ndarray
    options: tuple  # stride, padding, dilation, groups

    @property
    def terms(self):
        """The most terms that one entry of any of the three kernels sums."""
        n, o, *windows = self.g.shape
        return max(np.prod(self.w.shape[1:]) + 1, np.prod(self.w.shape) + o, n * np.prod(windows))


@st.composite
def convolutions(draw, integers=None):
    geometry = draw(geometries())
    groups, depth, filters = (draw(st.integers(1, 3)) for _ in range(3))
    n, o = draw(BATCHES), groups * filters
    x = draw(arrays((n, groups * depth, *geometry.size), integers=integers))
    w = draw(arrays((o, depth, *geometry.kernel_size), x.dtype, integers))
    b = draw(st.one_of(st.none(), arrays((o,), x.dtype, integers)))
    g = draw(arrays((n, o, *geometry.windows), x.dtype, integers))
    options = geometry.stride, geometry.padding, geometry.dilation, groups
    return Convolution(x, w, b, g, options)


TILES = st.sampled_from([1, 1000, tiles.TILE_BYTES])


def tiled(size):
    """Let the kernels work in tiles of so many bytes, to have several of a small batch."""
    return mock.patch.multiple(tiles, TILE_BYTES=size, SHARED_BYTES=size)


def run(c, x, w, b, g):
    """Apply the three kernels to such arguments as those of c."""
    kernel_size, input_size = w.shape[2:], x.shape[2:]
    return (
        kernels.conv(x, w, b, *c.options),
        kernels.conv_input_grad(g, w, input_size, *c.options),
        kernels.conv_weight_grad(g, x, kernel_size, *c.options),
    )


@given(convolutions(), TILES)
@settings(deadline=None, max_examples=120)
def test_conv_is_its_definition(c, tile_bytes):
    with tiled(tile_bytes):
        y = kernels.conv(c.x, c.w, c.b, *c.options)
    check_fresh(y, c.x.dtype, c.x, c.w)
    b = None if c.b is None else c.b.astype(float)
    expected = reference.conv(c.x.astype(float), c.w.astype(float), b, *c.options)
    b = None if b is None else abs(b)
    magnitude = reference.conv(abs(c.x.astype(float)), abs(c.w.astype(float)), b, *c.options)
    check_sums(y, expected, magnitude, c.terms)


@given(convolutions(integers=True), TILES)
@settings(deadline=None, max_examples=120)
def test_conv_of_integers_is_exact(c, tile_bytes):
    with tiled(tile_bytes):
        y = kernels.conv(c.x, c.w, c.b, *c.options)
    np.testing.assert_array_equal(y, reference.conv(c.x, c.w, c.b, *c.options), strict=True)


@given(convolutions(integers=True), TILES)
@settings(deadline=None, max_examples=200)
def test_gradients_are_the_adjoints_of_conv(c, tile_bytes):
    with tiled(tile_bytes):
        y, gx, gw = run(c, c.x, c.w, None, c.g)
    check_fresh(gx, c.x.dtype, c.g, c.w)
    check_fresh(gw, c.x.dtype, c.g, c.x)
    assert gx.shape == c.x.shape
    assert gw.shape == c.w.shape
    check_adjoint(c.x, y, c.g, gx)
    check_adjoint(c.w, y, c.g, gw)


@given(convolutions(integers=False), TILES)
@settings(deadline=None, max_examples=60)
def test_single_precision_is_double_precision_rounded(c, tile_bytes):
    double = [a if a is None else a.astype(float) for a in (c.x, c.w, c.b, c.g)]
    single = [a if a is None else a.astype(np.float32) for a in (c.x, c.w, c.b, c.g)]
    magnitudes = run(c, *(a if a is None else abs(a) for a in double))
    with tiled(tile_bytes):
        results = run(c, *single)
    # The inputs are rounded too: two terms more.
    for actual, expected, magnitude in zip(results, run(c, *double), magnitudes, strict=True):
        assert actual.dtype == np.float32
        check_sums(actual, expected, magnitude, c.terms + 2)


def test_half_precision_stays():
    x, w, g = np.ones((2, 3, 5, 4)), np.ones((4, 3, 2, 2)), np.ones((2, 4, 4, 3))
    options = (1, 1), (0, 0), (1, 1), 1
    c = Convolution(x, w, None, g, options)
    for y in run(c, *(a.astype(np.float16) for a in (x, w, np.zeros(4), g))):
        check_fresh(y, np.float16)


@given(convolutions(integers=True), TILES)
@settings(deadline=None, max_examples=80)
def test_agrees_with_torch(torch, c, tile_bytes):
    x, w, b, g = (a if a is None else torch.tensor(a.copy()) for a in (c.x, c.w, c.b, c.g))
    for a in (x, w):
        a.requires_grad_()
    conv = getattr(torch.nn.functional, f"conv{c.x.ndim - 2}d")
    y = conv(x, w, b, *c.options)
    gx, gw = torch.autograd.grad(y, (x, w), g)
    with tiled(tile_bytes):
        results = run(c, c.x, c.w, c.b, c.g)
    for actual, expected in zip(results, (y.detach(), gx, gw), strict=True):
        np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("groups", [1, 2])
def test_large_batch_crosses_tiles(groups):
    """At the true tile size, with a last tile that is not full."""
    rng = np.random.default_rng(0)
    x = rng.integers(-3, 4, (11, 8, 30, 31)).astype(np.float32)
    w = rng.integers(-3, 4, (4, 8 // groups, 3, 3)).astype(np.float32)
    options = (1, 1), (1, 1), (1, 1), groups
    y = kernels.conv(x, w, None, *options)
    for i in range(len(x)):
        np.testing.assert_array_equal(y[i : i + 1], kernels.conv(x[i : i + 1], w, None, *options))
