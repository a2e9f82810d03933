"""Tensor: an array, its gradient, and the place in the graph that it came from.

The arithmetic lives in ``ops``; ``_methods`` binds it to Tensor, in one place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from . import _writes
from ._instead import missing

if TYPE_CHECKING:
    from . import _autograd, _methods, _numpy
    from . import _hooks as hooking
    from ._function import Node
    from .ops import (
        arranging,
        contraction,
        cumulative,
        elementwise,
        indexing,
        linalg,
        logic,
        reduction,
        rounding,
        selection,
        statistics,
        transcendental,
        update,
    )
    from .ops import shape as shapes

Array: TypeAlias = NDArray[Any]
TensorLike: TypeAlias = "Tensor | ArrayLike"
Shape: TypeAlias = tuple[int, ...]
Hooks: TypeAlias = "dict[object, Callable[[Tensor], Tensor | None]]"

_default_dtype: np.dtype[Any] = np.dtype(np.float32)


def set_default_dtype(dtype: DTypeLike) -> None:
    """Set the floating dtype that Python floats become (float32 at the start).

    Raises
    ------
    TypeError
        If ``dtype`` is not a floating dtype.
    """
    global _default_dtype
    new = np.dtype(dtype)
    if new.kind != "f":
        raise TypeError(f"set_default_dtype: expected a floating dtype, not {new}")
    _default_dtype = new


def get_default_dtype() -> np.dtype[Any]:
    """Return the floating dtype that Python floats become."""
    return _default_dtype


def to_array(data: Any, dtype: DTypeLike | None = None) -> Array:
    """Return ``data`` as a numeric ndarray, sharing its memory where it is an array already.

    Python floats, also in nested sequences, become the default dtype; arrays keep theirs, and
    integers alone become what NumPy makes of them: int64, or, from 2**63 on, uint64 or float64.

    Raises
    ------
    TypeError
        If the data, or ``dtype``, is not boolean, integer or real floating.
    """
    if isinstance(data, Tensor):
        data = data._array
    elif isinstance(data, (list, tuple)) and _holds_gradients(data):
        raise TypeError(
            f"a {type(data).__name__} of Tensors is no Tensor: their gradients would be lost; "
            "take one of them, or join them with tinygraph.stack"
        )
    typed = hasattr(data, "dtype")
    try:
        array = np.asarray(data, dtype=dtype)
    except ValueError as error:
        raise ValueError(f"cannot make a Tensor of {type(data).__name__}: {error}") from None
    if array.dtype.kind not in "fiub":
        what = (
            "complex numbers are not supported yet"
            if array.dtype.kind == "c"
            else (f"got {type(data).__name__} of dtype {array.dtype}")
        )
        raise TypeError(f"a Tensor holds booleans, integers or real floats: {what}")
    if dtype is None and not typed and array.dtype.kind == "f" and not _only_integers(data):
        array = array.astype(_default_dtype, copy=False)
    return array


def _holds_gradients(data: Sequence[Any]) -> bool:
    return any(
        value._requires_grad
        if isinstance(value, Tensor)
        else isinstance(value, (list, tuple)) and _holds_gradients(value)
        for value in data
    )


def _only_integers(data: Any) -> bool:
    """Tell whether these are Python's, of which NumPy makes floats if no dtype of its own fits."""
    if isinstance(data, (list, tuple)):
        return bool(data) and all(map(_only_integers, data))
    return isinstance(data, int)


class Constant:
    """A graph input that no gradient flows to: its shape, dtype and name, without its data.

    ``value`` is the number that a user wrote, as in ``x * 2``, or that is everywhere in an array.
    """

    __slots__ = ("dtype", "name", "shape", "value")

    def __init__(
        self,
        shape: Shape,
        dtype: np.dtype[Any],
        name: str | None,
        value: float | None = None,
    ) -> None:
        self.shape = shape
        self.dtype = dtype
        self.name = name
        self.value = value


class Tensor:
    """A NumPy array that remembers how it was computed.

    Parameters
    ----------
    data : array_like
        Shared, not copied, where it is an ndarray (`tinygraph.tensor` copies).
    requires_grad : bool
        Whether gradients are wanted; floating dtypes only.
    dtype : dtype, optional
        Convert to this dtype.  Default: an array's own; Python floats get the default dtype.
    name : str, optional
        How diagrams and error messages call it.

    Examples
    --------
    >>> import tinygraph as tg
    >>> x = tg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> y = (x * x).sum()
    >>> y.backward()
    >>> x.grad
    tensor([2., 4., 6.], dtype=float32)
    """

    # _source is the Node that made this Tensor; for a constant that entered a graph, its Constant;
    # else None: a leaf that requires a gradient is its own place in the graph.
    __slots__ = ("__weakref__", "_array", "_grad", "_hooks", "_name", "_requires_grad", "_source")

    __hash__ = object.__hash__  # == is elementwise; a Tensor is a key by identity

    _array: Array
    _source: Node | Constant | None
    _requires_grad: bool
    _grad: Tensor | None
    _name: str | None
    _hooks: Hooks | None  # of a leaf; those of a computed Tensor are its Node's

    def __init__(
        self,
        data: TensorLike,
        requires_grad: bool = False,
        *,
        dtype: DTypeLike | None = None,
        name: str | None = None,
    ) -> None:
        self._array = to_array(data, dtype)
        self._source = None
        self._grad = None
        self._hooks = None
        self._name = name
        self._requires_grad = False
        self.requires_grad = requires_grad

    # -- what it is ------------------------------------------------------------------------------

    @property
    def shape(self) -> Shape:
        """Its shape."""
        return self._array.shape

    @property
    def ndim(self) -> int:
        """The number of its axes."""
        return self._array.ndim

    @property
    def size(self) -> int:
        """The number of its elements."""
        return self._array.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """Its NumPy dtype."""
        return self._array.dtype

    @property
    def is_leaf(self) -> bool:
        """Whether no gradient flows through it to what it was computed from."""
        return self._source is None or not self._requires_grad

    @property
    def name(self) -> str | None:
        """How diagrams and messages call it."""
        return self._name if self._source is None else self._source.name

    @name.setter
    def name(self, name: str | None) -> None:
        if self._source is None:
            self._name = name
        else:
            self._source.name = name

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to it; can be set on leaves of floating dtype."""
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if value and self.dtype.kind != "f":
            raise TypeError(
                f"only floating Tensors can require a gradient, not {self.dtype}; "
                f"convert it first, e.g. with .astype({_default_dtype})"
            )
        if not self.is_leaf:
            if not value:
                raise ValueError("requires_grad of a computed Tensor is fixed; use .detach()")
            return
        if value and self._source is not None:  # it was a constant so far
            self._name, self._source = self._source.name, None
        self._requires_grad = bool(value)

    # -- its values ------------------------------------------------------------------------------

    @property
    def data(self) -> Array:
        """The array itself, outside the graph.

        Assigning copies the values in, so that views and the backward pass know of the write;
        the shapes must be equal.
        """
        return self._array

    @data.setter
    def data(self, value: TensorLike) -> None:
        new = to_array(value)
        if new is not self._array:
            if new.shape != self.shape:
                raise ValueError(f"data: expected shape {self.shape}, not {new.shape}")
            if not np.can_cast(new.dtype, self.dtype, "same_kind"):
                raise TypeError(f"data: {new.dtype} values do not fit a Tensor of {self.dtype}")
            if not self._array.flags.writeable:
                raise ValueError("data: the Tensor is read-only, as views of repeated elements are")
            np.copyto(self._array, new)
        _writes.log(self._array)

    def numpy(self) -> Array:
        """Return the array itself: no copy."""
        return self._array

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
        return np.array(self._array, dtype=dtype, copy=copy)

    def item(self) -> bool | int | float:
        """Return the only element as a Python number.

        Raises
        ------
        ValueError
            If there is not exactly one element.
        """
        if self.size != 1:
            raise ValueError(f"item: expected a single element, not shape {self.shape}")
        value: bool | int | float = self._array.item()
        return value

    def tolist(self) -> Any:
        """Return the values as nested lists of Python numbers."""
        return self._array.tolist()

    def detach(self) -> Tensor:
        """Return a leaf that shares this Tensor's memory and requires no gradient."""
        return wrap(self._array)

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("len() of a 0-d Tensor")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if not self.ndim:
            raise TypeError("iteration over a 0-d Tensor")
        return (self[i] for i in range(len(self)))

    def __contains__(self, value: object) -> bool:
        return value in self._array

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError(
                f"the truth value of a Tensor of shape {self.shape} is ambiguous; "
                "use .any() or .all()"
            )
        return bool(self._array)

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self.dtype.kind not in "iu" or self.ndim:
            raise TypeError(
                f"only 0-d integer Tensors can be an index, not {self.dtype} of shape {self.shape}"
            )
        return int(self._array)

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else str(self)

    def __repr__(self) -> str:
        values = np.array2string(self._array, separator=", ", prefix="tensor(")
        notes = [f"dtype={self.dtype}"]
        if not self.size:
            notes.insert(0, f"shape={self.shape}")
        if not self.is_leaf:
            notes.append(f"function={self._source}")
        elif self._requires_grad:
            notes.append("requires_grad=True")
        if self.name is not None:
            notes.append(f"name={self.name!r}")
        return f"tensor({values}, {', '.join(notes)})"

    def __reduce__(self) -> tuple[Any, ...]:
        if not self.is_leaf:
            raise TypeError(
                "a computed Tensor cannot be pickled or copied with its graph; "
                "take its .detach() or .clone()"
            )
        return _rebuild, (type(self), self._array, self._requires_grad, self.name, self._grad)

    # -- its gradient ----------------------------------------------------------------------------

    @property
    def grad(self) -> Tensor | None:
        """The gradient that `backward` has accumulated, or None."""
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            if not isinstance(value, Tensor):
                raise TypeError(f"grad must be a Tensor or None, not {type(value).__name__}")
            if value.shape != self.shape or value.dtype != self.dtype:
                raise ValueError(
                    f"grad: expected shape {self.shape} and dtype {self.dtype}, "
                    f"not {value.shape} and {value.dtype}"
                )
        self._grad = value

    def zero_grad(self) -> None:
        """Forget the accumulated gradient."""
        self._grad = None

    if TYPE_CHECKING:  # `_methods` binds these; the list there and this one are tested to agree
        __array_ufunc__ = _numpy.array_ufunc
        __array_function__ = _numpy.array_function
        __add__ = elementwise.add
        __radd__ = _methods._radd
        __iadd__ = _methods._iadd
        __sub__ = elementwise.subtract
        __rsub__ = _methods._rsub
        __isub__ = _methods._isub
        __mul__ = elementwise.multiply
        __rmul__ = _methods._rmul
        __imul__ = _methods._imul
        __truediv__ = elementwise.divide
        __rtruediv__ = _methods._rtruediv
        __itruediv__ = _methods._itruediv
        __pow__ = elementwise.power
        __rpow__ = _methods._rpow
        __ipow__ = _methods._ipow
        __matmul__ = linalg.matmul
        __rmatmul__ = _methods._rmatmul
        __imatmul__ = _methods._imatmul
        __mod__ = rounding.remainder
        __rmod__ = _methods._rmod
        __floordiv__ = rounding.floor_divide
        __rfloordiv__ = _methods._rfloordiv
        __and__ = logic.bitwise_and
        __rand__ = logic.bitwise_and
        __or__ = logic.bitwise_or
        __ror__ = logic.bitwise_or
        __xor__ = logic.bitwise_xor
        __rxor__ = logic.bitwise_xor
        __pos__ = elementwise.clone
        __round__ = _methods._round
        __neg__ = elementwise.negative
        __abs__ = elementwise.abs
        __invert__ = elementwise.invert
        __eq__ = _methods._eq  # type: ignore[assignment]
        __ne__ = _methods._ne  # type: ignore[assignment]
        __lt__ = elementwise.less
        __le__ = elementwise.less_equal
        __gt__ = elementwise.greater
        __ge__ = elementwise.greater_equal
        __getitem__ = indexing.getitem
        exp = elementwise.exp
        exp2 = transcendental.exp2
        expm1 = transcendental.expm1
        log1p = transcendental.log1p
        log2 = transcendental.log2
        log10 = transcendental.log10
        square = transcendental.square
        reciprocal = transcendental.reciprocal
        rsqrt = transcendental.rsqrt
        cbrt = transcendental.cbrt
        sin = transcendental.sin
        cos = transcendental.cos
        tan = transcendental.tan
        arcsin = transcendental.arcsin
        arccos = transcendental.arccos
        arctan = transcendental.arctan
        sinh = transcendental.sinh
        cosh = transcendental.cosh
        arcsinh = transcendental.arcsinh
        arccosh = transcendental.arccosh
        arctanh = transcendental.arctanh
        erf = transcendental.erf
        sign = rounding.sign
        floor = rounding.floor
        ceil = rounding.ceil
        round = rounding.round
        trunc = rounding.trunc
        isnan = logic.isnan
        isinf = logic.isinf
        isfinite = logic.isfinite
        log = elementwise.log
        sqrt = elementwise.sqrt
        abs = elementwise.abs
        tanh = elementwise.tanh
        sigmoid = elementwise.sigmoid
        relu = elementwise.relu
        clip = elementwise.clip
        astype = elementwise.astype
        clone = elementwise.clone
        sum = reduction.sum
        mean = reduction.mean
        max = reduction.max
        min = reduction.min
        amax = reduction.amax
        amin = reduction.amin
        argmax = reduction.argmax
        argmin = reduction.argmin
        any = reduction.any
        all = reduction.all
        logsumexp = reduction.logsumexp
        softmax = reduction.softmax
        log_softmax = reduction.log_softmax
        reshape = shapes.reshape
        transpose = shapes.transpose
        permute = shapes.permute
        flatten = shapes.flatten
        squeeze = shapes.squeeze
        unsqueeze = shapes.unsqueeze
        broadcast_to = shapes.broadcast_to
        count_nonzero = statistics.count_nonzero
        median = statistics.median
        nanmean = statistics.nanmean
        nansum = statistics.nansum
        std = statistics.std
        var = statistics.var
        cumprod = cumulative.cumprod
        cumsum = cumulative.cumsum
        prod = cumulative.prod
        argsort = selection.argsort
        gather = selection.gather
        index_add = selection.index_add
        index_select = selection.index_select
        masked_fill = selection.masked_fill
        masked_select = selection.masked_select
        nonzero = selection.nonzero
        scatter_add = selection.scatter_add
        sort = selection.sort
        take = selection.take
        topk = selection.topk
        __setitem__ = update.setitem
        chunk = arranging.chunk
        diag = arranging.diag
        diagonal = arranging.diagonal
        flip = arranging.flip
        narrow = arranging.narrow
        repeat = arranging.repeat
        repeat_interleave = arranging.repeat_interleave
        roll = arranging.roll
        split = arranging.split
        tile = arranging.tile
        trace = arranging.trace
        tril = arranging.tril
        triu = arranging.triu
        unbind = arranging.unbind
        expand = shapes.expand
        moveaxis = shapes.moveaxis
        ravel = shapes.ravel
        swapaxes = shapes.swapaxes
        view = shapes.reshape
        matmul = linalg.matmul
        dot = contraction.dot

        @property
        def at(self) -> update.At: ...
        @property
        def T(self) -> Tensor: ...
        @property
        def mT(self) -> Tensor: ...

        backward = _autograd.backward
        register_hook = hooking.register_hook
        retain_grad = hooking.retain_grad

    else:  # to a checker this would be every name there is

        def __getattr__(self, name: str) -> Any:
            raise missing(self, name)


_T = TypeVar("_T", bound=Tensor)
_new = object.__new__


def wrap(
    array: Array, source: Node | Constant | None = None, requires_grad: bool = False
) -> Tensor:
    """Make a Tensor of an ndarray, unchecked: the fast way, for the engine."""
    tensor = _new(Tensor)
    tensor._array = array
    tensor._source = source
    tensor._requires_grad = requires_grad
    tensor._grad = None
    tensor._hooks = None
    tensor._name = None
    return tensor


def as_tensor(value: Any) -> Tensor:
    """Return a Tensor as it is, and anything array-like as a constant that shares its memory."""
    return value if isinstance(value, Tensor) else wrap(to_array(value))


def _rebuild(
    kind: type[Tensor], array: Array, requires_grad: bool, name: str | None, grad: Tensor | None
) -> Tensor:
    tensor = _new(kind)
    tensor._array, tensor._source, tensor._name = array, None, name
    tensor._requires_grad, tensor._grad, tensor._hooks = requires_grad, grad, None
    return tensor


def as_tensors(values: Sequence[Any], exact: bool = False) -> list[Any]:
    """Return the operands of one operation as Tensors; None, for a missing one, stays None.

    Python and NumPy scalars are weak: they take the dtype of the others; a NumPy scalar alone
    keeps its own, because a 0-d array in a rule soon becomes one.  A float next to
    integers takes them, too, to the default dtype; or, if ``exact``, becomes float64 beside
    them, as a comparison needs it.

    Raises
    ------
    TypeError, ValueError
        As `to_array`, or if a number is too large for the dtype of the others.
    """
    if len(values) == 1 and isinstance(values[0], np.generic):  # weak next to nothing
        return [wrap(to_array(values[0]))]
    tensors = [
        value
        if value is None or isinstance(value, (Tensor, bool, int, float, np.generic))
        else wrap(to_array(value))
        for value in values
    ]
    strong = [value.dtype for value in tensors if isinstance(value, Tensor)]
    common = np.result_type(*strong) if strong else None
    if (common is None or common.kind in "iu") and any(
        isinstance(value, (float, np.floating)) for value in tensors
    ):
        common = np.dtype(np.float64) if exact else _default_dtype
        if not exact:
            tensors = [_from_integers(value, common) for value in tensors]
    return [
        value if value is None or isinstance(value, Tensor) else _weak(value, common)
        for value in tensors
    ]


def _from_integers(value: Any, dtype: np.dtype[Any]) -> Any:
    return value.astype(dtype) if isinstance(value, Tensor) and value.dtype.kind in "iu" else value


def _weak(value: Any, common: np.dtype[Any] | None) -> Tensor:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool) or common is None or common.kind == "b":
        array = to_array(value)
    else:
        try:
            array = to_array(value, common)
        except OverflowError:
            raise ValueError(f"the number {value} does not fit the dtype {common}") from None
    return wrap(array, Constant((), array.dtype, None, value))
