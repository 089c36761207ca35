"""The bytes of a class list (CSV) -> its students in order, and every name that each goes by."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from backprop_cli.errors import Complaint, Complaints, Mark, UserError
from backprop_cli.problem.problem_file import read_source
from backprop_cli.problem.text.tree import read_text
from backprop_cli.problem.typed_numbers import printable, shown

MOST_STUDENTS: Final = 20_000
_IDS: Final = (
    "student",
    "studentid",
    "id",
    "idnumber",
    "sid",
    "sisloginid",
    "sisuserid",
    "username",
    "login",
    "user",
    "matriculation",
    "matrikelnummer",
    "githubusername",
    "email",
    "emailaddress",
    "name",
)
"""Headings, folded, of what tells students apart; the first of them that a list has is taken."""
_FIRST: Final = ("firstname", "first", "givenname", "vorname")
_LAST: Final = ("lastname", "last", "surname", "familyname", "nachname")


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
    from pathlib import Path

    source = read_source(Path(path))
    complaints = Complaints()
    text = read_text(source.data, complaints)
    rows = list(_rows(text)) if text is not None else []
    roster = _roster(rows, complaints) if rows else None
    if text is not None and not rows:
        complaints.add("there are no students in this list", instead="a heading, then a row each")
    if roster is None or complaints.found:
        raise source.error(*complaints.found)
    return roster


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that hold something, each with its line."""
    head = text.partition("\n")[0]
    comma = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text), delimiter=comma)
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except (StopIteration, csv.Error):
            return
        if any(cell.strip() for cell in row):
            yield line, [printable(" ".join(cell.split())) for cell in row]


def _roster(rows: Sequence[tuple[int, list[str]]], complaints: Complaints) -> Roster | None:
    heading, place = _heading(rows[0][1])
    body = rows[1:] if heading else rows
    columns = heading or ["student", *(f"column {n}" for n in range(2, len(rows[0][1]) + 1))]
    if not body:
        message = "there is a heading, and no student below it"
        complaints.add(message, Mark(rows[0][0], 1), "a row for each student")
    first: dict[str, int] = {}
    students = []
    for line, cells in body[:MOST_STUDENTS]:
        padded = (cells + [""] * len(columns))[: len(columns)]
        id = padded[place]
        if not id:
            complaints.add(f"`{columns[place]}` is empty in this row", Mark(line, 1), "a name")
        elif id.casefold() in first:
            message = f"{shown(id)} stands in the list twice, the first time on line"
            complaints.add(
                f"{message} {first[id.casefold()]}", Mark(line, 1), "one of the two rows"
            )
        first.setdefault(id.casefold(), line)
        students.append(Student(id, tuple(padded)))
    return Roster(tuple(columns), tuple(students))


def _heading(cells: list[str]) -> tuple[list[str] | None, int]:
    """The headings, where the first row has some that are known, and the column of the ids."""
    names = [folded(cell) for cell in cells]
    for id in _IDS:
        if id in names:
            return cells, names.index(id)
    return (cells, 0) if {*_FIRST, *_LAST} & set(names) else (None, 0)


# Names ------------------------------------------------------------------------------------------


def folded(text: str) -> str:
    """A name as names are compared: letters and digits alone, accents and cases left out."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(char for char in plain if char.isalnum())


class WhoIsWho:
    """The students of a class by every name that only one of them goes by."""

    def __init__(self, roster: Roster) -> None:
        names = [(name, one.id) for one in roster.students for name in _names(roster, one)]
        owners = Counter(name for name, _ in set(names))
        self._ids: Mapping[str, str] = {name: id for name, id in names if owners[name] == 1}
        self._exactly = {one.id.casefold(): one.id for one in roster.students}

    def student(self, name: str) -> str | None:
        """The student whom a name means."""
        return self._exactly.get(name.strip().casefold()) or self._ids.get(folded(name))

    def ending(self, text: str) -> str | None:
        """The student with whose name a text ends, behind a hyphen: `homework-1-anna`."""
        starts = (match.end() for match in re.finditer("[-_]", text))
        return next(filter(None, (self.student(text[start:]) for start in starts)), None)


def _names(roster: Roster, student: Student) -> Iterator[str]:
    """What a student may be called: any cell, an address without its domain, both names."""
    cells = dict(zip(map(folded, roster.columns), student.cells, strict=True))
    for cell in student.cells:
        yield from filter(None, (folded(cell), folded(cell.partition("@")[0])))
        last, comma, first = cell.partition(",")
        yield from [folded(first + last)] if comma else []
        yield from [folded(" ".join(reversed(cell.split())))] if " " in cell else []
    first, last = (_first_of(cells, names) for names in (_FIRST, _LAST))
    yield from (folded(first + last), folded(last + first)) if first and last else ()


def _first_of(cells: Mapping[str, str], names: Sequence[str]) -> str:
    return next((cells[name] for name in names if cells.get(name)), "")


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
            raise UserError(Complaint(message, instead="names that differ in letters or digits"))
    return found


def file_name(id: str) -> str:
    """A student's name as that of a file: nothing in it that any system minds."""
    safe = re.sub(r"[^\w.@ -]", "_", id).strip(". ")
    return safe or "_"
