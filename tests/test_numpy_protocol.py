"""NumPy's functions on Tensors: recorded as tinygraph operations, or refused by name."""

from __future__ import annotations

import numpy as np
import pytest

import tinygraph as tg
from tinygraph._numpy import ALIASES, EXCLUDED, INSPECTING, UFUNC_METHODS, counterpart

rng = np.random.default_rng(0)
M, V, S = rng.uniform(0.2, 0.8, (3, 4)), rng.uniform(0.2, 0.8, 4), rng.uniform(0.2, 0.8, (3, 3))
SPD = S @ S.T + np.eye(3)
FLAGS = M > 0.5
INDEX = np.array([[2, 0, 1, 1]])


def call(*args, **kwargs):
    return args, kwargs


NEWER = [call(M, min=0.4)] if np.lib.NumpyVersion(np.__version__) >= "2.1.0" else []

# How to call what is no ufunc; unary and binary ufuncs get M, or M and V.
CALLS = {
    **{
        name: [call(M), call(M, 0), call(M, axis=(0, 1)), call(M, axis=-1, keepdims=True)]
        for name in ("sum", "mean", "max", "min", "amax", "amin", "nansum", "nanmean", "prod")
    },
    **{name: [call(FLAGS), call(FLAGS, axis=1, keepdims=True)] for name in ("any", "all")},
    **{
        name: [call(M), call(M, 1, None, None, 1), call(M, axis=0, ddof=1, keepdims=True)]
        for name in ("var", "std")
    },
    **{name: [call(M), call(M, axis=1)] for name in ("median", "argmax", "argmin")},
    **{name: [call(M), call(M, 0), call(M, axis=1)] for name in ("cumsum", "cumprod")},
    **{name: [call(M), call(M, 0)] for name in ("sort", "argsort")},
    **{name: [call([M, M]), call([M, 2 * M], 1), call((M, M), axis=-1)] for name in ("stack",)},
    **{name: [call(M)] for name in ("copy", "ravel", "nonzero", "count_nonzero", "fliplr")},
    **{name: [call(M), call(M, 1), call(M, k=-1)] for name in ("tril", "triu", "diag")},
    **{name: [call(M)] for name in ("atleast_1d", "atleast_2d", "atleast_3d", "flipud")},
    **{name: [call([M, M]), call((V, V))] for name in ("hstack", "vstack", "column_stack")},
    **{name: [call([M, M]), call((V, V))] for name in ("dstack", "row_stack")},
    **{name: [call(M), call(M, dtype=np.float32)] for name in ("zeros_like", "ones_like")},
    **{name: [call(V, V), call(M, V)] for name in ("dot", "inner", "vecdot", "matvec")},
    **{name: [call(M, 2), call(M, [1, 3], 1)] for name in ("split", "array_split")},
    **{name: [call(M), call(M, 1)] for name in ("round", "around")},
    **{name: [call(M), call(M, 1)] for name in ("diagonal", "trace", "rot90", "diff")},
    **{name: [call(M), call(M, axis=1)] for name in ("nanmax", "nanmin", "nanstd", "nanvar")},
    "split": [call(M, 2, axis=1), call(M, [1, 3], 1)],
    "full_like": [call(M, 3.0)],
    "astype": [call(M, np.float32)],
    "clip": [call(M, 0.3, 0.6), call(M, a_max=0.5, a_min=None), *NEWER],
    "reshape": [call(M, (2, 6)), call(M, -1)],
    "transpose": [call(M), call(M, (1, 0)), call(M, axes=[0, 1])],
    "matrix_transpose": [call(M)],
    "permute_dims": [call(M)],
    "moveaxis": [call(M, 0, 1)],
    "swapaxes": [call(M, 0, -1)],
    "squeeze": [call(M[:1]), call(M[:1], 0), call(M[:, :1], axis=1)],
    "expand_dims": [call(M, 1), call(M, axis=(0, 2))],
    "broadcast_to": [call(V, (2, 4))],
    "concatenate": [call([M, M]), call((M, V[None]), 0), call((M, M), axis=1)],
    "pad": [call(M, 1), call(M, ((1, 0), (0, 2)), constant_values=3), call(M, 1, "constant")],
    "tile": [call(M, 2), call(V, (2, 3))],
    "repeat": [call(M, 2), call(M, 2, axis=1)],
    "flip": [call(M), call(M, 0)],
    "roll": [call(M, 1), call(M, 1, axis=1)],
    "where": [call(FLAGS, M, V), call(FLAGS, M, 0.0)],
    "take": [call(M, [1, 0]), call(M, [1, 0], axis=1)],
    "take_along_axis": [call(M, INDEX, 0), call(M, INDEX, axis=0)],
    "outer": [call(V, V)],
    "kron": [call(M, V[None])],
    "vdot": [call(V, V)],
    "cross": [call(V[:3], S)],
    "tensordot": [call(M, M, axes=([0, 1], [0, 1])), call(M.T, M, 1)],
    "einsum": [call("ij,j->i", M, V), call("ij->", M, optimize=True)],
    "linalg.norm": [call(V), call(V, 1), call(M, axis=1), call(M, "fro"), call(M, keepdims=True)],
    "linalg.vector_norm": [call(M), call(M, axis=0)],
    "linalg.matrix_norm": [call(M)],
    **{f"linalg.{name}": [call(SPD)] for name in ("det", "inv", "cholesky", "slogdet", "pinv")},
    "linalg.solve": [call(SPD, V[:3]), call(SPD, S)],
    "linalg.eigh": [call(SPD)],
    "linalg.eigvalsh": [call(SPD)],
    "linalg.qr": [call(SPD)],
    "linalg.svd": [call(M, full_matrices=False)],
    "linalg.svdvals": [call(M)],
    "linalg.matrix_rank": [call(M), call(np.ones((2, 2)))],
    "linalg.matrix_power": [call(S, 3)],
    "linalg.multi_dot": [call([S, M, V])],
    "linalg.matmul": [call(S, M)],
    "linalg.outer": [call(V, V)],
    "linalg.matrix_transpose": [call(M)],
}
ABOVE_ONE = {"arccosh"}


def mapped():
    """Return every function of NumPy that tinygraph answers, by name."""
    found = {}
    for prefix, module in (("", np), ("linalg.", np.linalg)):
        for name in dir(module):
            function = getattr(module, name)
            overridable = isinstance(function, np.ufunc) or hasattr(function, "_implementation")
            if overridable and counterpart(function) is not None:
                found[prefix + name] = function
    return found


MAPPED = mapped()


def calls(name, function):
    base = name.rpartition(".")[0] + ("." if "." in name else "") + function.__name__
    if not isinstance(function, np.ufunc):
        return CALLS[name if name in CALLS else base]
    x = M if "d" in "".join(function.types) else FLAGS
    if function.__name__ in ("matmul", "vecdot", "matvec", "vecmat"):
        x = S
    x = 1 + x if function.__name__ in ABOVE_ONE else x
    return [call(*(x, x[0])[: function.nin]), call(*([x] * function.nin))]


def tensors(tree):
    """Return nested arguments with Tensors in the place of arrays of floats and flags."""
    if isinstance(tree, np.ndarray):
        return tg.tensor(tree, requires_grad=tree.dtype.kind == "f")
    if isinstance(tree, (list, tuple)) and any(isinstance(x, np.ndarray) for x in tree):
        return type(tree)(map(tensors, tree))
    return tree


def assert_equal(got, expected):
    if isinstance(expected, (tuple, list)):
        assert len(got) == len(expected)
        for pair in zip(got, expected, strict=True):
            assert_equal(*pair)
    else:
        assert isinstance(got, (tg.Tensor, int))
        np.testing.assert_allclose(np.asarray(got), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", sorted(MAPPED))
def test_every_mapped_function_gives_the_value_of_numpy(name):
    for args, kwargs in calls(name, MAPPED[name]):
        expected = MAPPED[name](*args, **kwargs)
        assert_equal(MAPPED[name](*map(tensors, args), **kwargs), expected)


def test_the_tables_name_what_there_is():
    assert {"add", "exp", "sum", "concatenate", "where", "einsum", "linalg.norm"} <= set(MAPPED)
    for name in (*ALIASES, *EXCLUDED):
        assert hasattr(np, name), name
    for name in EXCLUDED:
        assert hasattr(tg, name), name
        assert name not in MAPPED
    for (ufunc, method), function in UFUNC_METHODS.items():
        assert callable(getattr(ufunc, method))
        assert function in MAPPED.values()


def test_they_are_recorded():
    x = tg.tensor(V, requires_grad=True)
    for y, function in (
        (np.exp(x), "Exp"),
        (np.add(V, x), "Add"),
        (V + x, "Add"),
        (np.concatenate([V, x]), "Concatenate"),
        (np.sum(x), "Sum"),
        (np.array(2.0) * x, "Multiply"),
        (np.float32(2) * x, "Multiply"),
        (np.where(V > 0.5, x, 0), "Where"),
    ):
        assert y.requires_grad
        assert f"{function}(" in str(tg.graph(y))
    y = np.linalg.norm(np.einsum("i,ij->j", x, np.ones((4, 2))))
    assert tg.grad(y, x).numpy() == pytest.approx(np.full(4, 2**0.5))
    assert tg.grad(np.logaddexp(x, 0).sum(), x).numpy() == pytest.approx(1 / (1 + np.exp(-V)))


def test_dtypes_are_those_of_the_operators():
    x = tg.ones(3)
    assert (np.float64(2) * x).dtype == (np.multiply(2.0, x)).dtype == np.float32
    assert (np.array(2.0) * x).dtype == np.float64
    assert (np.float32(2) * tg.ones(3, dtype=np.float16)).dtype == np.float16
    assert (np.float32(2) < x).dtype == np.bool_


@pytest.mark.parametrize(("ufunc", "method"), UFUNC_METHODS, ids=str)
def test_reductions_of_ufuncs(ufunc, method):
    x = FLAGS if "logical" in ufunc.__name__ else M
    run = getattr(ufunc, method)
    for kwargs in ({}, {"axis": 1}, *([{"axis": None, "keepdims": True}] * (method == "reduce"))):
        assert_equal(run(tg.tensor(x), **kwargs), run(x, **kwargs))


X = tg.tensor(V, requires_grad=True)


def add_to_an_array():
    array = V.copy()
    array += X


REFUSED = {
    "a ufunc": (lambda: np.spacing(X), "np.spacing is no tinygraph operation"),
    "two outputs": (lambda: np.modf(X), "np.modf is no tinygraph operation"),
    "a function": (lambda: np.interp(X, V, V), "np.interp is no tinygraph operation"),
    "a submodule": (lambda: np.fft.fft(X), "np.fft.fft is no tinygraph operation"),
    "linalg": (lambda: np.linalg.cond(X), "np.linalg.cond is no tinygraph operation"),
    "making": (lambda: np.linspace(X, 1.0), "np.linspace is no tinygraph operation"),
    "like": (lambda: np.asarray([1.0], like=X), "np.asarray is no tinygraph operation"),
    "a method": (lambda: np.add.outer(X, X), "np.add.outer is no tinygraph operation"),
    "at": (lambda: np.add.at(V, [0], X), "np.add.at is no tinygraph operation"),
    "a ufunc of one's own": (lambda: np.frompyfunc(abs, 1, 1)(X), "is no tinygraph operation"),
    "out": (lambda: np.exp(X, out=V.copy()), "np.exp: a result cannot be written into an array"),
    "out of a sum": (lambda: np.sum(X, out=np.zeros(())), "np.sum: .* no argument 'out'"),
    "in place": (add_to_an_array, r"np.add: .* written into an array \(out=, a \+= t\)"),
    "where": (lambda: np.exp(X, where=V > 0.5), "np.exp: .* no argument 'where'"),
    "dtype": (lambda: np.exp(X, dtype=float), "np.exp: .* no argument 'dtype'"),
    "dtype of a sum": (lambda: np.sum(X, 0, np.float32), "np.sum: .* no argument 'dtype'"),
    "order": (lambda: np.reshape(X, (2, 2), order="F"), "np.reshape: .* no argument 'order'"),
    "half of where": (lambda: np.where(X > 0), "np.where: missing a required argument"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_says_so(name):
    call, message = REFUSED[name]
    with pytest.raises(TypeError, match=f"{message}.*pass t.numpy"):
        call()


def test_defaults_may_be_spelt_out():
    assert np.sum(X, axis=None, dtype=None, out=None).item() == pytest.approx(V.sum())
    assert np.reshape(X, (2, 2), order="C").shape == (2, 2)
    assert np.exp(X, where=True).tolist() == np.exp(V).tolist()


NUMBERS = np.array([2, 0, 1])
FILES = {np.save, np.savetxt, np.savez, np.savez_compressed}
ASKED = {
    **dict.fromkeys((np.allclose, np.array_equal, np.array_equiv, np.isclose, np.isin), (V, V)),
    **dict.fromkeys((np.may_share_memory, np.shares_memory, np.result_type), (V, V)),
    np.argpartition: (V, 2),
    np.bincount: (NUMBERS,),
    np.digitize: (V, np.array([0.3, 0.6])),
    np.searchsorted: (np.sort(V), V),
}


@pytest.mark.parametrize("name", sorted(f.__name__ for f in INSPECTING - FILES))
def test_functions_without_gradients_are_numpys(name):
    function = getattr(np, name)
    args = ASKED.get(function, (V,))
    got, expected = function(*map(tg.tensor, args)), function(*args)
    if function is np.shares_memory or function is np.may_share_memory:
        assert (got, function(X, X), function(X, X.data)) == (False, True, True)
    elif isinstance(expected, (np.ndarray, tuple)):
        np.testing.assert_array_equal(np.array(got), np.array(expected))
    else:
        assert got == expected


@pytest.mark.parametrize("name", sorted(f.__name__ for f in FILES))
def test_files_of_numpy_take_tensors(name, tmp_path):
    path = str(tmp_path / ("x.npz" if name.startswith("savez") else "x.npy"))
    getattr(np, name)(path, X)
    got = np.loadtxt(path) if name == "savetxt" else np.load(path)
    np.testing.assert_array_equal(got["arr_0"] if name.startswith("savez") else got, V)


def test_inspecting():
    assert np.shape(X) == (4,)
    assert (np.ndim(X), np.size(X)) == (1, 4)
    assert np.result_type(X, np.float32) == np.float64
    assert np.allclose(X, V)
    assert np.array_equal(X, X)
    assert np.shares_memory(X, X.data)
    assert not np.iscomplexobj(X)
    close = np.isclose(X, V[0])
    assert isinstance(close, tg.Tensor)
    assert close.tolist() == [True, False, False, False]
    assert np.searchsorted(X, [0.5]).tolist() == np.searchsorted(V, [0.5]).tolist()
    assert np.array2string(X) == np.array2string(V)


def test_conversion_is_explicit():
    assert type(np.asarray(X)) is type(np.array(X)) is np.ndarray
    assert np.asarray(X) is not None
    assert np.shares_memory(np.asarray(X), X.data)
    assert np.array(X, dtype=np.float32).dtype == np.float32


def test_none_is_no_tensor():
    assert (X == None) is False  # noqa: E711
    assert (X != None) is True  # noqa: E711
    assert X not in [None]


class Foreign:
    """An array of another library, which answers for itself."""

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return f"foreign {ufunc.__name__}"

    def __array_function__(self, function, types, args, kwargs):
        return f"foreign {function.__name__}"


def test_other_arrays_answer_for_themselves():
    assert np.add(X, Foreign()) == "foreign add"
    assert np.concatenate([X, Foreign()]) == "foreign concatenate"


def test_helpers_of_numpys_tests():
    for check in (
        np.testing.assert_allclose,
        np.testing.assert_array_equal,
        np.testing.assert_array_almost_equal,
    ):
        check(X, V)
        check(V, X)
        check(X, X)
        with pytest.raises(AssertionError):
            check(X, V + 1)
    np.testing.assert_array_less(X, 5)
    np.testing.assert_equal(X, V)
    with pytest.raises(ValueError, match="truth value of a Tensor"):
        np.testing.assert_equal(X, X)
    assert f"{X}" == str(X)
