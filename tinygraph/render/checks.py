"""Errors about options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def one_of(name: str, value: Any, choices: Sequence[Any]) -> None:
    """Raise a ValueError if an option is none of its choices."""
    if value not in choices:
        shown = ", ".join(map(repr, choices))
        raise ValueError(f"render: {name} must be one of {shown}, not {value!r}")
