"""Pictures whose DOT and listing are kept in files, to see in a diff what a change does to them.

python -m tests.render.golden    # writes them again
"""

from __future__ import annotations

from pathlib import Path

import tinygraph as tg
from tinygraph.render import to_dot

from . import models

FOLDER = Path(__file__).with_name("golden")


def files() -> dict[str, str]:
    """Return what the files should hold."""
    tg.manual_seed(0)
    return {
        "formula.dot": to_dot(models.formula()).source,
        "formula.txt": f"{models.formula()}\n",
        "formula.json": models.formula().to_json(),
        "shared-paired.dot": to_dot(models.shared(), backward="paired").source,
        "network-dark.dot": to_dot(models.network(), theme="dark", direction="LR").source,
        "tower.dot": to_dot(models.tower(2)).source,
        "tower.txt": f"{models.tower(2)}\n",
        "tower-depth-1.dot": to_dot(models.tower(), depth=1, theme="print").source,
        "tower-fold.dot": to_dot(models.tower(), fold=True).source,
    }


if __name__ == "__main__":
    for name, text in files().items():
        (FOLDER / name).write_text(text)
