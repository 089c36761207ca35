"""`derive --function … --taylor 2`: each line equal to the next, the polynomial near its point."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from click.testing import CliRunner

from backprop_cli.algebra.expr import Expr, symbols
from backprop_cli.cli import main
from backprop_cli.derive.steps.taylor import of_taylor
from backprop_cli.problem.text.parser import parse
from backprop_cli.readings.values import evaluate

FORMULAS = {
    "exp(x)*sin(y)": "x=0.3, y=-0.5",
    "x^2*y + 3*x*y^2 - y": "x=1, y=2",
    "ln(1 + x)": "x=0",
    "sigmoid(z)": "z=0",
    "1/(1 + x^2 + y^2)": "x=1/2, y=1",
    "tanh(x)*z + z^3": "x=0, z=-1",
}


def number(expr: Expr, env: dict[str, float]) -> float:
    return float(evaluate(expr, {name: np.asarray(value) for name, value in env.items()}))


def point(at: str) -> dict[str, float]:
    pairs = (part.split("=") for part in at.split(","))
    return {name.strip(): number(parse(value), {}) for name, value in pairs}


@pytest.mark.parametrize("text", FORMULAS)
def test_the_polynomial_is_that_of_differences(text: str) -> None:
    at = FORMULAS[text]
    found, f, a = of_taylor(text, 2, at), parse(text), point(at)
    polynomial = found.chains[-1].result
    names = list(a)

    def moved(**by: float) -> dict[str, float]:
        return {name: a[name] + by.get(name, 0.0) for name in names}

    h = 1e-3
    assert number(polynomial, a) == pytest.approx(number(f, a), abs=1e-12)
    for x in names:
        for y in names:
            second = [
                sum(
                    s * t * number(g, moved(**{x: s * h}) if x != y else moved(**{x: (s + t) * h}))
                    if x == y
                    else s * t * number(g, moved(**{x: s * h, y: t * h}))
                    for s in (1, -1)
                    for t in (1, -1)
                )
                / (4 * h * h)
                for g in (f, polynomial)
            ]
            assert second[1] == pytest.approx(second[0], abs=2e-5), (x, y)
        first = [
            (number(g, moved(**{x: h})) - number(g, moved(**{x: -h}))) / (2 * h)
            for g in (f, polynomial)
        ]
        assert first[1] == pytest.approx(first[0], abs=1e-5)


@pytest.mark.parametrize("text", FORMULAS)
def test_the_lines_of_the_polynomial_are_equal(text: str) -> None:
    for at in (FORMULAS[text], None):
        lines = of_taylor(text, 2, at).chains[-1].lines
        names = sorted({name for each in lines for name in symbols(each.expr)})
        env = {name: 0.37 + 0.11 * place for place, name in enumerate(names)}
        for one, other in pairwise(lines):
            assert number(one.expr, env) == pytest.approx(number(other.expr, env), rel=1e-12)


def run(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(main, ["derive", *arguments])
    assert done.exit_code == code, done.output
    return str(done.output)


def test_what_is_printed() -> None:
    text = run("--function", "exp(x)*sin(y)", "--taylor", "2", "--at", "x=0, y=0")
    assert "∂²f/∂x ∂y" in text
    assert "y · (1 + x)" in text
    assert "Hessian" in text
    text = run("--function", "sigmoid", "--taylor", "1", "--at", "z=0")
    assert "½ + 0.25 · z" in text
    assert "d²" not in text
    data = json.loads(
        run("--function", "ln(1+x)", "--taylor", "2", "--at", "x=0", "--format", "json")
    )
    assert data["schema"].startswith("backprop-derivation/")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--function", "ln(x)", "--taylor", "2", "--at", "x=0"], "has no value there"),
        (["--function", "x*y", "--taylor", "2", "--at", "x=0"], "where y is stays open"),
        (["--function", "x*y", "--taylor", "2", "--at", "x=0, y=1, q=2"], "is no point"),
        (["--function", "x", "--taylor", "2", "--at", "x=("], "is no point"),
        (["--function", "x, y", "--taylor", "2"], ""),
        (["--expression", "x, y", "--taylor", "2"], "a Taylor polynomial is of a formula"),
        (["--function", "x", "--at", "x=0"], "a point belongs to a Taylor polynomial"),
        (["--function", "x * x0", "--taylor", "2", "--wrt", "x"], "x0 is a letter of the formula"),
    ],
)
def test_what_is_refused(arguments: list[str], said: str) -> None:
    output = run(*arguments, code=2)
    assert said in output
    assert "Traceback" not in output
