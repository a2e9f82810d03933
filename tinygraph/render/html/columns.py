"""Records by columns: in a list of many that are alike, what they have in common is told once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Record = Mapping[str, Any]


def columns(records: Sequence[Record]) -> dict[str, Any]:
    """Return records by columns, of which the page makes records again.

    What a record does not have is None.
    """
    names = dict.fromkeys(name for record in records for name in record)
    return {
        "count": len(records),
        "columns": {name: column([record.get(name) for record in records]) for name in names},
    }


def column(values: Sequence[Any]) -> dict[str, Any]:
    """Return values: ``{"all": [...]}``, or ``{"of": [...], "at": [...]}`` where few are different.

    These are the different ones, and which of them stands at each place.
    """
    places: dict[str, int] = {}
    different = []
    at = []
    for value in values:
        key = repr(value)  # 1 is not True
        if key not in places:
            places[key] = len(places)
            different.append(value)
        at.append(places[key])
    return {"of": different, "at": at} if 2 * len(different) <= len(values) else {"all": values}
