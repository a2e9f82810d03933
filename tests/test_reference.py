"""docs/reference.md is what docs/reference.py writes."""

from __future__ import annotations

import runpy
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def test_the_reference_is_up_to_date():
    script = runpy.run_path(str(DOCS / "reference.py"))
    assert (DOCS / "reference.md").read_text() == script["page"](), "run python docs/reference.py"


def test_every_public_name_has_a_sentence():
    rows = [line for line in (DOCS / "reference.md").read_text().splitlines() if line[:3] == "| `"]
    assert len(rows) > 400
    assert [row for row in rows if row.endswith("|  |")] == []
