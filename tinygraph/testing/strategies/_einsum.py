"""The subscripts of einsum."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from ._shapes import Shape

LETTERS = "abcdE"


def einsum_subscripts(
    max_operands: int = 3, max_side: int = 3, *, empty: bool = False
) -> SearchStrategy[tuple[str, tuple[Shape, ...]]]:
    """Draw subscripts, with or without an output, and the shapes of operands that fit them.

    Among them are diagonals (a letter twice in a term), axes of length 1 that broadcast, and
    Ellipses.  Give the shapes to `tensors`.

    Examples
    --------
    >>> from hypothesis import find
    >>> from tinygraph.testing import strategies as st
    >>> find(st.einsum_subscripts(), lambda case: "aa" in case[0])
    ('aa', ((1, 1),))
    """
    if max_operands < 1 or max_side < 1:
        raise ValueError(
            "einsum_subscripts: expected at least one operand, and a max_side of at least 1, "
            f"not {max_operands} and {max_side}"
        )
    return _einsum_subscripts(max_operands, st.integers(0 if empty else 1, max_side))


@st.composite
def _einsum_subscripts(
    draw: DrawFn, max_operands: int, sides: SearchStrategy[int]
) -> tuple[str, tuple[Shape, ...]]:
    lengths = {name: draw(sides) for name in LETTERS}
    dots = draw(st.lists(sides, max_size=2))
    operand = _terms(lengths, dots)
    terms, shapes = zip(*draw(st.lists(operand, min_size=1, max_size=max_operands)), strict=True)
    text = ",".join(terms)
    if draw(st.booleans()):
        used = sorted(set(text) - set(",."))
        out = draw(st.permutations(used))[: draw(st.integers(0, len(used)))]
        if "..." in text:
            out.insert(draw(st.integers(0, len(out))), "...")
        text += "->" + "".join(out)
    return text, tuple(shapes)


@st.composite
def _terms(draw: DrawFn, lengths: dict[str, int], dots: list[int]) -> tuple[str, Shape]:
    """Draw the term of an operand and its shape; ``dots`` is what its Ellipsis may stand for."""
    letters = draw(st.lists(st.sampled_from(sorted(lengths)), max_size=3))
    # an axis of length 1 broadcasts, but the two of a diagonal must be equal
    short = draw(st.sets(st.sampled_from(sorted(lengths)), max_size=2))
    shape = [1 if name in short else lengths[name] for name in letters]
    if draw(st.booleans()):
        place = draw(st.integers(0, len(letters)))
        standing = dots[draw(st.integers(0, len(dots))) :]
        letters.insert(place, "...")
        shape[place:place] = [draw(st.sampled_from(sorted({1, n}))) for n in standing]
    return "".join(letters), tuple(shape)
