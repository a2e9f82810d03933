"""tinygraph: models as tensor operations, recorded as a graph, with gradients that flow by rules.

>>> import tinygraph as tg
>>> x = tg.tensor([1.0, 2.0], requires_grad=True)
>>> (x ** 2).sum().backward()
>>> x.grad.tolist()
[2.0, 4.0]
"""

from . import _methods as _methods  # gives Tensor its operators
from ._autograd import grad
from ._create import (
    arange,
    eye,
    from_numpy,
    full,
    full_like,
    linspace,
    ones,
    ones_like,
    rand,
    randn,
    tensor,
    zeros,
    zeros_like,
)
from ._function import Function, enable_grad, is_grad_enabled, no_grad
from ._random import manual_seed
from ._tensor import Tensor, get_default_dtype, set_default_dtype
from .ops.conv import conv2d, fold, unfold
from .ops.elementwise import (
    abs,
    add,
    astype,
    clip,
    clone,
    divide,
    equal,
    exp,
    greater,
    greater_equal,
    less,
    less_equal,
    log,
    logical_not,
    maximum,
    minimum,
    multiply,
    negative,
    not_equal,
    power,
    relu,
    sigmoid,
    sqrt,
    subtract,
    tanh,
    where,
)
from .ops.linalg import linear, matmul
from .ops.loss import cross_entropy, mse_loss, nll_loss
from .ops.normalization import batch_norm, dropout
from .ops.pool import avg_pool2d, max_pool2d
from .ops.reduction import (
    all,
    amax,
    amin,
    any,
    argmax,
    argmin,
    log_softmax,
    logsumexp,
    max,
    mean,
    min,
    softmax,
    sum,
    var,
)
from .ops.shape import (
    broadcast_to,
    concatenate,
    expand_dims,
    flatten,
    pad,
    permute,
    reshape,
    squeeze,
    stack,
    transpose,
    unsqueeze,
)

__version__ = "0.1.0"
