"""Properties of what users call, over structures that Hypothesis draws.

Values come from a drawn seed.  Where sums of small integers are exact, so are the comparisons.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygraph as tg
from tinygraph.testing import gradcheck
from tinygraph.testing._agreement import assert_agrees
from tinygraph.testing.strategies import indices

from .cases.reduction import logsumexp
from .cases.table import over
from .cases.windows import conv_input_grad, conv_weight_grad
from .kernels import reference

RNGS = st.integers(0, 2**32 - 1).map(np.random.default_rng)
SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3)
FILLED = hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4)


def some(examples: int) -> Any:
    return settings(deadline=None, max_examples=examples)


def integers(rng: np.random.Generator, shape: Any, least: int = -3) -> np.ndarray:
    """Draw small integers, as floats: there are ties, and sums are exact."""
    return rng.integers(least, 4, shape).astype(np.float64)


def run(f: Callable[..., tg.Tensor], rng: np.random.Generator, *arrays: np.ndarray) -> Any:
    """Return f's value, an integer cotangent for it, and the gradients that this gives."""
    xs = [tg.Tensor(a, requires_grad=True) for a in arrays]
    y = f(*xs)
    g = integers(rng, y.shape)
    y.backward(g)
    grads = [x.grad.data for x in xs]
    for x, gx in zip(xs, grads, strict=True):
        assert gx.shape == x.shape
        assert gx.dtype == x.dtype
    return y.data, g, *grads


def assert_equal(actual: Any, expected: Any) -> None:
    np.testing.assert_array_equal(actual, expected, strict=True)


def gathered(index_of: Callable[[np.ndarray], np.ndarray], shape: Any, g: np.ndarray) -> np.ndarray:
    """Return the gradient of an operation that only moves elements of ``shape``, from that of y.

    Where each element went is seen by letting their numbers go through the operation.
    """
    gx = np.zeros(math.prod(shape))
    np.add.at(gx, index_of(np.arange(gx.size).reshape(shape)).ravel(), g.ravel())
    return gx.reshape(shape)


# -- broadcasting --------------------------------------------------------------------------------


def broadcastable(n: int) -> Any:
    return hnp.mutually_broadcastable_shapes(num_shapes=n, max_dims=3, min_side=0, max_side=3)


def assert_broadcasts(f: Any, numpy: Any, partials: Any, shapes: Any, rng: Any) -> None:
    """``partials`` gives the gradients before they are summed to the shapes of the inputs."""
    arrays = [integers(rng, shape) for shape in shapes.input_shapes]
    y, g, *grads = run(f, rng, *arrays)
    assert_equal(y, numpy(*arrays))
    for shape, gx, partial in zip(shapes.input_shapes, grads, partials(g, *arrays), strict=True):
        full = np.broadcast_to(partial, y.shape)
        assert_equal(gx, gathered(lambda i, y=y: np.broadcast_to(i, y.shape), shape, full))


def shared(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """What a gets where the larger wins, and both half of it where they are equal."""
    return (a > b) + (a == b) / 2


@pytest.mark.parametrize(
    ("f", "numpy", "partials"),
    [
        (tg.add, np.add, lambda g, a, b: (g, g)),
        (tg.subtract, np.subtract, lambda g, a, b: (g, -g)),
        (tg.multiply, np.multiply, lambda g, a, b: (g * b, g * a)),
        (tg.maximum, np.maximum, lambda g, a, b: (g * shared(a, b), g * shared(b, a))),
        (tg.minimum, np.minimum, lambda g, a, b: (g * shared(b, a), g * shared(a, b))),
    ],
)
@given(shapes=broadcastable(2), rng=RNGS)
@some(40)
def test_binary_operations_broadcast(
    f: Any, numpy: Any, partials: Any, shapes: Any, rng: Any
) -> None:
    assert_broadcasts(f, numpy, partials, shapes, rng)


@given(shapes=broadcastable(3), rng=RNGS)
@some(40)
def test_where_broadcasts(shapes: Any, rng: Any) -> None:
    condition_shape, *rest = shapes.input_shapes
    condition = rng.random(condition_shape) < 0.5
    a, b = (integers(rng, shape) for shape in rest)
    # the shape of the result may come from the condition alone
    y, g, ga, gb = run(lambda a, b: tg.where(tg.Tensor(condition), a, b), rng, a, b)
    assert_equal(y, np.where(condition, a, b))
    for gx, share in ((ga, condition), (gb, ~condition)):
        full = g * share
        assert_equal(gx, gathered(lambda i, y=y: np.broadcast_to(i, y.shape), gx.shape, full))


@given(shapes=broadcastable(2), rng=RNGS)
@some(40)
def test_divide_and_power_broadcast(shapes: Any, rng: Any) -> None:
    a, b = (rng.uniform(0.5, 2, shape) for shape in shapes.input_shapes)
    for f, numpy, partials in (
        (tg.divide, np.divide, lambda g, a, b: (g / b, -g * a / b**2)),
        (tg.power, np.power, lambda g, a, b: (g * b * a ** (b - 1), g * a**b * np.log(a))),
    ):
        y, g, *grads = run(f, rng, a, b)
        assert_equal(y, numpy(a, b))

        def expected(g: Any, a: Any, b: Any, partials: Any = partials) -> list[np.ndarray]:
            return [
                gathered(lambda i, g=g: np.broadcast_to(i, g.shape), x.shape, partial)
                for x, partial in zip((a, b), partials(g, a, b), strict=True)
            ]

        assert_agrees(grads, expected, [g, a, b])


@given(shapes=broadcastable(2))
@some(30)
def test_comparisons_broadcast(shapes: Any) -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.integers(-1, 2, shape) for shape in shapes.input_shapes)
    for name in ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal"):
        y = getattr(tg, name)(tg.Tensor(a), tg.Tensor(b))
        assert_equal(y.data, np.asarray(getattr(np, name)(a, b)))


@given(
    a=hnp.array_shapes(min_dims=1, max_dims=3, max_side=3),
    b=hnp.array_shapes(min_dims=1, max_dims=3, max_side=3),
)
@some(40)
def test_shapes_that_do_not_broadcast_are_refused(a: Any, b: Any) -> None:
    try:
        np.broadcast_shapes(a, b)
    except ValueError:
        with pytest.raises(ValueError, match="broadcast"):
            tg.add(tg.ones(a), tg.ones(b))
    else:
        reject()


# -- indexing ------------------------------------------------------------------------------------


def assert_indexes(shape: Any, index: Any, rng: np.random.Generator) -> None:
    x = integers(rng, shape)
    y, g, gx = run(lambda x: x[index], rng, x)
    assert_equal(y, np.asarray(x[index]))
    expected = np.zeros(shape)
    np.add.at(expected, index, g)
    assert_equal(gx, expected)


@given(st.data(), SHAPES, RNGS)
@some(300)
def test_indexing(data: Any, shape: Any, rng: Any) -> None:
    assert_indexes(shape, data.draw(indices(shape)), rng)


@given(st.integers(2, 4), RNGS)
@some(10)
def test_index_arrays_that_do_not_broadcast_are_refused(n: int, rng: Any) -> None:
    index = rng.integers(0, 2, (3, n)), rng.integers(0, 2, n + 1)
    with pytest.raises(IndexError):
        tg.zeros((2, 2))[index]


@given(st.data(), FILLED, RNGS)
@some(30)
def test_an_index_may_be_a_tensor_or_a_list(data: Any, shape: Any, rng: Any) -> None:
    index = data.draw(hnp.arrays(np.intp, (4,), elements=st.integers(-shape[0], shape[0] - 1)))
    x = integers(rng, shape)
    y, g, gx = run(lambda x: x[tg.Tensor(index)] + x[index.tolist()], rng, x)
    assert_equal(y, 2 * x[index])
    expected = np.zeros(shape)
    np.add.at(expected, index, 2 * g)
    assert_equal(gx, expected)


# -- shapes --------------------------------------------------------------------------------------


def assert_moves(f: Any, numpy: Any, shapes: list[Any], rng: np.random.Generator) -> None:
    """Operations that only move elements: value as NumPy's, each gradient where it came from."""
    arrays = [integers(rng, shape) for shape in shapes]
    y, g, *grads = run(f, rng, *arrays)
    assert_equal(y, numpy(*arrays))
    for which, gx in enumerate(grads):

        def numbers(index: np.ndarray, which: int = which) -> np.ndarray:
            """Send the numbers of this input's elements through, with -1 for all the others."""
            others = [index if i == which else np.full(s, -1) for i, s in enumerate(shapes)]
            return numpy(*others)

        shape = shapes[which]
        came = numbers(np.arange(math.prod(shape)).reshape(shape))
        # nothing of what is not this input's may arrive: -1 is out of its numbers
        kept = came >= 0
        expected = np.zeros(math.prod(shape))
        np.add.at(expected, came[kept], g[kept])
        assert_equal(gx, expected.reshape(shape))


@given(st.data(), SHAPES, RNGS)
@some(50)
def test_reshape(data: Any, shape: Any, rng: Any) -> None:
    """Any factors of the size; one of them may be left to find out."""
    rest, new = math.prod(shape), []
    while rest > 1 and data.draw(st.booleans()):
        factor = data.draw(st.sampled_from([n for n in range(1, rest + 1) if rest % n == 0]))
        new.append(factor)
        rest //= factor
    new.insert(data.draw(st.integers(0, len(new))), rest)
    if rest and data.draw(st.booleans()):
        new[data.draw(st.integers(0, len(new) - 1))] = -1
    assert_moves(lambda x: x.reshape(*new), lambda x: x.reshape(new), [shape], rng)
    assert_moves(lambda x: x.reshape(new).reshape(shape), np.copy, [shape], rng)


@given(st.data(), SHAPES, RNGS)
@some(50)
def test_transpose(data: Any, shape: Any, rng: Any) -> None:
    order = data.draw(st.permutations(range(len(shape))))
    axes = [i - len(shape) if data.draw(st.booleans()) else i for i in order]
    assert_moves(lambda x: x.transpose(axes), lambda x: x.transpose(order), [shape], rng)
    assert_moves(lambda x: x.T, np.transpose, [shape], rng)
    back = list(np.argsort(order))
    assert_moves(lambda x: tg.permute(tg.transpose(x, axes), *back), np.copy, [shape], rng)


@given(st.data(), SHAPES, RNGS)
@some(50)
def test_expand_dims_and_squeeze(data: Any, shape: Any, rng: Any) -> None:
    many = data.draw(st.integers(1, 2))
    axis: Any = data.draw(hnp.valid_tuple_axes(len(shape) + many, min_size=many, max_size=many))
    if many == 1 and data.draw(st.booleans()):
        (axis,) = axis
    assert_moves(lambda x: tg.expand_dims(x, axis), lambda x: np.expand_dims(x, axis), [shape], rng)
    assert_moves(lambda x: tg.squeeze(tg.expand_dims(x, axis), axis), np.copy, [shape], rng)
    assert_moves(lambda x: tg.squeeze(x), np.squeeze, [shape], rng)


@given(st.data(), hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=3), RNGS)
@some(40)
def test_flatten(data: Any, shape: Any, rng: Any) -> None:
    start = data.draw(st.integers(0, len(shape) - 1))
    end = data.draw(st.integers(start, len(shape) - 1))
    new = (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :])
    negative = end - len(shape)
    assert_moves(lambda x: x.flatten(start, negative), lambda x: x.reshape(new), [shape], rng)


@given(st.data(), SHAPES, RNGS)
@some(50)
def test_broadcast_to(data: Any, shape: Any, rng: Any) -> None:
    drawn = data.draw(hnp.broadcastable_shapes(shape, max_dims=4, min_side=0, max_side=3))
    new = np.broadcast_shapes(shape, drawn)
    assert_moves(lambda x: tg.broadcast_to(x, new), lambda x: np.broadcast_to(x, new), [shape], rng)


@given(st.data(), hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=3), RNGS)
@some(50)
def test_concatenate_and_stack(data: Any, shape: Any, rng: Any) -> None:
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    lengths = data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=3))
    shapes = [
        tuple(np.where(np.arange(len(shape)) == axis % len(shape), n, shape)) for n in lengths
    ]
    assert_moves(
        lambda *xs: tg.concatenate(xs, axis), lambda *xs: np.concatenate(xs, axis), shapes, rng
    )
    new = data.draw(st.integers(-len(shape) - 1, len(shape)))
    same = [shape] * len(lengths)
    assert_moves(lambda *xs: tg.stack(xs, new), lambda *xs: np.stack(xs, new), same, rng)


@given(st.data(), SHAPES, RNGS)
@some(50)
def test_pad(data: Any, shape: Any, rng: Any) -> None:
    widths = st.tuples(st.integers(0, 2), st.integers(0, 2))
    width: Any = data.draw(
        st.one_of(st.integers(0, 2), widths, st.tuples(*(widths for _ in shape or [0])))
    )
    assert_moves(
        lambda x: tg.pad(x, width, constant_values=-1),
        lambda x: np.pad(x, width, constant_values=-1),
        [shape],
        rng,
    )


# -- reductions ----------------------------------------------------------------------------------


@st.composite
def reductions(draw: Any, shapes: Any) -> Any:
    """Draw a shape, axes in any of NumPy's forms, the same as a tuple from 0 on, and keepdims."""
    shape = draw(shapes)
    axes = st.none() | hnp.valid_tuple_axes(len(shape))
    if shape:
        axes |= st.integers(-len(shape), len(shape) - 1)
    axis = draw(axes)
    given_ = range(len(shape)) if axis is None else (axis,) if isinstance(axis, int) else axis
    return shape, axis, tuple(i % len(shape) for i in given_), draw(st.booleans())


@given(reductions(SHAPES), RNGS)
@some(80)
def test_sum_and_mean(form: Any, rng: Any) -> None:
    shape, axis, axes, keepdims = form
    x = integers(rng, shape)
    n = math.prod(shape[i] for i in axes)
    total = np.asarray(x.sum(axis=axis, keepdims=keepdims))
    y, g, gx = run(lambda x: x.sum(axis, keepdims), rng, x)
    assert_equal(y, total)
    spread = np.broadcast_to(g.reshape([1 if i in axes else n for i, n in enumerate(shape)]), shape)
    assert_equal(gx, spread)

    mean = tg.mean(tg.Tensor(x), axis, keepdims)
    if n:
        assert_equal(mean.data, total / n)
        _, g, gx = run(lambda x: x.mean(axis, keepdims), np.random.default_rng(0), x)
        sums = gx.sum(axis=axes, keepdims=keepdims)
        assert_agrees([np.asarray(sums)], lambda g: [g], [g])
    else:
        assert np.isnan(mean.data).all()


@given(reductions(FILLED), RNGS, st.integers(0, 1))
@some(60)
def test_var_and_logsumexp(form: Any, rng: Any, ddof: int) -> None:
    shape, axis, axes, keepdims = form
    n = math.prod(shape[i] for i in axes)
    x = rng.standard_normal(shape)

    def expected(x: np.ndarray) -> list[np.ndarray]:
        values = over(axes, keepdims, logsumexp)(x)
        if n <= ddof:
            return [values]
        return [values, np.asarray(x.var(axis=axis, ddof=ddof, keepdims=keepdims))]

    found = [tg.logsumexp(x, axis, keepdims).data]
    if n > ddof:
        found.append(tg.var(x, axis, ddof, keepdims).data)
    assert_agrees(found, expected, [x])


@given(reductions(FILLED), RNGS)
@some(80)
def test_extremes_with_ties(form: Any, rng: Any) -> None:
    """One axis: the first winner takes the gradient; several: all share it evenly."""
    shape, axis, axes, keepdims = form
    x = integers(rng, shape)
    for name in ("max", "min", "amax", "amin"):
        numpy = getattr(np, name)
        y, g, gx = run(lambda x, name=name: getattr(tg, name)(x, axis, keepdims), rng, x)
        assert_equal(y, np.asarray(numpy(x, axis=axis, keepdims=keepdims)))
        best = np.asarray(numpy(x, axis=axes, keepdims=True))
        attained = (x == best).astype(float)
        if name in ("max", "min") and isinstance(axis, int):
            attained *= np.cumsum(attained, axis=axis) == 1
        weights = attained / attained.sum(axis=axes, keepdims=True)
        full = g.reshape(best.shape)
        assert_agrees([gx], lambda w, g: [w * g], [weights, full])


@given(st.data(), FILLED, RNGS)
@some(50)
def test_argmax_and_argmin(data: Any, shape: Any, rng: Any) -> None:
    axis = data.draw(st.none() | st.integers(-len(shape), len(shape) - 1))
    keepdims = data.draw(st.booleans())
    x = integers(rng, shape)
    for f, numpy in ((tg.argmax, np.argmax), (tg.argmin, np.argmin)):
        y = f(tg.Tensor(x), axis, keepdims)
        assert_equal(y.data, np.asarray(numpy(x, axis=axis, keepdims=keepdims)))


@given(reductions(SHAPES), RNGS)
@some(40)
def test_any_and_all(form: Any, rng: Any) -> None:
    shape, axis, _, keepdims = form
    x = rng.random(shape) < 0.7
    for f, numpy in ((tg.any, np.any), (tg.all, np.all)):
        y = f(tg.Tensor(x), axis, keepdims)
        assert_equal(y.data, np.asarray(numpy(x, axis=axis, keepdims=keepdims)))


# -- products ------------------------------------------------------------------------------------


def bilinear_gradient(f: Any, x: np.ndarray, g: np.ndarray) -> np.ndarray:
    """Return the gradient of <f(x), g> for a linear f, from its values for each unit vector."""
    gx = np.zeros(x.shape)
    for at in np.ndindex(*x.shape):
        unit = np.zeros(x.shape)
        unit[at] = 1
        gx[at] = (f(unit) * g).sum()
    return gx


@given(
    hnp.mutually_broadcastable_shapes(
        signature=np.matmul.signature, max_dims=2, min_side=0, max_side=3
    ),
    RNGS,
)
@some(80)
def test_matmul_of_every_rank(shapes: Any, rng: Any) -> None:
    a, b = (integers(rng, shape) for shape in shapes.input_shapes)
    y, g, ga, gb = run(tg.matmul, rng, a, b)
    assert_equal(y, np.asarray(np.matmul(a, b)))
    assert_equal(ga, bilinear_gradient(lambda a: np.matmul(a, b), a, g))
    assert_equal(gb, bilinear_gradient(lambda b: np.matmul(a, b), b, g))


@given(hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3), st.booleans(), RNGS)
@some(40)
def test_linear_of_any_leading_axes(lead: Any, biased: bool, rng: Any) -> None:
    x, w, b = (integers(rng, shape) for shape in ((*lead, 3), (2, 3), (2,)))
    arrays = [x, w, b] if biased else [x, w]
    y, g, gx, gw, *gb = run(tg.linear, rng, *arrays)
    assert_equal(y, x @ w.T + (b if biased else 0))
    assert_equal(gx, g @ w)
    leading = tuple(range(len(lead)))
    assert_equal(gw, np.tensordot(g, x, (leading, leading)))
    if biased:
        assert_equal(gb[0], g.sum(axis=leading))


# -- convolution and pooling ---------------------------------------------------------------------


@st.composite
def windows(draw: Any) -> Any:
    """Draw size, kernel, stride, padding and dilation as pairs; the window need not fit."""
    ranges = (1, 6), (1, 3), (1, 3), (0, 2), (1, 3)
    return tuple((draw(st.integers(*r)), draw(st.integers(*r))) for r in ranges)


def fits(*axes: Any, ceil_mode: bool = False) -> bool:
    return min(reference.output_sizes(*axes, ceil_mode)) > 0


@given(windows(), st.integers(0, 2), st.integers(1, 2), st.booleans(), RNGS)
@some(60)
def test_conv2d(window: Any, n: int, groups: int, biased: bool, rng: Any) -> None:
    size, kernel, *sliding = window
    x = integers(rng, (n, 2 * groups, *size))
    w = integers(rng, (3 * groups, 2, *kernel))
    b = integers(rng, (3 * groups,))

    def conv(x: Any, w: Any, b: Any = None) -> Any:
        return tg.conv2d(x, w, b, *sliding, groups)

    if not fits(*window):
        with pytest.raises(ValueError, match="larger than the padded image"):
            conv(x, w)
        return
    y, g, gx, gw, *gb = run(conv, rng, *([x, w, b] if biased else [x, w]))
    assert_equal(y, reference.conv(x, w, b if biased else None, *sliding, groups))
    assert_equal(gx, conv_input_grad(size, *sliding, groups)(g, w))
    assert_equal(gw, conv_weight_grad(kernel, *sliding, groups)(g, x))
    if biased:
        assert_equal(gb[0], g.sum(axis=(0, 2, 3)))


@given(windows(), RNGS)
@some(40)
def test_unfold_and_fold_are_adjoint(window: Any, rng: Any) -> None:
    size, kernel, stride, padding, dilation = window
    settings_ = (kernel, dilation, padding, stride)
    x = integers(rng, (2, 2, *size))
    if not fits(*window):
        with pytest.raises(ValueError, match="larger than the padded image"):
            tg.unfold(x, *settings_)
        return
    y, g, gx = run(lambda x: tg.unfold(x, *settings_), rng, x)
    assert_equal(y, reference.unfold(x, kernel, stride, padding, dilation))
    assert_equal(gx, tg.fold(g, size, *settings_).data)
    assert (y * g).sum() == (x * gx).sum()
    _, h, gy = run(lambda y: tg.fold(y, size, *settings_), rng, y)
    assert_equal(gy, tg.unfold(h, *settings_).data)


def refusal(size: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil: bool) -> Any:
    """Return what pooling complains about, or None where the windows are fine."""
    if any(p > k // 2 for k, p in zip(kernel, padding, strict=True)):
        return "more than half"
    if not fits(size, kernel, stride, padding, dilation, ceil_mode=ceil):
        return "larger than the padded image"
    if any(p and d > n for n, p, d in zip(size, padding, dilation, strict=True)):
        return "step over"
    return None


@given(windows(), st.booleans(), RNGS)
@some(100)
def test_max_pool2d(window: Any, ceil_mode: bool, rng: Any) -> None:
    """Integers bring ties: the first winner takes the gradient."""
    size, *sliding = window
    x = integers(rng, (2, 1, *size))
    if complaint := refusal(*window, ceil_mode):
        with pytest.raises(ValueError, match=complaint):
            tg.max_pool2d(x, *sliding, ceil_mode)
        return
    y, g, gx = run(lambda x: tg.max_pool2d(x, *sliding, ceil_mode), rng, x)
    expected, winners = reference.max_pool(x, *sliding, ceil_mode)
    assert_equal(y, expected)
    assert_equal(gx, reference.max_unpool(g, winners, size, *sliding))


@given(windows(), st.booleans(), st.booleans(), RNGS)
@some(100)
def test_avg_pool2d(window: Any, ceil_mode: bool, count_include_pad: bool, rng: Any) -> None:
    size, kernel, stride, padding, _ = window
    options = (kernel, stride, padding, ceil_mode, count_include_pad)
    x = integers(rng, (1, 1, *size))
    if complaint := refusal(size, kernel, stride, padding, (1, 1), ceil_mode):
        with pytest.raises(ValueError, match=complaint):
            tg.avg_pool2d(x, *options)
        return

    def pool(x: np.ndarray) -> np.ndarray:
        return reference.avg_pool(x, *options)

    y, g, gx = run(lambda x: tg.avg_pool2d(x, *options), rng, x)
    assert_agrees([y], lambda x: [pool(x)], [x])
    assert_agrees([gx], lambda g: [bilinear_gradient(pool, x, g)], [g])


# -- random graphs -------------------------------------------------------------------------------

LEAVES = 2
POLYNOMIALS: dict[str, Callable[[Any, Any], Any]] = {  # exact on integers
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "matmul": lambda a, b: a @ b,
    "transposed": lambda a, b: a + b.T,
    "row": lambda a, b: a + b[0],
    "sum": lambda a, b: a - b.sum(axis=1, keepdims=True),
}
STEPS = POLYNOMIALS | {
    "tanh": lambda a, b: tg.tanh(a) * 2 - b,
    "mean": lambda a, b: a * b.mean(axis=1, keepdims=True),
    "divide": lambda a, b: a / (b * b + 1),
}


@st.composite
def programs(draw: Any, steps: Any) -> Any:
    """Draw operations, each on two of the leaves and of the results before it.

    Five of them, each at most doubling the degree, keep integers below 2⁵³.
    """
    program = []
    for step in range(draw(st.integers(1, 5))):
        # Often the latest result, so that most of what is computed counts.
        latest = LEAVES + step - 1
        operand = st.one_of(st.just(latest), st.integers(0, latest))
        program.append((draw(st.sampled_from(sorted(steps))), draw(operand), draw(operand)))
    return program


def evaluate(program: Any, leaves: Any) -> tg.Tensor:
    values = list(leaves)
    for name, i, j in program:
        values.append(STEPS[name](values[i], values[j]))
    return values[-1]


def expand(program: Any, leaves: Any, position: int) -> tg.Tensor:
    """Evaluate the same expression as a tree: what is used twice is computed twice."""
    if position < LEAVES:
        return leaves[position]
    name, i, j = program[position - LEAVES]
    return STEPS[name](expand(program, leaves, i), expand(program, leaves, j))


def leaf_gradients(build: Any, g: np.ndarray, arrays: list[np.ndarray]) -> list[np.ndarray]:
    xs = [tg.Tensor(a, requires_grad=True) for a in arrays]
    found = tg.grad(build(xs), xs, g, allow_unused=True)
    return [np.zeros(x.shape) if gx is None else gx.data for x, gx in zip(xs, found, strict=True)]


@given(programs(POLYNOMIALS), RNGS)
@some(60)
def test_shared_nodes_give_what_the_expanded_tree_gives(program: Any, rng: Any) -> None:
    arrays = [rng.integers(-1, 2, (2, 2)) * 1.0 for _ in range(LEAVES)]
    g = integers(rng, (2, 2))
    last = LEAVES + len(program) - 1
    shared_nodes = leaf_gradients(lambda xs: evaluate(program, xs), g, arrays)
    tree = leaf_gradients(lambda xs: expand(program, xs, last), g, arrays)
    for a, b in zip(shared_nodes, tree, strict=True):
        assert_equal(a, b)


@given(programs(STEPS), RNGS)
@some(60)
def test_gradients_of_random_graphs_are_their_derivatives(program: Any, rng: Any) -> None:
    arrays = [rng.uniform(-1, 1, (2, 2)) for _ in range(LEAVES)]
    assert gradcheck(lambda *xs: evaluate(program, xs), *arrays)
