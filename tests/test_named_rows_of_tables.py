"""A product with a matrix of counts that a program adds up in a loop over rows, and gets wrong."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from backprop_cli import load

Array = NDArray[np.float64]

RNG = np.random.default_rng(37)
DOCS = [[0, 2, 2, 4], [1, 3], [5, 4, 4, 1, 0], [2]]
E, U, Y = RNG.normal(size=(6, 3)), RNG.normal(size=(3, 2)), RNG.normal(size=(4, 2))
COUNTS = np.array([np.bincount(doc, minlength=6) for doc in DOCS], dtype=float)
LENGTHS = np.array([float(len(doc)) for doc in DOCS])

PROBLEM = load(
    {
        "values": {"cnt": COUNTS.tolist(), "len_": LENGTHS.tolist(), "E": E.tolist()}
        | {"U": U.tolist(), "Y": Y.tolist()},
        "equations": ["bag = cnt @ E / column(len_)", "s = bag @ U", "L = sum((s - Y)^2) / 8"],
        "train": ["E", "U"],
    }
)


def bags(add: Callable[[Array, int, list[int]], None]) -> Array:
    bag = np.zeros((4, 3))
    for n, doc in enumerate(DOCS):
        add(bag, n, doc)
        bag[n] /= len(doc)
    return bag


def gradients(add: Callable[[Array, int, list[int], Array], None]) -> Array:
    bag = COUNTS @ E / LENGTHS[:, None]
    back = (bag @ U - Y) / 4 @ U.T
    table = np.zeros((6, 3))
    for n, doc in enumerate(DOCS):
        add(table, n, doc, back[n] / len(doc))
    return table


def right(bag: Array, n: int, doc: list[int]) -> None:
    for i in doc:
        bag[n] += E[i]


def last(bag: Array, n: int, doc: list[int]) -> None:
    for i in doc:
        bag[n] = E[i]


def once(bag: Array, n: int, doc: list[int]) -> None:
    for i in set(doc):
        bag[n] += E[i]


def before(bag: Array, n: int, doc: list[int]) -> None:
    for i in doc:
        bag[n] += E[i - 1]


def of_round(bag: Array, n: int, doc: list[int]) -> None:
    for _ in doc:
        bag[n] += E[n]


def nearly_last(bag: Array, n: int, doc: list[int]) -> None:
    last(bag, n, doc)
    bag[n] += 0.001 * (n == 1)


@pytest.mark.parametrize(
    ("add", "slip"),
    [
        (last, "gradient-overwritten"),
        (once, "gradient-overwritten"),
        (before, "wrong-row"),
        (of_round, "wrong-row"),
        (nearly_last, ""),
        (right, ""),
    ],
)
def test_rows_that_are_looked_up(add: Callable[[Array, int, list[int]], None], slip: str) -> None:
    found = PROBLEM.check({"bag": bags(add)})["bag"]
    assert found.verdict == ("correct" if add is right else "wrong")
    assert {"gradient-overwritten", "wrong-row"} & {*found.slips} == ({slip} if slip else set())


def added(table: Array, _n: int, doc: list[int], g: Array) -> None:
    for i in doc:
        table[i] += g


def put(table: Array, _n: int, doc: list[int], g: Array) -> None:
    for i in doc:
        table[i] = g


def at_once(table: Array, _n: int, doc: list[int], g: Array) -> None:
    table[doc] += g  # of what stands there twice NumPy adds one


def next_row(table: Array, _n: int, doc: list[int], g: Array) -> None:
    for i in doc:
        table[(i + 1) % 6] += g


def row_of_round(table: Array, n: int, doc: list[int], g: Array) -> None:
    for _ in doc:
        table[n] += g


@pytest.mark.parametrize(
    ("add", "slip"),
    [
        (put, "gradient-overwritten"),
        (at_once, "gradient-overwritten"),
        (next_row, "wrong-row"),
        (row_of_round, "wrong-row"),
        (added, ""),
    ],
)
def test_rows_that_gradients_go_to(
    add: Callable[[Array, int, list[int], Array], None], slip: str
) -> None:
    bag = COUNTS @ E / LENGTHS[:, None]
    before_it = {"bag": bag, "s": bag @ U, "dL/ds": (bag @ U - Y) / 4}
    found = PROBLEM.check({**before_it, "dL/dE": gradients(add)})["dL/dE"]
    assert found.verdict == ("correct" if add is added else "wrong")
    assert {"gradient-overwritten", "wrong-row"} & {*found.slips} == ({slip} if slip else set())


NUMBERED = load(
    {
        "values": {"E": E.tolist(), "U": U.tolist(), "Y": Y.tolist()},
        "equations": ["rows = E[[3, 1, 3, 6]]", "s = rows @ U", "L = sum((s - Y)^2) / 8"],
        "train": ["E", "U"],
    }
)
IDS = [2, 0, 2, 5]


@pytest.mark.parametrize(
    ("index", "slip"),
    [(lambda k: IDS[k] - 1, True), (lambda k: k, True), (lambda k: [2, 0, 1, 5][k], False)],
)
def test_rows_by_number(index: Callable[[int], int], slip: bool) -> None:
    taken = np.array([E[index(k)] for k in range(4)])
    assert ("wrong-row" in NUMBERED.check({"rows": taken})["rows"].slips) is slip
    rows = E[IDS]
    table, back = np.zeros((6, 3)), (rows @ U - Y) / 4 @ U.T
    for k in range(4):
        table[index(k)] += back[k]
    sheet = {"rows": rows, "s": rows @ U, "dL/drows": back, "dL/dE": table}
    assert ("wrong-row" in NUMBERED.check(sheet)["dL/dE"].slips) is slip
