"""Broken contracts: writes into what others hold, shared memory, dtypes, hidden state, layouts."""

from mutant import mutants

MUTANTS = [
    *mutants(
        "contracts",
        "ops/elementwise.py",
        (
            "tanh writes into its saved output",
            "Tanh",
            "return g * (1 - y * y)",
            "y *= y\n        return g * (1 - y)",
        ),
        (
            "negative writes into the cotangent",
            "Negative",
            "    def backward(self, g: Value) -> Value:\n        return -g\n",
            "    def backward(self, g: Value) -> Value:\n        g *= -1\n        return g\n",
        ),
        (
            "exp writes into its input",
            "Exp",
            "return np.exp(x)\n",
            "return np.exp(x, out=x) + 0\n",
        ),
        (
            "clone returns its input",
            "Clone",
            "return x.copy()",
            "return x",
        ),
        (
            "sqrt hides its output on itself",
            "Sqrt",
            "return np.sqrt(x)\n",
            "self.y = np.sqrt(x)\n        return self.y\n",
        ),
        (
            "scalar power widens float32",
            "ScalarPower",
            "return np.asarray(x**self.exponent)",
            "return np.asarray(x ** np.float64(self.exponent))",
        ),
        (
            "multiply is not linear in the cotangent",
            "Multiply",
            "return g * b if needs.a else None, g * a if needs.b else None",
            "return g * b + 1e-7 * (g * g) if needs.a else None, g * a if needs.b else None",
        ),
        (
            "log gives a gradient for no cotangent",
            "Log",
            "return np.log(x)\n\n    def backward(self, g: Value, x: Value) -> Value:\n"
            "        return g / x",
            "return np.log(x)\n\n    def backward(self, g: Value, x: Value) -> Value:\n"
            "        return (g + (g == 0)) / x",
        ),
        (
            "subtract gives one array for two",
            "Subtract",
            "return g, -g if needs.b else None",
            "g *= -1 if needs.b else 1\n        return -g if needs.b else g, g",
        ),
    ),
    *mutants(
        "contracts",
        "ops/activation.py",
        (
            "gelu widens float32",
            "GELU",
            "return (erf_(x * math.sqrt(0.5)) + 1) * 0.5",
            "return (erf_(x * math.sqrt(0.5)) + 1) * np.float64(0.5)",
        ),
        (
            "silu differs between its modes",
            "SiLU",
            "return g * (s * (1 + x * (1 - s)))",
            "return g * (s * (1 + x * (1 - s))) if type(g) is np.ndarray else g * s",
        ),
    ),
    *mutants(
        "contracts",
        "ops/normalization.py",
        (
            "normalisation widens float16",
            "BatchNorm LayerNorm",
            "return y.astype(np.result_type(*(a for a in inputs if a is not None)), copy=False)",
            "return y",
        ),
    ),
    *mutants(
        "contracts",
        "ops/shape.py",
        (
            "concatenate of one returns it",
            "Concatenate",
            "return np.concatenate(xs, self.axis)",
            "return np.concatenate(xs, self.axis) if len(xs) > 1 else xs[0]",
        ),
    ),
    *mutants(
        "contracts",
        "ops/reduction.py",
        (
            "softmax works in half precision",
            "Softmax",
            "return y * (g - (g * y).sum(axis=self.axis, keepdims=True))",
            "z = y.astype(np.float16).astype(y.dtype) if y.dtype == np.float32 else y\n"
            "        return z * (g - (g * z).sum(axis=self.axis, keepdims=True))",
        ),
        (
            "logsumexp writes into its saved input",
            "LogSumExp",
            "return self.restore(g, x.shape) * exp_(x - shift)",
            "x -= shift\n        return self.restore(g, x.shape) * exp_(x)",
        ),
    ),
    *mutants(
        "contracts",
        "kernels/pool.py",
        (
            "put pixels reads memory order",
            "PutPixels MaxPool2d",
            ".reshape(-1), g.reshape(-1))",
            '.reshape(-1), g.ravel("K"))',
        ),
    ),
    *mutants(
        "contracts",
        "ops/update.py",
        (
            "get last keeps memory order",  # writes are lost in a copy
            "GetLast SetItem",
            'y = np.array(x[fill(self.index, indices)], order="C")',
            "y = np.array(x[fill(self.index, indices)])",
        ),
    ),
    *mutants(
        "contracts",
        "kernels/softmax.py",
        (
            "log-softmax writes into its input",
            "LogSoftmax",
            "    return np.subtract(x, shift, out=np.empty(x.shape, x.dtype))",
            "    return np.subtract(x, shift, out=x)",
        ),
    ),
    *mutants(
        "contracts",
        "kernels/convolution.py",
        (
            "conv writes its weights where they are",
            "Conv2d",
            "bias = None if b is None else b.reshape(groups, o // groups, 1)",
            "bias = None if b is None else b.reshape(groups, o // groups, 1)\n    w[...] = w",
        ),
    ),
]
