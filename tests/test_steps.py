"""Several updates: batches in turn, the optimizer's state, the losses, any step shown."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest
from oracles.replay import replay

from backprop_cli.errors import UserError
from backprop_cli.problem.problem_file import Source
from backprop_cli.readings import program
from backprop_cli.solving import training
from backprop_cli.solving.limits import MAX_WORK, work
from backprop_cli.solving.loading import Loaded, loaded
from backprop_cli.solving.solution import Request, solve
from backprop_cli.trace import Trace

# One weight, L = (w x - y)² and dL/dw = 2 x (w x - y): everything can be worked out by hand.
ONE_WEIGHT = "x: {x}\ny: {y}\nlayers: [{{weights: [[1]]}}]\nloss: squared-error\nupdate: {update}\n"
SAMPLES = {"x": "[[1], [2], [3]]", "y": "[0, 0, 0]"}
NETWORK = """x: [[1, 0], [0, 1], [1, 1], [2, 1], [0, 0]]
y: [[0, 1], [1, 0], [1, 1], [0, 0], [1, 0]]
layers:
  - {weights: [[3, 4], [6, 5]], bias: [1, -6], activation: sigmoid}
  - {weights: [[2, 4], [3, 3]], bias: [-1, -2], activation: tanh}
loss: squared-error
"""


def problem(text: str) -> Loaded:
    return loaded(Source("problem.yaml", text.encode()))


def one_weight(update: str, x: str = "1", y: str = "0") -> Loaded:
    return problem(ONE_WEIGHT.format(x=x, y=y, update=update))


def trained(model: Loaded, **request: Any) -> Trace:
    return solve(model.model, Request(**request)).trace


def value(trace: Trace, id: str) -> float:
    found = trace.step(id).value
    assert found is not None
    return float(found.item())


# Without updates ----------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [None, 0])
def test_no_steps_change_nothing(steps: int | None) -> None:
    in_file = one_weight(f"{{rule: sgd, learning_rate: 0.1, steps: {0 if steps is None else 5}}}")
    trace = trained(in_file, steps=steps)
    assert trace.history == (1.0,)
    assert trace.parameters["W1"].tolist() == [[1.0]]
    assert value(trace, "dL/dW1") == 2


def test_without_an_update_there_is_one_loss() -> None:
    trace = trained(problem(NETWORK))
    assert len(trace.history) == 1
    assert not [step for step in trace.steps if step.phase == "update"]


def test_nothing_trained_is_nothing_updated() -> None:
    text = NETWORK.replace("activation: sigmoid", "train: false").replace(
        "activation: tanh", "train: []"
    )
    trace = trained(problem(text + "update: {rule: sgd, learning_rate: 1, steps: 3}\n"))
    assert len(trace.history) == 1


# Steps --------------------------------------------------------------------------------------------


def test_each_step_begins_where_the_last_one_ended() -> None:
    model = one_weight("{rule: sgd, learning_rate: 0.1, steps: 3}")
    trace = trained(model)
    weights = [1 * 0.8**step for step in range(4)]
    assert trace.history == pytest.approx([w**2 for w in weights])
    assert float(trace.parameters["W1"].item()) == pytest.approx(weights[3])
    for at in (1, 2, 3):
        shown = trained(model, at=at)
        assert value(shown, "W1_new") == pytest.approx(weights[at])
        assert value(shown, "L") == pytest.approx(weights[at - 1] ** 2)
        assert value(shown, "L_new") == pytest.approx(weights[at] ** 2)
        assert float(shown.given["W1"].value.item()) == pytest.approx(weights[at - 1])
        assert (shown.history, {s.iteration for s in shown.steps}) == (trace.history, {at})
        assert replay(shown) == shown


def test_steps_asked_for_replace_those_of_the_file() -> None:
    model = one_weight("{rule: sgd, learning_rate: 0.1, steps: 3}")
    assert len(trained(model, steps=5).history) == 6
    assert len(trained(model, steps=1).history) == 2


def test_a_step_beyond_the_last_is_the_last() -> None:
    model = one_weight("{rule: sgd, learning_rate: 0.1, steps: 2}")
    assert trained(model, at=9).steps[0].iteration == 2


def test_progress_is_told_each_step() -> None:
    told: list[tuple[int, float]] = []
    model = one_weight("{rule: sgd, learning_rate: 0.1, steps: 3}")
    trained(model, progress=lambda step, loss: told.append((step, loss)))
    assert [step for step, _ in told] == [1, 2, 3]


# The optimizer's state ----------------------------------------------------------------------------


def adam(gradients: list[float], t: int, state: Mapping[str, float]) -> float:
    """What adam makes of a weight of 1, written out."""
    m, v, w = state["m"], state["v"], 1.0
    for number, g in enumerate(gradients, start=t):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        w -= 0.5 * (m / (1 - 0.9**number)) / (np.sqrt(v / (1 - 0.999**number)) + 1e-8)
    return w


@pytest.mark.parametrize(
    ("more", "t", "state"),
    [
        ("", 1, {"m": 0.0, "v": 0.0}),
        (", t: 4", 4, {"m": 0.0, "v": 0.0}),
        (", t: 2, state: {m_W1: 0.5, v_W1: [0.25]}", 2, {"m": 0.5, "v": 0.25}),
    ],
)
def test_t_goes_on_from_where_it_starts(more: str, t: int, state: Mapping[str, float]) -> None:
    model = one_weight(f"{{rule: adam, learning_rate: 0.5, steps: 3{more}}}")
    gradients = [value(trained(model, at=at), "dL/dW1") for at in (1, 2, 3)]
    assert [float(trained(model, at=at).given["t"].value) for at in (1, 3)] == [t, t + 2]
    got = trained(model)
    assert float(got.parameters["W1"].item()) == pytest.approx(adam(gradients, t, state))


def test_the_state_shown_is_that_of_the_step() -> None:
    model = one_weight(
        "{rule: momentum, learning_rate: 0.1, beta: 0.5, steps: 2, state: {v_W1: 1}}"
    )
    first, second = trained(model, at=1), trained(model, at=2)
    assert float(first.given["v_W1_old"].value.item()) == 1
    assert float(second.given["v_W1_old"].value.item()) == value(first, "v_W1") == 0.5 - 0.2


def test_given_gradients_stay_while_the_state_goes_on() -> None:
    text = (
        "values: {W: [1, 2]}\ngradients: {W: [1, -1]}\n"
        "update: {rule: momentum, form: accumulate, learning_rate: 0.1, beta: 0.5, steps: 2}\n"
    )
    trace = trained(problem(text))
    assert trace.parameters["W"] == pytest.approx([1 - 0.1 - 0.15, 2 + 0.1 + 0.15])
    assert trace.history == ()


# Batches ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batches", ["[[1], [2], [3]]", "1"])
@pytest.mark.parametrize(("steps", "rate"), [(4, 0.01), (802, 1e-4)], ids=["few", "compiled"])
def test_batches_are_taken_in_turn(batches: str, steps: int, rate: float) -> None:
    update = f"{{rule: sgd, learning_rate: {rate}, steps: {steps}, batches: {batches}}}"
    trace = trained(one_weight(update, **SAMPLES))
    w, losses = 1.0, []
    for step in range(steps):
        x = step % 3 + 1
        losses.append((w * x) ** 2)
        w -= rate * 2 * x * x * w
    assert trace.history == pytest.approx([*losses, w**2])  # the last is the last batch after it
    assert float(trace.parameters["W1"].item()) == pytest.approx(w)


def test_the_new_loss_is_on_the_batch_of_the_step() -> None:
    update = "{rule: sgd, learning_rate: 0.01, steps: 2, batches: [[1], [2, 3]]}"
    model = one_weight(update, **SAMPLES)
    second = trained(model, at=2)
    w = 0.98
    assert second.samples == 2
    assert second.given["X"].value.tolist() == [[2, 3]]
    assert value(second, "L") == pytest.approx((4 * w * w + 9 * w * w) / 2)
    new = float(second.parameters["W1"].item())
    assert value(second, "L_new") == pytest.approx((4 + 9) / 2 * new * new)


def test_batches_of_a_size_leave_a_smaller_last_one() -> None:
    update = "{rule: sgd, learning_rate: 0.01, steps: 3, batches: 2}"
    model = one_weight(update, **SAMPLES)
    assert [trained(model, at=at).samples for at in (1, 2, 3)] == [2, 1, 2]


def test_a_batch_larger_than_all_samples_is_all_of_them() -> None:
    update = "{rule: sgd, learning_rate: 0.01, batches: 7}"
    assert trained(one_weight(update, **SAMPLES)).samples == 3


def test_batches_count_from_the_indices_of_the_file() -> None:
    text = "convention: {indices: 0}\n" + ONE_WEIGHT.format(
        **SAMPLES, update="{rule: sgd, learning_rate: 0.01, batches: [[0, 2]]}"
    )
    assert trained(problem(text)).given["X"].value.tolist() == [[1, 3]]


def test_given_gradients_are_taken_for_the_samples_of_a_batch() -> None:
    text = (
        "x: [[1], [2], [3]]\nlayers: [{weights: [[1]]}]\nupstream: {Yhat: [1, 10, 100]}\n"
        "update: {rule: sgd, learning_rate: 1, steps: 2, batches: [[1, 2], [3]]}\n"
    )
    first, second = (trained(problem(text), at=at) for at in (1, 2))
    assert value(first, "dL/dW1") == 1 * 1 + 10 * 2
    assert value(second, "dL/dW1") == 100 * 3


def test_batches_of_a_network_agree_with_one_step_after_another() -> None:
    update = "update: {{rule: rmsprop, learning_rate: 0.1, steps: 3, batches: {}}}\n"
    at_once = trained(problem(NETWORK + update.format("[[1, 2], [5, 3], [4]]")))
    for base in range(3):
        one = trained(problem(NETWORK + update.format("[[1, 2], [5, 3], [4]]")), steps=base + 1)
        assert one.history[:-1] == at_once.history[: base + 1]


# Compiled steps -----------------------------------------------------------------------------------

WAYS = ("plain", "scalars", "buffers")
UPDATES = (
    "{rule: sgd, learning_rate: 0.1}",
    "{rule: momentum, learning_rate: 0.1, beta: 0.5}",
    "{rule: adam, learning_rate: 0.1, t: 3}",
    "{rule: rmsprop, learning_rate: 0.05, batches: [[1, 2], [5, 3], [4]]}",
    "{rule: adagrad, learning_rate: 0.5, batches: 2}",
    "{rule: adam, learning_rate: 0.1, batches: [[1], [2, 3, 4, 5]]}",
)


def in_each_way(
    text: str, monkeypatch: pytest.MonkeyPatch, **request: Any
) -> Iterator[tuple[str, Trace]]:
    """The problem trained plainly, and compiled in either way."""
    for way in WAYS:
        monkeypatch.setattr(program, "fastest", lambda size, count, way=way: way)
        yield way, trained(problem(text), **request)


@pytest.mark.parametrize("update", UPDATES)
def test_compiled_steps_are_the_plain_ones(update: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = dict(in_each_way(f"{NETWORK}update: {update}\n", monkeypatch, steps=170, at=130))
    plain = found["plain"]
    assert len(plain.history) == 171
    for other in found.values():
        np.testing.assert_allclose(other.history, plain.history, rtol=1e-10)
        assert other.parameters.keys() == plain.parameters.keys()
        for name, value in plain.parameters.items():
            np.testing.assert_allclose(other.parameters[name], value, rtol=1e-9, atol=1e-12)
        for step in plain.steps:
            got, wanted = other.step(step.id).value, step.value
            assert got is not None
            assert wanted is not None
            np.testing.assert_allclose(got, wanted, rtol=1e-8, atol=1e-12)
        assert replay(other) == other


def test_no_way_loses_digits_where_logits_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "values: {w: [0, 1], far: 1125899906842624, y: [0, 1]}\ntrain: [w]\nequations:\n"
    text += "  - L = -sum(y * log_softmax(w + far))\nupdate: {rule: sgd, learning_rate: 1.0e-9}\n"
    for way, trace in in_each_way(text, monkeypatch, steps=3):
        np.testing.assert_allclose(trace.history, [math.log1p(math.exp(-1))] * 4, err_msg=way)


OVERFLOWING = (
    "x: [1]\ny: [0]\nlayers: [{weights: [[1]]}]\nloss: squared-error\n"
    "update: {rule: RULE, learning_rate: 50}\n"
)


@pytest.mark.parametrize("rule", ["sgd", "momentum", "adam"])
def test_what_overflows_is_told_as_plainly(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = OVERFLOWING.replace("RULE", rule).replace("momentum,", "momentum, beta: 0.9,")
    if rule == "adam":
        text = text.replace("x: [1]", "x: [1e180]")
    found = dict(in_each_way(text, monkeypatch, steps=400, at=399))
    plain = found["plain"]
    assert not np.isfinite(plain.history[-1])
    for other in found.values():
        np.testing.assert_allclose(other.history, plain.history, rtol=1e-9)
        assert np.array_equal(np.isnan(other.parameters["W1"]), np.isnan(plain.parameters["W1"]))


def test_saturated_outputs_are_trained_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gradient of ln 0 is infinite, that in the logits is not."""
    text = (
        "x: [1]\ny: [0, 1]\nlayers: [{weights: [[400], [-400]], activation: softmax}]\n"
        "loss: cross-entropy\nupdate: {rule: sgd, learning_rate: 4}\n"
    )
    histories = {way: trace.history for way, trace in in_each_way(text, monkeypatch, steps=150)}
    assert histories["plain"][:3] == pytest.approx((800, 792, 784))
    for history in histories.values():
        np.testing.assert_allclose(history, histories["plain"], rtol=1e-10, atol=1e-300)


def test_what_stands_still_is_not_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    one_pass = training._pass  # noqa: SLF001  # counted here

    def counted(batch: Any, state: Any, index: int, *more: Any) -> Any:
        made.append(index)
        return one_pass(batch, state, index, *more)

    monkeypatch.setattr(training, "_pass", counted)
    text = OVERFLOWING.replace("RULE", "sgd")
    trace = trained(problem(text), steps=5000)
    assert len(trace.history) == 5001
    assert np.isnan(trace.history[-1])
    assert len(made) < 1000


def test_rounded_values_are_not_compiled() -> None:
    text = "rounding: {decimals: 2}\n" + ONE_WEIGHT.format(
        x="1", y="0", update="{rule: sgd, learning_rate: 0.1}"
    )
    trace = trained(problem(text), steps=40)
    weight, losses = 1.0, []
    for _ in range(40):
        losses.append(round(weight * weight, 2))
        weight = round(weight - round(0.1 * round(2 * weight, 2), 2), 2)
    assert trace.history[:-1] == pytest.approx(losses, abs=0.011)
    assert all(round(loss, 2) == loss for loss in trace.history)


# Limits -------------------------------------------------------------------------------------------


def test_too_many_steps_are_refused_before_the_first() -> None:
    model = one_weight("{rule: sgd, learning_rate: 0.1, steps: 1000000000}")
    with pytest.raises(UserError, match="operations, and the limit is"):
        solve(model.model)
    needed = work(model.plan, 10)
    assert len(trained(model, steps=10, max_work=needed).history) == 11
    with pytest.raises(UserError):
        trained(model, steps=10, max_work=needed - 1)


def test_training_of_some_length_is_within_the_limit() -> None:
    text = "x: [[0, 1], [1, 0]]\ny: [0, 1]\nlayers:\n" + 2 * (
        "  - {weights: [[1, 2], [3, 4]], bias: [0, 1], activation: tanh}\n"
    )
    text += "  - {weights: [[1, 2]], activation: sigmoid}\nloss: squared-error\n"
    model = problem(text + "update: {rule: adam, learning_rate: 0.1, steps: 1000}\n")
    assert work(model.plan, 1000) < MAX_WORK


def test_large_products_count_for_what_they_cost() -> None:
    text = "values: {{A: {0}, B: {0}}}\nequations: [C = A @ B @ A @ B, L = sum(C)]\n"
    small = problem(text.format([[1.0] * 10] * 10))
    large = problem(text.format([[1.0] * 300] * 300))
    assert work(large.plan, 1) > 100 * work(small.plan, 1)
