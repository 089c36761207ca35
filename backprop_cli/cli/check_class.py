"""`backprop check` of a class: problems, class list and hand-ins to a desk that grades them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from backprop_cli.classroom.class_desk import ClassDesk, by_student, problems_in
from backprop_cli.classroom.hand_ins import HandedIn, handed_in
from backprop_cli.classroom.rosters import Roster, read_roster, roster_of
from backprop_cli.cli.arguments import allowed_for, load
from backprop_cli.errors import UserError
from backprop_cli.grading.grader import Desk
from backprop_cli.solving.loading import Loaded


class ClassTask(Struct, frozen=True):
    """What grades a class: the desk, one problem of it, and whose its files are."""

    desk: ClassDesk
    loaded: Loaded
    handed_in: HandedIn

    @property
    def first(self) -> Desk:
        """The desk whose formulas are those of every problem."""
        return self.desk.first


class ClassProblems(Struct, frozen=True):
    """The problem of each student of a list."""

    roster: Roster
    of: Mapping[str, Loaded]

    def task(self, files: Sequence[str], paths: Sequence[Path]) -> ClassTask:
        """What grades these files, found at these paths."""
        models = {student: loaded.model for student, loaded in self.of.items()}
        first = next(iter(self.of.values()))
        most = allowed_for("checking").most
        try:
            reading = ClassDesk(models, {}, most)
            found = handed_in(files, paths, self.roster, reading.signed)
        except UserError as error:
            raise first.source.error(*error.complaints) from None
        return ClassTask(ClassDesk(models, found.whose, most), first, found)


def class_problems(problem: Path, roster: Path | None) -> ClassProblems:
    """Each student's problem: a file of the folder `problem`, or that file for all of the list."""
    if not problem.is_dir():
        assert roster is not None
        known, loaded = read_roster(str(roster)), load(problem, task="checking")
        return ClassProblems(known, {one.id: loaded for one in known.students})
    problems = problems_in(problem, allowed_for("checking"))
    if roster is None:
        return ClassProblems(roster_of(list(problems)), problems)
    known = read_roster(str(roster))
    try:
        return ClassProblems(known, by_student(problems, known))
    except UserError as error:
        raise UserError(*error.complaints, source=str(problem)) from None
