"""Kinds of mistakes that had no name in programs of the third held-out set: each has it now."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

import backprop_cli as backprop

RANDOM = np.random.default_rng(77)


def drawn(*shape: int) -> np.ndarray[Any, Any]:
    return RANDOM.uniform(-1.5, 1.5, shape).round(2)


def named(report: backprop.Report, id: str) -> tuple[str, ...]:
    (result,) = [one for one in report if one.id == id]
    assert result.verdict == "wrong", result
    return result.slips


# A recurrent net both ways -----------------------------------------------------------------------

X, WF, UF, BF, WB, UB, BB = (
    drawn(3, 2), drawn(3, 2), drawn(3, 3), drawn(3), drawn(3, 2), drawn(3, 3), drawn(3),
)  # fmt: skip
V, F0, G4, Y = drawn(2, 6), drawn(3), drawn(3), drawn(3, 2)


@cache
def both_ways() -> backprop.Problem:
    names = ("x", "Wf", "Uf", "bf", "Wb", "Ub", "bb", "V", "f_0", "g_4", "y")
    values = dict(zip(names, (X, WF, UF, BF, WB, UB, BB, V, F0, G4, Y), strict=True))
    return backprop.load(
        {
            "values": values,
            "equations": [
                {"for t in 1..3": ["a_t = Wf @ x[t] + Uf @ f_{t-1} + bf", "f_t = tanh(a_t)"]},
                {"for t in 3..1": ["e_t = Wb @ x[t] + Ub @ g_{t+1} + bb", "g_t = tanh(e_t)"]},
                {"for t in 1..3": ["o_t = V @ concat(f_t, g_t)"]},
                "L = sum(t in 1..3, half_squared_error(o_t, y[t]))",
            ],
            "train": ["Wf", "Uf", "bf", "Wb", "Ub", "bb", "V"],
        }
    )


def tagged(mistake: str, kind: str) -> dict[str, Any]:
    """The net as a program has it, from the end to the start and from the start to the end."""
    x, wf, uf, bf, wb, ub, bb, v, y = (
        one.astype(kind) for one in (X, WF, UF, BF, WB, UB, BB, V, Y)
    )
    f, g, da, de, dg = [F0.astype(kind)], {4: G4.astype(kind)}, {}, {}, {}
    kept: dict[str, Any] = {}
    for t in (1, 2, 3):
        f.append(np.tanh(wf @ x[t - 1] + uf @ f[-1] + bf))
    for t in (3, 2, 1):
        w, u, b = (wf, uf, bf) if mistake == "the other half's weights" else (wb, ub, bb)
        kept[f"e_{t}"] = w @ x[t - 1] + u @ g[t + 1] + b
        g[t] = np.tanh(kept[f"e_{t}"])
    dh = {t: v.T @ (v @ np.concatenate([f[t], g[t]]) - y[t - 1]) for t in (1, 2, 3)}
    after = np.zeros(3, dtype=kind)
    for t in (3, 2, 1):
        da[t] = (dh[t][:3] + after) * (1 - f[t] ** 2)
        after = after + uf.T @ da[t] if mistake == "still there" else uf.T @ da[t]
        kept[f"dL/df_{t}"] = da[t] / (1 - f[t] ** 2)
    before = after if mistake == "not set to 0" else np.zeros(3, dtype=kind)
    for t in (3, 2, 1) if mistake == "the wrong way round" else (1, 2, 3):
        dg[t] = dh[t][3:] + before
        de[t] = dg[t] * (1 - g[t] ** 2)
        before = ub.T @ de[t]
    dub = sum(np.outer(de[t], g[t + 1]) for t in (1, 2, 3))
    if mistake == "the step before":
        dub = sum(np.outer(de[t], g[t - 1]) for t in (2, 3))
    kept |= {f"f_{t}": f[t] for t in (1, 2, 3)} | {f"g_{t}": g[t] for t in (1, 2, 3)}
    kept |= {f"dL/dg_{t}": dg[t] for t in dg} | {f"dL/de_{t}": de[t] for t in de}
    kept |= {f"dL/da_{t}": da[t] for t in da}
    return kept | {"dL/dUb": dub}


@pytest.mark.parametrize("kind", ["float64", "float32"])
@pytest.mark.parametrize(
    ("mistake", "at", "slip"),
    [
        ("the other half's weights", "e_3", "wrong-operand"),
        ("not set to 0", "dL/dg_1", "term-added"),
        ("the wrong way round", "dL/dg_1", "term-added"),
        ("still there", "dL/df_1", "term-added"),
        ("the step before", "dL/dUb", "wrong-operand"),
    ],
)
def test_what_comes_of_another_step_or_the_other_half(
    mistake: str, at: str, slip: str, kind: str
) -> None:
    assert {one.verdict for one in both_ways().check(tagged("", kind))} == {"correct"}
    report = both_ways().check(tagged(mistake, kind))
    assert report.first_wrong == at
    assert slip in named(report, at)


# Lengths, rows beside columns --------------------------------------------------------------------

A, B = drawn(4, 3), drawn(4, 3)


@cache
def cosines() -> backprop.Problem:
    return backprop.load(
        {
            "values": {"U": A, "V": B},
            "equations": [
                "E = U / column(sqrt(sum(U^2, axis=1)))",
                "F = V / column(sqrt(sum(V^2, axis=1)))",
                "Z = E @ F.T",
                "P = softmax(Z, axis=1)",
                "Q = softmax(Z, axis=0)",
                "Li = -mean(log(diagonal(P)))",
                "Lt = -mean(log(diagonal(Q)))",
                "L = (Li + Lt) / 2",
            ],
            "train": ["U", "V"],
        }
    )


def compared() -> dict[str, Any]:
    nu, nv = np.linalg.norm(A, axis=1, keepdims=True), np.linalg.norm(B, axis=1, keepdims=True)
    E, F = A / nu, B / nv
    Z = E @ F.T
    P = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    Q = np.exp(Z) / np.exp(Z).sum(axis=0)
    li, lt = -np.log(np.diag(P)).mean(), -np.log(np.diag(Q)).mean()
    dZ = (P + Q - 2 * np.eye(4)) / 8
    dE, dF = dZ @ F, dZ.T @ E
    dU = (dE - E * (E * dE).sum(axis=1, keepdims=True)) / nu
    dV = (dF - F * (F * dF).sum(axis=1, keepdims=True)) / nv
    kept = {"E": E, "F": F, "Z": Z, "P": P, "Q": Q, "Li": li, "Lt": lt, "L": (li + lt) / 2}
    return kept | {"dL/dZ": dZ, "dL/dE": dE, "dL/dF": dF, "dL/dU": dU, "dL/dV": dV}


def _of(right: dict[str, Any], mistake: str) -> Any:
    E, F, P, Q, dE = (right[name] for name in ("E", "F", "P", "Q", "dL/dE"))
    nu, nv = np.linalg.norm(A, axis=1, keepdims=True), np.linalg.norm(B, axis=1, keepdims=True)
    along = (E * dE).sum(axis=1, keepdims=True)
    return {
        "sizes": A / np.abs(A).sum(axis=1, keepdims=True),
        "largest": A / np.abs(A).max(axis=1, keepdims=True),
        "unfinished": A @ B.T,
        "all": -np.log(P).mean(),
        "one": right["Lt"],
        "turned": (P + Q.T - 2 * np.eye(4)) / 8,
        "other length": (dE - E * along) / nv,
        "other row": (dE - F * (F * dE).sum(axis=1, keepdims=True)) / nu,
        "no length": dE - E * along,
        "not summed": (dE - E * E * dE) / nu,
    }[mistake]


@pytest.mark.parametrize(
    ("mistake", "at", "slip"),
    [
        ("sizes", "E", "power-left-out"),
        ("largest", "E", "wrong-activation"),
        ("unfinished", "Z", "normalisation-left-out"),
        ("all", "Li", "wrong-operand"),
        ("one", "L", "path-lost"),
        ("turned", "dL/dZ", "other-order"),
        ("other length", "dL/dU", "wrong-operand"),
        ("other row", "dL/dU", "wrong-operand"),
        ("no length", "dL/dU", "factor-left-out"),
        ("not summed", "dL/dU", "function-left-out"),
    ],
)
def test_lengths_pairs_and_both_directions(mistake: str, at: str, slip: str) -> None:
    right = compared()
    assert {one.verdict for one in cosines().check(right)} == {"correct"}
    assert slip in named(cosines().check(right | {at: _of(right, mistake)}), at)


# A convolution by im2col -------------------------------------------------------------------------

PICTURE, KERNEL, BIAS, DENSE = drawn(2, 4, 4), drawn(3, 2, 3, 3), drawn(3), drawn(2, 48)


@cache
def unrolled() -> backprop.Problem:
    return backprop.load(
        {
            "input": "picture",
            "x": PICTURE,
            "y": [1, 0],
            "layers": [
                {"type": "conv", "kernel": KERNEL, "bias": BIAS, "padding": 1},
                {"type": "flatten"},
                {"weights": DENSE, "activation": "softmax"},
            ],
            "loss": "cross-entropy",
        }
    )


def by_rows(mistake: str) -> dict[str, Any]:
    wide = np.pad(PICTURE, [(0, 0), (1, 1), (1, 1)])
    windows = np.lib.stride_tricks.sliding_window_view(wide, (3, 3), (1, 2))  # C × H × W × 3 × 3
    rows = windows.transpose(1, 2, 0, 3, 4).reshape(16, 18)
    if mistake == "windows":
        rows = windows.transpose(0, 3, 4, 1, 2).reshape(16, 18)
    filters = KERNEL.reshape(-1, 3) if mistake == "filters" else KERNEL.reshape(3, -1).T
    Z = (rows @ filters + BIAS).T.reshape(3, 4, 4)
    z = DENSE @ Z.ravel()
    p = np.exp(z) / np.exp(z).sum()
    dz = p - np.array([1, 0])
    dZ = (DENSE.T @ dz).reshape(3, 4, 4)
    turned = dZ.reshape(-1, 3) if mistake == "gradient" else dZ.reshape(3, -1).T
    dK = (rows.T @ turned).T.reshape(KERNEL.shape)
    return {"Z1": Z, "Z3": z, "Yhat": p, "dZ3": dz, "dZ1": dZ, "dK1": dK, "db1": turned.sum(axis=0)}


@pytest.mark.parametrize(
    ("mistake", "at"), [("windows", "Z1"), ("filters", "Z1"), ("gradient", "dL/dK1")]
)
def test_a_reshape_where_channels_are_to_be_turned(mistake: str, at: str) -> None:
    assert {one.verdict for one in unrolled().check(by_rows(""))} == {"correct"}
    assert "reshape-for-transpose" in named(unrolled().check(by_rows(mistake)), at)


def test_the_sum_over_all_channels_is_named() -> None:
    right = by_rows("")
    report = unrolled().check(right | {"db1": right["db1"].sum()})
    assert "summed-over-wrong-axis" in named(report, "dL/db1")


# One line ----------------------------------------------------------------------------------------

ONE_HOT, G = np.eye(3)[[0, 2, 1, 1]], drawn(2, 3)


H = G + 2


@pytest.mark.parametrize(
    ("formula", "values", "wrong", "slips"),
    [
        (
            "Y * (1 - a) + a / 3",
            {"Y": ONE_HOT, "a": 0.2},
            0.8 * ONE_HOT + 1 / 3,
            "factor-left-out",
        ),
        (
            "b * V + (1 - b) * H^2",
            {"V": G**2, "H": H, "b": 0.9},
            0.9 * G**2 + (0.1 * H) ** 2,
            "brackets-misplaced",
        ),
        ("A * sigmoid(A)", {"A": A}, A / (1 + np.exp(-1.702 * A)), "wrong-activation"),
        ("A * sigmoid(A)", {"A": A}, A / (1 + np.exp(-1.37 * A)), "factor-added"),
    ],
)
def test_one_line(formula: str, values: dict[str, Any], wrong: Any, slips: str) -> None:
    problem = backprop.load({"values": values, "equations": [f"T = {formula}", "L = sum(T^2)"]})
    assert slips in named(problem.check({"T": wrong}), "T")


def test_nobody_takes_the_sign_of_a_constant() -> None:
    """1/3 for a/3 is a factor left out, and not sign(a)/3."""
    values = {"Y": ONE_HOT, "a": 0.2}
    problem = backprop.load({"values": values, "equations": ["T = Y + a / 3", "L = sum(T^2)"]})
    assert "function-added" not in named(problem.check({"T": ONE_HOT + 1 / 3}), "T")


def test_an_epsilon_beside_the_uncorrected_root_is_a_term_scaled() -> None:
    """As in tensorflow 9047: η√(1 − β₂ᵗ)/(1 − β₁ᵗ) · m/(√v + ε)."""
    w, g, m0, v0 = drawn(3, 2), drawn(3, 2), drawn(3, 2), abs(drawn(3, 2)) + 0.2
    problem = backprop.load(
        {
            "values": {"W": w},
            "gradients": {"W": g},
            "update": {
                "rule": "adam",
                "learning_rate": 0.1,
                "epsilon": 0.01,
                "t": 3,
                "state": {"m_W": m0, "v_W": v0},
            },
        }
    )
    m, v = 0.9 * m0 + 0.1 * g, 0.999 * v0 + 0.001 * g**2
    both = np.sqrt(1 - 0.999**3) / (1 - 0.9**3)
    right = w - 0.1 * (m / (1 - 0.9**3)) / (np.sqrt(v / (1 - 0.999**3)) + 0.01)
    assert problem.check({"W_new": right}).results[0].verdict == "correct"
    report = problem.check({"W_new": w - 0.1 * both * m / (np.sqrt(v) + 0.01)})
    assert "term-scaled" in named(report, "W_new")


def test_a_factor_so_near_to_1_is_none() -> None:
    """What is off by hardly more than floats is no constant factor of all of it."""
    values = {"A": (A + 3).astype("float32")}
    problem = backprop.load({"values": values, "equations": ["T = 2 * A", "L = sum(T^2)"]})
    right = 2 * values["A"]
    report = problem.check({"T": (right * np.float32(1.00001)).astype("float32")})
    assert report.results[0].verdict == "correct" or "constant-factor" not in named(report, "T")
    assert "constant-factor" in named(problem.check({"T": right * np.float32(1.01)}), "T")


def test_a_number_near_a_whole_multiple_is_no_multiple() -> None:
    """38.0002 times what another sign would give is a number like any other."""
    values = {"a": 1.2, "b": 1.4375}
    problem = backprop.load({"values": values, "equations": ["s = a - b", "L = s^2 + a + b"]})
    for factor, is_named in ((38.0002, False), (38, True)):
        found = named(problem.check({"s": np.float64(factor * (1.2 - 1.4375))}), "s")
        assert bool(found) == is_named, found
