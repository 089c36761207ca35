"""What stands on a sheet to arrays: values, units of their digits, intervals they stand for."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from functools import cached_property
from math import nan
from typing import Final, TypeVar, cast

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from backprop_cli.grading.report_data import Answer, Index, Typed
from backprop_cli.operations.bounds import Interval, point
from backprop_cli.operations.masks import every
from backprop_cli.readings.units import LEAST, OF_A_DIGIT, SLACK, Floating, Unit, short

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Found = TypeVar("Found")

_OF_CALCULATORS = 1e-11
"""But it may be that much of a number, however many digits are typed: a 1 is 1.0000000000015."""


class Written(Struct, frozen=True, dict=True):
    """One quantity as typed: nan where missing; a unit of 0 where exactly the value is meant.

    A program has `computed` it. What is asked of it again and again is worked out once.
    """

    value: Array
    unit: Array
    computed: bool = False

    def once(self, what: Hashable, truth: Array, work: Callable[[], Found]) -> Found:
        """What is worked out of it beside the true value: once for all sheets on which it stands.

        A right answer is one and the same for all who wrote it.
        """
        kept = self._kept.get(what)
        if kept is None or kept[0] is not truth:
            kept = self._kept[what] = truth, work()
        return cast(Found, kept[1])

    @cached_property
    def _kept(self) -> dict[Hashable, tuple[Array, object]]:
        return {}

    @cached_property
    def present(self) -> Mask:
        """Where something is written."""
        return ~np.isnan(self.value)

    @cached_property
    def complete(self) -> bool:
        """Whether something is written everywhere."""
        return every(self.present)

    def stands(self, unit: Array) -> Interval:
        """What is written at this unit: a program rounds, where people may cut off, too."""
        if self.computed:
            return self.value - unit / 2, self.value + unit / 2
        return standing_for(self.value, unit)

    @cached_property
    def digits(self) -> Array:
        """How many significant digits each number has."""
        return significant(self.value, self.unit)

    @cached_property
    def decimals(self) -> Array:
        """How many decimals each number has; fewer than none where its last digit is a ten."""
        unit = np.where(self.unit > 0, self.unit, 1.0)
        return np.asarray(-np.round(np.log10(unit)).astype(int))


def significant(value: Array, unit: Array) -> Array:
    """How many significant digits numbers have whose last digit has this unit; 0 has none."""
    with np.errstate(all="ignore"):
        first = np.floor(np.log10(np.abs(value)) + 1e-9)
        count = first - np.round(np.log10(unit)) + 1
    return np.where((value == 0) | (unit <= 0), 0, np.maximum(count, 0)).astype(int)


def written(answer: Answer) -> Written:
    """The arrays of an answer that can be read."""
    if isinstance(answer.cells, ArrayCells):
        return Written(answer.cells.value, answer.cells.unit, computed=True)
    value = np.full(answer.shape, np.nan)
    unit = np.zeros(answer.shape)
    for index, cell in answer.cells.items():
        if cell is not None:
            value[index] = cell.value
            unit[index] = cell.unit or 0.0
    return Written(value, unit)


def standing_for(value: Array, unit: Array) -> Interval:
    """All numbers that round, or are cut off, to the value at this unit.

    That is [v - u/2, v + u) away from zero, mirrored below it, and (-u, u) for 0. The far end is
    open, since 8 is never cut off to 7: it is drawn in by more than `meets` gives away.
    """
    half = unit / 2
    far = _open(np.abs(value) + unit, unit)
    low = np.where(value > 0, value - half, -far)
    high = np.where(value < 0, value + half, far)
    return low, high


def _open(end: Array, unit: Array) -> Array:
    """An end that does not belong to an interval itself; one of no width keeps both of its own."""
    gap = np.maximum(3 * _noise(end, unit), unit * _GAP)
    return np.where(unit > 0, end - np.minimum(gap, unit / 2), end)


_GAP = 1e-6
"""Of a unit: what keeps the far end open behind a factor of 0.1 or so, 0.25 for a rate."""


def _noise(size: Array, unit: Array) -> Array:
    """What floating-point arithmetic may add to numbers of a size: far less than a digit typed."""
    of_a_digit = np.where(unit > 0, unit * OF_A_DIGIT, np.inf)
    size = np.abs(size)
    by_size = np.maximum(of_a_digit, _OF_CALCULATORS * size)
    return np.minimum(SLACK * size, by_size) + np.minimum(LEAST, of_a_digit)


def room_beside(typed: Interval) -> Array:
    """How small a difference still counts beside what was typed: its width tells."""
    return _noise(np.maximum(np.abs(typed[0]), np.abs(typed[1])), typed[1] - typed[0])


def meets(typed: Interval, other: Interval, room: Array | None = None) -> Mask:
    """Where what was typed has a number in common with an interval; one without ends says nothing.

    That of the typed number comes first; `room` is that beside it, where it is known.
    """
    room = room_beside(typed) if room is None else room
    says = np.isfinite(other[0]) & np.isfinite(other[1])
    return says & (typed[0] <= other[1] + room) & (other[0] <= typed[1] + room)


def finer(value: Array, unit: Array, truth: Array, asked: Unit) -> Array:
    """The finer of the unit typed and the unit asked; what is typed exactly stays exact.

    Significant digits are those of the number typed, or of the true one beside it where these are
    finer: 0.995 has three of them, and 1.00 is not it. A 0 has none. A program is asked for no
    digits but those of its type.
    """
    if isinstance(asked, Floating):
        return unit
    own = asked.at(np.where(value == 0, truth, value))
    return np.minimum(unit, np.minimum(own, unit_asked(value, truth, asked)))


def unit_asked(value: Array, truth: Array, asked: Unit) -> Array:
    """The unit of the last digit asked; of a number far larger than the true one, that of its own.

    What cancels out leaves others little more than their rounding: from -0.00409 follows -0.00408,
    with its three significant digits, where all of -0.0000758 would be four more.
    """
    own = (truth == 0) | (np.abs(value) >= _FAR_LARGER * np.abs(truth))
    return asked.at(np.where(own & (value != 0), value, truth))


_FAR_LARGER = 2
"""So many times: no rounding of a number with two significant digits, or more, comes so far."""


_NOISE = 1e-12
"""What a program prints for a 0 that it worked out."""


def below_far_end(value: Array, unit: Array, truth: Array) -> Mask:
    """Where a truth next to the far end is below it all the same: 0.999 for σ(24) = 1 - 4e-11."""
    end = np.abs(value) + unit
    gap = end - np.abs(truth)
    return (gap > _OF_CALCULATORS * end) & (gap < unit / 2) & (value * truth > 0)


def is_far(value: Array, unit: Array, truth: Array, asked: Unit) -> Mask:
    """Where a number is so far off that there is no need to look closer."""
    if asked.significant:
        return np.zeros(value.shape, dtype=bool)
    size = np.maximum(1.0, np.maximum(np.abs(value), np.abs(truth)))
    reach = 2 * np.maximum(unit, asked.at(truth)) + 1e-6 * size
    return np.asarray(np.abs(value - truth) > reach)


def is_right(
    value: Array, typed: Array, truth: Array, asked: Unit, assumed: bool = False
) -> tuple[Mask, Mask]:
    """Where the true value is among those typed: at the finer digits, and at those asked.

    Digits typed beyond those asked do no harm, but where the true value has none there either: then
    one unit short is an error, and no rounding; or where nothing of it is seen at those asked: then
    these are all there is, and 0 alone, with however many zeros, is right there. Where the digits
    are only `assumed`, those typed are what somebody chose to give. A program rounds, and cuts
    nothing off.
    """
    if isinstance(asked, Floating):
        near = (np.abs(value - truth) <= typed / 2) | ((truth == 0) & (np.abs(value) < _NOISE))
        return near, near
    unit = finer(value, typed, truth, asked)
    at_digits = meets(standing_for(value, unit), point(truth)) | below_far_end(value, unit, truth)
    at_digits |= (truth == 0) & (np.abs(value) < _NOISE)
    if assumed:
        return at_digits, at_digits
    unit = asked.at(truth)
    beyond = (typed < unit) & ~short(truth, typed) & ((np.abs(truth) >= unit / 2) | (value == 0))
    to_digits = beyond & meets(
        standing_for(value, np.broadcast_to(unit, value.shape)), point(truth)
    )
    return at_digits, to_digits


HOW_RIGHT: Final[NDArray[np.object_]] = np.array(["exact", "rounded", "truncated"], dtype=object)
"""How right a value is, the weakest last."""


def how_right(value: Array, typed: Array, truth: Array, asked: Unit) -> NDArray[np.object_]:
    """How right values are right: exact, rounded or truncated."""
    if isinstance(asked, Floating):
        return how_computed(value, truth)
    unit = np.maximum(
        finer(value, typed, truth, asked), np.where(typed < asked.at(truth), asked.at(truth), 0.0)
    )
    off = np.abs(value - truth)
    near = np.where(off <= unit / 2 * (1 + SLACK), 1, 2)
    return np.asarray(HOW_RIGHT[np.where(same(value, truth), 0, near)], dtype=object)


def how_computed(value: Array, truth: Array) -> NDArray[np.object_]:
    """The same of what a program computed."""
    return np.asarray(HOW_RIGHT[np.where(same(value, truth), 0, 1)], dtype=object)


def same(value: Array, truth: Array) -> Mask:
    """Where a typed value is the exact one, and not only near it."""
    off, room = np.asarray(value - truth), np.asarray(np.abs(truth))
    np.abs(off, out=off)  # in their places: an array of a program may be large
    np.maximum(room, 1e-300, out=room)
    np.multiply(room, ALIKE, out=room)
    return np.asarray(off <= room)


def all_same(value: Array, truth: Array, off: float) -> bool:
    """Whether every typed value is the exact one, where none is farther than `off` away.

    Beside larger numbers that is nothing: only the small ones can be others.
    """
    small = np.abs(truth) <= 2 * off / ALIKE
    return bool(same(value[small], truth[small]).all())


ALIKE: Final = 1e-12
"""So near, by its own size, a number is no other."""


def distance(value: Array, truth: Array) -> float:
    """How far the entry that is farthest off is from the true one; nan for another shape."""
    if value.shape != truth.shape:
        return nan
    off = np.asarray(value - truth)
    return max(float(off.max(initial=0.0)), -float(off.min(initial=0.0)))


_SHOWN = 9  # significant digits of an entry that a report shows


class ArrayCells(Mapping[Index, Typed]):
    """The entries of an array: each stands for what is `room` away.

    `beside` is the true array they were compared with, and `off` how far away the worst of them is.
    """

    def __init__(
        self, value: NDArray[np.float64], room: float, beside: NDArray[np.float64], off: float
    ) -> None:
        self.value = value
        self.room = room
        self._beside, self._off = beside, off

    def off(self, truth: NDArray[np.float64]) -> float:
        """How far the entry that is farthest off is from the true one."""
        return self._off if truth is self._beside else distance(self.value, truth)

    @property
    def unit(self) -> Array:
        """The width of what each entry stands for."""
        return np.broadcast_to(2 * self.room, self.value.shape)

    def __getitem__(self, index: Index) -> Typed:
        number = float(self.value[index])
        return Typed(f"{number:.{_SHOWN}g}", number, 2 * self.room)

    def __iter__(self) -> Iterator[Index]:
        return iter(np.ndindex(self.value.shape))

    def __len__(self) -> int:
        return self.value.size


class Texts(Mapping[Index, str]):
    """The entries as a report shows them."""

    def __init__(self, cells: ArrayCells) -> None:
        self._cells = cells

    def __getitem__(self, index: Index) -> str:
        return self._cells[index].text

    def __iter__(self) -> Iterator[Index]:
        return iter(self._cells)

    def __len__(self) -> int:
        return len(self._cells)


def texts(answer: Answer) -> Mapping[Index, str]:
    """The entries as they were written."""
    if isinstance(answer.cells, ArrayCells):
        return Texts(answer.cells)
    return {index: cell.text for index, cell in answer.cells.items() if cell is not None}
