"""Problem files whose parts do not fit: everything wrong is told at once, in words that help."""

from __future__ import annotations

from pathlib import Path

import pytest

from backprop_cli.errors import UserError
from backprop_cli.problem.problem_file import Source
from backprop_cli.solving.loading import loaded
from backprop_cli.terminal.console import complaints_text

BAD = sorted((Path(__file__).parent / "bad-models").glob("*.yaml"))


def told(path: Path) -> str:
    """What is said about a file, the path left out."""
    with pytest.raises(UserError) as caught:
        loaded(Source(path.name, path.read_bytes()))
    return complaints_text(caught.value) + "\n"


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_what_is_said_about_a_bad_model(path: Path) -> None:
    assert told(path) == path.with_suffix(".txt").read_text(encoding="utf-8")
