"""Losses as modules."""

from __future__ import annotations

from .._tensor import Tensor, TensorLike
from . import functional
from .module import Module


class CrossEntropyLoss(Module):
    """Cross-entropy between logits and targets: `functional.cross_entropy` as a module.

    Parameters
    ----------
    weight : Tensor, shape (C,), optional
        A weight for each class.
    ignore_index : int
        An index that counts nothing.
    reduction : {"mean", "sum", "none"}
    label_smoothing : float
        How much of each target to spread evenly over the classes.

    Examples
    --------
    >>> import tinygraph as tg
    >>> loss = tg.nn.CrossEntropyLoss()
    >>> round(loss(tg.zeros((2, 10)), tg.tensor([3, 7])).item(), 4)  # log 10
    2.3026
    """

    weight: Tensor | None

    def __init__(
        self,
        weight: TensorLike | None = None,
        *,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index
        self.reduction = reduction
        self.label_smoothing = label_smoothing

    def forward(self, x: TensorLike, target: TensorLike) -> Tensor:
        """Logits (N, C, ...) and class indices (N, ...) or probabilities (N, C, ...) -> loss."""
        return functional.cross_entropy(
            x, target, self.weight, self.ignore_index, self.reduction, self.label_smoothing
        )


class MSELoss(Module):
    """Mean squared error: `functional.mse_loss` as a module.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}
    """

    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = reduction

    def forward(self, x: TensorLike, target: TensorLike) -> Tensor:
        """Two Tensors of one shape -> loss."""
        return functional.mse_loss(x, target, self.reduction)
