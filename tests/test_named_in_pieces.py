"""Functions in pieces, and windows in loops, with one thing wrong in one piece of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from seeded_bugs.shared_weights import TIED

import backprop_cli as backprop

KINDS = ("float64", "float32")
Arrays = dict[str, Any]


def slips(problem: backprop.Problem, right: Arrays, name: str, value: Any) -> tuple[str, ...]:
    """The names of what is wrong where one array is another, and nothing where all is right."""
    assert problem.check(right).passed, problem.check(right).render()
    report = problem.check({**right, name: value})
    assert report.first_wrong
    return report[report.first_wrong].slips[:3]


def bent(kind: str) -> tuple[backprop.Problem, Arrays]:
    """An ELU and Huber's loss, samples in rows."""
    random = np.random.default_rng(51)
    x, w, v, t = (random.uniform(-1, 1, s) for s in ((6, 3), (3, 4), (4, 2), (6, 2)))
    problem = backprop.load(
        {
            "convention": {"affine": "x W + b"},
            "x": x,
            "y": t,
            "layers": [{"weights": w, "activation": "elu"}, {"weights": v}],
            "loss": {"name": "huber", "delta": 0.7},
        }
    )
    z = x @ w
    h = np.where(z > 0, z, np.exp(z) - 1)
    e = h @ v - t
    g = np.where(np.abs(e) <= 0.7, e, 0.7 * np.sign(e)) / 6
    each = np.where(np.abs(e) <= 0.7, e**2 / 2, 0.7 * (np.abs(e) - 0.35))
    dh = g @ v.T
    dz = dh * np.where(z > 0, 1, np.exp(z))
    plain = {"Z1": z, "H1": h, "Z2": h @ v, "L": each.sum() / 6, "dZ2": g, "dH1": dh, "dZ1": dz}
    return problem, {name: np.asarray(one, dtype=kind) for name, one in plain.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_one_piece_of_a_function_goes_wrong(kind: str) -> None:
    problem, right = bent(kind)
    e = right["Z2"] - np.array(problem.solve()["Y"], dtype=kind)
    z, dh, small = right["Z1"], right["dH1"], np.abs(e) <= 0.7
    line = 0.7 * np.abs(e) - 0.35  # δ|e| − δ/2 for δ(|e| − δ/2)
    cases: list[tuple[str, Any, str]] = [
        ("L", np.where(small, e**2 / 2, line).sum() / 6, "brackets-misplaced"),
        ("dZ2", np.where(small, e, np.sign(e)) / 6, "factor-left-out"),
        ("dZ2", np.where(small, e, 0.7) / 6, "factor-left-out"),
        ("dZ1", dh * np.where(z > 0, z, np.exp(z)), "wrong-activation-derivative"),
        ("dZ1", dh * np.where(dh > 0, 1, np.exp(z)), "mask-from-gradient"),
    ]
    for name, value, slip in cases:
        assert slip in slips(problem, right, name, np.asarray(value, dtype=kind)), (name, slip)


@pytest.mark.parametrize("kind", KINDS)
def test_a_comparison_the_other_way_round_is_said_in_its_own_signs(kind: str) -> None:
    """`np.where(z < 0, z, np.exp(z) - 1)`: there is no + - * / in it that could be exchanged."""
    problem, right = bent(kind)
    assert {one.verdict for one in problem.check(right)} == {"correct"}
    z = right["Z1"]
    report = problem.check({**right, "H1": np.where(z < 0, z, np.exp(z) - 1).astype(kind)})
    assert "operator-exchanged" in report["H1"].slips
    assert "One of + - * / < > stands" in report["H1"].message


def pooled(kind: str) -> tuple[backprop.Problem, Arrays, Arrays]:
    """Two channels, three filters, the largest of 2 × 2: by loops, no two entries equal."""
    random = np.random.default_rng(52)
    x, k, w = (random.uniform(-1.5, 1.5, s) for s in ((2, 5, 7), (3, 2, 2, 2), (4, 18)))
    problem = backprop.load(
        {
            "input": "picture",
            "x": x,
            "y": [0, 1, 0, 0],
            "layers": [
                {"type": "conv", "kernel": k, "activation": "tanh"},
                {"type": "max-pool", "size": 2},
                {"type": "flatten"},
                {"weights": w, "activation": "softmax"},
            ],
            "loss": "cross-entropy",
        }
    )
    windows = np.array([[x[:, i : i + 2, j : j + 2] for j in range(6)] for i in range(4)])
    z = np.einsum("ijcab,fcab->fij", windows, k)
    h = np.tanh(z)
    four = h.reshape(3, 2, 2, 3, 2).swapaxes(2, 3).reshape(3, 2, 3, 4)
    p = four.max(axis=-1)
    s = w @ p.ravel()
    dp = (w.T @ (np.exp(s) / np.exp(s).sum() - np.eye(4)[1])).reshape(p.shape)
    wins = four == p[..., None]
    dh = back(wins * dp[..., None])
    dz = dh * (1 - h**2)
    dk = np.einsum("ijcab,fij->fcab", windows, dz)
    plain = {"Z1": z, "H1": h, "H2": p, "dH2": dp, "dH1": dh, "dZ1": dz, "dK1": dk}
    parts = {"windows": windows, "k": k, "four": four, "dp": dp}
    return problem, {name: np.asarray(one, dtype=kind) for name, one in plain.items()}, parts


def back(entries: Any) -> Any:
    """The entries of 2 × 2 windows side by side to their places."""
    return entries.reshape(3, 2, 3, 2, 2).swapaxes(2, 3).reshape(3, 4, 6)


@pytest.mark.parametrize("kind", KINDS)
def test_loops_over_windows_go_wrong(kind: str) -> None:
    problem, right, parts = pooled(kind)
    windows, k, four, dp = (parts[name] for name in ("windows", "k", "four", "dp"))
    h, dz = right["H1"], right["dZ1"]
    near = [[h[:, i : i + 2, j : j + 2].max(axis=(1, 2)) for j in range(3)] for i in range(2)]
    smallest = four == four.min(axis=-1, keepdims=True)
    sums = np.einsum("ijcab,f->fcab", windows, dz.sum(axis=(1, 2)))
    products = windows[:, :, None] * k  # i, j, filter, channel, place
    cases: list[tuple[str, Any, str]] = [
        ("Z1", np.einsum("ijab,fab->fij", windows[:, :, 0], k[:, 0]), "path-lost"),
        ("Z1", products.max(axis=(3, 4, 5)).transpose(2, 0, 1), "wrong-activation"),
        ("H2", np.moveaxis(np.array(near), 2, 0), "wrong-stride"),  # x[i:i + 2] for x[2 i:]
        ("dH1", back(smallest * dp[..., None]), "wrong-activation-derivative"),
        ("dH1", back(four * dp[..., None]), "wrong-activation-derivative"),
        ("dK1", sums, "summed-too-early"),
    ]
    for name, value, slip in cases:
        assert slip in slips(problem, right, name, np.asarray(value, dtype=kind)), (name, slip)


@pytest.mark.parametrize("kind", KINDS)
def test_a_softmax_for_sigmoids_and_a_penalty_without_the_wrong_row(kind: str) -> None:
    random = np.random.default_rng(53)
    x, theta, y = random.uniform(-1.5, 1.5, (6, 3)), random.uniform(-1, 1, (4, 4)), np.eye(4)
    y = y[[0, 2, 1, 3, 0, 2]]
    problem = backprop.load(
        {
            "convention": {"affine": "x W^T + b", "bias": "first"},
            "x": x,
            "y": y,
            "layers": [{"weights": theta, "activation": "sigmoid"}],
            "loss": "binary-cross-entropy",
            "penalty": {"l2": 0.8, "divided_by_samples": True},
        }
    )
    wide = np.hstack([np.ones((6, 1)), x])
    z = wide @ theta.T
    p = 1 / (1 + np.exp(-z))
    data, decay = (p - y).T @ wide / 6, 0.8 / 6 * theta
    plain = {"Z1": z, "Yhat": p, "dZ1": (p - y) / 6, "dW1": data + decay * [0, 1, 1, 1]}
    right = {name: one.astype(kind) for name, one in plain.items()}
    rows = data + decay * np.array([[0], [1], [1], [1]])  # Theta[1:] for Theta[:, 1:]
    softmax = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    assert "wrong-axis" in slips(problem, right, "dW1", rows.astype(kind))
    assert "wrong-activation" in slips(problem, right, "Yhat", softmax.astype(kind))


@pytest.mark.parametrize("beta", [4, 5, 6])
@pytest.mark.parametrize(
    ("line", "without", "id"),
    [
        ("J = rec + beta * kl", "J = rec + kl", "J"),
        ("drho = beta * (", "drho = (", "dJ/drho_hat"),
    ],
)
def test_a_factor_left_out_that_is_a_count_may_be_a_mean(
    beta: int, line: str, without: str, id: str
) -> None:
    """5 samples of 4 entries: a lost 4 or 5 gives the numbers of a mean, a lost 6 does not."""
    lines = [each.replace("0.6", str(beta)) for each in TIED.problem["equations"]]
    data, given = TIED.problem | {"equations": lines}, TIED.given | {"beta": beta}
    network = replace(TIED, problem=data, given=given)
    assert line in network.source
    problem = backprop.load(data)
    assert problem.check(network.run(network.source, "float64")).passed
    report = problem.check(network.run(network.source.replace(line, without), "float64"))
    assert report.first_wrong == id
    assert {"factor-left-out", "upstream-left-out"} & {*report[id].slips}
    assert ("mean-sum-confused" in report[id].slips) == (beta < 6)
