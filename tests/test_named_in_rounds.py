"""Mistakes made in every round of a loop: kinds of the eleventh held-out set that had no name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import backprop_cli as backprop

KINDS = ("float64", "float32")
WORDS, SIZE, RATE = 5, 3, 0.3
PAIRS = ((1, 0, (3, 4, 3)), (1, 2, (1, 3, 4)), (3, 2, (0, 1, 1)), (3, 4, (0, 3, 2)))
"""A centre, a word beside it, and those drawn against it: from 0, as the program counts."""


def drawn(seed: int, *shape: int) -> Any:
    return np.random.default_rng(seed).uniform(-1.5, 1.5, shape).round(2)


V, U = drawn(1, WORDS, SIZE), drawn(2, WORDS, SIZE)


def equations() -> list[str]:
    """The loss of every pair, by the rows that it takes."""
    found = []
    for k, (c, o, negatives) in enumerate(PAIRS, 1):
        rows = ", ".join(str(row + 1) for row in negatives)
        found += [
            f"pos_{k} = sigmoid(U[{o + 1}] @ V[{c + 1}])",
            f"neg_{k} = sigmoid(-U[[{rows}]] @ V[{c + 1}])",
            f"J_{k} = -log(pos_{k}) - sum(log(neg_{k}))",
        ]
    return [*found, "L = (J_1 + J_2 + J_3 + J_4) / 2"]


PROBLEM = backprop.load({"values": {"V": V, "U": U}, "equations": equations(), "train": ["V", "U"]})


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def skip_gram(kind: str, mistake: str = "") -> dict[str, Any]:
    """Negative sampling as a course has it: a loop over the words beside each centre."""
    v, u = V.astype(kind), U.astype(kind)
    found: dict[str, Any] = {}
    dv, du, loss = np.zeros_like(v), np.zeros_like(u), 0.0
    for k, (c, o, drawn_words) in enumerate(PAIRS, 1):
        rows = list(drawn_words)
        pos, neg = sigmoid(u[o] @ v[c]), sigmoid(-u[rows] @ v[c])
        one = -np.log(pos) - np.log(neg).sum()
        if mistake != "last of each centre" or k % 2 == 0:  # set where it should add
            loss += one / 2
        other = {"sign": neg - 1, "neg for 1 - neg": neg, "left out": 0 * neg}
        mine = (pos - 1) * u[o] + other.get(mistake, 1 - neg) @ u[rows]
        if mistake == "to all rows":
            dv += mine / 2
        elif mistake == "set":
            dv[c] = mine / 2
        else:
            dv[c] += mine / 2
        du[o] += (pos - 1) * (u[o] if mistake == "own row" else v[c]) / 2
        against = np.outer(0 * neg + 1 - neg[0] if mistake == "first of all" else 1 - neg, v[c]) / 2
        if mistake == "drawn twice":
            du[rows] += against
        else:
            np.add.at(du, rows, against)
        found |= {f"pos_{k}": pos, f"neg_{k}": neg, f"J_{k}": one}
    return {**found, "L": np.asarray(loss, kind), "dV": dv, "dU": du}


@pytest.mark.parametrize("kind", KINDS)
def test_the_right_program(kind: str) -> None:
    assert {one.verdict for one in PROBLEM.check(skip_gram(kind))} <= {"correct", "missing"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("mistake", "id", "slip"),
    [
        ("sign", "dL/dV", "term-sign-flipped"),
        ("left out", "dL/dV", "gradient-overwritten"),
        ("set", "dL/dV", "gradient-overwritten"),
        ("neg for 1 - neg", "dL/dV", "complement"),
        ("to all rows", "dL/dV", "gradient-to-all"),
        ("own row", "dL/dU", "wrong-operand"),
        ("drawn twice", "dL/dU", "gradient-overwritten"),
        ("first of all", "dL/dU", "wrong-operand"),
        ("last of each centre", "L", "term-left-out"),
    ],
)
def test_the_same_in_every_round(kind: str, mistake: str, id: str, slip: str) -> None:
    report = PROBLEM.check(skip_gram(kind, mistake))
    assert [one.id for one in report if one.verdict == "wrong"] == [id]
    assert slip in report[id].slips[:3]


@pytest.mark.parametrize("share", [0.0, 0.37])
def test_terms_that_count_otherwise_are_not_said_to_be_lost(share: float) -> None:
    right, lost = skip_gram("float64"), skip_gram("float64", "left out")
    between = share * right["dV"] + (1 - share) * lost["dV"]
    slips = PROBLEM.check({**right, "dV": between})["dL/dV"].slips
    assert slips == (("gradient-overwritten",) if share == 0 else ())
