"""Graph -> one HTML file that needs nothing else: pictures to walk through, and all details.

Styles and scripts are files beside this one, put into the page as they are; the page allows those
alone to run, by their hashes, and no request at all.  Names and numbers are data to it, never
markup.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Any

from ..._graph import Graph
from .._errors import LayoutFailed, LayoutTimeout, RenderError
from ..dot import Style
from ..engines import lay_out_all
from ..options import Options
from ..simplify import FEW
from ..view import without_frames
from .colors import colors
from .data import as_script, page_data
from .drawing import Drawing, drawing, edge_classes, source
from .views import Picture, pictures

if TYPE_CHECKING:
    from ..engines import EngineName

STYLES = ("page.css", "graph.css", "side.css", "stepper.css")
SCRIPTS = (
    "dom.js",
    "show.js",
    "heat.js",
    "camera.js",
    "drawing.js",
    "views.js",
    "page.js",
    "details.js",
    "overlays.js",
    "trace.js",
    "search.js",
    "export.js",
    "keys.js",
    "tools.js",
    "whiteboard.js",
    "equations.js",
    "widgets.js",
    "conv.js",
    "pool.js",
    "columns.js",
    "logits.js",
    "cards.js",
    "stepper.js",
    "main.js",
)


def to_html(
    graph: Graph,
    options: Options,
    style: Style,
    timeout: float | None = None,
    engine: EngineName | None = None,
) -> str:
    """Return a Graph as a page; `render` says what the options mean.

    Raises
    ------
    ValueError
        If an option names what is not there, or the Graph does not hold what is asked for.
    RenderError
        If this machine cannot lay it out, or that takes too long.
    """
    found, drawings = _laid_out(graph, options, style, timeout, engine)
    return assemble(page_data(graph, options, found, drawings))


def _laid_out(
    graph: Graph,
    options: Options,
    style: Style,
    timeout: float | None,
    engine: EngineName | None,
) -> tuple[list[Picture], list[Drawing]]:
    """Return pictures and how they are drawn; without large ones, where those take too long."""
    plain = replace(options, overlay=None)  # the page paints it itself
    small = replace(plain, max_nodes=min(FEW, options.most))
    late = f"Pictures of more than {FEW} boxes are left out: their layout took too long."
    for limited, notes in ((plain, ()), (small, (late,))):
        found = pictures(graph, limited, notes)
        with suppress(LayoutTimeout):
            try:
                return found, _drawings(found, style, timeout, engine)
            except LayoutFailed:
                found = list(map(_unframed, found))
                return found, _drawings(found, style, timeout, engine)
    raise RenderError(
        f"the layout of {len(found)} pictures was not done in time; timeout=SECONDS allows more; "
        ".dot, .json and .txt need no layout"
    )


def _unframed(picture: Picture) -> Picture:
    view = without_frames(picture.view)
    return replace(picture, view=replace(view, notes=(*view.notes, view.simplified[-1])))


def _drawings(
    found: Sequence[Picture], style: Style, timeout: float | None, engine: EngineName | None
) -> list[Drawing]:
    """Return how pictures are drawn; those that are laid out alike are laid out once."""
    sources = [source(picture.view, style) for picture in found]
    different = list(dict.fromkeys(sources))
    svgs = dict(zip(different, lay_out_all(different, timeout, engine), strict=True))
    made: dict[tuple[str, ...], Drawing] = {}
    drawings = []
    for text, picture in zip(sources, found, strict=True):
        kind = (text, *map(edge_classes, picture.view.edges))
        if kind not in made:
            made[kind] = drawing(svgs[text], picture.view)
        drawings.append(made[kind])
    return drawings


def assemble(data: Mapping[str, Any]) -> str:
    """Return the page around some data."""
    css = colors() + "".join(map(_asset, STYLES))
    script = "".join(map(_asset, SCRIPTS))
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(css)}'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    title = escape(data["title"])
    return Template(_asset("page.html")).substitute(
        title=title, policy=policy, css=css, data=as_script(data), script=script
    )


def _asset(name: str) -> str:
    return files(__name__).joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """Return the hash by which a content-security policy knows what may run."""
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
