"""Operations of a user's own: by a decorator, and with several differentiable outputs."""

from __future__ import annotations

import numpy as np
import pytest

import tinygraph as tg


def leaf(values, dtype=np.float64):
    return tg.tensor(values, requires_grad=True, dtype=dtype)


# -- the decorator -------------------------------------------------------------------------------


@tg.function(
    lambda g, a, b, needs: (g * b if needs.a else None, g * a if needs.b else None), broadcasts=True
)
def times(a, b):
    """a times b."""
    return a * b


def test_a_decorated_function_is_an_operation():
    a, b = leaf([[1.0], [2.0]]), leaf([3.0, 4.0])
    y = times(a, b)
    assert times.__name__ == "times"
    assert times.__doc__ == "a times b."
    assert repr(y).endswith("function=times)")
    ga, gb = tg.grad(y.sum(), [a, b], create_graph=True)
    assert ga.tolist() == [[7], [7]]
    assert gb.tolist() == [3, 3]
    assert tg.grad(ga.sum(), b).tolist() == [2, 2]
    assert [v.function for v in tg.graph(y)] == [None, None, "times"]


def test_a_decorated_function_takes_arrays_and_numbers():
    y = times(np.array([1.0, 2.0]), 3)
    assert isinstance(y, tg.Tensor)
    assert y.tolist() == [3, 6]


def test_a_decorated_function_with_aux():
    @tg.function(lambda g, mask: g * mask, aux=("mask",))
    def positive(x):
        return x * (x > 0), x > 0

    x = leaf([-1.0, 2.0])
    positive(x).sum().backward()
    assert x.grad.tolist() == [0, 1]


def test_a_decorated_function_is_checked_when_it_is_made():
    with pytest.raises(TypeError, match="asks for 'z'"):
        tg.function(lambda g, z: g)(lambda x: x)


# -- several outputs -----------------------------------------------------------------------------


class SinCos(tg.Function):
    """Sine and cosine: gx = gs cos(x) - gc sin(x)."""

    outputs = ("sine", "cosine")

    def forward(self, x):
        return np.sin(x), np.cos(x)

    def backward(self, g, y):
        (gs, gc), (sine, cosine) = g, y
        return gs * cosine - gc * sine


class Extremes(tg.Function):
    """The two ends of each row, and where they are."""

    outputs = ("low", "high")
    aux = ("places",)

    def forward(self, x):
        places = np.stack([x.argmin(1), x.argmax(1)])
        rows = np.arange(len(x))
        return x[rows, places[0]], x[rows, places[1]], places

    def backward(self, g, x, places):
        low, high = g
        columns = np.arange(x.shape[1])
        return low.reshape(-1, 1) * (columns == places[0].reshape(-1, 1)) + high.reshape(-1, 1) * (
            columns == places[1].reshape(-1, 1)
        )


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 2)])
@pytest.mark.parametrize("create_graph", [False, True])
def test_several_outputs(shape, create_graph):
    x = leaf(np.linspace(0.1, 1.5, int(np.prod(shape))).reshape(shape))
    sine, cosine = SinCos()(x)
    assert sine.shape == cosine.shape == shape
    np.testing.assert_array_equal(sine.data, np.sin(x.data))
    np.testing.assert_array_equal(cosine.data, np.cos(x.data))
    gx = tg.grad((2 * sine + 3 * cosine).sum(), x, create_graph=create_graph)
    np.testing.assert_allclose(gx.data, 2 * np.cos(x.data) - 3 * np.sin(x.data), rtol=1e-14)
    if create_graph:
        gxx = tg.grad(gx.sum(), x)
        np.testing.assert_allclose(gxx.data, -2 * np.sin(x.data) - 3 * np.cos(x.data), rtol=1e-14)


def test_one_of_several_outputs():
    x = leaf([0.5])
    _, cosine = SinCos()(x)
    cosine.sum().backward()
    np.testing.assert_allclose(x.grad.data, -np.sin([0.5]), rtol=1e-15)


def test_several_outputs_with_aux():
    x = leaf([[3.0, 1.0, 2.0], [4.0, 6.0, 5.0]])
    low, high, places = Extremes().apply_with_aux(x)
    assert low.tolist() == [1, 4]
    assert high.tolist() == [3, 6]
    assert places.tolist() == [[1, 0], [0, 1]]
    (low + 10 * high).sum().backward()
    assert x.grad.tolist() == [[10, 1, 0], [1, 10, 0]]


def test_several_outputs_of_plain_arrays():
    sine, cosine = SinCos()(np.array([0.0]))
    assert type(sine) is np.ndarray
    assert sine.tolist() == [0]
    assert cosine.tolist() == [1]


def test_wrong_outputs_are_refused():
    class One(tg.Function):
        outputs = ("a", "b")

        def forward(self, x):
            return x * 1

    class Mixed(tg.Function):
        outputs = ("a", "b")

        def forward(self, x):
            return x * 1, x > 0

    class NoAux(tg.Function):
        aux = ("mask",)

        def forward(self, x):
            return x * 1  # of which the first row would be the output

    class MoreAux(NoAux):
        def forward(self, x):
            return x * 1, x > 0, x < 0

    class Undeclared(tg.Function):
        def forward(self, x):
            return x * 1, x > 0

    for made in (leaf([1.0, 2.0]), np.ones(2)):
        with pytest.raises(ValueError, match=r"One\.forward must return a, b"):
            One()(made)
        for wrong in (NoAux, MoreAux):
            with pytest.raises(ValueError, match=rf"{wrong.__name__}\.forward must return y, mask"):
                wrong()(made)
    with pytest.raises(TypeError, match=r"Undeclared\.forward returned a tuple; .* outputs or aux"):
        Undeclared()(leaf([1.0]))
    with pytest.raises(ValueError, match="Mixed must have one dtype"):
        Mixed()(leaf([1.0]))


def test_a_rule_keeps_double_precision_at_a_single_number():
    class Logistic(tg.Function):
        def forward(self, x):
            return 1 / (1 + np.exp(-x))

        def backward(self, g, x):
            e = tg.exp(-x)  # of a 0-d array, which NumPy has made a scalar
            return g * e / (1 + e) ** 2

    x = tg.tensor(0.3, dtype=np.float64, requires_grad=True)
    slope = np.exp(-0.3) / (1 + np.exp(-0.3)) ** 2
    assert tg.grad(Logistic()(x), x).item() == pytest.approx(slope, rel=1e-14)
