"""Hypothesis tests of gradients: how many examples, and how many of them may tell nothing."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis.strategies import SearchStrategy

from ._checks import Mode
from ._gradcheck import gradcheck
from ._report import GradientError, InconclusiveWarning, name_of
from ._reproduce import told
from ._session import level

__tracebackhide__ = True  # pytest shows the user's lines
FAST = 5  # examples at the fast level
TOLERATED = 0.2  # the share of examples that may be inconclusive


class TooManyInconclusive(AssertionError):
    """More than a fifth of the examples told nothing of the gradient."""


class Outcomes:
    """How many examples there were, and how many of them told nothing."""

    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Begin a run of a test."""
        self.examples = 0
        self.inconclusive: list[str] = []

    def gradcheck(
        self, f: Callable[..., Any], *inputs: Any, order: int = 1, mode: Mode = "auto"
    ) -> None:
        """Check an example, and note whether that told anything."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InconclusiveWarning)
            report = gradcheck(f, *inputs, order=order, mode=mode)
        self.examples += 1
        if report.redraws:
            event("kink: the point was redrawn")
        if report.verdict == "inconclusive":
            event("inconclusive")
            self.inconclusive.append(str(report))

    def judge(self, name: str) -> None:
        """Raise where too many examples told nothing."""
        count = len(self.inconclusive)
        if count > TOLERATED * self.examples:
            raise TooManyInconclusive(
                f"{name}: {count} of {self.examples} examples were inconclusive; the first:\n"
                f"{self.inconclusive[0]}"
            )


def over_examples(
    body: Callable[..., None], outcomes: Outcomes, cost: int, *strategies: Any, **named: Any
) -> Callable[..., None]:
    """Make a Hypothesis test of ``body``, which is judged by its outcomes when it has run.

    The user's profile counts, but there is no deadline, and the fast level has few examples, as
    has a test of a high cost.  Fixtures may be shared by all examples: nothing is written to them.
    """
    profile = settings()
    count = max(1, profile.max_examples // cost)
    own = settings(
        deadline=None,
        max_examples=min(count, FAST) if level() == "fast" else count,
        phases=[phase for phase in profile.phases if phase is not Phase.explain],  # as we do
        report_multiple_bugs=False,
        suppress_health_check=[*profile.suppress_health_check, HealthCheck.function_scoped_fixture],
    )
    given_them: Any = given(*strategies, **named)  # which Hypothesis has no type for
    drawn: Any = own(given_them(body))

    @functools.wraps(drawn)
    def test(*args: Any, **kwargs: Any) -> None:
        outcomes.start()
        try:
            drawn(*args, **kwargs)
        except GradientError as error:
            raise told(error) from None
        outcomes.judge(name_of(body))

    vars(test)["__gradcheck__"] = True  # by which the pytest plugin knows it
    return test


def check_strategies(caller: str, strategies: dict[str, Any]) -> None:
    """Raise TypeError for what is not a strategy."""
    for name, strategy in strategies.items():
        if not isinstance(strategy, SearchStrategy):
            raise TypeError(
                f"{caller}: {name} must be a Hypothesis strategy, such as those of "
                f"tinygraph.testing.strategies, not {type(strategy).__name__}"
            )
