"""ONNX's own backend tests of nodes, whose definition of an operation is nobody's here."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import pytest

from .onnx_backend import OPERATIONS, onnx, run

# Operators that tinygraph has no operation for, by reason.
NO_OPERATION = {
    "strings": {
        "LabelEncoder", "RegexFullMatch", "StringConcat", "StringNormalizer", "StringSplit",
        "TfIdfVectorizer",
    },
    "sequences and optional values": {
        "OptionalGetElement", "OptionalHasElement", "SequenceInsert", "SequenceMap",
        "SplitToSequence",
    },
    "control flow": {"If", "Loop", "Scan"},
    "quantized numbers": {
        "ConvInteger", "DequantizeLinear", "DynamicQuantizeLinear", "MatMulInteger", "QLinearConv",
        "QLinearMatMul", "QuantizeLinear",
    },
    "bits": {"BitCast", "BitShift"},
    "signals": {
        "BlackmanWindow", "DFT", "HammingWindow", "HannWindow", "MelWeightMatrix", "STFT",
    },
    "images and detection": {
        "AffineGrid", "DeformConv", "GridSample", "ImageDecoder", "NonMaxSuppression", "RoiAlign",
    },
    "recurrent cells": {"GRU", "LSTM", "RNN"},
    "fused attention": {
        "CausalConvWithState", "FlexAttention", "LinearAttention", "RotaryEmbedding", "SwiGLU",
        "TensorScatter",
    },
    "optimizers as nodes": {"Adagrad", "Adam", "Momentum"},
    "classical learning": {"ArrayFeatureExtractor", "Binarizer", "TreeEnsemble"},
    "random numbers, of another stream": {"Bernoulli"},
    "Unique": {"Unique"},
}  # fmt: skip

# Tests of the other operators that ask for something else, by a pattern for their names.
ELSEWHERE = {
    "attention.*(softcap|qk_matmul|window|nonpad|padded_kv)": "attention with more options",
    "col2im_5d": "fold is of images, as PyTorch's",
    "training_dropout(_default)?(_mask)?$": "random numbers, of another stream",
    "reduce_(max|min)_empty_set": "the maximum of nothing is an error, as in NumPy",
    "maxunpool_export_with_output_shape": "places counted in another image than the output",
    "resize_.*(crop|antialias|exclude_outside|not_larger|not_smaller|half_pixel_symmetric)": (
        "grids that PyTorch's interpolate does not have"
    ),
    "resize_.*(asymmetric|pytorch_half_pixel|ceil_half_pixel|floor_align_corners)": (
        "grids that PyTorch's interpolate does not have"
    ),
    "resize_downsample_scales_(linear|cubic)_align_corners": (
        "grids that PyTorch's interpolate does not have"
    ),
    "resize_(up|down)sample_sizes_nearest(_axes_2_3|_axes_3_2)?$": (
        "halfway between two pixels PyTorch takes the second, ONNX the first"
    ),
}


def _cases() -> list[Any]:
    with warnings.catch_warnings():  # ONNX computes some of its infinities the loud way
        warnings.simplefilter("ignore", RuntimeWarning)
        from onnx.backend.test.case.node import collect_testcases

        cases = collect_testcases(None)
    return [case for case in cases if "_expanded" not in case.name]


def _exclusion(case: Any) -> str | None:
    """Return why a test does not run, or None."""
    for node in case.model.graph.node:
        for reason, names in NO_OPERATION.items():
            if node.op_type in names:
                return reason
    for info in (*case.model.graph.input, *case.model.graph.output):
        kind = info.type.tensor_type.elem_type
        if kind == 0:
            return "sequences and optional values"
        if onnx.helper.tensor_dtype_to_np_dtype(kind).type.__module__ != "numpy":
            return "dtypes that NumPy does not have"
        if kind == onnx.TensorProto.STRING:
            return "strings"
    return next((why for name, why in ELSEWHERE.items() if re.search(name, case.name)), None)


CASES = _cases()
EXCLUDED = {case.name: reason for case in CASES if (reason := _exclusion(case))}


def _array(value: Any) -> np.ndarray:
    return onnx.numpy_helper.to_array(value) if hasattr(value, "data_type") else np.asarray(value)


@pytest.mark.parametrize(
    "case", [pytest.param(c, id=c.name) for c in CASES if c.name not in EXCLUDED]
)
def test_node(case):
    """Compare as ONNX's runner does, which sets the tolerances."""
    for inputs, expected in case.data_sets:
        with np.errstate(all="ignore"):  # infinities and NaN are asked for
            outputs = run(case.model, [_array(x) for x in inputs])
        assert len(outputs) == len(expected)
        for y, reference in zip(outputs, map(_array, expected), strict=True):
            assert (y.shape, y.dtype) == (reference.shape, reference.dtype)
            half = y.dtype == np.float16  # two units in the last place, as for bfloat16 there
            rtol = 2 * float(np.finfo(np.float16).eps) if half else case.rtol
            np.testing.assert_allclose(y, reference, rtol=rtol, atol=case.atol)


def test_exclusions_are_stated_and_needed():
    operators = {node.op_type for case in CASES for node in case.model.graph.node}
    unknown = set().union(*NO_OPERATION.values())
    assert not unknown & set(OPERATIONS)
    assert operators == unknown | set(OPERATIONS)
    for pattern, reason in ELSEWHERE.items():
        assert any(re.search(pattern, name) and EXCLUDED[name] == reason for name in EXCLUDED)
    assert len(CASES) - len(EXCLUDED) > 900
