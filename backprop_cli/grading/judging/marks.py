"""The verdicts on a quantity's entries to its one verdict, and to points."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backprop_cli.grading.report_data import How, Verdict
from backprop_cli.problem.problem_data import Grading

HOW_WEAKEST: tuple[How, ...] = ("exact", "rounded", "truncated", "carried-rounding")
VERDICT_FIRST: tuple[Verdict, ...] = (
    "wrong",
    "invalid",
    "not-judged",
    "carried",
    "imprecise",
    "missing",
    "correct",
)


def overall(verdicts: NDArray[np.object_]) -> Verdict:
    """A quantity's verdict: the first of these that any entry has."""
    present = set(verdicts.ravel())
    return next(verdict for verdict in VERDICT_FIRST if verdict in present)


def weakest(how: NDArray[np.object_], verdict: Verdict) -> How | None:
    """How a correct quantity is correct: the weakest of its entries."""
    if verdict != "correct":
        return None
    present = {word for word in how.ravel() if word is not None}
    return max(present, key=HOW_WEAKEST.index, default=None)


def points(grading: Grading, most: float, verdicts: NDArray[np.object_]) -> float:
    """The points for a quantity: for each entry its share, or for all of them the least."""
    worth = {"correct": 1.0, "carried": grading.carried, "imprecise": grading.imprecise}
    shares = [worth.get(verdict, 0.0) for verdict in verdicts.ravel()]
    if not shares:
        return 0.0
    share = min(shares) if grading.entries == "all-or-nothing" else sum(shares) / len(shares)
    return round(most * share, 9)
