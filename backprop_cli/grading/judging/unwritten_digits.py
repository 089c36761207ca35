"""A formula on one sheet -> where those end who go on with digits that they did not write down."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from typing import Final

import numpy as np

from backprop_cli.algebra.expr import Expr
from backprop_cli.grading.judging.standing import Reading, Standing
from backprop_cli.grading.sheets.typed_arrays import Array
from backprop_cli.operations.bounds import Interval, point
from backprop_cli.readings.intervals import enclosure

_DRAWN: Final = 12
"""So many sheets are drawn with other digits, for who rounds and for who cuts off."""

_DEVIATIONS: Final = 4
"""So many standard deviations from their mean nobody is: one of fifteen thousand."""

_ROUNDED, _CUT_OFF = (0.0, 2 / 3), (1 / 3, 1.0)
"""The parts of [v - u/2, v + u) in which a number is that was rounded, and that was cut off."""

_ANYTHING: Final = float(np.finfo(np.float64).max)


def scattered(
    sheets: Iterable[Standing], name: str, formulas: Sequence[Expr], reading: Reading
) -> Interval:
    """Where nearly all end whose numbers have any digits behind those typed, each its own.

    A range has every number at its worst end at once, and one that stands in the formula twice at
    both of its ends: digits that are no longer on the sheet are not all of the worst.
    """
    ends: list[Array] = []
    for standing, part in product(sheets, (_ROUNDED, _CUT_OFF)):
        random, behind = np.random.default_rng(0), standing.key.behind(name, standing.written)
        drawn = [_Drawn(standing, reading, random, part, behind) for _ in range(_DRAWN)]
        for expr in formulas:
            found = [enclosure(expr, one.interval)[0] for one in drawn]
            middle, room = np.mean(found, axis=0), _DEVIATIONS * np.std(found, axis=0)
            ends += [middle - room, middle + room]
    low, high = np.min(ends, axis=0), np.max(ends, axis=0)
    known = np.isfinite(low) & np.isfinite(high)
    return np.where(known, low, -_ANYTHING), np.where(known, high, _ANYTHING)


class _Drawn:
    """The numbers of one sheet somewhere in a part of what was typed, and what comes of them."""

    def __init__(
        self,
        standing: Standing,
        reading: Reading,
        random: np.random.Generator,
        part: tuple[float, float],
        behind: Sequence[str],
    ) -> None:
        self.standing = standing
        self.reading = reading
        self.random = random
        self.part = part
        self.found: dict[str, Array] = {}
        for name in behind:
            self.found[name] = self._computed(name)

    def interval(self, name: str) -> Interval:
        """One quantity as an interval without width."""
        if name not in self.found:
            self.found[name] = self._drawn(name)
        return point(self.found[name])

    def _drawn(self, name: str) -> Array:
        low, high = self.standing.interval(name, self.reading)
        part = self.random.uniform(*self.part, np.shape(low))
        return np.asarray(low + (high - low) * np.where(high <= 0, 1 - part, part))

    def _computed(self, name: str) -> Array:
        expr, written = self.standing.key.first(name), self.standing.written.get(name)
        value = self.standing.key.truth[name] if expr is None else enclosure(expr, self.interval)[0]
        return value if written is None else np.where(written.present, self._drawn(name), value)
