"""The gradient checkers: each makes an operation of a Subject and calls its framework's check.

A check returns a verdict, "passed", "failed" or "inconclusive": of the first order, in reverse mode
and for every input, with the steps and tolerances that the framework has by default.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
from planted import Array, Subject

Check = Callable[[list[Array], int], str]  # inputs, seed -> verdict
Maker = Callable[[Subject, list[Array]], Check]  # given an example of the inputs


def tinygraph(with_contracts: bool = False) -> Maker:
    import tinygraph as tg
    from tinygraph.testing import GradientError, contracts, gradcheck

    def make(subject: Subject, example: list[Array]) -> Check:
        members = {
            "forward": staticmethod(_with_inputs(len(example), subject.forward)),
            "backward": staticmethod(_rule(len(example), subject)),
        }
        if subject.branch is not None:
            members["branch"] = staticmethod(subject.branch)
        operation = type("Operation", (tg.Function,), members)()

        def check(xs: list[Array], seed: int) -> str:
            try:
                verdict = gradcheck(operation, *xs, seed=seed).verdict
            except GradientError:
                return "failed"
            if with_contracts:
                found = contracts(operation, *xs, seed=seed)
                if any(f.verdict == "failed" and f.check in ON_ARRAYS for f in found):
                    return "failed"
            return verdict

        return check

    return make


# The contracts that run no rule on Tensors, on which a rule written in NumPy fails.
ON_ARRAYS = {
    f"contract: {name}"
    for name in ("the same every time", "a second backward", "any memory layout")
}


def _with_inputs(count: int, f: Callable[..., Any]) -> Callable[..., Any]:
    """Give a function, which may be one of NumPy's, names for its inputs."""
    return (lambda a: f(a)) if count == 1 else (lambda a, b: f(a, b))


def _rule(count: int, subject: Subject) -> Callable[..., Any]:
    if count == 1:
        return lambda g, a: subject.backward(g, a)
    return lambda g, a, b: subject.backward(g, a, b)


def torch() -> Maker:
    import torch

    def make(subject: Subject, example: list[Array]) -> Check:
        class Operation(torch.autograd.Function):
            @staticmethod
            def forward(ctx: Any, *tensors: Any) -> Any:
                ctx.save_for_backward(*tensors)
                return torch.as_tensor(subject.forward(*(t.detach().numpy() for t in tensors)))

            @staticmethod
            @torch.autograd.function.once_differentiable
            def backward(ctx: Any, g: Any) -> Any:
                arrays = (t.detach().numpy() for t in ctx.saved_tensors)
                gradients = subject.backward(g.numpy(), *arrays)
                return tuple(torch.as_tensor(np.ascontiguousarray(gx)) for gx in gradients)

        def check(xs: list[Array], seed: int) -> str:
            torch.manual_seed(seed)
            inputs = [torch.tensor(x, requires_grad=True) for x in xs]
            passed = torch.autograd.gradcheck(Operation.apply, inputs, raise_exception=False)
            return "passed" if passed else "failed"

        return check

    return make


def jax() -> Maker:
    import jax
    from jax.test_util import check_grads

    jax.config.update("jax_enable_x64", True)

    def make(subject: Subject, example: list[Array]) -> Check:
        shapes = tuple(jax.ShapeDtypeStruct(x.shape, x.dtype) for x in example)
        out = np.asarray(subject.forward(*example))
        result = jax.ShapeDtypeStruct(out.shape, out.dtype)

        def forward(*arrays: Any) -> Any:
            return np.asarray(subject.forward(*map(np.array, arrays)), out.dtype)

        def backward(g: Any, *arrays: Any) -> Any:
            gradients = subject.backward(np.array(g), *map(np.array, arrays))
            return tuple(np.asarray(gx, x.dtype) for gx, x in zip(gradients, example, strict=True))

        @jax.custom_vjp
        def operation(*arrays: Any) -> Any:
            return jax.pure_callback(forward, result, *arrays)

        operation.defvjp(
            lambda *arrays: (operation(*arrays), arrays),
            lambda arrays, g: jax.pure_callback(backward, shapes, g, *arrays),
        )

        def check(xs: list[Array], seed: int) -> str:
            try:
                check_grads(operation, tuple(xs), order=1, modes=["rev"])
            except AssertionError:
                return "failed"
            return "passed"

        return check

    return make


def autograd() -> Maker:
    from autograd.extend import defvjp, primitive
    from autograd.test_util import check_grads

    def make(subject: Subject, example: list[Array]) -> Check:
        operation = primitive(lambda *arrays: subject.forward(*arrays))
        rules = [
            lambda y, *arrays, i=i: lambda g: subject.backward(g, *arrays)[i]
            for i in range(len(example))
        ]
        defvjp(operation, *rules)
        checked = check_grads(operation, tuple(range(len(example))), modes=["rev"], order=1)

        def check(xs: list[Array], seed: int) -> str:
            np.random.seed(seed)  # noqa: NPY002 (autograd draws its directions from it)
            try:
                checked(*xs)
            except AssertionError:
                return "failed"
            return "passed"

        return check

    return make


CHECKERS: dict[str, Callable[[], Maker]] = dict(
    tinygraph=tinygraph,
    contracts=lambda: tinygraph(with_contracts=True),
    torch=torch,
    jax=jax,
    autograd=autograd,
)
TITLES = dict(
    tinygraph="`tinygraph.testing.gradcheck`",
    contracts="with `contracts`",
    torch="`torch.autograd.gradcheck`",
    jax="`jax.test_util.check_grads`",
    autograd="`autograd.test_util.check_grads`",
)


def installed() -> list[str]:
    modules = {name: name for name in CHECKERS} | {"contracts": "tinygraph"}
    return [name for name, module in modules.items() if find_spec(module)]
