"""PyTorch's own sample inputs, through its operator database (OpInfo).

For every operation that both have: values and dtypes, gradients, second derivatives, and the inputs
that PyTorch refuses, which must be refused here too.  Broadcast, 0-d, empty and non-contiguous
samples are among them.  A wrong rule is wrong in the first digits; the last ones, which the order
of a sum decides, are for the other tests against PyTorch.
"""

from __future__ import annotations

import random
import warnings

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.nn import functional as F

from .opinfo_adapters import DIFFERENCES, ERROR_DIFFERENCES, OPERATIONS

pytestmark = pytest.mark.reference

SAMPLES = {"float64": 24, "float32": 8}  # of each operation, spread over all there are
TWICE = 3
SMALL = 2000, 100  # elements, in all inputs of a sample; of one that is differentiated twice
TOLERANCE = {"float64": 1e-9, "float32": 1e-4, "float16": 1e-2}


@pytest.fixture(scope="module")
def infos(torch):
    """The database: the OpInfos of each operation, which may have variants."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_methods_invocations import op_db
    by_name = {}
    for info in op_db:
        by_name.setdefault(info.name, []).append(info)
    return by_name


def adapter(info):
    return OPERATIONS.get(f"{info.name}.{info.variant_test_name}") or OPERATIONS[info.name]


def tensors(tree, kind):
    """Return all Tensors of PyTorch, or of tinygraph, in nested arguments or results."""
    if isinstance(tree, kind):
        return [tree]
    if isinstance(tree, dict):
        tree = tree.values()
    elif not isinstance(tree, (list, tuple)):
        return []
    return [leaf for branch in tree for leaf in tensors(branch, kind)]


def translated(torch, tree):
    """Return arguments with Tensors of tinygraph: the same numbers, with the same strides."""
    if isinstance(tree, torch.Tensor):
        t = tg.from_numpy(tree.detach().numpy())
        t.requires_grad = tree.requires_grad
        return t
    if isinstance(tree, torch.dtype):
        return np.dtype(str(tree).removeprefix("torch."))
    if isinstance(tree, dict):
        return {key: translated(torch, value) for key, value in tree.items()}
    if type(tree) in (list, tuple):
        return type(tree)(translated(torch, value) for value in tree)
    return tree


def spread(items, count):
    """Return ``count`` of the items, evenly spaced."""
    if len(items) <= count:
        return items
    return [items[i] for i in np.linspace(0, len(items) - 1, count).round().astype(int)]


def samples(torch, info, dtype, count, largest):
    """Return sample inputs of one dtype, of all that PyTorch has."""
    torch.manual_seed(0)
    random.seed(0)
    found = list(
        info.reference_inputs("cpu", getattr(torch, dtype), requires_grad=info.supports_autograd)
    )

    def fits(sample):
        given = tensors((sample.input, sample.args, sample.kwargs), torch.Tensor)
        return sum(t.numel() for t in given) <= largest and not any(t.is_complex() for t in given)

    return spread([sample for sample in found if fits(sample)], count)


def described(sample):
    def shown(x):
        if hasattr(x, "shape"):
            return tuple(x.shape)
        return type(x)(map(shown, x)) if type(x) in (list, tuple) else x

    options = {name: shown(value) for name, value in sample.kwargs.items()}
    return f"{[shown(sample.input), *map(shown, sample.args)]} {options}"


def assert_close(got, expected, what):
    got, expected = got.numpy(), expected.detach().numpy()
    assert got.shape == expected.shape, what
    assert got.dtype == expected.dtype, what
    if expected.dtype.kind != "f":
        np.testing.assert_array_equal(got, expected, err_msg=what)
        return
    tolerance = TOLERANCE[expected.dtype.name]
    atol = tolerance * max(1, np.abs(expected[np.isfinite(expected)]).max(initial=0))
    np.testing.assert_allclose(got, expected, tolerance, atol, err_msg=what)


def leaves(torch, tree):
    """Return arguments in which every Tensor of PyTorch is a leaf, with the same strides."""
    if isinstance(tree, torch.Tensor):
        return tree.detach().requires_grad_(tree.requires_grad)
    if isinstance(tree, dict):
        return {key: leaves(torch, value) for key, value in tree.items()}
    if type(tree) in (list, tuple):
        return type(tree)(leaves(torch, value) for value in tree)
    return tree


def results(torch, info, sample):
    """Call both; return the pairs of results and the pairs of inputs that require gradients."""
    given = leaves(torch, ((sample.input, *sample.args), sample.kwargs))
    args, options = translated(torch, given)
    torch.manual_seed(0)
    theirs = sample.output_process_fn_grad(info(*given[0], **given[1]))
    ours = sample.output_process_fn_grad(adapter(info)(*args, **options))
    ys = list(zip(tensors(ours, tg.Tensor), tensors(theirs, torch.Tensor), strict=True))
    xs = zip(tensors((args, options), tg.Tensor), tensors(given, torch.Tensor), strict=True)
    return ys, [(x, t) for x, t in xs if t.requires_grad]


def gradients(torch, ys, xs, twice=False):
    """Return the pairs of gradients of the inputs, and of the cotangents, which are random.

    What does not depend on an input has a gradient of zeros.
    """
    theirs = [torch.randn(t.shape, dtype=t.dtype, requires_grad=twice) for _, t in ys]
    ours = translated(torch, theirs)
    options = dict(create_graph=twice, allow_unused=True)
    found = []
    for side, cotangents, grad in ((0, ours, tg.grad), (1, theirs, torch.autograd.grad)):
        reached = [
            (y[side], g) for y, g in zip(ys, cotangents, strict=True) if y[side].requires_grad
        ]
        if not reached:
            found.append([None] * len(xs))
            continue
        outputs, gs = map(list, zip(*reached, strict=True))
        found.append(grad(outputs, [x[side] for x in xs], gs, **options))
    pairs = [
        (tg.zeros_like(x) if g is None else g, torch.zeros_like(t) if h is None else h)
        for (x, t), g, h in zip(xs, *found, strict=True)
    ]
    return pairs, list(zip(ours, theirs, strict=True))


def compare(torch, info, sample, twice=False):
    ys, xs = results(torch, info, sample)
    for i, pair in enumerate(ys):
        assert_close(*pair, f"result {i}")
    floats = [(y, t) for y, t in ys if t.is_floating_point()]
    if not xs or not floats or not all(t.isfinite().all() for _, t in xs):
        return
    first, gs = gradients(torch, floats, xs, twice)
    for i, pair in enumerate(first):
        assert_close(*pair, f"gradient of input {i}")
    if twice:
        second, _ = gradients(torch, first, xs + gs)
        for i, pair in enumerate(second):
            assert_close(*pair, f"second derivative, input {i}")


def excused(table, info, sample):
    name = f"{info.name}.{info.variant_test_name}".rstrip(".")
    for difference in table:
        if {name, info.name} & set(difference.operations.split()) and difference.covers(
            sample.input, *sample.args, **sample.kwargs
        ):
            return difference
    return None


FAIL = []
STAT = {}


def check(torch, info, sample, **options):
    if excused(DIFFERENCES, info, sample):
        return
    try:
        compare(torch, info, sample, **options)
        STAT[info.name] = STAT.get(info.name, 0) + 1
    except Exception as error:
        FAIL.append(
            (
                info.name,
                info.variant_test_name,
                described(sample)[:300],
                type(error).__name__ + ": " + " ".join(str(error).split())[:400],
            )
        )
