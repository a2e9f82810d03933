import inspect

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.nn import functional as F

# Parameters that are deprecated in PyTorch, or that not both have.
LEFT_OUT = {
    "inplace",
    "size_average",
    "reduce",
    "return_indices",
    "divisor_override",
    "_stacklevel",
    "dtype",
    "out",
    "sparse",
}
UNSIGNED = {"conv2d", "avg_pool2d", "linear", "one_hot", "max_pool2d", "pad"}  # built-ins
UNSIGNED |= {f"{name}{rank}d" for name in ("conv", "conv_transpose") for rank in (1, 2, 3)}
UNSIGNED |= {f"{name}_pool{rank}d" for name in ("max", "avg", "adaptive_max") for rank in (1, 2, 3)}
UNSIGNED |= {"adaptive_avg_pool1d", "channel_shuffle", "pixel_shuffle", "pixel_unshuffle"}
UNSIGNED |= {"bilinear", "gelu", "logsigmoid", "prelu", "softplus"}
UNSIGNED |= {"cosine_similarity", "pairwise_distance", "scaled_dot_product_attention"}


@pytest.mark.parametrize("name", sorted(set(F.__all__) - UNSIGNED))
def test_argument_order_is_pytorchs(name, torch):
    theirs = list(inspect.signature(getattr(torch.nn.functional, name)).parameters)[1:]
    ours = list(inspect.signature(getattr(F, name)).parameters)[1:]
    if name in ("mse_loss", "l1_loss", "huber_loss"):
        theirs.remove("weight")
    if "generator" in ours:
        ours.remove("generator")
    assert [p for p in ours if p not in LEFT_OUT] == [p for p in theirs if p not in LEFT_OUT]


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_softmax(name, dim, torch):
    x = np.random.default_rng(0).standard_normal((3, 4, 5))
    expected = getattr(torch.nn.functional, name)(torch.tensor(x), dim).numpy()
    np.testing.assert_allclose(getattr(F, name)(x, dim=dim).data, expected, rtol=1e-12)


@pytest.mark.parametrize("widths", [(), (1, 2), (1, 0, 2, 3), (0, 1, 1, 1, 2, 0)])
def test_pad_is_last_axis_first(widths, torch):
    x = np.random.default_rng(0).standard_normal((2, 3, 4))
    tx, ux = torch.tensor(x, requires_grad=True), tg.tensor(x, requires_grad=True)
    ty = torch.nn.functional.pad(tx, widths, value=1.5)
    uy = F.pad(ux, widths, value=1.5)
    np.testing.assert_array_equal(uy.data, ty.detach().numpy())
    (ty**2).sum().backward()
    (uy**2).sum().backward()
    np.testing.assert_allclose(ux.grad.data, tx.grad.numpy(), rtol=1e-12)


def test_one_hot(torch):
    target = np.array([[2, 0], [1, 2]])
    for classes in (-1, 5):
        ours = F.one_hot(target, classes)
        theirs = torch.nn.functional.one_hot(torch.tensor(target), classes).numpy()
        assert ours.dtype == np.int64
        np.testing.assert_array_equal(ours.data, theirs)
    assert F.one_hot(np.zeros((0, 2), int), 3).shape == (0, 2, 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: F.pad(tg.ones((2, 2)), (1, 1), mode="mirror"), "mode must be .*'mirror'"),
        (lambda: F.pad(tg.ones((2, 2)), (1,)), r"pair \(before, after\) .* shape \(2, 2\)"),
        (lambda: F.pad(tg.ones(2), (1, 1, 1, 1)), r"axes of shape \(2,\), the last axis first"),
        (lambda: F.pad(tg.ones(2), (-3, 0)), "pad: "),
        (lambda: F.one_hot([0.5]), "must be class indices"),
        (lambda: F.one_hot([3], 3), "holds class 3, but there are 3 classes"),
        (lambda: F.one_hot([0, -1]), "holds class -1"),
        (lambda: F.one_hot(np.zeros(0, int)), "cannot be read off an empty target"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()
