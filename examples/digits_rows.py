"""Read handwritten digits row by row, as sequences of 8 vectors of 8 pixels, with an LSTM.

    python examples/digits_rows.py

It prints the loss and the held-out accuracy of each epoch, and draws one training step, the equal
steps of the LSTM folded, as digits_rows.svg in --out.  The data are scikit-learn's 1797 digits.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import tinygraph as tg
from tinygraph import nn

LEARNING_RATE = 1e-2


class RowReader(nn.Module):
    """(N, rows, pixels) -> (N, 10): what the LSTM remembers after the last row decides."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(8, 64, batch_first=True)
        self.head = nn.Linear(64, 10)

    def forward(self, images: tg.Tensor) -> tg.Tensor:
        _, (h, _) = self.lstm(images)
        return self.head(h[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--out", type=Path, default=Path("out"))
    parser.add_argument("--fast", action="store_true", help="two epochs only, to see that it works")
    options = parser.parse_args()
    epochs = 2 if options.fast else options.epochs

    digits = load_digits()
    images = (digits.images / 16).astype(np.float32)
    train_x, test_x, train_y, test_y = train_test_split(
        images, digits.target, test_size=0.2, stratify=digits.target, random_state=0
    )
    tg.manual_seed(0)
    model = RowReader()
    print(model)
    optimizer = tg.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    schedule = tg.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 1 - epoch / epochs)
    batches = tg.data.DataLoader(
        tg.data.TensorDataset(train_x, train_y), batch_size=64, shuffle=True
    )
    started = time.perf_counter()
    for epoch in range(1, epochs + 1):
        total = 0.0
        for x, y in batches:
            optimizer.zero_grad()
            loss = tg.cross_entropy(model(x), y)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            total += loss.item() * len(y)
        schedule.step()
        with tg.no_grad():
            correct = model(tg.from_numpy(test_x)).argmax(axis=1).numpy() == test_y
        print(
            f"epoch {epoch:2}  training loss {total / len(train_x):.4f}  "
            f"held-out accuracy {correct.mean():7.2%}"
        )
    print(f"{time.perf_counter() - started:.1f} s of training")

    options.out.mkdir(parents=True, exist_ok=True)
    loss = tg.cross_entropy(model(tg.tensor(train_x[:16], name="images")), train_y[:16])
    path = tg.graph(loss, model=model).render(options.out / "digits_rows.svg", fold=True)
    print(f"the graph of a step is {path}")


if __name__ == "__main__":
    main()
