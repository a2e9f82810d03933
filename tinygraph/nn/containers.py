"""Modules that hold modules in order."""

from __future__ import annotations

import operator
from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from typing import Any, Self, overload

from .module import Module, Parameter


class ModuleList(Module):
    """Modules in a list, found as ``0``, ``1``, ...: they can be indexed, sliced, looped over.

    Parameters
    ----------
    modules : iterable of Modules

    Examples
    --------
    >>> import tinygraph as tg
    >>> blocks = tg.nn.ModuleList(tg.nn.Linear(2, 2) for _ in range(3))
    >>> len(blocks), len(blocks[1:]), [name for name, _ in blocks[:1].named_parameters()]
    (3, 2, ['0.weight', '0.bias'])
    >>> blocks[-1] = tg.nn.Linear(2, 1)
    """

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        super().__init__()
        for module in modules:
            self.append(module)

    def append(self, module: Module) -> Self:
        """Put ``module`` at the end; return itself.

        Raises
        ------
        TypeError
            If it is no Module.
        """
        self._put(str(len(self)), module)
        return self

    def _put(self, name: str, module: Module) -> None:
        if not isinstance(module, Module):
            raise TypeError(
                f"{type(self).__name__}: expected a Module, not {type(module).__name__}"
            )
        setattr(self, name, module)

    def __setitem__(self, index: int, module: Module) -> None:
        self._put(list(self._submodules())[operator.index(index)], module)

    def __len__(self) -> int:
        return len(self._submodules())

    def __iter__(self) -> Iterator[Module]:
        return iter(self._submodules().values())

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> ModuleList: ...
    def __getitem__(self, index: int | slice) -> Any:
        chosen = list(self)[index]
        return ModuleList(chosen) if isinstance(chosen, list) else chosen


class Sequential(ModuleList):
    """Modules applied one after another; they can be indexed, sliced, looped over.

    Parameters
    ----------
    *modules : Modules

    Examples
    --------
    >>> import tinygraph as tg
    >>> net = tg.nn.Sequential(tg.nn.Linear(4, 8), tg.nn.ReLU(), tg.nn.Linear(8, 3))
    >>> net
    Sequential(): 67 parameters
      0: Linear(in_features=4, out_features=8): 40 parameters
      1: ReLU()
      2: Linear(in_features=8, out_features=3): 27 parameters
    >>> net[:2](tg.ones((5, 4))).shape
    (5, 8)
    """

    def __init__(self, *modules: Module) -> None:
        super().__init__(modules)

    def forward(self, x: Any) -> Any:
        """Apply the modules one after another."""
        for module in self:
            x = module(x)
        return x

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Sequential: ...
    def __getitem__(self, index: int | slice) -> Any:
        chosen = super().__getitem__(index)
        return Sequential(*chosen) if isinstance(index, slice) else chosen


class ModuleDict(Module):
    """Modules in a dict, found by their keys.

    Parameters
    ----------
    modules : mapping from str to Modules

    Examples
    --------
    >>> import tinygraph as tg
    >>> heads = tg.nn.ModuleDict({"color": tg.nn.Linear(4, 3), "size": tg.nn.Linear(4, 1)})
    >>> list(heads), heads["size"](tg.ones((2, 4))).shape, "shape" in heads
    (['color', 'size'], (2, 1), False)
    """

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        super().__init__()
        self.update({} if modules is None else modules)

    def __getitem__(self, key: str) -> Any:
        return self._submodules()[key]

    def __setitem__(self, key: str, module: Module) -> None:
        if not isinstance(module, Module):
            raise TypeError(f"ModuleDict: expected a Module, not {type(module).__name__}")
        odd = not isinstance(key, str) or not key or "." in key
        if odd or (key not in self and hasattr(self, key)):
            raise ValueError(
                f"ModuleDict: a key must be a str without dots, and no attribute, not {key!r}"
            )
        setattr(self, key, module)

    def __delitem__(self, key: str) -> None:
        del vars(self)[key]

    def __contains__(self, key: object) -> bool:
        return key in self._submodules()

    def __len__(self) -> int:
        return len(self._submodules())

    def __iter__(self) -> Iterator[str]:
        return iter(self._submodules())

    def keys(self) -> KeysView[str]:
        """Return the keys."""
        return self._submodules().keys()

    def values(self) -> ValuesView[Module]:
        """Return the modules."""
        return self._submodules().values()

    def items(self) -> ItemsView[str, Module]:
        """Return the pairs of key and module."""
        return self._submodules().items()

    def update(self, modules: Mapping[str, Module]) -> None:
        """Add or replace modules."""
        if not isinstance(modules, Mapping):
            raise TypeError(
                f"ModuleDict: expected a mapping from str to Modules, not {type(modules).__name__}"
            )
        for key, module in modules.items():
            self[key] = module


class ParameterList(Module):
    """Parameters in a list, found as ``0``, ``1``, ...

    Parameters
    ----------
    values : iterable of Parameters, or of what can become one

    Examples
    --------
    >>> import tinygraph as tg
    >>> scales = tg.nn.ParameterList([tg.ones(2), tg.ones(3)])
    >>> [p.shape for p in scales], [name for name, _ in scales.named_parameters()]
    ([(2,), (3,)], ['0', '1'])
    """

    def __init__(self, values: Iterable[Any] = ()) -> None:
        super().__init__()
        for value in values:
            self.append(value)

    def append(self, value: Any) -> Self:
        """Put a Parameter at the end; return itself."""
        parameter = value if isinstance(value, Parameter) else Parameter(value)
        setattr(self, str(len(self)), parameter)
        return self

    def _list(self) -> list[Parameter]:
        return [value for value in vars(self).values() if isinstance(value, Parameter)]

    def __len__(self) -> int:
        return len(self._list())

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self._list())

    def __getitem__(self, index: int) -> Parameter:
        return self._list()[index]
