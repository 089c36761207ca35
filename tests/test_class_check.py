"""A class of sixty, each with a problem of its own, as three platforms hand it over."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
import subprocess
import sys
import zipfile
from functools import cache
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from classes import PROBLEMS, grader_of, right_answers, sheet, typed
from click.testing import CliRunner, Result
from judged import read_sheet

import backprop_cli as backprop
from backprop_cli.classroom.hand_ins import handed_in
from backprop_cli.classroom.rosters import Roster, Student, WhoIsWho, read_roster
from backprop_cli.classroom.variants import Varied
from backprop_cli.cli import main
from backprop_cli.grading.grader import Grader
from backprop_cli.grading.report_data import Sheet, Summary, Tally
from backprop_cli.grading.sheets.answer_files import stem
from backprop_cli.problem.problem_file import Source
from backprop_cli.report.facts import to_teach
from backprop_cli.report.settings import Settings
from backprop_cli.solving.loading import loaded

PROBLEM = """title: One layer
x: [1.5, -2.5]
y: [1, 4]
layers:
  - {weights: [[1.3, -1.2], [2.1, 1.7], [0.6, 1.4]], bias: [0.7, -1.1, 0.4], activation: tanh}
  - {weights: [[1.1, -0.7, 2.3], [0.4, 1.9, -1.6]], bias: [1.2, 0.3]}
loss: half-squared-error
ask: [Z1, H1, Yhat, L, dL/dYhat, dL/dW2, dL/dZ1, dL/dW1]
"""
COUNT = 60
NAMES = [
    (f"s{n:02}", f"Given{chr(97 + n // 26)}{chr(97 + n % 26)}", f"Family{n:02}")
    for n in range(COUNT)
]
BROKEN, ABSENT = range(4), range(56, 60)


def right(n: int) -> bool:
    return n % 3 != 0


@cache
def problems() -> dict[str, str]:
    """Everyone's problem, drawn once."""
    varied = Varied(loaded(Source("p.yaml", PROBLEM.encode())))
    return {id: varied.variant(id, 1).text for id, _, _ in NAMES}


@cache
def grader(id: str) -> Grader:
    return grader_of(problems()[id])


def answers(n: int) -> str:
    """What a student hands in: all right, or with a sign the wrong way round behind the loss."""
    id = NAMES[n][0]
    found = right_answers(grader(id), 4)
    if not right(n):
        wrong = -np.asarray(grader(id).key.truth["dL/dYhat"])
        found = {name: text for name, text in found.items() if not name.startswith("dL")}
        found["dL/dYhat"] = typed(wrong, 4)
    return sheet(found)


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a teacher: problems, class list, and a third from each platform."""
    top = tmp_path_factory.mktemp("class")
    (top / "variants").mkdir()
    for id, text in problems().items():
        (top / "variants" / f"{id}.yaml").write_text(text)
    rows = [f"{family};{given};{id};{given.lower()}@uni.example" for id, given, family in NAMES]
    (top / "roster.csv").write_text("\n".join(["Surname;First name;ID number;Email", *rows]))
    for n in range(COUNT):
        if n not in ABSENT:
            put(top / "hand-ins", n, answers(n) if n not in BROKEN else "answers: [1, {\n")
    extra = top / "hand-ins" / "extra"
    extra.mkdir()
    (extra / "s05.yaml").write_text(answers(5))  # a second one
    (extra / "stranger.yaml").write_text(answers(6))
    (extra / "photo.jpg").write_bytes(b"\xff\xd8\xff")
    (extra / "report.docx").write_bytes(b"PK\x03\x04")
    (extra / "marks.ods").write_bytes(b"PK\x03\x04")
    (extra / "torn.zip").write_bytes(b"no zip")
    return top


def put(top: Path, n: int, text: str) -> None:
    """A hand-in where a platform puts it."""
    id, given, family = NAMES[n]
    if n % 3 == 0:  # Moodle
        place = (
            top / "moodle" / f"{given} {family}_{1000 + n}_assignsubmission_file_" / "blank.yaml"
        )
    elif n % 3 == 1:  # Canvas
        late = "LATE_" if n == 7 else ""
        place = top / "canvas" / f"{family}{given}_{late}{2000 + n}_{3000 + n}_blank.yaml".lower()
    else:  # GitHub Classroom, in one archive
        top.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(top / "github.zip", "a") as archive:
            archive.writestr(f"repos/homework-1-{id}/answers/blank.yaml", text)
            archive.writestr(f"repos/homework-1-{id}/.git/config", "answers: {}")
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    if n == 7:
        place = place.with_name(place.name.replace("late_", "LATE_"))
    place.write_text(text)


def check(room: Path, *words: str) -> Result:
    paths = [str(room / name) for name in ("variants", "hand-ins", "roster.csv")]
    return CliRunner().invoke(main, ["check", *paths[:2], "--roster", paths[2], *words])


def test_each_sheet_has_the_marks_it_has_alone(room: Path) -> None:
    done = check(room, "--format", "json")
    found = {
        (one["student"], Path(one["file"]).name): one
        for one in json.loads(done.stdout)["submissions"]
    }
    assert len(found) == COUNT - len(ABSENT) + 2
    for n in range(len(BROKEN), COUNT - len(ABSENT)):
        id = NAMES[n][0]
        data = answers(n).encode()
        alone = grader(id).grade(read_sheet(data, "blank.yaml", grader(id).quantities()))
        (graded,) = [
            one for (student, name), one in found.items() if student == id and name != "s05.yaml"
        ]
        assert graded["score"] == alone.score
        assert (graded["score"] == graded["max_score"]) == right(n)
    assert all(found[NAMES[n][0], "blank.yaml"]["error"] for n in BROKEN if n % 3 != 1)


def test_every_file_and_every_student_is_accounted_for(room: Path) -> None:
    said = check(room).stderr
    for name, why in (("photo.jpg", "picture"), ("report.docx", "Word"), ("marks.ods", "CSV")):
        assert re.search(rf"not read: .*{name}: .*{why}", said)
    assert re.search(r"not read: .*torn.zip: it is no archive", said)
    assert re.findall(r"^no sheet: (\w+)$", said, re.MULTILINE) == [NAMES[n][0] for n in ABSENT]
    assert len(re.findall(r"^nobody's sheet: .*stranger.yaml", said, re.MULTILINE)) == 1
    assert len(re.findall(r"^2 sheets of s05", said, re.MULTILINE)) == 1
    assert len(re.findall(r"^handed in late: ", said, re.MULTILINE)) == 1
    assert said.count("nobody's sheet") == said.count("handed in late") == 1
    assert ".git" not in said


def test_a_report_that_is_kept_names_them_too(room: Path) -> None:
    told = check(room).stderr.splitlines()
    for form in ("html", "markdown", "text"):
        place = room / f"report.{form}"
        check(room, "--format", form, "--width", "400", "-o", str(place))
        text = unescape(place.read_text(encoding="utf-8").replace("\\", ""))
        assert all(line in text for line in told), form


def test_the_gradebook_has_the_class_list_in_its_order(room: Path) -> None:
    done = check(room, "--format", "gradebook")
    rows = list(csv.reader(io.StringIO(done.stdout)))
    assert rows[0] == [
        "Surname", "First name", "ID number", "Email",
        "score", "max_score", "percent", "first_wrong", "slips",
    ]  # fmt: skip
    assert [row[2] for row in rows[1:]] == [id for id, _, _ in NAMES]
    for n, row in enumerate(rows[1:]):
        if n in ABSENT:
            assert row[4:] == [""] * 5
        elif n in BROKEN:
            assert row[4:] == ["0", "8", "0", "", ""]
        elif right(n):
            assert row[4:] == ["8", "8", "100", "", ""]
        else:
            assert row[7] == "dL/dYhat"
            assert "sign-flipped" in row[8].split()
    hidden = list(
        csv.reader(io.StringIO(check(room, "--format", "gradebook", "--reveal", "none").stdout))
    )
    assert all(row[7:] == ["", ""] for row in hidden[1:])
    assert [row[:7] for row in hidden] == [row[:7] for row in rows]


def test_of_two_sheets_of_a_student_the_better_one_counts(tmp_path: Path) -> None:
    problem = "values: {x: 2}\nequations: [y = x^2, L = 3*y]\nask: [y, L]\n"
    (tmp_path / "p.yaml").write_text(problem)
    (tmp_path / "roster.csv").write_text("student\ns1\ns2\ns3\n")
    sheets = {  # s2 hands in what is wrong, what is right, and with s3 what is wrong again
        "monday/s1": "y: 4, L: 12",
        "monday/s2": "y: 9, L: 27",
        "tuesday/s2": "y: 4, L: 12",
        "both": "y: 9, L: 12",
    }
    for name, text in sheets.items():
        place = tmp_path / "in" / f"{name}.yaml"
        place.parent.mkdir(parents=True, exist_ok=True)
        group = "student: [s2, s3]\n" if name == "both" else ""
        place.write_text(f"{group}answers: {{{text}}}\n")
    words = ["check", *map(str, (tmp_path / "p.yaml", tmp_path / "in"))]
    words += ["--roster", str(tmp_path / "roster.csv")]
    found = json.loads(CliRunner().invoke(main, [*words, "--format", "json"]).stdout)
    assert len(found["submissions"]) == 4
    counts = {each["id"]: each for each in found["summary"]["quantities"]}
    assert (counts["y"]["correct"], counts["y"]["wrong"]) == (2, 1)
    assert (counts["L"]["correct"], counts["L"]["wrong"]) == (3, 0)
    (note,) = [each for each in found["summary"]["notes"] if each["kind"] == "several-sheets"]
    assert (note["student"], len(note["files"])) == ("s2", 3)
    for many in ("1", "2"):
        text = CliRunner().invoke(main, [*words, "--workers", many, "--width", "100"]).output
        assert "1.7 of 2 points on average" in text  # of 2, 2 and 1


@pytest.mark.parametrize(
    ("form", "ending"), [("text", "txt"), ("markdown", "md"), ("html", "html")]
)
def test_replies_tell_each_student_and_reveal_no_value(room: Path, form: str, ending: str) -> None:
    folder = room / f"replies-{form}"
    check(room, "--feedback", str(folder), "--feedback-format", form)
    names = {path.name for path in folder.iterdir()}
    assert names == {f"{NAMES[n][0]}.{ending}" for n in range(COUNT) if n not in ABSENT}
    for n in range(len(BROKEN), COUNT - len(ABSENT)):
        id = NAMES[n][0]
        text = (folder / f"{id}.{ending}").read_text(encoding="utf-8")
        assert ("8 of 8 points" in text) == right(n)
        if not right(n):
            assert "sign" in text
            for value in grader(id).key.truth["dL/dYhat"]:
                own = rf"(?<![\d.\-\N{{MINUS SIGN}}]){re.escape(f'{value + 0.0:.3f}')}"
                assert not re.search(own, text) or value < 0


def test_from_python_it_is_the_same_report(room: Path) -> None:
    words = [room / name for name in ("variants", "hand-ins")]
    report = backprop.check_class(*words, roster=room / "roster.csv")
    done = check(room, "--format", "json")
    assert report.data == json.loads(done.stdout)
    assert list(report.notes) == check(room, "--format", "json").stderr.splitlines()
    assert report.gradebook() == check(room, "--format", "gradebook").stdout
    page = check(room, "--format", "html").stdout
    assert report.page() == page
    check(room, "--feedback", str(room / "told"))
    told = {one.stem: one.read_text("utf-8") for one in (room / "told").iterdir()}
    assert {name: text.rstrip("\n") for name, text in report.replies().items()} == {
        name: text.rstrip("\n") for name, text in told.items()
    }
    with pytest.raises(backprop.Error, match="class list"):
        backprop.check_class(room / "variants" / "s01.yaml", words[1])
    with pytest.raises(backprop.Error, match="no such file"):
        backprop.check_class(words[0], [room / "nowhere"])


def test_whoever_waits_for_a_problem_each_is_shown_how_far_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def shown(files: int, waited_for: int) -> bool:
        seen.append(waited_for)
        return files >= waited_for

    monkeypatch.setattr("backprop_cli.cli.check._shows_progress", shown)
    (tmp_path / "one.yaml").write_text(PROBLEM)
    for folder, text in (("variants", problems()["s01"]), ("in", answers(1))):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "s01.yaml").write_text(text)
    own, one = [
        CliRunner().invoke(main, ["check", str(tmp_path / name), str(tmp_path / "in")])
        for name in ("variants", "one.yaml")
    ]
    assert own.exit_code == 0
    assert one.exit_code in (0, 1)
    assert seen[0] < 30 < seen[1]  # a class waits; for that many sheets of one problem nobody does


def test_one_problem_with_a_class_list(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(PROBLEM)
    (tmp_path / "r.csv").write_text("id,name\nx1,Anna Muster\nx2,Ben\n")
    folder = tmp_path / "in" / "Anna Muster_1_assignsubmission_file"
    folder.mkdir(parents=True)
    (folder / "a.yaml").write_text(sheet(right_answers(grader_of(PROBLEM))))
    words = [str(tmp_path / name) for name in ("p.yaml", "in")]
    done = CliRunner().invoke(
        main, ["check", *words, "--roster", str(tmp_path / "r.csv"), "--format", "gradebook"]
    )
    assert done.stdout.splitlines()[1:] == ["x1,Anna Muster,8,8,100,,", "x2,Ben,,,,,"]
    assert done.stderr == "no sheet: x2\n"


def test_a_student_of_the_list_without_a_problem_is_named(room: Path, tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("id\ns01\nnewcomer\n")
    words = ["check", str(room / "variants"), str(room / "hand-ins"), "--roster"]
    done = CliRunner().invoke(main, [*words, str(tmp_path / "r.csv")])
    assert done.exit_code == 2
    assert "no problem: newcomer" in " ".join(done.stderr.split())


# Who is who ---------------------------------------------------------------------------------------


def unsigned(file: str) -> Sheet:
    return Sheet(stem(file), file)


def class_list() -> Roster:
    cells = [
        ("Muster", "Anna", "s1", "am@x.org"),
        ("Bär", "Bo", "s2", "bb@x.org"),
        ("Muster", "Carl", "s3", ""),
    ]
    columns = ("Surname", "First name", "ID number", "Email")
    return Roster(columns, tuple(Student(row[2], row) for row in cells))


@pytest.mark.parametrize(
    ("name", "student"),
    [
        ("s1", "s1"), ("S1 ", "s1"), ("Anna Muster", "s1"), ("musteranna", "s1"),
        ("MUSTER, Anna", "s1"),
        ("bar bo", "s2"), ("bb@x.org", "s2"), ("bb", "s2"), ("Muster", None), ("Carl", "s3"),
        ("", None),
        ("s12", None),
    ],
)  # fmt: skip
def test_a_name_means_one_student_or_nobody(name: str, student: str | None) -> None:
    assert WhoIsWho(class_list()).student(name) == student


def test_gradescope_says_whose_a_folder_is(tmp_path: Path) -> None:
    (tmp_path / "submission_77").mkdir()
    (tmp_path / "submission_77" / "a.yaml").write_text("answers: {}")
    (tmp_path / "submission_metadata.yml").write_text(
        "---\nsubmission_77:\n  :submitters:\n  - :name: Bo Bär\n    :sid: s2\n    :email: ''\n"
    )
    file = str(tmp_path / "submission_77" / "a.yaml")
    found = handed_in([file], [tmp_path], class_list(), unsigned)
    assert found.whose == {file: ("s2",)}
    assert found.without_sheet == ["s1", "s3"]


def test_folders_above_the_hand_ins_mean_nothing(tmp_path: Path) -> None:
    place = tmp_path / "s1" / "hand-ins"
    place.mkdir(parents=True)
    file = str(place / "blank.yaml")
    found = handed_in([file], [place], class_list(), unsigned)
    assert found.whose == {file: ()}


def test_a_list_without_a_heading_is_one_of_names(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("anna\nben\n")
    roster = read_roster(str(tmp_path / "r.csv"))
    assert roster.columns == ("student",)
    assert [one.id for one in roster.students] == ["anna", "ben"]


def test_the_commands_of_the_page_grade_and_answer_a_class(tmp_path: Path) -> None:
    """Run as they stand there, with six students; one has handed in nothing."""
    page = (PROBLEMS.parent / "docs" / "class.md").read_text(encoding="utf-8")
    (commands,) = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    assert len(commands.splitlines()) == 5
    (tmp_path / "homework.yaml").write_text(PROBLEM)
    rows = [",".join(names) for names in NAMES[:6]]
    (tmp_path / "roster.csv").write_text("\n".join(["ID number,First name,Surname", *rows]))
    for n in range(5):
        put(tmp_path / "hand-ins", n, answers(n))
    for line in commands.splitlines():
        done = subprocess.run(
            [sys.executable, "-m", "backprop_cli", *shlex.split(line)[1:]],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in (0, 1), done.stderr
    marks = list(csv.DictReader(io.StringIO((tmp_path / "marks.csv").read_text(encoding="utf-8"))))
    assert [row["ID number"] for row in marks] == [id for id, _, _ in NAMES[:6]]
    assert [row["percent"] == "100" for row in marks[:5]] == [right(n) for n in range(5)]
    assert marks[5]["score"] == ""
    replies = sorted(path.name for path in (tmp_path / "replies").iterdir())
    assert replies == [f"{id}.html" for id, _, _ in NAMES[:5]]
    assert "5 sheets" in (tmp_path / "class.html").read_text(encoding="utf-8")


def test_a_class_report_ends_in_what_to_go_over_again() -> None:
    """Counted by hand: Z1 is wrong twice, H1 once, which is no news; a slip is made three times."""
    tallies = (
        Tally("H1", {"correct": 3, "wrong": 1}, {"activation-omitted": 1}),
        Tally("Z1", {"correct": 2, "wrong": 2}, {"bias-left-out": 2, "activation-omitted": 2}),
        Tally("L", {"correct": 4}, {}),
    )
    said = list(to_teach(Summary(4, 2, tallies), Settings()))
    assert said == [
        "wrong most often: Z1 (2 of 4)",
        "mistakes made most often: activation omitted 3×, bias left out 2×",
    ]
    assert not list(to_teach(Summary(1, 1, tallies[2:]), Settings()))


def test_what_several_left_empty_is_told_where_not_all_of_it_is() -> None:
    some = [Tally(id, {"correct": 1, "missing": 2}, {}) for id in ("a", "b", "c", "d", "e")]
    told = list(to_teach(Summary(3, 0, (Tally("Z1", {"correct": 3}, {}), *some)), Settings()))
    assert told == ["left empty most often: a, b, c and 2 more (2 of 3)"]
    assert not list(to_teach(Summary(3, 0, tuple(some)), Settings()))


def test_wrong_formulas_are_made_once_for_problems_of_one_form() -> None:
    """They are those that each would have made; another activation or step has its own."""
    first, own, alone = (grader_of(problems()[id]) for id in ("s01", "s02", "s02"))
    own.share(first)
    for question in alone.questions:
        assert own.candidates(question.name) == alone.candidates(question.name)
        assert own.candidates(question.name) is first.candidates(question.name)
    for line in ("tanh", "relu"), ("half-squared-error", "squared-error"), ("dL/dZ1, ", ""):
        other = grader_of(problems()["s02"].replace(*line))
        other.share(first)
        assert other.candidates("dL/dW2") is not first.candidates("dL/dW2"), line


@pytest.mark.parametrize("velocity", ["[[0.4, 0], [0.2, -1]]", "[[0.5, 0], [0.3, -2]]"])
def test_what_an_update_starts_from_is_only_numbers(velocity: str) -> None:
    text = (PROBLEMS / "given-gradients.yaml").read_text(encoding="utf-8")
    first, other = grader_of(text), grader_of(text.replace("[[0.4, 0], [0.2, -1]]", velocity))
    other.share(first)
    assert other.candidates("W1_new") is first.candidates("W1_new")
    another = grader_of(text.replace("form: accumulate", "form: ewma"))
    another.share(first)
    assert another.candidates("W1_new") is not first.candidates("W1_new")
