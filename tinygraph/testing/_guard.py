"""A witness to a run, which tells of the writes that a Function must not make."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

import tinygraph as tg

from ._report import Array, place_of


class Guard(tg.FunctionHook):
    """Notes which Function writes to its inputs, its cotangent, what it keeps, or to itself.

    Attributes
    ----------
    problems : list of str
    keeps : bool
        Whether any rule keeps anything.
    """

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.keeps = False
        self._attributes: list[dict[str, Any]] = []
        self._outputs: list[tuple[Array, bytes, tg.Function]] = []
        self._held: list[list[tuple[str, Array, bytes]]] = []

    def before_forward(self, function: tg.Function) -> None:
        """Note what the Function has on itself."""
        self._attributes.append(dict(vars(function)))

    def after_forward(
        self,
        function: tg.Function,
        inputs: Sequence[Array | None],
        output: Array,
        node: Any,
    ) -> None:
        """Note the output, which nobody may write to, and compare the Function with itself."""
        self._compare_attributes(function, "forward", self._attributes.pop())
        if any(output is x for x in inputs):
            self._complain(function, "forward", "returns its input itself, not a new array")
        self._outputs.append((output, output.tobytes(), function))
        self._check_branch(function, inputs)

    def _check_branch(self, function: tg.Function, inputs: Sequence[Array | None]) -> None:
        before = [None if x is None else x.tobytes() for x in inputs]
        attributes = dict(vars(function))
        with np.errstate(all="ignore"):
            choices = function.branch(*inputs)
        self._compare_attributes(function, "branch", attributes)
        if type(choices) is not tuple:  # whatever its signature says
            self._complain(function, "branch", f"returns {type(choices).__name__}, not a tuple")
        if before != [None if x is None else x.tobytes() for x in inputs]:
            self._complain(function, "branch", "writes to an input")

    def before_backward(self, node: Any, g: Any) -> None:
        """Note the cotangent, and what the rule keeps."""
        held = [("the cotangent", x) for x in _arrays(g)]
        for name, value in zip(node.function.signature.kept, node.kept, strict=True):
            held += [(f"{name!r}, which it keeps", x) for x in _arrays(value)]
        self.keeps = self.keeps or len(held) > 1
        self._held.append([(name, x, x.tobytes()) for name, x in held])
        self._attributes.append(dict(vars(node.function)))

    def after_backward(self, node: Any, g: Any, gradients: tuple[Any, ...]) -> None:
        """Compare with what was noted."""
        self._compare_attributes(node.function, "backward", self._attributes.pop())
        for name, array, before in self._held.pop():
            if array.tobytes() != before:
                self._complain(node.function, "backward", f"writes to {name}")

    def finish(self) -> Iterator[str]:
        """Yield all that was wrong; compare what came out of each Function with what it is now."""
        for array, before, function in self._outputs:
            if array.tobytes() != before:
                yield f"the output of {type(function).__name__} was written to"
        yield from self.problems

    def _compare_attributes(
        self, function: tg.Function, method: str, before: dict[str, Any]
    ) -> None:
        now = vars(function)
        changed = [name for name in now if name not in before or now[name] is not before[name]]
        if changed:
            names = ", ".join(changed)
            self._complain(function, method, f"hides {names} on the Function, which others share")

    def _complain(self, function: tg.Function, method: str, what: str) -> None:
        name = f"{type(function).__name__}.{method}"
        self.problems.append(f"{place_of(getattr(type(function), method), name)} {what}")


def _arrays(value: Any) -> Iterator[Array]:
    if isinstance(value, tuple):
        for part in value:
            yield from _arrays(part)
    elif isinstance(value, tg.Tensor):
        yield value.data
    elif isinstance(value, np.ndarray):
        yield value
