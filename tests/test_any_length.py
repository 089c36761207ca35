"""Backpropagation through any number of steps in letters, checked by number at several."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from test_time import EVERY_STEP, drawn, file_of, values_of, worked

from backprop_cli.cli import main
from backprop_cli.problem.text.calls import Dialect
from backprop_cli.problem.text.parser import parse
from backprop_cli.readings.values import evaluate

LETTERS = Path(__file__).resolve().parent.parent / "problems" / "letters"
LAST_STEP = """shapes: {x: [T, d], y: [k], h_0: [n], U: [n, d], W: [n, n], b: [n], V: [k, n]}
equations:
  - for t in 1..T:
      - z_t = U @ x[t] + W @ h_{t-1} + b
      - h_t = tanh(z_t)
  - o = V @ h_T
  - L = half_squared_error(o, y)
train: [U, W, b, V]
"""


def derived(text: str, *options: str) -> str:
    result = CliRunner().invoke(main, ["derive", "-", "--width", "80", *options], input=text)
    assert result.exit_code == 0, result.output
    return result.stdout


def formulas(text: str) -> dict[str, str]:
    """The formula of each quantity."""
    data = json.loads(derived(text, "--format", "json"))
    assert data["indices"] == {"t": {"first": 1, "last": "T"}}
    return {chain["left"]: chain["lines"][-1]["formula"] for chain in data["chains"]}


def at_step(formula: str, t: int, last: int) -> str:
    """A formula at a step: h_{t-1} as h_1 where t is 2, x_t as x[2]."""
    named = re.sub(r"_\{t([+-]\d+)\}", lambda found: f"_{t + int(found[1])}", formula)
    named = re.sub(r"_t(?!\w)", f"_{t}", named)
    named = re.sub(r"_T(?!\w)", f"_{last}", named)
    return re.sub(r"\b([xy])_(\d+)", r"\1[\2]", named)


def value(formula: str, known: dict[str, Any]) -> Any:
    expr = parse(formula, Dialect(compound=set(known), all_operations=True))
    return np.asarray(evaluate(expr, known))


@pytest.mark.parametrize("last", [3, 5])
@pytest.mark.parametrize("of_all", [False, True])
@pytest.mark.parametrize("kind", ["every step", "last step"])
def test_each_line_holds_at_every_step(kind: str, of_all: bool, last: int) -> None:
    """Of what is trained, and, where that is not said, of the data and the start as well."""
    v = drawn(50 + last, last)
    if kind == "every step":
        text = (LETTERS / "through-time.yaml").read_text(encoding="utf-8")
        numbers = EVERY_STEP.format(T=last).replace(" + c", "")
    else:
        text = LAST_STEP
        v["y"] = v["y"][0]
        body = LAST_STEP.partition("equations:\n")[2].partition("train")[0]
        numbers = body.replace("1..T", f"1..{last}").replace("h_T", f"h_{last}").rstrip()
    del v["c"]
    if of_all:
        text = re.sub(r"\ntrain:.*", "", text)
    trace = worked(file_of(v, numbers))
    known = values_of(trace) | {name: given.value for name, given in trace.given.items()}
    known |= {f"dL/d{base}_{last + 1}": np.zeros(3) for base in "zh"}
    rows = [name for name in ("dL/dx", "dL/dy") if of_all and np.ndim(known[name]) == 2]
    known |= {f"{name}_{t + 1}": row for name in rows for t, row in enumerate(known[name])}
    checked = 0
    for left, formula in formulas(text).items():
        total = re.fullmatch(r"sum\(t in 1\.\.T, (.*)\)", formula)
        if total is not None:
            found = sum(value(at_step(total[1], t, last), known) for t in range(1, last + 1))
            np.testing.assert_allclose(found, known[left], rtol=1e-9, atol=1e-12)
            checked += 1
            continue
        alone = "_t" not in left
        end = last - (kind == "last step" and left == "dL/dh_t")
        for t in [last] if alone else range(1, end + 1):
            found = value(at_step(formula, t, last), known)
            wanted = known[at_step(left, t, last)]
            np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12, err_msg=left)
            checked += 1
    assert checked > 4 * last
    assert not of_all or {"dL/dx_t", "dL/dh_0"} <= {*formulas(text)}


def test_the_recursion_reads_as_in_a_textbook() -> None:
    page = " ".join(derived((LETTERS / "through-time.yaml").read_text(encoding="utf-8")).split())
    for line in (
        "zₜ = U xₜ + W hₜ₋₁ + b",
        "∂L/∂oₜ = pₜ − yₜ",
        "∂L/∂hₜ = Vᵀ ∂L/∂oₜ + Wᵀ δₜ₊₁",
        "δₜ = ∂L/∂hₜ ⊙ (1 − hₜ²)",
        "∂L/∂W = Σₜ δₜ hₜ₋₁ᵀ",
        "∂L/∂U = Σₜ δₜ xₜᵀ",
    ):
        assert line in page
    assert "h₄" not in page


def written_out(formula: str, last: int) -> str:
    """Each sum over t in a formula as its terms."""
    before, is_sum, behind = formula.partition("sum(t in 1..T, ")
    if not is_sum:
        return at_step(formula, last, last)
    depth, end = 1, 0
    while depth:
        depth += {"(": 1, ")": -1}.get(behind[end], 0)
        end += 1
    terms = (f"({at_step(behind[: end - 1], t, last)})" for t in range(1, last + 1))
    rest = written_out(behind[end:], last)
    return f"{at_step(before, last, last)}({' + '.join(terms)}){rest}"


TANH = "h_t = tanh(w * h_{t-1} + x[t])"
SUMS = {
    "half a sum": ("h_t = r * h_{t-1} + w * x[t]", "L = sum(t in 1..T, (h_t - y[t])^2) / 2"),
    "beside the last": (TANH, "L = sum(t in 1..T, h_t * y[t]) + h_T"),
    "both named": (TANH, "A = sum(t in 1..T, (h_t - y[t])^2)", "L = A + r * h_T"),
    "in a root": (TANH, "S = sum(t in 1..T, (h_t - y[t])^2)", "L = sqrt(S)"),
    "a penalty": (TANH, "L = sum(t in 1..T, (h_t - y[t])^2) + r * w^2 + h_T * w"),
    "the start again": ("h_t = w * h_{t-1}^2 + x[t] * h_{t-1}", "L = (h_T - r)^2"),
    "in no size": ("h_t = h_{t-1} + tanh(w * h_{t-1})", "L = (h_T - r)^2"),
    "in no size, with a mean": (
        "z_t = w * h_{t-1}",
        "h_t = h_{t-1} + r * sigmoid(z_t)",
        "L = h_T + mean(t in 1..T, h_t^2)",
    ),
    "the last is apart": (TANH, "L = r * sum(t in 1..T, h_t^2) + h_T^2 * w"),
}


@pytest.mark.parametrize("last", [3, 4])
@pytest.mark.parametrize("trained", [(), ("w",)])
@pytest.mark.parametrize("kind", SUMS)
def test_sums_stand_wherever_the_loss_has_them(
    kind: str, trained: tuple[str, ...], last: int
) -> None:
    steps = "".join(
        f"      - {each}\n" if "_t =" in each else f"  - {each}\n" for each in SUMS[kind]
    )
    body = f"  - for t in 1..T:\n{steps}"
    drawn_ = np.random.default_rng(last).uniform(0.2, 0.9, (2, last))
    v: dict[str, Any] = {"x": drawn_[0], "y": drawn_[1], "w": 0.7, "r": 0.4, "h_0": 0.3}
    v = {name: np.asarray(each) for name, each in v.items() if re.search(rf"\b{name}\b", body)}
    v["h_0"] = np.asarray(0.3)
    sizes = ", ".join(f"{name}: [{'T' if each.ndim else ''}]" for name, each in v.items())
    keys = {"train": f"[{', '.join(trained)}]"} if trained else {}
    rest = "".join(f"{key}: {each}\n" for key, each in keys.items())
    found = formulas(f"shapes: {{{sizes}}}\nequations:\n{body}{rest}")

    trace = worked(file_of(v, body.replace("..T", f"..{last}").replace("h_T", f"h_{last}"), **keys))
    known = values_of(trace) | {name: given.value for name, given in trace.given.items()}
    known |= {name: np.zeros(()) for name in (f"dL/dh_{last + 1}", f"h_{last + 1}")}
    known |= {"T": np.asarray(last), f"dL/dz_{last + 1}": np.zeros(())}
    for name in ("dL/dx", "dL/dy"):
        known |= {f"{name}_{t}": row for t, row in enumerate(known.get(name, ()), start=1)}
    checked = 0
    for left, formula in found.items():
        if "_t" not in left:
            wanted = known[at_step(left, last, last)]
            np.testing.assert_allclose(value(written_out(formula, last), known), wanted, rtol=1e-9)
            checked += 1
            continue
        for t in range(1, last + 1 - (left.replace("_t", "_T") in found)):
            wanted = known[at_step(left, t, last)]
            np.testing.assert_allclose(value(at_step(formula, t, last), known), wanted, rtol=1e-9)
            checked += 1
    assert checked > 2 * last
    wanted_names = {"dL/dh_0", "dL/dw", *(["dL/dx_t"] if "x" in v else [])}
    assert trained or wanted_names <= {*found}


@pytest.mark.parametrize("format_", ["text", "markdown", "latex", "html"])
def test_every_format(format_: str) -> None:
    assert "from the end to the start" in derived(LAST_STEP, "--format", format_)


@pytest.mark.parametrize(
    ("text", "options"),
    [
        (LAST_STEP.replace("h_T)", "h_T) + sum(h_2)").replace("V @ h_T", "V @ (h_T + h_2)"), ()),
        (LAST_STEP, ("--of", "L", "--wrt", "W")),
        (LAST_STEP.replace("1..T", "1..N"), ()),
        (LAST_STEP.replace("h_t = tanh(z_t)", "h_t = tanh(z_t + z_{t-1})"), ()),
        (LAST_STEP.replace("(o, y)", "(o, y) + ln(1 + sum(t in 1..T, sum(h_t)^2))"), ()),
    ],
)
def test_what_cannot_be_said_for_any_length_is_refused(text: str, options: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main, ["derive", "-", *options], input=text)
    assert result.exit_code == 2
    assert "instead:" in result.output


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("h_t = h_{t-1} + tanh(W @ h_{t-1} + x[t])", "`T` is no number here"),
        ("h_t = y * h_{t-1}", "`h_T` is not known"),
    ],
)
def test_steps_in_no_size_take_nothing_of_their_own(body: str, message: str) -> None:
    text = f"""shapes: {{W: [n, n], h_0: [n], y: [n], x: [m, n]}}
equations:
  - for t in 1..T:
      - {body}
  - L = half_squared_error(h_T, y)
"""
    other = text if "x[t]" in body else text.replace("1..T", "1..y")
    result = CliRunner().invoke(main, ["derive", "-"], input=other)
    assert result.exit_code == 2
    assert message in result.output


def test_a_longer_letter_counts_the_steps_as_well() -> None:
    def shapes(text: str) -> list[str]:
        lines = derived(text, "--ascii").splitlines()
        return [line.strip() for line in lines if line.lstrip().startswith("from ")]

    longer = re.sub(r"(for |x\[|_|_\{)t\b", r"\1tau", LAST_STEP)
    assert [line.replace("tau", "t") for line in shapes(longer)] == shapes(LAST_STEP) != []


NEXT = """shapes: {x: [T+1, d], U: [n, d], W: [n, n], V: [d, n], h_0: [n]}
equations:
  - for t in 1..T:
      - h_t = tanh(U @ x[t] + W @ h_{t-1})
      - e_t = V @ h_t - x[t+1]
  - L = sum(t in 1..T, dot(e_t, e_t)) / 2
train: [U, W, V]
"""


@pytest.mark.parametrize("last", [3, 5])
def test_a_step_may_take_the_next_entry_as_its_target(last: int) -> None:
    """With one entry more than steps; by central differences of the loss in plain NumPy."""
    rng = np.random.default_rng(last)
    sizes = {"x": (last + 1, 2), "U": (3, 2), "W": (3, 3), "V": (2, 3), "h_0": (3,)}
    known: dict[str, Any] = {name: rng.normal(size=size) for name, size in sizes.items()}

    def loss(v: dict[str, Any]) -> float:
        h, total = v["h_0"], 0.0
        for t in range(last):
            h = np.tanh(v["U"] @ v["x"][t] + v["W"] @ h)
            known[f"h_{t + 1}"], known[f"e_{t + 1}"] = h, v["V"] @ h - v["x"][t + 1]
            total += known[f"e_{t + 1}"] @ known[f"e_{t + 1}"] / 2
        return float(total)

    loss(known)
    said = formulas(NEXT)
    assert "x_{t+1}" in said["e_t"]
    known[f"dL/dh_{last + 1}"], known[f"h_{last + 1}"] = np.zeros(3), np.zeros(3)
    for t in range(last, 0, -1):
        known[f"dL/de_{t}"] = value(at_step(said["dL/de_t"], t, last), known)
        known[f"dL/dh_{t}"] = value(at_step(said["dL/dh_t"], t, last), known)
    for name in ("U", "W", "V"):
        found = value(written_out(said[f"dL/d{name}"], last), known)
        for place in np.ndindex(sizes[name]):
            step = np.zeros(sizes[name])
            step[place] = 1e-6
            up, down = (loss({**known, name: known[name] + way * step}) for way in (1, -1))
            np.testing.assert_allclose(found[place], (up - down) / 2e-6, rtol=1e-5, atol=1e-7)
        loss(known)


@pytest.mark.parametrize(("size", "taken"), [("T", "x[t+1]"), ("T-1", "x[t]"), ("T+1", "x[t+2]")])
def test_a_step_takes_no_entry_behind_the_last(size: str, taken: str) -> None:
    text = NEXT.replace("T+1, d", f"{size}, d").replace("- x[t+1]", f"- {taken}")
    result = CliRunner().invoke(main, ["derive", "-"], input=text)
    assert result.exit_code == 2
    assert "`x` ends where the steps do" in result.output


@pytest.mark.parametrize("size", ["T-T", "2-3", "T/2", "0*T"])
def test_a_size_that_is_none_is_refused(size: str) -> None:
    result = CliRunner().invoke(main, ["derive", "-"], input=NEXT.replace("T+1", size))
    assert result.exit_code == 2
    assert "Traceback" not in result.output
