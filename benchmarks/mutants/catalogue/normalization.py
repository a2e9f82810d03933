"""Bugs of normalisation: what depends on the statistics, their counts, and the parameters."""

from mutant import mutants

MUTANTS = [
    *mutants(
        "normalization",
        "ops/normalization.py",
        (
            "batch: variance held constant",
            "BatchNorm",
            "gx = ChannelCombine()(g, x, mean, scale, -scale * rate * gw / n, -scale * gb / n)",
            "gx = ChannelCombine()(g, x, mean, scale, 0 * gw, -scale * gb / n)",
        ),
        (
            "batch: mean held constant",
            "BatchNorm",
            "gx = ChannelCombine()(g, x, mean, scale, -scale * rate * gw / n, -scale * gb / n)",
            "gx = ChannelCombine()(g, x, mean, scale, -scale * rate * gw / n, 0 * gb)",
        ),
        (
            "batch: counts images, not pixels",
            "BatchNorm",
            "n = x.size // x.shape[1]",
            "n = x.shape[0]",
        ),
        (
            "batch: unbiased variance",
            "BatchNorm",
            "return _wide(x).var(axis=_not_channels(x), keepdims=True)",
            "return _wide(x).var(axis=_not_channels(x), keepdims=True, ddof=1)",
        ),
        (
            "batch: channels last",
            "BatchNorm",
            "return (0, *range(2, x.ndim))",
            "return tuple(range(x.ndim - 1))",
        ),
        (
            "layer: mean term missing",
            "LayerNorm",
            "gx = rate * (h - h.mean(axis=axes, keepdims=True) - normal * across)",
            "gx = rate * (h - normal * across)",
        ),
        (
            "layer: weight missing in a term",
            "LayerNorm",
            "across = (h * normal).mean(axis=axes, keepdims=True)",
            "across = (g * normal).mean(axis=axes, keepdims=True)",
        ),
        (
            "layer: eps beside the root",
            "LayerNorm",
            "y = (x - mean) * (var + self.eps) ** -0.5",
            "y = (x - mean) / (var**0.5 + self.eps)",
        ),
        (
            "layer: weight averaged",
            "LayerNorm",
            "gw = (g * normal).sum(axis=others) if needs.w else None\n        return gx, gw, g.sum",
            "gw = (g * normal).mean(axis=others) if needs.w else None\n        return gx, "
            "gw, g.sum",
        ),
        (
            "layer: normalises the first axes",
            "LayerNorm RMSNorm",
            "return tuple(range(x.ndim - ndim, x.ndim))",
            "return tuple(range(ndim))",
        ),
        (
            "rms: minus the mean",
            "RMSNorm",
            "gx = rate * (h - normal * (h * normal).mean(axis=axes, keepdims=True))",
            "gx = rate * (h - h.mean(axis=axes, keepdims=True) - normal * (h * normal).mean("
            "axis=axes, keepdims=True))",
        ),
        (
            "rms: sum of squares",
            "RMSNorm",
            "return (_wide(x) ** 2).mean(axis=_last(self.ndim, x), keepdims=True)",
            "return (_wide(x) ** 2).sum(axis=_last(self.ndim, x), keepdims=True)",
        ),
    ),
]
