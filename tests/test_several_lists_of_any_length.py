"""Several lists over time in letters: each line holds at every number of steps."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from test_any_length import value
from test_time import file_of, values_of, worked

from backprop_cli.cli import main

BIDIRECTIONAL = """
  - for t in 1..T:
      - z_t = U @ x[t] + W @ h_{t-1}
      - h_t = tanh(z_t)
  - g_{T+1} = tanh(r)
  - for t in T..1:
      - g_t = tanh(A @ x[t] + B @ g_{t+1})
  - for t in 1..T:
      - o_t = V @ h_t + R @ g_t
  - L = sum(t in 1..T, half_squared_error(o_t, y[t]))
"""
STACKED = """
  - for t in 1..T:
      - h_t = tanh(U @ x[t] + W @ h_{t-1})
  - for t in 1..T:
      - g_t = tanh(A @ h_t + B @ g_{t-1} + D @ h_{t-1})
  - L = sum(t in 1..T, half_squared_error(g_t, y[t])) + sum(h_T^2)
"""
TRANSLATING = """
  - for s in 1..S:
      - h_s = tanh(U @ x[s] + W @ h_{s-1})
  - g_0 = C @ h_S
  - for t in 1..T:
      - g_t = tanh(B @ g_{t-1} + D @ y[t])
      - o_t = V @ g_t
  - L = c[2] * sum(t in 1..T, half_squared_error(o_t, y[t])) + sum(s in 1..S, sum(h_s^2)) / c[1]
"""
LISTS = {
    "both ways": (
        BIDIRECTIONAL,
        "x: T d, y: T k, h_0: n, U: n d, W: n n, A: m d, B: m m, V: k n, R: k m, r: m",
    ),
    "one above the other": (
        STACKED,
        "x: T d, y: T m, h_0: n, g_0: m, U: n d, W: n n, A: m n, B: m m, D: m n",
    ),
    "one behind the other": (
        TRANSLATING,
        "x: S d, y: T k, h_0: n, U: n d, W: n n, C: m n, B: m m, D: m k, V: k m, c: 2",
    ),
    "of equal length": (
        re.sub(r"(?<![a-z])s(?![a-z])", "t", TRANSLATING.replace("S", "T")),
        "x: T d, y: T k, h_0: n, U: n d, W: n n, C: m n, B: m m, D: m k, V: k m, c: 2",
    ),
}  # fmt: skip
SIZES = {"d": 2, "k": 2, "n": 3, "m": 2, "2": 2}


def derived(kind: str) -> dict[str, Any]:
    equations, shapes = LISTS[kind]
    sizes = re.sub(
        r"(\w+): ([\w ]+)", lambda one: f"{one[1]}: [{', '.join(one[2].split())}]", shapes
    )
    text = f"shapes: {{{sizes}}}\nequations:{equations}"
    result = CliRunner().invoke(main, ["derive", "-", "--format", "json"], input=text)
    assert result.exit_code == 0, result.output
    data: dict[str, Any] = json.loads(result.stdout)
    return data


def with_numbers(kind: str, lasts: dict[str, int]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Drawn values, and all that is worked out of them step by step."""
    equations, shapes = LISTS[kind]
    draw = np.random.default_rng(sum(lasts.values()))
    sizes = SIZES | lasts
    v = {
        name: draw.normal(scale=0.6, size=[sizes[size] for size in shape.split()]).round(3)
        for name, shape in re.findall(r"(\w+): ([\w ]+)", shapes)
    }
    return v, values_of(worked(file_of(v, in_numbers(equations, lasts).strip("\n"))))


def in_numbers(text: str, lasts: dict[str, int]) -> str:
    """`1..T` as `1..5`, h_T as h_5, g_{T+1} as g_6."""
    for letter, last in lasts.items():
        text = re.sub(rf"\b{letter}\.\.1", f"{last}..1", text.replace(f"1..{letter}", f"1..{last}"))
        text = re.sub(rf"_\{{{letter}\+(\d)\}}", lambda found: f"_{last + int(found[1])}", text)  # noqa: B023
        text = re.sub(rf"_{letter}(?!\w)", f"_{last}", text)
    return text


def at(text: str, letter: str, t: int) -> str:
    """A formula at a step."""
    text = re.sub(rf"_\{{{letter}([+-]\d+)\}}", lambda found: f"_{t + int(found[1])}", text)
    return re.sub(rf"_{letter}(?!\w)", f"_{t}", text)


def written_out(formula: str) -> str:
    """Each sum over steps as its terms."""
    while found := re.search(r"sum\((\w) in 1\.\.(\d+), ", formula):
        end, depth = found.end(), 1
        while depth:
            depth += {"(": 1, ")": -1}.get(formula[end], 0)
            end += 1
        inside = formula[found.end() : end - 1]
        terms = " + ".join(f"({at(inside, found[1], t)})" for t in range(1, int(found[2]) + 1))
        formula = f"{formula[: found.start()]}({terms}){formula[end:]}"
    return formula


@pytest.mark.parametrize("last", [3, 4, 6])
@pytest.mark.parametrize("kind", LISTS)
def test_each_line_holds(kind: str, last: int) -> None:
    data = derived(kind)
    lasts = {ends["last"]: last + (letter == "s") for letter, ends in data["indices"].items()}
    given, known = with_numbers(kind, lasts)
    known |= given
    for name in ("x", "y", "dL/dx", "dL/dy"):
        known |= {f"{name}_{t}": row for t, row in enumerate(known[name], start=1)}
    for name in [name for name in known if re.fullmatch(r"(dL/d)?[a-z]_\d", name)]:
        base = name.rpartition("_")[0]
        known |= {
            f"{base}_{t}": np.zeros_like(known[name])
            for t in (0, *(one + 1 for one in lasts.values()))
            if f"{base}_{t}" not in known
        }
    lines = {each["left"]: each["lines"][-1]["formula"] for each in data["chains"]}
    lines = {
        left: formula for left, formula in lines.items() if left.startswith("dL") or "/" not in left
    }
    checked = 0
    for left, formula in lines.items():
        letter = next((one for one in data["indices"] if re.search(rf"_{one}(?!\w)", left)), "")
        steps = [1]
        if letter:
            length = data["indices"][letter]["last"]
            apart = re.sub(rf"_{letter}(?!\w)", f"_{length}", left) in lines
            steps = [*range(1, lasts[length] + 1 - apart)]
        for t in steps:
            wanted = (
                known[at(in_numbers(left, lasts), letter, t)]
                if letter
                else known[in_numbers(left, lasts)]
            )
            at_this = (
                at(in_numbers(formula, lasts), letter, t) if letter else in_numbers(formula, lasts)
            )
            found = value(written_out(at_this), known)
            np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12, err_msg=f"{left} {t}")
            checked += 1
    assert checked > 5 * last
    assert {"dL/dU", "dL/dW", "dL/dB", "dL/dh_0"} <= {*lines}


SAME_LETTER = re.sub(r"(?<![a-z])s(?![a-z])", "t", TRANSLATING)
LETTERS = "h_0: [n], U: [n, d], W: [n, n], c: [2], C: [m, n], B: [m, m], V: [k, m], A: [m, n]"


@pytest.mark.parametrize(
    ("equations", "sizes", "said"),
    [
        (SAME_LETTER, "x: [S, d], y: [T, k], D: [m, k]", "t runs from 1 to S in one list"),
        (
            TRANSLATING.replace("1..S", "1..3").replace("h_S", "h_3"),
            "x: [S, d], y: [T, k], D: [m, k]",
            "one list over time has a number of steps, and another a letter",
        ),
        (
            STACKED.replace("h_T^2", "h_2^2"),
            "x: [T, d], y: [T, m], D: [m, n], g_0: [m]",
            "h_2 is of one step, and their number is the letter T",
        ),
    ],
)  # fmt: skip
def test_what_is_refused(equations: str, sizes: str, said: str) -> None:
    text = f"shapes: {{{sizes}, {LETTERS}}}\nequations:{equations}"
    result = CliRunner().invoke(main, ["derive", "-"], input=text)
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())


def test_stacked_lists_of_a_number_of_steps_are_one_formula_each() -> None:
    given, _ = with_numbers("one above the other", {"T": 3})
    text = file_of(given, in_numbers(STACKED, {"T": 3}).strip("\n"))
    page = CliRunner().invoke(main, ["solve", "-"], input=text).stdout
    for line in (
        "∂L/∂gₜ = gₜ − yₜ + Bᵀ (∂L/∂gₜ₊₁ ⊙ (1 − gₜ₊₁²))",
        "∂L/∂A = Σₜ (∂L/∂gₜ ⊙ (1 − gₜ²)) hₜᵀ",
        "∂L/∂D = Σₜ (∂L/∂gₜ ⊙ (1 − gₜ²)) hₜ₋₁ᵀ",
    ):
        assert line in page
