"""Sheets to submissions: what one sheet is worth, and where it first goes wrong."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backprop_cli.grading.data import Result, Sheet, Submission
from backprop_cli.grading.exercise import Exercise
from backprop_cli.grading.graded import Graded
from backprop_cli.grading.right import RightAnswers
from backprop_cli.problem.model import Model


class Grader(Exercise):
    """Grades the sheets of one problem: the same sheet always gives the same submission."""

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self.right = RightAnswers(self)
        self._places = {id: place for place, id in enumerate(self.steps)}

    def grade(self, sheet: Sheet) -> Submission:
        """The verdicts and marks of one sheet."""
        most = self.most
        if sheet.error is not None:
            return Submission(
                sheet.student,
                sheet.file,
                score=0.0,
                max_score=most,
                passed=False,
                first_wrong=None,
                results=(),
                error=sheet.error,
                error_mark=sheet.error_mark,
                remarks=sheet.remarks,
            )
        with np.errstate(
            all="ignore"
        ):  # bounds may be infinite, which says nothing and harms nobody
            results = tuple(Graded(self, sheet, self.right).results())
        score = sum(result.points for result in results)
        return Submission(
            sheet.student,
            sheet.file,
            score=round(score, 6),
            max_score=most,
            passed=score >= self.model.problem.grading.passing * most - 1e-9,
            first_wrong=self._first_wrong(results),
            results=results,
            remarks=sheet.remarks,
        )

    def _first_wrong(self, results: Sequence[Result]) -> str | None:
        wrong = [result.id for result in results if result.verdict in ("wrong", "invalid")]
        last = len(self._places)
        return min(wrong, key=lambda id: self._places.get(_step(id), last), default=None)


def _step(id: str) -> str:
    """The quantity of an entry, or of a later step: W1_new of W1_new[2,1], or of W1_new@2."""
    return id.partition("[")[0].partition("@")[0]
