"""gradtest: a Hypothesis test of gradients in one line."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from ._examples import Outcomes, check_strategies, over_examples

__tracebackhide__ = True  # pytest shows the user's lines


def gradtest(
    *strategies: Any, order: int = 1, **named: Any
) -> Callable[[Callable[..., Any]], Callable[..., None]]:
    """Make a Hypothesis test that checks the gradients of what the decorated function returns.

    The function gets what the strategies draw, and returns a Tensor, or several; it is called many
    times.  All Tensors and arrays of floats in what was drawn are differentiated by.

    Parameters
    ----------
    *strategies : SearchStrategy
        For the last parameters of the function, as with `hypothesis.given`; before them there may
        be ``self`` and pytest's fixtures.
    order : {1, 2, 3}
        Up to which order derivatives are checked.
    **named : SearchStrategy
        By the name of the parameter; not together with ``strategies``.

    Raises
    ------
    TypeError
        If there is no strategy, or what is given is none.

    Notes
    -----
    A test fails with the smallest example that Hypothesis finds, or where more than a fifth of the
    examples were inconclusive.

    Examples
    --------
    >>> import tinygraph as tg
    >>> from tinygraph.testing import gradtest, strategies as st
    >>> @gradtest(st.matmul_pairs().flatmap(st.tensors))
    ... def test_matmul(pair):
    ...     return tg.matmul(*pair)
    >>> test_matmul()
    """
    given = dict(enumerate(strategies)) | named
    if not given:
        raise TypeError("gradtest: expected strategies: @gradtest(st.tensors())")
    if strategies and named:
        raise TypeError("gradtest: give all strategies by position, or all by name")
    check_strategies("gradtest", {f"argument {key}": value for key, value in given.items()})

    def decorate(test: Callable[..., Any]) -> Callable[..., None]:
        parameters = list(inspect.signature(test).parameters)
        drawn = list(named) or parameters[len(parameters) - len(strategies) :]
        outcomes = Outcomes()

        @functools.wraps(test)
        def body(*args: Any, **kwargs: Any) -> None:
            arguments = inspect.signature(test).bind(*args, **kwargs).arguments
            inputs = [arguments.pop(name) for name in drawn]
            f = _applied(test, arguments, drawn) if arguments else test
            outcomes.gradcheck(f, *inputs, order=order)

        return over_examples(body, outcomes, 1, *strategies, **named)

    return decorate


def _applied(
    test: Callable[..., Any], fixed: dict[str, Any], drawn: list[str]
) -> Callable[..., Any]:
    """Return the test as a function of what is drawn alone."""

    @functools.wraps(test)
    def f(*inputs: Any) -> Any:
        return test(**fixed, **dict(zip(drawn, inputs, strict=True)))

    signature = inspect.signature(test)
    f.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[signature.parameters[name] for name in drawn]
    )
    return f
