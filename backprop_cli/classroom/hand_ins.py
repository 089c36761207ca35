"""The files of a class, and who is in it -> whose each is, and what a teacher has to be told."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from backprop_cli.classroom.rosters import Roster
from backprop_cli.classroom.who_is_who import WhoIsWho
from backprop_cli.errors import Complaints
from backprop_cli.grading.report_data import Note, Sheet
from backprop_cli.grading.sheets.answer_files import A_PROBLEM, NO_ANSWERS, stem
from backprop_cli.grading.sheets.collect import (
    OF_PLATFORMS,
    Unread,
    archive_of,
    claimed_names,
    is_archive,
    is_late,
    members,
    not_read,
    read_member,
)
from backprop_cli.problem.problem_file import read_up_to
from backprop_cli.problem.text.tree import ListNode, MapNode, Node, ScalarNode, read_tree

_LARGEST = 5_000_000  # bytes of what a platform says of a class
_OF_SUBMITTERS: Final = (":sid", ":email", ":name")
_NO_SHEETS: Final = (A_PROBLEM, NO_ANSWERS)
Claim = tuple[str, ...]
"""The names of one student."""


class HandedIn(Struct, frozen=True):
    """Whose each sheet is (None: nobody's of the class), in the order of the files.

    `unread` are the files that are no sheets, `unread_of` those of each student, and `together` the
    students that a platform names beside the one whose sheet it is.
    """

    whose: Mapping[str, str | None]
    roster: Roster
    unread: Sequence[Unread] = ()
    unread_of: Mapping[str, Sequence[Unread]] = {}
    together: Mapping[str, str] = {}
    alike: Mapping[str, Sequence[str]] = {}

    @property
    def doubles(self) -> dict[str, list[str]]:
        """The files of each student who has several."""
        files: dict[str, list[str]] = defaultdict(list)
        for file, student in self.whose.items():
            if student is not None:
                files[student].append(file)
        return {student: found for student, found in files.items() if len(found) > 1}

    @property
    def without_sheet(self) -> list[str]:
        """The students of whom there is no file."""
        there = set(self.whose.values())
        return [one.id for one in self.roster.students if one.id not in there]

    def notes(self) -> Iterator[Note]:
        """What a teacher has to be told."""
        whose = {one.file: owner for owner, files in self.unread_of.items() for one in files}
        yield from not_read(self.unread, whose)
        for student in self.without_sheet:
            yield Note("no-sheet", student, why=self._but(student))
        for file, owner in self.whose.items():
            if owner is None:
                yield Note("nobodys-sheet", files=(file,), why=self._why_nobody(file))
        for student, files in self.doubles.items():
            yield Note("several-sheets", student, tuple(files))
        for file in (*self.whose, *(one.file for one in self.unread)):
            if is_late(file):
                yield Note("late", self.whose.get(file) or "", (file,))

    def _but(self, student: str) -> str:
        """What there is of a student all the same."""
        if (file := self.together.get(student)) is not None:
            return f"is named beside {self.whose[file]}, who has the points: {file}"
        told = [f"{one.file} ({one.why})" for one in self.unread_of.get(student, ())]
        return f"handed in, and not read: {', '.join(told)}" if told else ""

    def _why_nobody(self, file: str) -> str:
        if several := self.alike.get(file):
            return f"{' and '.join(several)} go by the name on it"
        return "no student of the class goes by a name on it"


def handed_in(
    files: Sequence[str],
    paths: Sequence[Path],
    roster: Roster,
    sheet_in: Callable[[str], Sheet],
    left: Sequence[Unread] = (),
) -> HandedIn:
    """Whose the files found at some paths are; `left` are those that are no sheets by their kind.

    The name that stands on a sheet comes first; what the folders and the file are called, second;
    and what a platform says of a folder beside that. A file without answers, beside a sheet of the
    same student, is none: the exercise, or what else lies in a repository.
    """
    names = _Names(files, paths, roster)
    sheets = {file: sheet_in(file) for file in files}
    whose = {file: names.student(file, _signed(sheet)) for file, sheet in sheets.items()}
    beside = {each.file: each for each in _beside(whose, sheets)}
    unread_of: dict[str, list[Unread]] = defaultdict(list)
    for each in (*left, *beside.values()):
        if (student := names.student(each.file)) is not None:
            unread_of[student].append(each)
    kept = {file: student for file, student in whose.items() if file not in beside}
    return HandedIn(
        kept,
        roster,
        [*left, *beside.values()],
        unread_of,
        {other: file for file, owner in kept.items() for other in names.beside(file, owner)},
        {file: names.alike(file) for file, owner in kept.items() if owner is None},
    )


def _signed(sheet: Sheet) -> str | None:
    """The name that stands on a sheet; None where there is none."""
    return None if sheet.student == stem(sheet.file) else sheet.student


def _beside(whose: Mapping[str, str | None], sheets: Mapping[str, Sheet]) -> Iterator[Unread]:
    """The files without answers of students who have another one."""
    none = {file: why for file, sheet in sheets.items() if (why := _no_sheet(sheet)) is not None}
    there = {whose[file] for file in sheets if file not in none}
    yield from (Unread(file, why) for file, why in none.items() if whose[file] in there - {None})


def _no_sheet(sheet: Sheet) -> str | None:
    """Why a file is no sheet, where its form says so."""
    return next((why for why in _NO_SHEETS if (sheet.error or "").startswith(why)), None)


class _Names:
    """The students whose a file may be, by where it lies and what it is called."""

    def __init__(self, files: Sequence[str], paths: Sequence[Path], roster: Roster) -> None:
        self._who, self._roots = WhoIsWho(roster), _Roots(files, paths)
        self._said = dict(_of_gradescope(files, paths))

    def student(self, file: str, signed: str | None = None) -> str | None:
        """The student whose it is; None where no name means one alone."""
        parts = claimed_names(file, self._roots.above(file))
        said = (name for part in parts for one in self._said.get(part, ()) for name in one)
        for name in (*filter(None, [signed]), *said, *parts):
            if (student := self._who.student(name)) is not None:
                return student
        return next(filter(None, map(self._who.ending, parts)), None)

    def beside(self, file: str, owner: str | None) -> Iterator[str]:
        """The other students of whom a platform says that it is theirs."""
        for part in claimed_names(file, self._roots.above(file)):
            for one in self._said.get(part, ()):
                student = next(filter(None, map(self._who.student, one)), None)
                if student not in (None, owner):
                    yield student

    def alike(self, file: str) -> Sequence[str]:
        """The students who all go by a name of it."""
        parts = claimed_names(file, self._roots.above(file))
        return next((several for part in parts if (several := self._who.called(part))), ())


class _Roots:
    """The folder below which names of folders mean something, for each file."""

    def __init__(self, files: Sequence[str], paths: Sequence[Path]) -> None:
        self._folders = sorted(
            (str(path) for path in paths if path.is_dir() or is_archive(str(path))), key=len
        )
        lone = [os.path.dirname(file) or "." for file in files if self._folder(file) is None]  # noqa: PTH120
        try:
            self._common = os.path.commonpath(lone) if lone else "."
        except ValueError:  # on several drives
            self._common = "."

    def _folder(self, file: str) -> str | None:
        inside = (each for each in self._folders if each == "." or file.startswith(each + os.sep))
        return next(inside, None)

    def above(self, file: str) -> str:
        """The folder for one file."""
        return self._folder(file) or self._common


# What Gradescope says -----------------------------------------------------------------------------


def _of_gradescope(
    files: Sequence[str], paths: Sequence[Path]
) -> Iterator[tuple[str, tuple[Claim, ...]]]:
    """Who handed in each folder, by all their names, where an export of Gradescope says so."""
    for file in _metadata(files, paths):
        try:
            data = (read_up_to if archive_of(file) is None else read_member)(file, _LARGEST)
        except OSError:
            continue
        root = read_tree(data, Complaints())
        for folder, entry in (root.entries if isinstance(root, MapNode) else {}).items():
            yield folder, tuple(_submitters(entry.value))


def _metadata(files: Sequence[str], paths: Sequence[Path]) -> Iterator[str]:
    """What platforms say, in the folders and in the archives in which there are sheets."""
    for path in paths:
        for name in OF_PLATFORMS if path.is_dir() else ():
            yield from map(str, sorted(path.rglob(name)))
    for archive in sorted({*map(archive_of, files)} - {None}, key=str):
        inside = _inside(Path(str(archive)))
        yield from (file for file in inside if file.rpartition(os.sep)[2] in OF_PLATFORMS)


def _inside(path: Path) -> list[str]:
    try:
        return members(str(path))
    except OSError:
        return []


def _submitters(node: Node) -> Iterator[Claim]:
    """The numbers, addresses and names of each who stands below `:submitters:`."""
    entry = node.entries.get(":submitters") if isinstance(node, MapNode) else None
    for one in entry.value.items if entry and isinstance(entry.value, ListNode) else ():
        known = [one.entries.get(key) for key in _OF_SUBMITTERS] if isinstance(one, MapNode) else []
        values = [found.value for found in known if found is not None]
        yield tuple(v.text for v in values if isinstance(v, ScalarNode) and v.text)
