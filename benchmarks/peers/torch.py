"""PyTorch, eager."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from peers._torchlike import TorchLike


class Peer(TorchLike):
    def __init__(self) -> None:
        super().__init__(torch.nn, functional, torch.optim)

    def tensor(self, array: Any, requires_grad: bool = False) -> Any:
        return torch.tensor(array, requires_grad=requires_grad)

    def array(self, tensor: Any) -> Any:
        return tensor.detach().numpy()
