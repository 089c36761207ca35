"""The text of a sheet that is no YAML -> what is left of it, its lines mended or left out.

Whoever writes `Z1 = 0.3` means `Z1: 0.3`.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from backprop_cli.errors import Complaint, Complaints
from backprop_cli.grading.quantities import Quantities
from backprop_cli.problem.ids import Reference
from backprop_cli.problem.text.tree import MapNode, Node, ScalarNode, split_lines, tree_of
from backprop_cli.problem.text.yaml_errors import Slip, slips

_separator = re.compile(r"[=≈]|:(?=\s)").search
_word = re.compile(r"[^\W\d][\w/]*").fullmatch


def with_colons(text: str, known: Quantities) -> tuple[str, int]:
    """The text with a colon where `=` stands behind a name, and the first such line.

    Without a quantity before an `=` it stays as it is, and the first is 0. Else no entry keeps its
    dash: some have one, or all.
    """
    if "=" not in text and "≈" not in text:
        return text, 0
    lines = split_lines(text)
    first = 0
    for number, line in enumerate(lines, 1):
        found = _separator(line)
        if found is None or (entry := _Entry.of(line, found.start())) is None:
            continue
        is_known = isinstance(known.named(entry.name), Reference)
        if is_known or _word(entry.name):
            lines[number - 1] = f"{entry.indent}{entry.name}: {entry.value}"
            first = first or number * (is_known and found[0] != ":")
    return ("\n".join(lines), first) if first else (text, 0)


class _Entry(Struct, frozen=True):
    """What stands before and behind an `=` or a colon, without the dash before it."""

    indent: str
    name: str
    value: str

    @classmethod
    def of(cls, line: str, place: int) -> _Entry | None:
        """The parts of a line; None where there is no name, or `==`."""
        before, value = line[:place].removesuffix(":"), line[place + 1 :].strip()
        name = before.strip()
        name = name[1:].strip() if name[:2] in ("- ", "* ") else name
        return cls(before[: _indent(before)], name, value) if name and value[:1] != "=" else None


MOST_BROKEN: Final = 20
"""So often a sheet is read again without a line of it."""
LARGEST: Final = 100_000
"""A longer sheet, in characters, is not read again."""

_heading = re.compile(r"(answers|student)\b", re.IGNORECASE).match
_student_line = re.compile(r"(students?\s*:\s+)(\S.*?)\s*(\s#.*)?", re.IGNORECASE).fullmatch
_name = re.compile(r"\s*([^\s:=\[{][^\s:=]*)").match


class Broken(Struct, frozen=True):
    """A line that is left out: the name at its beginning, and what is wrong with it."""

    name: ScalarNode
    complaint: Complaint


class Salvaged(Struct, frozen=True):
    """What could be read, what was left out for it, and what was mended by the way."""

    root: Node
    broken: list[Broken]
    mended: list[Complaint]


def salvaged(text: str) -> Salvaged | None:
    """The sheet without the lines that break it; None where there is no such sheet.

    Headings, the student's name and indentation, which hold no answer, are mended; a line with an
    answer is left out, with what is below it.
    """
    if len(text) > LARGEST:
        return None
    lines = [_with_quoted_name(line) for line in split_lines(text)]
    mended: list[Complaint] = []
    broken: list[Broken] = []
    for slip in slips(lines):
        if _holds_no_answer(slip, lines):
            lines[slip.line - 1] = slip.mended
            mended.append(slip.complaint)
    for _ in range(MOST_BROKEN):
        complaints = Complaints()
        root = tree_of("\n".join(lines), complaints)
        if root is not None:
            return Salvaged(root, broken, mended) if _is_sheet(root) else None
        found = [_broken(complaint, lines) for complaint in complaints.found[:MOST_BROKEN]]
        if any(each is None for each in found):
            return None
        for each in found:
            assert each is not None
            broken.append(each)
            _leave_out(lines, each.name.line)
    return None


def _with_quoted_name(line: str) -> str:
    """The line with the student's name in quotes, which `Ann: 12` and `@ann` need."""
    found = _student_line(line)
    if found is None or isinstance(tree_of(line, Complaints()), MapNode):
        return line
    quoted = found[2].replace("'", "''")
    return f"{found[1]}'{quoted}'"


def _holds_no_answer(slip: Slip, lines: list[str]) -> bool:
    line = lines[slip.line - 1]
    return "\t" in line[: _indent(line)] or bool(_heading(line.strip()))


def _broken(complaint: Complaint, lines: list[str]) -> Broken | None:
    """The line that a complaint is about; None where nothing is known of it, or it is a heading."""
    number = _owner(complaint.mark.line, lines)
    match = _name(lines[number - 1]) if number else None
    if match is None or _heading(match[1]):
        return None
    return Broken(ScalarNode(match[1], "plain", number, match.start(1) + 1), complaint)


def _owner(number: int, lines: list[str]) -> int:
    """The line with the name of the quantity that a line is a row of; 0 where there is none."""
    number = min(number, len(lines))
    while number and lines[number - 1].lstrip()[:1] in ("", "-", "[", "]"):
        number -= 1
    return number


def _leave_out(lines: list[str], number: int) -> None:
    """Empties a line, and those that are indented further below it."""
    indent = _indent(lines[number - 1])
    lines[number - 1] = ""
    for position in range(number, len(lines)):
        if lines[position].strip() and _indent(lines[position]) <= indent:
            return
        lines[position] = ""


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _is_sheet(root: Node) -> bool:
    return isinstance(root, MapNode) and any(
        name.strip().casefold() == "answers" for name in root.entries
    )
