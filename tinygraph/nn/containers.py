"""Modules that hold modules in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Self, overload

from .module import Module


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
        if not isinstance(module, Module):
            raise TypeError(
                f"{type(self).__name__}: expected a Module, not {type(module).__name__}"
            )
        setattr(self, str(len(self)), module)
        return self

    def __len__(self) -> int:
        return len(self._submodules())

    def __iter__(self) -> Iterator[Module]:
        return (module for _, module in self._submodules())

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
