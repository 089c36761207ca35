"""The quantities of one sheet, put together from what stands on it line by line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct, field

from backprop_cli.errors import Mark
from backprop_cli.grading.program_names import meant
from backprop_cli.grading.quantities import Quantities, Unknown
from backprop_cli.grading.report_data import Answer, Index, Shape, Typed
from backprop_cli.grading.sheets.cells import Budget, UnreadableError, indices, read_cells
from backprop_cli.problem.ids import Reference
from backprop_cli.problem.text.tree import Node, ScalarNode
from backprop_cli.problem.typed_numbers import printable, shown

MOST_REMARKS: Final = 100
"""So many complaints are kept about one sheet, and so many unknown names are looked up."""

_MORE = "there is more that is not understood, from here on"


class Collector(Struct):
    """Takes a name and its value at a time; `answers()` is what has come together."""

    known: Quantities
    remarks: list[tuple[str, Mark]] = field(default_factory=list)
    budget: Budget = field(default_factory=Budget)
    student: str | None = None
    _whole: dict[str, Answer] = field(default_factory=dict)
    _names: dict[str, ScalarNode] = field(default_factory=dict)
    _parts: dict[str, dict[Index, tuple[Typed, ScalarNode]]] = field(default_factory=dict)

    def remark(self, message: str, mark: Mark, instead: str | None = None) -> None:
        """Notes what spoils nothing else."""
        if len(self.remarks) < MOST_REMARKS:
            self.remarks.append((said(message, instead), mark))
        elif len(self.remarks) == MOST_REMARKS:
            self.remarks.append((_MORE, mark))

    def reference(self, name: ScalarNode) -> Reference | None:
        """The quantity or entry that a name means; None, with a remark, where there is none."""
        text = name.text
        if len(self.remarks) >= MOST_REMARKS and not self.known.is_id(text):
            return None
        found = self.known.named(text)
        if isinstance(found, Unknown):
            near = None if "did you mean" in found.message else meant(text, self.known)
            likely = f"; did you mean `{near.text}`?" if isinstance(near, Reference) else ""
            instead = None if likely else found.instead
            self.remark(found.message + likely, name.mark, instead)
            return None
        return found

    def add(self, name: ScalarNode, value: Node) -> None:
        """A name and what stands behind it, a quantity or an entry of one."""
        if (found := self.reference(name)) is None:
            return
        if found.index is None:
            self.add_whole(found.whole, name, value)
        else:
            self.add_entry(found.whole, found.index, name, value)

    def add_whole(self, id: str, name: ScalarNode, value: Node) -> None:
        """A quantity, all of it in one place."""
        try:
            written = read_cells(value, self.known.shape(id), self.budget)
        except UnreadableError as error:
            self.refuse(id, error, name)
            return
        if written.missing:
            return
        if (before := self._names.get(id)) is not None:
            self._refuse_twice(id, before, name)
            return
        self._names[id] = name
        self._whole[id] = Answer(id, written.shape, written.cells, name.mark)

    def add_entry(self, id: str, index: Index, name: ScalarNode, value: Node) -> None:
        """One entry of a quantity."""
        at = self.known.counted(id, index)
        try:
            if at is None:
                raise self._no_entry(id, index, name)
            written = read_cells(value, (), self.budget)
            if written.shape:
                raise UnreadableError("one number belongs here: this is one entry", value.mark)
        except UnreadableError as error:
            self.refuse(id, error, name)
            return
        if (typed := written.cells[()]) is None:
            return
        parts = self._parts.setdefault(id, {})
        if at in parts:
            self._refuse_twice(id, parts[at][1], name)
        else:
            parts[at] = (typed, name)

    def refuse(self, id: str, error: UnreadableError, name: ScalarNode) -> None:
        """The quantity is invalid, whatever else is said about it."""
        if id in self._whole and self._whole[id].trouble:
            return
        self._names[id] = name
        mark = error.mark if error.mark.line else name.mark
        self._whole[id] = Answer(id, (), {}, mark, said(error.message, error.instead))

    def answers(self) -> Mapping[str, Answer]:
        """Every quantity on the sheet, single entries put in their places."""
        for id, parts in self._parts.items():
            self._join(id, parts)
        return self._whole

    # Single entries -----------------------------------------------------------------------------

    def _join(self, id: str, parts: Mapping[Index, tuple[Typed, ScalarNode]]) -> None:
        first = next(iter(parts.values()))[1]
        whole = self._whole.get(id)
        shape = self.known.shape(id)
        if whole is None:
            whole = Answer(id, shape, dict.fromkeys(indices(shape)), first.mark)
        elif whole.trouble is not None:
            return
        elif whole.shape != shape:
            message = f"{shown(first.text)} has no place in {id} as it is written here"
            self.remark(message, first.mark)
            return
        for at, (_, name) in parts.items():
            if whole.cells[at] is not None:
                self._refuse_twice(id, self._names[id], name)
                return
        typed = {at: cell for at, (cell, _) in parts.items()}
        self._whole[id] = Answer(id, shape, {**whole.cells, **typed}, whole.mark)

    def _no_entry(self, id: str, index: Index, name: ScalarNode) -> UnreadableError:
        shape = self.known.shape(id)
        numbers = ", ".join(map(str, index))
        message = f"{id} is {in_words(shape)} and has no entry [{numbers}]"
        first, last = self.known.first_and_last(id)
        return UnreadableError(message, name.mark, f"{first} to {last}" if shape else id)

    def _refuse_twice(self, id: str, before: ScalarNode, name: ScalarNode) -> None:
        place = f"line {before.line}, column {before.column}"
        if before.text == name.text:
            message = f"{shown(name.text)} is given twice: on {place} and here"
        else:
            message = f"{shown(name.text)} is given already, as {shown(before.text)} on {place}"
        self.refuse(id, UnreadableError(message, name.mark, "one of the two"), name)


def in_words(shape: Shape) -> str:
    """A shape as a student reads it: a number, a vector of 3, 2 × 3."""
    if len(shape) == 1:
        return f"a vector of {shape[0]}"
    return " × ".join(map(str, shape)) or "a number"


INSTEAD = "; instead: "
"""Between what is wrong with a line of a sheet and what to write there."""


def said(message: str, instead: str | None) -> str:
    """A complaint in one line."""
    if not instead:
        return printable(message)
    return printable(f"{message}{INSTEAD}{instead}")
