"""A node of the file -> Values: a number, a vector, a matrix or a list of those, as written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from backprop_cli.algebra.shapes import described
from backprop_cli.errors import Complaints, Mark
from backprop_cli.problem.array_files import is_reference, values_beside
from backprop_cli.problem.problem_data import Values
from backprop_cli.problem.text.commas import (
    is_pair,
    pair_of,
    refuse_brackets,
    refuse_latex,
    refuse_quotes,
    refuse_semicolons,
)
from backprop_cli.problem.text.tree import ListNode, MapNode, Node, ScalarNode
from backprop_cli.problem.typed_numbers import (
    NumberError,
    entries_of,
    is_minus_infinity,
    is_simple,
    read_number,
    shown,
    split_row,
)

MOST_BAD_ENTRIES = 10
"""After so many unreadable entries the rest of a matrix is not looked at."""

MOST_EXPRESSIONS = 100_000
"""So many entries of one matrix may be something else than plain decimals."""

_EXAMPLE = "[1, 2] for a vector, [[3, 6], [4, 5]] for a matrix"

_REFUSED = (refuse_quotes, refuse_brackets, refuse_latex)

_MATRIX = 2  # lists in one another
_FEW = 8  # numbers that a hint writes out

Row: TypeAlias = list[float]
Array: TypeAlias = NDArray[np.float64]


def read_values(
    node: Node,
    complaints: Complaints,
    *,
    letters: bool = False,
    deepest: int = 2,
    masks: bool = False,
) -> Values:
    """The numbers of `node`; with `letters`, a name in place of a number leaves that entry free.

    At most `deepest` lists may stand in one another. With `masks`, an entry of a vector or matrix
    may be minus infinity.
    """
    if isinstance(node, MapNode) and is_reference(node):
        return values_beside(node, complaints, deepest)
    return _Reader(complaints, letters, deepest, masks).read(node)


def as_list(node: Node) -> str | None:
    """A few numbers in a list, or behind names of their own, as a list of them is written."""
    values = [each.value for each in node.entries.values()] if isinstance(node, MapNode) else []
    items = node.items if isinstance(node, ListNode) else values
    texts = [each.text for each in items if isinstance(each, ScalarNode) and not each.empty]
    return f"[{', '.join(texts)}]" if 0 < len(items) == len(texts) <= _FEW else None


class _Reader(Struct):
    """Reads one Values; `bad` counts what could not be read, `free` keeps the letters."""

    complaints: Complaints
    letters: bool
    deepest: int = 2
    masks: bool = False
    bad: int = 0
    expressions: int = 0
    free: list[tuple[tuple[int, ...], str]] = field(default_factory=list)

    def read(self, node: Node) -> Values:
        depth = min(_depth(node), self.deepest)
        numbers = self._blocks(node, depth) if depth > _MATRIX else self._array(node)
        if numbers is None or self.bad:
            return Values(None, node.mark)
        return Values(numbers, node.mark, tuple(self.free))

    def _array(self, node: Node) -> Array | None:
        """A number, a vector or a matrix."""
        numbers = self._numbers(node)
        return None if numbers is None or self.bad else np.array(numbers, dtype=np.float64)

    def _blocks(self, node: Node, depth: int) -> Array | None:
        """A list of matrices, or of such lists, of one shape."""
        if not isinstance(node, ListNode):
            self._complain(f"a list belongs here, not {kind_of(node)}", node.mark)
            return None
        found: list[Array] = []
        for place, item in enumerate(node.items):
            before = len(self.free)
            inner = self._block(item, depth - 1)
            if inner is None:
                return None
            self.free[before:] = [((place, *i), letter) for i, letter in self.free[before:]]
            if found and inner.shape != found[0].shape:
                have, want = described(inner.shape), described(found[0].shape)
                message = f"this is {have}, and the first one here is {want}"
                self._complain(message, item.mark, "blocks of one shape")
                return None
            found.append(inner)
        return np.array(found)

    def _block(self, node: Node, depth: int) -> Array | None:
        return self._blocks(node, depth) if depth > _MATRIX else self._array(node)

    def _numbers(self, node: Node) -> float | Row | list[Row] | None:
        if isinstance(node, MapNode):
            instead = as_list(node)
            instead = f"{instead}, without names" if instead else _EXAMPLE
            self._complain(f"numbers belong here, not {kind_of(node)}", node.mark, instead)
            return None
        if isinstance(node, ScalarNode):
            return self._text(node)
        if not node.items:
            self._complain("this list holds no numbers", node.mark, _EXAMPLE)
            return None
        if not any(isinstance(item, ListNode) for item in node.items):
            return self._row(node, ())
        if self._refused(refuse_semicolons, node, node.mark):
            return None
        return self._rectangle([*self._rows(node)], [item.mark for item in node.items])

    def _refused(self, check: Callable[[Any], object], what: object, mark: Mark) -> bool:
        """Whether `check` raises, which is complained about."""
        try:
            check(what)
        except NumberError as error:
            place = Mark(mark.line, mark.column + error.offset)
            self._complain(error.message, place, error.instead)
            return True
        return False

    # Text ---------------------------------------------------------------------------------------

    def _text(self, node: ScalarNode) -> float | Row | list[Row] | None:
        lines = list(lines_of(node))
        if not lines:
            self._complain("a number is missing here", node.mark, _EXAMPLE)
            return None
        if any(self._refused(each, node.text, node.mark) for each in _REFUSED):
            return None
        if len(lines) > 1 or node.style == "block" or ";" in node.text:
            rows = [self._words(text, mark, (row,)) for row, (text, mark) in enumerate(lines)]
            return self._rectangle(rows, [mark for _, mark in lines])
        text, mark = lines[0]
        several = len(split_row(text)) > 1
        return self._words(text, mark, ()) if several else self._entry(text, mark, ())

    def _words(self, text: str, mark: Mark, index: tuple[int, ...]) -> Row:
        words = text.split()
        if all(map(is_simple, words)):
            return [float(word) for word in words]
        row: Row = []
        if self._refused(entries_of, text, mark):
            return row
        for word, offset in entries_of(text):
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
        if self._refused(refuse_semicolons, node, node.mark):
            return []
        return [*self._entries(node, index)]

    def _entries(self, node: ListNode, index: tuple[int, ...]) -> Iterator[float]:
        for column, item in enumerate(node.items):
            if self.bad > MOST_BAD_ENTRIES:
                return
            if isinstance(item, ScalarNode):
                yield self._cell(node, column, item, index)
            else:
                deep = "; a matrix is a list of rows" if index else ""
                message = f"a number belongs here, not {kind_of(item)}{deep}"
                self._complain(message, item.mark, named_number(item))

    def _cell(self, node: ListNode, column: int, item: ScalarNode, index: tuple[int, ...]) -> float:
        before = node.items[column - 1] if column else None
        if before is not None and not is_simple(item.text) and is_pair(before, item):
            pair = pair_of(before, item)
            self._complain(pair.message, pair.mark, pair.advice)
            return float("nan")
        return self._entry(item.text, item.inside, (*index, column))

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
        if self.masks and index and is_minus_infinity(text):
            return float("-inf")
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
        else:
            inner = Mark(mark.line, mark.column + error.offset)
            row = len(index) == 1 and "," in text and len(split_row(text)) > 1
            self._complain(error.message, inner, f"[{error.instead}]" if row else error.instead)
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


def _depth(node: Node) -> int:
    """How many lists stand in one another, as the first of each says."""
    depth = 0
    while isinstance(node, ListNode):
        depth += 1
        if not node.items:
            break
        node = node.items[0]
    return depth


def named_number(node: Node) -> str | None:
    """The number of `x1: 3`, which stands in a list as if it had a name there."""
    values = [entry.value for entry in node.entries.values()] if isinstance(node, MapNode) else []
    one = values[0] if len(values) == 1 else None
    return one.text if isinstance(one, ScalarNode) and is_simple(one.text) else None


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
