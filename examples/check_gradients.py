"""Plant mistakes in gradient rules, and let `tinygraph.testing` find and name them.

    python examples/check_gradients.py

For each wrong rule, used in the middle of a computation, it prints which rule is named, the entry
that is furthest off, and the guess at the mistake.  Then it checks a CNN, whose rules are right, at
a random point: through convolution, ReLU, max-pooling and cross-entropy.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

import tinygraph as tg
from tinygraph import nn
from tinygraph.testing import GradientError, gradcheck, localise


class Square(tg.Function):
    """x²: gx = 2 g x."""

    def forward(self, x):
        return x**2

    def backward(self, g, x):
        return 2 * g * x


class NoFactor(Square):
    def backward(self, g, x):
        return g * x


class WrongSign(Square):
    def backward(self, g, x):
        return -2 * g * x


class Transposed(Square):
    def backward(self, g, x):
        return 2 * (g * x).mT


class MeanSquare(tg.Function):
    """Mean of the squares of a row: gx = 2 g x / N."""

    def forward(self, x):
        return (x**2).mean(axis=-1)

    def backward(self, g, x):  # the division by N is missing
        return 2 * g[..., None] * x


class EverySecond(tg.Function):
    """Every second row of x², with the gradient put back one row too low."""

    def forward(self, x):
        return x[::2] ** 2

    def backward(self, g, x):
        gx = np.zeros_like(x)
        gx[::2][1:] = 2 * g[:-1] * x[::2][1:]
        return gx


class Lookup(tg.Function):
    """Rows of a table, with a gradient that forgets that an index may occur twice."""

    def forward(self, table, index):
        return table[index]

    def backward(self, g, table, index):
        gx = np.zeros_like(table)
        gx[index] = g
        return gx, None


INDEX = np.array([0, 2, 2])
MISTAKES = {
    "the factor 2 is missing": NoFactor(),
    "the sign is wrong": WrongSign(),
    "the gradient is transposed": Transposed(),
    "a mean is not divided": MeanSquare(),
    "every second row goes astray": EverySecond(),
    "a repeated index counts once": lambda x: Lookup()(x, INDEX),
}


def show_mistake(mistake: str, rule, rng: np.random.Generator) -> None:
    """Check a computation with a wrong rule in its middle, and print what is found."""

    def computation(x, w):
        return tg.tanh(rule(x @ w)).sum()

    x, w = rng.standard_normal((5, 3)), rng.standard_normal((3, 5))
    try:
        gradcheck(computation, x, w)
    except GradientError:
        found = localise(computation, x, w)
    else:
        raise SystemExit(f"not found: {mistake}")
    print(f"{mistake}\n  rule: {found.rule}\n  {found.worst}")
    for line in found.message.splitlines():
        print(f"  {line}")
    print()


def check_network(rng: np.random.Generator) -> None:
    """Check every gradient of a small CNN, and print how certain they are."""
    tg.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(27, 4)
    )

    def loss(net, images):
        return tg.cross_entropy(net(images), np.array([0, 3]))

    start = time.perf_counter()
    report = gradcheck(loss, net, rng.standard_normal((2, 1, 6, 6)))
    seconds = time.perf_counter() - start
    print(f"a CNN: {report.verdict}, {len(report.findings)} checks in {seconds:.1f} s,")
    print(f"  each gradient certain to {report.resolution:.0e} of its size")
    if not report:
        raise SystemExit("the rules of the CNN were not confirmed")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fast", action="store_true", help="it always is")
    parser.parse_args()

    rng = np.random.default_rng(0)
    for mistake, rule in MISTAKES.items():
        show_mistake(mistake, rule, rng)
    check_network(rng)


if __name__ == "__main__":
    main()
