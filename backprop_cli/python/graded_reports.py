"""Graded answers as Python has them: marks, verdicts by name, the report as data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from backprop_cli.errors import Complaint
from backprop_cli.grading.quantities import Quantities, Unknown, meant
from backprop_cli.grading.report_data import Report as Graded
from backprop_cli.grading.report_data import Result, Reveal, Submission
from backprop_cli.grading.summary import SharedBy, summarised, written_alike
from backprop_cli.python import showing
from backprop_cli.python.complaining import Error
from backprop_cli.python.showing import Shown

FORMATS = ("text", "markdown", "json", "csv", "junit", "github", "gradescope", "html", "latex")


class Report(Shown):
    """What grading found: of one answer, or of several files.

    `report["dL/dW1"]` is the result for one quantity by any name that an answer may use, with
    `verdict`, `slips`, `message`, `points` and `entries`. Of several files, take `report.each`.
    """

    def __init__(
        self,
        problem: str,
        submissions: Sequence[Submission],
        known: Quantities,
        shared: SharedBy = written_alike,
    ) -> None:
        self._graded: Graded = summarised(problem, submissions, shared)
        self._known = known

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
        return tuple(Report(graded.problem, [one], self._known) for one in graded.submissions)

    @property
    def data(self) -> dict[str, Any]:
        """The report as plain data: what `check --format json` writes."""
        import json

        found: dict[str, Any] = json.loads(self.render("json"))
        return found

    def __getitem__(self, name: str) -> Result:
        """The result for one quantity; Error for a name that means nothing here."""
        found = meant(name, self._known)
        if isinstance(found, Unknown):
            raise Error(Complaint(found.message, instead=found.instead), source="report[…]")
        for result in self.results:
            if result.id in (found.text, found.whole):
                return result
        raise Error(Complaint(f"{found.text} was neither asked nor given"), source="report[…]")

    def __iter__(self) -> Iterator[Result]:
        return iter(self.results)

    def render(
        self,
        format: str = "text",  # noqa: A002  # as the option of the command is called
        *,
        reveal: Reveal = "what",
        width: int = 100,
        ascii: bool = False,  # noqa: A002
    ) -> str:
        """The report as `text`, `markdown`, `json`, `csv`, `junit`, `github` or `gradescope`.

        `reveal` is `none` (marks only), `where`, `what` (and which slip) or `value` (and what is
        right). Error for an unknown format.
        """
        showing.refuse_other(format, FORMATS[:-2])
        settings = {"reveal": reveal, "width": width, "ascii": ascii}
        return showing.report(format, self._graded, settings)
