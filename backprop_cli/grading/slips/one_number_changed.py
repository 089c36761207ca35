"""A formula on numbers of which one is another: only what that goes into is worked out again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Final, TypeAlias

import numpy as np

from backprop_cli.algebra.expr import Expr, Folded, Op, Sym, in_order
from backprop_cli.grading.sheets.typed_arrays import Array
from backprop_cli.grading.slips.plain_workings import Values
from backprop_cli.readings.remembered import Remembered

Index: TypeAlias = "tuple[int, ...]"
_Read: TypeAlias = "frozenset[tuple[str, Index]]"
"""The quantities that a part reads, and the entry or row where it is no more than that."""


class OneChanged:
    """What a formula gives with another number in one place."""

    def __init__(self, expr: Expr, numbers: Mapping[str, Array]) -> None:
        self.expr, self.numbers = expr, numbers
        values = Values(numbers)
        self._right = values.of(expr)
        parts = _PARTS.of(id(expr), expr, lambda: _parts_of(expr))
        self._parts = [(part, values.of(part), read) for part, read in parts]

    def at(self, name: str, place: Index) -> Callable[[float], Array]:
        """The same as a function of the number."""
        value = self.numbers[name]
        above = [(name, place[:axes]) for axes in range(len(place) + 1)]
        same = {
            id(part): (part, found) for part, found, read in self._parts if read.isdisjoint(above)
        }

        @cache
        def given(x: float) -> Array:
            if x == value[place]:
                return self._right
            changed = np.array(value, dtype=float)
            changed[place] = x
            return Values({**self.numbers, name: changed}, same).of(self.expr)

        return given


def _parts_of(expr: Expr) -> Sequence[tuple[Op, _Read]]:
    reads: Folded[_Read] = Folded(
        lambda leaf: frozenset({(leaf.name, ())}) if isinstance(leaf, Sym) else frozenset(), _reads
    )
    parts = (part for part, _ in in_order(expr).parts)
    return [(part, reads.of(part)) for part in parts if isinstance(part, Op)]


def _reads(node: Op, args: list[_Read]) -> _Read:
    """What a part reads; of a name alone, or of a row of it, the entry that is taken."""
    index = node.option("index")
    if node.name == "at" and _is_taken(node.args[0]) and isinstance(index, tuple):
        entry = tuple(one for one in index if isinstance(one, int))
        if len(entry) == len(index):
            ((name, row),) = args[0]
            return frozenset({(name, (*row, *entry))})
    return frozenset().union(*args)


def _is_taken(expr: Expr) -> bool:
    """Whether it is a quantity, or a row of one, and nothing is worked out."""
    while isinstance(expr, Op) and expr.name == "at":
        index = expr.option("index")
        if not isinstance(index, tuple) or not all(isinstance(one, int) for one in index):
            return False
        expr = expr.args[0]
    return isinstance(expr, Sym)


_PARTS: Final = Remembered[Sequence[tuple[Op, _Read]]](100_000, len)
