"""Draw the gallery: pictures of all kinds, and the page that shows them beside their code.

python examples/gallery.py                                                  # into out/gallery
python examples/gallery.py --out docs/images/gallery --page docs/gallery.md
"""

from __future__ import annotations

import argparse
import inspect
import os
import textwrap
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

import tinygraph as tg
from tinygraph import nn

Make = Callable[[], tg.Graph]

PICTURES: dict[Make, dict[str, Any]] = {}  # what makes a graph, and how it is drawn
INTERACTIVE = ("overlay", "direction", "focus")  # what of that a page is made with, too


def picture(**options: Any) -> Callable[[Make], Make]:
    """Add a function to the gallery: the Graph that it returns is drawn with these options."""

    def add(make: Make) -> Make:
        PICTURES[make] = options
        return make

    return add


@picture()
def formula() -> tg.Graph:
    """A formula

    Inputs are ellipses, parameters cylinders, operations boxes, the output has a double line. Data
    flow from top to bottom, operands from left to right. Plain numbers stand in their operations.
    """
    x = tg.tensor([1.0, 2.0, 3.0], name="x")
    w = tg.tensor([0.5, -1.0, 2.0], requires_grad=True, name="w")
    b = tg.tensor(0.1, requires_grad=True, name="b")
    loss = ((w * x).sum() + b - 1) ** 2
    loss.name = "loss"
    return tg.graph(loss)


@picture(backward="paired", values="full")
def whiteboard() -> tg.Graph:
    """Backpropagation, with its numbers

    What one draws on a whiteboard: beside each operation stands its rule, gradients flow back along
    dashed lines, and are added where a value was used twice. A diamond says that a value was
    broadcast, and that its gradient is a sum. Dotted lines lead to the rules that keep a value.
    """
    with tg.record():
        x = tg.tensor([1.0, 2.0], name="x")
        w = tg.tensor([3.0, -1.0], requires_grad=True, name="w")
        b = tg.tensor(0.5, requires_grad=True, name="b")
        h = w * x + b
        loss = (h * h).sum()
        loss.backward()
    return tg.graph(loss)


@picture(backward="paired", theme="dark")
def mlp() -> tg.Graph:
    """A multilayer perceptron

    The model names its parameters; a module that is one operation gives it its name.
    """
    net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    digits = tg.from_numpy(np.zeros((16, 64), np.float32), name="digits")
    loss = tg.cross_entropy(net(digits), np.zeros(16, int))
    return tg.graph(loss, model=net)


@picture(depth=1)
def notebook() -> tg.Graph:
    """The CNN of the notebook

    Convolution, pooling, a middle and an output layer. With `depth=1` each layer is one box that
    holds its parameters.
    """
    net = nn.Sequential(
        nn.Conv2d(1, 10, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(160, 100),
        nn.ReLU(),
        nn.Linear(100, 10),
    )
    images = tg.from_numpy(np.zeros((8, 1, 8, 8), np.float32), name="images")
    loss = tg.cross_entropy(net(images), np.zeros(8, int), reduction="sum")
    return tg.graph(loss, model=net)


class LeNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(400, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        with tg.scope("features"):
            x = tg.max_pool2d(self.conv1(x).relu(), 2)
            x = tg.max_pool2d(self.conv2(x).relu(), 2)
        with tg.scope("classifier"):
            return self.fc3(self.fc2(self.fc1(x.flatten(1)).relu()).relu())


@picture(depth=2, overlay="flops")
def lenet() -> tg.Graph:
    """LeNet, and what it costs

    An overlay paints each operation by its share, and writes it down: here the floating-point
    operations. The frames are `with tg.scope("features"):` and `with tg.scope("classifier"):` in
    `forward`.
    """
    net = LeNet()
    scores = net(tg.from_numpy(np.zeros((1, 1, 28, 28), np.float32), name="image"))
    return tg.graph(scores, model=net)


class Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        h = self.norm1(self.conv1(x)).relu()
        return (x + self.norm2(self.conv2(h))).relu()


@picture(theme="print")
def residual() -> tg.Graph:
    """A residual block

    The shortcut goes past what it shortens.
    """
    net = nn.Sequential(Residual(8))
    y = net(tg.from_numpy(np.zeros((2, 8, 14, 14), np.float32), name="x"))
    return tg.graph(y, model=net)


class Attention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        scores = self.query(x) @ self.key(x).transpose(0, 2, 1) / 4
        return scores.softmax(axis=-1) @ self.value(x)


@picture(direction="LR", depth=1)
def attention() -> tg.Graph:
    """An attention block

    From left to right, with `direction="LR"`.
    """
    net = Attention(16)
    y = net(tg.from_numpy(np.zeros((2, 10, 16), np.float32), name="x"))
    return tg.graph(y, model=net)


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = Attention(width)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


@picture(fold=True)
def transformer() -> tg.Graph:
    """A transformer of twelve blocks

    With `fold=True` equal blocks that follow one another are one box. Drawn in full it would have
    some 400; a picture of more than 3000 is folded without being asked, and says so.
    """
    net = nn.Sequential(nn.Embedding(100, 16), *(Block(16) for _ in range(12)), nn.Linear(16, 100))
    tokens = tg.from_numpy(np.zeros((2, 10), int), name="tokens")
    return tg.graph(net(tokens), model=net)


@picture(focus="4")
def one_block() -> tg.Graph:
    """One block of the twelve

    `focus` draws a part of a graph and what lies around it.
    """
    net = nn.Sequential(nn.Embedding(100, 16), *(Block(16) for _ in range(12)), nn.Linear(16, 100))
    tokens = tg.from_numpy(np.zeros((2, 10), int), name="tokens")
    return tg.graph(net(tokens), model=net)


class UNet(nn.Module):
    def __init__(self, widths: tuple[int, ...] = (8, 16, 32)) -> None:
        super().__init__()
        pairs = list(pairwise(widths))
        self.down = nn.ModuleList([self.block(1, 8), *(self.block(a, b) for a, b in pairs)])
        self.up = nn.ModuleList([nn.ConvTranspose2d(b, a, 2, 2) for a, b in reversed(pairs)])
        self.merge = nn.ModuleList([self.block(2 * a, a) for a, _ in reversed(pairs)])

    def block(self, inputs: int, outputs: int) -> nn.Module:
        return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU())

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        seen = []
        for i, block in enumerate(self.down):
            x = block(tg.max_pool2d(x, 2) if i else x)
            seen.append(x)
        for up, merge, skip in zip(self.up, self.merge, seen[-2::-1], strict=True):
            x = merge(tg.concatenate([skip, up(x)], axis=1))
        return x


@picture(depth=1)
def unet() -> tg.Graph:
    """A U-Net

    Small letters and numbers tell operands apart where their order counts. A list between whose
    modules others run, as `down`, is no box and has no frame: it would lead to itself.
    """
    net = UNet()
    y = net(tg.from_numpy(np.zeros((1, 1, 16, 16), np.float32), name="image"))
    return tg.graph(y, model=net)


class Recurrent(nn.Module):
    def __init__(self, inputs: int, size: int) -> None:
        super().__init__()
        self.x, self.h = nn.Linear(inputs, size), nn.Linear(size, size, bias=False)

    def forward(self, x: tg.Tensor, h: tg.Tensor) -> tg.Tensor:
        return (self.x(x) + self.h(h)).tanh()


@picture(fold=True)
def loop() -> tg.Graph:
    """A loop of twenty steps

    With `fold=True` the equal steps are one box, and the weights that they share stand beside it.
    """
    cell = Recurrent(5, 6)
    net = nn.ModuleDict({"cell": cell, "out": nn.Linear(6, 2)})
    xs = tg.from_numpy(np.zeros((3, 20, 5), np.float32), name="sequence")
    h = tg.zeros((3, 6))
    for step in range(20):
        h = cell(xs[:, step], h)
    return tg.graph(net["out"](h), model=net)


@picture(overlay="nonfinite", values="stats")
def nan_hunt() -> tg.Graph:
    """Where does the NaN come from?

    The operation that made the first one is told from those that only handed it on. It says what
    its inputs were and which line it is.
    """
    with tg.record(), np.errstate(all="ignore"):
        x = tg.tensor([0.5, 1.0, 2.0], requires_grad=True, name="x")
        distance = (1 - x * x).sqrt()
        loss = (distance + 1).log().sum()
        loss.backward()
    return tg.graph(loss)


@picture(overlay="grad_norm")
def dead_relu() -> tg.Graph:
    """A dead ReLU

    A large negative bias, and nothing gets through: gradients that are all zero are grey.
    """
    tg.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2))
    net[1].bias.data = np.full(8, -100, np.float32)
    with tg.record():
        loss = net(tg.from_numpy(np.ones((5, 4), np.float32), name="x")).sum()
        loss.backward()
    return tg.graph(loss, model=net)


@picture(overlay="grad_norm", depth=1, direction="LR")
def gradient_flow() -> tg.Graph:
    """Vanishing gradients

    Linear layers and sigmoids, one upon another. Each pair takes most of the gradient away; the
    scale of colours is logarithmic.
    """
    tg.manual_seed(0)
    layers = [nn.Linear(8, 8) if i % 2 == 0 else nn.Sigmoid() for i in range(10)]
    net = nn.Sequential(*layers)
    with tg.record():
        loss = net(tg.from_numpy(np.ones((5, 8), np.float32), name="x")).sum()
        loss.backward()
    return tg.graph(loss, model=net)


HELPERS = {
    lenet: (LeNet,),
    residual: (Residual,),
    attention: (Attention,),
    transformer: (Block,),
    unet: (UNet,),
    loop: (Recurrent,),
}


def page(pictures: Path, beside: Path) -> str:
    """The gallery as Markdown, in a file in the directory ``beside``."""
    parts = [
        "# Gallery\n\n"
        "What `Graph.render` draws, and the code that draws it. `examples/gallery.py` is all of\n"
        "it, and made the pictures and this page. [Read a graph](read-a-graph.md) explains shapes\n"
        "and lines, [debug a gradient](debug-a-gradient.md) what to do about the last three.\n"
    ]
    for make, options in PICTURES.items():
        title, _, text = inspect.cleandoc(make.__doc__ or "").partition("\n")
        path = os.path.relpath(pictures / make.__name__, beside)
        given = "".join(f", {key}={value!r}" for key, value in options.items()).replace("'", '"')
        call = f'graph.render("{make.__name__}.svg"{given})\n'
        sources = [*(code(thing) for thing in HELPERS.get(make, ())), code(make) + call]
        parts.append(
            f"## {title}\n\n{text.strip()}\n\n[![{title}]({path}.svg)]({path}.html)\n\n"
            f"[Walk through it]({path}.html)\n\n```python\n" + "\n\n".join(sources) + "```\n"
        )
    return "\n".join(parts)


def code(thing: object) -> str:
    """The source of a class, or of the body of a function, without its docstring."""
    source = inspect.getsource(thing)
    if isinstance(thing, type):
        return source
    body = textwrap.dedent(source.split('"""', 2)[2].lstrip("\n"))
    return body.replace("return ", "graph = ")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("out/gallery"))
    parser.add_argument("--page", type=Path, help="also write the page that shows them")
    parser.add_argument("--fast", action="store_true", help="it always is")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for make, how in PICTURES.items():
        graph = make()
        print(graph.render(options.out / f"{make.__name__}.svg", **how))
        page_options = {key: how[key] for key in INTERACTIVE if key in how}
        print(graph.render(options.out / f"{make.__name__}.html", **page_options))
    if options.page:
        options.page.write_text(page(options.out, options.page.parent))


if __name__ == "__main__":
    main()
