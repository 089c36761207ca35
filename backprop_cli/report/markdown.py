"""A report to GitHub Markdown: one sheet as a table of steps, several as tables of the class."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from backprop_cli.grading.report_data import Report, Result, Shared, Submission, Tally
from backprop_cli.report import wording
from backprop_cli.report.facts import beside_its_marks, counted, facts, note_lines, to_teach
from backprop_cli.report.settings import Settings

_SPECIAL = re.compile(r"[\\`*_\[\]<>#|~&@$!]|(?<=[a-z]):(?=/)|(?<=www)\.", re.IGNORECASE)
_STEPS = ("", "quantity", "points", "verdict")
_QUANTITIES = (wording.HARDEST, "right", "the others", "slips", "unexplained")
_WRITTEN = "\0"  # stands for what was written, which is code
_CODE_LABELS = frozenset({"you wrote", "formula", "right value"})


def render(report: Report, settings: Settings) -> str:
    """The report as Markdown, ending in a line break."""
    one = len(report.submissions) == 1
    parts = _sheet(report, settings) if one else _class(report, settings)
    return "\n\n".join(parts) + "\n"


def escaped(text: str) -> str:
    """Text in which nothing is taken for Markdown, HTML, a link or a mention."""
    return _SPECIAL.sub(_apart, " ".join(text.split()))


def _apart(match: re.Match[str]) -> str:
    # a backslash does not keep GitHub from seeing a mention
    return "&#64;" if match[0] == "@" else f"\\{match[0]}"


def code(text: str) -> str:
    """What was typed, as it was typed."""
    flat = " ".join(text.split())
    if not flat:
        return ""
    fence = "`" * (max(map(len, re.findall("`+", flat)), default=0) + 1)
    space = " " if flat[0] == "`" or flat[-1] == "`" else ""
    return f"{fence}{space}{flat}{space}{fence}"


def _cell(text: str) -> str:
    """The same in a table, where a bar ends a cell even in code."""
    return escaped(text) if "|" in text else code(text)


def _table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


# One sheet -----------------------------------------------------------------------------------


def _sheet(report: Report, settings: Settings) -> Iterator[str]:
    submission = report.submissions[0]
    if report.problem:
        yield f"# {escaped(report.problem)}"
    yield f"{code(wording.whose(submission))} ({code(submission.file)})"
    if submission.error is not None:
        yield escaped(wording.unread(submission))
        return
    yield f"**{wording.marks(submission)}**"
    yield from map(escaped, wording.first_sentences(submission))
    if submission.remarks:
        yield "\n".join(
            f"- {escaped(wording.noted(text, mark))}" for text, mark in submission.remarks
        )
    if submission.results:
        yield _table(_STEPS, map(_verdict, submission.results))
    for result in submission.results:
        if told := facts(result, settings):
            yield _details(result, told)


def _verdict(result: Result) -> tuple[str, ...]:
    sign = wording.VERDICTS[result.verdict].sign
    return (
        escaped(sign),
        _cell(result.id),
        wording.points(result),
        escaped(wording.verdict_phrase(result)),
    )


def _details(result: Result, told: Sequence[tuple[str, str]]) -> str:
    where = wording.line_of(result.mark)
    title = f"### {code(result.id)}{f' ({where})' if where else ''}"
    lines = [
        f"- **{label}**: {code(text) if label in _CODE_LABELS else escaped(text)}"
        for label, text in told
    ]
    return "\n".join([title, "", *lines])


# A class -------------------------------------------------------------------------------------


def _class(report: Report, settings: Settings) -> Iterator[str]:
    if report.problem:
        yield f"# {escaped(report.problem)}"
    counts = [wording.sheets(report.summary), wording.average(report.submissions)]
    yield f"**{', '.join(filter(None, counts))}**"
    if told := list(to_teach(report.summary, settings)):
        yield f"## {wording.TO_TEACH}"
        yield "\n".join(f"- {escaped(line)}" for line in told)
    if report.summary.quantities:
        yield f"## {wording.QUANTITIES}"
        yield _table(
            _QUANTITIES,
            (_tally(tally, settings) for tally in wording.hardest_first(report.summary)),
        )
    if report.submissions:
        yield f"## {wording.STUDENTS}"
        yield from _students(report, settings)
    if report.summary.notes:
        yield f"## {wording.BESIDE}"
        yield "\n".join(f"- {escaped(line)}" for line in note_lines(report.summary.notes))


def _students(report: Report, settings: Settings) -> Iterator[str]:
    named = wording.named_twice(report.submissions)
    rows = (_student(one, twice, settings) for one, twice in named)
    yield _table(wording.of_students(report.submissions), rows)
    if note := wording.several(report.submissions):
        yield escaped(note)


def _student(submission: Submission, named_twice: bool, settings: Settings) -> tuple[str, ...]:
    name = _cell(wording.whose(submission))
    if named_twice:
        name += f" ({_cell(submission.file)})"
    return (
        name,
        wording.earned(submission),
        wording.outcome(submission),
        escaped(beside_its_marks(submission, settings)),
    )


def _tally(tally: Tally, settings: Settings) -> tuple[str, ...]:
    named = [(settings.slip(slip).title, count) for slip, count in tally.slips.items()]
    shared = ". ".join(map(_unexplained, tally.shared))
    return (
        _cell(tally.id),
        wording.rights(tally),
        wording.other_verdicts(tally),
        escaped(counted(named)),
        shared,
    )


def _unexplained(one: Shared) -> str:
    return escaped(wording.unexplained(one, _WRITTEN)).replace(_WRITTEN, _cell(one.text))
