"""What a user reads after a mistake: the message names the operation, the argument, the shapes."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys

import numpy as np
import pytest

import tinygraph as tg
from tinygraph._instead import INSTEAD


def ones(*shape):
    return tg.ones(shape, requires_grad=True)


def freed():
    x = ones()
    y = x.exp()
    y.backward()
    return y


def stale():
    x = ones(2)
    y = (x * x).sum()
    x.data = [3.0, 4.0]
    return y


IMAGES, FILTERS, SCORES = ones(2, 3, 5, 6), ones(8, 3, 3, 3), ones(4, 5)
X = ones(2, 3)

# name: (call, exception, what the message says, in this order)
MESSAGES = {
    # making Tensors
    "ragged data": (lambda: tg.tensor([[1], [2, 3]]), ValueError, ["list", "inhomogeneous"]),
    "a string": (lambda: tg.tensor("abc"), TypeError, ["real floats", "str"]),
    "None": (lambda: tg.tensor(None), TypeError, ["real floats", "NoneType"]),
    "objects": (lambda: tg.tensor([{}]), TypeError, ["real floats", "object"]),
    "complex": (lambda: tg.tensor(1j), TypeError, ["complex numbers are not supported"]),
    "complex dtype": (lambda: tg.ones(2, dtype=complex), TypeError, ["complex numbers"]),
    "integers that want a gradient": (
        lambda: tg.tensor([1], requires_grad=True),
        TypeError,
        ["floating", "int64", ".astype(float32)"],
    ),
    "from_numpy of a list": (lambda: tg.from_numpy([1.0]), TypeError, ["ndarray", "list"]),
    "zeros of a negative size": (lambda: tg.zeros((2, -1)), ValueError, ["negative"]),
    "zeros of a float": (lambda: tg.zeros(1.5), TypeError, ["integer", "1.5"]),
    **{
        f"{name} of lengths one by one": (
            lambda name=name: getattr(tg, name)(2, 3),
            TypeError,
            [name, "one tuple", "(2, 3)", "3 is no dtype"],
        )
        for name in ("zeros", "ones")
    },
    "full of lengths one by one": (
        lambda: tg.full(2, 3, 4),
        TypeError,
        ["full", "one tuple", "(2, 3)", "4 is no dtype"],
    ),
    "full of an array": (lambda: tg.full((2, 2), [1.0, 2.0, 3.0]), ValueError, ["(3,)", "(2,2)"]),
    "rand of integers": (lambda: tg.rand(2, dtype=int), TypeError, ["rand", "floating", "int64"]),
    "randn of integers": (
        lambda: tg.randn(2, dtype=int),
        TypeError,
        ["randn", "floating", "int64"],
    ),
    "arange in steps of 0": (lambda: tg.arange(0, 5, 0), ValueError, ["arange", "step"]),
    "default dtype of integers": (lambda: tg.set_default_dtype("int64"), TypeError, ["floating"]),
    "rand of a negative size": (lambda: tg.rand(-1), ValueError, ["negative"]),
    # operators
    "broadcasting": (lambda: ones(2, 3) + ones(4), ValueError, ["Add", "(2, 3)", "(4,)"]),
    "broadcasting an array": (
        lambda: np.ones((2, 2)) * X,
        ValueError,
        ["Multiply", "(2, 2)", "(2, 3)"],
    ),
    "comparing shapes": (lambda: ones(2) < ones(3), ValueError, ["Less", "(2,)", "(3,)"]),
    "adding a string": (lambda: X + "a", TypeError, ["real floats", "str"]),
    "adding None": (lambda: X + None, TypeError, ["Add", "None"]),
    "a function of None": (lambda: tg.exp(None), TypeError, ["Exp", "None"]),
    "maximum with None": (lambda: tg.maximum(X, None), TypeError, ["Maximum", "None"]),
    "matmul with None": (lambda: tg.matmul(X, None), TypeError, ["matmul", "None"]),
    "copying None": (lambda: tg.clone(None), TypeError, ["Clone", "None"]),
    "minus a boolean": (lambda: -tg.tensor([True]), TypeError, ["boolean"]),
    "a negative power of integers": (
        lambda: tg.tensor([2]) ** -1,
        ValueError,
        ["ntegers to negative integer powers"],
    ),
    "a number too large for the dtype": (
        lambda: tg.tensor([1], dtype=np.int8) + 1000,
        ValueError,
        ["1000", "int8"],
    ),
    **{
        f"a leaf {symbol}= 2.0 under no_grad": (
            tg.no_grad()(lambda name=name: getattr(ones(2), name)(2.0)),
            TypeError,
            ["no_grad", f"x {symbol}= y", "leave the leaf x as it is", f"x.data {symbol}= y"],
        )
        for name, symbol in (
            *(("__iadd__", "+"), ("__isub__", "-"), ("__imul__", "*"), ("__itruediv__", "/")),
            *(("__ipow__", "**"), ("__imatmul__", "@")),
        )
    },
    "where by numbers": (lambda: tg.where(X, X, X), TypeError, ["where", "boolean", "float32"]),
    "where of shapes": (
        lambda: tg.where(np.ones(2, bool), X, X),
        ValueError,
        ["Where", "(2,)", "(2, 3)"],
    ),
    "clip by a Tensor": (lambda: tg.clip(X, X), TypeError, ["clip", "low", "Tensor", "tg.maximum"]),
    "clip by a string": (lambda: X.clip(0, "1"), TypeError, ["clip", "high", "str"]),
    "astype of what is no dtype": (lambda: X.astype("floaty"), TypeError, ["floaty"]),
    "astype complex": (lambda: X.astype(complex), TypeError, ["astype", "complex128"]),
    # axes
    **{
        f"{name} over axis 2": (
            lambda name=name: getattr(tg, name)(X, 2),
            ValueError,
            [name, "axis 2", "2 dimensions"],
        )
        for name in (
            *("sum", "mean", "var", "max", "min", "amax", "amin", "argmax", "argmin", "any"),
            *("all", "logsumexp", "softmax", "log_softmax", "squeeze"),
        )
    },
    **{
        f"{name} over a {type(axis).__name__}": (
            lambda name=name, axis=axis: getattr(tg, name)(X, axis),
            TypeError,
            [name, "axis must be", type(axis).__name__],
        )
        for name in ("sum", "mean", "var", "max", "amax", "any", "logsumexp", "squeeze")
        for axis in (1.0, "0")
    },
    "softmax over a float": (lambda: tg.softmax(X, 1.0), TypeError, ["softmax", "axis", "float"]),
    "softmax over two axes": (
        lambda: tg.softmax(X, (0, 1)),
        TypeError,
        ["softmax", "axis", "tuple"],
    ),
    "argmax over two axes": (lambda: tg.argmax(X, (0, 1)), TypeError, ["argmax", "axis", "tuple"]),
    "an axis named twice": (lambda: X.sum((0, -2)), ValueError, ["sum", "(0, -2)", "twice"]),
    "softmax of a number": (lambda: tg.softmax(1.0, 1), ValueError, ["softmax", "0 dimensions"]),
    "max of nothing": (lambda: tg.zeros((2, 0)).max(1), ValueError, ["max", "(2, 0)", "axis 1"]),
    "argmin of nothing": (lambda: tg.zeros(0).argmin(), ValueError, ["argmin", "(0,)"]),
    **{
        f"{name} of integers": (
            lambda name=name: getattr(tg, name)(tg.tensor([1, 2]), 0),
            TypeError,
            [name, "float", "int64"],
        )
        for name in ("softmax", "log_softmax", "logsumexp")
    },
    # shapes
    "reshape": (lambda: X.reshape(4, 2), ValueError, ["reshape", "6 elements", "(2, 3)", "(4, 2)"]),
    "reshape -1": (lambda: X.reshape(4, -1), ValueError, ["reshape", "(2, 3)", "(4, -1)"]),
    "reshape -1 twice": (lambda: X.reshape(6, -1, -1), ValueError, ["reshape", "-1"]),
    "reshape to negatives": (lambda: X.reshape(-2, -3), ValueError, ["reshape", "(-2, -3)"]),
    "reshape nothing": (lambda: ones(0).reshape(0, -1), ValueError, ["reshape", "(0, -1)"]),
    "reshape to floats": (lambda: X.reshape(2.0, 3.0), TypeError, ["reshape", "integer"]),
    "reshape to None": (lambda: X.reshape(None), TypeError, ["reshape", "None"]),
    "transpose": (lambda: X.transpose(0), ValueError, ["transpose", "1 axes", "(2, 3)"]),
    "transpose of two axes, as PyTorch's": (
        lambda: ones(2, 3, 4).transpose(1, 2),
        ValueError,
        ["transpose", "2 axes", "(2, 3, 4)", "swapaxes(1, 2)"],
    ),
    "transpose twice": (lambda: X.transpose(0, 0), ValueError, ["transpose", "twice"]),
    "permute": (lambda: X.permute(0, 2), ValueError, ["axis 2", "2 dimensions"]),
    "mT of a vector": (lambda: ones(3).mT, ValueError, ["mT", "(3,)"]),
    "flatten": (lambda: X.flatten(1, 0), ValueError, ["flatten", "start_dim 1", "end_dim 0"]),
    "flatten too far": (lambda: X.flatten(2), ValueError, ["flatten", "axis 2"]),
    "squeeze": (lambda: X.squeeze(1), ValueError, ["squeeze", "axis 1", "(2, 3)"]),
    "unsqueeze": (lambda: X.unsqueeze(4), ValueError, ["axis 4", "3 dimensions"]),
    "unsqueeze None": (lambda: X.unsqueeze(None), TypeError, ["axis must be"]),
    "broadcast_to": (
        lambda: X.broadcast_to((2, 4)),
        ValueError,
        ["broadcast_to", "(2, 3)", "(2, 4)"],
    ),
    "broadcast_to less": (lambda: X.broadcast_to((3,)), ValueError, ["broadcast_to", "(2, 3)"]),
    "broadcast_to a negative length": (
        lambda: tg.ones((2, 1)).broadcast_to((2, -1)),
        ValueError,
        ["broadcast_to", "(2, -1)"],
    ),
    "broadcast_to a new negative length": (
        lambda: tg.ones(3).broadcast_to((-2, 3)),
        ValueError,
        ["broadcast_to", "(-2, 3)"],
    ),
    "broadcast_to an int": (lambda: X.broadcast_to(3), TypeError, ["broadcast_to", "int"]),
    "concatenate nothing": (
        lambda: tg.concatenate([]),
        ValueError,
        ["concatenate", "at least one"],
    ),
    "concatenate numbers": (lambda: tg.concatenate([1.0, 2.0]), ValueError, ["0-d", "stack"]),
    "concatenate shapes": (
        lambda: tg.concatenate([X, ones(3, 2)]),
        ValueError,
        ["concatenate", "axis 0", "(2, 3)", "(3, 2)"],
    ),
    "concatenate ranks": (lambda: tg.concatenate([X, ones(3)]), ValueError, ["(2, 3)", "(3,)"]),
    "concatenate no list": (lambda: tg.concatenate(5), TypeError, ["concatenate", "int"]),
    "stack nothing": (lambda: tg.stack(()), ValueError, ["stack", "at least one"]),
    "stack shapes": (lambda: tg.stack([X, ones(3)]), ValueError, ["stack", "(2, 3)", "(3,)"]),
    "stack no list": (lambda: tg.stack(None), TypeError, ["stack", "None"]),
    "pad by less than nothing": (lambda: tg.pad(X, -1), ValueError, ["pad", "at least 0", "-1"]),
    "pad by a float": (lambda: tg.pad(X, 0.5), ValueError, ["pad", "integers", "0.5"]),
    "pad three axes": (lambda: tg.pad(X, [(1, 1)] * 3), ValueError, ["pad", "each axis", "(2, 3)"]),
    "pad unevenly": (lambda: tg.pad(X, [(1, 1), (1,)]), ValueError, ["pad", "each axis", "(2, 3)"]),
    "pad with a string": (
        lambda: tg.pad(X, 1, constant_values="1"),
        TypeError,
        ["pad", "constant_values"],
    ),
    "pad in no mode": (lambda: tg.pad(X, 1, "edgy"), ValueError, ["pad", "edge", "'edgy'"]),
    "pad around nothing": (
        lambda: tg.pad(ones(2, 0), 1, "edge"),
        ValueError,
        ["pad", "'edge'", "axis 1", "(2, 0)"],
    ),
    # indexing
    "index out of bounds": (lambda: X[2], IndexError, ["2", "out of bounds", "axis 0"]),
    "too many indices": (lambda: X[0, 0, 0], IndexError, ["too many indices"]),
    "index by a float": (lambda: X[1.0], IndexError, ["integers"]),
    "index by floats": (lambda: X[[0.5]], TypeError, ["index", "integers", "float32"]),
    "index by a string": (lambda: X["a"], IndexError, ["integers"]),
    "index by a ragged list": (lambda: X[[[0], [0, 1]]], ValueError, ["list"]),
    "mask of another shape": (lambda: X[np.ones(3, bool)], IndexError, ["boolean", "2", "3"]),
    # matrix products
    "matmul": (
        lambda: X @ X,
        ValueError,
        ["matmul", "(2, 3)", "(2, 3)", "3 columns", "2 rows"],
    ),
    "matmul of numbers": (lambda: X @ tg.tensor(2.0), ValueError, ["matmul", "0-d", "*"]),
    "matmul of batches": (
        lambda: ones(2, 2, 3) @ ones(3, 3, 2),
        ValueError,
        ["matmul", "leading axes", "(2, 2, 3)", "(3, 3, 2)"],
    ),
    "linear features": (
        lambda: tg.linear(X, ones(4, 5)),
        ValueError,
        ["linear", "5 features", "(4, 5)", "(2, 3)"],
    ),
    "linear weight": (lambda: tg.linear(X, ones(3)), ValueError, ["linear", "weight", "(3,)"]),
    "linear bias": (
        lambda: tg.linear(X, ones(4, 3), ones(3)),
        ValueError,
        ["linear", "bias", "(4,)", "(3,)"],
    ),
    "linear of a number": (lambda: tg.linear(1.0, ones(4, 3)), ValueError, ["linear", "()"]),
    # convolution and windows
    "conv2d channels": (
        lambda: tg.conv2d(ones(2, 4, 28, 28), FILTERS),
        ValueError,
        ["conv2d", "3 input channels", "(8, 3, 3, 3)", "4", "(2, 4, 28, 28)"],
    ),
    "conv2d channels in groups": (
        lambda: tg.conv2d(IMAGES, FILTERS, groups=2),
        ValueError,
        ["conv2d", "3 input channels", "2 groups", "(2, 3, 5, 6)"],
    ),
    "conv2d groups": (lambda: tg.conv2d(IMAGES, FILTERS, groups=3), ValueError, ["8", "3 groups"]),
    "conv2d no groups": (lambda: tg.conv2d(IMAGES, FILTERS, groups=0), ValueError, ["0 groups"]),
    "conv2d groups by string": (
        lambda: tg.conv2d(IMAGES, FILTERS, groups="2"),
        TypeError,
        ["conv2d", "groups", "'2'"],
    ),
    "conv2d rank": (
        lambda: tg.conv2d(X, FILTERS),
        ValueError,
        ["conv2d", "(N, C, H, W)", "(2, 3)"],
    ),
    "conv2d weight": (lambda: tg.conv2d(IMAGES, X), ValueError, ["conv2d", "weight", "(2, 3)"]),
    "conv2d bias": (
        lambda: tg.conv2d(IMAGES, FILTERS, ones(3)),
        ValueError,
        ["conv2d", "bias", "(8,)", "(3,)"],
    ),
    "conv2d window": (
        lambda: tg.conv2d(IMAGES, FILTERS, dilation=3),
        ValueError,
        ["conv2d", "(7, 7)", "larger than the padded image", "(5, 6)"],
    ),
    "conv2d empty kernel": (
        lambda: tg.conv2d(IMAGES, ones(8, 3, 0, 3)),
        ValueError,
        ["conv2d", "weight", "(8, 3, 0, 3)"],
    ),
    **{
        f"conv2d {name}={value!r}": (
            lambda name=name, value=value: tg.conv2d(IMAGES, FILTERS, **{name: value}),
            error,
            ["conv2d", name, str(value)],
        )
        for name, value, error in (
            ("stride", 0, ValueError),
            ("stride", 1.5, TypeError),
            ("stride", (1, 2, 3), TypeError),
            ("stride", None, TypeError),
            ("padding", -1, ValueError),
            ("padding", "some", ValueError),
            ("dilation", 0, ValueError),
            ("dilation", (1, "2"), TypeError),
        )
    },
    **{
        f"{name} window": (
            lambda name=name: getattr(tg, name)(IMAGES, 7),
            ValueError,
            [name, "(7, 7)", "larger than the padded image", "(5, 6)"],
        )
        for name in ("unfold", "max_pool2d", "avg_pool2d")
    },
    **{
        f"{name} padding": (
            lambda name=name: getattr(tg, name)(IMAGES, 3, padding=2),
            ValueError,
            [name, "padding (2, 2)", "half", "(3, 3)"],
        )
        for name in ("max_pool2d", "avg_pool2d")
    },
    **{
        f"{name} rank": (
            lambda name=name: getattr(tg, name)(X, 2),
            ValueError,
            [name, "(N, C, H, W)", "(2, 3)"],
        )
        for name in ("unfold", "max_pool2d", "avg_pool2d")
    },
    "avg_pool2d of integers": (
        lambda: tg.avg_pool2d(np.ones((1, 1, 4, 4), int), 2),
        TypeError,
        ["avg_pool2d", "float", "int64"],
    ),
    "max_pool2d kernel": (lambda: tg.max_pool2d(IMAGES, 0), ValueError, ["kernel_size", "0"]),
    "avg_pool2d kernel": (lambda: tg.avg_pool2d(IMAGES, None), TypeError, ["kernel_size", "None"]),
    "fold columns": (
        lambda: tg.fold(ones(1, 4, 5), 3, 2),
        ValueError,
        ["fold", "2 x 2 windows", "(N, C * 4, 4)", "(1, 4, 5)"],
    ),
    "fold rows": (lambda: tg.fold(ones(1, 3, 4), 3, 2), ValueError, ["fold", "(1, 3, 4)"]),
    "fold rank": (lambda: tg.fold(ones(4), 3, 2), ValueError, ["fold", "(N, C * kh * kw, L)"]),
    # losses
    "class too large": (
        lambda: tg.cross_entropy(SCORES, np.array([0, 1, 5, 2])),
        ValueError,
        ["cross_entropy", "class 5", "5 classes", "0 to 4", "(4, 5)"],
    ),
    "class below 0": (
        lambda: tg.cross_entropy(SCORES, np.array([0, -1, 0, 0])),
        ValueError,
        ["cross_entropy", "class -1", "5 classes"],
    ),
    "class for nll": (
        lambda: tg.nll_loss(SCORES, [0, 9, 0, 0]),
        ValueError,
        ["nll_loss", "class 9"],
    ),
    "number of classes": (
        lambda: tg.cross_entropy(SCORES, np.zeros(3, int)),
        ValueError,
        ["cross_entropy", "(4, 5)", "(4,)", "(3,)"],
    ),
    "rank of classes": (
        lambda: tg.cross_entropy(SCORES, np.zeros((4, 1), int)),
        ValueError,
        ["cross_entropy", "(4, 5)", "(4,)", "(4, 1)"],
    ),
    "shape of probabilities": (
        lambda: tg.cross_entropy(SCORES, ones(4)),
        ValueError,
        ["cross_entropy", "(4,)", "(4, 5)", "float32", "(4,)"],
    ),
    "boolean target": (
        lambda: tg.cross_entropy(SCORES, np.zeros((4, 5), bool)),
        ValueError,
        ["cross_entropy", "integers", "bool"],
    ),
    "what a recurrent layer returns": (
        lambda: tg.nn.Linear(3, 2)(tg.nn.LSTM(4, 3)(np.ones((5, 4), np.float32))),
        TypeError,
        ["a tuple of Tensors", "take one"],
    ),
    "integer logits": (
        lambda: tg.cross_entropy(np.ones((4, 5), int), np.zeros(4, int)),
        ValueError,
        ["cross_entropy", "floating", "int64"],
    ),
    "number of weights": (
        lambda: tg.cross_entropy(SCORES, np.zeros(4, int), np.ones(4)),
        ValueError,
        ["cross_entropy", "weight", "(5,)", "(4,)"],
    ),
    "smoothing": (
        lambda: tg.cross_entropy(SCORES, np.zeros(4, int), label_smoothing=1.5),
        ValueError,
        ["label_smoothing", "0 to 1", "1.5"],
    ),
    "probabilities for nll": (
        lambda: tg.nll_loss(SCORES, SCORES),
        ValueError,
        ["nll_loss", "class indices", "float32"],
    ),
    **{
        f"{name} reduction": (
            lambda name=name, target=target: getattr(tg, name)(SCORES, target, reduction="avg"),
            ValueError,
            [name, "'none', 'mean' or 'sum'", "'avg'"],
        )
        for name, target in (
            ("cross_entropy", np.zeros(4, int)),
            ("nll_loss", np.zeros(4, int)),
            ("mse_loss", SCORES),
        )
    },
    # normalisation
    "batch_norm rank": (
        lambda: tg.batch_norm(ones(3), None, None),
        ValueError,
        ["batch_norm", "(N, C, ...)", "(3,)"],
    ),
    "batch_norm weight": (
        lambda: tg.batch_norm(X, None, None, ones(2)),
        ValueError,
        ["batch_norm", "weight", "(3,)", "(2,)"],
    ),
    "batch_norm of one value": (
        lambda: tg.batch_norm(ones(1, 3), None, None, training=True),
        ValueError,
        ["batch_norm", "more than one value", "(1, 3)"],
    ),
    "batch_norm statistics in an array": (
        lambda: tg.batch_norm(X, np.zeros(3), np.ones(3), training=True),
        TypeError,
        ["batch_norm", "running_mean", "Tensor", "ndarray"],
    ),
    "batch_norm statistics in a list": (
        lambda: tg.batch_norm(X, [0.0] * 3, [1.0] * 3),
        TypeError,
        ["batch_norm", "running_mean", "Tensor", "list"],
    ),
    "dropout": (lambda: tg.dropout(X, 1.5), ValueError, ["dropout", "p must be", "0 to 1", "1.5"]),
    "dropout by a string": (lambda: tg.dropout(X, "half"), TypeError, ["dropout", "p must be"]),
    "dropout of integers": (
        lambda: tg.dropout(tg.tensor([1, 2])),
        TypeError,
        ["dropout", "float", "int64"],
    ),
    # gradients
    "backward of several numbers": (
        lambda: (X * 2).backward(),
        ValueError,
        ["backward", "(2, 3)", "single number"],
    ),
    "gradient of another shape": (
        lambda: (X * 2).backward(ones(3)),
        ValueError,
        ["backward", "(2, 3)", "gradient", "(3,)"],
    ),
    "backward of a constant": (
        lambda: tg.ones(()).backward(),
        ValueError,
        ["backward", "requires_grad=True", "no_grad"],
    ),
    "backward through a freed graph": (
        lambda: freed().backward(),
        ValueError,
        ["backward through Exp", "freed", "retain_graph=True"],
    ),
    "backward through a stale value": (
        lambda: stale().backward(),
        ValueError,
        ["backward through Multiply", "'a' was written", ".clone()"],
    ),
    "grad of a constant": (lambda: tg.grad(tg.ones(()), X), ValueError, ["grad", "requires_grad"]),
    "grad for a constant": (
        lambda: tg.grad(X.sum(), [X, tg.ones(2)]),
        ValueError,
        ["grad", "input 1", "require"],
    ),
    "grad for what is unused": (
        lambda: tg.grad(X.sum(), ones(2)),
        ValueError,
        ["grad", "do not depend on input 0", "allow_unused=True"],
    ),
    "grad of several numbers": (lambda: tg.grad(X * 2, X), ValueError, ["grad", "(2, 3)"]),
    "grad with too few gradients": (
        lambda: tg.grad([X.sum(), X.mean()], X, [None]),
        ValueError,
        ["grad", "2 outputs", "1 grad_outputs"],
    ),
    "grad of a number": (lambda: tg.grad(1.0, X), TypeError, ["grad", "Tensor", "float"]),
    "grad for an array": (lambda: tg.grad(X.sum(), [np.ones(2)]), TypeError, ["grad", "ndarray"]),
    "grad for None": (lambda: tg.grad(X.sum(), None), TypeError, ["grad", "None"]),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_message(name):
    call, error, parts = MESSAGES[name]
    with pytest.raises(error) as caught:
        call()
    pattern = ".*".join(map(re.escape, parts))
    assert re.search(pattern, str(caught.value), re.DOTALL), str(caught.value)


def test_mse_loss_warns_of_broadcasting():
    with pytest.warns(UserWarning, match=r"mse_loss: .*\(4, 5\).*\(5,\)"):
        tg.mse_loss(SCORES, ones(5))


# -- clumsy users --------------------------------------------------------------------------------

NOT_CALLED = {"get_default_dtype", "is_grad_enabled", "enable_grad", "no_grad"}  # no arguments
NOT_CALLED |= {"draw", "function", "load", "save"}  # files, which have tests of their own
GOOD = {  # arguments that work; every one of them is then spoilt in turn
    **dict.fromkeys(("add", "subtract", "multiply", "divide", "maximum", "minimum"), (X, X)),
    **dict.fromkeys(("power", "equal", "not_equal", "less", "less_equal", "greater"), (X, X)),
    **dict.fromkeys(("sum", "mean", "max", "min", "amax", "amin", "argmax", "argmin"), (X, 0)),
    **dict.fromkeys(("any", "all", "logsumexp", "softmax", "log_softmax", "flatten"), (X, 0)),
    **dict.fromkeys(("exp", "log", "sqrt", "abs", "tanh", "sigmoid", "relu", "negative"), (X,)),
    **dict.fromkeys(("exp2", "expm1", "log1p", "log2", "log10", "square", "reciprocal"), (X,)),
    **dict.fromkeys(("rsqrt", "cbrt", "erf", "sin", "cos", "tan", "arcsin", "arccos"), (X,)),
    **dict.fromkeys(("arctan", "sinh", "cosh", "arcsinh", "arccosh", "arctanh", "sign"), (X,)),
    **dict.fromkeys(("floor", "ceil", "trunc", "isnan", "isinf", "isfinite", "selu"), (X,)),
    **dict.fromkeys(("silu", "mish", "softsign", "log_sigmoid", "hardsigmoid"), (X,)),
    **dict.fromkeys(("hardswish", "relu6"), (X,)),
    **dict.fromkeys(("fmax", "fmin", "arctan2", "hypot", "logaddexp", "fmod"), (X, X)),
    **dict.fromkeys(("remainder", "floor_divide", "logical_and", "logical_or"), (X, X)),
    **dict.fromkeys(("logical_xor", "copysign", "logaddexp2"), (X, X)),
    **dict.fromkeys(("bitwise_and", "bitwise_or", "bitwise_xor"), (X > 0, X > 0)),
    **dict.fromkeys(("deg2rad", "rad2deg"), (X,)),
    "invert": (X > 0,),
    "leaky_relu": (X, 0.1),
    "prelu": (X, ones(3)),
    "elu": (X, 0.5),
    "gelu": (X, "tanh"),
    "softplus": (X, 2.0, 10.0),
    "hardtanh": (X, -1.0, 1.0),
    "round": (X, 1),
    **dict.fromkeys(("expand_dims", "unsqueeze"), (X, 0)),
    **dict.fromkeys(("zeros", "ones", "rand", "randn"), ((2, 3),)),
    **dict.fromkeys(("clone", "logical_not", "zeros_like", "ones_like"), (X,)),
    "greater_equal": (X, X),
    "var": (X, 0),
    "where": (tg.tensor([True, False, True]), X, X),
    "clip": (X, 0, 1),
    "astype": (X, np.float32),
    "reshape": (X, 3, 2),
    "transpose": (X, 1, 0),
    "permute": (X, 1, 0),
    "squeeze": (ones(1, 3), 0),
    "broadcast_to": (X, (2, 2, 3)),
    "concatenate": ([X, X], 0),
    "stack": ([X, X], 0),
    "pad": (X, 1, "constant", 0.5),
    **dict.fromkeys(("prod", "median", "nansum", "nanmean", "count_nonzero"), (X, 0)),
    **dict.fromkeys(("std", "cumsum", "cumprod", "sort", "argsort", "unbind", "flip"), (X, 0)),
    **dict.fromkeys(("nonzero", "ravel", "atleast_1d", "atleast_2d"), (X,)),
    **dict.fromkeys(("hstack", "vstack", "column_stack"), ([X, X],)),
    **dict.fromkeys(("split", "array_split", "chunk"), (X, 3, 1)),
    **dict.fromkeys(("swapaxes", "moveaxis"), (X, 0, 1)),
    **dict.fromkeys(("repeat", "repeat_interleave"), (X, [1, 2], 0)),
    **dict.fromkeys(("tril", "triu", "diag"), (X, 0)),
    **dict.fromkeys(("diagonal", "trace"), (X, 0, 0, 1)),
    **dict.fromkeys(("take", "take_along_axis"), (X, [[0, 1]], 1)),
    **dict.fromkeys(("masked_select",), (X, X > 2)),
    "masked_fill": (X, X > 2, 0.5),
    "gather": (X, 1, [[0, 1]]),
    "scatter_add": (X, 1, [[0, 1]], X),
    "index_select": (X, 1, [0, 2]),
    "index_add": (X, 1, [0, 2], ones(2, 2)),
    "topk": (X, 2, 1, True),
    "cat": ([X, X], 0),
    "expand": (X, 2, 2, 3),
    "narrow": (X, 1, 0, 2),
    "roll": (X, 1, 0),
    "tile": (X, (2, 1)),
    "matmul": (X, ones(3, 2)),
    "linear": (X, ones(4, 3), ones(4)),
    **dict.fromkeys(("dot", "inner"), (X, ones(3))),
    **dict.fromkeys(("outer", "kron", "vdot"), (X, X)),
    "tensordot": (X, ones(3, 2), 1),
    "einsum": ("ij,ij", X, X),
    "conv1d": (ones(2, 3, 6), ones(8, 3, 3), ones(8), 1, 0, 1, 1),
    "conv2d": (IMAGES, FILTERS, ones(8), 1, 0, 1, 1),
    "conv3d": (ones(2, 3, 4, 5, 6), ones(8, 3, 3, 2, 3), ones(8), 1, "same", 1, 1),
    "conv_transpose1d": (ones(2, 8, 6), ones(8, 3, 3), ones(3), 2, 0, 1, 1, 1),
    "conv_transpose2d": (ones(2, 8, 5, 6), FILTERS, ones(3), 2, 0, 1, 1, 1),
    "conv_transpose3d": (ones(2, 8, 2, 3, 2), ones(8, 3, 3, 2, 3), ones(3), 2, 0, 1, 1, 1),
    "unfold": (IMAGES, 2, 1, 0, 1),
    "fold": (ones(2, 8, 16), 5, 2, 1, 0, 1),
    "max_pool1d": (ones(2, 3, 6), 2, 2, 0, 1),
    "max_pool2d": (IMAGES, 2, 2, 0, 1),
    "max_pool3d": (ones(2, 3, 4, 5, 6), 2, 2, 0, 1),
    "avg_pool1d": (ones(2, 3, 6), 2, 2, 0),
    "avg_pool2d": (IMAGES, 2, 2, 0, False, True, 3),
    "avg_pool3d": (ones(2, 3, 4, 5, 6), 2, 2, 0, False, True, 3),
    "cross_entropy": (SCORES, np.zeros(4, int), ones(5), -100, "mean", 0.1),
    "nll_loss": (SCORES, np.zeros(4, int), ones(5), -100, "mean"),
    "mse_loss": (X, X, "mean"),
    "batch_norm": (X, tg.zeros(3), tg.ones(3), ones(3), ones(3), True, 0.1, 1e-5),
    "dropout": (X, 0.5),
    "tensor": ([1.0],),
    "from_numpy": (np.ones(2),),
    "full": ((2,), 1.0),
    "full_like": (X, 1.0),
    "arange": (0, 5, 1),
    "linspace": (0, 1, 5),
    "eye": (2, 3),
    "manual_seed": (0,),
    "set_default_dtype": ("float32",),
    "grad": (X.sum(), X),
    "explain": (X, X.sum()),
    "graph": (X.sum(),),
    "checkpoint": (tg.exp, X),
    "vjp": (tg.exp, X),
    "jvp": (tg.exp, (X,), (X,)),
    "hvp": (tg.sum, X, X),
    **dict.fromkeys(("jacobian", "hessian", "value_and_grad"), (tg.exp, 0)),
}
BAD = [None, "abc", [1, [2, 3]], (), [], {}, -1, 1.5, (1.5, 2), (-1, 2), ones(7), object(), 1j]


def test_every_public_function_meets_a_clumsy_user():
    functions = {name for name in tg.__all__ if inspect.isfunction(getattr(tg, name))}
    assert {*GOOD, *NOT_CALLED} == functions


@pytest.mark.filterwarnings("ignore")  # some of what is tried is strange, but allowed
@pytest.mark.parametrize(
    ("name", "place"), [(name, i) for name in GOOD for i in range(len(GOOD[name]))], ids=str
)
def test_clumsy_use_is_a_plain_error(name, place, monkeypatch):
    """Whatever is passed: a ValueError, TypeError or IndexError, or a result."""
    monkeypatch.setattr(tg._tensor, "_default_dtype", tg.get_default_dtype())
    function = getattr(tg, name)
    odd = []
    for bad in BAD:
        arguments = list(GOOD[name])
        arguments[place] = bad
        try:
            y = function(*arguments)
            if isinstance(y, tg.Tensor) and y.requires_grad:
                y.backward(np.ones(y.shape))
        except (ValueError, TypeError, IndexError):
            pass
        except Exception as error:
            odd.append((bad, error))
    assert not odd


@pytest.mark.parametrize("name", INSTEAD)
def test_what_to_write_for_a_name_of_pytorch_is_told_and_runs(name, torch):
    assert hasattr(torch, name) or hasattr(torch.Tensor, name)
    owners = [owner for owner in (ones(2, 2), tg) if not hasattr(owner, name)]
    assert owners
    for owner in owners:
        with pytest.raises(AttributeError, match=re.escape(INSTEAD[name])):
            getattr(owner, name)
    x, y = tg.tensor([[2.0, 1.0], [1.0, 3.0]]), ones(2, 2)
    scope = {"tinygraph": tg, "numpy": np, "x": x, "y": y, "condition": x > 1, "dtype": np.float64}
    exec(INSTEAD[name], scope | {"low": 0, "high": 3, "shape": (2, 3)})


def test_testing_is_there_when_it_is_asked_for():
    program = (
        "import sys, tinygraph as tg; assert 'tinygraph.testing' not in sys.modules; "
        "tg.testing.gradcheck"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_name_that_nobody_has_is_no_attribute():
    for owner, text in (
        (ones(1), "Tensor has no attribute 'shaep'"),
        (tg, "module 'tinygraph' has"),
    ):
        with pytest.raises(AttributeError, match=text) as caught:
            owner.shaep  # noqa: B018
        assert (caught.value.name, caught.value.obj) == ("shaep", owner)
