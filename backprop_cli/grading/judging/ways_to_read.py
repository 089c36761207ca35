"""How a sheet is read: what is put for wrong values and between, and what would be proved by it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Literal

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from backprop_cli.grading.judging import few_digits
from backprop_cli.grading.sheets.typed_arrays import Array, Mask, room_beside
from backprop_cli.operations.bounds import Interval
from backprop_cli.operations.masks import most
from backprop_cli.readings.units import Floating, Unit


class Reading(Struct, frozen=True):
    """How a sheet is read: what is put for wrong values, for those of few digits, and between.

    `repaired` puts for wrong values what is right, `lax` takes values of too few digits as they
    were typed instead of as they should be, and `unit` is that to which steps that are not written
    may have been rounded: in any way, or where it is `definite`, always in one and the same. With
    `as_typed`, what is written stands for itself alone, as it does on a calculator.
    """

    repaired: bool = False
    lax: bool = False
    unit: Unit | None = None
    definite: bool = False
    as_typed: bool = False


class Wanted(Struct, frozen=True, dict=True):
    """What somebody may have typed, the verdict if a way leads to it, and for which entries.

    `ranges` tells which of them prove something: any of what is wrong, those that are beyond doubt,
    or none alone.
    """

    typed: Interval
    verdict: str
    allowed: Mask | bool = True
    ranges: Literal["any", "beyond doubt", "none"] = "beyond doubt"

    @cached_property
    def room(self) -> Array:
        """How small a difference still counts beside it."""
        return room_beside(self.typed)


class Way(Struct, frozen=True):
    """One way to work a quantity out: what it gives, and where that says something.

    `uses` are the names in its formula. `excuses` tells whether it may leave a parameter where it
    was, or a value 0: rounding within a formula does not excuse that, a small gradient of one's own
    does. A range (`is_range`) holds what roundings might add up to at worst, somewhere or all over.
    """

    interval: Interval
    where: Mask
    excuses: bool = True
    uses: tuple[str, ...] = ()
    is_range: Mask | bool = False


def told(interval: Interval, expected: Array, unit: Unit, rounded: bool) -> Mask:
    """Where an interval is narrow enough to tell right from wrong.

    A few units of the last digit are always allowed, since whoever works with these has no better.
    What is typed may be so vague that half of the largest entry is uncertain. Where steps between
    were rounded, too, a range is only an allowance, and there are the definite ways of a person.
    """
    size = np.abs(expected)
    largest = most(size)
    room = MOST_UNITS * unit.at(largest)
    if rounded:
        room = np.maximum(room, np.maximum(largest / 200, size / 16))
    else:
        room = np.maximum(room, largest / 2)
    width = interval[1] - interval[0]
    return np.asarray(np.isfinite(width) & (width <= room))


MOST_UNITS = 6
"""So many units wide may a range be that is wider than half of the value: a rounded figure, twice
that where it was cut off, and as much again for one that it was multiplied with."""


def is_a_range(interval: Interval, expected: Array, reading: Reading, asked: Unit) -> Mask | bool:
    """Where bounds hold more than what a number as it was written may be.

    That is so where steps are rounded. It is where right numbers give many units, too: they stand
    for the true ones, and nobody has those that lie farthest from them.
    """
    if isinstance(asked, Floating):
        return False
    if reading.unit is not None:
        return True
    wide = interval[1] - interval[0] > MOST_UNITS * asked.at(expected)
    return np.asarray(wide & reading.repaired)


# Readings to the digits in use --------------------------------------------------------------------


def finely(reading: Reading, asked: Unit, fine: Sequence[Unit]) -> list[Reading]:
    """A reading with steps in between rounded to as many digits as asked, or more.

    In the other kind of digits than asked only as somebody does who always does so: three
    significant digits of 12.345 are far less than three decimals.
    """
    other = Unit(asked.count, not asked.significant)
    found = [replace(reading, unit=unit) for unit in fine]
    if asked in fine and other not in fine and few_digits.says_enough(other, asked):
        found.append(replace(reading, unit=other, definite=True))
    return found


def coarsely(
    reading: Reading, asked: Unit, coarse: Sequence[Unit], typed: int
) -> Iterator[Reading]:
    """The same with the fewer digits in use, and with as many of the other kind.

    Who has one decimal works with one significant digit only if no more of them are `typed`: 1.5
    has two.
    """
    for unit in coarse:
        yield replace(reading, unit=unit, definite=not few_digits.says_enough(unit, asked))
    for unit in coarse:
        other = Unit(unit.count, not unit.significant)
        told = not other.significant or other.count >= min(typed, few_digits.TELLING)
        if told and unit.significant == asked.significant:
            yield replace(reading, unit=other, definite=True)
