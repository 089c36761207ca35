"""The gradient of an embedding's table: what goes wrong where rows are looked up, and its name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import backprop_cli as backprop

RANDOM = np.random.default_rng(5)
TABLE, W, Y = (RANDOM.uniform(-1, 1, shape).round(2) for shape in ((5, 3), (2, 3), (4, 2)))
ROWS = np.array([1, 0, 1, 3])  # counted from 0: one of them twice, two of five never
H = TABLE[ROWS]
DS = 2 * (H @ W.T - Y)
DH = DS @ W
RIGHT = np.zeros_like(TABLE)
np.add.at(RIGHT, ROWS, DH)
NEVER = ~np.isin(np.arange(5), ROWS)[:, None]


def last_of_each() -> Any:
    found = np.zeros_like(TABLE)
    found[ROWS] = DH  # of a row that stands twice, the last
    return found


WRONG: dict[str, tuple[Any, set[str]]] = {
    "E[rows] = g": (last_of_each(), {"gradient-overwritten", "path-lost"}),
    "E += g, in every row": (np.zeros_like(TABLE) + DH.sum(axis=0), {"gradient-to-all"}),
    "E[:] = g, the last": (np.zeros_like(TABLE) + DH[-1], {"gradient-to-all"}),
    "rows that nobody looked up": (np.where(NEVER, DH.sum(axis=0), RIGHT), {"gradient-to-all"}),
    "the mean of a row's uses": (RIGHT / [[1], [2], [1], [1], [1]], {"mean-sum-confused"}),
    "a row left out": (RIGHT * [[1], [0], [1], [1], [1]], {"path-lost"}),
    "the first sample alone": (
        np.eye(5)[ROWS[0]][:, None] * DH[0],
        {"path-lost", "gradient-overwritten"},
    ),
}


def problems() -> list[backprop.Problem]:
    """As a layer, and as an equation."""
    layers = [{"type": "embedding", "table": TABLE}, {"weights": W}]
    said = {"convention": {"affine": "x W^T + b"}, "x": ROWS + 1, "y": Y, "layers": layers}
    lines = ["h = E[[2, 1, 2, 4]]", "s = h @ W.T", "L = sum((s - y)^2)"]
    values = {"E": TABLE, "W": W, "y": Y}
    return [
        backprop.load({**said, "loss": "squared-error"}),
        backprop.load({"values": values, "equations": lines, "train": ["E", "W"]}),
    ]


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("by_hand", [False, True])
def test_a_wrong_table_has_its_name(name: str, by_hand: bool) -> None:
    value, names = WRONG[name]
    for number, problem in enumerate(problems()):
        of_rows, of_table = ("dH1", "dE1") if number == 0 else ("dh", "dE")
        right = {of_rows: DH, of_table: RIGHT}
        wrong = right | {of_table: value}
        if by_hand:
            right, wrong = (
                {key: one.round(3).tolist() for key, one in sheet.items()}
                for sheet in (right, wrong)
            )
        verdicts = {problem.check(right)[of_rows].verdict, problem.check(right)[of_table].verdict}
        assert verdicts == {"correct"}
        result = problem.check(wrong)[of_table]
        assert result.verdict == "wrong"
        assert names & set(result.slips[:3]), result.slips
