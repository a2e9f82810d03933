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
            "columns: kernel flipped",  # value and gradient agree
            "Conv2d Unfold",
            "self._views.append(np.ndarray(shape, cols.dtype, layer, 0, strides))",
            "self._views.append(np.ndarray(shape, cols.dtype, layer, 0, strides)[:, :, ::-1])",
        ),
        (
            "columns: padding at the end only",  # value and gradient agree
            "Conv2d Unfold",
            "inside = (slice(p, p + length) for",
            "inside = (slice(0, length) for",
        ),
        (
            "columns: padding of the other axis",  # value and gradient agree
            "Conv2d Unfold",
            "return (n, c, *padded), (..., *inside), views",
            "inside = [slice(p, p + n) for p, n in zip(padding[::-1], size)]\n"
            "    return (n, c, *padded), (..., *inside), views",
        ),
        (
            "padding of ones",  # seen by the value, and by the gradient of the weight as right
            "Conv2d",
            "layer = np.zeros(padded, cols.dtype)",
            "layer = np.ones(padded, cols.dtype)",
        ),
        (
            "columns: dilation ignored",  # value and gradient agree
            "Conv2d Unfold",
            "strides.insert(2, strides[axis - axes] * dilation[axis])",
            "strides.insert(2, strides[axis - axes])",
        ),
        (
            "columns: stride ignored",  # value and gradient agree
            "Conv2d Unfold",
            "strides[axis - axes] *= stride[axis]",
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
            "columns = Columns(buffer, input_size, stride, padding, dilation)",
            "columns = Columns(buffer, input_size, stride[::-1], padding, dilation)",
        ),
        (
            "input gradient: padding swapped",
            "Conv2d",
            "columns = Columns(buffer, input_size, stride, padding, dilation)",
            "columns = Columns(buffer, input_size, stride, padding[::-1], dilation)",
        ),
        (
            "input gradient: dilation swapped",
            "Conv2d",
            "columns = Columns(buffer, input_size, stride, padding, dilation)",
            "columns = Columns(buffer, input_size, stride, padding, dilation[::-1])",
        ),
        (
            "columns: stride swapped",
            "Conv2d",
            "columns = Columns(buffer, image_size(x), stride, padding, dilation)",
            "columns = Columns(buffer, image_size(x), stride[::-1], padding, dilation)",
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
            "np.flip(w.reshape(groups, o // groups, *w.shape[1:]), tuple(range(3, w.ndim + 1)))",
            "w.reshape(groups, o // groups, *w.shape[1:])",
        ),
        (
            "input gradient: turned along one axis",
            "Conv2d",
            "np.flip(w.reshape(groups, o // groups, *w.shape[1:]), tuple(range(3, w.ndim + 1)))",
            "np.flip(w.reshape(groups, o // groups, *w.shape[1:]), 3)",
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
        "ops/conv.py",
        (
            "bias: sum over the images missing",
            "Conv2d",
            "return g.sum(axis=(0, *range(2, g.ndim)))",
            "return g[:1].sum(axis=(0, *range(2, g.ndim)))",
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
