"""A wrong quantity to the one number that was misread or left out, behind it or its own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Final, TypeAlias

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from backprop_cli.algebra.expr import Expr, Folded, Op, Sym, in_order, symbols
from backprop_cli.algebra.quantity import quantity
from backprop_cli.grading.judging.answer_key import is_jacobian
from backprop_cli.grading.judging.judge import Judge
from backprop_cli.grading.sheets.cells import Figure, is_plain
from backprop_cli.grading.sheets.typed_arrays import Array, meets, standing_for
from backprop_cli.grading.slips.plain_workings import Numbers, Values
from backprop_cli.grading.slips.values_alone import right_values
from backprop_cli.grading.slips.wrong_quantity import NEXT_TO_IT, Wrong, by_luck
from backprop_cli.operations.bounds import Interval, point
from backprop_cli.operations.masks import every, some
from backprop_cli.readings.remembered import Remembered
from backprop_cli.readings.units import short

_MOST_NUMBERS: Final = 60
"""Of more numbers than this, some digit of one explains nearly anything."""

_MOST_DECIMALS: Final = 6
_STEPS: Final = 4
_DIGITS: Final = 9  # other digits that one may be taken for
_MOST_BY_CHANCE: Final = 0.005
_OWN_BESIDE_RIGHT: Final = 0.05
_MOST_OF_ONE: Final = 0.01
_MOST_BESIDE_RIGHT: Final = 0.1
"""A digit is named where a wrong number would seem misread by chance no more often than this. Many
digits of many numbers are tried, and a name that is not theirs misleads, so it is little. Which of
them move one entry about as far as it is off can be counted; beside entries that are right a slip
of the pen is likely in itself, and it is ten times as much."""

_FEWER: Final = 8
"""So many times fewer of the digits tried may move an entry about as far as it is off."""

_AGAIN: Final = 0.15
_AGAIN_AND_AGAIN: Final = 0.5
"""The same for who has done it elsewhere on the sheet, once or several times."""


def one_number_wrong(judge: Judge, wrong: Wrong, numbers: Numbers) -> str | None:
    """What was done to one number so that a formula gives all of it, where that is proof.

    A digit of it was read as another, or it was left out: one bias, or one product, of one unit.
    """
    ways = judge.key.formulas.get(wrong.name, ())
    if not ways or is_jacobian(ways[0]):
        return None
    if own_digit(judge, wrong) <= (_MOST_BY_CHANCE if wrong.alone else _OWN_BESIDE_RIGHT):
        return "digit-misread"
    used = [name for name in symbols(ways[0]) if numbers.is_written(name)]
    count = sum(numbers[name].size for name in used)
    if count > _MOST_NUMBERS:
        return None
    luck = by_luck(_since_before(judge, wrong))
    tried = list(_read(ways[0], numbers, used))
    if some(wrong.written.present & ~wrong.mask):
        tried = [one for one in tried if _moves_only(wrong, one)]
    if wrong.mask.sum() != 1:
        enough = _DIGITS * 2 * len(tried) * luck <= _MOST_BY_CHANCE
        return _of_several(judge, wrong, numbers, ways[0], used) if enough else None
    most = _MOST_OF_ONE if wrong.alone else _MOST_BESIDE_RIGHT
    if _DIGITS * sum(one.digits for one in tried) * luck > _FEWER * most:
        return None
    found = _explanations(wrong, tried)
    if len(tried) * luck > most:
        found -= {"term-left-out"}
    if "digit-misread" in found and not _by_few_digits(wrong, tried, most):
        found -= {"digit-misread"}
    return _likelier(found)


def _of_several(
    judge: Judge, wrong: Wrong, numbers: Numbers, expr: Expr, used: Sequence[str]
) -> str | None:
    """Of several wrong entries: from the numbers as typed, or with all digits of right ones."""
    known = {one: judge.judged[one].is_right for one in used if one in judge.judged}
    all_digits = {
        one: judge.key.truth[one] if known.get(one) else numbers[one] for one in symbols(expr)
    }
    ways = (numbers, all_digits) if any(known.values()) else (numbers,)
    each = (_likelier(_explanations(wrong, _read(expr, way, used))) for way in ways)
    return next(filter(None, each), None)


def _by_few_digits(wrong: Wrong, tried: Sequence[_Read], most: float) -> bool:
    """Whether hardly a digit leads by chance to the one entry, or, if none does, next to it.

    Of one number alone, which any digit behind it moves, both are chances that were taken.
    """
    exactly = any(_explains(wrong, one, wrong.stands) == "digit-misread" for one in tried)
    widths = 1 if exactly and not wrong.alone else NEXT_TO_IT
    return _by_digits(wrong, tried, widths) <= most


def _explanations(wrong: Wrong, tried: Iterable[_Read]) -> set[str]:
    each = (_explains(wrong, one, wrong.next_to) for one in tried)
    return {found for found in each if found is not None}


def _likelier(found: Collection[str]) -> str | None:
    """That one number was left out before that another was misread."""
    return next((one for one in ("term-left-out", "digit-misread") if one in found), None)


def _by_digits(wrong: Wrong, tried: Sequence[_Read], widths: float) -> float:
    """How often a digit of these leads by chance within so many widths of the one wrong entry."""
    place = tuple(np.argwhere(wrong.mask)[0].tolist())
    unit = wrong.unit[place]
    if not unit:
        return 0.0
    typed, true = wrong.written.value[place], wrong.truth[place]
    while unit < 1 and short(np.array([typed, true]), 10 * unit).all():
        unit *= 10  # of whole numbers whatever is done gives whole numbers
    moves = [move for one in tried for move in one.moves(place)]
    off = abs(typed - true)
    width = widths * (wrong.stands[1][place] - wrong.stands[0][place]) / unit
    return float(max(1.0, width) * _as_far(moves, off, unit))


def _since_before(judge: Judge, wrong: Wrong) -> Wrong:
    """What belongs to a later step as known by its change: any digit behind it moves it as far."""
    before = quantity(wrong.name).earlier
    old = judge.key.truth.get(before.id) if before else None
    if wrong.old is not None or old is None or old.shape != wrong.truth.shape:
        return wrong  # another batch may have fewer samples
    return replace(wrong, old=old)


def misread_again(judge: Judge, wrong: Wrong, *, often: bool) -> bool:
    """Whether one digit of its own was misread, for who has misread another, or several."""
    return own_digit(judge, wrong, again=True) <= (_AGAIN_AND_AGAIN if often else _AGAIN)


def own_digit(judge: Judge, wrong: Wrong, *, again: bool = False) -> float:
    """How often the one wrong entry would by chance be what is right there but for one digit.

    That all others are right says that the formula was, so that it takes less proof. Who did it
    elsewhere, too, may have misread a last digit, though another there is no proof of it.
    """
    if wrong.mask.sum() != 1 or judge.key.first(wrong.name) is None:
        return np.inf
    place = tuple(np.argwhere(wrong.mask)[0].tolist())
    others = list(_with_another_digit(wrong.figure(place)))
    if not others or wrong.truth[place] == 0:
        return np.inf  # no digits that could have been misread
    unit = wrong.unit[place]  # a 3 for 0.107 is no 0 misread: that would be 0.000
    typed = standing_for(np.array(others), np.array(unit))
    value = wrong.written.value[place]
    chances = [
        max(
            len(others) * by_luck(wrong, one),
            _share(others, value, unit, one[0][place], one[1][place], again),
        )
        for one in zip(*right_values(judge, wrong), strict=True)
        if some(meets(typed, (one[0][place], one[1][place])))
    ]
    return min(chances, default=np.inf)


def _share(
    others: Sequence[float], value: float, unit: float, low: float, high: float, again: bool
) -> float:
    """Which share of all numbers no further off than what rounding may lead to differs in a digit.

    Of those a few units away many do, and rounding leads there, too; beside a definite value it is
    the share of those about as far off.
    """
    off = max(abs(low - value), abs(high - value))
    if low == high:
        return 0.0 if again else _as_far([other - value for other in others], off, unit)
    near = sum(abs(other - value) <= off for other in others)
    return near / (2 * off / unit + 1)


def _as_far(moves: Sequence[float], off: float, unit: float) -> float:
    """Which share of all numbers about as far off these moves lead to.

    Whoever is a few units off has a last digit that is another, whatever was done.
    """
    least = 10.0 ** np.floor(np.log10(max(off / unit, 1.0)))
    units = np.round(np.abs(moves) / unit, 6)
    return float(np.sum((units >= least) & (units < 10 * least)) / (2 * _DIGITS * least))


def _with_another_digit(figure: Figure) -> Iterator[float]:
    """The numbers of which one digit, that is no zero in front, was read as another."""
    whole = figure.text.replace("\u2212", "-")
    if not is_plain(whole):
        return
    for at, digit in enumerate(whole):
        if digit.isdigit() and whole[:at].strip("+-.0") + digit != "0":
            for other in "0123456789":
                if other != digit:
                    yield float(whole[:at] + other + whole[at + 1 :])


class _Read(Struct, frozen=True):
    """A number that goes into a formula, its decimals, and what any other in its place gives."""

    number: float
    decimals: int
    given: Callable[[float], Array]

    @property
    def digits(self) -> int:
        """How many digits of it may be misread."""
        return len(f"{abs(self.number):.{self.decimals}f}".replace(".", "").lstrip("0")) or 1

    def moves(self, place: tuple[int, ...]) -> Iterator[float]:
        """By how much another digit moves an entry, each digit of it read as each other."""
        slope = (self.given(self.number + 0.5)[place] - self.given(self.number)[place]) / 0.5
        for at in range(self.digits):
            for d in range(1, _DIGITS + 1):
                yield float(slope) * d * 10.0 ** (at - self.decimals)


def _read(expr: Expr, numbers: Mapping[str, Array], used: Sequence[str]) -> Iterator[_Read]:
    """The numbers of some quantities that somebody may have misread on the way into a formula."""
    changed = OneChanged(expr, {name: numbers[name] for name in symbols(expr)})
    for name in used:
        for place, decimals in _places(numbers[name]):
            yield _Read(float(numbers[name][place]), decimals, changed.at(name, place))


def _moves_only(wrong: Wrong, one: _Read) -> bool:
    """Whether a number goes into what is wrong and into nothing that is right."""
    moved = one.given(one.number + 0.5) != one.given(one.number)
    return every(moved[wrong.mask]) and not some(moved[~wrong.mask])


def _explains(wrong: Wrong, one: _Read, near: Interval) -> str | None:
    """What was done to one number so that a formula gives all of it, or comes so near to it."""
    if not every((one.given(one.number + 0.5) != one.given(one.number))[wrong.mask]):
        return None  # what it does not go into is wrong, too
    if one.number and every(meets(wrong.stands, point(one.given(0.0))) | ~wrong.written.present):
        return "term-left-out"
    solved = _solved(one.given, one.number, wrong)
    if solved is None:
        return None
    x, room = solved
    for read in _with_a_digit_read(one.number, one.decimals):
        if abs(read - x) <= room and every(
            meets(near, point(one.given(read))) | ~wrong.written.present
        ):
            return "digit-misread"
    return None


def _places(value: Array) -> Iterator[tuple[tuple[int, ...], int]]:
    """The entries of a quantity that are written with few decimals, and with how many."""
    for place in np.ndindex(value.shape):
        text = f"{float(value[place]):.12g}"  # without zeros at the end: nobody misreads those
        decimals = len(text.partition(".")[2])
        if decimals <= _MOST_DECIMALS and "e" not in text:
            yield place, decimals


def _solved(
    given: Callable[[float], Array], start: float, wrong: Wrong
) -> tuple[float, float] | None:
    """The number that gives the wrong entry that tells it best, found along secants.

    And how far from it numbers still come next to that entry.
    """
    flat = np.flatnonzero(wrong.mask)
    room = np.ravel(wrong.stands[1] - wrong.stands[0])
    goal = wrong.written.value.ravel()
    before, x = start, start + 0.5
    f_before, f = given(before).ravel(), given(x).ravel()
    moved = np.abs(f - f_before)
    at = max(flat, key=lambda one: moved[one] / room[one] if room[one] else np.inf)
    for _ in range(_STEPS):
        slope = (f[at] - f_before[at]) / (x - before) if x != before else 0.0
        if not np.isfinite(slope) or slope == 0:
            return None
        before, f_before, x = x, f, x + (goal[at] - f[at]) / slope
        if not np.isfinite(x):
            return None
        f = given(x).ravel()
        if abs(x - before) <= 1e-9 * max(1.0, abs(x)):
            break
    return float(x), float(NEXT_TO_IT * room[at] / abs(slope)) + 1e-9 * max(1.0, abs(float(x)))


def _with_a_digit_read(number: float, decimals: int) -> Iterator[float]:
    """What a number is where one digit of it, a zero in front too, is read as another; never 0."""
    text = f"{number:.{decimals}f}"
    for at, digit in enumerate(text):
        for other in "0123456789" if digit.isdigit() else "":
            read = float(text[:at] + other + text[at + 1 :])
            if other != digit and read:
                yield read


# A formula with one other number ------------------------------------------------------------------


Index: TypeAlias = "tuple[int, ...]"
_Uses: TypeAlias = "frozenset[tuple[str, Index]]"
"""The quantities that a part uses, and the entry or row where it is no more than that."""


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


def _parts_of(expr: Expr) -> Sequence[tuple[Op, _Uses]]:
    reads: Folded[_Uses] = Folded(
        lambda leaf: frozenset({(leaf.name, ())}) if isinstance(leaf, Sym) else frozenset(), _reads
    )
    parts = (part for part, _ in in_order(expr).parts)
    return [(part, reads.of(part)) for part in parts if isinstance(part, Op)]


def _reads(node: Op, args: list[_Uses]) -> _Uses:
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


_PARTS: Final = Remembered[Sequence[tuple[Op, _Uses]]](100_000, len)
