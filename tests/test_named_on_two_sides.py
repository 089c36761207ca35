"""`np.where` with one thing wrong, where the problem adds up what there is on either side of 0."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import backprop_cli as backprop
from backprop_cli.algebra.expr import Op, Sym, num, op
from backprop_cli.grading.slips.program_pieces import as_a_choice

KINDS = ("float64", "float32")
FORMULAS = (
    "max(q, 0) + slope * min(q, 0)",
    "max(0, q) + slope * min(q, 0)",
    "relu(q) - slope * relu(-q)",
    "q * (q > 0) + slope * q * (q < 0)",
)
SLOPE = {"wrong-activation-derivative", "relu-derivative-wrong"}
"""The second says more exactly what the first says."""
Arrays = dict[str, Any]


def leaky(formula: str, kind: str) -> tuple[backprop.Problem, Arrays]:
    """One leaky layer and squares, by plain NumPy; no q is near to 0."""
    random = np.random.default_rng(61)
    x, u, v, t = (random.uniform(-1.5, 1.5, s).round(2) for s in ((5, 3), (3, 4), (4, 2), (5, 2)))
    values = {"X": x.tolist(), "U": u.tolist(), "V": v.tolist(), "T": t.tolist(), "slope": 0.23}
    lines = ["q = X @ U", f"r = {formula}", "s = r @ V", "J = sum((s - T)^2) / 10"]
    problem = backprop.load({"values": values, "train": ["U", "V"], "equations": lines})
    q = x @ u
    r = np.where(q > 0, q, 0.23 * q)
    ds = (r @ v - t) / 5
    dr = ds @ v.T
    dq = dr * np.where(q > 0, 1, 0.23)
    plain = {"q": q, "r": r, "s": r @ v, "ds": ds, "dV": r.T @ ds, "dr": dr, "dq": dq}
    plain["dU"] = x.T @ dq
    return problem, {name: one.astype(kind) for name, one in plain.items()}


def first_named(problem: backprop.Problem, arrays: Arrays, name: str, value: Any) -> Any:
    report = problem.check({**arrays, name: value.astype(arrays[name].dtype)})
    assert report.first_wrong in (name, name.replace("d", "dJ/d"))
    return report[report.first_wrong].slips[:3]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("formula", FORMULAS)
def test_one_side_of_a_leaky_function_goes_wrong(formula: str, kind: str) -> None:
    problem, right = leaky(formula, kind)
    assert problem.check(right).passed
    q, dr = right["q"], right["dr"]
    cases = [
        ("r", np.where(q > 0, q, 0.23), {"factor-left-out"}),  # the slope for slope · q
        ("r", np.where(q > 0, 0.23 * q, q), {"cases-exchanged"}),
        ("dq", dr * np.where(q > 0, 0.23, 1), {"cases-exchanged"}),
        ("dq", dr * np.where(dr > 0, 1, 0.23), {"mask-from-gradient"}),
        ("dq", dr * np.where(q > 0, 1, 0.23 * q), SLOPE),
        ("dq", dr * np.where(q > 0, q, 0.23), SLOPE),
    ]
    for name, value, slips in cases:
        found = first_named(problem, right, name, value)
        assert slips & {*found}, (name, slips, found)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_wrong_in_some_entries_alone_is_none_of_these(kind: str) -> None:
    problem, right = leaky(FORMULAS[0], kind)
    q, dr = right["q"], right["dr"]
    bent, masked = np.where(q > 0, q, 0.23), dr * np.where(dr > 0, 1, 0.23)
    bent[0], masked[0] = bent[0] * 1.01, masked[0] + 0.02
    assert "factor-left-out" not in first_named(problem, right, "r", bent)
    assert "mask-from-gradient" not in first_named(problem, right, "dq", masked)


def test_only_two_terms_about_one_limit_are_a_choice() -> None:
    q, p, a = Sym("q"), Sym("p"), Sym("a")
    above, below = op("maximum", q, num(0)), op("minimum", q, num(0))
    leaky_sum = op("add", above, op("mul", a, below))
    assert as_a_choice(leaky_sum) == op("choose", q, q, op("mul", a, q))
    about_1 = op("sub", op("maximum", q, num(1)), op("minimum", num(1), q))
    assert as_a_choice(about_1) is None  # told about q − 1 and about 1 − q
    for other in (above, op("add", above, q), op("add", above, op("minimum", p, num(0))), q):
        assert as_a_choice(other) is None
    assert isinstance(as_a_choice(op("sub", above, below)), Op)
