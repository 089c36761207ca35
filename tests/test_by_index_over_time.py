"""`--index` where the number of steps is a letter: every printed entry against numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from test_by_index import counted
from test_in_symbols import read
from test_joined_letters import LSTM, derived

import backprop_cli as backprop
from backprop_cli.algebra.expr import Expr, Num, Op, Sym
from backprop_cli.cli import main
from backprop_cli.derive.any_length import in_letters
from backprop_cli.derive.tensors.by_index import by_index
from backprop_cli.solving.solution import in_symbols
from backprop_cli.trace import Trace

SIZES = {"n": 2, "d": 3, "m": 2, "T": 5, "S": 3}
EVERY_STEP = """shapes: {W: [n, n], U: [n, d], x: [T, d], h_0: [n], y: [T, n], b: [n]}
equations:
  - for t in 1..T:
      - z_t = W @ h_{t-1} + U @ x[t] + b
      - h_t = tanh(z_t)
  - L = sum(t in 1..T, half_squared_error(h_t, y[t])) + sum(W^2) / 2
train: [W, U, b]
"""
BACKWARDS = """shapes: {W: [n, n], U: [n, d], x: [T, d], y: [n]}
equations:
  - h_{T+1} = 0 * y
  - for t in T..1:
      - h_t = tanh(W @ h_{t+1} + U @ x[t])
  - L = half_squared_error(h_1, y)
train: [W, U]
"""
ENCODER = """shapes: {W: [n, n], U: [n, d], x: [S, d], h_0: [n], V: [n, n], y: [T, n]}
equations:
  - for s in 1..S:
      - h_s = tanh(W @ h_{s-1} + U @ x[s])
  - g_0 = h_S
  - for t in 1..T:
      - g_t = tanh(V @ g_{t-1})
  - L = sum(t in 1..T, half_squared_error(g_t, y[t]))
train: [W, U, V]
"""
WORD = re.compile(r"(?P<base>.+?)(?:_(?:\{(?P<formula>[^}]*)\}|(?P<step>[A-Za-z]|[0-9]+)))?")
FUNCTIONS: dict[str, Any] = {
    "tanh": np.tanh,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "neg": np.negative,
}
FUNCTIONS |= {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide}
FUNCTIONS |= {"pow": np.power}


def in_numbers(text: str) -> str:
    """The problem with numbers of steps in place of letters."""
    text = re.sub(r"\.\.T\b", f"..{SIZES['T']}", re.sub(r"\.\.S\b", f"..{SIZES['S']}", text))
    text = re.sub(r"in T\.\.", f"in {SIZES['T']}..", text).replace("{T+1}", f"{SIZES['T'] + 1}")
    return text.replace("h_T", f"h_{SIZES['T']}").replace("h_S", f"h_{SIZES['S']}")


def solved(text: str) -> dict[str, Any]:
    """All that is known and worked out, with numbers of its own."""
    rng = np.random.default_rng(11)
    shapes, equations = text.split("equations:", 1)
    given = re.findall(r"(\w+): \[([^]]*)\]", shapes)
    v = {
        name: rng.normal(size=[counted(one, SIZES) for one in re.sub(" ", "", size).split(",")])
        for name, size in given
    }
    values = "".join(f"  {name}: {value.tolist()}\n" for name, value in v.items())
    solution = backprop.load(f"values:\n{values}equations:{in_numbers(equations)}").solve()
    return v | {id: np.asarray(solution[id]) for id in solution}


class Page:
    """Reads the formulas of a page with numbers for its letters."""

    def __init__(self, trace: Trace, env: Mapping[str, Any]) -> None:
        runs = trace.convention["indices_run"]
        assert isinstance(runs, tuple)
        sizes = {letter: (counted(str(a), SIZES), counted(str(b), SIZES)) for letter, a, b in runs}
        self.runs = {letter: range(first, last + 1) for letter, (first, last) in sizes.items()}
        self.env = env

    def value(self, expr: Expr, places: Mapping[str, int]) -> float:
        match expr:
            case Num(value):
                return float(value)
            case Sym(name):
                return self.named(name, places)
            case Op("sum_over", (body,)):
                letter = str(expr.option("index"))
                return sum(self.value(body, {**places, letter: k}) for k in self.runs[letter])
            case Op("within", args):
                chain = [counted(one.name, places) for one in args if isinstance(one, Sym)]
                return float(chain == sorted(chain))
        if expr.name == "mul":  # what is beyond a part is never looked at
            factors = sorted(expr.args, key=lambda one: "within" not in str(one))
            first = self.value(factors[0], places)
            return first and first * self.value(factors[1], places)
        return float(FUNCTIONS[expr.name](*(self.value(arg, places) for arg in expr.args)))

    def named(self, name: str, places: Mapping[str, int]) -> float:
        whole, _, inside = name.partition("[")
        found = at_step(whole, places, self.env)
        index = [counted(one, places) - 1 for one in inside.rstrip("]").split(",") if one]
        return 0.0 if found is None else float(found[tuple(index)])


def at_step(name: str, places: Mapping[str, int], env: Mapping[str, Any]) -> Any:
    """A quantity at a step; a row of what has one a step; None behind the last step."""
    if name in env:
        return env[name]
    found = WORD.fullmatch(name)
    assert found is not None
    step = counted(found["formula"] or found["step"], places)
    id = re.sub(r"_(?:\{[^}]*\}|[A-Za-z])$", f"_{step}", name)
    if id in env:
        return env[id]
    return env[found["base"]][step - 1] if found["base"] in env else None


@pytest.mark.parametrize("text", [EVERY_STEP, BACKWARDS, ENCODER])
def test_every_entry_is_that_of_the_numbers(text: str) -> None:
    found = read(text)
    trace = by_index(
        in_letters(in_symbols(found.model, found.plan)), found.model, found.plan.shapes
    )
    env, checked = solved(text), 0
    page = Page(trace, env)
    for step in trace.steps:
        whole, _, inside = step.id.partition("[")
        letters = [one for one in inside.rstrip("]").split(",") if one]
        times = [one for one in ("t", "s") if re.search(rf"_{one}$|_\{{{one}", whole)]
        assert len(letters) == len(step.shape)
        for numbers in product(*(page.runs[one] for one in (*times, *letters))):
            places = {**SIZES, **dict(zip((*times, *letters), numbers, strict=True))}
            expected = page.named(step.id, places)
            if at_step(whole, places, env) is None:
                continue  # of a step at which the formula is another
            if not is_last(step.rule, times, places):
                assert page.value(step.expr, places) == pytest.approx(expected, rel=1e-9), step.id
                checked += 1
    assert checked > 20


def is_last(rule: str, times: list[str], places: Mapping[str, int]) -> bool:
    """Whether it is the step from which a recursion goes: the line before says what it is there."""
    if not rule.startswith("through-time") or not times:
        return False
    return places[times[0]] in (1, places[times[0].upper()])


def test_an_lstm_of_any_length_stands_entry_by_entry() -> None:
    text = " ".join(derived(LSTM, "--index").split())
    assert "(vₜ)ⱼ = (hₜ₋₁)ⱼ · 1{j ≤ n} + (xₜ)ⱼ₋ₙ · 1{n+1 ≤ j}" in text
    assert "(∂L/∂hₜ)ₖ = (∂L/∂vₜ₊₁)ₖ for t = T−1, …, 1" in text
    assert "(∂L/∂b_f)ₖ = Σₜ (∂L/∂fₜ)ₖ · (fₜ)ₖ · (1 − (fₜ)ₖ)" in text


def test_no_index_has_the_letter_of_the_steps() -> None:
    path = Path("problems/letters/through-time.yaml")
    done = CliRunner().invoke(main, ["derive", str(path), "--index"])
    assert done.exit_code == 0, done.output
    assert "t = 1 … T" in done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
