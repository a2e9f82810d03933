"""The gallery: its page is what its program writes, and its pictures are there."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def gallery() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gallery", ROOT / "examples" / "gallery.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["gallery"] = importlib.util.module_from_spec(spec)  # for inspect
    spec.loader.exec_module(module)
    return module


def test_the_page_is_current(gallery: ModuleType) -> None:
    """If not: python examples/gallery.py --out docs/images/gallery --page docs/gallery.md"""
    docs = ROOT / "docs"
    assert (docs / "gallery.md").read_text() == gallery.page(docs / "images" / "gallery", docs)


def test_the_pictures_are_there(gallery: ModuleType) -> None:
    folder = ROOT / "docs" / "images" / "gallery"
    names = {make.__name__ for make in gallery.PICTURES}
    files = {f"{name}.{suffix}" for name in names for suffix in ("svg", "html")}
    assert {path.name for path in folder.iterdir()} == files


@pytest.mark.skipif(not shutil.which("dot"), reason="no dot on PATH")
def test_every_picture_can_be_drawn(
    gallery: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["gallery.py", "--out", str(tmp_path)])
    gallery.main()
    for make in gallery.PICTURES:
        picture = tmp_path / f"{make.__name__}.svg"
        assert ElementTree.parse(picture).getroot().tag.endswith("svg")
        assert picture.with_suffix(".html").read_text().startswith("<!doctype html>")
