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


@pytest.mark.parametrize(
    ("values", "formula", "instead"),
    [
        ("x: [1, 2], W: [[1, 2], [3, 4]]", "W * x", "W @ x or W * column(x) or W * row(x)"),
        ("x: [1, 2, 3], W: [[1, 2, 3], [3, 4, 5]]", "W * x", "W @ x or W * row(x)"),
        ("x: [[1, 2], [3, 4], [5, 6]], W: [[1, 2, 3], [3, 4, 5]]", "W * x", "W @ x"),
        ("x: [1, 2], W: [[1, 2], [3, 4], [5, 6]]", "W + x", "W + row(x)"),
    ],
)
def test_a_star_where_a_matrix_product_fits(values: str, formula: str, instead: str) -> None:
    text = f"values: {{{values}}}\nequations: ['L = sum({formula})']\n"
    with pytest.raises(UserError) as error:
        loaded(Source("problem.yaml", text.encode()))
    (complaint,) = error.value.complaints
    assert complaint.instead == instead
