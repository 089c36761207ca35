"""A report to one HTML file: one sheet step by step, several as tables of the class."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Final

from backprop_cli.grading.report_data import (
    Report,
    Result,
    Shared,
    Submission,
    Summary,
    Tally,
    Verdict,
)
from backprop_cli.report import wording
from backprop_cli.report.facts import beside_its_marks, counted, facts, note_lines, to_teach
from backprop_cli.report.settings import Settings

_STYLE: Final = """
:root { color-scheme: light dark; --line: #8884; --good: #2a7; --partly: #b80; --bad: #d44; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0;
  font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem; }
tr { border-bottom: 1px solid var(--line); }
code { font-family: ui-monospace, monospace; overflow-wrap: anywhere; }
dl { margin: .2rem 0; } dt { font-weight: 600; } dd { margin: 0 0 .3rem 1rem; }
.good { color: var(--good); } .partly { color: var(--partly); } .bad { color: var(--bad); }
.bar { display: inline-flex; width: clamp(4rem, 14vw, 8rem); height: .8rem; background: var(--line);
  print-color-adjust: exact; }
.bar > span { background: currentColor; }
td:first-child code { white-space: nowrap; }
@media (max-width: 40rem) { table { display: block; overflow-x: auto; } }
"""
_PARTS: Final[Sequence[Verdict]] = ("correct", "carried", "imprecise", "wrong", "invalid")
"""The parts of a bar by their verdicts; the rest is left empty."""
_QUANTITIES: Final = (wording.HARDEST, "right", "", "the others", "slips", "unexplained")
_WRITTEN: Final = "\0"  # stands for what was written, which is code
_CODE_LABELS: Final = frozenset({"you wrote", "formula", "right value"})


def render(report: Report, settings: Settings) -> str:
    """The report as a page that needs nothing else."""
    one = len(report.submissions) == 1
    parts = _sheet(report.submissions[0], settings) if one else _class(report, settings)
    title = escape(report.problem or "Report")
    body = "\n".join(parts)
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
        f"{body}\n</body>\n</html>\n"
    )


def _table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; the cells are HTML already."""
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in heading)
    lines = ["<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows]
    body = "\n".join(lines)
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"


def _code(text: str) -> str:
    return f"<code>{escape(text)}</code>"


# One sheet -----------------------------------------------------------------------------------


def _sheet(submission: Submission, settings: Settings) -> Iterator[str]:
    yield f"<p>{escape(wording.whose(submission))} ({_code(submission.file)})</p>"
    if submission.error is not None:
        yield f'<p class="bad">{escape(wording.unread(submission))}</p>'
        return
    yield f"<p><strong>{escape(wording.marks(submission))}</strong></p>"
    yield from (f"<p>{escape(sentence)}</p>" for sentence in wording.first_sentences(submission))
    if submission.remarks:
        yield _list(wording.noted(*remark) for remark in submission.remarks)
    if submission.results:
        rows = (_row(result, settings) for result in submission.results)
        yield _table(("quantity", "points", "verdict"), rows)


def _row(result: Result, settings: Settings) -> tuple[str, ...]:
    words = wording.VERDICTS[result.verdict]
    phrase = escape(wording.phrase_and_line(result))
    told = "".join(
        f"<dt>{escape(label)}</dt><dd>{_code(text) if label in _CODE_LABELS else escape(text)}</dd>"
        for label, text in facts(result, settings)
    )
    verdict = f'<span class="{words.style}">{escape(words.sign)} {phrase}</span>'
    return _code(result.id), wording.points(result), verdict + (f"<dl>{told}</dl>" if told else "")


# A class -------------------------------------------------------------------------------------


def _class(report: Report, settings: Settings) -> Iterator[str]:
    counts = [wording.sheets(report.summary), wording.average(report.submissions)]
    yield f"<p><strong>{escape(', '.join(filter(None, counts)))}</strong></p>"
    if told := list(to_teach(report.summary, settings)):
        yield _heading(wording.TO_TEACH)
        yield _list(told)
    if report.summary.quantities:
        yield _heading(wording.QUANTITIES)
        yield _legend(report.summary)
        yield _table(
            _QUANTITIES,
            (_tally(tally, settings) for tally in wording.hardest_first(report.summary)),
        )
    if report.submissions:
        yield _heading(wording.STUDENTS)
        yield from _students(report, settings)
    if report.summary.notes:
        yield _heading(wording.BESIDE)
        yield _list(note_lines(report.summary.notes))


def _heading(text: str) -> str:
    return f"<h2>{escape(text)}</h2>"


def _students(report: Report, settings: Settings) -> Iterator[str]:
    named = wording.named_twice(report.submissions)
    rows = (_student(one, twice, settings) for one, twice in named)
    yield _table(wording.of_students(report.submissions), rows)
    if note := wording.several(report.submissions):
        yield f"<p>{escape(note)}</p>"


def _list(lines: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def _student(submission: Submission, named_twice: bool, settings: Settings) -> tuple[str, ...]:
    file = f" ({_code(submission.file)})" if named_twice else ""
    style = "good" if submission.passed else "bad"
    verdict = f'<span class="{style}">{escape(wording.outcome(submission))}</span>'
    return (
        escape(wording.whose(submission)) + file,
        wording.earned(submission),
        verdict,
        escape(beside_its_marks(submission, settings)),
    )


def _tally(tally: Tally, settings: Settings) -> tuple[str, ...]:
    named = [(settings.slip(slip).title, count) for slip, count in tally.slips.items()]
    shared = "<br>".join(_unexplained(one) for one in tally.shared)
    others = (escape(wording.other_verdicts(tally)), escape(counted(named)), shared)
    return _code(tally.id), wording.rights(tally), _bar(tally), *others


def _bar(tally: Tally) -> str:
    """How many were right, carried, wrong, as parts of a line; the numbers stand beside it."""
    total = max(sum(tally.counts.values()), 1)
    found = ((wording.VERDICTS[one].style, tally.counts.get(one, 0)) for one in _PARTS)
    parts = (
        f'<span class="{style}" style="width: {100 * count / total:.3g}%"></span>'
        for style, count in found
        if count
    )
    return f'<span class="bar" aria-hidden="true">{"".join(parts)}</span>'


def _legend(summary: Summary) -> str:
    """What the colours of the bars mean, as far as there are any."""
    seen = {verdict for tally in summary.quantities for verdict in tally.counts}
    meant: dict[str, list[str]] = {}
    for verdict in filter(seen.__contains__, _PARTS):
        words = wording.VERDICTS[verdict]
        meant.setdefault(words.style, []).append(words.short)
    parts = (
        f'<span class="{style}">■</span> {escape(", ".join(words))}'
        for style, words in meant.items()
    )
    return f"<p>{' &ensp; '.join(parts)}</p>"


def _unexplained(one: Shared) -> str:
    return escape(wording.unexplained(one, _WRITTEN)).replace(_WRITTEN, _code(one.text))
