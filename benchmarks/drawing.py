"""One library's process for pictures.py: reads commands from stdin, answers on stdout, JSON each.

pictures.py starts it: python drawing.py LIBRARY
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import resnet

SHAPE = (1, 3, 64, 64)
Task = Callable[[Path], None]  # draws into a file


class Tinygraph:
    def __init__(self, engine: str = "dot") -> None:
        import tinygraph as tg

        self.tg, self.engine = tg, engine
        self.net: Any = resnet.build(tg.nn)
        self.image = tg.from_numpy(np.zeros(SHAPE, np.float32), name="image")
        self.versions = {"tinygraph": version("tinygraph")}

    def tasks(self) -> dict[str, Task]:
        tasks = {
            "depth 1": self.network(depth=1),
            "depth 2": self.network(depth=2),
            "full": self.network(),
            "backward": self.network(backward="paired"),
        }
        if self.engine == "dot":
            tasks |= {
                "1000": self.long(33),
                "5000": self.long(166),
                "irregular": self.irregular,
                "nested": self.nested,
                "blocks": self.blocks,
                "doubling": self.doubling,
                "chain": self.chain,
            }
        return tasks

    def network(self, **options: Any) -> Task:
        def draw(path: Path) -> None:
            graph = self.tg.graph(self.net(self.image), model=self.net)
            graph.render(path, engine=self.engine, **options)

        return draw

    def long(self, blocks: int) -> Task:
        """A longer and narrower ResNet, forward and backward, with all of its boxes."""
        net = resnet.build(self.tg.nn, (blocks,), width=2)
        graph = self.tg.graph(net(self.image), model=net)

        def draw(path: Path) -> None:
            graph.render(path, backward="paired", max_nodes=10**9)

        return draw

    def irregular(self, path: Path) -> None:
        self.simplified(self.in_no_order, path)

    def nested(self, path: Path) -> None:
        self.simplified(self.in_scopes, path)

    def blocks(self, path: Path) -> None:
        self.simplified(self.of_blocks, path)

    def simplified(self, graph: Any, path: Path) -> None:
        with warnings.catch_warnings(action="ignore", category=self.tg.RenderWarning):
            graph.render(path)

    @cached_property
    def in_no_order(self) -> Any:
        """The graph of 100,000 operations."""
        y = self.tg.tensor([0.5], requires_grad=True)
        return self.tg.graph(self.at_random(y, 100_000, random.Random(0)))

    @cached_property
    def in_scopes(self) -> Any:
        """The graph of as many, twenty of them in each of 5,000 scopes."""
        y, chance = self.tg.tensor([0.5], requires_grad=True), random.Random(0)
        for part in range(100):
            with self.tg.scope(f"part{part}"):
                for piece in range(50):
                    with self.tg.scope(f"piece{piece}"):
                        y = self.at_random(y, 20, chance)
        return self.tg.graph(y)

    def at_random(self, y: Any, count: int, chance: random.Random) -> Any:
        for _ in range(count):
            y = getattr(y, chance.choice(("sin", "tanh", "sigmoid", "cos")))()
        return y

    @cached_property
    def of_blocks(self) -> Any:
        """The graph of 20,000 residual blocks of five operations."""
        y = self.tg.tensor([[0.5, 1.0]], requires_grad=True)
        for _ in range(20_000):
            y = y + self.tg.nn.Linear(2, 2)(y).tanh().sigmoid() * 2
        return self.tg.graph(y)

    def doubling(self, path: Path) -> None:
        """The snapshot alone."""
        y = self.tg.tensor(1.0, requires_grad=True)
        for _ in range(60):
            y = y + y
        self.tg.graph(y)

    def chain(self, path: Path) -> None:
        """The snapshot alone."""
        self.tg.graph(self.ones)

    @cached_property
    def ones(self) -> Any:
        y = self.tg.tensor(1.0, requires_grad=True)
        for _ in range(200_000):
            y = y + 1
        return y

    def parameters(self) -> list[Any]:
        return [[name, list(p.shape)] for name, p in self.net.named_parameters()]


class Torch:
    def __init__(self) -> None:
        import torch

        torch.set_num_threads(2)
        self.net = resnet.build(torch.nn)
        self.image = torch.zeros(SHAPE)
        self.versions = {"torch": torch.__version__}

    def parameters(self) -> list[Any]:
        return [[name, list(p.shape)] for name, p in self.net.named_parameters()]


class Torchview(Torch):
    def tasks(self) -> dict[str, Task]:
        self.versions["torchview"] = version("torchview")
        return {"depth 1": self.network(1), "depth 2": self.network(2), "full": self.network(99)}

    def network(self, depth: int) -> Task:
        from torchview import draw_graph

        def draw(path: Path) -> None:
            graph = draw_graph(
                self.net, input_data=self.image, depth=depth, expand_nested=True, mode="train"
            )
            graph.visual_graph.render(outfile=path)

        return draw


class Torchviz(Torch):
    def tasks(self) -> dict[str, Task]:
        self.versions["torchviz"] = version("torchviz")
        return {"backward": self.backward}

    def backward(self, path: Path) -> None:
        from torchviz import make_dot

        names = dict(self.net.named_parameters())
        make_dot(self.net(self.image), params=names).render(outfile=path)


LIBRARIES: dict[str, Callable[[], Any]] = {
    "tinygraph": Tinygraph,
    "tinygraph-wasm": lambda: Tinygraph("wasm"),
    "torchview": Torchview,
    "torchviz": Torchviz,
}


def boxes(path: Path) -> int | None:
    return path.read_text().count('class="node"') if path.exists() else None


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints is no answer
    try:
        library = LIBRARIES[sys.argv[1]]()
        tasks = library.tasks()
    except ModuleNotFoundError as error:
        print(json.dumps({"missing": error.name}), file=answers, flush=True)
        return
    opened = {"rows": [*tasks], "versions": library.versions, "parameters": library.parameters()}
    print(json.dumps(opened), file=answers, flush=True)
    warm: set[str] = set()
    with tempfile.TemporaryDirectory() as folder:
        for line in sys.stdin:
            row, path = json.loads(line), Path(folder) / "picture.svg"
            if row not in warm:  # what it is made of may have to be made
                tasks[row](path)
                warm.add(row)
            path.unlink(missing_ok=True)
            start = time.perf_counter()
            tasks[row](path)
            answer = {"seconds": time.perf_counter() - start, "boxes": boxes(path)}
            print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
