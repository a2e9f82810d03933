"""Tensor itself: attributes, conversions, operators, names, and the setters' rules."""

from __future__ import annotations

import ast
import copy
import inspect
import operator
import pickle

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import _methods, _tensor


@pytest.fixture
def x():
    return tg.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True, name="x")


@pytest.fixture
def default_dtype():
    """Let a test change the default dtype, and restore it."""
    before = tg.get_default_dtype()
    yield
    tg.set_default_dtype(before)


# -- what it is ----------------------------------------------------------------------------------


def test_attributes(x):
    assert (x.shape, x.ndim, x.size, x.dtype) == ((2, 3), 2, 6, np.float32)
    assert x.is_leaf
    assert x.requires_grad
    assert x.name == "x"
    assert x.grad is None
    assert not (x * 2).is_leaf
    assert (x * 2).requires_grad


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: tg.tensor(1.5), "tensor(1.5, dtype=float32)"),
        (lambda: tg.tensor([1, 2]), "tensor([1, 2], dtype=int64)"),
        (lambda: tg.tensor([True]), "tensor([ True], dtype=bool)"),
        (lambda: tg.zeros((0, 2)), "tensor([], shape=(0, 2), dtype=float32)"),
        (
            lambda: tg.tensor([1.0], requires_grad=True, name="w"),
            "tensor([1.], dtype=float32, requires_grad=True, name='w')",
        ),
        (
            lambda: tg.tensor([1.0], requires_grad=True) + 1,
            "tensor([2.], dtype=float32, function=Add)",
        ),
        (
            lambda: tg.tensor([[1.0, 2.0], [3.0, 4.0]]),
            "tensor([[1., 2.],\n        [3., 4.]], dtype=float32)",
        ),
    ],
)
def test_repr(make, expected):
    assert repr(make()) == expected


def test_repr_of_a_constant_that_entered_a_graph(x):
    c = tg.tensor(2.0, name="c")
    y = x * c
    assert repr(c) == "tensor(2., dtype=float32, name='c')"
    assert c.is_leaf
    del y


def test_repr_of_a_large_tensor_is_short():
    assert len(repr(tg.zeros(100_000))) < 200


# -- its values ----------------------------------------------------------------------------------


def test_item_and_tolist(x):
    assert tg.tensor([[7]]).item() == 7
    assert type(tg.tensor(7).item()) is int
    assert type(tg.tensor(True).item()) is bool
    assert type(tg.tensor(7.0).item()) is float
    assert x.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert tg.tensor(7.0).tolist() == 7.0
    with pytest.raises(ValueError, match=r"item: .* not shape \(2, 3\)"):
        x.item()


def test_arrays_share_memory(x):
    for array in (x.numpy(), x.data, np.asarray(x), np.array(x, copy=False)):
        assert np.shares_memory(array, x.numpy())
    assert not np.shares_memory(np.array(x), x.numpy())
    assert np.asarray(x, np.float64).dtype == np.float64


def test_numpy_functions_that_take_anything_array_like(x):
    assert np.allclose(x, x.numpy())
    np.testing.assert_array_equal(x, x.numpy())
    assert np.shape(x) == (2, 3)


def test_detach_shares_memory_and_clone_does_not(x):
    y = (x * 2).detach()
    assert y.is_leaf
    assert not y.requires_grad
    assert np.shares_memory(x.detach().numpy(), x.numpy())
    c = x.clone()
    assert c.requires_grad
    assert not np.shares_memory(c.numpy(), x.numpy())


def test_constructor_shares_and_tensor_copies():
    array = np.ones(3)
    assert np.shares_memory(tg.Tensor(array).numpy(), array)
    assert np.shares_memory(tg.from_numpy(array).numpy(), array)
    assert not np.shares_memory(tg.tensor(array).numpy(), array)
    assert not np.shares_memory(tg.tensor(tg.Tensor(array)).numpy(), array)


def test_truth_is_that_of_the_only_element(x):
    assert tg.tensor(1.0)
    assert not tg.tensor([[0]])
    for ambiguous in (x, tg.zeros(0)):
        with pytest.raises(ValueError, match=r"truth value .* ambiguous; use \.any\(\)"):
            bool(ambiguous)


def test_numbers():
    assert float(tg.tensor([2.5])) == 2.5
    assert int(tg.tensor(2.9)) == 2
    assert float(tg.tensor(True)) == 1
    with pytest.raises(ValueError, match="single element"):
        float(tg.zeros(2))
    with pytest.raises(ValueError, match="single element"):
        int(tg.zeros(2))


def test_index():
    assert operator.index(tg.tensor(2)) == 2
    assert [10, 20, 30][tg.tensor(1)] == 20
    assert list(range(tg.tensor(2))) == [0, 1]
    for wrong in (tg.tensor(1.0), tg.tensor([1]), tg.tensor(True)):
        with pytest.raises(TypeError, match="0-d integer"):
            operator.index(wrong)


def test_length_and_iteration(x):
    assert len(x) == 2
    assert [row.tolist() for row in x] == [[1, 2, 3], [4, 5, 6]]
    first, second = x
    (first * second).sum().backward()
    assert x.grad.tolist() == [[4, 5, 6], [1, 2, 3]]
    with pytest.raises(TypeError, match="0-d"):
        len(tg.tensor(1.0))
    with pytest.raises(TypeError, match="0-d"):
        iter(tg.tensor(1.0))


def test_membership_is_that_of_arrays(x):
    assert 2.0 in x
    assert 7.0 not in x


def test_items_cannot_be_assigned(x):
    with pytest.raises(TypeError, match="item assignment"):
        x[0] = 1.0


# -- identity, copies ----------------------------------------------------------------------------


def test_tensors_are_keys_by_identity():
    a, b = tg.ones(2), tg.ones(2)
    table = {a: "a", b: "b"}
    assert (table[a], table[b]) == ("a", "b")
    assert len({a, b, a}) == 2
    assert isinstance(a == b, tg.Tensor)


COPIES = [copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))]


@pytest.mark.parametrize("make_copy", [*COPIES, copy.copy])
def test_copies_of_a_leaf(x, make_copy):
    (x * x).sum().backward()
    y = make_copy(x)
    assert type(y) is tg.Tensor
    assert (y.tolist(), y.dtype, y.name) == (x.tolist(), x.dtype, "x")
    assert y.requires_grad
    assert y.is_leaf
    assert y.grad.tolist() == x.grad.tolist()


@pytest.mark.parametrize("make_copy", COPIES)
def test_deep_copies_share_nothing(x, make_copy):
    (x * x).sum().backward()
    y = make_copy(x)
    assert not np.shares_memory(y.numpy(), x.numpy())
    assert not np.shares_memory(y.grad.numpy(), x.grad.numpy())
    (y * 3).sum().backward()
    assert x.grad.tolist() == [[2, 4, 6], [8, 10, 12]]


@pytest.mark.parametrize("make_copy", COPIES)
def test_deep_copies_of_a_computed_tensor_are_refused(x, make_copy):
    """They would copy the whole graph, leaves included, and recurse through it."""
    with pytest.raises((TypeError, ValueError), match="detach"):
        make_copy(x * x)


# -- operators -----------------------------------------------------------------------------------

OPERATORS = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.pow,
    operator.eq,
    operator.ne,
    operator.lt,
    operator.le,
    operator.gt,
    operator.ge,
]
NUMBERS = np.array([[1.0, 2.0], [0.5, 4.0]], np.float32)


@pytest.mark.parametrize(
    "other",
    [3, 2.5, True, np.float64(2.5), np.float32(2.5), np.int8(3), NUMBERS.T, NUMBERS[0], [2.0, 1.0]],
    ids=repr,
)
@pytest.mark.parametrize("operation", OPERATORS)
def test_operators_on_both_sides(operation, other):
    t = tg.from_numpy(NUMBERS)
    array = np.asarray(other, np.float32)
    for got, expected in [
        (operation(t, other), operation(NUMBERS, array)),
        (operation(other, t), operation(array, NUMBERS)),
    ]:
        assert type(got) is tg.Tensor
        assert got.dtype == expected.dtype
        np.testing.assert_array_equal(got.numpy(), expected)


def test_matrix_product_on_both_sides():
    t = tg.from_numpy(NUMBERS)
    for got in (t @ NUMBERS, NUMBERS @ t, t @ t):
        assert type(got) is tg.Tensor
        np.testing.assert_array_equal(got.numpy(), NUMBERS @ NUMBERS)


def test_unary_operators():
    t = tg.tensor([-1.5, 2.0])
    assert (-t).tolist() == [1.5, -2]
    assert abs(t).tolist() == [1.5, 2]
    assert (~tg.tensor([True, False])).tolist() == [False, True]


def test_invert_of_integers_is_not_the_logical_one():
    t = tg.tensor([0, 1, 5])
    assert (~t).tolist() == (~t.numpy()).tolist()
    with pytest.raises(TypeError, match=r"~ inverts .* not float32"):
        _ = ~tg.ones(2)


def test_augmented_assignment_makes_a_new_tensor(x):
    before, y = x.tolist(), x
    y += 1
    y *= 2
    assert y is not x
    assert x.tolist() == before
    with tg.no_grad():  # what is no leaf, or requires no gradient, is not meant to be changed
        y /= 2
        z = tg.ones(2)
        z -= 1
    assert z.tolist() == [0, 0]
    array = np.ones(2)
    with pytest.raises(TypeError):
        array += tg.ones(2)


def test_an_array_on_the_left_is_not_detached(x):
    for y in (np.ones(3) + x, np.ones((2, 3)) * x, np.float64(2) - x, np.ones((1, 2)) @ x):
        assert y.requires_grad


def test_operators_with_what_is_no_number(x):
    for other in (None, "a", object(), {}):
        with pytest.raises(TypeError):
            x + other
        with pytest.raises(TypeError):
            other * x


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        (0, [1, 2, 3]),
        ((1, -1), 6),
        ((slice(None), slice(0, 2)), [[1, 2], [4, 5]]),
        ((None, 0), [[1, 2, 3]]),
        ((Ellipsis, 0), [1, 4]),
        ([1, 0, 1], [[4, 5, 6], [1, 2, 3], [4, 5, 6]]),
        (tg.tensor([1]), [[4, 5, 6]]),
        (tg.tensor(1), [4, 5, 6]),
        (np.int64(1), [4, 5, 6]),
        ([], []),
        (([0, 1], [2, 0]), [3, 4]),
    ],
    ids=repr,
)
def test_indexing(x, index, expected):
    assert x[index].tolist() == expected


def test_indexing_by_a_comparison(x):
    y = x[x > 3]
    y.sum().backward()
    assert y.tolist() == [4, 5, 6]
    assert x.grad.tolist() == [[0, 0, 0], [1, 1, 1]]


# -- dtypes --------------------------------------------------------------------------------------

SCALARS = [2, 2.5, True, np.float64(2.5), np.float16(2.5), np.int64(2)]


@pytest.mark.parametrize("scalar", SCALARS, ids=repr)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("operation", OPERATORS[:5])
def test_scalars_are_weak(operation, dtype, scalar):
    t = tg.tensor([1.0, 2.0], requires_grad=True, dtype=dtype)
    for y in (operation(t, scalar), operation(scalar, t)):
        assert y.dtype == dtype
        y.sum().backward()
        assert t.grad.dtype == dtype


@pytest.mark.parametrize("scalar", SCALARS, ids=repr)
@pytest.mark.parametrize("function", [tg.maximum, tg.minimum])
def test_scalars_are_weak_in_functions(function, scalar):
    assert function(tg.ones(2), scalar).dtype == np.float32


@pytest.mark.parametrize("limit", SCALARS, ids=repr)
def test_limits_of_clip_are_weak(limit):
    assert tg.ones(2).clip(0, limit).dtype == np.float32
    assert tg.ones(2).clip(limit).dtype == np.float32


def test_clip_keeps_integers_integers():
    y = tg.tensor([1, 5, 9]).clip(2, 6)
    assert y.dtype == np.int64
    assert tg.tensor([1, 5, 9]).clip(2).dtype == np.int64
    assert y.tolist() == [2, 5, 6]


def test_where_with_scalars():
    assert tg.where(np.array([True]), tg.ones(1), 0.0).dtype == np.float32
    assert tg.where(np.array([True]), 1.0, 0.0).dtype == np.float32


def test_zero_dimensional_arrays_are_strong():
    t = tg.ones(2)
    assert (t * np.array(2.0)).dtype == np.float64
    assert (t * tg.tensor(2.0, dtype=np.float64)).dtype == np.float64


def test_integers_next_to_floats():
    t = tg.tensor([1, 2])
    assert (t + 1).dtype == np.int64
    assert (t / 2).dtype == (t * 0.5).dtype == (0.5 - t).dtype == np.float32
    assert (t + np.array(0.5)).dtype == np.float64
    assert (t > 1).dtype == bool
    assert (tg.tensor([True]) + 1).dtype == np.int64


def test_python_floats_get_the_default_dtype(default_dtype):
    assert tg.tensor([1.0]).dtype == np.float32
    assert tg.tensor([[1, 2.5], [3, 4]]).dtype == np.float32
    tg.set_default_dtype(np.float64)
    assert tg.tensor([1.0]).dtype == tg.zeros(2).dtype == tg.rand(2).dtype == np.float64
    assert tg.get_default_dtype() == np.float64
    with pytest.raises(TypeError, match="floating dtype, not int64"):
        tg.set_default_dtype(int)
    assert tg.get_default_dtype() == np.float64


def test_arrays_keep_their_dtype():
    for dtype in (np.float16, np.float64, np.int8, np.uint32, bool):
        assert tg.tensor(np.ones(2, dtype)).dtype == dtype
        assert tg.Tensor(np.ones(2, dtype)).dtype == dtype


@pytest.mark.parametrize("data", [1j, [1.0, 2j], np.ones(2, np.complex64)], ids=repr)
def test_complex_is_refused(data):
    with pytest.raises(TypeError, match="complex numbers are not supported"):
        tg.tensor(data)
    with pytest.raises(TypeError, match="complex numbers are not supported"):
        tg.ones(2) + data


def test_tensors_in_a_list_are_not_silently_detached(x):
    with pytest.raises(TypeError, match="stack"):
        tg.tensor([x, x])
    with pytest.raises(TypeError, match="stack"):
        tg.sum([x, x])


# -- gradients wanted ----------------------------------------------------------------------------


@pytest.mark.parametrize("data", [[1, 2], [True]], ids=repr)
def test_only_floating_tensors_can_require_a_gradient(data):
    with pytest.raises(TypeError, match=r"only floating.*\.astype\(float32\)"):
        tg.tensor(data, requires_grad=True)
    t = tg.tensor(data)
    with pytest.raises(TypeError, match="only floating"):
        t.requires_grad = True
    t.requires_grad = False


def test_integers_computed_from_what_requires_a_gradient_do_not(x):
    for y in (x.argmax(), x > 2, x.astype(int), x.any()):
        assert not y.requires_grad
        assert y.is_leaf


def test_requires_grad_of_a_computed_tensor_is_fixed(x):
    y = x * 2
    y.requires_grad = True
    with pytest.raises(ValueError, match=r"fixed; use \.detach\(\)"):
        y.requires_grad = False
    assert y.requires_grad


def test_a_constant_can_become_a_leaf_that_requires_a_gradient(x):
    c = tg.tensor([1.0, 1.0, 1.0], name="c")
    old = (x * c).sum()
    c.requires_grad = True
    (x * c).sum().backward()
    assert c.name == "c"
    assert c.grad.tolist() == [5, 7, 9]
    c.zero_grad()
    old.backward()
    assert c.grad is None


def test_a_leaf_can_stop_requiring_a_gradient(x):
    x.requires_grad = False
    assert not (x * 2).requires_grad


def test_grad_setter(x):
    x.grad = tg.ones((2, 3))
    assert x.grad.tolist() == [[1, 1, 1]] * 2
    (x * 2).sum().backward()
    assert x.grad.tolist() == [[3, 3, 3]] * 2
    with pytest.raises(TypeError, match="must be a Tensor or None, not ndarray"):
        x.grad = np.ones((2, 3))
    with pytest.raises(ValueError, match=r"expected shape \(2, 3\).*\(3,\)"):
        x.grad = tg.ones(3)
    with pytest.raises(ValueError, match=r"float32.*float64"):
        x.grad = tg.ones((2, 3), dtype=np.float64)
    assert x.grad.tolist() == [[3, 3, 3]] * 2
    x.grad = None
    assert x.grad is None


def test_data_setter(x):
    array = x.data
    x.data = np.arange(6.0).reshape(2, 3)
    assert x.data is array
    assert x.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert x.dtype == np.float32
    x.data = tg.ones((2, 3))
    assert x.tolist() == [[1, 1, 1]] * 2
    x.data = x.data[::-1] * 2
    assert x.tolist() == [[2, 2, 2]] * 2
    for wrong in (np.ones(3), 1.0, np.ones((3, 2))):
        with pytest.raises(ValueError, match=r"data: expected shape \(2, 3\)"):
            x.data = wrong
    assert x.is_leaf


def test_data_that_does_not_fit_the_dtype_is_refused():
    t = tg.tensor([1, 2])
    with pytest.raises(TypeError, match=r"data: .*float32.*int64"):
        t.data = [1.5, 2.5]
    assert t.tolist() == [1, 2]


def test_data_of_a_read_only_tensor_cannot_be_assigned():
    t = tg.ones(1).broadcast_to((3,))
    with pytest.raises(ValueError, match=r"data: .*read-only"):
        t.data = [1.0, 2.0, 3.0]


def test_attributes_that_are_read_only(x):
    for name in ("shape", "dtype", "T", "size", "is_leaf"):
        with pytest.raises(AttributeError):
            setattr(x, name, None)
    with pytest.raises(AttributeError):
        x.typo = 1


# -- names ---------------------------------------------------------------------------------------


def test_names(x):
    c = tg.tensor(2.0, name="two")
    y = x * c
    assert (x.name, c.name, y.name) == ("x", "two", None)
    y.name = "y"
    c.name = "deux"
    assert (y.name, c.name) == ("y", "deux")
    assert y._source.name == "y"
    assert y._source.inputs[1].name == "deux"
    assert y._source.inputs[0] is x
    x.name = None
    assert x.name is None
    assert (x * 1).name is None


# -- methods -------------------------------------------------------------------------------------


def declared_methods():
    """Return what the TYPE_CHECKING block of Tensor holds: name -> "module.name", properties."""
    (tensor,) = (
        node
        for node in ast.parse(inspect.getsource(_tensor)).body
        if isinstance(node, ast.ClassDef) and node.name == "Tensor"
    )
    (block,) = (node for node in tensor.body if isinstance(node, ast.If))
    assert ast.unparse(block.test) == "TYPE_CHECKING"
    assignments = [node for node in block.body if isinstance(node, ast.Assign)]
    properties = [node.name for node in block.body if isinstance(node, ast.FunctionDef)]
    return {ast.unparse(a.targets[0]): ast.unparse(a.value) for a in assignments}, properties


ALIASES = {"shapes": "shape", "hooking": "_hooks"}  # names that Tensor has for something else


def test_type_checkers_are_told_the_truth_about_methods():
    methods, properties = declared_methods()
    assert sorted([*methods, *properties]) == sorted(_methods.METHODS)
    for name in properties:
        assert isinstance(_methods.METHODS[name], property)
    for name, target in methods.items():
        module, function = target.split(".")
        method = _methods.METHODS[name]
        assert method.__name__ == function, name
        assert method.__module__.rpartition(".")[2] == ALIASES.get(module, module), name


def test_every_method_is_bound():
    for name, method in _methods.METHODS.items():
        assert inspect.getattr_static(tg.Tensor, name) is method


def test_methods_are_the_functions():
    for name in set(_methods.METHODS) & set(tg.__all__):
        assert getattr(tg.Tensor, name) is getattr(tg, name), name


def test_transposes(x):
    assert x.T.tolist() == x.mT.tolist() == [[1, 4], [2, 5], [3, 6]]
    t = tg.zeros((2, 3, 4))
    assert (t.T.shape, t.mT.shape) == ((4, 3, 2), (2, 4, 3))
    with pytest.raises(ValueError, match=r"mT: .*\(3,\)"):
        _ = tg.zeros(3).mT


def test_public_names():
    assert len(set(tg.__all__)) == len(tg.__all__)
    for name in tg.__all__:
        assert getattr(tg, name).__doc__, name
