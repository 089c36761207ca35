"""Turns an exercise and habits into what somebody writes down, each step from those before."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from oracles.reading import Array

from students.habits import Habits
from students.rounding import LeftOutError

if TYPE_CHECKING:
    from students.table import Entry


@dataclass(frozen=True)
class Place:
    """What a quantity is: its kind, the layer it belongs to, and the parameter if it has one."""

    id: str
    kind: str
    layer: int = 0
    parameter: str = ""


@dataclass
class Student(ABC):
    """Someone with an exercise, habits, and notes of what is written so far.

    Quantities asked for are rounded when they are written down, and later steps take them as they
    are written, unless all digits are carried. `wrongly` are places where something else is done
    instead of the right step: given the student and the place, the value.
    """

    habits: Habits
    wrongly: Mapping[str, Wrongly] = field(default_factory=dict)
    notes: dict[str, Array] = field(default_factory=dict)

    @property
    @abstractmethod
    def places(self) -> tuple[Place, ...]:
        """What is to be worked out, in order."""

    @abstractmethod
    def step(self, place: Place) -> Array:
        """The right value of a quantity, given what is written so far."""

    @abstractmethod
    def stored(self, place: Place, value: Array) -> Array:
        """A value as the problem stores it."""

    @abstractmethod
    def entries(self) -> Sequence[Entry]:
        """The wrong steps that somebody may take in this exercise."""

    @abstractmethod
    def later(self, wrongly: Mapping[str, Wrongly]) -> Student:
        """The same person before the next step of training."""

    @abstractmethod
    def old(self, name: str) -> Array:
        """A parameter before the step."""

    def is_given(self, place: Place) -> bool:  # noqa: ARG002 - most exercises give nothing away
        """Whether a quantity stands in the problem."""
        return False

    def work(self) -> Student:
        """Fills in the whole sheet."""
        with np.errstate(all="ignore"):
            for place in self.places:
                rule = self.wrongly.get(place.id)
                value = self.step(place) if rule is None else rule(self, place)
                self.notes[place.id] = self.noted(place.id, np.asarray(value, dtype=float))
        return self

    def noted(self, id: str, values: Array) -> Array:
        """What later steps go on with."""
        return self.finite(values) if self.habits.carries else self.written(id, values)

    def written(self, id: str, values: Array) -> Array:
        """What is written down of a value."""
        digits = self.habits.of(id)
        values = self.finite(np.asarray(values))
        return values if digits is None else digits.rounded(values)

    def finite(self, values: Array) -> Array:
        """Values that can be worked with."""
        if not np.isfinite(values).all():
            raise LeftOutError
        return values

    def keep(self, values: Array) -> Array:
        """A factor that is not asked for, rounded too by those who do that."""
        return self.habits.kept(self.finite(np.asarray(values)))

    def sheet(self) -> dict[str, Array]:
        """All that is written down, stored as the problem stores it."""
        return {
            place.id: self.stored(place, self.written(place.id, self.notes[place.id]))
            for place in self.places
        }


Wrongly: TypeAlias = Callable[[Student, Place], Array]
