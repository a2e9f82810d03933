"""Convolution, pooling and resampling against PyTorch: any options, two orders of gradients."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

import tinygraph as tg
from tinygraph.nn import functional as F

from .test_torch import agree, assert_close, draw, ties

IMAGES = {1: (2, 4, 7), 2: (2, 4, 6, 5), 3: (1, 4, 4, 5, 3)}
RANKS = [1, 2, 3]
some = settings(deadline=None, max_examples=40)


def per_axis(rank, low, high):
    """Draw one int for all axes, or one for each."""
    number = st.integers(low, high)
    return st.one_of(number, st.tuples(*[number] * rank))


def both(torch, name, *arrays, call=lambda f, *xs: f(*xs), **more):
    """Compare the functions of a name in both libraries."""
    theirs = getattr(torch.nn.functional, name)
    agree(
        torch,
        lambda *xs: call(getattr(F, name), *xs),
        lambda *xs: call(theirs, *xs),
        *arrays,
        **more,
    )


# -- convolution ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("rank", RANKS)
@given(data=st.data())
@settings(some, max_examples=12)
def test_any_convolution(torch, rank, dtype, data):
    groups = data.draw(st.sampled_from([1, 2, 4]))
    kernel = data.draw(st.tuples(*[st.integers(1, 3)] * rank))
    image = IMAGES[rank] if data.draw(st.booleans()) else IMAGES[rank][1:]
    options = dict(
        stride=data.draw(per_axis(rank, 1, 3)),
        padding=data.draw(per_axis(rank, 0, 2)),
        dilation=data.draw(per_axis(rank, 1, 1 if rank == 3 else 2)),
        groups=groups,
    )
    arrays = [draw(*image, dtype=dtype), draw(4, 4 // groups, *kernel, dtype=dtype)]
    if data.draw(st.booleans()):
        arrays.append(draw(4, dtype=dtype))
    both(torch, f"conv{rank}d", *arrays, call=lambda f, *xs: f(*xs, **options), twice=True)


@pytest.mark.filterwarnings("ignore")  # PyTorch warns that it copies for even kernels
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("rank", RANKS)
def test_named_padding(torch, rank, padding, dilation):
    """Kernels of even and odd lengths: what cannot be on both sides goes to the end."""
    arrays = [draw(*IMAGES[rank]), draw(2, 4, *(2, 3, 2)[:rank]), draw(2)]
    options = dict(padding=padding, dilation=dilation)
    both(torch, f"conv{rank}d", *arrays, call=lambda f, *xs: f(*xs, **options), twice=True)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("rank", RANKS)
@given(data=st.data())
@settings(some, max_examples=12)
def test_any_transposed_convolution(torch, rank, dtype, data):
    """Also with an output_padding that is not below the stride, but below the dilation."""
    groups = data.draw(st.sampled_from([1, 2, 4]))
    kernel = data.draw(st.tuples(*[st.integers(1, 3)] * rank))
    image = IMAGES[rank] if data.draw(st.booleans()) else IMAGES[rank][1:]
    stride = data.draw(per_axis(rank, 1, 3))
    dilation = data.draw(st.integers(1, 1 if rank == 3 else 3))
    room = max(min(np.atleast_1d(stride)), dilation)
    options = dict(
        stride=stride,
        padding=data.draw(per_axis(rank, 0, 1)),
        output_padding=data.draw(st.integers(0, room - 1)),
        groups=groups,
        dilation=dilation,
    )
    arrays = [draw(*image, dtype=dtype), draw(4, 2, *kernel, dtype=dtype)]
    if data.draw(st.booleans()):
        arrays.append(draw(2 * groups, dtype=dtype))
    name = f"conv_transpose{rank}d"
    both(torch, name, *arrays, call=lambda f, *xs: f(*xs, **options), twice=True)


def test_transposed_convolution_takes_arguments_in_pytorchs_order(torch):
    arrays = [draw(2, 4, 3, 2), draw(4, 1, 2, 3), draw(2)]
    both(
        torch,
        "conv_transpose2d",
        *arrays,
        call=lambda f, *xs: f(*xs, (2, 3), 1, (1, 2), 2, (2, 1)),
    )


# -- pooling -------------------------------------------------------------------------------------


def pool_options(data, rank, dilated=False):
    kernel = data.draw(st.tuples(*[st.integers(1, 3)] * rank))
    options = dict(
        kernel_size=kernel,
        stride=data.draw(st.one_of(st.none(), per_axis(rank, 1, 3))),
        padding=tuple(data.draw(st.integers(0, k // 2)) for k in kernel),
        ceil_mode=data.draw(st.booleans()),
    )
    if options["stride"] is None and rank != 2:
        options["stride"] = kernel
    return options


@pytest.mark.parametrize("rank", RANKS)
@given(data=st.data())
@some
def test_any_max_pooling_and_its_indices(torch, rank, data):
    x = ties(*IMAGES[rank]) if data.draw(st.booleans()) else draw(*IMAGES[rank])
    x = x[0] if data.draw(st.booleans()) else x
    options = pool_options(data, rank)
    dilation = data.draw(st.integers(1, 1 if rank == 3 else 2))
    both(
        torch,
        f"max_pool{rank}d",
        x,
        call=lambda f, x: f(x, dilation=dilation, **options),
        twice=True,
    )
    with_indices = dict(dilation=dilation, return_indices=True, **options)
    y, indices = getattr(F, f"max_pool{rank}d")(x, **with_indices)
    peer = getattr(torch.nn.functional, f"max_pool{rank}d")(torch.tensor(x), **with_indices)
    assert_close(y, peer[0], "value")
    assert_close(indices, peer[1], "indices")
    assert not indices.requires_grad


@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
def test_max_pooling_of_integers(torch, dtype):
    """Whose padding is the least of them."""
    x = np.arange(30, dtype=dtype).reshape(1, 1, 6, 5) - dtype(20 if dtype == np.int64 else 0)
    y = F.max_pool2d(x, 3, 2, 1, ceil_mode=True)
    assert_close(y, torch.nn.functional.max_pool2d(torch.tensor(x), 3, 2, 1, ceil_mode=True), "y")
    assert y.dtype == dtype


@pytest.mark.parametrize("rank", RANKS)
@given(data=st.data())
@some
def test_any_average_pooling(torch, rank, data):
    x = draw(*IMAGES[rank])
    options = pool_options(data, rank)
    options["count_include_pad"] = data.draw(st.booleans())
    if rank > 1:
        options["divisor_override"] = data.draw(st.sampled_from([None, 3]))
    x = x[0] if data.draw(st.booleans()) else x
    both(torch, f"avg_pool{rank}d", x, call=lambda f, x: f(x, **options), twice=True)


@pytest.mark.parametrize("rank", RANKS)
@given(data=st.data())
@settings(some, max_examples=20)
def test_any_adaptive_pooling(torch, rank, data):
    size = data.draw(per_axis(rank, 1, 8))
    x = draw(*IMAGES[rank])
    x = x[0] if data.draw(st.booleans()) else x
    both(torch, f"adaptive_avg_pool{rank}d", x, call=lambda f, x: f(x, size), twice=True)
    both(torch, f"adaptive_max_pool{rank}d", x, call=lambda f, x: f(x, size), twice=True)
    found = getattr(F, f"adaptive_max_pool{rank}d")(x, size, return_indices=True)
    peer = getattr(torch.nn.functional, f"adaptive_max_pool{rank}d")(
        torch.tensor(x), size, return_indices=True
    )
    assert_close(found[1], peer[1], "indices")


def test_an_empty_stride_is_that_of_the_kernel(torch):
    both(torch, "avg_pool2d", draw(1, 2, 4, 6), call=lambda f, x: f(x, (2, 3), ()))


def test_adaptive_pooling_leaves_an_axis_as_it_is(torch):
    x = draw(2, 3, 5, 4)
    for name in ("adaptive_avg_pool2d", "adaptive_max_pool2d"):
        both(torch, name, x, call=lambda f, x: f(x, (None, 3)))


@pytest.mark.parametrize("rank", RANKS)
def test_adaptive_means_of_no_channels(torch, rank):
    """PyTorch refuses volumes of none, and every gradient."""
    x = tg.zeros((2, 0, *(4,) * rank), requires_grad=True)
    y = getattr(F, f"adaptive_avg_pool{rank}d")(x, 3)
    assert y.shape == (2, 0, *(3,) * rank)
    assert tg.grad(y.sum(), x).shape == x.shape
    if rank < 3:
        peer = getattr(torch.nn.functional, f"adaptive_avg_pool{rank}d")
        assert y.shape == tuple(peer(torch.tensor(x.numpy()), 3).shape)


@pytest.mark.parametrize(
    "options", [{}, dict(count_include_pad=False), dict(divisor_override=9000)]
)
@pytest.mark.parametrize("stride", [1, 100])
def test_means_of_large_windows_in_half_precision(torch, options, stride):
    """A sum of ones in float16 stops at 2048, and of large numbers at 65504."""
    x = (np.abs(draw(1, 2, 101, 300)) * 1000).astype(np.float16)
    x[:, 0] = 1
    ours = tg.tensor(x, requires_grad=True)
    theirs = torch.tensor(x.astype(np.float64), requires_grad=True)
    size = dict(kernel_size=100, stride=stride, padding=2, **options)
    y, expected = F.avg_pool2d(ours, **size), torch.nn.functional.avg_pool2d(theirs, **size)
    g = (np.abs(draw(*y.shape, seed=1)) + 1).astype(np.float16) * np.float16(1000)
    found = tg.grad(y, ours, g)
    (peer,) = torch.autograd.grad(expected, theirs, torch.tensor(g.astype(np.float64)))
    assert y.dtype == found.dtype == np.float16
    np.testing.assert_allclose(y.data, expected.detach(), rtol=1e-3)
    np.testing.assert_allclose(found.data, peer, rtol=2e-3, atol=1e-3)


def test_the_mean_of_more_than_65504_halves():
    x = tg.ones((1, 1, 300, 300), dtype=np.float16, requires_grad=True)
    y = F.avg_pool2d(x, 300)
    assert y.item() == 1
    np.testing.assert_allclose(tg.grad(y, x, np.full((1, 1, 1, 1), 9000)).data, 0.1, rtol=1e-3)


@pytest.mark.parametrize("rank", RANKS)
@pytest.mark.parametrize("exact", [False, True])
def test_max_unpooling(torch, rank, exact):
    """Of windows that lie apart, and of windows that overlap."""
    x = draw(2, 3, *(4,) * rank) if exact else draw(*IMAGES[rank])
    windows = dict(kernel_size=2) if exact else dict(kernel_size=3, stride=2, padding=1)
    pool = getattr(torch.nn.functional, f"max_pool{rank}d")
    y, indices = pool(torch.tensor(x), return_indices=True, **windows)
    size = None if exact else x.shape[2:]
    both(
        torch,
        f"max_unpool{rank}d",
        y.numpy(),
        indices.numpy(),
        call=lambda f, y, i: f(y, i, **windows, output_size=size),
        twice=exact,
    )


def test_pooling_and_unpooling_back(torch):
    def there_and_back(f, x):
        y, indices = f.max_pool2d(x, 2, return_indices=True)
        return f.max_unpool2d(y, indices, 2, output_size=x.shape)

    agree(
        torch,
        lambda x: there_and_back(F, x),
        lambda x: there_and_back(torch.nn.functional, x),
        draw(2, 3, 5, 4),
        twice=True,
    )


# -- resampling ----------------------------------------------------------------------------------

MODES = {
    1: ["nearest", "nearest-exact", "linear", "area"],
    2: ["nearest", "nearest-exact", "bilinear", "bicubic", "area"],
    3: ["nearest", "nearest-exact", "trilinear", "area"],
}


@pytest.mark.parametrize(("rank", "mode"), [(r, m) for r in RANKS for m in MODES[r]])
@given(data=st.data())
@settings(some, max_examples=20)
def test_any_interpolation(torch, rank, mode, data):
    options = dict(mode=mode)
    if data.draw(st.booleans()):
        options["size"] = data.draw(per_axis(rank, 1, 12))
    else:
        # PyTorch 2.13's gradient of nearest3d is not the adjoint of its value at 1.3.
        exact = (rank, mode) == (3, "nearest")
        factor = st.sampled_from([0.5, 2.0] if exact else [0.5, 0.7, 1.3, 2.0, 2.6])
        options["scale_factor"] = data.draw(st.one_of(factor, st.tuples(*[factor] * rank)))
        options["recompute_scale_factor"] = data.draw(st.sampled_from([None, False, True]))
    if "linear" in mode or mode == "bicubic":
        options["align_corners"] = data.draw(st.sampled_from([None, False, True]))
    x = draw(*IMAGES[rank])
    both(torch, "interpolate", x, call=lambda f, x: f(x, **options), twice=True)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("mode", ["nearest", "nearest-exact"])
def test_the_nearest_pixel_is_pytorchs(torch, mode, dtype):
    """Its index is a rounded product, which may lie on either side of an integer."""
    for size in range(1, 40):
        x = np.arange(size, dtype=dtype).reshape(1, 1, size)
        for length in range(1, 60):
            peer = torch.nn.functional.interpolate(torch.tensor(x), length, mode=mode)
            np.testing.assert_array_equal(F.interpolate(x, length, mode=mode), peer)


def test_an_infinite_pixel_stays_where_it_is():
    x = np.array([[[np.inf, 1.0, 2.0, np.nan]]])
    for mode in ("linear", "area"):
        y = F.interpolate(x, 4, mode=mode).data
        np.testing.assert_array_equal(y, x)
    np.testing.assert_array_equal(F.adaptive_avg_pool1d(x, 2).data, [[[np.inf, np.nan]]])


@pytest.mark.parametrize("shape", [(2, 8, 3, 4), (8, 3, 4), (2, 3, 4, 2, 2), (1, 4, 3, 3)])
def test_pixel_shuffle(torch, shape):
    both(torch, "pixel_shuffle", draw(*shape), call=lambda f, x: f(x, 2), twice=True)


@pytest.mark.parametrize("shape", [(2, 3, 4, 6), (1, 2, 2), (2, 3, 1, 2, 4)])
def test_pixel_unshuffle(torch, shape):
    both(torch, "pixel_unshuffle", draw(*shape), call=lambda f, x: f(x, 2), twice=True)


def test_channel_shuffle(torch):
    x = draw(2, 6, 3, 2)
    expected = torch.nn.functional.channel_shuffle(torch.tensor(x), 3)
    np.testing.assert_array_equal(F.channel_shuffle(x, 3), expected)


# -- mistakes ------------------------------------------------------------------------------------

SIGNAL, IMAGE, VOLUME = np.ones((2, 4, 6)), np.ones((2, 4, 6, 5)), np.ones((1, 2, 3, 4, 5))
PLACES = np.zeros((2, 4, 6, 5), np.int64)
MISTAKES = {
    "conv1d rank": (lambda: tg.conv1d(IMAGE, np.ones((2, 4, 3))), r"\(N, C, L\).*\(2, 4, 6, 5\)"),
    "conv3d rank": (lambda: tg.conv3d(IMAGE[0, 0], VOLUME), r"\(N, C, D, H, W\)"),
    "conv1d weight": (lambda: tg.conv1d(SIGNAL, IMAGE), r"conv1d: weight .*groups, k\)"),
    "conv3d weight": (lambda: tg.conv3d(VOLUME, IMAGE), r"conv3d: weight .*kd, kh, kw\)"),
    "strided same": (
        lambda: tg.conv1d(SIGNAL, np.ones((2, 4, 3)), stride=2, padding="same"),
        r"conv1d: padding 'same' needs a stride of 1, not \(2,\)",
    ),
    "name of a padding": (
        lambda: tg.conv1d(SIGNAL, np.ones((2, 4, 3)), padding="full"),
        "'valid' or 'same', not 'full'",
    ),
    "transposed channels": (
        lambda: tg.conv_transpose2d(IMAGE, np.ones((3, 4, 2, 2))),
        r"conv_transpose2d: weight expects 3 input channels .* x has 4",
    ),
    "transposed groups": (
        lambda: tg.conv_transpose2d(IMAGE, np.ones((4, 4, 2, 2)), groups=3),
        "4 filters do not split into 3 groups",
    ),
    "transposed weight": (lambda: tg.conv_transpose2d(IMAGE, SIGNAL), r"\(C, O / groups, kh, kw\)"),
    "transposed bias": (
        lambda: tg.conv_transpose2d(IMAGE, np.ones((4, 3, 2, 2)), np.ones(4)),
        r"bias must have shape \(3,\)",
    ),
    "output_padding": (
        lambda: tg.conv_transpose1d(SIGNAL, np.ones((4, 3, 2)), stride=2, output_padding=2),
        r"output_padding \(2,\) must be less than the stride \(2,\) or the dilation \(1,\)",
    ),
    "empty transposed": (
        lambda: tg.conv_transpose1d(SIGNAL, np.ones((4, 3, 1)), padding=3),
        r"output of \(0,\)",
    ),
    "pool window": (lambda: F.max_pool1d(SIGNAL, 7), r"max_pool1d: the window \(7,\) is larger"),
    "pool of nothing": (lambda: F.avg_pool2d(np.ones((2, 0, 3, 3)), 2), "has no pixels"),
    "divisor": (lambda: F.avg_pool2d(IMAGE, 2, divisor_override=0), "divisor_override"),
    "adaptive size": (lambda: F.adaptive_avg_pool2d(IMAGE, (1, 2, 3)), "output_size"),
    "negative adaptive size": (lambda: F.adaptive_max_pool1d(SIGNAL, -1), "output_size"),
    "adaptive rank": (lambda: F.adaptive_avg_pool2d(SIGNAL[0], 2), r"\(N, C, H, W\)"),
    "adaptive nothing": (lambda: F.adaptive_avg_pool1d(np.ones((2, 3, 0)), 2), "no pixels"),
    "adaptive winners": (lambda: F.adaptive_max_pool1d(np.ones((2, 0, 3)), 2), "no pixels"),
    "unpool dtype": (lambda: F.max_unpool2d(IMAGE, PLACES.astype(np.int32), 2), "int64"),
    "unpool shape": (lambda: F.max_unpool2d(IMAGE, PLACES[:1], 2), r"shape of x.*\(1, 4, 6, 5\)"),
    "unpool index": (lambda: F.max_unpool2d(IMAGE, PLACES + 120, 2), r"no pixel.*\(12, 10\)"),
    "unpool negative": (lambda: F.max_unpool2d(IMAGE, PLACES - 1, 2), "no pixel"),
    "unpool size": (
        lambda: F.max_unpool2d(IMAGE, PLACES, 2, output_size=(14, 10)),
        r"output_size must be within the stride \(2, 2\) of \(12, 10\)",
    ),
    "mode": (lambda: F.interpolate(IMAGE, 3, mode="cubic"), "mode 'cubic'"),
    "mode for images": (lambda: F.interpolate(SIGNAL, 3, mode="bilinear"), "'bilinear'"),
    "no size": (lambda: F.interpolate(IMAGE), "either size or scale_factor"),
    "both sizes": (lambda: F.interpolate(IMAGE, 3, 2.0), "either size or scale_factor"),
    "three sizes": (lambda: F.interpolate(IMAGE, (1, 2, 3)), "size"),
    "three factors": (lambda: F.interpolate(IMAGE, scale_factor=(1, 2, 3)), "scale_factor"),
    "size 0": (lambda: F.interpolate(IMAGE, 0), "size"),
    "nothing left": (lambda: F.interpolate(IMAGE, scale_factor=0.1), "leaves nothing"),
    "corners": (lambda: F.interpolate(IMAGE, 3, align_corners=True), "align_corners"),
    "antialias": (lambda: F.interpolate(IMAGE, 3, mode="bilinear", antialias=True), "antialias"),
    "recomputed size": (
        lambda: F.interpolate(IMAGE, 3, recompute_scale_factor=True),
        "recompute_scale_factor",
    ),
    "shuffle": (lambda: F.pixel_shuffle(IMAGE, 3), r"pixel_shuffle.*C \* 9.*\(2, 4, 6, 5\)"),
    "shuffle by 0": (lambda: F.pixel_shuffle(IMAGE, 0), "upscale_factor"),
    "unshuffle": (lambda: F.pixel_unshuffle(IMAGE, 2), r"H \* 2, W \* 2.*\(2, 4, 6, 5\)"),
    "channels": (lambda: F.channel_shuffle(IMAGE, 3), "channel_shuffle"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake(name):
    call, message = MISTAKES[name]
    with pytest.raises((ValueError, TypeError), match=message):
        call()
