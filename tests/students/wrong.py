"""Turns an honest sheet into one with a single wrong number, drawn at random."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from oracles.chance import Rng, pick
from oracles.reading import Array

from students.exercise import Place
from students.honest import Student
from students.slipping import CLEAR, true_rows

ATTEMPTS = 100


@dataclass(frozen=True)
class Wrong:
    """A quantity with one wrong entry; `index` counts from 0, with a sample a row."""

    place: Place
    index: tuple[int, ...]
    value: Array


def draw_wrong(rng: Rng, honest: Student) -> Wrong | None:
    """A wrong number within twice the largest of its quantity; None where there is no room."""
    place: Place = pick(rng, honest.exercise.places)
    value = honest.notes[place.id]
    index = tuple(int(rng.integers(size)) for size in value.shape)
    true = float(true_rows(honest.exercise, place)[index])
    reach = 2 * float(np.abs(true_rows(honest.exercise, place)).max())
    for _ in range(ATTEMPTS):
        drawn = honest.written(np.array(rng.uniform(-reach, reach)))
        if is_far(honest, float(drawn), true):
            changed = value.copy()
            changed[index] = drawn
            return Wrong(place, index, changed)
    return None


def is_far(honest: Student, drawn: float, true: float) -> bool:
    """Whether a number is off by more than 3 typed units and 5 %."""
    assert honest.habits.digits is not None
    off = abs(drawn - true)
    return off > CLEAR * honest.habits.digits.unit(drawn) + 1e-12 and off > 0.05 * abs(true)
