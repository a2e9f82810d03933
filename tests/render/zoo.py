"""Networks of shapes that are hard to draw."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

import tinygraph as tg
from tinygraph import nn

from .models import data


class Double(nn.Sequential):
    """Two convolutions."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
        )


class UNet(nn.Module):
    """Down and up again, with what was seen on the way down; other things run between its lists."""

    def __init__(self, widths: tuple[int, ...] = (2, 4, 8)) -> None:
        super().__init__()
        pairs = list(pairwise(widths))
        self.down = nn.ModuleList([Double(3, widths[0]), *(Double(a, b) for a, b in pairs)])
        self.up = nn.ModuleList([nn.ConvTranspose2d(b, a, 2, 2) for a, b in reversed(pairs)])
        self.merge = nn.ModuleList([Double(2 * a, a) for a, _ in reversed(pairs)])
        self.head = nn.Conv2d(widths[0], 2, 1)

    def forward(self, x: Any) -> Any:
        seen = []
        for i, block in enumerate(self.down):
            x = block(tg.max_pool2d(x, 2) if i else x)
            seen.append(x)
        for up, merge, skip in zip(self.up, self.merge, reversed(seen[:-1]), strict=True):
            x = merge(tg.concatenate([skip, up(x)], axis=1))
        return self.head(x)


def unet() -> tg.Graph:
    net = UNet()
    return tg.graph(net(data("image", 1, 3, 16, 16)).mean(), model=net)


class LSTMCell(nn.Module):
    def __init__(self, inputs: int, size: int) -> None:
        super().__init__()
        self.x, self.h = nn.Linear(inputs, 4 * size), nn.Linear(size, 4 * size, bias=False)
        self.size = size

    def forward(self, x: Any, h: Any, c: Any) -> Any:
        gates = self.x(x) + self.h(h)
        i, f, o, g = (gates[:, k * self.size : (k + 1) * self.size] for k in range(4))
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


class LSTM(nn.Module):
    """A loop, unrolled."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.out = LSTMCell(3, 4), nn.Linear(4, 2)

    def forward(self, xs: Any) -> Any:
        h = c = tg.zeros((5, 4))
        for step in range(xs.shape[1]):
            h, c = self.cell(xs[:, step], h, c)
        return self.out(h)


def lstm(steps: int = 20) -> tg.Graph:
    net = LSTM()
    return tg.graph(net(data("sequence", 5, steps, 3)).sum(), model=net)


def siamese() -> tg.Graph:
    """One network for two inputs."""
    tower = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
    net = nn.Sequential(tower)
    difference = net[0](data("left", 2, 6)) - net[0](data("right", 2, 6))
    return tg.graph((difference * difference).sum(axis=1).sqrt().mean(), model=net)


class Mixture(nn.Module):
    """Experts of which the gate lets the best speak."""

    def __init__(self, width: int, experts: int) -> None:
        super().__init__()
        self.gate = nn.Linear(width, experts)
        self.experts = nn.ModuleList(
            [
                nn.Sequential(nn.Linear(width, 8), nn.GELU(), nn.Linear(8, width))
                for _ in range(experts)
            ]
        )

    def forward(self, x: Any) -> Any:
        share = self.gate(x).softmax(axis=-1)
        share = tg.where(share >= share.max(axis=-1, keepdims=True), share, 0.0)
        return sum(share[:, i : i + 1] * expert(x) for i, expert in enumerate(self.experts))


def mixture() -> tg.Graph:
    net = nn.Sequential(nn.Linear(3, 4), Mixture(4, 3), nn.LayerNorm(4))
    return tg.graph(net(data("x", 5, 3)).sum(), model=net)


class Attention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width)
        self.value = nn.Linear(width, width)

    def forward(self, x: Any, memory: Any, mask: Any = None) -> Any:
        scores = self.query(x) @ self.key(memory).mT / 2
        return (scores if mask is None else scores + mask).softmax(axis=-1) @ self.value(memory)


class Encoder(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.attention = nn.LayerNorm(width), Attention(width)

    def forward(self, x: Any) -> Any:
        h = self.norm(x)
        return x + self.attention(h, h)


class Decoder(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.attention, self.cross = (
            nn.LayerNorm(width),
            Attention(width),
            Attention(width),
        )

    def forward(self, x: Any, memory: Any, mask: Any) -> Any:
        x = x + self.attention(self.norm(x), self.norm(x), mask)
        return x + self.cross(x, memory)


class Translator(nn.Module):
    """A transformer with a decoder; what it ends with are the weights that it starts with."""

    def __init__(self, width: int = 4, depth: int = 6) -> None:
        super().__init__()
        self.embed = nn.Embedding(9, width)
        self.encoder = nn.ModuleList([Encoder(width) for _ in range(depth)])
        self.decoder = nn.ModuleList([Decoder(width) for _ in range(depth)])

    def forward(self, source: Any, target: Any) -> Any:
        memory, x = self.embed(source), self.embed(target)
        for encoder in self.encoder:
            memory = encoder(memory)
        for decoder in self.decoder:
            x = decoder(x, memory, data("mask", 3, 3))
        return x @ self.embed.weight.mT


def translator() -> tg.Graph:
    net = Translator()
    source = tg.from_numpy(np.zeros((2, 5), int), name="source")
    target = tg.from_numpy(np.zeros((2, 3), int), name="target")
    return tg.graph(net(source, target).sum(), model=net)
