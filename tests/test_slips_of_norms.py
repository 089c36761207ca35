"""Mistakes in norms, attention and dropout: each wrong sheet is worked out in plain NumPy.

What stands behind the mistake on the sheet follows from it, as whoever makes it goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import backprop_cli as backprop

Change = Callable[[dict[str, Any]], Any]

X = np.array([[1.0, 2.0, 0.5], [3.0, 0.0, 1.5], [2.0, 7.0, -1.0], [0.0, 1.0, 4.0]])
SQUARE = X[:3]
GAMMA, BETA, EPSILON = np.array([2.0, 1.5, 0.5]), np.array([0.5, 0.0, 1.0]), 0.1
G = np.array([[1.0, -2.0, 0.5], [0.5, 1.0, 2.0], [-1.0, 3.0, 1.0], [2.0, 0.5, -1.5]])


def sheet(changes: dict[str, Change], steps: dict[str, Change]) -> dict[str, Any]:
    """Every step in order, each from what stands before it; `changes` are taken in their place."""
    found: dict[str, Any] = {}
    for id, step in steps.items():
        found[id] = changes.get(id, step)(found)
    return found


def typed(found: dict[str, Any], decimals: int = 4) -> dict[str, Any]:
    """As a person writes it down."""

    def text(value: float) -> str:
        return f"{value + 0.0:.{decimals}f}"

    def all_of(value: Any) -> Any:
        return [*map(all_of, value)] if np.ndim(value) else text(float(value))

    return {id: all_of(value) for id, value in found.items()}


def graded(problem: dict[str, Any], found: dict[str, Any]) -> Any:
    return backprop.load(problem).check(typed(found))


def named(problem: dict[str, Any], found: dict[str, Any], id: str, slip: str) -> None:
    report = graded(problem, found)
    assert report.first_wrong == id, report.first_wrong
    assert slip in report[id].slips, report[id].slips
    assert len(report[id].slips) <= 3


# ---- Batch norm ----------------------------------------------------------------------------------


def batch_norm(x: Any, **more: Any) -> dict[str, Any]:
    values = {"X": x, "gamma": GAMMA, "beta": BETA, "G": G[: len(x)]}
    return {
        "values": {name: value.tolist() for name, value in values.items()},
        "equations": [f"O = batch_norm(X, gamma, beta, epsilon={EPSILON})", "L = sum(G * O)"],
        "ask": list(norm_steps(x)),
        "grading": {"precision": {"decimals": 4}},
        **more,
    }


def norm_steps(x: Any) -> dict[str, Change]:
    g, n = G[: len(x)], len(x)
    return {
        "mu_O": lambda f: x.mean(0),
        "var_O": lambda f: ((x - f["mu_O"]) ** 2).mean(0),
        "xhat_O": lambda f: (x - f["mu_O"]) / np.sqrt(f["var_O"] + EPSILON),
        "O": lambda f: GAMMA * f["xhat_O"] + BETA,
        "L": lambda f: (g * f["O"]).sum(),
        "dL/dO": lambda f: g,
        "dL/dgamma": lambda f: (g * f["xhat_O"]).sum(0),
        "dL/dbeta": lambda f: g.sum(0),
        "dL/dxhat_O": lambda f: g * GAMMA,
        "dL/dvar_O": lambda f: (
            (f["dL/dxhat_O"] * (x - f["mu_O"])).sum(0) * -0.5 * (f["var_O"] + EPSILON) ** -1.5
        ),
        "dL/dmu_O": lambda f: (
            -f["dL/dxhat_O"].sum(0) / np.sqrt(f["var_O"] + EPSILON)
            - 2 * f["dL/dvar_O"] * (x - f["mu_O"]).mean(0)
        ),
        "dL/dX": lambda f: direct(f) + 2 / n * f["dL/dvar_O"] * (x - f["mu_O"]) + f["dL/dmu_O"] / n,
    }


def direct(f: dict[str, Any]) -> Any:
    return f["dL/dxhat_O"] / np.sqrt(f["var_O"] + EPSILON)


NORM_SLIPS: dict[str, tuple[str, str, Change]] = {
    "n - 1": ("var_O", "divided-by-one-less", lambda f: X.var(0, ddof=1)),
    "no root": ("xhat_O", "power-left-out", lambda f: (X - f["mu_O"]) / (f["var_O"] + EPSILON)),
    "no epsilon": ("xhat_O", "term-left-out", lambda f: (X - f["mu_O"]) / np.sqrt(f["var_O"])),
    "not divided": ("xhat_O", "normalisation-left-out", lambda f: X - f["mu_O"]),
    "no scale": ("O", "factor-left-out", lambda f: f["xhat_O"] + BETA),
    "no shift": ("O", "bias-left-out", lambda f: GAMMA * f["xhat_O"]),
    "y for xhat": ("dL/dgamma", "wrong-operand", lambda f: (G * f["O"]).sum(0)),
    "x for xhat": ("dL/dgamma", "wrong-operand", lambda f: (G * X).sum(0)),
    "gamma lost": ("dL/dxhat_O", "factor-left-out", lambda f: G),
    "mean path lost": (
        "dL/dX",
        "path-lost",
        lambda f: direct(f) + f["dL/dvar_O"] * 2 / 4 * (X - f["mu_O"]),
    ),
    "variance path lost": ("dL/dX", "path-lost", lambda f: direct(f) + f["dL/dmu_O"] / 4),
    "both lost": ("dL/dX", "path-lost", direct),
    "1/n lost": (
        "dL/dX",
        "mean-sum-confused",
        lambda f: direct(f) + 2 / 4 * f["dL/dvar_O"] * (X - f["mu_O"]) + f["dL/dmu_O"],
    ),
}


def test_a_right_sheet_of_batch_norm_is_right_at_any_digits() -> None:
    found = sheet({}, norm_steps(X))
    problem = batch_norm(X)
    for decimals in (2, 3, 4, 5):
        problem["grading"] = {"precision": {"decimals": decimals}}
        report = backprop.load(problem).check(typed(found, decimals))
        assert report.passed
        assert report.score == report.max_score, (decimals, report.first_wrong)


@pytest.mark.parametrize("case", NORM_SLIPS)
def test_slips_of_batch_norm(case: str) -> None:
    id, slip, change = NORM_SLIPS[case]
    named(batch_norm(X), sheet({id: change}, norm_steps(X)), id, slip)


def test_the_mean_of_each_row_is_along_the_wrong_axis() -> None:
    found = sheet({"mu_O": lambda f: SQUARE.mean(1)}, norm_steps(SQUARE))
    named(batch_norm(SQUARE), found, "mu_O", "wrong-axis")


@pytest.mark.parametrize("train", [["gamma"], ["X", "gamma"]])
def test_x_for_xhat_whatever_x_is(train: list[str]) -> None:
    """In a formula of one's own, too, and where the gradient by x itself is asked."""
    x, gamma, beta, t = np.array([[1.0, -2.0, 4.0], [2.0, 1.5, 0.5], [0, 1, 0.5], [1, 0, 2]])
    problem = {
        "values": {
            "X": x.tolist(),
            "gamma": gamma.tolist(),
            "beta": beta.tolist(),
            "t": t.tolist(),
        },
        "equations": [
            "mu = mean(X)",
            "v = mean((X - mu)^2)",
            "xhat = (X - mu) / sqrt(v + 0.1)",
            "o = gamma * xhat + beta",
            "L = half_squared_error(o, t)",
        ],
        "train": train,
        "ask": ["xhat", "o", "dL/do", "dL/dgamma"],
        "grading": {"precision": {"decimals": 4}},
    }
    steps: dict[str, Change] = {
        "xhat": lambda f: (x - x.mean()) / np.sqrt(x.var() + 0.1),
        "o": lambda f: gamma * f["xhat"] + beta,
        "dL/do": lambda f: f["o"] - t,
        "dL/dgamma": lambda f: f["dL/do"] * f["xhat"],
    }
    found = sheet({"dL/dgamma": lambda f: f["dL/do"] * x}, steps)
    named(problem, found, "dL/dgamma", "wrong-layer-input")


def cut_off(value: Any, decimals: int = 4) -> Any:
    return np.sign(value) * np.floor(np.abs(value) * 10**decimals + 1e-9) / 10**decimals


BY_HEART: dict[str, Change] = {
    "power": lambda f: (
        -products(f) / 2 * cut_off((f["var_O"] + EPSILON) ** -1.5),
        -products(f) / 2 * (cut_off((f["var_O"] + EPSILON) ** -1.5) - 0.0008),
    ),
    "root": lambda f: (
        -products(f) / cut_off(2 * cut_off(np.sqrt(f["var_O"] + EPSILON)) ** 3),
        -products(f) / (cut_off(2 * cut_off(np.sqrt(f["var_O"] + EPSILON)) ** 3) + 0.02),
    ),
}


def products(f: dict[str, Any]) -> Any:
    return cut_off(f["dL/dxhat_O"] * (X - f["mu_O"])).sum(0)


@pytest.mark.parametrize("how", BY_HEART)
def test_the_gradient_of_a_variance_as_it_is_known_by_heart(how: str) -> None:
    """-½ (σ² + ε)^(-3/2) Σ g (x - μ), each step cut off; a few units off is no rounding."""
    steps = {id: (lambda f, step=step: cut_off(step(f))) for id, step in norm_steps(X).items()}
    found = sheet({}, {id: steps[id] for id in list(steps)[:9]})
    problem = batch_norm(X, ask=[*found, "dL/dvar_O"])
    for value, verdict in zip(BY_HEART[how](found), ("correct", "wrong"), strict=True):
        report = graded(problem, {**found, "dL/dvar_O": cut_off(value)})
        assert report["dL/dvar_O"].verdict == verdict


# ---- Standardised in one word --------------------------------------------------------------------


def spread(x: Any = X) -> Any:
    return np.sqrt(x.var(0) + EPSILON)


COMPACT_STEPS: dict[str, Change] = {
    "Xhat": lambda f: (X - X.mean(0)) / spread(),
    "L": lambda f: (G * f["Xhat"]).sum(),
    "dL/dX": lambda f: (G - G.mean(0) - f["Xhat"] * (G * f["Xhat"]).mean(0)) / spread(),
}
COMPACT_SLIPS: dict[str, tuple[str, str, Change]] = {
    "n - 1": (
        "Xhat",
        "divided-by-one-less",
        lambda f: (X - X.mean(0)) / np.sqrt(X.var(0, ddof=1) + EPSILON),
    ),
    "no root": ("Xhat", "power-left-out", lambda f: (X - X.mean(0)) / spread() ** 2),
    "no epsilon": ("Xhat", "term-left-out", lambda f: (X - X.mean(0)) / X.std(0)),
    "mean not taken off": ("Xhat", "term-left-out", lambda f: X / spread()),
    "plus the mean": ("Xhat", "term-sign-flipped", lambda f: (X + X.mean(0)) / spread()),
    "not divided": ("Xhat", "normalisation-left-out", lambda f: X - X.mean(0)),
    "rows": (
        "Xhat",
        "wrong-axis",
        lambda f: (X - X.mean(1, keepdims=True)) / np.sqrt(X.var(1, keepdims=True) + EPSILON),
    ),
    "mean path lost": (
        "dL/dX",
        "path-lost",
        lambda f: (G - f["Xhat"] * (G * f["Xhat"]).mean(0)) / spread(),
    ),
    "variance path lost": ("dL/dX", "path-lost", lambda f: (G - G.mean(0)) / spread()),
    "both lost": ("dL/dX", "path-lost", lambda f: G / spread()),
    "no root in the gradient": (
        "dL/dX",
        "power-left-out",
        lambda f: (G - G.mean(0) - f["Xhat"] * (G * f["Xhat"]).mean(0)) / spread() ** 2,
    ),
}


@pytest.mark.parametrize("case", COMPACT_SLIPS)
def test_slips_within_a_norm_of_one_word(case: str) -> None:
    problem = {
        "values": {"X": X.tolist(), "G": G.tolist()},
        "equations": [f"Xhat = standardize(X, axis=0, epsilon={EPSILON})", "L = sum(G * Xhat)"],
        "train": ["X"],
        "ask": list(COMPACT_STEPS),
        "grading": {"precision": {"decimals": 4}},
    }
    id, slip, change = COMPACT_SLIPS[case]
    named(problem, sheet({id: change}, COMPACT_STEPS), id, slip)


# ---- Attention -----------------------------------------------------------------------------------

Q = np.array([[1.0, 2.0], [0.5, 1.0], [-1.0, 1.0]])
K = np.array([[2.0, 1.0], [1.0, -1.0], [0.5, 1.0]])
V = np.array([[1.0, 2.0], [-1.0, 1.0], [0.5, 3.0]])
U = np.array([[1.0, 0.5], [-1.0, 2.0], [3.0, 1.0]])
ALLOWED = np.tril(np.ones((3, 3)))


def attention() -> dict[str, Any]:
    values = {"Q": Q, "K": K, "V": V, "U": U}
    return {
        "values": {name: value.tolist() for name, value in values.items()},
        "equations": ["O = attention(Q, K, V, mask=causal)", "L = sum(U * O)"],
        "ask": list(ATTENTION_STEPS),
        "grading": {"precision": {"decimals": 4}},
    }


def softmax(s: Any, allowed: Any = ALLOWED, axis: int = 1) -> Any:
    powers = np.exp(s) * allowed
    return powers / powers.sum(axis=axis, keepdims=True)


def through_softmax(f: dict[str, Any]) -> Any:
    a, d = f["A_O"], f["dL/dA_O"]
    return a * (d - (a * d).sum(axis=1, keepdims=True))


ATTENTION_STEPS: dict[str, Change] = {
    "S_O": lambda f: Q @ K.T / np.sqrt(2),
    "A_O": lambda f: softmax(f["S_O"]),
    "O": lambda f: f["A_O"] @ V,
    "L": lambda f: (U * f["O"]).sum(),
    "dL/dO": lambda f: U,
    "dL/dA_O": lambda f: f["dL/dO"] @ V.T,
    "dL/dS_O": through_softmax,
    "dL/dV": lambda f: f["A_O"].T @ f["dL/dO"],
    "dL/dQ": lambda f: f["dL/dS_O"] / np.sqrt(2) @ K,
    "dL/dK": lambda f: f["dL/dS_O"].T / np.sqrt(2) @ Q,
}

ATTENTION_SLIPS: dict[str, tuple[str, str, Change]] = {
    "1/√d left out": ("S_O", "factor-left-out", lambda f: Q @ K.T),
    "d for √d": ("S_O", "power-left-out", lambda f: Q @ K.T / 2),
    "mask left out": ("A_O", "term-left-out", lambda f: softmax(f["S_O"], np.ones((3, 3)))),
    "softmax of columns": ("A_O", "wrong-axis", lambda f: softmax(f["S_O"], axis=0)),
    "mask before, columns": ("A_O", "wrong-axis", lambda f: softmax(f["S_O"], ALLOWED, 0)),
    "not normalised": ("A_O", "normalisation-left-out", lambda f: np.exp(f["S_O"]) * ALLOWED),
    "A of columns": ("O", "transpose-omitted", lambda f: f["A_O"].T @ V),
    "A for Aᵀ": ("dL/dV", "transpose-omitted", lambda f: f["A_O"] @ f["dL/dO"]),
    "diagonal only": (
        "dL/dS_O",
        "softmax-diagonal-only",
        lambda f: f["dL/dA_O"] * f["A_O"] * (1 - f["A_O"]),
    ),
    "softmax forgotten": ("dL/dS_O", "activation-derivative-omitted", lambda f: f["dL/dA_O"]),
    "1/√d lost in Q": ("dL/dQ", "factor-left-out", lambda f: f["dL/dS_O"] @ K),
    "d for √d in Q": ("dL/dQ", "power-left-out", lambda f: f["dL/dS_O"] / 2 @ K),
    "1/√d lost in K": ("dL/dK", "factor-left-out", lambda f: f["dL/dS_O"].T @ Q),
    "dS for dSᵀ": ("dL/dK", "transpose-omitted", lambda f: f["dL/dS_O"] / np.sqrt(2) @ Q),
    "Q for K": ("dL/dQ", "wrong-operand", lambda f: f["dL/dS_O"] / np.sqrt(2) @ Q),
}


def test_a_right_sheet_of_attention_is_right_at_any_digits() -> None:
    found, problem = sheet({}, ATTENTION_STEPS), attention()
    for decimals in (2, 3, 4, 5):
        problem["grading"] = {"precision": {"decimals": decimals}}
        report = backprop.load(problem).check(typed(found, decimals))
        assert report.score == report.max_score, (decimals, report.first_wrong)


@pytest.mark.parametrize("case", ATTENTION_SLIPS)
def test_slips_of_attention(case: str) -> None:
    id, slip, change = ATTENTION_SLIPS[case]
    named(attention(), sheet({id: change}, ATTENTION_STEPS), id, slip)
