"""Paths of problems, class list and hand-ins -> the sheets of a class as submissions, each graded
by the problem of the student whose it is."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from backprop_cli.classroom.hand_ins import HandedIn, handed_in
from backprop_cli.classroom.rosters import Roster, WhoIsWho, file_name, read_roster, roster_of
from backprop_cli.errors import Complaint, UserError, first_of, refusal
from backprop_cli.grading.grader import Desk, Grader, ungraded
from backprop_cli.grading.report_data import Sheet, Submission
from backprop_cli.grading.sheets.collect import Unread
from backprop_cli.problem.model import Model
from backprop_cli.problem.problem_file import Source, files_in, read_source
from backprop_cli.solving.limits import Allowed
from backprop_cli.solving.loading import Loaded, loaded

MOST_KEPT: Final = 64
"""So many problems are kept with all that has been worked out; others are made again."""


class ClassDesk:
    """Reads and grades the sheets of a class, of which each student has a problem.

    Does what a desk of one problem does, and is picklable like it. `whose` says of each file whose
    it is; a sheet of nobody has an error. That of a group is graded by the numbers of each, and the
    most points are all theirs.
    """

    def __init__(
        self, problems: Mapping[str, Model], whose: Mapping[str, Sequence[str]], most_work: int
    ) -> None:
        self._problems = problems
        self._whose = whose
        self._most_work = most_work
        self._desks: dict[int, Desk] = {}

    @cached_property
    def first(self) -> Desk:
        """The desk of the first problem, which has the formulas and names of all."""
        return self._desk(next(iter(self._problems)))

    def grade_file(self, path: str) -> Submission:
        """The submission in a file; where it cannot be read, one that says so."""
        group = self._whose.get(path, ())
        if not group:
            sheet = self.first.sheet_in(path)
            error = sheet.error or "no student of the class is named on it"
            nobodys = sheet.error is None
            return ungraded(sheet, self.first.grader.most, error, nobodys=nobodys)
        own = {id(self._problems[student]): student for student in reversed(group)}
        found = [self._of(group, one, self._desk(one).grade_file(path)) for one in own.values()]
        return max(reversed(found), key=lambda each: each.score)

    def sheet_in(self, path: str) -> Sheet:
        """What stands in a file, by the names that all problems have."""
        return self.first.sheet_in(path)

    def grader_of(self, student: str) -> Grader:
        """What grades the sheets of one student."""
        return self._desk(student).grader

    def failed(self, sheet: Sheet | Submission, error: Exception) -> Submission:
        """The submission of a sheet at which the program failed."""
        group = self._whose.get(sheet.file, ())
        failed = self.first.failed(sheet, error)
        return self._of(group, group[0], failed) if group else failed

    def _of(self, group: Sequence[str], student: str, graded: Submission) -> Submission:
        """A sheet as that of a group, graded by the problem of one of them."""
        others = tuple(other for other in group if other != student)
        double = not self._several.isdisjoint(group)
        return replace(graded, student=student, others=others, double=double)

    @cached_property
    def _several(self) -> frozenset[str]:
        """The students with more than one sheet."""
        sheets = Counter(student for group in self._whose.values() for student in group)
        return frozenset(student for student, count in sheets.items() if count > 1)

    def _desk(self, student: str) -> Desk:
        model = self._problems[student]
        if (desk := self._desks.get(id(model))) is None:
            if len(self._desks) >= MOST_KEPT:
                self._desks.clear()
            desk = Desk(model, None, self._most_work)
            if self._desks:
                desk.grader.share(next(iter(self._desks.values())).grader)
            self._desks[id(model)] = desk
        return desk

    def __reduce__(self) -> tuple[type[ClassDesk], tuple[object, ...]]:
        return ClassDesk, (self._problems, self._whose, self._most_work)


def problems_in(folder: Path, allowed: Allowed) -> dict[str, Loaded]:
    """The problem of each student, by the name of its file; UserError where one is unusable."""
    files = [Path(file) for file in files_in(folder)]
    if not files:
        message = "there are no problem files in this folder"
        raise refusal(message, instead="what `backprop vary` wrote", source=str(folder))
    return {path.stem: loaded(read_source(path), True, allowed) for path in files}


def by_student(problems: Mapping[str, Loaded], roster: Roster) -> dict[str, Loaded]:
    """The problem of each student of a list; UserError where one has none."""
    found, missing = {}, []
    who = WhoIsWho(roster)
    owners = {who.student(name) or name: name for name in problems}
    for one in roster.students:
        name = next((n for n in (file_name(one.id), owners.get(one.id)) if n in problems), None)
        if name is None:
            missing.append(one.id)
        else:
            found[one.id] = problems[name]
    if missing:
        raise UserError(_without(missing))
    return found


def _without(missing: Sequence[str]) -> Complaint:
    message = f"these students of the list have no problem: {first_of(missing, 5)}"
    return Complaint(message, instead="a file of their name in the folder of problems")


# What grades a class ------------------------------------------------------------------------------


class ClassTask(Struct, frozen=True):
    """What grades a class: the desk, one problem of it, and whose its files are."""

    desk: ClassDesk
    loaded: Loaded
    handed_in: HandedIn

    @property
    def files(self) -> list[str]:
        """The sheets among the files, in their order."""
        return list(self.handed_in.whose)

    @property
    def first(self) -> Desk:
        """The desk whose formulas are those of every problem."""
        return self.desk.first


class ClassProblems(Struct, frozen=True):
    """The problem of each student of a list."""

    roster: Roster
    of: Mapping[str, Loaded]
    allowed: Allowed

    def task(
        self, files: Sequence[str], paths: Sequence[Path], left: Sequence[Unread] = ()
    ) -> ClassTask:
        """What grades these files, found at these paths, beside others that are no sheets."""
        models = {student: loaded.model for student, loaded in self.of.items()}
        first = next(iter(self.of.values()))
        most = self.allowed.most
        with first.source.blamed():
            reading = ClassDesk(models, {}, most)
            found = handed_in(files, paths, self.roster, reading.sheet_in, left)
        return ClassTask(ClassDesk(models, found.whose, most), first, found)


def class_problems(
    problem: Path,
    roster: Path | None,
    allowed: Allowed,
    read: Callable[[Path], Source] = read_source,
) -> ClassProblems:
    """Each student's problem: a file of the folder `problem`, or that file for all of the list."""
    if not os.path.isdir(problem):
        assert roster is not None
        known, one_for_all = read_roster(str(roster)), loaded(read(problem), True, allowed)
        return ClassProblems(known, {one.id: one_for_all for one in known.students}, allowed)
    problems = problems_in(problem, allowed)
    if roster is None:
        return ClassProblems(roster_of(list(problems)), problems, allowed)
    known = read_roster(str(roster))
    try:
        return ClassProblems(known, by_student(problems, known), allowed)
    except UserError as error:
        raise UserError(*error.complaints, source=str(problem)) from None
