"""Turns an honest sheet into one with mistakes: all else is worked out rightly from there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from oracles.chance import Rng, pick
from oracles.reading import Array

from students import (
    misconceptions_backward,
    misconceptions_forward,
    slips_backward,
    slips_forward,
    slips_update,
)
from students.rounding import Digits, LeftOutError
from students.slips_anywhere import ANYWHERE
from students.student import Place, Student
from students.table import Entry, Mistake, nth

TABLES = (
    slips_forward,
    slips_backward,
    slips_update,
    misconceptions_forward,
    misconceptions_backward,
)
"""They enter their rules into the table when they are imported."""

CLEAR = 1
MOST_VARIANTS = 6
FACTORS = ("decimal-slip", "sign-lost", "sign-flipped", "factor-two", "mean-sum-confused")
TELLING = 3
"""A factor on a single number has a name to get only where so many digits of it agree."""


def labels(student: Student) -> list[str]:
    """All mistakes that somebody may make."""
    return list(dict.fromkeys([*(entry.label for entry in student.entries()), *ANYWHERE]))


def of_kind(student: Student, *, misconceptions: bool) -> list[str]:
    """The labels of slips that have a name, or of misconceptions; those of the pen left out."""
    entries = student.entries()
    chosen = (entry.label for entry in entries if entry.misconception == misconceptions)
    return list(dict.fromkeys(chosen))


def draw_mistake(
    rng: Rng, honest: Student, truth: Mapping[str, Array], label: str
) -> Mistake | None:
    """A mistake of a label somewhere on a sheet, clear enough to be seen; None if there is none."""
    with np.errstate(all="ignore"):
        found = list(_clear(honest, truth, label))
    return pick(rng, found) if found else None


def _clear(honest: Student, truth: Mapping[str, Array], label: str) -> Iterator[Mistake]:
    for mistake in possible(honest, label):
        try:
            value = honest.written(mistake.place.id, mistake.rule(honest, mistake.place))
            shows = differs(honest, truth, mistake.place, value)
        except LeftOutError:
            continue
        if shows:
            yield mistake


def possible(honest: Student, label: str) -> Iterator[Mistake]:
    """Every place and variant of a mistake on a sheet."""
    if label in ANYWHERE:
        rule, names = ANYWHERE[label]
        entries = [Entry(label, "", rule, names)]
    else:
        entries = [entry for entry in honest.entries() if entry.label == label]
    for entry in entries:
        for place in honest.places:
            if entry.kind not in ("", place.kind, place.id) or honest.is_given(place):
                continue
            for number in range(_variants(honest, entry, place)):
                yield Mistake(
                    label, entry.names, place, nth(entry.rule, number), entry.misconception
                )


def _variants(honest: Student, entry: Entry, place: Place) -> int:
    try:
        return min(sum(1 for _ in entry.rule(honest, place)), MOST_VARIANTS)
    except LeftOutError:
        return 0


def differs(honest: Student, truth: Mapping[str, Array], place: Place, value: Array) -> bool:
    """Whether a value is off in some entry by more than its digits, from the true one too."""
    return off(honest, place, value, honest.notes[place.id], truth[place.id])


def off(student: Student, place: Place, value: Array, *others: Array) -> bool:
    """Whether some entry is further from all of the others than its digits can tell."""
    if value.shape != others[0].shape:
        return True
    digits = student.habits.of(place.id) or Digits(12)
    units = np.vectorize(digits.unit, otypes=[float])(value)
    distance = np.min([np.abs(value - other) for other in others], axis=0) / units
    return bool(distance.max() > CLEAR + 1e-6)


def can_be_named(honest: Student, mistake: Mistake, value: Array) -> bool:
    """Whether a mistake can be named: a factor on one number only where 3 digits of it agree."""
    if not mistake.names:
        return False
    numbers = value[value != 0]
    if not mistake.names & set(FACTORS) or numbers.size > 1:
        return True
    digits = honest.habits.of(mistake.place.id)
    assert digits is not None
    return all(significant(digits.text(float(number))) >= TELLING for number in numbers)


def significant(text: str) -> int:
    """The significant digits of a number as written."""
    return len("".join(c for c in text.partition("e")[0] if c.isdigit()).lstrip("0"))


def explained(honest: Student, place: Place, value: Array, name: str) -> bool:
    """Whether a mistake with this name gives these numbers, whatever was really done."""
    digits = honest.habits.of(place.id) or Digits(12)
    if name == "copied":
        return any(
            other.size == value.size and _close(digits, other.reshape(value.shape), value)
            for id, other in honest.notes.items()
            if id != place.id
        )
    for label in labels(honest):
        for mistake in possible(honest, label):
            if mistake.place.id != place.id or name not in mistake.names:
                continue
            try:
                other = honest.written(place.id, mistake.rule(honest, place))
            except LeftOutError:
                continue
            if other.shape == value.shape and _close(digits, other, value):
                return True
    return False


def _close(digits: Digits, other: Array, value: Array) -> bool:
    units = np.vectorize(digits.unit, otypes=[float])(value)
    return bool((np.abs(other - value) <= CLEAR * units + 1e-12).all())
