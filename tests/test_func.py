"""Transforms of functions: the rules of calculus, torch.func, and what they must leave alone."""

from __future__ import annotations

import math
from collections import namedtuple

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import func

from .test_torch import assert_close, draw

A, B = draw(3, 4), draw(4, seed=1)
POINT = np.array([0.3, -1.2, 2.0])


def wavy(lib):
    """Return a scalar function of a matrix and a vector, with all second derivatives."""
    return lambda x, y: ((x * y).tanh() ** 2 * lib.exp(y / 2)).sum() + (x.sum() * y.sum()) / 7


def vectorial(lib):
    return lambda x, y: ((x @ y).tanh() * y.sum()).reshape(1, 3)


def cube(x):
    return x**3


def tensor(values, **options):
    return tg.tensor(np.asarray(values, dtype=np.float64), **options)


def constants(torch, *arrays):
    return [tg.tensor(a) for a in arrays], [torch.tensor(a) for a in arrays]


# -- torch.func ----------------------------------------------------------------------------------


def test_vjp_as_torch(torch):
    ours, theirs = constants(torch, A, B)
    y, back = tg.vjp(vectorial(tg), *ours)
    expected, torch_back = torch.func.vjp(vectorial(torch), *theirs)
    assert_close(y, expected, "value")
    for seed in (2, 3):  # called again and again
        g = draw(1, 3, seed=seed)
        for got, want in zip(back(g), torch_back(torch.tensor(g)), strict=True):
            assert_close(got, want, "vjp")


def test_jvp_as_torch(torch):
    ours, theirs = constants(torch, A, B)
    along, torch_along = constants(torch, draw(3, 4, seed=2), draw(4, seed=3))
    got = tg.jvp(vectorial(tg), tuple(ours), tuple(along))
    want = torch.func.jvp(vectorial(torch), tuple(theirs), tuple(torch_along))
    for pair in zip(got, want, strict=True):
        assert_close(*pair, "jvp")


@pytest.mark.parametrize("argnums", [0, 1, (0, 1), (1,)])
@pytest.mark.parametrize("name", ["jacrev", "jacfwd"])
def test_jacobians_as_torch(torch, name, argnums):
    ours, theirs = constants(torch, A, B)
    got = getattr(func, name)(vectorial(tg), argnums)(*ours)
    want = getattr(torch.func, name)(vectorial(torch), argnums)(*theirs)
    if isinstance(argnums, int):
        got, want = (got,), (want,)
    assert isinstance(got, tuple)
    for pair in zip(got, want, strict=True):
        assert_close(*pair, name)


def test_hessian_as_torch(torch):
    ours, theirs = constants(torch, A, B)
    got = tg.hessian(wavy(tg), (0, 1))(*ours)
    want = torch.func.hessian(wavy(torch), (0, 1))(*theirs)
    for i in range(2):
        for j in range(2):
            assert_close(got[i][j], want[i][j], f"hessian {i} {j}")


def test_gradients_of_convolution_network_as_torch(torch):
    x, w = draw(2, 2, 5, 5), draw(3, 2, 3, 3, seed=1)

    def loss(lib, pool):
        return lambda w, x: (pool(lib.conv2d(x, w), 2).tanh() ** 2).sum()

    ours, theirs = constants(torch, w, x)
    along, torch_along = constants(torch, draw(3, 2, 3, 3, seed=2))
    f = loss(tg, tg.max_pool2d)
    g = loss(torch, torch.nn.functional.max_pool2d)
    assert_close(func.grad(f)(*ours), torch.func.grad(g)(*theirs), "grad")
    got = tg.hvp(lambda w: f(w, ours[1]), ours[0], along[0])
    want = torch.func.jvp(
        lambda w: torch.func.grad(g)(w, theirs[1]), (theirs[0],), tuple(torch_along)
    )
    assert_close(got, want[1], "hvp")


# -- they agree with each other ------------------------------------------------------------------


def test_hvp_is_the_hessian_times_a_vector():
    f = lambda x: wavy(tg)(x, tensor(B))  # noqa: E731
    v = draw(3, 4, seed=2)
    full = tg.hessian(f)(A).numpy()
    expected = np.einsum("ijkl,kl->ij", full, v)
    for got in (
        tg.hvp(f, A, v),
        tg.hvp(f, (A,), (v,)),
        tg.jvp(func.grad(f), (A,), (v,))[1],
        tg.vjp(func.grad(f), A)[1](v),
    ):
        np.testing.assert_allclose(got.numpy(), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(full, full.transpose(2, 3, 0, 1), rtol=1e-12, atol=1e-13)


def test_hvp_of_several_arguments():
    vs = draw(3, 4, seed=2), draw(4, seed=3)
    blocks = tg.hessian(wavy(tg), (0, 1))(A, B)
    got = tg.hvp(wavy(tg), (A, B), vs)
    for i in range(2):
        expected = sum(np.tensordot(blocks[i][j].numpy(), vs[j], axes=vs[j].ndim) for j in range(2))
        np.testing.assert_allclose(got[i].numpy(), expected, rtol=1e-12, atol=1e-12)


def test_jvp_and_vjp_are_transposes():
    f = vectorial(tg)
    u, ts = draw(1, 3, seed=2), (draw(3, 4, seed=3), draw(4, seed=4))
    _, along = tg.jvp(f, (A, B), ts)
    _, back = tg.vjp(f, A, B)
    pulled = sum((g.numpy() * t).sum() for g, t in zip(back(u), ts, strict=True))
    assert (along.numpy() * u).sum() == pytest.approx(pulled, rel=1e-12)


def forward_grad(f):
    return lambda x: tg.jvp(f, (x,), (tg.ones_like(x),))[1]


def reverse_grad(f):
    return lambda x: tg.vjp(f, x)[1](tg.ones_like(x))


@pytest.mark.parametrize("first", [func.grad, forward_grad, reverse_grad, tg.jacobian])
@pytest.mark.parametrize("second", [func.grad, forward_grad, reverse_grad, func.jacfwd])
@pytest.mark.parametrize("third", [func.grad, forward_grad, reverse_grad, tg.jacobian])
def test_transforms_nest_to_any_order(first, second, third):
    x = tensor(0.7)
    f = lambda x: (x**2).exp()  # noqa: E731
    expected = (8 * 0.7**3 + 12 * 0.7) * math.exp(0.49)
    assert third(second(first(f)))(x).item() == pytest.approx(expected, rel=1e-12)


def test_fifth_derivative():
    f = cube
    f = lambda x: x**6  # noqa: E731
    for _ in range(5):
        f = func.grad(f)
    assert f(tensor(2.0)).item() == 720 * 2


def test_an_inner_transform_sees_the_outer_argument():
    """d/dx of x d/dy (x y²) at y = x is d/dx 2 x³."""
    inner = lambda x: x * func.grad(lambda y: x * y * y)(x)  # noqa: E731
    assert func.grad(inner)(tensor(3.0)).item() == 54
    constant = lambda x: func.grad(lambda y: y * y)(tensor(3.0)) * x  # noqa: E731
    assert func.grad(constant)(tensor(1.0)).item() == 6


def test_checking_with_differences():
    f, x, v = vectorial(tg), (A, B), (draw(3, 4, seed=5), draw(4, seed=6))
    h = 1e-6
    up = f(*(tg.tensor(a + h * b) for a, b in zip(x, v, strict=True))).numpy()
    down = f(*(tg.tensor(a - h * b) for a, b in zip(x, v, strict=True))).numpy()
    np.testing.assert_allclose(tg.jvp(f, x, v)[1].numpy(), (up - down) / (2 * h), rtol=1e-7)


# -- nested arguments and results ----------------------------------------------------------------

Point = namedtuple("Point", "x y")


def test_nested_arguments():
    params = {"w": [tensor(A), None], "b": (tensor(B),), "p": Point(tensor(2.0), tensor(3.0))}
    f = lambda p: ((p["w"][0] + p["b"][0]) ** 2).sum() * p["p"].x  # noqa: E731
    value, g = tg.value_and_grad(f)(params)
    total = ((A + B) ** 2).sum()
    assert value.item() == pytest.approx(2 * total)
    assert list(g) == ["w", "b", "p"]
    assert isinstance(g["w"], list)
    assert g["w"][1] is None
    assert isinstance(g["p"], Point)
    np.testing.assert_allclose(g["w"][0].numpy(), 4 * (A + B))
    np.testing.assert_allclose(g["b"][0].numpy(), 4 * (A + B).sum(0))
    assert g["p"].x.item() == pytest.approx(total)
    assert g["p"].y.item() == 0  # not used
    second = tg.hvp(f, params, params)
    np.testing.assert_allclose(second["w"][0].numpy(), 4 * (A + B) + 4 * (A + B))


def test_what_is_no_tuple_is_the_only_argument():
    f = lambda p: (p[0] * p[1] ** 2).sum()  # noqa: E731
    p, v = [tensor(2.0), tensor(3.0)], [1.0, 10.0]
    assert tg.jvp(f, p, v)[1].item() == tg.jvp(f, (p,), (v,))[1].item() == 9 + 120
    assert [g.item() for g in tg.hvp(f, p, v)] == [60, 6 + 40]
    assert [g.item() for g in tg.hvp(lambda a, b: f([a, b]), tuple(p), v)] == [60, 46]


def test_nested_results():
    f = lambda x, y: {"a": (x * y, x.sum()), "b": [y]}  # noqa: E731
    x, y = tensor(B), tensor(2.0)
    out, back = tg.vjp(f, x, y)
    gx, gy = back({"b": [3.0], "a": (np.ones(4), 5.0)})  # in another order
    np.testing.assert_allclose(gx.numpy(), 7)
    assert gy.item() == pytest.approx(B.sum() + 3)
    out, along = tg.jvp(f, (x, y), (np.ones(4), 1.0))
    np.testing.assert_allclose(along["a"][0].numpy(), 2 + B)
    assert (along["a"][1].item(), along["b"][0].item()) == (4, 1)
    assert out["b"][0].item() == 2
    for jacobian in (func.jacrev, func.jacfwd):
        j = jacobian(f, (0, 1))(x, y)
        assert [t.shape for t in j["a"][0]] == [(4, 4), (4,)]
        assert [t.shape for t in j["a"][1]] == [(4,), ()]
        assert [t.tolist() for t in j["b"][0]] == [[0, 0, 0, 0], 1]


def test_arrays_and_numbers_as_arguments():
    assert func.grad(lambda x, n: (x**n).sum())(np.array([1.0, 2.0]), 2).tolist() == [2, 4]
    assert func.grad(cube)(2.0).dtype == tg.get_default_dtype()
    assert func.grad(lambda a, b, *, c: a * b * c, argnums=-1)(2.0, 3.0, c=5.0).item() == 10


def test_aux_is_handed_on():
    f = lambda x: (cube(x).sum(), {"square": x * x, "note": "any"})  # noqa: E731
    x = tensor([1.0, 2.0])
    g, aux = func.grad(f, has_aux=True)(x)
    assert g.tolist() == [3, 12]
    (value, aux_too), _ = tg.value_and_grad(f, has_aux=True)(x)
    assert value.item() == 9
    *_, aux_vjp = tg.vjp(f, x, has_aux=True)
    *_, aux_jvp = tg.jvp(f, x, x, has_aux=True)
    _, aux_jacobian = tg.jacobian(f, has_aux=True)(x)
    for a in (aux, aux_too, aux_vjp, aux_jvp, aux_jacobian):
        assert a["square"].tolist() == [1, 4]
        assert not a["square"].requires_grad
        assert a["note"] == "any"


def test_empty_and_integer_results():
    empty = tg.jacobian(lambda x: x[:0])(tensor([1.0, 2.0]))
    assert empty.shape == (0, 2)
    assert tg.jacobian(lambda x: x.sum())(tensor([])).shape == (0,)
    y, along = tg.jvp(lambda x: (x * 2, x.argmax()), tensor([1.0, 2.0]), tensor([1.0, 1.0]))
    assert (along[0].tolist(), along[1].item()) == ([2, 2], 0)
    assert y[1].item() == 1


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtypes(dtype):
    x = tg.tensor([1.0, 2.0], dtype=dtype)
    results = [
        func.grad(lambda x: cube(x).sum())(x),
        *tg.jvp(cube, x, [1.0, 1.0]),
        tg.jacobian(cube)(x),
        func.jacfwd(cube)(x),
        tg.hvp(lambda x: cube(x).sum(), x, np.ones(2)),
        tg.vjp(cube, x)[1](np.ones(2)),
    ]
    assert {r.dtype for r in results} == {np.dtype(dtype)}


def test_jvp_where_the_backward_pass_has_singular_values():
    """The cotangents of the double reverse are dummies: nothing of them reaches the user."""
    with np.errstate(divide="ignore"):
        _, along = tg.jvp(lambda x: x.sqrt(), tensor([0.0, 4.0]), tensor([1.0, 1.0]))
    assert along.tolist() == [np.inf, 0.25]


# -- what they leave alone -----------------------------------------------------------------------


def test_no_grad_attribute_is_touched_and_no_graph_is_used_up():
    w = tensor(2.0, requires_grad=True)
    x = tensor(3.0, requires_grad=True)
    h = w * w  # a graph of the user's
    f = lambda x: h * x * x  # noqa: E731
    for transform in (func.grad, func.jacrev, func.jacfwd, tg.hessian):
        transform(f)(x)
    tg.hvp(f, x, 1.0), tg.jvp(f, x, 1.0), tg.vjp(f, x)[1](1.0)
    assert w.grad is None
    assert x.grad is None
    h.backward()
    assert w.grad.item() == 4
    assert func.grad(f)(x).item() == 24  # values are still there, when the graph is used up


@pytest.mark.parametrize(
    ("result", "by_w", "by_x"),
    [
        (lambda f, x: tg.value_and_grad(f)(x)[0], 4 * 27, 4 * 27),
        (lambda f, x: func.grad(f)(x), 4 * 27, 24 * 3),
        (lambda f, x: tg.jvp(f, x, 1.0)[1], 4 * 27, 24 * 3),
        (lambda f, x: tg.vjp(f, x)[1](1.0), 4 * 27, 24 * 3),
        (lambda f, x: tg.jacobian(f)(x), 4 * 27, 24 * 3),
        (lambda f, x: func.jacfwd(f)(x), 4 * 27, 24 * 3),
        (lambda f, x: tg.hessian(f)(x), 24 * 3, 24),
        (lambda f, x: tg.hvp(f, x, 1.0), 24 * 3, 24),
    ],
)
def test_results_stay_joined_to_what_requires_a_gradient(result, by_w, by_x):
    w, x = tensor(2.0, requires_grad=True), tensor(3.0, requires_grad=True)
    h = w * w
    y = result(lambda x: h * cube(x), x)
    assert [g.item() for g in tg.grad(y, [w, x])] == [by_w, by_x]
    with tg.no_grad():
        detached = result(lambda x: h * cube(x), x)
    assert detached.item() == y.item()
    assert not detached.requires_grad
    assert not result(lambda x: 4 * cube(x), tensor(3.0)).requires_grad


def test_cotangents_are_differentiated_by():
    g = tensor(2.0, requires_grad=True)
    _, back = tg.vjp(lambda x: x * x, tensor(3.0))
    assert tg.grad(back(g), g).item() == 6
    t = tensor(2.0, requires_grad=True)
    assert tg.grad(tg.jvp(lambda x: x * x, tensor(3.0), t)[1], t).item() == 6


def test_no_grad_inside_the_function_is_respected():
    def f(x):
        with tg.no_grad():
            shift = x * x
        return x * shift

    assert func.grad(f)(tensor(3.0)).item() == 9
    with tg.no_grad():
        assert func.grad(func.grad(cube))(tensor(3.0)).item() == 18


def test_the_argument_is_not_changed():
    x = tensor([1.0, 2.0])
    func.grad(lambda x: cube(x).sum())(x)
    assert not x.requires_grad
    assert func.grad(lambda x: x[0])(x).tolist() == [1, 0]


# -- mistakes ------------------------------------------------------------------------------------

X = tensor(B)

MESSAGES = {
    "no function": (lambda: tg.jacobian(X), TypeError, "jacobian: expected a function, not Tensor"),
    "no function to vjp": (lambda: tg.vjp(3, X), TypeError, "vjp: expected a function, not int"),
    "a vector": (lambda: func.grad(cube)(X), ValueError, r"grad: .* single .* shape \(4,\)"),
    "a number that is no Tensor": (
        lambda: func.grad(lambda x: 1.0)(X),
        TypeError,
        "grad: .* must return Tensors, not float",
    ),
    "nothing": (lambda: tg.vjp(lambda x: None, X), TypeError, "vjp: .* returned no Tensor"),
    "integers": (lambda: func.grad(cube)(3), TypeError, "grad: .* floating, not int64"),
    "the argument as argnums": (
        lambda: tg.jacobian(cube, X)(X),
        TypeError,
        r"argnums must be an int or ints, not Tensor .*jacobian\(f\)\(x\)",
    ),
    "argnums": (lambda: tg.hessian(cube, 1)(X), ValueError, "argnums has 1, .* 1 arguments"),
    "aux": (
        lambda: func.grad(cube, has_aux=True)(X),
        TypeError,
        r"grad: with has_aux .* \(value, aux\)",
    ),
    "shape of a cotangent": (
        lambda: tg.vjp(cube, X)[1](np.ones(3)),
        ValueError,
        r"vjp: cotangent 0 has shape \(3,\), .* \(4,\)",
    ),
    "nesting of a tangent": (
        lambda: tg.jvp(lambda p: cube(p["a"]), {"a": X}, {"b": X}),
        ValueError,
        r"jvp: the tangents do not match: .*\['a'\], not the keys \['b'\]",
    ),
    "number of tangents": (
        lambda: tg.jvp(lambda a, b: a * b, (X, X), (X,)),
        ValueError,
        "jvp: the tangents do not match: expected a tuple of length 2, not tuple of length 1",
    ),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_messages(name):
    call, kind, message = MESSAGES[name]
    with pytest.raises(kind, match=message):
        call()
