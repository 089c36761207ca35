"""A report to workflow commands of GitHub Actions, first causes first, and to a step summary."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Literal

from msgspec import Struct

from backprop_cli.errors import Mark
from backprop_cli.grading.report_data import Report, Result, Submission, Summary, Verdict
from backprop_cli.report import markdown
from backprop_cli.report.facts import facts
from backprop_cli.report.settings import (
    Settings,
    ascii_text,
    cleaned,
    of_submission,
    without_commands,
)
from backprop_cli.report.stream import Spool
from backprop_cli.report.wording import VERDICTS, marks, sheets, unread, verdict_phrase, whose

Level = Literal["error", "warning", "notice"]

_LEVELS: dict[Verdict, Level] = {
    "wrong": "error",
    "invalid": "error",
    "imprecise": "warning",
    "not-judged": "warning",
    "carried": "notice",
}
_ORDER: tuple[Level, ...] = ("error", "warning", "notice")
SUMMARY_BYTES = 1_000_000
"""GitHub drops a step summary of more than 1 MiB."""


class Note(Struct, frozen=True):
    """One annotation; `first` puts it before the others of its level."""

    level: Level
    file: str
    title: str
    message: str
    mark: Mark | None = None
    first: bool = False

    @property
    def rank(self) -> int:
        """Its place: by the level, first causes before the others."""
        return 2 * _ORDER.index(self.level) + (not self.first)

    @property
    def command(self) -> str:
        """The line that GitHub reads."""
        mark = self.mark or Mark()
        places = {
            "file": self.file,
            "line": str(mark.line or ""),
            "col": str(mark.column or "") if mark.line else "",
            "title": self.title,
        }
        told = ",".join(f"{name}={escaped_property(text)}" for name, text in places.items() if text)
        return f"::{self.level} {told}::{escaped(self.message)}"


class GithubWriter:
    """Writes commands, GitHub showing only the first ten of a level, and a line that counts."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._told = cleaned(settings, only_ascii=settings.ascii)

    def part(self, submission: Submission) -> list[tuple[int, str]]:
        """The commands of one sheet, each with its rank."""
        told = of_submission(submission, self._settings.reveal)
        plain = cleaned(told, only_ascii=self._settings.ascii)
        notes = sorted(_notes(plain, self._told), key=lambda note: note.rank)
        return [(note.rank, self._plain(f"{note.command}\n")) for note in notes]

    def text(
        self,
        problem: str,  # noqa: ARG002  # all writers have this signature
        parts: Iterable[list[tuple[int, str]]],
        summary: Callable[[], Summary],
    ) -> Iterator[str]:
        """The report: the commands that come first may be those of the last sheet."""
        ranks = [Spool() for _ in range(2 * len(_ORDER))]
        for part in parts:
            for rank, command in part:
                ranks[rank].add(command)
        for spool in ranks:
            yield from spool.read()
        yield f"{sheets(summary())}\n"

    def _plain(self, text: str) -> str:
        return ascii_text(text) if self._settings.ascii else text


def step_summary(report: Report, settings: Settings) -> str:
    """The report as Markdown for GITHUB_STEP_SUMMARY, cut where GitHub would drop it."""
    text = markdown.render(report, settings)
    if len(text.encode()) <= SUMMARY_BYTES:
        return text
    kept = text.encode()[:SUMMARY_BYTES].decode(errors="ignore").rpartition("\n")[0]
    return f"{kept}\n\nThe rest is left out: it is too long for a summary.\n"


def escaped(text: str) -> str:
    """A message as part of a command: on one line, ending it being ours."""
    plain = without_commands(text)
    return plain.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escaped_property(text: str) -> str:
    """A property as part of a command: nothing in it ends it."""
    return escaped(text).replace(":", "%3A").replace(",", "%2C")


def _notes(submission: Submission, settings: Settings) -> Iterator[Note]:
    student, file = whose(submission), submission.file
    if submission.error is not None:
        place = submission.error_mark
        yield Note("error", file, student, unread(submission), place, first=True)
    elif not submission.results and not submission.passed:
        yield Note("error", file, student, marks(submission), first=True)
    for text, mark in submission.remarks:
        yield Note("warning", file, student, text, mark)
    for result in submission.results:
        if level := _LEVELS.get(result.verdict):
            yield _note(level, submission, result, settings)
    if missing := [result.id for result in submission.results if result.verdict == "missing"]:
        yield Note("warning", file, f"{student}: missing", ", ".join(missing))


def _note(level: Level, submission: Submission, result: Result, settings: Settings) -> Note:
    title = f"{whose(submission)}: {result.id} {VERDICTS[result.verdict].short}"
    told = [f"{label}: {text}" for label, text in facts(result, settings)]
    message = "\n".join([verdict_phrase(result), *told])
    first = result.id == submission.first_wrong
    return Note(level, submission.file, title, message, result.mark, first)
