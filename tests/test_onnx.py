"""ONNX's own backend tests of nodes, whose definition of an operation is nobody's here."""

from __future__ import annotations

import re
import warnings
from collections import Counter
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
ELSEWHERE: dict[str, str] = {}


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
        outputs = run(case.model, [_array(x) for x in inputs])
        assert len(outputs) == len(expected)
        for y, reference in zip(outputs, map(_array, expected), strict=True):
            assert (y.shape, y.dtype) == (reference.shape, reference.dtype)
            np.testing.assert_allclose(y, reference, rtol=case.rtol, atol=case.atol)
