"""A node of the file -> Values: a number, a vector or a matrix, however it was written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from msgspec import Struct, field

from backprop_cli.errors import Complaints, Mark
from backprop_cli.numbers import NumberError, is_simple, read_number, shown
from backprop_cli.problem.data import Values
from backprop_cli.problem.tree import ListNode, MapNode, Node, ScalarNode

MOST_BAD_ENTRIES = 10
"""After so many unreadable entries the rest of a matrix is not looked at."""

MOST_EXPRESSIONS = 100_000
"""So many entries of one matrix may be something else than plain decimals."""

_OPERATORS = ("+", "-", "*", "/", "^", "**", "−")
_EXAMPLE = "[1, 2] for a vector, [[3, 6], [4, 5]] for a matrix"
_WORDS = r"[^\s(),]*(?:\([^()]*(?:\([^()]*\)[^()]*)*\)[^\s(),]*)+|[^\s,]+(?:,[^\s,]+)*"

Row: TypeAlias = list[float]


def read_values(node: Node, complaints: Complaints, *, letters: bool = False) -> Values:
    """The numbers of `node`; with `letters`, a name in place of a number leaves that entry free."""
    return _Reader(complaints, letters).read(node)


def split_row(text: str) -> list[tuple[str, int]]:
    """The entries of a row written as text, each with its offset; spaces in parentheses stay."""
    return [(match[0], match.start()) for match in re.finditer(_WORDS, text)]


class _Reader(Struct):
    """Reads one Values; `bad` counts what could not be read, `free` keeps the letters."""

    complaints: Complaints
    letters: bool
    bad: int = 0
    expressions: int = 0
    free: list[tuple[tuple[int, ...], str]] = field(default_factory=list)

    def read(self, node: Node) -> Values:
        numbers = self._numbers(node)
        if numbers is None or self.bad:
            return Values(None, node.mark)
        return Values(np.array(numbers, dtype=np.float64), node.mark, tuple(self.free))

    def _numbers(self, node: Node) -> float | Row | list[Row] | None:
        if isinstance(node, MapNode):
            self._complain(f"numbers belong here, not {kind_of(node)}", node.mark, _EXAMPLE)
            return None
        if isinstance(node, ScalarNode):
            return self._text(node)
        if not node.items:
            self._complain("this list holds no numbers", node.mark, _EXAMPLE)
            return None
        if any(isinstance(item, ListNode) for item in node.items):
            return self._rectangle([*self._rows(node)], [item.mark for item in node.items])
        return self._row(node, ())

    # Text ---------------------------------------------------------------------------------------

    def _text(self, node: ScalarNode) -> float | Row | list[Row] | None:
        lines = list(lines_of(node))
        if not lines:
            self._complain("a number is missing here", node.mark, _EXAMPLE)
            return None
        if len(lines) > 1 or node.style == "block" or ";" in node.text:
            rows = [self._words(text, mark, (row,)) for row, (text, mark) in enumerate(lines)]
            return self._rectangle(rows, [mark for _, mark in lines])
        text, mark = lines[0]
        words = split_row(text)
        return self._words(text, mark, ()) if len(words) > 1 else self._entry(text, mark, ())

    def _words(self, text: str, mark: Mark, index: tuple[int, ...]) -> Row:
        words = text.split()
        if all(map(is_simple, words)):
            return [float(word) for word in words]
        row: Row = []
        for word, offset in split_row(text):
            if self.bad > MOST_BAD_ENTRIES:
                break
            place = Mark(mark.line, mark.column + offset)
            row.append(self._entry(word, place, (*index, len(row))))
        return row

    # Lists --------------------------------------------------------------------------------------

    def _rows(self, node: ListNode) -> Iterator[Row]:
        for row, item in enumerate(node.items):
            if self.bad > MOST_BAD_ENTRIES:
                return
            if isinstance(item, ListNode):
                yield self._row(item, (row,))
            else:
                message = f"a row of the matrix belongs here, not {kind_of(item)}"
                instead = f"[{item.text}]" if isinstance(item, ScalarNode) else None
                self._complain(message, item.mark, instead)

    def _row(self, node: ListNode, index: tuple[int, ...]) -> Row:
        texts = [item.text if isinstance(item, ScalarNode) else "" for item in node.items]
        if texts and all(map(is_simple, texts)):
            return [float(text) for text in texts]
        return [*self._entries(node, index)]

    def _entries(self, node: ListNode, index: tuple[int, ...]) -> Iterator[float]:
        for column, item in enumerate(node.items):
            if self.bad > MOST_BAD_ENTRIES:
                return
            if isinstance(item, ScalarNode):
                yield self._entry(item.text, item.inside, (*index, column))
            else:
                deep = "; a matrix is a list of rows" if index else ""
                self._complain(f"a number belongs here, not {kind_of(item)}{deep}", item.mark)

    # What both come to --------------------------------------------------------------------------

    def _rectangle(self, rows: list[Row], marks: list[Mark]) -> list[Row] | None:
        """The rows, if all are equally long; the first that is not is complained about."""
        if self.bad:
            return None
        for number, (row, mark) in enumerate(zip(rows, marks, strict=True), 1):
            if not row:
                self._complain(f"row {number} is empty", mark)
                return None
            if len(row) != len(rows[0]):
                message = f"row {number} has {entries(len(row))}, row 1 has {entries(len(rows[0]))}"
                self._complain(message, mark, "rows of one length")
                return None
        return rows

    def _entry(self, text: str, mark: Mark, index: tuple[int, ...]) -> float:
        if is_simple(text):
            return float(text)
        if text in _OPERATORS:
            message = f"`{text}` stands alone: there are no spaces inside an entry"
            self._complain(message, mark, f"1{text}2")
            return float("nan")
        self.expressions += 1
        if self.expressions > MOST_EXPRESSIONS:
            return self._too_many(mark)
        try:
            return read_number(text)
        except NumberError as error:
            return self._letter(text, error, mark, index)

    def _letter(self, text: str, error: NumberError, mark: Mark, index: tuple[int, ...]) -> float:
        """An entry that is no number: a letter, where letters may stand, else a complaint."""
        if error.letter and self.letters:
            self.free.append((index, text.strip()))
        elif error.letter:
            self._complain(error.message, mark, "a number; letters stand in `x`, or in `values`")
        elif len(words := text.split()) > 1 and all(map(is_simple, words)):
            message = f"{shown(text)} is more than one number: a comma is missing"
            self._complain(message, mark, ", ".join(words))
        else:
            inner = Mark(mark.line, mark.column + error.offset)
            self._complain(error.message, inner, error.instead)
        return float("nan")

    def _too_many(self, mark: Mark) -> float:
        if self.expressions == MOST_EXPRESSIONS + 1:
            message = f"more than {MOST_EXPRESSIONS:,} entries here are not plain decimals"
            self._complain(message, mark, "decimals, such as 0.6667")
        return float("nan")

    def _complain(self, message: str, mark: Mark, instead: str | None = None) -> None:
        self.bad += 1
        if self.bad <= MOST_BAD_ENTRIES:
            self.complaints.add(message, mark, instead)
        elif self.bad == MOST_BAD_ENTRIES + 1:
            self.complaints.add("there are more unreadable entries after this one", mark)


def kind_of(node: Node) -> str:
    """What stands there, in words."""
    if isinstance(node, ListNode):
        return "a list"
    if isinstance(node, MapNode):
        return "a mapping (`key: value`)"
    return "nothing" if node.empty else shown(node.text)


def entries(count: int) -> str:
    """`count` entries, in words."""
    return f"{count} {'entry' if count == 1 else 'entries'}"


def lines_of(node: ScalarNode) -> Iterator[tuple[str, Mark]]:
    """The rows of a text, between line breaks and semicolons, each with its place."""
    line, column = node.inside.line, node.inside.column
    for text in node.text.split("\n"):
        start = 0
        for part in text.split(";"):
            indent = len(part) - len(part.lstrip())
            if part.strip():
                yield part.strip(), Mark(line, column + start + indent)
            start += len(part) + 1
        line += node.style == "block"
