"""What a renderer is told: how much to show, how wide, and what the quantities are called."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from msgspec.structs import replace

from backprop_cli.algebra.quantity import Letters
from backprop_cli.problem.problem_data import Problem
from backprop_cli.terminal.themes import Look


class View(Look, frozen=True):
    """How a trace is to be shown.

    `layers`: the ids are those of a layered network, whose digits are layer numbers. `rows`:
    vectors are drawn as rows. `only` are the ids to show (None: all), `entries` the places of those
    of which single ones are to be shown; `asked` are the ids of the closing table.
    """

    precision: int = 4
    width: int = 100
    detail: Literal["short", "normal", "long"] = "normal"
    notation: Letters = Letters()
    layers: bool = True
    rows: bool = False
    indices: int = 1
    only: frozenset[str] | None = None
    entries: Mapping[str, tuple[tuple[int, ...], ...]] = MappingProxyType({})
    asked: tuple[str, ...] = ()


def as_written(problem: Problem, view: View) -> View:
    """The view with what a problem says about how its quantities are written."""
    return replace(
        view,
        notation=problem.notation,
        layers=problem.layers is not None,
        rows=problem.convention.rows,
        indices=problem.convention.indices,
    )
