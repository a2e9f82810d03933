"""Bugs of indexing, selection, and what moves elements."""

from mutant import mutants

MUTANTS = [
    *mutants(
        "selection",
        "ops/indexing.py",
        (
            "getitem: repeated indices overwrite",
            "GetItem PutItem",
            "np.add.at(y, index, x)  # an element may be named more than once",
            "y[index] = x",
        ),
        (
            "getitem: repeated indices added once",
            "GetItem PutItem",
            "np.add.at(y, index, x)  # an element may be named more than once",
            "y[index] += x",
        ),
        (
            "getitem: index arrays in reverse",
            "GetItem PutItem",
            "arrays = iter(indices)",
            "arrays = iter(indices[::-1])",
        ),
    ),
    *mutants(
        "selection",
        "ops/selection.py",
        (
            "take: repeated indices overwrite",
            "Take Put",
            "np.add.at(y.reshape(-1), places.reshape(-1), x.reshape(-1))",
            "y.reshape(-1)[places.reshape(-1)] = x.reshape(-1)",
        ),
        (
            "take: indices from the end",
            "Take Put",
            "return index.astype(np.intp) % max(length, 1)",
            "return index.astype(np.intp)",
        ),
        (
            "take along axis: two of a line are taken for one",
            "TakeAlongAxis PutAlongAxis",
            "if index.shape[self.axis] == 1:",
            "if index.shape[self.axis] <= 2:",
        ),
        (
            "sort: permutation for its inverse",
            "Sort",
            "return PutAlongAxis(self.axis, x_spec.shape)(g, order)",
            "return TakeAlongAxis(self.axis)(g, order)",
        ),
        (
            "sort: descending by reversal",  # equal elements come in reverse
            "Sort Argsort",
            'back = np.flip(np.flip(x, axis).argsort(axis=axis, kind="stable"), axis)',
            'return np.flip(x.argsort(axis=axis, kind="stable"), axis)',
        ),
    ),
    *mutants(
        "selection",
        "ops/shape.py",
        (
            "transpose: permutation for its inverse",
            "Transpose",
            "return g.transpose(tuple(self.axes.index(i) for i in range(len(self.axes))))",
            "return g.transpose(self.axes)",
        ),
        (
            "concatenate: every part from the start of the one before",
            "Concatenate",
            "            start = stop\n",
            "            start = spec.shape[self.axis]\n",
        ),
        (
            "stack: parts reversed",
            "Stack",
            "for i in range(g.shape[self.axis]))",
            "for i in reversed(range(g.shape[self.axis])))",
        ),
        (
            "pad: crops from the corner",
            "Pad",
            "return g[self._inside(x_spec.shape)]",
            "return g[tuple(slice(n) for n in x_spec.shape)]",
        ),
        (
            "pad: before and after swapped",  # value and gradient agree
            "Pad",
            "for n, (before, _) in zip(shape, self.width, strict=True)",
            "for n, (_, before) in zip(shape, self.width, strict=True)",
        ),
        (
            "reshape: Fortran order in the rule",
            "Reshape",
            "return g.reshape(x_spec.shape)",
            "return g.mT.reshape(x_spec.shape) if g.ndim > 1 else g.reshape(x_spec.shape)",
        ),
    ),
    *mutants(
        "selection",
        "ops/arranging.py",
        (
            "roll: not back",
            "Roll",
            "return Roll(tuple(-n for n in self.shifts), self.axes)(g)",
            "return Roll(self.shifts, self.axes)(g)",
        ),
        (
            "tril: the other diagonal",
            "Tril",
            "return Tril(self.k)(g)",
            "return Tril(-self.k)(g)",
        ),
        (
            "diagonal: offset to the other side",
            "Diagonal PutDiagonal",
            "along + max(-self.offset, 0), along + max(self.offset, 0)",
            "along + max(self.offset, 0), along + max(-self.offset, 0)",
        ),
        (
            "diagonal: axes swapped",
            "Diagonal PutDiagonal",
            "return PutDiagonal(x_spec.shape, self.offset, self.axis1, self.axis2)(g)",
            "return PutDiagonal(x_spec.shape, self.offset, self.axis2, self.axis1)(g)",
        ),
    ),
    *mutants(
        "selection",
        "ops/update.py",
        (
            "set: gradient of what was overwritten",
            "SetItem",
            "gx = SetItem(self.index)(g, 0, *indices) if needs.x else None",
            "gx = g if needs.x else None",
        ),
        (
            "set: repeated places all get a gradient",
            "SetItem GetLast",
            "return latest[places] != turns",
            "return latest[places] < 0",
        ),
        (
            "set: the first of several wins",
            "SetItem PutLast",
            "    latest[places] = turns\n",
            "    latest[places[::-1]] = turns[::-1]\n",
        ),
    ),
    *mutants(
        "selection",
        "ops/embedding.py",
        (
            "embedding: repeated rows overwrite",
            "Embedding AddRows",
            "            y[numbers[starts]] = sums\n",
            "            y[numbers] = x.reshape(order.size, *row)[order]\n",
        ),
    ),
]
