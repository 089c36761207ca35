"""What must hold for any network: replay, JSON, orientations, shortcuts, equations, batches."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import networks, reading
from oracles.compare import differences
from oracles.reading import Array, Problem
from oracles.replay import from_json, replay
from oracles.solved import changed, in_equations, of_one_sample, oriented, solved

from backprop_cli.operations.table import Sizes
from backprop_cli.readings.entries import entry
from backprop_cli.readings.values import evaluate
from backprop_cli.solving.solution import Solution
from backprop_cli.solving.verify import verify
from backprop_cli.trace import Trace
from backprop_cli.trace_json import to_json

seeds = st.integers(0, 5_000)
few = settings(max_examples=40, deadline=None)


@cache
def drawn(seed: int) -> Problem:
    return networks.draw(seed).problem


def gradients(solution: Solution) -> dict[str, Array]:
    found = {step.id: step.value for step in solution.trace.steps if step.phase == "backward"}
    return {id: value for id, value in found.items() if value is not None}


def of_parameters(values: dict[str, Array]) -> dict[str, Array]:
    return {id: value for id, value in values.items() if id.startswith(("dL/dW", "dL/db"))}


# ---- What is printed is what was computed -------------------------------------------------------


@given(seeds)
@few
def test_a_trace_replays_and_survives_json(seed: int) -> None:
    trace = solved(drawn(seed)).trace
    assert replay(trace) == trace
    again = from_json(json.loads(json.dumps(to_json(trace))))
    assert again == trace
    assert replay(again) == trace


def test_a_changed_value_does_not_replay() -> None:
    data = to_json(solved(drawn(1)).trace)
    step = next(step for step in data["steps"] if step["phase"] == "forward")
    step["value"] = (np.asarray(step["value"]) + 1e-12).tolist()
    changed_trace = from_json(data)
    assert replay(changed_trace) != changed_trace


@pytest.mark.parametrize("mode", ["half-up", "half-even", "truncate"])
def test_rounded_traces_replay(mode: str) -> None:
    for seed in range(10):
        trace = solved({**drawn(seed), "rounding": {"decimals": 2, "mode": mode}}).trace
        assert replay(trace) == trace
        assert replay(from_json(json.loads(json.dumps(to_json(trace))))) == trace


@given(seeds)
@few
def test_every_entry_written_out_is_the_entry(seed: int) -> None:
    trace = solved(drawn(seed)).trace
    env = values(trace)
    sizes = Sizes({name: value.shape for name, value in env.items()}, kinks_of(trace))
    for step in trace.steps:
        if step.value is None or "jacobian" in str(step.expr):
            continue
        for index in np.ndindex(step.value.shape):
            found = evaluate(entry(step.expr, index, sizes), env)
            wanted = float(step.value[index])
            assert float(found) == pytest.approx(wanted, rel=1e-9, abs=1e-12), (step.id, index)


def values(trace: Trace) -> dict[str, Array]:
    steps = {step.id: step.value for step in trace.steps if step.value is not None}
    return {name: given.value for name, given in trace.given.items()} | steps


def kinks_of(trace: Trace) -> dict[str, float]:
    said = trace.convention["kinks"]
    assert isinstance(said, dict)
    return {name.replace("-", "_"): value for name, value in said.items()}


# ---- The same network, written another way ------------------------------------------------------


@given(seeds, st.sampled_from(reading.AFFINE))
@few
def test_the_orientations_agree(seed: int, affine: str) -> None:
    """Under plain descent: a rule that divides by √g² makes much of a gradient that is noise."""
    problem = {**drawn(seed), "update": {"rule": "sgd", "learning_rate": 0.1, "steps": 2}}
    if "loss" not in problem and "upstream" not in problem:
        del problem["update"]
    one = solved(problem).trace
    other = solved(oriented(problem, affine)).trace
    assert {step.id for step in one.steps} == {step.id for step in other.steps}
    axes = {step.id: step.axes for step in other.steps}
    found = {
        step.id: step.value if step.axes == axes[step.id] else step.value.T
        for step in one.steps
        if step.value is not None
    }
    wanted = {step.id: step.value for step in other.steps if step.value is not None}
    notes = differences(found, wanted, rtol=1e-11, atol=1e-12)
    assert not notes, "\n".join(notes)
    np.testing.assert_allclose(one.history, other.history, rtol=1e-11)


@given(seeds)
@few
def test_fused_equals_chained(seed: int) -> None:
    fused, chained = (
        solved(changed(drawn(seed), output_gradient=way)) for way in ("fused", "chain")
    )
    assert values(fused.trace).keys() == values(chained.trace).keys()
    notes = differences(values(fused.trace), values(chained.trace), rtol=1e-11, atol=1e-11)
    assert not notes, "\n".join(notes)


def test_fused_is_another_formula() -> None:
    problem = {"x": [1], "y": [0, 1], "layers": [{"weights": [[1], [2]], "activation": "softmax"}]}
    problem |= {"loss": "cross-entropy", "convention": {"output_gradient": "fused"}}
    step = solved(problem).trace.step("dL/dZ1")
    assert (step.rule, step.inputs) == ("fused", ("Yhat", "Y"))


@pytest.mark.parametrize("start", range(0, 240, 40))
def test_layers_are_their_equations(start: int) -> None:
    tried = 0
    for seed in range(start, start + 40):
        problem = {key: value for key, value in drawn(seed).items() if key != "update"}
        written = in_equations(problem)
        if written is None:
            continue
        tried += 1
        by_layers, by_hand = solved(problem), solved(written)
        wanted = of_parameters(gradients(by_layers)) | {"L": by_layers.values["L"]}
        notes = differences(dict(by_hand.values), wanted, rtol=1e-9, atol=1e-11)
        assert not notes, "\n".join([f"seed {seed}", *notes, *written["equations"]])
    assert tried


@given(seeds)
@few
def test_denominator_layout_is_the_transpose(seed: int) -> None:
    one = solved(changed(drawn(seed), jacobian="numerator"))
    other = solved(changed(drawn(seed), jacobian="denominator"))
    for step in one.trace.steps:
        turned = other.trace.step(step.id)
        assert step.value is not None
        assert turned.value is not None
        if step.phase != "jacobian":
            np.testing.assert_allclose(
                turned.value, step.value, rtol=1e-12, atol=1e-15, err_msg=step.id
            )
            continue
        block = step.axes[0] == "sample"
        rank = (step.value.ndim - block) // 2 if block else of_rank(one, step.id)
        ends = range(block), range(block + rank, step.value.ndim), range(block, block + rank)
        order = [axis for part in ends for axis in part]
        found = step.value.transpose(order)
        np.testing.assert_allclose(turned.value, found, rtol=1e-12, atol=1e-14, err_msg=step.id)
        assert turned.axes == tuple(step.axes[i] for i in order), step.id


def of_rank(solution: Solution, id: str) -> int:
    return int(solution.values[id[1:].partition("/d")[0]].ndim)


# ---- Batches, and differences -------------------------------------------------------------------


def is_summed_over_samples(problem: Problem) -> bool:
    return (
        reading.is_batch(problem) and reading.loss(problem) is not None and "penalty" not in problem
    )


@pytest.mark.parametrize(
    "seed", [seed for seed in range(60) if is_summed_over_samples(networks.draw(seed).problem)]
)
def test_a_batch_is_made_of_its_samples(seed: int) -> None:
    problem = {key: value for key, value in drawn(seed).items() if key != "update"}
    loss = reading.loss(problem)
    assert loss is not None
    alone = [
        of_parameters(gradients(solved(of_one_sample(problem, i))))
        for i in range(len(problem["x"]))
    ]
    share = len(alone) if loss.get("over_samples", "mean") == "mean" else 1
    together = of_parameters(gradients(solved(problem)))
    assert all(one.keys() == together.keys() for one in alone)
    wanted = {id: np.sum([one[id] for one in alone], axis=0) / share for id in together}
    notes = differences(together, wanted, rtol=1e-11, atol=1e-12)
    assert not notes, "\n".join(notes)


@given(seeds)
@few
def test_verify_finds_nothing(seed: int) -> None:
    solution = solved(drawn(seed))
    checks = verify(solution.model, solution.values)
    assert {check.id for check in checks} >= set(of_parameters(gradients(solution)))
    for check in checks:
        assert check.checked + check.kinks == np.size(solution.values[check.id])
        assert check.error < 1e-6, check
        assert check.kinks == 0, check


def test_verify_finds_a_wrong_gradient() -> None:
    solution = solved(drawn(3))
    for id in of_parameters(gradients(solution)):
        wrong = {**solution.values, id: solution.values[id] * 1.001 + 1e-4}
        errors = {check.id: check.error for check in verify(solution.model, wrong)}
        assert errors.pop(id) > 1e-5
        assert all(error < 1e-6 for error in errors.values())
