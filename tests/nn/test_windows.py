"""Convolution, pooling and resampling Modules against PyTorch's."""

import warnings

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import nn

from .test_layers import check_same

SIGNALS, IMAGES, VOLUMES = (2, 4, 9), (2, 4, 7, 6), (1, 4, 5, 4, 6)
LAYERS = {  # how to build it, with either library, and the input's shape
    "conv1d": (lambda nn: nn.Conv1d(4, 6, 3, 2, 1, 2, 2), SIGNALS),
    "conv3d": (lambda nn: nn.Conv3d(4, 2, (3, 1, 2), 2, (1, 0, 1)), VOLUMES),
    "conv2d, a single image": (lambda nn: nn.Conv2d(4, 2, 3), IMAGES[1:]),
    "conv2d, same": (lambda nn: nn.Conv2d(4, 2, (2, 4), padding="same", dilation=(3, 1)), IMAGES),
    "conv2d, valid": (lambda nn: nn.Conv2d(4, 2, (2, 4), padding="valid", stride=2), IMAGES),
    **{
        f"conv2d, {mode}, {padding}": (
            lambda nn, mode=mode, padding=padding: nn.Conv2d(
                4, 2, (4, 3), padding=padding, padding_mode=mode
            ),
            IMAGES,
        )
        for mode in ("reflect", "replicate", "circular")
        for padding in ((1, 2), "same")
    },
    "conv_transpose1d": (lambda nn: nn.ConvTranspose1d(4, 6, 3, 2, 1, 1, 2), SIGNALS),
    "conv_transpose2d": (lambda nn: nn.ConvTranspose2d(4, 6, 3, 2, 1, 1, 2, True, 2), IMAGES),
    "conv_transpose2d, plain": (lambda nn: nn.ConvTranspose2d(4, 1, 2, bias=False), IMAGES),
    "conv_transpose3d": (lambda nn: nn.ConvTranspose3d(4, 2, 2, (1, 2, 3)), VOLUMES),
    "max_pool1d": (lambda nn: nn.MaxPool1d(3, 2, 1), SIGNALS),
    "max_pool3d": (lambda nn: nn.MaxPool3d(2, ceil_mode=True), VOLUMES),
    "avg_pool1d": (lambda nn: nn.AvgPool1d(3, 2, 1, True, False), SIGNALS),
    "avg_pool2d, divisor": (lambda nn: nn.AvgPool2d(2, divisor_override=3), IMAGES),
    "avg_pool3d": (lambda nn: nn.AvgPool3d((2, 1, 3), padding=(1, 0, 1)), VOLUMES),
    "adaptive_avg_pool1d": (lambda nn: nn.AdaptiveAvgPool1d(4), SIGNALS),
    "adaptive_avg_pool2d": (lambda nn: nn.AdaptiveAvgPool2d((None, 1)), IMAGES),
    "adaptive_avg_pool3d": (lambda nn: nn.AdaptiveAvgPool3d((2, 3, 1)), VOLUMES),
    "adaptive_max_pool1d": (lambda nn: nn.AdaptiveMaxPool1d(4), SIGNALS),
    "adaptive_max_pool2d": (lambda nn: nn.AdaptiveMaxPool2d(3), IMAGES),
    "adaptive_max_pool3d": (lambda nn: nn.AdaptiveMaxPool3d(2), VOLUMES),
    "upsample": (lambda nn: nn.Upsample(scale_factor=2, mode="bilinear"), IMAGES),
    "upsample, size": (lambda nn: nn.Upsample((3, 9), mode="nearest"), IMAGES),
    "upsample, corners": (lambda nn: nn.Upsample(5, None, "linear", True), SIGNALS),
    "pixel_shuffle": (lambda nn: nn.PixelShuffle(2), IMAGES),
    "pixel_unshuffle": (lambda nn: nn.PixelUnshuffle(2), (2, 3, 4, 6)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_as_pytorch(name, torch):
    make, shape = LAYERS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch warns that it copies for even kernels
        theirs, ours = make(torch.nn), make(nn)
        state = theirs.state_dict().items()
        assert ours.load_state_dict({key: tg.tensor(p.numpy()) for key, p in state}) == ([], [])
        x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
        check_same(ours, theirs, x, torch, 1e-5)


@pytest.mark.parametrize(
    "make",
    [
        lambda nn: nn.Conv1d(6, 60, 5),
        lambda nn: nn.Conv3d(4, 40, 3, groups=2),
        lambda nn: nn.ConvTranspose2d(40, 60, 3),
    ],
)
def test_initial_values_are_distributed_as_pytorchs(make, torch):
    """Uniform in the same range, which hundreds of draws come close to."""
    tg.manual_seed(0)
    torch.manual_seed(0)
    for p, q in zip(make(nn).parameters(), make(torch.nn).parameters(), strict=True):
        assert p.shape == tuple(q.shape)
        n = p.size
        assert np.abs(p.data).max() == pytest.approx(q.abs().max().item(), rel=20 / n)
        assert p.data.std() == pytest.approx(q.std().item(), rel=2 / np.sqrt(n))


@pytest.mark.parametrize(
    ("rank", "windows"), [(1, (2,)), (2, (2,)), (3, (2,)), (2, ((2, 3), 2, 1))], ids=str
)
def test_unpooling_as_pytorch(rank, windows, torch):
    x = np.random.default_rng(0).standard_normal((2, 3, *(6, 5, 4)[:rank]))
    expected, places = getattr(torch.nn, f"MaxPool{rank}d")(*windows, return_indices=True)(
        torch.tensor(x)
    )
    y, indices = getattr(nn, f"MaxPool{rank}d")(*windows, return_indices=True)(x)
    np.testing.assert_array_equal(y.data, expected)
    np.testing.assert_array_equal(indices.data, places)
    unpool = getattr(nn, f"MaxUnpool{rank}d")(*windows)
    peer = getattr(torch.nn, f"MaxUnpool{rank}d")(*windows)
    back = unpool(y, indices, output_size=x.shape)
    np.testing.assert_array_equal(back.data, peer(expected, places, output_size=x.shape))


def test_adaptive_max_pooling_returns_indices(torch):
    x = np.random.default_rng(0).standard_normal(IMAGES)
    y, indices = nn.AdaptiveMaxPool2d((2, 3), return_indices=True)(x)
    expected = torch.nn.AdaptiveMaxPool2d((2, 3), return_indices=True)(torch.tensor(x))
    np.testing.assert_array_equal(y.data, expected[0])
    np.testing.assert_array_equal(indices.data, expected[1])


@pytest.mark.parametrize("size", [(11, 9), (2, 3, 12, 10)])
def test_transposed_convolution_to_a_size(size, torch):
    layer, peer = (lib.ConvTranspose2d(4, 3, 3, 2, 1) for lib in (nn, torch.nn))
    x = np.ones((2, 4, 6, 5), np.float32)
    y = layer(x, output_size=size)
    expected = peer(torch.tensor(x), output_size=list(size[-2:]))
    assert y.shape == tuple(expected.shape)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Conv1d(0, 1, 1), "Conv1d: in_channels"),
        (lambda: nn.Conv2d(1, 1, 2, padding="full"), "'valid' or 'same', not 'full'"),
        (lambda: nn.Conv2d(1, 1, 2, 2, padding="same"), r"a stride of 1, not \(2, 2\)"),
        (lambda: nn.Conv3d(1, 1, 2, padding_mode="mirror"), "Conv3d: padding_mode .*'mirror'"),
        (lambda: nn.ConvTranspose1d(1, 1, 2, padding_mode="reflect"), "must be 'zeros'"),
        (lambda: nn.ConvTranspose2d(3, 4, 1, groups=2), "2 groups must divide both"),
        (
            lambda: nn.ConvTranspose1d(1, 1, 3, 2)(np.ones((1, 1, 4)), output_size=[11]),
            r"output_size must be from \(9,\) to less than a stride \(2,\) more, not \(11,\)",
        ),
        (lambda: nn.Upsample()(np.ones((1, 1, 2))), "either size or scale_factor"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()
