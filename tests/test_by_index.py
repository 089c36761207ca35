"""Equations entry by entry: with numbers for the letters, each is the entry of the whole."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from itertools import product
from math import isclose, prod
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from click.testing import CliRunner
from test_in_symbols import NETWORKS, Env, drawn, forward, read, sized, with_sizes

from backprop_cli.algebra.expr import Expr, Num, Op, Sym, symbols
from backprop_cli.algebra.shapes import Size
from backprop_cli.calculus.stable import function_of
from backprop_cli.cli import main
from backprop_cli.derive.derivation_nodes import parts
from backprop_cli.derive.tensors.by_index import by_index
from backprop_cli.readings.values import evaluate
from backprop_cli.solving.loading import Loaded
from backprop_cli.solving.solution import in_symbols
from backprop_cli.trace import Trace

CONSTANTS = {"learning_rate": 0.1, "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-3, "t": 3.0}
MORE = {
    "adam": NETWORKS["bias-inside-three-layers"] + "update: {rule: adam, learning_rate: 0.1}\n",
    "bias-last-update": NETWORKS["columns-batch-mean-over-outputs"]
    + "update: {rule: sgd, learning_rate: 0.1}\n",
    "windows": """
shapes: {X: [2, 5, 5], K: [2, 2, 2, 2], c: [8], w: [6]}
equations:
  - Z = conv(X, K, padding=1, stride=1)
  - P = max_pool(Z, 2)
  - M = mean_pool(Z, 3)
  - L = sum(c * flatten(M)) + sum(P^2)
""",
    "masked": """
shapes: {Q: [3, 2], K: [3, 2], V: [3, 4], T: [3, 4]}
equations:
  - O = attention(Q, K, V, mask=causal)
  - L = half_squared_error(O, T)
""",
    "rows-of-a-table": """
shapes: {E: [5, 2], W: [2, 2], y: [5], u: [3], v: [2]}
equations:
  - c = (E[2, :] + E[4, :]) / 2 + E[[3, 2, 3], :].T @ u
  - h = tanh(W @ c + E[3:4, :] @ v)
  - L = cross_entropy(softmax(E @ h), y)
""",
    "two-steps": """
shapes: {x: [2, 3], h_0: [3], W: [3, 3], v: [3], y: [2]}
equations:
  - for t in 1..2:
      - h_t = tanh(W @ h_{t-1} + x[t])
      - e_t = v @ h_t
  - L = sum(t in 1..2, (e_t - y[t])^2)
train: [W, v]
""",
    "filters": """
shapes: {X: [2, 4, 4], K: [3, 2, 2, 2], w: [3]}
equations:
  - Z = conv(X, K, stride=2)
  - P = mean_pool(relu(Z), 2)
  - L = sum(w * flatten(P))
""",
    "from-zero": """
convention: {indices: 0, output_gradient: fused}
inputs: N
layers:
  - {units: N1, bias: true, activation: relu}
  - {units: K, bias: true, activation: softmax}
loss: cross-entropy
update: {rule: sgd, learning_rate: 0.1}
""",
}
OVER_TIME = {"through-time"}  # any number of steps: tests/test_by_index_over_time.py
WHOLE = {"log-determinant"}  # no letters name an entry of an inverse: it keeps its formula
BY_INDEX = {
    name: text for name, text in {**NETWORKS, **MORE}.items() if name not in {*OVER_TIME, *WHOLE}
}


def ranges(trace: Trace) -> dict[str, range]:
    """The numbers that each letter stands for."""
    runs = cast("tuple[tuple[str, int, Size], ...]", trace.convention["indices_run"])
    return {letter: range(first, sized((last,))[0] + 1) for letter, first, last in runs}


def counted(index: str, places: Mapping[str, int]) -> int:
    """What an index such as 3, i or 2*j+p-2 stands for."""
    total = 0
    for sign, term in re.findall(r"([+-]?)([^+-]+)", index):
        factors = [places[each] if each in places else int(each) for each in term.split("*")]
        total += prod(factors) * (-1 if sign == "-" else 1)
    return total


class Reader:
    """Looks entries up as a reader would: counted from the base, the bias input where it stands."""

    def __init__(self, found: Loaded, env: Mapping[str, np.ndarray], runs: Mapping[str, range]):
        self.convention = found.model.problem.convention
        self.env, self.runs = env, runs

    def value(self, expr: Expr, places: Mapping[str, int]) -> float:
        match expr:
            case Num(value):
                return float(value)
            case Sym(name):
                return self.looked_up(name, places)
            case Op("sum_over", (body,)):
                letter = str(expr.option("index"))
                assert letter not in places
                return sum(self.value(body, {**places, letter: k}) for k in self.runs[letter])
            case Op("max_over", (body,)):
                letter = str(expr.option("index"))
                return max(self.value(body, {**places, letter: k}) for k in self.runs[letter])
            case Op("is_largest", (one, largest)):
                values = self.value(one, places), self.value(largest, places)
                return float(isclose(*values, rel_tol=1e-12))  # added up in two orders
            case Op("equal", (Sym(left), Sym(right))):
                return float(counted(left, places) == counted(right, places))
            case Op("within", within):
                chain = [counted(each.name, places) for each in within if isinstance(each, Sym)]
                return float(chain == sorted(chain))
        args = [np.asarray(self.value(arg, places)) for arg in expr.args]
        return float(function_of(expr)(*args, **dict(expr.options)))

    def looked_up(self, name: str, places: Mapping[str, int]) -> float:
        base, letters = parts(name)
        numbers = [counted(letter, places) for letter in letters]
        whole = self.env[base]
        if not numbers:
            return float(whole)
        first = 1 if self.convention.bias == "first" else self.convention.indices
        has_bias_inside = base.removeprefix("dL/d").startswith(("W", "m_", "v_", "mhat", "vhat"))
        index = []
        for number, size, axis in zip(numbers, whole.shape, range(whole.ndim), strict=True):
            if self.convention.bias == "first" and has_bias_inside and axis == 0:
                index.append(number)
            elif not 0 <= number - first < size:
                return self.convention.bias_input
            else:
                index.append(number - first)
        return float(whole[tuple(index)])


def computed(found: Loaded) -> Env:
    env = drawn(found)
    random = np.random.default_rng(3)
    for name, shape in found.plan.shapes.items():
        if name.endswith("_old"):
            env[name] = random.uniform(0.1, 1, size=sized(shape))
    env |= {name: np.asarray(value) for name, value in CONSTANTS.items()}
    values = forward(found, env)
    for step in found.plan.steps:
        if not (isinstance(step.expr, Op) and step.expr.name == "jacobian"):
            values[step.id] = evaluate(with_sizes(step.expr), values)
    return values


def entries(found: Loaded) -> dict[str, int]:
    """How many entries each quantity has that is written out: a Jacobian only where it is used."""
    used = {name for step in found.plan.steps for name in symbols(step.expr)}
    return {
        step.id: prod(sized(step.shape))
        for step in found.plan.steps
        if step.rule not in ("decision", "forward-again")
        and (step.phase != "jacobian" or step.rule == "hessian" or step.id in used)
    }


@pytest.mark.parametrize("name", BY_INDEX)
def test_every_equation_is_an_entry_of_the_whole(name: str) -> None:
    found = read(BY_INDEX[name])
    trace = by_index(in_symbols(found.model, found.plan), found.model, found.plan.shapes)
    runs, env = ranges(trace), computed(found)
    reader = Reader(found, env, runs)
    seen: Counter[str] = Counter()
    for step in trace.steps:
        base, letters = parts(step.id)
        if step.shape and not letters:
            assert step.rule == "decision" or step.phase == "jacobian", step.id
            continue
        if step.rule == "decision":
            continue
        free = [letter for letter in letters if not letter.isdecimal()]
        for numbers in product(*(runs[letter] for letter in free)):
            places = dict(zip(free, numbers, strict=True))
            expected = reader.looked_up(step.id, places)
            assert reader.value(step.expr, places) == pytest.approx(expected, rel=1e-12, abs=1e-12)
            seen[base] += 1
    assert seen == entries(found)


@pytest.mark.parametrize("name", BY_INDEX)
def test_a_letter_counts_one_thing(name: str) -> None:
    found = read(BY_INDEX[name])
    trace = by_index(in_symbols(found.model, found.plan), found.model, found.plan.shapes)
    runs = cast("tuple[tuple[str, int, Size], ...]", trace.convention["indices_run"])
    letters = [letter for letter, _, _ in runs]
    assert len(set(letters)) == len(letters)
    assert not set(letters) & {*found.model.shapes, *found.model.letters}


CHANNELS = """
input: picture
x: [[[1, 0, 2], [0, 1, 1], [2, -1, 0]], [[0, 1, 1], [1, 0, -1], [0, 0, 1]]]
y: [1, -1]
layers:
  - type: conv
    kernel: [[[[1, -1], [0.5, 2]], [[0, 1], [1, 0]]], [[[2, 0], [1, 1]], [[1, 1], [0, -1]]]]
    bias: [0, 1]
  - {type: mean-pool, size: 2}
  - {type: flatten}
  - {weights: [[1, 2], [0, 1]]}
loss: half-squared-error
"""


def test_a_filter_has_one_letter_from_the_kernel_to_the_weights_behind() -> None:
    found = read(CHANNELS)
    trace = by_index(in_symbols(found.model, found.plan), found.model, found.plan.shapes)
    letters = {parts(step.id)[0]: parts(step.id)[1] for step in trace.steps}
    filters = ("Z1", "H1", "H2", "H3", "dL/dK1", "dL/db1", "dL/dZ1", "dL/dH2", "dL/dH3")
    assert len({letters[name][0] for name in filters} | {letters["dL/dW4"][1]}) == 1
    assert len({letters[name][0] for name in ("Z4", "Yhat", "dL/dZ4", "dL/dW4")}) == 1
    assert letters["Z1"][0] != letters["Z4"][0]


# One letter, one axis ----------------------------------------------------------------------------

SQUARE = """
convention: {affine: AFFINE, output_gradient: chain}
x: [[1, 2], [3, 4]]
y: [[1, 0], [0, 1]]
layers:
  - {weights: [[1, 0], [-1, 1]], bias: [0, -1], activation: sigmoid}
  - {weights: [[2, -1], [0, 1]], bias: [0.5, 0], activation: softmax}
loss: cross-entropy
update: {rule: sgd, learning_rate: 0.1}
"""
SQUARES = {
    affine: SQUARE.replace("AFFINE", affine)
    for affine in ("W x + b", "W^T x + b", "x W + b", "x W^T + b")
}


def counts(trace: Trace, base: str) -> tuple[str, ...]:
    """What each axis of a quantity of two layers runs over, as its name says."""
    name = base.removeprefix("dL/d").removesuffix("_new").removesuffix("_change")
    step = {step.id.partition("[")[0]: step.axes for step in trace.steps}
    axes = step.get(base) or (trace.given.get(name) or trace.unknown[name]).axes
    layer = {"X": 0, "Y": 2, "Yhat": 2}.get(name) if name[-1] not in "12" else int(name[-1])
    assert layer is not None
    words = {"sample": "sample", "unit": f"units {layer}", "input": f"units {max(layer - 1, 0)}"}
    return tuple(words[axis] for axis in axes)


def symbols_of(expr: Expr) -> set[str]:
    match expr:
        case Sym(name):
            return {name}
        case Op():
            return set().union(*map(symbols_of, expr.args))
    return set()


@pytest.mark.parametrize("affine", SQUARES)
def test_where_all_sizes_are_2_a_letter_still_counts_one_thing(affine: str) -> None:
    found = read(SQUARES[affine])
    trace = by_index(in_symbols(found.model, found.plan), found.model, found.plan.shapes)
    meanings: dict[str, set[str]] = {}
    for step in trace.steps:
        for name in (step.id, *symbols_of(step.expr)):
            base, letters = parts(name)
            for letter, meaning in zip(
                letters, counts(trace, base) if letters else (), strict=True
            ):
                meanings.setdefault(letter, set()).add(meaning)
    assert {len(each) for each in meanings.values()} == {1}
    assert set().union(*meanings.values()) == {"sample", "units 0", "units 1", "units 2"}


@pytest.mark.parametrize("name", ["windows", "filters"])
def test_a_gradient_has_the_letters_of_its_variable(name: str) -> None:
    found = read(MORE[name])
    trace = by_index(in_symbols(found.model, found.plan), found.model, found.plan.shapes)
    lettered = dict(parts(step.id) for step in trace.steps)
    pairs = [(name.removeprefix("dL/d"), name) for name in lettered if name.startswith("dL/d")]
    known = [(base, gradient) for base, gradient in pairs if base in lettered]
    assert known
    assert all(lettered[base] == lettered[gradient] for base, gradient in known)


class PutIn(Reader):
    """Puts lines into one another: a symbol is what stands right of it, letters as they are."""

    def __init__(self, found: Loaded, env: Env, runs: Mapping[str, range], trace: Trace):
        super().__init__(found, env, runs)
        self.lines = {step.id: step.expr for step in trace.steps if step.rule != "decision"}
        self.known: dict[tuple[str, tuple[int, ...]], float] = {}
        self.put = 0

    def value(self, expr: Expr, places: Mapping[str, int]) -> float:
        match expr:
            case Sym(name) if name in self.lines:
                letters = [letter for letter in parts(name)[1] if letter in self.runs]
                key = (name, tuple(places[letter] for letter in letters))
                if key not in self.known:
                    inside = dict(zip(letters, key[1], strict=True))
                    self.known[key] = self.value(self.lines[name], inside)
                    self.put += 1
                return self.known[key]
            case Op("sum_over", (body,)):
                letter = str(expr.option("index"))
                return sum(self.value(body, {**places, letter: k}) for k in self.runs[letter])
        return super().value(expr, places)


@pytest.mark.parametrize("name", [*BY_INDEX, *SQUARES])
def test_lines_may_be_put_into_one_another(name: str) -> None:
    """A gradient by what is given, all lines before it put in, is the entry of the whole."""
    found = read({**BY_INDEX, **SQUARES}[name])
    trace = by_index(in_symbols(found.model, found.plan), found.model, found.plan.shapes)
    runs, env = ranges(trace), computed(found)
    reader = PutIn(found, env, runs, trace)
    for step in trace.steps:
        letters = parts(step.id)[1]
        if step.rule == "decision" or (step.shape and not letters):
            continue
        free = [letter for letter in letters if not letter.isdecimal()]
        for numbers in product(*(runs[letter] for letter in free)):
            places = dict(zip(free, numbers, strict=True))
            expected = reader.looked_up(step.id, places)
            assert reader.value(Sym(step.id), places) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert reader.put == sum(entries(found).values())


@pytest.mark.parametrize("format_", ["text", "markdown", "latex", "html"])
def test_the_command_writes_entries(tmp_path: Path, format_: str) -> None:
    path = tmp_path / "problem.yaml"
    path.write_text(NETWORKS["equations"], encoding="utf-8")
    done = CliRunner().invoke(main, ["derive", str(path), "--index", "--format", format_])
    assert done.exit_code == 0
    if format_ == "text":
        assert "Zᵢⱼ = Σₘ Xᵢₘ · Wⱼₘ + bⱼ" in done.stdout
        assert "(∂L/∂W)ⱼₘ = Σᵢ (∂L/∂Z)ᵢⱼ · Xᵢₘ" in done.stdout
        assert "i = 1 … N · j = 1 … M · m = 1 … K" in " · ".join(done.stdout.splitlines())


def test_steps_in_time_are_written_one_by_one() -> None:
    done = CliRunner().invoke(main, ["derive", "-", "--index"], input=MORE["two-steps"])
    assert done.exit_code == 0
    page = " ".join(done.stdout.split())
    assert "(∂L/∂h₂)ᵢ = ∂L/∂e₂ · vᵢ" in page
    assert re.search(r"\(∂L/∂h₁\)ᵢ = Σₘ Wₘᵢ · \(∂L/∂h₂\)ₘ · \(1 − h₂ₘ²\) \+ ∂L/∂e₁ · vᵢ", page)


def test_entries_belong_to_a_problem() -> None:
    done = CliRunner().invoke(main, ["derive", "--function", "sigmoid", "--index"])
    assert done.exit_code == 2
    assert "entries are those of a problem's quantities" in done.stderr


def test_no_index_has_the_letter_of_a_gate() -> None:
    text = Path("problems/time/lstm.yaml").read_text(encoding="utf-8")
    found = read(text)
    trace = by_index(in_symbols(found.model, found.plan), found.model, found.plan.shapes)
    assert not {*ranges(trace)} & set("ifogc")


def test_no_index_has_a_letter_that_stands_below_in_a_name() -> None:
    text = "shapes: {Wm: [2, 3], x_i: [3]}\nequations:\n  - z = Wm @ x_i\n  - L = sum(z^2)\n"
    found = read(text)
    trace = by_index(in_symbols(found.model, found.plan), found.model, found.plan.shapes)
    assert len(ranges(trace)) == 2
    assert not {*ranges(trace)} & set("mi")
