"""Bugs of matrix products, einsum and linear algebra."""

from mutant import mutants

MUTANTS = [
    *mutants(
        "linalg",
        "ops/linalg.py",
        (
            "matmul: g not multiplied by the transpose",
            "MatMul",
            "return matmul_(g, b.mT) if needs.a else None, matmul_(a.mT, g) if needs.b else None",
            "return matmul_(g, b) if needs.a else None, matmul_(a.mT, g) if needs.b else None",
        ),
        (
            "matmul: no unbroadcast of the leading axes",
            "MatMul",
            "return matmul_(g, b.mT) if needs.a else None, matmul_(a.mT, g) if needs.b else None",
            "ga = matmul_(g, b.mT)\n"
            "        ga = ga[(0,) * (ga.ndim - a.ndim)]\n"
            "        return ga, matmul_(a.mT, g) if needs.b else None",
        ),
        (
            "linear: averages over the batch",
            "Linear",
            "gw = matmul_(rows.T, _rows(x)) if needs.w else None",
            "gw = matmul_(rows.T, _rows(x)) / max(len(rows), 1) if needs.w else None",
        ),
        (
            "linear: mean for the bias",
            "Linear",
            "g if b_spec.shape == g.shape else rows.sum(axis=0)",
            "g if b_spec.shape == g.shape else rows.mean(axis=0)",
        ),
    ),
    *mutants(
        "linalg",
        "ops/contraction.py",
        (
            "einsum: operands in another order",
            "Einsum",
            "gradients[i] = rule(g, *operands[:i], *operands[i + 1 :])",
            "gradients[i] = rule(g, *operands[i + 1 :], *operands[:i])",
        ),
        (
            "einsum: repeated name counted once",
            "Einsum",
            "lost = {name: n for name, n in zip(term, x.shape, strict=True) if name not in known}",
            "lost = {name: 1 for name, n in zip(term, x.shape, strict=True) if name not in known}",
        ),
    ),
    *mutants(
        "linalg",
        "kernels/contraction.py",
        (
            "einsum: permutation for its inverse",
            "Einsum",
            "y = y.transpose([names.index(name) for name in out])",
            "y = y.transpose([out.index(name) for name in names])",
        ),
        (
            "einsum: result shares memory",
            "Einsum",
            'return y.copy("K") if np.may_share_memory(y, arrays[0]) else y',
            "return y",
        ),
        (
            "einsum: diagonal takes the first row",
            "Einsum",
            "sum(x.strides[i] for i, name in enumerate(term) if name == wanted)",
            "max(x.strides[i] for i, name in enumerate(term) if name == wanted)",
        ),
    ),
    *mutants(
        "linalg",
        "ops/decompositions.py",
        (
            "inv: sign",
            "Inv",
            "return -(y.mT @ g @ y.mT)",
            "return y.mT @ g @ y.mT",
        ),
        (
            "inv: not transposed",
            "Inv",
            "return -(y.mT @ g @ y.mT)",
            "return -(y @ g @ y)",
        ),
        (
            "solve: solves a instead of its transpose",
            "Solve",
            "gb = solve_(a.mT, g)",
            "gb = solve_(a, g)",
        ),
        (
            "pinv: sign of a term",
            "Pinv",
            "- y.mT @ g @ y.mT",
            "+ y.mT @ g @ y.mT",
        ),
        (
            "det: cofactors transposed",
            "Det",
            "return _matrices(g) * cofactors_(a)",
            "return _matrices(g) * cofactors_(a).mT",
        ),
        (
            "cofactors: sign lost",
            "Cofactors",
            "return sign[..., None, None] * (",
            "return abs(sign[..., None, None]) * (",
        ),
        (
            "slogdet: inverse not transposed",
            "LogAbsDet",
            "return _matrices(g) * inv_(a.mT)",
            "return _matrices(g) * inv_(a)",
        ),
        (
            "cholesky: whole diagonal",
            "Cholesky",
            "half = (tril_(product) + below_(product)) / 2",
            "half = tril_(product)",
        ),
        (
            "qr: the wrong triangle",
            "Orthonormal",
            "return tril_(x) + below_(x).mT",
            "return triu_(x) + below_(x.mT)",
        ),
        (
            "eigh: sign of the differences",
            "Eigenvectors Eigenvalues",
            "difference = _columns(s) - _columns(s).mT",
            "difference = _columns(s).mT - _columns(s)",
        ),
        (
            "svd: what lies outside of u is lost",
            "SingularVectors",
            "        if m > n:\n",
            "        if m > 10 * n:\n",
        ),
    ),
]
