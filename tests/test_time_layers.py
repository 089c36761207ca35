"""Layers over time against PyTorch's own modules; their complaints; that they are equations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from test_time import Values, assert_close, drawn, file_of, plain, values_of, worked

from backprop_cli.cli import main
from backprop_cli.errors import UserError

torch = pytest.importorskip("torch")
Array = NDArray[np.float64]

GATES = {"rnn": "", "lstm": "ifog", "gru": "zrh"}
ORDER = {"lstm": "ifgo", "gru": "rzh"}
"""How PyTorch stacks the gates of one matrix."""

WAYS = {
    "W x + b": lambda matrix: matrix,
    "W^T x + b": lambda matrix: matrix.T,
    "x W + b": lambda matrix: matrix.T,
    "x W^T + b": lambda matrix: matrix,
}


def parameters(kind: str, units: int, inputs: int, draw: np.random.Generator) -> Values:
    """U, W and b of each gate, units first."""
    found = {}
    for gate in GATES[kind] or ("",):
        suffix = f"_{gate}" if gate else ""
        found[f"U1{suffix}"] = draw.normal(scale=0.7, size=(units, inputs)).round(3)
        found[f"W1{suffix}"] = draw.normal(scale=0.7, size=(units, units)).round(3)
        found[f"b1{suffix}"] = draw.normal(scale=0.7, size=units).round(3)
    return found


def written(kind: str, letter: str, given: Mapping[str, Array], way: str) -> str:
    """A parameter, or a mapping of gates."""

    def one(array: Array) -> str:
        return plain(array if array.ndim == 1 else WAYS[way](array))

    if not GATES[kind]:
        return one(given[f"{letter}1"])
    gates = (f"{gate}: {one(given[f'{letter}1_{gate}'])}" for gate in GATES[kind])
    return f"{{{', '.join(gates)}}}"


def problem_of(
    kind: str, v: Values, given: Mapping[str, Array], way: str, at: str, over_steps: str
) -> str:
    y = v["y"][-1] if at == "last-step" else v["y"]
    return f"""
convention: {{affine: {way}}}
input: sequence
x: {plain(v["x"])}
y: {plain(y)}
layers:
  - type: {kind}
    input_weights: {written(kind, "U", given, way)}
    recurrent_weights: {written(kind, "W", given, way)}
    bias: {written(kind, "b", given, way)}
    initial: {plain(v["h_0"])}
  - {{weights: {plain(WAYS[way](v["V"]))}, bias: {plain(v["c"])}, activation: softmax, at: {at}}}
loss: {{name: cross-entropy, over_steps: {over_steps}}}
"""


def torch_values(
    kind: str, v: Values, given: Mapping[str, Array], at: str, over_steps: str
) -> Values:
    """States, loss and all gradients by PyTorch's module; the GRU's reset gate is its own."""
    leaves = {
        name: torch.tensor(array, dtype=torch.float64, requires_grad=True)
        for name, array in {**given, "V": v["V"], "c": v["c"], "X": v["x"]}.items()
    }
    start = torch.tensor(v["h_0"])
    states = STATES[kind](leaves, start)
    for state in states:
        state.retain_grad()
    outputs = [torch.softmax(leaves["V"] @ state + leaves["c"], 0) for state in states]
    targets = torch.tensor(v["y"])
    losses = [-(y * p.log()).sum() for y, p in zip(targets, outputs, strict=True)]
    loss = losses[-1] if at == "last-step" else sum(losses)
    if over_steps == "mean" and at != "last-step":
        loss = loss / len(losses)
    loss.backward()
    found = {f"dL/d{name}": leaf.grad.numpy() for name, leaf in leaves.items()}
    found["dL/dW2"], found["dL/db2"] = found.pop("dL/dV"), found.pop("dL/dc")
    found |= {f"H1_{t}": state.detach().numpy() for t, state in enumerate(states, 1)}
    found |= {f"dL/dH1_{t}": state.grad.numpy() for t, state in enumerate(states, 1)}
    return found | {"L": loss.detach().numpy()}


def _rnn(leaves: Any, start: Any) -> Any:
    """nn.RNN, step by step."""
    cell = torch.nn.RNNCell(leaves["X"].shape[1], len(start)).double()
    named = {"weight_ih": leaves["U1"], "weight_hh": leaves["W1"], "bias_ih": leaves["b1"]}
    return _steps(cell, named, leaves["X"], start)


def _lstm(leaves: Any, start: Any) -> Any:
    cell = torch.nn.LSTMCell(leaves["X"].shape[1], len(start)).double()
    state = start, torch.zeros_like(start)
    return _steps(cell, _stacked(leaves, "lstm"), leaves["X"], state)


def _gru(leaves: Any, start: Any) -> Any:
    """The reset gate acts before the product, as in the paper; PyTorch's module has it behind."""
    state, states = start, []
    for x in leaves["X"]:
        z, r = (
            torch.sigmoid(leaves[f"U1_{g}"] @ x + leaves[f"W1_{g}"] @ state + leaves[f"b1_{g}"])
            for g in "zr"
        )
        new = torch.tanh(leaves["U1_h"] @ x + leaves["W1_h"] @ (r * state) + leaves["b1_h"])
        state = z * state + (1 - z) * new
        states.append(state)
    return states


def _stacked(leaves: Any, kind: Any) -> Any:
    names = {"weight_ih": "U1", "weight_hh": "W1", "bias_ih": "b1"}
    return {
        name: torch.cat([leaves[f"{ours}_{gate}"] for gate in ORDER[kind]])
        for name, ours in names.items()
    }


def _steps(cell: Any, named: Any, x: Any, state: Any) -> Any:
    named.setdefault("bias_hh", torch.zeros_like(named["bias_ih"]))
    states = []
    for row in x:
        state = torch.func.functional_call(cell, named, (row, state))
        states.append(state[0] if isinstance(state, tuple) else state)
    return states


STATES = {"rnn": _rnn, "lstm": _lstm, "gru": _gru}


@pytest.mark.parametrize("kind", GATES)
@pytest.mark.parametrize("steps", range(1, 6))
@pytest.mark.parametrize("at", ["every-step", "last-step"])
def test_values_and_gradients_are_pytorchs(kind: str, steps: int, at: str) -> None:
    seed = 100 * steps + len(kind)
    way = [*WAYS][steps % 4]
    over_steps = ["sum", "mean"][steps % 2]
    v = drawn(seed, steps)
    given = parameters(kind, 3, 2, np.random.default_rng(seed))
    found = values_of(worked(problem_of(kind, v, given, way, at, over_steps)))
    wanted = torch_values(kind, v, given, at, over_steps)
    for name, value in wanted.items():
        if name.startswith(("dL/dU", "dL/dW")):
            wanted[name] = WAYS[way](value)
    assert_close(found, wanted)


def test_pytorchs_gru_with_all_gates_open() -> None:
    """Where r is 1 to all digits it makes no difference on which side of the product it stands."""
    v = drawn(7, 4)
    given = parameters("gru", 3, 2, np.random.default_rng(7))
    given["b1_r"] = np.full(3, 60.0)
    leaves = {name: torch.tensor(array) for name, array in {**given, "X": v["x"]}.items()}
    cell = torch.nn.GRUCell(2, 3).double()
    # PyTorch's z is how much of the old state stays, as here.
    states = _steps(cell, _stacked(leaves, "gru"), leaves["X"], torch.tensor(v["h_0"]))
    found = values_of(worked(problem_of("gru", v, given, "W x + b", "last-step", "sum")))
    assert_close(found, {f"H1_{t}": state.numpy() for t, state in enumerate(states, 1)})


def _gru_of_pytorch(leaves: Any, start: Any) -> Any:
    cell = torch.nn.GRUCell(leaves["X"].shape[1], len(start)).double()
    return _steps(cell, _stacked(leaves, "gru"), leaves["X"], start)


@pytest.mark.parametrize("update_gate", ["keeps", "replaces"])
@pytest.mark.parametrize("steps", [1, 2, 4])
def test_pytorchs_gru_with_its_reset_gate_behind_the_product(
    monkeypatch: pytest.MonkeyPatch, steps: int, update_gate: str
) -> None:
    """1 - sigmoid(a) is sigmoid(-a): what z replaces is what the z of -U, -W and -b keeps."""
    monkeypatch.setitem(STATES, "gru", _gru_of_pytorch)
    v = drawn(steps, steps)
    given = parameters("gru", 3, 2, np.random.default_rng(steps))
    sign = 1 if update_gate == "keeps" else -1
    turned = {name: sign * each if name.endswith("_z") else each for name, each in given.items()}
    text = problem_of("gru", v, turned, "W x + b", "every-step", "sum")
    keys = f"type: gru\n    reset_gate: after\n    update_gate: {update_gate}"
    found = values_of(worked(text.replace("type: gru", keys)))
    wanted = torch_values("gru", v, given, "every-step", "sum")
    for name, value in wanted.items():
        wanted[name] = sign * value if name.endswith("_z") else value
    assert_close(found, wanted)


@pytest.mark.parametrize("kind", GATES)
@pytest.mark.parametrize("steps", [1, 3])
def test_pytorchs_second_bias(monkeypatch: pytest.MonkeyPatch, kind: str, steps: int) -> None:
    """bias_hh, which the reset gate of a GRU multiplies and which else is one more bias."""
    v, draw = drawn(steps + 40, steps), np.random.default_rng(steps)
    given = parameters(kind, 3, 2, draw)
    gates = ORDER.get(kind, "")
    own = {f"bW1_{g}" if g else "bW1": draw.normal(size=3).round(3) for g in gates or ("",)}

    def states(leaves: Any, start: Any) -> Any:
        cell = getattr(torch.nn, f"{kind.upper()}Cell")(2, 3).double()
        named = {"weight_ih": leaves.get("U1"), "weight_hh": leaves.get("W1")}
        named |= {"bias_ih": leaves.get("b1"), **(_stacked(leaves, kind) if gates else {})}
        named["bias_hh"] = torch.cat([leaves[name] for name in own])
        zeros = torch.zeros_like(start)
        return _steps(cell, named, leaves["X"], (start, zeros) if kind == "lstm" else start)

    monkeypatch.setitem(STATES, kind, states)
    numbers = ", ".join(f"{name[4:]}: {plain(each)}" for name, each in own.items())
    key = f"recurrent_bias: {{{numbers}}}" if gates else f"recurrent_bias: {plain(own['bW1'])}"
    more = "\n    reset_gate: after" if kind == "gru" else ""
    text = problem_of(kind, v, given, "W x + b", "every-step", "sum")
    found = values_of(worked(text.replace(f"type: {kind}", f"type: {kind}\n    {key}{more}")))
    assert_close(found, torch_values(kind, v, {**given, **own}, "every-step", "sum"))


def test_one_gate_alone_may_have_a_recurrent_bias() -> None:
    v = drawn(3, 2)
    given = parameters("gru", 3, 2, np.random.default_rng(3))
    text = problem_of("gru", v, given, "W x + b", "every-step", "sum")
    keys = "type: gru\n    reset_gate: after\n    recurrent_bias: {h: [1, 2, 3]}"
    found = values_of(worked(text.replace("type: gru", keys)))
    named = [name for name in found if name.startswith("dL/dbW1")]
    assert named == ["dL/dbW1_h"]
    gates = [found[f"dL/dh1_{t}"] * (1 - found[f"h1_{t}"] ** 2) * found[f"r1_{t}"] for t in (1, 2)]
    np.testing.assert_allclose(found["dL/dbW1_h"], sum(gates), rtol=1e-12)


MASKS = {"a mask a step": [[1, 0, 1], [1, 1, 0], [0, 1, 1]], "one mask": [1, 0, 1]}


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS.keys())
@pytest.mark.parametrize("kind", GATES)
def test_dropout_behind_a_layer_over_time(
    monkeypatch: pytest.MonkeyPatch, kind: str, mask: Any
) -> None:
    """It takes of what comes behind the layer, and leaves what the next step has."""
    v = drawn(60, 3)
    given = parameters(kind, 3, 2, np.random.default_rng(60))
    plainly = STATES[kind]
    seen: list[Any] = []

    def dropped(leaves: Any, start: Any) -> Any:
        seen.extend(plainly(leaves, start))
        each = torch.tensor(mask, dtype=torch.float64).expand(3, 3)
        return [row * state / 0.5 for row, state in zip(each, seen, strict=True)]

    monkeypatch.setitem(STATES, kind, dropped)
    key = f"type: {kind}\n    dropout: {{mask: {mask}, keep: 0.5}}"
    text = problem_of(kind, v, given, "W x + b", "every-step", "sum")
    found = values_of(worked(text.replace(f"type: {kind}", key)))
    wanted = torch_values(kind, v, given, "every-step", "sum")
    wanted = {name.replace("H1_", "Htilde1_"): value for name, value in wanted.items()}
    wanted |= {f"H1_{t}": state.detach().numpy() for t, state in enumerate(seen, 1)}
    assert_close(found, wanted)


def test_dropout_behind_the_last_step_and_behind_a_dense_layer_at_every_step() -> None:
    """By finite differences; and a mask of another shape is told what the layer gives."""
    text = """
input: sequence
x: [[1, 0.5], [-1, 0.2], [0.5, 0.4]]
y: [1]
layers:
  - weights: [[0.5, 0.1], [-1, 0.3]]
    activation: tanh
    dropout: {mask: [[1, 0], [1, 1], [0, 1]], keep: 0.8}
  - type: rnn
    input_weights: [[0.5, 0.1], [-1, 0.3]]
    recurrent_weights: [[0.5, 0.2], [-0.3, 0.4]]
    dropout: {mask: [0, 1], keep: 0.25}
    at: last-step
  - {weights: [[1, 2]], activation: sigmoid}
loss: binary-cross-entropy
"""
    found = values_of(worked(text))
    np.testing.assert_allclose(found["H2"], [0, 4 * found["H2_3"][1]])
    first = np.tanh(np.array([[0.5, 0.1], [-1, 0.3]]) @ [1, 0.5])
    np.testing.assert_allclose(found["H1_1"], [first[0] / 0.8, 0])
    result = CliRunner().invoke(main, ["solve", "-", "--verify"], input=text)
    assert float(result.stdout.rstrip().rpartition(" ")[2]) < 1e-6
    wrong = text.replace("[[1, 0], [1, 1], [0, 1]]", "[[1, 0], [1, 1]]")
    refused = CliRunner().invoke(main, ["solve", "-"], input=wrong)
    assert refused.exit_code == 2
    assert "the layer gives a 3 × 2 matrix" in refused.stderr


def test_a_layer_is_the_equations_it_stands_for() -> None:
    v = drawn(5, 3)
    given = {"U1": v["U"], "W1": v["W"], "b1": v["b"]}
    layers = values_of(worked(problem_of("rnn", v, given, "W x + b", "every-step", "sum")))
    equations = """
  - for t in 1..3:
      - z_t = U @ x[t] + W @ h_{t-1} + b
      - h_t = tanh(z_t)
      - p_t = softmax(V @ h_t + c)
  - L = sum(t in 1..3, cross_entropy(p_t, y[t]))"""
    found = values_of(worked(file_of(v, equations)))
    same = {"U": "U1", "W": "W1", "b": "b1", "V": "W2", "c": "b2", "h_2": "H1_2", "z_1": "Z1_1"}
    for ours, theirs in same.items():
        np.testing.assert_allclose(found[f"dL/d{ours}"], layers[f"dL/d{theirs}"], rtol=1e-12)


@pytest.mark.parametrize("fused", ["chain", "fused"])
def test_stacked_layers_over_time(fused: str) -> None:
    """Two recurrent layers and one for every step's output, by finite differences."""
    text = f"""
convention: {{output_gradient: {fused}}}
input: sequence
x: [[1, 0.5], [-1, 0.2], [0.5, 0.4]]
y: {{labels: [1, 2, 2], classes: 2}}
layers:
  - type: rnn
    input_weights: [[0.5, 0.1], [-1, 0.3]]
    recurrent_weights: [[0.5, 0.2], [-0.3, 0.4]]
  - {{type: rnn, input_weights: [[0.5, 1]], recurrent_weights: [[0.7]], bias: [0.1]}}
  - {{weights: [[1], [0.5]], activation: softmax}}
loss: cross-entropy
"""
    result = CliRunner().invoke(main, ["solve", "-", "--verify"], input=text)
    assert result.exit_code == 0, result.output
    largest = result.stdout.rstrip().rpartition(" ")[2]
    assert float(largest) < 1e-6
    assert "δ²ₜ" in result.stdout


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("input: sequence\n", ""), "goes over a sequence"),
        (("[[0.5], [-1]]", "[[0.5, 1], [-1, 1]]"), "takes 2 numbers, and each step has 1"),
        (("[[0.5, 0.2], [-0.3, 0.4]]", "[[0.5, 0.2]]"), "a square matrix"),
        (("bias: [0, 0.1]", "bias: [0, 0.1, 2]"), "a vector of 2"),
        (("bias: [0, 0.1]", "initial: [0, 0, 1]"), "a vector of 2, or one number"),
        (("recurrent_weights: [[0.5, 0.2], [-0.3, 0.4]], ", ""), "has no `recurrent_weights`"),
        (("type: rnn", "type: lstm"), "{i: …, f: …, o: …, g: …}"),
        (("y: [[1], [0], [1]]", "y: [[1], [0]]"), "for each of 3"),
    ],
)
def test_what_is_wrong_is_said(change: tuple[str, str], said: str) -> None:
    text = """input: sequence
x: [[1], [-1], [0.5]]
y: [[1], [0], [1]]
layers:
  - {type: rnn, input_weights: [[0.5], [-1]],
     recurrent_weights: [[0.5, 0.2], [-0.3, 0.4]], bias: [0, 0.1]}
  - {weights: [[1, -1]]}
loss: half-squared-error
"""
    worked(text)
    with pytest.raises(UserError) as caught:
        worked(text.replace(*change))
    told = [f"{each.message} {each.instead}" for each in caught.value.complaints]
    assert any(said in each for each in told), told
    assert not any("y is" in each for each in told) or "for each of" in said
    assert all(each.mark.line or "sequence" in each.message for each in caught.value.complaints)
