"""Bugs of pooling and resampling: winners, ties, counts, overlap, ceil_mode."""

from mutant import mutants

MUTANTS = [
    *mutants(
        "pool",
        "kernels/pool.py",
        (
            "max: stride swapped",
            "MaxPool2d WinnerPixels",
            "pixels += _grid(image_size(winners), stride, before, input_size)",
            "pixels += _grid(image_size(winners), stride[::-1], before, input_size)",
        ),
        (
            "max: padding not cropped",
            "MaxPool2d WinnerPixels",
            "before = tuple(-p for p in padding)",
            "before = (0,) * len(padding)",
        ),
        (
            "max: dilation ignored",
            "MaxPool2d WinnerPixels",
            "pixels = _grid(kernel_size, dilation, (0,) * len(kernel_size), input_size)",
            "pixels = _grid(kernel_size, (1,) * len(kernel_size), (0,) * len(kernel_size), "
            "input_size)",
        ),
        (
            "max: overlaps overwrite",
            "MaxPool2d PutPixels",
            "np.add.at(gx.reshape(-1), _places(pixels, input_size).reshape(-1), g.reshape(-1))",
            "gx.reshape(-1)[_places(pixels, input_size).reshape(-1)] = g.reshape(-1)",
        ),
        (
            "max: the last of equals wins",
            "MaxPool2d",
            "best = np.maximum.reduce(scored, axis=0)",
            "best = np.where(scored, scored, len(where)).min(axis=0)",
        ),
        (
            "max: padding of zeros",
            "MaxPool2d",
            'entries.fill(-np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min)',
            "entries.fill(0)",
        ),
        (
            "max: channels share their pixels",
            "MaxPool2d PutPixels TakePixels",
            "first = np.arange(n * c) * prod(size)",
            "first = np.arange(n * c) // c * (c * prod(size))",
        ),
        (
            "average: averages twice",
            "AvgPool2d AvgUnpool",
            "gx[pixels] += share[inside]",
            "gx[pixels] += share[inside] / prod(kernel_size)",
        ),
        (
            "average: overlaps overwrite",
            "AvgPool2d AvgUnpool",
            "gx[pixels] += share[inside]",
            "gx[pixels] = share[inside]",
        ),
        (
            "average: ceil_mode counts what is beyond",  # value and gradient agree
            "AvgPool2d AvgUnpool",
            "stop = np.minimum(start + k, n + border)",
            "stop = start + k",
        ),
        (
            "average: padding always counts",  # value and gradient agree
            "AvgPool2d AvgUnpool",
            "border = p if count_include_pad else 0",
            "border = p",
        ),
        (
            "average: divisor not overridden in the rule",
            "AvgPool2d AvgUnpool",
            "if divisor_override is None\n        else divisor_override",
            "if True\n        else divisor_override",
        ),
        (
            "adaptive: parts do not overlap",  # value and gradient agree
            "AdaptiveMaxPool AdaptiveAvgPool",
            "-(-(i + 1) * size // parts)",
            "(i + 1) * size // parts",
        ),
        (
            "adaptive: place in the part for the pixel",
            "AdaptiveMaxPool",
            "winners[:, :, *at] = pixels[part].take(best)",
            "winners[:, :, *at] = best",
        ),
    ),
    *mutants(
        "pool",
        "kernels/windows.py",
        (
            "taps: first window rounded down",
            "MaxPool2d AvgPool2d",
            "first = max(0, -(offset // stride))",
            "first = max(0, -offset // stride)",
        ),
        (
            "taps: last window rounded down",  # value and gradient agree
            "MaxPool2d AvgPool2d",
            "stop = max(first, min(windows, (size - 1 - offset) // stride + 1))",
            "stop = max(first, min(windows, (size - offset) // stride))",
        ),
        (
            "taps: kernel flipped",  # value and gradient agree
            "MaxPool2d AvgPool2d",
            "for offset in range(-padding, dilation * kernel - padding, dilation):",
            "for offset in range(-padding, dilation * kernel - padding, dilation)[::-1]:",
        ),
        (
            "taps: padding at the end only",  # value and gradient agree
            "MaxPool2d AvgPool2d",
            "for offset in range(-padding, dilation * kernel - padding, dilation):",
            "for offset in range(0, dilation * kernel, dilation):",
        ),
        (
            "taps: dilation ignored",  # value and gradient agree
            "MaxPool2d AvgPool2d",
            "for offset in range(-padding, dilation * kernel - padding, dilation):",
            "for offset in range(-padding, kernel - padding):",
        ),
        (
            "ceil_mode: a window may start in the padding",  # value and gradient agree
            "MaxPool2d AvgPool2d",
            "return count - 1 if (count - 1) * stride >= size + padding else count",
            "return count",
        ),
        (
            "ceil_mode: rounds down",
            "MaxPool2d AvgPool2d",
            "count = -(-room // stride) + 1",
            "count = room // stride + 1",
        ),
    ),
    *mutants(
        "pool",
        "kernels/resampling.py",
        (
            "adjoint: weights not sorted with their places",
            "Interpolate AdaptiveAvgPool ResampleAdjoint",
            "self.values[order], self.length",
            "self.values, self.length",
        ),
        (
            "interpolate: half a pixel off",  # value and gradient agree
            "Interpolate",
            "source = (out + 0.5) * step - 0.5",
            "source = out * step",
        ),
        (
            "interpolate: corners aligned by the wrong length",
            "Interpolate",
            "source = out * ((size - 1) / max(length - 1, 1))",
            "source = out * (size / max(length, 1))",
        ),
    ),
]
