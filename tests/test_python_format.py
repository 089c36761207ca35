"""`solve --format python`: the program runs, and gives the numbers that `--format json` gives."""

from __future__ import annotations

import contextlib
import io
import json
import re
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from oracles import networks

from backprop_cli.cli import main
from backprop_cli.formats.program_text import identifiers

PROBLEMS = sorted((Path(__file__).parent.parent / "problems").glob("*.yaml"))
SEEDS = range(40)
BATCHES = """
x: [[1, 0], [0, 1], [1, 1], [2, -1], [0.5, 0.25]]
y: [[1, 0], [0, 1], [0, 1], [1, 0], [1, 0]]
convention: {affine: AFFINE}
layers:
  - {weights: [[0.5, -1], [1, 0.25]], bias: [0.1, -0.1], activation: tanh}
  - {weights: [[1, 0.5], [-0.5, 1]], bias: [0, 0.2], activation: softmax}
loss: cross-entropy
update: {rule: adam, learning_rate: 0.1, steps: 7, batches: 2}
"""


@dataclass
class Run:
    """What a program leaves behind."""

    results: dict[str, Any]
    variables: dict[str, Any]
    printed: str
    code: str = field(repr=False)


def cli(*arguments: str) -> str:
    result = CliRunner().invoke(main, ["solve", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def run(*arguments: str) -> Run:
    code = cli(*arguments, "--format", "python")
    variables: dict[str, Any] = {}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        exec(compile(code, "program", "exec"), variables)  # noqa: S102  # this is the test
    return Run(variables["results"], variables, printed.getvalue(), code)


def solved(*arguments: str) -> dict[str, Any]:
    trace: dict[str, Any] = json.loads(cli(*arguments, "--format", "json"))
    return trace


def compare(found: Run, trace: dict[str, Any]) -> None:
    """Every quantity the program has is that of the trace, and it has all that is not optional."""
    values = {step["id"]: step["value"] for step in trace["steps"]}
    wanted = {step["id"] for step in trace["steps"] if step["phase"] != "jacobian"}
    missing = {id for id in wanted - found.results.keys() if not id.endswith("_change")}
    assert missing <= {"dL/dX"}
    for id, value in found.results.items():
        assert np.shape(value) == np.shape(values[id]), id
        np.testing.assert_allclose(
            np.asarray(value, dtype=float),
            np.array(values[id], dtype=float),
            1e-9,
            1e-12,
            err_msg=id,
        )
        assert re.search(rf"^{re.escape(id)} = ", found.printed, re.MULTILINE)


def compare_end(found: Run, trace: dict[str, Any]) -> None:
    """Parameters and losses after all updates."""
    names = identifiers([*trace["given"], *(step["id"] for step in trace["steps"])])
    for name, value in trace["parameters"].items():
        np.testing.assert_allclose(found.variables[names[name]], value, 1e-8, 1e-11, err_msg=name)
    if trace["loss"]:
        np.testing.assert_allclose(found.variables["history"], trace["loss"]["history"], 1e-8)


@pytest.mark.parametrize("path", PROBLEMS, ids=lambda path: path.stem)
def test_problems(path: Path) -> None:
    trace = solved(str(path))
    found = run(str(path))
    compare(found, trace)
    if "history" in found.variables:
        compare_end(found, trace)


@pytest.mark.parametrize("seed", SEEDS)
def test_drawn_networks(seed: int, tmp_path: Path) -> None:
    path = tmp_path / "problem.yaml"
    path.write_text(networks.draw(seed).text, encoding="utf-8")
    trace = solved(str(path))
    found = run(str(path))
    compare(found, trace)
    if "history" in found.variables:
        compare_end(found, trace)


@pytest.mark.parametrize("affine", ["W x + b", "x W + b"])
@pytest.mark.parametrize("at", ["1", "3", "7"])
def test_batches_of_two_sizes(affine: str, at: str, tmp_path: Path) -> None:
    path = tmp_path / "problem.yaml"
    path.write_text(BATCHES.replace("AFFINE", affine), encoding="utf-8")
    trace = solved(str(path), "--at", at)
    found = run(str(path), "--at", at)
    compare(found, trace)
    if at == "1":
        compare_end(found, trace)


def test_there_are_no_loops_over_samples(tmp_path: Path) -> None:
    path = tmp_path / "problem.yaml"
    path.write_text(BATCHES.replace("AFFINE", "x W + b"), encoding="utf-8")
    code = cli(str(path), "--format", "python", "--steps", "1")
    assert code.count("for ") == 1  # the one that prints
    assert "np.sum(dL_dZ1, axis=0)" in code


def test_only_what_is_used_is_defined() -> None:
    code = cli(str(PROBLEMS[0].parent / "sigmoid-softmax.yaml"), "--format", "python")
    assert re.findall(r"^def (\w+)", code, re.MULTILINE) == ["sigmoid", "softmax"]


def test_only_a_quantity_brings_what_it_needs() -> None:
    found = run(str(PROBLEMS[0].parent / "sigmoid-softmax.yaml"), "--only", "dL/dZ2")
    assert list(found.results) == ["dL/dZ2"]
    assert "W1_new" not in found.variables


def test_ascii_is_ascii() -> None:
    assert cli(str(PROBLEMS[0]), "--format", "python", "--ascii").isascii()


def test_a_title_cannot_end_its_string(tmp_path: Path) -> None:
    path = tmp_path / "problem.yaml"
    text = 'title: \'a """ b \\ c"\'\nvalues: {x: [1, 2]}\nequations:\n  - f = sum(x^2)\n'
    path.write_text(text, encoding="utf-8")
    assert run(str(path)).results["f"] == 5


def test_names_that_python_keeps_for_itself(tmp_path: Path) -> None:
    path = tmp_path / "problem.yaml"
    text = "values: {lambda: [1, 2], np: 3, dL_dnp: 1}\nequations:\n"
    text += "  - L = sum(lambda^2) * np * dL_dnp\n"
    path.write_text(text, encoding="utf-8")
    assert run(str(path)).results["L"] == 15


def test_identifiers_are_told_apart() -> None:
    names = identifiers(["dL/dW1", "dL_dW1", "class", "W1"])
    assert len(set(names.values())) == 4
    assert all(name.isidentifier() for name in names.values())
    assert names["W1"] == "W1"
    assert names["dL_dW1"] == "dL_dW1"


SATURATED = (
    """
values: {z: [800, -800, 0], y: [1, 0, 0], w: 2}
equations: ["p = softmax(w * z)", "L = -sum(y * log(p))"]
""",
    """
values: {z: [-900, 900], y: [0, 1]}
equations: ["p = sigmoid(z)", "L = -sum(y * log(p) + (1 - y) * log(1 - p))"]
""",
    """
values: {z: [[800, 0], [-3, 800]], y: [[0, 1], [1, 0]]}
equations: ["p = softmax(z, axis=1)", "L = mean(-log(p) * y)"]
""",
)
LOSSES = (0.0, 0.0, (800 + 803) / 4)


@pytest.mark.parametrize(("text", "loss"), [*zip(SATURATED, LOSSES, strict=True)])
def test_a_logarithm_of_what_has_become_0_is_taken_from_what_is_behind_it(
    text: str, loss: float, tmp_path: Path
) -> None:
    path = tmp_path / "saturated.yaml"
    path.write_text(text)
    results, trace = run(str(path)).results, solved(str(path))
    assert results["L"] == pytest.approx(loss)
    for step in trace["steps"]:
        value = np.asarray(step["value"])
        if step["id"] in results and value.dtype.kind == "f":
            np.testing.assert_allclose(results[step["id"]], value, rtol=1e-12, err_msg=step["id"])


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("x * 10^400 / 10^400", np.nan),  # 1 · ∞ / ∞
        ("x * 9^9^9", np.inf),
        ("x / 3^1000", 0.0),
        ("x * 2^(-2000)", 0.0),
        ("x * (-8)^(1/3)", np.nan),
        ("x + 1/0", np.inf),
        ("x * (2 - 1/0)", -np.inf),
        ("x / (1 - 1) / (2 - 2)", np.inf),
        ("x * (0/0)", np.nan),
    ],
)
def test_a_power_that_no_float_holds_is_none_in_the_program(formula: str, expected: float) -> None:
    """Python's own numbers have no end, and roots that are complex."""
    text = f"values: {{x: [1, 2]}}\nequations: ['L = {formula}']\n"
    done = CliRunner().invoke(main, ["solve", "-", "--format", "python"], input=text)
    names: dict[str, Any] = {}
    with np.errstate(all="ignore"):
        exec(done.stdout, names)  # noqa: S102  # a program of our own
    np.testing.assert_array_equal(names["L"], [expected, expected])
