"""Bugs of losses: averages, weights, labels, limits."""

from mutant import mutants

MUTANTS = [
    *mutants(
        "loss",
        "ops/loss.py",
        (
            "mean: averages twice",
            "MeanLoss",
            "share = g / n if n else g",
            "share = g / n / n if n else g",
        ),
        (
            "mean: sign of the count's gradient",
            "MeanLoss",
            "return gx, -share * y if needs.n else None",
            "return gx, share * y if needs.n else None",
        ),
        (
            "cross-entropy: targets taken to sum to 1",
            "CrossEntropy",
            "gx = g * (Softmax(1)(x) * t.sum(axis=1, keepdims=True) - t) if needs.x else None",
            "gx = g * (Softmax(1)(x) - t) if needs.x else None",
        ),
        (
            "cross-entropy: softmax over the last axis",
            "CrossEntropy",
            "gx = g * (Softmax(1)(x) * t.sum(axis=1, keepdims=True) - t) if needs.x else None",
            "gx = g * (Softmax(x.ndim - 1)(x) * t.sum(axis=1, keepdims=True) - t)",
        ),
        (
            "cross-entropy: softmax for its logarithm",
            "CrossEntropy",
            "return gx, -g * LogSoftmax(1)(x) if needs.t else None",
            "return gx, -g * Softmax(1)(x) if needs.t else None",
        ),
        (
            "cross-entropy: 0 times infinity",
            "CrossEntropy NegativeLogLikelihood",
            "    product = np.zeros(t.shape, np.result_type(t, x))\n"
            "    np.multiply(t, x, out=product, where=t != 0)\n",
            "    product = np.multiply(t, x)\n",
        ),
        (
            "cross-entropy: averages over the classes",  # value and gradient disagree by C
            "CrossEntropy",
            "    total: Array = product.sum(axis=1)\n",
            "    total: Array = product.mean(axis=1)\n",
        ),
        (
            "cross-entropy of classes: ignored ones get a second-order gradient",
            "ClassCrossEntropyGrad",
            "        z = where_(counted, z, 0)\n",
            "",
        ),
        (
            "cross-entropy of classes: one-hot missing to second order",
            "ClassCrossEntropyGrad",
            "(g * (p - chosen)).sum(axis=1)",
            "(g * p).sum(axis=1)",
        ),
        (
            "negative log-likelihood: sign",
            "NegativeLogLikelihood",
            "return -g * t if needs.x else None, -g * x if needs.t else None",
            "return g * t if needs.x else None, -g * x if needs.t else None",
        ),
        (
            "one-hot: ignored labels count",
            "OneHot",
            "np.expand_dims(counted, 1).astype(self.dtype), 1)",
            "np.ones_like(index, self.dtype), 1)",
        ),
    ),
    *mutants(
        "loss",
        "kernels/classification.py",
        (
            "cross-entropy of classes: ignored ones count",
            "ClassCrossEntropy",
            "out[ignored] = 0",
            "pass",
        ),
        (
            "cross-entropy of classes: ignored ones get a gradient",
            "ClassCrossEntropy",
            "np.where(counted, weights, 0)",
            "weights",
        ),
        (
            "cross-entropy of classes: not less the one-hot",
            "ClassCrossEntropy",
            "        out.reshape(-1)[_places(labels, out.shape)] -= weights\n",
            "",
        ),
    ),
    *mutants(
        "loss",
        "ops/binary_loss.py",
        (
            "bce: divisor missing",
            "BinaryCrossEntropy",
            "gx = g * (x - t) / maximum_(x * (1 - x), _least(x.dtype))",
            "gx = g * (x - t)",
        ),
        (
            "bce with logits: weight of the positive ones missing",
            "BinaryCrossEntropyWithLogits",
            "gx = g * ((1 - t) * sigmoid_(x) - positive * sigmoid_(-x))",
            "gx = g * ((1 - t) * sigmoid_(x) - t * sigmoid_(-x))",
        ),
        (
            "bce with logits: overflows",
            "BinaryCrossEntropyWithLogits LogisticLoss",
            "return np.logaddexp(-x, 0)",
            "return np.log(1 + np.exp(-x))",
        ),
    ),
    *mutants(
        "loss",
        "ops/regression_loss.py",
        (
            "huber: sign below -delta",
            "Huber",
            "where_(x < -self.delta, -self.delta, x)",
            "where_(x < -self.delta, self.delta, x)",
        ),
        (
            "huber: constant of the linear part",  # no gradient can see it
            "Huber",
            "return capped * (size - capped / 2)",
            "return capped * size - np.where(size > self.delta, 0, capped * capped / 2)",
        ),
        (
            "kl: 1 missing",
            "KLDivergence",
            "g * (where_(zero, 0, log_(where_(zero, 1, t)) + 1) - x)",
            "g * (where_(zero, 0, log_(where_(zero, 1, t))) - x)",
        ),
        (
            "kl of logarithms: gradient of the target",
            "KLDivergenceOfLogs",
            "return -weight, weight * (t - x + 1)",
            "return -weight, weight * (t - x)",
        ),
    ),
]
