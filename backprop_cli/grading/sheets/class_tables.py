"""A table with a row for each student, as a form or a quiz collects it -> a sheet of each row."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from backprop_cli.errors import Complaints
from backprop_cli.problem.text.tree import read_text

IDS: Final = tuple(
    "sisloginid sisuserid student studentid id idnumber idnummer sid username login user"
    " benutzername anmeldename matriculation matrikelnummer matrikelnr githubusername"
    " email emailaddress emailadresse name fullname identifier".split()
)
"""Headings, folded, of what tells students apart; the first that a table has is taken."""
_OFTEN_EMPTY: Final = frozenset(
    "sisloginid sisuserid idnumber idnummer sid githubusername name".split()
)
"""Of these the ones that platforms have a column for, whether it is used or not."""
FIRST: Final = tuple("firstname first givenname vorname prenom nombre nome voornaam".split())
LAST: Final = tuple(
    "lastname last surname familyname nachname nom nomdefamille apellido apellidos cognome"
    " sobrenome apelido achternaam".split()
)
PEOPLE: Final = frozenset((*IDS, *FIRST, *LAST))
"""All of these: below such a heading stands who somebody is."""
_OF_FORMS: Final = frozenset(
    "timestamp zeitstempel horodateur score totalscore points starttime completiontime"
    " lastmodifiedtime language startedon completed timetaken state grade".split()
)
"""Headings of what forms and quizzes write down by themselves."""
_OF_SHEETS: Final = frozenset(("value", "row", "column", "result", "number"))
"""Headings of a table that is the sheet of one student."""

_separator = re.compile(r"sep=(.)").fullmatch  # a line for Excel
_an_id = re.compile(  # dL/dW1, Z1[1], W^(1), h_2: no `Q. 1 /2.00` of a list of marks
    r"[d∂]\S+/[d∂]\S+|[^\W\d_]\S*[\[^]\S+|[^\W\d_][^\d\s]*\d{1,2}[^\d\s]*"
).fullmatch

Row = tuple[int, list[str]]
"""The line of a row, and its cells."""


class Table(Struct, frozen=True):
    """The sheets of a class: headings, whose each row is, and the cells that are answers."""

    comma: str
    names: list[str]
    students: dict[int, tuple[str, list[str]]]

    def sheet(self, line: int) -> bytes | None:
        """The row on a line as a sheet of CSV, on that line of it; None where there is no row."""
        if line not in self.students:
            return None
        student, cells = self.students[line]
        out = io.StringIO()
        writer = csv.writer(out, delimiter=self.comma, lineterminator="\n")
        writer.writerow(["student", *self.names])
        out.write("\n" * (line - 2))
        writer.writerow([student, *map(_in_one_line, cells)])
        return out.getvalue().encode()


def class_table(data: bytes) -> Table | None:
    """The table of a class in a file of CSV; None where it is something else.

    Two rows at least, as long as the headings, of which one tells students apart and one is an id.
    """
    text = read_text(data, Complaints(), of_windows=True)
    comma, found = csv_rows(text or "")
    rows = [row for row in found if any(cell.strip() for cell in row[1])]
    if len(rows) <= 2 or len({len(cells) for _, cells in rows}) > 1:
        return None
    headings, *below = rows
    columns = [folded(heading) for heading in headings[1]]
    answers = [
        place for place, name in enumerate(columns) if name not in PEOPLE and name not in _OF_FORMS
    ]
    names = [headings[1][place].strip() for place in answers]
    if PEOPLE.isdisjoint(columns) or not _OF_SHEETS.isdisjoint(columns):
        return None
    if not all(names) or not any(map(_an_id, names)):
        return None
    whose = columns_of_students(headings[1], [cells for _, cells in below])
    students = {
        line: (" ".join(cells[place] for place in whose), [cells[place] for place in answers])
        for line, cells in below
    }
    return Table(comma, names, students)


def _in_one_line(cell: str) -> str:
    """What somebody typed in several lines: the rows of a matrix, or a list that goes on."""
    return (" " if "[" in cell else "; ").join(cell.splitlines())


def csv_rows(text: str) -> tuple[str, Iterator[Row]]:
    """What stands between the cells of CSV, and its rows."""
    head, _, below = text.partition("\n")
    said = _separator(head.strip())
    comma = said[1] if said else max(",;\t", key=head.count)
    return comma, _rows(below if said else text, comma, 1 + bool(said))


def _rows(text: str, comma: str, first: int) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text), delimiter=comma)
    while True:
        line = reader.line_num + first
        try:
            yield line, next(reader)
        except (StopIteration, csv.Error):
            return


def columns_of_students(columns: Sequence[str], body: Sequence[Sequence[str]]) -> list[int]:
    """The columns that say who somebody is: one that is known, else both names, else a guess."""
    names = [folded(column) for column in columns]
    full = [all(cells[place] for cells in body) for place in range(len(columns))]
    for id in IDS:
        if id in names and (full[names.index(id)] or id not in _OFTEN_EMPTY):
            return [names.index(id)]
    both = [names.index(one) for each in (FIRST, LAST) for one in each if one in names]
    if both:
        return both
    told = [place for place, all_there in enumerate(full) if all_there]
    sure = (place for place in told if all(tells_apart(cells[place]) for cells in body))
    return [next(sure, 0)]


def tells_apart(cell: str) -> bool:
    """Whether a cell is an address, or has a number, as what tells people apart has."""
    return "@" in cell or any(map(str.isdigit, cell))


def folded(text: str) -> str:
    """A name as names are compared: letters and digits alone, accents and cases left out."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(char for char in plain if char.isalnum())
