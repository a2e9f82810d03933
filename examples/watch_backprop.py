"""Write pages on which backpropagation can be watched: of a formula, and of a CNN on digits.

python examples/watch_backprop.py                       # into out/
python examples/watch_backprop.py --out docs/pages      # those of docs/watch-backprop-happen.md
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

import tinygraph as tg
from tinygraph import nn


def formula() -> tg.Graph:
    """The sum of the squares of w x + b: a value that is broadcast, and one that is used twice."""
    with tg.record():
        x = tg.tensor([1.0, 2.0], name="x")
        w = tg.tensor([3.0, -1.0], requires_grad=True, name="w")
        b = tg.tensor(0.5, requires_grad=True, name="b")
        h = w * x + b
        loss = (h * h).sum()
        h.name, loss.name = "h", "loss"
        loss.backward()
    return tg.graph(loss)


def cnn(steps: int) -> tg.Graph:
    """A CNN that has learned a little, and the digits that it sees next."""
    generator = np.random.default_rng(0)
    net = nn.Sequential(
        nn.Conv2d(1, 10, 3, padding=1, generator=generator),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(160, 100, generator=generator),
        nn.ReLU(),
        nn.Linear(100, 10, generator=generator),
    )
    digits = load_digits()
    images = (digits.images / 16).astype(np.float32)[:, None]
    optimizer = tg.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(steps):
        batch = generator.integers(len(images), size=64)
        optimizer.zero_grad()
        tg.cross_entropy(net(tg.from_numpy(images[batch])), digits.target[batch]).backward()
        optimizer.step()
    optimizer.zero_grad()
    with tg.record():
        seen = tg.from_numpy(images[:4], name="images")
        loss = tg.cross_entropy(net(seen), digits.target[:4])
        loss.name = "loss"
        loss.backward()
    return tg.graph(loss, model=net)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("out"))
    parser.add_argument("--fast", action="store_true", help="without training")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    print(formula().render(options.out / "formula.html"))
    print(cnn(steps=0 if options.fast else 20).render(options.out / "cnn.html"))


if __name__ == "__main__":
    main()
