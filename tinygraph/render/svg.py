"""The last touch on an SVG, whichever engine made it: titles bold, details pale, more fonts."""

from __future__ import annotations

import re

from .themes import FONT, Theme

GROUP = re.compile(r'<g id="[^"]*" class="(\w+)">')
SIZE = re.compile(r' font-size="[^"]*"')
DETAIL = 10.5  # points


def polish(svg: str, theme: Theme) -> str:
    """Return an SVG in which the first line of each box and frame stands out from the others."""
    lines = svg.split("\n")
    kind, first = "", True
    for i, line in enumerate(lines):
        group = GROUP.match(line)
        if group:
            kind, first = group[1], True
        elif line.startswith("<text") and kind in ("node", "cluster"):
            lines[i] = _title(line) if first else _detail(line, theme)
            first = False
    # The font is the viewer's, and the viewer may have to take another.
    family = f'font-family="{FONT}"'
    return "\n".join(lines).replace(family, f'{family[:-1]},Helvetica,sans-serif"')


def _title(text: str) -> str:
    return text.replace("<text ", '<text font-weight="bold" ', 1)


def _detail(text: str, theme: Theme) -> str:
    text = SIZE.sub(f' font-size="{DETAIL}"', text, count=1)
    return text.replace(f' fill="{theme.ink}"', f' fill="{theme.muted}"', 1)
