"""An environment of the benchmarks' own, with tinygraph and its peers."""

from __future__ import annotations

import subprocess
import sys
import venv
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# PyTorch first: the others then take the NumPy that suits all.
PEERS = ("torch==2.13.0", "mygrad==2.5.0", "autograd==1.9.1", "jax==0.10.2")


def python_with_peers(
    directory: Path, peers: Iterable[str] = PEERS, tinygraph: str = str(ROOT)
) -> str:
    """Make what is missing, and return the environment's Python."""
    python = directory / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    if not python.exists():
        venv.create(directory, with_pip=True)
    for requirement in peers:
        if _pip(python, requirement):
            print(f"left out: {requirement} cannot be installed", file=sys.stderr)
    if _pip(python, "-e", tinygraph):
        sys.exit("tinygraph cannot be installed")
    return str(python)


def _pip(python: Path, *what: str) -> int:
    return subprocess.call([str(python), "-m", "pip", "install", "-q", *what])
