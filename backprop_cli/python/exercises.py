"""Graded answers, the report of a class, problems varied, handed out, practised, in Python."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, get_args

from msgspec.structs import replace

from backprop_cli.errors import Complaint
from backprop_cli.formats.registry import HANDOUTS, written
from backprop_cli.grading.program_names import meant
from backprop_cli.grading.quantities import Unknown
from backprop_cli.grading.report_data import Report as Graded
from backprop_cli.grading.report_data import Result, Reveal, Submission, of_entry
from backprop_cli.grading.summary import SharedBy, summarised, written_alike
from backprop_cli.problem.problem_file import Source
from backprop_cli.python import showing
from backprop_cli.python.complaining import (
    Error,
    door,
    expect,
    expect_one_of,
    expect_text,
    expect_whole,
    in_python,
    told,
)
from backprop_cli.python.showing import Shown
from backprop_cli.report.formats import FORMATS, REPLIES

if TYPE_CHECKING:
    from backprop_cli.classroom.class_desk import ClassTask
    from backprop_cli.classroom.practice_session import Line
    from backprop_cli.classroom.rosters import Roster
    from backprop_cli.grading.grader import Grader
    from backprop_cli.grading.sheets.collect import Unread
    from backprop_cli.problem.ids import Reference
    from backprop_cli.report.settings import Settings
    from backprop_cli.solving.loading import Loaded


Path_: TypeAlias = "str | os.PathLike[str]"


class Report(Shown):
    """What grading found: of one answer, or of several files.

    `report["dL/dW1"]` is the result for one quantity by any name that an answer may use, with
    `verdict`, `slips`, `message`, `points` and `entries`; `report["dL/dW1[2,1]"]` that for one
    entry, which has no points of its own. Of several files, take `report.each`.
    """

    def __init__(
        self,
        problem: str,
        submissions: Sequence[Submission],
        grader: Grader,
        shared: SharedBy = written_alike,
    ) -> None:
        self._graded: Graded = summarised(problem, [*map(_in_python, submissions)], shared)
        self._grader = grader
        self._known = grader.quantities(unasked=True)

    @property
    def passed(self) -> bool:
        """Whether every answer has points enough to pass."""
        return all(one.passed for one in self._graded.submissions)

    @property
    def score(self) -> float:
        """The points, of several files together."""
        return sum(one.score for one in self._graded.submissions)

    @property
    def max_score(self) -> float:
        """The points that there are."""
        return sum(one.max_score for one in self._graded.submissions)

    @property
    def first_wrong(self) -> str | None:
        """The first quantity, in the order of the derivation, that is wrong by itself."""
        found = (one.first_wrong for one in self._graded.submissions if one.first_wrong)
        return next(found, None)

    @property
    def error(self) -> str | None:
        """Why an answer could not be read at all."""
        return next((one.error for one in self._graded.submissions if one.error), None)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is said beside: unknown names, how arrays are stored, which tolerance was taken."""
        return tuple(text for one in self._graded.submissions for text, _ in one.remarks)

    @property
    def results(self) -> tuple[Result, ...]:
        """The result for every quantity."""
        return tuple(result for one in self._graded.submissions for result in one.results)

    @property
    def each(self) -> tuple[Report, ...]:
        """A report for each file."""
        graded = self._graded
        return tuple(Report(graded.problem, [one], self._grader) for one in graded.submissions)

    @property
    def data(self) -> dict[str, Any]:
        """The report as plain data: what `check --format json` writes."""
        import json

        found: dict[str, Any] = json.loads(self.render("json"))
        return found

    def __getitem__(self, name: str) -> Result:
        """The result for one quantity, or one entry; Error for a name that means nothing here."""
        expect_text("report[…]", name)
        found = meant(name, self._known)
        if isinstance(found, Unknown):
            raise Error(Complaint(found.message, instead=found.instead), source="report[…]")
        results = {result.id: result for result in reversed(self.results)}
        if (whole := results.get(found.text)) is not None:
            return whole
        if (whole := results.get(found.whole)) is not None:
            return self._entry(whole, found)
        raise Error(Complaint(f"{found.text} was neither asked nor given"), source="report[…]")

    def _entry(self, whole: Result, found: Reference) -> Result:
        """What is said of one entry; Error where there is none of this index."""
        if found.index is None:
            return whole
        place = self._known.counted(found.whole, found.index)
        if place is None:
            ends = " to ".join(self._known.first_and_last(found.whole))
            message = f"there is no entry {found.text}"
            raise Error(Complaint(message, instead=ends), source="report[…]")
        bases = self._known.bases(found.whole)
        index = tuple(at + base for at, base in zip(place, bases, strict=True))
        return of_entry(whole, found.text, index)

    def __iter__(self) -> Iterator[Result]:
        return iter(self.results)

    @door
    def render(
        self,
        format: str = "text",  # noqa: A002  # as the option of the command is called
        *,
        reveal: Reveal = "what",
        width: int = 100,
        ascii: bool = False,  # noqa: A002
    ) -> str:
        """The report in a format of `check`: `text`, `markdown`, `json`, `csv`, `html`, …

        `reveal` is `none` (marks only), `where`, `what` (and which slip) or `value` (and what is
        right). Error for an unknown format.
        """
        showing.refuse_other(format, FORMATS)
        from backprop_cli.report.facts import PrintedFormulas

        formula = PrintedFormulas(self._grader, ascii)
        settings = {"reveal": reveal, "width": width, "ascii": ascii, "formula": formula}
        return showing.report(format, self._graded, settings)


def _in_python(submission: Submission) -> Submission:
    """The same, told what to write in Python where an option of the command is meant."""
    results = (replace(one, message=in_python(one.message)) for one in submission.results)
    return replace(submission, results=tuple(results))


class ClassReport(Report):
    """The report of a class. `notes` name who has no sheet or several, and what was not read."""

    def __init__(self, task: ClassTask, graded: Sequence[Submission], roster: Roster) -> None:
        from backprop_cli.classroom.might_be import SharedValues
        from backprop_cli.report.facts import note_lines

        problem = task.loaded.model.problem
        shared = SharedValues(task.desk.grader_of)
        title = problem.title or problem.id
        super().__init__(title, graded, task.first.grader, shared)
        notes = tuple(task.handed_in.notes())
        self.notes: tuple[str, ...] = tuple(note_lines(notes))
        summary = replace(self._graded.summary, notes=notes)
        self._graded = replace(self._graded, summary=summary)
        self._roster = roster
        self._unread = tuple(task.handed_in.unread_only())

    def page(self, *, reveal: Reveal = "what") -> str:
        """The report as one HTML file, with tables and bars."""
        return showing.report("html", self._graded, {"reveal": reveal})

    def gradebook(self, *, reveal: Reveal = "what") -> str:
        """The marks as CSV, a row a student in the order of the class list."""
        from backprop_cli.classroom.gradebook import GradebookWriter

        writer = GradebookWriter(_settings(reveal), self._roster)
        rows = map(writer.part, self._graded.submissions)
        return "".join(writer.text("", rows, lambda: self._graded.summary))

    def replies(self, format: str = "text", *, reveal: Reveal = "what") -> dict[str, str]:  # noqa: A002
        """What each student of the class is told, by student: `text`, `markdown` or `html`.

        Who has handed nothing in gets no reply, and who has several sheets the one to the sheet
        that counts. Error for an unknown format.
        """
        from backprop_cli.classroom.gradebook import FeedbackWriter, of_students, unread
        from backprop_cli.report.facts import PrintedFormulas

        showing.refuse_other(format, REPLIES)
        settings = _settings(reveal, formula=PrintedFormulas(self._grader, False))
        writer = FeedbackWriter(settings, self._graded.problem, format)
        most = self._grader.most
        others = (unread(student, files, most) for student, files in self._unread)
        parts = map(writer.part, (*self._graded.submissions, *others))
        return {one: reply.text for one, reply in of_students(parts, self._roster).items()}


def _settings(reveal: Reveal, **others: Any) -> Settings:
    from backprop_cli.grading.slips.table_of_slips import SLIP_WORDS
    from backprop_cli.report.settings import Settings

    expect_one_of("reveal", reveal, get_args(Reveal))
    return Settings(reveal=reveal, slip_words=dict(SLIP_WORDS), **others)


def check_class(
    problem: Path_, hand_ins: Path_ | Iterable[Path_], *, roster: Path_ | None = None
) -> ClassReport:
    """The sheets of a class graded, each by its student's problem, as `backprop check` does it.

    `problem` is a folder that `vary` wrote, or one file for all, which takes a `roster`: a CSV file
    with a heading. `hand_ins` are folders, archives and files. Error where a problem, the list or a
    path cannot be used; a sheet that cannot be read has no points, and says why.
    """
    from backprop_cli.classroom.class_desk import class_problems
    from backprop_cli.grading.sheets.collect import answer_files
    from backprop_cli.solving.limits import Allowed

    for name, path in (("problem", problem), ("roster", roster)):
        expect(isinstance(path, str | os.PathLike | None), name, "a path", path)
    expect(
        isinstance(hand_ins, str | os.PathLike | Iterable),
        "hand_ins",
        "a path, or several",
        hand_ins,
    )
    place = Path(problem)
    paths = [Path(one) for one in _several(hand_ins)]
    if roster is None and not os.path.isdir(place):
        message = "one problem for all takes a class list"
        raise Error(
            Complaint(message, instead="roster=..., or a folder of problems"), source=str(place)
        )
    left: list[Unread] = []
    with told(str(place)):
        known = class_problems(place, None if roster is None else Path(roster), Allowed("checking"))
        files = answer_files(paths, place, left)
        task = known.task(files, paths, left)
    graded = [task.desk.grade_file(file) for file in task.files]
    return ClassReport(task, graded, known.roster)


def _several(paths: Path_ | Iterable[Path_]) -> Iterable[Path_]:
    several = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    for one in several:
        expect(isinstance(one, str | os.PathLike), "hand_ins", "a path", one)
    return several


MOST_ROOM: Final = 40


def varied(loaded: Loaded, student: str, seed: int) -> Source:
    """The file of a problem with the numbers of one student."""
    from backprop_cli.classroom.variants import Varied

    with told("vary"):
        return Source("<text>", Varied(loaded).variant(student, seed).text.encode())


def handout(loaded: Loaded, format_: str, room: int | None, *, width: int, ascii_: bool) -> str:
    """The exercise without its solution, in one format."""
    from backprop_cli.classroom.exercise_sheet import exercise_sheet
    from backprop_cli.document.view import as_written

    showing.refuse_other(format_, HANDOUTS)
    if room is not None:
        expect_whole("room", room, 0, MOST_ROOM)
    shown = as_written(loaded.model.problem, showing.view(width=width, ascii=ascii_))
    with told("handout"):
        return written(format_, exercise_sheet(loaded, room), shown)


class Practice:
    """A problem that somebody works through: `reply` takes a line, and says what there is to say.

    `opening` is what is said first, `sheet` the answers so far, as `Problem.check` reads them,
    `ended` whether all has been asked.
    """

    def __init__(self, loaded: Loaded, worked: int) -> None:
        from backprop_cli.classroom.practice_session import Practice as Session
        from backprop_cli.document.view import as_written

        view = as_written(loaded.model.problem, showing.view(width=80))
        with told("practice"):
            self._session = Session(loaded, view, worked=worked)
        self.opening: str = _said(self._session.opening())

    def reply(self, line: str) -> str:
        """The verdict on an answer and the next question, or what `hint`, `skip`, `back` say."""
        expect_text("reply", line)
        return _said(self._session.reply(line).lines)

    @property
    def sheet(self) -> str:
        """The answer sheet so far: the text of a file that `check` grades."""
        return self._session.sheet

    @property
    def ended(self) -> bool:
        """Whether every question has been asked, or `quit` was said."""
        return self._session.ended


def _said(lines: Iterable[Line]) -> str:
    return "\n".join(line.text for line in lines)
