"""The program as a shell sees it: options, exit codes, files, pipes, colours, help, completion."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import signal
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from documents import folder

from backprop_cli.cli import main
from backprop_cli.cli import run as console_script

ROOT = Path(__file__).resolve().parent.parent
PROBLEM = "problems/sigmoid-softmax.yaml"
PROGRAM = (sys.executable, "-m", "backprop_cli")
GROUP = click.Context(main, info_name="backprop")
COMMANDS = main.list_commands(GROUP)


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


def invoke(*arguments: str, stdin: str | None = None, **environment: str | None) -> Result:
    runner = CliRunner(env=environment)
    done = runner.invoke(main, arguments, input=stdin, prog_name="backprop")
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done


def solve(*arguments: str, **environment: str | None) -> str:
    done = invoke("solve", PROBLEM, *arguments, **environment)
    assert done.exit_code == 0, done.output
    assert not done.stderr
    return done.stdout


def process(
    *arguments: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *arguments],
        env={**os.environ, **(environment or {})},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


# Help ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [None, *COMMANDS])
def test_every_help_ends_in_an_example_that_works(name: str | None) -> None:
    text = invoke(*([name] if name else []), "--help", COLUMNS="80").stdout
    title, example = text.rstrip().splitlines()[-2:]
    assert title.strip() == "Example:"
    program, *arguments = shlex.split(example)
    assert program == "backprop"
    assert name in (None, arguments[0])
    with folder(""):
        done = invoke(*arguments)
    told = (0, 1) if name in ("check", "lint") else (0,)  # 1: a sheet fails, something is found
    assert done.exit_code in told, done.output


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_explained(name: str) -> None:
    command = main.get_command(GROUP, name)
    assert command is not None
    for option in command.params:
        assert not isinstance(option, click.Option) or option.help, option.name


@pytest.mark.parametrize("columns", ["60", "80"])
def test_help_fits_the_terminal(columns: str) -> None:
    text = process("solve", "--help", environment={"COLUMNS": columns}).stdout
    prose = [line for line in text.splitlines() if " backprop solve problems" not in line]
    assert max(map(len, prose)) <= int(columns)


def test_short_help_and_version() -> None:
    assert invoke("-h").stdout == invoke("--help").stdout
    assert re.fullmatch(r"backprop, version \d+\.\d+\.\d+\n", invoke("--version").stdout)


# Exit codes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "Usage:"),
        (["solv"], "Did you mean 'solve'?"),
        (["grade", PROBLEM], "Did you mean 'check'?"),
        (["plot", PROBLEM], "Did you mean 'draw'?"),
        (["derive", "sigmoid"], "--function sigmoid"),
        (["derive", "cross-entropy"], "--function cross-entropy"),
        (["derive", "z * sigmoid(z)"], "--function 'z * sigmoid(z)'"),
        (["solve"], "Missing argument 'PROBLEM'"),
        (["solve", "nothing.yaml"], "there is no such file"),
        (["solve", "problems"], "problem files are in this folder"),
        (["derive", "problems"], "it is a folder"),
        (["solve", "problems/sigmoid-sofmax.yaml"], PROBLEM),
        (["solve", PROBLEM, "--only", "W9"], "there is no quantity `W9`"),
        (["solve", PROBLEM, "--until", "W9"], "there is no quantity `W9`"),
        (["solve", PROBLEM, "--only", "d2L/dW9"], "there is no quantity `d2L/dW9`"),
        (["solve", PROBLEM, "--at", "2"], "step 1 is the last, and there is no step 2"),
        (["solve", PROBLEM, "--entry", "W1[3,1]"], "W1[1,1] to W1[2,2]"),
        (["solve", PROBLEM, "--entry", "W9[3,1]"], "--entry"),
        (["solve", PROBLEM, "--at", "2"], "--steps 2"),
        (["solve", PROBLEM, "--at", "0"], "--at"),
        (["solve", PROBLEM, "--width", "10"], "40<=x<=1000"),
        (["solve", PROBLEM, "--width", "9999"], "40<=x<=1000"),
        (["solve", PROBLEM, "--precision", "99"], "--precision"),
        (["solve", PROBLEM, "--format", "yaml"], "--format"),
        (["solve", PROBLEM, "--steps", "1000000000"], "--max-work"),
        (["solve", "problems/threshold-points.yaml", "--steps", "2"], "no update"),
    ],
)
def test_what_cannot_be_done_is_exit_code_2(arguments: list[str], says: str) -> None:
    done = invoke(*arguments)
    assert done.exit_code == 2
    assert says in done.stderr
    assert "Traceback" not in done.output


def test_a_file_that_ends_alike_is_not_taken_for_the_one_meant(tmp_path: Path) -> None:
    (tmp_path / "me.yaml").write_text("x: 1\n", encoding="utf-8")
    done = invoke("solve", str(tmp_path / "nofile.yaml"))
    assert done.exit_code == 2
    assert "me.yaml" not in done.stderr


def test_a_bug_is_a_traceback_and_70(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(**_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("backprop_cli.cli.main", broken)
    with pytest.raises(SystemExit) as end:
        console_script()
    assert end.value.code == 70
    told = capsys.readouterr().err
    assert "ZeroDivisionError" in told
    assert "bug in backprop" in told


@pytest.mark.parametrize("stop", [KeyboardInterrupt, click.Abort])
def test_ctrl_c_is_quiet(
    stop: type[BaseException], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(**_: object) -> None:
        raise stop

    monkeypatch.setattr("backprop_cli.cli.main", interrupted)
    with pytest.raises(SystemExit) as end:
        console_script()
    assert end.value.code == 130
    assert "Traceback" not in capsys.readouterr().err


def test_the_program_itself_gives_the_codes() -> None:
    assert process("solve", PROBLEM).returncode == 0
    wrong = process("solve", PROBLEM, "--nothing")
    assert wrong.returncode == 2
    assert "No such option" in wrong.stderr


@pytest.mark.parametrize(
    ("first", "arguments", "ended"),
    [
        ("", "--version", ["last"]),
        ("sys.setprofile(lambda *_: None)", "--version", ["usual", "last"]),
        ("threading.Thread(target=time.sleep, args=(1,)).start()", "-h", ["usual", "last"]),
        ("", "solve nothing.yaml", ["usual", "last"]),
    ],
)
def test_a_run_that_went_well_leaves_what_it_made_to_the_system(
    first: str, arguments: str, ended: list[str]
) -> None:
    """What others do at the end is done, and all is written; anyone else ends as usual."""
    program = (
        "import atexit, sys, threading, time\n"
        "threading._register_atexit(print, 'usual')\n"  # as Python waits for threads
        "atexit.register(print, 'last')\n"
        "from backprop_cli.cli import run\n"
        f"sys.argv = ['backprop', *{arguments!r}.split()]\n"
        f"{first}\n"
        "run()\n"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == (2 if "nothing" in arguments else 0)
    assert done.stdout.splitlines()[-len(ended) :] == ended
    assert ("backprop" in done.stdout) == (done.returncode == 0)
    assert ("usual" in done.stdout) == ("usual" in ended)


# Input and output ---------------------------------------------------------------------------------


def test_a_dash_is_standard_input() -> None:
    text = (ROOT / PROBLEM).read_text(encoding="utf-8")
    assert invoke("solve", "-", stdin=text).stdout == solve()
    wrong = invoke("solve", "-", stdin="lairs: []")
    assert wrong.exit_code == 2
    assert wrong.stderr.startswith("<stdin>:1:1: ")


@pytest.mark.parametrize("kind", ["text", "json", "markdown"])
def test_output_goes_into_a_file(kind: str, tmp_path: Path) -> None:
    target = tmp_path / "out.md"
    assert solve("--format", kind, "-o", str(target)) == ""
    assert target.read_text(encoding="utf-8") == solve("--format", kind)
    assert [path.name for path in tmp_path.iterdir()] == ["out.md"]


@pytest.mark.parametrize(
    ("ending", "format_"),
    [("HTML", "html"), ("tex", "latex"), ("md", "markdown"), ("py", "python"), ("txt", "text")],
)
def test_the_ending_of_a_file_says_its_format(ending: str, format_: str, tmp_path: Path) -> None:
    file = tmp_path / f"out.{ending}"
    assert not solve("-o", str(file))
    assert file.read_text(encoding="utf-8") == solve("--format", format_)
    assert not solve("--format", "text", "-o", str(file))  # unless another one is said
    assert file.read_text(encoding="utf-8") == solve()
    refused = invoke("lint", PROBLEM, "-o", str(file))  # nor where a command has no such format
    assert (refused.exit_code == 2) is (ending != "txt")
    assert (file.read_text(encoding="utf-8") == solve()) is (ending != "txt")


def test_a_dash_is_standard_output() -> None:
    assert solve("-o", "-") == solve()


def test_a_file_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out.txt"
    target.write_text("as it was")

    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fails)
    done = invoke("solve", PROBLEM, "-o", str(target))
    assert done.exit_code == 2
    assert "No space left on device" in done.stderr
    assert target.read_text() == "as it was"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_wrong_problem_leaves_the_file_alone(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    target.write_text("as it was")
    assert invoke("solve", "nothing.yaml", "-o", str(target)).exit_code == 2
    assert target.read_text() == "as it was"


def test_a_link_stays_one_and_the_mode_stays(tmp_path: Path) -> None:
    target, link = tmp_path / "out.txt", tmp_path / "link.txt"
    target.write_text("")
    target.chmod(0o640)
    link.symlink_to(target)
    solve("-o", str(link))
    assert link.is_symlink()
    assert target.read_text(encoding="utf-8") == solve()
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_a_new_file_has_the_usual_mode(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    solve("-o", str(tmp_path / "new"))
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_device_is_written_to_and_stays_one(tmp_path: Path) -> None:
    solve("-o", os.devnull)
    assert not Path(os.devnull).is_file()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = subprocess.Popen(["/bin/cat", str(pipe)], stdout=subprocess.PIPE, encoding="utf-8")
    solve("-o", str(pipe))
    assert reader.communicate(timeout=10)[0] == solve()


@pytest.mark.parametrize("place", ["", "missing/out.txt", "file/out.txt", "circle", "protected"])
def test_what_cannot_be_written_is_told(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    (tmp_path / "protected").touch(0o444)
    if place == "protected" and os.access(tmp_path / "protected", os.W_OK):
        pytest.skip("root may write everywhere")
    done = invoke("solve", PROBLEM, "-o", str(tmp_path / place))
    assert done.exit_code == 2
    assert "cannot be written" in done.stderr


def test_a_reader_that_leaves_is_no_error() -> None:
    program = shlex.join([*PROGRAM, "solve", "problems/xor-training.yaml", "--detail", "long"])
    script = f"{program} | head -n 1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["/bin/bash", "-c", script],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode in (0, 141)
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_told() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*PROGRAM, "solve", PROBLEM], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 2
    assert b"standard output: cannot be written" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("closed", [False, True])
def test_practice_ends_where_nothing_can_be_said(tmp_path: Path, closed: bool) -> None:
    script = '"$@" >&-' if closed else '"$@" >/dev/full'
    sheet = str(tmp_path / "mine.yaml")
    done = subprocess.run(
        ["/bin/sh", "-c", script, "sh", *PROGRAM, "practice", PROBLEM, "--resume", sheet],
        input=b"hint\n",
        stderr=subprocess.PIPE,
        check=False,
    )
    assert done.returncode == 2
    assert b"standard output: " + (b"it is closed" if closed else b"cannot be") in done.stderr
    assert b"Traceback" not in done.stderr


# Looks --------------------------------------------------------------------------------------------

ESCAPE = "\x1b["


def test_colour_is_for_terminals_unless_asked_for(tmp_path: Path) -> None:
    assert ESCAPE not in solve()
    assert ESCAPE in solve(FORCE_COLOR="1")
    assert ESCAPE not in solve(FORCE_COLOR="1", NO_COLOR="1")
    assert ESCAPE not in solve("--format", "json", FORCE_COLOR="1")
    assert ESCAPE not in solve("--format", "markdown", FORCE_COLOR="1")
    solve("-o", str(tmp_path / "out"), FORCE_COLOR="1")
    assert ESCAPE not in (tmp_path / "out").read_text(encoding="utf-8")


def test_colour_changes_nothing_else() -> None:
    assert re.sub(r"\x1b\[\d+m", "", solve(FORCE_COLOR="1")) == solve()


def test_width_is_that_of_the_option_or_the_terminal() -> None:
    assert solve(COLUMNS="60") == solve("--width", "60")
    assert solve("--width", "60", COLUMNS="120") == solve("--width", "60")
    assert solve(COLUMNS="3") == solve("--width", "40")
    assert solve(COLUMNS="99999") == solve("--width", "1000")
    assert max(map(len, solve("--width", "60").splitlines())) <= 60


@pytest.mark.parametrize("kind", ["text", "json", "markdown"])
@pytest.mark.parametrize("problem", ["lstm-cell", "xor-training", "skip-connection"])
def test_ascii_is_ascii(kind: str, problem: str) -> None:
    done = invoke("solve", f"problems/{problem}.yaml", "--ascii", "--format", kind)
    assert done.stdout.isascii()


@pytest.mark.parametrize("steps", ["1", "4", "40"])
@pytest.mark.parametrize("start", ["10", "1.7e308"])
def test_losses_below_zero_are_ascii(steps: str, start: str, tmp_path: Path) -> None:
    file = tmp_path / "below.yaml"
    file.write_text(f"""\
values: {{w: [-1, 2], x: [3, 1], c: {start}}}
equations:
  - L = dot(w, x) - c
train: [w]
update: {{rule: sgd, learning_rate: 0.1}}
""")
    done = invoke("solve", str(file), "--ascii", "--steps", steps)
    assert done.exit_code == 0
    assert " -> -" in done.stdout
    assert done.stdout.isascii()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_what_the_terminal_cannot_show_is_ascii(encoding: str) -> None:
    done = process("solve", PROBLEM, environment={"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"})
    assert done.returncode == 0, done.stderr
    assert done.stdout == solve("--ascii")


def test_precision_is_decimals() -> None:
    assert "0.98201379" in solve("--precision", "8", "--only", "H1")
    assert "0.98 " in solve("--precision", "2", "--only", "H1") + " "


@pytest.mark.parametrize(
    ("grading", "options", "shown"),
    [
        ("", (), "0.6667"),
        ("grading: {precision: {decimals: 2}}", (), "0.6667"),
        ("grading: {precision: {decimals: 6}}", (), "0.666667"),
        ("grading: {precision: {significant: 5}}", (), "0.66667"),
        ("grading: {precision: {decimals: 6}}", ("--precision", "3"), "0.667"),
    ],
)
def test_no_fewer_decimals_are_shown_than_are_asked(
    tmp_path: Path, grading: str, options: tuple[str, ...], shown: str
) -> None:
    (tmp_path / "p.yaml").write_text(f"values: {{x: 2}}\nequations: [L = x / 3]\n{grading}\n")
    found = invoke("solve", str(tmp_path / "p.yaml"), *options).output
    assert f" {shown}\n" in found


def test_details_get_longer() -> None:
    lengths = [len(solve("--detail", how)) for how in ("short", "normal", "long")]
    assert lengths == sorted(lengths)
    assert len(set(lengths)) == 3


# What is shown ------------------------------------------------------------------------------------


def ids(*options: str, problem: str = PROBLEM) -> list[str]:
    done = invoke("solve", problem, "--format", "json", *options)
    assert done.exit_code == 0, done.output
    return [step["id"] for step in json.loads(done.stdout)["steps"]]


def test_only_and_until() -> None:
    assert ids("--only", "∂L/∂W1", "--only", "h1") == ["H1", "dL/dW1"]
    assert ids("--until", "Z2") == ["Z1", "H1", "Z2"]
    assert ids("--only", "forward", "--until", "H1") == ["Z1", "H1"]
    assert ids("--only", "dYhat/dW1") == ["dYhat/dW1"]
    given = solve("--only", "W1")
    assert "weights of layer 1" in given
    assert "Forward" not in given
    assert "Results" not in given


def test_steps_and_at() -> None:
    def data(*options: str) -> dict[str, object]:
        found = invoke("solve", "problems/momentum.yaml", "--format", "json", *options)
        whole: dict[str, object] = json.loads(found.stdout)
        return whole

    ten = data("--steps", "10", "--at", "7")
    loss, steps = ten["loss"], ten["steps"]
    assert isinstance(loss, dict)
    assert isinstance(steps, list)
    assert len(loss["history"]) == 11
    assert {step["iteration"] for step in steps} == {7}
    (shown,) = (step["value"] for step in steps if step["id"] == "L")
    assert shown == loss["history"][6]


def test_more_work_can_be_allowed() -> None:
    refused = invoke("solve", "problems/momentum.yaml", "--steps", "9", "--max-work", "10")
    assert refused.exit_code == 2
    (needed,) = re.findall(r"--max-work (\d+)", refused.stderr)
    done = invoke("solve", "problems/momentum.yaml", "--steps", "9", "--max-work", needed)
    assert done.exit_code == 0


def test_verify_says_how_far_off() -> None:
    text = solve("--verify")
    said = " ".join(text.split())
    assert float(re.findall(r"largest of all is ([\d.e-]+)", said)[0]) < 1e-6
    forward_only = invoke("solve", "problems/weights-table.yaml", "--verify")
    assert "There is no gradient to check" in forward_only.stdout


# Terminals and shells -----------------------------------------------------------------------------


def on_a_terminal(*arguments: str) -> tuple[str, str]:
    """What a run prints on standard output (a file) and standard error (a terminal)."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    with subprocess.Popen(
        [*PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=theirs, env=environment
    ) as running:
        os.close(theirs)
        assert running.stdout is not None
        output = running.stdout.read()
    told = b""
    try:
        while piece := os.read(ours, 65536):
            told += piece
    except OSError:  # Linux says so that the other end is closed
        pass
    os.close(ours)
    assert running.returncode == 0
    return output.decode(), told.decode(errors="replace")


def test_a_long_run_shows_a_bar_on_a_terminal_and_nothing_in_the_output() -> None:
    long = ("solve", "problems/xor-training.yaml", "--steps", "100000")
    output, told = on_a_terminal(*long)
    assert output == invoke(*long).stdout
    assert "loss" in told
    _, told = on_a_terminal("solve", PROBLEM)
    assert told == ""


def listening() -> None:
    """Lets Ctrl-C reach the program where what started the tests ignores it (a job behind `&`)."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.skipif(os.name == "nt", reason="there are no such signals")
def test_ctrl_c_ends_a_long_run() -> None:
    long = ("solve", "problems/xor-training.yaml", "--steps", "9000000", "--max-work", "999999999")
    with subprocess.Popen(
        [*PROGRAM, *long],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=listening,  # noqa: PLW1509  # these tests have no threads
    ) as running:
        with pytest.raises(subprocess.TimeoutExpired):
            running.wait(1.5)
        running.send_signal(signal.SIGINT)
        output, told = running.communicate(timeout=10)
    assert (running.returncode, output, told.strip()) == (130, b"", b"interrupted")


def completed(*words: str) -> list[str]:
    """What a shell is offered for the last word."""
    line = shlex.join(["backprop", *words[:-1]]) + f" {words[-1]}"
    environment = {
        "_BACKPROP_COMPLETE": "bash_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words)),
    }
    program = "import sys; sys.argv[0] = 'backprop'; from backprop_cli.cli import run; run()"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **environment},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


def test_shells_are_offered_what_fits() -> None:
    assert "solve" in completed("s")
    assert "--until" in completed("solve", "--un")
    assert completed("solve", "--detail", "l") == ["long"]
    assert completed("solve", "problems/mom") == ["problems/momentum.yaml"]
    assert "problems/" in completed("solve", "")
    assert completed("solve", PROBLEM, "--only", "dL/dW") == ["dL/dW2", "dL/dW1"]
    assert completed("solve", PROBLEM, "--only", "for") == ["forward"]
    assert completed("solve", PROBLEM, "--entry", "W") == ["W1", "W2"]
    assert completed("solve", "nothing.yaml", "--until", "") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_there_is_completion_for_each_shell(shell: str) -> None:
    script = invoke(_BACKPROP_COMPLETE=f"{shell}_source").stdout
    assert "_BACKPROP_COMPLETE" in script
    assert (
        f"_BACKPROP_COMPLETE={shell}_source backprop" in (ROOT / "docs" / "commands.md").read_text()
    )


@pytest.mark.parametrize(
    ("command", "name", "instead"),
    [
        ("solve", "x.svg", "x.html, or --format text"),
        ("solve", "x.PDF", "x.html, or --format text"),
        ("draw", "x.png", "x.svg, or --format text"),
        ("lint", "x.docx", "x.txt, or --format text"),
        ("draw", "x.html", "x.svg, or --format text"),
        ("handout", "x.json", "x.html, or --format text"),
        ("derive", "x.py", "x.html, or --format text"),
    ],
)
def test_a_text_is_not_written_into_a_file_of_another_kind(
    command: str, name: str, instead: str, tmp_path: Path
) -> None:
    problem = str(ROOT / "problems" / "sigmoid-softmax.yaml")
    done = CliRunner().invoke(main, [command, problem, "-o", str(tmp_path / name)])
    assert done.exit_code == 2
    assert instead in done.stderr
    assert not list(tmp_path.iterdir())
    said = [command, problem, "-o", str(tmp_path / name), "--format", "text"]
    assert CliRunner().invoke(main, said).exit_code in (0, 1)
    assert (tmp_path / name).read_text("utf-8").strip()
