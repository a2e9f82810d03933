"""The subscripts of einsum: what each axis of each operand is called."""

from __future__ import annotations

import string
from collections.abc import Sequence
from functools import lru_cache

from .._tensor import Shape

LETTERS = string.ascii_uppercase + string.ascii_lowercase  # NumPy's order of integer subscripts


@lru_cache(maxsize=256)
def parse(subscripts: str, shapes: tuple[Shape, ...]) -> tuple[tuple[str, ...], str]:
    """Return a term of one letter per axis for each operand, and one for the output.

    Raises
    ------
    ValueError
        If the subscripts are malformed or do not fit the shapes.
    """
    text = subscripts.replace(" ", "")
    given, arrow, asked = text.partition("->")
    terms = given.split(",")
    if not shapes or len(terms) != len(shapes):
        raise ValueError(
            f"einsum: subscripts {subscripts!r} have {len(terms)} terms, but there are "
            f"{len(shapes)} operands"
        )
    for term in (*terms, asked):
        _check_term(subscripts, term)
    filled = _fill(subscripts, terms, shapes)
    used = {name for term in filled for name in term}
    ellipsis = max((_extra(term, filled[i]) for i, term in enumerate(terms)), key=len)
    if arrow:
        out = asked.replace("...", ellipsis)
    else:
        once = (name for name in used if given.count(name) == 1)
        out = ellipsis + "".join(sorted(once))
    for name in out:
        if name not in used or out.count(name) > 1:
            why = "no operand has" if name not in used else "occurs twice in the output"
            raise ValueError(f"einsum: subscript {name!r}, which {why}: {subscripts!r}")
    _check_lengths(subscripts, filled, shapes)
    return tuple(filled), out


def _check_term(subscripts: str, term: str) -> None:
    letters = term.replace("...", "", 1)
    for name in letters:
        if name not in LETTERS:
            raise ValueError(
                f"einsum: {name!r} in {subscripts!r} is no letter (nor the one '...' of a term, "
                "nor the one '->')"
            )


def _fill(subscripts: str, terms: Sequence[str], shapes: Sequence[Shape]) -> list[str]:
    """Name the axes that ``...`` stands for; those of the same place from the end alike."""
    extra = []
    for term, shape in zip(terms, shapes, strict=True):
        extra.append(len(shape) - len(term.replace("...", "")))
        if extra[-1] < 0 or (extra[-1] and "..." not in term):
            raise ValueError(
                f"einsum: term {term!r} of {subscripts!r} does not fit the {len(shape)} axes of "
                f"shape {shape}"
            )
    free = [name for name in LETTERS if name not in subscripts]
    if max(extra) > len(free):
        raise ValueError(f"einsum: more than {len(LETTERS)} different axes")
    names = "".join(free[: max(extra)])
    return [
        term.replace("...", names[len(names) - n :]) for term, n in zip(terms, extra, strict=True)
    ]


def _extra(term: str, filled: str) -> str:
    """Return the names that were filled in for ``...``."""
    before, dots, after = term.partition("...")
    return filled[len(before) : len(filled) - len(after)] if dots else ""


def _check_lengths(subscripts: str, terms: Sequence[str], shapes: Sequence[Shape]) -> None:
    lengths: dict[str, int] = {}
    for term, shape in zip(terms, shapes, strict=True):
        own: dict[str, int] = {}
        for name, n in zip(term, shape, strict=True):
            if own.setdefault(name, n) != n:
                raise ValueError(
                    f"einsum: {name!r} of {subscripts!r} is both {own[name]} and {n} long in "
                    f"shape {shape}, so that there is no diagonal"
                )
            if n != 1 and lengths.setdefault(name, n) != n:
                raise ValueError(
                    f"einsum: {name!r} of {subscripts!r} is both {lengths[name]} and {n} long in "
                    f"shapes {', '.join(map(str, shapes))}"
                )
