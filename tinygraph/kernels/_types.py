"""The two types every kernel speaks of."""

from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]
Pair = tuple[int, int]
"""(height, width)"""
