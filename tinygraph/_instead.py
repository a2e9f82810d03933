"""What to write for names that PyTorch has and tinygraph has not: errors tell it."""

from __future__ import annotations

from types import ModuleType

INSTEAD = {
    # of a Tensor
    "add": "x + y",
    "add_": "x.data += y.data",
    "bmm": "x @ y",
    "bool": "x.astype(bool)",
    "clamp": "x.clip(low, high)",
    "clamp_": "x.data = x.data.clip(low, high)",
    "contiguous": "x",
    "copy_": "x.data = y",
    "cpu": "x",
    "cuda": "x",
    "det": "tinygraph.linalg.det(x)",
    "dim": "x.ndim",
    "detach_": "x.detach()",
    "div": "x / y",
    "div_": "x.data /= y.data",
    "double": "x.astype('float64')",
    "eq": "x == y",
    "expand_as": "x.expand(y.shape)",
    "fill_": "tinygraph.nn.init.constant_(x, 1.0)",
    "float": "x.astype('float32')",
    "ge": "x >= y",
    "gt": "x > y",
    "half": "x.astype('float16')",
    "int": "x.astype('int32')",
    "inverse": "tinygraph.linalg.inv(x)",
    "le": "x <= y",
    "long": "x.astype('int64')",
    "lt": "x < y",
    "maximum": "tinygraph.maximum(x, y)",
    "minimum": "tinygraph.minimum(x, y)",
    "mm": "x @ y",
    "mul": "x * y",
    "mul_": "x.data *= y.data",
    "ne": "x != y",
    "neg": "-x",
    "norm": "tinygraph.linalg.vector_norm(x)",
    "numel": "x.size",
    "outer": "tinygraph.outer(x, y)",
    "pow": "x ** y",
    "requires_grad_": "x.requires_grad = True",
    "sub": "x - y",
    "sub_": "x.data -= y.data",
    "t": "x.T",
    "to": "x.astype(dtype)",
    "type_as": "x.astype(y.dtype)",
    "view_as": "x.view(y.shape)",
    "where": "tinygraph.where(condition, x, y)",
    "zero_": "tinygraph.nn.init.zeros_(x)",
    # of the package
    "allclose": "numpy.allclose(x, y)",
    "as_tensor": "tinygraph.tensor(x)",
    "empty": "tinygraph.zeros(shape)",
    "empty_like": "tinygraph.zeros_like(x)",
    "inference_mode": "tinygraph.no_grad()",
    "rand_like": "tinygraph.rand(*x.shape)",
    "randint": "tinygraph.tensor(numpy.random.default_rng().integers(low, high, shape))",
    "randn_like": "tinygraph.randn(*x.shape)",
    "randperm": "tinygraph.tensor(numpy.random.default_rng().permutation(high))",
}


def missing(owner: object, name: str) -> AttributeError:
    """Return the error for a name that a Tensor, or the package, has not."""
    what = f"module {owner.__name__!r}" if isinstance(owner, ModuleType) else type(owner).__name__
    hint = f"; here it is {INSTEAD[name]}" if name in INSTEAD else ""
    return AttributeError(f"{what} has no attribute {name!r}{hint}", name=name, obj=owner)
