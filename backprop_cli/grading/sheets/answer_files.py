"""The bytes of an answer file (YAML, JSON, CSV, xlsx) -> a sheet: answers as typed, or why not;
of a text that is no YAML what is left without the lines that break it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Final

from backprop_cli.errors import Complaint, Complaints, Mark
from backprop_cli.grading.quantities import Quantities
from backprop_cli.grading.report_data import Sheet
from backprop_cli.grading.sheets.assembled import MOST_REMARKS, Collector, said, without_dashes
from backprop_cli.grading.sheets.broken_text import Salvaged, salvaged, with_colons
from backprop_cli.grading.sheets.cells import MISSING, UnreadableError
from backprop_cli.grading.sheets.plain_sheet import PlainReader, plain_tree
from backprop_cli.grading.sheets.spreadsheets import (
    DATE,
    WORKBOOK,
    WorkbookError,
    cells_of,
    read_rows,
    said_together,
    take_rows,
)
from backprop_cli.problem.arrays import kind_of
from backprop_cli.problem.ids import Reference
from backprop_cli.problem.text.tree import (
    Entry,
    ListNode,
    MapNode,
    Node,
    ScalarNode,
    read_text,
    tree_of,
)
from backprop_cli.problem.typed_numbers import printable, shown

MAX_SHEET: Final = 2_000_000
"""The largest answer file that is read, in bytes."""

AS_TEXT: Final = ".txt"
"""What editors put behind the name of a sheet."""
_FRACTION = "=1/2 for a fraction, or ' before it"
_ONE_ARRAY: Final = b"\x93NUMPY"
LONGEST_STUDENT: Final = 400
"""Characters: those of a group have their names on one sheet."""
NO_ANSWERS: Final = "there are no `answers` in this file"
A_PROBLEM: Final = "this is a problem file, and not an answer sheet"
_OF_PROBLEMS: Final = frozenset(("layers", "equations"))
_FORM = "answers: and below it, indented, a line for each quantity, such as Z1: [4, 0]"


class Reader:
    """Reads the answer files of one problem; nothing in one stops the reading of anything else."""

    def __init__(self, known: Quantities) -> None:
        self.known = known
        self._plain = PlainReader(known)

    def sheet(self, data: bytes, file: str) -> Sheet:
        """What stands in an answer file."""
        if file.casefold().endswith(WORKBOOK):
            return _from_workbook(data, file, self.known)
        if data.startswith(_ONE_ARRAY):
            message = "an .npy file is one array, and its name is not in it"
            return _unusable(file, Complaint(message, instead='numpy.savez("mine.npz", dW1=dW1)'))
        complaints = Complaints()
        is_table = file.casefold().endswith(".csv")
        text = _text(data, complaints, of_windows=is_table)
        if text is None:
            return _unusable(file, complaints.found[-1])
        if is_table:
            return _from_rows(text, file, self.known)
        plain = self._plain.read(text)
        if plain is None:
            return _from_text(text, file, self.known, complaints)
        return Sheet(_clean(plain.student) or stem(file), printable(file), plain.answers)


def unusable(file: str, message: str) -> Sheet:
    """The sheet of a file that cannot be read at all."""
    return Sheet(stem(file), printable(file), error=printable(message))


def stem(file: str) -> str:
    """Whose sheet it is, where it does not say so: the file's name without its ending."""
    name = os.path.basename(file)  # noqa: PTH119  # of a hundred thousand files
    if name.casefold().endswith(AS_TEXT):
        name = re.sub(r"(?i)(\.(ya?ml|json|csv))?\.txt$", ".txt", name)
    dot = name.rfind(".")
    return _clean(name[:dot] if 0 < dot < len(name) - 1 else name) or "?"


def _text(data: bytes, complaints: Complaints, *, of_windows: bool) -> str | None:
    if len(data) <= MAX_SHEET:
        return read_text(data, complaints, of_windows=of_windows)
    complaints.add(_too_large().message)
    return None


def _too_large() -> Complaint:
    size = MAX_SHEET // 1_000_000
    return Complaint(f"the file is too large for an answer sheet: at most {size} MB are read")


def _unusable(file: str, complaint: Complaint) -> Sheet:
    message = said(complaint.message, complaint.instead)
    mark = complaint.mark if complaint.mark.line else None
    return Sheet(stem(file), printable(file), error=message, error_mark=mark)


def _sheet(file: str, student: str | None, collector: Collector) -> Sheet:
    return Sheet(
        student or stem(file),
        printable(file),
        collector.answers(),
        tuple(sorted(collector.remarks, key=lambda remark: remark[1])),
    )


def _clean(text: str) -> str:
    """A name as it may be shown anywhere: one line, nothing invisible, not too long."""
    flat = " ".join(text[: 4 * LONGEST_STUDENT].split())
    cut = flat if len(flat) <= LONGEST_STUDENT else flat[: LONGEST_STUDENT - 1] + "…"
    return printable(cut)


# From rows, or from a tree ----------------------------------------------------------------------


def _from_rows(text: str, file: str, known: Quantities) -> Sheet:
    collector = Collector(known)
    if (problem := read_rows(text, collector)) is not None:
        return _unusable(file, problem)
    return _sheet(file, _clean(collector.student or "") or None, collector)


def _from_workbook(data: bytes, file: str, known: Quantities) -> Sheet:
    collector = Collector(known)
    try:
        rows = cells_of(data) if len(data) <= MAX_SHEET else None
    except WorkbookError as error:
        return _unusable(file, Complaint(error.message, instead=error.instead))
    if rows is None:
        return _unusable(file, _too_large())
    if not rows:
        return _unusable(file, Complaint("there is nothing in this workbook"))
    if (problem := take_rows(rows, collector)) is not None:
        return _unusable(file, problem)
    for cell in (cell for row in rows for cell in row[1:] if cell.text == DATE):
        collector.remark("Excel took what was typed here for a date", cell.mark, _FRACTION)
    return _sheet(file, _clean(collector.student or "") or None, collector)


def _from_text(text: str, file: str, known: Quantities, complaints: Complaints) -> Sheet:
    text, first = with_colons(text, known)
    told = Complaints()
    if first:
        told.add("`=` is read as the colon that stands behind a name", Mark(first, 1))
    root = plain_tree(text) or tree_of(text, complaints)
    if root is not None:
        return _from_tree(root, file, known, Complaints(told.found + complaints.found))
    rest = salvaged(text)
    if rest is None:
        return _unusable(file, complaints.found[-1])
    return _from_tree(rest.root, file, known, told, rest)


def _from_tree(
    root: Node,
    file: str,
    known: Quantities,
    complaints: Complaints,
    rest: Salvaged | None = None,
) -> Sheet:
    if not isinstance(root, MapNode):
        what = f"this is {kind_of(root)}, and not an answer sheet"
        return _unusable(file, Complaint(what, root.mark, _FORM))
    collector = Collector(known)
    student: str | None = None
    blocks: list[Entry] = []
    root = collector.with_heading(root, _OF_PROBLEMS)
    for entry in (*root.entries.values(), *root.again):
        match entry.key.text.strip().casefold():
            case "answers":
                blocks.append(entry)
            case "student" | "students":
                student = student or _student(entry.value, collector)
            case _:
                _unknown_key(entry.key, known, collector)
    if not blocks:
        message = A_PROBLEM if _OF_PROBLEMS & root.entries.keys() else NO_ANSWERS
        return _unusable(file, Complaint(message, root.mark, _FORM))
    for block in blocks:
        if (problem := _read_block(block, collector, complaints, rest)) is not None:
            return _unusable(file, problem)
    if rest is not None:
        _add_broken(rest, collector)
    for complaint in complaints.found:
        collector.remark(complaint.message, complaint.mark, complaint.instead)
    return _sheet(file, student, collector)


def _add_broken(rest: Salvaged, collector: Collector) -> None:
    """Tells the lines that had to be left out: each at its quantity where it names one."""
    for complaint in rest.mended:
        collector.remark(complaint.message, complaint.mark, complaint.instead)
    for each in rest.broken:
        named, why = collector.known.named(each.name.text), each.complaint
        if isinstance(named, Reference):
            error = UnreadableError(why.message, why.mark, why.instead)
            collector.refuse(named.whole, error, each.name)
        else:
            collector.remark(why.message, why.mark, why.instead)


def _student(value: Node, collector: Collector) -> str | None:
    """Whose sheet it is: one name, or several behind one another or in a list."""
    names = value.items if isinstance(value, ListNode) else [value]
    texts = [name.text for name in names if isinstance(name, ScalarNode)]
    if len(texts) == len(names):
        return _clean(said_together(texts)) or None
    collector.remark(f"a name belongs here, not {kind_of(value)}", value.mark)
    return None


def _unknown_key(key: ScalarNode, known: Quantities, collector: Collector) -> None:
    text = key.text
    if len(collector.remarks) >= MOST_REMARKS and not known.is_id(text):
        return
    if isinstance(known.named(text), Reference):
        message = f"{shown(text)} does not belong to `answers` here, and is not graded"
        collector.remark(message, key.mark, "the same line, indented, below `answers:`")
        return
    near = get_close_matches(text[:LONGEST_STUDENT], ("student", "answers"), 1)
    hint = near[0] if near else "student or answers"
    collector.remark(f"{shown(text)} is no key of an answer sheet", key.mark, hint)


def _read_block(
    block: Entry, collector: Collector, complaints: Complaints, rest: Salvaged | None
) -> Complaint | None:
    """Reads what stands under `answers`; a complaint where that is no mapping at all."""
    value = block.value
    if isinstance(value, ScalarNode) and value.text.strip() in MISSING:
        if rest is None or not rest.broken:  # else it was left out, and is told line by line
            collector.remark("there are no answers below `answers`", block.key.mark)
        return None
    answers = without_dashes(value)
    if answers is None:
        message = f"names with their values belong below `answers`, not {kind_of(value)}"
        return Complaint(message, value.mark, _FORM)
    if complaints.found:
        _lay_blame(answers, collector, complaints)
    collector.add_all(answers)
    return None


def _lay_blame(answers: MapNode, collector: Collector, complaints: Complaints) -> None:
    """What the file's reader complains of inside an answer makes that answer invalid."""
    told = {entry.key.mark for entry in answers.again}  # said of the quantity itself
    found = {c.mark: c for c in complaints.found if c.mark not in told}
    for entry in (*answers.entries.values(), *answers.again):
        bad = next((mark for mark in _marks(entry.value) if mark in found), None)
        named = collector.known.named(entry.key.text) if bad is not None else None
        if bad is not None and isinstance(named, Reference):
            why = found.pop(bad)
            error = UnreadableError(why.message, why.mark, why.instead)
            collector.refuse(named.whole, error, entry.key)
    complaints.found = list(found.values())


def _marks(root: Node) -> Iterator[Mark]:
    """Where every part of a value begins, each once, however often aliases repeat it."""
    stack, seen = [root], {id(root)}
    while stack:
        node = stack.pop()
        yield node.mark
        inner: list[Node] = []
        if isinstance(node, ListNode):
            inner = node.items
        elif isinstance(node, MapNode):
            entries = (*node.entries.values(), *node.again)
            inner = [part for entry in entries for part in (entry.key, entry.value)]
        stack += [part for part in inner if id(part) not in seen]
        seen.update(map(id, inner))
