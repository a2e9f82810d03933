"""Attention as layers."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from .._create import zeros
from .._tensor import Tensor, TensorLike, as_tensor, get_default_dtype
from ..ops._arguments import floating
from ..ops.attention import attend
from ..ops.elementwise import where
from ..ops.shape import concatenate, pad
from . import functional, init
from .containers import ModuleList
from .dropout import Dropout
from .layers import Linear, _check_positive
from .module import Module, Parameter
from .normalization import LayerNorm


class MultiheadAttention(Module):
    """Attention by several heads, each in a projection of its own, joined and projected again.

    Parameters
    ----------
    embed_dim : int
        The features of a query.
    num_heads : int
        A divisor of ``embed_dim``.
    dropout : float
        The probability with which a weight is dropped in training.
    bias : bool
        Whether the projections learn a shift.
    add_bias_kv : bool
        Whether to learn one more key and value.
    add_zero_attn : bool
        Whether to add a key and value of zeros.
    kdim, vdim : int, optional
        The features of keys and values; ``embed_dim`` unless given.
    batch_first : bool
        Whether inputs and outputs are (N, L, E), not (L, N, E).
    dtype : dtype, optional
        Of the parameters; the default dtype unless given.
    generator : numpy.random.Generator, optional
        Draws the initial values, and what is dropped; default: the one that
        `tinygraph.manual_seed` restarts.

    Attributes
    ----------
    in_proj_weight : Parameter, shape (3 * embed_dim, embed_dim), or None
        The projections of query, key and value, stacked; None where kdim or vdim differ.
    q_proj_weight, k_proj_weight, v_proj_weight : Parameter, or None
        The same, one by one, in that case.
    in_proj_bias : Parameter, shape (3 * embed_dim,), or None
    out_proj : Linear
    bias_k, bias_v : Parameter, shape (1, 1, embed_dim), or None

    Raises
    ------
    ValueError
        If a size is not positive, or the heads do not divide the features.

    Notes
    -----
    Vaswani et al., *Attention Is All You Need*, 2017.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        *,
        dtype: DTypeLike | None = None,
        generator: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        kdim = embed_dim if kdim is None else kdim
        vdim = embed_dim if vdim is None else vdim
        _check_positive(
            "MultiheadAttention", embed_dim=embed_dim, num_heads=num_heads, kdim=kdim, vdim=vdim
        )
        if embed_dim % num_heads:
            raise ValueError(
                f"MultiheadAttention: num_heads = {num_heads} must divide embed_dim = {embed_dim}"
            )
        self.embed_dim = embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.add_zero_attn = add_zero_attn
        self.kdim = kdim
        self.vdim = vdim
        self.batch_first = batch_first
        self._generator = generator
        dtype = get_default_dtype() if dtype is None else dtype

        def weight(rows: int, columns: int, wanted: bool) -> Parameter | None:
            if not wanted:
                return None
            p = Parameter(np.zeros((rows, columns), dtype))
            init.xavier_uniform_(p, generator=generator)
            return p

        same = kdim == vdim == embed_dim
        self.in_proj_weight = weight(3 * embed_dim, embed_dim, same)
        self.q_proj_weight = weight(embed_dim, embed_dim, not same)
        self.k_proj_weight = weight(embed_dim, kdim, not same)
        self.v_proj_weight = weight(embed_dim, vdim, not same)
        self.in_proj_bias = Parameter(np.zeros(3 * embed_dim, dtype)) if bias else None
        self.out_proj = Linear(embed_dim, embed_dim, bias, dtype=dtype, generator=generator)
        if self.out_proj.bias is not None:
            init.zeros_(self.out_proj.bias)
        self.bias_k = self.bias_v = None
        if add_bias_kv:
            std = math.sqrt(1 / embed_dim)
            self.bias_k, self.bias_v = (
                Parameter(np.zeros((1, 1, embed_dim), dtype)) for _ in range(2)
            )
            for p in (self.bias_k, self.bias_v):
                init.normal_(p, 0, std, generator)

    def forward(
        self,
        query: TensorLike,
        key: TensorLike,
        value: TensorLike,
        key_padding_mask: TensorLike | None = None,
        need_weights: bool = True,
        attn_mask: TensorLike | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Return the output and, if wanted, the weights.

        Parameters
        ----------
        query : Tensor, shape (L, N, embed_dim), or (N, L, embed_dim) with ``batch_first``
        key : Tensor, shape (S, N, kdim)
        value : Tensor, shape (S, N, vdim)
            All three may lack the batch N.
        key_padding_mask : Tensor, shape (N, S), optional
            Boolean: which keys do not count.  Floating: what is added to their scores.
        need_weights : bool
        attn_mask : Tensor, shape (L, S) or (N * num_heads, L, S), optional
            Boolean: which keys a query may *not* see.  Floating: what is added to the scores.
        average_attn_weights : bool
            Return the mean of the heads' weights.
        is_causal : bool
            Says that ``attn_mask`` is the causal mask, which must be given.

        Returns
        -------
        output : Tensor, of the shape of ``query``
        weights : Tensor, shape (N, L, S), or (N, num_heads, L, S) when not averaged; or None
        """
        q, k, v = (floating("MultiheadAttention", x) for x in (query, key, value))
        if is_causal and attn_mask is None:
            raise ValueError("MultiheadAttention: is_causal needs the attn_mask that it describes")
        batched = q.ndim == 3
        self._check(q, k, v)
        q, k, v = map(self._batch_first, self._project(q, k, v))
        padding = None if key_padding_mask is None else as_tensor(key_padding_mask)
        if padding is not None and not batched:
            padding = padding.reshape(1, *padding.shape)
        mask = self._mask(q, k, padding, attn_mask)
        k, v, mask = self._extend(k, v, mask)
        p = self.dropout if self.training else 0.0
        scale = 1 / math.sqrt(self.embed_dim // self.num_heads)
        y, weights = attend(
            self._split(q), self._split(k), self._split(v), mask, p, scale, self._generator
        )
        y = self.out_proj(y.transpose(0, 2, 1, 3).reshape(q.shape))
        if average_attn_weights:
            weights = weights.mean(axis=1)
        if not batched:
            return y.squeeze(0), weights.squeeze(0) if need_weights else None
        return y if self.batch_first else y.transpose(1, 0, 2), weights if need_weights else None

    def _check(self, *inputs: Tensor) -> None:
        """Refuse query, key and value of shapes that do not fit."""
        shapes = [x.shape for x in inputs]
        q, k, v = shapes
        features = (self.embed_dim, self.kdim, self.vdim)
        time = 1 if self.batch_first and len(q) == 3 else 0
        if (
            len(q) not in (2, 3)
            or any(len(s) != len(q) or s[-1] != n for s, n in zip(shapes, features, strict=True))
            or k[time] != v[time]
            or (len(q) == 3 and not q[1 - time] == k[1 - time] == v[1 - time])
        ):
            raise ValueError(
                "MultiheadAttention: query, key and value must be sequences of "
                f"{features[0]}, {features[1]} and {features[2]} features, of one batch size, key "
                f"and value of one length, not shapes {', '.join(map(str, shapes))}"
            )

    def _batch_first(self, x: Tensor) -> Tensor:
        """Return a query, key or value as (N, L, E)."""
        if x.ndim == 2:
            return x.reshape(1, *x.shape)
        return x if self.batch_first else x.transpose(1, 0, 2)

    def _mask(
        self, q: Tensor, k: Tensor, padding: Tensor | None, attn_mask: TensorLike | None
    ) -> Tensor | None:
        """Return what to add to the scores, of a shape that broadcasts to (N, heads, L, S)."""
        (n, length, _), size = q.shape, k.shape[1]
        masks = []
        if attn_mask is not None:
            mask = as_tensor(attn_mask)
            if mask.shape not in ((length, size), (n * self.num_heads, length, size)):
                raise ValueError(
                    f"MultiheadAttention: attn_mask must have shape {(length, size)} or "
                    f"{(n * self.num_heads, length, size)}, not {mask.shape}"
                )
            masks.append(mask.reshape(-1, self.num_heads if mask.ndim == 3 else 1, length, size))
        if padding is not None:
            if padding.shape != (n, size):
                raise ValueError(
                    f"MultiheadAttention: key_padding_mask must have shape {(n, size)}, "
                    f"not {padding.shape}"
                )
            masks.append(padding.reshape(n, 1, 1, size))
        total = None
        for mask in masks:
            if mask.dtype.kind == "b":
                mask = where(mask, -math.inf, zeros((), q.dtype))
            total = mask if total is None else total + mask
        return total

    def _project(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        weights: list[Any]
        parts = [slice(i * self.embed_dim, (i + 1) * self.embed_dim) for i in range(3)]
        if self.in_proj_weight is not None:
            weights = [self.in_proj_weight[part] for part in parts]
        else:
            weights = [self.q_proj_weight, self.k_proj_weight, self.v_proj_weight]
        bias = self.in_proj_bias
        return tuple(
            functional.linear(x, w, None if bias is None else bias[part])
            for x, w, part in zip(inputs, weights, parts, strict=True)
        )

    def _extend(
        self, k: Tensor, v: Tensor, mask: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Put a learned key and value, and ones of zeros, at the end, where wanted."""
        more: list[tuple[Tensor, Tensor]] = []
        if self.bias_k is not None and self.bias_v is not None:
            more.append((self.bias_k, self.bias_v))
        if self.add_zero_attn:
            more.append((zeros((1, 1, self.embed_dim), k.dtype),) * 2)
        for extra in more:
            k, v = (
                concatenate([x, e.broadcast_to((len(x), 1, self.embed_dim))], 1)
                for x, e in zip((k, v), extra, strict=True)
            )
        if mask is not None and more:
            mask = pad(mask, [(0, 0)] * 3 + [(0, len(more))])
        return k, v, mask

    def _split(self, x: Tensor) -> Tensor:
        """(N, L, heads * E) -> (N, heads, L, E)."""
        n, length, features = x.shape
        heads = x.reshape(n, length, self.num_heads, features // self.num_heads)
        return heads.transpose(0, 2, 1, 3)


class TransformerEncoderLayer(Module):
    """Self-attention and a feed-forward network, each with a residual connection and a LayerNorm.

    Parameters
    ----------
    d_model : int
        The number of features.
    nhead : int
        The number of heads.
    dim_feedforward : int
        The width of the feed-forward network.
    dropout : float
    activation : {"relu", "gelu"} or a function of a Tensor
    layer_norm_eps : float
    batch_first : bool
        Whether input and output are (N, L, E), not (L, N, E).
    norm_first : bool
        Whether to normalise before each part, not after it.
    bias : bool
        Whether projections and norms learn a shift.
    dtype : dtype, optional
        Of the parameters; the default dtype unless given.
    generator : numpy.random.Generator, optional
        Draws the initial values, and what is dropped; default: the one that
        `tinygraph.manual_seed` restarts.

    Raises
    ------
    ValueError
        If a size is not positive, the heads do not divide the features, or the activation is
        unknown.
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable[[Tensor], Tensor] = "relu",
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        *,
        dtype: DTypeLike | None = None,
        generator: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        _check_positive(
            "TransformerEncoderLayer", d_model=d_model, nhead=nhead, dim_feedforward=dim_feedforward
        )
        if isinstance(activation, str) and activation not in ("relu", "gelu"):
            raise ValueError(
                "TransformerEncoderLayer: activation must be 'relu', 'gelu' or a function, "
                f"not {activation!r}"
            )
        options: dict[str, Any] = dict(dtype=dtype, generator=generator)
        self.self_attn = MultiheadAttention(
            d_model, nhead, dropout, bias, batch_first=batch_first, **options
        )
        self.linear1 = Linear(d_model, dim_feedforward, bias, **options)
        self.linear2 = Linear(dim_feedforward, d_model, bias, **options)
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype)
        self.dropout, self.dropout1, self.dropout2 = (
            Dropout(dropout, generator=generator) for _ in range(3)
        )
        self.norm_first = norm_first
        self.activation = activation

    def forward(
        self,
        src: TensorLike,
        src_mask: TensorLike | None = None,
        src_key_padding_mask: TensorLike | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        """Apply it; the shape stays.  Masks are those of `MultiheadAttention`."""
        x = as_tensor(src)

        def attention(x: Tensor) -> Tensor:
            y, _ = self.self_attn(
                x, x, x, src_key_padding_mask, False, src_mask, is_causal=is_causal
            )
            return self.dropout1(y)  # type: ignore[no-any-return]

        if self.norm_first:
            x = x + attention(self.norm1(x))
            return x + self._feed_forward(self.norm2(x))
        x = self.norm1(x + attention(x))
        return self.norm2(x + self._feed_forward(x))  # type: ignore[no-any-return]

    def _feed_forward(self, x: Tensor) -> Tensor:
        activation = self.activation
        if isinstance(activation, str):
            activation = getattr(functional, activation)
        hidden = self.dropout(activation(self.linear1(x)))
        return self.dropout2(self.linear2(hidden))  # type: ignore[no-any-return]


class TransformerEncoder(Module):
    """Layers of a transformer one after another, and a norm at the end if wanted.

    Parameters
    ----------
    encoder_layer : TransformerEncoderLayer
        Each layer is a copy of it, so that all start with the same values.  They go on to share
        its random generator, if it has one of its own.
    num_layers : int
    norm : Module, optional
        Applied to the output of the last layer: needed after layers with ``norm_first``.

    Raises
    ------
    TypeError
        If ``encoder_layer`` or ``norm`` is no Module.
    ValueError
        If ``num_layers`` is no positive integer.

    Examples
    --------
    >>> import tinygraph as tg
    >>> layer = tg.nn.TransformerEncoderLayer(8, nhead=2, dim_feedforward=16, batch_first=True)
    >>> encoder = tg.nn.TransformerEncoder(layer, num_layers=3)
    >>> encoder(tg.ones((4, 5, 8))).shape
    (4, 5, 8)
    >>> encoder.num_parameters() == 3 * layer.num_parameters()
    True
    """

    def __init__(self, encoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        if not isinstance(encoder_layer, Module):
            raise TypeError(
                f"TransformerEncoder: encoder_layer must be a layer to copy, not {encoder_layer!r}"
            )
        if norm is not None and not isinstance(norm, Module):
            raise TypeError(f"TransformerEncoder: norm must be a Module or None, not {norm!r}")
        _check_positive("TransformerEncoder", num_layers=num_layers)
        self.layers = ModuleList(_copy(encoder_layer) for _ in range(num_layers))
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        src: TensorLike,
        mask: TensorLike | None = None,
        src_key_padding_mask: TensorLike | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        """Apply the layers; the shape stays.  Masks are those of `MultiheadAttention`."""
        x = as_tensor(src)
        for layer in self.layers:
            x = layer(
                x,
                src_mask=mask,
                src_key_padding_mask=src_key_padding_mask,
                is_causal=bool(is_causal),
            )
        return x if self.norm is None else self.norm(x)


def _copy(module: Module) -> Module:
    """Return a copy that has the same generators.

    Copies of a generator would drop the same entries in every layer.
    """
    values = (value for part in module.modules() for value in vars(part).values())
    generators = {id(v): v for v in values if isinstance(v, np.random.Generator)}
    return copy.deepcopy(module, generators)
