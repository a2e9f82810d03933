"""Properties of reductions, shapes and selection against NumPy, gradients included.

Hypothesis draws the structure; values come from a drawn seed.  Small integers keep sums exact.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygraph as tg
from tinygraph.testing import gradcheck
from tinygraph.testing._agreement import assert_agrees
from tinygraph.testing.strategies import indices

from .test_properties import (
    FILLED,
    RNGS,
    SHAPES,
    assert_equal,
    assert_moves,
    integers,
    reductions,
    run,
    some,
)

LONG = hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4)


def axis_of(data: Any, shape: Any) -> int:
    return data.draw(st.integers(-len(shape), len(shape) - 1))


# -- reductions ----------------------------------------------------------------------------------


@given(reductions(SHAPES), RNGS)
@some(60)
def test_prod(form: Any, rng: Any) -> None:
    """Small integers have many zeros; the gradient is the product of all others, one by one."""
    shape, axis, axes, keepdims = form
    x = integers(rng, shape, -1)
    y, g, gx = run(lambda x: x.prod(axis, keepdims), rng, x)
    assert_equal(y, np.asarray(x.prod(axis=axis, keepdims=keepdims)))
    full = g.reshape([1 if i in axes else n for i, n in enumerate(shape)])
    expected = np.zeros(shape)
    for at in np.ndindex(*shape):
        without = x.copy()
        without[at] = 1
        line = tuple(slice(None) if i in axes else at[i] for i in range(len(shape)))
        expected[at] = (
            without[line].prod() * full[tuple(0 if i in axes else at[i] for i in range(len(shape)))]
        )
    assert_equal(gx, expected)


@given(st.data(), LONG, RNGS)
@some(60)
def test_cumsum_and_cumprod(data: Any, shape: Any, rng: Any) -> None:
    axis = data.draw(st.none() | st.integers(-len(shape), len(shape) - 1))
    x = integers(rng, shape, -1)
    y, g, gx = run(lambda x: tg.cumsum(x, axis), rng, x)
    assert_equal(y, np.cumsum(x, axis))
    assert_equal(gx, np.flip(np.cumsum(np.flip(g, axis), axis), axis).reshape(shape))

    y, g, gx = run(lambda x: tg.cumprod(x, axis), rng, x)
    assert_equal(y, np.cumprod(x, axis))
    expected = np.zeros(shape)  # linear in each element: set it to 1 and to 0
    for at in np.ndindex(*shape):
        values = []
        for value in (1, 0):
            changed = x.copy()
            changed[at] = value
            values.append((np.cumprod(changed, axis) * g).sum())
        expected[at] = values[0] - values[1]
    assert_equal(gx, expected)


@given(reductions(FILLED), RNGS, st.integers(0, 1))
@some(60)
def test_std(form: Any, rng: Any, ddof: int) -> None:
    shape, axis, axes, keepdims = form
    if math.prod(shape[i] for i in axes) > ddof:
        x = rng.standard_normal(shape)
        assert_agrees(
            [tg.std(x, axis, ddof, keepdims).data],
            lambda x: [np.asarray(x.std(axis=axis, ddof=ddof, keepdims=keepdims))],
            [x],
        )


@given(reductions(FILLED), RNGS)
@some(80)
def test_median(form: Any, rng: Any) -> None:
    """With ties; the gradient is shared by one or two of each line, and they are in the middle."""
    shape, axis, axes, keepdims = form
    x = integers(rng, shape)
    y, g, gx = run(lambda x: x.median(axis, keepdims), rng, x)
    expected = np.asarray(np.median(x, axis=axis, keepdims=True))
    assert_equal(y, expected if keepdims else np.asarray(np.median(x, axis=axis)))
    full = np.broadcast_to(g.reshape(expected.shape), shape)
    n = math.prod(shape[i] for i in axes)
    assert_equal(gx.sum(axis=axes, keepdims=True), g.reshape(expected.shape))
    reached = gx != 0
    assert (reached.sum(axis=axes) <= 2 - n % 2).all()
    assert np.isin(np.abs(gx[reached] / full[reached]), [1] if n % 2 else [0.5]).all()


@given(reductions(SHAPES), RNGS)
@some(60)
def test_reductions_that_pass_over_nan(form: Any, rng: Any) -> None:
    shape, axis, axes, keepdims = form
    x = np.where(rng.random(shape) < 0.3, np.nan, integers(rng, shape))
    y, g, gx = run(lambda x: tg.nansum(x, axis, keepdims), rng, x)
    assert_equal(y, np.asarray(np.nansum(x, axis=axis, keepdims=keepdims)))
    full = g.reshape([1 if i in axes else n for i, n in enumerate(shape)])
    assert_equal(gx, np.where(np.isnan(x), 0, full))
    counts = tg.count_nonzero(x, axis, keepdims)
    assert_equal(counts.data, np.asarray(np.sum(x != 0, axis=axis, keepdims=keepdims)))
    mean = tg.nanmean(x, axis, keepdims).data
    n = np.sum(~np.isnan(x), axis=axis, keepdims=keepdims)
    assert_equal(mean, np.asarray(np.where(n, y, np.nan) / np.maximum(n, 1)))


# -- shapes --------------------------------------------------------------------------------------


@given(st.data(), SHAPES, RNGS)
@some(60)
def test_axes_in_another_order(data: Any, shape: Any, rng: Any) -> None:
    axes = st.permutations(range(len(shape)))
    source, goal = (data.draw(axes)[: data.draw(st.just(len(shape) // 2))] for _ in range(2))
    goal = tuple(i - len(shape) for i in goal)
    assert_moves(
        lambda x: tg.moveaxis(x, source, goal), lambda x: np.moveaxis(x, source, goal), [shape], rng
    )
    assert_moves(lambda x: x.ravel(), np.ravel, [shape], rng)
    if shape:
        a, b = axis_of(data, shape), axis_of(data, shape)
        assert_moves(lambda x: x.swapaxes(a, b), lambda x: x.swapaxes(a, b), [shape], rng)


@given(reductions(SHAPES), RNGS, st.data())
@some(60)
def test_flip_and_roll(form: Any, rng: Any, data: Any) -> None:
    shape, axis, axes, _ = form
    assert_moves(lambda x: tg.flip(x, axis), lambda x: np.flip(x, axis), [shape], rng)
    shifts = data.draw(st.integers(-5, 5) | st.tuples(*(st.integers(-5, 5) for _ in axes)))
    if not isinstance(shifts, int):
        axis = axes

    def rolled(x: np.ndarray) -> np.ndarray:
        return np.roll(x, shifts, axis) if axis != () else x.copy()  # numpy fails on 0-d ones

    assert_moves(lambda x: tg.roll(x, shifts, axis), rolled, [shape], rng)


@given(st.data(), SHAPES, RNGS)
@some(60)
def test_repetition(data: Any, shape: Any, rng: Any) -> None:
    reps = data.draw(st.integers(0, 2) | st.lists(st.integers(0, 2), max_size=4).map(tuple))
    assert_moves(lambda x: tg.tile(x, reps), lambda x: np.tile(x, reps), [shape], rng)
    axis = data.draw(st.none() | st.integers(-len(shape), len(shape) - 1) if shape else st.none())
    n = math.prod(shape) if axis is None else shape[axis]
    repeats = data.draw(st.integers(0, 3) | st.lists(st.integers(0, 3), min_size=n, max_size=n))
    for f in (tg.repeat, tg.repeat_interleave):
        assert_moves(
            lambda x, f=f: f(x, repeats, axis), lambda x: np.repeat(x, repeats, axis), [shape], rng
        )


MATRICES = hnp.array_shapes(min_dims=2, max_dims=4, min_side=0, max_side=3)


@given(st.data(), MATRICES, RNGS, st.integers(-4, 4))
@some(60)
def test_triangles_and_diagonals(data: Any, shape: Any, rng: Any, k: int) -> None:
    for name in ("tril", "triu"):
        numpy = getattr(np, name)
        y, g, gx = run(lambda x, name=name: getattr(tg, name)(x, k), rng, integers(rng, shape))
        assert_equal(gx, numpy(g, k))
        assert_equal(getattr(tg, name)(y, k).data, y)
        assert_equal(y, numpy(y, k))
    a, b = data.draw(st.permutations(range(len(shape))))[:2]
    where = (k, a, b - len(shape))
    assert_moves(lambda x: x.diagonal(*where), lambda x: x.diagonal(*where), [shape], rng)
    x = integers(rng, shape)
    y, g, gx = run(lambda x: x.trace(*where), rng, x)
    assert_equal(y, np.asarray(np.trace(x, *where)))
    assert (gx * x).sum() == (g * y).sum()
    for matrix in (shape[:2], shape[:1]):
        x = integers(rng, matrix)
        y, g, gx = run(lambda x: tg.diag(x, k), rng, x)
        assert_equal(y, np.diag(x, k))
        assert (gx * x).sum() == (g * y).sum()


@given(st.data(), LONG, RNGS)
@some(60)
def test_parts(data: Any, shape: Any, rng: Any) -> None:
    axis = axis_of(data, shape)
    x = integers(rng, shape)
    where = data.draw(st.integers(1, 5) | st.lists(st.integers(-5, 5), max_size=3))
    expected = np.array_split(x, where, axis)
    which = data.draw(st.integers(0, len(expected) - 1))
    assert len(tg.array_split(x, where, axis)) == len(expected)
    assert_moves(
        lambda x: tg.array_split(x, where, axis)[which],
        lambda x: np.array_split(x, where, axis)[which],
        [shape],
        rng,
    )
    if isinstance(where, int) and shape[axis] % where:
        with pytest.raises(ValueError, match="equal parts"):
            tg.split(x, where, axis)
    else:
        for part, wanted in zip(tg.split(x, where, axis), expected, strict=True):
            assert_equal(part.data, wanted)
    if shape[axis]:
        i = data.draw(st.integers(0, shape[axis] - 1))
        assert_moves(lambda x: x.unbind(axis)[i], lambda x: np.take(x, i, axis), [shape], rng)
        rest = shape[axis] - i
        assert_moves(
            lambda x: x.narrow(axis, i - shape[axis], rest),
            lambda x: np.take(x, range(i, shape[axis]), axis),
            [shape],
            rng,
        )


@given(st.sampled_from(["hstack", "vstack", "column_stack"]), SHAPES, RNGS, st.integers(1, 3))
@some(60)
def test_stacks(name: str, shape: Any, rng: Any, n: int) -> None:
    ours, numpy = getattr(tg, name), getattr(np, name)
    if name == "column_stack" and not shape:
        shape = (2,)
    assert_moves(lambda *xs: ours(xs), lambda *xs: numpy(xs), [shape] * n, rng)
    shapes = [shape, (2, 3)]
    assert_moves(
        lambda *xs: tg.concatenate(xs, None), lambda *xs: np.concatenate(xs, None), shapes, rng
    )


@given(st.data(), SHAPES, RNGS)
@some(60)
def test_expand(data: Any, shape: Any, rng: Any) -> None:
    lead = data.draw(hnp.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=2))
    new = tuple(data.draw(st.sampled_from([n, 3] if n == 1 else [n])) for n in shape)
    asked = tuple(
        data.draw(st.sampled_from([n, -1] if n == m else [n]))
        for n, m in zip(new, shape, strict=True)
    )
    assert_moves(
        lambda x: x.expand(*lead, *asked), lambda x: np.broadcast_to(x, lead + new), [shape], rng
    )


@given(st.data(), SHAPES, RNGS, st.sampled_from(["edge", "reflect", "symmetric", "wrap"]))
@some(80)
def test_pad_modes(data: Any, shape: Any, rng: Any, mode: str) -> None:
    width = [data.draw(st.tuples(*[st.integers(0, 3 * (n > 0))] * 2)) for n in shape]
    width = width or 2
    assert_moves(lambda x: tg.pad(x, width, mode), lambda x: np.pad(x, width, mode), [shape], rng)


# -- selection -----------------------------------------------------------------------------------


@given(st.data(), FILLED, RNGS)
@some(60)
def test_take(data: Any, shape: Any, rng: Any) -> None:
    axis = data.draw(st.none() | st.integers(-len(shape), len(shape) - 1))
    n = math.prod(shape) if axis is None else shape[axis]
    index_shape = data.draw(hnp.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=5))
    index = rng.integers(-n, n, index_shape)
    assert_moves(lambda x: x.take(index, axis), lambda x: np.take(x, index, axis), [shape], rng)
    with pytest.raises(IndexError, match="take: index"):
        tg.zeros(shape).take([n], axis)


@given(st.data(), FILLED, RNGS)
@some(60)
def test_take_along_axis(data: Any, shape: Any, rng: Any) -> None:
    """Indices repeat, and broadcast with x along the other axes."""
    axis = axis_of(data, shape)
    along = axis % len(shape)
    length = data.draw(st.integers(0, 5))
    lines = [1 if data.draw(st.booleans()) else n for n in shape]
    index = rng.integers(
        -shape[axis], shape[axis], [length if i == along else n for i, n in enumerate(lines)]
    )
    x_shape = tuple(n if i == along or data.draw(st.booleans()) else 1 for i, n in enumerate(shape))
    assert_moves(
        lambda x: tg.take_along_axis(x, index, axis),
        lambda x: np.take_along_axis(x, index, axis),
        [x_shape],
        rng,
    )


@given(st.data(), FILLED, RNGS)
@some(60)
def test_gather_and_scatter_add_are_adjoint(data: Any, shape: Any, rng: Any) -> None:
    axis = axis_of(data, shape)
    along = axis % len(shape)
    lines = [data.draw(st.integers(0, 5 if i == along else n)) for i, n in enumerate(shape)]
    index = rng.integers(0, shape[axis], lines)
    x, src = integers(rng, shape), integers(rng, lines)
    y, g, gx = run(lambda x: x.gather(axis, index), rng, x)
    assert_equal(gx, tg.zeros(shape, dtype=np.float64).scatter_add(axis, index, g).data)
    total, h, gz, gsrc = run(lambda z, src: z.scatter_add(axis, index, src), rng, x, src)
    assert_equal(gz, h)
    assert_equal(gsrc, tg.gather(h, axis, index).data)
    assert ((total - x) * x).sum() == (y * src).sum()


@given(st.data(), FILLED, RNGS)
@some(60)
def test_index_select_and_index_add_are_adjoint(data: Any, shape: Any, rng: Any) -> None:
    axis = axis_of(data, shape)
    index = rng.integers(0, shape[axis], data.draw(st.integers(0, 6)))
    x = integers(rng, shape)
    y, g, gx = run(lambda x: x.index_select(axis, index), rng, x)
    assert_equal(y, np.take(x, index, axis))
    expected = np.zeros(shape)
    np.add.at(np.moveaxis(expected, axis, 0), index, np.moveaxis(g, axis, 0))
    assert_equal(gx, expected)
    total, h, gz, gs = run(lambda z, s: z.index_add(axis, index, s, alpha=2), rng, x, g)
    assert_equal(total, x + 2 * expected)
    assert_equal(gz, h)
    assert_equal(gs, 2 * np.take(h, index, axis))


@given(st.data(), FILLED, RNGS)
@some(150)
def test_functional_updates(data: Any, shape: Any, rng: Any) -> None:
    """As one assignment after the other, in the order of the places that x[index] reads."""
    index = data.draw(indices(shape))
    x = integers(rng, shape)
    places = np.asarray(np.arange(x.size).reshape(shape)[index])
    v_shape = data.draw(st.sampled_from([places.shape, places.shape[1:], ()]))
    v = integers(rng, v_shape)
    values = np.broadcast_to(v, places.shape).ravel()
    order = list(enumerate(places.ravel()))
    last = {place: turn for turn, place in order}

    def summed(partial: np.ndarray) -> np.ndarray:
        """Sum to the shape of v, which lacks leading axes."""
        axes = tuple(range(places.ndim - v.ndim))
        return np.asarray(partial.reshape(places.shape).sum(axis=axes))

    expected = x.ravel().copy()
    for turn, place in order:
        expected[place] = values[turn]
    y, g, gx, gv = run(lambda x, v: x.at[index].set(v), rng, x, v)
    assert_equal(y, expected.reshape(shape))
    assert_equal(gx, np.where(np.isin(np.arange(x.size), places).reshape(shape), 0, g))
    won = np.array([last[place] == turn for turn, place in order], bool)
    assert_equal(gv, summed(won * g.ravel()[places.ravel()]))

    expected = x.ravel().copy()
    np.add.at(expected, places.ravel(), values)
    y, g, gx, gv = run(lambda x, v: x.at[index].add(v), rng, x, v)
    assert_equal(y, expected.reshape(shape))
    assert_equal(gx, g)
    assert_equal(gv, summed(g.ravel()[places.ravel()]))

    factors = [[values[turn] for turn, at in order if at == place] for place in range(x.size)]
    y, g, gx, gv = run(lambda x, v: x.at[index].multiply(v), rng, x, v)
    assert_equal(y, x * np.array([math.prod(f) for f in factors]).reshape(shape))
    assert_equal(gx, g * np.array([math.prod(f) for f in factors]).reshape(shape))
    partial = np.zeros(len(order))
    for turn, place in order:
        others = [values[t] for t, at in order if at == place and t != turn]
        partial[turn] = g.ravel()[place] * x.ravel()[place] * math.prod(others)
    assert_equal(gv, summed(partial))

    for name, ufunc in (("max", np.maximum), ("min", np.minimum)):
        expected = x.ravel().copy()
        ufunc.at(expected, places.ravel(), values)
        y, g, gx, gv = run(lambda x, v, name=name: getattr(x.at[index], name)(v), rng, x, v)
        assert_equal(y, expected.reshape(shape))
        assert gx.sum() + gv.sum() == g.sum()  # ties share the gradient


@given(st.data(), FILLED, RNGS)
@some(40)
def test_masks(data: Any, shape: Any, rng: Any) -> None:
    mask = rng.random(shape[data.draw(st.integers(0, len(shape))) :]) < 0.5
    full = np.broadcast_to(mask, shape)
    x = integers(rng, shape)
    y, g, gx = run(lambda x: x.masked_fill(mask, 7), rng, x)
    assert_equal(y, np.where(full, 7.0, x))
    assert_equal(gx, np.where(full, 0, g))
    assert_moves(lambda x: x.masked_select(mask), lambda x: x[full], [shape], rng)
    for ours, theirs in zip(tg.nonzero(full), np.nonzero(full), strict=True):
        assert_equal(ours.data, theirs)


@given(st.data(), LONG, RNGS, st.booleans())
@some(60)
def test_order(data: Any, shape: Any, rng: Any, descending: bool) -> None:
    """Ties keep their order, whichever the direction; the gradient goes where the value was."""
    axis = data.draw(st.none() | st.integers(-len(shape), len(shape) - 1))
    x = np.where(rng.random(shape) < 0.1, np.nan, integers(rng, shape))
    flat, along = (x.ravel(), 0) if axis is None else (x, axis)
    order = tg.argsort(x, axis, descending=descending).data
    if descending:  # of numbers alone, that is the stable order of the negative ones
        number = np.nan_to_num(flat, nan=9)
        assert_equal(order, np.argsort(-number, along, kind="stable"))
    else:
        assert_equal(order, np.argsort(flat, along, kind="stable"))
    y, g, gx = run(lambda x: tg.sort(x, axis, descending=descending), rng, x)
    assert_equal(y, np.take_along_axis(flat, order, along))
    expected = np.zeros(flat.shape)
    np.put_along_axis(expected, order, g, along)
    assert_equal(gx, expected.reshape(shape))
    k = data.draw(st.integers(0, flat.shape[along]))
    values, indices = tg.topk(flat, k, along, largest=descending)
    first = np.take(order, range(k), along)
    assert_equal(indices.data, first)
    assert_equal(values.data, np.take_along_axis(flat, first, along))


# -- together ------------------------------------------------------------------------------------


@given(st.data(), RNGS)
@some(40)
def test_second_derivatives_with_zeros(data: Any, rng: Any) -> None:
    """The gradient of a product with zeros has the derivative that the differences give."""
    n = data.draw(st.integers(1, 4))
    x = rng.uniform(0.5, 1.5, (n, 3)) * (rng.random((n, 3)) < 0.6)
    w = rng.standard_normal(3)
    f = data.draw(st.sampled_from([lambda x: x.prod(0), lambda x: x.cumprod(0)]))

    assert gradcheck(lambda x: (f(x) * w).sum() + (x * x).sum(), x, order=2)
