"""Normalisation against PyTorch, and what dropout leaves alone."""

from __future__ import annotations

import numpy as np
import pytest

import tinygraph as tg
import tinygraph.nn.functional as F

from .test_torch import agree, assert_close, draw

DTYPES = [np.float64, np.float32]


def both(torch, name, *args, **options):
    """Return the function of both libraries, of x, weight and bias."""

    def call(library):
        def apply(x, *affine):
            return getattr(library, name)(x, *args, *affine, **options)

        return apply

    return call(F), call(torch.nn.functional)


def parameters(*shape, dtype=np.float64):
    return [draw(*shape, seed=seed, dtype=dtype) for seed in (7, 8)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("affine", [0, 1, 2])
@pytest.mark.parametrize(
    ("shape", "normalized"),
    [((4, 5), (5,)), ((2, 3, 4), (3, 4)), ((5,), (5,)), ((0, 3), (3,)), ((2, 1, 3, 2, 2), (2,))],
    ids=str,
)
def test_layer_norm(torch, shape, normalized, affine, dtype):
    functions = both(torch, "layer_norm", normalized, eps=1e-3)
    arrays = [draw(*shape, dtype=dtype), *parameters(*normalized, dtype=dtype)]
    agree(torch, *functions, *arrays[: 1 + affine], twice=dtype is np.float64)


@pytest.mark.parametrize("eps", [None, 1e-2])
@pytest.mark.parametrize("affine", [0, 1])
@pytest.mark.parametrize(
    ("shape", "normalized"), [((4, 5), (5,)), ((2, 3, 4), (3, 4)), ((0, 3), (3,))], ids=str
)
def test_rms_norm(torch, shape, normalized, affine, eps):
    functions = both(torch, "rms_norm", normalized, eps=eps)
    arrays = [draw(*shape), *parameters(*normalized)]
    agree(torch, *functions, *arrays[: 1 + affine], twice=True)


def test_rms_norm_in_single_precision(torch):
    x, weight, _ = draw(4, 5, dtype=np.float32), *parameters(5, dtype=np.float32)
    agree(torch, *both(torch, "rms_norm", (5,)), x, weight)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("affine", [0, 1, 2])
@pytest.mark.parametrize(
    ("shape", "groups"),
    [((3, 8), 1), ((3, 8), 2), ((2, 8, 3), 4), ((2, 8, 4), 8), ((1, 8, 2, 3), 2), ((0, 8, 3), 2)],
    ids=str,
)
def test_group_norm(torch, shape, groups, affine, dtype):
    arrays = [draw(*shape, dtype=dtype), *parameters(8, dtype=dtype)]
    agree(
        torch,
        *both(torch, "group_norm", groups, eps=1e-3),
        *arrays[: 1 + affine],
        twice=dtype is np.float64,
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("shape", [(4, 3, 5), (2, 3, 2, 2), (1, 3, 2, 1, 2)], ids=str)
def test_instance_norm(torch, shape, own, affine, dtype):
    mean, var = draw(3, seed=5, dtype=dtype), np.abs(draw(3, seed=6, dtype=dtype)) + dtype(0.5)
    running, expected = [tg.tensor(mean), tg.tensor(var)], [torch.tensor(mean), torch.tensor(var)]
    options = dict(use_input_stats=own, momentum=0.3, eps=1e-3)
    arrays = [draw(*shape, dtype=dtype), *parameters(3, dtype=dtype)]
    agree(
        torch,
        lambda x, *affine: F.instance_norm(x, *running, *affine, **options),
        lambda x, *affine: torch.nn.functional.instance_norm(x, *expected, *affine, **options),
        *(arrays if affine else arrays[:1]),
        twice=dtype is np.float64,
    )
    for name, ours, theirs in zip(["mean", "var"], running, expected, strict=True):
        assert_close(ours, theirs, f"running {name}")


@pytest.mark.parametrize("size", [1, 2, 3, 5, 9])
@pytest.mark.parametrize("shape", [(2, 5, 3), (1, 4, 2, 3), (2, 3, 0), (2, 3, 1, 2, 2)], ids=str)
def test_local_response_norm(torch, shape, size):
    functions = both(torch, "local_response_norm", size, alpha=0.3, beta=0.6, k=1.5)
    agree(torch, *functions, draw(*shape), twice=True)


# -- dtypes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "function",
    [
        lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True),
        lambda x, w, b: F.batch_norm(x, tg.zeros(4), tg.ones(4), w, b),
        lambda x, w, b: F.layer_norm(x, (4,), w, b),
        lambda x, w, b: F.group_norm(x, 2, w, b),
        lambda x, w, b: F.rms_norm(x, 4, w) + b,
    ],
    ids=["batch_norm", "batch_norm, eval", "layer_norm", "group_norm", "rms_norm"],
)
def test_mixed_dtypes_promote_and_gradients_come_back_in_their_own(function):
    x = tg.tensor(draw(3, 4, dtype=np.float32), requires_grad=True)
    for kinds in [(np.float64, np.float64), (np.float64, np.float32), (np.float32, np.float64)]:
        w, b = (
            tg.tensor(a.astype(k), requires_grad=True)
            for a, k in zip(parameters(4), kinds, strict=True)
        )
        y = function(x, w, b)
        assert y.dtype == np.float64
        for create_graph in (False, True):
            found = tg.grad(y.sum(), [x, w, b], retain_graph=True, create_graph=create_graph)
            assert [g.dtype for g in found] == [np.float32, *kinds]


def test_half_precision_does_not_overflow():
    values = (2000 * draw(4, 64)).astype(np.float16)
    for name, args in (("layer_norm", [64]), ("rms_norm", [64]), ("group_norm", [2])):
        x = tg.tensor(values, requires_grad=True)
        y = getattr(F, name)(x, *args)
        assert y.dtype == np.float16
        wide = getattr(F, name)(values.astype(np.float64), *args).data
        np.testing.assert_allclose(y.data, wide, rtol=2e-3, atol=1e-4)
        (y * y * y).sum().backward()
        assert np.isfinite(x.grad.data).all()


@pytest.mark.parametrize("scale", [1e-4, 1e-3, 1.0])
@pytest.mark.parametrize("eps", [None, 1e-5])
def test_rms_norm_of_small_halves(torch, scale, eps):
    """The epsilon is that of single precision: that of half would be all of a mean square."""
    values = (scale * draw(4, 64)).astype(np.float16)
    ours, theirs = tg.tensor(values, requires_grad=True), torch.tensor(values, requires_grad=True)
    y, expected = (
        F.rms_norm(ours, 64, eps=eps),
        torch.nn.functional.rms_norm(theirs, (64,), eps=eps),
    )
    np.testing.assert_allclose(y.data, expected.detach(), rtol=2e-3, atol=1e-5)
    g = draw(4, 64, seed=1).astype(np.float16)
    (peer,) = torch.autograd.grad(expected, theirs, torch.tensor(g))
    found = tg.grad(y, ours, g).data
    np.testing.assert_allclose(found, peer, rtol=5e-3, atol=2e-3 / (scale + 1e-3))


# -- dropout -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "shape", "spread"),
    [
        (F.dropout1d, (20, 30, 4), (20, 30, 1)),
        (F.dropout1d, (300, 4), (300, 1)),
        (F.dropout2d, (20, 30, 2, 3), (20, 30, 1, 1)),
        (F.dropout2d, (300, 2, 3), (300, 1, 1)),
        (F.dropout3d, (20, 30, 2, 1, 2), (20, 30, 1, 1, 1)),
    ],
)
def test_channels_are_dropped_as_a_whole(function, shape, spread):
    x = tg.ones(shape, requires_grad=True)
    y = function(x, 0.25, generator=np.random.default_rng(0))
    first = y.data[tuple(slice(0, n) for n in spread)]
    np.testing.assert_array_equal(y.data, np.broadcast_to(first, shape))
    assert set(np.unique(first)) == {0, np.float32(4 / 3)}
    assert abs((first == 0).mean() - 0.25) < 0.08
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.data, y.data)
    assert function(x, 0.25, training=False) is x
    again = function(x, 0.25, generator=np.random.default_rng(0))
    np.testing.assert_array_equal(again.data, y.data)


def test_alpha_dropout_keeps_mean_and_variance():
    x = tg.tensor(draw(200, 500), requires_grad=True)
    y = F.alpha_dropout(x, 0.3, training=True, generator=np.random.default_rng(0))
    assert abs(y.data.mean()) < 0.02
    assert abs(y.data.std() - 1) < 0.02
    y.sum().backward()
    share = (x.grad.data != 0).mean()
    assert abs(share - 0.7) < 0.01
    assert F.alpha_dropout(x, 0.3) is x
    assert not F.alpha_dropout(x, 1, training=True).data.any()


# -- mistakes ------------------------------------------------------------------------------------

x, image = tg.ones((2, 4)), tg.ones((2, 4, 3))
MISTAKES = {
    **{
        f"{name} of integers": (
            lambda name=name, args=args: getattr(F, name)(tg.ones((2, 4, 3), dtype=int), *args),
            TypeError,
            f"{name}: expected a floating dtype, not int64",
        )
        for name, args in (
            *(("layer_norm", [3]), ("rms_norm", [3]), ("group_norm", [2]), ("instance_norm", [])),
            *(("local_response_norm", [2]), ("dropout1d", []), ("alpha_dropout", [])),
        )
    },
    "layer_norm shape": (
        lambda: F.layer_norm(x, (2,)),
        ValueError,
        r"layer_norm: normalized_shape must be the last axes of x \(shape \(2, 4\)\), not \(2,\)",
    ),
    "layer_norm rank": (lambda: F.layer_norm(x, (1, 2, 4)), ValueError, r"not \(1, 2, 4\)"),
    "layer_norm of nothing": (lambda: F.layer_norm(x, ()), ValueError, r"not \(\)"),
    "layer_norm weight": (
        lambda: F.layer_norm(x, 4, tg.ones(2)),
        ValueError,
        r"layer_norm: weight must have shape \(4,\) .*not \(2,\)",
    ),
    "rms_norm shape": (lambda: F.rms_norm(x, "4"), TypeError, "rms_norm: normalized_shape"),
    "rms_norm weight": (lambda: F.rms_norm(x, 4, tg.ones((2, 4))), ValueError, r"\(4,\).*\(2, 4\)"),
    "groups": (lambda: F.group_norm(x, 3), ValueError, "num_groups must divide the 4 channels"),
    "no groups": (lambda: F.group_norm(x, 0), ValueError, "num_groups .* not be 0"),
    "group_norm rank": (lambda: F.group_norm(tg.ones(4), 2), ValueError, r"\(N, C, ...\)"),
    "group_norm bias": (lambda: F.group_norm(x, 2, None, tg.ones(2)), ValueError, "bias must"),
    "group of one": (lambda: F.group_norm(tg.ones((1, 2)), 2), ValueError, "more than one value"),
    "instance_norm rank": (lambda: F.instance_norm(x), ValueError, r"instance_norm: .*\(2, 4\)"),
    "instance_norm of one": (
        lambda: F.instance_norm(tg.ones((2, 3, 1))),
        ValueError,
        "more than one value per channel",
    ),
    "instance_norm of nothing running": (
        lambda: F.instance_norm(image, use_input_stats=False),
        ValueError,
        "running_mean and running_var",
    ),
    "instance_norm weight": (
        lambda: F.instance_norm(image, weight=tg.ones(3)),
        ValueError,
        r"instance_norm: weight must have shape \(4,\)",
    ),
    "batch_norm without running statistics": (
        lambda: F.batch_norm(x, tg.zeros(4), None),
        ValueError,
        "batch_norm: without training, running_mean and running_var",
    ),
    "local_response_norm rank": (
        lambda: F.local_response_norm(x, 2),
        ValueError,
        r"local_response_norm: x must have shape \(N, C, L, ...\), not \(2, 4\)",
    ),
    "local_response_norm size": (
        lambda: F.local_response_norm(image, 0),
        ValueError,
        "local_response_norm: size .* not 0",
    ),
    "dropout1d": (lambda: F.dropout1d(image, 1.5), ValueError, "dropout1d: p .* not 1.5"),
    "dropout1d rank": (
        lambda: F.dropout1d(tg.ones(3)),
        ValueError,
        r"dropout1d: x must have 2 or 3 dimensions, .*\(3,\)",
    ),
    "dropout2d rank": (lambda: F.dropout2d(x), ValueError, "dropout2d: x must have 3 or 4"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(name):
    call, error, message = MISTAKES[name]
    with pytest.raises(error, match=message):
        call()
