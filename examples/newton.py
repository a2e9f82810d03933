"""Fit a logistic regression by Newton's method, with products by a Hessian that is never built.

    python examples/newton.py

On the 569 tumours of scikit-learn's breast cancer data it prints the loss, the length of the
gradient and the accuracy of each step.  The step solves H d = gradient by conjugate gradients,
which need only H v: `tg.hvp`.
"""

from __future__ import annotations

import argparse

import numpy as np
from sklearn.datasets import load_breast_cancer

import tinygraph as tg
import tinygraph.nn.functional as F


def solve(product, b: np.ndarray, rounds: int = 100, tolerance: float = 1e-10) -> np.ndarray:
    """Solve A x = b for a positive definite A by conjugate gradients; ``product`` computes A v."""
    x = np.zeros_like(b)
    residual, direction = b.copy(), b.copy()
    for _ in range(rounds):
        size = residual @ residual
        if size < tolerance * (b @ b):
            break
        image = product(direction)
        step = size / (direction @ image)
        x += step * direction
        residual = residual - step * image
        direction = residual + (residual @ residual) / size * direction
    return x


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fast", action="store_true", help="it always is")
    parser.parse_args()

    data = load_breast_cancer()
    x = (data.data - data.data.mean(axis=0)) / data.data.std(axis=0)
    x = np.column_stack([x, np.ones(len(x))])
    t = data.target.astype(np.float64)

    def loss(w: tg.Tensor) -> tg.Tensor:
        return F.binary_cross_entropy_with_logits(x @ w, t) + 1e-3 * (w * w).sum()

    def newton_step(w: np.ndarray, slope: np.ndarray) -> np.ndarray:
        here = tg.tensor(w)
        return solve(lambda v: tg.hvp(loss, (here,), (tg.tensor(v),)).numpy(), slope)

    w = np.zeros(x.shape[1])
    for step in range(12):
        value, slope = tg.value_and_grad(loss)(tg.tensor(w))
        length = np.linalg.norm(slope.numpy())
        accuracy = np.mean((x @ w > 0) == t)
        print(f"step {step:2}  loss {value:.6f}  |gradient| {length:.1e}  accuracy {accuracy:.2%}")
        if length < 1e-10:
            return
        w = w - newton_step(w, slope.numpy())
    raise SystemExit("Newton's method has not arrived")


if __name__ == "__main__":
    main()
