"""Train a CNN on scikit-learn's handwritten digits, and draw its graph.

    python examples/digits_cnn.py              # one split of the data, some seconds
    python examples/digits_cnn.py --splits 5   # five fixed splits, and their mean

For each epoch it prints the training loss and the accuracy on the held-out 20 %.  In --out it
leaves

    parameters.npz   the trained parameters, for tg.load
    training.png     loss and accuracy by epoch
    mistakes.png     the held-out digits that it got wrong
    graph.svg, .png  the computational graph of its loss
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tqdm import tqdm

import tinygraph as tg
from tinygraph import nn

LEARNING_RATE = 4e-3  # at the start; it falls by the same amount after each epoch


class DigitsCNN(nn.Module):
    """Images (N, 1, 8, 8) -> logits (N, 10)."""

    def __init__(self, generator: np.random.Generator) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1, generator=generator)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1, generator=generator)
        self.pool = nn.MaxPool2d(2)
        self.hidden = nn.Linear(32 * 4 * 4, 128, generator=generator)
        self.dropout = nn.Dropout(0.3, generator=generator)
        self.output = nn.Linear(128, 10, generator=generator)

    def forward(self, images: tg.Tensor) -> tg.Tensor:
        x = tg.relu(self.conv1(images))
        x = self.pool(tg.relu(self.conv2(x)))
        x = tg.relu(self.hidden(x.flatten(1)))
        return self.output(self.dropout(x))


@dataclass
class Split:
    """Images (N, 1, 8, 8), float32 from 0 to 1, and their digits."""

    train_images: np.ndarray
    train_digits: np.ndarray
    test_images: np.ndarray
    test_digits: np.ndarray


@dataclass
class Run:
    """A trained network, and how it got there."""

    model: DigitsCNN
    losses: list[float]
    accuracies: list[float]
    seconds: float


def load_split(seed: int) -> Split:
    """Hold out 20 % of the 1,797 digits, each digit in proportion."""
    digits = load_digits()
    images = (digits.images / 16).astype(np.float32)[:, None]
    train, test = train_test_split(
        np.arange(len(images)), test_size=0.2, stratify=digits.target, random_state=seed
    )
    return Split(images[train], digits.target[train], images[test], digits.target[test])


def predict(model: DigitsCNN, images: np.ndarray) -> np.ndarray:
    model.eval()
    with tg.no_grad():
        digits = model(tg.from_numpy(images)).argmax(axis=1).numpy()
    model.train()
    return digits


def train(split: Split, seed: int, epochs: int) -> Run:
    generator = np.random.default_rng(seed)
    model = DigitsCNN(generator)
    optimizer = tg.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    schedule = tg.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 1 - epoch / epochs)
    batches = tg.data.DataLoader(
        tg.data.TensorDataset(split.train_images, split.train_digits),
        batch_size=64,
        shuffle=True,
        generator=generator,
    )
    run = Run(model, [], [], 0.0)
    started = time.perf_counter()
    for epoch in range(1, epochs + 1):
        total = 0.0
        for images, digits in tqdm(batches, desc=f"epoch {epoch:2}", leave=False, unit="batch"):
            optimizer.zero_grad()
            loss = tg.cross_entropy(model(images), digits)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(digits)
        schedule.step()
        run.losses.append(total / len(split.train_images))
        correct = predict(model, split.test_images) == split.test_digits
        run.accuracies.append(float(correct.mean()))
        print(
            f"epoch {epoch:2}  training loss {run.losses[-1]:.4f}  "
            f"held-out accuracy {run.accuracies[-1]:7.2%}"
        )
    run.seconds = time.perf_counter() - started
    return run


def plot_training(run: Run, path: Path) -> None:
    epochs = range(1, len(run.losses) + 1)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    left.plot(epochs, run.losses, color="#0072B2", marker=".")
    left.set(title="training loss", xlabel="epoch", yscale="log")
    right.plot(epochs, run.accuracies, color="#D55E00", marker=".")
    right.set(title="held-out accuracy", xlabel="epoch", ylim=(None, 1.0))
    right.yaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1.0, decimals=1))
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))
    figure.savefig(path, dpi=150)
    plt.close(figure)


def plot_mistakes(run: Run, split: Split, path: Path) -> None:
    predicted = predict(run.model, split.test_images)
    wrong = np.flatnonzero(predicted != split.test_digits)
    columns = min(max(len(wrong), 4), 8)
    rows = max(1, -(-len(wrong) // columns))
    size = (1.2 * columns, 1.4 * rows + 0.4)
    figure, grid = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
    figure.suptitle(f"{len(wrong)} of {len(predicted)} held-out digits it got wrong")
    for axes in grid.flat:
        axes.axis("off")
    for axes, i in zip(grid.flat, wrong, strict=False):
        axes.imshow(split.test_images[i, 0], cmap="gray_r", vmin=0, vmax=1)
        axes.set_title(f"{split.test_digits[i]}, read as {predicted[i]}", fontsize=8)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def draw_graph(run: Run, split: Split, out: Path) -> None:
    images = tg.tensor(split.train_images[:8], name="images")
    loss = tg.cross_entropy(run.model(images), split.train_digits[:8])
    loss.name = "loss"
    graph = tg.graph(loss, model=run.model)
    try:
        for name in ("graph.svg", "graph.png"):
            graph.render(out / name)
    except tg.RenderError as error:
        graph.render(out / "graph.dot")
        print(f"no picture, but its source is in {out / 'graph.dot'}: {error}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--splits", type=int, default=1, choices=range(1, 6))
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--out", type=Path, default=Path("out"))
    parser.add_argument("--fast", action="store_true", help="two epochs only, to see that it works")
    options = parser.parse_args()
    epochs = 2 if options.fast else options.epochs
    options.out.mkdir(parents=True, exist_ok=True)

    runs = []
    for seed in range(options.splits):
        split = load_split(seed)
        print(
            f"split {seed}: {len(split.train_images)} digits to train on, "
            f"{len(split.test_images)} held out"
        )
        runs.append(train(split, seed, epochs))
        print(f"{runs[-1].seconds:.1f} s of training\n")
    if len(runs) > 1:
        accuracy = np.mean([run.accuracies[-1] for run in runs])
        print(f"mean held-out accuracy of {len(runs)} splits, last epoch: {accuracy:.2%}")

    tg.save(runs[-1].model.state_dict(), options.out / "parameters.npz")
    plot_training(runs[-1], options.out / "training.png")
    plot_mistakes(runs[-1], split, options.out / "mistakes.png")
    draw_graph(runs[-1], split, options.out)
    print(f"parameters, plots and the graph are in {options.out}/")


if __name__ == "__main__":
    main()
