"""A CNN written by hand, layer by layer, next to the graph operations that do the same.

    python examples/notebook_layers.py          # every layer, then 100 SGD steps on real digits
    python examples/notebook_layers.py --fast   # every layer, then 5 steps

The classes are the usual ones of a first CNN in NumPy: im2col and col2im, a convolution layer, a
pooling layer, a middle and an output layer, each with its forward and its backward written out.
Below each stands the tinygraph expression, which has no backward: its gradients flow by local
rules.  Both get the same numbers, in float64, and must agree to rounding; how much rounding may do
is worked out, not guessed (`affine_bounds`).  The exit code is 1 where they do not agree.

docs/from-layers-to-a-graph.md goes through it.
"""

from __future__ import annotations

import argparse
import copy
import sys
from functools import partial
from typing import NamedTuple

import numpy as np

import tinygraph as tg

EPS = np.finfo(np.float64).eps
wb_width = 0.1  # how wide the initial values of weights and biases are spread

# -- im2col and col2im -----------------------------------------------------------------------------


def canvas(x_shape, flt_h, flt_w, y_h, y_w, stride, pad, fill):
    """An image with its padding, large enough for the last window, and the image's place in it."""
    n_bt, x_ch, x_h, x_w = x_shape
    height = max(x_h + 2 * pad, (y_h - 1) * stride + flt_h)
    width = max(x_w + 2 * pad, (y_w - 1) * stride + flt_w)
    image = np.s_[:, :, pad : pad + x_h, pad : pad + x_w]
    return np.full((n_bt, x_ch, height, width), fill, np.float64), image


def im2col(x, flt_h, flt_w, y_h, y_w, stride, pad, fill=0.0):
    """Every window becomes a column: (N, C, H, W) -> (C*flt_h*flt_w, N*y_h*y_w)."""
    n_bt, x_ch, _, _ = x.shape
    padded, image = canvas(x.shape, flt_h, flt_w, y_h, y_w, stride, pad, fill)
    padded[image] = x
    cols = np.empty((x_ch, flt_h, flt_w, n_bt, y_h, y_w))
    for h in range(flt_h):
        for w in range(flt_w):
            entry = padded[:, :, h : h + stride * y_h : stride, w : w + stride * y_w : stride]
            cols[:, h, w] = entry.transpose(1, 0, 2, 3)
    return cols.reshape(x_ch * flt_h * flt_w, n_bt * y_h * y_w)


def col2im(cols, x_shape, flt_h, flt_w, y_h, y_w, stride, pad):
    """Every column is added where its window lay: (C*flt_h*flt_w, N*y_h*y_w) -> (N, C, H, W)."""
    n_bt, x_ch, _, _ = x_shape
    cols = cols.reshape(x_ch, flt_h, flt_w, n_bt, y_h, y_w)
    padded, image = canvas(x_shape, flt_h, flt_w, y_h, y_w, stride, pad, 0.0)
    for h in range(flt_h):
        for w in range(flt_w):
            entry = padded[:, :, h : h + stride * y_h : stride, w : w + stride * y_w : stride]
            entry += cols[:, h, w].transpose(1, 0, 2, 3)  # windows overlap: add, not assign
    return padded[image]


def im2col_graph(x, flt_h, flt_w, stride, pad):
    """The same columns: tinygraph keeps the images apart, the notebook puts them in one row."""
    cols = tg.unfold(x, (flt_h, flt_w), stride=stride, padding=pad)  # (N, C*flt_h*flt_w, L)
    return cols.transpose(1, 0, 2).reshape(cols.shape[1], -1)  # (C*flt_h*flt_w, N*L)


def col2im_graph(cols, x_shape, flt_h, flt_w, stride, pad):
    n_bt, _, x_h, x_w = x_shape
    cols = cols.reshape(cols.shape[0], n_bt, -1).transpose(1, 0, 2)  # (N, C*flt_h*flt_w, L)
    return tg.fold(cols, (x_h, x_w), (flt_h, flt_w), stride=stride, padding=pad)


# -- the layers, each by hand and as a graph -------------------------------------------------------


class BaseLayer:
    """Weights w and biases b: small random numbers at first, then changed by SGD."""

    def __init__(self, w_shape, n_b, rng):
        self.w = wb_width * rng.standard_normal(w_shape)
        self.b = wb_width * rng.standard_normal(n_b)

    def update(self, eta):
        self.w -= eta * self.grad_w
        self.b -= eta * self.grad_b


class ConvLayer(BaseLayer):
    """Convolution and ReLU: (N, x_ch, x_h, x_w) -> (N, n_flt, y_h, y_w)."""

    def __init__(self, x_ch, x_h, x_w, n_flt, flt_h, flt_w, stride, pad, rng):
        super().__init__((n_flt, x_ch, flt_h, flt_w), n_flt, rng)
        self.params = (x_ch, x_h, x_w, n_flt, flt_h, flt_w, stride, pad)
        self.y_ch = n_flt
        self.y_h = (x_h - flt_h + 2 * pad) // stride + 1
        self.y_w = (x_w - flt_w + 2 * pad) // stride + 1

    def forward(self, x):
        x_ch, _, _, n_flt, flt_h, flt_w, stride, pad = self.params
        self.cols = im2col(x, flt_h, flt_w, self.y_h, self.y_w, stride, pad)
        self.w_col = self.w.reshape(n_flt, x_ch * flt_h * flt_w)
        u = np.dot(self.w_col, self.cols).T + self.b
        self.u = u.reshape(len(x), self.y_h, self.y_w, self.y_ch).transpose(0, 3, 1, 2)
        self.y = np.where(self.u <= 0, 0, self.u)

    def backward(self, grad_y):
        self.gradients(grad_y * np.where(self.u <= 0, 0, 1))

    def gradients(self, delta):
        x_ch, x_h, x_w, _, flt_h, flt_w, stride, pad = self.params
        n_bt = len(delta)
        delta = delta.transpose(0, 2, 3, 1).reshape(n_bt * self.y_h * self.y_w, self.y_ch)
        self.grad_w = np.dot(self.cols, delta).T.reshape(self.w.shape)
        self.grad_b = np.sum(delta, axis=0)
        grad_cols = np.dot(delta, self.w_col).T
        x_shape = (n_bt, x_ch, x_h, x_w)
        self.grad_x = col2im(grad_cols, x_shape, flt_h, flt_w, self.y_h, self.y_w, stride, pad)


def conv_layer(x, w, b, stride, pad):
    return tg.relu(tg.conv2d(x, w, b, stride=stride, padding=pad))


class PoolingLayer:
    """Largest value of each pool x pool window: (N, x_ch, x_h, x_w) -> (N, x_ch, y_h, y_w)."""

    fill = -np.inf  # what lies outside of the image: it never wins

    def __init__(self, x_ch, x_h, x_w, pool, pad):
        self.params = (x_ch, x_h, x_w, pool, pad)
        self.y_ch = x_ch
        self.y_h = -(-(x_h + pad) // pool)  # rounded up: every window that begins before the
        self.y_w = -(-(x_w + pad) // pool)  # image ends; the last may reach beyond it

    def forward(self, x):
        x_ch, _, _, pool, pad = self.params
        cols = im2col(x, pool, pool, self.y_h, self.y_w, pool, pad, self.fill)
        cols = cols.T.reshape(len(x) * self.y_h * self.y_w * x_ch, pool * pool)
        y = np.max(cols, axis=1)
        self.y = y.reshape(len(x), self.y_h, self.y_w, x_ch).transpose(0, 3, 1, 2)
        self.max_index = np.argmax(cols, axis=1)  # the first, where several are largest

    def backward(self, grad_y):
        x_ch, x_h, x_w, pool, pad = self.params
        n_bt = len(grad_y)
        grad_y = grad_y.transpose(0, 2, 3, 1).reshape(-1)
        grad_cols = np.zeros((pool * pool, grad_y.size))
        grad_cols[self.max_index, np.arange(grad_y.size)] = grad_y
        grad_cols = grad_cols.reshape(pool, pool, n_bt, self.y_h, self.y_w, x_ch)
        grad_cols = grad_cols.transpose(5, 0, 1, 2, 3, 4)
        grad_cols = grad_cols.reshape(x_ch * pool * pool, n_bt * self.y_h * self.y_w)
        x_shape = (n_bt, x_ch, x_h, x_w)
        self.grad_x = col2im(grad_cols, x_shape, pool, pool, self.y_h, self.y_w, pool, pad)


def pooling_layer(x, pool, pad):
    return tg.max_pool2d(x, pool, padding=pad, ceil_mode=True)


class FullLayer(BaseLayer):
    """What the middle and the output layer share: u = x w + b, (N, n_upper) -> (N, n)."""

    def __init__(self, n_upper, n, rng):
        super().__init__((n_upper, n), n, rng)

    def affine(self, x):
        self.x = x
        self.u = np.dot(x, self.w) + self.b

    def gradients(self, delta):
        self.grad_w = np.dot(self.x.T, delta)
        self.grad_b = np.sum(delta, axis=0)
        self.grad_x = np.dot(delta, self.w.T)


class MiddleLayer(FullLayer):
    def forward(self, x):
        self.affine(x)
        self.y = np.where(self.u <= 0, 0, self.u)

    def backward(self, grad_y):
        self.gradients(grad_y * np.where(self.u <= 0, 0, 1))


def middle_layer(x, w, b):
    return tg.relu(x @ w + b)


class OutputLayer(FullLayer):
    """Softmax; its backward begins at the loss, the cross-entropy summed over the batch."""

    def forward(self, x):
        self.affine(x)
        exp_u = np.exp(self.u - np.max(self.u, axis=1, keepdims=True))  # exp(u) may overflow
        self.y = exp_u / np.sum(exp_u, axis=1, keepdims=True)

    def loss(self, t):
        return -np.sum(np.log(self.y[t == 1]))

    def backward(self, t):
        self.gradients(self.y - t)


def output_layer(x, w, b, t):
    """The loss itself; t is one-hot, (N, n), or holds the classes, (N,)."""
    return tg.cross_entropy(x @ w + b, t, reduction="sum")


# -- do they agree? --------------------------------------------------------------------------------


class Row(NamedTuple):
    layer: str
    what: str
    difference: float  # the largest
    share: float  # of what rounding may do: 1 is all of it, 0 is equal to the last bit

    @property
    def agrees(self):
        return self.share <= 1  # NaN is not


def compare(layer, what, hand, graph, bound=0.0):
    """Compare two arrays element by element; a bound of 0 asks for the very same numbers."""
    hand, graph = np.asarray(hand), np.asarray(graph)
    if (hand.shape, hand.dtype) != (graph.shape, graph.dtype):
        return Row(layer, what, np.inf, np.inf)
    difference = np.abs(hand - graph)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(difference == 0, 0, difference / bound)
    return Row(layer, what, float(np.max(difference)), float(np.max(share)))


def affine_bounds(layer, x, delta, delta_error=0.0):
    """How far two computations of a layer's u, grad_x, grad_w and grad_b may lie apart.

    Whatever the order, a sum of n products comes out within n eps/2 times the sum of their absolute
    values (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1), so two of them lie
    within n eps; n + 1 covers the higher powers of eps.  Those sums of absolute values are what the
    same layer makes of the absolute values of its numbers.  delta_error: how far apart the two
    deltas may be already.
    """
    twin = copy.copy(layer)
    twin.w, twin.b = np.abs(layer.w), np.abs(layer.b)
    twin.forward(np.abs(x))
    n_u = layer.w.size // layer.b.size + 1  # products of one u, and the bias
    n_grad_x = layer.w.size // x.shape[1]
    n_grad_w = delta.size // layer.b.size
    twin.gradients((max(n_grad_x, n_grad_w) + 1) * EPS * np.abs(delta) + delta_error)
    return (n_u + 1) * EPS * twin.u, twin.grad_x, twin.grad_w, twin.grad_b


def compare_gradients(name, layer, leaves, bounds):
    gradients = layer.grad_x, layer.grad_w, layer.grad_b
    return [
        compare(name, what, by_hand, leaf.grad, bound)
        for what, by_hand, leaf, bound in zip(
            ("grad_x", "grad_w", "grad_b"), gradients, leaves, bounds, strict=True
        )
    ]


def leaves_of(*arrays):
    return [tg.tensor(array, requires_grad=True) for array in arrays]


def compare_windows(x, flt_h, flt_w, stride, pad, rng):
    """im2col with unfold, col2im with fold; and that each is the other's adjoint."""
    y_h = (x.shape[2] - flt_h + 2 * pad) // stride + 1
    y_w = (x.shape[3] - flt_w + 2 * pad) // stride + 1
    name = f"im2col {flt_h}x{flt_w}/{stride}, pad {pad}"
    window = flt_h, flt_w, y_h, y_w, stride, pad
    cols = im2col(x, *window)
    c = rng.standard_normal(cols.shape)
    image = col2im(c, x.shape, *window)
    image_bound = flt_h * flt_w * EPS * col2im(np.abs(c), x.shape, *window)

    leaf_x, leaf_c = leaves_of(x, c)
    graph_cols = im2col_graph(leaf_x, flt_h, flt_w, stride, pad)
    graph_image = col2im_graph(leaf_c, x.shape, flt_h, flt_w, stride, pad)
    graph_cols.backward(c)  # the gradient of im2col is col2im ...
    graph_image.backward(x)  # ... and that of col2im is im2col
    inner = np.vdot(cols, c), np.vdot(x, image)  # <im2col x, c> = <x, col2im c>
    inner_bound = (c.size + x.size + flt_h * flt_w) * EPS * np.vdot(np.abs(cols), np.abs(c))
    return [
        compare(name, "im2col = unfold", cols, graph_cols),
        compare(name, "col2im = fold", image, graph_image, image_bound),
        compare(name, "col2im = grad of unfold", image, leaf_x.grad, image_bound),
        compare(name, "im2col = grad of fold", cols, leaf_c.grad),
        compare(name, "<im2col x, c> = <x, col2im c>", *inner, inner_bound),
    ]


def compare_affine(name, layer, expression, x, grad_y):
    layer.forward(x)
    layer.backward(grad_y)
    leaves = leaves_of(x, layer.w, layer.b)
    y = expression(*leaves)
    y.backward(grad_y)
    delta = grad_y * (layer.u > 0)  # equal in both, unless a u lies within rounding of the kink
    y_bound, *bounds = affine_bounds(layer, x, delta)
    return [
        compare(name, "output", layer.y, y, y_bound),
        *compare_gradients(name, layer, leaves, bounds),
    ]


def compare_conv(layer, x, grad_y):
    *_, flt_h, flt_w, stride, pad = layer.params
    name = f"ConvLayer {flt_h}x{flt_w}/{stride}, pad {pad}"
    return compare_affine(name, layer, partial(conv_layer, stride=stride, pad=pad), x, grad_y)


def compare_pooling(layer, x, grad_y):
    """No bound: a maximum is not rounded, and the windows do not overlap, so nothing adds up."""
    _, x_h, x_w, pool, pad = layer.params
    name = f"PoolingLayer {pool} on {x_h}x{x_w}, pad {pad}"
    layer.forward(x)
    layer.backward(grad_y)
    (leaf,) = leaves_of(x)
    y = pooling_layer(leaf, pool, pad)
    y.backward(grad_y)
    return [compare(name, "output", layer.y, y), compare(name, "grad_x", layer.grad_x, leaf.grad)]


def compare_middle(layer, x, grad_y):
    def in_one_operation(x, w, b):
        return tg.relu(tg.linear(x, w.T, b))

    rows = compare_affine("MiddleLayer, x @ w + b", layer, middle_layer, x, grad_y)
    return rows + compare_affine("MiddleLayer, linear", layer, in_one_operation, x, grad_y)


def softmax_bound(u, u_bound):
    """How far two softmaxes of u may lie apart, relatively, for each row: (N, n) -> (N, 1).

    The two u may differ by u_bound, above and below the line.  Then each computation rounds
    u - max u, exp (by 4 units in the last place, to be safe), the sum and the quotient.
    """
    spread = np.ptp(u, axis=1, keepdims=True)
    return 2 * u_bound.max(axis=1, keepdims=True) + (2 * spread + u.shape[1] + 16) * EPS


def compare_output(layer, x, classes):
    """With t one-hot, as the notebook has it, and as class indices."""
    t = np.eye(layer.b.size)[classes]
    layer.forward(x)
    layer.backward(t)
    u_bound, *_ = affine_bounds(layer, x, layer.y - t)
    relative = softmax_bound(layer.u, u_bound)
    _, *bounds = affine_bounds(layer, x, layer.y - t, relative * layer.y)
    loss_bound = np.sum(relative) + (t.size + 16) * EPS * layer.loss(t)
    softmax = tg.softmax(x @ tg.tensor(layer.w) + layer.b, axis=1)
    rows = [compare("OutputLayer", "output", layer.y, softmax, relative * layer.y)]
    for name, target in (("one-hot", t), ("indices", classes)):
        leaves = leaves_of(x, layer.w, layer.b)
        loss = output_layer(*leaves, target)
        loss.backward()
        rows.append(compare(f"OutputLayer, {name}", "loss", layer.loss(t), loss, loss_bound))
        rows += compare_gradients(f"OutputLayer, {name}", layer, leaves, bounds)
    return rows


def compare_layers(rng):
    """Every layer, on random numbers, with windows that divide the image and that do not."""
    rows = []
    for flt_h, flt_w, stride, pad in ((3, 3, 1, 1), (3, 2, 2, 1)):
        rows += compare_windows(rng.standard_normal((4, 3, 7, 6)), flt_h, flt_w, stride, pad, rng)
    for flt_h, flt_w, stride, pad in ((3, 3, 1, 1), (3, 2, 2, 0)):
        conv = ConvLayer(3, 7, 6, 5, flt_h, flt_w, stride, pad, rng)
        grad_y = rng.standard_normal((4, 5, conv.y_h, conv.y_w))
        rows += compare_conv(conv, rng.standard_normal((4, 3, 7, 6)), grad_y)
    for x_h, x_w, pool, pad in ((8, 8, 2, 0), (7, 8, 3, 0), (7, 6, 3, 1)):
        pooling = PoolingLayer(5, x_h, x_w, pool, pad)
        x = rng.integers(-3, 3, (4, 5, x_h, x_w)).astype(np.float64)  # with many ties
        rows += compare_pooling(pooling, x, rng.standard_normal((4, 5, pooling.y_h, pooling.y_w)))
    x = rng.standard_normal((16, 30))
    rows += compare_middle(MiddleLayer(30, 20, rng), x, rng.standard_normal((16, 20)))
    rows += compare_output(OutputLayer(30, 10, rng), x, rng.integers(0, 10, 16))
    return rows


# -- the whole network -----------------------------------------------------------------------------


class Network:
    """Convolution, pooling, middle and output layer, by hand."""

    def __init__(self, x_h, x_w, n, rng):
        self.conv = ConvLayer(1, x_h, x_w, 8, 3, 3, 1, 1, rng)
        self.pool = PoolingLayer(8, self.conv.y_h, self.conv.y_w, 3, 0)
        self.middle = MiddleLayer(8 * self.pool.y_h * self.pool.y_w, 32, rng)
        self.output = OutputLayer(32, n, rng)

    def parameters(self):
        return [a for layer in (self.conv, self.middle, self.output) for a in (layer.w, layer.b)]

    def step(self, x, t, eta):
        """One step of SGD; returns the loss before it."""
        self.conv.forward(x)
        self.pool.forward(self.conv.y)
        self.middle.forward(self.pool.y.reshape(len(x), -1))
        self.output.forward(self.middle.y)
        loss = self.output.loss(t)
        self.output.backward(t)
        self.middle.backward(self.output.grad_x)
        self.pool.backward(self.middle.grad_x.reshape(self.pool.y.shape))
        self.conv.backward(self.pool.grad_x)
        for layer in (self.conv, self.middle, self.output):
            layer.update(eta)
        return loss


def graph_step(parameters, x, t, eta):
    """The same step: a forward pass, and the graph knows the rest."""
    conv_w, conv_b, middle_w, middle_b, output_w, output_b = parameters
    y = pooling_layer(conv_layer(x, conv_w, conv_b, stride=1, pad=1), pool=3, pad=0)
    y = middle_layer(y.reshape(len(x), -1), middle_w, middle_b)
    loss = output_layer(y, output_w, output_b, t)
    loss.backward()
    for p in parameters:
        p.data = p.data - eta * p.grad.data
        p.zero_grad()
    return loss.item()


class Step(NamedTuple):
    number: int
    hand: float  # loss
    graph: float  # loss
    apart: float  # how far apart, relatively, the losses and all parameters are
    allowed: float

    @property
    def agrees(self):
        return self.apart <= self.allowed


def apart(loss_a, a, loss_b, b):
    pairs = [(np.float64(loss_a), np.float64(loss_b)), *zip(a, b, strict=True)]
    return np.max([np.max(np.abs(p - q)) / np.max(np.abs(p)) for p, q in pairs])


def train_side_by_side(images, labels, steps, rng, batch=32, eta=0.02):
    """Train the network by hand and as a graph, from the same initial values: yield each Step.

    What rounding does to a loss grows with every step, at a pace that the network sets.  So the
    yardstick is the network itself: its shadow, by hand too, takes the same steps, but after each
    its parameters are all off by one rounding.  To first order, a step is off by no more roundings
    than its longest sum has terms, which is a filter's gradient; and two networks are compared.
    """
    n = int(labels.max()) + 1
    hand = Network(*images.shape[2:], n, rng)
    shadow = copy.deepcopy(hand)
    leaves = leaves_of(*hand.parameters())
    roundings = 2 * batch * hand.conv.y_h * hand.conv.y_w
    for number in range(1, steps + 1):
        chosen = rng.choice(len(images), batch, replace=False)
        x, t = images[chosen], np.eye(n)[labels[chosen]]
        loss, shadow_loss = hand.step(x, t, eta), shadow.step(x, t, eta)
        graph_loss = graph_step(leaves, x, t, eta)
        for array in shadow.parameters():
            array *= 1 + EPS * rng.choice([-1, 1], array.shape)
        by_rounding = apart(loss, hand.parameters(), shadow_loss, shadow.parameters())
        by_graph = apart(loss, hand.parameters(), graph_loss, [leaf.data for leaf in leaves])
        yield Step(number, loss, graph_loss, by_graph, roundings * by_rounding)


# -- the tables ------------------------------------------------------------------------------------


def print_rows(rows):
    print(f"{'layer':30}{'compared':30}{'difference':>10}  {'of bound':>8}  verdict")
    for row in rows:
        verdict = ("equal" if row.difference == 0 else "agrees") if row.agrees else "DIFFERS"
        print(f"{row.layer:30}{row.what:30}{row.difference:10.1e}  {row.share:8.3%}  {verdict}")


def print_step(step):
    verdict = "agrees" if step.agrees else "DIFFERS"
    losses = f"{step.hand:18.13f}  {step.graph:18.13f}"
    print(f"{step.number:4}  {losses}  {step.apart:8.1e}  {step.allowed:8.1e}  {verdict}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fast", action="store_true", help="take five training steps only")
    options = parser.parse_args()

    from sklearn.datasets import load_digits  # here, so that the rest needs NumPy alone

    rng = np.random.default_rng(0)
    results = compare_layers(rng)
    print_rows(results)

    digits = load_digits()
    images = digits.images[:, None] / 16  # (N, 1, 8, 8), from 0 to 1
    steps = 5 if options.fast else 100
    print(f"\n{steps} steps on handwritten digits; the loss is summed over a batch of 32\n")
    print(
        f"step  {'loss by hand':>18}  {'loss by graph':>18}  {'apart':>8}  {'allowed':>8}  verdict"
    )
    for step in train_side_by_side(images, digits.target, steps, rng):
        if step.number in (1, 2, 3, 4, 5, 10, 20, 50, 100) or not step.agrees:
            print_step(step)
        results.append(step)

    wrong = sum(not result.agrees for result in results)
    print(
        f"\n{wrong} of {len(results)} DIFFER"
        if wrong
        else f"\nall {len(results)} agree to rounding"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
