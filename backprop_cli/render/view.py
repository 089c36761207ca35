"""What a renderer is told: how much to show, how wide, and what the quantities are called."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from backprop_cli.problem.data import Notation


class View(Struct, frozen=True):
    """How a trace is to be shown.

    `layers`: the ids are those of a layered network, whose digits are layer numbers. `rows`:
    vectors are drawn as rows. `only` are the ids to show (None: all); `asked` those of the
    closing table.
    """

    precision: int = 4
    width: int = 100
    ascii: bool = False
    color: bool = False
    detail: Literal["short", "normal", "long"] = "normal"
    notation: Notation = Notation()
    layers: bool = True
    rows: bool = False
    indices: int = 1
    only: frozenset[str] | None = None
    asked: tuple[str, ...] = ()
