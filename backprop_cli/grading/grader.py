"""Answer files to submissions: what a sheet is worth, and where it first goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from copy import copy
from functools import cached_property
from math import inf
from typing import Any, Final, TypeAlias

import numpy as np
from msgspec.structs import replace

from backprop_cli.algebra.quantity import plain_id, quantity, whole_id
from backprop_cli.errors import Mark, UserError, fault, first_of, told
from backprop_cli.grading.exercise import Exercise
from backprop_cli.grading.graded import Graded
from backprop_cli.grading.judging.answer_key import Words
from backprop_cli.grading.judging.right_answers import RightAnswers
from backprop_cli.grading.judging.stages import followed
from backprop_cli.grading.judging.standing import Kept
from backprop_cli.grading.judging.undeclared import Other, fewest_wrong, others, wrong
from backprop_cli.grading.program_names import meant
from backprop_cli.grading.report_data import Answer, Result, Sheet, Submission
from backprop_cli.grading.sheets.answer_files import Reader, stem, unusable
from backprop_cli.grading.sheets.array_sheet import (
    ArraySheets,
    is_computed,
    may_be_typed,
    typed_sheet,
)
from backprop_cli.grading.sheets.collect import name_by_folder, read_answers
from backprop_cli.grading.sheets.spreadsheets import WORKBOOK
from backprop_cli.problem.array_files import ArrayFileError, from_archive, from_json, is_archive
from backprop_cli.problem.ids import Reference
from backprop_cli.problem.model import Model
from backprop_cli.problem.typed_numbers import shown
from backprop_cli.readings.units import Floating, FloatType
from backprop_cli.solving.asked import unasked_derivative
from backprop_cli.solving.limits import MAX_WORK
from backprop_cli.solving.plan import Plan

Results: TypeAlias = "tuple[Result, ...]"

MOST_KEPT: Final = 2_000
"""The results on so many sheets are remembered; beyond that, all are forgotten."""


_MOST_FOLLOWED = 4  # so many sets of updates that nobody asked for are remembered


class Grader(Exercise):
    """Grades the sheets of one problem: the same sheet always gives the same submission."""

    def __init__(
        self,
        model: Model,
        most_work: int = MAX_WORK,
        alone: bool = False,
        later: Collection[int] = (),
        unasked: Collection[str] = (),
        like: Plan | None = None,
    ) -> None:
        super().__init__(model, most_work, later, unasked, like)
        self._stated = model
        self._unasked = unasked
        self._following: dict[frozenset[int | str], Grader] = {}
        self._programs: dict[FloatType, Grader] = {}
        if alone:
            self.others = ()
        self.kind: FloatType | None = None
        self.right, self.judged = RightAnswers(self), RightAnswers(self, only_judged=True)
        self._sheets: dict[tuple[int, ...], tuple[tuple[Answer, ...], Results]] = {}
        self._places = {id: place for place, id in enumerate(self.order)}

    def __getstate__(self) -> dict[str, Any]:
        return {
            **self.__dict__,
            "_sheets": {},
            "_programs": {},
        }  # what goes by the identity of objects stays here

    def for_program(self, kind: FloatType) -> Grader:
        """The same for what a program computed in a type of floats."""
        if kind not in self._programs:
            twin = copy(self)
            twin.__dict__.pop("others", None)
            twin.kind, twin._cache, twin._sheets, twin._following = kind, {}, {}, {}  # noqa: SLF001
            twin.unit = Floating(15, True, kind)
            twin.key = replace(self.key, unit=twin.unit, assumed=True)
            twin.right, twin.judged = RightAnswers(twin), RightAnswers(twin, only_judged=True)
            self._programs[kind] = twin
        return self._programs[kind]

    def grade(self, sheet: Sheet) -> Submission:
        """The verdicts and marks of one sheet."""
        if sheet.error is not None:
            return ungraded(sheet, self.most, sheet.error)
        if (following := self.following(sheet.answers)) is not self:
            return following.grade(sheet)
        results, remark = self._read(sheet)
        most = self.most if self._asks_all else sum(result.max_points for result in results)
        score = sum(result.points for result in results)
        return Submission(
            sheet.student,
            sheet.file,
            score=round(score, 6),
            max_score=most,
            passed=score >= self.grading.passing * most - 1e-9,
            first_wrong=self._first_wrong(results),
            results=results,
            remarks=sheet.remarks if remark is None else (*sheet.remarks, (remark, Mark())),
        )

    @property
    def _asks_all(self) -> bool:
        """Whether what is missing costs points: a program may give the arrays it has."""
        return self.kind is None or self.model.problem.ask is not None

    def following(self, ids: Collection[str]) -> Grader:
        """The grader that follows the updates of these, too, as far as they are followed.

        It has the unasked derivatives that are among them.
        """
        later = followed({quantity(id).step for id in ids})
        later -= {stage.number for stage in self.stages}
        plain = {plain_id(id) for id in ids} - self.steps.keys() - self.truth.keys()
        unasked = frozenset(id for id in plain if unasked_derivative(self.model, id) == id)
        if not later and not unasked:
            return self
        wanted = later | unasked
        if wanted not in self._following:
            if len(self._following) >= _MOST_FOLLOWED:
                self._following.clear()
            unasked = frozenset({*self._unasked, *unasked})
            self._following[wanted] = self._beside(self._stated, later=later, unasked=unasked)
        return self._following[wanted]

    def _read(self, sheet: Sheet) -> tuple[Results, str | None]:
        """The results on a sheet, in the convention in which it is written; what to say of that."""
        stated = self._results(sheet)
        assert stated is not None
        found = {0: stated}
        if not wrong(stated):
            return stated, None
        for place, (other, grader) in enumerate(self.others, 1):
            results = grader._results(sheet, len(wrong(stated)))  # noqa: SLF001  # the same class
            if results is not None and other.shown(self.model, results):
                found[place] = results
        best = fewest_wrong(found)
        return found[best], self.others[best - 1][0].words if best else None

    @cached_property
    def others(self) -> tuple[tuple[Other, Grader], ...]:
        """The problem in conventions that its file does not state."""
        return tuple(
            (other, self._beside(other.model, alone=True, unasked=self._unasked))
            for other in others(self._stated, programs=self.kind is not None)
        )

    def _beside(
        self,
        model: Model,
        *,
        alone: bool = False,
        later: Collection[int] = (),
        unasked: Collection[str] = (),
    ) -> Grader:
        """Grades the problem in another way, by the same formulas where they are equal."""
        other = Grader(model, self.most_work, alone, later, unasked, self.plan)
        return other if self.kind is None else other.for_program(self.kind)

    def _results(self, sheet: Sheet, fewer: float = inf) -> Results | None:
        """The results on a sheet; two sheets with the same lines on them have the same.

        None where no `fewer` are wrong, so that there is no need to ask why.
        """
        answers = tuple(sheet.answers.values())
        key = tuple(map(id, answers))
        if (kept := self._sheets.get(key)) is not None:
            return kept[1]  # it holds the answers, so that no others can have their identity
        with np.errstate(all="ignore"):  # an infinite bound says nothing and harms nobody
            if fewer < inf and Graded(self, sheet, self.judged).is_wrong_in(fewer):
                return None
            graded = Graded(self, sheet, self.right)
            results = tuple(graded.results())
        if all(answer.source is not None for answer in answers):
            if len(self._sheets) >= MOST_KEPT:
                self._sheets.clear()
            self._sheets[key] = answers, results
        return results

    def alone(self, sheet: Sheet, name: str, kept: Kept) -> Words:
        """The verdicts on one quantity of a sheet with nothing else wrong on it.

        Which slips were made is not asked. `kept` is what was worked out for other numbers in its
        place, and is added to.
        """
        grader = self.following(sheet.answers)
        with np.errstate(all="ignore"):
            return Graded(grader, sheet, grader.right).alone(name, kept)

    def _first_wrong(self, results: Sequence[Result]) -> str | None:
        wrong = [result.id for result in results if result.verdict in ("wrong", "invalid")]
        last = len(self._places)
        given = dict.fromkeys(self.model.given, -1)  # what is copied wrong comes first
        places = self._places | given
        return min(wrong, key=lambda id: places.get(whole_id(id), last), default=None)


def ungraded(
    sheet: Sheet | Submission,
    most: float,
    error: str,
    fault: str | None = None,
    *,
    nobodys: bool = False,
) -> Submission:
    """The submission of a sheet that could not be read or graded."""
    return Submission(
        sheet.student,
        sheet.file,
        score=0.0,
        max_score=most,
        passed=False,
        first_wrong=None,
        error=error,
        error_mark=sheet.error_mark,
        remarks=sheet.remarks,
        fault=fault,
        nobodys=nobodys,
    )


Read: TypeAlias = "tuple[Sheet, Grader]"
"""A sheet, and what grades it: what a program computed is not judged as what somebody typed."""

_MOST_SAID = 5  # remarks on a file that has no array to be graded


def _nothing_to_grade(leaves: Mapping[str, Any], sheet: Sheet) -> str:
    """Why there is no answer among these arrays."""
    if not sheet.remarks:
        return (
            f"all of it is what the problem states: {first_of([*map(shown, leaves)], _MOST_SAID)}"
        )
    said = "; ".join(text for text, _ in sheet.remarks[:_MOST_SAID])
    return f"there is no array of this problem: {said}"


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
        self._known = self.grader.quantities(unasked=True)
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

    def alone(self, leaves: Mapping[str, Any], id: str, kept: Kept) -> Words:
        """The verdicts on one quantity among typed numbers that are right, as a grader has it."""
        sheet = typed_sheet(leaves, self._known, "", "answers")
        return self.grader.alone(sheet, id, kept)

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
        grader, arrays = self._followed(leaves)
        sheet, kind = arrays.sheet(leaves, student, name, refused)
        if not sheet.answers:
            return unusable(name, _nothing_to_grade(leaves, sheet)), self.grader
        if not refused and may_be_typed(leaves):
            return self._fairer(sheet, kind, typed_sheet(leaves, self._known, student, name))
        return sheet, grader.for_program(kind)

    def _followed(self, leaves: Mapping[str, Any]) -> tuple[Grader, ArraySheets]:
        """What grades arrays of the updates that are among these, whether asked for or not."""
        found = [meant(name, self._known) for name in leaves]
        grader = self.grader.following({one.text for one in found if isinstance(one, Reference)})
        if grader is self.grader:
            return grader, self._arrays
        return grader, ArraySheets(grader, grader.quantities(unasked=True))

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
