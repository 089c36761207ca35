"""Practice: typed through to full marks, slips named at once, no hint tells a value before the
last, and nothing lost whenever it ends."""

from __future__ import annotations

import os
import pty
import re
import select
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import cache
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from classes import PROBLEMS
from click.testing import CliRunner, Result
from slips_by_hand import SLIPS

from backprop_cli.classroom.practice_session import Line, Practice
from backprop_cli.classroom.practice_sheet import Answered, as_typed, read_session
from backprop_cli.cli import main
from backprop_cli.document.view import View, as_written
from backprop_cli.errors import UserError
from backprop_cli.grading.exercise import Question
from backprop_cli.grading.grader import Grader
from backprop_cli.grading.slips.table_of_slips import SLIP_WORDS
from backprop_cli.notation.numbers_and_indices import Digits
from backprop_cli.problem.problem_file import read_source
from backprop_cli.solving.loading import Loaded, loaded

ALL = sorted(PROBLEMS.glob("*.yaml"))
FOLDERS = ("norms", "attention", "models", "regression", "words", "time")
FURTHER = [path for name in FOLDERS for path in sorted((PROBLEMS / name).glob("*.yaml"))]
LONG = {"lstm", "gru", "word-model", "every-step"}  # their hints are those of lstm-cell, last-step
EVERY = [*ALL, *FURTHER]
NET = PROBLEMS / "sigmoid-softmax.yaml"
_number = re.compile(r"[-\N{MINUS SIGN}]?\d*\.?\d+(?:e-?\d+)?")


@cache
def problem(path: Path) -> tuple[Loaded, Grader]:
    found = loaded(read_source(path))
    return found, Grader(found.model)


def session(path: Path, worked: int = 0, answered: Answered | None = None) -> Practice:
    found, _ = problem(path)
    view = as_written(found.model.problem, View(width=100))
    return Practice(found, view, worked=worked, answered=answered)


def truth(path: Path, question: Question) -> np.ndarray:
    value = problem(path)[1].key.truth[question.name]
    return np.asarray(value if question.index is None else value[question.index])


def typed(value: np.ndarray, decimals: int = 4) -> str:
    """A value as `solve` prints it at so many decimals, typed in one line."""
    rows = value.reshape(-1, value.shape[-1]) if value.ndim else value.reshape(1, 1)
    digits = Digits(decimals)
    return "; ".join(" ".join(digits.one(float(entry)) for entry in row) for row in rows)


def text(lines: tuple[Line, ...] | Iterator[Line]) -> str:
    return "\n".join(line.text for line in lines)


# All the way through ------------------------------------------------------------------------------


@pytest.mark.parametrize("path", EVERY, ids=lambda path: path.stem)
def test_what_solve_prints_brings_full_marks(path: Path) -> None:
    practice = session(path)
    decimals = as_written(problem(path)[0].model.problem, View()).decimals
    list(practice.opening())
    said = ""
    for question in practice.questions:
        assert not practice.ended
        said = text(practice.reply(typed(truth(path, question), decimals)).lines)
    assert practice.ended
    most = problem(path)[1].most
    assert f"{most:g} of {most:g} points" in said


def slips_at(path: Path) -> Iterator[tuple[int, str, str, set[str]]]:
    """For some questions of a problem a slip with what it leads to, drawn at random.

    Beside it all slips that come to the same digits: any of them is a right guess.
    """
    _, grader = problem(path)
    rng = np.random.default_rng(sum(map(ord, path.stem)))
    for place in rng.permutation(len(grader.questions))[:2]:
        question = grader.questions[place]
        found = grader.mistaken(question.name)
        if question.index is not None or not found.ids:
            continue
        pick = int(rng.integers(len(found.ids)))
        value = np.asarray(found.values[pick])
        same = {
            found.ids[n]
            for n in range(len(found.ids))
            if typed(np.asarray(found.values[n])) == typed(value)
        }
        if typed(value) != typed(truth(path, question)):
            yield int(place), question.id, typed(value), same


def names_one(said: str, slips: set[str]) -> bool:
    return any(SLIP_WORDS[slip].title in said for slip in slips)


def test_a_slip_is_named_in_the_first_reply() -> None:
    """Everything before it is right: 98 of 100 slips are named at once, drawn over all problems."""
    tried, missed = 0, []
    for path in EVERY:
        for place, id, value, same in slips_at(path):
            practice, _ = at(path, place)
            said = text(practice.reply(value).lines)
            tried += 1
            if not names_one(said, same):
                missed.append((path.stem, id, value, same))
    assert tried > 100
    assert len(missed) <= 0.02 * tried, missed


def at(path: Path, place: int) -> tuple[Practice, Question]:
    """A session in which everything before a question is right."""
    answered = Answered(at=place)
    practice = session(path, answered=answered)
    for question in practice.questions[:place]:
        answered.texts[question.id] = typed(truth(path, question))
    return practice, practice.questions[place]


def test_slips_worked_out_by_hand_are_named() -> None:
    """98 of 100 mistakes that know nothing of the program's own table are named at once."""
    tried, missed = 0, []
    for name, slips in SLIPS.items():
        path = PROBLEMS / f"{name}.yaml"
        grader = problem(path)[1]
        given = {id: np.asarray(each.value) for id, each in grader.model.given.items()}
        places = {question.id: place for place, question in enumerate(grader.questions)}
        for id, value, named in slips(given):
            practice, question = at(path, places[id])
            assert typed(value) != typed(truth(path, question)), (name, id, named)
            said = text(practice.reply(typed(value)).lines)
            tried += 1
            if not names_one(said, set(named.split())):
                missed.append((name, id, named, said))
    assert tried > 70
    assert len(missed) <= 0.02 * tried, missed


def test_a_wrong_number_like_no_other_gets_no_name() -> None:
    """Neither a right name nor a wrong one: numbers of four decimals drawn near the right ones."""
    rng = np.random.default_rng(5)
    named = 0
    for n in range(40):
        practice, question = at(NET, n % 12)
        value = truth(NET, question)
        off = value + (1 + np.abs(value)) * rng.uniform(0.03, 0.3, value.shape)
        said = text(practice.reply(typed(off)).lines)
        assert "wrong" in said or "imprecise" in said
        named += "perhaps" in said or "probably" in said
    assert named <= 1


def test_a_wrong_answer_where_no_slip_is_known_is_wrong() -> None:
    tried = 0
    for path in ALL:
        grader = problem(path)[1]
        for n, question in enumerate(grader.questions):
            if question.index is None and not grader.mistaken(question.name).ids:
                practice, _ = at(path, n)
                said = text(practice.reply(typed(truth(path, question) + 3.3217)).lines)
                assert "wrong" in said or "cannot be read" in said, (path, question.id, said)
                tried += 1
                break
    assert tried > 3


# Hints --------------------------------------------------------------------------------------------


def numbers(said: str) -> set[str]:
    return {found.replace("\N{MINUS SIGN}", "-").lstrip("-") for found in _number.findall(said)}


@pytest.mark.parametrize(
    "path", [path for path in EVERY if path.stem not in LONG], ids=lambda path: path.stem
)
def test_no_hint_before_the_last_has_the_value(path: Path) -> None:
    """Searched for at any digits; what stands in an input of the step may well stand there too."""
    practice = session(path)
    list(practice.opening())
    _, grader = problem(path)
    for question in practice.questions:
        value = truth(path, question)
        known = {f"{abs(v):.4f}" for g in grader.model.given.values() for v in g.value.flat}
        for name in grader.key.formulas:
            if name != question.name and name in grader.key.truth:
                known |= {f"{abs(v):.4f}" for v in np.asarray(grader.key.truth[name]).flat}
        hidden = {
            f"{abs(entry):.{digits}f}"
            for entry in value.flat
            if f"{abs(entry):.4f}" not in known and abs(entry) != round(abs(entry), 1)
            for digits in (2, 3, 4, 5)
        } - {f"{float(k):.{d}f}" for k in known for d in (2, 3, 4, 5)}
        for _ in range(3):
            said = text(practice.reply("hint").lines)
            assert not hidden & numbers(said), (question.id, said)
            assert not practice.ended
        practice.reply(typed(value))
    assert practice.ended


def test_a_hint_looks_through_what_is_the_result_by_another_name() -> None:
    """∂L/∂H₃ of this LSTM is ∂L/∂Ŷ = H₃ − y, which no question asks for."""
    path = PROBLEMS / "time" / "lstm.yaml"
    names = [question.id for question in problem(path)[1].questions]
    practice, _ = at(path, names.index("dL/dH1_3"))
    state = truth(path, practice.questions[names.index("H1_3")])
    for _ in range(3):
        said = numbers(text(practice.reply("hint").lines))
        assert f"{1 - state[0]:.6f}" not in said
    assert {f"{abs(entry):.6f}" for entry in state} | {"1", "0"} <= said
    assert f"{1 - state[0]:.6f}" in numbers(text(practice.reply("hint").lines))


def test_no_reply_to_a_wrong_answer_has_the_value() -> None:
    """A value of four decimals that is nowhere else, and answers around it."""
    for n, question in enumerate(problem(NET)[1].questions):
        value = truth(NET, question)
        wanted = {f"{abs(v):.4f}" for v in value.flat if abs(v) != round(abs(v), 2)}
        for factor in (-1, 1.1):
            practice, _ = at(NET, n)
            said = text(practice.reply(typed(factor * value)).lines)
            told = said.partition("of 18:")[0]  # what may come behind it is the next question
            assert not wanted & (numbers(told) - numbers(typed(factor * value))), (
                question.id,
                told,
            )


def test_the_four_hints_and_the_price_of_the_last() -> None:
    practice = session(NET)
    list(practice.opening())
    said = [text(practice.reply("hint").lines) for _ in range(4)]
    assert "weighted sum" in said[0]
    assert "Z¹ = (W¹)ᵀ x + b¹" in said[1]
    assert "3  4" in said[2]
    assert "⎡4⎤" in said[3]
    assert "2 of 18: H1" in said[3]
    for question in practice.questions[1:]:
        end = text(practice.reply(typed(truth(NET, question))).lines)
    assert "17 of 18 points" in end
    assert "shown, and without points: Z1" in end


@pytest.mark.parametrize(
    ("name", "id", "said"),
    [
        ("sigmoid-softmax", "H1", "H¹ is the output of layer 1: the sigmoid of Z¹"),
        ("sigmoid-softmax", "L", "L is the loss, worked out from y and Ŷ"),
        (
            "sigmoid-softmax",
            "dL/dYhat",
            (
                "Ŷ acts on L directly, by the loss: differentiate L with respect to Ŷ; "
                "you need y and Ŷ"
            ),
        ),
        (
            "sigmoid-softmax",
            "dL/dW1",
            (
                "W¹ acts on L through Z¹, by the weighted sum: by the chain rule, ∂L/∂Z¹ times the "
                "derivative of Z¹ with respect to W¹; you need x, too"
            ),
        ),
        (
            "sigmoid-softmax",
            "b1_new",
            "b¹⁺ is b¹ after one step of gradient descent; you need η and ∂L/∂b¹",
        ),
        (
            "l2-penalty",
            "dL/dW1",
            (
                "W¹ acts on L along several paths, through Z¹ and directly: each has its share by "
                "the chain rule, and the shares add up; you need λ, W¹ and x, too"
            ),
        ),
        (
            "forward-mode",
            "df/dx",
            (
                "x acts on f along several paths, through b, a and c: each has its share by the "
                "chain rule, and the shares add up; you need x, too"
            ),
        ),
        ("circuit", "m", "m is the larger of two: z and w"),
    ],
)
def test_the_first_hint_is_a_sentence_of_a_tutor(name: str, id: str, said: str) -> None:
    """What acts on what through what, as the graph of the problem has it."""
    path = PROBLEMS / f"{name}.yaml"
    place = [question.id for question in problem(path)[1].questions].index(id)
    practice, _ = at(path, place)
    told = text(practice.reply("hint").lines).rpartition("hint 1")[0]
    assert " ".join(told.split()) == said


def test_a_reply_has_the_formula_as_it_is_printed() -> None:
    practice, _ = at(NET, 0)
    assert "formula: Z¹ = (W¹)ᵀ x + b¹" in text(practice.reply("4 1").lines)


def test_a_hint_names_all_that_is_missing() -> None:
    practice, _ = at(NET, 0)
    for _ in range(7):
        practice.reply("skip")
    for _ in range(3):
        said = text(practice.reply("hint").lines)
    assert "H¹ and ∂L/∂Z² are not on your sheet yet" in " ".join(said.split()), said


def test_a_hint_does_not_tell_what_was_skipped() -> None:
    practice = session(NET)
    list(practice.opening())
    practice.reply("skip")
    for _ in range(3):
        said = text(practice.reply("hint").lines)
    assert "Z¹ is not on your sheet yet" in said


def test_a_hint_puts_in_the_numbers_of_the_sheet_even_wrong_ones() -> None:
    practice = session(NET)
    list(practice.opening())
    practice.reply("1.25 2.75")
    practice.reply("skip")
    for _ in range(3):
        said = text(practice.reply("hint").lines)
    assert {"1.2500", "2.7500"} <= numbers(said) or {"1.25", "2.75"} <= numbers(said)


def test_worked_steps_fade() -> None:
    """Two are worked out, then three hints come unasked, two, one, none."""
    practice = session(NET, worked=2)
    said = text(practice.opening())
    assert "3 of 4 hints, to begin with" in said.partition("3 of 18")[2]
    for question, hints in zip(practice.questions[2:6], (2, 1, None, None), strict=True):
        said = text(practice.reply(typed(truth(NET, question))).lines)
        assert (f"{hints} of 4 hints" in said) == (hints is not None)
    for question in practice.questions[6:]:
        end = text(practice.reply(typed(truth(NET, question))).lines)
    assert "16 of 16 points" in end


def test_what_follows_from_something_shown_is_judged() -> None:
    practice = session(NET, answered=Answered(at=1, shown={"Z1"}))
    said = text(practice.reply("0.1 0.1").lines)
    assert "wrong" in said
    assert "not judged" not in said


# Commands -----------------------------------------------------------------------------------------


def test_skip_back_show_and_other_words() -> None:
    practice = session(NET)
    list(practice.opening())
    assert "2 of 18" in text(practice.reply("skip").lines)
    assert "1 of 18" in text(practice.reply("BACK").lines)
    assert "the first" in text(practice.reply("back").lines)
    practice.reply("4 0")
    assert "Z1: 4 0" in text(practice.reply("show").lines)
    assert "2 of 18" in text(practice.reply("").lines)
    assert "hint" in text(practice.reply("help").lines)
    assert not practice.reply("_").changed
    assert "cannot be read" in text(practice.reply("four and a half").lines)
    assert "1 of 18 points" in text(practice.reply("quit").lines)
    assert practice.ended
    assert practice.reply("4 0").lines == ()


def test_the_opening_has_all_that_is_given_and_nothing_to_be_worked_out() -> None:
    """With other numbers there is no other place to read them."""
    practice = session(NET)
    opening = text(practice.opening())
    given = ["3  6", "4  5", "W¹", "Z¹ = ", "softmax", "η = 0.5"]
    for part in given:
        assert part in opening
    assert text(practice.reply("given").lines) in opening
    values = [abs(v) for question in practice.questions for v in truth(NET, question).flat]
    hidden = {f"{v:.{digits}f}" for v in values if v != round(v, 1) for digits in (2, 3, 4)}
    assert not hidden & numbers(opening)


@pytest.mark.parametrize("line", ["1 " * 1_500_000, "9" * 3_000_000])
def test_a_line_longer_than_any_sheet_is_no_answer_and_no_end(line: str) -> None:
    practice = session(NET)
    before = practice.sheet
    assert "cannot be read" in text(practice.reply(line).lines)
    assert practice.sheet == before


@pytest.mark.parametrize("line", ["\x80", "\x07 1", "\ufffe", "1 \udcff", "\x1b[A", "\U0001ffff"])
def test_what_no_sheet_can_hold_is_no_answer_and_no_end(line: str) -> None:
    practice = session(NET)
    before = practice.sheet
    said = text(practice.reply(line).lines)
    assert "cannot be read" in said
    assert line not in said
    assert practice.sheet == before


def test_what_cannot_be_read_leaves_the_answer_before_it() -> None:
    practice = session(NET)
    practice.reply("1 2")
    for line in ("dont know", "1,5 2", "[1, 2; 3]"):
        assert "cannot be read" in text(practice.reply(line).lines)
    assert "Z1: 1 2" in text(practice.reply("show").lines)
    assert '"tries": {"Z1": 1}' in practice.sheet


@pytest.mark.parametrize(
    "line", ["Z1 = 4 0", "z1: [4, 0]", "Z_1 = 4 0", "Z\N{SUPERSCRIPT ONE}=4 0"]
)
def test_an_answer_may_have_its_name_before_it(line: str) -> None:
    assert "right" in text(session(NET).reply(line).lines)


@pytest.mark.parametrize(("line", "other"), [("H1 = 4 0", "H1"), ("a1: 4 0", "H1")])
def test_the_name_of_another_question_is_told_and_nothing_is_written(line: str, other: str) -> None:
    practice = session(NET)
    reply = practice.reply(line)
    assert f"{other} is another question" in text(reply.lines)
    assert not reply.changed
    assert "Z1: _" in text(practice.reply("show").lines)


def test_the_name_of_nothing_is_no_answer() -> None:
    assert "cannot be read" in text(session(NET).reply("Q7 = 4 0").lines)


@pytest.mark.parametrize(
    ("line", "kept"),
    [("[4, 0]", "4 0"), ("[[1,2],[3, 4]]", "1 2; 3 4"), (" 1  2 ", "1 2"), ("ln(2)", "ln(2)")],
)
def test_answers_are_typed_as_on_a_sheet(line: str, kept: str) -> None:
    assert as_typed(line) == kept


# The sheet, and going on --------------------------------------------------------------------------


def run(folder: Path, typed_: str, *words: object) -> Result:
    before = Path.cwd()
    os.chdir(folder)
    try:
        return CliRunner().invoke(main, ["practice", *map(str, words)], input=typed_)
    finally:
        os.chdir(before)


def script(path: Path) -> str:
    lines = [typed(truth(path, question)) for question in session(path).questions]
    return "\n".join([lines[0], "hint", "1 2", *lines[1:]]) + "\n"


def test_ended_at_any_byte_it_goes_on_with_nothing_lost(tmp_path: Path) -> None:
    """Input ends after each byte; what is typed again from that line on leads to the same sheet."""
    path = PROBLEMS / "momentum.yaml"
    whole = script(path)
    assert run(tmp_path, whole, path, "--resume", "whole.yaml").exit_code == 0
    wanted = (tmp_path / "whole.yaml").read_text(encoding="utf-8")
    answers = wanted.partition("\n")[2]
    for cut in range(0, len(whole), 3):
        name = f"cut{cut}.yaml"
        run(tmp_path, whole[:cut], path, "--resume", name)
        rest = whole[whole.rfind("\n", 0, cut) + 1 :]
        done = run(tmp_path, rest, path, "--resume", name)
        assert done.exit_code == 0, done.output
        assert (tmp_path / name).read_text(encoding="utf-8").partition("\n")[2] == answers, cut


def test_a_sheet_that_cannot_be_written_is_not_said_to_be_kept(tmp_path: Path) -> None:
    path = Path("problems/sigmoid-softmax.yaml").resolve()
    done = run(tmp_path, "quit\n", path, "--resume", "nowhere/sheet.yaml")
    assert done.exit_code == 2
    assert "nowhere/sheet.yaml: cannot be written" in done.stderr
    assert "kept in" not in done.stderr


class Endless(RawIOBase):
    """Zeros without an end of a line; whoever reads a hundred million of them never stops."""

    left = 100_000_000

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        assert self.left > 0
        self.left -= len(buffer)
        buffer[:] = bytes(len(buffer))
        return len(buffer)


def test_a_line_without_an_end_is_the_end(tmp_path: Path) -> None:
    given = [str(Path("problems/sigmoid-softmax.yaml")), "--resume", str(tmp_path / "s.yaml")]
    done = CliRunner().invoke(main, ["practice", *given], input=BufferedReader(Endless()))
    assert (done.exit_code, done.exception) == (0, None)
    assert "kept in" in done.stderr


def test_check_grades_the_sheet_as_the_session_did(tmp_path: Path) -> None:
    done = run(tmp_path, script(NET), NET)
    assert "18 of 18 points" in done.stdout
    sheet = tmp_path / "practice-sigmoid-softmax.yaml"
    graded = CliRunner().invoke(main, ["check", str(NET), str(sheet)])
    assert graded.exit_code == 0
    assert "18 of 18 points" in graded.stdout


def test_who_leaves_is_told_how_to_go_on(tmp_path: Path) -> None:
    left = run(tmp_path, "4 0\n", NET, "--resume", "my sheet.yaml")
    (line,) = [line for line in left.stderr.splitlines() if "go on" in line]
    words = shlex.split(line.partition("backprop ")[2])
    done = run(tmp_path, "show\n", *words[1:])
    assert "2 of 18: H1" in done.stdout
    assert "go on" not in run(tmp_path, script(NET), NET).stderr


def test_another_session_has_another_file(tmp_path: Path) -> None:
    run(tmp_path, "4 0\n", NET)
    run(tmp_path, "", NET)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["practice-sigmoid-softmax-2.yaml", "practice-sigmoid-softmax.yaml"]


def test_own_numbers_stay_over_a_break_and_are_graded(tmp_path: Path) -> None:
    run(tmp_path, "hint\n", NET, "--vary", "--seed", 3, "--resume", "s.yaml")
    beside = tmp_path / "s-problem.yaml"
    assert beside.read_bytes() != NET.read_bytes()
    practice = session(beside)
    lines = "".join(f"{typed(truth(beside, q))}\n" for q in practice.questions)
    done = run(tmp_path, lines, NET, "--resume", "s.yaml")
    assert "18 of 18 points" in done.stdout
    graded = CliRunner().invoke(main, ["check", str(beside), str(tmp_path / "s.yaml")])
    assert "18 of 18 points" in graded.stdout


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--resume", "new.yaml", "--seed", 3], 2, "no numbers are drawn"),
        (["--resume", "s.yaml", "--seed", 4], 2, "begun with --seed 3"),
        (["--resume", "s.yaml", "--vary", "--seed", 3], 0, "kept in"),
        (["--resume", "s.yaml", "--worked", 1], 2, "begun with --worked 2"),
        (["--resume", "s.yaml", "--worked", 2], 0, "kept in"),
        (["--resume", "plain.yaml", "--seed", 3], 2, "begun without it"),
    ],
)
def test_options_that_a_session_cannot_heed_are_refused(
    tmp_path: Path, words: list[object], code: int, said: str
) -> None:
    run(tmp_path, "", NET, "--vary", "--seed", 3, "--worked", 2, "--resume", "s.yaml")
    run(tmp_path, "", NET, "--resume", "plain.yaml")
    done = run(tmp_path, "", NET, *words)
    assert (done.exit_code, said in done.stderr) == (code, True)


def test_a_sheet_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("answers: {Z1: [4, 0]}\n")
    assert (
        "no sheet of a practice session" in run(tmp_path, "", NET, "--resume", "other.yaml").stderr
    )
    run(tmp_path, "", NET, "--resume", "s.yaml")
    done = run(tmp_path, "", PROBLEMS / "adam.yaml", "--resume", "s.yaml")
    assert (done.exit_code, "another problem" in done.stderr) == (2, True)
    assert "standard input" in run(tmp_path, "", "-").stderr
    with pytest.raises(UserError):
        read_session(b'# backprop practice: {"at": "x"}\n', "s.yaml")


# A real terminal, a real kill ---------------------------------------------------------------------


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "backprop_cli", "practice", *map(str, words)]


def read_until(handle: int, wanted: str) -> str:
    said, end = "", time.monotonic() + 60
    while wanted not in said and time.monotonic() < end:
        if select.select([handle], [], [], 1)[0]:
            try:
                said += os.read(handle, 65536).decode()
            except OSError:
                break
    return said


def test_on_a_terminal_with_colours(tmp_path: Path) -> None:
    mine, theirs = pty.openpty()
    environment = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS")}
    with subprocess.Popen(
        command(NET),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=tmp_path,
        env=environment | {"TERM": "xterm-256color"},
        start_new_session=True,
    ) as process:
        os.close(theirs)
        said = read_until(mine, "> ")
        os.write(mine, b"4 0\n")
        said += read_until(mine, "of 18: H1")
        os.write(mine, b"quit\n")
        said += read_until(mine, "backprop check")
        assert process.wait(60) == 0
    os.close(mine)
    assert "\x1b[" in said
    assert "✓ right" in re.sub(r"\x1b\[[\d;]*m", "", said)


def test_killed_it_goes_on(tmp_path: Path) -> None:
    with subprocess.Popen(
        command(NET, "--resume", "s.yaml"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=tmp_path,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"4 0\n")
        process.stdin.flush()
        read_until(process.stdout.fileno(), "of 18: H1")
        process.send_signal(signal.SIGKILL)
    said = run(tmp_path, "show\n", NET, "--resume", "s.yaml").stdout
    assert "Z1: 4 0" in said
    assert "2 of 18: H1" in said
