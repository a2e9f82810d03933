"""How wide text is, so that boxes have their size before any engine sees them.

Engines that measure with fonts of their own would draw one graph in different ways.
"""

from __future__ import annotations

import unicodedata
from functools import cache

# The widths of Helvetica, and of Arial and its likes, from space to ~, in thousandths of the size.
_WIDTHS = (
    *(278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278),
    *(556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556),
    *(1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778),
    *(667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556),
    *(333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556),
    *(556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584),
)
BOLD = 1.08  # how much wider bold text is


@cache
def _width(character: str) -> int:
    code = ord(character) - 32
    if 0 <= code < len(_WIDTHS):
        return _WIDTHS[code]
    if unicodedata.combining(character):
        return 0
    return 1000 if unicodedata.east_asian_width(character) in "WF" else 620


def text_width(text: str, size: float, bold: bool = False) -> float:
    """Return the width of a line of text, in points."""
    return sum(map(_width, text)) * size / 1000 * (BOLD if bold else 1)
