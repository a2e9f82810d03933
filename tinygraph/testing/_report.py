"""What a check found, and how it is told: the worst entry, the rule, a guess at the mistake."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Verdict: TypeAlias = Literal["passed", "failed", "inconclusive"]


@dataclass(frozen=True)
class Example:
    """A function, its inputs, and the options that `gradcheck` had besides."""

    f: Callable[..., Any]
    inputs: tuple[Any, ...]
    options: dict[str, Any]


class GradientError(AssertionError):
    """A gradient, or what must hold for one, is wrong; ``report`` has the findings.

    ``example`` is what was checked, for whoever would draw it or make it simpler; a copy or pickle
    of the error is without.
    """

    def __init__(self, report: Report, example: Example | None = None) -> None:
        super().__init__(str(report))
        self.report = report
        self.example = example

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.report,)


class InconclusiveWarning(UserWarning):
    """A check could neither confirm nor refute a gradient: this is not a pass."""


@dataclass(frozen=True)
class Entry:
    """The entry of a comparison that is furthest off, in units of what is possible there.

    Attributes
    ----------
    index : tuple of int
        Its place in the input (and before that in the output, where single entries are compared).
    analytic, numeric : float
        What the rule gives, and what it is compared with.
    bound : float
        How far ``numeric`` may be from the true value.
    step : float
        The step of the differences; 0 where nothing was differenced.
    """

    index: tuple[int, ...]
    analytic: float
    numeric: float
    bound: float
    step: float

    def __str__(self) -> str:
        place = ", ".join(map(str, self.index))
        text = (
            f"at [{place}] the rule gives {self.analytic:.10g}, "
            f"expected {self.numeric:.10g} ± {self.bound:.1e}"
        )
        return f"{text} (step {self.step:.1e})" if self.step else text


@dataclass(frozen=True)
class Finding:
    """One thing that was checked.

    Attributes
    ----------
    check : str
        ``"gradient"``, ``"second derivative"``, ``"float32 gradient"``, ``"linearity"``, ...
    subject : str
        Of what: ``"output 0, input x of shape (2, 3)"``.
    verdict : {"passed", "failed", "inconclusive"}
    message : str
        A sentence for people.
    worst : Entry or None
    analytic, numeric : ndarray or None
        What was compared, in the shape of the input.
    resolution : float or None
        The error bound of what was compared with, relative to the size of the gradient.
    evaluations : int
        How often the function ran.
    redraws : int
        How often the point was moved, because no step stayed in one smooth piece.
    rule : str or None
        Which rule is wrong, and where its source is.
    """

    check: str
    subject: str
    verdict: Verdict
    message: str = ""
    worst: Entry | None = None
    analytic: Array | None = None
    numeric: Array | None = None
    resolution: float | None = None
    evaluations: int = 0
    redraws: int = 0
    rule: str | None = None

    def __str__(self) -> str:
        lines = [f"{self.check} of {self.subject}: {self.verdict}"]
        lines += [f"  rule: {self.rule}"] if self.rule else []
        lines += [f"  {self.worst}"] if self.worst else []
        lines += [f"  {line}" for line in self.message.splitlines()]
        return "\n".join(lines)


@dataclass(frozen=True)
class Report:
    """Everything that was found out about a function.

    It is true where all passed.  ``str(report)`` tells what failed, the worst first: which
    derivative and rule, which entry, a guess at the mistake; then the ``sections``.

    Attributes
    ----------
    name : str
        The function.
    findings : tuple of Finding
    sections : tuple of (title, text)
        What is told after the findings: the smallest example, a script, where the picture is.
    """

    name: str
    findings: tuple[Finding, ...]
    sections: tuple[tuple[str, str], ...] = ()

    @property
    def failures(self) -> tuple[Finding, ...]:
        """The findings that failed."""
        return tuple(f for f in self.findings if f.verdict == "failed")

    @property
    def verdict(self) -> Verdict:
        """``"failed"`` if anything did, else ``"inconclusive"`` if anything is, else passed."""
        verdicts = {f.verdict for f in self.findings}
        if "failed" in verdicts:
            return "failed"
        return "inconclusive" if "inconclusive" in verdicts else "passed"

    @property
    def resolution(self) -> float | None:
        """The coarsest resolution of all findings; None where nothing was differenced."""
        return max((f.resolution for f in self.findings if f.resolution is not None), default=None)

    @property
    def redraws(self) -> int:
        """How often a point was moved away from a kink."""
        return sum(f.redraws for f in self.findings)

    @property
    def evaluations(self) -> int:
        """How often the function ran."""
        return sum(f.evaluations for f in self.findings)

    @property
    def headline(self) -> str:
        """What failed first, in a line."""
        failed = [f"wrong {f.check} of {f.subject}" for f in self.failures[:1]]
        return f"{self.name}: {', '.join(failed) or self.verdict}"

    def __bool__(self) -> bool:
        return self.verdict == "passed"

    def __str__(self) -> str:
        lines = [f"{self.name}: {self.verdict}, {self._summary()}"]
        wrong = [f for f in self.findings if f.verdict == "inconclusive"]
        told: dict[str, list[Finding]] = {}
        for finding in (*self.failures, *wrong):  # one mistake may stop many checks alike
            alike = finding.message if finding.worst is None else ""
            told.setdefault(alike or str(finding), []).append(finding)
        for first, *others in told.values():
            lines.append(str(first))
            lines += [f"  and so do {len(others)} other checks"] if others else []
        lines += [f"{title}:\n{text}" for title, text in self.sections]
        return "\n".join(lines)

    def _summary(self) -> str:
        parts = [f"{len(self.findings)} checks"]
        if self.failures:
            parts.append(f"{len(self.failures)} failed")
        if self.resolution is not None:
            parts.append(f"resolution {self.resolution:.0e}")
        parts.append(f"{self.evaluations} evaluations")
        if self.redraws:
            parts.append(f"{self.redraws} redraws")
        return ", ".join(parts)


def name_of(f: Any) -> str:
    """Return what people call a callable."""
    return getattr(f, "__qualname__", None) or type(f).__qualname__


def place_of(rule: Any, name: str) -> str:
    """Return the name of a rule, and the file and line of its source where there is one."""
    rule = inspect.unwrap(rule)
    try:
        file, line = inspect.getsourcefile(rule), inspect.getsourcelines(rule)[1]
    except (OSError, TypeError):
        return name
    return f"{name} ({os.path.relpath(file)}:{line})" if file else name
