"""Something else taken than what belongs there: kinds of the eleventh held-out set."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import backprop_cli as backprop

KINDS = ("float64", "float32")


def drawn(seed: int, *shape: int) -> Any:
    return np.random.default_rng(seed).uniform(-1.2, 1.2, shape).round(2)


def slips(problem: backprop.Problem, arrays: dict[str, Any], id: str) -> tuple[str, ...]:
    """What is named of an array, which is the first that is wrong."""
    report = problem.check(arrays)
    assert report.first_wrong == id
    return report[id].slips[:3]


def all_right(problem: backprop.Problem, arrays: dict[str, Any]) -> bool:
    return {one.verdict for one in problem.check(arrays)} <= {"correct", "missing"}


# Statistics of the training for those of the batch, and one output --------------------------------

X, W, V, T = drawn(1, 5, 3), drawn(2, 3, 4), drawn(3, 4, 1), drawn(4, 5, 1)
MEAN, VARIANCE = drawn(5, 4), np.abs(drawn(6, 4)) + 0.3
NORMED = backprop.load(
    {
        "values": {"X": X, "W": W, "V": V, "T": T, "mean0": MEAN, "var0": VARIANCE, "lam": 0.1},
        "equations": [
            "Z = X @ W",
            "mu = mean(Z, axis=0)",
            "vr = mean((Z - row(mu))^2, axis=0)",
            "xhat = (Z - row(mu)) / row(sqrt(vr + 0.01))",
            "H = tanh(xhat)",
            "P = H @ V",
            "L = sum((P - T)^2) / 5 + lam * sum(V^2)",
        ],
        "train": ["W", "V"],
        "update": {"rule": "adam", "learning_rate": 0.1, "beta1": 0.9, "beta2": 0.99, "t": 3},
    }
)


def normed(kind: str, mistake: str = "") -> dict[str, Any]:
    x, w, v, t, mean, var = (one.astype(kind) for one in (X, W, V, T, MEAN, VARIANCE))
    z = x @ w
    if mistake != "those of training":
        mean, var = z.mean(axis=0), z.var(axis=0)
    xhat = (z - mean) / np.sqrt(var + 0.01)
    h = np.tanh(xhat)
    p = h @ v
    dp = 2 * (p - t) / 5
    dv = h.T @ dp + 0.2 * v
    if mistake == "set by sample":
        dv = np.outer(h[-1], dp[-1])
    dh = dp * h if mistake == "entries for weights" else dp @ v.T
    m = 0.1 * dv
    mhat = m / (1 - 0.9 ** (2 if mistake == "step before" else 3))
    return {"Z": z, "xhat": xhat, "H": h, "P": p, "dP": dp, "dV": dv, "dH": dh, "mhat_V": mhat}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("mistake", "id", "slip"),
    [
        ("those of training", "xhat", "wrong-operand"),
        ("set by sample", "dL/dV", "gradient-overwritten"),
        ("entries for weights", "dL/dH", "wrong-operand"),
        ("step before", "mhat_V", "earlier-step-used"),
    ],
)
def test_of_a_norm_and_one_output(kind: str, mistake: str, id: str, slip: str) -> None:
    assert all_right(NORMED, normed(kind))
    assert slip in slips(NORMED, normed(kind, mistake), id)


# Attention over padded rows ----------------------------------------------------------------------

E, WQ, WK = drawn(7, 3, 4), drawn(8, 4, 2), drawn(9, 4, 2)
GOAL, PAD = drawn(10, 4), np.array([0, 0, -1e9])
PADDED = backprop.load(
    {
        "values": {"E": E, "Wq": WQ, "Wk": WK, "g": GOAL, "pad": PAD, "mask": [1, 1, 0]},
        "equations": [
            "Q = E @ Wq",
            "K = E @ Wk",
            "S = Q @ K.T / sqrt(2) + row(pad)",
            "A = softmax(S, axis=1)",
            "O = A @ E",
            "r = mask @ O / 2",
            "L = sum((r - g)^2)",
        ],
        "train": ["Wq", "Wk"],
    }
)


def padded(kind: str, mistake: str = "") -> dict[str, Any]:
    e, wq, wk = (one.astype(kind) for one in (E, WQ, WK))
    there = np.array([True, True, False])
    q, k = e @ wq, e @ wk
    scores = q @ k.T / np.sqrt(len(e) if mistake == "other width" else 2).astype(kind)
    shown = there[:, None] if mistake == "rows" else there[None, :]
    scores = np.where(shown, scores, 0 if mistake == "masked with 0" else -1e9).astype(kind)
    a = np.exp(scores - scores.max(axis=1, keepdims=True))
    a = a / a.sum(axis=1, keepdims=True)
    o = a @ e
    r = o.max(axis=0) if mistake == "largest" else o[there].mean(axis=0)
    return {"Q": q, "K": k, "A": a, "O": o, "r": r}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("mistake", "id", "slip"),
    [
        ("rows", "A", "wrong-axis"),
        ("masked with 0", "A", "wrong-constant"),
        ("other width", "A", "wrong-constant"),
        ("largest", "r", "wrong-activation"),
    ],
)
def test_of_masks(kind: str, mistake: str, id: str, slip: str) -> None:
    assert all_right(PADDED, padded(kind))
    assert slip in slips(PADDED, padded(kind, mistake), id)


# Columns, targets that are rows, a factor (1 - Y) -----------------------------------------------

XS, U, TARGETS = drawn(11, 2, 3), drawn(12, 3, 3), np.eye(3)[[2, 0]]
ROWS = backprop.load(
    {
        "convention": {"output_gradient": "fused"},
        "values": {"x": XS, "y": TARGETS, "U": U},
        "equations": [
            {"for t in 1..2": ["o_t = U @ x[t]", "p_t = softmax(o_t)"]},
            "L = sum(t in 1..2, cross_entropy(p_t, y[t]))",
        ],
        "train": ["U"],
    }
)


def by_columns(kind: str, mistake: str = "") -> dict[str, Any]:
    x, y, u = (one.astype(kind) for one in (XS, TARGETS, U))
    found: dict[str, Any] = {}
    for t in range(2):
        o = u @ x[t][:, None]
        powers = np.exp(o)
        axis = 1 if mistake == "other axis" else 0
        p = powers / powers.sum(axis=axis, keepdims=True)
        do = p - (1 if mistake == "1 everywhere" else y[t][:, None])
        found |= {f"o_{t + 1}": o, f"p_{t + 1}": p, f"do_{t + 1}": do}
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("mistake", "id", "slip"),
    [("other axis", "p_1", "wrong-axis"), ("1 everywhere", "dL/do_2", "wrong-target")],
)
def test_of_columns(kind: str, mistake: str, id: str, slip: str) -> None:
    assert all_right(ROWS, by_columns(kind))
    assert slip in slips(ROWS, by_columns(kind, mistake), id)


def test_a_mask_left_out_is_no_gradient_overwritten() -> None:
    """(1 - Y) is a factor there, and no ŷ less y."""
    scores, y = drawn(13, 4, 3), np.eye(3)[[0, 2, 1, 1]]
    problem = backprop.load(
        {
            "values": {"X": scores, "W": np.eye(3), "Y": y},
            "equations": [
                "S = X @ W",
                "right = sum(Y * S, axis=1)",
                "M = (1 - Y) * relu(S - column(right) + 1)",
                "L = sum(M) / 4",
            ],
            "train": ["W"],
        }
    )
    all_classes = np.maximum(scores - (y * scores).sum(axis=1, keepdims=True) + 1, 0)
    assert all_right(problem, {"S": scores, "M": (1 - y) * all_classes})
    named = slips(problem, {"S": scores, "M": all_classes}, "M")
    assert "factor-left-out" in named
    assert "gradient-overwritten" not in named


def test_a_term_turned_where_the_penalty_could_not_be_added() -> None:
    x, w, t = drawn(14, 5, 3), drawn(15, 3, 2), drawn(16, 5, 2)
    problem = backprop.load(
        {
            "values": {"X": x, "W": w, "T": t},
            "equations": ["P = X @ W", "L = sum((P - T)^2) + 0.1 * sum(W^2)"],
            "train": ["W"],
        }
    )
    p = x @ w
    right = {"P": p, "dP": 2 * (p - t), "dW": 2 * x.T @ (p - t) + 0.2 * w}
    turned = 2 * (p - t).T @ x
    assert all_right(problem, right)
    assert slips(problem, {**right, "dW": turned}, "dL/dW") == ("transposed",)
    assert slips(problem, {**right, "dW": turned + 0.3}, "dL/dW") == ()
