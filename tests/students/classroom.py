"""Turns a seed into an exercise with a folder of sheets, and what the grader must make of each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
from click.testing import CliRunner
from oracles import reading
from oracles.chance import Rng, chance, pick

from backprop_cli.cli import main
from students import exercise, sheets
from students.exercise import Exercise, Place
from students.honest import Student, draw_habits
from students.rounding import Digits, LeftOutError
from students.slipping import ANYWHERE, SLIPS, can_be_named, draw_slip, slipped
from students.wrong import draw_wrong

Kind = Literal["honest", "slip", "wrong"]
Submission = dict[str, Any]

HONEST, SLIPPED, WRONG = 9, 8, 8
SHEETS = HONEST + SLIPPED + WRONG
MOST_NAMES = 3
ACCEPTED = ("correct", "carried", "imprecise")


@dataclass(frozen=True)
class Handed:
    """A sheet handed in: what was done to it, where (of the entry in C order), and its text."""

    kind: Kind
    text: str
    slip: str = ""
    place: str = ""
    entry: int = 0
    nameable: bool = True


@dataclass(frozen=True)
class Outcome:
    """What became of a sheet. For a slip: placed, named (if it can be), nothing after it wrong."""

    kind: Kind
    seed: int
    digits: Digits
    fine: bool
    slip: str = ""
    place: str = ""
    placed: bool = True
    named: bool = True
    nameable: bool = True
    calm: bool = True
    note: str = ""
    text: str = ""


def run(seed: int, folder: Path) -> list[Outcome]:
    """Hands in the sheets of a seed and compares what the grader says with what was done."""
    drawn, handed = handed_in(seed, folder)
    if not handed:  # rounding divides by 0 whatever one does
        return []
    answers = folder / "sheets"
    answers.mkdir()
    for number, sheet in enumerate(handed):
        (answers / f"{number:03}.yaml").write_text(sheet.text, encoding="utf-8")
    found = graded(folder / "problem.yaml", answers)
    return [outcome(drawn, *pair) for pair in zip(handed, found, strict=True)]


def handed_in(seed: int, folder: Path) -> tuple[Exercise, list[Handed]]:
    """The exercise of a seed, written as `problem.yaml`, and the sheets that are handed in."""
    rng = np.random.default_rng([seed, 2])
    drawn = exercise.draw(seed, _digits(rng), folder, plain=chance(rng, 0.3))
    return drawn, list(_handed(rng, drawn))


def graded(problem: Path, answers: Path) -> list[Submission]:
    """The submissions of a folder in the order of its files; each by itself where one crashes."""
    try:
        return checked(problem, answers)
    except CrashError:
        return [_by_itself(problem, file) for file in sorted(answers.iterdir())]


def _by_itself(problem: Path, file: Path) -> Submission:
    try:
        return checked(problem, file)[0]
    except CrashError as crash:
        return {"crash": str(crash)}


class CrashError(Exception):
    """The program has ended in a traceback."""


def checked(problem: Path, answers: Path) -> list[Submission]:
    """Run `backprop check`."""
    arguments = ["check", str(problem), "--answers", str(answers), "--format", "json"]
    result = CliRunner().invoke(main, [*arguments, "--exit-zero", "--workers", "1"])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise CrashError(repr(result.exception))
    assert result.exit_code == 0, result.output
    submissions: list[Submission] = json.loads(result.stdout)["submissions"]
    return submissions


def _digits(rng: Rng) -> Digits:
    if chance(rng, 0.15):
        return Digits(int(rng.integers(3, 7)), significant=True)
    return Digits(pick(rng, (2, 3, 3, 4, 4, 5, 6)))


# ---------------------------------------------------------------- sheets


def _handed(rng: Rng, drawn: Exercise) -> Iterator[Handed]:
    """At two decimals and with significant digits all are honest."""
    honest_only = drawn.digits.significant or drawn.digits.number < 3
    for _ in range(SHEETS if honest_only else HONEST):
        student = _honest(rng, drawn)
        if student is not None:
            yield Handed("honest", sheets.text(rng, student))
    if not honest_only:
        yield from _with_slips(rng, drawn)
        yield from _with_wrong_numbers(rng, drawn)


def _honest(rng: Rng, drawn: Exercise) -> Student | None:
    """A sheet whose rounding makes neither ln 0 nor 1/0; None where that seems impossible."""
    for _ in range(8):
        try:
            return Student(drawn, draw_habits(rng, drawn.digits)).work()
        except LeftOutError:
            continue
    return None


def _with_slips(rng: Rng, drawn: Exercise) -> Iterator[Handed]:
    """Slips of different names, up to two of them of those that can happen anywhere."""
    names = [str(name) for name in rng.permutation(list(SLIPS))]
    anywhere = [name for name in names if SLIPS[name][0][0] == ANYWHERE]
    elsewhere = [name for name in names if name not in anywhere]
    found = (_with_slip(rng, drawn, name) for name in (*anywhere[:2], *elsewhere))
    yield from islice((sheet for sheet in found if sheet is not None), SLIPPED)


def _with_slip(rng: Rng, drawn: Exercise, name: str) -> Handed | None:
    honest = _honest(rng, drawn)
    chosen = None if honest is None else draw_slip(rng, honest, name)
    if honest is None or chosen is None:
        return None
    try:
        text = sheets.text(rng, slipped(honest, chosen))
    except LeftOutError:
        return None
    nameable = can_be_named(honest, chosen)
    return Handed("slip", text, name, chosen.place.id, nameable=nameable)


def _with_wrong_numbers(rng: Rng, drawn: Exercise) -> Iterator[Handed]:
    for _ in range(WRONG):
        honest = _honest(rng, drawn)
        chosen = None if honest is None else draw_wrong(rng, honest)
        if honest is not None and chosen is not None:
            honest.notes[chosen.place.id] = chosen.value
            entry = _entry(drawn, chosen.place, chosen.index)
            yield Handed("wrong", sheets.text(rng, honest), place=chosen.place.id, entry=entry)


def _entry(drawn: Exercise, place: Place, index: tuple[int, ...]) -> int:
    """The number of an entry, in C order of the quantity as the problem stores it."""
    if place.kind not in ("pre", "post", "slope of pre", "slope of post"):
        shape = drawn.solved[place.id].shape
        return int(np.ravel_multi_index(index, shape)) if shape else 0
    rows = np.zeros((drawn.samples, drawn.solved[place.id].size // drawn.samples))
    rows[index] = 1
    return int(np.argmax(reading.stored(drawn.problem, rows)))


# ---------------------------------------------------------------- outcomes


def outcome(drawn: Exercise, handed: Handed, submission: Submission) -> Outcome:
    if "crash" in submission:
        return _of_crash(drawn, handed, f"crashed: {submission['crash']}")
    judge = {"honest": _of_honest, "slip": _of_slip, "wrong": _of_wrong}[handed.kind]
    return judge(drawn, handed, submission)


def _of_crash(drawn: Exercise, handed: Handed, note: str) -> Outcome:
    return Outcome(
        handed.kind,
        drawn.seed,
        drawn.digits,
        fine=False,
        slip=handed.slip,
        place=handed.place,
        placed=False,
        named=False,
        calm=False,
        note=note,
        text=handed.text,
    )


def _verdict(result: dict[str, Any]) -> str:
    return f"{result['id']} {result['verdict']} {'/'.join(result['slips'])}".strip()


def _of_honest(drawn: Exercise, handed: Handed, submission: Submission) -> Outcome:
    bad = [_verdict(result) for result in submission["results"] if result["verdict"] != "correct"]
    fine = not bad and submission["error"] is None
    note = f"not right: {', '.join(bad)} {submission['error'] or ''}"
    return Outcome("honest", drawn.seed, drawn.digits, fine, note=note, text=handed.text)


def _of_slip(drawn: Exercise, handed: Handed, submission: Submission) -> Outcome:
    results = {result["id"]: result for result in submission["results"]}
    here = results[handed.place]
    placed = submission["first_wrong"] == handed.place
    named = handed.slip in here["slips"] and len(here["slips"]) <= MOST_NAMES
    following = drawn.asked[drawn.asked.index(handed.place) + 1 :]
    bad = [name for name in following if results[name]["verdict"] in ("wrong", "invalid")]
    later = ", ".join(_verdict(results[name]) for name in bad)
    note = (
        f"{handed.slip} at {handed.place}: there {_verdict(here)}; "
        f"first wrong {submission['first_wrong']}; wrong after it: {later or 'nothing'}"
    )
    return Outcome(
        "slip",
        drawn.seed,
        drawn.digits,
        fine=placed and (named or not handed.nameable) and not bad,
        slip=handed.slip,
        place=handed.place,
        placed=placed,
        named=named,
        nameable=handed.nameable,
        calm=not bad,
        note=note,
        text=handed.text,
    )


def _of_wrong(drawn: Exercise, handed: Handed, submission: Submission) -> Outcome:
    result = next(result for result in submission["results"] if result["id"] == handed.place)
    verdict = result["entries"][handed.entry]["verdict"]
    fine = verdict not in ACCEPTED
    note = f"{handed.place}, entry {handed.entry} in C order, is {verdict}"
    return Outcome(
        "wrong", drawn.seed, drawn.digits, fine, place=handed.place, note=note, text=handed.text
    )
