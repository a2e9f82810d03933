"""Bugs of recurrent steps: gates that are exchanged, forgotten, or have another's slope."""

from mutant import mutants

MUTANTS = mutants(
    "recurrent",
    "ops/recurrent.py",
    (
        "lstm gates: the slope of a sigmoid for tanh",
        "LSTMGates",
        "return g * (1 - y) * _join(i, f, 1 + n, o)",
        "return g * (1 - y) * _join(i, f, n, o)",
    ),
    (
        "lstm gates: tanh of another one",
        "LSTMGates",
        "np.tanh(_block(z, 2, 4), out=_block(y, 2, 4))",
        "np.tanh(_block(z, 3, 4), out=_block(y, 3, 4))",
    ),
    (
        "lstm state: gradients of i and n exchanged",
        "LSTMState",
        "_join(g * n, g * c, g * i)",
        "_join(g * i, g * c, g * n)",
    ),
    (
        "lstm state: the old state is not forgotten",
        "LSTMState",
        "_join(g * n, g * c, g * i)), g * f",
        "_join(g * n, g * c, g * i)), g",
    ),
    (
        "lstm output: the gradient of o goes to n",
        "LSTMOutput",
        "_among(slice(3, 4), 4, g * t)",
        "_among(slice(2, 3), 4, g * t)",
    ),
    (
        "lstm output: tanh not squared",
        "LSTMOutput",
        "g * _block(a, 3, 4) * (1 - t * t)",
        "g * _block(a, 3, 4) * (1 - t)",
    ),
    (
        "gru gates: r has no part in n",
        "GRUGates",
        "to_r = (to_r + h * _block(u, 2, 3)) * r * (1 - r)",
        "to_r = to_r * r * (1 - r)",
    ),
    (
        "gru gates: r does not reset",
        "GRUGates",
        "_join(to_r, to_z, r * h)",
        "_join(to_r, to_z, h)",
    ),
    (
        "gru gates: the slope of r for z",
        "GRUGates",
        "to_z = to_z * z * (1 - z)",
        "to_z = to_z * z * (1 - r)",
    ),
    (
        "gru state: z the other way round",
        "GRUState",
        "return n + z * (h - n)",
        "return h + z * (n - h)",
    ),
    (
        "gru state: sign of z's gradient",
        "GRUState",
        "_join(g * (h - n), g * (1 - z))",
        "_join(g * (n - h), g * (1 - z))",
    ),
)
