"""The files of a class, and who is in it -> whose each is, and what a teacher has to be told."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from msgspec import Struct

from backprop_cli.classroom.rosters import Named, Roster, WhoIsWho
from backprop_cli.errors import Complaints, listed
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
    name_in_moodle,
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
Whose = Mapping[str, tuple[str, ...]]
"""The students whose each file is."""


class HandedIn(Struct, frozen=True):
    """Whose each sheet is (of nobody in the class: nobody), in the order of the files.

    `unread` are the files that are no sheets, and `unread_of` those of each student; `strangers`
    are the names on a sheet, beside those of students, that nobody in the class has; `signed` has
    the sheets that came under the name of one and have that of another on them.
    """

    whose: Whose
    roster: Roster
    unread: Sequence[Unread] = ()
    unread_of: Mapping[str, Sequence[Unread]] = {}
    strangers: Mapping[str, Sequence[str]] = {}
    alike: Mapping[str, Sequence[str]] = {}
    signed: Mapping[str, str] = {}

    @property
    def doubles(self) -> dict[str, list[str]]:
        """The files of each student who has several."""
        files: dict[str, list[str]] = defaultdict(list)
        for file, students in self.whose.items():
            for student in students:
                files[student].append(file)
        return {student: found for student, found in files.items() if len(found) > 1}

    @property
    def without_sheet(self) -> list[str]:
        """The students of whom there is no file."""
        there = {student for students in self.whose.values() for student in students}
        return [one.id for one in self.roster.students if one.id not in there]

    def unread_only(self) -> Iterator[tuple[str, Sequence[Unread]]]:
        """The students of whom there are files, and none that is a sheet."""
        for student in self.without_sheet:
            if files := self.unread_of.get(student):
                yield student, files

    def notes(self) -> Iterator[Note]:
        """What a teacher has to be told."""
        whose = {one.file: owner for owner, files in self.unread_of.items() for one in files}
        yield from not_read(self.unread, whose)
        for student in self.without_sheet:
            yield Note("no-sheet", student, why=self._but(student))
        for file, students in self.whose.items():
            if not students:
                yield Note("nobodys-sheet", files=(file,), why=self._why_nobody(file))
            yield from (Note("together", one, (file,), students[0]) for one in students[1:])
        for file, names in self.strangers.items():
            yield Note("not-in-class", files=(file,), why=", ".join(names))
        for student, files in self.doubles.items():
            yield Note("several-sheets", student, tuple(files))
        for file in (*self.whose, *(one.file for one in self.unread)):
            if is_late(file):
                yield Note("late", next(iter(self.whose.get(file, ())), ""), (file,))

    def _but(self, student: str) -> str:
        """What there is of a student all the same."""
        if (file := self.signed.get(student)) is not None:
            return f"what came under this name is signed by {listed(self.whose[file])}: {file}"
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

    The names that stand on a sheet come first; what the folders and the file are called, second;
    and what a platform says of a folder beside that. A file without answers, beside a sheet of the
    same student or of nobody, is none: the exercise, or what else lies in a repository. Nor is
    another copy of the sheet of a group, which a platform gives to each of it.
    """
    names = _Names(files, paths, roster)
    sheets = {file: sheet_in(file) for file in files}
    named = {file: names.students(file, _signed(sheet)) for file, sheet in sheets.items()}
    whose, copies = _joined(
        {file: found.students for file, found in named.items()},
        {file: (names.group(file), sheet) for file, sheet in sheets.items()},
    )
    out = {each.file: each for each in (*copies, *_beside(whose, sheets))}
    unread_of: dict[str, list[Unread]] = defaultdict(list)
    for each in (*left, *out.values()):
        for student in names.students(each.file).students:
            unread_of[student].append(each)
    kept = {file: students for file, students in whose.items() if file not in out}
    return HandedIn(
        kept,
        roster,
        [*left, *out.values()],
        unread_of,
        {file: strange for file in kept if (strange := named[file].strangers)},
        {file: names.alike(file) for file, students in kept.items() if not students},
        {one: file for file in kept for one in names.students(file).students},
    )


def _signed(sheet: Sheet) -> str | None:
    """The name that stands on a sheet; None where there is none."""
    return None if sheet.student == stem(sheet.file) else sheet.student


def _beside(whose: Whose, sheets: Mapping[str, Sheet]) -> Iterator[Unread]:
    """The files without answers, of students who have another one or of nobody."""
    none = {file: why for file, sheet in sheets.items() if (why := _no_sheet(sheet)) is not None}
    there = {
        student for file, students in whose.items() if file not in none for student in students
    }
    for file, why in none.items():
        if there & {*whose.get(file, ())} or not whose.get(file):
            yield Unread(file, why)


def _joined(
    whose: Whose, of_groups: Mapping[str, tuple[str, Sheet]]
) -> tuple[dict[str, tuple[str, ...]], list[Unread]]:
    """The copies of a group's sheet as one of all its students, and the others of them."""
    found, copies = dict(whose), list[Unread]()
    first: dict[str, list[str]] = defaultdict(list)
    for file, (group, sheet) in of_groups.items():
        if not group or not sheet.answers:
            continue
        same = (one for one in first[group] if of_groups[one][1].answers == sheet.answers)
        if (kept := next(same, None)) is None:
            first[group].append(file)
            continue
        found[kept] = tuple(dict.fromkeys((*found[kept], *found.pop(file))))
        copies.append(Unread(file, f"the same sheet of one group as {kept}"))
    return found, copies


def _no_sheet(sheet: Sheet) -> str | None:
    """Why a file is no sheet, where its form says so."""
    return next((why for why in _NO_SHEETS if (sheet.error or "").startswith(why)), None)


class _Names:
    """The students whose a file may be, by where it lies and what it is called."""

    def __init__(self, files: Sequence[str], paths: Sequence[Path], roster: Roster) -> None:
        self._who, self._roots = WhoIsWho(roster), _Roots(files, paths)
        self._said = dict(_of_gradescope(files, paths))

    def students(self, file: str, signed: str | None = None) -> Named:
        """The students whose it is; none where no name means one alone.

        Who stands on it, and with them the group that a platform says one of them is in.
        """
        named = self._who.named(signed) if signed else Named(())
        parts = claimed_names(file, self._roots.above(file))
        said = self._submitters(parts)
        if not named.students:
            return Named(said or self._called(parts))
        more = said if {*said} & {*named.students} else ()
        if not said and self.group(file):
            more = self._called(parts)
        return Named(tuple(dict.fromkeys((*named.students, *more))), named.strangers)

    def _called(self, parts: Sequence[str]) -> tuple[str, ...]:
        """The student who goes by the name of a folder or of the file."""
        found = filter(None, (*map(self._who.student, parts), *map(self._who.ending, parts)))
        return tuple(islice(found, 1))

    def _submitters(self, parts: Sequence[str]) -> tuple[str, ...]:
        """The students of whom a platform says that it is theirs."""
        claims = (claim for part in parts for claim in self._said.get(part, ()))
        found = (next(filter(None, map(self._who.student, claim)), None) for claim in claims)
        return tuple(dict.fromkeys(filter(None, found)))

    def group(self, file: str) -> str:
        """The group that Moodle names before each student of it; empty where it names none."""
        return self._who.group(name_in_moodle(file, self._roots.above(file)))

    def alike(self, file: str) -> Sequence[str]:
        """The students who all go by a name of it."""
        parts = claimed_names(file, self._roots.above(file))
        return next((several for part in parts if (several := self._who.called(part))), ())


class _Roots:
    """The folder below which names of folders mean something, for each file."""

    def __init__(self, files: Sequence[str], paths: Sequence[Path]) -> None:
        self._folders = sorted(
            (str(path) for path in paths if os.path.isdir(path) or is_archive(str(path))), key=len
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
        for name in OF_PLATFORMS if os.path.isdir(path) else ():
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
