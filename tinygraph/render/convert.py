"""SVG on stdin, PNG or PDF on stdout.

    python convert.py png PIXELS_PER_INCH
    python convert.py pdf

`engines` runs it in a process of its own.  It imports nothing of tinygraph.
"""

from __future__ import annotations

import math
import re
import sys
from importlib.util import find_spec
from pathlib import Path
from shutil import copy
from tempfile import TemporaryDirectory
from typing import Literal

# The likes of Arial, for which the boxes are measured, and one that is wider, made smaller to fit.
LIKES = ("Arial", "Liberation Sans", "Arimo", "Helvetica")
WIDE, SHRINK = "DejaVu Sans", 0.88
# A larger picture is drawn more coarsely: it takes long, and few programs open it.
MOST_PIXELS = 16e6
TEXT = re.compile(r"<text .*?</text>", re.DOTALL)
RARE = re.compile("[\u0300-\u036f\u1d00-\u1dbf\u2070-\u209f]")  # accents, superscripts: no Arial

SAMPLE = """<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">
<text y="9" font-family="{}">{}</text></svg>"""

PAGE = b"""#set document(date: none)
#set page(width: auto, height: auto, margin: 0pt)
#image(bytes(sys.inputs.svg), format: "svg")
"""


def main(format: str, resolution: str = "72") -> None:
    """Write the SVG on stdin as PNG or PDF to stdout."""
    svg = sys.stdin.buffer.read().decode()
    content = to_pdf(svg) if format == "pdf" else to_png(svg, int(resolution))
    sys.stdout.buffer.write(content)


def to_png(svg: str, resolution: int) -> bytes:
    """Return an SVG as PNG.

    Raises
    ------
    SystemExit
        If there is no font: the picture would come out without its text.
    """
    from resvg_py import svg_to_bytes

    fonts = [str(font) for font in bundled_fonts()]

    def draw(svg: str) -> bytes:
        png: bytes = svg_to_bytes(svg_string=svg, font_files=fonts, dpi=96, zoom=resolution / 96)
        return png

    size = re.search(r'width="([\d.]+)pt" height="([\d.]+)pt"', svg)
    if size is not None:
        pixels = float(size[1]) * float(size[2]) * (resolution / 72) ** 2
        resolution = round(resolution * min(1, math.sqrt(MOST_PIXELS / pixels)))
    families = ",".join((*LIKES, WIDE))
    letter = draw(SAMPLE.format(families, "x"))
    if letter == draw(SAMPLE.format(families, "")):
        sys.exit("PNG needs a font, and there is none: pip install matplotlib, or use SVG")
    return draw(_in_fonts(svg, only_wide=letter == draw(SAMPLE.format(WIDE, "x"))))


def to_pdf(svg: str) -> bytes:
    """Return an SVG as PDF, with its fonts."""
    return _typeset(svg, "pdf")


def lacks(format: str, letters: str) -> bool:
    """Return whether there is no font for some letters: they all look the same then, as a box."""
    svgs = [SAMPLE.format(",".join(LIKES), letter) for letter in letters]
    return len({to_png(svg, 72) if format == "png" else _typeset(svg, "png") for svg in svgs}) == 1


def _typeset(svg: str, format: Literal["pdf", "png"]) -> bytes:
    import typst

    with TemporaryDirectory() as folder:  # typst takes whole ones, and matplotlib's has all sorts
        for font in bundled_fonts():
            copy(font, folder)
        fonts = typst.Fonts(font_paths=[folder])
        families = fonts.families()
        only_wide = WIDE in families and not any(like in families for like in LIKES)
        inputs = {"svg": _in_fonts(svg, only_wide)}
        page: bytes = typst.compile(
            PAGE, font_paths=fonts, sys_inputs=inputs, format=format, timestamp=0
        )
    return page


def _in_fonts(svg: str, only_wide: bool) -> str:
    """Return an SVG in the fonts there are: one for a line, not one for each letter."""

    def in_font(found: re.Match[str]) -> str:
        text = found[0]
        wide = only_wide or RARE.search(text) is not None
        families = ",".join((WIDE, *LIKES) if wide else (*LIKES, WIDE))
        text = re.sub(r'font-family="[^"]*"', f'font-family="{families}"', text)
        scale = SHRINK if wide else 1
        return re.sub(r'(?<= font-size=")[\d.]+', lambda old: f"{float(old[0]) * scale:.2f}", text)

    return TEXT.sub(in_font, svg)


def bundled_fonts() -> list[Path]:
    """Return matplotlib's fonts, where it is installed: there may be no other."""
    matplotlib = find_spec("matplotlib")
    if matplotlib is None or matplotlib.origin is None:
        return []
    folder = Path(matplotlib.origin).parent / "mpl-data" / "fonts" / "ttf"
    fonts = (folder / "DejaVuSans.ttf", folder / "DejaVuSans-Bold.ttf")
    return [font for font in fonts if font.is_file()]


if __name__ == "__main__":
    main(*sys.argv[1:])
