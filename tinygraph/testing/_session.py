"""What a run of tests asks for, and what it has seen: the pytest plugin sets and reads it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ._report import Report

Level: TypeAlias = Literal["fast", "full"]


def level() -> Level:
    """Return how thorough the checks are to be; "full" where nobody has said."""
    return "fast" if os.environ.get("TINYGRAPH_GRAD_LEVEL") == "fast" else "full"


@dataclass
class Tally:
    """How many checks there were, how many points were redrawn at kinks, how many told nothing."""

    checks: int = 0
    redraws: int = 0
    inconclusive: int = 0

    def count(self, report: Report) -> None:
        """Count a check."""
        self.checks += 1
        self.redraws += report.redraws
        self.inconclusive += report.verdict == "inconclusive"


tally = Tally()
