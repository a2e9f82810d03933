"""The two types every kernel speaks of."""

from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]
Sizes = tuple[int, ...]
"""One number for each spatial axis: (length,), (height, width), (depth, height, width)."""
