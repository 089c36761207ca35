"""A wrong quantity to the slips that explain it: wrong methods computed, not guessed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from backprop_cli.algebra.expr import Expr
from backprop_cli.grading.case import Case
from backprop_cli.grading.judge import Judge
from backprop_cli.grading.key import is_jacobian
from backprop_cli.grading.slips import FORMULA_SLIPS
from backprop_cli.grading.written import Array, Written, finer, meets, standing_for
from backprop_cli.operations.bounds import Interval, point
from backprop_cli.readings.intervals import Unit

Candidate = tuple[str, Expr]
_MOST_NAMED = 3
_LEAST_TELLING = (
    "decimal-slip",
    "digits-swapped",
    "sign-lost",
    "mean-sum-confused",
    "factor-two",
    "copied",
)
_LARGEST_SHIFT = 3  # decimal places that a point may be off


class Entry(NamedTuple):
    """One number as typed."""

    value: float
    unit: float
    text: str


Test = Callable[[Entry, Interval], bool]


class Wrong(Struct, frozen=True):
    """A quantity to explain: as typed, where it is wrong, and its candidates."""

    name: str
    written: Written
    mask: NDArray[np.bool_]
    texts: Mapping[tuple[int, ...], str]
    candidates: Sequence[Candidate]
    sample_axis: int | None

    def entry(self, place: tuple[int, ...]) -> Entry:
        """One entry as typed."""
        value, unit = self.written.value[place], self.written.unit[place]
        return Entry(float(value), float(unit), self.texts.get(place, ""))


def candidates(case: Case) -> list[Candidate]:
    """Every wrong formula of a quantity, with the slip that leads to it."""
    found = []
    for id, slip in FORMULA_SLIPS.items():
        exprs = (expr for one in case.cases() for expr in one.fitting(slip.rewrite(one)))
        found += [(id, expr) for expr in dict.fromkeys(exprs)]
    return found


def slips(judge: Judge, wrong: Wrong) -> tuple[str, ...]:
    """The slips that give all the wrong entries; several where they give the same numbers."""
    by_formula = _by_formula(judge, wrong)
    by_value = [id for id, explains in _VALUE_TESTS.items() if explains(judge, wrong)]
    return _most_telling(tuple(dict.fromkeys([*by_formula, *by_value])))


def _most_telling(found: tuple[str, ...]) -> tuple[str, ...]:
    """At most three names: beside causes that say where it went wrong, mere factors say little."""
    for id in _LEAST_TELLING:
        if len(found) > _MOST_NAMED:
            found = tuple(other for other in found if other != id)
    return found


def _by_formula(judge: Judge, wrong: Wrong) -> list[str]:
    """The formulas that give what was typed: on numbers as typed, else on what they stand for."""
    typed = _typed(judge, wrong)
    readings: list[Callable[[Expr], Interval]] = [judge.on_typed_values]
    for rounded in (False, True):
        readings += [partial(judge.enclosed, repaired=r, rounded=rounded) for r in (False, True)]
    readings += [partial(judge.as_person, way=way) for way in judge.persons()]
    for reading in readings:
        found = [
            id
            for id, expr in wrong.candidates
            if _proves(id, wrong) and _explains(wrong, typed, reading(expr))
        ]
        if found:
            return list(dict.fromkeys(found))
    return []


def _typed(judge: Judge, wrong: Wrong) -> Interval:
    unit = finer(
        wrong.written.value, wrong.written.unit, judge.key.truth[wrong.name], judge.key.unit
    )
    return standing_for(wrong.written.value, unit)


def _explains(wrong: Wrong, typed: Interval, interval: Interval) -> bool:
    if not _tight(interval, typed):
        return False
    return bool((meets(typed, interval) | ~wrong.written.present).all())


def _tight(interval: Interval, typed: Interval) -> bool:
    """Whether an interval says enough to prove anything."""
    width = interval[1] - interval[0]
    room = 8 * (typed[1] - typed[0]) + 0.05 * np.maximum(np.abs(interval[0]), np.abs(interval[1]))
    return bool(np.all(np.isfinite(width)) and np.all((width <= room) | np.isnan(room)))


def _proves(id: str, wrong: Wrong) -> bool:
    """A factor explains any single figure, unless three of its digits agree."""
    if not FORMULA_SLIPS[id].factor:
        return True
    telling = wrong.written.present & (wrong.written.value != 0)
    if telling.sum() > 1:
        return True
    places = map(tuple, np.argwhere(telling).tolist())
    return all(digits(wrong.texts.get(place, "")) >= 3 for place in places)


def digits(text: str) -> int:
    """The significant digits typed."""
    mantissa = text.lower().split("e")[0]
    return len([c for c in mantissa if c.isdigit()]) - _leading_zeros(mantissa)


def _leading_zeros(mantissa: str) -> int:
    figures = [c for c in mantissa if c.isdigit()]
    return next((i for i, c in enumerate(figures) if c != "0"), len(figures))


# Slips that show in the values alone -----------------------------------------------------------


def _right(judge: Judge, wrong: Wrong) -> Iterator[Interval]:
    """What would have been right: the true value, or what follows from the student's own."""
    typed = _typed(judge, wrong)
    return (right for right in _all_right(judge, wrong) if _tight(right, typed))


def _all_right(judge: Judge, wrong: Wrong) -> Iterator[Interval]:
    yield point(judge.key.truth[wrong.name])
    ways = [expr for expr in judge.key.formulas.get(wrong.name, ()) if not is_jacobian(expr)]
    yield from map(judge.on_typed_values, ways)
    for rounded in (False, True):
        yield from (judge.enclosed(expr, False, rounded) for expr in ways)


def _transposed(judge: Judge, wrong: Wrong) -> bool:
    value = wrong.written.value
    if value.ndim != 2 or value.shape[0] != value.shape[1] or np.array_equal(value, value.T):
        return False
    low, high = _typed(judge, wrong)
    turned = low.T, high.T
    present = wrong.written.present.T
    return any(bool((meets(turned, right) | ~present).all()) for right in _right(judge, wrong))


def _wrong_sample(judge: Judge, wrong: Wrong) -> bool:
    axis = wrong.sample_axis
    if axis is None or wrong.written.value.ndim != 2:
        return False
    low, high = (np.moveaxis(bound, axis, 0) for bound in _typed(judge, wrong))
    mask = np.moveaxis(wrong.mask, axis, 0)
    for right in _right(judge, wrong):
        rows = np.moveaxis(right[0], axis, 0), np.moveaxis(right[1], axis, 0)
        if all(
            _is_another(low[s], high[s], rows, s) for s in np.flatnonzero(mask.any(axis=1)).tolist()
        ):
            return True
    return False


def _is_another(low: Array, high: Array, rows: Interval, own: int) -> bool:
    others = [s for s in range(len(rows[0])) if s != own]
    return any(bool(meets((low, high), (rows[0][s], rows[1][s])).all()) for s in others)


def _each_wrong(judge: Judge, wrong: Wrong, test: Test) -> bool:
    """Whether each wrong entry passes the test against one and the same right quantity."""
    places = [tuple(place) for place in np.argwhere(wrong.mask).tolist()]
    for right in _right(judge, wrong):
        if all(
            test(wrong.entry(place), (np.asarray(right[0][place]), np.asarray(right[1][place])))
            for place in places
        ):
            return True
    return False


def _meets_one(value: float, unit: float, right: Interval) -> bool:
    """Whether a number typed to this unit could stand for the right one."""
    return bool(meets(standing_for(np.asarray(value), np.asarray(unit)), right))


def _least_digits(wrong: Wrong) -> int:
    """The digits that an entry needs to prove anything: a single figure needs three."""
    return 3 if wrong.mask.size == 1 else 1


def _decimal_slip(judge: Judge, wrong: Wrong) -> bool:
    least = _least_digits(wrong)

    def test(entry: Entry, right: Interval) -> bool:
        if digits(entry.text) < least or entry.value == 0:
            return False
        return any(
            _meets_one(entry.value * 10.0**k, entry.unit * 10.0 ** max(k, 0), right)
            for k in range(-_LARGEST_SHIFT, _LARGEST_SHIFT + 1)
            if k
        )

    return _each_wrong(judge, wrong, test)


def _digits_swapped(judge: Judge, wrong: Wrong) -> bool:
    def test(entry: Entry, right: Interval) -> bool:
        if digits(entry.text) < 2:
            return False
        return any(
            _meets_one(other, entry.unit, right)
            for other in _swaps(_padded(entry.text, judge.key.unit))
        )

    return _each_wrong(judge, wrong, test)


def _padded(text: str, asked: Unit | None) -> str:
    """The number with the zeros that were left out behind it."""
    if asked is None or asked.significant or "." not in text or "e" in text.lower():
        return text
    return text + "0" * (asked.count - len(text.partition(".")[2]))


def _swaps(text: str) -> Iterator[float]:
    """The numbers got by exchanging two neighbouring digits of what was typed."""
    text = text.replace("\u2212", "-")
    places = [i for i, c in enumerate(text) if c.isdigit()]
    for first, second in pairwise(places):
        if text[first] != text[second]:
            swapped = list(text)
            swapped[first], swapped[second] = swapped[second], swapped[first]
            try:
                yield float("".join(swapped))
            except ValueError:
                return


def _sign_lost(judge: Judge, wrong: Wrong) -> bool:
    least = _least_digits(wrong)

    def test(entry: Entry, right: Interval) -> bool:
        telling = entry.value != 0 and digits(entry.text) >= least
        return telling and _meets_one(-entry.value, entry.unit, right)

    return _each_wrong(judge, wrong, test)


def _copied(judge: Judge, wrong: Wrong) -> bool:
    value = wrong.written.value
    if not wrong.written.present.all() or (value.size == 1 and not np.any(value)):
        return False
    if value.size == 1 and min(map(digits, wrong.texts.values()), default=0) < 3:
        return False
    others = {name: judge.key.truth[name] for name in judge.key.given}
    others |= {name: other.value for name, other in judge.written.items() if name != wrong.name}
    flat = value.ravel()
    return any(
        other.size == value.size and np.array_equal(other.ravel(), flat)
        for other in others.values()
    )


_VALUE_TESTS: Mapping[str, Callable[[Judge, Wrong], bool]] = {
    "transposed": _transposed,
    "wrong-sample": _wrong_sample,
    "decimal-slip": _decimal_slip,
    "digits-swapped": _digits_swapped,
    "sign-lost": _sign_lost,
    "copied": _copied,
}
