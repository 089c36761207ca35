"""The quantities of one sheet, put together from what stands on it line by line."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from backprop_cli.algebra.quantity import typed_derivative
from backprop_cli.errors import Mark
from backprop_cli.grading.program_names import meant
from backprop_cli.grading.quantities import Quantities, Unknown
from backprop_cli.grading.report_data import Answer, Index, Shape, Typed
from backprop_cli.grading.sheets.cells import Budget, UnreadableError, indices, read_cells
from backprop_cli.problem.ids import Reference, plain_spelling
from backprop_cli.problem.text.tree import Entry, ListNode, MapNode, Node, ScalarNode
from backprop_cli.problem.typed_numbers import printable, shown

MOST_REMARKS: Final = 100
"""So many complaints are kept about one sheet, and so many unknown names are looked up."""

_ANYTHING: Final = frozenset("ecj")
"""Letters that may be a loss, and on paper are an error, a candidate or a number as well."""
_LAYER = re.compile(r"(?:layer|l)[ _-]?(\d{1,3})", re.IGNORECASE).fullmatch
_MORE = "there is more that is not understood, from here on"


def without_dashes(node: Node) -> MapNode | None:
    """Names with their values, also where each stands behind a dash; None of anything else."""
    if isinstance(node, MapNode):
        return node
    items = node.items if isinstance(node, ListNode) else []
    mappings = [item for item in items if isinstance(item, MapNode)]
    if not mappings or len(mappings) < len(items):
        return None
    found = MapNode(node.line, node.column)
    for entry in (entry for each in mappings for entry in (*each.entries.values(), *each.again)):
        if entry.key.text in found.entries:
            found.again.append(entry)
        else:
            found.entries[entry.key.text] = entry
    return found


class Collector(Struct):
    """Takes a name and its value at a time; `answers()` is what has come together."""

    known: Quantities
    remarks: list[tuple[str, Mark]] = field(default_factory=list)
    budget: Budget = field(default_factory=Budget)
    student: str | None = None
    _unknown: set[str] = field(default_factory=set)
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

    def add_all(self, answers: MapNode) -> None:
        """What stands below `answers`: names with their values, some of them in sections."""
        lines: list[tuple[ScalarNode, Node]] = []
        for entry in (*answers.entries.values(), *answers.again):
            lines += self.section(entry) or [(entry.key, entry.value)]
        named = (self._named(name.text) for name, _ in lines)
        taken = {each.whole for each in named if each is not None}
        for name, value in lines:
            other = self._by_other_name(name, taken)
            if other is None:
                self.add(name, value)
            else:
                self._put(other, name, value)

    def _by_other_name(self, name: ScalarNode, taken: set[str]) -> Reference | None:
        """What a name of programs means where nothing else on the sheet is that quantity."""
        found = self._in_programs(name.text)
        if found is None or found.whole in taken or len(self.remarks) >= MOST_REMARKS:
            return None
        if found.index is None:
            taken.add(found.whole)
        self.remark(f"{shown(name.text)} is read as {found.text}", name.mark)
        return found

    def _in_programs(self, text: str) -> Reference | None:
        """What a name is in programs alone, such as A1 for H1; no loss, and nothing that is given.

        On paper an error is also that of an output.
        """
        if len(self._unknown) >= MOST_REMARKS or self._named(text) is not None:
            return None
        text = plain_spelling(text)
        found, pair = meant(text, self.known), typed_derivative(text)
        if not isinstance(found, Reference) or (pair and pair[0] in _ANYTHING):
            return None
        of_others = self.known.is_given(found.whole) or self.known.is_loss(found.whole)
        return None if of_others else found

    def section(self, entry: Entry) -> list[tuple[ScalarNode, Node]] | None:
        """What stands below a heading of one's own, such as `forward` or `layer 1`: z is Z1 there.

        None where it is no heading: a quantity, or one with no quantity below it.
        """
        if not isinstance(entry.value, MapNode) or self._named(entry.key.text) is not None:
            return None
        inside = [
            (replace(each.key, text=self._below(entry.key.text, each.key.text)), each.value)
            for each in (*entry.value.entries.values(), *entry.value.again)
        ]
        return inside if any(self._named(name.text) for name, _ in inside) else None

    def _below(self, heading: str, name: str) -> str:
        """A name below a heading, as it would be without one: W1 below `gradients` is dL/dW1."""
        layer = _LAYER(heading.strip())
        if len(self._unknown) >= MOST_REMARKS or (layer is None and self._named(name) is None):
            return name
        whole = f"{name}{layer[1]}" if layer else f"{heading}/{name}"
        found = meant(whole, self.known)
        if isinstance(found, Reference):
            return found.text
        self._unknown.add(whole)
        return name

    def with_heading(self, root: MapNode, of_others: Set[str]) -> MapNode:
        """The sheet with `answers` above the answers, which some leave out.

        With a key `of_others` it is no sheet.
        """
        headings = {text.strip().casefold() for text in root.entries}
        if "answers" in headings or of_others & headings:
            return root
        if not any(map(self._is_answer, root.entries.values())):
            return root
        below = {
            name: entry
            for name, entry in root.entries.items()
            if self._is_answer(entry) or self._in_programs(name) is not None
        }
        first = next(iter(below.values())).key
        self.remark("`answers:` is missing above these lines, which are graded", first.mark)
        again = [entry for entry in root.again if entry.key.text in below]
        answers = Entry(
            replace(first, text="answers"), MapNode(first.line, first.column, below, again)
        )
        others = {name: each for name, each in root.entries.items() if name not in below}
        return MapNode(root.line, root.column, {**others, "answers": answers})

    def _is_answer(self, entry: Entry) -> bool:
        return self._named(entry.key.text) is not None or self.section(entry) is not None

    def is_name(self, text: str) -> bool:
        """Whether a quantity, or an entry of one, is called so."""
        return self._named(text) is not None

    def _named(self, text: str) -> Reference | None:
        """What is called so; no more than so many names that there are not are looked up."""
        if len(self._unknown) >= MOST_REMARKS and not self.known.is_id(text):
            return None
        found = self.known.named(text)
        if isinstance(found, Reference):
            return found
        self._unknown.add(text)
        return None

    def add(self, name: ScalarNode, value: Node) -> None:
        """A name and what stands behind it, a quantity or an entry of one."""
        if (found := self.reference(name)) is not None:
            self._put(found, name, value)

    def _put(self, found: Reference, name: ScalarNode, value: Node) -> None:
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
        """One entry of a quantity, or a row of them."""
        try:
            start, inside = self._begins(id, index, name)
            written = read_cells(value, inside, self.budget)
            if written.shape != inside:
                what = f"a row, {in_words(inside)}" if inside else "one entry"
                some = "numbers belong" if inside else "one number belongs"
                raise UnreadableError(f"{some} here: this is {what}", value.mark)
        except UnreadableError as error:
            self.refuse(id, error, name)
            return
        for at, typed in written.cells.items():
            if typed is not None:
                self._add_part(id, (*start, *at), typed, name)

    def _begins(self, id: str, index: Index, name: ScalarNode) -> tuple[Index, Shape]:
        """The entry, or the row of entries, at an index: its place, and its shape."""
        if (at := self.known.counted(id, index)) is not None:
            return at, ()
        inside = self.known.shape(id)[len(index) :]
        first = self.known.counted(id, (*index, *self.known.bases(id)[len(index) :]))
        if first is None or not inside:
            raise self._no_entry(id, index, name)
        return first[: len(index)], inside

    def _add_part(self, id: str, at: Index, typed: Typed, name: ScalarNode) -> None:
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
        place = f"line {before.line}, column {before.column}" if before.line else ""
        if before.text == name.text:
            message = f"{shown(name.text)} is given twice" + (place and f": on {place} and here")
        else:
            message = f"{shown(name.text)} is given already, as {shown(before.text)}"
            message += place and f" on {place}"
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
