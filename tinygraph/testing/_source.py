"""Write Python that makes an object again: arrays, Tensors, functions, and what those refer to."""

from __future__ import annotations

import ast
import base64
import builtins
import dataclasses
import functools
import inspect
import pickle
import site
import symtable
import sys
import sysconfig
import textwrap
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

import tinygraph as tg

WIDTH = 88
IMPORTED = ("np", "tg", "inf", "nan", "sys", "base64", "functools", "gradcheck", "pickle", "zlib")
FEW = 256  # an array with more entries is written packed, not as numbers


class Source:
    """A program in the making: each name that it needs is imported or defined once.

    Attributes
    ----------
    made : dict
        What each name stands for so far.
    missing : list of str
        Names of what could not be written: the reader has to fill them in.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygraph.testing._source import Source
    >>> source = Source()
    >>> source.define("x", np.array([1.0, 2.0]))
    >>> print(source)
    import numpy as np
    <BLANKLINE>
    x = np.array([1.0, 2.0])
    """

    def __init__(self) -> None:
        self.imports: dict[str, None] = {}  # an ordered set
        self.paths: dict[str, None] = {}
        self.definitions: list[str] = []
        self.missing: list[str] = []
        self.made: dict[str, Any] = {}

    def __str__(self) -> str:
        future = [line for line in self.imports if line.startswith("from __future__")]
        imports = sorted(self.imports.keys() - future, key=lambda line: (line[0] != "i", line))
        if self.paths:
            path = [f"sys.path.insert(0, {path!r})" for path in self.paths]
            imports = ["import sys", "", *path, "", *imports]
        heads = "\n\n".join("\n".join(lines) for lines in (future, imports) if lines)
        return "\n\n".join(filter(None, [heads, "\n".join(self.definitions).strip("\n")]))

    def define(self, name: str, value: Any) -> None:
        """Give ``value`` that name, and define before it what it refers to."""
        if self.made.get(name, self) is value or getattr(builtins, name, self) is value:
            return
        self.made[name] = value
        if isinstance(value, ModuleType):
            same = value.__name__ == name
            self._add_import(value, f"import {value.__name__}" + ("" if same else f" as {name}"))
        elif _is_importable(value):
            self._import_from(name, value)
        elif isinstance(value, (FunctionType, type)):
            self._copy(name, value)
        else:
            text = self.expression(value)
            self.definitions.append(f"{name} = {text}")
            if text.startswith("..."):
                self.missing.append(name)

    def _add_import(self, module: ModuleType, line: str) -> None:
        root = _root(module)
        if root is not None:
            self.paths[root] = None
        self.imports[line] = None

    def _import_from(self, name: str, value: Any) -> None:
        module, outer = value.__module__, value.__qualname__.split(".")[0]
        renamed = "" if name == value.__qualname__ or outer != value.__qualname__ else f" as {name}"
        self._add_import(sys.modules[module], f"from {module} import {outer}{renamed}")
        if outer != value.__qualname__:
            self.definitions.append(f"{name} = {value.__qualname__}")

    def _copy(self, name: str, value: Any) -> None:
        """Write a function or class as its source has it, after all that it names."""
        found = _definition(value)
        if found is None:
            what = f"{value.__qualname__} of {value.__module__}, whose source was not found"
            self.definitions.append(f"{name} = ...  # insert {what}")
            self.missing.append(name)
            return
        for other, thing in _references(value, found):
            self.define(other, thing)
        own = value.__name__ if isinstance(value, type) else inspect.unwrap(value).__code__.co_name
        if own == "<lambda>":
            self.definitions.append(f"{name} = {found}")
        else:
            self.imports["from __future__ import annotations"] = None
            alias = "" if own == name else f"\n\n{name} = {own}"
            self.definitions.append(f"\n{found}\n{alias}")

    # -- values ----------------------------------------------------------------------------------

    def expression(self, value: Any) -> str:
        """Return an expression that makes ``value``; one with ``...`` where that is beyond us."""
        if isinstance(value, tg.Tensor):
            return self._tensor(value)
        if isinstance(value, np.ndarray):
            return self._array(value)
        if isinstance(value, (np.generic, np.dtype)):
            self.imports["import numpy as np"] = None
            if isinstance(value, np.dtype):
                return f"np.dtype({value.name!r})"
            return f"np.{type(value).__name__}({self.expression(value.item())})"
        if isinstance(value, float) and not np.isfinite(value):
            return f'float("{value}")'
        if value is None or value is ... or isinstance(value, (bool, int, float, str, slice)):
            return "Ellipsis" if value is ... else repr(value)
        if isinstance(value, dict) and type(value) is dict:
            inside = ", ".join(f"{k!r}: {self.expression(v)}" for k, v in value.items())
            return f"{{{inside}}}"
        if type(value) in (tuple, list):
            inside = ", ".join(map(self.expression, value))
            if type(value) is tuple:
                return f"({inside},)" if len(value) == 1 else f"({inside})"
            return f"[{inside}]"
        if isinstance(value, (FunctionType, type, MethodType, functools.partial)):
            return self._callable(value)
        return self._construction(value) or self._pickle(value)

    def _tensor(self, value: tg.Tensor) -> str:
        self.imports["import tinygraph as tg"] = None
        flag = ", requires_grad=True" if value.requires_grad else ""
        name = "" if value.name is None else f", name={value.name!r}"
        return f"tg.Tensor({self._array(value.numpy())}{flag}{name})"

    def _array(self, value: np.ndarray[Any, Any]) -> str:
        self.imports["import numpy as np"] = None
        kind = "" if value.dtype in (np.float64, np.int64, bool) else f", np.{value.dtype.name}"
        order = "" if value.flags.c_contiguous or not value.flags.f_contiguous else ', order="F"'
        if not value.size:
            return f"np.zeros({value.shape}, np.{value.dtype.name})"
        if value.size > FEW:
            self.imports |= {"import base64": None, "import zlib": None}
            packed = _packed(np.ascontiguousarray(value).tobytes())
            flat = f"zlib.decompress(base64.b64decode({packed}))"
            flat = f"np.frombuffer({flat}, {value.dtype.str!r})"
            return f"np.array({flat}.reshape({value.shape}){order})"
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            self.imports["from numpy import inf, nan"] = None
        text = np.array2string(
            value,
            separator=", ",
            threshold=FEW,
            max_line_width=WIDTH,
            formatter={"float_kind": lambda x: repr(float(x))},
        )
        if "\n" in text:
            text = "\n" + textwrap.indent(text, "    ") + ("," if kind or order else "") + "\n"
            return f"np.array({text}{(kind + order).removeprefix(', ')})"
        return f"np.array({text}{kind}{order})"

    def _callable(self, value: Any) -> str:
        if isinstance(value, MethodType):
            return f"{self.expression(value.__self__)}.{value.__name__}"
        if isinstance(value, functools.partial):
            self.imports["import functools"] = None
            words = [f"{k}={self.expression(v)}" for k, v in value.keywords.items()]
            parts = [self.expression(value.func), *map(self.expression, value.args), *words]
            return f"functools.partial({', '.join(parts)})"
        name: str = value.__name__
        if getattr(tg, name, self) is value:
            self.imports["import tinygraph as tg"] = None
            return f"tg.{name}"
        if not name.isidentifier():  # a lambda
            name = "f"
        while self.made.get(name, value) is not value:
            name += "_"
        self.define(name, value)
        return name

    def _construction(self, value: Any) -> str | None:
        """Return the call of a class that makes ``value``, if its attributes are its arguments."""
        kind = type(value)
        if dataclasses.is_dataclass(value):
            given = {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.init}
        elif hasattr(value, "_asdict"):
            given = value._asdict()
        elif isinstance(value, tg.Function):
            given = vars(value)
            try:
                if vars(kind(**given)) != given:
                    return None
            except (TypeError, ValueError):
                return None
        else:
            return None
        arguments = ", ".join(f"{k}={self.expression(v)}" for k, v in given.items())
        return f"{self._callable(kind)}({arguments})"

    def _pickle(self, value: Any) -> str:
        """Return what unpickles ``value``, where its class can be imported."""
        line = " ".join(repr(value).split())
        try:
            packed = _packed(pickle.dumps(value))
        except Exception:  # whatever an object's own methods raise
            return f"...  # insert {textwrap.shorten(line, WIDTH)}"
        self.imports |= {"import base64": None, "import pickle": None, "import zlib": None}
        root = _root(sys.modules[type(value).__module__])
        if root is not None:
            self.paths[root] = None
        return f"pickle.loads(zlib.decompress(base64.b64decode({packed})))"


def _packed(data: bytes) -> str:
    text = base64.b64encode(zlib.compress(data, 9)).decode()
    lines = textwrap.wrap(text, WIDTH - 6)
    if len(lines) == 1:
        return repr(text)
    return "\n" + "\n".join(f"    {line!r}" for line in lines) + "\n"


# -- where a function comes from -----------------------------------------------------------------


def _is_importable(value: Any) -> bool:
    """Return whether a fresh process finds this function or class by its module and name."""
    module = sys.modules.get(getattr(value, "__module__", None) or "")
    names = getattr(value, "__qualname__", None)
    if module is None or names is None or not hasattr(module, "__file__"):
        return False
    if module.__name__ == "__main__" or "<" in names:
        return False
    found: Any = module
    for name in names.split("."):
        found = getattr(found, name, None)
    return found is value


def _root(module: ModuleType) -> str | None:
    """Return the directory from which a module is imported; None where Python finds it anyway."""
    file = getattr(module, "__file__", None)
    if file is None or module.__name__.split(".")[0] == "tinygraph":
        return None
    path = Path(file).resolve()
    installed = [*site.getsitepackages(), site.getusersitepackages()]
    standard = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib")]
    if any(path.is_relative_to(place) for place in (*installed, *standard)):
        return None
    package = path.name == "__init__.py"
    return str(path.parents[module.__name__.count(".") + package])


def _definition(value: Any) -> str | None:
    """Return the source of a class, a function or a lambda; or None.

    A function comes without the decorators that made something else of it, as of a test, and with
    those that made it.
    """
    functions = _methods(value) if isinstance(value, type) else [inspect.unwrap(value)]
    try:
        if not functions:
            return textwrap.dedent(inspect.getsource(value)).rstrip()
        code = functions[0].__code__
        lines, _ = inspect.findsource(code)
        tree = ast.parse("".join(lines))
    except (OSError, TypeError, SyntaxError):
        return None
    if isinstance(value, type):
        return _class(value, code.co_firstlineno, lines, tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Lambda) and code.co_name == "<lambda>":
            place = (node.body.lineno, node.body.col_offset)
            made = hasattr(value, "__wrapped__")  # something else, of a lambda: we do not see how
            if not made and place in {position[::2] for position in code.co_positions()}:
                return ast.get_source_segment("".join(lines), node)
        elif isinstance(node, ast.FunctionDef) and code.co_name == node.name:
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            made = hasattr(value, "__wrapped__")
            if first == code.co_firstlineno and (node.decorator_list or not made):
                start = first if made else node.lineno
                text = "".join(lines[start - 1 : node.end_lineno])
                return textwrap.dedent(text).rstrip()
    return None


def _class(value: type, inside: int, lines: list[str], tree: ast.AST) -> str | None:
    """Return the source of a class, one of whose methods begins in the line ``inside``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name == value.__name__:
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            if first <= inside <= (node.end_lineno or first):
                return textwrap.dedent("".join(lines[first - 1 : node.end_lineno])).rstrip()
    return None


def _methods(value: type) -> list[FunctionType]:
    """Return the functions that the source of a class holds."""
    members = (getattr(member, "__func__", member) for member in vars(value).values())
    return [
        member
        for member in members
        if isinstance(member, FunctionType)
        and member.__qualname__.startswith(f"{value.__qualname__}.")
        and member.__code__.co_filename != "<string>"  # as of a dataclass
    ]


def _references(value: Any, text: str) -> Iterator[tuple[str, Any]]:
    """Return the names that ``text`` looks up outside of itself, and what they are."""
    functions = _methods(value) if isinstance(value, type) else [value]
    known = dict(vars(sys.modules[value.__module__]))
    known |= {base.__name__: base for base in getattr(value, "__bases__", ())}
    for function in map(inspect.unwrap, functions):
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        for name, cell in cells:
            with suppress(ValueError):  # not assigned yet
                known[name] = cell.cell_contents
    for name in _names(text):
        if name in known and known[name] is not value:
            yield name, known[name]


def _names(text: str) -> list[str]:
    """Return the names that a program looks up and does not define, in order.

    Those in annotations are not evaluated, so they do not count.
    """
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.FunctionDef):
            node.returns = None
        elif isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(None)
    found: dict[str, None] = {}
    tables = [symtable.symtable(ast.unparse(tree), "", "exec")]
    while tables:
        table = tables.pop()
        tables += table.get_children()
        for symbol in table.get_symbols():
            if symbol.is_referenced() and symbol.is_global():
                found[symbol.get_name()] = None
    return list(found)
