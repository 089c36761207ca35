"""A problem, and lines that somebody types -> one question after the other, judged at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from hashlib import sha256
from typing import Final, Literal

import numpy as np
from msgspec import Struct

from backprop_cli.algebra.shapes import described
from backprop_cli.classroom.exercise_sheet import given_part
from backprop_cli.classroom.hints import LAST, Hints
from backprop_cli.classroom.practice_sheet import Answered, Session, as_typed, written_sheet
from backprop_cli.document.view import View
from backprop_cli.formats.registry import written as in_format
from backprop_cli.grading.exercise import Question
from backprop_cli.grading.grader import Grader
from backprop_cli.grading.program_names import meant as meant_in_program
from backprop_cli.grading.report_data import Answer, Result, Submission
from backprop_cli.grading.sheets.answer_files import Reader
from backprop_cli.grading.sheets.blank_sheet import digits_said
from backprop_cli.grading.sheets.typed_arrays import Written, written
from backprop_cli.grading.slips.plain_workings import Values
from backprop_cli.grading.slips.table_of_slips import OF_PARTS, SLIP_WORDS, said_best
from backprop_cli.problem.ids import Reference
from backprop_cli.report.facts import PrintedFormulas, facts
from backprop_cli.report.settings import Settings, of_result
from backprop_cli.report.wording import VERDICTS, number, points, points_said, verdict_phrase
from backprop_cli.solving.loading import Loaded
from backprop_cli.trace import Array

Style = Literal["", "heading", "good", "partly", "bad", "note"]

_HELP: Final = (
    "Type the answer: a number, a vector `1 2`, a matrix `1 2; 3 4`. 2/3 and ln(2) will do.",
    "hint  the next of four: the rule, the formula, the numbers put in, the result (no points)",
    "skip  go on and leave it    back  the one before    show  the sheet so far    quit  for today",
    "given  the exercise once more    help  these lines",
)
_MOST_NAMED: Final = 3  # slips, of one answer
_EXACT: Final = 1e-9  # beside half of the last digit typed
_LEFT_FREE: Final = ("_", "?", "~")
_named = re.compile(r"(?P<name>[^=:]+?)\s*[=:]\s*(?P<answer>.+)").fullmatch


class Line(Struct, frozen=True):
    """A line of a reply, and how it looks where there are colours.

    One that is `drawn` has its colours already.
    """

    text: str
    style: Style = ""
    drawn: bool = False


class Reply(Struct, frozen=True):
    """What is said to a line that was typed; `changed`: the sheet is another now."""

    lines: tuple[Line, ...]
    changed: bool = False


class Practice:
    """One session. `reply` takes a line at a time; `sheet` is all that has to be kept of it."""

    def __init__(
        self,
        loaded: Loaded,
        view: View,
        *,
        worked: int = 0,
        seed: int | None = None,
        answered: Answered | None = None,
    ) -> None:
        self._loaded, self._view = loaded, view
        self._grader = Grader(loaded.model)
        printed = PrintedFormulas(self._grader, view.ascii)
        self._settings = Settings(ascii=view.ascii, slip_words=dict(SLIP_WORDS), formula=printed)
        self._known = self._grader.quantities()
        self._reader = Reader(self._known)
        self.questions: tuple[Question, ...] = self._grader.questions
        names = frozenset(question.name for question in self.questions)
        self._hints = Hints(loaded.model, names, view)
        self.session = Session(fingerprint(loaded), seed, worked)
        self._kept = answered or Answered()
        self._kept.at = min(self._kept.at, len(self.questions))
        self._quit = False

    # Where it stands ------------------------------------------------------------------------------

    @property
    def ended(self) -> bool:
        """Whether every question has been asked, or somebody has had enough."""
        return self._quit or self.is_done

    @property
    def is_done(self) -> bool:
        """Whether every question has been asked."""
        return self._kept.at >= len(self.questions)

    @property
    def sheet(self) -> str:
        """The answers so far, as `check` grades them."""
        return written_sheet(self._ids, self._kept, self.session)

    @property
    def _ids(self) -> list[str]:
        return [question.id for question in self.questions]

    @property
    def _now(self) -> Question:
        return self.questions[self._kept.at]

    def opening(self) -> Iterator[Line]:
        """What is given and to be known, and the first question, or the one where it stood."""
        yield from self._given()
        yield Line("")
        yield Line(digits_said(self._loaded.model.problem.grading.precision), "note")
        yield from (Line(text, "note") for text in _HELP)
        if self._kept.at:
            yield Line(f"Going on at {self._kept.at + 1} of {len(self.questions)}.", "note")
        yield from self._asked()

    def _given(self) -> Iterator[Line]:
        """The exercise without a picture, which could not be read out."""
        said = given_part(self._loaded, drawn=False)
        yield Line(in_format("text", said, self._view).strip("\n"), drawn=True)

    def _asked(self) -> Iterator[Line]:
        """The next question; worked examples, and hints that fade behind them, come before it."""
        while not self.ended and self._kept.at < self.session.worked:
            yield from self._headed()
            yield from self._worked()
            self._kept.at += 1
        if self.ended:
            yield from self.closing()
            return
        yield from self._headed()
        if given := self._given_level():
            for level in range(1, given + 1):
                yield from self._hint(level)
            yield Line(f"{given} of {LAST} hints, to begin with", "note")

    def _given_level(self) -> int:
        """The hints that are given unasked: all but the result, and fewer from one to the next."""
        if not self.session.worked or self._kept.hints.get(self._now.id):
            return 0
        return max(0, LAST - 1 - (self._kept.at - self.session.worked))

    def _headed(self) -> Iterator[Line]:
        question = self._now
        value = self._grader.key.truth[question.name]
        shape = described(value.shape if question.index is None else ())
        said = (self._hints.words(question), shape, points_said(question.points))
        yield Line("")
        yield Line(f"{self._kept.at + 1} of {len(self.questions)}: {question.id}", "heading")
        yield Line(", ".join(filter(None, said)), "note")

    def _worked(self) -> Iterator[Line]:
        for level in range(1, LAST + 1):
            yield from self._hint(level)

    # What is typed --------------------------------------------------------------------------------

    def reply(self, line: str) -> Reply:
        """What to say to a line; nothing is asked any more once it has ended."""
        typed = self._unnamed(line.strip())
        if self.ended:
            return Reply(())
        command = self._commands.get(typed.casefold())
        if command is not None:
            before = self.sheet
            lines = tuple(command())
            return Reply(lines, self.sheet != before)
        if typed in _LEFT_FREE:
            return Reply((Line("Nothing is written; `skip` leaves it, `hint` helps.", "note"),))
        if (other := self._other_named(typed)) is not None:
            said = f"This is {self._now.id}, and {other} is another question: nothing is written."
            return Reply((Line(said, "note"),))
        return Reply(tuple(self._judged(typed)), changed=True)

    @cached_property
    def _commands(self) -> dict[str, Callable[[], Iterator[Line]]]:
        return {
            "": self._asked,
            "hint": self._next_hint,
            "skip": self._skipped,
            "back": self._back,
            "show": self._so_far,
            "given": self._given,
            "help": lambda: iter([Line(text, "note") for text in _HELP]),
            "quit": self._leave,
            "exit": self._leave,
        }

    def _skipped(self) -> Iterator[Line]:
        self._kept.at += 1
        yield from self._asked()

    def _back(self) -> Iterator[Line]:
        first = self.session.worked
        if self._kept.at <= first:
            yield Line("This is the first.", "note")
        self._kept.at = max(first, self._kept.at - 1)
        yield from self._asked()

    def _so_far(self) -> Iterator[Line]:
        for question in self.questions:
            text = self._kept.texts.get(question.id, "_")
            shown = "  (shown)" if question.id in self._kept.shown else ""
            yield Line(f"  {question.id}: {text}{shown}")

    def _leave(self) -> Iterator[Line]:
        self._quit = True
        yield from self._marks()

    # Hints ----------------------------------------------------------------------------------------

    def _next_hint(self) -> Iterator[Line]:
        level = min(LAST, max(self._kept.hints.get(self._now.id, 0), self._given_level()) + 1)
        yield from self._hint(level)
        if level == LAST:
            self._kept.at += 1
            yield from self._asked()
        else:
            yield Line(f"hint {level} of {LAST}", "note")

    def _hint(self, level: int) -> Iterator[Line]:
        question = self._now
        self._kept.hints[question.id] = level
        yield Line(self._hints.text(question, level, self._values()), drawn=True)
        if level == LAST:
            self._kept.shown.add(question.id)
            self._kept.texts.pop(question.id, None)

    def _values(self) -> dict[str, Array]:
        """The numbers on the sheet, whole quantities; what was shown is as good as answered."""
        truth = self._grader.key.truth
        found = {name: truth[name] for name in self._kept.shown if name in truth}
        answers = self._reader.sheet(self.sheet.encode(), "sheet.yaml").answers
        return found | {
            name: array
            for name, answer in answers.items()
            if name in truth and (array := _array(answer, truth[name].shape)) is not None
        }

    # Verdicts -------------------------------------------------------------------------------------

    def _judged(self, typed: str) -> Iterator[Line]:
        """The verdict on an answer; what is right, or follows, leads to the next question."""
        question, texts, shown = self._now, self._kept.texts.copy(), self._kept.shown.copy()
        self._kept.texts[question.id] = as_typed(typed)
        self._kept.shown.discard(question.id)
        result = self._result(question)
        yield from self._told(result)
        if result.verdict == "invalid":  # a word, or a slip of the keyboard, is no answer
            self._kept.texts, self._kept.shown = texts, shown
        else:
            self._kept.tries[question.id] = self._kept.tries.get(question.id, 0) + 1
        if result.verdict in ("correct", "carried") or result.points >= result.max_points > 0:
            self._kept.at += 1
            yield from self._asked()
        else:
            yield Line("Try again, or `hint`, or `skip`.", "note")

    def _unnamed(self, typed: str) -> str:
        """An answer without the name of what is asked before it: `Z1 = 1 2`, `Z1: 1 2`."""
        found = None if self.ended else _named(typed)
        meant = None if found is None else self._meant(found["name"])
        return found["answer"] if found and meant == self._now.id else typed

    def _other_named(self, typed: str) -> str | None:
        """Another question that an answer is said to be one of."""
        found = _named(typed)
        meant = None if found is None else self._meant(found["name"])
        return meant if meant in self._ids else None

    def _meant(self, name: str) -> str | None:
        meant = self._known.named(name)
        if not isinstance(meant, Reference):
            meant = meant_in_program(name, self._known)
        return meant.text if isinstance(meant, Reference) else None

    def _graded(self, sheet: str) -> Submission:
        return self._grader.grade(self._reader.sheet(sheet.encode(), "practice.yaml"))

    def _result(self, question: Question) -> Result:
        """The verdict on an answer, what was shown standing on the sheet like what was typed."""
        texts = {
            each.id: self._shown_text(each) for each in self.questions if self._was_shown(each)
        }
        seen = Answered(texts=self._kept.texts | texts)
        found = self._graded(written_sheet(self._ids, seen, self.session))
        if found.error is not None:  # what was typed makes a sheet of it that none could read
            return Result(question.id, "invalid", None, 0, 0, None, message=found.error)
        return next(each for each in found.results if each.id == question.id)

    def _was_shown(self, question: Question) -> bool:
        return question.id in self._kept.shown

    def _shown_text(self, question: Question) -> str:
        """A true value as somebody would type it, with digits enough."""
        value = np.asarray(self._grader.key.truth[question.name])
        value = value if question.index is None else np.asarray(value[question.index])
        rows = value.reshape(-1, value.shape[-1]) if value.ndim else value.reshape(1, 1)
        return "; ".join(" ".join(f"{entry:.12g}" for entry in row) for row in rows)

    def _told(self, result: Result) -> Iterator[Line]:
        """As `check` tells it, no more than may be revealed."""
        words = VERDICTS[result.verdict]
        sign = words.plain_sign if self._settings.ascii else words.sign
        yield Line(f"{sign} {verdict_phrase(result)}", words.style)
        for label, text in facts(of_result(result, "what"), self._settings):
            yield Line(f"    {label}: {text}")
        for slip in self._perhaps(result):
            words_of = self._settings.slip(slip)
            yield Line(f"    perhaps: {words_of.title}. {words_of.sentence}")

    def _perhaps(self, result: Result) -> tuple[str, ...]:
        """Slips that give just these figures, which may be so few that `check` names none.

        One that is none costs somebody at work a look; marks are given without any of this.
        """
        answers = self._reader.sheet(self.sheet.encode(), "sheet.yaml").answers
        answer, truth = answers.get(result.id), self._grader.key.truth.get(result.id)
        if result.verdict != "wrong" or answer is None or truth is None:
            return ()
        typed, found = written(answer), self._grader.mistaken(result.id)
        if typed.value.shape != truth.shape:
            return ()
        hits = _giving(typed, zip(found.ids, found.values, strict=True))
        if not hits and not result.slips:
            hits = _giving(typed, self._of_parts(result.id))
        new = [id for id in hits if id not in result.slips]
        return tuple(dict.fromkeys(said_best(new)))[: max(0, _MOST_NAMED - len(result.slips))]

    def _of_parts(self, name: str) -> Iterator[tuple[str, Array]]:
        """What a change of some part of the formula gives on true values."""
        known = Values(self._grader.key.truth)
        for id, expr in self._grader.candidates(name):
            if id in OF_PARTS:
                yield id, known.of(expr)

    # The end --------------------------------------------------------------------------------------

    def closing(self) -> Iterator[Line]:
        """The marks, once everything has been asked."""
        yield Line("")
        yield Line("That was all.", "heading")
        yield from self._marks()

    def _marks(self) -> Iterator[Line]:
        graded = self._graded(self.sheet)
        right = [each for each in graded.results if each.verdict == "correct"]
        at_once = [each for each in right if self._alone(each.id)]
        example = sum(each.points for each in self.questions[: self.session.worked])
        most = graded.max_score - example
        yield Line(f"{number(graded.score)} of {number(most)} points", "heading")
        yield Line(f"right: {len(right)}; at once and without a hint: {len(at_once)}")
        for each in graded.results:
            if each.verdict != "correct" and each.asked and each.id in self._kept.texts:
                yield Line(f"  {each.id}  {points(each)}  {VERDICTS[each.verdict].short}")
        shown = [q.id for q in self.questions[self.session.worked :] if self._was_shown(q)]
        if shown:
            yield Line(f"shown, and without points: {', '.join(shown)}")

    def _alone(self, id: str) -> bool:
        return self._kept.tries.get(id) == 1 and not self._kept.hints.get(id)


def fingerprint(loaded: Loaded) -> str:
    """What tells a problem, with its numbers, from any other."""
    return sha256(loaded.source.data).hexdigest()[:12]


def _giving(typed: Written, wrong: Iterable[tuple[str, Array]]) -> list[str]:
    """The slips that give all of what was typed, at its digits."""
    room = 0.5 * typed.unit + _EXACT
    return [
        id
        for id, value in wrong
        if value.shape == typed.value.shape and bool((np.abs(value - typed.value) <= room).all())
    ]


def _array(answer: Answer, shape: tuple[int, ...]) -> Array | None:
    """The numbers of an answer that has one for each entry."""
    value = written(answer).value
    return value if value.shape == shape and not np.isnan(value).any() else None
