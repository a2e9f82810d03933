"""Bugs of elementwise operations: slopes, signs, ties, overflow, values."""

from mutant import mutants

MUTANTS = [
    *mutants(
        "elementwise",
        "ops/elementwise.py",
        (
            "subtract: sign",
            "Subtract",
            "return g, -g if needs.b else None",
            "return g, g if needs.b else None",
        ),
        (
            "multiply: gradients swapped",
            "Multiply",
            "return g * b if needs.a else None, g * a if needs.b else None",
            "return g * a if needs.a else None, g * b if needs.b else None",
        ),
        (
            "divide: one b too few",
            "Divide",
            "-ga * (a / b) if needs.b else None",
            "-ga * a if needs.b else None",
        ),
        (
            "divide: no unbroadcast",
            "Divide",
            '-g a / b²."""\n\n    broadcasts = True',
            '-g a / b²."""\n\n    broadcasts = False',
        ),
        (
            "power: exponent",
            "Power",
            "ga = g * b * a ** (b - 1 + (a == 0) * (b == 0)) if needs.a else None",
            "ga = g * b * a**b if needs.a else None",
        ),
        (
            "power: factor y missing",
            "Power",
            "where_(a == 0, 0, g * y * log_(a + (a == 0)))",
            "where_(a == 0, 0, g * log_(a + (a == 0)))",
        ),
        (
            "scalar power: factor p missing",
            "ScalarPower",
            "return g * (p * x ** (p - 1)) if p else None",
            "return g * x ** (p - 1) if p else None",
        ),
        (
            "sqrt: factor 2",
            "Sqrt",
            "return g / (2 * y)",
            "return g / y",
        ),
        (
            "tanh: y for y squared",
            "Tanh",
            "return g * (1 - y * y)",
            "return g * (1 - y)",
        ),
        (
            "sigmoid: factor 1 - y missing",
            "Sigmoid",
            "return g * y * (1 - y)",
            "return g * y",
        ),
        (
            "abs: slope 1 at 0",
            "Abs",
            "return where_(x > 0, g, where_(x < 0, -g, 0))",
            "return where_(x >= 0, g, -g)",
        ),
        (
            "abs: value",  # no gradient can see it
            "Abs",
            "return np.abs(x)\n\n    def backward(self, g: Value, x: Value) -> Value:\n      "
            "  return where_",
            "return np.abs(x) + 1\n\n    def backward(self, g: Value, x: Value) -> Value:\n  "
            "      return where_",
        ),
        (
            "clip: slope 0 at the limit",
            "Clip",
            "g = where_(x >= self.low, g, 0)",
            "g = where_(x > self.low, g, 0)",
        ),
        (
            "clip: no upper limit in the rule",
            "Clip",
            "return g if self.high is None else where_(x <= self.high, g, 0)",
            "return g",
        ),
        (
            "maximum: tie mass doubled",
            "Maximum",
            "return where_(a > b, g, where_(a < b, 0, g / 2)), where_(a < b, g, where_(a > "
            "b, 0, g / 2))",
            "return where_(a >= b, g, 0), where_(a <= b, g, 0)",
        ),
        (
            "maximum: ties lost",
            "Maximum",
            "return where_(a > b, g, where_(a < b, 0, g / 2)), where_(a < b, g, where_(a > "
            "b, 0, g / 2))",
            "return where_(a > b, g, 0), where_(a < b, g, 0)",
        ),
        (
            "minimum: ties to the first",
            "Minimum",
            "return where_(a < b, g, where_(a > b, 0, g / 2)), where_(a > b, g, where_(a < "
            "b, 0, g / 2))",
            "return where_(a <= b, g, 0), where_(a <= b, 0, g)",
        ),
        (
            "fmax: ties to the second",
            "FMax",
            "first = (a >= b) + (b != b)",
            "first = (a > b) + (b != b)",
        ),
        (
            "where: sides swapped",
            "Where",
            "            where_(condition, g, 0) if needs.a else None,\n"
            "            where_(condition, 0, g) if needs.b else None,",
            "            where_(condition, 0, g) if needs.a else None,\n"
            "            where_(condition, g, 0) if needs.b else None,",
        ),
    ),
    *mutants(
        "elementwise",
        "ops/activation.py",
        (
            "leaky relu: slope 1 at 0",
            "LeakyReLU",
            "return where_(x > 0, g, g * self.negative_slope)",
            "return where_(x >= 0, g, g * self.negative_slope)",
        ),
        (
            "prelu: no unbroadcast of the slope",
            "PReLU",
            "where_(x > 0, 0, g * x) if needs.w else None",
            "where_(x > 0, 0, g * x).mean(axis=-1, keepdims=True) if needs.w else None",
        ),
        (
            "elu: rate missing",
            "ELU",
            "(self.alpha * self.rate)",
            "self.alpha",
        ),
        (
            "gelu: density not times x",
            "GELU",
            "return g * (_normal_cdf(x) + x * density)",
            "return g * (_normal_cdf(x) + density)",
        ),
        (
            "softplus: beta missing",
            "Softplus",
            "return where_(z > self.threshold, g, g * sigmoid_(z))",
            "return where_(z > self.threshold, g, g * sigmoid_(x))",
        ),
        (
            "softplus: threshold without beta",
            "Softplus",
            "return np.where(z > self.threshold, x, kernels.softplus(z) / self.beta)",
            "return np.where(x > self.threshold, x, kernels.softplus(z) / self.beta)",
        ),
        (
            "silu: x missing",
            "SiLU",
            "return g * (s * (1 + x * (1 - s)))",
            "return g * (s * (1 + (1 - s)))",
        ),
    ),
    *mutants(
        "elementwise",
        "kernels/elementwise.py",
        (
            "sigmoid: overflows",
            "Sigmoid LSTMGates GRUGates",
            "    np.negative(x, out=y)\n    np.exp(y, out=y)\n    np.add(y, 1, out=y)\n"
            "    return np.divide(1, y, out=y)",
            "    np.exp(x, out=y)\n    return y / (1 + y)",
        ),
    ),
    *mutants(
        "elementwise",
        "kernels/special.py",
        (
            "softplus: overflows",
            "Softplus Mish LogSigmoid",
            "np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))",
            "np.log1p(np.exp(x))",
        ),
        (
            "erf: near 0",
            "Erf GELU",
            "(0, 0.84375, lambda x: x + x * _ratio(_SMALL, x * x)),",
            "(0, 0.84375, lambda x: x + x * _ratio(_SMALL, x * x) * (1 + 1e-9)),",
        ),
    ),
]
