"""Verdicts, marks and places to the words that every format uses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, TypeAlias

from msgspec import Struct

from backprop_cli.errors import Mark, listed
from backprop_cli.grading.report_data import (
    How,
    Result,
    Shared,
    Submission,
    Summary,
    Tally,
    Verdict,
)
from backprop_cli.grading.sheets.assembled import INSTEAD
from backprop_cli.grading.summary import that_count

Style = Literal["good", "partly", "bad"]


class Words(Struct, frozen=True):
    """A verdict: a short word for entries and counts, the sentence, a sign and a style."""

    short: str
    phrase: str
    sign: str
    plain_sign: str
    style: Style


VERDICTS: Mapping[Verdict, Words] = MappingProxyType(
    {
        "correct": Words("right", "right", "✓", "+", "good"),
        "carried": Words(
            "carried",
            "follows from your earlier values, one of which is wrong",
            "→",
            ">",
            "partly",
        ),
        "imprecise": Words(
            "too few digits", "fits, with fewer digits than asked", "≈", "~", "partly"
        ),
        "wrong": Words("wrong", "wrong", "✗", "x", "bad"),
        "invalid": Words("unreadable", "cannot be read", "!", "!", "bad"),
        "not-judged": Words("not judged", "not judged", "?", "?", "partly"),
        "missing": Words("missing", "missing: nothing is written here", "_", "_", "partly"),
    }
)
"""In the order in which they are counted."""

HOW: Mapping[How, str] = MappingProxyType(
    {
        "exact": "right",
        "rounded": "right, rounded",
        "truncated": "right, cut off where it would be rounded",
        "carried-rounding": "right: the difference comes from rounding earlier steps",
    }
)

TOO_FEW = "too few digits to tell"
"""In place of `wrong`, where a number is right as far as it goes."""

DEFAULT_REASON = "something it is computed from is missing"


def verdict_phrase(result: Result) -> str:
    """The verdict on a quantity as a sentence."""
    if result.verdict == "correct" and result.how:
        return HOW[result.how]
    if result.verdict == "carried" and result.message:
        return result.message
    if result.verdict == "missing" and any(one.verdict != "missing" for one in result.entries):
        return "missing: not all of it is written here"
    return TOO_FEW if result.short else VERDICTS[result.verdict].phrase


def number(value: float) -> str:
    """Points without needless zeros."""
    return f"{round(value, 3) + 0.0:.12g}"


def points_said(count: float) -> str:
    """`2 points`."""
    return f"{number(count)} point{'s' * (count != 1)}"


def points(result: Result) -> str:
    """`2/4`; a dash where the quantity does not count."""
    if not result.max_points:
        return "–"
    return f"{number(result.points)}/{number(result.max_points)}"


def whose(submission: Submission) -> str:
    """`Anna, Ben`: all who handed it in."""
    return ", ".join(submission.students)


def earned(submission: Submission) -> str:
    """`7/9`."""
    return f"{number(submission.score)}/{number(submission.max_score)}"


def rights(tally: Tally) -> str:
    """How many of all are right: `12/30`."""
    return f"{number(tally.counts.get('correct', 0))}/{number(sum(tally.counts.values()))}"


def other_verdicts(tally: Tally) -> str:
    """`9 carried, 8 wrong`."""
    return ", ".join(
        f"{number(tally.counts[verdict])} {words.short}"
        for verdict, words in VERDICTS.items()
        if verdict != "correct" and tally.counts.get(verdict)
    )


TO_TEACH, QUANTITIES, STUDENTS, BESIDE = (
    "What to go over again",
    "Quantities",
    "Students",
    "Files and students to look at",
)
"""The headings of a report of a class, where it is read as a page."""

HARDEST = "hardest first"
"""The heading of the quantities of a class."""


def hardest_first(summary: Summary) -> list[Tally]:
    """The quantities, those first that most had wrong by themselves, then those fewest had right.

    What follows from an earlier mistake is not hard in itself.
    """

    def ease(tally: Tally) -> tuple[float, float]:
        total = max(sum(tally.counts.values()), 1)
        failed = tally.counts.get("wrong", 0) + tally.counts.get("invalid", 0)
        return -failed / total, tally.counts.get("correct", 0) / total

    return sorted(summary.quantities, key=ease)


def unexplained(one: Shared, written: str) -> str:
    """`written by 4: 0.741 -2.96; perhaps H1 * dL/dH1`, where the value stands as `written`."""
    perhaps = f"perhaps {one.perhaps}" if one.perhaps else ""
    if not one.text:
        return f"written by {number(one.count)}, in other numbers each: {perhaps}"
    return "; ".join(filter(None, (f"written by {number(one.count)}: {written}", perhaps)))


def outcome(submission: Submission) -> str:
    """Whether a sheet passes, in a word or two."""
    if submission.error is not None:
        return "not graded" if submission.is_read else "unreadable"
    return "passed" if submission.passed else "not passed"


def marks(submission: Submission) -> str:
    """`7 of 9 points, passed`."""
    points = f"{number(submission.score)} of {number(submission.max_score)} points"
    return f"{points}, {outcome(submission)}"


def sheets(summary: Summary) -> str:
    """`30 sheets, 24 passed`."""
    word = "sheet" if summary.submissions == 1 else "sheets"
    return f"{summary.submissions} {word}, {summary.passed} passed"


def average(submissions: Sequence[Submission]) -> str:
    """`17.4 of 20 points on average` of the sheets that count; nothing where none could be read."""
    read = [one for one in that_count(submissions) if one.error is None]
    if not read:
        return ""
    mean = sum(one.score for one in read) / len(read)
    return f"{round(mean, 1):g} of {number(read[0].max_score)} points on average"


def line_of(mark: Mark | None) -> str:
    """`line 9`; nothing where there is no place."""
    return f"line {mark.line}" if mark and mark.line else ""


def phrase_and_line(result: Result) -> str:
    """The words of a verdict, and where a mistake stands."""
    where = line_of(result.mark) if result.verdict not in ("correct", "carried") else ""
    return verdict_phrase(result) + (f" ({where})" if where else "")


def of_students(submissions: Sequence[Submission]) -> tuple[str, str, str, str]:
    """The headings above the sheets of a class."""
    wrong = any(one.first_wrong for one in submissions)
    return "student", "points", "", "first wrong" if wrong else ""


def first_sentences(submission: Submission) -> list[str]:
    """Where to start, for a person who reads the report of one sheet."""
    verdicts = {result.verdict for result in submission.results}
    first = first_wrong(submission)
    if first is None:
        return ["Everything is right."] if verdicts == {"correct"} else []
    after = [_said_after(kind, ids) for kind, ids in _others(submission, first).items() if ids]
    sentences = [f"Start with {first.id}: {_start(first)}.", *after]
    if "carried" in verdicts:
        later = "What only follows from that" if after else "What only follows from it"
        sentences.append(f"{later} fits your own numbers and is no new mistake.")
    return [" ".join(sentences)]


def first_wrong(submission: Submission) -> Result | None:
    """The result to start with."""
    found = (result for result in submission.results if result.id == submission.first_wrong)
    return next(found, None)


def _start(first: Result) -> str:
    if first.verdict == "invalid":
        return "it is the first that cannot be read"
    if first.short:
        return "it is right at its digits, but these are too few to tell; write more of them"
    return "it is the first that went wrong"


_Kind: TypeAlias = Literal["again", "by itself", "short"]


def _others(submission: Submission, first: Result) -> dict[_Kind, list[str]]:
    """What else is wrong: by a mistake made before on the sheet, by one of its own, or only as it
    has too few digits."""
    seen: set[str] = set(first.slips)
    found: dict[_Kind, list[str]] = {"again": [], "by itself": [], "short": []}
    for result in submission.results:
        if result.verdict == "wrong" and result is not first:
            own: _Kind = "short" if result.short else "by itself"
            found["again" if seen & set(result.slips) else own].append(result.id)
            seen |= set(result.slips)
    return found


def _said_after(kind: _Kind, ids: Sequence[str]) -> str:
    one = len(ids) == 1
    if kind == "again":
        return f"{listed(ids)}: the same mistake again."
    if kind == "short":
        return f"{listed(ids)} {'has' if one else 'have'} too few digits to tell."
    return f"{listed(ids)} went wrong {'by itself' if one else 'by themselves'}, too."


def unread(submission: Submission) -> str:
    """Why a sheet could not be read at all, or not graded, and where."""
    where = line_of(submission.error_mark)
    done = "graded" if submission.is_read else "read"
    return f"this sheet could not be {done}{f' ({where})' if where else ''}: {submission.error}"


def noted(text: str, mark: Mark) -> str:
    """A remark, and where in the file it belongs."""
    where = line_of(mark)
    return f"{where}: {text}" if where else text


def remarked(submission: Submission) -> str:
    """The notes on a sheet in a table of a class: most are lines that were not understood."""
    notes = [noted(text.partition(INSTEAD)[0], mark) for text, mark in submission.remarks]
    return "; ".join(notes)


def named_twice(submissions: Sequence[Submission]) -> Iterator[tuple[Submission, bool]]:
    """Each sheet, and whether one of its students has another one."""
    counts = _sheets_of_each(submissions)
    return ((one, any(counts[name] > 1 for name in one.students)) for one in submissions)


def _sheets_of_each(submissions: Sequence[Submission]) -> Counter[str]:
    return Counter(student for one in submissions for student in one.students)


def several(submissions: Sequence[Submission]) -> str:
    """`several sheets of one name: Anna (2)`; nothing where there are none."""
    counts = _sheets_of_each(submissions)
    named = [f"{student} ({count})" for student, count in sorted(counts.items()) if count > 1]
    return f"several sheets of one name: {', '.join(named)}" if named else ""


def indexed(index: tuple[int, ...]) -> str:
    """`[2,1]`."""
    return f"[{','.join(map(str, index))}]"
