"""How things look: every role has a shape of its own, and in each theme a colour of its own.

The colours are Okabe and Ito's, which the colour-blind can tell apart; shapes and text repeat what
they say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from .view import Flow, Role

FONT = "Arial"  # its widths are known to every engine, and its likes are on every machine
Look: TypeAlias = "tuple[str, str]"  # the colours of a line and of what it surrounds

SHAPES: dict[Role, dict[str, str]] = {
    "input": {"shape": "ellipse", "style": "filled"},
    "parameter": {"shape": "cylinder", "style": "filled"},
    "constant": {"shape": "plaintext", "style": "solid"},
    "operation": {"shape": "box", "style": "rounded,filled"},
    "module": {"shape": "box3d", "style": "filled"},
    "repeat": {"shape": "box", "style": "filled", "peripheries": "3"},
    "rule": {"shape": "box", "style": "rounded,filled,dashed"},
    "sum": {"shape": "circle", "style": "filled"},
}

LINES: dict[Flow, dict[str, str]] = {
    "data": {},
    "gradient": {"dir": "back", "style": "dashed"},
    "saved": {"style": "dotted", "arrowhead": "none"},
    "pair": {"style": "invis"},
}


@dataclass(frozen=True, slots=True)
class Theme:
    """The colours of a picture.

    Attributes
    ----------
    paper, ink, muted, strong : str
        The background, titles, what is less important, and text on what an overlay painted.
    frame : (str, str)
        Of clusters.
    output : (str, str)
        Of the boxes that the Graph was made of.
    roles : mapping of role to (str, str)
    flows : mapping of flow to str
    side : str
        Of edges from parameters.
    scale : tuple of str
        From little to much.
    alarms : mapping of mark to (str, str)
    """

    paper: str
    ink: str
    muted: str
    strong: str
    frame: Look
    output: Look
    roles: Mapping[Role, Look]
    flows: Mapping[Flow, str]
    side: str
    scale: tuple[str, ...]
    alarms: Mapping[str, Look]


LIGHT = Theme(
    paper="#ffffff",
    ink="#1a1a1a",
    muted="#5d6872",
    strong="#000000",
    frame=("#c9d1d8", "#f6f8fa"),
    output=("#a94a00", "#fae3d4"),
    roles={
        "input": ("#009e73", "#d9f0e9"),
        "parameter": ("#c58600", "#fdf1d8"),
        "constant": ("#6b7680", "#ffffff"),
        "operation": ("#0072b2", "#deedf7"),
        "module": ("#0072b2", "#deedf7"),
        "repeat": ("#0072b2", "#deedf7"),
        "rule": ("#aa4c88", "#f8e9f2"),
        "sum": ("#aa4c88", "#f8e9f2"),
    },
    flows={"data": "#47525c", "gradient": "#aa4c88", "saved": "#0072b2", "pair": "#000000"},
    side="#9aa5af",
    scale=("#ffffff", "#fef3dc", "#fce3b4", "#f8cd86", "#f2b055", "#e88f2a"),
    alarms={
        "origin": ("#a80000", "#ffb3a0"),
        "victim": ("#d55e00", "#fdeadf"),
        "dead": ("#6b7680", "#e4e7ea"),
        "missing": ("#6b7680", "#ffffff"),
        "highlight": ("#a80000", "#ffd2c7"),
    },
)

DARK = Theme(
    paper="#16191d",
    ink="#f2f4f6",
    muted="#a9b4be",
    strong="#ffffff",
    frame=("#3c454e", "#1d2126"),
    output=("#ff9142", "#4a2a12"),
    roles={
        "input": ("#2fc49b", "#12382e"),
        "parameter": ("#eab543", "#3d3013"),
        "constant": ("#a9b4be", "#16191d"),
        "operation": ("#58b2ea", "#15324a"),
        "module": ("#58b2ea", "#15324a"),
        "repeat": ("#58b2ea", "#15324a"),
        "rule": ("#e08fc1", "#40233a"),
        "sum": ("#e08fc1", "#40233a"),
    },
    flows={"data": "#b6c1cb", "gradient": "#e08fc1", "saved": "#58b2ea", "pair": "#000000"},
    side="#707b86",
    scale=("#20252b", "#33291a", "#4a3715", "#614612", "#78560f", "#8f660c"),
    alarms={
        "origin": ("#ff7b62", "#7a1408"),
        "victim": ("#ff9142", "#3d2413"),
        "dead": ("#a9b4be", "#30363d"),
        "missing": ("#a9b4be", "#16191d"),
        "highlight": ("#ff7b62", "#5e1a10"),
    },
)

_BLACK = ("#000000", "#ffffff")
PRINT = Theme(
    paper="#ffffff",
    ink="#0a0a0a",
    muted="#333333",
    strong="#000000",
    frame=("#888888", "#ffffff"),
    output=("#000000", "#dddddd"),
    roles={
        **dict.fromkeys(LIGHT.roles, _BLACK),
        "parameter": ("#000000", "#eeeeee"),
        "rule": ("#000000", "#f4f4f4"),
    },
    flows={"data": "#000000", "gradient": "#000000", "saved": "#555555", "pair": "#000000"},
    side="#777777",
    scale=("#ffffff", "#eeeeee", "#dddddd", "#cccccc", "#bbbbbb", "#aaaaaa"),
    alarms={
        **dict.fromkeys(("origin", "highlight"), ("#000000", "#bbbbbb")),
        **dict.fromkeys(("victim", "dead", "missing"), ("#000000", "#e6e6e6")),
    },
)

ThemeName: TypeAlias = Literal["light", "dark", "print"]
THEMES: dict[ThemeName, Theme] = {"light": LIGHT, "dark": DARK, "print": PRINT}
