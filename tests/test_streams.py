"""Where input comes from and output goes: encodings, pipes, closed streams, files that are read."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner

from backprop_cli.cli import main

ROOT = Path(__file__).resolve().parent.parent
PROBLEM = "title: Größe ∂\nx: [1, 2]\ny: [1]\nlayers: [{weights: [[1, 2]]}]\nloss: squared-error\n"
SHEET = "answers: {Yhat: 5, L: 16}\n"
GUARD = 120  # seconds after which a test has failed
UNIX = pytest.mark.skipif(os.name == "nt", reason="there are no such files")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "p.yaml").write_text(PROBLEM, encoding="utf-8")
    (tmp_path / "sheets").mkdir()
    (tmp_path / "sheets" / "s.yaml").write_text(SHEET)
    return tmp_path


def ran(
    folder: Path, words: str, redirected: str = "", environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """The program as a shell starts it."""
    return subprocess.run(
        ["/bin/sh", "-c", f'"$PYTHON" -m backprop_cli {words} {redirected}'],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTHON": sys.executable,
            **(environment or {}),
        },
        capture_output=True,
        check=False,
        timeout=GUARD,
    )


# Encodings --------------------------------------------------------------------------------------

EVERYWHERE = ["cp1252", "latin-1", "cp437", "ascii", "utf-8", "utf-16"]
WRITES = [
    *(f"solve p.yaml --format {name}" for name in ("json", "latex", "html", "python")),
    *(f"derive p.yaml --format {name}" for name in ("latex", "html")),
    *(f"blank p.yaml --format {name}" for name in ("json", "csv")),
    *(f"check p.yaml sheets --format {name}" for name in ("json", "csv", "junit", "gradescope")),
    "draw p.yaml --format svg",
    "lint p.yaml --format json",
]


@UNIX
@pytest.mark.parametrize("words", WRITES)
def test_data_is_utf_8_whatever_the_terminal_has(words: str, folder: Path) -> None:
    outputs = set()
    for encoding in ("cp1252", "ascii", "utf-16"):
        done = ran(folder, words, environment={"PYTHONIOENCODING": encoding})
        assert done.returncode in (0, 1), (encoding, done.stderr)
        outputs.add(done.stdout)
    (output,) = outputs
    text = output.decode("utf-8")
    if words.endswith(("svg", "junit")):
        ET.fromstring(text)  # noqa: S314  # our own
    if words.startswith("solve") and "latex" not in words:
        assert "Größe" in text


@UNIX
@pytest.mark.parametrize("encoding", EVERYWHERE[:-1])
@pytest.mark.parametrize("format_", ["text", "markdown"])
@pytest.mark.parametrize("command", ["solve", "derive"])
def test_text_is_in_what_the_terminal_has(
    command: str, format_: str, encoding: str, folder: Path
) -> None:
    words = f"{command} p.yaml --format {format_}"
    done = ran(folder, words, environment={"PYTHONIOENCODING": encoding})
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode(encoding)


# Streams and pipes ------------------------------------------------------------------------------


@UNIX
@pytest.mark.parametrize(
    ("words", "redirected", "code", "says"),
    [
        ("solve -", "<&-", 2, "standard input: it is closed"),
        ("check - sheets", "<&-", 2, "standard input: it is closed"),
        ("solve p.yaml", ">&-", 2, "standard output: it is closed"),
        ("check p.yaml sheets", ">&-", 2, "standard output: it is closed"),
        ("draw p.yaml --format svg", ">&-", 2, "standard output: it is closed"),
        ("solve p.yaml -o out", "<&- >&-", 0, ""),
        ("check p.yaml sheets -o out --exit-zero", "<&- >&- 2>&-", 0, ""),
        ("solve nothing.yaml", "2>&-", 2, ""),
    ],
)
def test_streams_that_are_closed(
    words: str, redirected: str, code: int, says: str, folder: Path
) -> None:
    done = ran(folder, words, redirected)
    assert done.returncode == code, done.stderr
    assert says in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()
    assert (folder / "out").exists() is ("-o" in words)


@UNIX
def test_a_pipe_that_nobody_writes_to_is_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    done = ran(folder, "solve pipe")
    assert done.returncode == 2
    assert "nobody writes to it" in done.stderr.decode()
    done = ran(folder, "check p.yaml pipe --format csv")
    assert done.returncode == 2
    assert "nobody writes to it" in done.stdout.decode()


@UNIX
@pytest.mark.parametrize("size", [0, 20_000, 200_000])
def test_a_pipe_is_read_to_its_end(size: int, folder: Path) -> None:
    ours, theirs = os.pipe()
    text = PROBLEM.encode() + b"#" * size

    def slowly() -> None:
        with os.fdopen(theirs, "wb") as file:
            file.write(text[:10])
            file.flush()
            file.write(text[10:])

    writer = threading.Thread(target=slowly)
    writer.start()
    command = [sys.executable, "-m", "backprop_cli", "solve", f"/dev/fd/{ours}", "--only", "L"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=folder, env=environment, pass_fds=[ours], capture_output=True, check=False,
        timeout=GUARD,
    )  # fmt: skip
    os.close(ours)
    writer.join()
    assert done.returncode == 0, done.stderr
    assert "Größe" in done.stdout.decode()


# Files that are read ----------------------------------------------------------------------------


def replacing(folder: Path, words: str) -> tuple[int, str]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        done = CliRunner().invoke(main, words.split())
    finally:
        os.chdir(before)
    return done.exit_code, done.stderr


OVER = [
    ("solve p.yaml", "p.yaml"),
    ("derive p.yaml", "p.yaml"),
    ("draw p.yaml", "./p.yaml"),
    ("lint p.yaml", "p.yaml"),
    ("blank p.yaml", "sheets/../p.yaml"),
    ("check p.yaml sheets", "p.yaml"),
    ("check p.yaml sheets", "sheets/s.yaml"),
    ("check p.yaml --answers sheets", "sheets/s.yaml"),
    ("check p.yaml sheets/s.yaml", "sheets/s.yaml"),
]


@pytest.mark.parametrize(("words", "output"), OVER)
def test_what_is_read_is_not_replaced_unless_asked(words: str, output: str, folder: Path) -> None:
    before = (folder / output).read_bytes()
    code, says = replacing(folder, f"{words} -o {output}")
    assert code == 2
    assert "--force" in says
    assert (folder / output).read_bytes() == before
    code, _ = replacing(folder, f"{words} -o {output} --force")
    assert code in (0, 1)
    assert (folder / output).read_bytes() != before


@UNIX
@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_another_name_of_it_is_spared_too(link: object, folder: Path) -> None:
    assert callable(link)
    link(folder / "p.yaml", folder / "other.yaml")
    code, _ = replacing(folder, "solve p.yaml -o other.yaml")
    assert code == 2
    assert (folder / "p.yaml").read_text(encoding="utf-8") == PROBLEM


@pytest.mark.parametrize(
    ("words", "output"),
    [("solve p.yaml", "old.txt"), ("check p.yaml sheets --exit-zero", "sheets/marks.txt")],
)
def test_other_files_are_replaced(words: str, output: str, folder: Path) -> None:
    (folder / output).write_text("of last week")
    code, says = replacing(folder, f"{words} -o {output}")
    assert (code, says) == (0, "")
    assert (folder / output).read_text(encoding="utf-8") != "of last week"


# Before anything is graded ----------------------------------------------------------------------


def test_a_report_about_one_sheet_is_refused_for_two(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "sheets" / "t.yaml").write_text(SHEET)
    monkeypatch.setattr("backprop_cli.grading.grader.Desk.grade_file", None)
    code, says = replacing(folder, "check p.yaml sheets --format gradescope")
    assert code == 2
    assert "one sheet" in says


@UNIX
@pytest.mark.parametrize("values", ["x: 700", "x: 1e300", "x: 1e-300"])
def test_verify_says_nothing_beside_its_result(values: str, folder: Path) -> None:
    problem = f"values: {{{values}}}\nequations: [y = exp(x) * exp(x), L = y^2 / (1 + y)]\n"
    (folder / "p.yaml").write_text(problem)
    done = ran(folder, "solve p.yaml --verify")
    assert (done.returncode, done.stderr) == (0, b"")
