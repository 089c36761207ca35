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
    report = problem.check({**right, "L": (1 - alpha) * r + alpha * e})
    assert "factor-added" in report["L"].slips


def back_to_picture(dz: Any, *, added: bool) -> Any:
    """∂L/∂X with its padding, by the loops that people write."""
    wide = np.zeros((7, 9), dtype=dz.dtype)
    for i in range(3):
        for j in range(4):
            for f in range(2):
                window = wide[2 * i : 2 * i + 3, 2 * j : 2 * j + 3]
                window[...] = added * window + K[f].astype(dz.dtype) * dz[f, i, j]
    return wide


@pytest.mark.parametrize("kind", ["float64", "float32"])
def test_what_comes_back_to_a_padded_picture(kind: str) -> None:
    dz = picture(kind)["dZ1"]
    right = back_to_picture(dz, added=True)
    assert found(kind, dX=right[1:-1, 1:-1]) == (None, ())
    over = back_to_picture(dz, added=False)[1:-1, 1:-1]
    for value, slip in ((over, "gradient-overwritten"), (right[:-2, :-2], "wrong-padding")):
        place, slips = found(kind, dX=value)
        assert place == "dL/dX"
        assert slip in slips


def named(text: dict[str, Any], right: dict[str, Any], name: str, value: Any) -> tuple[str, ...]:
    problem = backprop.load(text)
    assert problem.check(right).passed, problem.check(right).render()
    report = problem.check({**right, name: value})
    assert report.first_wrong
    return report[report.first_wrong].slips[:3]


def normed(random: np.random.Generator) -> tuple[dict[str, Any], dict[str, Any]]:
    """A norm over the units, x σ(x), weights of classes, a penalty: a problem and its arrays."""
    a, g, t = (random.uniform(-1.5, 1.5, shape) for shape in ((5, 4), 4, 4))
    w, b, y = random.uniform(-1, 1, (4, 3)), random.uniform(-1, 1, 3), np.eye(3)[[2, 0, 1, 1, 0]]
    counts, lam = np.array([0.5, 1.5, 1.2]), 0.3
    text = {
        "values": {"a": a, "g": g, "t": t, "w": w, "b": b, "y": y, "k": counts, "lam": lam},
        "equations": [
            "mu = mean(a, axis=1)",
            "c = a - column(mu)",
            "v = mean(c^2, axis=1)",
            "xh = c / column(sqrt(v + 0.01))",
            "u = row(g) * xh + row(t)",
            "h = u * sigmoid(u)",
            "s = h @ w + row(b)",
            "P = softmax(s, axis=1)",
            "n = y @ k",
            "L = -sum(n * sum(y * log(P), axis=1)) / 5 + lam / 2 * sum(w^2)",
        ],
        "train": ["a", "g", "t", "w", "b"],
    }
    c = a - a.mean(axis=1, keepdims=True)
    s_d = np.sqrt((c**2).mean(axis=1, keepdims=True) + 0.01)
    xh = c / s_d
    u = g * xh + t
    sg = 1 / (1 + np.exp(-u))
    s = (u * sg) @ w + b
    p = np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)
    ds = (p - y) * (y @ counts)[:, None] / 5
    dh = ds @ w.T
    du = dh * (sg + u * sg * (1 - sg))
    dxh = du * g
    da = (dxh - dxh.mean(1, keepdims=True) - xh * (dxh * xh).mean(1, keepdims=True)) / s_d
    right = {"xh": xh, "u": u, "h": u * sg, "s": s, "P": p, "ds": ds, "dh": dh, "du": du}
    return text, {**right, "dw": (u * sg).T @ ds + lam * w, "dxh": dxh, "da": da}


@pytest.mark.parametrize("kind", ["float64", "float32"])
def test_a_norm_a_bent_unit_weights_and_a_penalty(kind: str) -> None:
    text, plain = normed(np.random.default_rng(43))
    v = {name: one.astype(kind) for name, one in plain.items()}
    given = {name: np.asarray(one) for name, one in text["values"].items()}
    a, g, w, y, k = (given[name] for name in "agwyk")
    s_d = np.sqrt(a.var(axis=1, keepdims=True) + 0.01)
    sg, dxh, xh = 1 / (1 + np.exp(-v["u"])), v["dxh"], v["xh"]
    n = 5 / 4  # five samples for four units, in all three terms
    over_samples = dxh - dxh.mean(1, keepdims=True) / n - xh * (dxh * xh).mean(1, keepdims=True) / n
    hot = np.where(y == 1, 1, v["P"])
    cases: list[tuple[str, Any, str]] = [
        ("u", a / s_d * g + given["t"], "term-left-out"),  # x for x − μ in the line after
        ("ds", (v["P"] - y) * k / 5, "wrong-operand"),
        ("ds", hot * (y @ k)[:, None] / 5, "gradient-overwritten"),  # = 1 for −= 1
        ("du", v["dh"] * sg * (1 - sg), "wrong-activation-derivative"),
        ("dw", v["h"].T @ v["ds"] + 0.3 * (w**2).sum(), "loss-for-gradient"),
        ("dxh", v["du"] * g / s_d, "factor-added"),  # by what is nowhere in its line
        ("da", over_samples / s_d, "mean-sum-confused"),
    ]
    for name, value, slip in cases:
        assert slip in named(text, v, name, np.asarray(value, dtype=kind)), (name, slip)


def test_a_sum_that_is_only_noise_may_be_of_any_mistake_that_leaves_nothing() -> None:
    random = np.random.default_rng(44)
    a, g = random.uniform(-1, 1, (6, 3)), random.uniform(0.5, 1, 3)
    text = {
        "values": {"a": a, "g": g, "q": random.uniform(-1, 1, (6, 3))},
        "equations": ["xh = standardize(a, axis=0)", "y = row(g) * xh", "L = sum((y - q)^2)"],
        "train": ["g"],
    }
    xh = (a - a.mean(axis=0)) / a.std(axis=0)
    dy = 2 * (g * xh - text["values"]["q"])  # type: ignore[index]
    right = {"xh": xh, "y": g * xh, "dy": dy, "dg": (dy * xh).sum(axis=0)}
    assert "summed-too-early" in named(text, right, "dg", dy.sum(axis=0) * xh.sum(axis=0))


@pytest.mark.parametrize("how", ["each", "shared"])
def test_equal_maxima_of_a_pool_in_the_ways_that_programs_have(how: str) -> None:
    """mask = x == x.max(), as it is, or divided by how many there are; and twice that."""
    x = np.array([[1.0, 3, 2, 2], [3, 0, 1, 2]])
    text = {
        "values": {"X": x, "G": [[6, 4]]},
        "equations": ["P = max_pool(X, 2)", "L = sum(P * G)"],
        "train": ["X"],
    }
    mask = np.array([[0, 1, 1, 1], [1, 0, 0, 1]]) / (1 if how == "each" else [2, 2, 3, 3])
    right = np.array([6.0, 6, 4, 4]) * mask
    problem = backprop.load(text)
    assert problem.check({"dP": [[6.0, 4]], "dX": right}).passed
    report = problem.check({"dP": [[6.0, 4]], "dX": 2 * right})
    assert report["dL/dX"].verdict == "wrong"


def test_where_there_is_an_a_its_gradient_is_none_of_h() -> None:
    """It is that of the input, which is judged where a program has it; nobody trains it."""
    random = np.random.default_rng(45)
    a, w, q = (random.uniform(-1, 1, (2, 2)) for _ in range(3))
    text: dict[str, Any] = {
        "values": {"a": a, "w": w, "q": q, "v": w},
        "equations": ["h = tanh(a @ v)", "s = h @ w", "L = sum((s - q)^2)"],
        "train": ["w", "v"],
    }
    h = np.tanh(a @ w)
    ds = 2 * (h @ w - q)
    dz = ds @ w.T * (1 - h * h)
    report = backprop.load(text).check({"dw": h.T @ ds, "dv": a.T @ dz, "da": dz @ w.T})
    assert {result.id for result in report} == {"dL/dw", "dL/dv", "dL/da"}
    assert report.passed
    text["values"]["x"] = text["values"].pop("a")
    text["equations"][0] = "h = tanh(x @ v)"
    assert "dL/dh" in {result.id for result in backprop.load(text).check({"da": ds @ w.T})}


def test_hard_labels_for_smoothed_ones() -> None:
    """P − T where P − S belongs is another target, whatever loss it may be the gradient of."""
    random = np.random.default_rng(61)
    z, t = random.normal(size=(5, 3)), np.eye(3)[[0, 2, 1, 1, 0]]
    lines = ["S = 0.9 * T + 0.1 / 3", "p = log_softmax(Z, axis=1)", "L = -sum(S * p) / 5"]
    problem = backprop.load({"values": {"Z": z, "T": t}, "equations": lines, "train": ["Z"]})
    p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    s = 0.9 * t + 0.1 / 3
    right = {"S": s, "p": p, "dZ": (np.exp(p) - s) / 5}
    assert problem.check(right).passed
    assert "wrong-operand" in problem.check(right | {"dZ": (np.exp(p) - t) / 5})["dL/dZ"].slips


@pytest.mark.parametrize("name", ["softmax", "sigmoid"])
def test_a_minus_lost_in_the_exponent(name: str) -> None:
    z = np.random.default_rng(62).normal(size=(4, 3))
    axis = ", axis=1" if name == "softmax" else ""
    lines = [f"p = {name}(z{axis})", "L = sum(p * p)"]
    problem = backprop.load({"values": {"z": z}, "equations": lines})

    def worked_out(z: Any) -> Any:
        powers = np.exp(z)
        return powers / (powers.sum(axis=1, keepdims=True) if axis else 1 + powers)

    assert problem.check({"p": worked_out(z)})["p"].verdict == "correct"
    slips = problem.check({"p": worked_out(-z)})["p"].slips
    assert {"term-sign-flipped", "complement"} <= {*slips}
