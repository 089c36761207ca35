"""Lines with masks, brackets, decay and targets gone wrong, each worked out in plain NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import backprop_cli as backprop

RNG = np.random.default_rng(32)


def drawn(*shape: int) -> Any:
    return RNG.uniform(0.2, 1.5, shape).round(2) * RNG.choice((-1, 1), shape)


X, V, S, W = drawn(5, 3), drawn(4, 3), drawn(4, 4), drawn(3, 2)
P = np.exp(X) / np.exp(X).sum(axis=1, keepdims=True)
Y = np.eye(3)[[0, 2, 1, 2, 2]]
CLASSES = Y.argmax(axis=1)
AHEAD = np.triu(np.full((4, 4), -np.inf), 1)
M = np.array([1.0, 1, 0, 1, 1])
GIVEN = {"X": X, "V": V, "S": S, "W": W, "Y": Y, "m": M, "keep": 0.8, "eps": 0.3}
LISTS = {name: np.asarray(value).tolist() for name, value in GIVEN.items()}
MASK = [[0 if j <= i else "-inf" for j in range(4)] for i in range(4)]


def softmax(z: Any) -> Any:
    powers = np.exp(z - z.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def named(equation: str, value: Any, **values: Any) -> tuple[str, ...]:
    """What the one array of a problem with one line is called; nothing where it is right."""
    name = equation.partition(" ")[0]
    problem = backprop.load(
        {
            "values": LISTS | {"M": MASK} | values,
            "equations": [*OUTPUT, equation, f"L = sum({name})"],
        }
    )
    report = problem.check({name: value})
    return report[name].slips if report.first_wrong == name else ()


OUTPUT = ["P = softmax(X, axis=1)"]
VARIANCE = X.var(axis=0)
MEANS = {"mu": X.mean(axis=0).tolist(), "v": VARIANCE.tolist()}
CENTRED = X - X.mean(axis=0)
LOSS = "l = -sum(Y * log(P)) / 5"
EACH = -np.log((softmax(X) * Y).sum(axis=1))
OVER = "l = sum(m * X[:, 1]) / sum(m)"

CASES: list[tuple[str, Any, Any, str, dict[str, Any]]] = [
    (
        "A = softmax(S + M, axis=1)",
        softmax(S + AHEAD),
        softmax(np.where(AHEAD == 0, S, 0)),
        "wrong-constant",
        {},
    ),
    (
        "A = softmax(S + M, axis=1)",
        softmax(S + AHEAD),
        softmax(S + AHEAD.T),
        "transpose-omitted",
        {},
    ),
    (
        "Q = (X - row(mu)) / row(sqrt(v + eps))",
        CENTRED / np.sqrt(VARIANCE + 0.3),
        CENTRED * (1 / np.sqrt(VARIANCE) + 0.3),
        "brackets-misplaced",
        MEANS,
    ),
    ("D = X * Y / keep", X * Y / 0.8, X, "factor-left-out", {}),
    ("D = X / keep", X / 0.8, X / 0.2, "complement", {"slope": 0.2}),
    (LOSS, EACH.mean(), -np.log(softmax(X)[:, CLASSES]).mean(), "wrong-target", {}),
    (OVER, (M * X[:, 0]).sum() / 4, (M * X[:, 0]).sum() / 5, "mean-sum-confused", {}),
    ("R = S[:, 1:3] + V", S[:, :3] + V, S[:, :3] + V[[0, 2, 1, 0]], "other-order", {}),
]
LABELS = {slip for *_, slip, _ in CASES}


@pytest.mark.parametrize("kind", ["float64", "float32"])
@pytest.mark.parametrize(("equation", "right", "wrong", "slip", "values"), CASES)
def test_a_line_gone_wrong_is_named(
    equation: str, right: Any, wrong: Any, slip: str, values: dict[str, Any], kind: str
) -> None:
    assert not named(equation, np.asarray(right, dtype=kind), **values)
    assert slip in named(equation, np.asarray(wrong, dtype=kind), **values)


@pytest.mark.parametrize(("equation", "right", "wrong", "slip", "values"), CASES)
def test_what_is_beside_it_is_not_called_so(
    equation: str, right: Any, wrong: Any, slip: str, values: dict[str, Any]
) -> None:
    """Just off the wrong one, in a way that no mistake of this kind leaves."""
    off = np.asarray(wrong) * (
        1 + 0.013 * np.arange(1, 1 + np.size(wrong)).reshape(np.shape(wrong))
    )
    assert np.abs(off - right).max() > 0.001
    assert slip not in named(equation, off, **values)


# Updates ------------------------------------------------------------------------------------------

G, B = drawn(3, 2), drawn(2)
STEP = {
    "values": {"W": W.tolist(), "b": B.tolist(), "x": X[0].tolist()},
    "equations": ["z = x @ W + b", "L = sum(z^2)"],
    "train": ["W", "b"],
    "update": {"rule": "sgd", "learning_rate": 0.2, "weight_decay": 0.1},
}
DZ = 2 * (X[0] @ W + B)
DW = np.outer(X[0], DZ)


@pytest.mark.parametrize(
    ("name", "right", "wrong", "slip"),
    [
        ("W_new", W - 0.2 * (DW + 0.1 * W), W - 0.2 * DW + 0.1 * W, "brackets-misplaced"),
        ("W_new", W - 0.2 * (DW + 0.1 * W), W - 0.2 * DW - 0.1 * W, "factor-left-out"),
        ("b_new", B - 0.2 * DZ, B - 0.2 * (DZ + 0.1 * B), "term-added"),
    ],
)
def test_decay_that_goes_wrong_is_named(name: str, right: Any, wrong: Any, slip: str) -> None:
    problem = backprop.load(STEP)
    assert problem.check({name: right}).first_wrong is None
    assert slip in problem.check({name: wrong})[name].slips
    assert slip not in problem.check({name: wrong + np.array([0.01, -0.03])})[name].slips


def test_both_shares_of_a_mean_exchanged() -> None:
    update = {"rule": "rmsprop", "learning_rate": 0.1, "beta": 0.7, "state": {"s_b": [0.3, 0.5]}}
    problem = backprop.load(STEP | {"update": update})
    old, square = np.array([0.3, 0.5]), DZ**2
    assert problem.check({"s_b": 0.7 * old + 0.3 * square}).first_wrong is None
    assert "complement" in problem.check({"s_b": 0.3 * old + 0.7 * square})["s_b"].slips
    assert "complement" not in problem.check({"s_b": 0.3 * old + 0.6 * square})["s_b"].slips


# Its own prediction for the word that was given --------------------------------------------------

WORDS = np.eye(3)[[0, 2, 1]]
E, H = drawn(3, 2), drawn(3, 2)


def told() -> dict[str, Any]:
    """u and p of three steps, where the right word is given each time."""
    u = WORDS @ E
    return {"u": u, "p": softmax(u @ H.T)}


def test_a_prediction_fed_back_is_named() -> None:
    problem = backprop.load(
        {
            "values": {"E": E.tolist(), "H": H.tolist(), "x": WORDS.tolist()},
            "equations": [
                {"for t in 1..3": ["u_t = E.T @ x[t]", "p_t = softmax(H @ u_t)"]},
                "L = sum(t in 1..3, sum(p_t * x[t]))",
            ],
        }
    )
    assert problem.check(told()).first_wrong is None
    u, p = [E[0]], [softmax(E[:1] @ H.T)[0]]
    for _ in range(2):
        u.append(E.T @ p[-1])
        p.append(softmax(u[-1][None] @ H.T)[0])
    report = problem.check({"u": np.array(u), "p": np.array(p)})
    assert report.first_wrong == "u_2"
    assert "wrong-operand" in report["u_2"].slips
    other = problem.check(told() | {"u": told()["u"] + [[0, 0], [0.1, 0.2], [0, 0]]})
    assert "wrong-operand" not in other["u_2"].slips
