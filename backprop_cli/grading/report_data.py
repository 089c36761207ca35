"""What grading takes and gives, as frozen data: answers as typed, verdicts, reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace

from backprop_cli.errors import Mark

Index: TypeAlias = "tuple[int, ...]"
Shape: TypeAlias = "tuple[int, ...]"
Verdict: TypeAlias = Literal[
    "correct", "carried", "imprecise", "wrong", "missing", "invalid", "not-judged"
]
How: TypeAlias = Literal["exact", "rounded", "truncated", "carried-rounding"]
Reveal: TypeAlias = Literal["none", "where", "what", "value"]


class Typed(Struct, frozen=True):
    """One number as a student wrote it.

    `unit` is that of its last typed digit (0.001 for `.982`, 1 for `4`, 0.1 for `1.5e0`); None for
    a fraction or an expression, which stands for exactly its value.
    """

    text: str
    value: float
    unit: float | None


class Answer(Struct, frozen=True):
    """One quantity on a sheet. `cells` holds an entry each (from 0), None where it is missing.

    `shape` is as written, a vector typed as row or column already flat where the quantity is one.
    `trouble` says why a quantity cannot be read, and what to write. `source` is the text all of it
    was read from, where that always reads the same, whatever is around it. `called` is what a
    program calls the array.
    """

    id: str
    shape: Shape
    cells: Mapping[Index, Typed | None]
    mark: Mark = Mark()
    trouble: str | None = None
    source: str | None = None
    called: str | None = None


class Sheet(Struct, frozen=True):
    """One answer file: whose it is, its answers by id, or why it could not be read at all.

    `remarks` are complaints about single lines that spoil nothing else (an unknown name).
    """

    student: str
    file: str
    answers: Mapping[str, Answer] = field(default_factory=dict)
    remarks: tuple[tuple[str, Mark], ...] = ()
    error: str | None = None
    error_mark: Mark | None = None


class EntryResult(Struct, frozen=True):
    """The verdict on one entry; `index` as a person counts."""

    index: Index
    verdict: Verdict
    how: How | None = None
    typed: str | None = None


class Origin(Struct, frozen=True):
    """The step, not on the sheet, in which the slips were made that lead to a wrong value."""

    id: str
    slips: tuple[str, ...]


class Result(Struct, frozen=True):
    """The verdict on one quantity.

    `slips` are the ids of the slips that explain it, `origin` says where they were made if that was
    in an earlier step that is not on the sheet, `cannot_exclude` those its digits cannot rule out.
    `message` says it in a sentence without giving the right value away; `explanation` shows why an
    interval decided (it names values); `expected` is the right value as text. `asked` tells whether
    it counts; `max_points` is 0 where it does not. `called` is what a program calls the array, and
    `factor` says how many times too large all of it is, or what its shape shows. `short`: what is
    wrong of it is right at its digits, and these are too few to prove anything.
    """

    id: str
    verdict: Verdict
    how: How | None
    points: float
    max_points: float
    mark: Mark | None
    entries: tuple[EntryResult, ...] = ()
    slips: tuple[str, ...] = ()
    cannot_exclude: tuple[str, ...] = ()
    message: str = ""
    explanation: str | None = None
    expected: str | None = None
    formula: str | None = None
    asked: bool = True
    origin: Origin | None = None
    called: str | None = None
    factor: str = ""
    short: bool = False


def of_entry(whole: Result, id: str, index: Index) -> Result:
    """The verdict on one entry, as a result without points; of the whole where none has its own."""
    found = next((one for one in whole.entries if one.index == index), None)
    verdict, how = (whole.verdict, whole.how) if found is None else (found.verdict, found.how)
    entries = () if found is None else (found,)
    result = replace(whole, id=id, verdict=verdict, how=how, entries=entries, expected=None)
    result = replace(result, points=0.0, max_points=0.0, mark=None)
    if verdict == whole.verdict:
        return result
    return replace(
        result, slips=(), cannot_exclude=(), message="", explanation=None, origin=None, factor=""
    )


class Submission(Struct, frozen=True):
    """One graded sheet, or why it could not be read or graded.

    `others` are the students who handed it in together with `student`. `double`: a student of the
    class whose it is has another one, and the best of them counts.
    `fault` is the traceback where that is the program's own fault; no report shows it. `nobodys`:
    it was read, and no problem is there to grade it by.
    """

    student: str
    file: str
    score: float
    max_score: float
    passed: bool
    first_wrong: str | None
    results: tuple[Result, ...] = ()
    error: str | None = None
    error_mark: Mark | None = None
    remarks: tuple[tuple[str, Mark], ...] = ()
    fault: str | None = None
    others: tuple[str, ...] = ()
    nobodys: bool = False
    double: bool = False

    @property
    def is_read(self) -> bool:
        """Whether the file could be read, graded or not."""
        return self.error is None or self.fault is not None or self.nobodys

    @property
    def students(self) -> tuple[str, ...]:
        """All whose it is."""
        return self.student, *self.others


class Shared(Struct, frozen=True):
    """A wrong value that several wrote and no slip explains, and what it might be, if anything.

    Without `text`, they wrote different ones that might all be the same mistake.
    """

    text: str
    count: int
    perhaps: str = ""


class Tally(Struct, frozen=True):
    """How a class did with one quantity."""

    id: str
    counts: Mapping[str, int]
    slips: Mapping[str, int]
    shared: tuple[Shared, ...] = ()


NoteKind: TypeAlias = Literal[
    "not-read", "no-sheet", "nobodys-sheet", "not-in-class", "together", "several-sheets", "late"
]


class Note(Struct, frozen=True):
    """What a teacher has to be told beside the marks: of which student or files, and why."""

    kind: NoteKind
    student: str = ""
    files: tuple[str, ...] = ()
    why: str = ""


class Summary(Struct, frozen=True):
    """The class as a whole. `notes` name who has no sheet or several, and what was not read."""

    submissions: int
    passed: int
    quantities: tuple[Tally, ...] = ()
    notes: tuple[Note, ...] = ()


class Report(Struct, frozen=True):
    """All graded sheets of one problem, in the order of their file names."""

    problem: str
    submissions: tuple[Submission, ...]
    summary: Summary


class SlipWords(Struct, frozen=True):
    """What people are told of a slip: its id, its name, the sentence a teacher would say."""

    id: str
    title: str
    sentence: str
