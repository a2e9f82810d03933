"""Bugs of convolution: overlap, stride, padding, dilation, groups, tiles."""

from mutant import mutants

MUTANTS = [
    *mutants(
        "conv",
        "kernels/windows.py",
        (
            "col2im: overlaps overwrite",
            "Conv2d Fold",
            "view[:n, :, entry] += layer[:n, :, entry]",
            "view[:n, :, entry] = layer[:n, :, entry]",
        ),
        (
            "col2im: rows of the tile before",
            "Conv2d",
            "layer[:n].fill(0)",
            "pass",
        ),
        (
            "col2im: pixels in no window of the tile before",
            "Conv2d Fold",
            "x.fill(0)",
            "pass",
        ),
        (
            "columns: padding of the tile before",
            "Conv2d Unfold",
            "for border in self._borders:",
            "for border in ():",
        ),
        (
            "columns: an axis of one entry left out, whatever its stride",
            "Conv2d Unfold",
            "if kernel_size[axis] == 1 and windows[axis] == padded[axis]:",
            "if kernel_size[axis] == 1:",
        ),
        (
            "columns: kernel flipped",  # value and gradient agree
            "Conv2d Unfold",
            "np.ndarray(shape, cols.dtype, layer, 0, steps)\n",
            "np.ndarray(shape, cols.dtype, layer, 0, steps)[:, :, ::-1]\n",
        ),
        (
            "columns: padding at the end only",  # value and gradient agree
            "Conv2d Unfold",
            "image = [slice(p, p + length) for",
            "image = [slice(0, length) for",
        ),
        (
            "columns: padding of the other axis",  # value and gradient agree
            "Conv2d Unfold",
            "stride[-1], padding[-1], dilation[-1]",
            "stride[-1], padding[0], dilation[-1]",
        ),
        (
            "padding of ones",  # seen by the value, and by the gradient of the weight as right
            "Conv2d",
            "self._layers[0][border] = 0",
            "self._layers[0][border] = 1",
        ),
        (
            "columns: dilation ignored",  # value and gradient agree
            "Conv2d Unfold",
            "strides.insert(2, strides[at] * dilation[axis])",
            "strides.insert(2, strides[at])",
        ),
        (
            "columns: stride ignored",  # value and gradient agree
            "Conv2d Unfold",
            "strides[at] *= stride[axis]",
            "pass",
        ),
        (
            "unfold: axes of the kernel swapped",
            "Conv2d Unfold",
            "np.empty((n, c, *kernel_size, *windows), x.dtype)\n",
            "np.empty((n, c, *kernel_size[::-1], *windows), x.dtype)\n",
        ),
        (
            "fold: channels and taps swapped",
            "Fold",
            "cols = cols.reshape(n, c, *kernel_size, *windows)",
            "cols = np.moveaxis(cols.reshape(n, *kernel_size, c, *windows), len(windows) + 1, 1)",
        ),
        (
            "unfold: channels and taps swapped",
            "Unfold",
            "return cols.reshape(n, c * prod(kernel_size), prod(windows))",
            "cols = np.moveaxis(cols, 1, len(windows) + 1)\n"
            "    return cols.reshape(n, c * prod(kernel_size), prod(windows))",
        ),
    ),
    *mutants(
        "conv",
        "kernels/convolution.py",
        (
            "input gradient: stride swapped",
            "Conv2d",
            "joined(ones, stride)",
            "joined(ones, stride[::-1])",
        ),
        (
            "input gradient: padding swapped",
            "Conv2d",
            "joined(zeros, padding)",
            "joined(zeros, padding[::-1])",
        ),
        (
            "input gradient: dilation swapped",
            "Conv2d",
            "columns = Columns(buffer, input_size, added.stride, added.padding, dilation)",
            "columns = Columns(buffer, input_size, added.stride, added.padding, dilation[::-1])",
        ),
        (
            "columns: stride swapped",
            "Conv2d",
            "Columns(buffer, image_size(x), stride, padding, dilation)",
            "Columns(buffer, image_size(x), stride[::-1], padding, dilation)",
        ),
        (
            "weight gradient of the last tile",
            "Conv2d",
            "gw += products[0] if len(products) == 1 else products.sum(axis=0)",
            "gw[...] = products[0] if len(products) == 1 else products.sum(axis=0)",
        ),
        (
            "weight gradient averaged over images",
            "Conv2d",
            "else products.sum(axis=0)",
            "else products.mean(axis=0)",
        ),
        (
            "input gradient: filters not turned",
            "Conv2d",
            "np.flip(w.reshape(groups, o // groups, c, *kernel_size), first)",
            "w.reshape(groups, o // groups, c, *kernel_size)",
        ),
        (
            "input gradient: turned along the last axis",
            "Conv2d",
            "np.flip(w.reshape(groups, o // groups, c, *kernel_size), first)",
            "np.flip(w.reshape(groups, o // groups, c, *kernel_size), w.ndim)",
        ),
        (
            "input gradient: turned where the input has room for more windows",
            "ConvTranspose2d",
            "s == 1 and a >= 0 and n == m + a - p for",
            "s == 1 and a >= 0 for",
        ),
        (
            "input gradient: turned with more padding than the window has",
            "Conv2d",
            "s == 1 and a >= 0 and n == m + a - p for",
            "s == 1 and n == m + a - p for",
        ),
        (
            "pointwise: whatever the stride",
            "Conv2d",
            "not any(padding) and size == windows",
            "not any(padding)",
        ),
        (
            "pointwise: whatever the padding",
            "Conv2d",
            "not any(padding) and size == windows",
            "size == windows",
        ),
        (
            "one filter a group: groups counted as filters",
            "Conv2d ConvTranspose2d",
            "product = np.multiply if o == groups else np.matmul",
            "product = np.multiply if o <= 2 else np.matmul",
        ),
    ),
    *mutants(
        "conv",
        "kernels/winograd.py",
        (
            "pairs: a filter's middle row not halved",
            "Conv2d",
            "    w1 /= 2\n",
            "",
        ),
        (
            "pairs: odd windows have the sum of even ones",
            "Conv2d",
            "    m2 -= m3\n",
            "    m2 += m3\n",
        ),
        (
            "pairs: columns of the first image of a tile for all",
            "Conv2d ConvWeightGrad",
            "strides = c // groups * channel, *entries, channel, image, row, *steps",
            "strides = c // groups * channel, *entries, channel, 0, row, *steps",
        ),
        (
            "pairs: the bias in even windows only",
            "Conv2d",
            "        m2 += bias\n    m0 += m2\n",
            "        m0 += bias\n    m0 += m2\n",
        ),
        (
            "pairs: rows of the image one off",
            "Conv2d",
            "inside[:, :, :m], padding[0])",
            "inside[:, :, :m], padding[0] - 1)",
        ),
        (
            "pairs: stride and dilation swapped",
            "Conv2d",
            "*entries, channel, image, row, *steps",
            "*steps, channel, image, row, *entries",
        ),
        (
            "pairs: the gradient of odd windows with the sign of even ones",
            "ConvWeightGrad",
            "np.subtract(grads[0], grads[1], out=grads[3])",
            "np.add(grads[0], grads[1], out=grads[3])",
        ),
        (
            "pairs: weight gradient of the last tile",
            "ConvWeightGrad",
            "gw += np.matmul(cols, matrix[:, : cols.shape[-1]])",
            "gw[...] = np.matmul(cols, matrix[:, : cols.shape[-1]])",
        ),
        (
            "pairs: the gradient of a filter's outer rows exchanged",
            "ConvWeightGrad",
            "np.stack((outer - m0, middle, outer + m1))",
            "np.stack((outer + m1, middle, outer - m0))",
        ),
    ),
    *mutants(
        "conv",
        "ops/conv.py",
        (
            "bias: sum over the images missing",
            "Conv2d",
            "return gx, gw, ChannelSum()(g).reshape(-1) if needs.b else None\n\n\nclass Conv1d",
            "return gx, gw, ChannelSum()(g[:1]).reshape(-1) if needs.b else None\n\n\nclass Conv1d",
        ),
        (
            "transpose: crops the start",
            "ConvTranspose2d",
            "y[(..., *map(slice, windows))]",
            "y[(..., *(slice(-n, None) for n in windows))]",
        ),
        (
            "transpose: gradient of the weight off by 1e-7",
            "ConvTranspose2d",
            "gw = self.weight_grad(x, g, w.shape[2:]) if needs.w else None",
            "gw = self.weight_grad(x, g, w.shape[2:]) / 1.0000001 if needs.w else None",
        ),
    ),
]
