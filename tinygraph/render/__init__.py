"""Graph -> picture: DOT, and SVG, PNG and PDF by whatever lays graphs out on this machine."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._graph import Graph, HasParameters, graph
from ._errors import RenderError
from .dot import to_dot

if TYPE_CHECKING:
    from .._tensor import Tensor

__all__ = ["RenderError", "draw", "mimebundle", "render", "to_dot"]

TEXT = ("dot", "gv", "txt")  # formats that need no layout
FORMATS = ("svg", "png", "pdf", *TEXT)


def render(graph: Graph, path: str | os.PathLike[str]) -> Path:
    """Draw a Graph into a file; its suffix says how.

    Parameters
    ----------
    graph : Graph
    path : path
        Ends in .svg, .png or .pdf for a picture, .dot or .gv for its DOT source, .txt for the
        listing that ``print(graph)`` shows.  The file is replaced only by a complete one.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ValueError
        If the suffix is none of these.
    FileNotFoundError
        If the directory does not exist.
    RenderError
        If this machine cannot make such a picture, or the layout takes too long.
    """
    path = Path(path)
    format = path.suffix[1:].lower()
    if format not in FORMATS:
        suffixes = ", ".join(f".{name}" for name in FORMATS)
        raise ValueError(f"render: the path must end in one of {suffixes}: {str(path)!r} does not")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"render: there is no directory {str(path.parent)!r}")
    _write(path, _draw(graph, format))
    return path


def draw(output: Tensor, path: str | os.PathLike[str], model: HasParameters | None = None) -> Path:
    """Draw everything that leads to a Tensor: ``graph(output, model=model).render(path)``."""
    return render(graph(output, model=model), path)


def mimebundle(graph: Graph, include: Any = None, exclude: Any = None) -> dict[str, str]:
    """Return what a notebook shows for a Graph: its picture if there can be one, and its listing.

    It serves as ``_repr_mimebundle_``, whose two further arguments are suggestions.
    """
    bundle = {"text/plain": str(graph)}
    with suppress(RenderError):  # a notebook without Graphviz is no error
        bundle["image/svg+xml"] = _draw(graph, "svg").decode()
    return bundle


def _draw(graph: Graph, format: str) -> bytes:
    if format == "txt":
        return f"{graph}\n".encode()
    source: str = to_dot(graph).source
    if format in TEXT:
        return source.encode()
    from .engines import lay_out  # what it imports would make `import tinygraph` slower

    return lay_out(source, format)


def _write(path: Path, content: bytes) -> None:
    """Write a file that is never there in part: beside it first, and then in its place."""
    draft = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    try:
        draft.write_bytes(content)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
