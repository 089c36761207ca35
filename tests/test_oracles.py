"""The oracles agree with each other, with finite differences and with torch's own optimizers."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import yaml
from oracles import features, finite_differences, networks, numpy_forward, numpy_reference, reading
from oracles.compare import differences
from oracles.reading import Problem, Result

SEEDS = range(60)
DIFFERENTIATED = [
    seed for seed in range(220) if networks.draw(seed).problem.keys() & {"y", "upstream"}
]


@pytest.fixture(scope="module")
def torch_reference() -> ModuleType:
    pytest.importorskip("torch", reason="PyTorch is not installed")
    return importlib.import_module("oracles.torch_reference")


def loss_of(problem: Problem) -> float:
    """The loss; where a gradient is given, a scalar that has it."""
    done = numpy_forward.forward(problem)
    if done.loss is not None:
        return done.loss
    last = len(problem["layers"])
    rows = {"Yhat": done.outputs[last], f"Z{last}": done.pre[-1], f"H{last - 1}": done.outputs[-2]}
    shares = [
        float((reading.stored(problem, rows[name]) * np.array(value)).sum())
        for name, value in problem["upstream"].items()
    ]
    return sum(shares)


def gradients_of(result: Result) -> dict[str, Any]:
    values = {**result.required, **result.optional}
    return {name: value for name, value in values.items() if name.startswith("dL/d")}


def test_300_seeds_use_every_feature() -> None:
    used = [features.features(networks.draw(seed).problem) for seed in range(300)]
    assert features.FEATURES - frozenset().union(*used) == frozenset()


def test_220_seeds_use_every_feature() -> None:
    used = [features.features(networks.draw(seed).problem) for seed in range(220)]
    assert features.FEATURES - frozenset().union(*used) == frozenset()


@pytest.mark.parametrize("seed", range(20))
def test_a_seed_is_one_problem_and_yaml_keeps_it(seed: int) -> None:
    case = networks.draw(seed)
    assert case == networks.draw(seed)
    assert yaml.safe_load(case.text) == case.problem


@pytest.mark.parametrize("seed", SEEDS)
def test_numpy_and_torch_agree(seed: int, torch_reference: ModuleType) -> None:
    problem = networks.draw(seed, plain=True).problem
    by_hand, by_torch = numpy_reference.solve(problem), torch_reference.solve(problem)
    assert by_hand.required.keys() == by_torch.required.keys()
    notes = differences(by_hand.required, by_torch.required, rtol=1e-11, atol=1e-12)
    notes += differences(by_hand.parameters, by_torch.parameters, rtol=1e-11, atol=1e-12)
    assert not notes, "\n".join(notes)
    np.testing.assert_allclose(by_hand.history, by_torch.history, rtol=1e-11)


@pytest.mark.parametrize("seed", SEEDS)
def test_numpy_agrees_with_finite_differences(seed: int) -> None:
    problem = networks.draw(seed, plain=True).problem
    wanted = finite_differences.gradients(problem, loss_of)
    notes = differences(gradients_of(numpy_reference.solve(problem)), wanted, rtol=1e-6, atol=1e-7)
    assert not notes, "\n".join(notes)


@pytest.mark.parametrize("seed", DIFFERENTIATED)
def test_torch_agrees_with_finite_differences(seed: int, torch_reference: ModuleType) -> None:
    problem = networks.draw(seed).problem
    result = torch_reference.solve(problem)
    wanted = finite_differences.gradients(problem, loss_of)
    notes = differences(gradients_of(result), wanted, rtol=1e-6, atol=1e-7)
    assert not notes, "\n".join(notes)
    if result.history:
        assert result.required["L"] == pytest.approx(loss_of(problem), rel=1e-12)


@pytest.mark.parametrize("seed", range(220))
def test_training_stays_finite(seed: int, torch_reference: ModuleType) -> None:
    result = torch_reference.solve(networks.draw(seed).problem)
    values = [*result.required.values(), *result.parameters.values(), np.array(result.history)]
    assert all(np.isfinite(value).all() and np.abs(value).max(initial=0) < 1e4 for value in values)


def optimizers(torch: Any) -> dict[str, tuple[dict[str, Any], Any, dict[str, Any]]]:
    optim = torch.optim
    accumulate = {"rule": "momentum", "form": "accumulate", "beta": 0.8}
    return {
        "sgd": ({"rule": "sgd"}, optim.SGD, {}),
        "accumulate": (accumulate, optim.SGD, {"momentum": 0.8}),
        "nesterov": ({"rule": "nesterov"}, optim.SGD, {"momentum": 0.9, "nesterov": True}),
        "adagrad": ({"rule": "adagrad", "epsilon": 1e-6}, optim.Adagrad, {"eps": 1e-6}),
        "rmsprop": ({"rule": "rmsprop", "beta": 0.7}, optim.RMSprop, {"alpha": 0.7}),
        "adam": ({"rule": "adam", "beta2": 0.99}, optim.Adam, {"betas": (0.9, 0.99)}),
    }


@pytest.mark.parametrize("name", ["sgd", "accumulate", "nesterov", "adagrad", "rmsprop", "adam"])
def test_update_rules_are_those_of_torch(name: str, torch_reference: ModuleType) -> None:
    torch = importlib.import_module("torch")
    rule, optimizer_class, options = optimizers(torch)[name]
    problem = networks.draw(5, plain=True).problem
    problem["update"] = {**rule, "learning_rate": 0.05, "steps": 3}
    parameters = torch_reference.read_parameters(problem)
    optimizer = optimizer_class(parameters.values(), lr=0.05, **options)
    everything = reading.batches(problem)[0]
    for _ in range(3):
        optimizer.zero_grad()
        torch_reference.run(problem, parameters, everything).root.backward()
        optimizer.step()
    trained = {name: value.detach().numpy() for name, value in parameters.items()}
    notes = differences(torch_reference.solve(problem).parameters, trained, rtol=1e-12)
    assert not notes, "\n".join(notes)
