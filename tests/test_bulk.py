"""Grading in bulk against grading one by one: what is remembered and shared changes nothing."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from students import classroom

from backprop_cli.grading.grader import Desk
from backprop_cli.grading.judging import right_answers as right
from backprop_cli.grading.judging.right_answers import RightAnswers
from backprop_cli.grading.quantities import Quantities
from backprop_cli.grading.report_data import Answer, Sheet, Submission
from backprop_cli.grading.sheets import plain_sheet
from backprop_cli.grading.sheets.answer_files import Reader
from backprop_cli.grading.sheets.plain_sheet import PlainReader
from backprop_cli.grading.slips.table_of_slips import SLIP_WORDS
from backprop_cli.grading.summary import Counts, summarised
from backprop_cli.problem.problem_file import Source
from backprop_cli.report.formats import RENDER, rendered, writer
from backprop_cli.report.settings import Settings
from backprop_cli.solving.loading import loaded

ROOT = Path(__file__).resolve().parent.parent
SOFTMAX = ROOT / "problems" / "sigmoid-softmax.yaml"
PUBLISHED = sorted((ROOT / "problems" / "sheets").rglob("*.yaml"))
EVERYTHING = Settings(reveal="value", slip_words=dict(SLIP_WORDS))
HANDED_IN = [path for path in PUBLISHED if path.parent.name == SOFTMAX.stem] + PUBLISHED[::8]
SEEDS = range(5)  # exercises; 25 sheets each


def desk(problem: Path) -> Desk:
    return Desk(loaded(Source(problem.name, problem.read_bytes())).model)


@cache
def submissions() -> tuple[Submission, ...]:
    """Sheets of one problem, and of others, graded once."""
    here = desk(SOFTMAX)
    return tuple(here.grade_file(str(path)) for path in HANDED_IN)


def as_json(submissions: Sequence[Submission]) -> str:
    return rendered("json", summarised("", submissions), EVERYTHING)


@pytest.fixture
def slowly(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Has every sheet read by the full reader, and every answer judged by the judge."""

    def switch() -> None:
        monkeypatch.setattr(PlainReader, "read", lambda self, text: None)
        monkeypatch.setattr(RightAnswers, "of", lambda self, answer: None)

    return switch


# The same reports -------------------------------------------------------------------------------


def classes(folder: Path) -> Iterator[tuple[Path, list[bytes]]]:
    """Exercises, and the sheets of simulated students."""
    for seed in SEEDS:
        task, handed = classroom.handed_in(seed)
        if task.family != "network":
            continue
        for number, (text, cases) in enumerate(handed):
            problem = folder / f"{seed}-{number}.yaml"
            problem.write_text(text, encoding="utf-8")
            yield problem, [case.text.encode() for case in cases]


def test_sheets_are_graded_as_without_shortcuts(tmp_path: Path, slowly: Callable[[], None]) -> None:
    tasks = list(classes(tmp_path))
    fast, again = [], []
    for problem, sheets in tasks:
        grades = desk(problem)
        fast.append(as_json([grades.grade(sheet, "s.yaml") for sheet in sheets]))
        again.append(as_json([grades.grade(sheet, "s.yaml") for sheet in reversed(sheets)][::-1]))
    slowly()
    for (problem, sheets), one, other in zip(tasks, fast, again, strict=True):
        grades = desk(problem)
        assert as_json([grades.grade(sheet, "s.yaml") for sheet in sheets]) == one == other
    assert sum(len(sheets) for _, sheets in tasks) > 100


def test_right_answers_need_no_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    real = RightAnswers.of

    def of(self: RightAnswers, answer: Answer) -> object:
        found = real(self, answer)
        seen.append(found is not None)
        return found

    monkeypatch.setattr(RightAnswers, "of", of)
    sheet = ROOT / "problems" / "sheets" / "sigmoid-softmax" / "right.yaml"
    assert desk(SOFTMAX).grade_file(str(sheet)).passed
    assert seen
    assert all(seen)


def test_what_is_forgotten_is_worked_out_again(monkeypatch: pytest.MonkeyPatch) -> None:
    sheets = [path.read_bytes() for path in PUBLISHED if path.parent.name == "sigmoid-softmax"]
    usual = desk(SOFTMAX)
    expected = as_json([usual.grade(sheet, "s.yaml") for sheet in 2 * sheets])
    monkeypatch.setattr(plain_sheet, "MOST_KEPT", 3)
    monkeypatch.setattr(right, "MOST_KEPT", 3)
    forgetful = desk(SOFTMAX)
    assert as_json([forgetful.grade(sheet, "s.yaml") for sheet in 2 * sheets]) == expected


def test_a_desk_that_is_sent_elsewhere_grades_the_same() -> None:
    here = desk(SOFTMAX)
    before = tuple(here.grade_file(str(path)) for path in HANDED_IN)
    there: Desk = pickle.loads(pickle.dumps(here))  # noqa: S301  # made in the same line
    assert before == submissions()
    assert tuple(there.grade_file(str(path)) for path in HANDED_IN) == before


# The same answers -------------------------------------------------------------------------------

SOLVED = loaded(Source(SOFTMAX.name, SOFTMAX.read_bytes()))
KNOWN = Quantities(SOLVED.model, SOLVED.plan)


class Full(Reader):
    """The full reader alone."""

    def __init__(self, known: Quantities) -> None:
        super().__init__(known)
        self._plain.read = lambda text: None  # type: ignore[method-assign]


def without_sources(sheet: Sheet) -> Sheet:
    answers = {id: replace(answer, source=None) for id, answer in sheet.answers.items()}
    return replace(sheet, answers=answers)


def reads_the_same(reader: Reader, text: str) -> None:
    data = text.encode()
    one, two = reader.sheet(data, "s.yaml"), reader.sheet(data, "s.yaml")
    full = Full(KNOWN).sheet(data, "s.yaml")
    assert without_sources(one) == without_sources(two) == full
    assert list(one.answers) == list(full.answers)


NAMES = ["Z1", "H1", "dL/dW1", "dW1", "∇W1", "L", "W1_new", "W1'", "Z1[1]", "dL/dW1[2,1]", "Q", "X"]
VALUES = [
    "[4, 0]", "[4,0]", "[ 4 , -0 ]", "4", "_", "[_, _]", "[4, _]", "[[1, 2], [3, 4]]", '"1 2; 3 4"',
    "1 2; 3 4", "1/3", "[1/3, ln(2)]", "0,5", "[1, 2, 3]", "", "|", "[1, 2", "{a: 1}", "*a", "&a 1",
    "\n    - [1, 2]\n    - [3, 4]", "\n  - [1, 2]\n  - [3, 4]", "\n    1 2\n    3 4",
    "|\n    1 2\n    3 4", "[4, 0]  # so", "[4, 0]\n  # so", "[4, 0]\n\n", "[4, 0]\n      ",
    "[4, 0]\nstudent: x", "yes", "010", "[\n    4, 0]", "'4'", "\u22124",
]  # fmt: skip
HEADINGS = [
    "answers:\n", "student: s1\nanswers:\n", "student: Jürgen Müller # x\n\nanswers:\n",
    "# a sheet\nstudent: _\nanswers:\n", "student: [a]\nanswers:\n", "name: x\nanswers:\n",
    "student: x\r\nanswers:\r\n", "answers: # all\n", "student:\n  - x\nanswers:\n",
    "--- \nanswers:\n", "Answers:\n", "student: 'a b'\nanswers:   \n",
    "x: |\n answers:\nanswers:\n", "student: \"x\nanswers:\n",
]  # fmt: skip
reader = Reader(KNOWN)


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_published_sheets_are_read_as_by_the_full_reader(path: Path) -> None:
    reads_the_same(reader, path.read_text(encoding="utf-8"))
    reads_the_same(reader, path.read_text(encoding="utf-8").replace("\n", "\r\n"))


@settings(max_examples=1000, deadline=None)
@given(
    st.sampled_from(HEADINGS),
    st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES)), max_size=5),
    st.sampled_from(["  ", " ", "    ", ""]),
    st.sampled_from(["", "\n", "\nL_new: 3\n", "\n...\n", "\n---\n"]),
)
def test_any_sheet_is_read_as_by_the_full_reader(
    heading: str, lines: list[tuple[str, str]], indent: str, end: str
) -> None:
    body = "\n".join(f"{indent}{name}: {value}" for name, value in lines)
    reads_the_same(reader, heading + body + end)


def test_the_report_on_a_sheet_does_not_depend_on_those_before() -> None:
    misplaced = b"answers:\n  Z1: [4, 0]\ndW1: [[1, 2], [3, 4]]\n"
    fresh = desk(SOFTMAX).grade(misplaced, "s.yaml")
    used = desk(SOFTMAX)
    used.grade(b"answers:\n  dW1: [[1, 2], [3, 4]]\n", "t.yaml")
    assert used.grade(misplaced, "s.yaml") == fresh


# Parts of reports -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in RENDER if name != "gradescope"])
@pytest.mark.parametrize("reveal", ["none", "where", "what", "value"])
def test_parts_made_elsewhere_give_the_same_report(name: str, reveal: str) -> None:
    settings = replace(EVERYTHING, reveal=reveal)
    report = summarised("Softmax", submissions())
    first = writer(name, settings, alone=False)
    parts, counts = [], Counts()
    for start in range(0, len(HANDED_IN), 2):
        there = pickle.loads(pickle.dumps(first))  # noqa: S301  # made in the same line
        some = Counts()
        for submission in submissions()[start : start + 2]:
            parts.append(pickle.loads(pickle.dumps(there.part(submission))))  # noqa: S301
            some.add(submission)
        counts.join(some)
    text = "".join(first.text("Softmax", iter(parts), counts.summary))
    assert text == rendered(name, report, settings)
    assert counts.summary() == report.summary


def test_a_long_report_waits_on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    report = summarised("", submissions())
    short = {name: rendered(name, report, EVERYTHING) for name in ("junit", "github")}
    monkeypatch.setattr("backprop_cli.report.stream._IN_MEMORY", 10)
    monkeypatch.setattr("backprop_cli.report.stream._BLOCK", 7)
    assert {name: rendered(name, report, EVERYTHING) for name in short} == short
