"""Losses as modules: what their functions take beside the inputs is given once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from .._tensor import Tensor, TensorLike
from . import functional
from .module import Module


class _Loss(Module):
    """A function of the inputs and of options, which are attributes of their names."""

    loss: ClassVar[Callable[..., Any]]

    def __init__(self, **options: Any) -> None:
        super().__init__()
        for name, value in options.items():
            if name.endswith("weight"):
                self.register_buffer(name, value)
            else:
                setattr(self, name, value)
        self._options = tuple(options)

    def forward(self, *inputs: TensorLike) -> Tensor:
        """Return what the function of that name returns."""
        y: Tensor = self.loss(*inputs, **{name: getattr(self, name) for name in self._options})
        return y


class CrossEntropyLoss(_Loss):
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

    loss = staticmethod(functional.cross_entropy)

    def __init__(
        self,
        weight: TensorLike | None = None,
        *,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(
            weight=weight,
            ignore_index=ignore_index,
            reduction=reduction,
            label_smoothing=label_smoothing,
        )


class NLLLoss(_Loss):
    """Log-probabilities and class indices -> loss, by `functional.nll_loss`."""

    loss = staticmethod(functional.nll_loss)

    def __init__(
        self, weight: TensorLike | None = None, *, ignore_index: int = -100, reduction: str = "mean"
    ) -> None:
        super().__init__(weight=weight, ignore_index=ignore_index, reduction=reduction)


class MSELoss(_Loss):
    """Two Tensors of one shape -> loss, by `functional.mse_loss`."""

    loss = staticmethod(functional.mse_loss)

    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)


class L1Loss(_Loss):
    """Two Tensors of one shape -> loss, by `functional.l1_loss`."""

    loss = staticmethod(functional.l1_loss)

    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)


class SmoothL1Loss(_Loss):
    """Two Tensors of one shape -> loss, by `functional.smooth_l1_loss`."""

    loss = staticmethod(functional.smooth_l1_loss)

    def __init__(self, *, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction=reduction, beta=beta)


class HuberLoss(_Loss):
    """Two Tensors of one shape -> loss, by `functional.huber_loss`."""

    loss = staticmethod(functional.huber_loss)

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction=reduction, delta=delta)


class KLDivLoss(_Loss):
    """Log-probabilities and probabilities -> loss, by `functional.kl_div`."""

    loss = staticmethod(functional.kl_div)

    def __init__(self, *, reduction: str = "mean", log_target: bool = False) -> None:
        super().__init__(reduction=reduction, log_target=log_target)


class PoissonNLLLoss(_Loss):
    """Expected and observed counts -> loss, by `functional.poisson_nll_loss`."""

    loss = staticmethod(functional.poisson_nll_loss)

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        *,
        eps: float = 1e-8,
        reduction: str = "mean",
    ) -> None:
        super().__init__(log_input=log_input, full=full, eps=eps, reduction=reduction)


class GaussianNLLLoss(_Loss):
    """Means, observations and variances -> loss, by `functional.gaussian_nll_loss`."""

    loss = staticmethod(functional.gaussian_nll_loss)

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(full=full, eps=eps, reduction=reduction)


class BCELoss(_Loss):
    """Probabilities and labels -> loss, by `functional.binary_cross_entropy`."""

    loss = staticmethod(functional.binary_cross_entropy)

    def __init__(self, weight: TensorLike | None = None, *, reduction: str = "mean") -> None:
        super().__init__(weight=weight, reduction=reduction)


class BCEWithLogitsLoss(_Loss):
    """Logits and labels -> loss, by `functional.binary_cross_entropy_with_logits`."""

    loss = staticmethod(functional.binary_cross_entropy_with_logits)

    def __init__(
        self,
        weight: TensorLike | None = None,
        *,
        reduction: str = "mean",
        pos_weight: TensorLike | None = None,
    ) -> None:
        super().__init__(weight=weight, reduction=reduction, pos_weight=pos_weight)


class SoftMarginLoss(_Loss):
    """Scores and labels 1 or -1 -> loss, by `functional.soft_margin_loss`."""

    loss = staticmethod(functional.soft_margin_loss)

    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)


class MultiLabelSoftMarginLoss(_Loss):
    """Logits and labels (N, C) -> loss, by `functional.multilabel_soft_margin_loss`."""

    loss = staticmethod(functional.multilabel_soft_margin_loss)

    def __init__(self, weight: TensorLike | None = None, *, reduction: str = "mean") -> None:
        super().__init__(weight=weight, reduction=reduction)


class HingeEmbeddingLoss(_Loss):
    """Distances and labels 1 or -1 -> loss, by `functional.hinge_embedding_loss`."""

    loss = staticmethod(functional.hinge_embedding_loss)

    def __init__(self, margin: float = 1.0, *, reduction: str = "mean") -> None:
        super().__init__(margin=margin, reduction=reduction)


class MarginRankingLoss(_Loss):
    """Two scores and 1 (the first is higher) or -1 -> loss, by `functional.margin_ranking_loss`."""

    loss = staticmethod(functional.margin_ranking_loss)

    def __init__(self, margin: float = 0.0, *, reduction: str = "mean") -> None:
        super().__init__(margin=margin, reduction=reduction)


class MultiMarginLoss(_Loss):
    """Scores (N, C) and class indices (N,) -> loss, by `functional.multi_margin_loss`."""

    loss = staticmethod(functional.multi_margin_loss)

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: TensorLike | None = None,
        *,
        reduction: str = "mean",
    ) -> None:
        super().__init__(p=p, margin=margin, weight=weight, reduction=reduction)


class CosineEmbeddingLoss(_Loss):
    """Two vectors and 1 (alike) or -1 -> loss, by `functional.cosine_embedding_loss`."""

    loss = staticmethod(functional.cosine_embedding_loss)

    def __init__(self, margin: float = 0.0, *, reduction: str = "mean") -> None:
        super().__init__(margin=margin, reduction=reduction)


class TripletMarginLoss(_Loss):
    """Anchor, what is near and what is far -> loss, by `functional.triplet_margin_loss`."""

    loss = staticmethod(functional.triplet_margin_loss)

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        *,
        reduction: str = "mean",
    ) -> None:
        super().__init__(margin=margin, p=p, eps=eps, swap=swap, reduction=reduction)


class CosineSimilarity(_Loss):
    """Two Tensors of vectors -> cosines of their angles, by `functional.cosine_similarity`."""

    loss = staticmethod(functional.cosine_similarity)

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__(dim=dim, eps=eps)


class PairwiseDistance(_Loss):
    """Two Tensors of vectors -> their distances, by `functional.pairwise_distance`."""

    loss = staticmethod(functional.pairwise_distance)

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__(p=p, eps=eps, keepdim=keepdim)
