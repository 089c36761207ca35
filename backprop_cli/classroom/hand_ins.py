"""The files of a class, and who is in it -> whose each is, and what a teacher has to be told."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from backprop_cli.classroom.rosters import Roster, WhoIsWho
from backprop_cli.errors import Complaints
from backprop_cli.grading.sheets.collect import (
    OF_PLATFORMS,
    claimed_names,
    is_archive,
    is_inside,
    is_late,
    members,
    read_member,
)
from backprop_cli.problem.problem_file import read_up_to
from backprop_cli.problem.text.tree import ListNode, MapNode, Node, ScalarNode, read_tree

_LARGEST = 5_000_000  # bytes of what a platform says of a class


class HandedIn(Struct, frozen=True):
    """Whose each file is (None: nobody's of the class), in the order of the files."""

    whose: Mapping[str, str | None]
    roster: Roster

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

    def notes(self) -> Iterator[str]:
        """What a teacher has to be told, a line each."""
        for student in self.without_sheet:
            yield f"no sheet: {student}"
        for file, owner in self.whose.items():
            if owner is None:
                yield f"nobody's sheet: {file}: no student of the class goes by a name on it"
        for student, files in self.doubles.items():
            named = ", ".join(files)
            yield f"{len(files)} sheets of {student}, the one with most points counts: {named}"
        late = [file for file in self.whose if is_late(file)]
        yield from (f"handed in late: {file}" for file in late)


def handed_in(
    files: Sequence[str],
    paths: Sequence[Path],
    roster: Roster,
    signed: Callable[[str], str | None],
) -> HandedIn:
    """Whose the files found at some paths are.

    `signed` gives the name that stands on a sheet. It comes first; what the folders and the file
    are called, second; and what a platform says of a folder beside that.
    """
    who, roots = WhoIsWho(roster), _Roots(files, paths)
    said = dict(_of_gradescope(paths))
    return HandedIn({file: _student(file, roots, who, said, signed) for file in files}, roster)


def _student(
    file: str,
    roots: _Roots,
    who: WhoIsWho,
    said: Mapping[str, tuple[str, ...]],
    signed: Callable[[str], str | None],
) -> str | None:
    parts = claimed_names(file, roots.above(file))
    sure = [name for name in (signed(file),) if name is not None]
    sure += [name for part in parts for name in said.get(part, ())]
    for name in (*sure, *parts):
        if (student := who.student(name)) is not None:
            return student
    return next(filter(None, map(who.ending, parts)), None)


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


def _of_gradescope(paths: Sequence[Path]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The names that go with each folder, where an export of Gradescope says so."""
    for file in _metadata(paths):
        try:
            data = (read_member if is_inside(file) else read_up_to)(file, _LARGEST)
        except OSError:
            continue
        root = read_tree(data, Complaints())
        for folder, entry in (root.entries if isinstance(root, MapNode) else {}).items():
            yield folder, tuple(_submitters(entry.value))


def _metadata(paths: Sequence[Path]) -> Iterator[str]:
    for path in paths:
        if path.is_dir():
            for name in OF_PLATFORMS:
                yield from map(str, sorted(path.rglob(name)))
        elif is_archive(str(path)):
            yield from (
                file for file in _inside(path) if file.rpartition(os.sep)[2] in OF_PLATFORMS
            )


def _inside(path: Path) -> list[str]:
    try:
        return members(str(path))
    except OSError:
        return []


def _submitters(node: Node) -> Iterator[str]:
    """The names, numbers and addresses below `:submitters:`."""
    entry = node.entries.get(":submitters") if isinstance(node, MapNode) else None
    for one in entry.value.items if entry and isinstance(entry.value, ListNode) else ():
        for key in (":sid", ":email", ":name"):
            found = one.entries.get(key) if isinstance(one, MapNode) else None
            if found is not None and isinstance(found.value, ScalarNode) and found.value.text:
                yield found.value.text
