"""SVG on stdin, PNG on stdout.

    python raster.py PIXELS_PER_INCH

`engines` runs it in a process of its own.  It imports nothing of tinygraph.
"""

from __future__ import annotations

import math
import re
import sys
from importlib.util import find_spec
from pathlib import Path

# The likes of Arial, for which the boxes are measured, and one that is wider, made smaller to fit.
FAMILIES = "Arial,Liberation Sans,Arimo,Helvetica,DejaVu Sans"
WIDE, SHRINK = "DejaVu Sans", 0.88
MOST_PIXELS = (
    16e6  # a larger picture is drawn more coarsely: it takes long, and few programs open it
)

SAMPLE = """<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">
<text y="9" font-family="{}">{}</text></svg>"""


def main(resolution: str) -> None:
    """Write the SVG on stdin as PNG to stdout."""
    sys.stdout.buffer.write(rasterize(sys.stdin.buffer.read().decode(), int(resolution)))


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

    size = re.search(r'width="([\d.]+)pt" height="([\d.]+)pt"', svg)
    if size is not None:
        pixels = float(size[1]) * float(size[2]) * (resolution / 72) ** 2
        resolution = round(resolution * min(1, math.sqrt(MOST_PIXELS / pixels)))
    letter = draw(SAMPLE.format(FAMILIES, "x"))
    if letter == draw(SAMPLE.format(FAMILIES, "")):
        sys.exit("PNG needs a font, and there is none: pip install matplotlib, or use SVG")
    scale = SHRINK if letter == draw(SAMPLE.format(WIDE, "x")) else 1
    svg = re.sub(r'font-family="[^"]*"', f'font-family="{FAMILIES}"', svg)
    return draw(re.sub(r'(?<= font-size=")[\d.]+', lambda old: f"{float(old[0]) * scale:.2f}", svg))


def bundled_fonts() -> list[str]:
    """Return matplotlib's fonts, where it is installed: there may be no other."""
    matplotlib = find_spec("matplotlib")
    if matplotlib is None or matplotlib.origin is None:
        return []
    folder = Path(matplotlib.origin).parent / "mpl-data" / "fonts" / "ttf"
    fonts = (folder / "DejaVuSans.ttf", folder / "DejaVuSans-Bold.ttf")
    return [str(font) for font in fonts if font.is_file()]


if __name__ == "__main__":
    main(*sys.argv[1:])
