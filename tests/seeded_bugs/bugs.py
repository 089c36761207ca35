"""The bugs: what stands in a program's source, what is put in its place, and what is then wrong.

`at` is the quantity whose line it is, in the problem's names. `names` are the ways to call the
mistake that a teacher would take; the list is written from the bug, not from what is reported.
"""

from __future__ import annotations

from dataclasses import dataclass

from seeded_bugs.programs import COLUMNS, RECURRENT, REGRESSION, ROWS, SQUARE, Network


@dataclass(frozen=True)
class Bug:
    """One bug in one program."""

    network: Network
    old: str
    new: str
    at: str
    names: tuple[str, ...]

    @property
    def source(self) -> str:
        """The program with the bug."""
        assert self.network.source.count(self.old) == 1, self.old
        return self.network.source.replace(self.old, self.new)

    def __str__(self) -> str:
        return f"{self.network.name}: {self.old.strip()!r} -> {self.new.strip()!r}"


FACTOR = ("constant-factor", "factor-left-out", "factor-two")
MEAN = (*FACTOR, "mean-sum-confused")
SIGN = ("sign-flipped", "targets-swapped", "ascent", "term-sign-flipped", "sign-lost")
SLOPE = (
    "activation-derivative-omitted",
    "activation-derivative-at-wrong-argument",
    "wrong-activation-derivative",
    "relu-derivative-wrong",
    "factor-left-out",
    "power-left-out",
)
NO_SUM = ("not-summed-over-samples", "bias-gradient-not-summed")
AXIS = ("summed-over-wrong-axis", "wrong-axis")
INPUT = ("wrong-layer-input", "wrong-operand")
PATH = ("gradient-overwritten", "path-lost", "term-left-out")
TURNED = ("transpose-omitted", "transposed")
BRACKETS = ("brackets-misplaced", "operator-exchanged")
POWER = ("power-left-out", "factor-left-out", "function-added")
ADDED = ("factor-added", "function-added")

BUGS = (
    # Rows
    Bug(ROWS, "Z1 = X @ W1 + b1", "Z1 = X @ W1", "Z1", ("bias-left-out",)),
    Bug(ROWS, "Z1 = X @ W1 + b1", "Z1 = X @ W1 - b1", "Z1", ("term-sign-flipped",)),
    Bug(ROWS, "A1 = np.tanh(Z1)", "A1 = Z1", "H1", ("activation-omitted",)),
    Bug(ROWS, "A1 = np.tanh(Z1)", "A1 = 1 / (1 + np.exp(-Z1))", "H1", ("wrong-activation",)),
    Bug(ROWS, "A1 = np.tanh(Z1)", "A1 = np.tanh(np.tanh(Z1))", "H1", ("activation-twice",)),
    Bug(ROWS, "E.sum(axis=1, keepdims=True)", "E.sum(axis=1)", "Yhat", ("keepdims-lost",)),
    Bug(ROWS, "E.sum(axis=1, keepdims=True)", "E.sum(axis=0)", "Yhat", ("wrong-axis",)),
    Bug(ROWS, "E.sum(axis=1, keepdims=True)", "E.sum()", "Yhat", AXIS),
    Bug(ROWS, "P = E / E.sum(axis=1, keepdims=True)", "P = E", "Yhat", ("normalisation-left-out",)),
    Bug(ROWS, "np.log(P)) / m", "np.log(P))", "L", MEAN),
    Bug(ROWS, "np.log(P)) / m", "np.log10(P)) / m", "L", ("loss-log-base",)),
    Bug(ROWS, "dZ2 = (P - Y) / m", "dZ2 = P - Y", "dL/dZ2", MEAN),
    Bug(ROWS, "dZ2 = (P - Y) / m", "dZ2 = (Y - P) / m", "dL/dZ2", SIGN),
    Bug(ROWS, "dZ2 = (P - Y) / m", "dZ2 = (P - Y) / m ** 2", "dL/dZ2", MEAN),
    Bug(
        ROWS, "dZ2 = (P - Y) / m", "dZ2 = (P - Y) * P * (1 - P) / m", "dL/dZ2",
        ("softmax-shortcut-misused",),
    ),
    Bug(ROWS, "dW2 = A1.T @ dZ2", "dW2 = 2 * A1.T @ dZ2", "dL/dW2", FACTOR),
    Bug(ROWS, "dW2 = A1.T @ dZ2", "dW2 = A1.T @ dZ2 / m", "dL/dW2", MEAN),
    Bug(ROWS, "dW2 = A1.T @ dZ2", "dW2 = Z1.T @ dZ2", "dL/dW2", INPUT),
    Bug(
        ROWS, "dW2 = A1.T @ dZ2", "dW2 = A1.reshape(3, 5) @ dZ2", "dL/dW2",
        ("reshape-for-transpose",),
    ),
    Bug(ROWS, "db2 = dZ2.sum(axis=0)", "db2 = dZ2.sum(axis=1)", "dL/db2", AXIS),
    Bug(ROWS, "db2 = dZ2.sum(axis=0)", "db2 = dZ2.mean(axis=0)", "dL/db2", MEAN),
    Bug(ROWS, "db2 = dZ2.sum(axis=0)", "db2 = dZ2", "dL/db2", NO_SUM),
    Bug(ROWS, "db1 = dZ1.sum(axis=0)", "db1 = dZ1", "dL/db1", NO_SUM),
    Bug(ROWS, "db1 = dZ1.sum(axis=0)", "db1 = dZ1.sum(axis=1)", "dL/db1", AXIS),
    Bug(ROWS, "db1 = dZ1.sum(axis=0)", "db1 = dZ1.sum()", "dL/db1", AXIS),
    Bug(ROWS, "db1 = dZ1.sum(axis=0)", "db1 = 4 * dZ1.sum(axis=0) / m", "dL/db1", MEAN),
    Bug(
        ROWS, "dA1 = dZ2 @ W2.T", "dA1 = dZ2 @ (W2 - lr * dW2).T", "dL/dH1",
        ("updated-weights-used",),
    ),
    Bug(
        ROWS, "dA1 = dZ2 @ W2.T", "dA1 = dZ2 @ W2.reshape(5, 3)", "dL/dH1",
        ("reshape-for-transpose",),
    ),
    Bug(ROWS, "dZ1 = dA1 * (1 - A1 ** 2)", "dZ1 = dA1", "dL/dZ1", SLOPE),
    Bug(ROWS, "dZ1 = dA1 * (1 - A1 ** 2)", "dZ1 = dA1 * (1 - A1)", "dL/dZ1", SLOPE),
    Bug(ROWS, "dZ1 = dA1 * (1 - A1 ** 2)", "dZ1 = dA1 * (1 - Z1 ** 2)", "dL/dZ1", SLOPE),
    Bug(
        ROWS, "dZ1 = dA1 * (1 - A1 ** 2)", "dZ1 = dA1 * (1 - np.tanh(A1) ** 2)", "dL/dZ1", SLOPE,
    ),
    Bug(ROWS, "dZ1 = dA1 * (1 - A1 ** 2)", "dZ1 = dA1 * A1 * (1 - A1)", "dL/dZ1", SLOPE),
    Bug(
        ROWS, "dZ1 = dA1 * (1 - A1 ** 2)", "dZ1 = dA1; dZ1 *= 1 - A1 ** 2", "dL/dH1",
        ("changed-in-place", "copied"),
    ),
    Bug(ROWS, "W1_new = W1 - lr * dW1", "W1_new = W1 + lr * dW1", "W1_new", ("ascent",)),
    Bug(ROWS, "W1_new = W1 - lr * dW1", "W1_new = W1 - dW1", "W1_new", ("learning-rate-omitted",)),
    Bug(ROWS, "b1_new = b1 - lr * db1", "b1_new = b1", "b1_new", ("bias-not-updated",)),
    Bug(ROWS, "W1_new = W1 - lr * dW1", "W1_new = -lr * dW1", "W1_new", ("change-for-value",)),
    # Columns
    Bug(COLUMNS, "A1 = np.maximum(0, Z1)", "A1 = np.abs(Z1)", "H1", ("wrong-activation",)),
    Bug(
        COLUMNS, "A1 = np.maximum(0, Z1)", "A1 = Z1; A1[A1 < 0] = 0", "Z1",
        ("changed-in-place", "copied"),
    ),
    Bug(COLUMNS, "dZ3 = A3 - Y", "dZ3 = Y - A3", "dL/dZ3", SIGN),
    Bug(
        COLUMNS, "dZ3 = A3 - Y", "dZ3 = (A3 - Y) * A3 * (1 - A3)", "dL/dZ3",
        ("softmax-shortcut-misused", *SLOPE),
    ),
    Bug(COLUMNS, "dW3 = dZ3 @ A2.T / m", "dW3 = dZ3 @ A2.T", "dL/dW3", MEAN),
    Bug(COLUMNS, "dW2 = dZ2 @ A1.T / m", "dW2 = dZ2 @ A1.T * 2 / m", "dL/dW2", FACTOR),
    Bug(COLUMNS, "dW2 = dZ2 @ A1.T / m", "dW2 = dZ2 @ A2.T / m", "dL/dW2", INPUT),
    Bug(COLUMNS, "dW2 = dZ2 @ A1.T / m", "dW2 = A1 @ dZ2.T / m", "dL/dW2", TURNED),
    Bug(
        COLUMNS, "dW2 = dZ2 @ A1.T / m", "dW2 = dZ2 @ A1.reshape(6, 4) / m", "dL/dW2",
        ("reshape-for-transpose",),
    ),
    Bug(
        COLUMNS, "db1 = np.sum(dZ1, axis=1, keepdims=True) / m",
        "db1 = 4 / m * np.sum(dZ1, axis=1, keepdims=True)", "dL/db1", MEAN,
    ),
    Bug(COLUMNS, "db1 = np.sum(dZ1, axis=1, keepdims=True) / m", "db1 = dZ1", "dL/db1", NO_SUM),
    Bug(
        COLUMNS, "db1 = np.sum(dZ1, axis=1, keepdims=True) / m",
        "db1 = np.sum(dZ1, axis=0, keepdims=True) / m", "dL/db1", AXIS,
    ),
    Bug(
        COLUMNS, "db2 = np.sum(dZ2, axis=1, keepdims=True) / m",
        "db2 = np.sum(dZ2, axis=1, keepdims=True) / (2 * m)", "dL/db2", FACTOR,
    ),
    Bug(COLUMNS, "dA1 = W2.T @ dZ2", "dA1 = W2 @ dZ2", "dL/dH1", ("transpose-omitted",)),
    Bug(
        COLUMNS, "dZ2 = dA2 * (Z2 > 0)", "dZ2 = dA2 * (dA2 > 0)", "dL/dZ2",
        ("mask-from-gradient", "relu-derivative-wrong"),
    ),
    Bug(COLUMNS, "dZ2 = dA2 * (Z2 > 0)", "dZ2 = dA2 * (Z1 > 0)", "dL/dZ2", (*SLOPE, *INPUT)),
    Bug(COLUMNS, "dZ2 = dA2 * (Z2 > 0)", "dZ2 = dA2 * Z2", "dL/dZ2", SLOPE),
    Bug(COLUMNS, "dZ1 = dA1 * (Z1 > 0)", "dZ1 = dA1", "dL/dZ1", SLOPE),
    Bug(COLUMNS, "dZ1 = dA1 * (Z1 > 0)", "dZ1 = dA1 * (Z1 <= 0)", "dL/dZ1", SLOPE),
    # Regression
    Bug(REGRESSION, "np.mean((Yhat - Y) ** 2)", "np.mean((Yhat - Y.ravel()) ** 2)", "L",
        ("broadcast-to-matrix",)),
    Bug(REGRESSION, "np.mean((Yhat - Y) ** 2)", "np.mean((Yhat - Y) ** 2) / 2", "L", FACTOR),
    Bug(REGRESSION, "dYhat = 2 * (Yhat - Y) / n", "dYhat = (Yhat - Y) / n", "dL/dYhat", FACTOR),
    Bug(REGRESSION, "dYhat = 2 * (Yhat - Y) / n", "dYhat = 2 * (Yhat - Y)", "dL/dYhat", MEAN),
    Bug(REGRESSION, "dYhat = 2 * (Yhat - Y) / n", "dYhat = 2 * (Y - Yhat) / n", "dL/dYhat", SIGN),
    Bug(REGRESSION, "dW2 = H1.T @ dYhat", "dW2 = Z1.T @ dYhat", "dL/dW2", INPUT),
    Bug(REGRESSION, "db2 = dYhat.sum(axis=0)", "db2 = dYhat", "dL/db2", NO_SUM),
    Bug(REGRESSION, "dZ1 = dH1 * H1 * (1 - H1)", "dZ1 = dH1 * (1 - H1)", "dL/dZ1", SLOPE),
    Bug(REGRESSION, "dZ1 = dH1 * H1 * (1 - H1)", "dZ1 = dH1 * (1 - H1 ** 2)", "dL/dZ1", SLOPE),
    Bug(REGRESSION, "dZ1 = dH1 * H1 * (1 - H1)", "dZ1 = dH1 * Z1 * (1 - Z1)", "dL/dZ1", SLOPE),
    Bug(
        REGRESSION, "dZ1 = dH1 * H1 * (1 - H1)",
        "s = 1 / (1 + np.exp(-H1)); dZ1 = dH1 * s * (1 - s)", "dL/dZ1", SLOPE,
    ),
    Bug(REGRESSION, "dZ1 = dH1 * H1 * (1 - H1)", "dZ1 = H1 * (1 - H1)", "dL/dZ1",
        ("upstream-left-out",)),
    Bug(REGRESSION, "W1_new = W1 + V1", "W1_new = W1 - V1", "W1_new", ("ascent", *SIGN)),
    Bug(REGRESSION, "V1 = beta * V0 - lr * dW1", "V1 = -lr * dW1", "W1_new", ("state-ignored",)),
    Bug(
        REGRESSION, "dW1 = X.T @ dZ1", "dW1 = (X.T @ dZ1).astype(int)", "dL/dW1",
        ("integer-division",),
    ),
    # Square
    Bug(SQUARE, "z1 = W1 @ x + b1", "z1 = W1.T @ x + b1", "Z1", ("transpose-omitted",)),
    Bug(SQUARE, "z1 = W1 @ x + b1", "z1 = W1 * x + b1", "Z1", ("elementwise-for-matmul",)),
    Bug(SQUARE, "dW2 = np.outer(dz2, h1)", "dW2 = np.outer(h1, dz2)", "dL/dW2", TURNED),
    Bug(SQUARE, "dW2 = np.outer(dz2, h1)", "dW2 = dz2 * h1", "dL/dW2", ("elementwise-for-matmul",)),
    Bug(SQUARE, "dh1 = W2.T @ dz2", "dh1 = W2 @ dz2", "dL/dH1", ("transpose-omitted",)),
    Bug(SQUARE, "dh1 = W2.T @ dz2", "dh1 = W2.T * dz2", "dL/dH1", ("elementwise-for-matmul",)),
    Bug(SQUARE, "dz1 = dh1 * (1 - h1 ** 2)", "dz1 = dz2 * (1 - h1 ** 2)", "dL/dZ1", INPUT),
    Bug(SQUARE, "db1 = dz1", "db1 = dh1", "dL/db1", ("copied", *SLOPE, *INPUT)),
    Bug(SQUARE, "dW1 = np.outer(dz1, x)", "dW1 = np.outer(dz1, h1)", "dL/dW1", INPUT),
    Bug(SQUARE, "dz2 = yhat - y", "dz2 = yhat * (yhat - y)", "dL/dZ2",
        ("softmax-shortcut-misused", "softmax-diagonal-only")),
    # Recurrent
    Bug(RECURRENT, "    dW += np.outer(a, x)", "    dW = np.outer(a, x)", "dL/dW", PATH),
    Bug(RECURRENT, "    dU += np.outer(a, h)", "    dU = np.outer(a, h)", "dL/dU", PATH),
    Bug(RECURRENT, "    db += a", "    db = a", "dL/db", PATH),
    Bug(RECURRENT, "(a3, x3, h2), (a2", "(a2", "dL/dW", PATH),
    Bug(RECURRENT, "(a3, x3, h2)", "(a3, x3, h3)", "dL/dU", INPUT),
    Bug(RECURRENT, "dh2 = U.T @ a3", "dh2 = U @ a3", "dL/dh2", ("transpose-omitted",)),
    Bug(RECURRENT, "a2 = dh2 * (1 - h2 ** 2)", "a2 = dh2", "dL/dh1", SLOPE),
    Bug(RECURRENT, "dh3 = V.T @ do", "dh3 = 3 * V.T @ do", "dL/dh3", FACTOR),
    Bug(RECURRENT, "h3 = np.tanh(W @ x3 + U @ h2 + b)", "h3 = np.tanh(W @ x3 + U @ h1 + b)", "h3",
        INPUT),
)  # fmt: skip
