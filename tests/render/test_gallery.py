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
    assert {path.stem for path in folder.iterdir()} == {f.__name__ for f in gallery.PICTURES}


@pytest.mark.skipif(not shutil.which("dot"), reason="no dot on PATH")
def test_every_picture_can_be_drawn(gallery: ModuleType, tmp_path: Path) -> None:
    for draw in gallery.PICTURES:
        assert ElementTree.parse(draw(tmp_path)).getroot().tag.endswith("svg")
