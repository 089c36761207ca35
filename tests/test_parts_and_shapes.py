"""Ranges, other shapes, variances and traces in equations: values, slopes, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import yaml
from click.testing import CliRunner, Result
from numpy.typing import NDArray

from backprop_cli.cli import main

Array = NDArray[np.float64]
X = np.array([1.0, -2.0, 0.5, 3.0])
A = np.array([[1.0, 2.0], [3.0, 5.0], [0.0, 1.0]])

VALUES: dict[str, Callable[[Array, Array], Any]] = {
    "x[2:4]": lambda x, a: x[1:4],
    "x[3:3]": lambda x, a: x[2:3],
    "A[1:2, :]": lambda x, a: a[:2],
    "A[2:3, 1]": lambda x, a: a[1:, 0],
    "A[3, 1:2]": lambda x, a: a[2],
    "reshape(x, [2, 2])": lambda x, a: x.reshape(2, 2),
    "reshape(A, [2, 3])": lambda x, a: a.reshape(2, 3),
    "reshape(A, [6])": lambda x, a: a.ravel(),
    "flatten(A)": lambda x, a: a.ravel(),
    "var(x)": lambda x, a: np.var(x),
    "var(A)": lambda x, a: np.var(a),
    "var(A, axis=0)": lambda x, a: np.var(a, axis=0),
    "var(A, axis=1)": lambda x, a: np.var(a, axis=1),
    "trace(A.T @ A)": lambda x, a: np.trace(a.T @ a),
    "trace(reshape(x, [2, 2]))": lambda x, a: np.trace(x.reshape(2, 2)),
}


def run(command: str, formula: str, *options: str) -> Result:
    inner = "sin(q)" if command == "solve" else "q"
    total = f"L = sum({inner}^2) + 0 * sum(x) + 0 * sum(A)"
    values = {"x": X.tolist(), "A": A.tolist()}
    text = yaml.safe_dump({"values": values, "equations": [f"q = {formula}", total]})
    return CliRunner().invoke(main, [command, "-", *options], input=text)


def solved(formula: str) -> dict[str, Any]:
    done = run("solve", formula, "--format", "json", "--verify")
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def loss(formula: str, x: Array, a: Array) -> float:
    return float(np.sum(np.sin(VALUES[formula](x, a)) ** 2))


def differences(formula: str) -> tuple[Array, Array]:
    """The slopes by x and by A, of plain NumPy."""
    found = np.zeros(X.shape), np.zeros(A.shape)
    for slopes, place in zip(found, (0, 1), strict=True):
        for index in np.ndindex(slopes.shape):
            ends = []
            for step in (1e-6, -1e-6):
                given = [X.copy(), A.copy()]
                given[place][index] += step
                ends.append(loss(formula, *given))
            slopes[index] = (ends[0] - ends[1]) / 2e-6
    return found


@pytest.mark.parametrize("formula", VALUES)
def test_values_and_slopes_are_those_of_numpy(formula: str) -> None:
    steps = {step["id"]: step["value"] for step in solved(formula)["steps"]}
    np.testing.assert_allclose(steps["q"], VALUES[formula](X, A), rtol=1e-12)
    by_x, by_a = differences(formula)
    np.testing.assert_allclose(steps["dL/dx"], by_x, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(steps["dL/dA"], by_a, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("formula", VALUES)
def test_a_program_gives_the_same(formula: str) -> None:
    done = run("solve", formula, "--format", "python")
    assert done.exit_code == 0, done.output
    namespace: dict[str, Any] = {}
    exec(done.stdout.partition("# Results")[0], namespace)  # noqa: S102
    np.testing.assert_allclose(namespace["q"], VALUES[formula](X, A), rtol=1e-12)
    np.testing.assert_allclose(namespace["dL_dx"], differences(formula)[0], rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("formula", VALUES)
@pytest.mark.parametrize("options", [(), ("--index",), ("--of", "L", "--wrt", "A")])
def test_derivations_are_there_or_refused_by_name(formula: str, options: tuple[str, ...]) -> None:
    done = run("derive", formula, *options)
    assert done.exit_code in (0, 2), done.output
    if done.exit_code:
        assert "entry" in done.output


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("x[3:2]", "from its first entry to its last"),
        ("x[2:9]", "no such entries in a vector of 4"),
        ("A[2:4, :]", "no such entries in a 3 × 2 matrix"),
        ("x[0:2]", "indices count from 1"),
        ("reshape(x, [3, 2])", "has 4 entries, and the shape 6"),
        ("reshape(x)", "a shape in whole numbers"),
        ("reshape(x, [y, 2])", "a shape in whole numbers"),
        ("reshape(x, [1, 2, 1, 2, 1])", "at most 4 axes"),
        ("trace(A)", "a square matrix"),
        ("var(x, axis=1)", "no axis 1"),
    ],
)
def test_what_does_not_fit_is_said(formula: str, said: str) -> None:
    done = run("solve", formula)
    assert done.exit_code == 2
    assert said in " ".join(done.output.split())


def test_a_range_in_the_trace_is_read_back_as_it_was_typed() -> None:
    steps = {step["id"]: step["formula"] for step in solved("A[1:2, :]")["steps"]}
    assert steps["q"] == "A[1:2, :]"


NORM = """
values: {{X: [[1.0, 2.0], [3.0, -1.0], [0.0, 0.5]]}}
equations:
  - mu = mean(X, axis=0)
  - {name} = var(X, axis=0)
  - Y = (X - row(mu)) / row(sqrt({name} + 0.001))
  - L = sum(Y^3) + sum({name})
"""


@pytest.mark.parametrize("name", ["var", "det", "trace", "conv", "attention", "sigma2"])
def test_a_quantity_may_be_called_as_a_newer_function(name: str) -> None:
    x = np.array([[1.0, 2.0], [3.0, -1.0], [0.0, 0.5]])

    def total(values: Array) -> float:
        variance = values.var(axis=0)
        y = (values - values.mean(axis=0)) / np.sqrt(variance + 0.001)
        return float(np.sum(y**3) + variance.sum())

    text = NORM.format(name=name)
    done = CliRunner().invoke(main, ["solve", "-", "--format", "json"], input=text)
    assert done.exit_code == 0, done.output
    values = {step["id"]: step["value"] for step in json.loads(done.stdout)["steps"]}
    assert np.allclose(values[name], x.var(axis=0))
    steps = 1e-6 * np.eye(6).reshape(6, 3, 2)
    slopes = [(total(x + step) - total(x - step)) / 2e-6 for step in steps]
    assert np.allclose(values["dL/dX"], np.reshape(slopes, (3, 2)), atol=1e-6)


def test_a_newer_function_without_its_argument_is_told_so() -> None:
    done = run("solve", "sum(x) * det")
    assert done.exit_code == 2
    assert "`det` is a function and needs its argument in parentheses" in done.stderr


@pytest.mark.parametrize("name", ["exp", "sum", "tanh", "mean"])
def test_other_functions_name_no_quantity(name: str) -> None:
    text = f"values: {{x: [1, 2]}}\nequations:\n  - {name} = 2 * x\n  - L = sum({name})\n"
    done = CliRunner().invoke(main, ["solve", "-"], input=text)
    assert done.exit_code == 2
    assert f"`{name}` is the name of a function" in done.stderr
