"""What a renderer is told: how much to show, how wide, and what the quantities are called."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

from msgspec.structs import replace

from backprop_cli.algebra.quantity import Letters
from backprop_cli.problem.problem_data import Problem
from backprop_cli.terminal.themes import Look

USUAL_DECIMALS: Final = 4


class View(Look, frozen=True):
    """How a trace is to be shown.

    `layers`: the ids are those of a layered network, whose digits are layer numbers. `rows`:
    vectors are drawn as rows. `only` are the ids to show (None: all), `entries` the places of those
    of which single ones are to be shown; `asked` are the ids of the closing table. Without a
    `precision` as many decimals are shown as are usual, or as the problem wants of an answer.
    """

    precision: int | None = None
    width: int = 100
    detail: Literal["short", "normal", "long"] = "normal"
    notation: Letters = Letters()
    layers: bool = True
    rows: bool = False
    indices: int = 1
    only: frozenset[str] | None = None
    entries: Mapping[str, tuple[tuple[int, ...], ...]] = MappingProxyType({})
    asked: tuple[str, ...] = ()

    @property
    def decimals(self) -> int:
        """The decimals shown."""
        return USUAL_DECIMALS if self.precision is None else self.precision


def as_written(problem: Problem, view: View) -> View:
    """The view with what a problem says about how its quantities are written."""
    return replace(
        view,
        precision=_decimals(problem) if view.precision is None else view.precision,
        notation=problem.notation,
        layers=problem.layers is not None,
        rows=problem.convention.rows,
        indices=problem.convention.indices,
    )


def _decimals(problem: Problem) -> int:
    """No fewer than make a right answer."""
    wanted = problem.grading.precision
    return max(USUAL_DECIMALS, wanted.count if wanted else 0)
