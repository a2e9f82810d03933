"""What a mutant is: one bug, as a piece of tinygraph's source and what stands there instead."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGE = ROOT / "tinygraph"


class Stale(Exception):
    """The source has moved: what a mutant replaces is not there, or not only there."""


@dataclass(frozen=True)
class Mutant:
    """One bug.

    Attributes
    ----------
    name, family : str
    file : str
        The module, below ``tinygraph/``.
    old, new : str
        What to replace, which must occur exactly once, and by what.
    functions : tuple of str
        Functions whose tests should see it, and run first.
    """

    name: str
    family: str
    file: str
    old: str
    new: str
    functions: tuple[str, ...]

    @property
    def path(self) -> Path:
        return PACKAGE / self.file

    @property
    def module(self) -> str:
        return ".".join(("tinygraph", *Path(self.file).with_suffix("").parts))

    def source(self) -> str:
        """Return the source of the module with the bug.

        Raises
        ------
        Stale
            If the text to replace does not occur exactly once, or the result is no Python.
        """
        text = self.path.read_text()
        if (count := text.count(self.old)) != 1:
            raise Stale(f"{self.name}: occurs {count} times in {self.file}:\n{self.old}")
        mutated = text.replace(self.old, self.new)
        try:
            compile(mutated, self.file, "exec")
        except SyntaxError as error:
            raise Stale(f"{self.name}: no Python any more: {error}") from None
        return mutated


def mutants(family: str, file: str, *rows: tuple[str, str, str, str]) -> list[Mutant]:
    """Make the mutants of a module of rows (name, functions, old, new)."""
    return [
        Mutant(f"{family}/{name}", family, file, old, new, tuple(functions.split()))
        for name, functions, old, new in rows
    ]
