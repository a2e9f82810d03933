"""checkpoint: run a function without keeping what its rules need; run it again in backward."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import _autograd, _tree
from ._function import Function, Node, Value, source_of, unpack
from ._mode import FunctionHook, enable_grad, is_grad_enabled, no_grad
from ._random import Randomness
from ._tensor import Array, Constant, Tensor, wrap
from .ops.elementwise import clone
from .ops.shape import concatenate


class _Made(FunctionHook):
    """Watches a ``with`` block: the Nodes made in it, and what they take from outside."""

    def __init__(self) -> None:
        self.nodes: weakref.WeakKeyDictionary[Node, list[tuple[Any, Any]]] = (
            weakref.WeakKeyDictionary()
        )

    def after_forward(
        self, function: Function, inputs: Sequence[Any], output: Array, node: Node | None
    ) -> None:
        """Note a Node, and those of its inputs that no Node here made, with their values."""
        if node is not None:
            self.nodes[node] = [
                (source, array)
                for source, array in zip(node.inputs, inputs, strict=True)
                if isinstance(source, Tensor) or (type(source) is Node and source not in self.nodes)
            ]

    def outside(self, y: Tensor, given: Sequence[Tensor]) -> dict[Any, Any]:
        """Return what the graph of ``y`` takes from outside, with its value: all but ``given``."""
        root = source_of(y)
        entering = [
            pair for node in _autograd.postorder([root]) for pair in self.nodes.get(node, ())
        ]
        if isinstance(root, Tensor) or (type(root) is Node and root not in self.nodes):
            entering.append((root, y.data))
        inside = {source_of(x) for x in given}
        return {source: array for source, array in entering if source not in inside}


class Checkpoint(Function):
    """A function of which only the inputs are kept: gxs = its gradient, once it has run again.

    The inputs are the arguments of ``f``, and after them ``outer``: what its graph reaches besides,
    the leaves and the results of earlier operations that it closes over.
    """

    def __init__(self, f: Callable[..., Tensor], randomness: Randomness) -> None:
        self.f, self.randomness = f, randomness
        self.outer: list[Node | Tensor] = []
        self.first: Array | None = None  # the value, where f has run already

    @property
    def attributes(self) -> dict[str, Any]:
        """The name of the function: it is all that tells one checkpoint from another."""
        return {"f": getattr(self.f, "__name__", type(self.f).__name__)}

    def forward(self, *xs: Array) -> Array:
        y, self.first = self.first, None
        if y is None:
            with no_grad(), self.randomness.again():
                y = self.f(*map(wrap, xs[: len(xs) - len(self.outer)])).data
        return y

    def backward(self, g: Value, xs: Value, needs: Any) -> Value:
        joined = isinstance(g, Tensor)  # the result will be differentiated: stay in the graph
        with enable_grad():
            fresh = [
                (clone(x) if x.requires_grad else x) if joined else wrap(x, None, need)
                for x, need in zip(xs, needs.xs, strict=True)
            ]
            y = self._again(fresh)
        wanted = [x for x, need in zip(fresh, needs.xs, strict=True) if need]
        if not y.requires_grad:
            return (None,) * len(xs)
        found = iter(_autograd.grad(y, wanted, g, create_graph=joined, allow_unused=True))
        gradients = [next(found) if need else None for need in needs.xs]
        return tuple(gx if joined or gx is None else gx.data for gx in gradients)

    def _again(self, fresh: Sequence[Tensor]) -> Tensor:
        """Run f again, recorded, on ``fresh`` Tensors, also in the place of ``outer``."""
        count = len(fresh) - len(self.outer)
        made = _Made()
        with made, self.randomness.again():
            y = self.f(*fresh[:count])
        if not made.outside(y, fresh).keys() >= set(self.outer):
            raise ValueError(
                f"checkpoint: {self.attributes['f']} did not use the same Tensors when it ran "
                "again for backward; it must do the same each time"
            )
        inside: dict[Any, Tensor] = dict(zip(self.outer, fresh[count:], strict=True))
        for node in list(made.nodes):  # a graph of our own: cut it off from the one outside
            node.inputs = tuple(source_of(inside[s]) if s in inside else s for s in node.inputs)
        return inside.get(source_of(y), y)


_TENSOR = object()  # stands for a Tensor among nested arguments


class _Segment:
    """A function with its arguments: takes the Tensors among them, and returns a single Tensor.

    It holds all results that carry a gradient, those ``carrying``.
    """

    def __init__(self, f: Callable[..., Any], arguments: Any) -> None:
        self.f = f
        self.__name__ = getattr(f, "__name__", type(f).__name__)
        self.arguments = _tree.build(
            arguments, (_TENSOR if isinstance(x, Tensor) else x for x in _tree.leaves(arguments))
        )
        self.carrying: list[int] = []

    def run(self, xs: Sequence[Tensor]) -> tuple[Any, list[Tensor]]:
        """Return what the function returns, and the Tensors in it."""
        tensors = iter(xs)
        leaves = (next(tensors) if x is _TENSOR else x for x in _tree.leaves(self.arguments))
        args, kwargs = _tree.build(self.arguments, leaves)
        outputs = self.f(*args, **kwargs)
        ys = _tree.leaves(outputs)
        for y in ys:
            if not isinstance(y, Tensor):
                raise TypeError(f"checkpoint: f must return Tensors, not {type(y).__name__}")
        return outputs, ys

    def pack(self, ys: Sequence[Tensor]) -> Tensor:
        """Join the results that carry a gradient; a single one stays as it is."""
        carrying = [ys[i] for i in self.carrying]
        if len(carrying) == 1:
            return carrying[0]
        dtype = np.result_type(*(y.dtype for y in carrying))  # holds all of them exactly
        return concatenate([_in_dtype(y, dtype).reshape(-1) for y in carrying])

    def __call__(self, *xs: Tensor) -> Tensor:
        return self.pack(self.run(xs)[1])


def _first_run(operation: Checkpoint, segment: _Segment, xs: Sequence[Tensor]) -> tuple[Any, Any]:
    """Run f, and drop its graph.

    Returns its results, with a `Constant` in the place of each that carries a gradient, and weak
    references to what it takes from outside, with values.
    """
    fresh = [wrap(x.data, None, x.requires_grad) for x in xs]
    made = _Made()
    with made, operation.randomness.noted():
        outputs, ys = segment.run(fresh)
        segment.carrying = [i for i, y in enumerate(ys) if y.requires_grad]
        outside: dict[Any, Any] = {}
        if segment.carrying:
            packed = segment.pack(ys)
            operation.first = packed.data
            outside = made.outside(packed, fresh)
    specs = (Constant(y.shape, y.dtype, None) if y.requires_grad else y for y in ys)
    return _tree.build(outputs, specs), [(weakref.ref(s), a) for s, a in outside.items()]


def checkpoint(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return ``f(*args, **kwargs)``, and keep only the arguments for backward, which runs f again.

    That saves memory at the cost of time.  The gradients are the same: to every order, and also of
    Tensors that ``f`` closes over, as the parameters of a Module.  When ``f`` runs again,
    random generators give the same numbers again: the default one, and others that operations or
    modules draw from, or that are among the arguments.  Other side effects, such as the running
    statistics of a batch-norm, happen twice.

    Parameters
    ----------
    f : callable
        Returns Tensors, also nested in tuples, lists and dicts.  It must do the same each time.
    *args, **kwargs
        May be nested too.

    Raises
    ------
    TypeError
        If ``f`` is not callable, or returns anything else.
    ValueError
        In backward, if ``f`` does not use the same Tensors when it runs again.

    Examples
    --------
    >>> import tinygraph as tg
    >>> x = tg.tensor(3.0, requires_grad=True)
    >>> y = tg.checkpoint(lambda x: (x * x).exp().log(), x)
    >>> y.item(), tg.grad(y, x).item()
    (9.0, 6.0)
    """
    if not callable(f):
        raise TypeError(f"checkpoint: expected a function, not {type(f).__name__}")
    given = _tree.leaves((args, kwargs))
    xs = [leaf for leaf in given if isinstance(leaf, Tensor)]
    segment = _Segment(f, (args, kwargs))
    if not is_grad_enabled():
        return segment.run(xs)[0]
    generators = [leaf for leaf in given if isinstance(leaf, np.random.Generator)]
    operation = Checkpoint(segment, Randomness(generators))
    results, outside = _first_run(operation, segment, xs)
    if not segment.carrying:
        return results
    # A leaf that f itself made is gone by now: nobody can ask for its gradient.
    alive = [(source, array) for ref, array in outside if (source := ref()) is not None]
    operation.outer = [source for source, _ in alive]
    outer = [s if isinstance(s, Tensor) else wrap(array, s, True) for s, array in alive]
    packed = operation.apply(*xs, *outer)

    specs = [leaf for leaf in _tree.leaves(results) if isinstance(leaf, Constant)]
    single = len(specs) == 1
    parts = iter([packed] if single else unpack(packed, tuple(spec.shape for spec in specs)))
    return _tree.build(
        results,
        (
            _in_dtype(next(parts), leaf.dtype) if isinstance(leaf, Constant) else leaf
            for leaf in _tree.leaves(results)
        ),
    )


def _in_dtype(x: Tensor, dtype: np.dtype[Any]) -> Tensor:
    return x if x.dtype == dtype else x.astype(dtype)
