"""Write docs/reference.md: every public name, its signature and what it is, from the docstrings.

python docs/reference.py
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tinygraph as tg
import tinygraph.testing.strategies

PAGE = Path(__file__).with_name("reference.md")
MODULES = (
    *(tg.func, tg.linalg, tg.nn, tg.nn.functional, tg.nn.init, tg.nn.utils),
    *(tg.optim, tg.optim.lr_scheduler, tg.data, tg.testing, tg.testing.strategies),
)

HEAD = """# Reference

Every public name, with its first sentence; `help(tinygraph.NAME)` says the rest.
`python docs/reference.py` writes this page.

`tg.*` and Tensor methods follow NumPy where NumPy has the name; `tg.nn.*` and `tg.optim.*` follow
PyTorch.
Of a method, ``x``, or the first of two operands, is the Tensor itself.
[Coming from PyTorch](coming-from.md) says what is called otherwise.
"""


def signature(thing: Any, method: bool = False) -> str:
    """Return the parameters without their annotations; none of what nobody calls."""
    if inspect.isabstract(thing):
        return ""
    try:
        given = inspect.signature(thing)
    except (TypeError, ValueError):
        return ""
    bare = [p.replace(annotation=p.empty) for p in given.parameters.values()][method:]
    text = str(given.replace(parameters=bare, return_annotation=given.empty))
    return re.sub(r"<[^>]*?([\w.]+)'?>", r"\1", text).replace("|", "\\|")


def sentence(thing: Any) -> str:
    """Return the first line of a docstring, fit for a table."""
    first = (inspect.getdoc(thing) or "").split("\n")[0]
    return first.replace("|", "\\|")


def rows(title: str, names: list[str], home: Any, prefix: str) -> Iterator[str]:
    """Return the lines of a section."""
    yield f"\n## {title}\n\n| | |\n|---|---|\n"
    for name in names:
        thing = getattr(home, name)
        if isinstance(thing, property):
            yield f"| `{prefix}{name}` | {sentence(thing)} |\n"
        elif callable(thing):
            called = signature(thing, method=inspect.isclass(home))
            yield f"| `{prefix}{name}{called}` | {sentence(thing)} |\n"


def public(home: Any) -> list[str]:
    """Return the public names of a module or class, in order."""
    listed = getattr(home, "__all__", None)
    if listed is None:
        own = inspect.isclass(home)
        listed = [
            name
            for name, thing in vars(home).items()
            if name[0] != "_" and (own or getattr(thing, "__module__", "") == home.__name__)
        ]
    return sorted(listed)


def page() -> str:
    """Return the whole page."""
    functions = [name for name in public(tg) if inspect.isroutine(getattr(tg, name))]
    classes = [name for name in public(tg) if inspect.isclass(getattr(tg, name))]
    parts = [
        HEAD,
        *rows("Functions", functions, tg, "tg."),
        *rows("Classes", classes, tg, "tg."),
    ]
    for home in (tg.Tensor, tg.Graph, tg.nn.Module):
        parts += rows(f"Methods of {home.__name__}", public(home), home, ".")
    for home in MODULES:
        parts += rows(f"`{home.__name__}`", public(home), home, "")
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page())
