"""`backprop check` as a shell sees it: what is read, exit codes, many sheets, hostile ones."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import re
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner, Result
from test_cli import listening

from backprop_cli.cli import check, grading_pool, main
from backprop_cli.cli.check import FORMATS
from backprop_cli.grading.sheets.answer_files import MAX_SHEET

ROOT = Path(__file__).resolve().parent.parent
PROBLEM = str(ROOT / "problems" / "sigmoid-softmax.yaml")
SHEETS = ROOT / "problems" / "sheets" / "sigmoid-softmax"
RIGHT = (SHEETS / "right.yaml").read_text(encoding="utf-8")
NOTHING = "answers: {Z1: [_, _]}\n"


def invoke(*arguments: object, stdin: str | None = None) -> Result:
    runner = CliRunner(env={"COLUMNS": "100", "NO_COLOR": "1"})
    words = ["check", *map(str, arguments)]
    done = runner.invoke(main, words, input=stdin, prog_name="backprop")
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done


def report(*arguments: object, code: int = 0) -> dict[str, Any]:
    done = invoke(PROBLEM, *arguments, "--format", "json")
    assert done.exit_code == code, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three sheets: one right, one with nothing on it, one that is broken."""
    for name, text in (("a.yaml", RIGHT), ("b.yaml", NOTHING), ("c.yaml", "answers: [")):
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


# What is read -----------------------------------------------------------------------------------


def test_answers_may_be_given_in_several_ways(folder: Path) -> None:
    a, b, c = (folder / name for name in ("a.yaml", "b.yaml", "c.yaml"))
    for arguments in (
        ("--answers", folder),
        ("--answers", c, "--answers", b, a),
        ("--answers", a, b, c),
        (folder,),
        (a, folder, b),
    ):
        found = report(*arguments, code=1)
        assert [sub["file"] for sub in found["submissions"]] == [str(a), str(b), str(c)]


def test_two_sheets_of_one_student_stay_two(tmp_path: Path) -> None:
    for name in ("x.yaml", "y.yaml"):
        (tmp_path / name).write_text(f"student: s1\n{RIGHT.replace('student:', 'was:')}")
    found = report(tmp_path)
    assert [sub["student"] for sub in found["submissions"]] == ["s1", "s1"]


def test_json_and_csv_sheets_are_graded_like_yaml(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("answers: {Z1: [4, 0], L: 1/3, dW1: [[1, 2], [3, 4]]}")
    data = {"answers": {"Z1": [4, 0], "L": "1/3", "dW1": [[1, 2], [3, 4]]}}
    (tmp_path / "b.json").write_text(json.dumps(data))
    rows = "Z1,1,,4\nZ1,2,,0\nL,,,1/3\ndW1,1,1,1\ndW1,1,2,2\ndW1,2,1,3\ndW1,2,2,4\n"
    (tmp_path / "c.csv").write_text(f"name,row,column,value\n{rows}")
    found = report(tmp_path, code=1)
    one, two, three = (
        [(r["id"], r["verdict"], r["points"], r["slips"]) for r in sub["results"]]
        for sub in found["submissions"]
    )
    assert one == two == three


def test_the_problem_is_no_sheet_and_may_come_from_standard_input(folder: Path) -> None:
    problem = folder / "problem.yaml"
    problem.write_text(Path(PROBLEM).read_text(encoding="utf-8"), encoding="utf-8")
    done = invoke(problem, folder, "--format", "json")
    assert len(json.loads(done.stdout)["submissions"]) == 3
    piped = invoke("-", folder / "a.yaml", stdin=problem.read_text(encoding="utf-8"))
    assert piped.exit_code == 0


@pytest.mark.parametrize("arguments", [(), ("nowhere",), ("empty",)])
def test_without_answers_there_is_nothing_to_do(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    done = invoke(PROBLEM, *arguments)
    assert done.exit_code == 2
    assert not done.stdout
    assert "answer" in done.stderr or "no such file" in done.stderr


def test_a_broken_problem_is_told(tmp_path: Path) -> None:
    broken = tmp_path / "p.yaml"
    broken.write_text("layers: []\n")
    done = invoke(broken, SHEETS)
    assert done.exit_code == 2
    assert "p.yaml:1:" in done.stderr


# Exit codes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "options", "code"),
    [
        ("a", (), 0),
        ("ab", (), 1),
        ("ac", (), 1),
        ("abc", ("--exit-zero",), 0),
        ("c", (), 2),
        ("c", ("--exit-zero",), 2),
    ],
)
def test_exit_codes(folder: Path, names: str, options: tuple[str, ...], code: int) -> None:
    files = [folder / f"{name}.yaml" for name in names]
    assert invoke(PROBLEM, *files, *options).exit_code == code


# Output -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("reveal", ["none", "where", "what", "value"])
def test_every_format_is_written(folder: Path, kind: str, reveal: str) -> None:
    target = folder / "report"
    sheets = folder / "b.yaml" if kind == "gradescope" else folder  # that one takes one sheet
    done = invoke(PROBLEM, sheets, "--format", kind, "--reveal", reveal, "-o", target)
    assert (done.exit_code, done.output) == (1, "")
    text = target.read_text(encoding="utf-8")
    assert text
    if kind in ("json", "gradescope"):
        json.loads(text)
    if kind == "junit":
        ET.fromstring(text)  # noqa: S314  # written a moment ago


def test_the_step_summary_is_added_to(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    summary = folder / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    invoke(PROBLEM, folder, "--format", "text")
    assert summary.read_text() == "before\n"
    invoke(PROBLEM, folder, "--format", "github")
    text = summary.read_text(encoding="utf-8")
    assert text.startswith("before\n")
    assert "|" in text
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(folder / "no" / "such.md"))
    done = invoke(PROBLEM, folder, "--format", "github")
    assert done.exit_code == 1
    assert "GITHUB_STEP_SUMMARY cannot be written" in done.stderr


# Many sheets ------------------------------------------------------------------------------------


HONEST = re.compile(r"s\d+\.yaml")


def bomb() -> str:
    lines = ["a0: &a0 [1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    return "\n".join(lines) + "\nanswers: {Z1: *a8}\n"


HOSTILE: tuple[Callable[[], bytes], ...] = (
    lambda: bomb().encode(),
    lambda: random.Random(1).randbytes(5_000),
    lambda: b"answers: " + b"[" * 50_000,
    lambda: b"answers: {L: .nan, Z1: [.inf, -.inf]}",
    lambda: b"answers: {L: 1e400, Z1: [10^400, 9^9^9^9]}",
    lambda: b"answers:\n  L: 1\n  L: 2\n  Z1: [1, 2]\n  z1: [1, 2]\n",
    lambda: b"student: ../../../../tmp/x\nanswers: {L: 1}",
    lambda: b'student: "\\e[2J\\e]0;x\\a"\nanswers: {L: "\\e[31m1"}',
    lambda: b"student: '::error file=a::b'\nanswers: {L: '::set-output name=a::b'}",
    lambda: b"student: '=HYPERLINK(\"http://x\")'\nanswers: {L: '=1+1', '=cmd|x': 1}",
    lambda: b"answers: !!python/object/apply:os.system ['touch never']",
    lambda: b"answers:\n  ? [a, b]\n  : 1\n  <<: {L: 1}\n",
    lambda: b"answers: &a {L: *a}",
    lambda: b"answers:\n  L: " + b"9" * 100_000,
    lambda: b"answers:\n  L: '" + b"(" * 100_000 + b"'",
    lambda: b"",
    lambda: b"---\nanswers: {L: 1}\n---\nanswers: {L: 2}\n",
)


def write_class(folder: Path, honest: int, hostile: int) -> None:
    for number in range(honest):
        (folder / f"s{number:04}.yaml").write_text(RIGHT, encoding="utf-8")
    for number in range(hostile):
        kind = HOSTILE[number % len(HOSTILE)]
        name = f"s{number * 19:04}-hostile" + (".csv" if number % 5 == 4 else ".yaml")
        (folder / name).write_bytes(kind())


def test_hostile_sheets_do_not_touch_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_class(tmp_path, honest=950, hostile=49)
    with (tmp_path / "huge.yaml").open("wb") as file:
        file.truncate(100_000_000)  # without taking room on the disk
    found = report(tmp_path, "--workers", 2, code=1)
    assert len(found["submissions"]) == 1000
    honest = [sub for sub in found["submissions"] if HONEST.fullmatch(Path(sub["file"]).name)]
    assert len(honest) == 950
    assert all(sub["score"] == sub["max_score"] and sub["passed"] for sub in honest)
    assert not any(sub["passed"] for sub in found["submissions"] if sub not in honest)
    (huge,) = (sub for sub in found["submissions"] if sub["file"].endswith("huge.yaml"))
    assert f"at most {MAX_SHEET // 1_000_000} MB" in huge["error"]["message"]
    assert not (tmp_path / "never").exists()


@pytest.mark.parametrize("kind", FORMATS)
def test_nothing_a_student_writes_gets_out(tmp_path: Path, kind: str) -> None:
    write_class(tmp_path, honest=1, hostile=2 * len(HOSTILE))
    one_by_one = sorted(tmp_path.iterdir()) if kind == "gradescope" else [tmp_path]
    options = ("--format", kind, "--reveal", "value")
    out = "".join(invoke(PROBLEM, path, *options).stdout for path in one_by_one)
    assert out
    assert "\x1b" not in out
    assert "\x07" not in out
    if kind == "csv":
        assert not any(cell.startswith(("=", '"=')) for cell in out.replace("\n", ",").split(","))
    if kind in ("text", "csv", "github", "markdown"):
        commands = [line for line in out.splitlines() if line.lstrip().startswith("::")]
        assert all(line.startswith(("::error ", "::warning ", "::notice ")) for line in commands)
        assert kind == "github" or not commands
        assert not any("set-output" in line.partition("::set")[1] for line in commands)


def test_the_report_does_not_depend_on_the_number_of_workers(tmp_path: Path) -> None:
    write_class(tmp_path, honest=90, hostile=len(HOSTILE))
    one, two, many = (report(tmp_path, "--workers", n, code=1) for n in (1, 2, 7))
    assert one == two == many


CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def test_processes_read_one_archive_without_getting_in_each_others_way(tmp_path: Path) -> None:
    path = tmp_path / "hand-ins.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(400):
            # lengths of their own, so that a wrong place in the archive is seen
            archive.writestr(f"{number:04}.yaml", f"{RIGHT}\n# {'x' * number}{number}\n")
    for workers in (1, 2, 5):
        found = report(path, "--workers", workers)["submissions"]
        assert [one["error"] for one in found] == [None] * 400
        assert all(one["passed"] for one in found)


def test_many_sheets_take_all_cores_and_few_take_none(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    real = grading_pool.graded

    def graded(bench: Any, files: Any, workers: int) -> Any:
        seen.append(workers)
        return real(bench, files, 1)

    monkeypatch.setattr(grading_pool, "graded", graded)
    report(folder, code=1)
    monkeypatch.setattr(check, "MANY", 2)
    report(folder, code=1)
    report(folder, "--workers", 3, code=1)
    assert seen == [1, CORES, 3]


def test_ten_problems_of_ten_students_take_all_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    varied, handed_in = tmp_path / "variants", tmp_path / "sheets"
    words = ["vary", PROBLEM, "--count", "10", "-o", str(varied)]
    assert CliRunner().invoke(main, words).exit_code == 0
    handed_in.mkdir()
    for file in varied.glob("*.yaml"):
        (handed_in / file.name).write_text(RIGHT, encoding="utf-8")
    seen: list[int] = []
    real = grading_pool.graded

    def graded(bench: Any, files: Any, workers: int) -> Any:
        seen.append(workers)
        return real(bench, files, workers)

    monkeypatch.setattr(grading_pool, "graded", graded)
    words = ["check", str(varied), str(handed_in), "--format", "json"]
    by_cores, by_one, by_five = (
        CliRunner().invoke(main, [*words, *more]).stdout
        for more in ([], ["--workers", "1"], ["--workers", "5"])
    )
    assert seen == [CORES, 1, 5]
    assert by_cores == by_one == by_five
    assert json.loads(by_one)["summary"]["submissions"] == 10


def test_a_progress_bar_only_on_a_terminal(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "MANY", 2)
    assert invoke(PROBLEM, folder).stderr == ""
    monkeypatch.setattr(check, "_shows_progress", lambda files, many: files > many)
    assert report(folder, code=1)["summary"]["submissions"] == 3


@pytest.mark.parametrize("kind", FORMATS)
def test_ascii_reaches_every_format(tmp_path: Path, kind: str) -> None:
    (tmp_path / "ä.yaml").write_text("answers: {Z1: [1, 0], 'Ŷ': 2}", encoding="utf-8")
    assert invoke(PROBLEM, tmp_path, "--format", kind, "--ascii").stdout.isascii()


# Interrupted ------------------------------------------------------------------------------------


def interrupted(*arguments: object, after: int) -> Any:
    """Runs `check` in a process of its own and presses Ctrl-C after so many sheets."""
    program = (
        "import sys\n"
        "from backprop_cli.cli import run\n"
        "from backprop_cli.grading.grader import Desk\n"
        "real, left = Desk.grade_file, [int(sys.argv.pop(1))]\n"
        "def grade_file(self, path):\n"
        "    left[0] -= 1\n"
        "    if left[0] < 0:\n"
        "        raise KeyboardInterrupt\n"
        "    return real(self, path)\n"
        "Desk.grade_file = grade_file\n"
        "run()\n"
    )
    command = [sys.executable, "-c", program, str(after), "check", PROBLEM, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def many(folder: Path, count: int = 3 * grading_pool.MOST) -> list[str]:
    files = [folder / f"{number:04}.yaml" for number in range(count)]
    for file in files:
        file.write_text(RIGHT, encoding="utf-8")
    return list(map(str, files))


def test_what_was_printed_before_an_interruption_is_whole(tmp_path: Path) -> None:
    files = many(tmp_path)
    done = interrupted(tmp_path, "--format", "csv", "--workers", 1, after=grading_pool.MOST + 3)
    assert done.returncode == 130
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    whole = list(dict.fromkeys(row["file"] for row in rows))
    assert whole == files[: grading_pool.MOST]
    said = f"{len(whole)} of {len(files)} sheets were graded, up to {whole[-1]}"
    assert done.stderr.split("\n") == [said, "", "interrupted", ""]
    assert rows[-1]["quantity"] == "L_new"


def test_an_interruption_leaves_a_part_and_never_a_broken_report(tmp_path: Path) -> None:
    sheets, output = tmp_path / "sheets", tmp_path / "report.json"
    sheets.mkdir()
    files = many(sheets)
    output.write_text("of last week")
    done = interrupted(
        sheets, "--format", "json", "-o", output, "--workers", 1, after=grading_pool.MOST + 3
    )
    assert done.returncode == 130
    assert output.read_text() == "of last week"
    part = (tmp_path / "report.json.partial").read_text(encoding="utf-8")
    assert json.loads(f"{part}]}}")["submissions"][-1]["file"] == files[grading_pool.MOST - 1]
    assert "report.json.partial" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "report.json", "report.json.partial", "sheets",
    ]  # fmt: skip


@pytest.mark.skipif(os.name == "nt", reason="there are no such signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_no_process_stays_behind(tmp_path: Path, number: signal.Signals) -> None:
    sheets = tmp_path / "sheets"
    sheets.mkdir()
    many(sheets, 4000)
    command = [sys.executable, "-m", "backprop_cli", "check", PROBLEM, str(sheets)]
    command += ["--workers", "2", "--format", "csv"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        start_new_session=True,
        preexec_fn=listening,  # noqa: PLW1509  # these tests have no threads
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)  # ends once nobody holds the pipes any more
    how_far, _, last = errors.decode().splitlines()
    assert "4,000 sheets" in how_far
    assert last == "interrupted"
    assert process.returncode == 130


def test_processes_that_share_nothing_at_the_start_write_the_same(tmp_path: Path) -> None:
    sheets = tmp_path / "sheets"
    sheets.mkdir()
    write_class(sheets, honest=60, hostile=5)
    program = (
        "import multiprocessing, sys\n"
        "from backprop_cli.cli import run\n"
        "if __name__ == '__main__':\n"
        "    multiprocessing.set_start_method('spawn')\n"
        "    run()\n"
    )
    script = tmp_path / "script.py"
    script.write_text(program)
    for kind in ("github", "text"):
        words = ["check", PROBLEM, str(sheets), "--format", kind, "--exit-zero", "--workers"]
        one, two = (
            subprocess.run(
                [sys.executable, script, *words, number], capture_output=True, check=True, cwd=ROOT
            )
            for number in ("1", "2")
        )
        assert one.stdout == two.stdout
        assert not two.stderr


def test_a_format_of_replies_without_replies_is_refused(folder: Path) -> None:
    done = invoke(PROBLEM, folder / "a.yaml", "--feedback-format", "html")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "--feedback FOLDER" in done.stderr
