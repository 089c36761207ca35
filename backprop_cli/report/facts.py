"""What there is to say of one result, and of a class beside its marks, for every format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from backprop_cli.algebra.quantity import plain_id, quantity, whole_id
from backprop_cli.errors import listed
from backprop_cli.grading.report_data import EntryResult, Note, Result, Submission, Summary, Verdict
from backprop_cli.grading.sentences import telling
from backprop_cli.report.settings import Settings
from backprop_cli.report.wording import (
    DEFAULT_REASON,
    TOO_FEW,
    VERDICTS,
    first_wrong,
    indexed,
    number,
    remarked,
    unread,
)
from backprop_cli.trace import states_of

if TYPE_CHECKING:
    from backprop_cli.grading.grader import Grader
    from backprop_cli.grading.judging.stages import Stage


_LONGEST = 240  # characters of what was written
_ENTRIES = 8  # named of each verdict
_WITH_FORMULA: frozenset[Verdict] = frozenset({"wrong", "not-judged", "missing"})

Fact = tuple[str, str]


def facts(result: Result, settings: Settings) -> list[Fact]:
    """What a student is told of a quantity beside its verdict, in the order to read it."""
    return [*_seen(result, settings), *_why(result, settings), *_numbers(result)]


def _seen(result: Result, settings: Settings) -> Iterator[Fact]:
    if result.verdict == "correct":
        return
    if result.verdict != "carried" and (text := written(result.entries)):
        yield "you wrote", text
    if result.called:
        yield "array", result.called
    if text := _differing(result):
        yield "entries", text
    if result.verdict in _WITH_FORMULA and (formula := equation(result, settings)):
        yield "formula", formula


def _why(result: Result, settings: Settings) -> Iterator[Fact]:
    slips = [settings.slip(slip) for slip in telling(result.slips)]
    if result.factor:
        yield "it shows", result.factor
    told = all(words.sentence in result.message for words in slips) if slips else not result.message
    if not told and result.verdict != "carried":
        yield "why", result.message
    elif result.verdict == "not-judged":
        yield "why", DEFAULT_REASON
    where = f"in {result.origin.id}, which is not on the sheet: " if result.origin else ""
    for label, words in zip(_labels(), slips, strict=False):
        sentence = f". {words.sentence}" if told and words.sentence else ""
        yield label, f"{where}{words.title}{sentence}"
    if result.cannot_exclude:
        titles = ", ".join(settings.slip(slip).title for slip in result.cannot_exclude)
        yield "not ruled out", f"with these digits it could also be: {titles}"


def _labels() -> Iterator[str]:
    yield "probably"
    while True:
        yield "or"


def _numbers(result: Result) -> Iterator[Fact]:
    if result.explanation:
        yield "numbers", result.explanation
    is_it = result.verdict == "correct" and result.how in ("exact", "rounded", "truncated")
    if result.expected is not None and not is_it:
        yield "right value", result.expected


def equation(result: Result, settings: Settings) -> str:
    """`Z¹ = …`; nothing where the formula is not to be told."""
    if not result.formula:
        return ""
    shown = settings.formula(whole_id(result.id)) if settings.formula else None
    if shown is not None:
        return shown
    return result.formula if " = " in result.formula else f"{result.id} = {result.formula}"


def written(entries: Sequence[EntryResult]) -> str:
    """What was typed, as it would be typed in an answer file."""
    if not any(entry.typed for entry in entries):
        return ""
    text = _nested(sorted(entries, key=_index), 0)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _index(entry: EntryResult) -> tuple[int, ...]:
    return entry.index


def _nested(entries: Sequence[EntryResult], depth: int) -> str:
    if depth >= len(entries[0].index):
        return entries[0].typed or "_"
    groups = groupby(entries, key=_axis(depth))
    return f"[{', '.join(_nested(list(group), depth + 1) for _, group in groups)}]"


def _axis(depth: int) -> Callable[[EntryResult], int]:
    return lambda entry: entry.index[depth]


def _differing(result: Result) -> str:
    """Which entries are not right, where not all share one verdict: `[1,1] [2,1] wrong`."""
    found = {entry.verdict for entry in result.entries}
    if len(found) < 2:
        return ""
    said = {verdict: VERDICTS[verdict].short for verdict in VERDICTS if verdict in found}
    if result.short:
        said["wrong"] = TOO_FEW
    parts = (
        _named([entry for entry in result.entries if entry.verdict == verdict], words)
        for verdict, words in said.items()
        if verdict != "correct"
    )
    return "; ".join(parts)


def _named(entries: Sequence[EntryResult], words: str) -> str:
    places = [indexed(entry.index) for entry in entries[:_ENTRIES]]
    more = len(entries) - len(places)
    places += [f"and {more} more"] if more > 0 else []
    return f"{' '.join(places)} {words}"


def beside_its_marks(submission: Submission, settings: Settings) -> str:
    """What a table of a class says beside the marks of a sheet, or why it has none."""
    if submission.error is not None:
        return unread(submission)
    return "; ".join(filter(None, (cause(submission, settings), remarked(submission))))


def cause(submission: Submission, settings: Settings) -> str:
    """Where a sheet goes wrong first, and which slip it was, in a few words."""
    if submission.first_wrong is None:
        return _lacking(submission)
    result = first_wrong(submission)
    why = _in_short(result, settings) if result else ""
    return f"{submission.first_wrong}: {why}" if why else submission.first_wrong


def _in_short(result: Result, settings: Settings) -> str:
    """What went wrong, in a few words: the slips, or why nothing could be compared."""
    if result.verdict == "invalid":
        return VERDICTS["invalid"].short
    titles = [settings.slip(slip).title for slip in telling(result.slips)]
    where = f" in {result.origin.id}" if result.origin else ""
    return " or ".join(titles) + where or ("" if result.entries else result.message)


def _lacking(submission: Submission) -> str:
    """What a sheet lacks on which nothing is wrong: `nothing wrong, 3 missing`."""
    counts = Counter(result.verdict for result in submission.results if result.max_points)
    parts = [
        f"{counts[verdict]} {words.short}"
        for verdict, words in VERDICTS.items()
        if verdict != "correct" and counts[verdict]
    ]
    return ", ".join(["nothing wrong", *parts]) if parts else ""


_SEVERAL = 2  # of whom it is news of a class
_MOST_TOLD = 3  # of what a class found hardest, and of its mistakes


def to_teach(summary: Summary, settings: Settings) -> Iterator[str]:
    """What to go over again: where fewest were right, and the mistakes made most often.

    What happened once is no news of a class; what only follows from earlier mistakes is none.
    """
    hard = sorted(
        (tally for tally in summary.quantities if tally.counts.get("wrong", 0) > 1),
        key=lambda tally: -tally.counts["wrong"] / sum(tally.counts.values()),
    )
    if hard:
        told = (
            f"{t.id} ({number(t.counts['wrong'])} of {number(sum(t.counts.values()))})"
            for t in hard[:_MOST_TOLD]
        )
        yield f"wrong most often: {', '.join(told)}"
    slips: Counter[str] = Counter()
    for tally in summary.quantities:
        slips.update(tally.slips)
    often = [(id, count) for id, count in slips.most_common(_MOST_TOLD) if count > 1]
    if often:
        named = [(settings.slip(id).title, count) for id, count in often]
        yield f"mistakes made most often: {counted(named)}"
    yield from _left_out(summary)


def _left_out(summary: Summary) -> Iterator[str]:
    """What most left empty, where that is more than one of them."""
    most = max((tally.counts.get("missing", 0) for tally in summary.quantities), default=0)
    empty = [tally for tally in summary.quantities if tally.counts.get("missing") == most]
    if most < _SEVERAL or len(empty) == len(summary.quantities):
        return
    more = len(empty) - _MOST_TOLD
    named = [tally.id for tally in empty[:_MOST_TOLD]] + [f"{more} more"] * (more > 0)
    share = f"{number(most)} of {number(sum(empty[0].counts.values()))}"
    yield f"left empty most often: {listed(named)} ({share})"


def counted(counts: Sequence[tuple[str, int]]) -> str:
    """`sign flipped 5×, transposed 2×`, the most frequent first."""
    ordered = sorted(counts, key=lambda item: -item[1])
    return ", ".join(f"{name} {number(count)}×" for name, count in ordered)


MOST_TOLD: Final = 50
"""So many lines of files that are not read; the others are counted."""
_FEW: Final = 3  # files of one name that are told one by one


def note_lines(notes: Sequence[Note]) -> Iterator[str]:
    """A line for each; for files that are not read, one for many of one name.

    So the README of everyone's repository is told once.
    """
    unread = list(_unread([note for note in notes if note.kind == "not-read"]))
    yield from unread[:MOST_TOLD]
    if len(unread) > MOST_TOLD:
        yield f"not read: {len(unread) - MOST_TOLD} more"
    yield from (line_of_note(note) for note in notes if note.kind != "not-read")


def _unread(notes: Iterable[Note]) -> Iterator[str]:
    alike: dict[tuple[str, str], list[Note]] = {}
    for note in notes:
        name = note.files[0].replace("\\", "/").rpartition("/")[2]
        alike.setdefault((name, note.why), []).append(note)
    for (name, why), found in alike.items():
        if len(found) > _FEW:
            yield f"not read: {len(found)} files called {name}: {why}"
        else:
            yield from map(line_of_note, found)


def line_of_note(note: Note) -> str:
    """What is said of it."""
    named = ", ".join(note.files)
    match note.kind:
        case "not-read":
            return f"not read: {named}: {note.why}"
        case "no-sheet":
            return f"no sheet: {note.student}{f'; {note.why}' if note.why else ''}"
        case "nobodys-sheet":
            return f"nobody's sheet: {named}: {note.why}"
        case "not-in-class":
            return f"named on a sheet, and not in the class: {note.why}: {named}"
        case "together":
            return (
                f"{note.student} handed in together with {note.why}, for the same points: {named}"
            )
        case "several-sheets":
            most = "the one with most points counts"
            return f"{len(note.files)} sheets of {note.student}, {most}: {named}"
        case "late":
            return f"handed in late: {named}"


def note_data(note: Note) -> dict[str, Any]:
    """The same for programs."""
    return {
        "kind": note.kind,
        "student": note.student or None,
        "files": list(note.files),
        "message": line_of_note(note),
    }


def note_rows(note: Note) -> Iterator[tuple[str, str, str, str]]:
    """Whose it is, each file by itself, its kind, and what is said of it."""
    for file in note.files or ("",):
        yield note.student, file, note.kind, line_of_note(note)


# Formulas -----------------------------------------------------------------------------------------


class PrintedFormulas:
    """Gives the formulas of a problem, made when one is first shown. Picklable."""

    def __init__(self, grader: Grader, in_ascii: bool) -> None:
        self._grader = grader
        self._in_ascii = in_ascii
        self._known: dict[str, str | None] = {}

    def __reduce__(self) -> tuple[type[PrintedFormulas], tuple[Grader, bool]]:
        return PrintedFormulas, (self._grader, self._in_ascii)

    def __call__(self, id: str) -> str | None:
        if id not in self._known:
            step = quantity(id).step
            writer = self._writer_of(step, id)
            formula = None if writer is None else writer(plain_id(id))
            self._known[id] = f"step {step}: {formula}" if step != 1 and formula else formula
        return self._known[id]

    def _writer_of(self, step: int, id: str) -> Callable[[str], str | None] | None:
        """Of what nothing asks for, too, where somebody wrote of it."""
        if (grader := self._grader.following({id})) is self._grader:
            return self._writers.get(step)
        if step in self._writers and step != 1:
            return self._writers[step]
        found = {stage.number: self._writer(stage) for stage in grader.stages}
        if step != 1:
            self._writers.update({**found, **self._writers})
        return found.get(step)

    @cached_property
    def _writers(self) -> dict[int, Callable[[str], str | None]]:
        return {stage.number: self._writer(stage) for stage in self._grader.stages}

    def _writer(self, stage: Stage) -> Callable[[str], str | None]:
        from backprop_cli.document.names import Names, formulas  # where a formula is shown
        from backprop_cli.document.view import View, as_written

        model, steps = stage.model, stage.steps
        view = as_written(model.problem, View(ascii=self._in_ascii))
        names = Names(
            view.notation,
            view.layers,
            frozenset(id for id, shape in model.shapes.items() if len(shape) > 1),
            self._in_ascii,
            frozenset((*model.given, *steps)),
            states=states_of((id, step.rule) for id, step in steps.items()),
        )
        exprs = {id: step.expr for id, step in steps.items()}
        return formulas(exprs, stage.plan.shapes, names, view)
