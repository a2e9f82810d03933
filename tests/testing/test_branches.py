"""The branches of piecewise operations: where they are equal, all is smooth; across a kink, not."""

from __future__ import annotations

import math
import zlib
from typing import Any

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.nn import functional as F
from tinygraph.ops.activation import ELU, Hardtanh, LeakyReLU, Softplus
from tinygraph.ops.binary_loss import BinaryCrossEntropy, LogFloor
from tinygraph.ops.elementwise import Clip
from tinygraph.ops.norms import VectorNorm
from tinygraph.ops.reduction import Amax, Max
from tinygraph.ops.regression_loss import Huber, KLDivergence
from tinygraph.ops.rounding import Copysign, Floor, Fmod, Remainder, Trunc
from tinygraph.ops.selection import Sort
from tinygraph.ops.transcendental import Arctan2
from tinygraph.testing._branches import record_branches

from ..cases import DIFFERENTIABLE
from ..cases.table import Case, apart
from ..test_functions import functions_of

# Those that say themselves what they choose, and those whose aux do.
PIECEWISE = {
    *("ReLU", "Abs", "Clip", "Maximum", "Minimum", "FMax", "FMin", "Amax", "Amin"),
    *("LeakyReLU", "PReLU", "Hardtanh", "Hardsigmoid", "Hardswish", "ELU", "Softplus", "Softsign"),
    *("Sign", "Floor", "Ceil", "Round", "Trunc", "Copysign", "FloorDivide", "Remainder", "Fmod"),
    *("Huber", "KLDivergence", "LogFloor", "BinaryCrossEntropy", "VectorNorm", "Arctan2"),
    "Orthonormal",
}
WINNERS = {"Max", "Min", "Sort", "MaxPool1d", "MaxPool2d", "MaxPool3d", "AdaptiveMaxPool"}
# Not smooth at single points (0, equal singular values), from which no pieces spread.
POINTS = {"Hypot", "Std", "Arctan2", "VectorNorm", "SingularValues"}
# Their kinks are at no small numbers, or at the end of their domain: see CROSSINGS.
ELSEWHERE = {"KLDivergence", "LogFloor", "BinaryCrossEntropy", "VectorNorm", "Arctan2"}

FUNCTIONS = [
    case
    for case in DIFFERENTIABLE
    if isinstance(case.function, tg.Function) and not case.function.attributes.get("f")
]


def every(cases: list[Case]) -> Any:
    return pytest.mark.parametrize("case", cases, ids=str)


def generator(case: Case) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(str(case).encode()))


def floating(arrays: list) -> list[int]:
    return [i for i, a in enumerate(arrays) if a is not None and a.dtype.kind == "f"]


def output(case: Case, arrays: list) -> np.ndarray:
    with tg.no_grad():
        return case.function(*(None if a is None else tg.Tensor(a) for a in arrays)).data


def gradients(case: Case, arrays: list, g: np.ndarray) -> list[np.ndarray]:
    """Return the gradient of every floating input; zeros for None, which stands for them."""
    xs = [None if a is None else tg.Tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    wanted = [xs[i] for i in floating(arrays)]
    found = tg.grad(case.function(*xs), wanted, g, allow_unused=True)
    return [
        np.zeros(x.shape, x.dtype) if gx is None else gx.data
        for x, gx in zip(wanted, found, strict=True)
    ]


def same(branches: list[tuple]) -> bool:
    first, *others = branches
    return all(
        len(b) == len(first)
        and all(np.array_equal(x, y, equal_nan=True) for x, y in zip(b, first, strict=True))
        for b in others
    )


class Segment:
    """A line of inputs through a point, and a number that depends on the output along it."""

    def __init__(self, case: Case, arrays: list, rng: np.random.Generator) -> None:
        self.case, self.arrays = case, arrays
        self.directions = {i: rng.choice([-1.0, 1.0], arrays[i].shape) for i in floating(arrays)}
        self.g = rng.standard_normal(output(case, arrays).shape)
        self.v = [rng.standard_normal(arrays[i].shape) for i in floating(arrays)]

    def at(self, t: float) -> list:
        return [
            a + t * self.directions[i] if i in self.directions else a
            for i, a in enumerate(self.arrays)
        ]

    def value(self, t: float) -> float:
        return float((self.g * output(self.case, self.at(t))).sum())

    def slope(self, t: float) -> float:
        found = gradients(self.case, self.at(t), self.g)
        return float(sum((gx * v).sum() for gx, v in zip(found, self.v, strict=True)))

    def smooth(self, *steps: float) -> bool:
        return same([self.case.function.branch(*self.at(t)) for t in steps])


# -- inside of a piece ---------------------------------------------------------------------------


@every(FUNCTIONS)
def test_within_one_branch_central_differences_converge_with_order_two(case: Case) -> None:
    rng = generator(case)
    h = 2.0**-7
    drawn = (Segment(case, case.draw(rng), rng) for _ in range(9))
    segment = next(segment for segment in drawn if segment.smooth(-h, 0, h))
    steps = (h, h / 2, h / 4)
    one, two, three = ((segment.value(t) - segment.value(-t)) / (2 * t) for t in steps)
    noise = 1e-12 * (1 + abs(segment.value(0)) + abs(one))
    assert abs(two - three) <= abs(one - two) / 3 + noise  # a quarter, and a little


# -- across a kink -------------------------------------------------------------------------------

STEP = 1e-6


def kinked(f: Any) -> bool:
    """Return whether f jumps at 0, or its slope does; infinities are something else."""
    far_left, left, right, far_right = (f(t * STEP) for t in (-2, -1, 1, 2))
    before, after = (left - far_left) / STEP, (far_right - right) / STEP
    if not max(map(abs, (left, right, before, after))) < 1e2:
        return False  # near a pole, or outside of the domain: NaN
    return abs(right - left) > 1e-2 or abs(after - before) > 1e-2


def at_ties(case: Case, rng: np.random.Generator) -> list:
    """Draw small numbers, and those among the attributes: ties, and places of kinks."""
    special = [v for v in case.function.attributes.values() if isinstance(v, (int, float))]
    choices = np.array([*range(-3, 4), 0.5, *(v for v in special if abs(v) < 100)], float)
    return [
        rng.choice(choices, a.shape) if a is not None and a.dtype.kind == "f" else a
        for a in case.draw(rng)
    ]


def kinks_of(case: Case, tries: int = 16) -> int:
    """Count the drawn ties at which there is a kink; each must change the branch."""
    found, rng = 0, generator(case)
    for _ in range(tries):
        try:
            segment = Segment(case, at_ties(case, rng), rng)
            bent = kinked(segment.value) or kinked(segment.slope)
        except np.linalg.LinAlgError:
            continue  # a singular matrix
        if bent:
            found += 1
            assert not segment.smooth(-STEP, STEP), f"a kink at {segment.arrays}, and no branch"
    return found


@pytest.fixture(autouse=True)
def quiet() -> Any:
    with np.errstate(all="ignore"):  # ties are outside of many a domain
        yield


def test_every_kink_at_drawn_ties_changes_the_branch() -> None:
    found = {
        type(case.function).__name__
        for case in FUNCTIONS
        if type(case.function).__name__ not in POINTS and kinks_of(case)
    }
    assert found == (PIECEWISE | WINNERS) - ELSEWHERE


def test_the_list_of_piecewise_functions_is_complete() -> None:
    functions = functions_of(tg)
    assert {f.__name__ for f in functions if f.branch is not tg.Function.branch} == PIECEWISE
    winners = {f.__name__ for f in functions if any(not hasattr(f, name) for name in f.aux)}
    assert winners == WINNERS | {"LogAbsDet"}


class Forgetful(tg.Function):
    """A kink that is not told."""

    def forward(self, x: Any) -> Any:
        return np.abs(x)

    def backward(self, g: Any, x: Any) -> Any:
        return g * (1 - 2 * (x < 0))


def test_a_kink_without_a_branch_is_found() -> None:
    with pytest.raises(AssertionError, match="no branch"):
        kinks_of(Case(Forgetful(), [apart(2, 3)], np.abs))


CROSSINGS = [  # the points on both sides, and one more on the side of the first
    (LogFloor(), [1.1e-12], [0.9e-12], [2e-12]),
    (LogFloor(), [4e-44], [3e-44], [5e-44]),
    (BinaryCrossEntropy(), [1.1e-12, 1.0], [0.9e-12, 1.0], [0.5, 1.0]),
    (BinaryCrossEntropy(), [1 - 1e-11, 1.0], [1 - 1e-13, 1.0], [0.5, 1.0]),
    (KLDivergence(), [1.0, 1e-9], [1.0, 0.0], [1.0, 2.0]),
    (Arctan2(), [1e-9, -1.0], [-1e-9, -1.0], [-1e-9, 1.0]),
    (VectorNorm((0,), False, 3), [[1.0, 1.0]], [[1.0, -1.0]], [[2.0, 0.1]]),
    (Clip(None, 1.0), [0.5], [1.5], [1.0]),
    (Hardtanh(-1, 1), [1.0], [0.5], [1.5]),
    (LeakyReLU(0.1), [0.0], [0.1], [-1.0]),
    (ELU(1.0), [-0.1], [0.1], [0.0]),
    (Softplus(2.0, 20.0), [10.1], [9.9], [11.0]),
    (Huber(1.0), [1.0], [1.1], [0.0]),
    (Floor(), [0.9], [1.0], [0.0]),
    (Trunc(), [-0.5], [1.0], [0.5]),
    (Remainder(), [0.5, 2.0], [-0.5, 2.0], [1.5, 2.0]),
    (Fmod(), [0.5, 2.0], [2.5, 2.0], [-0.5, 2.0]),
    (Copysign(), [1.0, 0.0], [1.0, -0.0], [2.0, 1.0]),
    (Amax((0,), False), [[0.0, 0.0]], [[0.0, 0.1]], [[1.0, 1.0]]),
    (Max((0,), False), [[0.0, 0.0]], [[0.0, 0.1]], [[0.1, 0.0]]),
    (Sort(0), [[0.0, 0.0]], [[0.1, 0.0]], [[0.0, 0.1]]),
    (tg.ops.elementwise.where_, [True, 1.0, 2.0], [False, 1.0, 2.0], [True, -1.0, 0.0]),
]


@pytest.mark.parametrize(("function", "here", "across", "beside"), CROSSINGS)
def test_a_branch_ends_at_the_kink(function: tg.Function, here, across, beside) -> None:
    here, across, beside = (
        function.branch(*map(np.asarray, point)) for point in (here, across, beside)
    )
    assert not same([here, across])
    assert same([here, beside])


def test_what_is_smooth_has_no_branch() -> None:
    x = np.array([0.0, 1.0])
    assert tg.ops.elementwise.exp_.branch(x) == ()
    assert VectorNorm((0,), False, 4).branch(x) == ()


# -- whole models --------------------------------------------------------------------------------


def branches_of(f: Any, *xs: Any) -> record_branches:
    branches = record_branches()
    with branches, tg.no_grad():
        f(*map(tg.Tensor, xs))
    return branches


def test_a_step_of_a_network_stays_in_its_branch_or_leaves_it() -> None:
    rng = np.random.default_rng(0)
    x, w, v = (rng.standard_normal(s) for s in ((2, 1, 9, 9), (3, 1, 3, 3), (27, 4)))
    x[0, :, :6] = 0  # so that windows of nothing but zeros tie, for any w

    def net(w: tg.Tensor) -> tg.Tensor:
        h = tg.max_pool2d(tg.relu(tg.conv2d(tg.Tensor(x), w)), 2)
        return tg.cross_entropy(h.reshape(2, 27) @ tg.Tensor(v), tg.tensor([1, 3]))

    u = rng.choice([-1.0, 1.0], w.shape)
    here = branches_of(net, w)
    assert [function.__name__ for function, choices in here.taken if choices][:2] == [
        "ReLU",
        "MaxPool2d",
    ]
    h = 1e-5
    assert branches_of(net, w + h * u) == here == branches_of(net, w - h * u)
    assert branches_of(net, w + u) != here

    leaf = tg.Tensor(w, requires_grad=True)
    (gradient,) = tg.grad(net(leaf), [leaf])
    with tg.no_grad():
        slope = (net(tg.Tensor(w + h * u)) - net(tg.Tensor(w - h * u))).item() / (2 * h)
    assert math.isclose(slope, (gradient.data * u).sum(), abs_tol=1e-8)


@pytest.mark.parametrize(
    ("f", "inside", "outside"),
    [
        (lambda x: tg.topk(x, 2)[0], [3.0, 1.0, 2.5], [2.0, 1.0, 3.0]),
        (lambda x: x[x > 0], [1.0, -1.0, 9.0], [1.0, 1.0, 9.0]),
        (lambda x: x * (x > 0), [1.0, -1.0, 9.0], [1.0, 1.0, 9.0]),
        (lambda x: x if x[0] > x[1] else x * 2, [2.0, 1.0, 0.0], [1.0, 2.0, 0.0]),
        (tg.median, [3.0, 0.0, 2.5], [2.0, 0.0, 3.0]),
        (lambda x: F.normalize(x, p=1, dim=0), [3.0, -2.0, 1.0], [3.0, 2.0, 1.0]),
        (lambda x: F.l1_loss(x, tg.Tensor(np.zeros(3))), [1.0, -1.0, 9.0], [1.0, 1.0, 9.0]),
    ],
)
def test_compositions_and_python_inherit_the_branches(f: Any, inside: Any, outside: Any) -> None:
    here = branches_of(f, np.array([2.0, -1.0, 1.5]))
    assert branches_of(f, np.array(inside)) == here
    assert branches_of(f, np.array(outside)) != here


def test_records_compare_nan_and_the_operations() -> None:
    x = np.array([math.nan, 1.0])
    assert branches_of(tg.floor, x) == branches_of(tg.floor, x)
    assert branches_of(tg.floor, x) != branches_of(tg.ceil, x)
    assert branches_of(tg.floor, x) != branches_of(lambda x: tg.floor(x) + 1, x)
    assert branches_of(tg.floor, x) != "branches"


# -- operations of a user's own ------------------------------------------------------------------


def test_a_decorated_function_may_tell_its_branches() -> None:
    @tg.function(lambda g, x: g * (x > 1), branch=lambda x: (x > 1,))
    def above_one(x: Any) -> Any:
        return np.maximum(x - 1, 0)

    assert branches_of(above_one, np.array(0.5)) == branches_of(above_one, np.array(0.0))
    assert branches_of(above_one, np.array(0.5)) != branches_of(above_one, np.array(1.5))


def test_a_piecewise_constant_aux_is_a_branch_and_one_with_a_formula_is_not() -> None:
    class Signed(tg.Function):
        aux = ("slope", "mask")

        def forward(self, x: Any) -> Any:
            return x * abs(x), 2 * abs(x), x > 0

        def slope(self, x: Any) -> Any:
            return 2 * abs(x)

        def backward(self, g: Any, slope: Any) -> Any:
            return g * slope

    (mask,) = Signed().branch(np.array([1.0, -1.0]))
    assert mask.tolist() == [True, False]
