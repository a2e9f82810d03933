"""What the peers without modules share: a network as a function of its parameters."""

from __future__ import annotations

from typing import Any

from workloads import Conv, Flatten, Layer, Linear, Pool, Relu


def loss(operations: Any, layers: tuple[Layer, ...], parameters: Any, x: Any, target: Any) -> Any:
    """The cross-entropy of a network, through the operations of one framework."""
    parameters = iter(parameters)
    for layer in layers:
        match layer:
            case Conv():
                w, b = next(parameters), next(parameters)
                x = operations.conv2d(x, w, b, stride=1, padding=layer.padding)
            case Linear():
                w, b = next(parameters), next(parameters)
                x = x @ w.T + b
            case Pool(kernel):
                x = operations.max_pool2d(x, kernel, kernel)
            case Relu():
                x = operations.relu(x)
            case Flatten():
                x = x.reshape(x.shape[0], -1)
    return operations.cross_entropy(x, target)
