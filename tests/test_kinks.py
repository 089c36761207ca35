"""What is taken where a derivative does not exist, and that the printed slope says just that."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from numpy.typing import NDArray

import backprop_cli as backprop
from backprop_cli.cli import main

Array = NDArray[np.float64]


def run(problem: dict[str, Any], *options: str, command: str = "solve") -> str:
    text = yaml.safe_dump(problem, allow_unicode=True)
    done = CliRunner().invoke(main, [command, "-", *options], input=text)
    assert done.exit_code == 0, done.output
    return done.stdout


def solved(problem: dict[str, Any]) -> dict[str, Any]:
    trace = json.loads(run(problem, "--format", "json"))
    return {step["id"]: step["value"] for step in trace["steps"]} | dict(trace["given"])


# What is printed, read again ---------------------------------------------------------------------


def cases(*parts: Any) -> Any:
    *pairs, otherwise = parts
    with np.errstate(all="ignore"):
        found = otherwise
        for value, holds in reversed(pairs):
            found = np.where(holds, value, found)
        return found


def the_first(holds: Array) -> Array:
    found = np.zeros(np.shape(holds))
    found.flat[int(np.argmax(holds))] = 1
    return found


def alone(holds: Array) -> Array:
    return np.where(np.sum(holds) == 1, holds, False)


WORDS = {
    "max": lambda *a: np.max(a[0]) if len(a) == 1 else np.maximum.reduce(np.broadcast_arrays(*a)),
    "min": lambda *a: np.minimum.reduce(np.broadcast_arrays(*a)),
    "sum": np.sum,
    "abs": np.abs,
    "sign": np.sign,
    "clip": lambda x: np.clip(x, -1, 1),
    "cases": cases,
    "the_first": the_first,
    "alone": alone,
}


def condition(text: str) -> str:
    text, comma, said = (
        text.partition(", ") if text.endswith(("the first", "alone")) else (text, "", "")
    )
    holds = re.sub(r"(?<![<>=])=(?!=)", "==", text)
    return f"{said.replace(' ', '_')}({holds})" if comma else f"({holds})"


def code(formula: str) -> str:
    """The printed formula as Python, innermost braces first."""
    formula = re.sub(r"dL/d(\w+)", r"dL_d\1", formula).replace("^", "**")
    while match := re.search(r"(1?)\{([^{}]*)\}", formula):
        inner = match[2]
        if match[1]:
            made = f"(1.0 * {condition(inner)})"
        else:
            *pairs, otherwise = re.split(r", (?=[^,]* (?:if|otherwise))", inner)
            made = "cases("
            for pair in pairs:
                value, _, holds = pair.partition(" if ")
                made += f"(({value}), {condition(holds)}), "
            made += f"({otherwise.removesuffix(' otherwise')}))"
        formula = formula[: match.start()] + made + formula[match.end() :]
    return formula


def printed(output: str, id: str) -> str:
    """The formula printed for a quantity: what stands between its name and its value."""
    (line,) = re.findall(rf"^ +{re.escape(id)} = (.*)$", output, re.MULTILINE)
    found: str = line
    depth = 0
    for place, letter in enumerate(found):
        depth += (letter in "{(") - (letter in "})")
        if not depth and found.startswith(" = ", place):
            return found[:place]
    return found


CONVENTIONS: list[dict[str, Any]] = [
    {},
    {"relu": 0.5, "leaky-relu": 0.3, "abs": 0.5, "hinge": 0.25, "step": 2, "max": "shared"},
    {"relu": 1, "leaky-relu": 1, "abs": 1, "hinge": 1, "max": 0.25},
    {"leaky-relu": 0.1, "abs": -1, "max": 0},
    {"max": 1},
]
PIECEWISE = [
    "relu(x)",
    "relu(2 - 2 * x)",
    "leaky_relu(x, slope=0.1)",
    "elu(x)",
    "elu(x, alpha=2)",
    "abs(x)",
    "clip(x)",
    "positive_part(1 - x)",
    "step(x)",
    "sign(x)",
    "huber(x)",
    "max(x, 0)",
    "max(0, x)",
    "min(x, 1)",
    "max(x, y)",
    "min(x, y, 2 * y)",
    "max(x, y, 2 * y)",
    "max(x)",
    "min(x)",
    "norm(x)",
]
VALUES = [[0, 1, -1], [1, 0, 1], [0, 0, 0], [1, 1, 0.5], [0.5, -0.25, 2]]


@pytest.mark.parametrize("kinks", CONVENTIONS, ids=str)
@pytest.mark.parametrize("formula", PIECEWISE)
def test_the_printed_slope_has_the_printed_value(formula: str, kinks: dict[str, Any]) -> None:
    for x in VALUES:
        problem = {
            "convention": {"kinks": kinks},
            "values": {"x": x, "y": [0, 0, 0], "c": 3},
            "equations": [f"u = {formula}", "L = c * sum(u)"],
            "train": ["x"],
        }
        known = solved(problem)
        text = run(problem, "--ascii", "--detail", "short", "--width", "800")
        names = {key.replace("/", "_"): np.asarray(value) for key, value in known.items()}
        with np.errstate(invalid="ignore"):  # what a case leaves out is formed all the same
            found = eval(code(printed(text, "dL/dx")), {**WORDS, **names})  # noqa: S307
        assert np.allclose(np.broadcast_to(found, 3), known["dL/dx"], atol=1e-12), text


def test_a_case_is_left_out_where_no_value_is_at_the_kink() -> None:
    for x, shown in (
        ([2, -1], "{1 if x > 0, 0.1 otherwise}"),
        (
            [2, 0],
            "{1 if x > 0, 0 if x = 0, 0.1 otherwise}",
        ),
    ):
        problem = {"values": {"x": x}, "equations": ["L = sum(leaky_relu(x, slope=0.1))"]}
        assert shown in run(problem, "--ascii", "--width", "120")
    letters = {"shapes": {"x": ["N"]}, "equations": ["L = sum(leaky_relu(x, slope=0.1))"]}
    assert "0 if x = 0" in run(letters, "--ascii", "--width", "120", command="derive")


@pytest.mark.parametrize("form", ["latex", "html", "markdown"])
def test_every_format_shows_the_case_of_the_kink(form: str) -> None:
    problem = {"values": {"x": [0, 1]}, "equations": ["L = sum(leaky_relu(x, slope=0.125))"]}
    texts = [
        run(problem, "--format", form),
        run(problem | {"values": {"x": [3, 1]}}, "--format", form),
    ]
    plain = [re.sub(r"<[^>]+>|[\s&]", "", text) for text in texts]
    assert ["x=0" in text for text in plain] == [True, False]


# Ties of a maximum -------------------------------------------------------------------------------


def shares(problem: dict[str, Any], tie: object) -> Any:
    return solved(problem | {"convention": {"kinks": {"max": tie}}})["dL/dA"]


TIES: list[tuple[object, list[list[float]], list[list[float]], list[list[float]]]] = [
    ("first", [[1, 1], [0, 0], [0, 0]], [[1, 0], [1, 0], [1, 0]], [[1, 0], [0, 0], [0, 0]]),
    (
        "shared",
        [[1, 0.5], [0, 0.5], [0, 0]],
        [[1, 0], [0.5, 0.5], [1, 0]],
        [[1 / 3, 0], [1 / 3, 1 / 3], [0, 0]],
    ),
    (
        0.25,
        [[1, 0.25], [0, 0.25], [0, 0]],
        [[1, 0], [0.25, 0.25], [1, 0]],
        [[0.25, 0], [0.25, 0.25], [0, 0]],
    ),
    (0, [[1, 0], [0, 0], [0, 0]], [[1, 0], [0, 0], [1, 0]], [[0, 0], [0, 0], [0, 0]]),
]  # worked out by hand: along each column of `by_columns`, along each row, over all of `over_all`


@pytest.mark.parametrize(("tie", "by_columns", "by_rows", "over_all"), TIES, ids=str)
def test_ties(tie: object, by_columns: Any, by_rows: Any, over_all: Any) -> None:
    A = [[5, 2], [2, 2], [1, 0]]
    assert np.allclose(
        shares({"values": {"A": A}, "equations": ["L = sum(max(A, axis=0))"]}, tie), by_columns
    )
    assert np.allclose(
        shares({"values": {"A": A}, "equations": ["L = sum(max(A, axis=1))"]}, tie), by_rows
    )
    A = [[2, 1], [2, 2], [1, 0]]
    assert np.allclose(shares({"values": {"A": A}, "equations": ["L = max(A)"]}, tie), over_all)


def test_equal_shares_are_those_of_torch() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    A = torch.tensor([[3.0, 1, 3], [3, 1, 0]], requires_grad=True)
    A.amax(dim=1).sum().backward()
    problem = {"values": {"A": A.tolist()}, "equations": ["L = sum(max(A, axis=1))"]}
    assert np.allclose(shares(problem, "shared"), A.grad)
    x = torch.tensor([1.0, 2, 3], requires_grad=True)
    torch.maximum(x, torch.tensor([1.0, 3, 2])).sum().backward()
    problem = {"values": {"A": [1, 2, 3]}, "equations": ["L = sum(max(A, [1, 3, 2]))"]}
    assert np.allclose(shares(problem, "shared"), x.grad)


@pytest.mark.parametrize(
    ("tie", "each"), [("first", [1, 0, 0]), ("shared", [1 / 3] * 3), (0.25, [0.25] * 3)]
)
def test_a_tie_of_three(tie: object, each: list[float]) -> None:
    """However many are equal, all of them count alike."""
    problem = {"values": {"A": [2, 2, 2]}, "equations": ["L = max(A[1], A[2], A[3])"]}
    assert np.allclose(shares(problem, tie), each)
    assert np.allclose(
        shares(problem | {"equations": ["L = -min(-A[1], -A[2], -A[3])"]}, tie), each
    )


@pytest.mark.parametrize("tie", ["first", "shared", 0.25])
def test_the_program_takes_the_same(tie: object) -> None:
    problem = {
        "convention": {"kinks": {"max": tie}},
        "values": {"A": [[2, 2], [2, 1]], "x": [0, 3, 3]},
        "equations": ["L = max(A) + sum(max(A, axis=0)) + max(x) + max(x[1], x[2], x[3])"],
    }
    namespace: dict[str, Any] = {}
    exec(run(problem, "--format", "python"), namespace)  # noqa: S102
    known = solved(problem)
    for name in ("A", "x"):
        assert np.allclose(namespace[f"dL_d{name}"], known[f"dL/d{name}"])


@pytest.mark.parametrize(
    ("tie", "said"),
    [("first", "the first has"), ("shared", "equal shares"), (0.5, "each gets 0.5")],
)
def test_the_convention_is_stated(tie: object, said: str) -> None:
    problem = {
        "convention": {"kinks": {"max": tie}},
        "values": {"A": [3, 3, 3]},
        "equations": ["L = max(A)"],
    }
    text = " ".join(run(problem).split())
    assert f"of several equal maxima {said}" in text or said in text
    assert "three are equally large" in text


def test_nothing_is_said_of_functions_that_are_not_there() -> None:
    text = run({"values": {"x": [0.5, 2]}, "equations": ["L = sum(clip(x))"]})
    assert "|x|′" not in text


# What is equal by hand, and not to the last bit -------------------------------------------------


AT_A_KINK: list[tuple[list[str], str, Any]] = [
    (["h = relu(a + b - c)", "L = 3 * h"], "dL/da", 0),
    (["h = leaky_relu(dot([a, b, -c], [1, 1, 1]), slope=0.5)", "L = 3 * h"], "dL/dc", 0),
    (["s = a + b", "L = 3 * abs(s - c)"], "dL/ds", 0),
    (["s = a + b", "L = 3 * max(c, s)"], "dL/ds", 0),
    (["s = a + b", "L = 3 * min(c, s)"], "dL/dc", 3),
    (["v = [c, a + b]", "L = 3 * max(v)"], "dL/dv", [3, 0]),
    (["A = [c, a + b, 0 * a, 0 * a]", "L = 3 * sum(max_pool(A, 2))"], "dL/dA", [3, 0, 3, 0]),
    (["s = a + b", "L = 3 * s * (s > c)"], "dL/ds", 0),
]
"""With c = a + b: equal by hand, but 0.1 + 0.2 is not 0.3 in floating point."""


@pytest.mark.parametrize(("equations", "wanted", "value"), AT_A_KINK)
@pytest.mark.parametrize("unit", [1, 0.1])
def test_tenths_are_at_a_kink_where_whole_numbers_are(
    equations: list[str], wanted: str, value: Any, unit: float
) -> None:
    values = {"a": 1 * unit, "b": 2 * unit, "c": 3 if unit == 1 else 0.3}
    problem = backprop.load({"values": values, "equations": equations, "ask": [wanted]})
    assert problem.solve()[wanted].tolist() == value
    other = np.where(np.asarray(value) == 0, 3, 0).tolist()
    assert problem.check({wanted: value})[wanted].verdict == "correct"
    assert problem.check({wanted: other})[wanted].verdict == "wrong"


def test_what_is_hardly_larger_is_larger() -> None:
    problem = backprop.load(
        {"values": {"a": [0.3, 0.3 + 1e-9]}, "equations": ["L = max(a) + relu(a[2] - a[1])"]}
    )
    assert problem.solve()["dL/da"].tolist() == [-1, 2]


def test_the_program_sees_the_same_tie() -> None:
    values = {"a": 0.1, "b": 0.2, "c": 0.3}
    problem = backprop.load({"values": values, "equations": ["v = [c, a + b]", "L = 3 * max(v)"]})
    namespace: dict[str, Any] = {}
    exec(problem.solve().render("python"), namespace)  # noqa: S102
    assert namespace["dL_dv"].tolist() == [3, 0]


def test_what_comes_back_through_a_saturated_softmax_is_no_noise() -> None:
    problem = backprop.load(
        {
            "values": {"z": [0, -40], "c": [1, 0]},
            "equations": ["p = softmax(z)", "L = dot(c, p)"],
            "ask": ["dL/dz"],
        }
    )
    share = np.exp(-40.0)
    assert np.allclose(problem.solve()["dL/dz"], [share, -share], rtol=1e-9, atol=0)
    assert problem.check({"dL/dz": ["4.2e-18", "-4.2e-18"]})["dL/dz"].verdict == "correct"
    assert problem.check({"dL/dz": ["0.1", "0"]})["dL/dz"].verdict == "wrong"


@pytest.mark.parametrize(
    ("formula", "x", "said", "slopes"),
    [
        (
            "relu6(x)",
            [6, 5, 7],
            "x₁ is exactly 6, where the rectified linear unit that ends at 6",
            (0, 1, 0),
        ),
        (
            "clip(x)",
            [2, 1, 0],
            "x₂ is exactly 1, where the clipping on both sides has a corner",
            (0, 1, 1),
        ),
        ("clip(x, limit=3)", [-3, 2, 4], "x₁ is exactly −3, where the clipping", (1, 1, 0)),
        ("elu(x, alpha=2)", [0, 1, 3], "has a corner: the slope 2 is taken", (2, 1, 1)),
    ],
)
def test_a_corner_that_no_convention_names_is_told_of(
    formula: str, x: list[float], said: str, slopes: tuple[float, ...]
) -> None:
    """With the slope taken there, which is one of those on its two sides (relu6: PyTorch's 0)."""
    problem = {"values": {"x": x}, "equations": [f"y = {formula}", "L = sum(y)"]}
    assert said in " ".join(run(problem, "--width", "200").split())
    assert solved(problem)["dL/dx"] == pytest.approx(slopes)
    done = CliRunner().invoke(main, ["lint", "-", "--width", "200"], input=yaml.safe_dump(problem))
    assert "where it has a corner -> other numbers" in done.stdout
    away = {**problem, "values": {"x": [0.25, 0.5, 0.75]}}
    assert "corner" not in run(away)
    done = CliRunner().invoke(main, ["lint", "-"], input=yaml.safe_dump(away))
    assert "corner" not in done.stdout


def test_the_slope_of_huber_has_no_corner_of_its_own_in_the_loss() -> None:
    problem = {"values": {"x": [1, 2]}, "equations": ["L = sum(huber(x))"]}
    assert "corner" not in run(problem)


@pytest.mark.parametrize("c", [[0.2, 0.5], [0.2, 0.1]])
def test_a_length_of_what_floats_leave_of_0_is_at_its_kink(c: list[float]) -> None:
    """0.3 − 0.1 − 0.2 is 2.8e-17 by floats and 0 by fractions; 1 − 0.5 − 0.1 is 0.4 by both."""
    first = Fraction("0.3") - Fraction("0.1") - Fraction("0.2")
    left = [first, Fraction("0.5") - Fraction(str(c[1]))]
    exact = float(sum(each * each for each in left)) ** 0.5
    found = backprop.load(
        f"""
values: {{a: [0.3, 1], b: [0.1, 0.5], c: {c}}}
equations:
  - L = 2 * norm(a - b - c)
"""
    ).solve()
    assert found["L"] == pytest.approx(2 * exact, abs=1e-15 * (exact > 0))
    slope = [2 * float(each) / exact if exact else 0 for each in left]
    assert found["dL/da"].tolist() == pytest.approx(slope, abs=1e-15)
