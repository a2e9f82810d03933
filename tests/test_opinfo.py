"""PyTorch's own sample inputs, through its operator database (OpInfo).

For every operation that both have: values and dtypes, gradients, second derivatives, and the inputs
that PyTorch refuses, which must be refused here too.  Broadcast, 0-d, empty, non-contiguous and
extreme samples are among them.  The last digits, which the order of a sum decides, are for the
other tests against PyTorch.
"""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

import tinygraph as tg

from .opinfo_adapters import DIFFERENCES, ERROR_DIFFERENCES, OPERATIONS

pytestmark = pytest.mark.reference

SAMPLES = {"float64": 60, "float32": 8, "int64": 40}  # of each, spread over all there are
TWICE = 3  # of those that are differentiated twice
SMALL, TINY = 2000, 100  # elements in all inputs of a sample; of one that is differentiated twice
TOLERANCE = {"float64": 1e-9, "float32": 1e-4}  # relative and absolute


@pytest.fixture(scope="module")
def infos(torch):
    """The database: an OpInfo for each operation, or for each variant of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_methods_invocations import op_db
    return op_db


def row(info):
    """Return which row of `OPERATIONS` is for an OpInfo: its own, or that of all variants."""
    return info.full_name if info.full_name in OPERATIONS else info.name


def leaves(tree, kind):
    """Return all values of one type in nested arguments or results."""
    if isinstance(tree, kind):
        return [tree]
    if isinstance(tree, dict):
        tree = tree.values()
    elif not isinstance(tree, (list, tuple)):
        return []
    return [leaf for branch in tree for leaf in leaves(branch, kind)]


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


def size(torch, sample):
    """Return the number of elements of all arguments.

    Infinite where tinygraph cannot hold one: complex numbers, or more axes than NumPy allows.
    """
    given = sample.input, sample.args, sample.kwargs
    found = leaves(given, torch.Tensor)
    if leaves(given, complex) or any(t.is_complex() or t.ndim > 64 for t in found):
        return math.inf
    return sum(t.numel() for t in found)


def samples(torch, info, dtype):
    """Return PyTorch's sample inputs of one dtype that are small enough.

    The further ones of clamp and where ask for gradients of integers, which fails.  Seeds are set
    here, because to set them for each sample, as PyTorch does, takes longer than all else.
    """
    torch.testing._internal.common_utils.set_rng_seed(0)
    differentiable = info.supports_autograd and dtype.is_floating_point
    few = differentiable and info.name in ("clamp", "where")
    source = info.sample_inputs if few else info.reference_inputs
    found = source("cpu", dtype, requires_grad=differentiable, set_seed=False)
    return [sample for sample in found if size(torch, sample) <= SMALL]


def described(sample):
    def shown(x):
        if hasattr(x, "shape"):
            return tuple(x.shape)
        return type(x)(map(shown, x)) if type(x) in (list, tuple) else x

    options = {name: shown(value) for name, value in sample.kwargs.items()}
    return f"{[shown(sample.input), *map(shown, sample.args)]} {options}"


def assert_close(got, expected, what):
    got, expected = got.numpy(), expected.numpy(force=True)
    assert got.shape == expected.shape, what
    assert got.dtype == expected.dtype, what
    tolerance = TOLERANCE.get(expected.dtype.name, 0)
    np.testing.assert_allclose(got, expected, tolerance, tolerance, err_msg=what)


def detached(torch, tree):
    """Return arguments with Tensors of the same memory that were computed from nothing."""
    if isinstance(tree, torch.Tensor):
        return tree.detach().requires_grad_(tree.requires_grad)
    if isinstance(tree, dict):
        return {key: detached(torch, value) for key, value in tree.items()}
    if type(tree) in (list, tuple):
        return type(tree)(detached(torch, value) for value in tree)
    return tree


def results(torch, info, sample):
    """Call both; return the pairs of results and the pairs of inputs that require gradients."""
    given = detached(torch, ((sample.input, *sample.args), sample.kwargs))
    args, options = translated(torch, given)
    theirs = sample.output_process_fn_grad(info(*given[0], **given[1]))
    ours = sample.output_process_fn_grad(OPERATIONS[row(info)](*args, **options))
    ys = list(zip(leaves(ours, tg.Tensor), leaves(theirs, torch.Tensor), strict=True))
    xs = zip(leaves((args, options), tg.Tensor), leaves(given, torch.Tensor), strict=True)
    return ys, [(x, t) for x, t in xs if t.requires_grad]


def differentiated(torch, ys, xs, create_graph):
    """Return the pairs of gradients of the inputs, and of the cotangents, which are random.

    What does not depend on an input has a gradient of zeros.
    """
    theirs = [torch.randn(t.shape, dtype=t.dtype, requires_grad=create_graph) for _, t in ys]
    cotangents = list(zip(translated(torch, theirs), theirs, strict=True))
    found = []
    for side, grad in ((0, tg.grad), (1, torch.autograd.grad)):
        reached = [
            (y[side], g[side]) for y, g in zip(ys, cotangents, strict=True) if y[side].requires_grad
        ]
        if reached:
            outputs, gs = zip(*reached, strict=True)
            inputs = [x[side] for x in xs]
            options = dict(create_graph=create_graph, allow_unused=True)
            found.append(grad(list(outputs), inputs, list(gs), **options))
        else:
            found.append([None] * len(xs))
    gradients = [
        (tg.zeros_like(x) if g is None else g, torch.zeros_like(t) if h is None else h)
        for (x, t), g, h in zip(xs, *found, strict=True)
    ]
    return gradients, cotangents


@np.errstate(all="ignore")
def compare(torch, info, sample, order):
    """Compare the results, and the derivatives up to this order where all inputs are finite."""
    ys, xs = results(torch, info, sample)
    for i, pair in enumerate(ys):
        assert_close(*pair, f"result {i}")
    ys = [(y, t) for y, t in ys if t.is_floating_point()]
    if not ys or not all(t.isfinite().all() for _, t in xs):
        return
    for n in range(1, order + 1):
        if not xs:
            return
        gradients, cotangents = differentiated(torch, ys, xs, create_graph=n < order)
        for i, pair in enumerate(gradients):
            assert_close(*pair, f"derivative {n}, input {i}")
        ys, xs = gradients, xs + cotangents


def selected(torch, info):
    """Yield samples of an operation, and up to which order their derivatives are compared."""
    for dtype, count in SAMPLES.items():
        if getattr(torch, dtype) in info.dtypes:
            found = samples(torch, info, getattr(torch, dtype))
            for sample in spread(found, count):
                yield sample, 1
            if info.supports_gradgrad and dtype == "float64":
                tiny = [sample for sample in found if size(torch, sample) <= TINY]
                for sample in spread(tiny, TWICE):
                    yield sample, 2


def named(difference, info):
    """Return by which names, of the operation or of its variant, a difference is about it."""
    return {info.name, info.full_name} & set(difference.operations.split())


def covers(difference, sample):
    return difference.covers(sample.input, *sample.args, **sample.kwargs)


def excuse(table, info, sample):
    """Return the difference in a table that a sample falls under, if there is one."""
    return next((d for d in table if named(d, info) and covers(d, sample)), None)


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_samples(torch, infos, name):
    compared = 0
    for info in (info for info in infos if row(info) == name):
        for sample, order in selected(torch, info):
            difference = excuse(DIFFERENCES, info, sample)
            if difference:
                order = min(order, difference.order - 1)
            if order < 0:
                continue
            try:
                compare(torch, info, sample, order)
            except Exception as error:
                error.add_note(f"{info.full_name}: {described(sample)}")
                raise
            compared += 1
    assert compared


def differs(torch, info, sample, order):
    try:
        compare(torch, info, sample, order)
    except Exception:
        return True
    return False


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda d: d.operations.split()[0])
def test_differences_exist(torch, infos, difference):
    """What the table excuses does not agree, in at least one sample of each operation."""
    found = set()
    for info in infos:
        if named(difference, info) - found and any(
            order >= difference.order
            and covers(difference, sample)
            and differs(torch, info, sample, order)
            for sample, order in selected(torch, info)
        ):
            found |= named(difference, info)
    assert found == set(difference.operations.split())


def refuses(operation, args, options):
    try:
        operation(*args, **options)
    except (TypeError, ValueError, IndexError):
        return True
    return False


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_what_pytorch_refuses(torch, infos, name):
    """It is refused here too, unless it is accepted on purpose."""
    for info in (info for info in infos if row(info) == name and info.error_inputs_func):
        for case in info.error_inputs("cpu", set_seed=False):
            sample = case.sample_input
            if size(torch, sample) == math.inf or "out" in sample.kwargs:  # which is not here
                continue
            args, options = translated(torch, ((sample.input, *sample.args), sample.kwargs))
            on_purpose = excuse(ERROR_DIFFERENCES, info, sample)
            what = f"{described(sample)}, in PyTorch: {case.error_regex}"
            assert refuses(OPERATIONS[name], args, options) == (on_purpose is None), what


@pytest.mark.parametrize("difference", ERROR_DIFFERENCES, ids=lambda d: d.operations.split()[0])
def test_error_differences_exist(infos, difference):
    """That what they cover is accepted, `test_what_pytorch_refuses` checks."""
    found = set()
    for info in infos:
        if named(difference, info) and any(
            covers(difference, case.sample_input)
            for case in info.error_inputs("cpu", set_seed=False)
        ):
            found |= named(difference, info)
    assert found == set(difference.operations.split())
