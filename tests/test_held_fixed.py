"""`stop_gradient`: what is held fixed on the way back, against PyTorch's `detach`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import yaml
from click.testing import CliRunner

import backprop_cli as backprop
from backprop_cli.cli import main

QUANTISED = {
    "values": {
        "x": [1, 2],
        "W": [[0.5, 0.1], [-0.2, 0.4]],
        "e": [0.6, 0.55],
        "D": [[1, 0.5], [0.2, 1.5]],
    },
    "equations": [
        "z = W @ x",
        "q = z + stop_gradient(e - z)",
        "xhat = D @ q",
        "fit = squared_error(xhat, x)",
        "L = fit + squared_error(stop_gradient(z), e) + 0.25 * squared_error(z, stop_gradient(e))",
    ],
    "train": ["W", "D", "e"],
}
"""A vector-quantised autoencoder: straight through the nearest code, and what is paid for it."""

TD: dict[str, Any] = {
    "values": {"s": [1, 0.5], "s2": [0.2, 1], "w": [0.5, 0.8], "r": 1, "gamma": 0.9},
    "equations": [
        "v = w @ s",
        "target = r + gamma * w @ s2",
        "L = (stop_gradient(target) - v)^2 / 2",
    ],
    "train": ["w"],
}
"""The semi-gradient of temporal differences."""

TRUNCATED = {
    "values": {"x": [1, 2, -1, 1], "u": 0.5, "w": 0.8, "h_0": 0, "y": 1},
    "equations": [
        {"for t in 1..2": ["h_t = tanh(u * x[t] + w * h_{t-1})"]},
        "k = stop_gradient(h_2)",
        "h_3 = tanh(u * x[3] + w * k)",
        "h_4 = tanh(u * x[4] + w * h_3)",
        "L = (h_4 - y)^2 / 2",
    ],
    "train": ["u", "w"],
}
"""Backpropagation through time, cut after two steps."""


def quantised(_: Any, t: dict[str, Any]) -> Any:
    z = t["W"] @ t["x"]
    q = z + (t["e"] - z).detach()
    rest = ((z.detach() - t["e"]) ** 2).sum() + 0.25 * ((z - t["e"].detach()) ** 2).sum()
    return ((t["D"] @ q - t["x"]) ** 2).sum() + rest


def differences(_: Any, t: dict[str, Any]) -> Any:
    target = t["r"] + t["gamma"] * t["w"] @ t["s2"]
    return (target.detach() - t["w"] @ t["s"]) ** 2 / 2


def truncated(torch: Any, t: dict[str, Any]) -> Any:
    h = t["h_0"]
    for step, x in enumerate(t["x"]):
        h = torch.tanh(t["u"] * x + t["w"] * (h.detach() if step == 2 else h))
    return (h - t["y"]) ** 2 / 2


IN_TORCH = [(QUANTISED, quantised), (TD, differences), (TRUNCATED, truncated)]
EVERY = pytest.mark.parametrize("data", [QUANTISED, TD, TRUNCATED])


def run(data: dict[str, Any], *command: str) -> str:
    done = CliRunner().invoke(main, [command[0], "-", *command[1:]], input=yaml.safe_dump(data))
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.parametrize(("data", "forward"), IN_TORCH)
def test_as_pytorch_detaches(data: dict[str, Any], forward: Any) -> None:
    torch = pytest.importorskip("torch")
    given = {
        name: torch.tensor(np.asarray(value, float), requires_grad=True)
        for name, value in data["values"].items()
    }
    loss = forward(torch, given)
    loss.backward()
    solution = backprop.load(data).solve()
    assert float(solution["L"]) == pytest.approx(loss.item(), rel=1e-12)
    for name in data["train"]:
        np.testing.assert_allclose(solution[f"dL/d{name}"], given[name].grad, rtol=1e-12)


@EVERY
def test_differences_hold_fixed_what_is_held_fixed(data: dict[str, Any]) -> None:
    text = run(data, "solve", "--verify")
    largest = text.split("the largest of all")[1].split("is")[1].split()[0]
    assert float(largest) < 1e-8


@EVERY
@pytest.mark.parametrize("language", ["python", "pytorch"])
def test_programs_hold_it_fixed_too(data: dict[str, Any], language: str) -> None:
    if language == "pytorch":
        pytest.importorskip("torch")
    told: list[str] = []
    program = compile(run(data, "solve", "--format", language), language, "exec")
    names: dict[str, Any] = {"print": lambda *words: told.append(" ".join(map(str, words)))}
    exec(program, names)  # noqa: S102  # of pytorch: asserts that its own gradients are these
    assert told


def test_it_is_written_and_said_once() -> None:
    text = run(TD, "solve")
    assert "L = (stopgrad(target) − v)² / 2 = (" in text
    assert text.count("stopgrad: nothing comes back through it") == 1
    assert "stopgrad(1" not in text  # with numbers put in it is the number
    assert "stopgrad}" in run(TD, "solve", "--format", "latex")
    assert "stopgrad(eᵢ − zᵢ)" in run(QUANTISED, "derive", "--index")


@pytest.mark.parametrize("word", ["sg", "stopgrad", "detach"])
def test_other_names_are_told(word: str) -> None:
    with pytest.raises(backprop.Error, match="here it is `stop_gradient`"):
        backprop.load({"values": {"v": 2}, "equations": [f"L = {word}(v)^2"]})
    squared = {"values": {word: 2}, "equations": [f"L = {word}^2"]}
    assert backprop.load(squared).solve()[f"dL/d{word}"] == 4


def test_whoever_lets_it_move_is_told() -> None:
    """dL/dw of a target that moves: (v - target)(s - gamma s2), worked out in NumPy."""
    v = {name: np.asarray(value, float) for name, value in TD["values"].items()}
    delta = v["w"] @ v["s"] - (v["r"] + v["gamma"] * v["w"] @ v["s2"])
    wrong, right = delta * (v["s"] - v["gamma"] * v["s2"]), delta * v["s"]
    problem = backprop.load(TD)
    for value, slips in ((wrong, ["stop-ignored"]), (right, [])):
        report = problem.check({"dL/dw": value.round(4).tolist()})
        assert (report["dL/dw"].verdict == "correct") == (not slips)
        assert [*report["dL/dw"].slips] == slips
