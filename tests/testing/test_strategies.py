"""What the strategies promise: everything they may draw is drawn, is valid, and shrinks well."""

from __future__ import annotations

import ast
import contextlib
import math
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as hst
from hypothesis.errors import NoSuchExample
from hypothesis.extra.numpy import array_shapes, arrays

import tinygraph as tg
from tinygraph.testing import strategies as st
from tinygraph.testing.strategies._tensors import LAYOUTS

from ..clock import cpu_time

some = settings(deadline=None, max_examples=50)
few = settings(deadline=None, max_examples=5)


class FoundAll(Exception):
    pass


def reaches(strategy: Any, *features: Any, examples: int = 1000) -> None:
    """Require that each feature is that of something drawn."""
    missing = list(features)

    @given(strategy)
    @settings(
        deadline=None,
        max_examples=examples,
        derandomize=True,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    def look(drawn: Any) -> None:
        missing[:] = [feature for feature in missing if not feature(drawn)]
        if not missing:
            raise FoundAll

    with contextlib.suppress(FoundAll):
        look()
    assert not missing, [features.index(feature) for feature in missing]


def minimal(strategy: Any, condition: Any) -> Any:
    found = settings(max_examples=2000, database=None)
    return find(strategy, condition, settings=found, random=Random(0))  # how far it gets is luck


# -- values --------------------------------------------------------------------------------------


@given(st.values(st.shapes(empty=True)))
@some
def test_distinct_values_are_apart_from_each_other_and_from_zero(x: Any) -> None:
    every = np.sort(np.append(x.ravel(), 0))
    spacing = min(1, 2.0 ** -np.ceil(np.log2(max(x.size, 1) / 8)))
    assert np.all(np.diff(every) >= 0.4 * spacing)
    assert np.all(np.diff(np.sort(x.ravel())) >= 0.8 * spacing)
    assert np.all(np.abs(x) <= 8)


@given(st.values((5,), within=(0, 1)))
@some
def test_values_lie_within_an_interval(x: Any) -> None:
    assert x.min() > 0
    assert x.max() < 1
    assert np.diff(np.sort(x)).min() > 0.01


@given(st.values((4,), np.float32, "nonfinite"), st.values((4,), np.float16, "extreme"))
@some
def test_special_values_have_the_dtype(nonfinite: Any, extreme: Any) -> None:
    assert nonfinite.dtype == np.float32
    assert not np.isfinite(nonfinite).all()
    assert extreme.dtype == np.float16
    assert np.isfinite(extreme).all()


def test_every_kind_of_value_is_reached() -> None:
    reaches(st.values((4,), kind="integer"), lambda x: 3 in x, lambda x: -3 in x, lambda x: 0 in x)
    reaches(st.values((4,), kind="ties"), lambda x: (x == 0).all(), lambda x: len(set(x)) == 3)
    reaches(st.values((4,), kind="normal"), lambda x: (x < 0).all(), lambda x: (x > 0).all())
    info = np.finfo(np.float64)
    sought = [info.max, -info.max, info.tiny, info.eps, 1e4, 0]
    reaches(st.values(4, kind="extreme"), *(lambda x, v=v: v in x for v in sought))
    specials = [np.isnan, np.isposinf, np.isneginf, np.isfinite]
    reaches(st.values((4,), kind="nonfinite"), *(lambda x, f=f: f(x).any() for f in specials))
    for dtype in (np.int64, np.uint8, bool):
        reaches(st.values((3,), dtype), lambda x: (x == 0).any(), lambda x: (x != 0).all())


def test_the_simplest_values_can_be_read() -> None:
    simplest = {
        "distinct": [1, -2, 3, -4],
        "normal": [1, -2, 3, -4],
        "integer": [1, -2, 3, -1],
        "ties": [1, 1, 0, 0],
        "nonfinite": [np.nan, np.inf, -np.inf, -4],
    }
    for kind, expected in simplest.items():
        found = minimal(st.values((4,), kind=kind), lambda x: True)
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(minimal(st.values((3,), np.int8), lambda x: True), [1, -2, 3])


# -- tensors -------------------------------------------------------------------------------------

LAID_OUT: dict[str, Any] = {
    "C": lambda a: a.flags.c_contiguous and a.flags.writeable,
    "F": lambda a: a.flags.f_contiguous and not a.flags.c_contiguous,
    "strided": lambda a: all(
        s == 2 * math.prod([2] * (a.ndim - 1 - i)) * 8 * math.prod(a.shape[i + 1 :])
        for i, s in enumerate(a.strides)
    ),
    "negative": lambda a: all(s < 0 for s in a.strides),
    "zero-stride": lambda a: 0 in a.strides,
    "readonly": lambda a: a.flags.c_contiguous and not a.flags.writeable,
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_tensor_has_its_layout_and_values(layout: Any) -> None:
    @given(st.tensors((2, 3), layout=layout))
    @some
    def check(x: tg.Tensor) -> None:
        assert LAID_OUT[layout](x.data)
        assert x.shape == (2, 3)
        assert x.is_leaf
        assert x.requires_grad
        assert np.isfinite(x.data).all()
        assert np.unique(x.data).size == 6 or layout == "zero-stride"

    check()


def test_every_layout_is_among_any() -> None:
    reaches(
        st.tensors((2, 3), layout="any"), *(lambda x, f=f: f(x.data) for f in LAID_OUT.values())
    )
    strides = [lambda x: x.data.strides[0] == 0, lambda x: x.data.strides[1] == 0]
    reaches(st.tensors((2, 3), layout="zero-stride"), *strides)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(), (0, 3), (1,)])
def test_every_shape_has_every_layout(layout: Any, shape: Any) -> None:
    @given(st.tensors(shape, np.float32, layout))
    @few
    def check(x: tg.Tensor) -> None:
        assert (x.shape, x.dtype) == (shape, np.float32)

    check()


def test_a_failure_tells_the_layout() -> None:
    @given(st.tensors((2, 3), layout="F"))
    @settings(few, database=None)
    def check(x: tg.Tensor) -> None:
        raise AssertionError

    with pytest.raises(AssertionError) as failure:
        check()
    assert any("(2, 3) is 'F'" in line for line in failure.value.__notes__)


def test_tensors_of_integers_require_no_gradient() -> None:
    x = minimal(st.tensors((2,), np.int64, "strided"), lambda x: True)
    assert not x.requires_grad
    assert x.tolist() == [1, -2]


def test_shapes_may_be_several() -> None:
    a, b = minimal(st.tensors(((2,), ()), layout="any"), lambda pair: True)
    assert (a.shape, b.shape) == ((2,), ())
    x = minimal(st.tensors(st.shapes(1)), lambda x: x.ndim == 2)
    assert x.shape == (1, 1)


# -- shapes --------------------------------------------------------------------------------------


def test_shapes_are_of_every_rank_and_length() -> None:
    reaches(st.shapes(), *(lambda s, n=n: len(s) == n for n in range(4)), lambda s: 3 in s)
    reaches(st.shapes(empty=True), lambda s: 0 in s, lambda s: 3 in s)
    assert minimal(st.shapes(2, empty=True), lambda s: True) == (1, 1)
    with pytest.raises(NoSuchExample):
        minimal(st.shapes(), lambda s: 0 in s)


@given(st.broadcastable(3, empty=True))
@some
def test_broadcastable_shapes_broadcast(shapes: Any) -> None:
    assert len(shapes) == 3
    np.broadcast_shapes(*shapes)


def test_broadcastable_shapes_stretch_in_every_way() -> None:
    reaches(
        st.broadcastable(2),
        lambda s: len(s[0]) < len(s[1]),
        lambda s: len(s[0]) > len(s[1]),
        lambda s: len(s[0]) == len(s[1]) == 2 and 1 in s[0] and s[0] != s[1],
        lambda s: s[0][:1] == (1,) != s[1][:1] and s[1][1:] == (1,) != s[0][1:],
        lambda s: len(s[0]) == 2 and s[0] == s[1] and 1 not in s[0],
    )


@given(st.matmul_pairs(empty=True))
@some
def test_matmul_pairs_can_be_multiplied(pair: Any) -> None:
    np.matmul(*(np.zeros(shape) for shape in pair))


def test_matmul_pairs_are_of_every_rank() -> None:
    reaches(
        st.matmul_pairs(),
        lambda p: len(p[0]) == len(p[1]) == 1,
        lambda p: len(p[0]) == 1 and len(p[1]) == 3,
        lambda p: len(p[0]) == 2 and len(p[1]) == 1,
        lambda p: len(p[0]) == len(p[1]) == 3 and p[0][0] != p[1][0],
        lambda p: len(p[0]) == 4,
    )
    reaches(st.matmul_pairs(empty=True), lambda p: p[0] == (2, 0))


@given(hst.data(), st.shapes(empty=True))
@some
def test_axes_permutations_and_reshapes_are_valid(data: Any, shape: Any) -> None:
    x = np.zeros(shape)
    x.sum(axis=data.draw(st.axes(x.ndim)))
    assert x.transpose(data.draw(st.permutations(x.ndim))).ndim == x.ndim
    assert x.reshape(data.draw(st.reshapes(shape))).size == x.size


def test_axes_permutations_and_reshapes_are_of_every_form() -> None:
    sought = [None, 0, 1, -1, -2, (), (0,), (1, 0), (0, 1), (-1, 0), (-2, -1)]
    reaches(st.axes(2), *(lambda axis, s=s: axis == s for s in sought))
    reaches(st.axes(0), lambda axis: axis == (), lambda axis: axis is None)
    reaches(st.permutations(2), *(lambda p, s=s: p == s for s in [(0, 1), (1, 0), (-1, 0)]))
    sought = [(6,), (2, 3), (1, 6), (3, 1, 2), (-1,), (2, -1), (-1, 3)]
    reaches(st.reshapes((2, 3)), *(lambda s, t=t: s == t for t in sought))
    reaches(st.reshapes(()), *(lambda s, t=t: s == t for t in [(), (1,), (-1,), (1, 1)]))
    reaches(st.reshapes((0, 2)), *(lambda s, t=t: s == t for t in [(0,), (3, 0)]))


# -- indices -------------------------------------------------------------------------------------


@given(hst.data(), st.shapes(max_dims=4, empty=True))
@settings(deadline=None, max_examples=200)
def test_numpy_takes_every_index(data: Any, shape: Any) -> None:
    np.zeros(shape)[data.draw(st.indices(shape))]


def parts(index: Any) -> tuple[Any, ...]:
    return index if isinstance(index, tuple) else (index,)


def some_part(feature: Any) -> Any:
    return lambda index: any(feature(part) for part in parts(index))


def of(*kinds: Any) -> Any:
    """Tell whether an index has parts of all these kinds."""
    return lambda index: all(any(isinstance(p, kind) for p in parts(index)) for kind in kinds)


def is_array(part: Any, kind: str) -> bool:
    return isinstance(part, np.ndarray) and part.dtype.kind == kind


def test_indices_are_of_every_form() -> None:
    reaches(
        st.indices((3, 2)),
        some_part(lambda p: isinstance(p, int) and p < 0),
        some_part(lambda p: isinstance(p, slice) and (p.step or 1) < -1),
        some_part(lambda p: isinstance(p, slice) and (p.step or 1) > 1),
        some_part(lambda p: p is None),
        some_part(lambda p: p is ...),
        some_part(lambda p: isinstance(p, list) and len(p) > 1),
        some_part(lambda p: is_array(p, "i") and p.size != np.unique(p).size),
        some_part(lambda p: is_array(p, "i") and p.size and p.min() < 0),
        some_part(lambda p: is_array(p, "i") and p.ndim == 2),
        some_part(lambda p: is_array(p, "i") and p.ndim == 0),
        some_part(lambda p: is_array(p, "i") and p.size == 0),
        some_part(lambda p: is_array(p, "b") and p.ndim == 1 and 0 < p.sum() < 3),
        some_part(lambda p: is_array(p, "b") and p.ndim == 2),
        some_part(lambda p: is_array(p, "b") and p.ndim == 0),
        some_part(lambda p: is_array(p, "b") and not p.any()),
        of(slice, np.ndarray),
        of(int, np.ndarray),
        of(type(...), np.ndarray, type(None)),
        lambda index: index == (),
        lambda index: len(parts(index)) == 2 and all(is_array(p, "i") for p in parts(index)),
    )


def test_an_index_that_repeats_is_shrunk() -> None:
    index = minimal(
        st.indices((3, 3)),
        lambda i: some_part(lambda p: is_array(p, "i") and p.size != np.unique(p).size)(i),
    )
    assert [0, 0] in [p.tolist() for p in parts(index) if isinstance(p, np.ndarray)]
    assert len(parts(index)) <= 2


@given(st.labels((2, 2), 3, ignore_index=-1))
@some
def test_some_labels_count(y: tg.Tensor) -> None:
    assert y.dtype == np.int64
    assert np.isin(y.data, [-1, 0, 1, 2]).all()
    assert (y.data >= 0).any()


def test_all_labels_are_drawn() -> None:
    labels = st.labels(2, 3, ignore_index=-1)
    reaches(
        labels, *(lambda y, a=a, b=b: y.tolist() == [a, b] for a, b in [(0, 2), (-1, 1), (1, -1)])
    )


# -- windows -------------------------------------------------------------------------------------

CONV = {1: tg.conv1d, 2: tg.conv2d, 3: tg.conv3d}
MAX_POOL = {1: tg.max_pool1d, 2: tg.max_pool2d, 3: tg.max_pool3d}
AVG_POOL = {1: tg.avg_pool1d, 2: tg.avg_pool2d, 3: tg.avg_pool3d}


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_configurations_of_windows_are_valid(ndim: int) -> None:
    @given(
        st.conv_configs(ndim, empty=True),
        st.pool_configs(ndim, empty=True),
        st.pool_configs(ndim, dilated=False),
    )
    @some
    def check(conv: st.ConvCase, pool: st.PoolCase, average: st.PoolCase) -> None:
        assert CONV[ndim](conv.x, conv.w, conv.b, **conv.options).ndim == ndim + 2
        assert MAX_POOL[ndim](pool.x, **pool.options).ndim == ndim + 2
        y = AVG_POOL[ndim](average.x, **average.options)
        assert np.isfinite(y.data).all()

    check()


def anisotropic(name: str) -> Any:
    return lambda case: len(set(getattr(case, name))) == 2


def test_configurations_of_windows_have_every_feature() -> None:
    names = "stride", "padding", "dilation"
    reaches(
        st.conv_configs(),
        *map(anisotropic, names),
        lambda c: all(anisotropic(name)(c) for name in names),
        lambda c: c.w.shape[2] != c.w.shape[3],
        lambda c: c.x.shape[2] != c.x.shape[3],
        lambda c: c.groups == 3 and c.w.shape[:2] == (6, 2),
        lambda c: c.b is None,
        lambda c: c.b is not None and c.x.shape[0] == 2,
        lambda c: tg.conv2d(c.x, c.w, **c.options).shape[2:] == (1, 1) and c.w.shape[2:] == (3, 3),
        # columns of the image that no window sees
        lambda c: c.stride[1] == 3 and (c.x.shape[3] + 2 * c.padding[1] - 1) % 3,
    )
    reaches(
        st.pool_configs(),
        *map(anisotropic, (*names, "kernel_size")),
        lambda c: (
            c.ceil_mode
            and tg.max_pool2d(c.x, **c.options).shape
            != tg.max_pool2d(c.x, **c.options | {"ceil_mode": False}).shape
        ),
        lambda c: c.stride[0] < c.kernel_size[0] and c.stride[1] > c.kernel_size[1],
    )
    reaches(st.conv_configs(1, empty=True), lambda c: c.x.shape[0] == 0)
    reaches(st.pool_configs(1, empty=True), lambda c: c.x.shape[0] == 0)
    x = minimal(st.pool_configs(3, np.float32, "strided", "ties"), lambda c: c.x.size > 1).x
    assert x.dtype == np.float32
    assert x.tolist()[0][0][0][0] == [1, 1] or x.size == 2


def test_a_stride_swap_shrinks_to_four_elements() -> None:
    def differs(case: st.ConvCase) -> bool:
        swapped = case.options | {"stride": case.stride[::-1]}
        right = tg.conv2d(case.x, case.w, case.b, **case.options)
        wrong = tg.conv2d(case.x, case.w, case.b, **swapped)
        return right.shape != wrong.shape or bool((right != wrong).any())

    case = minimal(st.conv_configs(), differs)
    assert case.x.size <= 2
    assert case.w.size == 1
    assert case.b is None
    assert case.x.data.ravel().tolist() == [1, -2][: case.x.size]


def test_a_missing_ceil_mode_shrinks_to_four_elements() -> None:
    def differs(case: st.PoolCase) -> bool:
        floor = case.options | {"ceil_mode": False}
        return tg.max_pool2d(case.x, **case.options).shape != tg.max_pool2d(case.x, **floor).shape

    assert minimal(st.pool_configs(), differs).x.size <= 4


def test_drawing_is_fast() -> None:
    """A convolution takes some times as long as the one array that Hypothesis draws."""

    def draw_a_hundred(strategy: Any) -> None:
        @given(strategy)
        @settings(
            deadline=None, max_examples=100, database=None, suppress_health_check=list(HealthCheck)
        )
        def nothing(case: Any) -> None:
            pass

        nothing()

    array = arrays(np.float64, array_shapes(max_dims=4, max_side=4))
    assert cpu_time(draw_a_hundred, st.conv_configs()) < 8 * cpu_time(draw_a_hundred, array)


# -- einsum --------------------------------------------------------------------------------------


@given(st.einsum_subscripts(empty=True))
@some
def test_numpy_takes_the_subscripts(case: Any) -> None:
    subscripts, shapes = case
    np.einsum(subscripts, *map(np.zeros, shapes))


def test_subscripts_are_of_every_form() -> None:
    def stretches(case: Any) -> bool:
        terms = case[0].split("->")[0].split(",")
        lengths: dict[str, set[int]] = {}
        for term, shape in zip(terms, case[1], strict=True):
            for letter, n in zip(term, shape, strict=False):
                lengths.setdefault(letter, set()).add(n)
        return "..." not in case[0] and any(len(several) > 1 for several in lengths.values())

    reaches(
        st.einsum_subscripts(),
        lambda case: len(case[1]) == 3,
        lambda case: "->" not in case[0],
        lambda case: case[0].endswith("->"),
        lambda case: "aa" in case[0] and "->" in case[0],
        lambda case: case[0].count("...") == 2,
        lambda case: case[0].startswith("...a"),
        lambda case: "" in case[0].split(","),
        stretches,
    )


# -- graphs --------------------------------------------------------------------------------------


@given(st.graphs())
@settings(deadline=None, max_examples=100)
def test_graphs_run_and_their_repr_is_the_same_program(graph: st.Program) -> None:
    y = graph(*graph.inputs)
    assert y.requires_grad
    assert np.isfinite(y.data).all()
    names: dict[str, Any] = {}
    exec(repr(graph), names)
    np.testing.assert_array_equal(names["y"].data, y.data, strict=True)


def uses(graph: st.Program) -> list[tuple[str, list[str]]]:
    """Return the name that each statement gives to its value, and the names it uses."""
    body = ast.parse(graph.source).body[0].body  # type: ignore[attr-defined]
    return [
        (
            statement.targets[0].id if isinstance(statement, ast.Assign) else "return",
            [n.id for n in ast.walk(statement.value) if isinstance(n, ast.Name) and n.id != "tg"],
        )
        for statement in body
    ]


def test_graphs_have_every_feature() -> None:
    def fans_out(graph: st.Program) -> bool:
        used = [name for _, names in uses(graph) for name in set(names)]
        made = {name for name, _ in uses(graph)}
        return any(used.count(name) > 1 for name in made)

    def dead(graph: st.Program) -> bool:
        used = {name for _, names in uses(graph) for name in names}
        return any(name not in used for name, _ in uses(graph)[:-1])

    def unused_leaf(graph: st.Program) -> bool:
        used = {name for _, names in uses(graph) for name in names}
        return len(graph.inputs) == 2 and not {"a", "b"} <= used

    ops = ["add", "multiply"]
    reaches(
        st.graphs(ops),
        fans_out,
        dead,
        unused_leaf,
        lambda g: any(names == [names[0]] * 2 for _, names in uses(g)),
        lambda g: len(uses(g)) == 6,
        lambda g: g.inputs[0].shape == (2, 2),
    )
    networks = "cross_entropy", "max_pool2d", "layer_norm", "axis=-1", "x[:, 2]"
    reaches(st.graphs(), *(lambda g, name=name: name in g.source for name in networks))


@pytest.mark.parametrize("op", st.OPERATIONS)
def test_every_operation_keeps_the_shape(op: str) -> None:
    @given(st.graphs([op]))
    @few
    def check(graph: st.Program) -> None:
        assert graph(*graph.inputs).shape == graph.inputs[0].shape

    check()


class Twice(tg.Function):
    def forward(self, x: Any) -> Any:
        return 2 * x

    def backward(self, g: Any) -> Any:
        return 2 * g


def plus(a: Any, b: Any, scale: float = 1.0) -> Any:
    return a + scale * b


def test_graphs_of_your_own_operations() -> None:
    graph = minimal(
        st.graphs([Twice(), plus, "tanh", lambda x: -x]),
        lambda g: all(name in g.source for name in ("Twice(", "plus(", "f2(", "tanh(")),
    )
    (x,) = graph.inputs
    assert graph(x).shape == (1, 1)
    tg.grad(graph(x).sum(), x)


def test_integers_stay_exact() -> None:
    polynomials = ["add", "multiply", "matmul", "transpose", "row", "sum", "subtract"]

    @given(st.graphs(polynomials, kind="ties"))
    @some
    def check(graph: st.Program) -> None:
        y = graph(*graph.inputs).data
        assert (y == np.round(y)).all()
        assert np.abs(y).max() < 2**53

    check()


# -- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: st.values(kind="odd"), "kind"),
        (lambda: st.values((2,), np.int64, "normal"), "kind"),
        (lambda: st.values((2,), np.complex128), "dtype"),
        (lambda: st.values((2,), kind="ties", within=(0, 1)), "within"),
        (lambda: st.values((2,), within=(1, 1)), "within"),
        (lambda: st.values((-1,)), "shape"),
        (lambda: st.tensors((2,), layout="odd"), "layout"),
        (lambda: st.tensors((2,), kind="odd"), "kind"),
        (lambda: st.tensors("ab"), "shape"),
        (lambda: st.shapes(3, 2), "min_dims"),
        (lambda: st.shapes(max_side=0), "max_side"),
        (lambda: st.broadcastable(0), "one shape"),
        (lambda: st.axes(-1), "axes"),
        (lambda: st.permutations(-1), "axes"),
        (lambda: st.reshapes((-1, 2)), "shape"),
        (lambda: st.indices(3), "shape"),
        (lambda: st.labels(3, 0), "classes"),
        (lambda: st.labels(3, 4, ignore_index=2), "class itself"),
        (lambda: st.conv_configs(4), "spatial axes"),
        (lambda: st.conv_configs(layout="odd"), "layout"),
        (lambda: st.conv_configs(vary=["strides"]), "vary takes some of"),
        (lambda: st.conv_configs(vary="stride"), "vary takes some of"),
        (lambda: st.pool_configs(0), "spatial axes"),
        (lambda: st.pool_configs(kind="odd"), "kind"),
        (lambda: st.einsum_subscripts(0), "operand"),
        (lambda: st.graphs(["odd"]), "operations"),
        (lambda: st.graphs([]), "no operations"),
        (lambda: st.graphs([lambda a, b, c: a]), "operands"),
        (lambda: st.graphs(kind="odd"), "kind"),
    ],
)
def test_wrong_arguments_are_refused_at_the_call(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


@given(st.conv_configs(vary=["stride"]))
def test_a_convolution_with_a_stride_only(case):
    assert case.options | {"stride": None} == {
        "stride": None,
        "padding": (0, 0),
        "dilation": (1, 1),
        "groups": 1,
    }
    tg.conv2d(case.x, case.w, stride=case.stride)
