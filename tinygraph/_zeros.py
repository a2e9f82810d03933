"""Why the rules of operations give 0, in words."""

from __future__ import annotations

ZERO = {
    "ReLU": "its inputs are 0 or negative (a dead ReLU)",
    "ReLU6": "its inputs lie where it is flat",
    "Hardtanh": "its inputs lie outside of its bounds",
    "Hardsigmoid": "its inputs lie where it is flat",
    "Clip": "its inputs lie outside of its bounds",
    "Where": "the condition chooses the other operand",
    "Multiply": "the other factor is 0",
    "MatMul": "the other factor is 0",
    "Linear": "the other factor is 0",
    "Conv": "the other factor is 0",
    **dict.fromkeys(("Sigmoid", "Tanh"), "it is saturated, its slope rounds to 0"),
    **dict.fromkeys(("LSTMGates", "GRUGates"), "they are saturated, their slopes round to 0"),
    "Softmax": "it is saturated, or what follows weighs its outputs alike",
    "LogSoftmax": "it is saturated, or what follows weighs its outputs alike",
    "ClassCrossEntropy": "the prediction is already what the target asks for",
    "CrossEntropy": "the prediction is already what the target asks for",
    "Max": "other elements are greater",
    "Amax": "other elements are greater",
    "Min": "other elements are less",
    "Amin": "other elements are less",
    "MaxPool": "other elements of its windows are greater",
    "Embedding": "the index leaves these rows out",
    "Maximum": "the other operand is greater",
    "Minimum": "the other operand is less",
    "GetItem": "the index leaves these elements out",
    "Take": "the index leaves these elements out",
    **dict.fromkeys(("Concatenate", "Stack"), "what uses it leaves these elements out"),
    "Square": "its inputs are 0",
    "Power": "its slope is 0 there",
    "ScalarPower": "its slope is 0 there",
    "Abs": "its inputs are 0",
    **dict.fromkeys(("Round", "Floor", "Ceil", "Trunc", "Sign"), "it is flat between its steps"),
}


def zero_rule(name: str) -> str:
    """Say why the rule of an operation of this name gives 0."""
    for known in (name, name.rstrip("0123456789d")):
        if known in ZERO:
            return ZERO[known]
    return "its rule gives 0 there"
