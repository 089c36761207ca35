"""Submissions, as they come, to the text of a report: a part of each, then the parts together.

A part is made where a sheet is graded, which may be another process; so a report of a hundred
thousand sheets never stands in memory.
"""

from __future__ import annotations

from codecs import getincrementaldecoder
from collections.abc import Callable, Iterable, Iterator
from io import FileIO
from tempfile import TemporaryFile
from typing import Any, Final, Generic, Protocol, TypeVar

from msgspec.structs import replace

from backprop_cli.errors import refusal
from backprop_cli.grading.report_data import Report, Result, Submission, Summary
from backprop_cli.report.settings import Settings
from backprop_cli.report.wording import first_wrong

MOST_KEPT: Final = 10_000
"""So much is remembered of single results; beyond that, all is forgotten."""

MOST_REMARKS: Final = 3
"""So many notes on a sheet stand in the table of a class."""

_IN_MEMORY = 4_000_000  # characters of a text that has to wait for what is written before it
_BLOCK = 65_536

Made = TypeVar("Made")


class Writer(Protocol):
    """Writes one report in one format. Picklable; parts are, too."""

    def part(self, submission: Submission) -> Any:
        """What the report has of one sheet."""

    def text(
        self, problem: str, parts: Iterable[Any], summary: Callable[[], Summary]
    ) -> Iterator[str]:
        """The report in pieces, whole lines each. `summary` is called after the last part."""


class WholeWriter:
    """For formats that look at all sheets before they write one: tables, whose columns must fit.

    Of several sheets only what such a table shows is kept, some 500 bytes a sheet.
    """

    def __init__(
        self, render: Callable[[Report, Settings], str], settings: Settings, *, alone: bool
    ) -> None:
        self._render = render
        self._settings = settings
        self._alone = alone

    def part(self, submission: Submission) -> Submission:
        """The only sheet as it is; one of several without its details."""
        return submission if self._alone else in_brief(submission)

    def text(
        self, problem: str, parts: Iterable[Submission], summary: Callable[[], Summary]
    ) -> Iterator[str]:
        """The report, in one piece."""
        submissions = tuple(parts)
        yield self._render(Report(problem, submissions, summary()), self._settings)


def in_brief(submission: Submission) -> Submission:
    """A submission with its marks, and of its results what a line of a table says of them.

    That is what was wrong first; where nothing is, what is not right all the same.
    """
    first = first_wrong(submission)
    lacking = (result for result in submission.results if result.verdict != "correct")
    told = lacking if first is None else [first]
    remarks = submission.remarks[:MOST_REMARKS]
    return replace(submission, results=tuple(map(_in_brief, told)), remarks=remarks)


def _in_brief(result: Result) -> Result:
    return replace(
        result,
        entries=result.entries[:1],
        cannot_exclude=(),
        message="" if result.entries else result.message,
        explanation=None,
        expected=None,
        formula=None,
    )


class PerResult(Generic[Made]):
    """What is made of each result, remembered: sheets with the same lines have them in common."""

    def __init__(self, make: Callable[[Result], Made]) -> None:
        self._make = make
        self._kept: dict[int, tuple[Result, Made]] = {}

    def __reduce__(self) -> tuple[type[PerResult[Made]], tuple[Callable[[Result], Made]]]:
        return PerResult, (self._make,)  # what is remembered goes by the identity of objects

    def __call__(self, result: Result) -> Made:
        if (kept := self._kept.get(id(result))) is not None:
            return kept[1]  # it holds the result, so that no other can have its identity
        made = self._make(result)
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        self._kept[id(result)] = result, made
        return made


class Spool:
    """Text that is kept until what belongs before it is written; on disk where it is long."""

    def __init__(self) -> None:
        self._waiting: list[str] = []
        self._size = 0
        self._file: FileIO | None = None

    def add(self, text: str) -> None:
        """Puts more text behind what is there."""
        self._waiting.append(text)
        self._size += len(text)
        if self._size > _IN_MEMORY:
            self._store()

    def _store(self) -> None:
        data = memoryview("".join(self._waiting).encode("utf-8", "surrogatepass"))
        self._waiting, self._size = [], 0
        try:
            if self._file is None:
                self._file = TemporaryFile(buffering=0)  # noqa: SIM115  # closed once read
            while data:
                data = data[self._file.write(data) :]
        except OSError as error:
            message = f"the folder for temporary files has no room: {error.strerror or error}"
            instead = "TMPDIR set to a folder that has, or --format json"
            raise refusal(message, instead=instead) from None

    def read(self) -> Iterator[str]:
        """All of it, in blocks; nothing can be added after that."""
        if self._file is not None:
            decoder = getincrementaldecoder("utf-8")("surrogatepass")
            with self._file as file:
                file.seek(0)
                while block := file.read(_BLOCK):
                    yield decoder.decode(block)
        yield from self._waiting
