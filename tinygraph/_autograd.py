"""The engine: it walks a recorded graph backwards and lets every Function apply its local rule.

Rules get plain arrays when nobody will differentiate the result, which is the fast way, and Tensors
when somebody will (``create_graph=True``): the same rule then records itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from sys import getrefcount
from threading import RLock
from typing import Any

import numpy as np

from . import _writes
from ._function import Node, Source, Value, hooks_of, source_of, unpack
from ._mode import current_mode, enable_grad, is_grad_enabled
from ._tensor import Constant, Hooks, Shape, Tensor, TensorLike, as_tensor, wrap


def postorder(roots: Iterable[Source], kinds: tuple[type[Node], ...] = (Node,)) -> list[Node]:
    """Return the Nodes that lead to ``roots``, each once, inputs before what uses them.

    Without an `InertNode`, behind which no gradient flows, unless ``kinds`` has it.
    """
    order: list[Node] = []
    seen: set[Node] = set()
    stack: list[Any] = [root for root in roots if type(root) in kinds][::-1]
    while stack:
        node = stack.pop()
        if type(node) is tuple:  # all its inputs are done
            order.append(node[0])
        elif node not in seen:
            seen.add(node)
            stack.append((node,))
            for source in reversed(node.inputs):
                if type(source) in kinds and source not in seen:
                    stack.append(source)
    return order


def unbroadcast(g: Value, shape: Shape) -> Value:
    """Sum ``g``, an array or a Tensor, over the axes along which ``shape`` was broadcast to it.

    Raises
    ------
    ValueError
        If ``shape`` does not broadcast to that of ``g``.
    """
    lead = g.ndim - len(shape)
    if lead < 0 or any(n not in (1, m) for n, m in zip(shape, g.shape[lead:], strict=True)):
        raise ValueError(f"shape {shape} does not broadcast to {g.shape}")
    stretched = (lead + i for i, n in enumerate(shape) if n != g.shape[lead + i])
    return g.sum(axis=(*range(lead), *stretched), keepdims=True).reshape(shape)


def conform(g: Value, source: Any, node: Node, create_graph: bool) -> tuple[Value, bool]:
    """Give the gradient ``g`` that a rule returned the shape and dtype of the input it is for.

    Also tells whether that made a new array, which the engine then owns.
    """
    made = False
    if create_graph:
        g = as_tensor(g)
    elif type(g) is not np.ndarray:  # a NumPy scalar, as 0-d arithmetic gives
        g = np.asarray(g)
    if g.shape != source.shape:
        try:
            if not node.function.broadcasts:
                raise ValueError("it does not broadcast its inputs")
            g, made = unbroadcast(g, source.shape), True
        except ValueError as error:
            raise ValueError(
                f"{node}.backward returned a gradient of shape {g.shape} for an input of shape "
                f"{source.shape}: {error}"
            ) from None
    if g.dtype != source.dtype:
        g, made = g.astype(source.dtype), True
    return g, made


class _Gradients:
    """The gradients on their way, by source.  A sum goes into a buffer that is ours alone."""

    def __init__(self, create_graph: bool) -> None:
        self.create_graph = create_graph
        self.values: dict[Any, Value] = {}
        self.owned: set[Source] = set()

    def add(self, source: Any, g: Value, made: bool) -> None:
        held = self.values.get(source)
        if held is None:
            self.values[source] = g
        elif self.create_graph:
            self.values[source] = held + g
        elif source in self.owned:
            np.add(held, g, out=held)
            return
        else:
            self.values[source] = np.asarray(held + g)
            made = True
        if made:
            self.owned.add(source)

    def add_in_place(self, node: Node, g: Value) -> bool:
        """Let a Function that scatters add to the gradient of its input, unless its own is read."""
        source: Any = node.inputs[0]
        if self.create_graph or len(node.inputs) > 1:
            return False
        watchers = current_mode.get().watchers
        if any(watcher.reads_gradients for watcher in watchers):
            return False
        for watcher in watchers:
            watcher.before_backward(node, g)
        if source not in self.owned:
            held = self.values.get(source)
            ours = np.zeros(source.shape, source.dtype) if held is None else held.copy()
            self.values[source] = ours
            self.owned.add(source)
        total = self.values[source]
        node.function.add_to(total, unpack(g, node.layout) if node.layout else g)
        for watcher in watchers:
            watcher.after_backward(node, g, (None,))
        return True

    def complete(self, source: Any, hooks: Hooks | None) -> Value:
        """Return the gradient that has arrived at ``source``, or None, as its hooks have left it.

        From here on it may be held elsewhere, so it is not ours alone any more.
        """
        self.owned.discard(source)
        g = self.values.get(source)
        if hooks and g is not None:
            for hook in tuple(hooks.values()):
                seen = g if self.create_graph else wrap(g)
                changed = hook(seen)
                if changed is not None:
                    g = _replacement(changed, source, self.create_graph)
            self.values[source] = g
        return g

    def result(self, source: Source) -> Tensor:
        """Return the gradient as a Tensor that shares memory with nothing else."""
        g = self.values[source]
        if isinstance(g, Tensor):
            if g._source is None:  # a leaf: only a recorded copy is still part of the graph
                return g.clone()
            return wrap(g._array.copy(), g._source, g._requires_grad)
        if source in self.owned:
            self.owned.discard(source)
            return wrap(g)
        unshared = g.base is None and getrefcount(g) == HELD_TWICE  # its rule has let go of it
        return wrap(g if unshared else g.copy())


def _references() -> int:
    """Count as `_Gradients.result` does: an array that is held by a dict and a local name."""
    values = {None: np.empty(0)}
    g = values[None]
    return getrefcount(g)


HELD_TWICE = _references()


def _replacement(g: Any, source: Source, create_graph: bool) -> Value:
    """Check what a hook returned in place of a gradient."""
    new = as_tensor(g)
    if new.shape != source.shape:
        raise ValueError(
            f"a hook returned a gradient of shape {new.shape} in place of one of {source.shape}"
        )
    new = new if new.dtype == source.dtype else new.astype(source.dtype)
    return new if create_graph else new._array


def _as_tensors(node: Node, kept: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return what ``node`` keeps as Tensors that are part of the graph."""
    signature = node.function.signature
    named: dict[str, Any] = dict(zip(signature.kept, kept, strict=True))

    def rejoin(array: Any, source: Any) -> Any:
        if array is None or isinstance(source, Tensor):
            return source
        return wrap(array, source, type(source) is Node)

    for name, source in zip(signature.inputs, signature.by_name(node.inputs), strict=True):
        if name in named:
            array = named[name]
            named[name] = (
                tuple(map(rejoin, array, source)) if type(array) is tuple else rejoin(array, source)
            )
    if "y" in named:
        y = wrap(named["y"], node, True)
        named["y"] = unpack(y, node.layout) if node.layout else y
    for name in node.function.aux:
        if name in signature.formulas:
            formula = getattr(node.function, name)
            named[name] = formula(*(named[n] for n in signature.formulas[name]))
        elif name in named:
            named[name] = wrap(np.asarray(named[name]))
    return tuple(named.values())


def _apply_rule(node: Node, g: Value, wanted: list[bool], create_graph: bool) -> tuple[Any, ...]:
    """Return the gradients of the inputs of ``node``, given that of its output."""
    signature = node.function.signature
    kept = node.kept
    assert kept is not None
    if create_graph:
        kept = _as_tensors(node, kept)
    elif node.layout and "y" in signature.kept:
        kept = (unpack(kept[0], node.layout), *kept[1:])  # y comes first
    if signature.pick is not None:
        needs = signature.needs(*signature.by_name(wanted))
        kept = signature.pick((*kept, *signature.by_name(node.inputs), needs))
    watchers = current_mode.get().watchers
    for watcher in watchers:
        watcher.before_backward(node, g)
    result = node.function.backward(unpack(g, node.layout) if node.layout else g, *kept)
    gradients = result if isinstance(result, tuple) else (result,)
    surplus = gradients[len(node.inputs) :]
    if len(gradients) < len(node.inputs) or (surplus and any(gx is not None for gx in surplus)):
        raise ValueError(
            f"{node}.backward returned {len(gradients)} gradients for {len(node.inputs)} inputs"
        )
    for watcher in watchers:
        watcher.after_backward(node, g, gradients)
    return gradients


def _check_usable(order: list[Node]) -> None:
    """Refuse, before anything is changed, a graph that was freed or whose values were written."""
    for node in order:
        if node.kept is None:
            raise ValueError(
                f"backward through {node}, whose kept values an earlier backward has freed; "
                "give the earlier one retain_graph=True to go through the graph again"
            )
        if node.time != _writes.clock:
            for name, value in zip(node.function.signature.kept, node.kept, strict=True):
                values = value if isinstance(value, tuple) else (value,)
                if any(v is not None and _writes.since(v, node.time) for v in values):
                    raise ValueError(
                        f"backward through {node}: its {name!r} was written after {node} used it, "
                        "so the gradient would be wrong; write after backward, or to a .clone()"
                    )


def _check_used(targets: Sequence[Source], used: set[Source]) -> None:
    for i, source in enumerate(targets):
        if source not in used:
            raise ValueError(
                f"grad: the outputs do not depend on input {i}; allow_unused=True gives None for it"
            )


def _sweep(
    seeds: Sequence[tuple[Source, Value]],
    targets: Sequence[Source] | None,
    create_graph: bool,
    retain_graph: bool,
    allow_unused: bool = True,
    hooks: Mapping[Source, Hooks] | None = None,
) -> _Gradients:
    """Carry ``seeds`` back through the graph, to all leaves, or only to the ``targets``.

    ``hooks`` are called instead of those that were registered, if it is not None.
    """
    if create_graph and not is_grad_enabled():
        with enable_grad():
            return _sweep(seeds, targets, create_graph, retain_graph, allow_unused, hooks)
    order = postorder(source for source, _ in seeds)
    goals: set[Any] = set(targets or ())
    reached = set(goals)  # what leads back to a target
    if targets is not None:
        for node in order:
            if not reached.isdisjoint(node.inputs):
                reached.add(node)
        order = [node for node in order if not reached.isdisjoint(node.inputs)]
    touched = goals and goals.intersection(s for node in order for s in node.inputs)
    if not allow_unused:
        _check_used(targets or (), touched.union(source for source, _ in seeds))
    _check_usable(order)

    gradients = _Gradients(create_graph)
    for source, g in seeds:
        gradients.add(source, g, made=False)
    for node in reversed(order):
        g = gradients.complete(node, node.hooks if hooks is None else hooks.get(node))
        if node not in goals:
            gradients.values.pop(node, None)
        if g is not None and not (node.function.scatters and gradients.add_in_place(node, g)):
            if targets is None:
                wanted = [type(s) is Node or isinstance(s, Tensor) for s in node.inputs]
            else:
                wanted = [s in reached for s in node.inputs]
            parts = _apply_rule(node, g, wanted, create_graph)
            for target, part, want in zip(node.inputs, parts, wanted, strict=False):
                if want and part is not None:
                    gradients.add(target, *conform(part, target, node, create_graph))
        if not retain_graph and node.kept:
            node.kept = None
    passed = goals.intersection(order)
    for source in tuple(gradients.values):  # leaves, and targets whose rules did not run
        called = hooks_of(source) if hooks is None else hooks.get(source)
        if called and source not in passed:
            gradients.complete(source, called)
    for source in touched - gradients.values.keys():  # every rule on the way returned None
        zero = np.zeros(source.shape, source.dtype)
        gradients.add(source, wrap(zero) if create_graph else zero, made=True)
    return gradients


def _seed(caller: str, output: Tensor, g: TensorLike | None, create_graph: bool) -> Value:
    """Return the gradient that starts at ``output``: ``g``, or one where it is a single number."""
    if not output.requires_grad:
        raise ValueError(
            f"{caller}: the output depends on no Tensor with requires_grad=True "
            "(or was computed under no_grad)"
        )
    if g is None:
        if output.size != 1:
            raise ValueError(
                f"{caller}: the output has shape {output.shape}; only a single number has a "
                "gradient of its own, so pass the gradient of something with respect to it"
            )
        seed = wrap(np.ones(output.shape, output.dtype))
    else:
        seed = as_tensor(g)
        if seed.shape != output.shape:
            raise ValueError(
                f"{caller}: the output has shape {output.shape} but its gradient {seed.shape}"
            )
        if seed.dtype != output.dtype:
            seed = seed.astype(output.dtype)
    return seed if create_graph else seed._array


_delivery = RLock()  # held while leaves get their gradients: threads may share some


def backward(
    output: Tensor,
    gradient: TensorLike | None = None,
    *,
    retain_graph: bool | None = None,
    create_graph: bool = False,
) -> None:
    """Add the gradient of this Tensor to the ``grad`` of every leaf that requires one.

    Parameters
    ----------
    gradient : array_like, optional
        The gradient with respect to this Tensor, of the same shape; 1 for a single number.
    retain_graph : bool, optional
        Keep what the rules need for another backward.  Default: as ``create_graph``.
    create_graph : bool
        Record the backward pass itself, so that the gradients can be differentiated.

    Raises
    ------
    ValueError
        If no gradient flows here, the gradient is missing or of the wrong shape, the graph was
        freed by an earlier backward, or a value that a rule needs was written since.

    Examples
    --------
    >>> import tinygraph as tg
    >>> w = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> (w ** 2).sum().backward()
    >>> w.grad.tolist()
    [2.0, 4.0]
    """
    seed = _seed("backward", output, gradient, create_graph)
    retain = create_graph if retain_graph is None else retain_graph
    gradients = _sweep([(source_of(output), seed)], None, create_graph, retain)
    with _delivery:
        for leaf in gradients.values:
            assert isinstance(leaf, Tensor)
            g = gradients.result(leaf)
            if leaf._grad is None:
                leaf._grad = g
            else:
                leaf._grad = _total(leaf._grad, g, create_graph)


def _total(held: Tensor, g: Tensor, create_graph: bool) -> Tensor:
    if not create_graph:
        return wrap(np.asarray(held._array + g._array))
    with enable_grad():
        return held + g


def observe(
    outputs: Sequence[Tensor],
    targets: Sequence[Source] | None,
    create_graph: bool = False,
    hooks: Mapping[Source, Hooks] | None = None,
) -> dict[Source, Value]:
    """Return the gradients of the sum of ``outputs``, and leave no trace: for who looks on.

    Nothing is freed, no hook on a Tensor is called but those given, and no ``grad`` is touched.
    """
    seeds = []
    for output in outputs:
        one: Value = np.ones(output.shape, output.dtype)
        if create_graph:
            one = wrap(one, Constant(output.shape, output.dtype, None, 1.0))
        seeds.append((source_of(output), one))
    return _sweep(seeds, targets, create_graph, retain_graph=True, hooks=hooks or {}).values


def _tensors(name: str, given: Any) -> list[Tensor]:
    tensors = list(given) if isinstance(given, (list, tuple)) else [given]
    for t in tensors:
        if not isinstance(t, Tensor):
            raise TypeError(f"grad: {name} must be Tensors, not {type(t).__name__}")
    return tensors


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: TensorLike | Sequence[TensorLike | None] | None = None,
    *,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> Any:
    """Return the gradient of (the sum of) ``outputs`` with respect to ``inputs``.

    No leaf's ``grad`` is touched, and only what leads to the inputs is computed.  Hooks are called
    as in `Tensor.backward`: what is returned for an input is its gradient as its own hooks left it
    (in PyTorch not, if another of the inputs lies behind it).

    Parameters
    ----------
    outputs : Tensor or sequence of Tensors
    inputs : Tensor or sequence of Tensors
        Leaves or computed Tensors.
    grad_outputs : array_like or sequence, optional
        The gradient with respect to each output; may be left out for single numbers.
    retain_graph, create_graph : bool, optional
        As in `Tensor.backward`.
    allow_unused : bool
        Give None for an input that the outputs do not depend on, instead of an error.

    Returns
    -------
    Tensor or tuple of Tensors
        As ``inputs``: one Tensor for a Tensor, a tuple for a sequence.

    Examples
    --------
    >>> import tinygraph as tg
    >>> x = tg.tensor(3.0, requires_grad=True)
    >>> dy = tg.grad(x ** 3, x, create_graph=True)
    >>> dy.item(), tg.grad(dy, x).item()
    (27.0, 18.0)
    """
    outs = _tensors("outputs", outputs)
    ins = _tensors("inputs", inputs)
    if isinstance(outputs, Tensor):
        grad_outs: list[Any] = [grad_outputs]
    else:
        grad_outs = [None] * len(outs) if grad_outputs is None else list(grad_outputs)  # type: ignore[arg-type]
    if len(grad_outs) != len(outs):
        raise ValueError(f"grad: {len(outs)} outputs but {len(grad_outs)} grad_outputs")
    for i, x in enumerate(ins):
        if not x.requires_grad:
            raise ValueError(f"grad: input {i} does not require a gradient")
    seeds = [
        (source_of(out), _seed("grad", out, g, create_graph))
        for out, g in zip(outs, grad_outs, strict=True)
    ]
    sources = [source_of(x) for x in ins]
    retain = create_graph if retain_graph is None else retain_graph
    gradients = _sweep(seeds, sources, create_graph, retain, allow_unused)
    results = [gradients.result(s) if s in gradients.values else None for s in sources]
    return results[0] if isinstance(inputs, Tensor) else tuple(results)
