"""Turns what a student has written down into an answer file, as people write numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from oracles.chance import Rng, chance
from oracles.reading import Array

from students.rounding import Digits, shortened

Lines = Sequence[tuple[str, Array]]
Writes = Callable[[str], Digits]


def text(rng: Rng, lines: Lines, digits: Writes) -> str:
    """The answer file of these lines; a student drops zeros everywhere or nowhere."""
    short = chance(rng, 0.5)
    written = ["answers:"]
    for name, value in lines:
        write = partial(number, rng, digits(name), short=short)
        written.append(f"  {name}: {nested(rng, value, write)}")
    return "\n".join([*written, ""])


def nested(rng: Rng, value: Array, write: Callable[[float], str]) -> str:
    """A number, a vector or a matrix; now and then a matrix as text."""
    if value.ndim == 0:
        return write(float(value))
    if value.ndim == 1:
        return f"[{', '.join(map(write, value.tolist()))}]"
    rows = [[write(number) for number in row] for row in value.tolist()]
    if chance(rng, 0.3):
        return '"' + "; ".join(" ".join(row) for row in rows) + '"'
    return "[" + ", ".join(f"[{', '.join(row)}]" for row in rows) + "]"


def number(rng: Rng, digits: Digits, value: float, *, short: bool) -> str:
    """A number that is rounded already, with all its digits or without the zeros at its end."""
    written = digits.text(value)
    return shortened(rng, written) if short else written
