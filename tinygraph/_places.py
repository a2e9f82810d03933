"""Where in a model an operation was applied: the paths of its scopes, and the model's modules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from ._mode import Scope
from ._tensor import Tensor

Path: TypeAlias = tuple[str, ...]


class HasParameters(Protocol):
    """What ``graph(..., model=)`` takes: a `tinygraph.nn.Module`, or whatever names its Tensors.

    Its ``named_buffers()`` and ``named_modules()`` are used where there are any.
    """

    def named_parameters(self) -> Iterable[tuple[str, Tensor]]:
        """Return the parameters with their dotted names."""
        ...


@dataclass(frozen=True, slots=True)
class ModuleInfo:
    """A module of a model.

    Attributes
    ----------
    path : str
        The dotted names of the attributes that lead to it; "" for the model itself.  The scopes of
        its operations, joined, are the same but for the numbers of repeated calls ("conv#2").
    class_name : str
    parameters, own_parameters : int
        How many numbers all its parameters hold, and those that it holds itself.
    """

    path: str
    class_name: str
    parameters: int
    own_parameters: int


def describe(path: str, module: Any) -> ModuleInfo:
    """Return what a module is and how many parameters it has."""
    sizes = [(name, tensor.size) for name, tensor in module.named_parameters()]
    own = sum(size for name, size in sizes if "." not in name)
    return ModuleInfo(path, type(module).__name__, sum(size for _, size in sizes), own)


class Places:
    """The paths of some scopes, and of the modules among them.

    Modules are named by ``model`` or, those outside of it, by where they were first part of a
    model, or by their class.  Of several calls at one place the second is called ``name#2``.

    Attributes
    ----------
    paths : mapping from Scope or None to tuple of str
        The names of the places, outermost first.
    modules : tuple of ModuleInfo
        Those of the model, and then what was called at other places: modules outside of it, and
        those in a `scope` block, which is part of their path.
    """

    def __init__(self, scopes: Iterable[Scope | None], model: HasParameters | None = None) -> None:
        self._names: dict[int, str] = {}  # by the id() of a module that is alive
        modules: dict[str, Any] = {}
        for name, module in getattr(model, "named_modules", lambda: ())():
            self._names[id(module)] = name
            modules[name] = module
        self.paths: dict[Scope | None, Path] = {None: ()}
        self._inside: dict[Scope | None, str] = {None: ""}  # the name of the innermost module
        calls: Counter[Path] = Counter()
        for scope in sorted(_all(scopes), key=lambda scope: scope.serial):
            path = self.paths[scope.outer] + self._steps(scope)
            module = scope.module and scope.module()
            if module is not None and path:
                modules.setdefault(".".join(map(plain_step, path)), module)
            if path != self.paths[scope.outer]:
                calls[path] += 1
                if calls[path] > 1:
                    path = (*path[:-1], f"{path[-1]}#{calls[path]}")
            self.paths[scope] = path
        self.modules = tuple(describe(name, module) for name, module in modules.items())

    def _steps(self, scope: Scope) -> Path:
        """Return the names that lead from the scope around ``scope`` to it."""
        around = self._inside[scope.outer]
        self._inside[scope] = around
        if scope.path is None:
            return (scope.name,)
        module = scope.module and scope.module()
        name = self._names.get(id(module)) if module is not None else None
        if name == "":  # the model itself
            return ()
        name = name or scope.path
        if not name:
            return (scope.name,)
        self._inside[scope] = name
        return _relative(name, around)


def _relative(name: str, around: str) -> Path:
    """Return the names that lead from the module ``around`` to that of a dotted name."""
    if not around:
        return tuple(name.split("."))
    if name.startswith(f"{around}."):
        return tuple(name[len(around) + 1 :].split("."))
    return (name,)  # it is called by a module that does not hold it


def plain_path(scope: Scope | None) -> Path:
    """Return the names of the places of ``scope``, the same for every call, without a model."""
    chain = []
    while scope is not None:
        chain.append(scope)
        scope = scope.outer
    path: Path = ()
    around = ""
    for scope in reversed(chain):
        path += _relative(scope.path, around) if scope.path else (scope.name,)
        around = scope.path or around
    return path


def _all(scopes: Iterable[Scope | None]) -> Iterator[Scope]:
    """Iterate over some scopes and those around them, each once."""
    seen: set[Scope] = set()
    for scope in scopes:
        while scope is not None and scope not in seen:
            seen.add(scope)
            yield scope
            scope = scope.outer


def plain_step(step: str) -> str:
    """Return the name of a place without the number of the call: ``conv`` for ``conv#2``."""
    name, _, number = step.rpartition("#")
    return name if name and number.isdigit() else step


def common(paths: Iterable[Path]) -> Path:
    """Return what all of some paths start with."""
    first, *others = paths
    length = len(first)
    for path in others:
        length = min(length, len(path))
        while first[:length] != path[:length]:
            length -= 1
    return first[:length]


def tensor_names(model: HasParameters | None) -> tuple[dict[Any, str], dict[Any, str]]:
    """Return the names of the parameters of a model, and of its buffers, by Tensor."""
    if model is None:
        return {}, {}
    if not hasattr(model, "named_parameters"):
        raise TypeError(
            f"graph: model must have named_parameters(), and {type(model).__name__} has not"
        )
    parameters = {tensor: name for name, tensor in model.named_parameters()}
    buffers = {tensor: name for name, tensor in getattr(model, "named_buffers", lambda: ())()}
    return parameters, buffers
