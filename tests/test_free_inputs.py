"""What `solve` says of letters against `solve` with numbers in their place, at exact points."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise, product
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from counting import counted
from jsonschema import Draft202012Validator
from test_schema import closed, schema

from backprop_cli.cli import main
from backprop_cli.problem.problem_file import Source
from backprop_cli.problem.text.parser import Dialect, parse
from backprop_cli.readings.values import evaluate
from backprop_cli.solving.loading import loaded
from backprop_cli.solving.solution import solve

FUNCTIONS = Path(__file__).resolve().parent.parent / "problems" / "functions"
TRACE = Draft202012Validator(closed(schema("trace")))
DIALECT = Dialect(1, all_operations=True)
Point = dict[str, Fraction]


def run(text: str, *options: str, command: str = "solve") -> Result:
    return CliRunner().invoke(main, [command, "-", *options], input=text)


def functions(text: str, *options: str) -> dict[str, Any]:
    done = run(text, "--format", "json", *options)
    assert done.exit_code == 0, done.output
    data: dict[str, Any] = json.loads(done.stdout)
    TRACE.validate(data)
    return data


def file(name: str) -> str:
    return (FUNCTIONS / f"{name}.yaml").read_text(encoding="utf-8")


# With numbers in place of the letters -------------------------------------------------------------


def with_numbers(text: str, point: Point) -> str:
    """The file with each letter of x (or of `values`) replaced by its number."""
    lines = []
    letter = re.compile(rf"(?<=[\[ ])({'|'.join(point)})(?=[\],}}]|$)")
    for line in text.splitlines():
        given = re.match(r"(x|values):", line)
        lines.append(letter.sub(lambda at: str(point[at[1]]), line) if given else line)
    return "\n".join(lines)


def numbers(text: str, point: Point) -> dict[str, Any]:
    """Every value at a point, by the numeric solution."""
    found = solve(loaded(Source("test", with_numbers(text, point).encode())).model)
    return {step.id: step.value for step in found.trace.steps}


def holds(condition: str, point: Point) -> bool:
    """One of the inequalities, as Python reads it, in fractions."""
    exact = re.sub(r"(?<![\w.])(\d+(?:\.\d+)?)", r"Fraction('\1')", condition)
    names = {"Fraction": Fraction, **point}
    return bool(eval(exact, names))  # noqa: S307  # our own output


def value(piece: dict[str, Any], point: Point) -> float:
    env = {name: np.asarray(float(number)) for name, number in point.items()}
    return float(evaluate(parse(piece["value"], DIALECT), env))


def agrees(data: dict[str, Any], text: str, point: Point) -> int:
    """Compares every function that is written out at one point; how many there were."""
    expected, compared = numbers(text, point), 0
    for step in data["steps"]:
        for entry in step["functions"]:
            if entry["pieces"] is None:
                continue
            inside = [p for p in entry["pieces"] if all(holds(c, point) for c in p["where"])]
            assert len(inside) == 1, (step["id"], entry["index"], point)
            right = np.asarray(expected[step["id"]])[tuple(i - 1 for i in entry["index"])]
            np.testing.assert_allclose(
                value(inside[0], point),
                right,
                rtol=1e-9,
                atol=1e-9,
                err_msg=f"{step['id']}{entry['index']} at {point}",
            )
            compared += 1
    return compared


def points(names: Sequence[str], random: Random, most: int = 40) -> Iterator[Point]:
    """A grid whose steps meet the kinks of the networks below, and points beside it."""
    side = [Fraction(i, 4) for i in range(-10, 11)]
    grid = list(product(side, repeat=len(names)))
    for at in random.sample(grid, min(most, len(grid))):
        yield dict(zip(names, at, strict=True))
    for _ in range(6):
        yield {name: Fraction(random.randint(-4096, 4096), 1024) for name in names}


def compare(text: str, seed: int = 0) -> int:
    data = functions(text)
    random = Random(seed)
    return sum(agrees(data, text, point) for point in points(data["free"], random))


# Layers -------------------------------------------------------------------------------------------

ACTIVATIONS = (
    "step",
    "sign",
    "relu",
    "{name: leaky-relu, slope: 0.25}",
    "elu",
    "linear",
    "sigmoid",
    "{formula: 'abs(z)'}",
    "{formula: 'min(z, 1)'}",
    "{formula: 'max(z, 1 - z)'}",
)
LOSSES = (
    "squared-error",
    "half-squared-error",
    "mean-squared-error",
    "absolute-error",
    "{name: huber, delta: 0.5}",
    "hinge",
    "{formula: 'sum(abs(y - yhat) + relu(yhat))'}",
)
SIZES = (-1.5, -1, -0.5, 0.5, 1, 2)


def matrix(random: Random, rows: int, columns: int) -> list[list[float]]:
    return [[random.choice(SIZES) for _ in range(columns)] for _ in range(rows)]


def layer(random: Random, weights: list[list[float]], units: int) -> str:
    bias, activation = matrix(random, 1, units)[0], random.choice(ACTIVATIONS)
    return f"  - {{weights: {weights}, bias: {bias}, activation: {activation}}}"


def network(seed: int) -> str:
    """A random network with one to three free inputs, with a loss or without."""
    random = Random(seed)
    letters = ["x", "x1, x2", "x1, x2, 1.5", "x1, x2, x3"][seed % 4]
    inputs, hidden, last = letters.count(",") + 1, random.randint(1, 3), random.randint(1, 2)
    affine = random.choice(["W x + b", "W^T x + b", "x W + b", "x W^T + b"])
    first, second = matrix(random, hidden, inputs), matrix(random, last, hidden)
    if affine in ("W^T x + b", "x W + b"):
        first, second = (list(map(list, zip(*m, strict=True))) for m in (first, second))
    kinks = {
        name: random.choice([0, 0.5, 1]) for name in ("step_at_zero", "relu", "abs", "max", "hinge")
    }
    lines = [
        f"convention: {{affine: {affine}, kinks: {json.dumps(kinks)}}}",
        f"x: [{letters}]",
        "layers:",
        layer(random, first, hidden),
        layer(random, second, last),
    ]
    if seed % 3:
        lines.insert(2, f"y: {random.choices([-1, 1], k=last)}")
        lines.append(f"loss: {random.choice(LOSSES)}")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("seed", range(16))
def test_functions_of_networks_are_what_solve_gives(seed: int) -> None:
    assert compare(network(seed), seed) >= 40


@pytest.mark.parametrize("name", ["threshold-interval", "threshold-points", "threshold-triangle"])
def test_functions_of_the_problems_are_what_solve_gives(name: str) -> None:
    assert compare(file(name)) >= 100


def test_gradients_at_kinks_take_the_declared_value() -> None:
    text = file("relu-pieces")
    ends = [Fraction(1, 2), Fraction(1)]  # where the units are 0
    for kink in (0, 1, 0.5):
        declared = f"convention: {{kinks: {{relu: {kink}}}}}\n{text}"
        data = functions(declared)
        assert {step["id"] for step in data["steps"]} >= {"L", "dL/dW1", "dL/db2"}
        assert all(agrees(data, declared, {"x": x}) >= 14 for x in ends)


def test_a_batch_with_one_letter() -> None:
    text = """
x: [[x1, 1], [0, 0.5], [-1, x1]]
y: [1, 0, 1]
layers:
  - {weights: [[1, -1], [0.5, 1]], bias: [0, -0.5], activation: relu}
  - {weights: [[1, 2]], activation: step}
loss: squared-error
"""
    assert compare(text) > 500
    assert compare("convention: {affine: x W^T + b}" + text) > 500


def test_a_skip_and_the_bias_inside_the_weights() -> None:
    text = """
convention: {bias: first}
x: [x1, x2]
layers:
  - {weights: [[1, 1, -1], [-0.5, 0.5, 1]], activation: relu}
  - {weights: [[0.5, 1, -1]], skip: [{from: 0, weights: [[1, 1]]}], activation: step}
"""
    assert compare(text) > 200


def test_classes_by_the_largest_logit() -> None:
    text = """
x: [x1, x2]
y: [1, 0, 0]
layers:
  - {weights: [[1, 0], [0, 1], [-1, -1]], bias: [0, 0, 0.5], activation: softmax}
loss: cross-entropy
"""
    data = functions(text)
    (chosen,) = next(step["functions"] for step in data["steps"] if step["id"] == "class")
    assert sorted(piece["value"] for piece in chosen["pieces"]) == ["1", "2", "3"]
    assert compare(text) > 200


def test_formulas_too_long_to_read_stay_in_earlier_quantities() -> None:
    text = """
x: [x]
y: [1]
layers:
  - {weights: [[1], [2]], bias: [0, 1], activation: sigmoid}
  - {weights: [[1, -1]], activation: sigmoid}
loss: half-squared-error
"""
    steps = {step["id"]: step["functions"] for step in functions(text)["steps"]}
    assert steps["H1"][1]["pieces"] == [{"value": "sigmoid(2 * x + 1)", "where": []}]
    assert steps["dL/dW1"][0]["pieces"] is None
    assert steps["dL/dW1"][0]["formula"] == "dL/dZ1[1] * x"


# Equations ----------------------------------------------------------------------------------------

EQUATIONS = (
    """
values: {x: [x1, x2], W: [[1, 0], [0, 1], [1, 1]], b: [0, 0, -1], v: [1, 1, -1]}
equations:
  - u = step(W @ x + b)
  - y = step(v @ u - 1.5)
""",
    """
values: {x: [x1, x2], y: 1}
equations:
  - m = max(x)
  - a = abs(x[1] - 2*x[2]) + min(x[1], 1)
  - h = relu(a - m) + sign(x[2])
  - e = hinge(h, y) + max(0, 1 - y * h)
  - L = (h - y)^2 + e / 2
""",
    """
values: {x: x, w: 2, y: 1}
equations:
  - p = sigmoid(w * x - 1)
  - r = max(0, 1 - y * x)
  - L = (p - y)^2 + r
train: [w]
""",
    """
values: {x: [x1, 0.5, x1], c: x2}
equations:
  - s = sum(x) - c
  - t = norm(x) + exp(-c)
  - k = dot(x, x)
  - f = step(s) * relu(c) - clip(s, limit=0.5)
""",
    """
values: {A: [[a, b], [1, a]], x: [1, -1]}
equations:
  - z = A @ x
  - f = sum(abs(z))
""",
)


@pytest.mark.parametrize("text", EQUATIONS)
def test_functions_of_equations_are_what_solve_gives(text: str) -> None:
    assert compare(text.replace("\n", "", 1)) > 100


def test_every_problem_with_letters_is_listed() -> None:
    index = (FUNCTIONS.parent / "README.md").read_text(encoding="utf-8")
    files = [path.name for path in FUNCTIONS.glob("*.yaml")]
    assert len(files) == 4
    assert [name for name in files if f"](functions/{name})" not in index] == []


# What is said -------------------------------------------------------------------------------------


def test_published_functions_of_one_input() -> None:
    """University notes: z below 1, from 1 to below 3, from 3 on; the output 0 in the middle."""
    said = run(file("threshold-interval"), "--width", "90").stdout
    for line in ("z¹₁ = x − 1", "z¹₂ = x − 3", "½     where x < 1", "−½    where 1 ≤ x < 3"):
        assert line in said
    assert "1.5   where x ≥ 3" in said
    assert "ŷ₁ = 1 exactly where x < 1 or x ≥ 3" in said


def test_published_functions_of_the_classifier_of_points() -> None:
    """Right in the text of the notes: 0.5 from 2 to below 4; in their table 3.5 − 4 is 0.5."""
    said = run(file("threshold-points"), "--width", "90").stdout
    for line in ("z¹₂ = x − 4", "−½     where x < 2", "½      where 2 ≤ x < 4"):
        assert line in said
    assert "ŷ₁ = 1 exactly where 2 ≤ x < 4" in said
    at = numbers(file("threshold-points"), {"x": Fraction(7, 2)})
    assert [at["Z1"].tolist(), at["H1"].tolist(), at.get("class", 1)] == [
        [1.5, -0.5],
        [1, 0],
        1,
    ]


def test_published_region_of_two_inputs() -> None:
    said = run(file("threshold-triangle"), "--width", "100").stdout
    for line in ("z¹₃ = x₁ + x₂ − 1", "½      where x₁ ≥ 0, x₂ ≥ 0, x₁ + x₂ < 1"):
        assert line in said
    assert "ŷ₁ = 1 exactly where x₁ ≥ 0, x₂ ≥ 0, x₁ + x₂ < 1" in said
    data = functions(file("threshold-triangle"))
    z = next(step["functions"][0] for step in data["steps"] if step["id"] == "Z2")
    random = Random(1)
    for point in points(["x1", "x2"], random, 200):
        x1, x2 = point.values()
        held = (x1 >= 0) + (x2 >= 0) + (x1 + x2 < 1)
        (inside,) = (p for p in z["pieces"] if all(holds(c, point) for c in p["where"]))
        assert value(inside, point) == held - 2.5  # as the notes in the file say


@pytest.mark.parametrize("format_", ["text", "markdown", "latex", "html"])
def test_solve_and_derive_say_the_same(format_: str) -> None:
    for path in sorted(FUNCTIONS.glob("threshold-*.yaml")):
        text = path.read_text(encoding="utf-8")
        for options in ([], ["--ascii"], ["--width", "50"], ["--precision", "2"]):
            done = run(text, "--format", format_, *options, command="derive")
            assert done.exit_code == 0, done.output
            assert done.stdout == run(text, "--format", format_, *options).stdout
            assert "--ascii" not in options or format_ == "html" or done.stdout.isascii()


@pytest.mark.parametrize("width", [60, 80, 120])
def test_lines_keep_to_the_width(width: int) -> None:
    texts = [path.read_text(encoding="utf-8") for path in sorted(FUNCTIONS.glob("*.yaml"))]
    for text in (*texts, *map(network, range(0, 48, 12))):
        said = run(text, "--width", str(width)).stdout.splitlines()
        assert [line for line in said if len(line) > width] == []


def test_only_and_until_choose_quantities() -> None:
    text = file("relu-pieces")
    assert [step["id"] for step in functions(text, "--only", "dL/dW1")["steps"]] == ["dL/dW1"]
    forward = [step["id"] for step in functions(text, "--only", "forward")["steps"]]
    assert forward == ["Z1", "H1", "Z2", "Yhat", "L"]
    assert [s["id"] for s in functions(text, "--until", "H1")["steps"]] == ["Z1", "H1"]
    assert [s["id"] for s in functions(text, "--only", "dYhat/dZ2")["steps"]] == ["dYhat/dZ2"]
    assert "dYhat/dX goes through other quantities" in run(text, "--only", "dYhat/dX").stderr


@pytest.mark.parametrize(
    "options", [("--of", "Yhat", "--wrt", "W1"), ("--index",), ("--of", "L", "--wrt", "W1[1,1]")]
)
def test_derivations_in_symbols_do_not_mind_letters(options: tuple[str, ...]) -> None:
    text = file("relu-pieces")
    with_letters = run(text, *options, command="derive")
    assert with_letters.exit_code == 0, with_letters.output
    numeric = run(text.replace("x: [x]", "x: [2]"), *options, command="derive")
    assert with_letters.stdout == numeric.stdout


def test_letters_stand_in_what_is_given() -> None:
    data = functions("x: [a, 2]\nlayers:\n  - {weights: [[1, 1]], activation: step}\n")
    assert data["given"]["X"] == ["a", 2.0]
    assert data["free"] == ["a"]
    assert [step["value"] for step in data["steps"]] == [None] * len(data["steps"])
    assert data["steps"][1]["functions"] == [
        {
            "index": [1],
            "formula": "step(Z1[1])",
            "pieces": [{"value": "1", "where": ["a >= -2"]}, {"value": "0", "where": ["a < -2"]}],
            "note": None,
        }
    ]


@pytest.mark.parametrize("letter", ["T", "alpha", "x_1", "N", "e1", "Ω"])
def test_any_name_is_a_letter(letter: str) -> None:
    data = functions(f"x: [{letter}]\nlayers:\n  - {{weights: [[2]]}}\n")
    assert data["free"] == [letter]
    assert data["steps"][0]["functions"][0]["pieces"][0]["value"] == f"2 * {letter}"


def test_the_number_e_is_no_letter() -> None:
    """Whoever writes it means exp(1)."""
    with pytest.raises(AssertionError, match="exp\\(1\\)"):
        functions("x: [e]\nlayers:\n  - {weights: [[2]]}\n")


def test_the_update_is_said_to_be_missing() -> None:
    text = file("relu-pieces") + "update: {rule: sgd, learning_rate: 0.1}\n"
    assert "The update is not given" in run(text).stdout
    refused = run(text, "--only", "W1_new")
    assert refused.exit_code == 2
    assert "letters have no update" in refused.stderr


REFUSED: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("x: [x]", ("--entry", "W1[1,1]"), "--entry needs numbers"),
    ("x: [x]", ("--verify",), "--verify needs numbers"),
    ("x: [x]", ("--steps", "3"), "--steps needs numbers"),
    ("x: [x]", ("--format", "python"), "a program needs numbers"),
    ("x: [Z1]", (), "`Z1` is the name of a quantity"),
    ("x: [x1, x2, x3]", (), "layer 1"),
    ("x: [x, 1]\nask: [nothing]", (), "nothing"),
)


@pytest.mark.parametrize(("x", "options", "said"), REFUSED)
def test_what_cannot_be_given_is_said(x: str, options: tuple[str, ...], said: str) -> None:
    done = run(f"{x}\nlayers:\n  - {{weights: [[1]], activation: relu}}\n", *options)
    assert done.exit_code == 2
    assert said in done.stderr


@pytest.mark.parametrize("command", ["blank", "lint", "draw"])
def test_other_commands_say_that_they_need_numbers(command: str) -> None:
    done = run("x: [x]\nlayers:\n  - {weights: [[1]]}\n", command=command)
    assert done.exit_code == 2
    assert "`x` in `x` is a letter" in done.stderr
    done = run("values: {v: [a]}\nequations: [f = sum(v)]\n", command=command)
    assert done.exit_code == 2
    assert "`a` in `v` is a letter" in done.stderr


# Limits -------------------------------------------------------------------------------------------


def wide(random: Random, *sizes: int, activation: str = "relu", scale: float = 1) -> str:
    lines = [f"x: [{', '.join(f'x{i}' for i in range(sizes[0]))}]", "layers:"]
    for inputs, units in pairwise(sizes):
        rows = [
            [round(random.uniform(-2, 2), 2) * scale for _ in range(inputs)] for _ in range(units)
        ]
        lines.append(
            f"  - {{weights: {rows}, bias: {rows[0][:1] * units}, activation: {activation}}}"
        )
    return "\n".join(lines) + "\n"


LEAKY = "{name: leaky-relu, slope: 0.5}"
HOSTILE = (
    (wide(Random(1), 1, 300, 1), "more than 60 terms"),
    (wide(Random(2), 2, 30, 1), "falls into more than 120 pieces"),
    (wide(Random(3), 3, 10, 1), "falls into more than 120 pieces"),
    (wide(Random(4), 50, 3, 1), ""),
    (wide(Random(5), 50, 5, 1), "its pieces would fill pages"),
    (wide(Random(5), 100, 3, 1), "more than 60 terms"),
    (wide(Random(6), 100, 100, 10), "fills pages"),
    (wide(Random(7), 2, *[3] * 30, 1, activation=LEAKY), "its pieces would fill pages"),
    (wide(Random(8), 1, *[2] * 60, 1), ""),
    (wide(Random(9), 2, 4, 1, scale=1e300), "numbers are too long"),
    (wide(Random(10), 2, 4, 1, scale=1e-300), ""),
    (wide(Random(11), 2, 40, activation="softmax"), ""),
    (
        f"values: {{v: {[f'a{i}' for i in range(60)]}}}\nequations: [m = max(v)]\n",
        "would take too long",
    ),
)


HOSTILE_AS = [
    (*one, format_)
    for number, one in enumerate(HOSTILE)
    for format_ in ("text", ("json", "html", "latex")[number % 3])
    if format_ == "text" or not one[1]
]
"""Each as text; what is not refused, whatever the format, in another one too."""


@pytest.mark.parametrize(("text", "said", "format_"), HOSTILE_AS)
def test_hostile_problems_end_in_words(text: str, said: str, format_: str) -> None:
    done = counted(lambda: run(text.replace("'", ""), "--format", format_))
    assert done.exit_code in (0, 2), done.output
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert said in " ".join(done.output.split())


def test_a_bound_on_one_input_is_a_bound_on_that_input_alone() -> None:
    layer = "  - {weights: [[2, 0], [3, 2]], bias: [-3, 0], activation: relu}"
    text = f"x: [x1, x2]\nlayers:\n{layer}\n"
    said = str(CliRunner().invoke(main, ["solve", "-"], input=text).output)
    assert "where x₁ ≥ 1.5" in said
    assert "where x₁ < 1.5" in said
    assert "where 3 · x₁ + 2 · x₂ ≥ 0" in said
