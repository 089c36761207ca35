"""A report to text for a terminal: one sheet step by step, several as a table of the class."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import MappingProxyType

from backprop_cli.grading.report_data import Report, Result, Submission, Summary, Tally
from backprop_cli.report.columns import GAP, cut, hanging, padded, widest, wrapped
from backprop_cli.report.facts import cause, counted, facts
from backprop_cli.report.settings import Settings
from backprop_cli.report.wording import (
    VERDICTS,
    Color,
    average,
    beside_marks,
    doubles,
    earned,
    first_sentences,
    line_of,
    marks,
    noted,
    number,
    other_verdicts,
    outcome,
    points,
    remarked,
    rights,
    several,
    sheets,
    unread,
    verdict_phrase,
)

_ANSI: MappingProxyType[Color, str] = MappingProxyType(
    {"green": "\x1b[32m", "yellow": "\x1b[33m", "red": "\x1b[31m"}
)
_RESET = "\x1b[0m"


def render(report: Report, settings: Settings) -> str:
    """The report as lines that fit the width, ending in a line break."""
    if len(report.submissions) == 1:
        lines = _sheet(report.problem, report.submissions[0], settings)
    else:
        lines = _class(report, settings)
    return "\n".join(line.rstrip() for line in lines).rstrip() + "\n"


def _painted(text: str, color: Color, settings: Settings) -> str:
    return f"{_ANSI[color]}{text}{_RESET}" if settings.color else text


def _passed(text: str, passed: bool, settings: Settings) -> str:
    return _painted(text, "green" if passed else "red", settings)


# One sheet -----------------------------------------------------------------------------------


def _sheet(problem: str, submission: Submission, settings: Settings) -> Iterator[str]:
    width = settings.width
    if problem:
        yield from wrapped(problem, width)
    yield from wrapped(f"{submission.student} ({submission.file})", width)
    if submission.error is not None:
        yield ""
        for line in wrapped(unread(submission), width):
            yield _painted(line, "red", settings)
        return
    yield _passed(marks(submission), submission.passed, settings)
    for sentence in first_sentences(submission):
        yield ""
        yield from wrapped(sentence, width)
    yield from _remarks(submission, width)
    if submission.results:
        yield ""
        yield from _steps(submission.results, settings)


def _remarks(submission: Submission, width: int) -> Iterator[str]:
    if submission.remarks:
        yield ""
    for text, mark in submission.remarks:
        yield from hanging("Note: ", noted(text, mark), width)


def _steps(results: tuple[Result, ...], settings: Settings) -> Iterator[str]:
    """A line a quantity, and below it what there is to say where it is not simply right."""
    names = widest([result.id for result in results], settings.width // 3)
    scores = widest([points(result) for result in results], 12)
    for result in results:
        details = list(_details(result, settings))
        yield from _verdict(result, (names, scores), settings)
        yield from details
        if details:
            yield ""


def _verdict(result: Result, rooms: tuple[int, int], settings: Settings) -> Iterator[str]:
    words = VERDICTS[result.verdict]
    sign = words.plain_sign if settings.ascii else words.sign
    head = f"{sign} {_row((result.id, points(result)), rooms)}"
    where = line_of(result.mark) if result.verdict not in ("correct", "carried") else ""
    phrase = f"{verdict_phrase(result)} ({where})" if where else verdict_phrase(result)
    for line in hanging(head, phrase, settings.width):
        yield _painted(line, words.color, settings)


def _details(result: Result, settings: Settings) -> Iterator[str]:
    told = facts(result, settings)
    labels = widest([label for label, _ in told], 20)
    for label, text in told:
        yield from hanging(f"    {padded(label, labels)}{GAP}", text, settings.width)


# A class -------------------------------------------------------------------------------------


def _class(report: Report, settings: Settings) -> Iterator[str]:
    heading = f"{report.problem}: " if report.problem else ""
    counts = [sheets(report.summary), average(report.submissions)]
    yield from wrapped(heading + ", ".join(filter(None, counts)), settings.width)
    if report.submissions:
        yield ""
        yield from _students(report.submissions, settings)
    if report.summary.quantities:
        yield ""
        yield from _quantities(report.summary, settings)


def _students(submissions: tuple[Submission, ...], settings: Settings) -> Iterator[str]:
    twice = doubles(submissions)
    names = widest(["student", *(one.student for one in submissions)], settings.width // 3)
    rooms = (names, widest(["points", *map(earned, submissions)], 15), len("not passed"))
    yield cut(_row(("student", "points", ""), rooms) + beside_marks(submissions), settings.width)
    for submission in submissions:
        file = submission.file if submission.student in twice else ""
        yield from _student(submission, file, rooms, settings)
    if note := several(submissions):
        yield ""
        yield from wrapped(f"Note: {note}", settings.width)


def _row(cells: Iterable[str], rooms: Iterable[int]) -> str:
    return "".join(padded(text, room) + GAP for text, room in zip(cells, rooms, strict=True))


def _student(
    submission: Submission, file: str, rooms: tuple[int, ...], settings: Settings
) -> Iterator[str]:
    """One line; `file` is named where the student's name does not tell the sheet from others."""
    said = "; ".join(filter(None, (cause(submission, settings), remarked(submission))))
    if submission.error is not None:
        said, file = unread(submission), submission.file
    said = ": ".join(filter(None, (file, said)))
    verdict = outcome(submission)
    start = _row((submission.student, earned(submission)), rooms[:2])
    first, *more = hanging(start + _row((verdict,), rooms[2:]), said, settings.width)
    yield start + _passed(verdict, submission.passed, settings) + first[len(start + verdict) :]
    yield from more


def _quantities(summary: Summary, settings: Settings) -> Iterator[str]:
    """How a class did, a line a quantity: how many right, then what the others wrote."""
    tallies = summary.quantities
    names = widest(["quantity", *(tally.id for tally in tallies)], settings.width // 3)
    rooms = (names, widest(["right", *map(rights, tallies)], 15))
    yield cut(_row(("quantity", "right"), rooms) + "the others", settings.width)
    for tally in tallies:
        head = _row((tally.id, rights(tally)), rooms)
        for text in _others(tally, settings) or [""]:
            yield from hanging(head, text, settings.width)
            head = _row(("", ""), rooms)


def _others(tally: Tally, settings: Settings) -> list[str]:
    """What those who were not right did: verdicts, slips, and wrong values several wrote."""
    lines = []
    if text := other_verdicts(tally):
        lines.append(text)
    if tally.slips:
        named = [(settings.slip(slip).title, count) for slip, count in tally.slips.items()]
        lines.append(f"slips: {counted(named)}")
    lines += [
        f"unexplained, written by {number(count)}: {cut(value, 2 * settings.width)}"
        for value, count in tally.shared
    ]
    return lines
