"""What `python -m tinygraph doctor` says of fonts."""

from __future__ import annotations

import shutil

import pytest

from tinygraph.render import doctor
from tinygraph.render.convert import lacks

NOBODYS = "\U0010fffc\U0010fffd"  # two for private use, which no font has
UNLIKE = "\U0010fffd\U0003fffd"  # the second for no use at all: matplotlib's last resort tells them


@pytest.mark.parametrize(("format", "module"), [("png", "resvg_py"), ("pdf", "typst")])
def test_letters_that_no_font_has_are_noticed(format: str, module: str) -> None:
    pytest.importorskip(module)
    assert lacks(format, NOBODYS)
    assert lacks(format, UNLIKE)
    assert not lacks(format, "xo")


@pytest.mark.skipif(not shutil.which("fc-list"), reason="no fc-list on PATH")
def test_letters_that_dot_has_no_font_for_are_noticed() -> None:
    assert doctor._is_unlisted(NOBODYS)
    assert not doctor._is_unlisted("xo")


@pytest.mark.parametrize("direct", [False, True])
def test_the_report_says_how_to_mend_it(direct: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where dot draws without a converter."""
    if direct:
        monkeypatch.setattr(doctor, "converter", lambda format: None)
        monkeypatch.setattr("tinygraph.render.engines.converter", lambda format: None)
    monkeypatch.setattr(doctor, "LETTERS", {"Latin": "xo", "Nobody's": NOBODYS})
    report = list(doctor.report())
    told = [line for line in report if "shows boxes" in line]
    works = [f for f in ("png", "pdf") if any(f"works  {f}" in line for line in report)]
    assert [line.split()[0] for line in told] == works
    assert all("for Nobody's: install a font" in line for line in told)
