"""Reductions, shapes and selection against PyTorch: values, gradients and second derivatives."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import tinygraph as tg

from .test_torch import AXES, DTYPES, agree, assert_close, dims, draw, ties

# -- products and running results ----------------------------------------------------------------

ZEROS = {
    "no zero": np.array([2.0, -1.5, 3.0, 0.5]),
    "one zero": np.array([2.0, 0.0, 3.0, 0.5]),
    "two zeros": np.array([0.0, 2.0, 3.0, 0.0]),
    "three zeros": np.array([0.0, 2.0, 0.0, 0.0]),
    "one": np.array([0.0]),
    "nothing": np.zeros(0),
}


def multiplied(x, axis=0):
    """Return the product as PyTorch multiplies it out, which is right where there are zeros."""
    return math.prod(x.unbind(axis), start=x.sum(axis) * 0 + 1)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ZEROS)
def test_prod_with_zeros(torch, kind, dtype):
    agree(torch, tg.prod, multiplied, ZEROS[kind].astype(dtype), twice=True)


@pytest.mark.parametrize("kind", ZEROS)
def test_third_derivative_of_prod(kind):
    """That of x0 x1 x2 x3 in x0, x1 and x2 is x3, wherever there are zeros."""
    x = tg.tensor(ZEROS[kind], requires_grad=True)
    y = x.prod()
    for _ in range(3):
        y = tg.grad(y, x, create_graph=True).sum() if y.requires_grad else y * 0
    values = ZEROS[kind]
    expected = 6 * sum(math.prod(values[[i]]) for i in range(4)) if len(values) == 4 else 0
    assert y.item() == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_prod_over_an_axis(torch, axis, keepdims):
    agree(
        torch,
        lambda x: tg.prod(x, axis, keepdims),
        lambda x: torch.prod(x, axis, keepdims),
        draw(2, 3, 4),
        twice=True,
    )
    agree(torch, lambda x: x.prod(axis), lambda x: multiplied(x, axis), ties(3, 3), twice=True)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["cumsum", "cumprod"])
def test_running(torch, name, dtype):
    for axis, shape in itertools.product((0, 1, -1), ((3, 4), (0, 2), (1, 5))):
        f = lambda x, a=axis: getattr(x, name)(a)  # noqa: E731
        agree(torch, f, f, draw(*shape, dtype=dtype), twice=True)


@pytest.mark.parametrize("kind", ZEROS)
def test_cumprod_with_zeros(torch, kind):
    def theirs(x):
        return torch.stack([multiplied(x[: i + 1]) for i in range(len(x))])

    if len(ZEROS[kind]):
        agree(torch, lambda x: x.cumprod(0), theirs, ZEROS[kind], twice=True)


def test_integers_run_as_in_numpy():
    for dtype, name in itertools.product((bool, np.int8, np.uint8), ("cumsum", "cumprod", "prod")):
        x = np.array([[1, 0], [1, 1]], dtype)
        expected = getattr(np, name)(x, axis=0)
        y = getattr(tg, name)(tg.tensor(x), axis=0)
        assert y.dtype == expected.dtype
        assert y.tolist() == expected.tolist()


# -- statistics ----------------------------------------------------------------------------------


@pytest.mark.parametrize("ddof", [0, 1])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", AXES, ids=str)
def test_std(torch, axis, keepdims, ddof):
    agree(
        torch,
        lambda x: tg.std(x, axis=axis, ddof=ddof, keepdims=keepdims),
        lambda x: torch.std(x, dim=dims(axis), correction=ddof, keepdim=keepdims),
        draw(2, 3, 4),
        twice=True,
    )


def test_std_of_equal_numbers_has_gradient_zero(torch):
    agree(torch, tg.std, lambda x: torch.std(x, correction=0), np.full(4, 2.0))


@pytest.mark.filterwarnings("ignore:std|var")
@pytest.mark.parametrize("name", ["var", "std"])
@pytest.mark.parametrize("ddof", [1, 2, 3])
def test_too_little_freedom(torch, name, ddof):
    """NaN or inf, as PyTorch, and no warning."""
    for x in (np.array([1.0, 2.0]), np.array([1.0]), np.zeros(0)):
        if len(x) <= ddof:
            expected = getattr(torch, name)(torch.tensor(x), correction=ddof)
            assert_close(getattr(tg, name)(x, ddof=ddof), expected, "value")


@pytest.mark.parametrize("count", [40000, 65530, 80000])
def test_half_precision_of_large_numbers(count):
    x = np.array([-300, 300], np.float16)
    assert tg.std(x).item() == 300
    many = np.full(count, 100, np.float16)
    assert tg.nanmean(many).item() == tg.mean(many).item() == 100
    assert tg.nanmean(many).dtype == np.float16
    x = tg.tensor(many, requires_grad=True)
    for mean in (tg.mean, tg.nanmean):  # 65520 and more are no numbers of float16
        np.testing.assert_allclose(tg.grad(mean(x), x).data, 1 / count, rtol=1e-2)


@pytest.mark.parametrize("name", ["mean", "var", "std", "median", "nanmean"])
def test_integers_give_the_default_dtype(name):
    x = np.array([1, 2, 4, 8])
    y = getattr(tg, name)(x)
    assert y.dtype == tg.get_default_dtype()
    assert y.item() == pytest.approx(getattr(np, name)(x), rel=1e-6)


def test_median(torch):
    """Of an odd number PyTorch has the same; of an even one the mean of two, as its quantile."""
    for axis in (0, 1, -1):
        x = draw(3, 5)
        ours = lambda x, a=axis: tg.median(x, a)  # noqa: E731
        if x.shape[axis] % 2:
            agree(torch, ours, lambda x, a=axis: x.median(a).values, x, twice=True)
        agree(torch, ours, lambda x, a=axis: x.quantile(0.5, a), x)
        agree(torch, ours, lambda x, a=axis: x.quantile(0.5, a), draw(4, 6))


def test_median_of_nan_and_of_nothing():
    np.testing.assert_array_equal(tg.median([[1.0, np.nan], [2.0, 3.0]], 1).data, [np.nan, 2.5])
    assert np.isnan(tg.median(tg.zeros((2, 0)), 1).data).all()


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [0, 1, (0, 1)], ids=str)
@pytest.mark.parametrize("name", ["nansum", "nanmean"])
def test_passing_over_nan(torch, name, axis, keepdims):
    x = np.where(ties(3, 4) > 0, np.nan, draw(3, 4))
    ours, theirs = getattr(tg, name), getattr(torch, name)
    agree(torch, lambda x: ours(x, axis, keepdims), lambda x: theirs(x, axis, keepdims), x)


def test_nothing_but_nan():
    x = tg.tensor([np.nan, np.nan], requires_grad=True)
    y = tg.nanmean(x)
    y.backward()
    assert math.isnan(y.item())
    assert x.grad.tolist() == [0, 0]
    assert tg.nansum(x).item() == 0


@pytest.mark.parametrize("axis", [None, 0, 1, (0, 1)], ids=str)
def test_count_nonzero(torch, axis):
    agree(
        torch,
        lambda x: tg.count_nonzero(x, axis),
        lambda x: torch.count_nonzero(x, axis),
        np.where(draw(3, 4) > 1, np.nan, ties(3, 4)),
    )


# -- shapes --------------------------------------------------------------------------------------

SHAPE_OPS = {
    "ravel": (lambda x: x.ravel(), lambda x: x.ravel()),
    "view": (lambda x: x.view(4, -1), lambda x: x.view(4, -1)),
    "moveaxis": (lambda x: x.moveaxis(0, -1), lambda x: x.moveaxis(0, -1)),
    "moveaxis two": (lambda x: x.moveaxis((0, 2), (1, 0)), lambda x: x.moveaxis((0, 2), (1, 0))),
    "swapaxes": (lambda x: x.swapaxes(0, -1), lambda x: x.swapaxes(0, -1)),
    "expand": (lambda x: x[:, :1].expand(5, -1, 3, -1), lambda x: x[:, :1].expand(5, -1, 3, -1)),
    "flip": (lambda x: x.flip((0, -1)), lambda x: x.flip((0, -1))),
    "roll": (lambda x: x.roll(2), lambda x: x.roll(2)),
    "roll axes": (lambda x: x.roll((1, -5), (0, 2)), lambda x: x.roll((1, -5), (0, 2))),
    "roll twice": (lambda x: x.roll((1, 1), (1, 1)), lambda x: x.roll((1, 1), (1, 1))),
    "tile": (lambda x: x.tile((2, 1, 3)), lambda x: x.tile((2, 1, 3))),
    "tile fewer": (lambda x: x.tile((2,)), lambda x: x.tile((2,))),
    "tile more": (lambda x: x.tile((2, 1, 1, 2)), lambda x: x.tile((2, 1, 1, 2))),
    "repeat": (lambda x: x.repeat(2, 1), lambda x: x.repeat_interleave(2, 1)),
    "repeat_interleave": (lambda x: x.repeat_interleave(3), lambda x: x.repeat_interleave(3)),
    "narrow": (lambda x: x.narrow(2, 1, 2), lambda x: x.narrow(2, 1, 2)),
    "narrow from the end": (lambda x: x.narrow(2, -2, 2), lambda x: x.narrow(2, -2, 2)),
    "tril": (lambda x: x.tril(1), lambda x: x.tril(1)),
    "triu": (lambda x: x.triu(-1), lambda x: x.triu(-1)),
    "diagonal": (lambda x: x.diagonal(1, 2, 0), lambda x: x.diagonal(1, 2, 0)),
    "diag": (lambda x: x[0].diag(1), lambda x: x[0].diag(1)),
    "diag of a vector": (lambda x: x[0, 0].diag(-2), lambda x: x[0, 0].diag(-2)),
    "trace": (lambda x: x[0].trace(), lambda x: x[0].trace()),
    "chunk": (lambda x: tg.cat(x.chunk(3, 2)[::-1], 2), lambda x: x.roll(2, 2)),
    "unbind": (lambda x: x.unbind(1)[-1], lambda x: x.unbind(1)[-1]),
}


@pytest.mark.parametrize("name", SHAPE_OPS)
def test_shape_operation(torch, name):
    agree(torch, *SHAPE_OPS[name], draw(2, 3, 4), twice=True)


@pytest.mark.parametrize("n", [0, 1, 5, 6, 7])
def test_chunks(torch, n):
    for chunks in (1, 2, 3, 4, 9):
        ours, theirs = tg.zeros((2, n)).chunk(chunks, 1), torch.zeros((2, n)).chunk(chunks, 1)
        assert [part.shape for part in ours] == [tuple(part.shape) for part in theirs]


@pytest.mark.parametrize("name", ["hstack", "vstack", "column_stack"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 3, 2)], ids=str)
def test_stacks(torch, name, shape):
    parts = [np.asarray(draw(*shape, seed=i)) for i in range(3)]
    ours, theirs = getattr(tg, name), getattr(torch, name)
    agree(torch, lambda *xs: ours(xs), lambda *xs: theirs(xs), *parts)


PADDINGS = [
    ((3, 4), "constant", (1, 2)),
    ((3, 4), "constant", (1, 2, 0, 1)),
    ((3, 4), "constant", (-1, 2, 1, -1)),
    ((3, 4), "constant", (-2, -2)),
    ((), "constant", ()),
    ((2, 0), "constant", (1, 0, 0, 0)),
    ((2, 4), "reflect", (3, 0)),
    ((2, 2, 4), "reflect", (2, 3)),
    ((1, 2, 4, 3), "reflect", (2, 1, 0, 3)),
    ((2, 4, 3), "reflect", (1, 2, -1, 2)),
    ((1, 2, 3, 3, 4), "reflect", (2, 1, 0, 1, 1, 2)),
    ((2, 3), "replicate", (5, 1)),
    ((1, 2, 4, 3), "replicate", (2, 1, 0, 7)),
    ((1, 2, 4, 3), "replicate", (-1, 2, 1, -2)),
    ((1, 2, 4, 3), "replicate", (-3, 4, 2, -4)),
    ((2, 4), "circular", (4, 1)),
    ((1, 2, 4, 3), "circular", (2, 1, 0, 3)),
    ((1, 2, 4, 3), "circular", (-1, 1, 2, 0)),
]


@pytest.mark.parametrize("padding", PADDINGS, ids=str)
def test_functional_pad(torch, padding):
    shape, mode, widths = padding
    agree(
        torch,
        lambda x: tg.nn.functional.pad(x, widths, mode),
        lambda x: torch.nn.functional.pad(x, widths, mode),
        np.asarray(draw(*shape)),
        twice=True,
    )


def test_functional_pad_with_a_value(torch):
    agree(
        torch,
        lambda x: tg.nn.functional.pad(x, (1, -1), value=-np.inf),
        lambda x: torch.nn.functional.pad(x, (1, -1), value=-np.inf),
        draw(2, 3),
    )


@pytest.mark.parametrize(
    ("shape", "widths", "mode"),
    [
        ((2, 3), (1,), "constant"),
        ((2,), (1, 1, 1, 1), "constant"),
        ((2, 3), (-2, -2), "constant"),
        ((2, 3), (3, 0), "reflect"),
        ((3,), (1, 1), "reflect"),
        ((2, 3), (1, 1, 1, 1), "replicate"),
        ((2, 3), (4, 0), "circular"),
        ((2, 0), (1, 0), "replicate"),
        ((2, 2, 2, 2), (1, 1), "reflect"),
    ],
    ids=str,
)
def test_functional_pad_refuses_what_pytorch_refuses(torch, shape, widths, mode):
    with pytest.raises((RuntimeError, NotImplementedError, IndexError)):
        torch.nn.functional.pad(torch.zeros(shape), widths, mode)
    with pytest.raises(ValueError, match=r"pad: "):
        tg.nn.functional.pad(tg.zeros(shape), widths, mode)


# -- selection -----------------------------------------------------------------------------------


def below(n, *shape):
    return np.random.default_rng([n, *shape]).integers(0, n, shape)


SELECTIONS = {
    "gather": (lambda x, i: x.gather(1, i), (3, 4), below(4, 3, 6)),
    "gather fewer": (lambda x, i: x.gather(0, i), (3, 4), below(3, 5, 2)),
    "gather from a number": (lambda x, i: x.gather(0, i), (), np.array(0)),
    "gather nothing": (lambda x, i: x.gather(1, i), (3, 4), np.zeros((3, 0), int)),
    "index_select": (lambda x, i: x.index_select(-1, i), (3, 4), np.array([3, 0, 0])),
    "index_select one": (lambda x, i: x.index_select(0, i), (3, 4), np.array(2)),
    "index_select a number": (lambda x, i: x.index_select(0, i), (), np.array([0])),
    "take": (lambda x, i: x.take(i), (3, 4), np.array([[11, 0], [-1, 0]])),
}


@pytest.mark.parametrize("name", SELECTIONS)
def test_selection(torch, name):
    f, shape, index = SELECTIONS[name]
    agree(torch, f, f, np.asarray(draw(*shape)), index, twice=True)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("index", "src"), [((3, 6), (3, 6)), ((2, 4), (5, 7)), ((0, 4), (2, 4))])
def test_scatter_add(torch, index, src, dtype):
    """What is beyond the index gets a gradient of 0, where PyTorch's has the wrong shape."""
    arrays = [draw(3, 4, dtype=dtype), below(4, *index), draw(*src, seed=1, dtype=dtype)]
    agree(
        torch,
        lambda x, i, src: x.scatter_add(1, i, src),
        lambda x, i, src: x.scatter_add(1, i, src[: index[0], : index[1]]),
        *arrays,
        twice=True,
    )


@pytest.mark.parametrize("alpha", [1, -0.5])
def test_index_add(torch, alpha):
    agree(
        torch,
        lambda x, i, source: x.index_add(1, i, source, alpha=alpha),
        lambda x, i, source: x.index_add(1, i, source, alpha=alpha),
        draw(3, 4),
        np.array([2, 0, 2, 2, 1]),
        draw(3, 5),
        twice=True,
    )


def test_masks(torch):
    mask, x = ties(3, 4) > 0, draw(3, 4)
    for value in (0, 2.5, -math.inf, math.nan):
        f = lambda x, m, v=value: x.masked_fill(m, v)  # noqa: E731
        agree(torch, f, f, x, mask, twice=True)
        agree(torch, f, f, x.astype(np.float32), mask[0])
    agree(torch, lambda x, m, v: x.masked_fill(m, v), lambda x, m, v: x.masked_fill(m, v),
          x, mask, np.array(2.0))  # fmt: skip
    for m in (mask, mask[0], np.zeros_like(mask)):
        agree(torch, tg.masked_select, torch.masked_select, x, m, twice=True)
    agree(torch, tg.masked_select, torch.masked_select, x[0], mask)
    for ours, theirs in zip(
        tg.nonzero(mask), torch.tensor(mask).nonzero(as_tuple=True), strict=True
    ):
        assert_close(ours, theirs, "nonzero")


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_sort(torch, axis, descending):
    """Ties and NaN: the order is PyTorch's stable one."""
    x = np.where(draw(5, 6) > 1, np.nan, ties(5, 6))
    options = dict(dim=axis, descending=descending, stable=True)
    agree(
        torch,
        lambda x: tg.sort(x, axis, descending=descending),
        lambda x: torch.sort(x, **options).values,
        x,
        twice=True,
    )
    agree(
        torch,
        lambda x: tg.argsort(x, axis, descending=descending),
        lambda x: torch.argsort(x, **options),
        x,
    )


@pytest.mark.parametrize(
    "name", ["sum", "prod", "mean", "nansum", "nanmean", "logsumexp", "amax", "cumsum", "cumprod"]
)
def test_a_number_along_its_only_axis(torch, name):
    for axis in (0, -1):
        f = lambda x, a=axis: getattr(tg if isinstance(x, tg.Tensor) else torch, name)(x, a)  # noqa: E731
        agree(torch, f, f, np.asarray(draw()), twice=True)
    assert tg.max(2.0, 0).item() == tg.sort(2.0).item() == 2
    assert tg.argsort(2.0).item() == 0
    with pytest.raises(ValueError, match="axis 1"):
        getattr(tg, name)(2.0, 1)


@pytest.mark.parametrize("largest", [False, True])
@pytest.mark.parametrize("k", [0, 1, 3, 4])
def test_topk(torch, k, largest):
    for which in (0, 1):
        agree(
            torch,
            lambda x, i=which: tg.topk(x, k, -1, largest)[i],
            lambda x, i=which: torch.topk(x, k, -1, largest)[i],
            draw(3, 4),
            twice=True,
        )
    values, indices = tg.tensor([1.0, np.nan, 1.0, 0.0]).topk(4, largest=largest)
    assert indices.tolist() == ([1, 0, 2, 3] if largest else [3, 0, 2, 1])
    assert tg.topk(2.0, 1)[0].shape == ()
    assert values.shape == (4,)


# -- what a user reads after a mistake -----------------------------------------------------------

X = tg.ones((2, 3), requires_grad=True)
MESSAGES = {
    "writing into a Tensor": (lambda: X.__setitem__(0, 1.0), TypeError, r"x\.at\[index\]\.set"),
    "std over axis 2": (lambda: X.std(2), ValueError, "std: axis 2"),
    "cumsum over axes": (lambda: X.cumsum((0, 1)), TypeError, "cumsum: axis"),
    "moveaxis": (lambda: X.moveaxis((0, 1), 0), ValueError, "2 axes cannot go to 1"),
    "expand": (lambda: X.expand(-1, 2, 3), ValueError, r"expand: .*\(2, 3\).*\(-1, 2, 3\)"),
    "expand a length": (lambda: X.expand(2, 4), ValueError, r"\(2, 3\).*\(2, 4\)"),
    "split": (lambda: X.split(2, 1), ValueError, "split: 3 elements make no 2 equal parts"),
    "split in none": (lambda: X.split(0), ValueError, "at least 1"),
    "chunk": (lambda: X.chunk(0), ValueError, "chunks must be at least 1"),
    "narrow": (lambda: X.narrow(1, 2, 2), ValueError, "2 elements from 2 on .* 3"),
    "narrow below": (lambda: X.narrow(1, -4, 1), ValueError, "narrow"),
    "narrow less": (lambda: X.narrow(1, 0, -1), ValueError, "narrow"),
    "roll": (lambda: X.roll((1, 2), 0), ValueError, "2 shifts but 1 axes"),
    "roll without axes": (lambda: X.roll((1, 2)), ValueError, "axis is None"),
    "tile": (lambda: X.tile((-1, 2)), ValueError, r"reps .*-1"),
    "repeat": (lambda: X.repeat([1, 2], 1), ValueError, r"one number or 3, .*\(2,\)"),
    "repeat less": (lambda: X.repeat(-1), ValueError, "at least 0"),
    "repeat by a float": (lambda: X.repeat(1.5), TypeError, "repeats must be integers"),
    "tril": (lambda: tg.ones(3).tril(), ValueError, r"tril: .*\(3,\)"),
    "diag": (lambda: tg.ones((1, 1, 1)).diag(), ValueError, r"diag: .*\(1, 1, 1\)"),
    "diagonal": (lambda: X.diagonal(0, 1, 1), ValueError, "twice"),
    "take": (lambda: X.take(6), IndexError, "take: index 6 .* length 6"),
    "take by a float": (lambda: X.take(0.5), TypeError, "take: index must be integers"),
    "take_along_axis": (
        lambda: tg.take_along_axis(X, [[0], [0], [0]], 1),
        ValueError,
        r"\(3, 1\) .* \(2, 3\)",
    ),
    "gather below 0": (lambda: X.gather(1, [[-1]]), IndexError, "gather: index -1"),
    "gather rank": (lambda: X.gather(1, [0]), ValueError, r"gather: .*\(1,\).*\(2, 3\)"),
    "gather shape": (lambda: X.gather(1, [[0]] * 3), ValueError, r"\(3, 1\).*\(2, 3\)"),
    "gather by floats": (lambda: X.gather(1, [[0.0]]), TypeError, "gather: index"),
    "scatter_add": (
        lambda: X.scatter_add(1, [[0, 1]], tg.ones((1, 1))),
        ValueError,
        r"src of shape \(1, 1\) .*\(1, 2\)",
    ),
    "scatter_add dtype": (
        lambda: X.scatter_add(1, [[0]], tg.ones((1, 1), dtype="float64")),
        TypeError,
        "float64 but x float32",
    ),
    "index_select": (lambda: X.index_select(0, [2]), IndexError, "index_select: index 2"),
    "index_select matrix": (lambda: X.index_select(0, [[0]]), ValueError, r"one axis, .*\(1, 1\)"),
    "index_add": (
        lambda: X.index_add(0, [0], tg.ones((2, 3))),
        ValueError,
        r"index_add: source must have shape \(1, 3\)",
    ),
    "masked_fill": (lambda: X.masked_fill(X, 0), TypeError, "mask must be boolean"),
    "masked_fill by a row": (lambda: X.masked_fill(X > 0, X), ValueError, "a single number"),
    "masked_fill of integers": (
        lambda: tg.tensor([1]).masked_fill([True], 0.5),
        TypeError,
        "float does not fit .* int64",
    ),
    "masked_select": (lambda: X.masked_select([True, False]), ValueError, r"\(2, 3\) and \(2,\)"),
    "nonzero": (lambda: tg.nonzero(1.0), ValueError, "nonzero: a 0-d"),
    "topk": (lambda: X.topk(4), ValueError, "k=4 of the 3 elements"),
    "topk of a float": (lambda: X.topk(1.0), TypeError, "k must be an integer"),
    "hstack nothing": (lambda: tg.hstack([]), ValueError, "hstack: expected at least one"),
    "at set": (lambda: X.at[0].set([1.0, 2.0]), ValueError, r"\(2,\) .* \(3,\)"),
    "at out of range": (lambda: X.at[2], IndexError, "out of bounds"),
    "at a float": (lambda: tg.tensor([1]).at[0].add(0.5), TypeError, "do not fit int64"),
    "pad in no mode": (
        lambda: tg.nn.functional.pad(X, (1, 1), "edge"),
        ValueError,
        "replicate, circular, not 'edge'",
    ),
    "pad with a value": (
        lambda: tg.nn.functional.pad(X, (1, 1), "reflect", 1.0),
        ValueError,
        "'reflect' takes no value",
    ),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_message(name):
    call, error, pattern = MESSAGES[name]
    with pytest.raises(error, match=pattern):
        call()
