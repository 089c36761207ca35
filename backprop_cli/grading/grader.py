"""Answer files to submissions, one after the other: what every process does that grades sheets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from msgspec.structs import replace

from backprop_cli.errors import UserError
from backprop_cli.faults import fault, told
from backprop_cli.grading.grade import Grader, ungraded
from backprop_cli.grading.report_data import Sheet, Submission
from backprop_cli.grading.sheets.answer_files import Reader, stem, unusable
from backprop_cli.grading.sheets.array_sheet import (
    ArraySheets,
    is_computed,
    may_be_typed,
    meant,
    typed_sheet,
)
from backprop_cli.grading.sheets.collect import name_by_folder, read_answers
from backprop_cli.grading.sheets.workbooks import ENDING as WORKBOOK
from backprop_cli.grading.tolerance.floating import FloatType
from backprop_cli.problem.array_files import (
    ArrayFileError,
    from_archive,
    from_json,
    is_archive,
)
from backprop_cli.problem.ids import Reference
from backprop_cli.problem.model import Model
from backprop_cli.solving.limits import MAX_WORK

Read: TypeAlias = "tuple[Sheet, Grader]"
"""A sheet, and what grades it: what a program computed is not judged as what somebody typed."""

_MOST_SAID = 5  # remarks on a file that has no array of the problem


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
        self._known = self.grader.quantities()
        self._reader = Reader(self._known)
        self._arrays = ArraySheets(self.grader, self._known)

    def grade(self, data: bytes, name: str) -> Submission:
        """The submission in the bytes of an answer file; its name tells which kind."""
        return self._graded(name, lambda: self._of_bytes(data, name))

    def grade_file(self, path: str) -> Submission:
        """The submission in a file; where it cannot be read, one that says so."""
        return self._graded(path, lambda: self._of_file(path))

    def grade_numbers(self, leaves: Mapping[str, Any], name: str) -> Submission:
        """The submission in numbers by name: arrays, or numbers and texts as somebody typed them.

        What it fails at is raised, since there is one sheet only.
        """
        sheet, grader = self._of_numbers(leaves, stem(name), name, {})
        return grader.grade(sheet)

    def sheet_in(self, path: str) -> Sheet:
        """What stands in a file, ungraded; where it cannot be read, a sheet that says so."""
        try:
            return self._of_file(path)[0]
        except Exception as error:  # noqa: BLE001  # told where the sheet is graded
            return unusable(path, str(error))

    # Reading --------------------------------------------------------------------------------------

    def _of_file(self, path: str) -> Read:
        data = read_answers(path)
        sheet, grader = (
            (data, self.grader) if isinstance(data, Sheet) else self._of_bytes(data, path)
        )
        if self._folder is not None and sheet.student == stem(path):
            sheet = replace(sheet, student=name_by_folder(path, self._folder) or sheet.student)
        return sheet, grader

    def _of_bytes(self, data: bytes, name: str) -> Read:
        if name.casefold().endswith(WORKBOOK):  # an archive, and none of arrays
            return self._reader.sheet(data, name), self.grader
        try:
            if is_archive(data) or name.casefold().endswith(".npz"):
                leaves, refused = from_archive(data)
                return self._of_numbers(leaves, stem(name), name, refused)
        except ArrayFileError as error:
            return unusable(name, error.message), self.grader
        if name.casefold().endswith(".json") and (found := from_json(data)) is not None:
            student, numbers = found
            if any(isinstance(meant(one, self._known), Reference) for one in numbers):
                return self._of_numbers(numbers, student or stem(name), name, {})
        return self._reader.sheet(data, name), self.grader

    def _of_numbers(
        self, leaves: Mapping[str, Any], student: str, name: str, refused: Mapping[str, str]
    ) -> Read:
        if not is_computed(leaves) and not refused:
            return typed_sheet(leaves, self._known, student, name), self.grader
        sheet, kind = self._arrays.sheet(leaves, student, name, refused)
        if not sheet.answers:
            said = "; ".join(text for text, _ in sheet.remarks[:_MOST_SAID])
            return unusable(name, f"there is no array of this problem: {said}"), self.grader
        if not refused and may_be_typed(leaves):
            return self._fairer(sheet, kind, typed_sheet(leaves, self._known, student, name))
        return sheet, self.grader.for_program(kind)

    def _fairer(self, computed: Sheet, kind: FloatType, typed: Sheet) -> Read:
        """As the numbers of a program, unless more of them are right as what somebody typed."""
        program = self.grader.for_program(kind)
        if self.grader.grade(typed).score > program.grade(computed).score:
            return typed, self.grader
        return computed, program

    # Grading --------------------------------------------------------------------------------------

    def _graded(self, name: str, read: Callable[[], Read]) -> Submission:
        sheet = None
        try:
            sheet, grader = read()
            return grader.grade(sheet)
        except Exception as error:  # noqa: BLE001  # one sheet's failure is never another's
            return self.failed(sheet or unusable(name, ""), error)

    def failed(self, sheet: Sheet | Submission, error: Exception) -> Submission:
        """The submission of a sheet at which the program failed."""
        if isinstance(error, UserError):
            return ungraded(sheet, self.grader.most, str(error))
        return ungraded(sheet, self.grader.most, told(error), fault(sheet.file, error).trace)
