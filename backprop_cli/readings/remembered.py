"""Numbers to what formulas gave on the same numbers before: it saves time and changes nothing.

A class writes few different right numbers, and much of what is asked of a wrong sheet is what
formulas give on those.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

from backprop_cli.algebra.expr import Expr, in_order
from backprop_cli.operations.bounds import Interval
from backprop_cli.readings.intervals import Finer, Names, enclosure
from backprop_cli.readings.units import Unit

Found = TypeVar("Found")


class Remembered(Generic[Found]):
    """What was found by a key: so many beside as many older ones, and what is asked again stays.

    What the key names by its identity is kept, too (`holds`), so that nothing else has that.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._new: dict[Hashable, tuple[object, Found]] = {}
        self._old: dict[Hashable, tuple[object, Found]] = {}

    def of(self, key: Hashable, holds: object, work: Callable[[], Found]) -> Found:
        """What was found before, or is worked out now."""
        kept = self._new.get(key)
        if kept is None:
            kept = self._old.get(key) or (holds, work())
            if len(self._new) >= self._most:
                self._new, self._old = {}, self._new
            self._new[key] = kept
        return kept[1]


def exactly(interval: Interval) -> Hashable:
    """Bounds as a key: to the last bit, and as they lie in memory, since sums go by that."""
    low, high = interval
    return low.shape, low.strides, low.tobytes(), None if low is high else high.tobytes()


_RANGES: Final = Remembered[Interval](5_000)
_MOST_ENTRIES: Final = 500
"""Of larger arrays no two sheets have the same, and they are much to keep."""


def enclosed(
    expr: Expr, names: Names, unit: Unit | None = None, finer: Finer | None = None
) -> Interval:
    """What `enclosure` gives, worked out once for the same numbers."""
    used = in_order(expr).names
    known = {name: names(name) for name in used}
    if sum(low.size for low, _ in known.values()) > _MOST_ENTRIES:
        return enclosure(expr, known.__getitem__, unit, finer)
    fine = frozenset() if finer is None else frozenset(filter(finer, used))
    key = id(expr), unit, fine, *map(exactly, known.values())
    return _RANGES.of(
        key, expr, lambda: enclosure(expr, known.__getitem__, unit, fine.__contains__)
    )
