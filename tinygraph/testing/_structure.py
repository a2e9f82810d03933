"""The arrays in what a user's function takes: named, taken out, and put back in other values.

Arguments nest tuples, lists, dicts and dataclasses; a Module among them, or as the function, stands
for its parameters.
"""

from __future__ import annotations

import copy
import dataclasses
import inspect
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

import tinygraph as tg

from ._report import Array, name_of


@dataclasses.dataclass(frozen=True)
class Leaf:
    """An array that is differentiated by: its name, a copy of its values, and its dtype."""

    name: str
    values: Array

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype that the user gave."""
        return self.values.dtype

    def __str__(self) -> str:
        return f"{self.name} of shape {self.values.shape}"


def map_leaves(value: Any, name: str, visit: Callable[[str, Any], Any]) -> Any:
    """Return what is nested as ``value``, with ``visit(name, leaf)`` in the place of each leaf.

    A Module, and whatever else is no container, is a leaf.
    """
    if isinstance(value, dict):
        return {key: map_leaves(x, f"{name}[{key!r}]", visit) for key, x in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        fields = zip(value._fields, value, strict=True)
        return type(value)(*(map_leaves(x, f"{name}.{field}", visit) for field, x in fields))
    if isinstance(value, (tuple, list)):
        return type(value)(map_leaves(x, f"{name}[{i}]", visit) for i, x in enumerate(value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        twin = copy.copy(value)
        for field in dataclasses.fields(value):
            x = getattr(value, field.name)
            object.__setattr__(twin, field.name, map_leaves(x, f"{name}.{field.name}", visit))
        return twin
    return visit(name, value)


def is_array(value: Any) -> bool:
    """Tell whether it is a Tensor or an ndarray of floats."""
    return isinstance(value, (tg.Tensor, np.ndarray)) and value.dtype.kind == "f"


def _parameters(module: tg.nn.Module, path: str) -> list[tuple[str, tg.nn.Parameter]]:
    return [
        (f"{path}.{name}" if path else name, parameter)
        for name, parameter in module.named_parameters()
        if parameter.requires_grad and parameter.dtype.kind == "f"
    ]


def _argument_names(f: Any, count: int) -> list[str]:
    """Return the names of the first arguments of ``f``, where they can be told."""
    called = f.forward if isinstance(f, (tg.Function, tg.nn.Module)) else f
    names: list[str] = []
    try:
        for parameter in inspect.signature(called).parameters.values():
            if parameter.kind is parameter.VAR_POSITIONAL:
                names += [f"{parameter.name}[{i}]" for i in range(count - len(names))]
            elif parameter.kind is not parameter.KEYWORD_ONLY:
                names.append(parameter.name)
    except (TypeError, ValueError):  # a callable of C, say
        pass
    return (names + [f"input {i}" for i in range(len(names), count)])[:count]


class Inputs:
    """The arguments of a function, and the arrays in them that are differentiated by.

    Attributes
    ----------
    leaves : list of Leaf
    modules : list of Module
        Whose parameters are among them.
    """

    def __init__(
        self, caller: str, f: Callable[..., Any], inputs: Sequence[Any], wrt: Any = None
    ) -> None:
        self.f = f
        self.inputs = inputs
        self.argument_names = _argument_names(f, len(inputs))
        self.modules: list[tg.nn.Module] = []
        self._parameters: list[tuple[str, Any]] = []
        if isinstance(f, tg.nn.Module):
            self._add_module("", f)
        found: list[tuple[str, Any]] = []
        for name, value in zip(self.argument_names, inputs, strict=True):
            map_leaves(value, name, lambda *leaf: self._visit(found, *leaf))
        candidates = [*found, *self._parameters]
        if not candidates:
            raise ValueError(
                f"{caller}: there is nothing to differentiate {name_of(f)} by: no input holds a "
                "Tensor or an array of floats"
            )
        self.wanted = _select(caller, [name for name, _ in candidates], wrt)
        self.leaves = [
            Leaf(name, np.array(value.data if isinstance(value, tg.Tensor) else value))
            for name, value in candidates
            if name in self.wanted
        ]

    def _visit(self, found: list[tuple[str, Any]], name: str, value: Any) -> Any:
        if isinstance(value, tg.nn.Module):
            self._add_module(name, value)
        elif is_array(value):
            found.append((name, value))
        return value

    def _add_module(self, name: str, module: tg.nn.Module) -> None:
        self.modules.append(module)
        self._parameters += _parameters(module, name)

    def call(self, tensors: Sequence[tg.Tensor], promote: bool = True) -> Any:
        """Call the function with ``tensors`` in the place of the leaves.

        The other arrays of floats are copied, to float64 where ``promote``.
        """
        given = dict(zip((leaf.name for leaf in self.leaves), tensors, strict=True))

        def fresh(name: str, value: Any) -> Any:
            if name in given:
                return given[name]
            if not isinstance(value, (tg.Tensor, np.ndarray)):
                return value
            array = np.array(value.data if isinstance(value, tg.Tensor) else value)
            if promote and array.dtype.kind == "f":
                array = array.astype(np.float64)
            return tg.Tensor(array) if isinstance(value, tg.Tensor) else array

        with ExitStack() as stack:
            replaced = {id(p): fresh(name, p) for name, p in self._parameters}
            for module in self.modules:
                stack.enter_context(_swapped(module, replaced, promote))
            arguments = zip(self.argument_names, self.inputs, strict=True)
            return self.f(*(map_leaves(value, name, fresh) for name, value in arguments))


@contextmanager
def _swapped(module: tg.nn.Module, replaced: dict[int, Any], promote: bool) -> Iterator[None]:
    """Put other Tensors in the place of a Module's parameters and buffers, and restore them."""
    kept: list[tuple[dict[str, Any], str, Any]] = []
    for part in module.modules():
        for name, value in vars(part).items():
            if isinstance(value, tg.Tensor):
                kept.append((vars(part), name, value))
    try:
        for attributes, name, value in kept:
            if id(value) not in replaced:  # a buffer, or a parameter that is frozen
                double = promote and value.dtype.kind == "f"
                array = value.data.astype(np.float64) if double else value.data.copy()
                replaced[id(value)] = tg.Tensor(array)
            attributes[name] = replaced[id(value)]
        yield
    finally:
        for attributes, name, value in kept:
            attributes[name] = value


def _select(caller: str, names: list[str], wrt: Any) -> Collection[str]:
    """Return the names that ``wrt`` asks for: all of them, or by name or position."""
    if wrt is None:
        return names
    wanted = [wrt] if isinstance(wrt, (str, int)) else list(wrt)
    selected = set()
    for item in wanted:
        if isinstance(item, int) and -len(names) <= item < len(names):
            selected.add(names[item])
            continue
        parts = [n for n in names if n == item or n.startswith((f"{item}.", f"{item}["))]
        if not parts:
            raise ValueError(
                f"{caller}: wrt has {item!r}, but the floating inputs are {', '.join(names)}"
            )
        selected.update(parts)
    return selected
