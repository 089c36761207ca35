"""tests/run.py on a build server: programs are installed where that is allowed, in bounded time."""

from __future__ import annotations

import subprocess
from types import SimpleNamespace

import pytest
import run

APT = ("apt-get", "timeout", "sudo")


class Machine:
    """A machine with some programs and rights, which notes what it is told to do."""

    def __init__(self, programs: set[str], *, root: bool, sudo: bool = False) -> None:
        self.programs, self.root, self.sudo = programs, root, sudo
        self.commands: list[list[str]] = []
        self.failing = ""

    def which(self, name: str) -> str | None:
        return f"/usr/bin/{name}" if name in self.programs else None

    def run(self, command: list[str], **_: object) -> SimpleNamespace:
        if command == ["sudo", "--non-interactive", "true"]:
            return SimpleNamespace(returncode=int(not self.sudo))
        self.commands.append(command)
        return SimpleNamespace(returncode=int(bool(self.failing) and self.failing in command))


def on(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    monkeypatch.setattr("shutil.which", machine.which)
    monkeypatch.setattr("os.geteuid", lambda: 0 if machine.root else 1000, raising=False)
    monkeypatch.setattr(subprocess, "run", machine.run)
    run.add_programs()
    return machine.commands


def test_as_root_what_is_missing_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    commands = on(Machine({*APT, "dot"}, root=True), monkeypatch)
    assert [command[-1] for command in commands] == ["update", "texlive-latex-base", "chromium"]
    for command in commands:
        assert command[command.index("apt-get") - 2] == "timeout"
        assert "sudo" not in command


def test_with_sudo_too(monkeypatch: pytest.MonkeyPatch) -> None:
    commands = on(Machine({*APT}, root=False, sudo=True), monkeypatch)
    assert len(commands) == 4
    assert all(command[:2] == ["sudo", "--non-interactive"] for command in commands)


@pytest.mark.parametrize(
    "machine",
    [
        Machine({*APT}, root=False),
        Machine({"brew"}, root=True),
        Machine({*APT, "lualatex", "dot", "google-chrome"}, root=True),
    ],
    ids=["no-right-to", "no-apt", "all-there"],
)
def test_nothing_is_done_where_it_cannot_or_need_not_be(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert on(machine, monkeypatch) == []


@pytest.mark.parametrize("failing", ["update", "texlive-latex-base"])
def test_what_fails_is_no_harm(
    failing: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = Machine({*APT}, root=True)
    machine.failing = failing
    commands = on(machine, monkeypatch)
    assert len(commands) == (1 if failing == "update" else 4)
    assert (
        "texlive-latex-base: NOT installed, tests that need it are skipped"
        in capsys.readouterr().out
    )
