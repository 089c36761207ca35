"""Each printed symbol with an index, in every format, has the value of the id it stands for."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from backprop_cli.cli import main
from backprop_cli.problem.problem_file import Source
from backprop_cli.solving.loading import Loaded, loaded
from backprop_cli.solving.solution import Request, solve

NUMBERS = """
convention: {affine: AFFINE, bias: BIAS, indices: BASE, jacobian: LAYOUT}
x: [2, 5]
y: [1]
layers:
  - {weights: FIRST, activation: sigmoid}
  - {weights: SECOND, activation: tanh}
loss: half-squared-error
update: {rule: RULE}
"""
Matrix = list[list[float]]
MATRICES: dict[str, tuple[Matrix, Matrix]] = {
    "W^T": ([[-1, 2], [-0.2, 0.3], [0.1, 0.4]], [[0.1], [0.2], [-0.4]])
}
AFFINE = ("W^T x + b", "W x + b", "x W + b", "x W^T + b")
BIAS = (("first", 1), ("first", 0), ("last", 1), ("last", 0))
CASES = [
    (affine, *BIAS[(number + turn) % 4], ("sgd", "momentum")[turn])
    for number, affine in enumerate(AFFINE)
    for turn in (0, 1)
]
RULES = {"sgd": "sgd, learning_rate: 2", "momentum": "momentum, learning_rate: 0.5, beta: 0.9"}


def text_of(affine: str, bias: str, base: int, rule: str) -> str:
    first, second = MATRICES["W^T"]
    if affine in ("W x + b", "x W^T + b"):
        first, second = (np.transpose(each).tolist() for each in (first, second))
    words = {
        "AFFINE": affine, "BIAS": bias, "BASE": str(base), "LAYOUT": "numerator",
        "FIRST": str(first), "SECOND": str(second), "RULE": RULES[rule],
    }  # fmt: skip
    text = NUMBERS
    for word, choice in words.items():
        text = text.replace(word, choice)
    return text


def value_of(found: Loaded, values: dict[str, np.ndarray], id: str) -> float | None:
    """The value of `W1[2,1]` by the ids that a sheet uses."""
    name, _, places = id.removesuffix("]").partition("[")
    index = tuple(int(place) for place in places.split(","))
    if name not in values:
        return None
    at = found.model.counted(name, index, values[name].shape)
    assert at is not None, f"{id} is no entry"
    return float(values[name][at])


def printed(tmp_path: Path, text: str, *options: str) -> str:
    path = tmp_path / "problem.yaml"
    path.write_text(text, encoding="utf-8")
    done = CliRunner().invoke(main, ["solve", str(path), *options])
    assert done.exit_code == 0, done.output
    return done.stdout


_number = r"[-−]?\d+(?:\.\d+)?(?:e[-−]?\d+)?"
_equation = re.compile(rf"^\s*(\S+\[[\d,]+\]) = (.*?)({_number})$").match


def joined(text: str) -> list[str]:
    """Lines that go on further right, with what they go on with."""
    found: list[str] = []
    for line in text.splitlines():
        if found and re.match(r"\s{6,}[=+*-] ", line):
            found[-1] += " " + line.strip()
        else:
            found.append(line.rstrip())
    return found


@pytest.mark.parametrize(("affine", "bias", "base", "rule"), CASES)
@pytest.mark.parametrize("format_", ["text", "markdown"])
def test_equations_of_entries(
    tmp_path: Path, affine: str, bias: str, base: int, rule: str, format_: str
) -> None:
    text = text_of(affine, bias, base, rule)
    found = loaded(Source("problem.yaml", text.encode()))
    values = dict(solve(found.model, Request(1, 1)).values)
    entry = "W1[2,1]" if affine in ("W^T x + b", "x W + b") else "W1[1,2]"
    if base == 0 and bias == "last":
        entry = "W1[1,0]"
    checked = 0
    for options in (("--detail", "long"), ("--entry", entry)):
        shown = printed(
            tmp_path, text, *options, "--ascii", "--precision", "9", "--format", format_,
            *(("--width", "400") if format_ == "text" else ()),
        )  # fmt: skip
        for line in joined(shown):
            if (match := _equation(line)) is None or "/d" in match[1].partition("[")[2]:
                continue
            id = match[1].replace("(", "").replace(")", "")
            wanted = value_of(found, values, id)
            if wanted is not None:
                assert float(match[3]) == pytest.approx(wanted, rel=1e-6, abs=1e-8), line
                checked += 1
                checked += put_in(found, values, match[2])
    assert checked > 20


def put_in(found: Loaded, values: dict[str, np.ndarray], middle: str) -> int:
    """`W1[0,1] + W1[1,1] * X[1] = -1 + -0.2 * 2 =`: each symbol has the number in its place."""
    sides = [side for side in middle.split(" = ") if side.strip()]
    if len(sides) != 2 or "exp" in middle or "^" in middle:
        return 0
    names = re.findall(r"(?:dL/d)?\w+\[[\d,]+\]", sides[0])
    numbers = re.findall(_number.replace("[-−]?", "-?", 1), sides[1].replace(" - ", " -- "))
    if len(names) != len(numbers) or "learning_rate" in sides[0] or "1 -" in sides[0]:
        return 0
    for name, number in zip(names, numbers, strict=True):
        wanted = value_of(found, values, name)
        assert wanted is None or abs(float(number)) == pytest.approx(abs(wanted), rel=1e-5), middle
    return len(names)


@pytest.mark.parametrize(("affine", "bias", "base", "rule"), CASES)
def test_sheets_say_the_same_as_the_terminal(
    tmp_path: Path, affine: str, bias: str, base: int, rule: str
) -> None:
    """Every format prints the same entries of W and of its new value."""
    text = text_of(affine, bias, base, rule)
    plain = printed(tmp_path, text, "--detail", "long", "--ascii", "--width", "400")
    wanted = {
        (name, tuple(places.split(",")))
        for name, places in re.findall(r"\b(W\d(?:_new)?)\[([\d,]+)\]", plain)
    }
    assert wanted
    tex = printed(tmp_path, text, "--detail", "long", "--format", "latex")
    assert in_tex(tex) == wanted
    html = printed(tmp_path, text, "--detail", "long", "--format", "html")
    assert in_mathml(html) == wanted


Entries = set[tuple[str, tuple[str, ...]]]
_tex = re.compile(r"W\^\{(\d) ?(\+?)\}_\{(\d+)\}").findall
_mathml = re.compile(
    r"<msubsup><mi>W</mi>(<mrow>.*?</mrow>)(<mn>.*?</mn>|<mrow>.*?</mrow>)</msub"
).findall


def in_tex(tex: str) -> Entries:
    return {
        (f"W{layer}{'_new' if plus else ''}", tuple(places)) for layer, plus, places in _tex(tex)
    }


def in_mathml(html: str) -> Entries:
    found: Entries = set()
    for below, above in _mathml(html):
        name = "".join(re.findall(r">([^<]+)<", above))
        places = tuple(re.findall(r">(\d)<", below))
        found.add((f"W{name[0]}{'_new' if '+' in name else ''}", places))
    return found


def test_letters_for_what_counts_from_0_and_from_1_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "problem.yaml"
    path.write_text(text_of("W^T x + b", "first", 0, "sgd"), encoding="utf-8")
    for options in (["--index"], ["--of", "L", "--wrt", "W1"]):
        done = CliRunner().invoke(main, ["derive", str(path), *options])
        assert done.exit_code == 2
        assert "inputs from 1" in done.stderr
    path.write_text(text_of("W^T x + b", "last", 0, "sgd"), encoding="utf-8")
    assert CliRunner().invoke(main, ["derive", str(path), "--index"]).exit_code == 0


@pytest.mark.parametrize(("affine", "bias", "base", "rule"), CASES)
def test_an_entry_by_itself_is_that_of_the_whole(
    tmp_path: Path, affine: str, bias: str, base: int, rule: str
) -> None:
    text = text_of(affine, bias, base, rule)
    found = loaded(Source("problem.yaml", text.encode()))
    values = dict(solve(found.model, Request(1, 1)).values)
    for name in ("W1_new", "dL/dW1", "dL/dW2"):
        id = found.model.bases.entry(name, (values[name].shape[0] - 1, 0))
        shown = printed(tmp_path, text, "--only", id, "--ascii", "--precision", "9")
        row = [line for line in shown.splitlines() if line.strip().startswith(id)][-1]
        assert float(row.split()[-1]) == pytest.approx(value_of(found, values, id), rel=1e-6)
        data = json.loads(printed(tmp_path, text, "--only", id, "--format", "json"))
        (step,) = [each for each in data["steps"] if each["id"] == name]
        assert step["value"] == values[name].tolist()
