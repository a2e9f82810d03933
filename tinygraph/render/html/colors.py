"""The colours of pictures as CSS custom properties: a page looks as an SVG does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

from ..themes import DARK, LIGHT, Look, Theme


def colors() -> str:
    """Return rules that set the properties: light, dark where that is wanted, and forced ones."""
    light, dark = (" ".join(_properties(theme)) for theme in (LIGHT, DARK))
    return (
        f":root {{ color-scheme: light; {light} }}\n"
        f':root[data-scheme="dark"] {{ color-scheme: dark; {dark} }}\n'
        "@media (prefers-color-scheme: dark) {\n"
        f'  :root:not([data-scheme="light"]) {{ color-scheme: dark; {dark} }}\n'
        "}\n"
        f"@media (forced-colors: active) {{ :root:root {{ {' '.join(_forced())} }} }}\n"
    )


def _variables() -> Theme:
    """Return a theme of the properties themselves, for what is drawn with a theme."""

    def look(name: str) -> Look:
        return f"var(--{name}-line)", f"var(--{name}-fill)"

    return replace(
        LIGHT,
        paper="var(--paper)",
        ink="var(--ink)",
        muted="var(--muted)",
        output=look("output"),
        roles={role: look(role) for role in LIGHT.roles},
        flows={flow: f"var(--{flow})" for flow in LIGHT.flows},
        side="var(--side)",
        scale=tuple(f"var(--scale-{i})" for i in range(len(LIGHT.scale))),
        alarms={alarm: look(alarm) for alarm in LIGHT.alarms},
    )


def _forced() -> Iterator[str]:
    """Yield the properties where the system dictates the colours: shapes and text say it all."""
    for name in re.findall(r"--([\w-]+):", " ".join(_properties(LIGHT))):
        if name == "accent":
            yield f"--{name}: Highlight;"
        elif name in ("paper", "shade") or name.startswith("scale") or name.endswith("fill"):
            yield f"--{name}: Canvas;"
        elif name not in ("positive", "negative"):
            yield f"--{name}: CanvasText;"


def _properties(theme: Theme) -> Iterator[str]:
    plain = {
        "paper": theme.paper,
        "ink": theme.ink,
        "muted": theme.muted,
        "strong": theme.strong,
        "line": theme.frame[0],
        "shade": theme.frame[1],
        "accent": theme.roles["operation"][0],
        "side": theme.side,
        "data": theme.flows["data"],
        "gradient": theme.flows["gradient"],
        "saved": theme.flows["saved"],
        "positive": theme.output[0],
        "negative": theme.roles["operation"][0],
    }
    for name, color in plain.items():
        yield f"--{name}: {color};"
    for i, color in enumerate(theme.scale):
        yield f"--scale-{i}: {color};"
    looks = chain(theme.roles.items(), theme.alarms.items(), [("output", theme.output)])
    for name, (line, fill) in looks:
        yield f"--{name}-line: {line}; --{name}-fill: {fill};"


VARIABLES = _variables()
