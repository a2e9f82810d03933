"""FunctionSuite: everything that can be checked of a Function, as a class of tests."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ._contracts import contracts
from ._differential import value_findings
from ._examples import Outcomes, check_strategies, over_examples
from ._relations import raised
from ._report import Array, Finding, Report, name_of
from ._session import level
from ._subject import Subject

__tracebackhide__ = True  # pytest shows the user's lines

LARGE = 1e4
# Of these tests one run is many runs of the function, so there are as many times fewer examples.
EXPENSIVE = {"test_contracts": 4, "test_second_derivative": 4}


class FunctionSuite:
    """A class of tests for a Function: derive one whose name starts with ``Test``.

    It has tests of the value, of large numbers, of the gradient, the second derivative, and of the
    `contracts`, each a Hypothesis test.  At the fast level (``--grad-level=fast``) the second
    derivative and large numbers are left out.

    Attributes
    ----------
    function : Function class or instance, or callable
        A class that takes attributes gets what is drawn for them.
    inputs : SearchStrategy
        Draws the input, a Tensor or an array, or a tuple of inputs; or ``(attributes, inputs)``,
        where ``attributes`` is a dict for a ``function`` that is a class.
    reference : callable, optional
        The definition in plain NumPy, without ``self``: takes the inputs, as ndarrays, and the
        attributes by name.  Without it a wrong value with a matching gradient is not seen.
    linear : bool
        It is linear in each input, or a choice of entries; so it is exact on small integers, and
        tested there.
    view : bool
        The output may share memory with an input.
    keeps_dtype : bool
        The output has the dtype of the floating inputs.

    Raises
    ------
    TypeError
        At the definition of a class without ``function`` or ``inputs``.

    Examples
    --------
    >>> import numpy as np, tinygraph as tg
    >>> from tinygraph.testing import FunctionSuite, strategies as st
    >>> from tinygraph.ops.elementwise import Sigmoid
    >>> class Swish(tg.Function):
    ...     def forward(self, x):
    ...         return x / (1 + np.exp(-x))
    ...     def backward(self, g, x):
    ...         s = Sigmoid()(x)
    ...         return g * s * (1 + x * (1 - s))
    >>> class TestSwish(FunctionSuite):
    ...     function, inputs = Swish, st.tensors(kind="normal")
    ...     def reference(x):
    ...         return x / (1 + np.exp(-x))
    >>> TestSwish().test_gradient()
    """

    function: ClassVar[Any] = None
    inputs: ClassVar[Any] = None
    reference: ClassVar[Any] = None
    linear: ClassVar[bool] = False
    view: ClassVar[bool] = False
    keeps_dtype: ClassVar[bool] = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        missing = [name for name in ("function", "inputs") if _static(cls, name) is None]
        if missing == ["function", "inputs"] and not cls.__name__.startswith("Test"):
            return  # a base for others
        if missing:
            raise TypeError(
                f"{cls.__name__}: a FunctionSuite needs {' and '.join(missing)}: "
                "function, inputs = Swish, st.tensors()"
            )
        check_strategies(cls.__name__, {"inputs": cls.inputs})
        for name, check in _checks(cls).items():
            if name not in vars(cls):
                setattr(cls, name, _test(cls, name, check))


@dataclass(frozen=True)
class _Example:
    """A function, what it is applied to, and the definition at the same attributes."""

    suite: type[FunctionSuite]
    function: Callable[..., Any]
    inputs: Sequence[Any]
    attributes: dict[str, Any]
    outcomes: Outcomes

    def reference(self, *xs: Any) -> Any:
        return _static(self.suite, "reference")(*xs, **self.attributes)

    def report(self, findings: Sequence[Finding]) -> None:
        raised(Report(name_of(self.function), tuple(findings)))


def _static(cls: type, name: str) -> Any:
    """Return a class attribute as it was written: no function becomes a method."""
    value = inspect.getattr_static(cls, name)
    return value.__func__ if isinstance(value, staticmethod) else value


def _example(suite: type[FunctionSuite], drawn: Any, outcomes: Outcomes) -> _Example:
    function = _static(suite, "function")
    attributes: dict[str, Any] = {}
    if isinstance(drawn, tuple) and len(drawn) == 2 and isinstance(drawn[0], dict):
        attributes, drawn = drawn
    if isinstance(function, type):
        function = function(**attributes)
    inputs = drawn if type(drawn) in (tuple, list) else (drawn,)
    return _Example(suite, function, inputs, attributes, outcomes)


def _test(
    cls: type[FunctionSuite], name: str, check: Callable[[_Example], None]
) -> Callable[..., None]:
    outcomes = Outcomes()

    def test(self: Any, inputs: Any) -> None:
        check(_example(cls, inputs, outcomes))

    # Hypothesis tells tests apart, in its database, by their names.
    test.__name__ = "".join(c if c.isalnum() else "_" for c in f"{cls.__name__}_{name}")
    test.__qualname__ = f"{cls.__qualname__}.{name}"
    test.__module__ = cls.__module__
    test.__doc__ = check.__doc__
    return over_examples(test, outcomes, EXPENSIVE.get(name, 1), inputs=cls.inputs)


# -- the checks ----------------------------------------------------------------------------------


def _checks(cls: type[FunctionSuite]) -> dict[str, Callable[[_Example], None]]:
    """Return the checks that apply to a suite, by the names of the tests."""
    checks: dict[str, Callable[[_Example], None]] = {"test_contracts": _contracts}
    function, thorough = _static(cls, "function"), level() == "full"
    if getattr(function, "differentiable", True):
        checks["test_gradient"] = _gradient
        if thorough:
            checks["test_second_derivative"] = _second_derivative
        if cls.linear:
            checks["test_exact_gradient"] = _exact_gradient
    if _static(cls, "reference") is not None:
        checks["test_value"] = _value
        if thorough:
            checks["test_large_numbers"] = _large_numbers
    return checks


def _value(example: _Example) -> None:
    """The value is that of the reference."""
    subject = Subject(example.function, example.inputs)
    example.report(value_findings(subject, example.reference, subject.arrays))


def _gradient(example: _Example) -> None:
    """The gradient is the derivative."""
    example.outcomes.gradcheck(example.function, *example.inputs)


def _second_derivative(example: _Example) -> None:
    """The gradient of the gradient is its derivative."""
    example.outcomes.gradcheck(example.function, *example.inputs, order=2)


def _exact_gradient(example: _Example) -> None:
    """The gradient at small integers is exact."""
    example.outcomes.gradcheck(example.function, *example.inputs, mode="exact")


def _contracts(example: _Example) -> None:
    """The contracts hold."""
    suite = example.suite
    example.report(
        contracts(example.function, *example.inputs, view=suite.view, keeps_dtype=suite.keeps_dtype)
    )


def _large_numbers(example: _Example) -> None:
    """With inputs as large as 1e4, what is a number in the reference is that number.

    And where the value is one, so is the gradient.
    """
    subject = Subject(example.function, example.inputs)
    for dtype in (np.float64, np.float32):
        large = subject.cast(dtype, [_magnified(a) for a in subject.arrays])
        example.report(_finite(subject, large))
        try:
            findings = value_findings(subject, example.reference, large, finite=True)
        except (ArithmeticError, ValueError):  # of Python's mathematics, where NumPy has inf or NaN
            findings = []
        example.report(findings)


def _magnified(a: Array) -> Array:
    largest = np.abs(a).max(initial=0.0) if a.dtype.kind == "f" else 0.0
    return np.asarray(a * (LARGE / largest)) if largest else a


def _finite(subject: Subject, arrays: Sequence[Array]) -> list[Finding]:
    """Look for NaN in gradients where all values are finite."""
    run = subject.run(arrays)
    ys = run.differentiable
    if not any(y.requires_grad for y in ys) or not all(np.isfinite(y.data).all() for y in ys):
        return []
    with np.errstate(all="ignore"):
        found = run.pull([np.ones(y.shape, y.dtype) for y in ys])
    return [
        Finding(
            "gradient of large numbers",
            subject.names[i],
            "failed" if np.isnan(g).any() else "passed",
            f"the value at inputs of size {LARGE:g} is finite in {g.dtype}, the gradient is NaN",
        )
        for i, g in zip(subject.floating, found, strict=True)
    ]
