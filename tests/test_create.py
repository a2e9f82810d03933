"""Factories against NumPy's: values, shapes, dtypes, and reproducible randomness."""

from __future__ import annotations

import numpy as np
import pytest

import tinygraph as tg


def assert_same(got, expected):
    assert type(got) is tg.Tensor
    assert (got.shape, got.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_array_equal(got.numpy(), expected)


SHAPES = [(), 3, (3,), [2, 3], (0, 2), np.int64(2)]


@pytest.mark.parametrize("shape", SHAPES, ids=repr)
@pytest.mark.parametrize("name", ["zeros", "ones"])
def test_zeros_and_ones(name, shape):
    make, numpy_make = getattr(tg, name), getattr(np, name)
    assert_same(make(shape), numpy_make(shape, np.float32))
    assert_same(make(shape, dtype=np.int8), numpy_make(shape, np.int8))


@pytest.mark.parametrize("shape", SHAPES, ids=repr)
@pytest.mark.parametrize(
    ("value", "dtype"),
    [(2.5, np.float32), (2, np.int64), (True, bool), (np.float64(2), np.float64)],
    ids=repr,
)
def test_full_has_the_dtype_of_its_value(shape, value, dtype):
    assert_same(tg.full(shape, value), np.full(shape, value, dtype))
    assert_same(tg.full(shape, value, dtype=np.float16), np.full(shape, value, np.float16))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int32, bool])
@pytest.mark.parametrize("wrap", [tg.tensor, np.asarray])
def test_like(wrap, dtype):
    like = wrap(np.ones((2, 3), dtype))
    array = np.asarray(like)
    assert_same(tg.zeros_like(like), np.zeros_like(array))
    assert_same(tg.ones_like(like), np.ones_like(array))
    assert_same(tg.full_like(like, 1), np.full_like(array, 1))
    assert_same(tg.zeros_like(like, dtype=np.int8), np.zeros((2, 3), np.int8))


@pytest.mark.parametrize(
    "integers",
    [[2**63, 1], [[1, 2**63 + 1025], [3, 4]], [2**63, -1], [2**63], (2**64 - 1,), [2**63, True]],
    ids=str,
)
def test_integers_become_what_numpy_makes_of_them(integers):
    """Also where that is float64: no float was written, which would become float32."""
    assert_same(tg.tensor(integers), np.array(integers))
    assert_same(tg.zeros(1, dtype=np.int8) + integers, np.zeros(1, np.int8) + np.array(integers))


def test_a_float_among_integers_makes_floats_of_them():
    for numbers in ([2**63, 1, 0.5], [[1, 2], [0.5, 2**63]], [], [[], []], [np.float64(1), 2**63]):
        assert tg.tensor(numbers).dtype == np.float32


def test_like_takes_no_gradient_over():
    x = tg.ones(2, requires_grad=True)
    assert not tg.zeros_like(x).requires_grad
    assert not tg.full_like(x, 3).requires_grad
    assert tg.ones_like(x, requires_grad=True).requires_grad


@pytest.mark.parametrize(
    "arguments", [(5,), (0,), (2, 5), (5, 2), (5, 2, -1), (0, 10, 3), (-3, 3)], ids=str
)
def test_arange_of_integers(arguments):
    assert_same(tg.arange(*arguments), np.arange(*arguments))


@pytest.mark.parametrize("arguments", [(2.5,), (0, 1, 0.25), (1.0, 0.0, -0.5), (0, 1.0)], ids=str)
def test_arange_of_floats(arguments):
    assert_same(tg.arange(*arguments), np.arange(*arguments).astype(np.float32))
    assert_same(tg.arange(*arguments, dtype=np.float64), np.arange(*arguments))


def test_arange_of_another_dtype():
    assert_same(tg.arange(5, dtype=np.float32), np.arange(5, dtype=np.float32))
    assert tg.arange(3.0, requires_grad=True).requires_grad


@pytest.mark.parametrize(
    "arguments", [(0, 1), (0, 1, 5), (2, -2, 4), (1, 1, 1), (0, 1, 0)], ids=str
)
def test_linspace(arguments):
    assert_same(tg.linspace(*arguments), np.linspace(*arguments).astype(np.float32))
    assert_same(tg.linspace(*arguments, dtype=np.float64), np.linspace(*arguments))


@pytest.mark.parametrize("arguments", [(3,), (2, 4), (3, 1), (0,)], ids=str)
def test_eye(arguments):
    assert_same(tg.eye(*arguments), np.eye(*arguments, dtype=np.float32))
    assert_same(tg.eye(*arguments, dtype=int), np.eye(*arguments, dtype=int))


@pytest.mark.parametrize(
    "make",
    [
        lambda **options: tg.tensor([1.0], **options),
        lambda **options: tg.from_numpy(np.ones(1), **options),
        lambda **options: tg.zeros(2, **options),
        lambda **options: tg.ones(2, **options),
        lambda **options: tg.full(2, 1.5, **options),
    ],
)
def test_names_and_gradients(make):
    x = make(requires_grad=True, name="w")
    assert x.requires_grad
    assert x.name == "w"
    assert not make().requires_grad
    assert make().name is None


@pytest.mark.parametrize("name", ["eye", "rand", "randn", "linspace"])
def test_gradients_of_the_others(name):
    arguments = (0, 1) if name == "linspace" else (2,)
    assert getattr(tg, name)(*arguments, requires_grad=True).requires_grad
    assert not getattr(tg, name)(*arguments).requires_grad


# -- tensor --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1.5, np.float32),
        (1, np.int64),
        (True, bool),
        ([1, 2.0], np.float32),
        ([[1, 2], [3, 4]], np.int64),
        ([], np.float32),
        (np.float64(1.5), np.float64),
        (np.float16(1.5), np.float16),
        (range(3), np.int64),
        (np.ones((2, 0)), np.float64),
    ],
    ids=repr,
)
def test_tensor(data, dtype):
    assert_same(tg.tensor(data), np.asarray(data, dtype))
    assert_same(tg.tensor(data, dtype=np.float64), np.asarray(data, np.float64))


def test_tensor_of_a_tensor_is_a_new_leaf():
    x = tg.ones(2, requires_grad=True)
    y = tg.tensor(x * 2)
    assert y.is_leaf
    assert not y.requires_grad


def test_tensor_of_any_layout():
    array = np.arange(12.0).reshape(3, 4)
    for view in (array.T, array[::-1, ::2], np.asfortranarray(array), np.broadcast_to(1.0, (2, 2))):
        x = tg.tensor(view)
        assert_same(x, view)
        assert x.numpy().flags.writeable


def test_from_numpy_shares_and_checks():
    array = np.zeros(3)
    x = tg.from_numpy(array)
    array[0] = 1
    assert x.tolist() == [1, 0, 0]
    assert x.numpy() is array
    for wrong in ([1.0], 1.0, np.float64(1.0), tg.ones(2)):
        with pytest.raises(TypeError, match=f"expected an ndarray, not {type(wrong).__name__}"):
            tg.from_numpy(wrong)
    for dtype in (object, complex, "U1", "datetime64[s]"):
        with pytest.raises(TypeError, match="booleans, integers or real floats"):
            tg.from_numpy(np.zeros(2, dtype))


# -- randomness ----------------------------------------------------------------------------------

RANDOM = [tg.rand, tg.randn]


@pytest.mark.parametrize("make", RANDOM)
@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((), ()),
        ((3,), (3,)),
        ((2, 3), (2, 3)),
        (((2, 3),), (2, 3)),
        (([2],), (2,)),
        ((0, 2), (0, 2)),
    ],
    ids=str,
)
def test_random_shapes(make, shape, expected):
    x = make(*shape)
    assert type(x) is tg.Tensor
    assert (x.shape, x.dtype) == (expected, np.float32)
    assert make(*shape, dtype=np.float64).dtype == np.float64


def test_random_values_are_those_of_the_generator():
    def generator():
        return np.random.default_rng(7)

    uniform, normal = generator().random((2, 3)), generator().standard_normal((2, 3))
    assert_same(tg.rand(2, 3, dtype=np.float64, generator=generator()), uniform)
    assert_same(tg.randn(2, 3, dtype=np.float64, generator=generator()), normal)
    assert_same(tg.rand(2, 3, generator=generator()), uniform.astype(np.float32))


def test_uniform_numbers_are_below_one_in_every_precision():
    """Rounding a double just below 1 to another precision must not give 1."""

    class Nearly(np.random.Generator):
        def random(self, size=None, dtype=np.float64, out=None):
            return np.full(size, np.nextafter(dtype(1), dtype(0)), dtype)

    generator = Nearly(np.random.PCG64(0))
    for dtype in (np.float16, np.float32, np.float64):
        assert (tg.rand(4, dtype=dtype, generator=generator).numpy() < 1).all()


@pytest.mark.parametrize("make", RANDOM)
def test_manual_seed(make):
    tg.manual_seed(5)
    first, second = make(4), make(4)
    assert first.tolist() != second.tolist()
    tg.manual_seed(5)
    assert make(4).tolist() == first.tolist()
    assert make(4).tolist() == second.tolist()
    tg.manual_seed(6)
    assert make(4).tolist() != first.tolist()


def test_manual_seed_does_not_touch_what_numpy_shares():
    np.random.seed(0)  # noqa: NPY002 (the global state is what must not change)
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    tg.manual_seed(1)
    tg.rand(3)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


def test_a_generator_of_ones_own_leaves_the_default_one_alone():
    tg.manual_seed(5)
    expected = tg.rand(3).tolist()
    tg.manual_seed(5)
    tg.randn(10, generator=np.random.default_rng(0))
    tg.dropout(tg.ones(5), generator=np.random.default_rng(0))
    assert tg.rand(3).tolist() == expected


@pytest.mark.parametrize("wrong", [0, "seed", np.random.RandomState(0)])
@pytest.mark.parametrize(
    "make", [*RANDOM, lambda *shape, **options: tg.dropout(tg.ones(shape), **options)]
)
def test_a_generator_must_be_one(make, wrong):
    with pytest.raises(TypeError, match=r"numpy\.random\.Generator, not .*default_rng\(seed\)"):
        make(3, generator=wrong)
