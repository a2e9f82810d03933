"""Draw the gallery: pictures of all kinds, and the page that shows them beside their code.

python examples/gallery.py                                                  # into out/gallery
python examples/gallery.py --out docs/images/gallery --page docs/gallery.md
"""

from __future__ import annotations

import argparse
import inspect
import os
import textwrap
from pathlib import Path

import numpy as np

import tinygraph as tg
from tinygraph import nn


def formula(out: Path) -> Path:
    """A formula

    Inputs are ellipses, parameters cylinders, operations boxes, the output has a double line. Data
    flow from top to bottom, operands from left to right. Plain numbers stand in their operations.
    """
    x = tg.tensor([1.0, 2.0, 3.0], name="x")
    w = tg.tensor([0.5, -1.0, 2.0], requires_grad=True, name="w")
    b = tg.tensor(0.1, requires_grad=True, name="b")
    loss = ((w * x).sum() + b - 1) ** 2
    loss.name = "loss"
    return tg.graph(loss).render(out / "formula.svg")


def whiteboard(out: Path) -> Path:
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
    return tg.graph(loss).render(out / "whiteboard.svg", backward="paired", values="full")


def mlp(out: Path) -> Path:
    """A multilayer perceptron

    The model names its parameters; a module that is one operation gives it its name.
    """
    net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    digits = tg.from_numpy(np.zeros((16, 64), np.float32), name="digits")
    loss = tg.cross_entropy(net(digits), np.zeros(16, int))
    return tg.graph(loss, model=net).render(out / "mlp.svg", backward="paired", theme="dark")


def notebook(out: Path) -> Path:
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
    return tg.graph(loss, model=net).render(out / "notebook.svg", depth=1)


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


def lenet(out: Path) -> Path:
    """LeNet, and what it costs

    An overlay paints each operation by its share, and writes it down: here the floating-point
    operations. The frames are `with tg.scope("features"):` and `with tg.scope("classifier"):` in
    `forward`.
    """
    net = LeNet()
    scores = net(tg.from_numpy(np.zeros((1, 1, 28, 28), np.float32), name="image"))
    return tg.graph(scores, model=net).render(out / "lenet.svg", depth=2, overlay="flops")


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


def residual(out: Path) -> Path:
    """A residual block

    The shortcut goes past what it shortens.
    """
    net = nn.Sequential(Residual(8))
    y = net(tg.from_numpy(np.zeros((2, 8, 14, 14), np.float32), name="x"))
    return tg.graph(y, model=net).render(out / "residual.svg", theme="print")


class Attention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        scores = self.query(x) @ self.key(x).transpose(0, 2, 1) / 4
        return scores.softmax(axis=-1) @ self.value(x)


def attention(out: Path) -> Path:
    """An attention block

    From left to right, with `direction="LR"`.
    """
    net = Attention(16)
    y = net(tg.from_numpy(np.zeros((2, 10, 16), np.float32), name="x"))
    return tg.graph(y, model=net).render(out / "attention.svg", direction="LR", depth=1)


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


def transformer(out: Path) -> Path:
    """A transformer of twelve blocks

    With `fold=True` equal blocks that follow one another are one box. Drawn in full it would have
    some 400; a picture of more than 3000 is folded without being asked, and says so.
    """
    net = nn.Sequential(nn.Embedding(100, 16), *(Block(16) for _ in range(12)), nn.Linear(16, 100))
    tokens = tg.from_numpy(np.zeros((2, 10), int), name="tokens")
    return tg.graph(net(tokens), model=net).render(out / "transformer.svg", fold=True)


def one_block(out: Path) -> Path:
    """One block of the twelve

    `focus` draws a part of a graph and what lies around it.
    """
    net = nn.Sequential(nn.Embedding(100, 16), *(Block(16) for _ in range(12)), nn.Linear(16, 100))
    tokens = tg.from_numpy(np.zeros((2, 10), int), name="tokens")
    return tg.graph(net(tokens), model=net).render(out / "one_block.svg", focus="4")


def nan_hunt(out: Path) -> Path:
    """Where does the NaN come from?

    The operation that made the first one is told from those that only handed it on. It says what
    its inputs were and which line it is.
    """
    with tg.record(), np.errstate(all="ignore"):
        x = tg.tensor([0.5, 1.0, 2.0], requires_grad=True, name="x")
        distance = (1 - x * x).sqrt()
        loss = (distance + 1).log().sum()
        loss.backward()
    return tg.graph(loss).render(out / "nan_hunt.svg", overlay="nonfinite", values="stats")


def dead_relu(out: Path) -> Path:
    """A dead ReLU

    A large negative bias, and nothing gets through: gradients that are all zero are grey.
    """
    net = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2))
    net[1].bias.data = np.full(8, -100, np.float32)
    with tg.record():
        loss = net(tg.from_numpy(np.ones((5, 4), np.float32), name="x")).sum()
        loss.backward()
    return tg.graph(loss, model=net).render(out / "dead_relu.svg", overlay="grad_norm")


def gradient_flow(out: Path) -> Path:
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
    return tg.graph(loss, model=net).render(
        out / "gradient_flow.svg", overlay="grad_norm", depth=1, direction="LR"
    )


PICTURES = (
    formula,
    whiteboard,
    mlp,
    notebook,
    lenet,
    residual,
    attention,
    transformer,
    one_block,
    nan_hunt,
    dead_relu,
    gradient_flow,
)
HELPERS = {lenet: (LeNet,), residual: (Residual,), attention: (Attention,), transformer: (Block,)}


def page(pictures: Path, beside: Path) -> str:
    """The gallery as Markdown, in a file in the directory ``beside``."""
    parts = [
        "# Gallery\n\n"
        "What `Graph.render` draws, and the code that draws it. `examples/gallery.py` is all of\n"
        "it, and made the pictures and this page. [Read a graph](read-a-graph.md) explains shapes\n"
        "and lines, [debug a gradient](debug-a-gradient.md) what to do about the last three.\n"
    ]
    for draw in PICTURES:
        title, _, text = inspect.cleandoc(draw.__doc__ or "").partition("\n")
        path = os.path.relpath(pictures / f"{draw.__name__}.svg", beside)
        sources = [code(thing) for thing in (*HELPERS.get(draw, ()), draw)]
        parts.append(
            f"## {title}\n\n{text.strip()}\n\n![{title}]({path})\n\n"
            "```python\n" + "\n\n".join(sources) + "```\n"
        )
    return "\n".join(parts)


def code(thing: object) -> str:
    """The source of a class, or of the body of a function, without its docstring."""
    source = inspect.getsource(thing)
    if isinstance(thing, type):
        return source
    body = textwrap.dedent(source.split('"""', 2)[2].lstrip("\n"))
    return body.replace("return ", "", 1) if body.count("return ") == 1 else body


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("out/gallery"))
    parser.add_argument("--page", type=Path, help="also write the page that shows them")
    parser.add_argument("--fast", action="store_true", help="it always is")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for draw in PICTURES:
        print(draw(options.out))
    if options.page:
        options.page.write_text(page(options.out, options.page.parent))


if __name__ == "__main__":
    main()
