"""Elementwise operations beyond the battery: dtypes, far-out values, operators, errors."""

from __future__ import annotations

import math
import operator
import re

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import kernels
from tinygraph.ops.transcendental import bell

from .cases.elementwise import ELEMENTWISE
from .cases.pointwise import POINTWISE

FLOATS = [np.float16, np.float32, np.float64]
ROWS = {  # one for each Function of several numbers
    str(case.function): case
    for case in [*ELEMENTWISE, *POINTWISE]
    if case.differentiable
    and sum(a.dtype.kind == "f" for a in case.draw(np.random.default_rng())) > 1
}


# -- dtypes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("first", FLOATS)
@pytest.mark.parametrize("second", FLOATS)
@pytest.mark.parametrize("name", ROWS)
def test_mixed_precision_promotes_and_gradients_return(name, first, second, create_graph):
    case = ROWS[name]
    arrays = case.draw(np.random.default_rng(0))
    dtypes = iter([first, second])
    arrays = [a.astype(next(dtypes)) if a.dtype.kind == "f" else a for a in arrays]
    xs = [tg.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    y = case.function(*xs)
    assert y.dtype == np.result_type(first, second)
    y.backward(np.ones(y.shape), create_graph=create_graph)
    for x, a in zip(xs, arrays, strict=True):
        assert x.grad is None if a.dtype.kind == "b" else x.grad.dtype == a.dtype


BINARY = [
    *("add", "subtract", "multiply", "divide", "power", "maximum", "minimum", "fmax", "fmin"),
    *(
        "arctan2",
        "hypot",
        "logaddexp",
        "fmod",
        "remainder",
        "floor_divide",
        "logaddexp2",
        "copysign",
    ),
]
SCALARS = [2, 2.5, True, np.float64(2.5), np.float16(2.5), np.int64(2)]


@pytest.mark.parametrize("scalar", SCALARS, ids=repr)
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", BINARY)
def test_scalars_are_weak(name, dtype, scalar):
    t = tg.tensor([1.0, 2.0], requires_grad=True, dtype=dtype)
    for y in (getattr(tg, name)(t, scalar), getattr(tg, name)(scalar, t)):
        assert y.dtype == dtype
        y.sum().backward()
        assert t.grad.dtype == dtype


@pytest.mark.parametrize("name", [n for n in BINARY if n not in ("divide", "arctan2")])
def test_a_float_beside_integers_gives_the_default_dtype(name):
    t = tg.tensor([4, 9])
    for y, expected in (
        (getattr(tg, name)(t, 0.5), getattr(np, name)([4, 9], 0.5)),
        (getattr(tg, name)(2.5, t), getattr(np, name)(2.5, [4, 9])),
    ):
        assert y.dtype == np.float32
        np.testing.assert_allclose(y.data, expected, rtol=1e-6)


def test_numbers_alone_give_the_default_dtype():
    assert tg.add(1, 0.5).dtype == tg.multiply(np.float64(2), 3).dtype == np.float32
    assert tg.add(1, 2).dtype == np.int64


def test_where_of_integers_and_a_float():
    y = tg.where(tg.tensor([True, False]), tg.tensor([1, 2]), 0.5)
    assert y.dtype == np.float32
    assert y.tolist() == [1, 0.5]


def test_comparisons_of_integers_with_floats_are_exact():
    large = tg.tensor([2**24 + 1])
    assert (large > 2.0**24 + 0.5).item()
    assert (large != 2.0**24).item()
    assert (tg.tensor([1, 2]) < 1.5).tolist() == [True, False]


INTEGER_FUNCTIONS = [
    *("exp", "log", "sqrt", "tanh", "sigmoid", "exp2", "expm1", "log1p", "log2", "log10", "cbrt"),
    *("rsqrt", "reciprocal", "sin", "cos", "tan", "arctan", "sinh", "cosh", "arcsinh", "arccosh"),
    *("arcsin", "arccos", "erf", "deg2rad", "rad2deg"),
]


@pytest.mark.parametrize("name", INTEGER_FUNCTIONS)
def test_functions_of_integers_have_the_default_dtype(name, monkeypatch):
    function = getattr(tg, name)
    for dtype in (np.float32, np.float64):
        monkeypatch.setattr(tg._tensor, "_default_dtype", np.dtype(dtype))
        expected = function(tg.ones(2)).data
        for ones in (tg.tensor([1, 1]), np.array([1, 1], np.int8), [True, True]):
            y = function(ones)
            assert y.dtype == dtype
            np.testing.assert_array_equal(y.data, expected)
        assert function(1).dtype == dtype


@pytest.mark.parametrize(
    "name", ["divide", "arctan2", "hypot", "logaddexp", "logaddexp2", "copysign"]
)
def test_functions_of_two_integers_have_the_default_dtype(name):
    a, b = np.array([1, 2, 3]), np.array([True, True, True])
    y = getattr(tg, name)(a, b)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y.data, getattr(np, name)(a, b.astype(int)), rtol=1e-6)
    assert getattr(tg, name)(a, b.astype(np.float64)).dtype == np.float64


@pytest.mark.parametrize("name", ["square", "sign", "floor", "ceil", "round", "trunc"])
def test_integers_stay_integers(name):
    x = np.array([-3, 0, 2])
    y = getattr(tg, name)(x)
    assert y.dtype == x.dtype
    assert y.tolist() == getattr(np, name)(x).tolist()


# -- far out, and at the corners -----------------------------------------------------------------


def test_erf_is_exact_to_a_few_ulps():
    x = np.concatenate([np.linspace(-7, 7, 20_001), [0.84375, 1.25, 1 / 0.35, 6.0, 1e-300, 40]])
    for dtype, ulps in ((np.float64, 2), (np.float32, 8)):
        near = x.astype(dtype)
        exact = np.array([math.erf(v) for v in near.astype(float)])
        error = np.abs(kernels.erf(near) - exact) / np.spacing(np.abs(exact).astype(dtype))
        assert error.max() <= ulps
    half = x.astype(np.float16)
    np.testing.assert_array_max_ulp(
        kernels.erf(half), np.array([math.erf(v) for v in half.astype(float)], np.float16), 1
    )


@pytest.mark.parametrize("dtype", FLOATS)
def test_erf_of_odd_numbers(dtype):
    y = kernels.erf(np.array([0, -0.0, np.inf, -np.inf, np.nan], dtype))
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, [0, 0, 1, -1, np.nan])
    assert np.signbit(y[1])


SMOOTH = [
    *("softplus", "log_sigmoid", "gelu", "silu", "mish", "elu", "selu", "softsign", "hardswish"),
    *("leaky_relu", "sigmoid", "tanh", "erf", "arctan", "arcsinh", "relu6", "hardsigmoid"),
]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", [*SMOOTH, "gelu tanh"])
def test_finite_far_out_with_two_derivatives(name, dtype):
    """Without a warning, too: any would be an error."""
    name, *options = name.split()
    far = np.array([-1e4, -300, -30, 30, 300, 1e4], dtype)
    if dtype != np.float16:
        far = np.append(far, [-1e30, 1e30]).astype(dtype)
    x = tg.tensor(far, requires_grad=True)
    y = getattr(tg, name)(x, *options)
    (gx,) = tg.grad([y], [x], [np.ones(len(far))], create_graph=True)
    assert np.isfinite(y.data).all()
    assert np.isfinite(gx.data).all()
    assert (np.abs(gx.data) <= 1.2).all()
    if gx.requires_grad:
        assert np.isfinite(tg.grad([gx], x, [np.ones(len(far))]).data).all()


@pytest.mark.parametrize("dtype", FLOATS)
def test_logarithms_and_exponentials_far_out(dtype):
    x = np.array([-1e4, 1e4], dtype)
    np.testing.assert_array_equal(tg.softplus(x).data, [0, x[1]])
    np.testing.assert_array_equal(tg.log_sigmoid(x).data, [x[0], 0])
    np.testing.assert_array_equal(tg.logaddexp(x, -x).data, [x[1], x[1]])
    np.testing.assert_array_equal(tg.expm1(x[:1]).data, [-1])
    tiny, rtol = np.array([6e-8], dtype), 4 * np.finfo(dtype).eps
    exact = tiny.astype(np.float64)
    np.testing.assert_allclose(tg.expm1(tiny).data, exact + exact**2 / 2 + exact**3 / 6, rtol)
    np.testing.assert_allclose(tg.log1p(tiny).data, exact - exact**2 / 2 + exact**3 / 3, rtol)


def test_the_bell_is_zero_where_its_range_ends():
    for dtype in FLOATS:
        assert bell(np.array([-30, 30], dtype)).tolist() == [0, 0]


@pytest.mark.parametrize("name", ["hypot", "arctan2"])
def test_gradients_at_the_origin_are_zero(name):
    a, b = (tg.zeros(2, requires_grad=True) for _ in "ab")
    for create_graph in (False, True):
        grads = tg.grad(getattr(tg, name)(a, b).sum(), [a, b], create_graph=create_graph)
        assert [g.tolist() for g in grads] == [[0, 0], [0, 0]]


@pytest.mark.parametrize("name", ["sign", "floor", "ceil", "round", "trunc"])
@pytest.mark.parametrize("create_graph", [False, True])
def test_gradients_of_steps_are_zeros(name, create_graph):
    x = tg.tensor([1.5, -2.0], requires_grad=True)
    y = getattr(tg, name)(x)
    assert y.requires_grad
    y.backward([np.inf, np.nan], create_graph=create_graph)
    assert x.grad.tolist() == [0, 0]


def test_powers_at_zero():
    x = tg.tensor([0.0, 0.0, 0.0], requires_grad=True)
    p = tg.tensor([2.0, 1.0, 0.0], requires_grad=True)
    (x**p).sum().backward()
    assert x.grad.tolist() == [0, 1, 0]
    assert p.grad.tolist() == [0, 0, 0]
    for exponent, slope in ((2, 0), (1.0, 1), (0, 0), (1.5, 0)):
        assert tg.grad((x**exponent).sum(), x).tolist() == [slope] * 3
    with np.errstate(divide="ignore"):
        assert tg.grad((x**0.5).sum(), x).tolist() == [np.inf] * 3
        assert tg.grad(tg.sqrt(x).sum(), x).tolist() == [np.inf] * 3


def test_where_keeps_nan_on_its_side():
    """The values, and the gradient that comes in, of the branch not taken go nowhere."""
    mask = np.array([True, False])
    a = tg.tensor([1.0, np.nan], requires_grad=True)
    b = tg.tensor([np.inf, 2.0], requires_grad=True)
    for create_graph in (False, True):
        y = tg.where(mask, a, b)
        ga, gb = tg.grad(y * y, [a, b], [1.0, np.nan], create_graph=create_graph)
        assert y.tolist() == [1, 2]
        assert ga.tolist() == [2, 0]
        np.testing.assert_array_equal(gb.data, [0, np.nan])


# -- operators -----------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", [operator.mod, operator.floordiv])
def test_remainders_and_quotients_on_both_sides(operation):
    values = [-7.5, 2.0, 3.25]
    t = tg.tensor(values, dtype=np.float64)
    for other in (2, -1.5, np.array([1.5, 2, -2.25]), tg.tensor([4.0, 5, 6])):
        array = np.asarray(other)
        np.testing.assert_array_equal(operation(t, other).data, operation(t.data, array))
        np.testing.assert_array_equal(operation(other, t).data, operation(array, t.data))


@pytest.mark.parametrize("operation", [operator.and_, operator.or_, operator.xor])
def test_connectives_of_masks(operation):
    a, b = np.array([True, True, False, False]), np.array([True, False, True, False])
    expected = operation(a, b).tolist()
    for x, y in ((tg.tensor(a), tg.tensor(b)), (tg.tensor(a), b), (a, tg.tensor(b))):
        assert operation(x, y).tolist() == expected
    assert operation(tg.tensor(a), True).tolist() == operation(a, True).tolist()
    x = tg.tensor([1.0, 5.0])
    assert operation(x > 2, x < 3).tolist() == operation(x.data > 2, x.data < 3).tolist()


def test_plus_and_round():
    t = tg.tensor([1.25, -2.5], requires_grad=True)
    y = +t
    assert y.tolist() == t.tolist()
    assert not np.shares_memory(y.data, t.data)
    assert y.requires_grad
    assert round(t).tolist() == [1, -2]
    assert round(t, 1).tolist() == pytest.approx([1.2, -2.5])


# -- errors --------------------------------------------------------------------------------------

X = tg.ones((2, 3))
ACTIVATIONS = [
    *("leaky_relu", "elu", "selu", "gelu", "silu", "mish", "softplus", "softsign", "log_sigmoid"),
    *("hardtanh", "hardsigmoid", "hardswish", "relu6"),
]
MESSAGES = [
    *((lambda n=n: getattr(tg, n)([1]), TypeError, [n, "float", "int64"]) for n in ACTIVATIONS),
    (lambda: tg.prelu([1], 0.5), TypeError, ["prelu", "int64"]),
    (lambda: tg.prelu(X, tg.ones(2)), ValueError, ["prelu", "2", "3 channels", "(2, 3)"]),
    (lambda: tg.prelu(X, tg.ones((1, 3))), ValueError, ["prelu", "weight", "(1, 3)"]),
    (lambda: tg.leaky_relu(X, "1"), TypeError, ["leaky_relu", "negative_slope", "str"]),
    (lambda: tg.elu(X, None), TypeError, ["elu", "alpha", "None"]),
    (lambda: tg.gelu(X, "erf"), ValueError, ["gelu", "'none' or 'tanh'", "'erf'"]),
    (lambda: tg.softplus(X, 0), ValueError, ["softplus", "beta"]),
    (lambda: tg.softplus(X, X), TypeError, ["softplus", "beta", "Tensor"]),
    (lambda: tg.softplus(X, 1, X), TypeError, ["softplus", "threshold", "Tensor"]),
    (lambda: tg.hardtanh(X, 2, 1), ValueError, ["hardtanh", "min_val 2", "max_val 1"]),
    (lambda: tg.hardtanh(X, X), TypeError, ["hardtanh", "min_val", "Tensor"]),
    (lambda: tg.round(X, 1.5), TypeError, ["round", "decimals", "float"]),
    (lambda: round(X, "1"), TypeError, ["round", "decimals", "str"]),
    (lambda: X & X, TypeError, ["&", "booleans or integers", "float32", "logical_and"]),
    (lambda: tg.tensor([1]) | 0.5, TypeError, ["|", "integers", "float32"]),
    (lambda: True ^ X, TypeError, ["^", "booleans", "float32"]),
    (lambda: X % None, TypeError, ["Remainder", "None"]),
    (lambda: tg.sin(None), TypeError, ["Sin", "None"]),
    (lambda: tg.hypot(X, None), TypeError, ["Hypot", "None"]),
    (lambda: tg.arctan2(X, tg.ones(2)), ValueError, ["Arctan2", "(2, 3)", "(2,)"]),
    (lambda: tg.nn.PReLU(0), ValueError, ["PReLU", "num_parameters", "0"]),
    (lambda: tg.nn.PReLU(1.5), ValueError, ["PReLU", "num_parameters", "1.5"]),
]


@pytest.mark.parametrize(("call", "error", "parts"), MESSAGES)
def test_message(call, error, parts):
    with pytest.raises(error) as caught:
        call()
    assert re.search(".*".join(map(re.escape, parts)), str(caught.value)), str(caught.value)
