"""Turns rules for wrong steps into a table: what somebody gets, and which names are true of it.

A name of the table is what the simulation calls a mistake; `names` are those of the contract that
truly say what was done. Some mistakes have none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from oracles.reading import Array

from students.student import Place, Wrongly

Values: TypeAlias = Iterator[Array]
Rule: TypeAlias = Callable[[Any, Place], Values]


@dataclass(frozen=True)
class Entry:
    """A rule of the table: for which kind of quantity, and the names that are true of it."""

    label: str
    kind: str
    rule: Rule
    names: frozenset[str]
    misconception: bool = False


@dataclass(frozen=True)
class Mistake:
    """A mistake on a sheet: where, and what is done there instead of the right step."""

    label: str
    names: frozenset[str]
    place: Place
    rule: Wrongly
    misconception: bool = False
    systematic: bool = True


ENTRIES: list[Entry] = []


def slip(name: str, *kinds: str) -> Callable[[Rule], Rule]:
    """Enters a rule under a name of the contract, for these kinds of quantities."""

    def enter(rule: Rule) -> Rule:
        ENTRIES.extend(Entry(name, kind, rule, frozenset({name})) for kind in kinds)
        return rule

    return enter


def misconception(label: str, names: str, *kinds: str) -> Callable[[Rule], Rule]:
    """Enters a rule under a label of its own, with the contract's names that are true of it."""

    def enter(rule: Rule) -> Rule:
        true = frozenset(names.split())
        ENTRIES.extend(Entry(label, kind, rule, true, misconception=True) for kind in kinds)
        return rule

    return enter


def nth(rule: Rule, number: int) -> Wrongly:
    """The variant of a rule, counted from 0, as something to do instead of the right step."""

    def wrongly(student: Any, place: Place) -> Array:
        for k, value in enumerate(rule(student, place)):
            if k == number:
                return value
        raise LookupError

    return wrongly
