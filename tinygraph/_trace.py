"""Tracing a backward pass: the operations that the rules are made of, as part of the graph."""

from __future__ import annotations

from collections.abc import Sequence

from ._autograd import observe, postorder
from ._function import Function, Node, Source, Value, source_of
from ._mode import FunctionHook, Mode
from ._tensor import Array, Tensor


class Trace(FunctionHook):
    """The backward pass of some outputs, run once so that it records itself.

    Attributes
    ----------
    rules : dict from Node to Node or None
        Each operation of the backward pass, and that of the forward pass whose rule it is part of;
        None for a sum of gradients that arrive on several ways.
    gradients : dict from leaf to Node or Constant
        The places of the gradients of the leaves.
    """

    def __init__(self, outputs: Sequence[Tensor]) -> None:
        self.rules: dict[Node, Node | None] = {}
        self._node: Node | None = None  # whose rule runs, or ran latest
        self._inside = False
        carrying = [output for output in outputs if output.requires_grad]
        if not carrying:
            raise ValueError("graph: backward=True, but no output requires a gradient")
        for node in postorder(map(source_of, carrying)):
            if node.kept is None:
                raise ValueError(
                    f"graph: backward=True, but an earlier backward has freed what {node} keeps; "
                    "take the graph before it, or give it retain_graph=True"
                )
        with self:
            gradients = observe(carrying, None, create_graph=True)
        self.gradients: dict[Source, Source] = {leaf: source_of(g) for leaf, g in gradients.items()}

    def _changed(self, mode: Mode) -> Mode:
        return super()._changed(mode)._replace(everything=True)

    def before_backward(self, node: Node, g: Value) -> None:
        """Note whose rule runs."""
        self._node, self._inside = node, True

    def after_backward(self, node: Node, g: Value, gradients: tuple[Value, ...]) -> None:
        """Note that the rule has ended; next the engine fits its results to the inputs."""
        self._node, self._inside = node, False

    def after_forward(
        self,
        function: Function,
        inputs: Sequence[Array | None],
        output: Array,
        node: Node | None,
    ) -> None:
        """Note an operation, and put it where that of the forward pass is."""
        assert node is not None, "everything is recorded"
        summing = not self._inside and str(node) == "Add"
        self.rules[node] = None if summing else self._node
        if self._node is not None:
            node.scope = self._node.scope
