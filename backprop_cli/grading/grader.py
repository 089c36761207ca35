"""Answer files to submissions, one after the other: what every process does that grades sheets."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from backprop_cli.errors import UserError
from backprop_cli.faults import fault, told
from backprop_cli.grading.grade import Grader, ungraded
from backprop_cli.grading.report_data import Sheet, Submission
from backprop_cli.grading.sheets.answer_files import Reader, stem, unusable
from backprop_cli.grading.sheets.collect import read_answers
from backprop_cli.grading.sheets.handed_in import name_by_folder
from backprop_cli.problem.model import Model
from backprop_cli.solving.limits import MAX_WORK


class Desk:
    """Reads and grades sheets of one problem. Picklable: send it to where the sheets are.

    Its methods are pure: the same sheet gives the same submission, in any process and whatever was
    graded before. It remembers what it has worked out, which saves time and changes nothing.
    `folder` is where each student has a folder, whose name is the student's. UserError where a
    problem has nothing that could be graded. Nothing that is in a sheet raises anything: one that
    the program fails at has an error, and the `fault` behind it.
    """

    def __init__(self, model: Model, folder: str | None = None, most_work: int = MAX_WORK) -> None:
        self.grader = Grader(model, most_work)
        self._folder = folder
        self._reader = Reader(self.grader.quantities())

    def grade(self, data: bytes, name: str) -> Submission:
        """The submission in the bytes of an answer file; its name tells which kind."""
        return self._graded(name, lambda: self._reader.sheet(data, name))

    def grade_file(self, path: str) -> Submission:
        """The submission in a file; where it cannot be read, one that says so."""
        return self._graded(path, lambda: self._read(path))

    def _read(self, path: str) -> Sheet:
        sheet = read_answers(path, self._reader)
        if self._folder is not None and sheet.student == stem(path):
            sheet = replace(sheet, student=name_by_folder(path, self._folder) or sheet.student)
        return sheet

    def _graded(self, name: str, read: Callable[[], Sheet]) -> Submission:
        sheet = None
        try:
            sheet = read()
            return self.grader.grade(sheet)
        except Exception as error:  # noqa: BLE001  # one sheet's failure is never another's
            return self.failed(sheet or unusable(name, ""), error)

    def failed(self, sheet: Sheet | Submission, error: Exception) -> Submission:
        """The submission of a sheet at which the program failed."""
        if isinstance(error, UserError):
            return ungraded(sheet, self.grader.most, str(error))
        return ungraded(sheet, self.grader.most, told(error), fault(sheet.file, error).trace)
