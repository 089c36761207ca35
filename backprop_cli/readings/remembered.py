"""Numbers to what formulas gave on the same numbers before: it saves time and changes nothing.

A class writes few different right numbers, and much of what is asked of a wrong sheet is what
formulas give on those.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

from backprop_cli.algebra.expr import Expr, in_order
from backprop_cli.operations.bounds import Interval
from backprop_cli.readings.intervals import Enclosing

Found = TypeVar("Found")


class Remembered(Generic[Found]):
    """What was found by a key: so many numbers, and as many older ones; asked again, it stays.

    `weigh` tells how many something has; what has too many alone is not kept. What the key names by
    its identity is (`holds`), so that nothing else has that.
    """

    def __init__(self, most: int, weigh: Callable[[Found], int]) -> None:
        self._most, self._weigh, self._weight = most, weigh, 0
        self._new: dict[Hashable, tuple[object, Found]] = {}
        self._old: dict[Hashable, tuple[object, Found]] = {}

    def of(self, key: Hashable, holds: object, work: Callable[[], Found]) -> Found:
        """What was found before, or is worked out now."""
        kept = self._new.get(key)
        if kept is not None:
            return kept[1]
        kept = self._old.get(key) or (holds, work())
        weight = self._weigh(kept[1])
        if weight <= self._most // _LARGEST_PART:
            if self._weight + weight > self._most:
                self._new, self._old, self._weight = {}, self._new, 0
            self._new[key] = kept
            self._weight += weight
        return kept[1]


_LARGEST_PART: Final = 10


def exactly(interval: Interval) -> Hashable:
    """Bounds as a key: to the last bit, and as they lie in memory, since sums go by that."""
    low, high = interval
    return low.shape, low.strides, low.tobytes(), None if low is high else high.tobytes()


_MOST_ENTRIES: Final = 100
"""Of larger arrays no two sheets have the same, and they are much to keep."""
_RANGES: Final = Remembered[Interval](500_000, lambda found: _MOST_ENTRIES + 2 * found[0].size)


def enclosed(expr: Expr, by: Enclosing) -> Interval:
    """The bounds of a formula, worked out once for the same numbers."""
    unit, finer, used = by.unit, by.finer, in_order(expr).names
    known = [by.names(name) for name in used]
    if sum(low.size for low, _ in known) > _MOST_ENTRIES:
        return by.bounds(expr)
    fine = None if finer is None else tuple(map(finer, used))
    key = id(expr), unit, fine, *map(exactly, known)
    return _RANGES.of(key, expr, lambda: by.bounds(expr))
