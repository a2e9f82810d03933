"""Transforms of functions: from f make its gradient, its Jacobian, its derivative along a vector.

They follow JAX and ``torch.func``: arguments and results may be nested tuples, lists and dicts of
Tensors (arguments also of arrays), and transforms nest, to derivatives of any order.  No ``grad``
attribute is touched.  What the function closes over stays part of the graph: the result of
``grad(f)(x)`` can be differentiated by the parameters that f uses, unless it is called under
`no_grad`, which makes it cheaper.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, wraps
from typing import Any, TypeAlias

import numpy as np

from . import _autograd, _tree
from ._function import source_of
from ._mode import enable_grad, is_grad_enabled
from ._tensor import Tensor, as_tensor, wrap
from .ops.elementwise import clone
from .ops.shape import stack

__all__ = [
    "grad",
    "hessian",
    "hvp",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jvp",
    "value_and_grad",
    "vjp",
]

Argnums: TypeAlias = int | Sequence[int]


# -- one call of a function, recorded ------------------------------------------------------------


class _Recorded:
    """One call of ``f`` on fresh Tensors in the place of the arguments ``argnums``.

    ``inputs`` and ``outputs`` are as nested as the user has them, ``xs`` and ``ys`` the Tensors in
    them.
    """

    def __init__(
        self,
        caller: str,
        f: Callable[..., Any],
        args: Sequence[Any],
        argnums: Argnums,
        has_aux: bool,
        kwargs: dict[str, Any] | None = None,
    ) -> None:
        _check_callable(caller, f)
        self.caller = caller
        self.inputs = _pick(caller, args, argnums)
        joined = is_grad_enabled()
        with enable_grad():
            self.xs = [_fresh(caller, leaf, joined) for leaf in _tree.leaves(self.inputs)]
            fresh = _tree.build(self.inputs, iter(self.xs))
            full = list(args)
            if isinstance(argnums, int):
                full[argnums] = fresh
            else:
                for i, value in zip(argnums, fresh, strict=True):
                    full[i] = value
            self.outputs = f(*full, **(kwargs or {}))
        self.aux = None
        if has_aux:
            if not isinstance(self.outputs, tuple) or len(self.outputs) != 2:
                raise TypeError(f"{caller}: with has_aux the function must return (value, aux)")
            self.outputs, self.aux = self.outputs
        self.ys: list[Tensor] = _tree.leaves(self.outputs)
        for y in self.ys:
            if not isinstance(y, Tensor):
                raise TypeError(
                    f"{caller}: the function must return Tensors, not {type(y).__name__}"
                )
        if not self.ys:
            raise TypeError(f"{caller}: the function returned no Tensor")

    def pull(self, ys: Sequence[Tensor], cotangents: Sequence[Tensor]) -> list[Tensor]:
        """Return the gradient of each of ``xs``, given those of ``ys``."""
        return _gradients(ys, self.xs, cotangents, _wants_graph([*ys, *cotangents], self.xs))

    @cached_property
    def transposed(self) -> tuple[list[Tensor], list[Tensor]]:
        """Cotangents u of ``ys``, and the gradients of ``xs``, recorded: Jᵀu, linear in u.

        The derivative of Jᵀu along u, applied to a tangent t, is J t.
        """
        us = [wrap(np.zeros(y.shape, y.dtype), None, y.requires_grad) for y in self.ys]
        with enable_grad(), np.errstate(all="ignore"):  # the values are not used
            return us, _gradients(self.ys, self.xs, us, create_graph=True)

    def push(self, gs: Sequence[Tensor], tangents: Sequence[Tensor]) -> list[Tensor]:
        """Return the tangent of each of ``ys``, given those of the ``xs`` that ``gs`` is for."""
        us, _ = self.transposed
        moving = [u for u in us if u.requires_grad]
        record = _wants_graph([*gs, *tangents], [*self.xs, *us])
        found = iter(_gradients(gs, moving, tangents, record))
        return [next(found) if u.requires_grad else _zeros(u) for u in us]

    def release(self, template: Any, tensors: Sequence[Any]) -> Any:
        """Nest results as ``template``, detached where they depend on nothing but this call."""
        own = [*self.xs, *(self.transposed[0] if "transposed" in vars(self) else ())]
        return _tree.build(template, (_released(t, own) for t in tensors))

    def release_all(self, tree: Any) -> Any:
        """Release every Tensor in ``tree``."""
        return self.release(tree, _tree.leaves(tree))

    def vectors(self, what: str, template: Any, given: Any, like: Sequence[Tensor]) -> list[Tensor]:
        """Return the tangents or cotangents ``given``, one for each Tensor in ``like``."""
        try:
            values = _tree.align(template, given)
        except ValueError as error:
            raise ValueError(f"{self.caller}: the {what}s do not match: {error}") from None
        vectors = []
        for i, (value, x) in enumerate(zip(values, like, strict=True)):
            v = as_tensor(value)
            if v.shape != x.shape:
                raise ValueError(
                    f"{self.caller}: {what} {i} has shape {v.shape}, but belongs to a Tensor of "
                    f"shape {x.shape}"
                )
            vectors.append(v if v.dtype == x.dtype else v.astype(x.dtype))
        return vectors


def _check_callable(caller: str, f: Any) -> None:
    if not callable(f):
        raise TypeError(f"{caller}: expected a function, not {type(f).__name__}")


def _pick(caller: str, args: Sequence[Any], argnums: Argnums) -> Any:
    """Return the arguments that are differentiated by: one for an int, a tuple for several."""
    numbers = (argnums,) if isinstance(argnums, int) else argnums
    if not isinstance(numbers, Sequence) or not all(isinstance(i, int) for i in numbers):
        raise TypeError(
            f"{caller}: argnums must be an int or ints, not {type(argnums).__name__} "
            f"(the arguments follow in a second call, as in {caller}(f)(x))"
        )
    for i in numbers:
        if not -len(args) <= i < len(args):
            raise ValueError(f"{caller}: argnums has {i}, but there are {len(args)} arguments")
    picked = tuple(args[i] for i in numbers)
    return picked[0] if isinstance(argnums, int) else picked


def _fresh(caller: str, value: Any, joined: bool) -> Tensor:
    """Return a new Tensor of the same value; ``joined`` to the graph that it is part of, if any."""
    x = as_tensor(value)
    if x.dtype.kind != "f":
        raise TypeError(
            f"{caller}: an argument to differentiate by must be floating, not {x.dtype}"
        )
    return clone(x) if joined and x.requires_grad else wrap(x.data, None, True)


def _escapes(tensors: Sequence[Tensor], own: Sequence[Tensor]) -> bool:
    """Tell whether they depend on a leaf that requires a gradient and is none of ``own``."""
    roots = [source_of(t) for t in tensors if t.requires_grad]
    sources = [*roots, *(s for node in _autograd.postorder(roots) for s in node.inputs)]
    ours = set(own)
    return any(isinstance(s, Tensor) and s not in ours for s in sources)


def _wants_graph(tensors: Sequence[Tensor], own: Sequence[Tensor]) -> bool:
    return is_grad_enabled() and _escapes(tensors, own)


def _released(value: Any, own: Sequence[Tensor]) -> Any:
    if not isinstance(value, Tensor) or not value.requires_grad:
        return value
    return value if _wants_graph([value], own) else value.detach()


def _zeros(x: Tensor) -> Tensor:
    return wrap(np.zeros(x.shape, x.dtype))


def _gradients(
    ys: Sequence[Tensor], xs: Sequence[Tensor], cotangents: Sequence[Tensor], create_graph: bool
) -> list[Tensor]:
    """Return the gradients of ``xs``: zeros where ``ys`` do not depend on them."""
    live = [(y, g) for y, g in zip(ys, cotangents, strict=True) if y.requires_grad]
    if not live or not xs:
        return [_zeros(x) for x in xs]
    found = _autograd.grad(
        [y for y, _ in live],
        xs,
        [g for _, g in live],
        retain_graph=True,
        create_graph=create_graph,
        allow_unused=True,
    )
    return [_zeros(x) if g is None else g for x, g in zip(xs, found, strict=True)]


def _basis(x: Tensor) -> Iterator[Tensor]:
    """Make the unit vectors of the shape of ``x``, one after another."""
    for k in range(x.size):
        unit = np.zeros(x.size, x.dtype)
        unit[k] = 1
        yield wrap(unit.reshape(x.shape))


# -- reverse -------------------------------------------------------------------------------------


def grad(f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """Make the function that returns the gradient of ``f``.

    (`tinygraph.grad`, of Tensors that are computed already, is another function.)

    Parameters
    ----------
    f : callable
        Returns a single number, as a Tensor; with ``has_aux`` a pair of that and anything else.
    argnums : int or ints
        Which arguments to differentiate by; each may be nested, and holds floats.
    has_aux : bool

    Returns
    -------
    callable
        Takes the arguments of ``f``.  It returns the gradient, nested as the argument, or a tuple
        of them for several ``argnums``; with ``has_aux`` the pair of that and the aux.

    Examples
    --------
    >>> import tinygraph as tg
    >>> cube = lambda x: x ** 3
    >>> tg.func.grad(cube)(2.0).item(), tg.func.grad(tg.func.grad(cube))(2.0).item()
    (12.0, 12.0)
    """
    _check_callable("grad", f)

    @wraps(f)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, found = _value_and_grad("grad", f, argnums, has_aux, args, kwargs)
        return (found, value[1]) if has_aux else found

    return gradient


def value_and_grad(
    f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """Make the function that returns the value of ``f`` and its gradient; as `grad` otherwise.

    Returns
    -------
    callable
        Returns ``(value, gradient)``, with ``has_aux`` ``((value, aux), gradient)``.

    Examples
    --------
    >>> import tinygraph as tg
    >>> loss = lambda w, x: ((w["a"] * x + w["b"]) ** 2).sum()
    >>> y, g = tg.value_and_grad(loss)({"a": 2.0, "b": 1.0}, tg.tensor([1.0, 2.0]))
    >>> y.item(), g["a"].item(), g["b"].item()
    (34.0, 26.0, 16.0)
    """
    _check_callable("value_and_grad", f)

    @wraps(f)
    def both(*args: Any, **kwargs: Any) -> Any:
        return _value_and_grad("value_and_grad", f, argnums, has_aux, args, kwargs)

    return both


def _value_and_grad(
    caller: str,
    f: Callable[..., Any],
    argnums: Argnums,
    has_aux: bool,
    args: Sequence[Any],
    kwargs: dict[str, Any],
) -> tuple[Any, Any]:
    run = _Recorded(caller, f, args, argnums, has_aux, kwargs)
    y = run.outputs
    if not isinstance(y, Tensor) or y.size != 1 or y.dtype.kind != "f":
        what = f"shape {y.shape} of {y.dtype}" if isinstance(y, Tensor) else type(y).__name__
        raise ValueError(f"{caller}: the function must return a single real number, not {what}")
    one = wrap(np.ones(y.shape, y.dtype))
    gradients = run.release(run.inputs, run.pull([y], [one]))
    value = run.release_all(y)
    return ((value, run.release_all(run.aux)) if has_aux else value), gradients


def vjp(f: Callable[..., Any], *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """Return ``f(*primals)``, and the function that carries a gradient of it back.

    Parameters
    ----------
    f : callable
    *primals : nested Tensors or arrays of floats
    has_aux : bool
        ``f`` returns a pair of its value and anything else.

    Returns
    -------
    y : nested Tensors
    vjp_fn : callable
        Takes a gradient nested as ``y``; returns that of the only argument, or a tuple of one for
        each.  It can be called any number of times.
    aux
        Only with ``has_aux``.

    Raises
    ------
    ValueError
        If the gradient given to ``vjp_fn`` does not match ``y``.

    Examples
    --------
    >>> import tinygraph as tg
    >>> y, back = tg.vjp(lambda x: x ** 2, tg.tensor([1.0, 3.0]))
    >>> back([1.0, 10.0]).tolist()
    [2.0, 60.0]
    """
    run = _Recorded("vjp", f, primals, _argnums(primals), has_aux)

    def vjp_fn(cotangents: Any) -> Any:
        found = run.pull(run.ys, run.vectors("cotangent", run.outputs, cotangents, run.ys))
        return run.release(run.inputs, found)

    y = run.release_all(run.outputs)
    return (y, vjp_fn, run.release_all(run.aux)) if has_aux else (y, vjp_fn)


def _argnums(primals: Sequence[Any]) -> Argnums:
    return 0 if len(primals) == 1 else range(len(primals))


def jacrev(
    f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """Make the function that returns the Jacobian of ``f``, by a backward pass for each row.

    Returns
    -------
    callable
        Takes the arguments of ``f``.  For each Tensor of the result, nested as that is, it returns
        a Jacobian for each Tensor differentiated by, nested as that is, of the shape of the first
        followed by that of the second.  With ``has_aux`` the pair of that and the aux.

    Examples
    --------
    >>> import tinygraph as tg
    >>> tg.jacobian(lambda x: x ** 2)(tg.tensor([1.0, 3.0])).tolist()
    [[2.0, 0.0], [0.0, 6.0]]
    """
    _check_callable("jacobian", f)

    @wraps(f)
    def jacobian_of(*args: Any, **kwargs: Any) -> Any:
        run = _Recorded("jacobian", f, args, argnums, has_aux, kwargs)
        blocks = []
        for y in run.ys:
            rows = [run.pull([y], [unit]) for unit in _basis(y)]
            blocks.append(
                [_joined([row[j] for row in rows], 0, y, x) for j, x in enumerate(run.xs)]
            )
        return _jacobian(run, blocks, has_aux)

    return jacobian_of


jacobian = jacrev


def _joined(parts: Sequence[Tensor], axis: int, y: Tensor, x: Tensor) -> Tensor:
    shape = (*y.shape, *x.shape)
    return stack(parts, axis).reshape(shape) if parts else wrap(np.zeros(shape, x.dtype))


def _jacobian(run: _Recorded, blocks: Sequence[Sequence[Tensor]], has_aux: bool) -> Any:
    """Nest the blocks, of one list for each output, as the outputs and within them the inputs."""
    nested = _tree.build(run.outputs, (run.release(run.inputs, block) for block in blocks))
    return (nested, run.release_all(run.aux)) if has_aux else nested


def hessian(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """Make the function that returns the second derivatives of ``f``: the Jacobian of its Jacobian.

    Returns
    -------
    callable
        For a single number of a Tensor it returns a Tensor of twice the shape of that; it is nested
        as `jacobian` otherwise.

    Examples
    --------
    >>> import tinygraph as tg
    >>> tg.hessian(lambda x: x[0] ** 2 * x[1])(tg.tensor([1.0, 3.0])).tolist()
    [[6.0, 2.0], [2.0, 0.0]]
    """
    return jacrev(jacrev(f, argnums), argnums)


def hvp(f: Callable[..., Any], primals: Any, tangents: Any) -> Any:
    """Return the Hessian of ``f`` times a vector, without making the Hessian.

    Parameters
    ----------
    f : callable
        Returns a single number, as a Tensor.
    primals : tuple
        The arguments of ``f``; what is no tuple is the only one.
    tangents
        The vector, nested as ``primals``.

    Returns
    -------
    nested Tensors
        As the only argument, or a tuple of one for each.

    Examples
    --------
    >>> import tinygraph as tg
    >>> tg.hvp(lambda x: (x ** 3).sum(), tg.tensor([1.0, 2.0]), tg.tensor([1.0, 10.0])).tolist()
    [6.0, 120.0]
    """
    args, vectors = _arguments(primals, tangents)
    numbers = _argnums(args)
    run = _Recorded("hvp", grad(f, numbers), args, numbers, False)
    ts = run.vectors("tangent", run.outputs, vectors, run.ys)  # the Hessian is its own transpose
    return run.release(run.inputs, run.pull(run.ys, ts))


def _arguments(primals: Any, vectors: Any) -> tuple[Sequence[Any], Any]:
    """Return the arguments, and the vectors nested as `_argnums` has it: one alone, or several."""
    if not isinstance(primals, tuple):
        return (primals,), vectors
    if len(primals) == 1 and isinstance(vectors, (tuple, list)) and len(vectors) == 1:
        return primals, vectors[0]
    return primals, vectors


# -- forward: by double reverse, exact -----------------------------------------------------------


def jvp(
    f: Callable[..., Any], primals: Any, tangents: Any, has_aux: bool = False
) -> tuple[Any, ...]:
    """Return ``f(*primals)`` and its derivative along ``tangents``.

    It is exact, by two backward passes: the gradient Jᵀu is linear in u, and its own gradient is J.

    Parameters
    ----------
    f : callable
    primals : tuple
        The arguments of ``f``, nested Tensors or arrays of floats; what is no tuple is the only
        one.
    tangents
        Nested as ``primals``.
    has_aux : bool
        ``f`` returns a pair of its value and anything else.

    Returns
    -------
    y, tangent : nested Tensors
    aux
        Only with ``has_aux``.

    Raises
    ------
    ValueError
        If the tangents do not match the primals.

    Examples
    --------
    >>> import tinygraph as tg
    >>> y, t = tg.jvp(lambda x: x ** 2, (tg.tensor([1.0, 3.0]),), (tg.tensor([1.0, 10.0]),))
    >>> y.tolist(), t.tolist()
    ([1.0, 9.0], [2.0, 60.0])
    """
    args, vectors = _arguments(primals, tangents)
    run = _Recorded("jvp", f, args, _argnums(args), has_aux)
    ts = run.vectors("tangent", run.inputs, vectors, run.xs)
    _, gs = run.transposed
    tangent = run.release(run.outputs, run.push(gs, ts))
    y = run.release_all(run.outputs)
    return (y, tangent, run.release_all(run.aux)) if has_aux else (y, tangent)


def jacfwd(
    f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """Make the function that returns the Jacobian of ``f``, by a `jvp` for each column.

    It returns what `jacrev` does, and is the faster where there are fewer inputs than outputs.
    """
    _check_callable("jacfwd", f)

    @wraps(f)
    def jacobian_of(*args: Any, **kwargs: Any) -> Any:
        run = _Recorded("jacfwd", f, args, argnums, has_aux, kwargs)
        _, gs = run.transposed
        blocks: list[list[Tensor]] = [[] for _ in run.ys]
        for x, g in zip(run.xs, gs, strict=True):
            columns = [run.push([g], [unit]) for unit in _basis(x)]
            for i, y in enumerate(run.ys):
                blocks[i].append(_joined([column[i] for column in columns], y.ndim, y, x))
        return _jacobian(run, blocks, has_aux)

    return jacobian_of
