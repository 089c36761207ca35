"""The text of a sheet that is no YAML -> what is left of it without the lines that break it."""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from backprop_cli.errors import Complaint, Complaints
from backprop_cli.problem.text.tree import MapNode, Node, ScalarNode, split_lines, tree_of
from backprop_cli.problem.text.yaml_errors import Slip, slips

MOST_BROKEN: Final = 20
"""So often a sheet is read again without a line of it."""
LARGEST: Final = 100_000
"""A longer sheet, in characters, is not read again."""

_heading = re.compile(r"(answers|student)\b", re.IGNORECASE).match
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

    Headings and indentation, which hold no answer, are mended; a line with an answer is left out,
    with what is below it.
    """
    if len(text) > LARGEST:
        return None
    lines = split_lines(text)
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


def _holds_no_answer(slip: Slip, lines: list[str]) -> bool:
    line = lines[slip.line - 1]
    return line[: len(line) - len(line.lstrip())].count("\t") > 0 or bool(_heading(line.strip()))


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
