"""The bytes of a class list (CSV, xlsx), as a platform exports it -> its students in order,
and by every name that each goes by, with platforms and on sheets."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from backprop_cli.errors import Complaint, Complaints, Mark, UserError, refusal
from backprop_cli.grading.sheets.class_tables import (
    FIRST,
    LAST,
    PEOPLE,
    Row,
    columns_of_students,
    csv_rows,
    folded,
    tells_apart,
)
from backprop_cli.grading.sheets.spreadsheets import WORKBOOK, WorkbookError, cells_of
from backprop_cli.problem.problem_file import Source, read_source
from backprop_cli.problem.text.tree import read_text
from backprop_cli.problem.typed_numbers import printable, shown

MOST_STUDENTS: Final = 20_000
_NO_LISTS: Final = (".yaml", ".yml", ".json", ".zip", ".npz", ".pdf")


class Student(Struct, frozen=True):
    """One row of the list: what tells the student apart, and all cells as they stand there."""

    id: str
    cells: tuple[str, ...]


class Roster(Struct, frozen=True):
    """A class list: the headings of its columns, and its students in order."""

    columns: tuple[str, ...]
    students: tuple[Student, ...]


def roster_of(ids: Sequence[str]) -> Roster:
    """The list of a class of which only this is known."""
    return Roster(("student",), tuple(Student(id, (id,)) for id in ids))


def read_roster(path: str) -> Roster:
    """The class list in a file; UserError where it is none."""
    source = read_source(Path(path))
    complaints = Complaints()
    if path.casefold().endswith(_NO_LISTS):
        message = "a class list is a table, with a row for each student, and this is none"
        raise source.error(Complaint(message, instead="a .csv or .xlsx file"))
    rows = list(_cells(source, complaints))
    roster = _roster(rows, complaints) if rows else None
    if not rows and not complaints.found:
        complaints.add("there are no students in this list", instead="a heading, then a row each")
    if roster is None or complaints.found:
        raise source.error(*complaints.found)
    return roster


def _cells(source: Source, complaints: Complaints) -> Iterator[Row]:
    """The rows that hold something."""
    rows: Iterator[Row] = iter(())
    if source.name.casefold().endswith(WORKBOOK):
        try:
            found = cells_of(source.data)
        except WorkbookError as error:
            complaints.add(error.message, instead=error.instead)
            return
        rows = ((row[0].line, [cell.text for cell in row]) for row in found)
    elif (text := read_text(source.data, complaints, of_windows=True)) is not None:
        rows = csv_rows(text)[1]
    for line, cells in rows:
        if any(cell.strip() for cell in cells):
            yield line, [printable(" ".join(cell.split())) for cell in cells]


def _roster(rows: Sequence[Row], complaints: Complaints) -> Roster | None:
    columns, body = _headed(rows)
    if not body:
        message = "there is a heading, and no student below it"
        complaints.add(message, Mark(rows[0][0], 1), "a row for each student")
    places = columns_of_students(columns, [cells for _, cells in body])
    name = " ".join(columns[place] for place in places)
    first: dict[str, int] = {}
    students = []
    for line, cells in body[:MOST_STUDENTS]:
        id = " ".join(filter(None, (cells[place] for place in places)))
        if not id:
            complaints.add(f"`{name}` is empty in this row", Mark(line, 1), "a name")
        elif id.casefold() in first:
            message = f"{shown(id)} stands in the list twice, the first time on line"
            complaints.add(
                f"{message} {first[id.casefold()]}", Mark(line, 1), "one of the two rows"
            )
        first.setdefault(id.casefold(), line)
        students.append(Student(id, tuple(cells)))
    return Roster(tuple(columns), tuple(students))


def _headed(rows: Sequence[Row]) -> tuple[list[str], list[Row]]:
    """The headings, made up where there are none, and the students with a cell for each."""
    first = rows[0][1]
    headed = _is_heading(first, [cells for _, cells in rows[1:]])
    columns = first if headed else ["student", *(f"column {n + 1}" for n in range(1, len(first)))]
    body = [
        (line, (cells + [""] * len(columns))[: len(columns)])
        for line, cells in (rows[1:] if headed else rows)
    ]
    return columns, list(_people(columns, body))


def _is_heading(first: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether a row has headings: known ones, or words above what are numbers and addresses."""
    if not PEOPLE.isdisjoint(map(folded, first)):
        return True
    own = [cell for cell in first if tells_apart(cell)]
    return not own and any(tells_apart(cell) for cells in below for cell in cells)


def _people(columns: Sequence[str], body: Sequence[Row]) -> Iterator[Row]:
    """The rows of students: Canvas has one of points among them, Gradescope has its teachers."""
    names = [folded(column) for column in columns]
    canvas = names.index("id") if {"sisloginid", "sisuserid"} & {*names} and "id" in names else None
    role = names.index("role") if "role" in names else None
    roles = {cells[role].casefold() for _, cells in body} if role is not None else ()
    for line, cells in body:
        is_row_of_points = canvas is not None and not cells[canvas]
        is_teacher = role is not None and "student" in roles and cells[role].casefold() != "student"
        if not is_row_of_points and not is_teacher:
            yield line, cells


# Files of students ------------------------------------------------------------------------------


def make_folder(folder: Path) -> None:
    """Makes a folder for files of students, and those around it; UserError where it cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = Complaint(f"the folder cannot be made: {error.strerror}")
        raise UserError(why, source=str(folder)) from None


def file_names(roster: Roster) -> dict[str, str]:
    """A file's name, without ending, for each student; UserError where two would have one."""
    found: dict[str, str] = {}
    taken: dict[str, str] = {}
    for student in roster.students:
        name = found[student.id] = file_name(student.id)
        if (other := taken.setdefault(name.casefold(), student.id)) != student.id:
            message = f"{shown(student.id)} and {shown(other)} would have one file, {shown(name)}"
            raise refusal(message, instead="names that differ in letters or digits")
    return found


_LONGEST_FILE: Final = 200
"""Bytes of a file's name: no system takes more than 255, and an ending and ` (2)` come behind."""


def file_name(id: str) -> str:
    """A student's name as that of a file: nothing in it that any system minds."""
    safe = re.sub(r"[^\w.@ -]", "_", id)
    short = safe.encode()[:_LONGEST_FILE].decode(errors="ignore")
    return short.strip(". ") or "_"


# Who is who ---------------------------------------------------------------------------------------


_PARTINGS: Final = (r"[;\n]", r"[;\n&+/]|\b(?:and|und|et|y)\b", r"[;\n&+/,]|\b(?:and|und|et|y)\b")
"""What may stand between names, the surest first: a comma may stand inside one."""


class Named(Struct, frozen=True):
    """The students whom a text names, and the names in it that are nobody's of the class."""

    students: tuple[str, ...]
    strangers: tuple[str, ...] = ()


class WhoIsWho:
    """The students of a class by every name that only one of them goes by."""

    def __init__(self, roster: Roster) -> None:
        self._owners: dict[str, list[str]] = defaultdict(list)
        for one in roster.students:
            for name in dict.fromkeys(_names(roster, one)):
                self._owners[name].append(one.id)
        self._exactly = {one.id.casefold(): one.id for one in roster.students}

    def student(self, name: str) -> str | None:
        """The student whom a name means."""
        owners = self.called(name)
        return owners[0] if len(owners) == 1 else None

    def called(self, name: str) -> Sequence[str]:
        """All students who go by a name."""
        exact = self._exactly.get(name.strip().casefold())
        return [exact] if exact is not None else self._owners.get(folded(name), [])

    def named(self, text: str) -> Named:
        """The students whom a text names, one or a group: `Anna Muster and Ben`, `s1; s2`."""
        if (one := self.student(text)) is not None:
            return Named((one,))
        best = Named(())
        for parting in _PARTINGS:
            names = [name.strip() for name in re.split(parting, text) if name.strip()]
            found = {name: self.student(name) for name in names}
            known = dict.fromkeys(filter(None, found.values()))
            strangers = tuple(name for name, student in found.items() if student is None)
            if known and (not best.students or len(strangers) < len(best.strangers)):
                best = Named(tuple(known), strangers)
        return best

    def ending(self, text: str) -> str | None:
        """The student with whose name a text ends, behind a hyphen: `homework-1-anna`.

        What GitHub packs has the name of a branch behind it: `homework-1-anna-main`.
        """
        starts = [match.end() for match in re.finditer("[-_]", text)]
        cut = text.rpartition("-")[0]
        found = filter(None, (self.student(text[start:]) for start in starts))
        before = filter(None, (self.student(cut[start:]) for start in (0, *starts)))
        return next(found, None) or next(before, None)

    def group(self, text: str) -> str:
        """What a group is called before the name of one of it: `Group 3-Anna Muster`."""
        if self.student(text) is not None:
            return ""
        cuts = (match.start() for match in re.finditer("-", text))
        return next((text[:cut] for cut in cuts if self.student(text[cut + 1 :])), "")


def _names(roster: Roster, student: Student) -> Iterator[str]:
    """What a student may be called: any cell, an address without its domain, both names."""
    yield folded(student.id)
    cells = dict(zip(map(folded, roster.columns), student.cells, strict=True))
    for cell in student.cells:
        yield from filter(None, (folded(cell), folded(cell.partition("@")[0])))
        last, comma, first = cell.partition(",")
        yield from [folded(first + last)] if comma else []
        yield from _turned(cell.split())
    first, last = (_first_of(cells, names) for names in (FIRST, LAST))
    yield from (folded(first + last), folded(last + first)) if first and last else ()


def _turned(words: list[str]) -> Iterator[str]:
    """Both ways in which a full name may begin with the family's: `de la Cruz, Ana María`."""
    for place in range(1, min(len(words), _MOST_WORDS)):
        yield folded("".join(words[place:] + words[:place]))


_MOST_WORDS = 6  # of a name


def _first_of(cells: Mapping[str, str], names: Sequence[str]) -> str:
    return next((cells[name] for name in names if cells.get(name)), "")
