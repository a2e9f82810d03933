"""Draw the pictures of README.md and docs/.

python examples/pictures.py --out docs/images
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import tinygraph as tg
from tinygraph import nn


def flow() -> tg.Graph:
    """The formula of docs/how-gradients-flow.md."""
    a = tg.tensor(2.0, requires_grad=True, name="a")
    b = tg.tensor(3.0, requires_grad=True, name="b")
    c = a * b
    d = c + a
    y = d * d
    c.name, d.name, y.name = "c", "d", "y"
    return tg.graph(y)


def readme() -> tg.Graph:
    """The example of README.md."""
    net = nn.Sequential(
        nn.Conv2d(1, 10, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(160, 10)
    )
    images = tg.from_numpy(np.zeros((64, 1, 8, 8), np.float32), name="images")
    loss = tg.cross_entropy(net(images), np.zeros(64, int))
    loss.name = "loss"
    return tg.graph(loss, model=net)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("out"))
    parser.add_argument("--fast", action="store_true", help="it always is")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for graph in (flow, readme):
        print(graph().render(options.out / f"{graph.__name__}.svg"))


if __name__ == "__main__":
    main()
