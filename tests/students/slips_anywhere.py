"""Turns a number as it would rightly be written into one with a slip of the pen."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from oracles.reading import Array

from students.student import Place, Student
from students.table import Values

ANYWHERE: dict[str, tuple[Callable[[Student, Place], Values], frozenset[str]]] = {}


def anywhere(name: str, *names: str) -> Callable[[Callable[[Student, Place], Values]], None]:
    """Enters a slip that can happen to any quantity."""

    def enter(rule: Callable[[Student, Place], Values]) -> None:
        ANYWHERE[name] = rule, frozenset(names or (name,))

    return enter


def right(student: Student, place: Place) -> Array:
    """What this student would rightly have written."""
    return student.written(place.id, student.step(place))


def _replaced(student: Student, place: Place, change: Callable[[str], str]) -> Values:
    """The value as written, with the digits of one entry changed."""
    value, digits = right(student, place), student.habits.of(place.id)
    if digits is None:
        return
    for index in np.ndindex(value.shape):
        old = digits.text(float(value[index]))
        new = change(old)
        if new != old:
            wrong = value.copy()
            wrong[index] = float(new)
            yield wrong


def _point_moved_right(text: str) -> str:
    whole, _, rest = text.partition(".")
    return f"{whole}{rest[:1]}.{rest[1:]}" if rest and "e" not in text else text


def _point_moved_left(text: str) -> str:
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
    whole, _, rest = digits.partition(".")
    return f"{sign}{whole[:-1] or '0'}.{whole[-1]}{rest}" if rest and "e" not in text else text


def _swapped(text: str) -> str:
    """With the first two neighbouring digits swapped that differ."""
    for k in range(len(text) - 1):
        if text[k : k + 2].isdigit() and text[k] != text[k + 1]:
            return text[:k] + text[k + 1] + text[k] + text[k + 2 :]
    return text


def _misread(text: str) -> str:
    """With one digit read as another: the first that counts, 1 for 7, 3 for 8, 6 for 0 …"""
    for k, digit in enumerate(text):
        if digit.isdigit() and digit != "0":
            return text[:k] + "0746579318"[int(digit)] + text[k + 1 :]
        if digit == "e":
            break
    return text


@anywhere("decimal-slip")
def _(student: Student, place: Place) -> Values:
    yield from _replaced(student, place, _point_moved_right)
    yield from _replaced(student, place, _point_moved_left)


@anywhere("digits-swapped")
def _(student: Student, place: Place) -> Values:
    yield from _replaced(student, place, _swapped)


@anywhere("digit-misread")
def _(student: Student, place: Place) -> Values:
    yield from _replaced(student, place, _misread)


@anywhere("sign-lost")
def _(student: Student, place: Place) -> Values:
    yield from _replaced(student, place, lambda text: text.removeprefix("-"))


OF_SAMPLES = ("pre", "post", "slope of pre", "slope of post")


@anywhere("units-exchanged")
def _(student: Student, place: Place) -> Values:
    """Two units in each other's place: entries of a vector, columns, or rows of a parameter."""
    value = right(student, place)
    if value.ndim == 0 or place.kind == "jacobian":
        return
    if value.shape[-1] > 1:
        yield value[..., [1, 0, *range(2, value.shape[-1])]]
    if value.ndim == 2 and len(value) > 1 and place.kind not in OF_SAMPLES:
        yield value[[1, 0, *range(2, len(value))]]


@anywhere("samples-exchanged", "wrong-sample", "units-exchanged")
def _(student: Student, place: Place) -> Values:
    value = right(student, place)
    if place.kind in OF_SAMPLES and value.ndim == 2 and len(value) > 1:
        yield value[[1, 0, *range(2, len(value))]]


@anywhere("copied")
def _(student: Student, place: Place) -> Values:
    value = right(student, place)
    for other in student.places:
        if other.id == place.id:
            return
        noted = student.notes[other.id]
        if noted.shape == value.shape and value.size > 1:
            yield noted
