"""Sheets of course exercises with one typical mistake each: wrong, and named for what it is.

The wrong value is worked out in plain NumPy from the numbers given and the right values of other
steps. The second column says which names are right for it; several where they come to the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import SimpleNamespace as Values
from typing import Any

import numpy as np
import pytest
import yaml
from msgspec import Struct

import backprop_cli as backprop

ROOT = Path(__file__).resolve().parent
CASES, PROBLEMS = ROOT / "cases" / "courses", ROOT.parent / "problems"
Mistake = tuple[str, str, str, Callable[[Any, Any], Any]]


def softmax(z: Any, axis: int = -1) -> Any:
    powers = np.exp(z - z.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def windows(x: Any, k: Any) -> Any:
    rows, columns = (a - b + 1 for a, b in zip(x.shape, k.shape, strict=True))
    high, wide = k.shape
    return np.array(
        [[(x[i : i + high, j : j + wide] * k).sum() for j in range(columns)] for i in range(rows)]
    )


def through(d: Any, of: str, h: str) -> Any:
    """What tanh lets back at a step."""
    return d[f"dL/d{of}"] * (1 - d[h] ** 2)


MISTAKES: list[Mistake] = [
    # file, which names are right, quantity, the wrong value from right values and what is given
    ("graph-convolution", "factor-left-out", "dL/dH", lambda d, g: (d["P"] - g.Y) @ g.V.T),
    ("graph-convolution", "factor-left-out", "dL/dV", lambda d, g: d["H"].T @ (d["P"] - g.Y)),
    (
        "graph-convolution",
        "factor-left-out",
        "dL/dW",
        lambda d, g: g.X.T @ (d["dL/dH"] * (d["H"] > 0)),
    ),
    ("graph-convolution", "factor-left-out", "H", lambda d, g: np.maximum(g.X @ g.W, 0)),
    ("graph-convolution", "wrong-axis", "P", lambda d, g: softmax(g.A @ d["H"] @ g.V, 0)),
    ("dropout", "factor-left-out", "d", lambda d, g: d["h"] / 0.5),
    ("dropout", "factor-left-out factor-two", "d", lambda d, g: d["h"] * g.r),
    ("dropout", "factor-left-out", "dL/dh", lambda d, g: d["dL/dd"] / 0.5),
    ("dropout", "factor-left-out factor-two", "dL/dh", lambda d, g: d["dL/dd"] * g.r),
    (
        "dropout",
        "wrong-layer-input wrong-operand",
        "dL/dW2",
        lambda d, g: np.outer(d["dL/dyhat"], d["h"]),
    ),
    ("masked-attention", "factor-left-out", "S", lambda d, g: g.Q @ g.K.T + g.M),
    ("masked-attention", "power-left-out", "S", lambda d, g: g.Q @ g.K.T / 2 + g.M),
    ("masked-attention", "term-left-out", "S", lambda d, g: g.Q @ g.K.T / np.sqrt(2)),
    ("masked-attention", "wrong-axis", "A", lambda d, g: softmax(d["S"], 0)),
    ("masked-attention", "factor-left-out", "dL/dQ", lambda d, g: d["dL/dS"] @ g.K),
    ("masked-attention", "factor-left-out", "dL/dK", lambda d, g: d["dL/dS"].T @ g.Q),
    ("masked-attention", "transpose-omitted", "dL/dK", lambda d, g: d["dL/dS"] @ g.Q / np.sqrt(2)),
    (
        "masked-attention",
        "softmax-diagonal-only",
        "dL/dS",
        lambda d, g: d["dL/dA"] * d["A"] * (1 - d["A"]),
    ),
    ("masked-attention", "transpose-omitted", "dL/dV", lambda d, g: d["A"] @ d["dL/dO"]),
    ("batch-norm", "divided-by-one-less", "v", lambda d, g: g.X.var(axis=0, ddof=1)),
    ("batch-norm", "wrong-operand", "Xhat", lambda d, g: d["C"] / d["v"]),
    (
        "batch-norm",
        "wrong-layer-input wrong-operand",
        "dL/dgamma",
        lambda d, g: (d["dL/dO"] * d["O"]).sum(axis=0),
    ),
    ("batch-norm", "mean-sum-confused", "dL/dbeta", lambda d, g: d["dL/dO"].mean(axis=0)),
    ("batch-norm", "path-lost term-left-out", "dL/dX", lambda d, g: d["dL/dC"]),
    ("batch-norm", "path-lost term-left-out", "dL/dC", lambda d, g: d["dL/dXhat"] / d["s"]),
    ("batch-norm", "factor-left-out wrong-operand", "dL/dXhat", lambda d, g: d["dL/dO"]),
    ("batch-norm", "sign-flipped", "dL/ds", lambda d, g: -d["dL/ds"]),
    ("batch-norm", "sign-flipped", "dL/dmu", lambda d, g: -d["dL/dmu"]),
    (
        "/models/variational",
        "factor-left-out",
        "z",
        lambda d, g: d["mu"] + np.exp(d["s"]) * g.noise,
    ),
    ("variational", "factor-left-out", "sigma", lambda d, g: np.exp(d["s"])),
    ("variational", "path-lost term-left-out", "dL/dmu", lambda d, g: d["dL/dz"]),
    ("variational", "path-lost term-left-out", "dL/dmu", lambda d, g: d["mu"]),
    (
        "variational",
        "path-lost term-left-out",
        "dL/ds",
        lambda d, g: d["dL/dsigma"] * d["sigma"] / 2,
    ),
    ("variational", "path-lost term-left-out", "dL/ds", lambda d, g: np.exp(d["s"]) / 2 - 0.5),
    ("variational", "factor-left-out", "dL/dsigma", lambda d, g: d["dL/dz"]),
    ("variational", "term-left-out path-lost", "L", lambda d, g: d["R"]),
    ("triplet", "path-lost term-left-out", "dL/dW", lambda d, g: np.outer(d["dL/dfa"], g.a)),
    (
        "triplet",
        "path-lost term-left-out",
        "dL/dW",
        lambda d, g: np.outer(d["dL/dfa"], g.a) + np.outer(d["dL/dfp"], g.p),
    ),
    (
        "triplet",
        "term-left-out",
        "L",
        lambda d, g: max(0, ((d["fa"] - d["fp"]) ** 2).sum() - ((d["fa"] - d["fn"]) ** 2).sum()),
    ),
    ("triplet", "sign-flipped", "dL/dfp", lambda d, g: -d["dL/dfp"]),
    ("triplet", "path-lost term-left-out", "dL/dfa", lambda d, g: 2 * (d["fa"] - d["fp"])),
    ("triplet", "factor-two", "dL/dfn", lambda d, g: d["dL/dfn"] / 2),
    (
        "multiclass-hinge",
        "term-left-out path-lost",
        "dL/ds",
        lambda d, g: g.m * (d["s"] - d["s"][0] + 1 > 0),
    ),
    (
        "/regression/multiclass-hinge",
        "factor-left-out",
        "L",
        lambda d, g: np.maximum(0, d["m"]).sum(),
    ),
    ("multiclass-hinge", "bias-left-out term-left-out", "s", lambda d, g: g.W @ g.x),
    (
        "recurrent-every-step",
        "path-lost term-left-out",
        "dL/dW",
        lambda d, g: np.outer(through(d, "h3", "h3"), d["h2"]),
    ),
    (
        "recurrent-every-step",
        "path-lost term-left-out",
        "dL/db",
        lambda d, g: through(d, "h3", "h3"),
    ),
    (
        "recurrent-every-step",
        "path-lost term-left-out",
        "dL/dV",
        lambda d, g: np.outer(d["p3"] - g.y3, d["h3"]),
    ),
    (
        "recurrent-every-step",
        "path-lost term-left-out",
        "dL/dh2",
        lambda d, g: g.V.T @ (d["p2"] - g.y2),
    ),
    (
        "recurrent-every-step",
        "path-lost term-left-out",
        "dL/dh2",
        lambda d, g: g.W.T @ through(d, "h3", "h3"),
    ),
    (
        "recurrent-every-step",
        "transpose-omitted",
        "dL/dh1",
        lambda d, g: g.V.T @ (d["p1"] - g.y1) + g.W @ through(d, "h2", "h2"),
    ),
    (
        "recurrent-every-step",
        "activation-derivative-omitted factor-left-out",
        "dL/dU",
        lambda d, g: sum(np.outer(d[f"dL/dh{t}"], getattr(g, f"x{t}")) for t in (1, 2, 3)),
    ),
    (
        "recurrent-every-step",
        "wrong-layer-input",
        "dL/dW",
        lambda d, g: sum(np.outer(through(d, f"h{t}", f"h{t}"), d[f"h{t}"]) for t in (1, 2, 3)),
    ),
    ("recurrent-every-step", "mean-sum-confused", "dL/dW", lambda d, g: d["dL/dW"] / 3),
    ("recurrent-every-step", "activation-omitted", "h1", lambda d, g: g.U @ g.x1 + g.b),
    ("word-vectors", "sign-flipped targets-swapped", "dJ/dz", lambda d, g: g.y - d["yhat"]),
    ("word-vectors", "output-derivative-omitted", "dJ/dz", lambda d, g: -g.y / d["yhat"]),
    ("word-vectors", "sign-flipped", "dJ/dU", lambda d, g: np.outer(g.y - d["yhat"], g.v)),
    ("word-vectors", "sign-flipped", "dJ/dv", lambda d, g: -d["dJ/dv"]),
    ("shared-numbers", "factor-two", "dL/dK", lambda d, g: d["dL/dK"] / 2),
    ("/convolution-1d", "kernel-flipped", "z", lambda d, g: np.convolve(g.x, g.w, "valid") + g.b),
    ("/convolution-1d", "bias-left-out", "z", lambda d, g: np.correlate(g.x, g.w)),
    (
        "/convolution-1d",
        "kernel-flipped",
        "dL/dx",
        lambda d, g: np.correlate(np.pad(d["dL/dz"], 2), g.w),
    ),
    ("/convolution-1d", "one-position-only", "dL/dw", lambda d, g: d["dL/dz"][1] * g.x[1:4]),
    ("/convolution-1d", "mean-sum-confused", "dL/dw", lambda d, g: d["dL/dw"] / 3),
    ("/convolution-1d", "mean-sum-confused", "dL/db", lambda d, g: d["dL/db"] / 3),
    ("/convolution-1d", "output-derivative-omitted", "dL/dz", lambda d, g: d["dL/da"]),
    (
        "/convolution-2d",
        "kernel-flipped",
        "dL/dX",
        lambda d, g: windows(np.pad(np.array([[1, 0], [1, 2]]), 1), g.K),
    ),
    ("/convolution-2d", "kernel-flipped", "Z", lambda d, g: windows(g.X, g.K[::-1, ::-1])),
    ("/convolution-2d", "kernel-flipped", "dL/dK", lambda d, g: d["dL/dK"][::-1, ::-1]),
    ("/convolution-2d", "one-position-only", "dL/dK", lambda d, g: g.X[:2, :2]),
    (
        "/pooling-ties",
        "gradient-to-all",
        "dL/dX",
        lambda d, g: np.kron(d["dL/dP"] + d["dL/dM"] / 4, np.ones((2, 2))),
    ),
    (
        "max-pooling",
        "gradient-to-all",
        "dL/dX",
        lambda d, g: np.kron(np.array([[1, 2], [3, 4]]), np.ones((2, 2))),
    ),
    (
        "max-pooling",
        "gradient-to-all",
        "dL/dX",
        lambda d, g: np.kron(np.array([[1, 2], [3, 4]]), np.ones((2, 2))) / 4,
    ),
    ("convolution", "output-derivative-omitted", "dL/dz", lambda d, g: d["dL/da"]),
    ("convolution", "term-left-out", "dL/dw", lambda d, g: d["dL/dz"][1] * g.x[1:4]),
    (
        "convolution-by-shifts",
        "activation-derivative-omitted factor-left-out",
        "dL/dZ",
        lambda d, g: np.array([[1, 0], [1, 2]]),
    ),
    ("/models/gan", "sign-flipped", "dL/ds", lambda d, g: g.t - d["D"]),
    (
        "/norms/dropout",
        "factor-left-out",
        "H1",
        lambda d, g: np.array([1, 0, 1, 1]) * np.tanh(g.W1 @ g.X),
    ),
    ("/words/negative-sampling", "sign-flipped", "dJ/ds", lambda d, g: g.t - d["p"]),
    ("/time/every-step", "path-lost", "dL/dV", lambda d, g: np.outer(d["p_3"] - g.y[2], d["h_3"])),
    ("/regression/poisson", "sign-flipped", "dL/dz", lambda d, g: g.y - d["m"]),
]


UNNAMED = {
    ("triplet", "L"): "0 where the margin is left out, and a 0 may be anything",
    ("multiclass-hinge", "dL/ds"): "only one entry is wrong, and it is 0",
    ("recurrent-every-step", "dL/dU"): "σ′ left out at three steps at once, written out by hand",
    (
        "recurrent-every-step",
        "dL/dW",
    ): "hₜ for hₜ₋₁ at three steps at once; `for t` has a name for it",
    ("max-pooling", "dL/dX"): "windows written out by hand; `max_pool` has a name for it",
}


class Problem(Struct):
    """A problem of a file, its right values, and what it gives."""

    found: Any
    steps: dict[str, Any]
    given: Any
    asked: list[str]


@cache
def problem(name: str) -> Problem:
    place = PROBLEMS / f"{name[1:]}.yaml" if name.startswith("/") else CASES / f"{name}.yaml"
    found = backprop.load(place)
    trace = found.solve().trace
    steps = {step["id"]: np.array(step["value"], float) for step in trace["steps"]}
    given = Values(**{id: np.array(value, float) for id, value in trace["given"].items()})
    return Problem(found, steps, given, [one.id for one in found.check({}).results])


def typed(value: Any, digits: int) -> Any:
    if isinstance(value, list):
        return [typed(each, digits) for each in value]
    return f"{value + 0.0:.{digits}f}"


def judged(name: str, folder: Path, digits: int, changed: Mapping[str, Any]) -> Any:
    """The report on a file with all right values but those that are changed."""
    of = problem(name)
    written = {id: of.steps[id] for id in of.asked} | dict(changed)
    answers = {
        id: typed(np.asarray(value, float).tolist(), digits) for id, value in written.items()
    }
    sheet = folder / "sheet.yaml"
    sheet.write_text(yaml.safe_dump({"answers": answers}), encoding="utf-8")
    return of.found.check(sheet)


def test_there_are_as_many_as_were_tried_at_first() -> None:
    assert len(MISTAKES) == 82
    assert sum((name, id) in UNNAMED for name, _, id, _ in MISTAKES) <= 8  # nine in ten are named


@pytest.mark.parametrize("number", range(len(MISTAKES)))
def test_a_mistake_is_wrong_and_named_for_what_it_is(number: int, tmp_path: Path) -> None:
    name, names, id, wrong = MISTAKES[number]
    of = problem(name)
    report = judged(name, tmp_path, 4, {id: wrong(of.steps, of.given)})
    assert report[id].verdict == "wrong"
    assert report.first_wrong == id
    found = report[id].slips
    assert len(found) <= 3
    if found or (name, id) not in UNNAMED:
        assert set(found) & set(names.split()), found


@pytest.mark.parametrize("digits", [2, 3, 4, 5])
@pytest.mark.parametrize("name", sorted({name for name, *_ in MISTAKES}))
def test_a_right_sheet_is_right_at_any_digits(name: str, digits: int, tmp_path: Path) -> None:
    report = judged(name, tmp_path, digits, {})
    assert not [
        one.id for one in report.results if one.verdict in ("wrong", "invalid", "not-judged")
    ]
