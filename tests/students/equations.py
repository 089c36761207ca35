"""Turns a problem in equations into the sheet of an honest student, by a rule for each step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from oracles.reading import Array

from students.habits import Habits
from students.student import Place, Student, Wrongly
from students.table import Entry, Values
from students.tasks import Task

Rule: TypeAlias = Callable[["EquationStudent"], Array]
SHARED: list[Entry] = []
"""What people do wrongly with any update."""


@dataclass(frozen=True)
class Formula:
    """A family's problem worked out by hand: what is given, and a rule for each id, in order."""

    given: Mapping[str, Array]
    rules: Mapping[str, Rule]
    rate: float
    entries: Sequence[Entry] = ()


@dataclass(frozen=True)
class EquationTask(Task):
    """A problem in equations."""

    formula: Formula = field(kw_only=True)

    def student(
        self, habits: Habits, asked: tuple[str, ...], wrongly: Mapping[str, Wrongly]
    ) -> Student:
        del asked  # always the usual ones
        return EquationStudent(habits, wrongly, formula=self.formula)


@dataclass(kw_only=True)
class EquationStudent(Student):
    """Someone with a problem in equations: `s["h"]` is what is written, or given."""

    formula: Formula

    def __getitem__(self, name: str) -> Array:
        return self.notes[name] if name in self.notes else self.formula.given[name]

    @property
    def places(self) -> tuple[Place, ...]:
        return tuple(_place(id) for id in self.formula.rules)

    def step(self, place: Place) -> Array:
        return np.asarray(self.formula.rules[place.id](self), dtype=float)

    def stored(self, place: Place, value: Array) -> Array:
        del place
        return value

    def old(self, name: str) -> Array:
        return self.formula.given[name]

    def entries(self) -> Sequence[Entry]:
        return [*self.formula.entries, *SHARED]

    def later(self, wrongly: Mapping[str, Wrongly]) -> Student:
        new = {place.parameter: self.notes[place.id] for place in self.places if place.parameter}
        formula = Formula(
            {**self.formula.given, **new},
            self.formula.rules,
            self.formula.rate,
            self.formula.entries,
        )
        return EquationStudent(self.habits, wrongly, formula=formula)

    # ------------------------------------------------------------ steps with sub-steps

    def product(self, left: Array, right: Array) -> Array:
        """A matrix product of matrices and vectors, product by product by those who round them."""
        matrix = left if left.ndim == 2 else left[None, :]
        column = right if right.ndim == 2 else right[:, None]
        value = self.habits.matmul(matrix, column)
        if left.ndim == 1:
            value = value[0]
        return value if right.ndim == 2 else value[..., 0]

    def total(self, terms: Array, axis: int | None = None) -> Array:
        """A sum of products."""
        return np.asarray(self.habits.term(terms).sum(axis=axis))


def _place(id: str) -> Place:
    if id.endswith("_new") and id != "L_new":
        return Place(id, "new", parameter=id.removesuffix("_new"))
    return Place(id, "slope" if id.startswith("dL/") else "value")


def updated(name: str) -> Rule:
    """W − η ∂L/∂W."""
    return lambda s: s[name] - s.keep(s.formula.rate * s[f"dL/d{name}"])


def wrong(label: str, names: str, id: str, *rules: Rule, misconception: bool = True) -> Entry:
    """Something done wrongly at one quantity, in one or more ways."""

    def values(student: Any, _place: Place) -> Values:
        for rule in rules:
            yield np.asarray(rule(student), dtype=float)

    return Entry(label, id, values, frozenset(names.split()), misconception)


def _shared(label: str, names: str, rule: Callable[[Any, str], Array], *, known: bool) -> None:
    def values(student: EquationStudent, place: Place) -> Values:
        yield rule(student, place.parameter)

    SHARED.append(Entry(label, "new", values, frozenset(names.split()), not known))


def _moved(student: EquationStudent, name: str, rate: float) -> Array:
    return np.asarray(student[name] - rate * student[f"dL/d{name}"])


_shared("ascent", "ascent", lambda s, p: _moved(s, p, -s.formula.rate), known=True)
_shared(
    "learning-rate-omitted", "learning-rate-omitted", lambda s, p: _moved(s, p, 1.0), known=True
)
_shared(
    "learning-rate-twice",
    "learning-rate-twice",
    lambda s, p: _moved(s, p, s.formula.rate**2),
    known=True,
)
_shared("not-updated", "weights-not-updated bias-not-updated", lambda s, p: s[p] + 0.0, known=True)
_shared(
    "change-written",
    "change-for-value",
    lambda s, p: -s.formula.rate * s[f"dL/d{p}"],
    known=False,
)
_shared(
    "gradient-times-weight",
    "",
    lambda s, p: s[p] - s.formula.rate * s[f"dL/d{p}"] * s[p],
    known=False,
)
