"""Graph -> picture: DOT, and SVG, PNG and PDF by whatever lays graphs out on this machine."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._graph import Graph
from .._places import HasParameters
from .._snapshot import graph
from . import legend as legends
from ._errors import LayoutFailed, LayoutTimeout, RenderError, RenderWarning
from .dot import NAME, Direction, Style, body, write
from .json import to_json
from .options import Backward, Options, Overlay, Values
from .simplify import views
from .svg import polish
from .themes import ThemeName
from .view import View, without_frames

if TYPE_CHECKING:
    import graphviz

    from .._tensor import Tensor
    from .engines import EngineName

__all__ = ["RenderError", "RenderWarning", "draw", "mimebundle", "render", "to_dot", "to_json"]

TEXT = ("dot", "gv", "json", "txt")  # formats that need no layout
FORMATS = ("svg", "png", "pdf", "html", *TEXT)


def render(
    graph: Graph,
    path: str | os.PathLike[str],
    *,
    backward: Backward = "none",
    depth: int | None = None,
    collapse: str | tuple[str, ...] = (),
    fold: bool = False,
    values: Values = "none",
    overlay: Overlay | None = None,
    highlight: Mapping[int, str] | None = None,
    constants: bool = False,
    focus: int | str | None = None,
    hops: int = 1,
    legend: bool | None = None,
    direction: Direction = "TB",
    theme: ThemeName = "light",
    max_nodes: int | None = None,
    timeout: float | None = None,
    engine: EngineName | None = None,
) -> Path:
    """Draw a Graph into a file; its suffix says how.

    Parameters
    ----------
    graph : Graph
    path : path
        Ends in .svg, .png or .pdf for a picture, .html for a page to walk through, .dot or .gv for
        the DOT source of a picture, .json for the Graph as data, .txt for the listing that
        ``print(graph)`` shows.  The file is replaced only by a complete one.
    backward : {"none", "paired", "full"}
        Draw the rule of each operation beside it, with the gradients that flow between them; or
        all operations of a backward pass that was traced by ``graph(..., backward=True)``.
    depth : int, optional
        Close the modules and scopes that are so deep: each becomes one box.
    collapse : str or tuple of str
        Close the modules of these paths (``"layer1.0"``) or classes (``"Bottleneck"``).
    fold : bool
        Draw equal blocks that follow one another as one box, "Block × 12".
    values : {"none", "stats", "full"}
        Write the range, or the numbers themselves, of values and gradients into the boxes.
    overlay : {"grad_norm", "time", "flops", "bytes", "nonfinite"}, optional
        Paint and label the boxes by how much of it they have.
    highlight : mapping of int to str, optional
        Paint these vertices, given by their ids, red, and write why.
    constants : bool
        Give plain numbers boxes of their own, instead of writing them into the operations.
    focus : int or str, optional
        Draw only what lies around a vertex, a module, or all operations of a name...
    hops : int
        ... so many operations far.
    legend : bool, optional
        Explain shapes and lines.  By default where there is more than data flowing.
    direction : {"TB", "BT", "LR", "RL"}
        Where data flow: top to bottom, left to right, ...
    theme : {"light", "dark", "print"}
        Of a picture; a page has the colours that its reader's system has.
    max_nodes : int, optional
        A picture of more boxes is simplified: blocks are folded, then modules closed.  In a page
        each closed box opens another picture.  By default so is one of more than 3000 boxes, or
        of so many long lines that its layout would take more than a few seconds, or that nobody
        could follow them where the steps of a loop might be one box.
    timeout : float, optional
        Seconds (60) after which a layout is stopped; the picture is simplified, and tried again.
    engine : {"dot", "wasm"}, optional
        Graphviz's own program, or Graphviz in WebAssembly.  By default the first there is.

    Returns
    -------
    Path
        The file.

    Warns
    -----
    RenderWarning
        If the picture had to be simplified; it says so itself, too.

    Raises
    ------
    ValueError
        If the suffix or an option is none of these, or the Graph does not hold what is asked for.
    FileNotFoundError
        If the directory does not exist.
    RenderError
        If this machine cannot make such a picture, or the layout takes too long.

    Examples
    --------
    >>> import tempfile, tinygraph as tg
    >>> x = tg.tensor([1.0, 2.0], requires_grad=True, name="x")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tg.graph((x * x).sum()).render(f"{folder}/g.dot", backward="paired").stat().st_size > 0
    True
    """
    path = Path(path)
    format = _format(path)
    options = Options(
        backward=backward,
        depth=depth,
        collapse=collapse,
        fold=fold,
        values=values,
        overlay=overlay,
        highlight=highlight or {},
        constants=constants,
        focus=focus,
        hops=hops,
        max_nodes=max_nodes,
    )
    style = Style(theme, direction, legend)
    content, view = _draw(graph, format, options, style, timeout, engine)
    _write(path, content)
    if view is not None and view.simplified:
        warnings.warn(" ".join(view.simplified), RenderWarning, stacklevel=2)
    return path


def draw(
    output: Tensor,
    path: str | os.PathLike[str],
    model: HasParameters | None = None,
    **options: Any,
) -> Path:
    """Draw everything that leads to a Tensor: ``graph(output, model=model).render(path)``."""
    return render(graph(output, model=model), path, **options)


def to_dot(
    graph: Graph,
    *,
    theme: ThemeName = "light",
    direction: Direction = "TB",
    legend: bool | None = None,
    **options: Any,
) -> graphviz.Digraph:
    """Return a picture as DOT, for the graphviz package; `render` says what the options mean.

    Raises
    ------
    RenderError
        If the graphviz package is not installed; `render` writes .dot files without it.
    """
    try:
        from graphviz import Digraph
    except ImportError:
        raise RenderError(
            "to_dot makes an object of the graphviz package: pip install 'tinygraph[viz]' "
            "(g.render('g.dot') writes DOT without it)"
        ) from None
    view = next(views(graph, Options(**options)))
    return Digraph(NAME, body=[*body(view, Style(theme, direction, legend))])


def mimebundle(graph: Graph, include: Any = None, exclude: Any = None) -> dict[str, str]:
    """Return what a notebook shows for a Graph: its picture if there can be one, and its listing.

    It serves as ``_repr_mimebundle_``, whose two further arguments are suggestions.
    """
    bundle = {"text/plain": str(graph)}
    with suppress(Exception):  # looking at a cell must not fail, whatever the engine does
        bundle["image/svg+xml"] = _draw(graph, "svg", Options(), Style())[0].decode()
    return bundle


def _format(path: Path) -> str:
    format = path.suffix[1:].lower()
    if format not in FORMATS:
        suffixes = ", ".join(f".{name}" for name in FORMATS)
        raise ValueError(f"render: the path must end in one of {suffixes}: {str(path)!r} does not")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"render: there is no directory {str(path.parent)!r}")
    return format


def _draw(
    graph: Graph,
    format: str,
    options: Options,
    style: Style,
    timeout: float | None = None,
    engine: EngineName | None = None,
) -> tuple[bytes, View | None]:
    """Return a picture, and the view it shows: the first that can be laid out in time."""
    if format == "txt":
        return f"{graph}\n".encode(), None
    if format == "json":
        return to_json(graph).encode(), None
    if format == "html":
        from .html import to_html

        return to_html(graph, options, style, timeout, engine).encode(), None
    late: tuple[str, ...] = ()
    for view in views(graph, options):
        if late:
            view = replace(view, simplified=(*late, *view.simplified))
        if format in TEXT:
            return write(view, style).encode(), view
        try:
            return _laid_out(view, format, style, timeout, engine)
        except LayoutTimeout:
            late = (f"The layout of {len(view.boxes):,} boxes took too long.",)
    raise RenderError(
        "the layout of the simplest picture was not done in time; focus='NAME' draws a part, and "
        "timeout=SECONDS allows more; .dot, .json and .txt need no layout"
    )


def _laid_out(
    view: View, format: str, style: Style, timeout: float | None, engine: EngineName | None
) -> tuple[bytes, View]:
    """Return the picture of a view, and the view; without its frames if the engine needs that."""
    from .engines import lay_out  # what it imports would make `import tinygraph` slower

    finish = partial(_finish, view, style)
    try:
        return lay_out(write(view, style), format, finish, timeout, engine), view
    except LayoutFailed:
        if not view.clusters:
            raise
        return _laid_out(without_frames(view), format, style, timeout, engine)


def _finish(view: View, style: Style, svg: str) -> str:
    """Give an SVG its last touch: fonts, and the legend if it is wanted."""
    svg = polish(svg, style.colors)
    wanted = legends.is_wanted(view) if style.legend is None else style.legend
    return legends.add(svg, view, style.colors) if wanted else svg


def _write(path: Path, content: bytes) -> None:
    """Write a file that is never there in part: beside it first, and then in its place."""
    draft = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    try:
        draft.write_bytes(content)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
