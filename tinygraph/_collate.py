"""Batches of items: the values at each place of them, stacked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import _tree
from ._tensor import Tensor, to_array


def collate(items: Sequence[Any], numbers: Sequence[int]) -> Any:
    """Return what is nested as each of ``items`` is, with their values stacked along a new axis.

    ``numbers`` are those of the items in their dataset, for errors.

    Raises
    ------
    ValueError
        If an item is nested in another way than the first, or a value has another shape.
    TypeError
        If a value is no number, array, Tensor or string.
    """
    template = items[0]
    rows = []
    for number, item in zip(numbers, items, strict=True):
        try:
            rows.append(_tree.align(template, item))
        except ValueError as error:
            raise ValueError(
                f"DataLoader: item {number} is not nested as item {numbers[0]}: {error}"
            ) from None
    places = zip(_tree.paths(template), zip(*rows, strict=True), strict=True)
    return _tree.build(template, (_stack(values, numbers, place) for place, values in places))


def _stack(values: Sequence[Any], numbers: Sequence[int], place: str) -> Tensor | list[str]:
    """Return the values at one place as one Tensor; strings as a list."""
    if all(isinstance(value, str) for value in values):
        return list(values)
    arrays = []
    for number, value in zip(numbers, values, strict=True):
        try:
            arrays.append(to_array(value))
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"DataLoader: item {number}{place} cannot become part of a batch: {error}; "
                "collate_fn takes a function that makes a batch of a list of items"
            ) from None
    for number, array in zip(numbers, arrays, strict=True):
        if array.shape != arrays[0].shape:
            raise ValueError(
                f"DataLoader: item {number}{place} has shape {array.shape}, but item "
                f"{numbers[0]}{place} has {arrays[0].shape}; collate_fn takes a function that "
                "makes a batch of a list of items, by padding them for one"
            )
    if not any(hasattr(value, "dtype") for value in values):
        return Tensor(to_array(list(values)))  # an int among Python floats makes no float64
    return Tensor(np.stack(arrays))
