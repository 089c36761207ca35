"""Equations and layers over time against PyTorch's own modules, and plain loops in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from oracles.replay import from_json

import backprop_cli as backprop
from backprop_cli.errors import UserError
from backprop_cli.problem.problem_file import Source
from backprop_cli.solving.loading import loaded
from backprop_cli.solving.solution import solve
from backprop_cli.trace import OverTime, Trace
from backprop_cli.trace_json import to_json

Array = NDArray[np.float64]
Values = dict[str, Array]


def worked(text: str) -> Trace:
    """The trace of a problem."""
    return solve(loaded(Source("time.yaml", text.encode())).model).trace


def values_of(trace: Trace) -> Values:
    """Every value by its id."""
    return {step.id: step.value for step in trace.steps if step.value is not None}


def plain(array: Any) -> str:
    """An array as it is typed into a file, every digit of it."""
    return str(np.asarray(array).tolist())


def assert_close(found: Values, wanted: Values) -> None:
    """All of `wanted` is there, to nine digits."""
    for name, value in wanted.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-9, atol=1e-12, err_msg=name)


def file_of(values: Values, equations: str, **keys: str) -> str:
    """A problem file."""
    lines = [f"  {name}: {plain(value)}" for name, value in values.items()]
    more = "".join(f"{key}: {value}\n" for key, value in keys.items())
    return "values:\n" + "\n".join(lines) + f"\nequations:\n{equations}\n{more}"


# Networks over time, written out in plain NumPy ---------------------------------------------------


def drawn(seed: int, steps: int, inputs: int = 2, units: int = 3, classes: int = 2) -> Values:
    """Numbers for a recurrent network: its data, its weights, its targets."""
    draw = np.random.default_rng(seed)
    sizes = {
        "x": (steps, inputs), "h_0": (units,), "U": (units, inputs), "W": (units, units),
        "b": (units,), "V": (classes, units), "c": (classes,),
    }  # fmt: skip
    found: Values = {
        name: draw.normal(scale=0.6, size=size).round(3) for name, size in sizes.items()
    }
    found["y"] = np.eye(classes)[draw.integers(classes, size=steps)]
    return found


def softmax(o: Array) -> Array:
    powers = np.exp(o - o.max())
    return np.asarray(powers / powers.sum())


def through_time(v: Values, own: Callable[[int, Array], Array]) -> tuple[Values, list[Array]]:
    """The gradients of a recurrent network by a plain loop; `own` is what a step's h has itself."""
    steps = len(v["x"])
    h = [v["h_0"]]
    for t in range(steps):
        h.append(np.tanh(v["U"] @ v["x"][t] + v["W"] @ h[t] + v["b"]))
    found = {f"dL/d{name}": np.zeros_like(v[name]) for name in "UWb"}
    found |= {f"h_{t}": h[t] for t in range(1, steps + 1)}
    later = np.zeros_like(v["h_0"])
    for t in range(steps, 0, -1):
        found[f"dL/dh_{t}"] = own(t, h[t]) + later
        delta = found[f"dL/dh_{t}"] * (1 - h[t] ** 2)
        found[f"dL/dz_{t}"] = delta
        found["dL/dU"] += np.outer(delta, v["x"][t - 1])
        found["dL/dW"] += np.outer(delta, h[t - 1])
        found["dL/db"] += delta
        later = v["W"].T @ delta
    found["dL/dh_0"] = later
    return found, h


EVERY_STEP = """
  - for t in 1..{T}:
      - z_t = U @ x[t] + W @ h_{{t-1}} + b
      - h_t = tanh(z_t)
      - o_t = V @ h_t + c
      - p_t = softmax(o_t)
  - L = sum(t in 1..{T}, cross_entropy(p_t, y[t]))"""


@pytest.mark.parametrize("steps", range(1, 6))
@pytest.mark.parametrize("fused", ["chain", "fused"])
def test_a_loss_at_every_step(steps: int, fused: str) -> None:
    v = drawn(steps, steps)
    convention = f"{{output_gradient: {fused}}}"
    trace = worked(file_of(v, EVERY_STEP.format(T=steps), convention=convention))

    def own(t: int, h: Array) -> Array:
        return np.asarray(v["V"].T @ (softmax(v["V"] @ h + v["c"]) - v["y"][t - 1]))

    wanted, h = through_time(v, own)
    outputs = [softmax(v["V"] @ h[t] + v["c"]) for t in range(1, steps + 1)]
    wanted["L"] = np.array(
        -sum((y * np.log(p)).sum() for p, y in zip(outputs, v["y"], strict=True))
    )
    wanted["dL/dV"] = sum(
        (np.outer(p - y, h[t]) for t, (p, y) in enumerate(zip(outputs, v["y"], strict=True), 1)),
        np.zeros_like(v["V"]),
    )
    wanted |= {f"dL/do_{t}": p - v["y"][t - 1] for t, p in enumerate(outputs, 1)}
    assert_close(values_of(trace), wanted)


@pytest.mark.parametrize("steps", range(1, 6))
def test_a_loss_at_the_last_step(steps: int) -> None:
    v = drawn(10 + steps, steps)
    equations = f"""
  - for t in 1..{steps}:
      - z_t = U @ x[t] + W @ h_{{t-1}} + b
      - h_t = tanh(z_t)
  - o = V @ h_{steps}
  - L = half_squared_error(o, y[{steps}])"""
    del v["c"]

    def own(t: int, h: Array) -> Array:
        return np.asarray(v["V"].T @ (v["V"] @ h - v["y"][t - 1]) * (t == steps))

    wanted, _ = through_time(v, own)
    assert_close(values_of(worked(file_of(v, equations))), wanted)


def test_what_is_written_once_is_what_is_written_out() -> None:
    v = drawn(3, 3)
    written = file_of(v, EVERY_STEP.format(T=3))
    by_hand = file_of(
        v,
        "\n".join(
            f"  - z_{t} = U @ x[{t}] + W @ h_{t - 1} + b\n  - h_{t} = tanh(z_{t})\n"
            f"  - o_{t} = V @ h_{t} + c\n  - p_{t} = softmax(o_{t})"
            for t in (1, 2, 3)
        )
        + "\n  - L = cross_entropy(p_1, y[1]) + cross_entropy(p_2, y[2])"
        " + cross_entropy(p_3, y[3])",
    )
    assert_close(values_of(worked(written)), values_of(worked(by_hand)))


@pytest.mark.parametrize(
    "line",
    [
        "- for t in 1..2: h_t = tanh(w * h_{t-1} + x_t)",
        "- 'for t in 1..2: h_t = tanh(w * h_{t-1} + x_t)'",
        "- for t in 1..2:\n    - h_t = tanh(w * h_{t-1} + x_t)",
    ],
)
def test_one_equation_may_stand_behind_its_range(line: str) -> None:
    given = "values: {h_0: 0.5, w: -0.3, x_1: 0.7, x_2: 1.1}\n"
    problem = backprop.load(f"{given}equations:\n  {line}\n  - L = h_2^2\n")
    first = np.tanh(-0.15 + 0.7)
    assert problem.solve()["h_2"] == pytest.approx(np.tanh(-0.3 * first + 1.1), rel=1e-12)


def test_a_trace_knows_what_belongs_together() -> None:
    trace = worked(file_of(drawn(3, 3), EVERY_STEP.format(T=3)))
    assert trace.over_time == (OverTime("t", 1, 3, ("z", "h", "o", "p")),)
    assert trace.over_time[0].names["h"] == ("h_1", "h_2", "h_3")
    assert from_json(to_json(trace)) == trace


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ("sum(t in 1..3, x[t])", 2 + 3 + 5),
        ("mean(t in 2..3, x[t])", 4),
        ("sum(t in 1..3, t * x[t])", 2 + 6 + 15),
        ("sum(t in 1..3, a^(3-t) * x[t])", 4 * 2 + 2 * 3 + 5),
        ("sum(t in 1..3, sum(s in 1..t, x[s]))", 2 + 5 + 10),
        ("sum(s in 2..3, x[s-1] - x[s])", 2 - 5),
        ("sum(t in 1..2, sum(x[t:t+1]))", 5 + 8),
        ("sum(t in 1..2, -x[t]) - 1", -6),
        ("a_{1+1} + a_{3}", 7 + 8),
    ],
)
def test_sums_over_time(formula: str, value: float) -> None:
    text = f"values: {{x: [2, 3, 5], a: 2, a_2: 7, a_3: 8}}\nequations:\n  - L = {formula}"
    assert float(values_of(worked(text))["L"]) == value


def test_numbers_with_points_are_no_ranges() -> None:
    text = "values: {x: [2., 3, .5]}\nequations:\n  - L = 1. * sum(t in 1..3, x[t]) + 2.5"
    assert float(values_of(worked(text))["L"]) == 8


# From the end to the start ------------------------------------------------------------------------


def test_steps_may_run_from_the_end_to_the_start() -> None:
    """The other half of a bidirectional network, against finite differences of plain loops."""
    draw = np.random.default_rng(11)
    values: Values = {
        "x": draw.normal(size=(3, 2)), "A": draw.normal(size=(2, 2)), "B": draw.normal(size=(2, 2)),
        "W": draw.normal(size=(2, 2)), "V": draw.normal(size=(1, 4)), "f_0": np.zeros(2),
        "g_4": np.zeros(2), "y": draw.normal(size=(3, 1)),
    }  # fmt: skip
    equations = """  - for t in 1..3:
    - f_t = tanh(A @ x[t] + W @ f_{t-1})
  - for t in 3..1:
    - g_t = tanh(A @ x[t] + B @ g_{t+1})
  - for t in 1..3:
    - o_t = V @ concat(f_t, g_t)
  - L = sum(t in 1..3, half_squared_error(o_t, y[t]))"""

    def loss(at: Values) -> float:
        f, g = {0: at["f_0"]}, {4: at["g_4"]}
        for t in (1, 2, 3):
            f[t] = np.tanh(at["A"] @ at["x"][t - 1] + at["W"] @ f[t - 1])
        for t in (3, 2, 1):
            g[t] = np.tanh(at["A"] @ at["x"][t - 1] + at["B"] @ g[t + 1])
        errors = (at["V"] @ np.concatenate([f[t], g[t]]) - at["y"][t - 1] for t in (1, 2, 3))
        return float(sum(e @ e for e in errors)) / 2

    found = values_of(worked(file_of(values, equations)))
    assert found["L"] == pytest.approx(loss(values))
    for name in ("A", "B", "W", "V", "x"):
        slopes = np.zeros(values[name].shape)
        for at in np.ndindex(slopes.shape):
            step = np.zeros(slopes.shape)
            step[at] = 1e-5
            ends = [loss({**values, name: values[name] + sign * step}) for sign in (1, -1)]
            slopes[at] = (ends[0] - ends[1]) / 2e-5
        np.testing.assert_allclose(found[f"dL/d{name}"], slopes, rtol=1e-6, atol=1e-8)


def test_a_range_that_ends_before_0_is_refused() -> None:
    with pytest.raises(UserError, match=r"2\.\.-1 ends before 0"):
        worked("values: {h_3: 1}\nequations:\n  - for t in 2..-1:\n    - h_t = h_{t+1}\n")


@pytest.mark.parametrize("steps", ["T..1", "1..T"])
def test_a_letter_of_steps_runs_up_and_down(steps: str) -> None:
    text = (
        "shapes: {x: [T, d], y: [T, n], U: [n, d]}\n"
        f"equations:\n  - for t in {steps}:\n      - g_t = tanh(U @ x[t])\n"
        "  - L = sum(t in 1..T, half_squared_error(g_t, y[t]))\n"
    )
    page = backprop.load(text).derive().render("text")
    assert f"for t = {' … '.join(steps.split('..')).replace(' … ', ', …, ')}" in page
    back = text.replace("U @ x[t]", "U @ x[t] + g_{t+1}")  # of g_5 nothing is said
    with pytest.raises(backprop.Error) as caught:
        backprop.load(back).derive()
    (complaint,) = caught.value.complaints
    assert "_5" not in complaint.message + str(complaint.instead)
    if steps == "T..1":
        assert complaint.message == "`g_{T+1}`, from which g_T starts, is not given"
        assert complaint.instead == "- g_{T+1} = …, in a line before it"
