"""What a few updates make of a few numbers is a table, as exercises keep it by hand."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from click.testing import CliRunner

from backprop_cli.cli import main
from backprop_cli.solving.training import FEW_UPDATES

OR = """
convention: {affine: x W}
x: [[0, 0, -1], [0, 1, -1], [1, 0, -1], [1, 1, -1]]
y: [0, 1, 1, 1]
layers:
  - {weights: [[0], [0], [0]], activation: step}
update: {rule: perceptron, learning_rate: 0.5, batches: 1, steps: 6}
"""


def rows(text: str) -> list[list[float]]:
    """The lines of the table, of a page in the terminal's form."""
    lines = text.partition("After every update")[2].splitlines()[4:]
    return [list(map(float, line.replace("−", "-").split())) for line in lines[: lines.index("")]]


def page(problem: str, *more: str, command: str = "solve") -> str:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "p.yaml"
        path.write_text(problem, encoding="utf-8")
        result = CliRunner().invoke(main, [command, str(path), *more], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_the_perceptron_for_or_over_an_epoch_and_a_half() -> None:
    """A lecture's table: threshold as third weight, each sample in turn, η = ½."""
    wanted = [[0, 0, 0], [0, 0, 0.5], [0, 0.5, 0], [0, 0.5, 0], [0, 0.5, 0], [0, 0.5, 0.5]]
    found = rows(page(OR))
    assert [row[0] for row in found] == list(range(7))
    assert [row[1:] for row in found[:6]] == wanted


def test_the_table_is_that_of_descent_whichever_step_is_shown() -> None:
    problem = """
values: {x: [1, -2], y: 1, w: [0.5, 0.25], b: 0.1}
equations: [z = w @ x + b, L = (z - y)^2]
train: [w, b]
update: {rule: sgd, learning_rate: 0.05, steps: 3}
"""
    x, w, b = np.array([1.0, -2]), np.array([0.5, 0.25]), 0.1
    wanted = [[*w, b]]
    for _ in range(3):
        slope = 2 * (w @ x + b - 1)
        w, b = w - 0.05 * slope * x, b - 0.05 * slope
        wanted.append([*w, b])
    for at in ("1", "3"):
        found = np.array(rows(page(problem, "--at", at, "--precision", "8")))[:, 1:]
        np.testing.assert_allclose(found, wanted, atol=1e-8)


def test_no_table_of_one_update_of_many_updates_or_of_many_numbers() -> None:
    assert "After every" not in page(OR.replace("steps: 6", "steps: 1"))
    assert "After every" not in page(OR.replace("steps: 6", f"steps: {FEW_UPDATES + 1}"))
    assert "After every" not in page(OR, "--only", "W1_new")
    wide = OR.replace("[[0], [0], [0]]", "[[0, 0, 0], [0, 0, 0], [0, 0, 0]]")
    wide = wide.replace("y: [0, 1, 1, 1]", "y: [[0, 1, 1], [1, 0, 1], [1, 1, 0], [1, 1, 1]]")
    assert "After every" not in page(wide)


def test_the_handout_does_not_show_it() -> None:
    assert "After every" not in page(OR, command="handout")
