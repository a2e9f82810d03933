"""Linear algebra against PyTorch and NumPy: values, gradients, second derivatives, and errors."""

from __future__ import annotations

import re
import string

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

import tinygraph as tg
from tinygraph.nn import functional as F
from tinygraph.testing.strategies import einsum_subscripts, values

from .test_torch import DTYPES, agree, assert_close, draw

SHAPES = [(3, 3), (2, 3, 3), (2, 1, 2, 2), (1, 1), (0, 2, 2), (0, 0)]
TALL_AND_WIDE = [(4, 3), (3, 4), (3, 3), (2, 4, 2), (2, 2, 4), (0, 3, 2), (1, 3), (3, 1)]


def well_conditioned(*shape, seed=0, dtype=np.float64):
    """Return matrices with singular values in [1, 2], far apart."""
    u, _, vh = np.linalg.svd(draw(*shape, seed=seed), full_matrices=False)
    s = np.linspace(2, 1, u.shape[-1])
    return (u * s @ vh).astype(dtype)


def positive_definite(*shape, dtype=np.float64):
    a = well_conditioned(*shape)
    return (a @ a.mT).astype(dtype)


# -- einsum --------------------------------------------------------------------------------------

SUBSCRIPTS = [
    ("ij,jk->ik", (2, 3), (3, 4)),
    ("ij,jk", (2, 3), (3, 4)),
    ("ba", (2, 3)),
    ("ii", (3, 3)),
    ("ii->i", (3, 3)),
    ("ijj->ij", (2, 3, 3)),
    ("...ii->...i", (2, 3, 3)),
    ("i,i", (3,), (3,)),
    ("i,j", (3,), (2,)),
    ("ij->", (2, 3)),
    ("ij->j", (2, 3)),
    ("bij,bjk->bik", (2, 3, 4), (2, 4, 1)),
    ("...ij,...jk->...ik", (2, 1, 3, 4), (5, 4, 2)),
    ("bhqd,bkhd->bhqk", (2, 2, 3, 4), (2, 5, 2, 4)),
    ("ij,jk,kl->il", (2, 3), (3, 4), (4, 2)),
    ("i,ij,j->", (2,), (2, 3), (3,)),
    ("ij,ij,ij->i", (2, 3), (2, 3), (2, 3)),
    ("...i,...i->...", (2, 3), (4, 1, 3)),
    (",ij->ij", (), (2, 3)),
    ("ij,jk->ik", (1, 3), (3, 1)),
    ("ij,jk->ik", (0, 3), (3, 2)),
    ("ij,jk->ik", (2, 0), (0, 2)),
    ("n...,n->...", (3, 2), (3,)),
    ("ij,k->", (2, 3), (2,)),
    ("ni,oij,nj->no", (5, 2), (4, 2, 3), (5, 3)),
    ("bn,anm,bm->ba", (2, 3), (4, 3, 5), (2, 5)),
    ("a,b,c,d,e->ace", (2,), (3,), (1,), (2,), (2,)),
    ("Ab,bA->b", (2, 3), (3, 2)),
    ("...ik,...j->ij", (2, 3, 2), (2, 4)),  # not in NumPy
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", SUBSCRIPTS, ids=lambda case: f"{case[0]}:{case[1:]}")
def test_einsum(torch, case, dtype):
    subscripts, *shapes = case
    arrays = [draw(*shape, seed=i, dtype=dtype) for i, shape in enumerate(shapes)]
    agree(
        torch,
        lambda *xs: tg.einsum(subscripts, *xs),
        lambda *ts: torch.einsum(subscripts, *ts),
        *arrays,
        twice=True,
    )


@st.composite
def contractions(draw):
    """Draw valid subscripts, with or without output, and operands of small integers."""
    text, shapes = draw(einsum_subscripts(4, empty=True))
    return text, [draw(values(shape, kind="integer")) for shape in shapes]


@given(contractions())
def test_einsum_of_any_subscripts_is_that_of_numpy(case):
    text, arrays = case
    y = tg.einsum(text, *map(tg.tensor, arrays))
    np.testing.assert_array_equal(y.numpy(), np.einsum(text, *arrays), strict=True)


@given(contractions(), st.integers(0, 3))
def test_gradient_of_einsum_is_its_adjoint(case, which):
    """<einsum(..., u, ...), v> == <u, gradient for v>, exactly on integers, for any operand."""
    text, arrays = case
    which %= len(arrays)
    xs = [tg.tensor(a, requires_grad=True) for a in arrays]
    y = tg.einsum(text, *xs)
    v = np.random.default_rng(0).integers(-3, 4, y.shape) * 1.0
    (gx,) = tg.grad([y], [xs[which]], [v])
    assert (y.numpy() * v).sum() == (arrays[which] * gx.numpy()).sum()
    assert gx.shape == arrays[which].shape


@pytest.mark.parametrize(
    "operands",
    [
        ([0, 1], [1, 2]),
        ([0, 1], [1, 2], [2, 0]),
        ([1, 0], [0, 30]),
        ([..., 1], [1, ...], [...]),
    ],
    ids=str,
)
def test_einsum_with_lists_of_integers(operands):
    a, b = draw(2, 3), draw(3, 2)
    mixed = [a, operands[0], b, operands[1], *operands[2:]]
    np.testing.assert_allclose(tg.einsum(*mixed).numpy(), np.einsum(*mixed), strict=True)


def test_einsum_of_integers_and_booleans_keeps_their_dtype():
    for a in (np.arange(6).reshape(2, 3), np.array([[True, False, True]] * 2)):
        for text in ("ij->i", "ij,kj->ik", "ij,ij->ij"):
            given_ = [a] * (1 + text.count(","))
            np.testing.assert_array_equal(
                tg.einsum(text, *given_).numpy(), np.einsum(text, *given_), strict=True
            )


def test_einsum_of_different_dtypes_sums_in_the_wider_one():
    small, wide = np.full((2, 200), 100, np.int8), np.ones(2)
    y = tg.einsum("ij,i->i", small, wide)
    np.testing.assert_array_equal(y.numpy(), np.einsum("ij,i->i", small, wide), strict=True)


def test_einsum_of_many_operands_takes_a_cheap_order():
    """Left to right this needs an intermediate of 10^12 elements."""
    a, b = np.ones((1000, 1000)), np.ones(1000)
    y = tg.einsum("ab,cd,bc,a,d->", a, a, a, b, b)
    assert y.item() == 1e12


def test_einsum_of_more_axes_than_letters_of_one_case(torch):
    text = string.ascii_letters[:30]
    agree(
        torch,
        lambda x: tg.einsum(text + "->" + text[::-1], x),
        lambda t: torch.einsum(text + "->" + text[::-1], t),
        draw(*[1] * 28, 2, 3),
    )


# -- the other products --------------------------------------------------------------------------

VECTORS = [((), ()), ((), (2, 3)), ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((0,), (0,))]
DOTS = [*VECTORS, ((2, 3), (3, 4)), ((2, 2, 3), (4, 3, 2)), ((2, 3), (4, 3, 1)), ((3,), (2, 3, 2))]
INNERS = [*VECTORS[:4], ((2, 3), (4, 3)), ((2, 1, 3), (2, 3))]


@pytest.mark.parametrize("shapes", DOTS, ids=str)
def test_dot(shapes):
    a, b = (draw(*shape, seed=i) for i, shape in enumerate(shapes))
    np.testing.assert_allclose(tg.dot(a, b).numpy(), np.dot(a, b), rtol=1e-14, strict=True)
    np.testing.assert_array_equal(tg.tensor(a).dot(b).numpy(), tg.dot(a, b).numpy())


@pytest.mark.parametrize("shapes", INNERS, ids=str)
def test_inner(torch, shapes):
    arrays = [np.asarray(draw(*shape, seed=i)) for i, shape in enumerate(shapes)]
    agree(torch, tg.inner, torch.inner, *arrays, twice=True)
    np.testing.assert_allclose(tg.inner(*arrays).numpy(), np.inner(*arrays), rtol=1e-14)


@pytest.mark.parametrize(
    ("a", "b", "axes"),
    [
        ((2, 3), (3, 4), 1),
        ((2, 3, 4), (3, 4, 2), 2),
        ((2, 3), (4, 2), 0),
        ((2, 3, 4), (4, 5, 2), ([0, -1], [2, 0])),
        ((2, 3), (3, 2), ([0, 1], [1, 0])),
        ((0, 3), (3, 2), 1),
    ],
)
def test_tensordot(torch, a, b, axes):
    a, b = draw(*a), draw(*b, seed=1)
    agree(
        torch,
        lambda x, y: tg.tensordot(x, y, axes),
        lambda x, y: torch.tensordot(x, y, axes),
        a,
        b,
        twice=True,
    )
    expected = np.tensordot(a, b, axes)
    np.testing.assert_allclose(tg.tensordot(a, b, axes).numpy(), expected, strict=True, rtol=1e-13)


def test_outer(torch):
    agree(torch, tg.outer, torch.outer, draw(3), draw(2), twice=True)
    a, b = draw(2, 3), draw(2, 1)
    np.testing.assert_array_equal(tg.outer(a, b).numpy(), np.outer(a, b), strict=True)


def test_vdot(torch):
    agree(torch, tg.vdot, torch.vdot, draw(4), draw(4, seed=1), twice=True)
    assert tg.vdot(np.eye(2), [1, 2, 3, 4]).item() == 5


@pytest.mark.parametrize(
    "shapes", [((2, 3), (3, 2)), ((2,), (2, 3)), ((2, 1, 2), (3,)), ((), (2,)), ((0, 2), (2, 1))]
)
def test_kron(torch, shapes):
    arrays = [np.asarray(draw(*shape, seed=i)) for i, shape in enumerate(shapes)]
    agree(torch, tg.kron, torch.kron, *arrays, twice=True)
    np.testing.assert_array_equal(tg.kron(*arrays).numpy(), np.kron(*arrays), strict=True)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("lead", [(), (5,), (2, 3), (0,)], ids=str)
def test_bilinear(torch, lead, dtype):
    shapes = [(*lead, 3), (*lead, 2), (4, 3, 2), (4,)]
    arrays = [draw(*shape, seed=i, dtype=dtype) for i, shape in enumerate(shapes)]
    theirs = torch.nn.functional.bilinear
    agree(torch, F.bilinear, theirs, *arrays, twice=bool(lead) and 0 not in lead)
    agree(torch, F.bilinear, theirs, *arrays[:3])


# -- inverses and determinants -------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", ["inv", "det", "slogdet", "pinv"])
def test_square(torch, name, shape, dtype):
    a = well_conditioned(*shape, dtype=dtype)
    ours, theirs = getattr(tg.linalg, name), getattr(torch.linalg, name)
    if name == "slogdet":
        assert_close(ours(a).sign, theirs(torch.tensor(a)).sign, "sign")
        agree(torch, lambda x: ours(x)[1], lambda t: theirs(t)[1], a, twice=True)
    else:
        agree(torch, ours, theirs, a, twice=a.size > 0)


@pytest.mark.parametrize("shape", TALL_AND_WIDE[:-2], ids=str)
def test_pinv_of_rectangles(torch, shape):
    agree(torch, tg.linalg.pinv, torch.linalg.pinv, well_conditioned(*shape), twice=True)


def test_pinv_of_less_than_full_rank(torch):
    a = np.outer(draw(3), draw(4)) + np.outer(draw(3, seed=1), draw(4, seed=1))
    for options in ({}, dict(rtol=0.1)):
        agree(
            torch,
            lambda x, options=options: tg.linalg.pinv(x, **options),
            lambda t, options=options: torch.linalg.pinv(t, **options),
            a,
        )
    assert abs(tg.linalg.pinv(a.astype(np.float32)).numpy()).max() < 100


def test_pinv_of_symmetric_matrices(torch):
    a = np.outer(draw(3), draw(3))
    agree(
        torch,
        lambda x: tg.linalg.pinv(x + x.mT, hermitian=True),
        lambda t: torch.linalg.pinv(t + t.mT, hermitian=True),
        a,
    )


@pytest.mark.parametrize("rank", [0, 1, 2])
def test_gradient_of_the_determinant_at_singular_matrices(torch, rank):
    rng = np.random.default_rng(rank)
    a = np.array(rng.standard_normal((3, rank)) @ rng.standard_normal((rank, 3)))
    x = tg.tensor(a, requires_grad=True)
    tg.linalg.det(x).backward()
    minors = [
        [(-1) ** (i + j) * np.linalg.det(np.delete(np.delete(a, i, 0), j, 1)) for j in range(3)]
        for i in range(3)
    ]
    np.testing.assert_allclose(x.grad.numpy(), minors, atol=1e-14)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((3, 3), (3,)),
        ((3, 3), (3, 2)),
        ((2, 3, 3), (2, 3, 2)),
        ((2, 3, 3), (3, 2)),
        ((3, 3), (2, 3, 1)),
        ((2, 1, 2, 2), (3, 2, 1)),
        ((0, 2, 2), (0, 2, 1)),
        ((2, 2), (2, 0)),
    ],
    ids=str,
)
def test_solve(torch, a, b, dtype):
    arrays = well_conditioned(*a, dtype=dtype), draw(*b, dtype=dtype)
    agree(torch, tg.linalg.solve, torch.linalg.solve, *arrays, twice=True)


def test_solve_takes_only_one_axis_for_a_vector():
    a, b = well_conditioned(2, 2, 2), draw(2, 2)
    x = tg.linalg.solve(a, b)
    np.testing.assert_allclose(x.numpy(), np.linalg.solve(a, b), rtol=1e-13, strict=True)


@pytest.mark.parametrize("n", [-3, -1, 0, 1, 2, 5])
def test_matrix_power(torch, n):
    a = well_conditioned(2, 3, 3)
    agree(
        torch,
        lambda x: tg.linalg.matrix_power(x, n),
        lambda t: torch.linalg.matrix_power(t, n),
        a,
        twice=n != 0,
    )


def test_matrix_power_of_zero_is_the_identity():
    y = tg.linalg.matrix_power(np.ones((2, 2, 2), np.float32), 0)
    np.testing.assert_array_equal(y.numpy(), np.stack([np.eye(2, dtype=np.float32)] * 2))
    assert y.dtype == np.float32


def test_powers_of_integers_are_integers():
    a = np.array([[1, 1], [1, 0]])
    y = tg.linalg.matrix_power(a, 60)
    np.testing.assert_array_equal(y.numpy(), np.linalg.matrix_power(a, 60), strict=True)


def test_matrix_rank():
    a = np.stack([np.diag([1.0, 2.0, 0.0]), np.ones((3, 3)), np.eye(3)])
    assert tg.linalg.matrix_rank(a).tolist() == [2, 1, 3]
    assert tg.linalg.matrix_rank(a, 1.5).tolist() == [1, 1, 0]
    assert tg.linalg.matrix_rank(a, rtol=0.9, hermitian=True).tolist() == [1, 1, 3]
    assert not tg.linalg.matrix_rank(tg.tensor(a, requires_grad=True)).requires_grad


# -- factorisations ------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_cholesky(torch, shape, upper, dtype):
    agree(
        torch,
        lambda x: tg.linalg.cholesky(x, upper=upper),
        lambda t: torch.linalg.cholesky(t, upper=upper),
        positive_definite(*shape, dtype=dtype),
        twice=True,
    )


def test_only_one_triangle_is_read():
    a = positive_definite(3, 3)
    low, high = np.tril(a) + np.triu(np.ones_like(a), 1), np.triu(a)
    np.testing.assert_array_equal(tg.linalg.cholesky(low).numpy(), np.linalg.cholesky(a))
    for junk, name in ((low, "L"), (high, "U"), (high, "u")):
        expected = np.linalg.eigvalsh(a)
        np.testing.assert_allclose(tg.linalg.eigvalsh(junk, name).numpy(), expected, rtol=1e-13)
        np.testing.assert_allclose(tg.linalg.eigh(junk, name)[0].numpy(), expected, rtol=1e-13)
    upper = tg.linalg.cholesky(high, upper=True)
    np.testing.assert_allclose((upper.mT @ upper).numpy(), a, rtol=1e-13)


def joined(*parts):
    """Return one number for all parts, which signs of vectors do not change."""
    return sum((i + 1) * (part**4).sum() for i, part in enumerate(parts))


@pytest.mark.parametrize("shape", SHAPES[:-1], ids=str)
def test_eigh(torch, shape):
    a = positive_definite(*shape)

    def symmetric(eigh):
        return lambda x: eigh((x + x.mT) / 2)

    ours, theirs = symmetric(tg.linalg.eigh), symmetric(torch.linalg.eigh)
    agree(torch, lambda x: joined(*ours(x)), lambda t: joined(*theirs(t)), a, twice=True)
    agree(torch, lambda x: ours(x)[0], lambda t: theirs(t)[0], a, twice=True)
    agree(torch, tg.linalg.eigvalsh, torch.linalg.eigvalsh, a)


def test_eigenvalues_and_singular_values_that_are_equal_have_a_gradient():
    for a in (np.eye(3), np.diag([2.0, 1.0, 1.0]), np.zeros((2, 2))):
        for name in ("eigvalsh", "svdvals"):
            x = tg.tensor(a, requires_grad=True)
            (getattr(tg.linalg, name)(x) ** 3).sum().backward()
            np.testing.assert_allclose(x.grad.numpy(), 3 * a**2, atol=1e-14)


def test_eigenvectors_and_singular_vectors_of_equal_values_have_none():
    for a in (np.eye(3), np.diag([2.0, 1.0, 1.0])):
        for f in (lambda x: tg.linalg.eigh(x)[1], lambda x: tg.linalg.svd(x)[0]):
            x = tg.tensor(a, requires_grad=True)
            f(x).backward(draw(3, 3))
            assert np.isnan(x.grad.numpy()).any()


@pytest.mark.parametrize("shape", TALL_AND_WIDE, ids=str)
@pytest.mark.parametrize("full", [False, True])
def test_svd(torch, shape, full):
    a = well_conditioned(*shape)
    k = min(shape[-2:])

    def parts(svd):
        def call(x):
            u, s, vh = svd(x, full_matrices=full)
            return joined(u[..., :k], s, vh[..., :k, :])

        return call

    agree(torch, parts(tg.linalg.svd), parts(torch.linalg.svd), a, twice=True)
    got, want = tg.linalg.svd(a, full), np.linalg.svd(a, full)
    for ours, expected in zip(got, want, strict=True):
        np.testing.assert_array_equal(ours.numpy(), expected, strict=True)


@pytest.mark.parametrize("shape", [*TALL_AND_WIDE, (0, 3), (3, 0)], ids=str)
def test_svdvals(torch, shape):
    a = well_conditioned(*shape)
    agree(torch, tg.linalg.svdvals, torch.linalg.svdvals, a, twice=True)
    alone = tg.linalg.svd(a, compute_uv=False)
    np.testing.assert_array_equal(alone.numpy(), tg.linalg.svdvals(a).numpy())


@pytest.mark.parametrize("shape", TALL_AND_WIDE, ids=str)
def test_qr(torch, shape):
    a = well_conditioned(*shape)
    for part in (0, 1):
        ours, theirs = (lambda x, f=f, i=part: f(x)[i] for f in (tg.linalg.qr, torch.linalg.qr))
        if shape[-2] < shape[-1]:  # PyTorch has no rule for wide matrices
            x = tg.tensor(a, requires_grad=True)
            np.testing.assert_allclose(ours(x).numpy(), np.linalg.qr(a)[part], atol=1e-14)
        else:
            agree(torch, ours, theirs, a, twice=True)
    got = tg.linalg.qr(a, mode="r").numpy()
    np.testing.assert_allclose(got, np.linalg.qr(a, mode="r"), atol=1e-14, strict=True)
    for ours, want in zip(tg.linalg.qr(a, "complete"), np.linalg.qr(a, "complete"), strict=True):
        np.testing.assert_allclose(ours.numpy(), want, atol=1e-14, strict=True)


def test_gradients_of_qr_of_a_wide_matrix():
    """q r = a gives back what came in; so does the gradient, to second order."""
    x = tg.tensor(draw(2, 4), requires_grad=True)
    q, r = tg.linalg.qr(x)
    g = draw(2, 4, seed=1)
    gx = tg.grad(q @ r, x, g, create_graph=True)
    np.testing.assert_allclose(gx.numpy(), g, atol=1e-13)
    np.testing.assert_allclose(tg.grad((gx * gx).sum(), x).numpy(), 0 * g, atol=1e-12)


# -- norms ---------------------------------------------------------------------------------------

ORDERS = [2, 1, 3, 0.5, -1, -2.5, 0, np.inf, -np.inf]
AXES = [((3,), None), ((2, 3), 0), ((2, 3), None), ((2, 3, 4), (0, 2)), ((), None), ((0, 3), 0)]


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize(("shape", "axis"), AXES, ids=str)
@pytest.mark.parametrize("ord", ORDERS)
def test_vector_norm(torch, ord, shape, axis, keepdims):
    if abs(ord) == np.inf or ord < 0:  # of nothing there is none
        shape = tuple(n or 1 for n in shape)
    x = np.asarray(draw(*shape))
    agree(
        torch,
        lambda x: tg.linalg.vector_norm(x, ord=ord, axis=axis, keepdims=keepdims),
        lambda t: torch.linalg.vector_norm(t, ord, axis, keepdims),
        x,
        twice=x.size > 0,
    )
    got = tg.linalg.vector_norm(x, ord=ord, axis=axis, keepdims=keepdims)
    expected = np.linalg.vector_norm(x, ord=ord, axis=axis, keepdims=keepdims)
    np.testing.assert_allclose(got.numpy(), expected, rtol=1e-13)


@pytest.mark.parametrize("ord", [2, 1, 3, 0.5, 0, np.inf])
def test_gradient_of_norms_of_zeros_is_zero(torch, ord):
    """So it is in PyTorch, where the whole vector is 0 and where a part is."""
    for x in (np.zeros(3), np.array([0.0, 3.0, -4.0])):
        agree(
            torch,
            lambda x: tg.linalg.vector_norm(x, ord=ord),
            lambda t: torch.linalg.vector_norm(t, ord),
            x,
        )


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [(0, 1), (2, 0), (-1, -2)])
@pytest.mark.parametrize("ord", ["fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf])
def test_matrix_norm(torch, ord, axis, keepdims):
    x = draw(2, 3, 4)
    agree(
        torch,
        lambda x: tg.linalg.norm(x, ord, axis, keepdims),
        lambda t: torch.linalg.matrix_norm(t, ord, axis, keepdims),
        x,
        twice=True,
    )
    got, want = (f(x, ord, axis, keepdims) for f in (tg.linalg.norm, np.linalg.norm))
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-13, strict=True)
    last = tg.linalg.matrix_norm(x, ord=ord, keepdims=keepdims).numpy()
    np.testing.assert_allclose(last, np.linalg.norm(x, ord, (-2, -1), keepdims), rtol=1e-13)


@pytest.mark.parametrize(
    "arguments",
    [(), (None, 0), (None, (0, 1)), (2, 1), (None, None, True)],
    ids=str,
)
def test_norm(arguments):
    for x in (draw(2, 3), draw(2, 3).astype(np.float32)):
        got, want = (f(x, *arguments) for f in (tg.linalg.norm, np.linalg.norm))
        np.testing.assert_allclose(got.numpy(), want, rtol=1e-6)
        assert got.dtype == x.dtype
    assert tg.linalg.norm([3, 4]).item() == 5
    assert tg.linalg.norm(np.ones((2, 2, 2))).item() == pytest.approx(8**0.5)


def test_norm_in_float16_does_not_overflow():
    assert tg.linalg.norm(np.full(4, 300, np.float16)).item() == 600


# -- dtypes --------------------------------------------------------------------------------------


def test_integers_become_the_default_dtype():
    for name in ("inv", "det", "cholesky", "eigvalsh", "svdvals", "pinv", "norm", "matrix_norm"):
        y = getattr(tg.linalg, name)(np.array([[2, 1], [1, 2]]))
        assert y.dtype == np.float32, name
    assert tg.linalg.solve(np.eye(2, dtype=int), [1, 2]).dtype == np.float32


# -- errors --------------------------------------------------------------------------------------

X, SINGULAR = tg.ones((2, 3)), tg.ones((2, 2))
L = tg.linalg
MESSAGES = {
    **{
        f"{name} of a rectangle": (getattr(L, name), (X,), ValueError, [name, "square", "(2, 3)"])
        for name in ("inv", "det", "slogdet", "cholesky", "eigh", "eigvalsh")
    },
    **{
        f"{name} of a vector": (getattr(L, name), (tg.ones(3),), ValueError, [name, "(3,)"])
        for name in ("inv", "det", "pinv", "qr", "svd", "svdvals", "matrix_norm", "matrix_rank")
    },
    "inv": (L.inv, (SINGULAR,), np.linalg.LinAlgError, ["inv", "Singular", "(2, 2)"]),
    "solve": (L.solve, (SINGULAR, [1, 2]), np.linalg.LinAlgError, ["solve", "Singular"]),
    "cholesky": (L.cholesky, (-SINGULAR,), np.linalg.LinAlgError, ["cholesky", "positive def"]),
    "svd of NaN": (L.svd, (SINGULAR * np.nan,), np.linalg.LinAlgError, ["svd", "converge"]),
    "solve rows": (L.solve, (SINGULAR, tg.ones(3)), ValueError, ["solve", "(2, 2)", "(3,)"]),
    "solve number": (L.solve, (SINGULAR, 1.0), ValueError, ["solve", "(2, 2)", "()"]),
    "solve stack": (
        L.solve,
        (tg.ones((2, 2, 2)), tg.ones((3, 2, 1))),
        ValueError,
        ["solve", "leading axes", "(2, 2, 2)", "(3, 2, 1)"],
    ),
    "solve None": (L.solve, (SINGULAR, None), TypeError, ["solve", "None"]),
    "qr mode": (L.qr, (X, "full"), ValueError, ["qr", "mode", "'full'"]),
    "qr complete": (
        L.qr,
        (tg.ones((3, 2), requires_grad=True), "complete"),
        ValueError,
        ["qr", "complete", "(3, 2)", "not differentiable"],
    ),
    "eigh UPLO": (L.eigh, (SINGULAR, "X"), ValueError, ["eigh", "UPLO", "'X'"]),
    "eigvalsh UPLO": (L.eigvalsh, (SINGULAR, 1), ValueError, ["eigvalsh", "UPLO", "1"]),
    "power": (L.matrix_power, (SINGULAR, 0.5), TypeError, ["matrix_power", "integer", "0.5"]),
    "pinv": (L.pinv, (X, "small"), TypeError, ["pinv", "rcond", "'small'"]),
    "pinv symmetric": (L.pinv, (X, None, True), ValueError, ["pinv", "square", "(2, 3)"]),
    "rank": (L.matrix_rank, (X, "small"), TypeError, ["matrix_rank", "tol", "'small'"]),
    "norm order": (L.norm, (tg.ones(3), "fro"), ValueError, ["norm", "vector", "'fro'"]),
    "norm 3": (L.norm, (X, 3), ValueError, ["norm", "matrix", "3"]),
    "norm name": (L.norm, (X, "max"), ValueError, ["norm", "matrix", "'max'"]),
    "norm axes": (L.norm, (tg.ones((2, 2, 2)), 2), ValueError, ["norm", "(0, 1, 2)", "(2, 2, 2)"]),
    "norm axis": (L.norm, (X, None, 2), ValueError, ["norm", "axis 2"]),
    "norm twice": (L.norm, (X, None, (0, 0)), ValueError, ["norm", "twice"]),
    "norm of nothing": (L.norm, (tg.ones(0), np.inf), ValueError, ["no element"]),
    # products
    "dot": (tg.dot, (X, X), ValueError, ["dot", "(2, 3)", "(2, 3)", "3 and 2"]),
    "inner": (tg.inner, (X, SINGULAR), ValueError, ["inner", "3 and 2"]),
    "vdot": (tg.vdot, (X, SINGULAR), ValueError, ["vdot", "6"]),
    "tensordot": (tg.tensordot, (X, SINGULAR), ValueError, ["tensordot", "(2, 3)", "(2, 2)"]),
    "tensordot lengths": (tg.tensordot, (X, X, 1), ValueError, ["tensordot", "(2, 3)", "length"]),
    "tensordot axes": (tg.tensordot, (X, X, "ab"), TypeError, ["tensordot", "axes", "'ab'"]),
    "tensordot -1": (tg.tensordot, (X, X, -1), ValueError, ["tensordot", "-1"]),
    "tensordot counts": (
        tg.tensordot,
        (X, X, ([0], [0, 1])),
        ValueError,
        ["tensordot", "(0,)", "(0, 1)"],
    ),
    "tensordot many": (tg.tensordot, (X, X, 3), ValueError, ["tensordot", "3", "(2, 3)"]),
    "kron None": (tg.kron, (X, None), TypeError, ["kron", "None"]),
    "bilinear inputs": (
        F.bilinear,
        (tg.ones((2, 3)), tg.ones((3, 2)), tg.ones((4, 3, 2))),
        ValueError,
        ["bilinear", "(2, 3)", "(3, 2)"],
    ),
    "bilinear weight": (
        F.bilinear,
        (X, X, tg.ones((4, 3, 2))),
        ValueError,
        ["bilinear", "weight", "3, 3", "(4, 3, 2)"],
    ),
    "bilinear bias": (
        F.bilinear,
        (X, X, tg.ones((4, 3, 3)), tg.ones(3)),
        ValueError,
        ["bilinear", "bias", "(4,)", "(3,)"],
    ),
    # einsum
    "einsum nothing": (tg.einsum, (), TypeError, ["einsum", "subscripts"]),
    "einsum no subscripts": (tg.einsum, (X, X), TypeError, ["einsum", "subscripts", "Tensor"]),
    "einsum None": (tg.einsum, ("ij", None), TypeError, ["einsum", "None"]),
    "einsum alone": (tg.einsum, ("ij",), ValueError, ["einsum", "1 terms", "0 operands"]),
    "einsum terms": (tg.einsum, ("i,j", X), ValueError, ["einsum", "2 terms", "1 operands"]),
    "einsum letter": (tg.einsum, ("i1", X), ValueError, ["einsum", "'1'", "no letter"]),
    "einsum dots": (tg.einsum, ("..i", X), ValueError, ["einsum", "'.'"]),
    "einsum dots twice": (tg.einsum, ("...i...", X), ValueError, ["einsum", "'.'"]),
    "einsum arrows": (tg.einsum, ("ij->i->j", X), ValueError, ["einsum", "'-'"]),
    "einsum axes": (tg.einsum, ("i", X), ValueError, ["einsum", "'i'", "2 axes", "(2, 3)"]),
    "einsum few axes": (tg.einsum, ("ijk", X), ValueError, ["einsum", "'ijk'", "(2, 3)"]),
    "einsum few for dots": (tg.einsum, ("...ijk", X), ValueError, ["einsum", "(2, 3)"]),
    "einsum output": (tg.einsum, ("ij->k", X), ValueError, ["einsum", "'k'", "no operand"]),
    "einsum twice": (tg.einsum, ("ij->ii", X), ValueError, ["einsum", "'i'", "twice"]),
    "einsum diagonal": (tg.einsum, ("ii", X), ValueError, ["einsum", "2 and 3", "diagonal"]),
    "einsum lengths": (
        tg.einsum,
        ("ij,jk", X, X),
        ValueError,
        ["einsum", "'j'", "3 and 2", "(2, 3), (2, 3)"],
    ),
    "einsum dots do not broadcast": (
        tg.einsum,
        ("...i,...i", X, tg.ones((3, 3))),
        ValueError,
        ["einsum", "2 and 3"],
    ),
    "einsum integers": (tg.einsum, (X, [0, 60]), ValueError, ["einsum", "0 to 51", "60"]),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_message(name):
    call, arguments, error, parts = MESSAGES[name]
    with pytest.raises(error) as caught:
        call(*arguments)
    pattern = ".*".join(map(re.escape, parts))
    assert re.search(pattern, str(caught.value), re.DOTALL), str(caught.value)


def test_curvature_of_the_norm_along_an_axis():
    """At (3, 0) the norm curves by 1/3 across, though that component is 0."""
    x = tg.tensor([3.0, 0.0], requires_grad=True)
    (slope,) = tg.grad(tg.linalg.norm(x), [x], create_graph=True)
    assert slope.tolist() == [1, 0]
    assert tg.grad(slope[1], x).tolist() == pytest.approx([0, 1 / 3])
