"""tinygraph."""

from __future__ import annotations

from typing import Any

import tinygraph as tg
from peers._torchlike import TorchLike


class Peer(TorchLike):
    def __init__(self) -> None:
        super().__init__(tg.nn, tg.nn.functional, tg.optim)

    def tensor(self, array: Any, requires_grad: bool = False) -> Any:
        return tg.tensor(array, requires_grad=requires_grad)

    def array(self, tensor: Any) -> Any:
        return tensor.data
