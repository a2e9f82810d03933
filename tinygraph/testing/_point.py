"""Where contracts are checked: the inputs, the cotangents, and what should come out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ._agreement import Expected, coarsest
from ._report import Array, Finding
from ._subject import Subject


@dataclass
class Point:
    """Where contracts are checked: the inputs, the cotangents, and what should come out."""

    subject: Subject
    rng: np.random.Generator
    view: bool
    keeps_dtype: bool

    @property
    def arrays(self) -> list[Array]:
        """The inputs: copies, each time, as what is checked may write to them."""
        return copies(self.subject.arrays)

    @cached_property
    def _cotangents(self) -> list[Array]:
        return self.subject.cotangents(self.rng, self.arrays)

    @property
    def cotangents(self) -> list[Array]:
        """Random cotangents, one for each floating output: copies, each time."""
        return copies(self._cotangents)

    @cached_property
    def differentiable(self) -> bool:
        """Whether any gradient flows."""
        run = self.subject.run(self.arrays)
        return any(y.requires_grad for y in run.ys)

    @property
    def gradient_names(self) -> list[str]:
        """What gradients are called in reports; there are none where none flows."""
        if not self.differentiable:
            return []
        return [f"gradient of {self.subject.names[i]}" for i in self.subject.floating]

    @property
    def names(self) -> list[str]:
        """What values and gradients are called in reports."""
        count = len(self.expected.results) - len(self.gradient_names)
        return [*(f"output {k}" for k in range(count)), *self.gradient_names]

    @cached_property
    def coarsest(self) -> Any:
        """The floating dtype that rounds most."""
        return coarsest(self.everything(*self.arrays, *self.cotangents))

    def everything(self, *arrays: Array) -> list[Array]:
        """Return values, and gradients, for inputs and cotangents."""
        count = len(self.arrays)
        if not self.differentiable:
            return self.subject.values(arrays[:count])
        return self.subject.everything(arrays[:count], arrays[count:])

    @cached_property
    def expected(self) -> Expected:
        """Values and gradients, and what rounding may do to them."""
        return Expected.of(self.everything, [*self.arrays, *self.cotangents], self.coarsest)

    @cached_property
    def expected_gradients(self) -> Expected:
        """The gradients, and what rounding may do to them."""
        count = len(self.gradient_names)
        return Expected(self.expected.results[-count:], self.expected.allowed[-count:])

    def differences(self, prefix: str, actual: Sequence[Array]) -> Iterator[str]:
        """Yield how values and gradients differ from what is expected."""
        yield from told(prefix, self.expected.compare("", self.names, actual))

    def gradient_differences(self, prefix: str, actual: Sequence[Array]) -> Iterator[str]:
        """Yield how gradients differ from what is expected."""
        yield from told(prefix, self.expected_gradients.compare("", self.gradient_names, actual))


def told(prefix: str, findings: Sequence[Finding]) -> Iterator[str]:
    """Yield a sentence for each finding that failed."""
    for finding in findings:
        if finding.verdict == "failed":
            yield f"{prefix}: {finding.subject}: {finding.worst or finding.message}"


def copies(arrays: Sequence[Array]) -> list[Array]:
    """Return copies of arrays."""
    return [a.copy() for a in arrays]


def differing(names: Sequence[str], first: Sequence[Array], second: Sequence[Array]) -> list[str]:
    """Return the names of the arrays whose bits differ."""
    return [
        name
        for name, a, b in zip(names, first, second, strict=True)
        if a.dtype != b.dtype or a.shape != b.shape or a.tobytes() != b.tobytes()
    ]
