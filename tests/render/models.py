"""What the tests of rendering draw."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import replace

import numpy as np

import tinygraph as tg
from tinygraph import nn


def leaf(name: str | None, *shape: int) -> tg.Tensor:
    return tg.tensor(np.ones(shape, np.float32), requires_grad=True, name=name)


def data(name: str | None, *shape: int) -> tg.Tensor:
    return tg.tensor(np.ones(shape, np.float32), name=name)


def formula() -> tg.Graph:
    return tg.graph((leaf("w", 2) * data("x", 2) - 1).sum())


def shared() -> tg.Graph:
    """A value that is used twice, and a scalar that is broadcast."""
    h = leaf("w", 3) * data("x", 3) + leaf("b")
    return tg.graph((h * h).sum())


def network() -> tg.Graph:
    h = tg.conv2d(data("images", 2, 1, 8, 8), leaf("w", 4, 1, 3, 3), leaf("b", 4), (1, 2), 1)
    h = tg.max_pool2d(tg.relu(h), 2, ceil_mode=True)
    return tg.graph(h.sum(axis=(2, 3)).astype(np.float64).sum(axis=1, keepdims=True))


class Block(nn.Module):
    """A residual block of two layers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        return x + self.mlp(self.norm(x))


class Tower(nn.Module):
    """Blocks upon blocks."""

    def __init__(self, depth: int, width: int = 4) -> None:
        super().__init__()
        self.stem = nn.Linear(3, width)
        self.blocks = nn.Sequential(*(Block(width) for _ in range(depth)))
        self.head = nn.Linear(width, 2)

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        return self.head(self.blocks(self.stem(x).relu()))


def tower(depth: int = 4) -> tg.Graph:
    net = Tower(depth)
    loss = net(data("x", 5, 3)).sum()
    loss.name = "loss"
    return tg.graph(loss, model=net)


def chain(length: int) -> tg.Graph:
    y = leaf("x", 2)
    for _ in range(length // 2):
        y = (y * 1.5).tanh()
    return tg.graph(y)


def rnn(steps: int, scopes: bool = False) -> tg.Graph:
    """A loop, unrolled, whose steps share their weights, each in a scope or none."""
    wx, wh, b = leaf("wx", 3, 4), leaf("wh", 4, 4), leaf("b", 4)
    sequence, h = data("sequence", 5, steps, 3), data("h", 5, 4)
    for i in range(steps):
        with tg.scope("step") if scopes else nullcontext():
            h = (sequence[:, i] @ wx + h @ wh + b).tanh()
    return tg.graph((h @ leaf("w", 4, 2)).sum())


def unrolled(steps: Iterable[tuple[str, tuple[str, ...]]]) -> tg.Graph:
    """A chain of operations of these names and scopes, which nobody had to compute."""
    leaf_, first = tg.graph(leaf("x", 2).tanh())
    vertices = [leaf_]
    for id, (function, scope) in enumerate(steps, 1):
        vertices.append(
            replace(
                first, id=id, function=function, scope=scope, operands=(id - 1,), key=f"step {id}"
            )
        )
    return tg.Graph(tuple(vertices), (len(vertices) - 1,))
