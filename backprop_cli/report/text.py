"""A report to text for a terminal: one sheet step by step, several as a table of the class."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from backprop_cli.grading.report_data import Report, Result, Submission, Summary, Tally
from backprop_cli.report import wording
from backprop_cli.report.facts import beside_its_marks, counted, facts, note_lines, to_teach
from backprop_cli.report.settings import Settings
from backprop_cli.terminal.console import SHORT, WORDS, beside, drawn, headed, widest

_INDENT = (0, 0, 0, 4)
_BLANK = Text()
_TOGETHER = 500  # lines of a table that are drawn together, each some kilobytes while it is


def render(report: Report, settings: Settings) -> str:
    """The report as lines that fit the width, ending in a line break."""
    if len(report.submissions) == 1:
        shown = _sheet(report.problem, report.submissions[0], settings)
    else:
        shown = _class(report, settings)
    return drawn(shown, settings).rstrip("\n") + "\n"


def _passed(text: str, passed: bool) -> Text:
    return Text(text, "good" if passed else "bad")


# One sheet -----------------------------------------------------------------------------------


def _sheet(problem: str, submission: Submission, settings: Settings) -> Iterator[RenderableType]:
    if problem:
        yield Text(problem, "heading", overflow="fold")
    yield Text(f"{wording.whose(submission)} ({submission.file})", overflow="fold")
    if submission.error is not None:
        yield _BLANK
        yield Text(wording.unread(submission), "bad", overflow="fold")
        return
    yield _passed(wording.marks(submission), submission.passed)
    for sentence in wording.first_sentences(submission):
        yield _BLANK
        yield Text(sentence, overflow="fold")
    if submission.remarks:
        yield _BLANK
    for text, mark in submission.remarks:
        yield beside([("Note:", None)], wording.noted(text, mark), gap=1)
    if submission.results:
        yield _BLANK
        yield from _steps(submission.results, settings)


def _steps(results: tuple[Result, ...], settings: Settings) -> Iterator[RenderableType]:
    """A line a quantity, and below it what there is to say where it is not simply right."""
    names = widest((result.id for result in results), settings.width // 3)
    scores = widest(map(wording.points, results), 12)
    for result in results:
        yield _verdict(result, names, scores, settings)
        if told := facts(result, settings):
            labels = widest((label for label, _ in told), 20)
            for label, text in told:
                yield Padding(beside([(label, labels)], text), _INDENT)
            yield _BLANK


def _verdict(result: Result, names: int, scores: int, settings: Settings) -> Table:
    words = wording.VERDICTS[result.verdict]
    sign = words.plain_sign if settings.ascii else words.sign
    head = [(f"{sign} {result.id}", names + 2), (wording.points(result), scores)]
    return beside(head, wording.phrase_and_line(result), style=words.style)


# A class -------------------------------------------------------------------------------------


def _class(report: Report, settings: Settings) -> Iterator[RenderableType]:
    heading = f"{report.problem}: " if report.problem else ""
    counts = [wording.sheets(report.summary), wording.average(report.submissions)]
    yield Text(heading + ", ".join(filter(None, counts)), overflow="fold")
    if report.submissions:
        yield _BLANK
        yield from _students(report.submissions, settings)
        if note := wording.several(report.submissions):
            yield _BLANK
            yield Text(f"Note: {note}", overflow="fold")
    if report.summary.quantities:
        yield _BLANK
        yield _quantities(report.summary, settings)
    if told := list(to_teach(report.summary, settings)):
        yield _BLANK
        yield from (Text(line, overflow="fold") for line in told)
    if report.summary.notes:
        yield _BLANK
        lines = note_lines(report.summary.notes)
        yield from (Text(line, overflow="fold") for line in lines)


def _students(submissions: tuple[Submission, ...], settings: Settings) -> Iterator[Table]:
    """A line a sheet; a large class in several tables of the same columns, drawn one by one."""
    named = [*wording.named_twice(submissions)]
    student, points, passed, beside_them = wording.of_students(submissions)
    names = widest([student, *map(wording.whose, submissions)], settings.width // 3)
    scores = widest([points, *map(wording.earned, submissions)], 15)
    outcomes = widest(map(wording.outcome, submissions), 15)
    for start in range(0, len(submissions), _TOGETHER):
        table = headed(settings, with_headings=start == 0)
        table.add_column(student, width=names, **SHORT)
        table.add_column(points, width=scores, **SHORT)
        table.add_column(passed, width=outcomes, **SHORT)
        table.add_column(beside_them, ratio=1, **WORDS)
        for submission, twice in named[start : start + _TOGETHER]:
            file = submission.file if twice else ""
            table.add_row(
                wording.whose(submission),
                wording.earned(submission),
                _passed(wording.outcome(submission), submission.passed),
                _about(submission, file, settings),
            )
        yield table


def _about(submission: Submission, file: str, settings: Settings) -> str:
    """What a line says; `file` is named where the student's name does not tell the sheet."""
    if submission.error is not None:
        file = submission.file
    return ": ".join(filter(None, (file, beside_its_marks(submission, settings))))


def _quantities(summary: Summary, settings: Settings) -> Table:
    """How a class did, a line a quantity: how many right, then what the others wrote."""
    table = headed(settings)
    table.add_column(wording.HARDEST, max_width=settings.width // 3, **SHORT)
    table.add_column("right", max_width=15, **SHORT)
    table.add_column("the others", ratio=1, **WORDS)
    for tally in wording.hardest_first(summary):
        others = "\n".join(_others(tally, settings))
        table.add_row(tally.id, wording.rights(tally), others)
    return table


def _others(tally: Tally, settings: Settings) -> Iterator[str]:
    """What those who were not right did: verdicts, slips, and wrong values several wrote."""
    if text := wording.other_verdicts(tally):
        yield text
    if tally.slips:
        named = [(settings.slip(slip).title, count) for slip, count in tally.slips.items()]
        yield f"slips: {counted(named)}"
    for one in tally.shared:
        short = Text(one.text)
        short.truncate(2 * settings.width, overflow="ellipsis")
        yield f"unexplained, {wording.unexplained(one, short.plain)}"
