"""Processes that die, are killed or told to end: nothing is lost, nobody stays, reports are whole.

The waits are guards that fail a test; nothing is asserted of how long anything takes.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from test_cli import listening

from backprop_cli.cli.check import _Graded
from backprop_cli.cli.grading_pool import Parts, Pool, signals_held
from backprop_cli.cli.output import Output, _blocks

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there are no such signals")

ROOT = Path(__file__).resolve().parent.parent
GUARD = 120  # seconds
SHEETS = 40
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]

PROGRAM = """
import os, signal, sys, time
from pathlib import Path
from backprop_cli.cli import grading_pool, run
from backprop_cli.grading.grader import Desk

grading_pool.LEAST = grading_pool.MOST = 1
real, mark, what, at = Desk.grade_file, Path(sys.argv.pop(1)), sys.argv.pop(1), sys.argv.pop(1)

def grade_file(self, path):
    if path.endswith(at):
        if what == "die once" and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if what == "die":
            os._exit(3)
        if what == "wait":
            mark.touch()
            time.sleep(600)
    return real(self, path)

Desk.grade_file = grade_file
run()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "p.yaml").write_text("values: {x: 2}\nequations: [y = x^2, L = 3*y]\n")
    (tmp_path / "sheets").mkdir()
    for number in range(SHEETS):
        value = 4 if number % 2 else 5
        sheet = f"answers:\n  y: {value}\n  L: {3 * value}\n"
        (tmp_path / "sheets" / f"{number:02}.yaml").write_text(sheet)
    return tmp_path


def words(folder: Path, what: str, *options: object, at: int = 33) -> list[str]:
    """The command line of `check` with one sheet at which something happens."""
    program = [sys.executable, "-c", PROGRAM, str(folder / "mark"), what, f"{at:02}.yaml"]
    return [*program, "check", "p.yaml", "sheets", *map(str, options)]


def ran(folder: Path, what: str, *options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words(folder, what, *options),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=GUARD,
    )


def started(folder: Path, *options: object) -> subprocess.Popen[bytes]:
    """`check` in the middle: at sheet 33 of 40, with at least 25 of them written."""
    process = subprocess.Popen(
        words(folder, "wait", *options),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=listening,  # noqa: PLW1509  # these tests have no threads
    )
    end = time.monotonic() + GUARD
    while not (folder / "mark").exists():
        assert time.monotonic() < end
        assert process.poll() is None
        time.sleep(0.01)
    return process


# Processes that die -----------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [2, 3])
@pytest.mark.parametrize("format_", ["json", "csv", "text"])
def test_the_sheets_of_a_process_that_is_killed_are_graded_again(
    format_: str, workers: int, folder: Path
) -> None:
    whole = ran(folder, "nothing", "--format", format_, "--workers", 1)
    assert whole.returncode == 1
    done = ran(folder, "die once", "--format", format_, "--workers", workers)
    assert (folder / "mark").exists()
    assert done.stdout == whole.stdout
    assert done.returncode == 70
    assert "SIGKILL" in done.stderr
    assert "graded again" in done.stderr


def test_a_sheet_that_no_process_lives_through_has_an_error(folder: Path) -> None:
    done = ran(folder, "die", "--format", "json", "--workers", 2)
    assert done.returncode == 70
    found = json.loads(done.stdout)["submissions"]
    assert [each["file"][-7:-5] for each in found] == [f"{n:02}" for n in range(SHEETS)]
    assert [each["file"][-7:-5] for each in found if each["error"]] == ["33"]
    assert [each["score"] for each in found[:33]] == [2.0 if n % 2 else 1.0 for n in range(33)]


def test_a_pool_goes_thing_by_thing_through_what_a_process_died_of() -> None:
    deaths: list[str] = []
    pool = Pool(2, _squares, lambda thing: [(thing, "lost")], deaths.append)
    pieces = [list(range(start, start + 5)) for start in range(0, 100, 5)]
    found = [each for some in pool.results(pieces) for each in some]
    assert found == [(n, "lost" if n in (7, 8, 60) else n * n) for n in range(100)]
    assert deaths
    assert set(deaths) == {"ended with 9"}
    assert not pool.workers


def _squares(things: Sequence[int]) -> list[tuple[int, Any]]:
    if {7, 8, 60} & set(things):
        os._exit(9)
    return [(thing, thing * thing) for thing in things]


def test_an_error_in_a_process_is_raised_where_the_results_are_wanted() -> None:
    deaths: list[str] = []
    pool = Pool(2, _divided, lambda thing: [], deaths.append)
    with pytest.raises(ZeroDivisionError):
        list(pool.results([[1], [0], [2]]))


def _divided(things: Sequence[int]) -> list[float]:
    return [1 / thing for thing in things]


def test_without_room_for_processes_the_work_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_process: object) -> None:
        raise BlockingIOError

    monkeypatch.setattr("backprop_cli.cli.grading_pool.Process.start", start)
    deaths: list[str] = []
    pool = Pool(2, _divided, lambda thing: [], deaths.append)
    assert list(pool.results([[1], [2], [4]])) == [[1.0], [0.5], [0.25]]


# The first process ------------------------------------------------------------------------------


def test_processes_end_with_the_first(folder: Path) -> None:
    process = started(folder, "--workers", 2)
    process.kill()
    process.communicate(timeout=GUARD)  # comes back once nobody holds the pipes any more
    assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("to_all", [False, True])
def test_being_told_to_end_leaves_what_is_written(
    number: signal.Signals, workers: int, to_all: bool, folder: Path
) -> None:
    (folder / "out.json").write_text("of last week")
    process = started(folder, "--workers", workers, "--format", "json", "-o", "out.json")
    (os.killpg if to_all else os.kill)(process.pid, number)
    _, errors = process.communicate(timeout=GUARD)
    assert process.returncode == 130
    assert errors.decode().splitlines()[-1] == "interrupted"
    assert (folder / "out.json").read_text() == "of last week"
    part = (folder / "out.json.partial").read_text()
    whole = [each["file"] for each in json.loads(f"{part}]}}")["submissions"]]
    assert len(whole) >= 25
    assert f"{len(whole)} of {SHEETS} sheets were graded, up to {whole[-1]}\n" in errors.decode()
    names = {path.name for path in folder.iterdir()}
    assert names == {"p.yaml", "sheets", "mark", "out.json", "out.json.partial"}


@pytest.mark.parametrize("number", SIGNALS)
def test_nobody_waits_for_who_does_not_read(number: signal.Signals, folder: Path) -> None:
    """A pipe that no one opens at the other end is no file whose sheets could be counted."""
    os.mkfifo(folder / "out")
    command = words(folder, "nothing", "--workers", 2, "-o", "out")
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        preexec_fn=listening,  # noqa: PLW1509  # these tests have no threads
    )
    time.sleep(1)  # by then it waits for the other end; where it has not begun yet, it ends, too
    try:
        process.send_signal(number)
        process.communicate(timeout=GUARD)
    finally:
        process.kill()
    assert process.returncode in (130, -number)


def test_what_is_replaced_is_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "old").touch()
    found = {name: Output("text", tmp_path / name).is_replaced for name in ("pipe", "old", "new")}
    assert found == {"pipe": False, "old": True, "new": True}
    assert not Output("text", Path(os.devnull)).is_replaced
    assert not Output("text").is_replaced


@pytest.mark.parametrize("block", [1, 10_000])
def test_whatever_is_written_is_counted(
    block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end is asked for at each instruction in turn, from the first sheet to the last."""
    monkeypatch.setattr("backprop_cli.cli.output._BLOCK", block)
    out = Output("text", tmp_path / "out")
    ends: list[tuple[int, int]] = []
    for at in range(2_000):
        graded = _Graded(iter([Parts(of=[("a\n",), ("a\n",)]), Parts(of=[("a\n",)])]))
        if not _interrupted(at, partial(_write, out, graded)):
            break
        found = list(tmp_path.iterdir())
        ends.append((graded.done, sum(len(path.read_text().split()) for path in found)))
        for path in found:
            path.unlink()
    assert set(ends) == {(0, 0), (2, 2), (3, 3)}  # what comes together is written together


def _write(out: Output, graded: _Graded) -> None:
    with signals_held():
        out.write_pieces(graded.parts())


def _interrupted(at: int, work: Callable[[], None]) -> bool:
    """Whether SIGINT, sent at an instruction of what passes sheets on, ended the work."""
    left = iter(range(at))
    traced = {_Graded.parts.__code__, _blocks.__code__}

    def trace(frame: FrameType, event: str, _: object) -> Any:
        frame.f_trace_opcodes = frame.f_code in traced
        if event == "opcode" and next(left, None) is None:
            sys.settrace(None)
            frame.f_trace = None
            signal.raise_signal(signal.SIGINT)
        return trace

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # it may be ignored here
    try:
        sys.settrace(trace)
        work()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(None)
        signal.signal(signal.SIGINT, before)
    return False


@pytest.mark.parametrize("number", SIGNALS)
def test_signals_that_follow_one_another_change_nothing(
    number: signal.Signals, folder: Path
) -> None:
    process = started(folder, "--workers", 2, "--format", "csv", "-o", "out.csv")
    for each in (number, *SIGNALS):
        process.send_signal(each)
    process.communicate(timeout=GUARD)
    assert process.returncode == 130
    names = {path.name for path in folder.iterdir()}
    assert names == {"p.yaml", "sheets", "mark", "out.csv.partial"}


def test_what_is_ignored_stays_ignored(folder: Path) -> None:
    """As behind nohup."""
    command = words(folder, "nothing", "--workers", 2, "--format", "csv")
    ignoring = "signal.signal(signal.SIGHUP, signal.SIG_IGN)\nrun()"
    hanging_up = "    os.kill(os.getppid(), signal.SIGHUP)\n    return real"
    command[2] = PROGRAM.replace("run()", ignoring).replace("    return real", hanging_up)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, check=False, timeout=GUARD
    )
    assert done.returncode == 1


# No room ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("format_", ["json", "csv", "junit", "github", "text", "markdown"])
def test_a_full_disk_keeps_the_old_file(format_: str, workers: int, folder: Path) -> None:
    (folder / "out").write_text("of last week")

    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    done = subprocess.run(
        words(folder, "nothing", "--format", format_, "-o", "out", "--workers", workers),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=GUARD,
        preexec_fn=little_room,  # these tests have no threads
    )
    assert done.returncode == 2
    assert done.stderr.startswith("out: cannot be written: ")
    assert (folder / "out").read_text() == "of last week"
    assert {path.name for path in folder.iterdir()} == {"p.yaml", "sheets", "out"}


@pytest.mark.parametrize("format_", ["junit", "github"])
def test_a_full_folder_for_temporary_files_is_told(format_: str, folder: Path) -> None:
    program = PROGRAM.replace(
        "grading_pool.LEAST = grading_pool.MOST = 1",
        "import backprop_cli.report.stream as stream, resource\n"
        "stream._IN_MEMORY = 100\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))\n",
    )
    command = words(folder, "nothing", "--format", format_)
    command[2] = program
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=GUARD,
    )
    assert done.returncode == 2, done.stderr
    assert "temporary" in done.stderr
    assert "Traceback" not in done.stderr
