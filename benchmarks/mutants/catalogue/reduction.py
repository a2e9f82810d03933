"""Bugs of reductions, running results and norms."""

from mutant import mutants

MUTANTS = [
    *mutants(
        "reduction",
        "ops/reduction.py",
        (
            "mean: averages twice",
            "Mean",
            "n = self.count(x_spec.shape) or 1",
            "n = (self.count(x_spec.shape) or 1) ** 2",
        ),
        (
            "mean: sum in the rule",
            "Mean",
            "share = g / n if",
            "share = g if",
        ),
        (
            "mean: of nothing divides by 0",
            "Mean",
            "n = self.count(x_spec.shape) or 1",
            "n = self.count(x_spec.shape)",
        ),
        (
            "mean: counts every axis",  # value and gradient agree
            "Mean",
            "return math.prod(shape[i] for i in self.axis)",
            "return math.prod(shape)",
        ),
        (
            "amax: tie mass",
            "Amax Amin",
            "self.restore(g, x.shape) / n",
            "self.restore(g, x.shape)",
        ),
        (
            "max: last of equals wins",
            "Max",
            "winners = self.arg(x, axis=axis, keepdims=True)",
            "winners = x.shape[axis] - 1 - self.arg(np.flip(x, axis), axis=axis, keepdims=True)",
        ),
        (
            "min: is a maximum",
            "Min",
            "arg = staticmethod(np.argmin)",
            "arg = staticmethod(np.argmax)",
        ),
        (
            "logsumexp: not shifted in the rule",
            "LogSumExp",
            "return self.restore(g, x.shape) * exp_(x - shift)",
            "return self.restore(g, x.shape) * exp_(x) / exp_(shift)",
        ),
        (
            "softmax: diagonal only",
            "Softmax",
            "return y * (g - (g * y).sum(axis=self.axis, keepdims=True))",
            "return y * (1 - y) * g",
        ),
        (
            "softmax: sums the last axis",
            "Softmax",
            "return y * (g - (g * y).sum(axis=self.axis, keepdims=True))",
            "return y * (g - (g * y).sum(axis=-1, keepdims=True))",
        ),
        (
            "log-softmax: sum of g missing",
            "LogSoftmax",
            "return g - exp_(y) * g.sum(axis=self.axis, keepdims=True)",
            "return g - exp_(y)",
        ),
    ),
    *mutants(
        "reduction",
        "kernels/softmax.py",
        (
            "softmax: maximum not subtracted",
            "Softmax CrossEntropy",
            "y = _minus(x, _maximum(x, axis))\n        np.exp(y, out=y)\n        y /=",
            "y = np.exp(x)\n        y /=",
        ),
        (
            "log-softmax: maximum not subtracted",
            "LogSoftmax CrossEntropy",
            "y = _minus(x, _maximum(x, axis))\n        y -= np.log",
            "y = x.copy()\n        y -= np.log",
        ),
        (
            "logsumexp: maximum not subtracted",
            "LogSumExp",
            "shift = np.where(np.isfinite(shift), shift, 0)  # inf - inf would be NaN",
            "shift = np.zeros_like(shift)",
        ),
        (
            "logsumexp: shift not added back",
            "LogSumExp",
            "        total += shift\n",
            "        total += 0\n",
        ),
    ),
    *mutants(
        "reduction",
        "ops/statistics.py",
        (
            "var: ddof missing in the rule",
            "Var",
            "freedom = self.count(x.shape) - self.ddof",
            "freedom = self.count(x.shape)",
        ),
        (
            "var: mean of everything",
            "Var Std",
            "centred = x - x.mean(axis=self.axis, keepdims=True)",
            "centred = x - x.mean()",
        ),
        (
            "std: factor 2",
            "Std",
            "g / (2 * y + flat)",
            "g / (y + flat)",
        ),
        (
            "std: NaN where flat",
            "Std",
            "where_(flat, 0, g / (2 * y + flat))",
            "where_(flat, 0 * g / y, g / (2 * y + flat))",
        ),
    ),
    *mutants(
        "reduction",
        "ops/cumulative.py",
        (
            "cumsum: direction",
            "CumSum",
            "return CumSum(self.axis, not self.reverse)(g)",
            "return CumSum(self.axis, self.reverse)(g)",
        ),
        (
            "cumprod: divides by x",
            "CumProd",
            "        u = LinearScan(self.axis, not self.reverse)(self.after(x), g)\n"
            "        return self.before(y, 1) * u",
            "        return CumSum(self.axis, not self.reverse)(g * y) / x",
        ),
        (
            "scan: y of the same step",
            "LinearScan CumProd",
            "return u * self.before(y, 0) if needs.a else None, u",
            "return u * y if needs.a else None, u",
        ),
        (
            "prod: permutation for its inverse",
            "Prod",
            "others.transpose(tuple(map(order.index, range(x.ndim))))",
            "others.transpose(order)",
        ),
        (
            "prod: divides by x",
            "Prod",
            "return forth.before(forth(x), 1) * back.before(back(x), 1)",
            "return x.prod(axis=-1, keepdims=True) / x",
        ),
    ),
    *mutants(
        "reduction",
        "ops/norms.py",
        (
            "norm: exponent",
            "VectorNorm",
            "** (self.p - 1)",
            "** self.p",
        ),
        (
            "norm: NaN at 0",
            "VectorNorm",
            "ratio = x / where_(y == 0, 1, y)",
            "ratio = x / y",
        ),
    ),
]
