"""The asked quantities of a problem -> an empty answer sheet, to be filled in by hand."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import product
from math import prod
from typing import Final

from msgspec import Struct

from backprop_cli.algebra.quantity import entry_id
from backprop_cli.algebra.shapes import Shape
from backprop_cli.problem.model import Model
from backprop_cli.problem.problem_data import ASSUMED, Digits
from backprop_cli.problem.typed_numbers import printable
from backprop_cli.solving.asked import asked
from backprop_cli.solving.plan import Plan

MOST_ENTRIES: Final = 10_000
"""Entries of one quantity up to which each gets a place of its own."""

_WIDTH = 98  # of a comment
_GAP = 2  # spaces before a comment
_HOW = (
    "Write what you worked out in the place of each _ (a number, 2/3 or ln(2) will do; the decimal"
    " sign is a point). Leave _ where you have nothing."
)


class Place(Struct, frozen=True):
    """A line to fill in: the name as the sheet has it, and the shape that belongs there."""

    name: str
    shape: Shape


class Blank(Struct, frozen=True):
    """What stands on a blank sheet."""

    title: str
    conventions: tuple[str, ...]
    digits: Digits | None
    places: tuple[Place, ...]


def blank_of(model: Model, plan: Plan, conventions: Sequence[str]) -> Blank:
    """The blank sheet of a problem whose conventions are said in these phrases."""
    shapes = {**plan.shapes, **{step.id: step.shape for step in plan.steps}}
    places = {
        found.text: () if found.index is not None else shapes[found.id]
        for found in asked(model, plan)
    }
    return Blank(
        model.problem.title,
        tuple(conventions),
        model.problem.grading.precision,
        tuple(Place(name, shape) for name, shape in places.items()),
    )


def digits_said(digits: Digits | None) -> str:
    """The digits to write, in a sentence."""
    least = digits or ASSUMED
    kind = "decimals" if least.kind == "decimals" else "significant digits"
    said = f"at least {least.count} {kind[:-1] if least.count == 1 else kind}"
    if digits is None:
        return f"No digits are asked for: {said} are assumed, and fewer cost nothing."
    return f"Write {said}."


def is_blank(text: str) -> bool:
    """Whether nothing is filled in on a sheet of any of these formats yet."""
    return not any(_filled_in(line) for line in text.splitlines() if line != _CSV_HEAD)


_CSV_HEAD = "name,row,column,value"
_nothing = partial(re.fullmatch, r"(?:[\s\[\]{},_~-]|null)*")


def _filled_in(line: str) -> bool:
    """Whether anything stands behind a name, or in the last column."""
    said = re.split(r"(?:^|\s)#", line)[0]
    return not _nothing(re.split(r":|,{2,}|,\d*,\d*,", said)[-1])


# YAML -------------------------------------------------------------------------------------------


def yaml_sheet(blank: Blank) -> str:
    """The sheet as YAML, what is to be known about it in comments."""
    lines = [*_comments(blank), "student: _", "answers:"]
    for place in blank.places:
        lines += _yaml_lines(place)
    return "\n".join(lines) + "\n"


def _comments(blank: Blank) -> Iterator[str]:
    texts = (blank.title, " · ".join(blank.conventions), digits_said(blank.digits), _HOW)
    for text in texts:
        yield from (f"# {line}" for line in _wrapped(printable(" ".join(text.split()))))


def _wrapped(text: str) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        if lines and len(lines[-1]) + len(word) < _WIDTH:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _yaml_lines(place: Place) -> list[str]:
    key, said = f"  {place.name}:", _shape_said(place.shape)
    sizes = _sizes(place.shape)
    if sizes is None or len(sizes) < 2:
        return [_noted(f"{key} {_flow(sizes or ())}", said)]
    return [_noted(key, said), *(f"    - {_flow(sizes[1:])}" for _ in range(sizes[0]))]


def _flow(sizes: tuple[int, ...]) -> str:
    if not sizes:
        return "_"
    return f"[{', '.join(_flow(sizes[1:]) for _ in range(sizes[0]))}]"


def _noted(text: str, comment: str) -> str:
    return f"{text}{' ' * _GAP}# {comment}"


def _shape_said(shape: Shape) -> str:
    if not shape:
        return "a number"
    if len(shape) == 1:
        return f"a vector of {shape[0]}"
    sizes = " × ".join(map(str, shape))
    return f"{sizes}, a row a line" if len(shape) == 2 else f"{sizes}, lists within lists"


def _sizes(shape: Shape) -> tuple[int, ...] | None:
    """The sizes, where they are numbers and not too many entries for places of their own."""
    sizes = tuple(size for size in shape if isinstance(size, int))
    return sizes if len(sizes) == len(shape) and prod(sizes) <= MOST_ENTRIES else None


# Other formats ----------------------------------------------------------------------------------


def json_sheet(blank: Blank) -> str:
    """The sheet as JSON, null for every entry, a line a quantity."""
    answers = (
        f"    {json.dumps(place.name)}: {json.dumps(_nested(_sizes(place.shape) or ()))}"
        for place in blank.places
    )
    return '{\n  "student": null,\n  "answers": {\n' + ",\n".join(answers) + "\n  }\n}\n"


def _nested(sizes: tuple[int, ...]) -> object:
    return [_nested(sizes[1:]) for _ in range(sizes[0])] if sizes else None


def csv_sheet(blank: Blank, bases: dict[str, tuple[int, ...]]) -> str:
    """The sheet as CSV, a row an entry; `bases` say from which number the axes of each count."""
    rows = [_CSV_HEAD]
    for place in blank.places:
        sizes = _sizes(place.shape) or ()
        counted = (
            range(base, base + size)
            for base, size in zip(bases.get(place.name, (1,) * len(sizes)), sizes, strict=True)
        )
        rows += [_csv_row(place.name, index) for index in product(*counted)]
    return "\n".join(rows) + "\n"


def _csv_row(name: str, index: tuple[int, ...]) -> str:
    if len(index) > 2:  # there are two columns for indices
        return _csv_row(entry_id(name, index), ())
    row, column = (*index, "", "")[:2]
    return f'"{name}",,,_' if "," in name else f"{name},{row},{column},_"
