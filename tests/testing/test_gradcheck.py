"""gradcheck: right functions of every kind pass, and single mistakes are found and told."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.nn import functional as F
from tinygraph.testing import GradientError, InconclusiveWarning, Report, gradcheck
from tinygraph.testing._checks import report_of


def normal(*shape: int, scale: float = 1.0, seed: int = 0) -> np.ndarray:
    return scale * np.random.default_rng(seed).standard_normal(shape)


RIGHT: dict[str, tuple[Any, ...]] = {
    "matmul": (lambda x, w: x @ w, normal(3, 4), normal(4, 2)),
    "cube, small": (lambda x: x**3, normal(5, scale=1e-3)),
    "cube, large": (lambda x: x**3, normal(5, scale=1e3)),
    "inverse, small": (lambda x: 1 / x, normal(5, scale=1e-3)),
    "inverse, large": (lambda x: 1 / x, normal(5, scale=1e3)),
    "logarithm": (tg.log, abs(normal(20))),
    "0-d": (lambda x: x * x, np.array(2.0)),
    "empty": (lambda x: x * x, np.zeros((0, 3))),
    "empty and not": (lambda x, y: x * y.sum(), normal(3), np.zeros((0, 3))),
    "unused input": (lambda x, y: x * x, normal(3), normal(2)),
    "several outputs": (lambda x: {"a": x.sum(), "b": [x * x, x > 0]}, normal(3)),
    "an output without gradient": (lambda x: (x * x, tg.ones(2)), normal(3)),
    "constant gradient": (lambda x: tg.softmax(x, axis=-1).sum(), normal(3, 5)),
    "same input twice": (lambda x: x * x + x, normal(4)),
    "large": (lambda x, w: tg.conv2d(x, w, padding=1), normal(2, 3, 6, 6), normal(4, 3, 3, 3)),
    "loss": (lambda x: F.cross_entropy(x, np.array([0, 4, 2])), normal(3, 5)),
    "a gradient inside": (
        lambda x: tg.grad((x**3).sum(), x, create_graph=True).sum(),
        tg.tensor(normal(4), requires_grad=True),
    ),
    "infinite entries": (
        lambda x: tg.softmax(tg.where([[True, False, True]], x, -np.inf), axis=-1),
        normal(2, 3),
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_gradients_pass_to_second_order(name: str) -> None:
    f, *inputs = RIGHT[name]
    report = gradcheck(f, *inputs, order=2)
    assert report.verdict == "passed"
    assert report.resolution is None or report.resolution < 1e-6


CANCELLING = {
    "shifted and back": (lambda x: (x + 1e6) - 1e6),
    "exp(x) - 1": (lambda x: (x * 1e-4).exp() - 1),
    "remainder": (lambda x: (x * 3e3) % 1.0),
    "centered": (lambda x: (x + 1e3) - (x + 1e3).mean(axis=0)),
}


@pytest.mark.parametrize("name", CANCELLING)
def test_small_differences_of_large_numbers_raise_no_alarm(name: str) -> None:
    for seed in range(30):
        assert gradcheck(CANCELLING[name], normal(4, 3, seed=seed)).verdict == "passed"


def test_a_kink_that_no_branch_tells_is_guessed() -> None:
    @tg.function(lambda g, x: g * (x > 0))
    def rectified(x: Any) -> Any:
        return np.maximum(x, 0)

    hint = r"between the slopes on both sides.* `branch`"
    with pytest.raises(GradientError, match=hint):
        gradcheck(rectified, np.array([1.0, 0.0, -2.0]))
    gradcheck(rectified, np.array([1.0, 0.5, -2.0]))
    with pytest.raises(GradientError) as caught:
        gradcheck(doubled, np.array([1.0, 0.0, -2.0]))
    assert "branch" not in str(caught.value)


@pytest.mark.parametrize("name", ["matmul", "cube, large", "0-d", "loss"])
def test_right_gradients_pass_to_third_order(name: str) -> None:
    f, *inputs = RIGHT[name]
    checks = {x.check for x in gradcheck(f, *inputs, order=3).findings}
    assert {"gradient", "second derivative", "third derivative", "adjoint"} <= checks


@pytest.mark.parametrize("mode", ["dense", "projected"])
def test_dense_and_projected_agree_about_right_and_wrong(mode: Any) -> None:
    gradcheck(lambda x, w: (x @ w).tanh(), normal(3, 4), normal(4, 2), mode=mode)
    with pytest.raises(GradientError):
        gradcheck(lambda x: doubled(x).sum(), normal(3, 4), mode=mode)


def test_modules_are_checked_by_their_parameters() -> None:
    model = tg.nn.Sequential(tg.nn.Linear(3, 4), tg.nn.Tanh(), tg.nn.BatchNorm1d(4))
    before = model.state_dict()
    for report in (
        gradcheck(model, normal(5, 3).astype(np.float32), order=2),
        gradcheck(lambda m, x: m(x), model, normal(5, 3)),
    ):
        subjects = " ".join(x.subject for x in report.findings)
        assert all(name in subjects for name, _ in model.named_parameters())
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value.data, before[name].data, strict=True)


def test_nothing_given_is_changed() -> None:
    x = tg.tensor(normal(3), requires_grad=True)
    before = x.data.copy()
    gradcheck(lambda x: x**2, x, order=2)
    np.testing.assert_array_equal(x.data, before)
    assert x.grad is None


def test_the_report_counts_and_repeats() -> None:
    first, second = (gradcheck(lambda x: x.exp(), normal(3), seed=7) for _ in range(2))
    assert isinstance(first, Report)
    assert first
    assert first.evaluations == second.evaluations > 10
    assert first.resolution == second.resolution
    assert first.resolution < 1e-8


def test_gradcheck_needs_numpy_alone() -> None:
    code = (
        "import sys; from tinygraph.testing import gradcheck, localise;"
        "assert not {'hypothesis', 'pytest', 'graphviz'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# -- wrong rules ---------------------------------------------------------------------------------


@tg.function(lambda g, x: 2 * g * x * 1.0)
def doubled(x: Any) -> Any:
    return x * x * 1.5


def wrong(name: str) -> tuple[Any, ...]:
    """Return a function with a single mistake, and inputs for it."""

    def of(rule: Any, forward: Any, **options: Any) -> Any:
        return tg.function(rule, **options)(forward)

    x, w = normal(3, 4), normal(4, 3)

    def in_place(g: Any, x: Any) -> Any:
        g *= x
        x += 1
        return 2 * g

    def absolute(x: Any) -> Any:
        return of(lambda g, x: abs(g), lambda x: x + 0)(x)

    flipped = of(lambda g, x: g[::-1] * 2 * x, lambda x: x * x)
    return {
        "factor": (of(lambda g, x: g * x, lambda x: x * x), x),
        "sign": (of(lambda g, x: g, lambda x: -x), x),
        "no cotangent": (of(lambda g, x: 2 * x, lambda x: x * x), x),
        "absolute cotangent": (absolute, x),
        "transposed": (
            of(lambda g, x, w: (g @ w.mT, g.mT @ x), lambda x, w: x @ w),
            x[:3, :3],
            w[:3],
        ),
        "permuted": (flipped, x),
        "one entry": (
            of(lambda g, x: g * (2 * x + 1e-5 * (x == x[1, 2])), lambda x: x * x),
            x,
        ),
        "forgotten input": (
            of(lambda g, a, b: (g * b, None), lambda a, b: a * b, broadcasts=True),
            x,
            x[0],
        ),
        "detached": (lambda x: x * tg.Tensor(x.data), x),
        "in place": (of(in_place, lambda x: x * x), x),
        "large": (of(lambda g, x: g * (x * x > 1e-3), lambda x: x + 0), normal(40, 50)),
    }[name]


MISTAKES = [
    *("factor", "sign", "no cotangent", "absolute cotangent", "transposed", "permuted"),
    *("one entry", "forgotten input", "detached", "in place", "large"),
]


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_found(name: str) -> None:
    f, *inputs = wrong(name)
    assert report_of(f, inputs).verdict == "failed"


def test_the_worst_entry_is_named() -> None:
    f, x = wrong("one entry")
    (finding,) = (y for y in report_of(f, [x]).failures if y.check == "gradient")
    assert finding.worst is not None
    assert finding.worst.index == (1, 2)
    assert finding.worst.analytic - finding.worst.numeric == pytest.approx(1e-5, rel=1e-3)
    assert finding.worst.bound < 1e-8
    assert finding.analytic is not None
    assert finding.analytic.shape == x.shape


def test_a_projection_that_fails_is_looked_into() -> None:
    @tg.function(lambda g, x: g * (1 + (x > 3.0)))
    def slightly(x: Any) -> Any:
        return x * 1

    x = normal(10, 12, scale=0.1)
    x[7, 3] = 5.0
    (finding,) = (y for y in report_of(slightly, [x]).failures if y.check == "gradient")
    assert finding.worst is not None
    assert finding.worst.index == (7, 3)


def test_a_rule_that_is_right_for_unit_vectors_alone_is_found() -> None:
    @tg.function(lambda g, x: g * (1 + 1e-3 * ((g != 0).sum() > 1)))
    def dense_only(x: Any) -> Any:
        return x * 1

    failures = report_of(dense_only, [normal(4)], mode="dense").failures
    assert [x.check for x in failures] == ["linearity"]


def test_a_rule_wrong_to_second_order_only() -> None:
    class Smooth(tg.Function):
        aux = ("slope",)  # it is not piecewise constant

        def forward(self, x: Any) -> Any:
            return x**3, 3 * x**2

        def backward(self, g: Any, slope: Any) -> Any:
            return g * slope

    assert report_of(Smooth(), [normal(4)]).verdict != "failed"
    failures = report_of(Smooth(), [normal(4)], order=2).failures
    assert {x.check for x in failures} == {"second derivative"}


# -- exact ---------------------------------------------------------------------------------------


def test_exact_mode_compares_with_equality() -> None:
    x, w = normal(2, 2, 5, 4), normal(3, 2, 3, 2)
    for f, inputs in (
        (lambda x, w: tg.conv2d(x, w, stride=(2, 1), padding=1), (x, w)),
        (lambda x: tg.max_pool2d(x, 2), (x,)),
        (lambda x: x[[0, 0, 1]], (x,)),
        (lambda a, b: a @ b, (x[0, 0], x[0, 0].T)),
        (tg.relu, (x,)),
    ):
        report = gradcheck(f, *inputs, mode="exact")
        assert report.verdict == "passed"
        assert report.resolution == 0

    @tg.function(lambda g, x: g * (1 + 1e-13))
    def nearly(x: Any) -> Any:
        return x * 1

    gradcheck(nearly, x)
    with pytest.raises(GradientError, match="exact gradient"):
        gradcheck(nearly, x, mode="exact")


def test_exact_mode_tells_what_it_cannot_check() -> None:
    with pytest.raises(ValueError, match="integer arithmetic"):
        gradcheck(lambda x: x / 3, np.arange(4.0), mode="exact")
    with pytest.raises(ValueError, match="linear in each input"):
        gradcheck(lambda x: x**2, np.arange(4.0), mode="exact")
    with pytest.raises(ValueError, match="first derivatives"):
        gradcheck(lambda x: x, np.arange(4.0), mode="exact", order=2)


# -- single precision ----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("f", [tg.tanh, tg.softmax, lambda x: x**3, lambda x: x.mean()])
def test_coarser_dtypes_are_compared_with_float64(f: Any, dtype: Any) -> None:
    g = f if f is not tg.softmax else lambda x: tg.softmax(x, axis=-1)
    report = gradcheck(g, normal(3, 4).astype(dtype))
    assert any(str(np.dtype(dtype)) in x.check for x in report.findings)
    assert report.resolution is not None
    assert report.resolution < 1e-8  # the differences themselves are in float64


def test_a_rule_that_loses_digits_in_float32_is_found() -> None:
    @tg.function(lambda g, x: g * ((x + 1e4) - 1e4))
    def half_square(x: Any) -> Any:
        return x * x / 2

    assert report_of(half_square, [normal(5)]).verdict == "passed"
    failures = report_of(half_square, [normal(5).astype(np.float32)]).failures
    assert [x.check for x in failures] == ["float32 gradient"]


# -- what cannot be checked ----------------------------------------------------------------------


def test_wrong_arguments_are_named() -> None:
    x = normal(3)
    with pytest.raises(TypeError, match="expected a function, not ndarray"):
        gradcheck(x, x)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="order must be 1, 2 or 3, not 4"):
        gradcheck(tg.exp, x, order=4)
    with pytest.raises(ValueError, match="mode must be one of"):
        gradcheck(tg.exp, x, mode="fast")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="wrt has 'y'"):
        gradcheck(tg.exp, x, wrt="y")
    with pytest.raises(ValueError, match="nothing to differentiate"):
        gradcheck(tg.exp, np.arange(3))
    with pytest.raises(TypeError, match="must return a Tensor of floats"):
        gradcheck(lambda x: x.data, x)
    with pytest.raises(TypeError, match="must return a Tensor of floats"):
        gradcheck(lambda x: x > 0, x)
    with pytest.raises(ValueError, match="requires no gradient"):
        gradcheck(lambda x: x.detach() * 2, x)
    with pytest.raises(ValueError, match="different values in two calls"):
        gradcheck(lambda x: tg.dropout(x, 0.5), normal(50))


def test_wrt_leaves_the_others_alone() -> None:
    report = gradcheck(lambda x, w: x * w, normal(3), normal(3), wrt="w")
    assert [x.subject for x in report.findings if x.check == "gradient"] == [
        "output 0, input w of shape (3,)"
    ]


def test_what_the_differences_cannot_tell_is_inconclusive_and_warns() -> None:
    with pytest.warns(InconclusiveWarning, match="certain to"):
        report = gradcheck(lambda x: x**3 + 1e15, normal(3, scale=1e-3))
    assert report.verdict == "inconclusive"
    assert not report


def test_a_rule_that_gives_another_gradient_each_time() -> None:
    calls = iter(range(1000))

    @tg.function(lambda g, x: g * 2 * x * (1 + 1e-3 * next(calls)))
    def drifting(x: Any) -> Any:
        return x * x

    assert "runs again" in str(report_of(drifting, [np.ones(3)]))
