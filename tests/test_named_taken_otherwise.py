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


# Kinds of the twelfth set: ratings with a mask, a loss with a part for the code -------------------

RATED = np.array([[1, 0, 1], [1, 1, 0], [0, 1, 1], [1, 1, 0]])
PU, QI, BIAS, STARS = drawn(17, 4, 2), drawn(18, 3, 2), drawn(19, 4), drawn(20, 4, 3)
FACTORS = backprop.load(
    {
        "values": {"P": PU, "Q": QI, "b": BIAS, "Y": STARS, "R": RATED, "lam": 0.1},
        "equations": [
            "count = sum(R)",
            "guess = P @ Q.T + column(b)",
            "err = R * (guess - Y)",
            "rmse = sqrt(sum(err^2) / count)",
            "L = sum(err^2) / (2 * count) + lam / 2 * sum(b^2)",
        ],
        "train": ["P", "Q", "b"],
    }
)


def factors(kind: str, mistake: str = "") -> dict[str, Any]:
    p, q, b, y, r = (one.astype(kind) for one in (PU, QI, BIAS, STARS, RATED))
    lam = np.array(0.1, kind)
    guess = p @ q.T + b[:, None]
    err = r * (guess - y)
    count = r.sum()
    rmse = np.sqrt((err**2).sum()) / count if mistake == "root" else np.sqrt((err**2).sum() / count)
    g = err if mistake == "not divided" else err / count
    inside = (g + lam * b[:, None]).sum(axis=1)
    db = inside if mistake == "inside" else g.sum(axis=1) + lam * b
    loss = (err**2).sum() / (2 * count) + lam / 2 * (b**2).sum()
    return {"guess": guess, "err": err, "rmse": rmse, "L": loss, "dguess": g, "db": db}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("mistake", "id", "slip"),
    [("root", "rmse", "brackets-misplaced"), ("inside", "dL/db", "brackets-misplaced")],
)
def test_of_brackets(kind: str, mistake: str, id: str, slip: str) -> None:
    assert all_right(FACTORS, factors(kind))
    assert slip in slips(FACTORS, factors(kind, mistake), id)


def test_a_step_that_a_right_array_follows_from_is_not_where_a_gradient_went_wrong() -> None:
    """Σ R is in the loss, too, which is right: so the gradient did not take another count."""
    report = FACTORS.check(factors("float64", "not divided"))
    assert report.first_wrong == "dL/dguess"
    result = report["dL/dguess"]
    assert result.origin is None or result.origin.id != "count"
    assert "path-lost" not in result.slips
    assert "8 × the right one" in result.message


CODE, SEEN = drawn(21, 3, 2), np.abs(drawn(22, 3, 2)) / 2 + 0.1
MIXED = backprop.load(
    {
        "values": {"v": CODE, "x": SEEN},
        "equations": [
            "p = sigmoid(v)",
            "R = -sum(x * log(p) + (1 - x) * log(1 - p))",
            "K = -sum(1 + v - exp(v)) / 2",
            "L = R + K",
        ],
        "train": ["v"],
    }
)


@pytest.mark.parametrize("kind", KINDS)
def test_of_one_term(kind: str) -> None:
    v, x = CODE.astype(kind), SEEN.astype(kind)
    p = 1 / (1 + np.exp(-v))
    r = -(x * np.log(p) + (1 - x) * np.log(1 - p)).sum()
    k = -(1 + v - np.exp(v)).sum() / 2
    right = {"p": p, "R": r, "K": k, "L": r + k}
    assert all_right(MIXED, right)
    exchanged = -(p * np.log(x) + (1 - x) * np.log(1 - p)).sum()
    assert "targets-swapped" in slips(MIXED, {**right, "R": exchanged, "L": exchanged + k}, "R")
    square = -(1 + v - v**2).sum() / 2
    assert "wrong-activation" in slips(MIXED, {**right, "K": square, "L": r + square}, "K")
    assert slips(MIXED, {**right, "K": k + 0.0123, "L": r + k + 0.0123}, "K") == ()
