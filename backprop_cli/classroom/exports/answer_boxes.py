"""A problem to the boxes that its answers are typed into, and what was typed back to a sheet."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from html import escape
from itertools import product
from math import prod
from typing import Any

from msgspec import Struct

from backprop_cli.errors import Complaint
from backprop_cli.grading.report_data import Result, Submission, Verdict
from backprop_cli.grading.sheets.blank_sheet import Place, blank_of
from backprop_cli.problem.model import Model
from backprop_cli.solving.loading import Loaded

MOST_BOXES = 400
"""More boxes are no question that somebody fills in."""


class Box(Struct, frozen=True):
    """One number to be typed: its name in a form, and what it is called."""

    name: str
    called: str


class Boxes(Struct, frozen=True):
    """The boxes of one quantity, or of one entry that is asked alone."""

    place: Place
    cells: tuple[Box, ...]

    def table(self, cell: Callable[[Box], str]) -> str:
        """The boxes as a table of HTML: a vector is a row, a third axis brings more rows."""
        columns = int(self.place.shape[-1]) if self.place.shape else 1
        rows = [self.cells[at : at + columns] for at in range(0, len(self.cells), columns)]
        lines = (f"<tr>{''.join(f'<td>{cell(box)}</td>' for box in row)}</tr>" for row in rows)
        return "<table>" + "".join(lines) + "</table>"

    @property
    def heading(self) -> str:
        """What is asked, as HTML: its name, and its shape."""
        shape = " × ".join(map(str, self.place.shape))
        return f"<p><strong>{escape(self.place.name)}</strong>{f' ({shape})' if shape else ''}</p>"

    def result(self, submission: Submission) -> Result | None:
        """What became of the quantity on a sheet."""
        return next((one for one in submission.results if one.id == self.place.name), None)

    def verdicts(self, result: Result) -> list[Verdict]:
        """The verdict on each box."""
        if len(result.entries) != len(self.cells):
            return [result.verdict] * len(self.cells)
        return [entry.verdict for entry in result.entries]

    def typed(self, values: Mapping[str, Any]) -> Any:
        """What was typed, in the shape of the quantity; `_` where nothing was."""
        texts = iter([str(values.get(box.name) or "").strip() or "_" for box in self.cells])
        return _nested(tuple(map(int, self.place.shape)), texts)


def _nested(shape: tuple[int, ...], texts: Iterator[str]) -> Any:
    if not shape:
        return next(texts)
    return [_nested(shape[1:], texts) for _ in range(shape[0])]


def boxes_of(loaded: Loaded) -> list[Boxes]:
    """The boxes for all that is asked; UserError where they are too many, or there are none."""
    places = blank_of(loaded.model, loaded.plan, ()).places
    count = sum(prod(map(int, place.shape)) for place in places)
    if count == 0:
        raise loaded.source.error(Complaint("this problem asks for nothing", instead="ask: [L]"))
    if count > MOST_BOXES:
        message = f"{count} numbers are asked, and a question has {MOST_BOXES} boxes at most"
        raise loaded.source.error(Complaint(message, instead="ask: [Z1, dL/dW1], for some of them"))
    taken: set[str] = set()
    return [Boxes(place, tuple(_cells(place, loaded.model, taken))) for place in places]


def _cells(place: Place, model: Model, taken: set[str]) -> Iterator[Box]:
    for index in product(*(range(int(size)) for size in place.shape)):
        called = model.bases.entry(place.name, index) if index else place.name
        name = stem = re.sub(r"[^A-Za-z0-9]+", "_", called).strip("_")
        number = 1
        while name in taken:
            number += 1
            name = f"{stem}_{number}"
        taken.add(name)
        yield Box(name, called)
