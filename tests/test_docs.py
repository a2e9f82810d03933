"""README and docs: links lead somewhere, what is named exists, listings that need PyTorch run.

Doctests run the other listings; tests/test_tutorial.py and tests/test_notebook.py check theirs.
"""

from __future__ import annotations

import operator
import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygraph as tg
import tinygraph.testing.strategies

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
LINK = re.compile(r'\]\(([^()\s]+)\)|(?:href|src|data)="([^"]+)"')
NAME = re.compile(r"(?<![\w.])(?:tg|tinygraph)((?:\.[A-Za-z_]\w*)+)")
FILE = re.compile(r"(?<![\w./])((?:benchmarks|docs|examples|tests|tinygraph)/[\w./-]*\w\.\w+)")

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


@cache
def prose(page: Path) -> str:
    """Return a page without its listings."""
    return re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)


@cache
def anchors(page: Path) -> set[str]:
    """Return what can stand after # in a link to a page: its headings, as GitHub writes them."""
    found: list[str] = []
    for heading in re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE):
        anchor = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        count = found.count(anchor)
        found.append(f"{anchor}-{count}" if count else anchor)
    return set(found)


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    for groups in LINK.findall(prose(page)):
        target, _, anchor = "".join(groups).partition("#")
        if target.startswith(("http:", "https:")):
            continue
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), target
        if anchor:
            assert anchor in anchors(path), f"{target}#{anchor}"


@each_page
def test_what_is_named_exists(page: Path) -> None:
    for name in NAME.findall(page.read_text()):
        if name != ".NAME":  # which stands for any
            operator.attrgetter(name[1:])(tg)


@each_page
def test_files_exist(page: Path) -> None:
    for name in FILE.findall(prose(page)):
        assert (ROOT / name).exists(), name


@each_page
def test_every_page_can_be_found(page: Path) -> None:
    linked = {
        (other.parent / "".join(groups).partition("#")[0]).resolve()
        for other in PAGES
        for groups in LINK.findall(prose(other))
        if other != page
    }
    assert page.name in ("README.md", "CHANGELOG.md") or page in linked


COMING_FROM = (ROOT / "docs" / "coming-from.md").read_text()
FROM_PYTORCH = COMING_FROM.partition("## PyTorch")[2].partition("## MyGrad")[0]
CALLS = re.findall(r"^\| `(x\.[^`]*)` \| `([^`]*)`", FROM_PYTORCH, re.MULTILINE)


@pytest.mark.parametrize(("theirs", "ours"), CALLS, ids=[theirs for theirs, _ in CALLS])
def test_what_stands_for_a_call_in_pytorch(torch: Any, theirs: str, ours: str) -> None:
    x = np.random.default_rng(0).permutation(np.arange(15.0)).reshape(5, 3)
    expected = eval(theirs, {"x": torch.tensor(x)})
    got = eval(ours, {"x": tg.tensor(x), "tg": tg})
    if not isinstance(expected, tuple):
        expected, got = (expected,), (got,)
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-12)


def test_there_are_such_calls() -> None:
    assert len(CALLS) > 5


def test_parameters_go_both_ways(torch: Any) -> None:
    found = re.search(r"<!-- with: torch -->\n```python\n(.*?)```", COMING_FROM, re.DOTALL)
    assert found
    names: dict[str, Any] = {}
    exec(found[1], names)
    x = np.random.default_rng(0).random((5, 3, 8), np.float32)
    ours, _ = names["ours"](x)
    theirs, _ = names["theirs"](torch.tensor(x))
    np.testing.assert_allclose(ours.numpy(), theirs.detach().numpy(), rtol=1e-5, atol=1e-6)
