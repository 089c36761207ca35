"""Files to problems: what is read, and what is said about what cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from backprop_cli.errors import Complaints, UserError
from backprop_cli.problem.format import read_problem
from backprop_cli.problem.tree import source_lines
from backprop_cli.render.complaints import complaints_text

BAD = sorted((Path(__file__).parent / "bad").glob("*.yaml"))


def told(path: Path) -> str:
    data = path.read_bytes()
    complaints = Complaints()
    read_problem(data, complaints)
    error = UserError(*complaints.found, source=path.name, lines=source_lines(data))
    return complaints_text(error) + "\n"


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_what_is_said_about_a_bad_file(path: Path) -> None:
    assert told(path) == path.with_suffix(".txt").read_text(encoding="utf-8")
