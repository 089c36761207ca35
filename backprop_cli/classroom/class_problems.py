"""Paths of problems, class list and hand-ins -> a desk that grades a class, and its files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from backprop_cli.classroom.class_desk import ClassDesk, by_student, problems_in
from backprop_cli.classroom.hand_ins import HandedIn, handed_in
from backprop_cli.classroom.rosters import Roster, read_roster, roster_of
from backprop_cli.errors import UserError
from backprop_cli.grading.grader import Desk
from backprop_cli.grading.sheets.collect import Unread
from backprop_cli.problem.problem_file import Source, read_source
from backprop_cli.solving.limits import Allowed
from backprop_cli.solving.loading import Loaded, loaded


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
        try:
            reading = ClassDesk(models, {}, most)
            found = handed_in(files, paths, self.roster, reading.sheet_in, left)
        except UserError as error:
            raise first.source.error(*error.complaints) from None
        return ClassTask(ClassDesk(models, found.whose, most), first, found)


def class_problems(
    problem: Path,
    roster: Path | None,
    allowed: Allowed,
    read: Callable[[Path], Source] = read_source,
) -> ClassProblems:
    """Each student's problem: a file of the folder `problem`, or that file for all of the list."""
    if not problem.is_dir():
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
