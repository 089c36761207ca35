"""Turns a student's notes into an answer file, with the digits as people write them."""

from __future__ import annotations

from oracles.chance import Rng, chance
from oracles.reading import Array

from students.honest import Student
from students.rounding import Digits, shortened


def text(rng: Rng, student: Student) -> str:
    """The answer file of a finished sheet; a student drops zeros everywhere or nowhere."""
    digits = student.habits.digits
    assert digits is not None
    short = chance(rng, 0.5)
    lines = ["answers:"]
    for name, value in student.sheet().items():
        lines.append(f"  {name}: {_written(rng, value, digits, short=short)}")
    return "\n".join([*lines, ""])


def _written(rng: Rng, value: Array, digits: Digits, *, short: bool) -> str:
    if value.ndim == 0:
        return _number(rng, float(value), digits, short=short)
    if value.ndim == 1:
        return f"[{', '.join(_numbers(rng, value, digits, short=short))}]"
    rows = [_numbers(rng, row, digits, short=short) for row in value]
    if chance(rng, 0.3):
        return '"' + "; ".join(" ".join(row) for row in rows) + '"'
    return "[" + ", ".join(f"[{', '.join(row)}]" for row in rows) + "]"


def _numbers(rng: Rng, values: Array, digits: Digits, *, short: bool) -> list[str]:
    return [_number(rng, float(value), digits, short=short) for value in values]


def _number(rng: Rng, value: float, digits: Digits, *, short: bool) -> str:
    number = digits.text(value)
    return shortened(rng, number) if short else number
