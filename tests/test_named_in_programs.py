"""Kinds of mistakes that were not named when a set of programs was first run: each has its name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import backprop_cli as backprop

RANDOM = np.random.default_rng(41)
X = RANDOM.uniform(-1.5, 1.5, (5, 7)).round(2)
K = RANDOM.uniform(-1.5, 1.5, (2, 3, 3)).round(2)
B = RANDOM.uniform(-1, 1, 2).round(2)
W = RANDOM.uniform(-1, 1, (3, 24)).round(2)


def picture(kind: str) -> dict[str, Any]:
    """Convolution with stride and padding by loops, ReLU, softmax of one picture."""
    x, k, b, w = (one.astype(kind) for one in (np.pad(X, 1), K, B, W))
    windows = np.array(
        [[x[i : i + 3, j : j + 3] for j in range(0, 7, 2)] for i in range(0, 5, 2)]
    )  # 3 × 4 of 3 × 3
    Z = np.einsum("ijab,fab->fij", windows, k) + b[:, None, None]
    H = np.maximum(Z, 0)
    logits = w @ H.ravel()
    p = np.exp(logits) / np.exp(logits).sum()
    dlogits = p - np.array([0, 1, 0], dtype=kind)
    dH = (w.T @ dlogits).reshape(H.shape)
    dZ = dH * (Z > 0)
    return {
        "Z1": Z,
        "H1": H,
        "Z3": logits,
        "Yhat": p,
        "dZ3": dlogits,
        "dH1": dH,
        "dZ1": dZ,
        "dK1": np.einsum("ijab,fij->fab", windows, dZ),
        "db1": dZ.sum(axis=(1, 2)),
    }


def found(kind: str, **wrong: Any) -> tuple[str | None, tuple[str, ...]]:
    problem = backprop.load(
        {
            "input": "picture",
            "x": X,
            "y": [0, 1, 0],
            "layers": [
                {
                    "type": "conv",
                    "kernel": [[one] for one in K],
                    "bias": B,
                    "stride": 2,
                    "padding": 1,
                    "activation": "relu",
                },
                {"type": "flatten"},
                {"weights": W, "activation": "softmax"},
            ],
            "loss": "cross-entropy",
        }
    )
    report = problem.check({**picture(kind), **wrong})
    return report.first_wrong, report[report.first_wrong].slips[:3] if report.first_wrong else ()


@pytest.mark.parametrize("kind", ["float64", "float32"])
def test_kinds_of_mistakes_have_their_names(kind: str) -> None:
    v = picture(kind)
    assert found(kind) == (None, ())
    z, dz, dh, logits = v["Z1"], v["dZ1"], v["dH1"], v["Z3"]
    alone = np.broadcast_to(dz.sum(axis=(1, 2), keepdims=True), K.shape)  # dK[c] += dZ[h, w, c]
    cases: list[tuple[str, str, Any, str]] = [
        ("dK1", "dL/dK1", alone, "input-left-out"),
        ("db1", "dL/db1", np.full(2, dz.sum(), dtype=kind), "summed-over-wrong-axis"),
        ("Yhat", "Yhat", np.exp(logits - logits.max()), "normalisation-left-out"),
        ("dZ1", "dL/dZ1", dh * (z > 1), "relu-derivative-wrong"),
        ("dZ1", "dL/dZ1", np.where(z > 0, 1, dh).astype(kind), "relu-derivative-wrong"),
    ]
    for name, at, value, slip in cases:
        place, slips = found(kind, **{name: value})
        assert place == at
        assert slip in slips


def test_brackets_of_two_losses() -> None:
    """αa + b with α before all of it, and α(q − y)/m with no brackets at all."""
    random = np.random.default_rng(42)
    c, u, target = (
        random.uniform(-1, 1, (3, 5)),
        random.uniform(-1, 1, 3),
        np.array([1, 0, 0, 1, 1]),
    )
    alpha, q = 0.7, 1 / (1 + np.exp(-(u @ c)))
    problem = backprop.load(
        {
            "values": {"c": c, "u": u, "y": target, "alpha": alpha},
            "equations": [
                "s = u @ c",
                "q = sigmoid(s)",
                "r = sum(c^2)",
                "e = -sum(y * log(q) + (1 - y) * log(1 - q)) / 5",
                "L = r + alpha * e",
            ],
            "train": ["u", "c"],
        }
    )
    r, e = (c**2).sum(), -(target * np.log(q) + (1 - target) * np.log(1 - q)).mean()
    right = {"q": q, "r": r, "e": e, "L": r + alpha * e, "ds": alpha * (q - target) / 5}
    assert problem.check(right).passed
    for name, at, value in (
        ("L", "L", alpha * (r + e)),
        ("ds", "dL/ds", alpha * q - target / 5),
    ):
        report = problem.check({**right, name: value})
        assert report.first_wrong == at
        assert "brackets-misplaced" in report[at].slips[:3]
