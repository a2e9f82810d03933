"""Elementwise operations and activations against PyTorch: to second order, at odd values."""

from __future__ import annotations

from inspect import signature

import numpy as np
import pytest

import tinygraph as tg
import tinygraph.nn.functional as F

from .test_torch import DTYPES, agree, draw

SHAPES = [(), (0,), (2, 3, 4)]


def positive(x):
    return np.abs(x) + x.dtype.type(0.1)


def inside(x):
    return np.asarray(np.tanh(x) * x.dtype.type(0.9))


def above_one(x):
    return positive(x) + x.dtype.type(1)


def as_it_is(x):
    return x


UNARY = {
    **dict.fromkeys(("exp2", "expm1", "square", "reciprocal", "erf"), as_it_is),
    **dict.fromkeys(("sin", "cos", "tan", "arctan", "sinh", "cosh", "arcsinh"), as_it_is),
    **dict.fromkeys(("deg2rad", "rad2deg"), as_it_is),
    **dict.fromkeys(("log2", "log10", "rsqrt", "log1p"), positive),
    **dict.fromkeys(("arcsin", "arccos", "arctanh"), inside),
    "arccosh": above_one,
}
STEPS = ["sign", "floor", "ceil", "round", "trunc"]
SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, 1e-30, 0.5, -2.5, 30.0, -30.0, 1e4, -1e4])
INFINITE = np.array([np.inf, -np.inf, np.nan])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", UNARY)
def test_unary(torch, name, shape, dtype):
    x = np.asarray(UNARY[name](draw(*shape, dtype=dtype)))
    agree(torch, getattr(tg, name), getattr(torch, name), x, twice=True)


@pytest.mark.parametrize("name", [*UNARY, *STEPS])
def test_unary_at_special_values(torch, name):
    x = SPECIAL[SPECIAL >= 1] if name == "arccosh" else SPECIAL  # below, its gradient is NaN too
    with np.errstate(all="ignore"):
        agree(torch, getattr(tg, name), getattr(torch, name), x)
        infinite = INFINITE[:2] if name == "sign" else INFINITE  # of NaN it is NaN, as in NumPy
        value = getattr(torch, name)(torch.tensor(infinite)).numpy()
        np.testing.assert_array_equal(getattr(tg, name)(infinite).data, value)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", STEPS)
def test_steps(torch, name, shape, dtype):
    agree(torch, getattr(tg, name), getattr(torch, name), draw(*shape, dtype=dtype) * dtype(3))


def test_cbrt_and_log1p_below_zero(torch):
    x = draw(7)
    agree(torch, tg.cbrt, lambda t: t.sign() * t.abs() ** (1 / 3), x, twice=True)
    agree(torch, tg.log1p, torch.log1p, np.array([-0.5, -1e-20, 1e-20, -0.99]), twice=True)


BINARY = [
    "arctan2",
    "hypot",
    "logaddexp",
    "logaddexp2",
    "copysign",
    "fmod",
    "remainder",
    "fmax",
    "fmin",
]
LINEAR = ["fmax", "fmin", "copysign"]
PAIRS = [((), ()), ((3, 4), (3, 4)), ((3, 1), (4,)), ((), (2, 3)), ((0, 3), (1, 3))]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shapes", PAIRS, ids=str)
@pytest.mark.parametrize("name", BINARY)
def test_binary(torch, name, shapes, dtype):
    a, b = (draw(*shape, seed=i, dtype=dtype) for i, shape in enumerate(shapes))
    agree(torch, getattr(tg, name), getattr(torch, name), a, b, twice=name not in LINEAR)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["logaddexp", "hypot"])
def test_nothing_overflows(torch, name, dtype):
    a = np.array([1e4, -1e4, 1e4, -1e4, 0, 1e30], dtype)
    b = np.array([1e4, -1e4, -1e4, 1e4, 1e4, 1e30], dtype)
    agree(torch, getattr(tg, name), getattr(torch, name), a, b)


def test_copysign_of_and_by_zero(torch):
    zeros, numbers = np.array([0.0, -0.0]), np.array([[0.0], [-0.0], [1.0], [-2.0]])
    agree(torch, tg.copysign, torch.copysign, zeros, numbers)
    agree(torch, tg.copysign, torch.copysign, numbers, zeros)


@pytest.mark.parametrize("name", ["bitwise_and", "bitwise_or", "bitwise_xor"])
def test_bits(torch, name):
    a, b = np.array([[5], [-2]]), np.array([3, 6, -1])
    agree(torch, getattr(tg, name), getattr(torch, name), a, b)
    agree(torch, getattr(tg, name), getattr(torch, name), a > 0, b > 0)


@pytest.mark.parametrize("name", ["fmax", "fmin"])
def test_ties_and_nan(torch, name):
    a = np.array([1.0, 2.0, np.nan, 3.0, np.nan, -np.inf])
    b = np.array([1.0, np.nan, 2.0, -3.0, np.nan, np.inf])
    agree(torch, getattr(tg, name), getattr(torch, name), a, b)


def test_quotients_rounded_down(torch):
    a, b = draw(5, 4), draw(4, seed=1)
    with torch.no_grad():
        expected = torch.floor_divide(torch.tensor(a), torch.tensor(b)).numpy()
    np.testing.assert_array_equal(tg.floor_divide(a, b).data, expected)
    a, b = np.array([7, -7, 7, -7]), np.array([2, 2, -2, -2])
    for name in ("floor_divide", "remainder", "fmod"):
        agree(torch, getattr(tg, name), getattr(torch, name), a, b)


@pytest.mark.parametrize("decimals", [0, 1, 2, -1])
def test_round(torch, decimals):
    x = np.array([0.5, 1.5, -2.5, 12.345, -15.0, 25.0])
    agree(torch, lambda t: tg.round(t, decimals), lambda t: torch.round(t, decimals=decimals), x)


@pytest.mark.parametrize("name", ["isnan", "isinf", "isfinite"])
def test_tests(torch, name):
    for x in (np.array([0.0, 1.0, np.nan, np.inf, -np.inf]), np.array([1, 2]), np.array([True])):
        agree(torch, getattr(tg, name), getattr(torch, name), x)


@pytest.mark.parametrize("name", ["logical_and", "logical_or", "logical_xor"])
def test_connectives(torch, name):
    numbers = np.array([0.0, 1.0, np.nan, -2.0])
    for a in (numbers, numbers.astype(bool), np.array([0, 1, 2, 3])):
        agree(torch, getattr(tg, name), getattr(torch, name), a[:, None], a)


# -- activations ---------------------------------------------------------------------------------

ACTIVATIONS = {
    "relu": [{}],
    "relu6": [{}],
    "leaky_relu": [{}, dict(negative_slope=0.5), dict(negative_slope=-0.5)],
    "elu": [{}, dict(alpha=0.5), dict(alpha=2)],
    "selu": [{}],
    "gelu": [{}, dict(approximate="tanh")],
    "silu": [{}],
    "mish": [{}],
    "softplus": [{}, dict(beta=2), dict(beta=0.5, threshold=1), dict(beta=3.0, threshold=-1)],
    "softsign": [{}],
    "hardtanh": [{}, dict(min_val=-0.5, max_val=2), dict(min_val=0, max_val=0)],
    "hardsigmoid": [{}],
    "hardswish": [{}],
    "logsigmoid": [{}],
    "sigmoid": [{}],
    "tanh": [{}],
}
CONFIGURATIONS = [(name, options) for name in ACTIVATIONS for options in ACTIVATIONS[name]]
CORNERS = np.array([0.0, -0.0, 1.0, -1.0, 3.0, -3.0, 6.0, 20.0, -20.0, 100.0, -100.0, 1e4, -1e4])


def both(torch, name, options):
    ours, theirs = getattr(F, name), getattr(torch.nn.functional, name)
    if name == "hardsigmoid":  # PyTorch's own gradient takes 1 / 6 in single precision
        return ours, lambda x: torch.nn.functional.relu6(x + 3) / 6
    return (lambda x: ours(x, **options)), (lambda x: theirs(x, **options))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(("name", "options"), CONFIGURATIONS, ids=str)
def test_activation(torch, name, options, shape, dtype):
    x = draw(*shape, dtype=dtype) * dtype(3)
    agree(torch, *both(torch, name, options), np.asarray(x), twice=True)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "options"), CONFIGURATIONS, ids=str)
def test_activation_at_its_corners_and_far_out(torch, name, options, dtype):
    agree(torch, *both(torch, name, options), CORNERS.astype(dtype))


@pytest.mark.parametrize(("name", "options"), CONFIGURATIONS, ids=str)
def test_activation_of_nan_and_infinities(torch, name, options):
    ours, theirs = both(torch, name, options)
    with np.errstate(all="ignore"):
        got = ours(INFINITE).data
    np.testing.assert_array_equal(got, theirs(torch.tensor(INFINITE)).numpy())


@pytest.mark.parametrize(
    ("shape", "weights"),
    [
        *(((2, 3, 4), ()), ((2, 3, 4), (1,)), ((2, 3, 4), (3,)), ((5, 3), (3,)), ((2, 0), (0,))),
        *(((4,), (1,)), ((), (1,)), ((), ()), ((0, 3), (3,)), ((2, 1, 2), (1,))),
    ],
    ids=str,
)
def test_prelu(torch, shape, weights):
    x, w = np.asarray(draw(*shape)), np.asarray(draw(*weights, seed=1))
    agree(torch, F.prelu, torch.nn.functional.prelu, x, w, twice=True)


def test_prelu_refuses_what_pytorch_refuses(torch):
    for shape, weights in [((2, 3), (2,)), ((2, 3), (1, 3)), ((3,), (3,)), ((), (2,))]:
        x, w = np.ones(shape), np.ones(weights)
        with pytest.raises(RuntimeError):
            torch.nn.functional.prelu(torch.tensor(x), torch.tensor(w))
        with pytest.raises(ValueError, match="prelu: weight"):
            F.prelu(x, w)


def test_signatures_are_pytorchs(torch):
    for name in [*ACTIVATIONS, "prelu"]:
        try:
            theirs = signature(getattr(torch.nn.functional, name))
        except ValueError:  # written in C
            continue
        ours = signature(getattr(F, name))
        parameters = zip(
            list(ours.parameters.values())[1:], [*theirs.parameters.values()][1:], strict=True
        )
        for a, b in parameters:
            assert (a.name, a.default) == (b.name, b.default), name


MODULES = [
    *("ReLU", "ReLU6", "SELU", "SiLU", "Mish", "Softsign", "Tanh", "Sigmoid", "LogSigmoid"),
    *("Hardsigmoid", "Hardswish", "GELU", "LeakyReLU", "ELU", "Softplus", "Hardtanh", "PReLU"),
]
OPTIONS = {
    "LeakyReLU": (0.3, True),
    "ELU": (0.7, True),
    "Softplus": (2, 3),
    "Hardtanh": (-0.3, 0.4, True),
    "GELU": ("tanh",),
    "PReLU": (3, 0.4),
    "ReLU": (True,),
    "ReLU6": (True,),
    "SELU": (True,),
    "SiLU": (True,),
    "Mish": (True,),
    "Hardsigmoid": (True,),
    "Hardswish": (True,),
}


@pytest.mark.parametrize(
    ("name", "options"), [*((n, ()) for n in MODULES), *OPTIONS.items()], ids=str
)
def test_module(torch, name, options):
    ours, theirs = getattr(tg.nn, name)(*options), getattr(torch.nn, name)(*options)
    x = draw(2, 3, 4, dtype=np.float32)
    agree(torch, ours, lambda t: theirs(t.clone()), x)


@pytest.mark.parametrize("dim", [0, 1, -1])
@pytest.mark.parametrize("name", ["Softmax", "LogSoftmax"])
def test_module_along_an_axis(torch, name, dim):
    agree(torch, getattr(tg.nn, name)(dim), getattr(torch.nn, name)(dim), draw(2, 3, 4))


def test_prelu_learns_its_weight(torch):
    ours, theirs = tg.nn.PReLU(3, dtype=np.float64), torch.nn.PReLU(3, dtype=torch.float64)
    x = draw(2, 3, 4)
    ours(x).sum().backward()
    theirs(torch.tensor(x)).sum().backward()
    np.testing.assert_allclose(ours.weight.grad.data, theirs.weight.grad.numpy(), rtol=1e-14)
