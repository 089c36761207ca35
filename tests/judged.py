"""Grades answers typed in a test against a problem typed in a test."""

from __future__ import annotations

from backprop_cli.grading.grader import Grader
from backprop_cli.grading.quantities import Quantities
from backprop_cli.grading.report_data import Result, Sheet, Submission
from backprop_cli.grading.sheets.answer_files import Reader
from backprop_cli.grading.slips.table_of_slips import FORMULA_SLIPS
from backprop_cli.problem.problem_file import Source
from backprop_cli.solving.loading import loaded

PROGRAM_SLIPS = frozenset(
    {id for id, each in FORMULA_SLIPS.items() if each.program}
    | set("reshape-for-transpose changed-in-place integer-division".split())
    | {"constant-factor", "earlier-step-used"}
)
"""What only arrays of a program are searched for."""


def grader_of(problem: str) -> Grader:
    """The grader of a problem file's text."""
    return Grader(loaded(Source("problem.yaml", problem.encode())).model)


def read_sheet(data: bytes, file: str, known: Quantities) -> Sheet:
    """What stands in one answer file."""
    return Reader(known).sheet(data, file)


def submission(problem: str, answers: str) -> Submission:
    grader = grader_of(problem)
    known = grader.quantities()
    text = f"answers:\n{answers}" if answers[:1].isspace() else f"answers: {{{answers}}}"
    return grader.grade(read_sheet(text.encode(), "sheet.yaml", known))


def graded(problem: str, answers: str) -> dict[str, Result]:
    return {result.id: result for result in submission(problem, answers).results}


def verdicts(problem: str, answers: str) -> dict[str, str]:
    return {id: result.verdict for id, result in graded(problem, answers).items()}


def entries(result: Result) -> list[str]:
    return [entry.verdict for entry in result.entries]
