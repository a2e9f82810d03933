"""NumPy's own functions on Tensors: ``np.exp(t)`` is ``tinygraph.exp(t)``, and recorded.

A NumPy function is answered by the tinygraph function of the same name, with its required arguments
by position and its optional ones by name; the tables below say where that is otherwise.  What has
no answer is an error: it never gives an array that has silently left the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from inspect import BoundArguments, Parameter, Signature
from typing import Any

import numpy as np

from . import _tree
from ._tensor import Tensor, wrap

# What tinygraph calls by another name.
ALIASES = {
    "absolute": "abs",
    "around": "round",
    "copy": "clone",
    "fabs": "abs",
    "degrees": "rad2deg",
    "positive": "clone",
    "radians": "deg2rad",
    "rint": "round",
}

# What has the same name but is another matter: making Tensors, and files.
EXCLUDED = {"arange", "eye", "full", "linspace", "load", "ones", "save", "zeros"}

# Optional arguments by another name.
RENAMED: dict[Any, dict[str, str]] = {
    np.clip: {"a_min": "low", "min": "low", "a_max": "high", "max": "high"},
}

# Methods of ufuncs; their axis is 0 unless it is given.
UFUNC_METHODS: dict[tuple[Any, str], Any] = {
    (np.add, "reduce"): np.sum,
    (np.multiply, "reduce"): np.prod,
    (np.maximum, "reduce"): np.amax,
    (np.minimum, "reduce"): np.amin,
    (np.logical_or, "reduce"): np.any,
    (np.logical_and, "reduce"): np.all,
    (np.add, "accumulate"): np.cumsum,
    (np.multiply, "accumulate"): np.cumprod,
}

# Where tinygraph has no such function, NumPy itself answers these: what they return (flags,
# positions, shapes, text) has no gradient.
INSPECTING = {
    *(np.allclose, np.argpartition, np.argsort, np.argwhere, np.array2string, np.array_equal),
    *(np.array_equiv, np.array_repr, np.array_str, np.bincount, np.common_type),
    *(np.count_nonzero, np.digitize, np.flatnonzero, np.isclose, np.iscomplexobj, np.isfinite),
    *(np.isin, np.isinf, np.isnan, np.isneginf, np.isposinf, np.isreal, np.isrealobj),
    *(np.may_share_memory, np.min_scalar_type, np.nanargmax, np.nanargmin, np.ndim, np.nonzero),
    *(np.result_type, np.save, np.savetxt, np.savez, np.savez_compressed, np.searchsorted),
    *(np.shape, np.shares_memory, np.signbit, np.size),
}


@cache
def signature(function: Callable[..., Any]) -> Signature:
    """Return the signature of a function; any arguments, where an older NumPy does not tell."""
    try:
        return Signature.from_callable(function)
    except ValueError:
        return Signature.from_callable(lambda *args, **options: None)


@cache
def counterpart(function: Any) -> Callable[..., Any] | None:
    """Return the tinygraph function that does what a NumPy function does, or None."""
    # The public names, which are there only when all of the package is imported.
    for theirs, ours in ((np, __package__), (np.linalg, f"{__package__}.linalg")):
        name = function.__name__
        if getattr(theirs, name, None) is function and name not in EXCLUDED:
            return getattr(import_module(ours), ALIASES.get(name, name), None)
    return None


def array_function(
    self: Tensor, function: Any, types: Sequence[type], args: Any, kwargs: dict[str, Any]
) -> Any:
    """Answer a NumPy function, such as ``np.concatenate``, that was given a Tensor."""
    if not all(issubclass(kind, (Tensor, np.ndarray)) for kind in types):
        return NotImplemented
    target = counterpart(function)
    if target is not None:
        call = _arguments(function, target, args, kwargs)
        try:
            signature(target).bind(*call.args, **call.kwargs)
        except TypeError as error:
            raise _refusal(f"{_name(function)}: {error}") from None
        return target(*call.args, **call.kwargs)
    if function in INSPECTING:
        return _inspect(function, args, kwargs)
    raise _refusal(f"{_name(function)} is no tinygraph operation")


def array_ufunc(self: Tensor, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """Answer a NumPy ufunc, such as ``np.exp`` or what ``array + t`` calls, or a method of it."""
    given = {name: value for name, value in kwargs.items() if value is not None}
    if "out" in given:
        raise _refusal(f"{_name(ufunc)}: a result cannot be written into an array (out=, a += t)")
    for x in inputs:  # another library's array, which may know Tensors
        known = (Tensor, np.ndarray, np.generic)
        if not isinstance(x, known) and getattr(x, "__array_ufunc__", None) is not None:
            return NotImplemented
    if method != "__call__":
        function = UFUNC_METHODS.get((ufunc, method))
        if function is None:
            raise _refusal(f"{_name(ufunc)}.{method} is no tinygraph operation")
        axis = kwargs.get("axis", 0)  # None means all axes
        return array_function(self, function, (Tensor,), inputs, {**given, "axis": axis})
    target = counterpart(ufunc)
    if target is None:
        if ufunc in INSPECTING:
            return _inspect(ufunc, inputs, kwargs)
        raise _refusal(f"{_name(ufunc)} is no tinygraph operation")
    for name, value in given.items():
        if not (name == "where" and value is True):
            raise _refusal(f"{_name(ufunc)}: tinygraph has no argument {name!r}")
    return target(*inputs)


def _arguments(
    function: Any, target: Callable[..., Any], args: Any, kwargs: dict[str, Any]
) -> BoundArguments:
    """Return the arguments of a NumPy function as those of the tinygraph function."""
    theirs, ours = signature(function), signature(target)
    places = list(ours.parameters.values())
    renamed = RENAMED.get(function, {})
    call = ours.bind_partial()
    bound = theirs.bind(*args, **kwargs).arguments
    for i, (name, parameter) in enumerate(theirs.parameters.items()):
        if name not in bound:
            continue
        if parameter.kind is Parameter.VAR_POSITIONAL:  # np.einsum(*operands)
            call = ours.bind_partial(*bound[name])
            continue
        options = {name: bound[name]}
        if parameter.kind is Parameter.VAR_KEYWORD:  # np.pad(..., **options)
            options = bound[name]
        elif i < len(places) and (
            parameter.default is Parameter.empty or parameter.kind is Parameter.POSITIONAL_ONLY
        ):
            options = {places[i].name: bound[name]}
        for key, value in options.items():
            place = ours.parameters.get(renamed.get(key, key))
            if place is not None:
                many = place.kind is Parameter.VAR_POSITIONAL
                call.arguments[place.name] = (value,) if many else value
            elif not (value is None or value is parameter.default or key == "optimize"):
                raise _refusal(f"{_name(function)}: tinygraph has no argument {key!r}")
    return call


def _inspect(function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    args, kwargs = _each((args, kwargs), lambda x: x.data if isinstance(x, Tensor) else x)
    found = function(*args, **kwargs)
    return _each(found, lambda x: wrap(x) if isinstance(x, np.ndarray) else x)


def _each(tree: Any, change: Callable[[Any], Any]) -> Any:
    return _tree.build(tree, map(change, _tree.leaves(tree)))


def _name(function: Any) -> str:
    inside = getattr(np.linalg, function.__name__, None) is function
    own = inside or getattr(np, function.__name__, None) is function
    home = "np" if own else getattr(function, "__module__", "").replace("numpy", "np")
    return f"{home}.{'linalg.' if inside else ''}{function.__name__}".lstrip(".")


def _refusal(what: str) -> TypeError:
    return TypeError(f"{what}; to compute with arrays, outside the graph, pass t.numpy()")
