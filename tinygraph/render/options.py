"""What can be asked of a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

from .checks import one_of

Backward: TypeAlias = Literal["none", "paired", "full"]
Values: TypeAlias = Literal["none", "stats", "full"]
Overlay: TypeAlias = Literal["grad_norm", "time", "flops", "bytes", "nonfinite"]

MAX_BOXES = 3000  # of more even the layout takes long


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a picture is to show; `render` says what each means."""

    backward: Backward = "none"
    depth: int | None = None
    collapse: str | tuple[str, ...] = ()
    fold: bool = False
    values: Values = "none"
    overlay: Overlay | None = None
    constants: bool = False
    focus: int | str | None = None
    hops: int = 1
    highlight: Mapping[int, str] = field(default_factory=dict)
    max_nodes: int | None = None

    def __post_init__(self) -> None:
        one_of("backward", self.backward, get_args(Backward))
        one_of("values", self.values, get_args(Values))
        one_of("overlay", self.overlay, (None, *get_args(Overlay)))
        for name, least in (("depth", 1), ("hops", 0), ("max_nodes", 1)):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or value < least):
                raise ValueError(
                    f"render: {name} must be an integer from {least} on, not {value!r}"
                )

    @property
    def most(self) -> int:
        """How many boxes a picture may have."""
        return MAX_BOXES if self.max_nodes is None else self.max_nodes

    @property
    def closed(self) -> tuple[str, ...]:
        """The names in ``collapse``."""
        return (self.collapse,) if isinstance(self.collapse, str) else tuple(self.collapse)
