"""Losses and distances against PyTorch: values, gradients and second derivatives."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import tinygraph as tg
import tinygraph.nn.functional as F

from .test_torch import agree, draw

pytestmark = pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")  # PyTorch, of kl_div

X, T = draw(4, 5), draw(4, 5, seed=1)
P, Q = (1 / (1 + np.exp(-a)) for a in (X, T))
SIGNS = np.where(draw(4, 5, seed=2) > 0, 1.0, -1.0)
LABELS = (SIGNS + 1) / 2
V, W, U = (draw(4, 3, seed=seed) for seed in (3, 4, 5))
ROWS = SIGNS[:, 0]
REDUCTIONS = ["none", "mean", "sum"]

# name: arrays and options, for every combination of which with every reduction
LOSSES = {
    "mse_loss": ([X, T], [{}]),
    "l1_loss": ([X, T], [{}]),
    "smooth_l1_loss": ([X, T], [{}, dict(beta=0.3), dict(beta=0.0), dict(beta=7)]),
    "huber_loss": ([X, T], [{}, dict(delta=0.3), dict(delta=2)]),
    "kl_div": ([np.log(P), Q], [{}]),
    "poisson_nll_loss": (
        [P, 3 * Q],
        [{}, dict(full=True), dict(log_input=False), dict(log_input=False, full=True, eps=1e-3)],
    ),
    "binary_cross_entropy": ([P, Q], [{}]),
    "binary_cross_entropy_with_logits": ([3 * X, LABELS], [{}]),
    "soft_margin_loss": ([X, SIGNS.astype(int)], [{}]),
    "multilabel_soft_margin_loss": ([X, LABELS], [{}]),
    "hinge_embedding_loss": ([X, SIGNS], [{}, dict(margin=0.2)]),
    "margin_ranking_loss": ([X, T, SIGNS], [{}, dict(margin=0.5), dict(margin=-0.5)]),
    "cosine_embedding_loss": ([V, W, ROWS], [{}, dict(margin=0.3)]),
    "triplet_margin_loss": (
        [V, W, U],
        [{}, dict(margin=0.5), dict(swap=True), dict(p=1), dict(p=3.5, eps=0.1), dict(p=np.inf)],
    ),
}
CONFIGURATIONS = [
    pytest.param(name, arrays, {**options, "reduction": reduction}, id=f"{name}-{i}-{reduction}")
    for name, (arrays, many) in LOSSES.items()
    for i, options in enumerate(many)
    for reduction in REDUCTIONS
]


def both(torch, name, **options):
    return (
        lambda *xs: getattr(F, name)(*xs, **options),
        lambda *ts: getattr(torch.nn.functional, name)(*ts, **options),
    )


def single(array):
    return array.astype(np.float32) if array.dtype.kind == "f" else array


@pytest.mark.parametrize(("name", "arrays", "options"), CONFIGURATIONS)
def test_losses(torch, name, arrays, options):
    # PyTorch adds 1e-12 to the divisor of the second derivative
    agree(torch, *both(torch, name, **options), *arrays, twice=name != "binary_cross_entropy")


@pytest.mark.parametrize("name", LOSSES)
def test_losses_in_single_precision(torch, name):
    arrays, _ = LOSSES[name]
    agree(torch, *both(torch, name), *(single(a) for a in arrays))


@pytest.mark.parametrize(
    "name", ["margin_ranking_loss", "hinge_embedding_loss", "cosine_embedding_loss", "mse_loss"]
)
def test_integer_targets_are_of_the_dtype_of_the_others(torch, name):
    *arrays, target = LOSSES[name][0]
    target = target.round().astype(int)
    agree(torch, *both(torch, name), *(single(a) for a in arrays), target, twice=True)


ELEMENTWISE = [name for name in LOSSES if name not in ("cosine_embedding_loss",)]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_losses_of_nothing(torch, name, reduction):
    arrays = [a[:0] for a in LOSSES[name][0]]
    agree(torch, *both(torch, name, reduction=reduction), *arrays, twice=True)


@pytest.mark.parametrize(
    "name",
    [n for n in ELEMENTWISE if n not in ("triplet_margin_loss", "multilabel_soft_margin_loss")],
)
def test_losses_of_a_number(torch, name):
    agree(torch, *both(torch, name), *(np.asarray(a[0, 0]) for a in LOSSES[name][0]))


@pytest.mark.parametrize("name", ["cosine_embedding_loss", "triplet_margin_loss"])
def test_losses_of_one_vector(torch, name):
    agree(torch, *both(torch, name), *(a[0] for a in LOSSES[name][0]), twice=True)


# -- one by one ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"])
def test_at_and_around_the_kinks(torch, name):
    x = np.array([0.0, 1.0, -1.0, 0.5, -2.0, 1e30, np.inf, -np.inf, np.nan])
    agree(torch, *both(torch, name, reduction="none"), x, np.zeros(9))


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"])
def test_broadcasting_is_warned_of(torch, name):
    with pytest.warns(UserWarning, match=rf"{name}: .*\(4, 5\).*\(5,\)"):
        getattr(F, name)(tg.tensor(X), tg.tensor(T[0]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        agree(torch, *both(torch, name), X, T[0], twice=True)


@pytest.mark.parametrize("log_target", [False, True])
@pytest.mark.parametrize("reduction", [*REDUCTIONS, "batchmean"])
def test_kl_div(torch, log_target, reduction):
    functions = both(torch, "kl_div", log_target=log_target, reduction=reduction)
    target = np.log(Q) if log_target else Q
    agree(torch, *functions, np.log(P), target, twice=True)
    agree(torch, *functions, np.log(P), target[:1], twice=True)
    agree(torch, *functions, np.log(P)[:0], target[:0])


def test_kl_div_of_a_distribution_with_zeros(torch):
    target = np.where(Q > 0.5, Q, 0)
    agree(
        torch,
        lambda x: F.kl_div(x, target, reduction="sum"),
        lambda x: torch.nn.functional.kl_div(x, torch.tensor(target), reduction="sum"),
        np.log(P),
    )
    t = tg.tensor(target, requires_grad=True)
    F.kl_div(np.log(P), t, reduction="sum").backward()
    assert np.isfinite(t.grad.data).all()  # PyTorch's is NaN


WEIGHTS = [draw(4, 5, seed=6) ** 2, draw(5, seed=7) ** 2, draw(4, 1, seed=8) ** 2, np.array(0.5)]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weight", WEIGHTS, ids=lambda w: str(w.shape))
def test_weights_of_binary_cross_entropy(torch, weight, reduction):
    for name, x in (("binary_cross_entropy", P), ("binary_cross_entropy_with_logits", X)):
        agree(
            torch,
            lambda x, t, name=name: getattr(F, name)(x, t, weight, reduction=reduction),
            lambda x, t, name=name: getattr(torch.nn.functional, name)(
                x, t, torch.tensor(weight), reduction=reduction
            ),
            x,
            Q,
            twice=name != "binary_cross_entropy",
        )


@pytest.mark.parametrize("shape", [(4, 5), (5,), (4, 1), ()], ids=str)
def test_weights_of_positive_labels(torch, shape):
    weight = np.asarray(draw(*shape, seed=9) ** 2)
    agree(
        torch,
        lambda x, t: F.binary_cross_entropy_with_logits(x, t, pos_weight=weight),
        lambda x, t: torch.nn.functional.binary_cross_entropy_with_logits(
            x, t, pos_weight=torch.tensor(weight)
        ),
        3 * X,
        Q,
        twice=True,
    )


def test_weights_of_classes(torch):
    weight = draw(5, seed=7) ** 2
    agree(
        torch,
        lambda x, t: F.multilabel_soft_margin_loss(x, t, weight),
        lambda x, t: torch.nn.functional.multilabel_soft_margin_loss(x, t, torch.tensor(weight)),
        X,
        LABELS,
        twice=True,
    )


def test_binary_cross_entropy_of_certainties(torch):
    x, t = np.meshgrid([0.0, 1.0, 1e-30, 0.5, 1e-9], [0.0, 1.0, 0.3])
    x, t = x.ravel().astype(np.float32), t.ravel().astype(np.float32)
    agree(
        torch,
        lambda x: F.binary_cross_entropy(x, t, reduction="none"),
        lambda x: torch.nn.functional.binary_cross_entropy(x, torch.tensor(t), reduction="none"),
        x,
    )


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_logits_are_stable(dtype):
    x = tg.tensor([1e4, -1e4, 1e4, -1e4], dtype=dtype, requires_grad=True)
    t = tg.tensor([1.0, 0.0, 0.0, 1.0], dtype=dtype)
    losses = F.binary_cross_entropy_with_logits(x, t, reduction="none", pos_weight=tg.tensor(2.0))
    assert losses.tolist() == [0, 0, 1e4, 2e4]
    losses.sum().backward()
    assert x.grad.tolist() == [0, 0, 1, -2]
    # where PyTorch's formula cancels to 0
    small = F.binary_cross_entropy_with_logits(tg.tensor([-20.0]), tg.tensor([0.0]))
    np.testing.assert_allclose(small.item(), np.log1p(np.exp(-20)), rtol=1e-6)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(4, 5), (4,), (4, 1), (1, 5)], ids=str)
def test_gaussian_nll_loss(torch, shape, reduction, full):
    var = draw(*shape, seed=10) ** 2
    var.flat[0] = 1e-9  # below eps
    agree(
        torch,
        *both(torch, "gaussian_nll_loss", full=full, reduction=reduction),
        X,
        T,
        var,
        twice=True,
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(
    "options", [{}, dict(p=2), dict(margin=0.3), dict(p=2, margin=2, weight=True)], ids=str
)
def test_multi_margin_loss(torch, options, reduction):
    options = {**options, "reduction": reduction}
    weight = draw(5, seed=11) ** 2 if options.pop("weight", False) else None
    torch_weight = None if weight is None else torch.tensor(weight)
    for x, target in (
        (X, np.array([0, 4, 2, 2])),
        (X[0], np.array(3)),
        (X[:0], np.zeros(0, int)),
        (X[0, 0], np.array(0)),
    ):
        if not x.size and reduction == "mean":
            continue  # PyTorch returns what happens to be in memory
        if not x.ndim and weight is not None:
            continue  # there is one class only
        agree(
            torch,
            lambda x, t: F.multi_margin_loss(x, t, weight=weight, **options),
            lambda x, t: torch.nn.functional.multi_margin_loss(
                x, t, weight=torch_weight, **options
            ),
            np.asarray(x),
            target,
        )


def test_margins_that_are_exactly_kept(torch):
    x = np.array([1.0, 2.0, 2.0])
    agree(torch, *both(torch, "margin_ranking_loss"), x, x, np.ones(3))
    agree(torch, *both(torch, "hinge_embedding_loss"), np.ones(3), -np.ones(3))
    agree(torch, *both(torch, "multi_margin_loss"), x[None], np.array([1]))


# -- distances -----------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [-1, 0.5, 1, 1.5, 2, 3, np.inf])
@pytest.mark.parametrize(
    ("shape", "dim"), [((4, 5), 1), ((4, 5), 0), ((2, 3, 4), -1), ((3,), 0), ((), 0)]
)
def test_normalize(torch, p, shape, dim):
    agree(torch, *both(torch, "normalize", p=p, dim=dim), np.asarray(draw(*shape)), twice=True)


def test_normalize_of_zeros(torch):
    x = np.array([[0.0, 0.0], [3.0, 4.0]])
    agree(torch, *both(torch, "normalize"), x)
    agree(torch, *both(torch, "normalize", eps=10.0), x)
    agree(torch, *both(torch, "normalize", eps=10.0), x[1:], twice=True)
    half = F.normalize(tg.zeros((2, 3), dtype=np.float16))
    assert not half.data.any()


@pytest.mark.parametrize(
    ("a", "b", "dim"),
    [
        ((4, 5), (4, 5), 1),
        ((4, 5), (5,), -1),
        ((2, 1, 3), (1, 4, 3), 2),
        ((4, 5), (4, 5), 0),
        ((), (), 0),
    ],
    ids=str,
)
def test_cosine_similarity(torch, a, b, dim):
    functions = both(torch, "cosine_similarity", dim=dim)
    agree(torch, *functions, np.asarray(draw(*a)), np.asarray(draw(*b, seed=1)), twice=bool(a))


def test_cosine_similarity_of_zeros(torch):
    agree(torch, *both(torch, "cosine_similarity"), np.zeros((2, 3)), draw(2, 3))


@pytest.mark.parametrize(
    "options", [{}, dict(p=1), dict(p=-1.0), dict(p=3, eps=0.1, keepdim=True)], ids=str
)
def test_pairwise_distance(torch, options):
    for a, b in ((V, W), (V, W[:1]), (V[0], W[0])):
        agree(torch, *both(torch, "pairwise_distance", **options), a, b, twice=True)


@pytest.mark.parametrize("scale", [1e-4, 1.0, 300.0])
@pytest.mark.parametrize(
    "f",
    [
        F.normalize,
        lambda x: F.cosine_similarity(x, x[::-1]),
        lambda x: F.pairwise_distance(x, x[::-1], eps=0.0),
        lambda x: F.cosine_embedding_loss(x, x[::-1], [1, -1, 1, -1], reduction="none"),
    ],
    ids=["normalize", "cosine_similarity", "pairwise_distance", "cosine_embedding_loss"],
)
def test_lengths_in_half_precision(f, scale):
    """The squares of 300 and of 1e-4 leave the range of float16; lengths and slopes do not."""
    results = []
    for dtype in (np.float16, np.float64):
        x = tg.tensor((draw(4, 5) * scale).astype(np.float16).astype(dtype), requires_grad=True)
        y = f(x)
        assert y.dtype == dtype
        results.append((y.data, tg.grad(y.sum(), x).data * scale))
    for half, expected in zip(*results, strict=True):
        np.testing.assert_allclose(half, expected, rtol=2e-2, atol=1e-2 * abs(expected).max())


# -- mistakes ------------------------------------------------------------------------------------

x, t, integers = tg.tensor(X), tg.tensor(T), tg.ones((4, 5), dtype=int)
MISTAKES = {
    **{
        f"{name} reduction": (
            lambda name=name: getattr(F, name)(*LOSSES[name][0], reduction="avg"),
            ValueError,
            f"{name}: reduction must be 'none', 'mean' or 'sum', not 'avg'",
        )
        for name in LOSSES
    },
    **{
        f"{name} of integers": (
            lambda name=name: getattr(F, name)(integers, integers),
            TypeError,
            f"{name}: expected a floating dtype, not int64",
        )
        for name in (
            *("kl_div", "poisson_nll_loss", "binary_cross_entropy", "soft_margin_loss"),
            *("binary_cross_entropy_with_logits", "hinge_embedding_loss", "multi_margin_loss"),
            *("cosine_similarity", "pairwise_distance", "multilabel_soft_margin_loss"),
        )
    },
    "huber delta": (lambda: F.huber_loss(x, t, delta=0), ValueError, "huber_loss: delta.* not 0"),
    "beta": (lambda: F.smooth_l1_loss(x, t, beta=-1), ValueError, "smooth_l1_loss: beta .* -1"),
    "kl_div batch": (lambda: F.kl_div(1.0, 1.0, reduction="batchmean"), ValueError, "no batch"),
    "negative variance": (lambda: F.gaussian_nll_loss(x, t, -x * x), ValueError, "negative"),
    "variance shape": (
        lambda: F.gaussian_nll_loss(x, t, tg.ones(3)),
        ValueError,
        r"gaussian_nll_loss: var of shape \(3,\).*\(4, 5\)",
    ),
    "variance eps": (lambda: F.gaussian_nll_loss(x, t, x * x, eps=0), ValueError, "eps"),
    "shapes of probabilities": (
        lambda: F.binary_cross_entropy(tg.tensor(P), tg.tensor(Q[0])),
        ValueError,
        r"binary_cross_entropy: target must have the shape of x, \(4, 5\), not \(5,\)",
    ),
    "shapes of logits": (
        lambda: F.binary_cross_entropy_with_logits(x, t[0]),
        ValueError,
        r"with_logits: target must have the shape of x, \(4, 5\), not \(5,\)",
    ),
    "no probabilities": (
        lambda: F.binary_cross_entropy(tg.tensor([1.5]), tg.tensor([1.0])),
        ValueError,
        r"binary_cross_entropy: x must hold probabilities, from 0 to 1, not 1.5",
    ),
    "weight": (
        lambda: F.binary_cross_entropy(tg.tensor(P), tg.tensor(Q), tg.ones(4)),
        ValueError,
        r"binary_cross_entropy: weight of shape \(4,\).*\(4, 5\)",
    ),
    "pos_weight": (
        lambda: F.binary_cross_entropy_with_logits(x, t, pos_weight=tg.ones(4)),
        ValueError,
        r"\(4, 5\).*\(4,\)",
    ),
    "ranking": (
        lambda: F.margin_ranking_loss(x, t, tg.ones(())),
        ValueError,
        r"margin_ranking_loss: .*\(4, 5\), \(4, 5\) and \(\)",
    ),
    "multi margin p": (lambda: F.multi_margin_loss(x, [0] * 4, p=3), ValueError, "p must be 1 or"),
    "multi margin target": (
        lambda: F.multi_margin_loss(x, [0] * 3),
        ValueError,
        r"multi_margin_loss: target must be .* \(4,\), not int64 of shape \(3,\)",
    ),
    "multi margin class": (
        lambda: F.multi_margin_loss(x, [0, 1, 5, 2]),
        ValueError,
        "multi_margin_loss: target holds class 5, but x has 5 classes",
    ),
    "multi margin weight": (
        lambda: F.multi_margin_loss(x, [0] * 4, weight=tg.ones(4)),
        ValueError,
        r"multi_margin_loss: weight must have shape \(5,\), not \(4,\)",
    ),
    "multi margin rank": (
        lambda: F.multi_margin_loss(tg.ones((1, 2, 3)), [0]),
        ValueError,
        r"multi_margin_loss: x must have shape \(N, C\) or \(C,\).*\(1, 2, 3\)",
    ),
    "cosine embedding": (
        lambda: F.cosine_embedding_loss(x, t, x),
        ValueError,
        r"cosine_embedding_loss: .*\(4, 5\), \(4, 5\), \(4, 5\)",
    ),
    "triplet margin": (
        lambda: F.triplet_margin_loss(x, x, x, margin=0),
        ValueError,
        "triplet_margin_loss: margin must be positive, not 0",
    ),
    "triplet shapes": (
        lambda: F.triplet_margin_loss(x, x, x[0]),
        ValueError,
        r"triplet_margin_loss: .*\(4, 5\), \(4, 5\) and \(5,\)",
    ),
    "normalize dim": (lambda: F.normalize(x, dim=2), ValueError, "normalize: axis 2"),
    "cosine shapes": (
        lambda: F.cosine_similarity(x, t[:, :2]),
        ValueError,
        r"cosine_similarity: shapes \(4, 5\) and \(4, 2\)",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(name):
    call, error, message = MISTAKES[name]
    with pytest.raises(error, match=message):
        call()
