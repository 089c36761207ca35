"""Formulas in place of numbers: every function with every kind of argument ends in a number or a
complaint, on a sheet as in a problem file."""

from __future__ import annotations

import math
import warnings
from itertools import product
from pathlib import Path

import pytest
from click.testing import CliRunner

from backprop_cli.cli import main
from backprop_cli.problem.text.calls import FUNCTIONS
from backprop_cli.problem.typed_numbers import NumberError, read_number

ARGUMENTS = [
    "", "1", "-1", "0", "pi", "1e308", "1e-320", "1/0", "0/0", "1, 2", "1, 2, 3", "a", "1, a",
    "[1]", "[1, 2]", "[[1]]", "[[1, 2], [3, 4]]", "[1, 2], [3, 4]", "[[1, 2], [3, 4]], [1, 2]",
    "[[1, 2], [3, 4]], [[1, 2], [3, 4]]", "1, [1, 2]", "[1, 2], 1",
    "1, axis=0", "1, axis=-1", "1, axis=0.5", "1, axis=x", "1, axis=[0]", "1, 2, axis=0",
    "[1, 2], axis=0", "[1, 2], axis=5", "[[1, 2], [3, 4]], axis=1", "[1, 2], [3, 4], axis=0",
    "1, offset=1", "1, delta=1", "1, delta=-1", "1, slope=2", "1, slope=[1, 2]", "1, at_zero=0",
    "1, index=[1]", "[1, 2], index=[1]", "1, shape=[2]",
]  # fmt: skip
WRAPPERS = [
    "{}", "-{}", "{}.T", "{}[1]", "{}[1, 1]", "2*{}", "1 - {}", "{}^2", "{} @ {}", "sqrt({})",
    "sum({})", "[{}, 1]", "max({}, 1)", "concat({}, [1])",
]  # fmt: skip


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_every_call_is_a_number_or_is_refused(wrapper: str) -> None:
    numbers = 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name, arguments in product(sorted(FUNCTIONS), ARGUMENTS):
            call = f"{name}({arguments})"
            try:
                value = read_number(wrapper.format(call, call))
            except NumberError:
                continue
            numbers += 1
            assert math.isfinite(value), call
    assert numbers or "[" in wrapper or "@" in wrapper or "concat" in wrapper


@pytest.mark.parametrize(
    ("text", "value"),
    [("sum([1, 2])", 3.0), ("[1, 2] @ [3, 4]", 11.0), ("max(1, 2)", 2.0), ("[5, 6][2]", 6.0)],
)
def test_what_is_one_number_stays_one(text: str, value: float) -> None:
    from backprop_cli.problem.text.parser import parse_constant

    assert parse_constant(text) == value


@pytest.mark.parametrize("text", ["1e300/1e-300", "-1e308/0.1", "1e308*10", "2/(1e-308*0.1)"])
def test_quotients_that_overflow_are_refused(text: str) -> None:
    with pytest.raises(NumberError, match="finite"):
        read_number(text)
    assert read_number("1e300/1e-7") == pytest.approx(1e307)


SHAPELESS = ["concat(1)", "column(1)", "row(2)", "diag(3)", "diagonal(4)", "dot(1, 2)"]


@pytest.mark.parametrize("text", SHAPELESS)
def test_one_on_a_sheet_spoils_that_answer_alone(text: str, tmp_path: Path) -> None:
    problem = tmp_path / "p.yaml"
    problem.write_text("values: {x: 2}\nequations: [y = x^2, L = 3*y]\n")
    sheet = tmp_path / "s.yaml"
    sheet.write_text(f"answers:\n  y: {text}\n  L: 12\n")
    done = CliRunner().invoke(main, ["check", str(problem), str(sheet), "--format", "csv"])
    assert done.exit_code in (0, 1), done.output
    verdicts = {row.split(",")[2]: row for row in done.output.splitlines()}
    assert "invalid" in verdicts["y"]
    assert "correct" in verdicts["L"]


@pytest.mark.parametrize("command", ["solve", "derive", "blank", "lint", "draw"])
@pytest.mark.parametrize("text", SHAPELESS)
def test_one_in_a_problem_is_told_with_its_place(command: str, text: str, tmp_path: Path) -> None:
    problem = tmp_path / "p.yaml"
    problem.write_text(f'x: ["{text}"]\nlayers: [{{weights: [[1]]}}]\n')
    done = CliRunner().invoke(main, [command, str(problem)])
    assert done.exit_code == 2
    assert "p.yaml:1:" in done.stderr
