"""Kinds of mistakes that had no name in programs of the fourth held-out set: each has it now."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

import backprop_cli as backprop

Array = np.ndarray[Any, Any]
RANDOM = np.random.default_rng(88)


def drawn(*shape: int) -> Array:
    return RANDOM.uniform(-1.5, 1.5, shape).round(2)


def named(report: backprop.Report, id: str) -> tuple[str, ...]:
    (result,) = [one for one in report if one.id == id]
    assert result.verdict == "wrong", result
    return result.slips


def checked(problem: backprop.Problem, right: dict[str, Array], **wrong: Array) -> tuple[str, ...]:
    """The names for one array that is put in the place of the right one."""
    assert {one.verdict for one in problem.check(right)} == {"correct"}
    ((id, value),) = wrong.items()
    id = next(name for name in right if name.replace("dL/d", "d") == id)
    for kind in ("float64", "float32"):
        arrays = {name: np.asarray(one).astype(kind) for name, one in right.items()}
        slips = named(problem.check({**arrays, id: value.astype(kind)}), id)
    return slips


# Windows ------------------------------------------------------------------------------------------

PICTURE, KERNEL, F, D9 = drawn(5, 5), drawn(3, 3), drawn(4), drawn(3, 3)


def windows(x: Array, stride: int) -> dict[tuple[int, int], tuple[slice, slice]]:
    counts = [(size - 3) // stride + 1 for size in x.shape]
    return {
        (i, j): (slice(i * stride, i * stride + 3), slice(j * stride, j * stride + 3))
        for i, j in np.ndindex(*counts)
    }


@cache
def convolution() -> tuple[backprop.Problem, dict[str, Array]]:
    """Stride 2 over a picture with zeros around: 3 × 3 places, each window 3 × 3."""
    equations = ["Z = conv(X, K, stride=2, padding=1)", "L = sum(half_squared_error(Z, Y))"]
    y = drawn(3, 3)
    problem = backprop.load({"values": {"X": PICTURE, "K": KERNEL, "Y": y}, "equations": equations})
    wide = np.pad(PICTURE, 1)
    z = np.array([(wide[at] * KERNEL).sum() for at in windows(wide, 2).values()]).reshape(3, 3)
    right = {"Z": z, "dL/dZ": z - y}
    right |= dict(zip(("dL/dX", "dL/dK"), way_back(z - y, wide, 2), strict=True))
    return problem, right


def way_back(g: Array, wide: Array, stride: int) -> tuple[Array, Array]:
    dx, dk = np.zeros_like(wide), np.zeros((3, 3))
    for (i, j), at in list(windows(wide, stride).items()):
        if i < 3 and j < 3:
            dx[at] += g[i, j] * KERNEL
            dk += g[i, j] * wide[at]
    return dx[1:-1, 1:-1], dk


def test_the_stride_left_out_on_the_way_back() -> None:
    problem, right = convolution()
    dx, dk = way_back(right["dL/dZ"], np.pad(PICTURE, 1), 1)
    assert "wrong-stride" in checked(problem, right, dX=dx)
    assert "wrong-stride" in checked(problem, right, dK=dk)


def over(places: list[tuple[int, int]], share: Array, how: str, times: float = 1 / 4) -> Array:
    """What comes back through windows of 2 × 2, one beside the other."""
    found = np.zeros((3, 3))
    for i, j in places:
        if how == "corner":
            found[i, j] += times * share[i, j]
        elif how == "put":
            found[i : i + 2, j : j + 2] = times * share[i, j]
        else:
            found[i : i + 2, j : j + 2] += times * share[i, j]
    return found


@cache
def means() -> tuple[backprop.Problem, dict[str, Array]]:
    equations = ["E = tanh(X)", "S = mean_pool(E, 2, stride=1)", "L = dot(f, flatten(S))"]
    problem = backprop.load({"values": {"X": D9, "f": F}, "equations": equations})
    e = np.tanh(D9)
    s = np.array([[e[i : i + 2, j : j + 2].mean() for j in (0, 1)] for i in (0, 1)])
    right = {"E": e, "S": s, "dL/dS": F.reshape(2, 2)}
    return problem, right | {"dL/dE": over(EACH, F.reshape(2, 2), "added")}


EACH = [(0, 0), (0, 1), (1, 0), (1, 1)]


@pytest.mark.parametrize(
    ("places", "how", "times", "slip"),
    [
        (EACH, "put", 1 / 4, "gradient-overwritten"),
        (EACH[::-1], "put", 1 / 4, "gradient-overwritten"),
        (EACH[:2], "added", 1 / 4, "one-position-only"),
        (EACH[:1], "added", 1 / 4, "one-position-only"),
        (EACH, "corner", 1, "one-position-only"),
        (EACH, "corner", 1 / 4, "one-position-only"),
    ],
)
def test_what_comes_back_through_means(
    places: list[tuple[int, int]], how: str, times: float, slip: str
) -> None:
    problem, right = means()
    assert slip in checked(problem, right, dE=over(places, F.reshape(2, 2), how, times))


def test_entries_of_something_else_in_another_order() -> None:
    problem, right = means()
    longer = {"f": drawn(8), "A": drawn(2, 2), "B": drawn(2, 2)}
    equations = ["c = concat(flatten(A), flatten(B))", "L = sum(f * c^2)"]
    problem = backprop.load({"values": longer, "equations": equations})
    c = np.concatenate([longer["A"].ravel(), longer["B"].ravel()])
    g = 2 * longer["f"] * c
    right = {"c": c, "dL/dc": g, "dL/dA": g[:4].reshape(2, 2)}
    mixed = g.reshape(2, 2, 2).transpose(2, 0, 1)[0]
    assert "other-order" in checked(problem, right, dA=mixed)
    assert "other-order" not in checked(problem, right, dA=mixed + 0.01)


# Heads --------------------------------------------------------------------------------------------

SEQUENCE, WQ, WK, WV, TARGET = drawn(4, 4), drawn(4, 4), drawn(4, 4), drawn(4, 4), drawn(4, 4)
MASK = np.where(np.tril(np.ones((4, 4))) > 0, 0, -np.inf)


def soft(s: Array) -> Array:
    e = np.exp(s - s.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


def turned(a: Array) -> Array:
    return a.reshape(4, 2, 2).transpose(1, 0, 2)


Split = Callable[[Array], Array]


def heads(
    split: Split = turned,
    mask: Array = MASK,
    back: Split = turned,
    mixed: Split = lambda p: p,
    diagonal: bool = False,
) -> dict[str, Array]:
    x, w = SEQUENCE, (WQ, WK, WV)
    q, k, v = (split(x @ one) for one in w)
    p = soft(q @ k.transpose(0, 2, 1) / np.sqrt(2) + mask)
    o = (mixed(p) @ v).transpose(1, 0, 2).reshape(4, 4)
    g = back(o - TARGET)
    gp = g @ v.transpose(0, 2, 1)
    gs = p * (1 - p) * gp if diagonal else p * (gp - (gp * p).sum(axis=-1, keepdims=True))
    merge: Split = lambda a: a.transpose(1, 0, 2).reshape(4, 4)  # noqa: E731
    made = {"Q": x @ WQ, "K": x @ WK, "V": x @ WV, "O": o, "dL/dO": o - TARGET}
    made["dL/dV"] = merge(p.transpose(0, 2, 1) @ g)
    return made | {"dL/dQ": merge(gs @ k / np.sqrt(2))}


@cache
def attention() -> backprop.Problem:
    mask = [[0 if j <= i else "-inf" for j in range(4)] for i in range(4)]
    lines = ["Q = X @ Wq", "K = X @ Wk", "V = X @ Wv"]
    for head, columns in ((1, "1:2"), (2, "3:4")):
        lines.append(
            f"P{head} = softmax(Q[:, {columns}] @ K[:, {columns}].T / sqrt(2) + M, axis=1)"
        )
        lines.append(f"O{head} = P{head} @ V[:, {columns}]")
    lines += ["O = concat(O1, O2, axis=1)", "L = sum(half_squared_error(O, Y))"]
    values = {"X": SEQUENCE, "Wq": WQ, "Wk": WK, "Wv": WV, "M": mask, "Y": TARGET}
    return backprop.load({"values": values, "equations": lines, "train": ["Wq", "Wk", "Wv"]})


@pytest.mark.parametrize(
    ("how", "at", "slip"),
    [
        ({"split": lambda a: a.reshape(2, 4, 2)}, "O", "reshape-for-transpose"),
        ({"split": lambda a: a.reshape(4, 2, 2).transpose(2, 0, 1)}, "O", "other-order"),
        ({"mask": MASK.T}, "O", "transpose-omitted"),
        ({"mixed": lambda p: p.transpose(0, 2, 1)}, "O", "transpose-omitted"),
        ({"back": lambda a: a.reshape(2, 4, 2)}, "dL/dV", "reshape-for-transpose"),
        ({"diagonal": True}, "dL/dQ", "softmax-diagonal-only"),
    ],
)
def test_all_heads_gone_wrong_alike(how: dict[str, Any], at: str, slip: str) -> None:
    right, wrong = heads(), heads(**how)
    found = checked(attention(), right, **{at.replace("dL/d", "d"): wrong[at]})
    assert slip in found


# Brackets, classes, likelihoods -------------------------------------------------------------------

H, R, U, N = drawn(4, 3), abs(drawn(4, 3)), drawn(3, 3), drawn(4, 3)


def test_a_factor_on_the_other_side_of_a_matrix() -> None:
    lines = ["q = R * H", "a = q @ U + N", "L = sum(half_squared_error(a, N))"]
    values = {"R": R, "H": H, "U": U, "N": N}
    problem = backprop.load({"values": values, "equations": lines})
    right = {"q": R * H, "a": (R * H) @ U + N}
    assert "brackets-misplaced" in checked(problem, right, a=R * (H @ U) + N)


def test_another_class_and_all_classes_in_the_loss_of_one_sample() -> None:
    z, y = drawn(4), [0, 1, 0, 0]
    problem = backprop.load(
        {"values": {"z": z, "y": y}, "equations": ["p = softmax(z)", "L = -sum(y * log(p))"]}
    )
    p = soft(z)
    right = {"p": p, "L": -np.log(p[1])}
    assert "wrong-target" in checked(problem, right, L=-np.log(p[3]))
    assert "factor-left-out" in checked(problem, right, L=-np.log(p).sum())


def test_the_variance_for_its_logarithm() -> None:
    m, s, y = drawn(5), drawn(5), drawn(5)
    lines = ["k = 2 * s", "L = mean(k + (m - y)^2 * exp(-k)) / 2"]
    problem = backprop.load({"values": {"m": m, "s": s, "y": y}, "equations": lines})
    rest = (m - y) ** 2 * np.exp(-2 * s)
    right = {"k": 2 * s, "L": np.mean(2 * s + rest) / 2}
    assert "function-added" in checked(problem, right, L=np.mean(np.exp(2 * s) + rest) / 2)


def test_logarithms_of_parts_for_that_of_their_sum_and_a_size_for_a_power() -> None:
    w, s = abs(drawn(4, 3)), drawn(4, 3)
    lines = ["g = exp(s)", "q = sum(w * g, axis=1)", "L = -mean(log(q))"]
    problem = backprop.load({"values": {"w": w, "s": s}, "equations": lines})
    g = np.exp(s)
    right = {"g": g, "q": (w * g).sum(axis=1), "L": -np.log((w * g).sum(axis=1)).mean()}
    mixed = -np.log(w * g).sum(axis=1).mean()
    assert "brackets-misplaced" in checked(problem, right, L=mixed)
    assert checked(problem, right, g=np.abs(s)) == ("wrong-activation",)


def test_one_entry_for_the_sum_of_all() -> None:
    u = {f"u_{k}": drawn(3, 3) for k in (1, 2, 3)}
    lines = [f"z_{k} = u_{k} + d[{k}]" for k in (1, 2, 3)]
    lines.append("L = sum(z_1^2) + sum(z_2^2) + sum(z_3^2)")
    d = drawn(3)
    problem = backprop.load({"values": {**u, "d": d}, "equations": lines})
    g = [2 * (u[f"u_{k}"] + d[k - 1]) for k in (1, 2, 3)]
    right = {f"dL/dz_{k}": g[k - 1] for k in (1, 2, 3)} | {"dL/dd": np.array([x.sum() for x in g])}
    wrong = {"dd": np.array([x[0, 0] for x in g])}
    assert checked(problem, right, **wrong) == ("gradient-overwritten",)


@pytest.mark.parametrize("of_all", [np.sum, np.mean])
def test_one_sample_for_the_sum_over_all(of_all: Callable[[Any], Any]) -> None:
    """`total = …` for `total += …` in a loop over the samples: only the last of them is left."""
    p, y = drawn(4, 3), drawn(4, 3)
    lines = ["d = p - y", f"L = {of_all.__name__}(d^2)", "M = L / 2"]
    problem = backprop.load({"values": {"p": p, "y": y}, "equations": lines, "ask": ["d", "L"]})
    square = (p - y) ** 2
    right = {"d": p - y, "L": of_all(square)}
    for one in (square[-1], square[0], square[:, -1]):
        assert checked(problem, right, L=of_all(one)) == ("gradient-overwritten",)
    assert "gradient-overwritten" not in checked(problem, right, L=of_all(square[1]))


def test_the_penalty_of_another_weight_matrix() -> None:
    v, w, x = drawn(3, 2), drawn(2, 4), drawn(3)
    lines = ["h = tanh(x @ V)", "L = sum(h @ W) + 0.3 * sum(W^2)"]
    text = {"values": {"x": x, "V": v, "W": w}, "equations": lines, "train": ["V", "W"]}
    problem = backprop.load(text)
    h = np.tanh(x @ v)
    right = {"h": h, "L": (h @ w).sum() + 0.3 * (w**2).sum()}
    wrong = (h @ w).sum() + 0.3 * (v**2).sum()
    assert "wrong-operand" in checked(problem, right, L=np.array(wrong))


@pytest.mark.parametrize("factor", [4, 1 / 4])
def test_the_sum_over_samples_is_taken_off_for_their_mean(factor: float) -> None:
    """W − (η/n) Σ and W − η Σ: the rate is not divided by n, or twice."""
    x, y, w = drawn(4, 3), drawn(4, 2), drawn(2, 3)
    problem = backprop.load(
        {
            "x": x,
            "y": y,
            "layers": [{"weights": w}],
            "loss": {"name": "half-squared-error", "over_samples": "sum"},
            "update": {"rule": "sgd", "learning_rate": 0.025},
        }
    )
    z = x @ w.T
    g = (z - y).T @ x
    right = {"Z1": z, "dZ1": z - y, "dW1": g, "W1_new": w - 0.025 * g}
    wrong = checked(problem, right, W1_new=w - factor * 0.025 * g)
    assert wrong[0] == "mean-sum-confused"
