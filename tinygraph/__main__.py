"""The command line.

python -m tinygraph render FILE.py:NAME -o g.svg    # draw a Tensor, or what a function returns
python -m tinygraph render FILE.py:NAME -o g.html   # a page, with the numbers
python -m tinygraph doctor                          # what this machine can draw
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from functools import reduce
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import tinygraph as tg

from .render import FORMATS, render


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except (AttributeError, ImportError, OSError, TypeError, ValueError, tg.RenderError) as error:
        print(f"tinygraph: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m tinygraph", description="Draw computations.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    doctor = commands.add_parser("doctor", help="say what this machine can draw")
    doctor.set_defaults(run=_doctor)
    render = commands.add_parser("render", help="draw a graph")
    render.set_defaults(run=_render)
    render.add_argument(
        "source",
        metavar="FILE.py:NAME",
        help="a Tensor, a Graph, or a function without arguments that returns one; "
        "also package.module:NAME",
    )
    suffixes = ", ".join(f".{format}" for format in FORMATS)
    render.add_argument("-o", "--output", required=True, help=suffixes)
    render.add_argument("--model", metavar="NAME", help="a model there, to name the parameters")
    for name in ("backward", "values", "overlay", "direction", "theme", "focus", "engine"):
        render.add_argument(f"--{name}")
    for name in ("depth", "hops", "max-nodes"):
        render.add_argument(f"--{name}", type=int)
    render.add_argument("--timeout", type=float)
    render.add_argument("--collapse", action="append")
    for name in ("fold", "constants", "legend"):
        render.add_argument(f"--{name}", action="store_true", default=None)
    return parser


def _doctor(options: argparse.Namespace) -> int:
    from .render.doctor import report

    for line in report():
        print(line)
    return 0


def _render(options: argparse.Namespace) -> int:
    given = {name: value for name, value in vars(options).items() if value is not None}
    source, output = given.pop("source"), given.pop("output")
    model = given.pop("model", None)
    del given["run"]
    if "collapse" in given:
        given["collapse"] = tuple(given["collapse"])
    place, _, name = source.rpartition(":")
    if not place:
        raise ValueError(f"expected FILE.py:NAME or package.module:NAME, not {source!r}")
    watched = {"values", "overlay"} & set(given) or Path(output).suffix.lower() == ".html"
    with tg.record() if watched else nullcontext():
        module = _load(place)
        graph = _graph(_get(module, name), model and _get(module, model))
    print(render(graph, output, **given))
    return 0


def _load(place: str) -> ModuleType:
    if not place.endswith(".py"):
        sys.path.insert(0, "")
        return importlib.import_module(place)
    path = Path(place)
    spec = spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise FileNotFoundError(f"there is no file {place!r}")
    module = module_from_spec(spec)
    sys.path.insert(0, str(path.parent))
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def _get(module: ModuleType, name: str) -> Any:
    return reduce(getattr, name.split("."), module)


def _graph(value: Any, model: Any) -> tg.Graph:
    """Return the Graph of what a name stands for."""
    if isinstance(value, tg.nn.Module):
        raise TypeError(
            "a model has a graph only once it is applied: name its output, or a function"
        )
    if callable(value) and not isinstance(value, tg.Tensor):
        value = value()
    if isinstance(value, tg.Graph):
        return value
    return tg.graph(*(value if isinstance(value, tuple) else (value,)), model=model)


if __name__ == "__main__":
    sys.exit(main())
