"""How each framework runs the rows of workloads.py: one module for each.

A module's `Peer` makes a `Task` of each kind of work, or raises `LeftOut` with the reason.  It has
no method for a kind of layers that its framework has not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol

from workloads import AdamStep, Chain, Operation, Recurrent, Train, Work

NAMES = ("tinygraph", "torch", "mygrad", "autograd", "jax")
TITLES = dict(
    tinygraph="tinygraph", torch="PyTorch", mygrad="MyGrad", autograd="autograd", jax="JAX jit"
)


class LeftOut(Exception):
    """The framework does not run this row; the message says why."""


@dataclass
class Task:
    """Work that is ready to run: its data is in the framework's own arrays."""

    step: Callable[[], Any]  # what is timed; returns when the work is done
    results: Callable[[], dict[str, Any]]  # from the first state: what all peers must agree on
    before: Callable[[], Any] | None = None  # runs ahead of each step, untimed


class Peer(Protocol):
    def train(self, work: Train, x: Any, target: Any, parameters: list[Any]) -> Task: ...
    def operation(self, work: Operation, inputs: list[Any], g: Any) -> Task: ...
    def recurrent(self, work: Recurrent, x: Any, parameters: list[Any], g: Any) -> Task: ...
    def adam(self, work: AdamStep, parameter: Any, gradient: Any) -> Task: ...
    def chain(self, work: Chain, x: Any) -> Task: ...


_METHODS = {
    Train: "train",
    Operation: "operation",
    Recurrent: "recurrent",
    AdamStep: "adam",
    Chain: "chain",
}


def load(name: str) -> Peer:
    return import_module(f"peers.{name}").Peer()


def installed() -> list[str]:
    return [name for name in NAMES if find_spec(name)]


def make(peer: Peer, work: Work) -> Task:
    method = getattr(peer, _METHODS[type(work)], None)
    if method is None:
        raise LeftOut("it has no such layers")
    return method(work, **work.arrays())


def named(loss: Any, gradients: Any) -> dict[str, Any]:
    """What a row of training or of one operation must agree on."""
    return {"output": loss, **{f"gradient {i}": g for i, g in enumerate(gradients)}}
