"""ONNX nodes as tinygraph operations: a table from the operator's name to a function of Tensors.

The functions take a node's inputs by position, None for one left out, and its attributes by name,
with ONNX's defaults.  What NumPy does here is to read shapes and axes off inputs that hold them.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import linalg
from tinygraph.nn import functional as F

onnx = pytest.importorskip("onnx")

Operation = Callable[..., Any]

OPERATIONS: dict[str, Operation] = {
    "Abs": tg.abs,
    "Acos": tg.arccos,
    "Acosh": tg.arccosh,
    "Add": tg.add,
    "And": tg.logical_and,
    "Asin": tg.arcsin,
    "Asinh": tg.arcsinh,
    "Atan": tg.arctan,
    "Atanh": tg.arctanh,
    "BitwiseAnd": tg.bitwise_and,
    "BitwiseNot": tg.invert,
    "BitwiseOr": tg.bitwise_or,
    "BitwiseXor": tg.bitwise_xor,
    "Ceil": tg.ceil,
    "Concat": lambda *xs, axis: tg.concatenate(xs, axis),
    "Cos": tg.cos,
    "Cosh": tg.cosh,
    "Det": linalg.det,
    "Einsum": lambda *xs, equation: tg.einsum(equation, *xs),
    "Elu": lambda x, alpha=1.0: tg.elu(x, alpha),
    "Equal": tg.equal,
    "Erf": tg.erf,
    "Exp": tg.exp,
    "Floor": tg.floor,
    "Gather": lambda x, index, axis=0: tg.take(x, index, axis),
    "GatherElements": lambda x, index, axis=0: tg.take_along_axis(x, index, axis),
    "Gelu": lambda x, approximate="none": tg.gelu(x, approximate),
    "Greater": tg.greater,
    "GreaterOrEqual": tg.greater_equal,
    "HardSigmoid": lambda x, alpha=0.2, beta=0.5: tg.clip(alpha * x + beta, 0, 1),
    "HardSwish": tg.hardswish,
    "Identity": tg.clone,
    "IsNaN": tg.isnan,
    "LRN": lambda x, size, alpha=1e-4, beta=0.75, bias=1.0: F.local_response_norm(
        x, size, alpha, beta, bias
    ),
    "LeakyRelu": lambda x, alpha=0.01: tg.leaky_relu(x, alpha),
    "Less": tg.less,
    "LessOrEqual": tg.less_equal,
    "Log": tg.log,
    "LogSoftmax": lambda x, axis=-1: tg.log_softmax(x, axis),
    "LpNormalization": lambda x, axis=-1, p=2: F.normalize(x, p, axis),
    "MatMul": tg.matmul,
    "Mish": tg.mish,
    "Mod": lambda a, b, fmod=0: tg.fmod(a, b) if fmod else tg.remainder(a, b),
    "Mul": tg.multiply,
    "Neg": tg.negative,
    "NonZero": lambda x: tg.stack(tg.nonzero(x)),
    "Not": tg.logical_not,
    "Or": tg.logical_or,
    "PRelu": lambda x, slope: tg.maximum(x, 0) + slope * tg.minimum(x, 0),
    "Pow": lambda a, b: tg.power(a, b).astype(a.dtype),
    "Reciprocal": tg.reciprocal,
    "Relu": tg.relu,
    "Round": tg.round,
    "Selu": lambda x, alpha=None, gamma=None: (
        tg.selu(x) if alpha is gamma is None else gamma * tg.elu(x, alpha)
    ),
    "Sigmoid": tg.sigmoid,
    "Sign": tg.sign,
    "Sin": tg.sin,
    "Sinh": tg.sinh,
    "Softmax": lambda x, axis=-1: tg.softmax(x, axis),
    "Softplus": tg.softplus,
    "Softsign": tg.softsign,
    "Sqrt": tg.sqrt,
    "Sub": tg.subtract,
    "Swish": lambda x, alpha=1.0: tg.silu(x * alpha) / alpha,
    "Tan": tg.tan,
    "Tanh": tg.tanh,
    "ThresholdedRelu": lambda x, alpha=1.0: tg.where(x > alpha, x, 0.0),
    "Tile": lambda x, repeats: tg.tile(x, ints(repeats)),
    "Transpose": lambda x, perm=None: tg.transpose(x, perm),
    "Where": tg.where,
    "Xor": tg.logical_xor,
}


def run(model: Any, inputs: list[np.ndarray]) -> list[np.ndarray]:
    """Evaluate a graph, without initializers, on arrays."""
    values: dict[str, Any] = {"": None}
    for info, array in zip(model.graph.input, inputs, strict=True):
        values[info.name] = tg.tensor(array)
    for node in model.graph.node:
        attributes = {a.name: _attribute(a) for a in node.attribute}
        if node.op_type == "Split":
            attributes.setdefault("num_outputs", len(node.output))
        outputs = OPERATIONS[node.op_type](*(values[name] for name in node.input), **attributes)
        several = outputs if isinstance(outputs, tuple) else (outputs,)
        assert len(several) >= len(node.output)
        values.update(zip(node.output, several, strict=False))
    return [values[info.name].numpy() for info in model.graph.output]


def _attribute(attribute: Any) -> Any:
    value = onnx.helper.get_attribute_value(attribute)
    if attribute.type == onnx.AttributeProto.TENSOR:
        return tg.tensor(onnx.numpy_helper.to_array(value))
    return value.decode() if isinstance(value, bytes) else value


def operation(f: Operation) -> Operation:
    """Put a function of that name into the table."""
    OPERATIONS[f.__name__] = f
    return f


def ints(x: tg.Tensor | None) -> tuple[int, ...] | None:
    """Read the ints of an input that is really an attribute."""
    return None if x is None else tuple(np.atleast_1d(x.numpy()).tolist())


# -- elementwise ---------------------------------------------------------------------------------


for _name, _function in {"Max": tg.maximum, "Min": tg.minimum, "Sum": tg.add}.items():
    OPERATIONS[_name] = lambda *xs, f=_function: functools.reduce(f, xs)
OPERATIONS["Mean"] = lambda *xs: functools.reduce(tg.add, xs) / len(xs)


@operation
def Div(a, b):
    """Integers are divided towards 0."""
    return a / b if a.dtype.kind == "f" else (a - tg.fmod(a, b)) // b


@operation
def Celu(x, alpha=1.0):
    return alpha * tg.elu(x / alpha)


@operation
def Clip(x, low=None, high=None):
    bounds = [None if bound is None else bound.item() for bound in (low, high)]
    return tg.clone(x) if bounds == [None, None] else tg.clip(x, *bounds)


@operation
def IsInf(x, detect_negative=1, detect_positive=1):
    wanted = (x < 0) if not detect_positive else (x > 0) if not detect_negative else True
    return tg.logical_and(tg.isinf(x), wanted if detect_negative or detect_positive else False)


@operation
def Shrink(x, bias=0.0, lambd=0.5):
    return tg.where(x < -lambd, x + bias, tg.where(x > lambd, x - bias, 0.0))


@operation
def Cast(x, to, saturate=1, round_mode="up"):
    return x.astype(onnx.helper.tensor_dtype_to_np_dtype(to))


@operation
def CastLike(x, like, saturate=1, round_mode="up"):
    return x.astype(like.dtype)


@operation
def Dropout(x, ratio=None, training_mode=None, seed=None):
    training = training_mode is not None and bool(training_mode.item())
    p = ratio if isinstance(ratio, float) else 0.5 if ratio is None else ratio.item()
    y = tg.dropout(x, p, training)
    return y, tg.ones_like(x, bool)  # tests that really drop are of another random stream


# -- reductions ----------------------------------------------------------------------------------


_REDUCTIONS = {
    "ReduceL1": lambda x, *over: tg.sum(tg.abs(x), *over),
    "ReduceL2": lambda x, axes, keep: linalg.vector_norm(x, axis=axes, keepdims=keep),
    "ReduceLogSum": lambda x, *over: tg.log(tg.sum(x, *over)),
    "ReduceLogSumExp": tg.logsumexp,
    "ReduceMax": tg.amax,
    "ReduceMean": tg.mean,
    "ReduceMin": tg.amin,
    "ReduceProd": tg.prod,
    "ReduceSum": tg.sum,
    "ReduceSumSquare": lambda x, *over: tg.sum(tg.square(x), *over),
}


def _reduction(f):
    def reduced(x, axes=None, keepdims=1, noop_with_empty_axes=0):
        over = ints(axes) or (() if noop_with_empty_axes else None)
        return f(x, over, bool(keepdims))

    return reduced


OPERATIONS.update((name, _reduction(f)) for name, f in _REDUCTIONS.items())


def _position(f):
    def positions(x, axis=0, keepdims=1, select_last_index=0):
        if select_last_index:
            return x.shape[axis] - 1 - f(tg.flip(x, axis), axis, bool(keepdims))
        return f(x, axis, bool(keepdims))

    return positions


OPERATIONS["ArgMax"] = _position(tg.argmax)
OPERATIONS["ArgMin"] = _position(tg.argmin)


def _cumulative(f, neutral):
    def accumulated(x, axis, exclusive=0, reverse=0):
        i = axis.item() % x.ndim
        x = tg.flip(x, i) if reverse else x
        if exclusive:
            before = [(int(axis == i), 0) for axis in range(x.ndim)]
            x = tg.narrow(tg.pad(x, before, constant_values=neutral), i, 0, x.shape[i])
        y = f(x, i)
        return (tg.flip(y, i) if reverse else y).astype(x.dtype)

    return accumulated


OPERATIONS["CumSum"] = _cumulative(tg.cumsum, 0)
OPERATIONS["CumProd"] = _cumulative(tg.cumprod, 1)


@operation
def TopK(x, k, axis=-1, largest=1, sorted=1):
    return tg.topk(x, k.item(), axis, bool(largest))


@operation
def Hardmax(x, axis=-1):
    classes = F.one_hot(tg.argmax(x, axis), x.shape[axis])
    return tg.moveaxis(classes, -1, axis).astype(x.dtype)


# -- shape ---------------------------------------------------------------------------------------


@operation
def Reshape(x, shape, allowzero=0):
    sizes = ints(shape)
    if not allowzero:
        sizes = tuple(n or x.shape[i] for i, n in enumerate(sizes))
    return tg.reshape(x, sizes)


@operation
def Flatten(x, axis=1):
    return tg.reshape(x, (math.prod(x.shape[:axis]), -1))


@operation
def Squeeze(x, axes=None):
    return tg.squeeze(x, ints(axes))


@operation
def Unsqueeze(x, axes):
    return tg.expand_dims(x, ints(axes))


@operation
def Expand(x, shape):
    return tg.broadcast_to(x, np.broadcast_shapes(x.shape, ints(shape)))


@operation
def Split(x, split=None, axis=0, num_outputs=1):
    part = -(-x.shape[axis] // num_outputs)
    lengths = [part] * num_outputs if split is None else ints(split)
    return tg.split(x, np.cumsum(lengths)[:-1].tolist(), axis)


@operation
def Slice(x, starts, ends, axes=None, steps=None):
    starts, ends = ints(starts), ints(ends)
    axes = range(len(starts)) if axes is None else ints(axes)
    steps = (1,) * len(starts) if steps is None else ints(steps)
    index = [slice(None)] * x.ndim
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        if step < 0 and end < -x.shape[axis]:
            end = None
        index[axis] = slice(start, end, step)
    return x[tuple(index)]


@operation
def Shape(x, start=0, end=None):
    return tg.tensor(np.array(x.shape[start:end], np.int64))


@operation
def Size(x):
    return tg.tensor(np.array(x.size, np.int64))


@operation
def Constant(value):
    return value


@operation
def ConstantOfShape(shape, value=None):
    return tg.full(
        ints(shape), *((0.0, "float32") if value is None else (value.item(), value.dtype))
    )


@operation
def EyeLike(x, dtype=None, k=0):
    n, m = x.shape
    to = x.dtype if dtype is None else onnx.helper.tensor_dtype_to_np_dtype(dtype)
    return (tg.arange(n)[:, None] + k == tg.arange(m)).astype(to)


@operation
def Range(start, limit, delta):
    return tg.arange(start.item(), limit.item(), delta.item(), dtype=start.dtype)


@operation
def Pad(x, pads, value=None, axes=None, mode="constant"):
    widths = ints(pads)
    half = len(widths) // 2
    pairs = [(0, 0)] * x.ndim
    for i, axis in enumerate(range(x.ndim) if axes is None else ints(axes)):
        pairs[axis] = (widths[i], widths[i + half])
    return tg.pad(x, pairs, mode, 0 if value is None else value.item())


@operation
def CenterCropPad(x, shape, axes=None):
    index, pairs = [slice(None)] * x.ndim, [(0, 0)] * x.ndim
    for axis, n in zip(range(x.ndim) if axes is None else axes, ints(shape), strict=True):
        extra = n - x.shape[axis]
        if extra > 0:
            pairs[axis] = (extra // 2, extra - extra // 2)
        else:
            index[axis] = slice(-extra // 2, -extra // 2 + n)
    return tg.pad(x[tuple(index)], pairs)


@operation
def Trilu(x, k=None, upper=1):
    return (tg.triu if upper else tg.tril)(x, 0 if k is None else k.item())


@operation
def DepthToSpace(x, blocksize, mode="DCR"):
    return F.pixel_shuffle(_swap(x, blocksize**2, -1) if mode == "DCR" else x, blocksize)


@operation
def SpaceToDepth(x, blocksize, mode="DCR"):
    y = F.pixel_unshuffle(x, blocksize)
    return _swap(y, -1, blocksize**2) if mode == "DCR" else y


def _swap(x, *factors):
    """Exchange the factors of the channels: CRD, PyTorch's order, or DCR."""
    n, _, *size = x.shape
    return tg.swapaxes(x.reshape(n, *factors, *size), 1, 2).reshape(x.shape)


@operation
def Col2Im(x, image_shape, block_shape, dilations=(1, 1), pads=(0, 0, 0, 0), strides=(1, 1)):
    half = len(pads) // 2
    assert pads[:half] == pads[half:]
    args = ints(image_shape), ints(block_shape), tuple(dilations), tuple(pads[:half])
    return tg.fold(x, *args, tuple(strides))


# -- selection -----------------------------------------------------------------------------------


@operation
def Compress(x, condition, axis=None):
    if axis is None:
        x, axis = x.reshape(-1), 0
    return tg.take(x, tg.nonzero(condition)[0], axis)


@operation
def OneHot(indices, depth, values, axis=-1):
    n = int(depth.item())
    places = tg.where(indices < 0, indices + n, indices).astype(np.int64)
    inside = tg.logical_and(places >= 0, places < n)
    classes = F.one_hot(tg.where(inside, places, n), n + 1)[..., :n]  # n: none of them
    return tg.take(values, tg.moveaxis(classes, -1, axis))


@operation
def GatherND(x, indices, batch_dims=0):
    return x[_places(x, indices, batch_dims)]


def _places(x, indices, batch_dims=0):
    lead = [
        tg.tensor(np.arange(n).reshape(-1, *(1,) * (indices.ndim - 2 - i)))
        for i, n in enumerate(x.shape[:batch_dims])
    ]
    return (*lead, *tg.unbind(indices, -1))


@operation
def ScatterND(x, indices, updates, reduction="none"):
    return _update(x.at[_places(x, indices)], updates, reduction)


@operation
def ScatterElements(x, indices, updates, axis=0, reduction="none"):
    axis %= x.ndim
    if reduction == "add":
        positive = tg.where(indices < 0, indices + x.shape[axis], indices)
        return tg.scatter_add(x, axis, positive, updates)
    places = [tg.tensor(i) for i in np.ogrid[tuple(map(slice, indices.shape))]]
    places[axis] = indices
    return _update(x.at[tuple(places)], updates, reduction)


OPERATIONS["Scatter"] = ScatterElements


def _update(place, updates, reduction):
    names = {"none": "set", "add": "add", "mul": "multiply", "max": "max", "min": "min"}
    return getattr(place, names[reduction])(updates)


@operation
def ReverseSequence(x, lengths, batch_axis=1, time_axis=0):
    """The first elements of each sequence backwards, as many as ``lengths`` says."""
    shape = [1] * x.ndim
    shape[time_axis] = -1
    time = tg.arange(x.shape[time_axis], dtype=np.int64).reshape(shape)
    shape[time_axis], shape[batch_axis] = 1, -1
    ends = lengths.reshape(shape)
    places = tg.where(time < ends, ends - 1 - time, time)
    return tg.take_along_axis(x, tg.broadcast_to(places, x.shape), time_axis)


# -- linear algebra ------------------------------------------------------------------------------


@operation
def Gemm(a, b, c=None, alpha=1.0, beta=1.0, transA=0, transB=0):
    y = alpha * ((a.T if transA else a) @ (b.T if transB else b))
    return y if c is None else y + beta * c


@operation
def Attention(
    q,
    k,
    v,
    mask=None,
    past_key=None,
    past_value=None,
    is_causal=0,
    scale=None,
    q_num_heads=None,
    kv_num_heads=None,
):
    heads = q.ndim == 3
    if heads:
        q, k, v = (
            tg.swapaxes(x.reshape(*x.shape[:2], n, -1), 1, 2)
            for x, n in [(q, q_num_heads), (k, kv_num_heads), (v, kv_num_heads)]
        )
    if past_key is not None:
        k, v = tg.concatenate([past_key, k], 2), tg.concatenate([past_value, v], 2)
    if is_causal and (mask is not None or past_key is not None):
        past = 0 if past_key is None else past_key.shape[2]
        seen = tg.tril(tg.ones((q.shape[2], k.shape[2]), bool), past)
        mask = seen if mask is None else _restrict(mask, seen)
        is_causal = 0
    y = F.scaled_dot_product_attention(
        q, k, v, mask, is_causal=bool(is_causal), scale=scale, enable_gqa=True
    )
    if heads:
        y = tg.swapaxes(y, 1, 2)
        y = y.reshape(*y.shape[:2], -1)
    return y, k, v


def _restrict(mask, seen):
    return mask & seen if mask.dtype == bool else tg.where(seen, mask, -np.inf)


# -- windows -------------------------------------------------------------------------------------


def _windows(x, kernel, strides=None, dilations=None, pads=None, auto_pad="NOTSET"):
    """Return strides, dilations and the border before and after, for each spatial axis."""
    rank = len(kernel)
    strides, dilations = strides or [1] * rank, dilations or [1] * rank
    pads = pads or [0] * (2 * rank)
    pairs = list(zip(pads[:rank], pads[rank:], strict=True))
    if auto_pad in ("SAME_UPPER", "SAME_LOWER"):
        pairs = []
        for n, k, s, d in zip(x.shape[2:], kernel, strides, dilations, strict=True):
            total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
            pair = (total // 2, total - total // 2)
            pairs.append(pair if auto_pad == "SAME_UPPER" else pair[::-1])
    return tuple(strides), tuple(dilations), pairs


def _padding(x, kernel, pairs, value):
    """Return x and the padding for a pooling, which cannot be uneven, nor over half a window."""
    if all(a == b <= k // 2 for (a, b), k in zip(pairs, kernel, strict=True)):
        return x, tuple(a for a, _ in pairs)
    return tg.pad(x, [(0, 0), (0, 0), *pairs], constant_values=value), (0,) * len(pairs)


def _ranked(name, x):
    return getattr(F, f"{name}{x.ndim - 2}d")


@operation
def Conv(x, w, b=None, kernel_shape=None, group=1, **windows):
    strides, dilations, pairs = _windows(x, w.shape[2:], **windows)
    if all(a == b for a, b in pairs):
        padding = tuple(a for a, _ in pairs)
    else:
        x, padding = tg.pad(x, [(0, 0), (0, 0), *pairs]), 0
    return _ranked("conv", x)(x, w, b, strides, padding, dilations, group)


@operation
def ConvTranspose(
    x,
    w,
    b=None,
    kernel_shape=None,
    group=1,
    auto_pad="NOTSET",
    output_padding=None,
    output_shape=None,
    **windows,
):
    """All of the output, of which the pads cut off the border."""
    strides, dilations, pairs = _windows(x, w.shape[2:], **windows)
    extra = tuple(output_padding or [0] * len(strides))
    if output_shape is None and auto_pad != "NOTSET":
        output_shape = [n * s for n, s in zip(x.shape[2:], strides, strict=True)]
    y = _ranked("conv_transpose", x)(x, w, b, strides, 0, extra, group, dilations)
    if output_shape is None:
        ends = [n - after for n, (_, after) in zip(y.shape[2:], pairs, strict=True)]
    else:
        cuts = [n - m for n, m in zip(y.shape[2:], output_shape, strict=True)]
        short = tuple((0, max(-cut, 0)) for cut in cuts)
        y = tg.pad(y, [(0, 0), (0, 0), *short])
        starts = [(max(cut, 0) + (auto_pad == "SAME_LOWER")) // 2 for cut in cuts]
        pairs = [(start, 0) for start in starts]
        ends = [start + m for start, m in zip(starts, output_shape, strict=True)]
    return y[(..., *(slice(before, end) for (before, _), end in zip(pairs, ends, strict=True)))]


@operation
def MaxPool(x, kernel_shape, ceil_mode=0, storage_order=0, **windows):
    strides, dilations, pairs = _windows(x, kernel_shape, **windows)
    padded, padding = _padding(x, kernel_shape, pairs, -np.inf)  # (integers have even pads)
    y, indices = _ranked("max_pool", x)(
        padded, tuple(kernel_shape), strides, padding, dilations, bool(ceil_mode), True
    )
    n, c, *size = padded.shape
    if storage_order:  # the columns first
        indices = indices % size[1] * size[0] + indices // size[1]
    images = np.arange(n * c).reshape(n, c, *(1,) * len(size))  # ONNX counts through all of them
    return y, indices + tg.tensor(images * math.prod(size))


@operation
def MaxUnpool(x, indices, kernel_shape, **windows):
    strides, _, pairs = _windows(x, kernel_shape, **windows)
    assert x.shape[:2] == (1, 1)  # whose indices are those of a single image
    padding = tuple(a for a, _ in pairs)
    return F.max_unpool2d(x, indices, tuple(kernel_shape), strides, padding)


@operation
def AveragePool(x, kernel_shape, ceil_mode=0, count_include_pad=0, **windows):
    """A mean of what lies on ``x``, or also on its border."""
    strides, dilations, pairs = _windows(x, kernel_shape, **windows)
    plain, padding = _padding(x, kernel_shape, pairs, 0.0)
    if plain is x and set(dilations) == {1}:
        mode = bool(ceil_mode), bool(count_include_pad)
        return _ranked("avg_pool", x)(x, tuple(kernel_shape), strides, padding, *mode)
    border = [(0, 0), (0, 0), *pairs]
    inside = tg.pad(tg.ones_like(x), border, constant_values=float(count_include_pad))
    total = _sums(tg.pad(x, border), kernel_shape, strides, dilations, ceil_mode)
    return total / _sums(inside, kernel_shape, strides, dilations, ceil_mode)


def _sums(x, kernel, strides, dilations, ceil_mode):
    """Return the sum of each window, as a convolution of each channel with ones."""
    if ceil_mode:
        spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
        over = [-(n - m) % s for n, m, s in zip(x.shape[2:], spans, strides, strict=True)]
        x = tg.pad(x, [(0, 0), (0, 0), *((0, extra) for extra in over)])
    c = x.shape[1]
    ones = tg.ones((c, 1, *kernel), x.dtype)
    return _ranked("conv", x)(x, ones, None, strides, 0, dilations, c)


@operation
def LpPool(x, kernel_shape, ceil_mode=0, p=2, **windows):
    strides, dilations, pairs = _windows(x, kernel_shape, **windows)
    powers = tg.pad(tg.abs(x) ** p, [(0, 0), (0, 0), *pairs])
    return _sums(powers, kernel_shape, strides, dilations, ceil_mode) ** (1 / p)


@operation
def GlobalAveragePool(x):
    return _ranked("adaptive_avg_pool", x)(x, 1)


@operation
def GlobalMaxPool(x):
    return _ranked("adaptive_max_pool", x)(x, 1)


@operation
def Resize(
    x,
    roi=None,
    scales=None,
    sizes=None,
    axes=None,
    mode="nearest",
    coordinate_transformation_mode="half_pixel",
    nearest_mode="round_prefer_floor",
    cubic_coeff_a=-0.75,
):
    """Where ONNX's grid is one of PyTorch's, that is `interpolate`."""
    by_axis = dict(zip(axes or range(x.ndim), ints(sizes) or scales.tolist(), strict=True))
    wanted = [by_axis[axis] for axis in range(2, x.ndim)]
    if mode == "nearest":
        grid = (coordinate_transformation_mode, nearest_mode)
        corners = None
        mode = {
            ("half_pixel", "round_prefer_floor"): "nearest-exact",
            ("asymmetric", "floor"): "nearest",
        }[grid]
    else:
        assert x.ndim == 4
        mode = {"linear": "bilinear", "cubic": "bicubic"}[mode]
        corners = {"half_pixel": False, "align_corners": True}[coordinate_transformation_mode]
    return F.interpolate(
        x,
        **{"size" if scales is None else "scale_factor": wanted},
        mode=mode,
        align_corners=corners,
    )


@operation
def Upsample(x, scales, mode="nearest"):
    return F.interpolate(x, scale_factor=scales.tolist()[2:], mode=mode)


# -- normalisation and losses --------------------------------------------------------------------


@operation
def BatchNormalization(x, scale, b, mean, var, epsilon=1e-5, momentum=0.9, training_mode=0):
    if not training_mode:
        return tg.batch_norm(x, mean, var, scale, b, False, eps=epsilon)
    axes = (0, *range(2, x.ndim))
    y = tg.batch_norm(x, None, None, scale, b, True, eps=epsilon)
    batch = tg.mean(x, axes), tg.var(x, axes)  # of which PyTorch keeps the unbiased variance
    running = (momentum * a + (1 - momentum) * b for a, b in zip((mean, var), batch, strict=True))
    return y, *running


@operation
def InstanceNormalization(x, scale, b, epsilon=1e-5):
    return F.instance_norm(x, weight=scale, bias=b, eps=epsilon)


@operation
def GroupNormalization(x, scale, bias, num_groups, epsilon=1e-5, stash_type=1):
    return F.group_norm(x, num_groups, scale, bias, epsilon)


@operation
def LayerNormalization(x, scale, b=None, axis=-1, epsilon=1e-5, stash_type=1):
    axes = tuple(range(axis % x.ndim, x.ndim))
    y = F.layer_norm(x, x.shape[axes[0] :], scale, b, epsilon)
    return y, tg.mean(x, axes, True), tg.rsqrt(tg.var(x, axes, keepdims=True) + epsilon)


@operation
def RMSNormalization(x, scale, axis=-1, epsilon=1e-5, stash_type=1):
    return F.rms_norm(x, x.shape[axis % x.ndim :], scale, epsilon)


@operation
def MeanVarianceNormalization(x, axes=(0, 2, 3)):
    axes = tuple(axes)
    return (x - tg.mean(x, axes, True)) / (tg.std(x, axes, keepdims=True) + 1e-9)


@operation
def NegativeLogLikelihoodLoss(x, target, weight=None, ignore_index=-100, reduction="mean"):
    return F.nll_loss(x, target, weight, ignore_index, reduction)


@operation
def SoftmaxCrossEntropyLoss(x, target, weight=None, ignore_index=-100, reduction="mean"):
    loss = F.cross_entropy(x, target, weight, ignore_index, reduction)
    return loss, F.log_softmax(x, 1)
