"""docs/reference.md is what docs/reference.py writes."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import numpy as np
import pytest

import tinygraph as tg

DOCS = Path(__file__).parents[1] / "docs"


def test_the_reference_is_up_to_date():
    script = runpy.run_path(str(DOCS / "reference.py"))
    assert (DOCS / "reference.md").read_text() == script["page"](), "run python docs/reference.py"


def test_every_public_name_has_a_sentence():
    rows = [line for line in (DOCS / "reference.md").read_text().splitlines() if line[:3] == "| `"]
    assert len(rows) > 400
    assert [row for row in rows if row.endswith("|  |")] == []


CALLS = re.findall(
    r"^\| `(x\.[^`]*)` \| `([^`]*)`", (DOCS / "reference.md").read_text(), re.MULTILINE
)


@pytest.mark.parametrize(("theirs", "ours"), CALLS, ids=[theirs for theirs, _ in CALLS])
def test_what_stands_for_a_call_in_pytorch(torch, theirs, ours):
    x = np.random.default_rng(0).permutation(np.arange(15.0)).reshape(5, 3)
    expected = eval(theirs, {"x": torch.tensor(x)})
    got = eval(ours, {"x": tg.tensor(x), "tg": tg})
    if not isinstance(expected, tuple):
        expected, got = (expected,), (got,)
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-12)


def test_there_are_such_calls():
    assert len(CALLS) > 5
