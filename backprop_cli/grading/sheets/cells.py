"""What stands behind a name on a sheet -> its entries as typed, missing ones None."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise, product
from math import prod
from typing import Any, Final, NamedTuple

import numpy as np
from msgspec import Struct, field
from msgspec.structs import replace

from backprop_cli.errors import HintedError, Mark
from backprop_cli.grading.report_data import Index, Shape, Typed
from backprop_cli.problem.arrays import entries, kind_of, lines_of, named_number
from backprop_cli.problem.text.commas import (
    DEEPEST,
    Pair,
    has_spaces,
    in_square_brackets,
    is_pair,
    pair_of,
    refuse_quotes,
    refuse_semicolons,
    with_points,
    without_brackets,
    without_type,
)
from backprop_cli.problem.text.tree import ListNode, Node, ScalarNode
from backprop_cli.problem.typed_numbers import (
    NumberError,
    entries_of,
    is_minus_infinity,
    is_simple,
    last_place,
    read_number,
)
from backprop_cli.readings.units import Unit

MOST_EXPRESSIONS: Final = 5_000
"""So many entries of a sheet may be something else than plain decimals."""

MISSING: Final = frozenset({"_", "?", "~", "", "null"})
"""What is written for an entry that was not worked out."""

_ROOM = 1_000  # entries that may be written of anything, however small it is
_FURTHEST = 300  # powers of ten that a last digit may be away from 1
_SHORT = 40  # characters of a number that is worth remembering
_HINT = "a number, or _ where there is none"


class UnreadableError(HintedError):
    """A quantity that cannot be read: why, where, and what to write instead."""

    def __init__(self, message: str, mark: Mark, instead: str | None = None) -> None:
        super().__init__(message, instead)
        self.mark = mark


class WrittenCells(Struct, frozen=True):
    """The entries of a quantity in the shape in which they were written, in the order of rows."""

    shape: Shape
    cells: Mapping[Index, Typed | None]

    @property
    def missing(self) -> bool:
        """Whether nothing is written at all."""
        return not any(self.cells.values())


class Budget(Struct):
    """How many expressions a sheet may still hold, so that none takes for ever."""

    expressions: int = MOST_EXPRESSIONS


def read_cells(node: Node, expected: Shape, budget: Budget) -> WrittenCells:
    """The entries of `node`, in the shape expected where they fit it, else as they are written."""
    try:
        written = _read(node, expected, budget)
    except UnreadableError:
        _refuse_commas(node, expected, budget, certain=False)
        raise
    if written.shape != expected:
        _refuse_commas(node, expected, budget, certain=has_spaces(node))
    return written


def _read(node: Node, expected: Shape, budget: Budget) -> WrittenCells:
    reader = _Reader(budget, max(_ROOM, 4 * prod(expected)))
    written = WrittenCells(reader.read(node), reader.cells)
    return written if written.shape == expected else _fitted(written, expected)


def _refuse_commas(node: Node, expected: Shape, budget: Budget, *, certain: bool) -> None:
    """UnreadableError where the commas in `[0,5, 1,5]` are decimal ones: only so it fits."""
    pairs: list[Pair] = []
    meant = with_points(node, pairs)
    if not pairs:
        return
    try:
        fits = _read(meant, expected, budget).shape == expected
    except UnreadableError:
        fits = False
    if fits or certain:
        raise UnreadableError(pairs[0].message, pairs[0].mark, pairs[0].advice)


class _Reader(Struct):
    """Reads one quantity; `room` is the number of entries it may have."""

    budget: Budget
    room: int
    cells: dict[Index, Typed | None] = field(default_factory=dict)

    def read(self, node: Node) -> Shape:
        if isinstance(node, ListNode):
            return self._listed(node, ())
        if isinstance(node, ScalarNode):
            return self._text(node)
        raise UnreadableError(
            f"numbers belong here, not {kind_of(node)}",
            node.mark,
            "[1, 2] for a vector, [[3, 6], [4, 5]] for a matrix",
        )

    @staticmethod
    def _refuse(check: Callable[[Any], object], what: object, mark: Mark) -> None:
        try:
            check(what)
        except NumberError as error:
            raise _unreadable(error, mark) from None

    # Lists --------------------------------------------------------------------------------------

    def _listed(self, node: ListNode, at: Index) -> Shape:
        items = node.items
        self._make_room(len(items), node.mark)
        self._refuse(refuse_semicolons, node, node.mark)
        if any(isinstance(item, ListNode) for item in items):
            if len(at) >= DEEPEST:
                raise UnreadableError("lists are nested too deeply here", node.mark)
            shapes = [self._inner(item, (*at, row)) for row, item in enumerate(items)]
            return _rectangle(shapes, [item.mark for item in items])
        for column, item in enumerate(items):
            if not isinstance(item, ScalarNode):
                message = f"a number belongs here, not {kind_of(item)}"
                raise UnreadableError(message, item.mark, named_number(item))
            if column and not is_simple(item.text) and is_pair(items[column - 1], item):
                pair = pair_of(items[column - 1], item)
                raise UnreadableError(pair.message, pair.mark, pair.advice)
            self.cells[*at, column] = self._item(item)
        return (len(items),)

    def _inner(self, item: Node, at: Index) -> Shape:
        if isinstance(item, ListNode):
            return self._listed(item, at)
        instead = f"[{item.text}]" if isinstance(item, ScalarNode) else None
        message = f"a row of the matrix belongs here, not {kind_of(item)}"
        raise UnreadableError(message, item.mark, instead)

    def _item(self, item: ScalarNode) -> Typed | None:
        if (simple := _simple(item.text)) is None:
            return self._cell(item.text, item.inside)
        return Typed(item.text, *simple)

    # Text ---------------------------------------------------------------------------------------

    def _text(self, node: ScalarNode) -> Shape:
        text = behind_working(node.text)
        if (plain := without_brackets(in_square_brackets(text))) != text:
            return self._text(replace(node, text=plain))
        if _simple(text) or text.strip() in MISSING:
            self.cells[()] = self._item(node)
            return ()
        self._refuse(refuse_quotes, text, node.mark)
        rows = list(lines_of(node)) or [(text.strip(), node.inside)]
        if len(_relation(text)) > 1:
            rows = [(behind_working(row), mark) for row, mark in rows]
        if len(rows) > 1 or node.style == "block" or ";" in text:
            shapes = [
                self._row(_split(row, mark), mark, (at,)) for at, (row, mark) in enumerate(rows)
            ]
            return _rectangle(shapes, [mark for _, mark in rows])
        line, mark = rows[0]
        if len(words := _split(line, mark)) > 1:
            return self._row(words, mark, ())
        self.cells[()] = self._cell(line, mark)
        return ()

    def _row(self, words: Sequence[tuple[str, int]], mark: Mark, at: Index) -> Shape:
        self._make_room(len(words), mark)
        for column, (word, offset) in enumerate(words):
            place = Mark(mark.line, mark.column + offset)
            self.cells[*at, column] = self._cell(word, place)
        return (len(words),)

    # Entries --------------------------------------------------------------------------------------

    def _make_room(self, count: int, mark: Mark) -> None:
        self.room -= count
        if self.room < 0:
            raise UnreadableError("there are far more entries here than the quantity has", mark)

    def _cell(self, text: str, mark: Mark) -> Typed | None:
        text = without_type(text)
        if (simple := _simple(text)) is not None:
            return Typed(text, *simple)
        if text.strip() in MISSING:
            return None
        self._pay(mark)
        text = behind_working(text)
        try:
            return Typed(text.strip(), _number(text), _unit(text))
        except NumberError as error:
            raise _unreadable(error, mark) from None

    def _pay(self, mark: Mark) -> None:
        self.budget.expressions -= 1
        if self.budget.expressions < 0:
            message = f"more than {MOST_EXPRESSIONS:,} entries of this sheet are not plain decimals"
            raise UnreadableError(message, mark, "decimals, such as 0.6667")


_relation = re.compile(r"(?<![<>!])={1,2}|[≈≅≃→]|->|^\s*~(?=\s*[-+.\d])").split


def behind_working(text: str) -> str:
    """What is stated behind the working: 1.46 of `2 * 0.73 = 1.46`; of several entries all."""
    *working, last = _relation(text)
    apart = any("," in part or ";" in part or "\n" in part for part in working)
    return text if apart or not working or not last.strip() else last.strip()


def _split(text: str, mark: Mark) -> list[tuple[str, int]]:
    try:
        return entries_of(text)
    except NumberError as error:
        raise _unreadable(error, mark) from None


def _unreadable(error: NumberError, mark: Mark) -> UnreadableError:
    place = Mark(mark.line, mark.column + error.offset)
    return UnreadableError(error.message, place, error.instead or _HINT)


def _simple(text: str) -> tuple[float, float | None] | None:
    """Value and unit of a plain decimal; None for anything else."""
    return _decimal(text) if len(text) <= _SHORT else None


@lru_cache(maxsize=16_384)  # a class writes the same numbers again and again
def _decimal(text: str) -> tuple[float, float | None] | None:
    return (float(text), _unit(text)) if is_simple(text) else None


def _unit(text: str) -> float | None:
    """The unit of the last digit typed; None for a fraction or an expression."""
    place = last_place(text)
    return None if place is None else float(f"1e{min(max(place, -_FURTHEST), _FURTHEST)}")


@lru_cache(maxsize=4096)
def _number(text: str) -> float:
    return float("-inf") if is_minus_infinity(text) else read_number(text)


def _rectangle(shapes: Sequence[Shape], marks: Sequence[Mark]) -> Shape:
    """The shape of rows of these shapes; the first that differs from the first row is told."""
    first = shapes[0]
    for number, (shape, mark) in enumerate(zip(shapes, marks, strict=True), 1):
        if shape != first:
            counts = f"row {number} has {_count(shape)}, row 1 has {_count(first)}"
            raise UnreadableError(counts, mark, "rows of one length, _ for a missing entry")
    return (len(shapes), *first)


def _count(shape: Shape) -> str:
    return entries(shape[0]) if len(shape) == 1 else "entries " + " × ".join(map(str, shape))


# Shapes -----------------------------------------------------------------------------------------


def _fitted(written: WrittenCells, expected: Shape) -> WrittenCells:
    """In the shape expected, where only the way of writing it differs; a vector is always flat."""
    if is_other_writing(written.shape, expected):
        return _reshaped(written, expected)
    if len(expected) == 1 and len(_long(written.shape)) <= 1:
        return _reshaped(written, (prod(written.shape),))
    return written


def is_other_writing(shape: Shape, expected: Shape) -> bool:
    """Whether only axes of length 1 differ: (n, 1) and (1, n) for (n,), (1, 1) for a number.

    A matrix with one row stays one, unless it is written flat.
    """
    flat = len(expected) <= 1 or len(shape) <= 1
    return flat and prod(shape) == prod(expected) and _long(shape) == _long(expected)


def _long(shape: Shape) -> list[int]:
    return [size for size in shape if size != 1]


def _reshaped(written: WrittenCells, shape: Shape) -> WrittenCells:
    return WrittenCells(shape, dict(zip(indices(shape), written.cells.values(), strict=True)))


def indices(shape: Shape) -> Iterator[Index]:
    """Every index of an array of this shape, row after row."""
    return product(*map(range, shape))


# Digits -------------------------------------------------------------------------------------------


is_plain = re.compile(r"[+-]?[0-9]*\.?[0-9]*").fullmatch
"""Whether a text is a decimal written out, no power of ten and no formula such as 0-1."""


class Figure(NamedTuple):
    """One number as typed."""

    value: float
    unit: float
    text: str


def digits(text: str) -> int:
    """The significant digits of a number as typed."""
    figures = [c for c in text.lower().split("e")[0] if c.isdigit()]
    return len("".join(figures).lstrip("0"))


def readings(figure: Figure, asked: Unit) -> Iterator[Figure]:
    """A number with the zeros that may have been left out behind it, and as it was typed."""
    text = padded(figure.text, asked)
    if text != figure.text:
        unit = float(asked.at(np.asarray(figure.value)))
        yield Figure(figure.value, min(figure.unit, unit), text)
    yield figure


def padded(text: str, asked: Unit) -> str:
    """A number with the zeros behind it that were left out; only of a plain decimal are any."""
    text = text.replace("\u2212", "-")
    if not is_plain(text):
        return text
    there = digits(text) if asked.significant else len(text.partition(".")[2])
    zeros = "0" * (asked.count - there)
    return f"{text}{'' if '.' in text else '.'}{zeros}" if zeros else text


def exchanged(text: str) -> Iterator[float]:
    """The numbers got by exchanging two neighbouring digits; a 0 in front may have been dropped."""
    text = re.sub(r"^([+-]?)0*(?=[0-9.])", r"\g<1>0", text.replace("\u2212", "-"))
    places = [i for i, c in enumerate(text) if c.isdigit()]
    for first, second in pairwise(places):
        if text[first] != text[second]:
            swapped = list(text)
            swapped[first], swapped[second] = swapped[second], swapped[first]
            try:
                yield float("".join(swapped))
            except ValueError:
                return
