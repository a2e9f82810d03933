"""The battery of tinygraph.testing over every Function, generated from the table in tests/cases.

At the end, rules that are wrong on purpose show that each check can fail.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.kernels import convolution, tiles, winograd
from tinygraph.ops.loss import CrossEntropy, NegativeLogLikelihood
from tinygraph.testing import FunctionSuite, gradcheck
from tinygraph.testing._session import level

from .cases import CASES
from .cases.table import Case, apart, normal

# The structure of a row is fixed; so there is little to draw.
SEEDS = st.just(0) if level() == "fast" else st.integers(0, 1)


@pytest.fixture(autouse=True, scope="module")
def tiles_of_two_images() -> Iterator[None]:
    """Convolutions go as with many large images: few at a time, on threads, by pairs of windows."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (convolution, winograd):
            patch.setattr(module, "tile_length", lambda n, *_: max(1, min(n, 2)))
        patch.setattr(tiles, "SHARED_BYTES", 1)
        patch.setattr(winograd, "MANY_CHANNELS", 3)
        patch.setattr(winograd, "MANY_WINDOWS", 1)
        yield


def suite_of(case: Case) -> type[FunctionSuite]:
    """Return the tests of a row of the table."""

    def draw(seed: int) -> tuple[Any, ...]:
        return tuple(case.draw(np.random.default_rng(seed)))

    attributes = {
        "case": case,
        "function": staticmethod(case.function),
        "inputs": SEEDS.map(draw),
        "reference": staticmethod(case.reference),
        "linear": case.linear,
        "view": case.view,
        "keeps_dtype": case.keeps_dtype,
        "__module__": __name__,
    }
    return type(f"Test{case}", (FunctionSuite,), attributes)


globals().update({suite.__name__: suite for suite in map(suite_of, CASES)})


@pytest.mark.parametrize("case", [case for case in CASES if not case.differentiable], ids=str)
def test_what_has_no_rule_is_not_recorded(case: Case) -> None:
    arrays = case.draw(np.random.default_rng(0))
    xs = [None if a is None else tg.Tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    y = case.function(*xs)
    assert not y.requires_grad
    assert y.is_leaf


def test_logsumexp_of_nothing_is_minus_infinity() -> None:
    x = tg.zeros((0, 3), requires_grad=True)
    y = tg.logsumexp(x, axis=0)
    y.backward(np.ones(3))
    assert y.tolist() == [-np.inf] * 3
    assert x.grad.shape == (0, 3)


@pytest.mark.parametrize("loss", [CrossEntropy(), NegativeLogLikelihood()], ids=str)
def test_a_class_that_cannot_be_costs_nothing_where_it_is_not(loss: tg.Function) -> None:
    log_probabilities = np.array([[0.0, -np.inf]])
    assert loss(tg.tensor(log_probabilities), tg.tensor([[1.0, 0.0]])).tolist() == [0]


# -- third derivatives ---------------------------------------------------------------------------


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


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("case", THIRD, ids=THIRD_NAMES)
def test_third_derivatives(case: Case, seed: int) -> None:
    arrays = case.draw(np.random.default_rng(seed))
    assert gradcheck(case.function, *arrays, order=3, seed=seed)


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
