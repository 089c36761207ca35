"""Gradients over time as they are printed: one formula for all steps, each checked by number."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from test_time import EVERY_STEP, drawn, file_of, worked

import backprop_cli as backprop
from backprop_cli.algebra.expr import Op, Sym, rewrite, symbols
from backprop_cli.cli import main
from backprop_cli.derive.over_time import Block, in_blocks, summed
from backprop_cli.readings.formula_text import plain
from backprop_cli.readings.values import evaluate
from backprop_cli.trace import OverTime, Trace

Array = NDArray[np.float64]

LSTM = """
  - for t in 1..{T}:
      - i_t = sigmoid(U @ x[t] + W @ h_{{t-1}})
      - f_t = sigmoid(U @ x[t] - W @ h_{{t-1}} + b)
      - g_t = tanh(W @ h_{{t-1}} + b)
      - k_t = f_t * k_{{t-1}} + i_t * g_t
      - h_t = i_t * tanh(k_t)
  - L = sum(t in 1..{T}, sum((V @ h_t - y[t])^2))"""
LAST_STEP = """
  - for t in 1..{T}:
      - h_t = tanh(U @ x[t] + W @ h_{{t-1}} + b)
  - L = half_squared_error(V @ h_{T}, y[{T}])"""
ENCODER = """
  - for t in 1..{T}:
      - h_t = tanh(U @ x[t] + W @ h_{{t-1}} + b)
  - k_0 = W @ h_{T}
  - for s in 1..{T}:
      - k_s = tanh(W @ k_{{s-1}})
      - o_s = V @ k_s + c
  - L = sum(s in 1..{T}, sum((o_s - y[s])^2))"""
EQUATIONS = {"every": EVERY_STEP, "lstm": LSTM, "last": LAST_STEP, "encoder": ENCODER}


def network(kind: str, steps: int) -> Trace:
    """A worked problem over time."""
    v = drawn(20 + steps, steps)
    if kind == "lstm":
        v["k_0"] = np.array([0.5, -1, 0.25])
    return worked(file_of(v, EQUATIONS[kind].format(T=steps)))


def at(step: int, over: OverTime, known: Mapping[str, Array]) -> dict[str, Array]:
    """What the names in the letter stand for at a step: h_t, h_{t-1}, x_t, dL/dz_{t+1}."""

    def lettered(number: int) -> str:
        offset = number - step
        return over.letter if not offset else f"{{{over.letter}{offset:+d}}}"

    found = dict(known)
    for name, value in known.items():
        renamed = re.sub(r"_(\d+)(?=/|$)", lambda match: f"_{lettered(int(match[1]))}", name)
        found[renamed] = value
    for name in ("x", "y"):
        found |= {f"{name}_{lettered(row)}": each for row, each in enumerate(known[name], 1)}
    return found


def values_of(trace: Trace) -> dict[str, Array]:
    """Every value, what is given included."""
    found = {name: given.value for name, given in trace.given.items()}
    return found | {step.id: step.value for step in trace.steps if step.value is not None}


@pytest.mark.parametrize("kind", EQUATIONS)
@pytest.mark.parametrize("steps", [2, 3, 5])
def test_one_formula_gives_every_step(kind: str, steps: int) -> None:
    trace = network(kind, steps)
    known = values_of(trace)
    blocks = [each for each in in_blocks(trace, trace.steps) if isinstance(each, Block)]
    assert any(block.through_time for block in blocks)
    tried = 0
    for block in blocks:
        for family in block.families:
            for form in family.forms:
                for t in form.steps:
                    names = at(t, block.over, known)
                    parts = [
                        part for part in (*form.own, *form.later) if set(symbols(part)) <= {*names}
                    ]
                    left_out = [part for part in form.later if part not in parts]
                    assert not left_out or t == block.over.last
                    assert len(parts) + len(left_out) == len(form.own) + len(form.later)
                    total = sum(np.asarray(evaluate(part, names)) for part in parts)
                    np.testing.assert_allclose(total, known[family.ids[t]], rtol=1e-12, atol=1e-15)
                    tried += 1
    assert tried >= steps


@pytest.mark.parametrize("kind", EQUATIONS)
def test_the_sum_over_time_is_the_gradient(kind: str) -> None:
    trace = network(kind, 4)
    known = values_of(trace)
    found = 0
    for step in trace.steps:
        for over in trace.over_time:
            whole = summed(step.expr, over, 1) if step.phase == "backward" else None
            if whole is not None:
                (body,) = whole.args if isinstance(whole, Op) else ()
                total = sum(np.asarray(evaluate(body, at(t, over, known))) for t in over.steps)
                np.testing.assert_allclose(total, known[step.id], rtol=1e-12, atol=1e-15)
                found += 1
    assert found >= 2


def test_each_step_stands_behind_what_it_needs() -> None:
    for kind in EQUATIONS:
        trace = network(kind, 3)
        done = set(trace.given)
        for each in in_blocks(trace, trace.steps):
            if isinstance(each, Block):
                ids = {id for family in each.families for id in family.ids.values()}
                used = {name for id in ids for name in symbols(trace.step(id).expr)} - ids
                done |= ids
            else:
                used = set(symbols(each.expr))
                done.add(each.id)
            assert used <= done


def test_a_step_that_is_unlike_the_others_is_not_said_by_their_formula() -> None:
    trace = worked(
        file_of(
            drawn(1, 4),
            """
  - for t in 1..4:
      - h_t = tanh(U @ x[t] + W @ h_{t-1} + b)
  - L = sum(h_4) + sum((V @ h_2)^2)""",
        )
    )
    ids = {step.id for step in trace.steps if step.id.startswith("dL/dh_")}
    units = in_blocks(trace, trace.steps)
    assert ids <= {each.id for each in units if not isinstance(each, Block)}


# On the page --------------------------------------------------------------------------------------


def printed(*options: str, kind: str = "every", numbers: bool = True) -> str:
    v = drawn(3, 3, units=2)
    text = file_of(
        v, EQUATIONS[kind].format(T=3), convention="{output_gradient: fused}", train="[U, W, b, V]"
    )
    command = "solve" if numbers else "derive"
    result = CliRunner().invoke(main, [command, "-", "--width", "80", *options], input=text)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_it_reads_as_people_write_it() -> None:
    page = " ".join(printed().split())
    for line in (
        "δₜ from the end to the start",
        "∂L/∂hₜ = Vᵀ ∂L/∂oₜ + Wᵀ δₜ₊₁",
        "δₜ = ∂L/∂hₜ ⊙ (1 − hₜ²)",
        "δₜ = ∂L/∂zₜ, and δ₄ = 0",
        "t Vᵀ ∂L/∂oₜ Wᵀ δₜ₊₁ ∂L/∂hₜ δₜ",
        "∂L/∂oₜ = pₜ − yₜ",
        "∂L/∂W = Σₜ δₜ hₜ₋₁ᵀ = δ₃ h₂ᵀ + δ₂ h₁ᵀ + δ₁ h₀ᵀ",
        "∂L/∂U = Σₜ δₜ xₜᵀ = δ₃ x₃ᵀ + δ₂ x₂ᵀ + δ₁ x₁ᵀ",
        "∂L/∂b = Σₜ δₜ = δ₃ + δ₂ + δ₁",
    ):
        assert line in page
    assert "h_1" not in page  # names are printed, not written


def test_the_table_holds_the_values_of_each_step() -> None:
    v = drawn(23, 3)
    trace = worked(file_of(v, EVERY_STEP.format(T=3)))
    page = CliRunner().invoke(
        main, ["solve", "-", "--width", "160", "--precision", "6"],
        input=file_of(v, EVERY_STEP.format(T=3)),
    ).stdout  # fmt: skip
    known = values_of(trace)
    lines = [line.replace("−", "-").split() for line in page.splitlines()]
    for t in (1, 2, 3):
        own = v["V"].T @ known[f"dL/do_{t}"]
        later = v["W"].T @ known[f"dL/dz_{t + 1}"] if t < 3 else np.zeros(3)
        numbers = [*own, *later, *known[f"dL/dh_{t}"], *known[f"dL/dz_{t}"]]
        rows = [line for line in lines if line[:1] == [str(t)] and len(line) == 13]
        assert any(
            np.allclose([float(text) for text in row[1:]], numbers, atol=6e-7) for row in rows
        )


def test_long_detail_has_every_step_and_the_table() -> None:
    page = " ".join(printed("--detail", "long").split())
    assert "δₜ from the end to the start" in page
    for t in (1, 2, 3):
        assert f"∂L/∂h{'₀₁₂₃'[t]} = " in page
        assert f"δ{'₀₁₂₃'[t]} = ∂L/∂h{'₀₁₂₃'[t]} ⊙" in page


@pytest.mark.parametrize("kind", EQUATIONS)
@pytest.mark.parametrize("format_", ["text", "markdown", "latex", "html"])
@pytest.mark.parametrize("command", ["solve", "derive"])
def test_every_format_has_it(kind: str, format_: str, command: str) -> None:
    v = drawn(3, 3) | ({"k_0": np.zeros(3)} if kind == "lstm" else {})
    text = file_of(v, EQUATIONS[kind].format(T=3))
    result = CliRunner().invoke(main, [command, "-", "--format", format_], input=text)
    assert result.exit_code == 0, result.output
    assert "from the end to the start" in result.stdout


def test_a_page_in_ascii() -> None:
    page = printed("--ascii")
    assert page.isascii()
    assert "dL/dh_t = V.T @ dL/do_t + W.T @ delta_{t+1}" in page


def test_a_quantity_called_delta_keeps_its_name() -> None:
    text = file_of(
        drawn(3, 2) | {"delta": np.array(2.0)},
        """
  - for t in 1..2:
      - z_t = U @ x[t] + delta * h_{t-1}
      - h_t = tanh(z_t)
  - L = sum(h_2)""",
    )
    page = CliRunner().invoke(main, ["solve", "-"], input=text).stdout
    assert "∂L/∂zₜ = ∂L/∂hₜ ⊙ (1 − hₜ²)" in page
    assert "δₜ" not in page


def test_letters_are_renamed_back_to_every_step() -> None:
    """What stands in the letter is the step's own formula, name by name."""
    trace = network("every", 3)
    (block,) = [
        each
        for each in in_blocks(trace, trace.steps)
        if isinstance(each, Block) and each.through_time
    ]
    family = next(each for each in block.families if each.base == "z")
    back = rewrite(
        family.forms[0].expr,
        lambda node: Sym(node.name.replace("_t", "_2")) if isinstance(node, Sym) else None,
    )
    assert plain(back) == plain(trace.step("dL/dz_2").expr)


# What is a matrix at each step --------------------------------------------------------------------

BATCH = """
values:
  x_1: [[1], [0]]
  x_2: [[-1], [2]]
  h_0: [[0, 0], [0, 0]]
  y: [1, -1]
  U: [[0.5, -0.5]]
  W: [[0.2, 0.1], [-0.3, 0.5]]
  v: [1, -1]
equations:
  - for t in 1..2:
      - h_t = tanh(x_t @ U + h_{t-1} @ W)
      - l_t = sum((h_t @ v - y)^2)
  - L = sum(t in 1..2, l_t)
"""


def test_matrices_over_time_are_shown_for_each_step() -> None:
    """Backward through two steps of two samples, in plain NumPy."""
    x, y = (np.array([[1.0], [0]]), np.array([[-1.0], [2]])), np.array([1, -1])
    u, w, v = np.array([[0.5, -0.5]]), np.array([[0.2, 0.1], [-0.3, 0.5]]), np.array([1, -1])
    first = np.tanh(x[0] @ u)
    second = np.tanh(x[1] @ u + first @ w)
    last = np.outer(2 * (second @ v - y), v)
    before = np.outer(2 * (first @ v - y), v) + (last * (1 - second**2)) @ w.T
    text = backprop.load(BATCH).solve().render("text", width=80)
    backward = text.partition("Backward")[2].partition("∂L/∂v")[0]
    for value in (*last.ravel(), *before.ravel()):
        assert f"{abs(value):.4f}" in backward


def test_the_jacobian_of_a_softmax_is_said_once_for_all_steps() -> None:
    text = """
values: {x: [[1, 0], [0, 2], [1, 1]], y: [[0, 1], [1, 0], [0, 1]], W: [[1, -1], [0.5, 0]]}
equations:
  - for t in 1..3:
      - o_t = W @ x[t]
      - p_t = softmax(o_t)
  - L = sum(t in 1..3, cross_entropy(p_t, y[t]))
"""
    shown = backprop.load(text).solve().render("text", width=80)
    assert shown.count("diag(p") == 1
    assert "∂pₜ/∂oₜ = diag(pₜ) − pₜ pₜᵀ" in shown
    e = np.exp(np.array([[1, 0.5], [-2, 0], [0, 0.5]]))
    for p, q in e / e.sum(axis=1, keepdims=True):
        assert f"−{p * q:.4f}" in shown.partition("∂pₜ/∂oₜ")[2].partition("∂L/∂oₜ")[0]


LAYERS = """
x: [[1], [-1]]
input: sequence
y: [[0.5], [1]]
layers:
  - type: lstm
    input_weights: {i: 0.5, f: 1, o: -0.5, g: 2}
    recurrent_weights: {i: 1, f: 0.2, o: 0.3, g: -1}
    bias: {i: 0, f: 1, o: 0.5, g: 0.1}
    initial: {h: 0.1, c: 0.2}
loss: half-squared-error
update: {rule: sgd, learning_rate: 0.1}
"""


def test_all_steps_in_one_matrix_are_left_out_after_an_update_as_before_it() -> None:
    solution = backprop.load(LAYERS).solve()
    page = solution.render("text")
    assert "Ŷ" not in page
    assert "Ŷ⁺ = " in solution.render("text", only="Yhat_new")
    assert (solution["Yhat_new"] == [solution["H1_1_new"], solution["H1_2_new"]]).all()


def test_what_is_given_of_a_gate_is_said_by_its_name() -> None:
    page = backprop.load(LAYERS).solve().render("text")
    assert re.search(r"U¹_f +input weights of layer 1, gate f ", page)
    assert re.search(r"W¹ᵢ +recurrent weights of layer 1, gate i ", page)
    assert re.search(r"b¹_g +bias of layer 1, gate g ", page)
    assert re.search(r"c¹₀ +cell of layer 1 before step 1 ", page)
    assert re.search(r"H¹₀ +state of layer 1 before step 1 ", page)


# Two steps back ---------------------------------------------------------------------------------

TWO_BACK = """
values:
  x: [[0.5], [-1], [2], [0.3], [1], [-0.4]]
  y: [[0, 1], [0, 0], [1, -1], [0.5, 0], [0, 0.2], [1, 0]]
  U: [[0.4], [-0.2]]
  W: [[0.1, 0.6], [-0.4, 0.3]]
  V: [[0.3, -0.2], [0.5, 0.1]]
  h_0: [0.1, 0]
  h_1: [0, -0.2]
equations:
  - for t in 2..6:
      - z_t = U @ x[t] + W @ h_{t-1} + V @ h_{t-2}
      - h_t = tanh(z_t)
  - L = sum(t in 2..6, sum((h_t - y[t])^2) / 2)
train: [U, W, V]
"""


def two_back(v: Mapping[str, Array]) -> float:
    h, loss = {0: v["h_0"], 1: v["h_1"]}, 0.0
    for t in range(2, 7):
        h[t] = np.tanh(v["U"] @ v["x"][t - 1] + v["W"] @ h[t - 1] + v["V"] @ h[t - 2])
        loss += ((h[t] - v["y"][t - 1]) ** 2).sum() / 2
    return loss


def test_a_state_two_steps_back_is_one_formula_for_all_steps() -> None:
    """Values are those of a loop, gradients its differences; δ is 0 at two steps behind the end."""
    solution = backprop.load(TWO_BACK).solve()
    v = {name: solution[name] for name in ("x", "y", "U", "W", "V", "h_0", "h_1")}
    assert float(solution["L"]) == pytest.approx(two_back(v), rel=1e-12)
    for name in ("U", "W", "V"):
        for place in np.ndindex(v[name].shape):
            step = np.zeros_like(v[name])
            step[place] = 1e-6
            above, below = (two_back({**v, name: v[name] + sign * step}) for sign in (1, -1))
            slope = (above - below) / 2e-6
            assert solution[f"dL/d{name}"][place] == pytest.approx(slope, rel=1e-6, abs=1e-8)
    page = solution.render("text")
    assert "∂L/∂hₜ = hₜ − yₜ + Vᵀ δₜ₊₂ + Wᵀ δₜ₊₁\n" in page
    assert "δₜ = ∂L/∂zₜ, and δ₇ = δ₈ = 0" in page
    assert "for t = 6" not in page
    assert "∂L/∂V = Σₜ δₜ hₜ₋₂ᵀ" in page


def test_a_state_two_steps_back_for_any_number_of_steps() -> None:
    shapes = "x: [T, d], y: [T, n], h_0: [n], h_1: [n], U: [n, d], W: [n, n], V: [n, n]"
    head, _, rest = TWO_BACK.partition("equations:")
    assert "values" in head
    page = (
        backprop.load(f"shapes: {{{shapes}}}\nequations:{rest.replace('2..6', '2..T')}")
        .derive()
        .render("text")
    )
    assert "for t = T, …, 2, and 0 behind the last step, at T+1 and T+2" in page
    assert "δₜ₊₂ (n)" in page
    assert "hₜ₋₂ (n)" in page
    assert "T-1" not in page


def test_a_start_that_is_worked_out_for_any_number_of_steps() -> None:
    """By the formulas of the page in NumPy, for five steps, against the gradient in numbers."""
    rng = np.random.default_rng(6)
    shapes = {"U": (2, 3), "W": (2, 2), "A": (2, 2), "s": (2,), "y": (2,), "X": (5, 3)}
    given = {name: rng.normal(size=shape).round(1) for name, shape in shapes.items()}
    equations = """
equations:
  - h_0 = tanh(A @ s)
  - for t in 1..{T}:
      - h_t = tanh(U @ X[t] + W @ h_{{t-1}})
  - L = sum((h_{T} - y)^2) / 2
"""
    letters = "shapes: {U: [N, M], W: [N, N], A: [N, P], s: [P], y: [N], X: [T, M]}"
    page = backprop.load(letters + equations.format(T="T")).derive().render("text")
    assert "h₀ = tanh(A s)" in page
    assert "∂L/∂h₀ = Wᵀ (∂L/∂h₁ ⊙ (1 − h₁²))" in page
    assert "∂L/∂A = (∂L/∂h₀ ⊙ (1 − h₀²)) sᵀ" in page
    values = {name: value.tolist() for name, value in given.items()}
    found = backprop.load(f"values: {values}" + equations.format(T=5)).solve()
    w, h = given["W"], {t: np.asarray(found[f"h_{t}"]) for t in range(6)}
    slope = h[5] - given["y"]
    for t in range(5, 0, -1):
        slope = w.T @ (slope * (1 - h[t] ** 2))
    np.testing.assert_allclose(found["dL/dh_0"], slope, rtol=1e-9)
    np.testing.assert_allclose(
        found["dL/dA"], np.outer(slope * (1 - h[0] ** 2), given["s"]), rtol=1e-9
    )


DOWN = """
equations:
  - h_{{{T}+1}} = tanh(A @ s)
  - for t in {T}..1:
      - z_t = U @ X[t] + W @ h_{{t+1}}
      - h_t = tanh(z_t)
      - o_t = V @ h_t
  - L = sum(t in 1..{T}, half_squared_error(o_t, y[t]))
"""


def test_any_number_of_steps_from_the_last_to_the_first() -> None:
    """The recursion of the page in NumPy, for five steps, against the gradients in numbers."""
    letters = "shapes: {U: [N, M], W: [N, N], V: [K, N], A: [N, P], s: [P], y: [T, K], X: [T, M]}"
    page = backprop.load(letters + DOWN.format(T="T")).derive().render("text")
    for line in (
        "for t = T, …, 1",
        "∂L/∂hₜ  from the first step to the last",
        "∂L/∂hₜ = Vᵀ ∂L/∂oₜ + Wᵀ δₜ₋₁",
        "for t = 1, …, T, and 0 before the first step, at 0",
        "∂L/∂U = Σₜ δₜ Xₜᵀ",
        "∂L/∂W = Σₜ δₜ hₜ₊₁ᵀ",
        "∂L/∂h[T+1] = Wᵀ δ_T",
        "∂L/∂A = (∂L/∂h[T+1] ⊙ (1 − h[T+1]²)) sᵀ",
    ):
        assert line in page
    rng = np.random.default_rng(8)
    shapes = {"U": (2, 3), "W": (2, 2), "V": (1, 2), "A": (2, 2), "s": (2,), "y": (5, 1)}
    given = {name: rng.normal(size=shape).round(1) for name, shape in shapes.items()}
    given["X"] = rng.normal(size=(5, 3)).round(1)
    values = {name: value.tolist() for name, value in given.items()}
    numbers = DOWN.format(T=5).replace("{5+1}", "6")
    found = backprop.load(f"values: {values}" + numbers).solve()
    h = {t: np.asarray(found[f"h_{t}"]) for t in range(1, 7)}
    delta, slopes = np.zeros(2), {"U": np.zeros((2, 3)), "W": np.zeros((2, 2))}
    for t in range(1, 6):
        o = given["V"] @ h[t]
        delta = (given["V"].T @ (o - given["y"][t - 1]) + given["W"].T @ delta) * (1 - h[t] ** 2)
        slopes["U"] += np.outer(delta, given["X"][t - 1])
        slopes["W"] += np.outer(delta, h[t + 1])
    start = given["W"].T @ delta
    slopes["A"] = np.outer(start * (1 - h[6] ** 2), given["s"])
    for name, wanted in slopes.items():
        np.testing.assert_allclose(found[f"dL/d{name}"], wanted, rtol=1e-9, err_msg=name)


def test_what_is_of_the_first_step_alone_begins_the_way_up() -> None:
    letters = "shapes: {U: [N, M], W: [N, N], A: [N, P], s: [P], y: [N], X: [T, M]}"
    whole, _, _ = DOWN.partition("      - o_t")
    text = letters + whole.format(T="T") + "  - L = sum((h_1 - y)^2) / 2\n"
    page = backprop.load(text).derive().render("text")
    assert "∂L/∂h₁ = h₁ − y" in page
    assert "for t = 2, …, T" in page
    with pytest.raises(backprop.Error, match="h_2 is of one step"):
        backprop.load(text.replace("h_1 - y", "h_2 - y")).derive()
