"""checkpoint: the same values and gradients as without it, for less memory."""

from __future__ import annotations

import gc
import tracemalloc

import numpy as np
import pytest

import tinygraph as tg

from .test_torch import draw


def leaf(*shape, seed=0):
    return tg.tensor(draw(*shape, seed=seed), requires_grad=True)


def derivatives(f, inputs, order=3):
    """Return the value of f, and contracted derivatives up to ``order``, as arrays."""
    y = f()
    found = [y.numpy()]
    for _ in range(order):
        gradients = tg.grad(y, inputs, create_graph=True, allow_unused=True)
        found += [None if g is None else g.numpy() for g in gradients]
        terms = [(g * g).sum() for g in gradients if g is not None]
        y = sum(terms[1:], terms[0])
    return found


def assert_same(got, expected):
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9 * np.abs(b).max())


@pytest.mark.parametrize("wrapped", ["outer", "inner", "both", "twice"])
def test_derivatives_are_those_of_the_function(wrapped):
    """Arguments, closed-over leaves and closed-over results of other operations, to third order."""
    x, w, v = leaf(3, 4), leaf(4, 4, seed=1), leaf(4, seed=2)
    h = (w * v).tanh()  # depends on w, which f uses too
    layer = lambda x: ((x @ w).tanh() @ h + v * x).sigmoid()  # noqa: E731
    inner = (lambda x: tg.checkpoint(layer, x)) if wrapped in ("inner", "both") else layer
    model = lambda x: (inner(inner(x)) ** 2).sum()  # noqa: E731
    if wrapped == "twice":
        once = lambda x: tg.checkpoint(model, x)  # noqa: E731
        run = lambda: tg.checkpoint(once, x)  # noqa: E731
    else:
        run = lambda: tg.checkpoint(model, x) if wrapped != "inner" else model(x)  # noqa: E731
    direct = lambda: (layer(layer(x)) ** 2).sum()  # noqa: E731
    assert_same(derivatives(run, [x, w, v, h]), derivatives(direct, [x, w, v, h]))


def test_backward_fills_the_leaves():
    model = tg.nn.Sequential(tg.nn.Linear(3, 4), tg.nn.Tanh(), tg.nn.Linear(4, 2))
    x = tg.tensor(draw(5, 3, dtype=np.float32))
    (model(x) ** 2).sum().backward()
    expected = [p.grad.numpy() for p in model.parameters()]
    model.zero_grad()
    (tg.checkpoint(model, x) ** 2).sum().backward()
    assert len(expected) == 4
    for p, g in zip(model.parameters(), expected, strict=True):
        np.testing.assert_allclose(p.grad.numpy(), g, rtol=1e-5, atol=1e-6)


def test_nested_arguments_and_results():
    a, b = leaf(3), leaf(2, seed=1)
    given = {"a": [a, np.ones(3)], "b": (b, None)}

    def f(given, scale, *, power):
        x, y = given["a"][0] * given["a"][1] * scale, given["b"][0] ** power
        return {"sums": (x.sum() * y, (y * y).astype(np.float32)), "n": [tg.tensor([1, 2])]}

    def total(out):
        (x, y), n = out["sums"], out["n"][0]
        assert (x.dtype, y.dtype, n.dtype) == (np.float64, np.float32, np.int64)
        return (x * y).sum() + n.sum()

    run = lambda: total(tg.checkpoint(f, given, 2.0, power=3))  # noqa: E731
    direct = lambda: total(f(given, 2.0, power=3))  # noqa: E731
    for got, want in zip(derivatives(run, [a, b], 2), derivatives(direct, [a, b], 2), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5)  # part of it is in float32


def test_one_of_several_results():
    a, b = leaf(3), leaf(3, seed=1)
    x, y = tg.checkpoint(lambda a, b: (a * 2, b * 3), a, b)
    assert tg.grad(y.sum(), b, retain_graph=True).tolist() == [3, 3, 3]
    assert tg.grad(x.sum(), [a, b]) is not None
    assert (a.grad, b.grad) == (None, None)


def test_what_is_handed_through():
    x, w = leaf(3), leaf(3, seed=1)
    h = w * 2
    for f, inputs in ((lambda x: x, x), (lambda x: w, w), (lambda x: h, w)):
        y = tg.checkpoint(f, x)
        assert tg.grad((y * y).sum(), inputs, retain_graph=True).shape == (3,)
        np.testing.assert_allclose(
            tg.grad(y.sum(), inputs, retain_graph=True).numpy(), 2 if f(x) is h else 1
        )
    y = tg.checkpoint(lambda x: tg.ones(2), x)
    assert not y.requires_grad


def test_transforms_inside_and_outside():
    w = leaf(3, seed=1)
    x = draw(3)
    square = lambda x: (tg.func.grad(lambda z: (z**3 * w).sum())(x) ** 2).sum()  # noqa: E731
    direct = tg.hessian(square)(x).numpy()
    np.testing.assert_allclose(
        tg.hessian(lambda x: tg.checkpoint(square, x))(x).numpy(), direct, rtol=1e-12
    )
    np.testing.assert_allclose(
        derivatives(lambda: tg.checkpoint(square, tg.tensor(x)), [w], 2)[1:],
        derivatives(lambda: square(tg.tensor(x)), [w], 2)[1:],
        rtol=1e-12,
    )


# -- random numbers ------------------------------------------------------------------------------


@pytest.mark.parametrize("passed", [False, True])
def test_dropout_gives_the_same_mask_again(passed):
    x = leaf(50)
    tg.manual_seed(1)
    generator = np.random.default_rng(1) if passed else None
    y = tg.checkpoint(lambda x, rng: tg.dropout(x * 2, 0.5, generator=rng), x, generator)
    after = tg.rand(3) if not passed else tg.rand(3, generator=generator)
    g = tg.grad(y.sum(), x, create_graph=True)
    assert ((g != 0) == (y != 0)).all()
    assert 0 < (y != 0).sum() < 50
    further = tg.rand(3) if not passed else tg.rand(3, generator=generator)
    tg.manual_seed(1)
    generator = np.random.default_rng(1) if passed else None
    tg.dropout(x, 0.5, generator=generator)
    expected = [tg.rand(3, generator=generator).tolist() for _ in range(2)]
    assert [after.tolist(), further.tolist()] == expected  # backward draws nothing


def test_reseeding_in_between_changes_nothing():
    x = leaf(50)
    y = tg.checkpoint(lambda x: tg.dropout(x, 0.5), x)
    tg.manual_seed(7)
    g = tg.grad(y.sum(), x)
    assert ((g != 0) == (y != 0)).all()
    here = tg.rand(2).tolist()
    tg.manual_seed(7)
    assert tg.rand(2).tolist() == here


@pytest.mark.parametrize("nested", [False, True])
def test_generators_that_f_closes_over_give_the_same_numbers_again(nested):
    """As those of modules do; each goes on afterwards as if there were no checkpoint."""

    def gradient(run):
        rng = np.random.default_rng(1)
        layer = tg.nn.GRU(3, 40, 2, dropout=0.5, dtype=np.float64, generator=rng)
        x = leaf(2, 3)
        drop = tg.nn.Dropout(0.5, generator=rng)
        y = run(lambda x: drop(layer(drop(x))[0]), x)
        later = tg.rand(3, generator=rng)
        return y.data, tg.grad((y * y).sum(), x).data, later.data, tg.rand(3, generator=rng).data

    def checkpoint(f, x):
        return tg.checkpoint(lambda x: tg.checkpoint(f, x) if nested else f(x), x)

    expected = gradient(lambda f, x: f(x))
    for value, wanted in zip(gradient(checkpoint), expected, strict=True):
        np.testing.assert_array_equal(value, wanted)


# -- memory --------------------------------------------------------------------------------------

LAYERS, SIZE = 16, 1 << 15


def layer(x):
    for _ in range(8):
        x = (x.tanh() * x).exp().log()
    return x


def peak(step):
    """Return the largest memory in use during a forward and a backward, in units of the input."""
    x = tg.zeros(SIZE, requires_grad=True)
    gc.collect()
    tracemalloc.start()
    try:
        y = x
        for _ in range(LAYERS):
            y = step(y)
        held, _ = tracemalloc.get_traced_memory()
        y.sum().backward()
        return held / x.data.nbytes, tracemalloc.get_traced_memory()[1] / x.data.nbytes
    finally:
        tracemalloc.stop()


def test_memory():
    held, most = peak(layer)
    assert held > 8 * 2 * LAYERS
    held, most = peak(lambda x: tg.checkpoint(layer, x))
    assert held < LAYERS + 2  # one array for each layer
    assert most < LAYERS + 8 * 6
    nested = lambda x: tg.checkpoint(  # noqa: E731
        lambda x: tg.checkpoint(layer, tg.checkpoint(layer, x)), x
    )
    held, _ = peak(nested)
    assert held < LAYERS + 2


def test_a_graph_goes_with_its_last_reference():
    class Probe(tg.Function):
        """A copy: gx = g."""

        alive = 0

        def __init__(self):
            Probe.alive += 1

        def __del__(self):
            Probe.alive -= 1

        def forward(self, x):
            return x.copy()

        def backward(self, g):
            return g

    gc.disable()
    try:
        x = leaf(3)
        y = tg.checkpoint(lambda x: Probe()(x) * 2, x)
        assert Probe.alive == 0
        tg.grad(y.sum(), x, create_graph=True)
        assert Probe.alive == 0
    finally:
        gc.enable()


# -- no gradient, drawing, mistakes --------------------------------------------------------------


def test_nothing_is_recorded_without_a_gradient():
    calls = []
    f = lambda x: calls.append(1) or x * 2  # noqa: E731
    with tg.no_grad():
        assert tg.checkpoint(f, leaf(2)).is_leaf
    assert tg.checkpoint(f, tg.ones(2)).is_leaf
    assert len(calls) == 2


def test_it_runs_once_forward_and_once_backward():
    calls = []
    x = leaf(2)
    y, z = tg.checkpoint(lambda x: calls.append(1) or (x * 2, x.exp()), x)
    assert len(calls) == 1
    (y.sum() + z.sum()).backward()
    assert len(calls) == 2


def test_it_is_one_box():
    x, w = leaf(2), leaf(2, seed=1)

    def block(x):
        return (x * w).exp()

    assert "Checkpoint(f=block)" in str(tg.graph(tg.checkpoint(block, x)))


def test_messages():
    x = leaf(2)
    with pytest.raises(TypeError, match="checkpoint: expected a function, not Tensor"):
        tg.checkpoint(x)
    for result in (1.0, np.ones(2), [x, "text"]):
        with pytest.raises(TypeError, match="checkpoint: f must return Tensors, not"):
            tg.checkpoint(lambda x, result=result: result, x)
    parts = [leaf(2, seed=1), leaf(2, seed=2)]
    turns = iter(parts)
    y = tg.checkpoint(lambda x: x * next(turns), x)
    with pytest.raises(ValueError, match="did not use the same Tensors when it ran again"):
        y.sum().backward()


def test_a_parameter_that_was_written_is_an_error():
    x, w = leaf(2), leaf(2, seed=1)
    y = tg.checkpoint(lambda x: x * w, x).sum()
    w.data = [1.0, 2.0]
    with pytest.raises(ValueError, match="written after"):
        y.backward()
