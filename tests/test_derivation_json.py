"""Derivations as JSON: they keep to their schema, and every line holds by number, read from it."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from backprop_cli.cli import main
from backprop_cli.derive.steps.functions import names

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = ROOT / "backprop_cli" / "schemas" / "derivation.schema.json"
VALIDATOR = Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
LETTERS = sorted((ROOT / "problems" / "letters").glob("*.yaml"))
NUMBERS = ("sigmoid-softmax", "minibatch-tanh", "three-layers", "batch-columns", "xor-training")


def output(*arguments: str) -> Any:
    done = CliRunner().invoke(main, [*arguments, "--format", "json"])
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", names())
def test_derivations_of_functions_keep_to_the_schema(name: str) -> None:
    found = output("derive", "--function", name)
    VALIDATOR.validate(found)
    assert all(chain["lines"] for chain in found["chains"])


@pytest.mark.parametrize("path", LETTERS, ids=lambda path: path.stem)
@pytest.mark.parametrize("more", [(), ("--index",), ("--wrt", "W1")], ids=str)
def test_derivations_of_problems_keep_to_the_schema(path: Path, more: tuple[str, ...]) -> None:
    done = CliRunner().invoke(main, ["derive", str(path), *more, "--format", "json"])
    if done.exit_code == 2:
        pytest.skip("this problem has no such derivation")
    found = json.loads(done.stdout)
    VALIDATOR.validate(found)
    assert found["chains"]


# By number ----------------------------------------------------------------------------------------

_SUM = re.compile(r"sum\((\w+) in (\w+)\.\.(\w+), ")
_ENTRY = re.compile(r"([A-Za-z]\w*(?:/[A-Za-z]\w*)?)\[([^\]]*)\]")
FUNCTIONS = {
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "relu": lambda x: max(x, 0.0),
    "leaky_relu": lambda x, slope: x if x > 0 else slope * x,
    "step": lambda x, at_zero=1: 1.0 if x > 0 else 0.0 if x < 0 else float(at_zero),
    "switch": lambda x, below=0, at=0, above=1: above if x > 0 else below if x < 0 else at,
    "xlogy": lambda x, y: x * np.log(y) if x else 0.0,
    "delta": lambda i, j: float(i == j),
    "total": lambda first, last, body: sum(body(i) for i in range(first, last + 1)),
}


def number(formula: str, letters: dict[str, int], values: dict[str, Any]) -> float:
    """The formula, read with nothing but what the JSON of the solution says."""
    text = _SUM.sub(r"total(\2, \3, lambda \1: ", formula)
    text = _ENTRY.sub(r"at('\1', \2)", text).replace("^", "**")
    scalars = {name: value for name, value in values.items() if np.ndim(value) == 0}
    for name in sorted((name for name in scalars if "/" in name), key=len, reverse=True):
        text = re.sub(rf"(?<![\w']){re.escape(name)}(?![\w'])", f"at('{name}')", text)
    known = {**FUNCTIONS, **scalars, **letters}
    known["at"] = lambda name, *index: np.asarray(values[name])[tuple(i - 1 for i in index)]
    return float(eval(text, {"__builtins__": {}, "abs": abs, **known}))  # noqa: S307  # our own text


@pytest.mark.parametrize("name", NUMBERS)
def test_every_line_by_index_gives_the_number_that_was_solved(name: str) -> None:
    path = f"problems/{name}.yaml"
    solved, derived = output("solve", path, "--detail", "long"), output("derive", path, "--index")
    values = {**solved["given"], **{step["id"]: step["value"] for step in solved["steps"]}}
    compared = 0
    for chain in derived["chains"]:
        if "argmax(" in chain["lines"][0]["formula"]:
            continue  # a decision over a whole vector has no form entry by entry
        id, _, places = chain["left"].partition("[")
        index = [place.strip() for place in places.rstrip("]").split(",") if place.strip()]
        free = [place for place in index if not place.isdigit()]
        ranges = [derived["indices"][place] for place in free]
        spans = [range(each["first"], each["last"] + 1) for each in ranges]
        for chosen in itertools.product(*spans):
            letters = dict(zip(free, chosen, strict=True))
            at = tuple((letters.get(place) or int(place)) - 1 for place in index)
            expected = np.asarray(values[id], dtype=float)[at]
            for line in chain["lines"]:
                found = number(line["formula"], letters, values)
                np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12, err_msg=id)
                compared += 1
    assert compared > 10


@pytest.mark.parametrize(
    ("name", "wrt", "sizes"),
    [("batch-norm", "X", {"M": 3, "N": 2}), ("layer-norm", "x", {"n": 4})],
)
def test_every_line_of_a_norm_s_gradient_gives_the_same_number(
    name: str, wrt: str, sizes: dict[str, int]
) -> None:
    """In letters, at numbers that are drawn; the gradient itself by central differences."""
    derived = output("derive", f"problems/letters/{name}.yaml", "--of", "L", "--wrt", wrt)
    rng = np.random.default_rng(5)
    given = {
        id: rng.normal(size=tuple(sizes[size] for size in shape))
        for id, shape in derived["sizes"].items()
        if id in ("X", "x", "gamma", "beta", "G", "g")
    }
    upstream = given["G" if name == "batch-norm" else "g"]
    result = "O" if name == "batch-norm" else "y"

    def steps(x: Any) -> dict[str, Any]:
        mean, variance = x.mean(axis=0), x.var(axis=0)
        hat = (x - mean) / np.sqrt(variance)
        out = given["gamma"] * hat + given["beta"]
        return {
            f"mu_{result}": mean,
            f"var_{result}": variance,
            f"xhat_{result}": hat,
            result: out,
            "L": (upstream * out).sum(),
        }

    (chain,) = [
        chain
        for chain in derived["chains"]
        if chain["left"].startswith(f"dL/d{wrt}[") and len(chain["lines"]) > 2
    ]
    free = chain["left"].partition("[")[2].rstrip("]").split(",")
    values = {**given, **steps(given[wrt])}
    compared = 0
    for place in np.ndindex(given[wrt].shape):
        ends = []
        for change in (1e-6, -1e-6):
            moved = given[wrt].copy()
            moved[place] += change
            ends.append(steps(moved)["L"])
        wanted = (ends[0] - ends[1]) / 2e-6
        letters = {**sizes, **dict(zip(free, (i + 1 for i in place), strict=True))}
        for line in chain["lines"]:
            if "dL/d" not in line["formula"]:  # the first is in derivatives, each its own chain
                found = number(line["formula"], letters, values)
                np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-8)
                compared += 1
    assert compared >= 4 * given[wrt].size
    last = chain["lines"][-1]["formula"]
    assert f"mu_{result}" not in last
    assert last.count("sum(") == 2


def test_nothing_is_differentiated_by_a_size() -> None:
    path = ROOT / "problems" / "letters" / "relu-softmax.yaml"
    sizes = output("derive", str(path), "--of", "L", "--wrt", "W1")["sizes"]
    assert sizes["dL/dW1"] == sizes["W1"] == ["N", "N1"]
    assert not {"dL/dN", "dL/dN1", "dL/dK", "dL/dL"} & set(sizes)
