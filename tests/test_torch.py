"""Every operation against PyTorch: values, gradients, and second derivatives where they are risky.

Both sides compute in the same precision, so they differ by rounding only: by up to 100 units in the
last place of the largest number in a result (1e-5 of it in float32, 2e-14 in float64).
"""

from __future__ import annotations

import itertools
import math

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import assume, given, settings

import tinygraph as tg

DTYPES = [np.float64, np.float32]
ULPS = 100


def draw(*shape, seed=0, dtype=np.float64):
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(dtype)


def ties(*shape, dtype=np.float64):
    """Return small integers, so that nearly every maximum is attained more than once."""
    return np.random.default_rng(shape).integers(-1, 2, shape).astype(dtype)


def assert_close(got, expected, what):
    got, expected = got.numpy(), expected.detach().numpy(force=True)
    assert got.shape == expected.shape, what
    assert got.dtype == expected.dtype, what
    rtol = ULPS * np.finfo(got.dtype).eps if got.dtype.kind == "f" else 0
    finite = np.abs(expected[np.isfinite(expected)])
    atol = rtol * max(1, finite.max(initial=0))
    np.testing.assert_allclose(got, expected, rtol=rtol, atol=atol, err_msg=what)


def leaves(torch, arrays):
    """Return the arrays as Tensors of both libraries; the floating ones require gradients."""
    ours = [tg.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    theirs = [torch.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    return ours, theirs


def wanted(tensors):
    return [t for t in tensors if t.requires_grad]


def filled(gradients, inputs, zeros_like):
    """Return the gradients, zeros for the inputs that have none."""
    return [zeros_like(x) if g is None else g for g, x in zip(gradients, inputs, strict=True)]


def agree(torch, ours, theirs, *arrays, twice=False):
    """Compare two functions of ``arrays``: value, gradients and, if ``twice``, second derivatives.

    The second derivatives are those of <v, gradients> for a random v, with respect to the inputs
    and to the gradient that came in.
    """
    xs, ts = leaves(torch, arrays)
    y, expected = ours(*xs), theirs(*ts)
    assert_close(y, expected, "value")
    if not expected.requires_grad:
        assert not y.requires_grad
        return
    g, torch_g = leaves(torch, [draw(*y.shape, seed=1, dtype=y.dtype)])
    xs, ts = wanted(xs), wanted(ts)
    options = dict(create_graph=twice, allow_unused=True)
    got = tg.grad([y], xs, g, **options)
    want = torch.autograd.grad([expected], ts, torch_g, **options)
    got, want = filled(got, xs, tg.zeros_like), filled(want, ts, torch.zeros_like)
    for i, pair in enumerate(zip(got, want, strict=True)):
        assert_close(*pair, f"gradient of input {i}")
    if not twice:
        return
    vs = [draw(*x.shape, seed=2 + i, dtype=x.dtype) for i, x in enumerate(xs)]
    total = sum((a * v).sum() for a, v in zip(got, vs, strict=True))
    expected_total = sum((a * torch.tensor(v)).sum() for a, v in zip(want, vs, strict=True))
    assert total.requires_grad == expected_total.requires_grad
    if not total.requires_grad:
        return
    seconds = tg.grad(total, xs + g, allow_unused=True)
    expected_seconds = torch.autograd.grad(expected_total, ts + torch_g, allow_unused=True)
    seconds = filled(seconds, xs + g, tg.zeros_like)
    expected_seconds = filled(expected_seconds, ts + torch_g, torch.zeros_like)
    for i, pair in enumerate(zip(seconds, expected_seconds, strict=True)):
        assert_close(*pair, f"second derivative, input {i}")


# -- elementwise ---------------------------------------------------------------------------------

UNARY = ["abs", "exp", "log", "negative", "relu", "sigmoid", "sqrt", "tanh"]
SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, 1e-30, 30.0, -30.0, 1e3, -1e3, np.inf, -np.inf])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (7,), (2, 3, 4)], ids=str)
@pytest.mark.parametrize("name", UNARY)
def test_unary(torch, name, shape, dtype):
    x = draw(*shape, dtype=dtype)
    x = np.abs(x) + dtype(0.1) if name in ("log", "sqrt") else x
    agree(torch, getattr(tg, name), getattr(torch, name), np.asarray(x), twice=True)


@pytest.mark.parametrize("name", UNARY)
def test_unary_at_special_values(torch, name):
    with np.errstate(all="ignore"):
        agree(torch, getattr(tg, name), getattr(torch, name), SPECIAL)


@pytest.mark.parametrize("name", ["exp", "log", "sqrt", "tanh", "sigmoid", "abs"])
def test_nan_stays_nan(torch, name):
    agree(torch, getattr(tg, name), getattr(torch, name), np.array([np.nan, 1.0]))


def test_relu_and_abs_are_flat_at_zero(torch):
    for name in ("relu", "abs"):
        agree(torch, getattr(tg, name), getattr(torch, name), np.zeros(3), twice=True)


SHAPE_PAIRS = [
    ((), ()),
    ((3, 4), (3, 4)),
    ((3, 4), (4,)),
    ((3, 1), (1, 4)),
    ((), (2, 3)),
    ((1,), ()),
    ((0, 3), (3,)),
    ((2, 1, 3), (4, 1)),
    ((2, 2), (1, 1, 1)),
]
BINARY = {
    "add": "add",
    "subtract": "subtract",
    "multiply": "multiply",
    "divide": "divide",
    "maximum": "maximum",
    "minimum": "minimum",
    "power": "pow",
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shapes", SHAPE_PAIRS, ids=str)
@pytest.mark.parametrize("name", BINARY)
def test_binary(torch, name, shapes, dtype):
    a, b = (draw(*shape, seed=i, dtype=dtype) for i, shape in enumerate(shapes))
    if name == "power":
        a = np.abs(a) + dtype(0.5)
    if name == "divide":
        b = b + np.copysign(dtype(0.5), b)
    theirs = getattr(torch, BINARY[name])
    agree(torch, getattr(tg, name), theirs, np.asarray(a), np.asarray(b), twice=True)


@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "divide", "maximum", "minimum"])
def test_binary_at_special_values(torch, name):
    a, b = (grid.ravel() for grid in np.meshgrid(SPECIAL, SPECIAL))
    with np.errstate(all="ignore"):
        agree(torch, getattr(tg, name), getattr(torch, name), a, b)


@pytest.mark.parametrize("name", ["maximum", "minimum"])
def test_ties_share_the_gradient(torch, name):
    agree(torch, getattr(tg, name), getattr(torch, name), ties(5, 6), ties(6), twice=True)


@pytest.mark.parametrize("name", ["maximum", "minimum"])
def test_extremes_of_nan_are_nan(torch, name):
    a, b = np.array([np.nan, 1.0, np.nan]), np.array([1.0, np.nan, np.nan])
    expected = getattr(torch, name)(torch.tensor(a), torch.tensor(b))
    assert_close(getattr(tg, name)(a, b), expected, "value")


def test_power_on_the_boundary(torch):
    bases = np.array([0.0, 0.5, 1.0, 2.0, -1.0, -2.0])
    exponents = np.array([0.0, 1.0, 2.0, 3.0, 0.5])
    a, b = (grid.ravel() for grid in np.meshgrid(bases, exponents))
    with np.errstate(all="ignore"):
        agree(torch, tg.power, torch.pow, a, b)


def test_negative_power_of_zero(torch):
    """The gradient of the base is PyTorch's; that of the exponent is 0 where the base is 0."""
    a, b = np.zeros(2), np.array([-1.0, -0.5])
    with np.errstate(all="ignore"):
        agree(torch, lambda a: tg.power(a, b), lambda a: torch.pow(a, torch.tensor(b)), a)
        x = tg.tensor(b, requires_grad=True)
        tg.power(a, x).sum().backward()
    assert x.grad.tolist() == [0, 0]


@pytest.mark.parametrize("p", [0, 1, 2, 3, -1, -2, 0.0, 1.0, 2.0, 0.5, 1.5, -0.5])
def test_scalar_power(torch, p):
    agree(torch, lambda x: x**p, lambda x: x**p, np.abs(draw(5)) + 0.5, twice=True)
    with np.errstate(all="ignore"):
        agree(torch, lambda x: x**p, lambda x: x**p, np.array([0.0, -1.0, -2.0]))


@pytest.mark.parametrize("base", [0.0, 0.5, 1.0, 3.0])
def test_scalar_to_a_power(torch, base):
    x = np.array([0.0, 0.5, 1.0, 2.0])
    agree(torch, lambda x: base**x, lambda x: base**x, x, twice=base > 0)


def test_square_has_a_second_derivative_at_zero(torch):
    agree(torch, lambda x: x**2, lambda x: x**2, np.zeros(2), twice=True)
    agree(torch, lambda x: x**1, lambda x: x**1, np.zeros(2), twice=True)


@pytest.mark.parametrize("limits", [(-0.5, 0.5), (None, 0.5), (-0.5, None), (0.5, -0.5)], ids=str)
def test_clip(torch, limits):
    x = np.array([-np.inf, -1.0, -0.5, 0.0, 0.5, 1.0, np.inf, np.nan])
    agree(torch, lambda x: tg.clip(x, *limits), lambda x: torch.clamp(x, *limits), x, twice=True)


@pytest.mark.parametrize("shapes", SHAPE_PAIRS, ids=str)
def test_where(torch, shapes):
    a, b = (draw(*shape, seed=i) for i, shape in enumerate(shapes))
    condition = ties(*np.broadcast_shapes(*shapes)) > 0
    agree(torch, tg.where, torch.where, condition, np.asarray(a), np.asarray(b), twice=True)


def test_where_shields_from_what_was_not_chosen(torch):
    x = np.array([0.0, 4.0])
    agree(
        torch,
        lambda x: tg.where(x > 0, x * 2, np.nan),
        lambda x: torch.where(x > 0, x * 2, np.nan),
        x,
    )


@pytest.mark.parametrize("name", ["equal", "not_equal", "less", "less_equal", "greater"])
def test_comparison(torch, name):
    a, b = (grid.ravel() for grid in np.meshgrid([*SPECIAL, np.nan], [*SPECIAL, np.nan]))
    short = {"equal": "eq"}.get(name, name)
    agree(torch, getattr(tg, name), getattr(torch, short), a, b)


def test_mixed_precision_gradients_come_back_in_the_inputs_dtype(torch):
    a, b = draw(3, 4), draw(4, dtype=np.float32)
    agree(torch, tg.multiply, torch.multiply, a, b, twice=True)
    agree(torch, lambda x: tg.astype(x, np.float32), lambda x: x.to(torch.float32), a)


def test_clone(torch):
    agree(torch, tg.clone, torch.clone, draw(2, 3), twice=True)


# -- reductions ----------------------------------------------------------------------------------

AXES = [None, 0, 1, -1, (0, 2), (-1, 1), (0, 1, 2), (2,)]


def dims(axis, ndim=3):
    return tuple(range(ndim)) if axis is None else axis


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", AXES, ids=str)
@pytest.mark.parametrize("name", ["sum", "mean", "amax", "amin", "logsumexp"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_reduction(torch, name, axis, keepdims, dtype):
    agree(
        torch,
        lambda x: getattr(tg, name)(x, axis=axis, keepdims=keepdims),
        lambda x: getattr(torch, name)(x, dim=dims(axis), keepdim=keepdims),
        draw(2, 3, 4, dtype=dtype),
        twice=True,
    )


@pytest.mark.parametrize("ddof", [0, 1])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", AXES, ids=str)
def test_var(torch, axis, keepdims, ddof):
    agree(
        torch,
        lambda x: tg.var(x, axis=axis, ddof=ddof, keepdims=keepdims),
        lambda x: torch.var(x, dim=dims(axis), correction=ddof, keepdim=keepdims),
        draw(2, 3, 4),
        twice=True,
    )


@pytest.mark.parametrize("axis", AXES, ids=str)
@pytest.mark.parametrize("name", ["amax", "amin"])
def test_amax_shares_ties(torch, name, axis):
    agree(
        torch,
        lambda x: getattr(tg, name)(x, axis=axis),
        lambda x: getattr(torch, name)(x, dim=dims(axis)),
        ties(2, 3, 4),
        twice=True,
    )


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("name", ["max", "min"])
def test_max_over_an_axis_picks_the_first(torch, name, axis, keepdims):
    agree(
        torch,
        lambda x: getattr(tg, name)(x, axis, keepdims),
        lambda x: getattr(torch, name)(x, axis, keepdims).values,
        ties(2, 3, 4),
        twice=True,
    )


@pytest.mark.parametrize("name", ["max", "min"])
def test_max_of_all_shares_ties(torch, name):
    agree(torch, getattr(tg, name), getattr(torch, name), ties(3, 4), twice=True)


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_argmax(torch, name, axis):
    agree(
        torch,
        lambda x: getattr(tg, name)(x, axis),
        lambda x: getattr(torch, name)(x, axis),
        np.where(draw(3, 4) > 1, np.nan, ties(3, 4)),
    )


@pytest.mark.parametrize("axis", AXES, ids=str)
@pytest.mark.parametrize("name", ["any", "all"])
def test_any_all(torch, name, axis):
    agree(
        torch,
        lambda x: getattr(tg, name)(x, axis),
        lambda x: getattr(torch, name)(x, dim=dims(axis)),
        ties(2, 3, 4) > 0,
    )


@pytest.mark.parametrize("name", ["sum", "mean", "logsumexp"])
@pytest.mark.parametrize("axis", [0, 1, (0, 1)], ids=str)
def test_reduction_of_nothing(torch, name, axis):
    agree(
        torch,
        lambda x: getattr(tg, name)(x, axis=axis),
        lambda x: getattr(torch, name)(x, dim=axis),
        np.zeros((0, 3)),
    )


# -- softmax and its family ----------------------------------------------------------------------

EXTREMES = {
    "moderate": draw(3, 5),
    "1e4": np.array([[1e4, -1e4, 0.0], [1e4, 1e4, 9999.0], [-1e4, -1e4, -1e4]]),
    "-inf": np.array([[-np.inf, 0.0, 1.0], [2.0, -np.inf, -np.inf]]),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("kind", EXTREMES)
@pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp"])
def test_softmax_family(torch, name, kind, axis, dtype):
    agree(
        torch,
        lambda x: getattr(tg, name)(x, axis),
        lambda x: getattr(torch, name)(x, axis),
        EXTREMES[kind].astype(dtype),
        twice=kind != "-inf",  # whose second derivatives are NaN in PyTorch
    )


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_of_nothing_but_minus_infinity(torch, name):
    x = np.array([[-np.inf, -np.inf], [0.0, 1.0]])
    with np.errstate(invalid="ignore"):
        agree(torch, lambda x: getattr(tg, name)(x, 1), lambda x: getattr(torch, name)(x, 1), x)


def test_logsumexp_of_nothing_but_minus_infinity(torch):
    """As PyTorch's -inf, but with a gradient of 0 where PyTorch's is NaN."""
    x = tg.tensor([[-np.inf, -np.inf], [0.0, 0.0]], dtype=np.float64, requires_grad=True)
    y = tg.logsumexp(x, 1)
    assert_close(y, torch.logsumexp(torch.tensor(x.numpy()), 1), "value")
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [[0, 0], [0.5, 0.5]], rtol=1e-15)


# -- shapes and indexing -------------------------------------------------------------------------

SHAPE_OPS = {
    "reshape": (lambda x: x.reshape(4, -1), lambda x: x.reshape(4, -1)),
    "reshape a sequence": (lambda x: x.reshape((3, 8)), lambda x: x.reshape(3, 8)),
    "transpose": (lambda x: x.transpose(2, 0, 1), lambda x: x.permute(2, 0, 1)),
    "T": (lambda x: x.T, lambda x: x.permute(2, 1, 0)),
    "mT": (lambda x: x.mT, lambda x: x.mT),
    "permute": (lambda x: x.permute(-1, 0, 1), lambda x: x.permute(-1, 0, 1)),
    "flatten": (lambda x: x.flatten(), lambda x: x.flatten()),
    "flatten the end": (lambda x: x.flatten(1), lambda x: x.flatten(1)),
    "flatten the start": (lambda x: x.flatten(0, 1), lambda x: x.flatten(0, 1)),
    "unsqueeze": (lambda x: x.unsqueeze(1), lambda x: x.unsqueeze(1)),
    "expand_dims": (lambda x: tg.expand_dims(x, (0, -1)), lambda x: x[None, ..., None]),
    "squeeze": (lambda x: x[:1, :, :1].squeeze(), lambda x: x[:1, :, :1].squeeze()),
    "squeeze one": (lambda x: x[:1, :, :1].squeeze(-1), lambda x: x[:1, :, :1].squeeze(-1)),
    "broadcast_to": (
        lambda x: x[:, :1].broadcast_to((2, 2, 3, 4)),
        lambda x: x[:, :1].broadcast_to((2, 2, 3, 4)),
    ),
}


@pytest.mark.parametrize("name", SHAPE_OPS)
def test_shape_operation(torch, name):
    agree(torch, *SHAPE_OPS[name], draw(2, 3, 4), twice=True)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_concatenate_and_stack(torch, axis):
    shapes = [[2, 3], [2, 3], [2, 3]]
    for i, shape in enumerate(shapes):
        shape[axis] += i
    parts = [draw(*shape, seed=i) for i, shape in enumerate(shapes)]
    join, stack = lambda *xs: tg.concatenate(xs, axis), lambda *xs: tg.stack(xs, axis)
    agree(torch, join, lambda *xs: torch.cat(xs, axis), *parts, twice=True)
    same = [draw(2, 3, seed=i) for i in range(3)]
    agree(torch, stack, lambda *xs: torch.stack(xs, axis), *same, twice=True)


@pytest.mark.parametrize("width", [1, (1, 2), ((0, 1), (2, 3))], ids=str)
def test_pad(torch, width):
    (top, bottom), (left, right) = np.broadcast_to(width, (2, 2))
    agree(
        torch,
        lambda x: tg.pad(x, width, constant_values=-2.5),
        lambda x: torch.nn.functional.pad(x, (left, right, top, bottom), value=-2.5),
        draw(3, 2),
        twice=True,
    )


INDICES = [
    0,
    -1,
    slice(1, None),
    slice(None, None, 2),
    slice(3, 3),
    None,
    Ellipsis,
    (),
    (1, 2),
    (Ellipsis, 0),
    (slice(None), None, -1),
    (0, slice(1, 3), None, Ellipsis, 1),
    np.array([0, 2, 2, -1]),
    np.array([[0, 1], [1, 1]]),
    np.array([], int),
    (slice(None), np.array([0, 0, 1])),
    (np.array([0, 0, 1]), np.array([1, 1, 2])),
    (np.array([[0], [1]]), np.array([0, 0])),
    (np.array([0, 0]), slice(None), np.array([1, 1])),
    ((0, 0), slice(None, None, 2)),
    (slice(None), range(1, 3), (0, 1)),
    (0, np.array([0, 0]), slice(None, None, 2)),
    ties(3, 4) > 0,
    ties(3, 4, 2) > 0,
    (slice(None), np.array([True, False, False, True])),
    np.zeros(3, bool),
]


@pytest.mark.parametrize("index", INDICES, ids=repr)
def test_indexing(torch, index):
    def convert(part):
        return torch.tensor(part) if isinstance(part, np.ndarray) else part

    theirs = tuple(map(convert, index)) if isinstance(index, tuple) else convert(index)
    agree(torch, lambda x: x[index], lambda x: x[theirs], draw(3, 4, 2), twice=True)


# -- matrix products -----------------------------------------------------------------------------

MATRICES = [
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 4)),
    ((2, 3), (3, 4)),
    ((5, 2, 3), (3, 4)),
    ((2, 3), (5, 3, 4)),
    ((3,), (5, 3, 4)),
    ((5, 2, 3), (3,)),
    ((6, 1, 2, 3), (5, 3, 4)),
    ((1, 2, 3), (5, 3, 4)),
    ((2, 0), (0, 3)),
    ((0, 2, 3), (3, 4)),
    ((0,), (0,)),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shapes", MATRICES, ids=str)
def test_matmul(torch, shapes, dtype):
    a, b = (draw(*shape, seed=i, dtype=dtype) for i, shape in enumerate(shapes))
    agree(torch, tg.matmul, torch.matmul, a, b, twice=True)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("lead", [(), (4,), (0,), (2, 3), (2, 1, 3)], ids=str)
def test_linear(torch, lead, bias, dtype):
    arrays = [draw(*lead, 5, dtype=dtype), draw(3, 5, dtype=dtype), draw(3, dtype=dtype)]
    arrays = arrays if bias else arrays[:2]
    agree(torch, tg.linear, torch.nn.functional.linear, *arrays, twice=True)


# -- convolution and windows ---------------------------------------------------------------------

CONVOLUTIONS = [  # image, filters, options
    ((2, 3, 7, 6), (4, 3, 3, 3), {}),
    ((1, 1, 5, 5), (1, 1, 1, 1), {}),
    ((2, 3, 7, 6), (4, 3, 1, 1), dict(stride=2)),
    ((2, 3, 7, 6), (4, 3, 1, 1), dict(padding=1)),
    ((2, 3, 8, 7), (2, 3, 3, 2), dict(stride=(2, 1), padding=(1, 0))),
    ((1, 2, 9, 8), (3, 2, 2, 3), dict(dilation=(2, 3))),
    ((2, 2, 9, 8), (3, 2, 3, 3), dict(stride=3, padding=2, dilation=2)),
    ((2, 4, 6, 5), (6, 2, 3, 2), dict(groups=2, padding=1)),
    ((2, 4, 6, 5), (4, 1, 3, 3), dict(groups=4, stride=2)),
    ((2, 3, 4, 5), (2, 3, 4, 5), {}),
    ((2, 1, 3, 3), (1, 1, 5, 5), dict(padding=1)),
    ((3, 5, 6), (4, 3, 3, 3), dict(padding=1)),
    ((0, 2, 5, 5), (3, 2, 3, 3), {}),
    ((1, 2, 8, 3), (3, 2, 5, 1), dict(stride=(3, 2), padding=(4, 1))),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("image", "filters", "options"), CONVOLUTIONS, ids=str)
def test_conv2d(torch, image, filters, options, bias, dtype):
    arrays = [draw(*image, dtype=dtype), draw(*filters, dtype=dtype)]
    arrays += [draw(filters[0], dtype=dtype)] * bias
    agree(
        torch,
        lambda *args: tg.conv2d(*args, **options),
        lambda *args: torch.nn.functional.conv2d(*args, **options),
        *arrays,
        twice=True,
    )


def pairs(low, high):
    return st.tuples(*[st.integers(low, high)] * 2)


@settings(max_examples=60)
@given(st.data())
def test_any_conv2d(torch, data):
    groups = data.draw(st.integers(1, 3), "groups")
    channels, filters = (groups * data.draw(st.integers(1, 2)) for _ in "io")
    kernel, size = data.draw(pairs(1, 3), "kernel"), data.draw(pairs(1, 9), "size")
    options = dict(
        stride=data.draw(pairs(1, 3), "stride"),
        padding=data.draw(pairs(0, 3), "padding"),
        dilation=data.draw(pairs(1, 3), "dilation"),
        groups=groups,
    )
    padded = [n + 2 * p for n, p in zip(size, options["padding"], strict=True)]
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, options["dilation"], strict=True)]
    assume(all(n >= r for n, r in zip(padded, reach, strict=True)))
    agree(
        torch,
        lambda *args: tg.conv2d(*args, **options),
        lambda *args: torch.nn.functional.conv2d(*args, **options),
        draw(data.draw(st.integers(1, 3), "batch"), channels, *size),
        draw(filters, channels // groups, *kernel),
        draw(filters),
        twice=True,
    )


WINDOWS = [  # image, kernel, options of unfold and fold
    ((2, 3, 5, 6), 2, {}),
    ((2, 3, 5, 6), (3, 2), dict(stride=2)),
    ((1, 2, 7, 5), (2, 3), dict(dilation=(3, 1), padding=(1, 2), stride=(1, 2))),
    ((3, 4, 4), 3, dict(padding=1)),
    ((2, 1, 5, 5), 1, dict(stride=3)),
]


@pytest.mark.parametrize(("image", "kernel", "options"), WINDOWS, ids=str)
def test_unfold_and_fold(torch, image, kernel, options):
    functional = torch.nn.functional
    x = draw(*image)
    agree(
        torch,
        lambda x: tg.unfold(x, kernel, **options),
        lambda x: functional.unfold(x, kernel, **options),
        x,
        twice=True,
    )
    columns = tg.unfold(x, kernel, **options).shape
    agree(
        torch,
        lambda x: tg.fold(x, image[-2:], kernel, **options),
        lambda x: functional.fold(x, image[-2:], kernel, **options),
        draw(*columns),
        twice=True,
    )


# -- pooling -------------------------------------------------------------------------------------

POOLS = [  # image, kernel, options of both poolings
    ((2, 3, 6, 8), 2, {}),
    ((2, 3, 7, 5), 2, {}),
    ((2, 3, 7, 5), 2, dict(ceil_mode=True)),
    ((2, 2, 7, 8), (3, 2), dict(stride=(2, 3))),
    ((2, 2, 7, 8), (3, 2), dict(stride=(2, 3), ceil_mode=True, padding=(1, 0))),
    ((1, 1, 6, 6), 3, dict(stride=1, padding=1)),
    ((1, 2, 5, 6), 3, dict(stride=5, padding=1, ceil_mode=True)),
    ((1, 2, 4, 4), 2, dict(stride=3, padding=1, ceil_mode=True)),
    ((3, 5, 4), 2, dict(padding=1)),
    ((0, 2, 4, 4), 2, {}),
    ((2, 1, 5, 5), 5, {}),
    ((2, 2, 6, 6), 1, dict(stride=2)),
]
DILATED = [
    ((2, 2, 9, 8), (3, 2), dict(dilation=2)),
    ((2, 2, 9, 8), 3, dict(dilation=(1, 2), stride=2, padding=1)),
    ((1, 2, 9, 7), 2, dict(dilation=3, stride=(2, 1), padding=1, ceil_mode=True)),
]


@pytest.mark.parametrize("make", [draw, ties])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("image", "kernel", "options"), POOLS + DILATED, ids=str)
def test_max_pool2d(torch, image, kernel, options, dtype, make):
    agree(
        torch,
        lambda x: tg.max_pool2d(x, kernel, **options),
        lambda x: torch.nn.functional.max_pool2d(x, kernel, **options),
        make(*image, dtype=dtype),
        twice=True,
    )


def test_max_pool2d_of_minus_infinity(torch):
    """A window of nothing but -inf has a pixel as its winner, and not the padding."""
    agree(
        torch,
        lambda x: tg.max_pool2d(x, 2, padding=1),
        lambda x: torch.nn.functional.max_pool2d(x, 2, padding=1),
        np.full((1, 1, 4, 4), -np.inf),
    )


def test_max_pool2d_hands_nan_on(torch):
    x = np.where(draw(1, 2, 6, 6) > 1, np.nan, ties(1, 2, 6, 6))
    expected = torch.nn.functional.max_pool2d(torch.tensor(x), 2)
    assert_close(tg.max_pool2d(x, 2), expected, "value")


@pytest.mark.parametrize("count_include_pad", [True, False])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("image", "kernel", "options"), POOLS, ids=str)
def test_avg_pool2d(torch, image, kernel, options, dtype, count_include_pad):
    options = options | dict(count_include_pad=count_include_pad)
    agree(
        torch,
        lambda x: tg.avg_pool2d(x, kernel, **options),
        lambda x: torch.nn.functional.avg_pool2d(x, kernel, **options),
        draw(*image, dtype=dtype),
        twice=True,
    )


@settings(max_examples=60)
@given(st.data())
def test_any_pooling(torch, data):
    kernel, size = data.draw(pairs(1, 4), "kernel"), data.draw(pairs(1, 9), "size")
    options = dict(
        stride=data.draw(pairs(1, 4), "stride"),
        padding=tuple(data.draw(st.integers(0, k // 2), "padding") for k in kernel),
        ceil_mode=data.draw(st.booleans(), "ceil_mode"),
    )
    padded = [n + 2 * p for n, p in zip(size, options["padding"], strict=True)]
    assume(all(n >= k for n, k in zip(padded, kernel, strict=True)))
    include = dict(count_include_pad=data.draw(st.booleans(), "count_include_pad"))
    x, functional = ties(2, 2, *size), torch.nn.functional
    agree(
        torch,
        lambda x: tg.max_pool2d(x, kernel, **options),
        lambda x: functional.max_pool2d(x, kernel, **options),
        x,
        twice=True,
    )
    agree(
        torch,
        lambda x: tg.avg_pool2d(x, kernel, **options, **include),
        lambda x: functional.avg_pool2d(x, kernel, **options, **include),
        x,
        twice=True,
    )


# -- losses --------------------------------------------------------------------------------------

REDUCTIONS = ["mean", "sum", "none"]
LOGITS = [(5,), (4, 5), (1, 5), (3, 5, 2), (2, 5, 2, 3), (0, 5)]


def class_indices(shape, classes=5):
    """Return class indices for logits of ``shape``."""
    rest = shape[:1] + shape[2:] if len(shape) > 1 else ()
    return np.asarray(np.random.default_rng([1, *shape]).integers(0, classes, rest))


def probabilities(shape):
    p = np.exp(draw(*shape, seed=3))
    return p / p.sum(axis=min(1, len(shape) - 1), keepdims=True)


def losses_agree(torch, name, arrays, options, weighted, dtype=np.float64):
    arrays = [a.astype(dtype) if a.dtype.kind == "f" else a for a in arrays]
    weight = np.array([0.5, 2.0, 0.0, 1.5, 1.0], dtype)
    ours, theirs = dict(options), dict(options)
    if weighted:
        ours["weight"], theirs["weight"] = tg.tensor(weight), torch.tensor(weight)
    reference = getattr(torch.nn.functional, name)
    loss = reference(*map(torch.tensor, arrays), **theirs)
    agree(
        torch,
        lambda *args: getattr(tg, name)(*args, **ours),
        lambda *args: reference(*args, **theirs),
        *arrays,
        twice=dtype is np.float64 and bool(loss.isfinite().all()),  # the mean of nothing is not
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("ignore_index", [-100, 1, -1])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", LOGITS, ids=str)
def test_cross_entropy_of_classes(torch, shape, weighted, ignore_index, smoothing, reduction):
    options = dict(ignore_index=ignore_index, label_smoothing=smoothing, reduction=reduction)
    target = class_indices(shape)
    if target.ndim:
        target.flat[:1] = ignore_index
    losses_agree(torch, "cross_entropy", [draw(*shape), target], options, weighted)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", LOGITS, ids=str)
def test_cross_entropy_of_probabilities(torch, shape, weighted, smoothing, reduction, dtype):
    options = dict(label_smoothing=smoothing, reduction=reduction)
    arrays = [draw(*shape), probabilities(shape)]
    losses_agree(torch, "cross_entropy", arrays, options, weighted, dtype)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("ignore_index", [-100, 1])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", LOGITS, ids=str)
def test_nll_loss(torch, shape, weighted, ignore_index, reduction):
    target = class_indices(shape)
    if target.ndim:
        target.flat[:1] = ignore_index
    options = dict(ignore_index=ignore_index, reduction=reduction)
    losses_agree(torch, "nll_loss", [draw(*shape), target], options, weighted)


@pytest.mark.parametrize("name", ["cross_entropy", "nll_loss"])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighted", [False, True])
def test_everything_ignored(torch, name, reduction, weighted):
    """The mean of no loss is NaN, and its gradient 0."""
    arrays = [draw(3, 5), np.full(3, -100)]
    losses_agree(torch, name, arrays, dict(reduction=reduction), weighted, np.float32)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_mean_over_classes_of_weight_zero_is_nan(torch, smoothing):
    x, target, weight = draw(3, 5), np.full(3, 2), np.array([1.0, 1.0, 0.0, 1.0, 1.0])
    theirs = torch.nn.functional.cross_entropy(
        *map(torch.tensor, (x, target, weight)), label_smoothing=smoothing
    )
    assert_close(tg.cross_entropy(x, target, weight, label_smoothing=smoothing), theirs, "value")


@pytest.mark.parametrize("dtype", DTYPES)
def test_cross_entropy_of_extreme_logits(torch, dtype):
    x = np.array([[1e4, -1e4, 0.0], [-1e4, 1e4, 0.0], [-np.inf, 0.0, 1.0]])
    arrays = [x, np.array([0, 0, 1])]
    losses_agree(torch, "cross_entropy", arrays, dict(reduction="sum"), False, dtype)


@pytest.mark.parametrize("target_dtype", [np.uint8, np.int32, np.int64])
def test_class_indices_of_any_integer_dtype(torch, target_dtype):
    x, target = draw(4, 5), class_indices((4, 5))
    expected = torch.nn.functional.cross_entropy(torch.tensor(x), torch.tensor(target))
    assert_close(tg.cross_entropy(x, target.astype(target_dtype)), expected, "value")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(), (4,), (2, 3), (0, 3)], ids=str)
def test_mse_loss(torch, shape, reduction, dtype):
    agree(
        torch,
        lambda x, t: tg.mse_loss(x, t, reduction=reduction),
        lambda x, t: torch.nn.functional.mse_loss(x, t, reduction=reduction),
        np.asarray(draw(*shape, dtype=dtype)),
        np.asarray(draw(*shape, seed=1, dtype=dtype)),
        twice=True,
    )


# -- normalisation and dropout -------------------------------------------------------------------

BATCHES = [(6, 3), (4, 3, 5), (2, 3, 4, 5), (1, 3, 2, 2)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", BATCHES, ids=str)
def test_batch_norm(torch, shape, training, affine, dtype):
    mean, var = draw(3, seed=5, dtype=dtype), np.abs(draw(3, seed=6, dtype=dtype)) + dtype(0.5)
    running, expected = [tg.tensor(mean), tg.tensor(var)], [torch.tensor(mean), torch.tensor(var)]
    options = dict(training=training, momentum=0.3, eps=1e-3)
    arrays = [draw(*shape, dtype=dtype), draw(3, seed=7, dtype=dtype), draw(3, dtype=dtype)]
    agree(
        torch,
        lambda x, *affine: tg.batch_norm(x, *running, *affine, **options),
        lambda x, *affine: torch.nn.functional.batch_norm(x, *expected, *affine, **options),
        *(arrays if affine else arrays[:1]),
        twice=True,
    )
    for name, ours, theirs in zip(["mean", "var"], running, expected, strict=True):
        assert_close(ours, theirs, f"running {name}")


def test_batch_norm_without_running_statistics(torch):
    agree(
        torch,
        lambda x: tg.batch_norm(x, None, None, training=True),
        lambda x: torch.nn.functional.batch_norm(x, None, None, training=True),
        draw(4, 3, 2, 2),
        twice=True,
    )


def test_batch_norm_of_a_constant_channel(torch):
    agree(
        torch,
        lambda x: tg.batch_norm(x, None, None, training=True),
        lambda x: torch.nn.functional.batch_norm(x, None, None, training=True),
        np.ones((4, 2)),
    )


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_dropout_of_none_or_all(torch, p):
    agree(
        torch,
        lambda x: tg.dropout(x, p),
        lambda x: torch.nn.functional.dropout(x, p),
        draw(3, 4),
    )


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout_given_the_same_mask(torch, p):
    """What is dropped is 0, the rest scaled by 1 / (1 - p), in value and gradient."""
    x = np.abs(draw(2000)) + 1
    y = tg.dropout(x, p, generator=np.random.default_rng(0)).numpy()
    kept = y != 0
    deviation = math.sqrt(p * (1 - p) / x.size)
    assert abs(kept.mean() - (1 - p)) < 4 * deviation
    agree(
        torch,
        lambda x: tg.dropout(x, p, generator=np.random.default_rng(0)),
        lambda x: x * torch.tensor(kept) / (1 - p),
        x,
    )


def test_dropout_repeats_with_its_generator():
    x = tg.ones(100)
    first, second, other = (tg.dropout(x, generator=np.random.default_rng(s)) for s in (1, 1, 2))
    assert first.tolist() == second.tolist() != other.tolist()
    tg.manual_seed(3)
    third = tg.dropout(x)
    tg.manual_seed(3)
    assert third.tolist() == tg.dropout(x).tolist() != tg.dropout(x).tolist()
    assert tg.dropout(x, training=False).tolist() == x.tolist()


# -- many operations together --------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_small_network(torch, dtype):
    def network(tx, x, w1, b1, w2, b2, target):
        functional = tx if tx is tg else torch.nn.functional
        h = functional.relu(functional.conv2d(x, w1, b1, padding=1))
        h = functional.max_pool2d(h, 2, stride=2, ceil_mode=True)
        h = tx.tanh(functional.linear(h.reshape(2, -1), w2, b2))
        return functional.cross_entropy(h, target)

    shapes = [(2, 1, 5, 5), (3, 1, 3, 3), (3,), (4, 27), (4,)]
    arrays = [draw(*shape, seed=i, dtype=dtype) for i, shape in enumerate(shapes)]
    agree(
        torch,
        lambda *args: network(tg, *args),
        lambda *args: network(torch, *args),
        *arrays,
        np.array([3, 0]),
        twice=True,
    )


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 7), *[st.integers(0, 99)] * 2), min_size=1, max_size=15))
def test_any_graph_with_shared_nodes(torch, program):
    operations = [
        lambda a, b: a + b,
        lambda a, b: a * b,
        lambda a, b: a - b * 0.5,
        lambda a, b: a / (b * b + 1),
        lambda a, b: (a - b).tanh(),
        lambda a, b: (a @ b) * 0.25,
        lambda a, b: a.mT + b.sum() * 0.1,
        lambda a, b: (a * 0.1).exp() * b[:1],
    ]

    def run(*leaves):
        values = list(leaves)
        for operation, i, j in program:
            y = operations[operation](values[i % len(values)], values[j % len(values)])
            values.append(y.tanh())  # so that nothing grows without bound
        return values[-1] + values[len(values) // 2]

    agree(torch, run, run, draw(3, 3), draw(3, 3, seed=1), twice=True)


def test_every_pair_of_reductions_composes(torch):
    for first, second in itertools.product(["sum", "mean", "amax", "logsumexp"], repeat=2):
        agree(
            torch,
            lambda x, f=first, s=second: getattr(tg, s)(getattr(tg, f)(x, 1), 0),
            lambda x, f=first, s=second: getattr(torch, s)(getattr(torch, f)(x, 1), 0),
            draw(3, 4),
            twice=True,
        )
