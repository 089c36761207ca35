"""What an entry is called, wherever it is printed, asked for or answered: W's bias is number 0."""

from __future__ import annotations

import json
import math
import re
from itertools import product
from typing import Any

import numpy as np
import pytest
import yaml
from click.testing import CliRunner

import backprop_cli as backprop
from backprop_cli.cli import main

Index = tuple[int, ...]
INPUTS = {"W x": 1, "W^T x": 0, "x W": 0, "x W^T": 1}
"""Which axis of W the inputs are on."""

ENTRY = re.compile(r"(?<![\w.])((?:d[A-Za-z]\w*/d)?[A-Za-z]\w*)\[([\d,]+)\]")
FUNCTIONS = {"sigmoid": lambda z: 1 / (1 + math.exp(-z)), "tanh": math.tanh}


def network(affine: str, indices: int, bias: str, batch: bool, **more: Any) -> dict[str, Any]:
    """Three inputs, two hidden units, two outputs; the bias is among the weights or beside them."""
    beside = bias == "separate"

    def weights(units: int, inputs: int) -> list[list[float]]:
        drawn = np.random.default_rng(units * 10 + inputs).normal(size=(units, inputs + 1))
        drawn = np.round(drawn[:, :inputs] if beside else drawn, 2)
        found: list[list[float]] = (drawn if INPUTS[affine] else drawn.T).tolist()
        return found

    layers: list[dict[str, Any]] = [
        {"weights": weights(2, 3), "activation": "tanh"},
        {"weights": weights(2, 2), "activation": "sigmoid"},
    ]
    for layer in layers if beside else ():
        layer["bias"] = [0.1, -0.2]
    said = {"affine": affine + (" + b" if beside else ""), "bias": bias, "indices": indices}
    return {
        "x": [[1, -2, 0.5], [0.3, 0.2, 1]] if batch else [1, -2, 0.5],
        "y": [[0.5, 1], [0, 1]] if batch else [0.5, 1],
        "convention": said | more,
        "layers": layers,
        "loss": "half-squared-error",
    }


class Named:
    """The numbers of a solution by the names of their entries, as this test counts them."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.said, self.data = data["convention"], data
        found = json.loads(self.run("solve", "--format", "json"))
        values = {**found["given"], **{step["id"]: step["value"] for step in found["steps"]}}
        self.values = {name.lower(): np.asarray(value, float) for name, value in values.items()}

    def run(self, *arguments: str, **more: Any) -> str:
        text = yaml.safe_dump({**self.data, **more})
        done = CliRunner().invoke(main, [*arguments, "-"], input=text)
        assert done.exit_code == 0, done.output
        return str(done.stdout)

    def firsts(self, name: str, rank: int) -> Index:
        """From where each axis counts: the bias among the weights is 0, their first input 1."""
        found = [int(self.said["indices"])] * rank
        if self.said["bias"] == "first" and re.fullmatch(r"(.*/d)?W\d", name):
            found[INPUTS[self.said["affine"]] - 2 + rank] = 0
        return tuple(found)

    def name(self, id: str, place: Index) -> str:
        numbers = map(sum, zip(place, self.firsts(id, len(place)), strict=True))
        return f"{id}[{','.join(map(str, numbers))}]"

    def at(self, id: str, index: str) -> float:
        written = [int(part) for part in index.split(",")]
        firsts = self.firsts(id, len(written))
        place = tuple(i - first for i, first in zip(written, firsts, strict=True))
        assert min(place) >= 0
        return float(self.values[id.lower()][place])

    def sides(self, text: str) -> list[tuple[float, float]]:
        """What each side of each equation about an entry is, and what the entry is."""
        found = []
        bare = re.sub(r"\((d\w+/d\w+)\)\[", r"\1[", text)
        for left, right in re.findall(r"^ +(\S+) += (.*)$", bare, re.MULTILINE):
            entry = ENTRY.fullmatch(left)
            if entry is None or entry[1].lower() not in self.values:
                continue
            for side in right.split(" = "):
                put_in = ENTRY.sub(lambda one: f"({self.at(one[1], one[2])!r})", side)
                formula = put_in.replace("^", "**")
                value = eval(formula, {"__builtins__": {}, **FUNCTIONS})  # noqa: S307  # our own
                found.append((float(value), self.at(*entry.groups())))
        return found


ALL = list(product(INPUTS, (0, 1), ("first", "last", "separate"), (False, True)))


@pytest.mark.parametrize(("affine", "indices", "bias", "batch"), ALL)
def test_every_printed_entry_is_worth_its_value(
    affine: str, indices: int, bias: str, batch: bool
) -> None:
    named = Named(network(affine, indices, bias, batch))
    wide = ("--ascii", "--width", "1000", "--precision", "12")
    sides = named.sides(named.run("solve", "--detail", "long", *wide))
    for found, wanted in sides:
        assert found == pytest.approx(wanted, rel=1e-7, abs=1e-9)
    assert len(sides) > 60
    for place in np.ndindex(named.values["w1"].shape):
        name = named.name("W1", place)
        gradient = float(named.values["dl/dw1"][place])
        paths = named.run("solve", "--entry", name, *wide)
        assert f"back to {name}\n" in paths
        assert float(paths.split(" = ")[-1]) == pytest.approx(gradient, rel=1e-8, abs=1e-11)
        data = json.loads(named.run("solve", "--entry", name, "--format", "json"))["entry"]
        assert (data["id"], data["total"]) == (name, pytest.approx(gradient, rel=1e-12))


@pytest.mark.parametrize("indices", [0, 1])
@pytest.mark.parametrize("affine", INPUTS)
def test_an_entry_is_asked_for_and_answered_by_the_name_that_is_printed(
    affine: str, indices: int
) -> None:
    data = network(affine, indices, "first", False)
    named = Named(data)
    values = named.values["dl/dw1"]
    names = {named.name("dL/dW1", place): values[place] for place in np.ndindex(values.shape)}
    asked = data | {"ask": list(names), "grading": {"precision": {"decimals": 4}}}
    sheet = named.run("blank", "--format", "json", ask=list(names))
    assert list(json.loads(sheet)["answers"]) == list(names)
    problem = backprop.load(asked)
    assert problem.check({name: f"{value:.4f}" for name, value in names.items()}).passed
    moved = dict(zip(names, np.roll(values.ravel(), 1), strict=True))
    report = problem.check({name: f"{value:.4f}" for name, value in moved.items()})
    assert not report.passed


@pytest.mark.parametrize("layout", ["numerator", "denominator"])
@pytest.mark.parametrize("indices", [0, 1])
def test_an_entry_of_a_jacobian_has_the_numbers_of_both(indices: int, layout: str) -> None:
    """By differences: the last axes are W's, in denominator layout the first."""
    data = network("W x", indices, "first", False, jacobian=layout)
    named = Named(data)
    for place in np.ndindex(named.values["w1"].shape):
        ends = []
        for step in (1e-6, -1e-6):
            moved = json.loads(json.dumps(data))
            moved["layers"][0]["weights"][place[0]][place[1]] += step
            ends.append(Named(moved).values["yhat"])
        slopes = (ends[0] - ends[1]) / 2e-6
        of_w = named.firsts("W1", 2)
        for unit, slope in enumerate(slopes):
            own = (unit + indices,)
            by = tuple(i + first for i, first in zip(place, of_w, strict=True))
            numbers = own + by if layout == "numerator" else by + own
            id = f"dYhat/dW1[{','.join(map(str, numbers))}]"
            problem = backprop.load(data | {"ask": [id], "grading": {"precision": {"decimals": 5}}})
            assert problem.check({id: f"{slope:.5f}"}).passed, id
            assert not problem.check({id: f"{slope + 0.001:.5f}"}).passed, id
            shown = named.run("solve", "--only", id, "--ascii", "--precision", "9")
            assert float(shown.partition(f"{id} = ")[2].split()[0]) == pytest.approx(
                slope, abs=1e-8
            )


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("dYhat/dH1[3,1]", "dYhat/dH1[1,1] to dYhat/dH1[2,2]"),
        ("dYhat[1]/dH1[2]", "dYhat/dH1[1,2]"),
        ("dYhat/dH1[a,b]", "is not an index"),
    ],
)
def test_an_entry_that_is_none_is_refused(asked: str, said: str) -> None:
    text = yaml.safe_dump(network("W x", 1, "first", False))
    done = CliRunner().invoke(main, ["solve", "-", "--only", asked], input=text)
    assert done.exit_code == 2
    assert said in done.output
