"""What `lint` says of any numbers holds for numbers that it has not drawn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from numpy.typing import NDArray

from backprop_cli.errors import UserError
from backprop_cli.grading.grader import Grader
from backprop_cli.grading.lint.findings import lint
from backprop_cli.problem.problem_file import read_source
from backprop_cli.readings.values import evaluate
from backprop_cli.solving.loading import loaded
from backprop_cli.solving.solution import Request, solve

Array = NDArray[np.float64]

ROOT = Path(__file__).resolve().parent.parent
SETS = 40  # of numbers


def is_solved(path: Path) -> bool:
    try:
        loaded(read_source(path))
    except UserError:  # its inputs are letters
        return False
    return True


def drawn(value: Array, rng: np.random.Generator) -> Array:
    """Numbers of either sign, of which those of one array lean to the same."""
    lean = rng.choice((-1.0, 0.0, 1.0))
    return np.asarray(rng.standard_normal(value.shape) + lean)


def other_values(grader: Grader) -> Iterator[dict[str, Array]]:
    rng = np.random.default_rng(2026)
    model = grader.model
    kept = {target for step in grader.steps.values() for _, target in grader.case(step).compared}
    for _ in range(SETS):
        given = {
            name: replace(one, value=drawn(one.value, rng))
            if one.role in ("data", "parameter") and name not in kept
            else one
            for name, one in model.given.items()
        }
        try:
            yield dict(solve(replace(model, given=given), Request()).values)
        except UserError:  # no logarithm of what is negative
            continue


def equivalent(grader: Grader) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What is said to be so with any numbers: of which quantity, and of which mistakes."""
    for each in lint(grader):
        if each.kind == "equivalent":
            yield each.id, each.slips


PROBLEMS = [
    path
    for path in sorted((ROOT / "problems").rglob("*.yaml"))
    if path.parent.name != "sheets" and is_solved(path)
]


@pytest.mark.parametrize("path", PROBLEMS, ids=lambda path: path.stem)
def test_what_changes_nothing_with_any_numbers_changes_nothing(path: Path) -> None:
    grader = Grader(loaded(read_source(path)).model)
    found = [(name, slips) for name, slips in equivalent(grader) if len(slips) == 1]
    for values in other_values(grader) if found else ():
        for name, slips in found:
            right = evaluate(grader.steps[name].expr, values)
            wrong = [expr for id, expr in grader.candidates(name) if id in slips]
            for expr in wrong:
                value = evaluate(expr, values)
                assert value.shape != right.shape or np.allclose(value, right), (name, slips)


@pytest.mark.parametrize("path", PROBLEMS, ids=lambda path: path.stem)
def test_what_has_the_same_values_with_any_numbers_has_them(path: Path) -> None:
    """Each of the mistakes has a formula that gives what some formula of the first gives."""
    grader = Grader(loaded(read_source(path)).model)
    found = [(name, slips) for name, slips in equivalent(grader) if len(slips) > 1]
    drawn = list(other_values(grader)) if found else []
    for name, slips in found:
        formulas = [[e for id, e in grader.candidates(name) if id == slip] for slip in slips]
        values = [[[evaluate(e, v) for v in drawn] for e in some] for some in formulas]
        assert any(
            all(any(_agree(one, other) for other in others) for others in values[1:])
            for one in values[0]
        ), (name, slips)


def _agree(some: list[Array], others: list[Array]) -> bool:
    return all(
        one.shape == other.shape and np.allclose(one, other)
        for one, other in zip(some, others, strict=True)
    )
