"""A problem to what a teacher should know before handing it out, as text or JSON."""

from __future__ import annotations

from msgspec import Struct

from backprop_cli.classroom.variants import (
    Compared,
    Varied,
    compared,
    compared_data,
    compared_lines,
)
from backprop_cli.errors import Faults
from backprop_cli.grading.grader import Grader
from backprop_cli.grading.lint.findings import lint
from backprop_cli.grading.lint.unnoticed_slips import Finding
from backprop_cli.notation.numbers_and_indices import Digits
from backprop_cli.report.lint_findings import lint_json, lint_text, matters
from backprop_cli.solving.limits import Allowed
from backprop_cli.solving.loading import Loaded
from backprop_cli.terminal.themes import Look


class Linted(Struct, frozen=True):
    """What was found at the digits `asked`, how variants differ, and what was not looked at."""

    findings: tuple[Finding, ...]
    asked: str
    digits: Digits
    faults: Faults
    variants: Compared | None

    @property
    def matters(self) -> bool:
        """Whether something was found that anything could be done about."""
        return any(map(matters, self.findings))

    @property
    def left_out(self) -> list[str]:
        """What was not looked at because the program failed at it."""
        return [fault.what for fault in self.faults.found]

    def text(self, look: Look) -> str:
        """A section for each kind of finding."""
        found = lint_text(self.findings, self.asked, look, self.left_out)
        if self.variants is None:
            return found
        return found + "\n".join(["", *compared_lines(self.variants, self.digits.one)])

    def json(self) -> str:
        """The findings as a list of objects."""
        more = {} if self.variants is None else {"variants": compared_data(self.variants)}
        return lint_json(self.findings, self.left_out, more)


def linted(loaded: Loaded, allowed: Allowed, decimals: int, variants: int | None) -> Linted:
    """The findings, and how so many `variants` differ; numbers are shown with `decimals`."""
    with loaded.source.blamed():
        grader = Grader(loaded.model, most_work=allowed.most)
    digits, faults = Digits(decimals, ascii=True), Faults()
    findings = lint(grader, digits.one, faults)
    differing = None if variants is None else compared(Varied(loaded, allowed), variants)
    return Linted(tuple(findings), _asked(grader), digits, faults, differing)


def _asked(grader: Grader) -> str:
    unit = grader.key.unit
    said = f"{unit.count} {'significant digits' if unit.significant else 'decimals'}"
    return f"{said} (assumed: the problem asks for none)" if grader.key.assumed else said
