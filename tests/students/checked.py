"""Turns problems and sheets into what the program makes of them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from backprop_cli.cli import main

Submission = dict[str, Any]


class CrashError(Exception):
    """The program has ended in a traceback."""


def submissions(problem: str, sheets: Sequence[str]) -> list[Submission]:
    """What becomes of each sheet; each by itself where one of them crashes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file, answers = folder / "problem.yaml", folder / "answers"
        file.write_text(problem, encoding="utf-8")
        answers.mkdir()
        for number, text in enumerate(sheets):
            (answers / f"{number:04}.yaml").write_text(text, encoding="utf-8")
        try:
            return _check(file, answers)
        except CrashError:
            return [_by_itself(file, sheet) for sheet in sorted(answers.iterdir())]


def _by_itself(problem: Path, sheet: Path) -> Submission:
    try:
        return _check(problem, sheet)[0]
    except CrashError as crash:
        return {"results": [], "error": f"crashed: {crash}", "passed": False, "first_wrong": None}


def _check(problem: Path, answers: Path) -> list[Submission]:
    """Run `backprop check`."""
    arguments = ["check", str(problem), "--answers", str(answers), "--format", "json"]
    result = CliRunner().invoke(main, [*arguments, "--exit-zero", "--workers", "1"])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise CrashError(repr(result.exception))
    assert result.exit_code == 0, result.output
    found: list[Submission] = json.loads(result.stdout)["submissions"]
    return found


def verdict(result: dict[str, Any]) -> str:
    """A result in a few words."""
    entries = "".join(f" {entry['index']}" for entry in result["entries"] if _bad(entry))
    return f"{result['id']} {result['verdict']}{entries} {'/'.join(result['slips'])}".strip()


def _bad(entry: dict[str, Any]) -> bool:
    return str(entry["verdict"]) in ("wrong", "invalid", "not-judged", "imprecise")
