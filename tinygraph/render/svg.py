"""The last touch on an SVG, whichever engine made it: where text stands, and how it looks."""

from __future__ import annotations

import re

from .themes import FONT, Theme

GROUP = re.compile(r'<g id="[^"]*" class="(\w+)">')
SIZE = re.compile(r' font-size="[^"]*"')
NUMBER = re.compile(r"-?[\d.]+")
HEIGHT = re.compile(r'(?<= y=")[^"]*')
DETAIL = 10.5  # points
RIM = 14  # numbers in the path of the rim of a cylinder


def polish(svg: str, theme: Theme) -> str:
    """Return an SVG in which the first line of each box and frame stands out from the others."""
    lines: list[str] = []
    titles: list[str] = []  # of frames: they come last, so that no line crosses them
    kind, first, down = "", True, 0.0
    for line in svg.split("\n"):
        group = GROUP.match(line)
        if group:
            kind, first, down = group[1], True, 0.0
        elif line.startswith("<path") and kind == "node":
            down = down or _below_the_rim(line)
        elif line.startswith("<text") and kind in ("node", "cluster"):
            line = _title(line) if first else _detail(line, theme)
            first = False
            if kind == "cluster":
                titles.append(_with_halo(line, theme))
                continue
            line = _lowered(line, down)
        lines.append(line)
    end = "\n</g>\n</svg>"
    polished = "\n".join(lines).replace(end, "\n".join(["", *titles]) + end)
    # The font is the viewer's, and the viewer may have to take another.
    family = f'font-family="{FONT}"'
    return polished.replace(family, f'{family[:-1]},Helvetica,sans-serif"')


def _below_the_rim(path: str) -> float:
    """Return how far text is to go down to stand in the middle of the side of a cylinder."""
    points = [float(x) for x in NUMBER.findall(path.rpartition(' d="')[2])]
    return (max(points[1::2]) - min(points[1::2])) / 2 if len(points) == RIM else 0.0


def _lowered(text: str, down: float) -> str:
    return HEIGHT.sub(lambda y: f"{float(y[0]) + down:.2f}", text) if down else text


def _with_halo(text: str, theme: Theme) -> str:
    halo = f'stroke="{theme.frame[1]}" stroke-width="4" paint-order="stroke"'
    return text.replace("<text ", f"<text {halo} ", 1)


def _title(text: str) -> str:
    return text.replace("<text ", '<text font-weight="bold" ', 1)


def _detail(text: str, theme: Theme) -> str:
    text = SIZE.sub(f' font-size="{DETAIL}"', text, count=1)
    return text.replace(f' fill="{theme.ink}"', f' fill="{theme.muted}"', 1)
