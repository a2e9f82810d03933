"""The battery that every Function goes through, generated from the table in cases.py.

Each check is a function of a case.  At the end, rules that are wrong on purpose show that each
check can fail.
"""

from __future__ import annotations

import importlib
import itertools
import pkgutil
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph._function import source_of

from .cases import CASES, DIFFERENTIABLE, LINEAR
from .cases.table import Case, apart, frozen, normal
from .numeric import assert_agrees, assert_derivative

SEEDS = st.integers(0, 2**32 - 1)
# Shrinking a seed tells nothing.
drawn = settings(
    deadline=None,
    max_examples=3,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    report_multiple_bugs=False,
)


def every(cases: list[Case]) -> Any:
    return pytest.mark.parametrize("case", cases, ids=str)


# -- running a case ------------------------------------------------------------------------------


def generator(case: Case) -> np.random.Generator:
    """Return a generator of values for a check to which any values will do."""
    return np.random.default_rng(zlib.crc32(str(case).encode()))


def floating(arrays: list) -> list[int]:
    return [i for i, a in enumerate(arrays) if a is not None and a.dtype.kind == "f"]


def as_tensors(arrays: list) -> list[tg.Tensor | None]:
    return [None if a is None else tg.Tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]


def wanted(xs: list) -> list[tg.Tensor]:
    return [x for x in xs if x is not None and x.requires_grad]


def output(case: Case, arrays: list) -> np.ndarray:
    """Return the output; only tensors make the engine's way, arrays go straight to the kernel."""
    with tg.no_grad():
        return case.function(*(None if a is None else tg.Tensor(a) for a in arrays)).data


def cotangent(case: Case, arrays: list, rng: np.random.Generator) -> np.ndarray:
    y = output(case, arrays)
    return frozen(rng.standard_normal(y.shape), y.dtype)


def gradients(
    case: Case, arrays: list, g: np.ndarray, create_graph: bool = False
) -> list[np.ndarray]:
    """Return the gradient of every floating input; zeros for None, which stands for them."""
    xs = as_tensors(arrays)
    y = case.function(*xs)
    found = tg.grad(y, wanted(xs), g, create_graph=create_graph, allow_unused=True)
    return [
        np.zeros(x.shape, x.dtype) if gx is None else gx.data
        for x, gx in zip(wanted(xs), found, strict=True)
    ]


def assert_same(actual: list[np.ndarray], expected: list[np.ndarray]) -> None:
    for a, b in zip(actual, expected, strict=True):
        np.testing.assert_array_equal(a, b, strict=True)


# -- values --------------------------------------------------------------------------------------


def check_value(case: Case, dtype: Any = np.float64) -> None:
    arrays = case.draw(generator(case), dtype)
    y = output(case, arrays)
    if y.dtype.kind == "f" and case.keeps_dtype:
        assert y.dtype == dtype
    doubles = [None if a is None else frozen(a, np.float64) for a in arrays]
    assert_agrees([y], lambda *xs: [case.reference(*xs)], doubles, dtype)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@every(CASES)
def test_value_is_the_definition_in_the_dtype_of_the_inputs(case: Case, dtype: Any) -> None:
    check_value(case, dtype)


@every([case for case in CASES if not case.differentiable])
def test_what_has_no_rule_is_not_recorded(case: Case) -> None:
    y = case.function(*as_tensors(case.draw(generator(case))))
    assert not y.requires_grad
    assert y.is_leaf


def test_logsumexp_of_nothing_is_minus_infinity() -> None:
    x = tg.zeros((0, 3), requires_grad=True)
    y = tg.logsumexp(x, axis=0)
    y.backward(np.ones(3))
    assert y.tolist() == [-np.inf] * 3
    assert x.grad.shape == (0, 3)


# -- derivatives ---------------------------------------------------------------------------------


def contracted(case: Case, order: int, seed: int) -> Any:
    """Return a number that depends on a cotangent and the inputs: <cotangent, f(inputs)>.

    With a higher order, it is <v, gradient of the number of the order below>, for a random v.
    """

    def number(zs: list[tg.Tensor | None], order: int, create_graph: bool) -> tg.Tensor:
        if order == 0:
            g, *xs = zs
            return (case.function(*xs) * g).sum()
        below = number(zs, order - 1, create_graph=True)
        found = tg.grad(below, wanted(zs), create_graph=create_graph, allow_unused=True)
        rng = np.random.default_rng([seed, order])
        terms = [(gz * rng.standard_normal(gz.shape)).sum() for gz in found if gz is not None]
        return sum(terms[1:], terms[0])

    return lambda zs, create_graph: number(zs, order, create_graph)


def check_derivative(case: Case, seed: int, order: int = 1) -> None:
    rng = np.random.default_rng(seed)
    arrays = case.draw(rng)
    arrays.insert(0, cotangent(case, arrays, rng))
    number = contracted(case, order - 1, seed)

    zs = as_tensors(arrays)
    y = number(zs, create_graph=True)
    found: Any = [None] * len(wanted(zs))
    if y.requires_grad:  # else all derivatives of this order are zero
        found = tg.grad(y, wanted(zs), allow_unused=True)
    for which, gz in zip(floating(arrays), found, strict=True):
        if order == 1 and which == 0:
            continue  # the derivative along the cotangent is the value
        assert_derivative(
            lambda *moved: number(as_tensors(list(moved)), create_graph=False).item(),
            arrays,
            which,
            np.zeros_like(arrays[which]) if gz is None else gz.data,
            rng,
        )


@every(DIFFERENTIABLE)
@given(seed=SEEDS)
@drawn
def test_gradient_is_the_derivative(case: Case, seed: int) -> None:
    check_derivative(case, seed)


@every(DIFFERENTIABLE)
@given(seed=SEEDS)
@drawn
def test_gradient_of_the_gradient_is_its_derivative(case: Case, seed: int) -> None:
    check_derivative(case, seed, order=2)


def cubed(f: Any) -> Any:
    """Give a (multi)linear operation derivatives of third order."""

    def cube(*xs: tg.Tensor) -> tg.Tensor:
        y = f(*xs)
        return y * y * y

    return cube


THIRD = [
    Case(
        cubed(lambda *a: tg.conv2d(*a, stride=(2, 1), padding=(1, 0), groups=2)),
        [normal(1, 2, 4, 3), normal(2, 1, 3, 2), normal(2)],
        np.asarray,
    ),
    Case(
        cubed(lambda x: tg.max_pool2d(x, (2, 3), stride=(1, 2), padding=(1, 1))),
        [apart(1, 2, 4, 3)],
        np.asarray,
    ),
    Case(
        lambda x, w, b: tg.batch_norm(x, None, None, w, b, training=True),
        [normal(4, 2), normal(2), normal(2)],
        np.asarray,
    ),
    Case(
        lambda x, w, b: tg.nn.functional.layer_norm(x, (4,), w, b),
        [normal(2, 4), normal(4), normal(4)],
        np.asarray,
    ),
    Case(lambda x, t: tg.cross_entropy(x, tg.softmax(t)), [normal(3, 4), normal(3, 4)], np.asarray),
]


THIRD_NAMES = ["conv2d", "max_pool2d", "batch_norm", "layer_norm", "cross_entropy"]


@pytest.mark.parametrize("case", THIRD, ids=THIRD_NAMES)
@given(seed=SEEDS)
@drawn
def test_third_derivatives(case: Case, seed: int) -> None:
    check_derivative(case, seed, order=3)


def check_modes(case: Case) -> None:
    """The rule gives the same on arrays (the fast way) and on Tensors (recorded)."""
    rng = generator(case)
    arrays = case.draw(rng)
    g = cotangent(case, arrays, rng)
    recorded = gradients(case, arrays, g, create_graph=True)
    assert_agrees(recorded, lambda g, *xs: gradients(case, list(xs), g), [g, *arrays])


@every(DIFFERENTIABLE)
def test_rule_gives_the_same_on_arrays_and_on_tensors(case: Case) -> None:
    check_modes(case)


def check_gradient_dtype(case: Case, dtype: Any) -> None:
    """Gradients have the shape and dtype of their inputs, and are those of double precision."""
    rng = generator(case)
    arrays = case.draw(rng, dtype)
    g = cotangent(case, arrays, rng)
    doubles = [None if a is None else frozen(a, np.float64) for a in (g, *arrays)]
    for create_graph in (False, True):
        found = gradients(case, arrays, g, create_graph)
        for which, gx in zip(floating(arrays), found, strict=True):
            assert gx.shape == arrays[which].shape
            assert gx.dtype == arrays[which].dtype
        assert_agrees(found, lambda g, *xs: gradients(case, list(xs), g), doubles, dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@every(DIFFERENTIABLE)
def test_gradients_keep_the_dtype_of_their_inputs(case: Case, dtype: Any) -> None:
    check_gradient_dtype(case, dtype)


# -- what a rule may not do ----------------------------------------------------------------------


def kept_arrays(y: tg.Tensor) -> list[np.ndarray]:
    flat: list[Any] = []
    for value in source_of(y).kept:
        flat += value if isinstance(value, tuple) else [value]
    return [value for value in flat if isinstance(value, np.ndarray)]


def check_purity(case: Case) -> None:
    """Nothing is written to: the inputs are read-only already, and so is what is kept.

    And nothing hides on the Function, whose single instance may serve many calls.
    """
    attributes = dict(vars(case.function))
    rng = generator(case)
    arrays = case.draw(rng)
    g = cotangent(case, arrays, rng)
    for create_graph in (False, True):
        xs = as_tensors(arrays)
        y = case.function(*xs)
        held = [*arrays, g, y.data, *kept_arrays(y)]
        for array in held:
            if array is not None:
                array.flags.writeable = False
        before = [None if a is None else a.copy() for a in held]
        y.backward(g, create_graph=create_graph)
        for array, copy in zip(held, before, strict=True):
            np.testing.assert_array_equal(array, copy)
    assert vars(case.function) == attributes


@every(DIFFERENTIABLE)
def test_rule_writes_to_nothing(case: Case) -> None:
    check_purity(case)


def check_memory(case: Case) -> None:
    """Nothing that comes out shares memory with anything, but the views of shape operations."""
    rng = generator(case)
    arrays = case.draw(rng)
    given_ = [a for a in arrays if a is not None]
    y = output(case, arrays)
    assert case.view or not any(np.shares_memory(y, a) for a in given_)
    if not case.differentiable:
        return
    g = cotangent(case, arrays, rng)
    for create_graph in (False, True):
        xs = as_tensors(arrays)
        recorded = case.function(*xs)
        held = [*given_, g, recorded.data, *kept_arrays(recorded)]
        recorded.backward(g, create_graph=create_graph)
        found = [x.grad.data for x in wanted(xs) if x.grad is not None]
        for a, b in itertools.chain(
            itertools.combinations(found, 2), itertools.product(found, held)
        ):
            assert not np.shares_memory(a, b)


@every(CASES)
def test_results_share_no_memory(case: Case) -> None:
    check_memory(case)


def layouts(a: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the same values in other strides: Fortran order, reversed, every other one."""
    if a.ndim == 0:  # has no strides to differ in
        yield from (a, a, a)
    else:
        yield np.asfortranarray(a)
        yield np.flip(np.flip(a).copy())
        yield np.repeat(a, 2, axis=-1)[..., ::2]


def check_layouts(case: Case) -> None:
    rng = generator(case)
    arrays = case.draw(rng)
    differentiable = case.differentiable
    g = cotangent(case, arrays, rng)

    def everything(g: np.ndarray, *xs: Any) -> list[np.ndarray]:
        return [output(case, list(xs)), *(gradients(case, list(xs), g) if differentiable else [])]

    plain = [g, *arrays]
    none = itertools.repeat(None)
    for strange in zip(*(none if a is None else layouts(a) for a in plain), strict=False):
        assert_agrees(everything(*strange), everything, plain)


@every(CASES)
def test_any_memory_layout_gives_the_same(case: Case) -> None:
    check_layouts(case)


# -- a rule is linear in the cotangent -----------------------------------------------------------


def check_linearity(case: Case) -> None:
    rng = generator(case)
    arrays = case.draw(rng)
    g, h = (cotangent(case, arrays, rng) for _ in "gh")
    found = gradients(case, arrays, g)
    assert_same(gradients(case, arrays, 0 * g), [0 * gx for gx in found])
    assert_same(gradients(case, arrays, 2 * g), [2 * gx for gx in found])

    def added(g: np.ndarray, h: np.ndarray, *xs: Any) -> list[np.ndarray]:
        parts = (gradients(case, list(xs), part) for part in (g, h))
        return [a + b for a, b in zip(*parts, strict=True)]

    assert_agrees(gradients(case, arrays, g + h), added, [g, h, *arrays])


@every(DIFFERENTIABLE)
def test_gradient_is_linear_in_the_cotangent(case: Case) -> None:
    check_linearity(case)


def check_adjoint(case: Case) -> None:
    """<J u, v> == <u, Jᵀ v> with integers, for each input while the others stay."""
    rng = generator(case)
    arrays = case.draw_integers(rng)
    y = output(case, arrays)
    v = frozen(rng.integers(-3, 4, y.shape) * 1.0)
    found = gradients(case, arrays, v)
    for which, gx in zip(floating(arrays), found, strict=True):
        without = list(arrays)
        without[which] = np.zeros_like(arrays[which])
        assert ((y - output(case, without)) * v).sum() == (arrays[which] * gx).sum()


@every(LINEAR)
def test_rule_of_a_linear_function_is_its_adjoint_exactly(case: Case) -> None:
    check_adjoint(case)


# -- running it again ----------------------------------------------------------------------------


def check_repeatable(case: Case) -> None:
    rng = generator(case)
    arrays = case.draw(rng)
    g = cotangent(case, arrays, rng)
    xs = as_tensors(arrays)
    y = case.function(*xs)
    first, second = (
        tg.grad(y, wanted(xs), g, retain_graph=True, allow_unused=True) for _ in range(2)
    )
    for a, b in zip(first, second, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_array_equal(a.data, b.data)


@every(DIFFERENTIABLE)
def test_second_backward_is_identical(case: Case) -> None:
    check_repeatable(case)


# -- every Function has a row --------------------------------------------------------------------


def functions_of(package: Any) -> set[type[tg.Function]]:
    """Return the concrete Functions that the modules of a package define."""
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found, todo = set(), [tg.Function]
    while todo:
        new = todo.pop().__subclasses__()
        todo += new
        found |= {
            function
            for function in new
            if function.__module__.startswith(package.__name__ + ".")
            and function.forward is not tg.Function.forward
            and not function.__name__.startswith("_")
        }
    return found


def test_every_function_has_a_row() -> None:
    rows = set()
    for case in CASES:
        rows.update(getattr(case.function, "functions", (type(case.function),)))
    missing = sorted(function.__qualname__ for function in functions_of(tg) - rows)
    assert not missing, f"add rows to tests/cases for {', '.join(missing)}"


def test_rows_are_named_apart() -> None:
    names = [str(case) for case in CASES]
    assert len(set(names)) == len(names)


# -- the battery can fail ------------------------------------------------------------------------


class Double(tg.Function):
    """A right rule, from which the wrong ones differ in one place each."""

    def forward(self, x: Any) -> Any:
        return 2 * x

    def backward(self, g: Any) -> Any:
        return 2 * g


class SlightlyMore(Double):
    def backward(self, g: Any) -> Any:
        return g * 2.02


class Transposed(Double):
    def backward(self, g: Any) -> Any:
        return 2 * g.mT


class WrongValue(Double):
    def forward(self, x: Any) -> Any:
        return 2.001 * x


class WritesGradient(Double):
    def backward(self, g: Any) -> Any:
        g *= 2
        return g


class WritesInput(Double):
    def forward(self, x: Any) -> Any:
        x *= 2
        return x.copy()


class WritesKept(Double):
    def backward(self, g: Any, y: Any) -> Any:
        y += 0
        return 2 * g


class Hides(Double):
    def forward(self, x: Any) -> Any:
        self.x = x
        return 2 * x


class ReturnsInput(tg.Function):
    def forward(self, x: Any) -> Any:
        return x

    def backward(self, g: Any) -> Any:
        return g


class Widens(Double):
    def forward(self, x: Any) -> Any:
        return x * np.full((), 2.0)


class TwoModes(Double):
    def backward(self, g: Any) -> Any:
        return g if isinstance(g, tg.Tensor) else 2 * g


class MemoryOrder(Double):
    def forward(self, x: Any) -> Any:
        return 2 * x.ravel("K").reshape(x.shape)


class MemoryOrderOfGradient(Double):
    def backward(self, g: Any) -> Any:
        return 2 * np.ravel(g, "K").reshape(g.shape)


class NotZeroAtZero(Double):
    def backward(self, g: Any) -> Any:
        return 2 * g + 1


class Saturates(Double):
    def backward(self, g: Any) -> Any:
        return 2 * tg.ops.elementwise.tanh_(g)


class Counts(Double):
    calls = 0

    def backward(self, g: Any) -> Any:
        Counts.calls += 1
        return Counts.calls * g


class Imprecise(Double):
    def backward(self, g: Any) -> Any:
        narrow = np.float16 if g.dtype == np.float32 else g.dtype
        return 2 * g.astype(narrow).astype(g.dtype)


class AddUnbroadcast(tg.Function):
    """It broadcasts but does not say so, so that nobody sums its gradients."""

    def forward(self, a: Any, b: Any) -> Any:
        return a + b

    def backward(self, g: Any) -> Any:
        return g, g


class HeldSlope(tg.Function):
    """The smooth slope is kept as if it were constant: the second derivative is wrong."""

    aux = ("slope",)

    def forward(self, x: Any) -> Any:
        return x**3, 3 * x**2

    def backward(self, g: Any, slope: Any) -> Any:
        return g * slope


def second_derivative(case: Case) -> None:
    check_derivative(case, seed=1, order=2)


def first_derivative(case: Case) -> None:
    check_derivative(case, seed=1)


def float32_value(case: Case) -> None:
    check_value(case, np.float32)


def float32_gradient(case: Case) -> None:
    check_gradient_dtype(case, np.float32)


def double(x: np.ndarray) -> np.ndarray:
    return 2 * x


CAUGHT = [
    (check_value, WrongValue),
    (float32_value, Widens),
    (first_derivative, SlightlyMore),
    (first_derivative, Transposed),
    (check_adjoint, SlightlyMore),
    (check_adjoint, Transposed),
    (check_modes, TwoModes),
    (float32_gradient, Imprecise),
    (check_purity, WritesGradient),
    (check_purity, WritesInput),
    (check_purity, WritesKept),
    (check_purity, Hides),
    (check_layouts, MemoryOrder),
    (check_layouts, MemoryOrderOfGradient),
    (check_linearity, NotZeroAtZero),
    (check_linearity, Saturates),
    (check_repeatable, Counts),
]
CHECKS = [*dict(CAUGHT), check_memory, second_derivative]


def caught(check: Any, case: Case) -> None:
    with pytest.raises((AssertionError, ValueError)):
        check(case)


@pytest.mark.parametrize("check", CHECKS)
def test_the_right_rule_passes(check: Any) -> None:
    check(Case(Double(), [normal(3, 3)], double))


@pytest.mark.parametrize(("check", "wrong"), CAUGHT)
def test_a_wrong_rule_is_caught(check: Any, wrong: type[tg.Function]) -> None:
    caught(check, Case(wrong(), [normal(3, 3)], double))


def test_an_aliased_output_is_caught() -> None:
    caught(check_memory, Case(ReturnsInput(), [normal(3)], np.copy))


def test_a_missing_unbroadcast_is_caught() -> None:
    caught(first_derivative, Case(AddUnbroadcast(), [normal(2, 3), normal(3)], np.add))


def test_a_smooth_aux_held_constant_is_caught_by_the_second_derivative_alone() -> None:
    case = Case(HeldSlope(), [normal(3)], lambda x: x**3)
    first_derivative(case)
    caught(second_derivative, case)


def test_a_function_without_a_row_is_caught() -> None:
    class Forgotten(Double):
        __module__ = "tinygraph.ops.forgotten"

    assert Forgotten in functions_of(tg)
