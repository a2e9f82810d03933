"""Sums of products over named axes: einsum, and the products that are cases of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import kernels
from .._function import Function, Value
from .._tensor import Array, Tensor, TensorLike, as_tensor, as_tensors
from ._arguments import normalize_axis
from ._subscripts import LETTERS, parse
from .elementwise import multiply_


class Einsum(Function):
    """Sum of products over named axes: goperands = einsum(g, others).

    The output may name an axis twice (the result goes on a diagonal of zeros) or one that no
    operand has (it is repeated ``sizes`` times), so that the rule is an einsum again.
    """

    def __init__(self, subscripts: str, sizes: Mapping[str, int] | None = None) -> None:
        self.subscripts, self.sizes = subscripts, sizes or {}

    def forward(self, *operands: Array) -> Array:
        given, out = self.subscripts.split("->")
        return kernels.contract(given.split(","), out, operands, self.sizes)

    def backward(self, g: Value, operands: Value, needs: Any) -> Value:
        given, out = self.subscripts.split("->")
        terms = given.split(",")
        gradients: list[Value] = [None] * len(terms)
        for i, (term, x) in enumerate(zip(terms, operands, strict=True)):
            if not needs.operands[i]:
                continue
            others = [*terms[:i], *terms[i + 1 :]]
            known = {*out, *(name for other in others for name in other)}
            lost = {name: n for name, n in zip(term, x.shape, strict=True) if name not in known}
            rule = Einsum(f"{','.join((out, *others))}->{term}", lost)
            gradients[i] = rule(g, *operands[:i], *operands[i + 1 :])
        return tuple(gradients)


# -- what users call -----------------------------------------------------------------------------


def einsum(*operands: Any) -> Tensor:
    """Return the sum of products that subscripts describe, in the notation of `numpy.einsum`.

    Parameters
    ----------
    *operands : str, then Tensors
        The subscripts, as ``"ij,jk->ik"``, and one Tensor for each of their terms.  Without
        ``->`` the output has, in alphabetical order, the letters that occur once.  A letter twice
        in a term takes the diagonal.  ``...`` stands for further axes, which broadcast; where the
        output has no ``...`` they are summed, as in PyTorch.  An axis of length 1 broadcasts
        against a longer one.  NumPy's other form alternates Tensors and lists of integers, and
        may end in such a list for the output: ``einsum(a, [0, 1], [1, 0])``.

    Raises
    ------
    ValueError
        If the subscripts are malformed or do not fit the shapes.
    TypeError
        If neither form is given.

    Examples
    --------
    >>> import tinygraph as tg
    >>> tg.einsum("ij,j->i", tg.eye(2), tg.tensor([3.0, 4.0])).tolist()
    [3.0, 4.0]
    """
    subscripts, given = _subscripts(operands)
    if any(x is None for x in given):
        raise TypeError("einsum: an operand is None")
    tensors = as_tensors(given)
    terms, out = parse(subscripts, tuple(x.shape for x in tensors))
    lengths: dict[str, int] = {}
    for term, x in zip(terms, tensors, strict=True):
        for name, n in zip(term, x.shape, strict=True):
            if n != 1 or name not in lengths:
                lengths[name] = n
    own: list[str] = []
    for i, (term, x) in enumerate(zip(terms, tensors, strict=True)):
        long = [name for name, n in zip(term, x.shape, strict=True) if n == lengths[name]]
        own.append("".join(long))
        if len(long) < len(term):  # what broadcasts is an axis that the operand does not have
            tensors[i] = x.reshape([lengths[name] for name in long])
    return Einsum(f"{','.join(own)}->{out}").apply(*tensors)


def _subscripts(operands: tuple[Any, ...]) -> tuple[str, list[Any]]:
    """Return the subscripts and the operands of either form."""
    if operands and isinstance(operands[0], str):
        return operands[0], list(operands[1:])
    if len(operands) < 2:
        raise TypeError("einsum: expected subscripts, as 'ij,jk->ik', and then the operands")
    paired = len(operands) // 2 * 2
    terms = [_letters(sublist) for sublist in operands[1:paired:2]]
    text = ",".join(terms)
    if len(operands) > paired:
        text += "->" + _letters(operands[-1])
    return text, list(operands[:paired:2])


def _letters(sublist: Any) -> str:
    if not isinstance(sublist, (Sequence, np.ndarray)) or isinstance(sublist, str):
        raise TypeError(
            f"einsum: expected subscripts, as 'ij,jk->ik', or a list of integers after each "
            f"operand, not {type(sublist).__name__}"
        )
    text = ""
    for label in sublist:
        if label is Ellipsis:
            text += "..."
        elif isinstance(label, (int, np.integer)) and 0 <= label < len(LETTERS):
            text += LETTERS[label]
        else:
            raise ValueError(f"einsum: a subscript must be an integer from 0 to 51, not {label!r}")
    return text


def tensordot(a: TensorLike, b: TensorLike, axes: Any = 2) -> Tensor:
    """Return the sum of products over pairs of axes of ``a`` and ``b``.

    Parameters
    ----------
    a, b : Tensor
    axes : int, or pair of ints or sequences
        The number of last axes of ``a`` and first ones of ``b``, in order; or which axes of ``a``,
        and which of ``b``.

    Returns
    -------
    Tensor
        The remaining axes of ``a``, then those of ``b``.

    Raises
    ------
    ValueError
        If an axis does not exist or the lengths of a pair differ.
    """
    a, b = _pair("tensordot", a, b)
    over_a, over_b = _axes(axes, a, b)
    axes_a = normalize_axis("tensordot", over_a, a.ndim)
    axes_b = normalize_axis("tensordot", over_b, b.ndim)
    lengths = [a.shape[i] for i in axes_a], [b.shape[i] for i in axes_b]
    if lengths[0] != lengths[1]:
        raise ValueError(
            f"tensordot: axes {axes_a} of shape {a.shape} and {axes_b} of shape {b.shape} "
            "differ in length"
        )
    if a.ndim + b.ndim - len(axes_a) > len(LETTERS):
        raise ValueError(f"tensordot: more than {len(LETTERS)} axes")
    term_a = LETTERS[: a.ndim]
    fresh = iter(LETTERS[a.ndim :])
    shared = {j: term_a[i] for i, j in zip(axes_a, axes_b, strict=True)}
    term_b = "".join(shared[j] if j in shared else next(fresh) for j in range(b.ndim))
    out = "".join(name for name in term_a + term_b if name not in shared.values())
    return Einsum(f"{term_a},{term_b}->{out}").apply(a, b)


def _axes(axes: Any, a: Tensor, b: Tensor) -> tuple[Sequence[int], Sequence[int]]:
    """Return the axes to sum over of either operand."""
    if isinstance(axes, (int, np.integer)):
        if not 0 <= axes <= min(a.ndim, b.ndim):
            raise ValueError(
                f"tensordot: axes={axes}, but the shapes are {a.shape} and {b.shape}: "
                f"expected 0 to {min(a.ndim, b.ndim)}"
            )
        return range(a.ndim - int(axes), a.ndim), range(int(axes))
    if not isinstance(axes, (Sequence, np.ndarray)) or isinstance(axes, str) or len(axes) != 2:
        raise TypeError(f"tensordot: axes must be an integer or a pair, not {axes!r}")
    left, right = ([i] if isinstance(i, (int, np.integer)) else i for i in axes)
    for given in (left, right):
        if not isinstance(given, (Sequence, np.ndarray)) or isinstance(given, str):
            raise TypeError(f"tensordot: axes must be integers, not {given!r}")
    return list(left), list(right)


def _pair(caller: str, a: TensorLike, b: TensorLike) -> tuple[Tensor, Tensor]:
    if a is None or b is None:
        raise TypeError(f"{caller}: an operand is None")
    left, right = as_tensors((a, b))
    return left, right


def _last_axes(caller: str, a: Tensor, b: Tensor, axis_b: int) -> Tensor:
    """Return the sum of products over the last axis of ``a`` and one of ``b``."""
    if a.shape[-1] != b.shape[axis_b]:
        raise ValueError(
            f"{caller}: shapes {a.shape} and {b.shape} do not match: "
            f"{a.shape[-1]} and {b.shape[axis_b]} elements"
        )
    return tensordot(a, b, (-1, axis_b))


def dot(a: TensorLike, b: TensorLike) -> Tensor:
    """Return the dot product, as `numpy.dot` defines it.

    Of vectors it is the inner product, of matrices the matrix product; a 0-d operand multiplies.
    Else it is the sum over the last axis of ``a`` and the last but one of ``b`` (or the only one).

    Raises
    ------
    ValueError
        If these axes differ in length.
    """
    a, b = _pair("dot", a, b)
    if not a.ndim or not b.ndim:
        return multiply_.apply(a, b)
    return _last_axes("dot", a, b, max(b.ndim - 2, 0))


def vdot(a: TensorLike, b: TensorLike) -> Tensor:
    """Return the sum of the products of all elements, of any two shapes of one size."""
    a, b = _pair("vdot", a, b)
    return _last_axes("vdot", a.reshape(-1), b.reshape(-1), 0)


def inner(a: TensorLike, b: TensorLike) -> Tensor:
    """Return the sum of products over the last axes; a 0-d operand multiplies.

    Raises
    ------
    ValueError
        If the last axes differ in length.
    """
    a, b = _pair("inner", a, b)
    if not a.ndim or not b.ndim:
        return multiply_.apply(a, b)
    return _last_axes("inner", a, b, b.ndim - 1)


def outer(a: TensorLike, b: TensorLike) -> Tensor:
    """Return all products of an element of ``a`` and one of ``b``, both flattened: (n, m)."""
    a, b = _pair("outer", a, b)
    return multiply_.apply(a.reshape(-1, 1), b.reshape(1, -1))


def kron(a: TensorLike, b: TensorLike) -> Tensor:
    """Return the Kronecker product: blocks of ``b``, each multiplied by an element of ``a``.

    The shape is the product of both, with axes of length 1 in front of the shorter one.
    """
    a, b = _pair("kron", a, b)
    ndim = max(a.ndim, b.ndim)
    shape_a, shape_b = ((1,) * (ndim - x.ndim) + x.shape for x in (a, b))
    blocks = multiply_.apply(
        a.reshape([n for length in shape_a for n in (length, 1)]),
        b.reshape([n for length in shape_b for n in (1, length)]),
    )
    return blocks.reshape([n * m for n, m in zip(shape_a, shape_b, strict=True)])


def bilinear(
    input1: TensorLike, input2: TensorLike, weight: TensorLike, bias: TensorLike | None = None
) -> Tensor:
    """Return y_o = input1ᵀ weight_o input2 + bias_o.

    Parameters
    ----------
    input1 : Tensor, shape (..., n)
    input2 : Tensor, shape (..., m)
    weight : Tensor, shape (out_features, n, m)
    bias : Tensor, shape (out_features,), optional

    Returns
    -------
    Tensor, shape (..., out_features)

    Raises
    ------
    ValueError
        If the shapes do not match.
    """
    a, b, w = as_tensor(input1), as_tensor(input2), as_tensor(weight)
    if not a.ndim or not b.ndim or a.shape[:-1] != b.shape[:-1]:
        raise ValueError(
            f"bilinear: the inputs must agree in all axes but the last, not {a.shape} and {b.shape}"
        )
    if w.ndim != 3 or w.shape[1:] != (a.shape[-1], b.shape[-1]):
        raise ValueError(
            f"bilinear: weight must have shape (out_features, {a.shape[-1]}, {b.shape[-1]}), "
            f"not {w.shape}"
        )
    rows = math.prod(a.shape[:-1])
    y = Einsum("ni,oij,nj->no").apply(a.reshape(rows, a.shape[-1]), w, b.reshape(rows, b.shape[-1]))
    y = y.reshape(*a.shape[:-1], w.shape[0])
    if bias is None:
        return y
    bias = as_tensor(bias)
    if bias.shape != w.shape[:1]:
        raise ValueError(
            f"bilinear: bias must have shape {w.shape[:1]} (weight shape {w.shape}), "
            f"not {bias.shape}"
        )
    return y + bias
