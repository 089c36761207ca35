"""One plan for all problems that differ in their numbers alone: the right one, and made once."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import backprop_cli as backprop
from backprop_cli.cli.arguments import load
from backprop_cli.errors import UserError
from backprop_cli.problem.model import Model
from backprop_cli.problem.problem_file import Source
from backprop_cli.solving.asked import asked_pairs
from backprop_cli.solving.frames import frame
from backprop_cli.solving.loading import Loaded, loaded
from backprop_cli.solving.plan import Plan, plan
from backprop_cli.solving.shortcuts import asks_numbers

ROOT = Path(__file__).parents[1] / "problems"
FILES = sorted(ROOT.rglob("*.yaml"))

NETWORK: Mapping[str, Any] = yaml.safe_load("""
x: [0.5, -1.5]
y: [0, 1]
layers:
  - {weights: [[0.1, 0.2], [0.3, -0.4]], bias: [0.1, 0.2], activation: relu}
  - {weights: [[0.5, 0.6], [-0.7, 0.8]], bias: [0, 0], activation: softmax}
loss: cross-entropy
update: {rule: sgd, learning_rate: 0.1}
""")

CHANGES: Mapping[str, Mapping[str, Any]] = {
    "an activation": {"layers": {0: {"activation": "tanh"}}},
    "a slope": {"layers": {0: {"activation": {"name": "leaky_relu", "slope": 0.2}}}},
    "a kink": {"convention": {"kinks": {"relu": 1}}},
    "an orientation": {"convention": {"affine": "W^T x + b"}},
    "a Jacobian's layout": {"convention": {"jacobian": "denominator"}},
    "fused": {"convention": {"output_gradient": "fused"}},
    "a rule": {"update": {"rule": "adam", "learning_rate": 0.1}},
    "weight decay": {"update": {"rule": "sgd", "learning_rate": 0.1, "weight_decay": 0.1}},
    "clipping": {"update": {"rule": "sgd", "learning_rate": 0.1, "clip": {"value": 0.01}}},
    "a penalty": {"penalty": {"l2": 0.1}},
    "what is asked": {"ask": ["dL/dX", "dYhat/dX"]},
    "samples": {"x": [[0.5, -1.5], [1, 2]], "y": [[0, 1], [1, 0]]},
}


def changed(tree: Any, by: Any) -> Any:
    """A tree with some of what it holds put in place of what was there."""
    if not isinstance(by, Mapping):
        return by
    tree = deepcopy(tree)
    for key, value in by.items():
        old = tree[key] if isinstance(tree, list) else tree.get(key, {})
        deep = isinstance(value, Mapping) and key != "update" and isinstance(old, (dict, list))
        tree[key] = changed(old, value) if deep else value
    return tree


def with_numbers(tree: Any, factor: float) -> Any:
    """A network with every weight and input another one."""
    other = deepcopy(tree)
    other["x"] = (np.array(other["x"]) * factor).tolist()
    for layer in other["layers"]:
        layer["weights"] = (np.array(layer["weights"]) * factor).tolist()
    return other


def found(tree: Mapping[str, Any]) -> Loaded:
    return loaded(Source("p.yaml", yaml.safe_dump(dict(tree)).encode()))


def planned(model: Model) -> tuple[Plan, Plan]:
    """The plan that the numbers have a part in, and that of the frame alone."""
    extra = tuple(asked_pairs(model))
    common = frame(model)
    assert common is not None
    return plan(model, extra), plan(common.model, extra)


def same(one: Plan, other: Plan) -> bool:
    return (one.steps, dict(one.shapes), dict(one.definitions), dict(one.behind)) == (
        other.steps,
        dict(other.shapes),
        dict(other.definitions),
        dict(other.behind),
    )


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_number_has_a_part_in_a_plan(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        model = load(path).model
    except UserError:
        return  # in letters, or a sheet
    if model.problem.convention.output_gradient == "fused" and asks_numbers(model):
        return  # see below
    remembered, alone = planned(model)
    assert remembered is alone or same(remembered, alone)
    monkeypatch.setattr("backprop_cli.solving.plan.frame", lambda _: None)
    assert same(plan(model, tuple(asked_pairs(model))), remembered)


@pytest.mark.parametrize("change", [{}, *CHANGES.values()], ids=["nothing", *CHANGES])
def test_other_numbers_have_the_same_plan(change: Mapping[str, Any]) -> None:
    tree = changed(NETWORK, change)
    one, other = (found(with_numbers(tree, factor)) for factor in (1, 1.5))
    assert one.plan is other.plan


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_is_another_problem_has_another_plan(change: Mapping[str, Any]) -> None:
    assert not same(found(NETWORK).plan, found(changed(NETWORK, change)).plan)


@pytest.mark.parametrize("rounding", [{}, {"rounding": {"decimals": 2}}], ids=["plain", "rounded"])
@pytest.mark.parametrize("change", [{}, *CHANGES.values()], ids=["nothing", *CHANGES])
def test_values_are_those_of_the_own_numbers(
    change: Mapping[str, Any], rounding: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = {**with_numbers(changed(NETWORK, change), 1.5), **rounding}
    backprop.load(changed(NETWORK, change)).solve()
    backprop.load(with_numbers(changed(NETWORK, change), 1.5)).solve()
    remembered = backprop.load(tree).solve()
    monkeypatch.setattr("backprop_cli.solving.plan.frame", lambda _: None)
    afresh = backprop.load(tree).solve()
    assert remembered.names == afresh.names
    for id in remembered.names:
        np.testing.assert_array_equal(remembered[id], afresh[id], err_msg=id)


def test_whether_targets_add_up_to_1_is_asked_of_the_numbers() -> None:
    text = """
convention: {{output_gradient: fused}}
values: {{z: [1, 2], y: {}}}
equations: [p = softmax(z), "L = cross_entropy(p, y)"]
differentiate: L
"""
    adding_up, not_so = (
        backprop.load(text.format(y)).solve()["dL/dz"] for y in ([0.25, 0.75], [0.5, 2])
    )
    p = np.exp([1.0, 2.0]) / np.exp([1.0, 2.0]).sum()
    np.testing.assert_allclose(adding_up, p - [0.25, 0.75])
    np.testing.assert_allclose(not_so, 2.5 * p - [0.5, 2])


def test_formulas_that_are_too_deep_to_compare_are_planned_anew() -> None:
    deep = {"values": {"x": 1.5}, "equations": ["L = " + " + ".join(["x"] * 120)]}
    assert frame(found(deep).model) is None
    assert backprop.load(deep).solve()["dL/dx"] == 120


def test_planning_is_done_once(monkeypatch: pytest.MonkeyPatch) -> None:
    backprop.load(NETWORK).solve()

    def fail(*_: object) -> Plan:
        raise AssertionError

    monkeypatch.setattr("backprop_cli.solving.plan._planned", fail)
    backprop.load(with_numbers(NETWORK, 0.5)).solve()
    with pytest.raises(AssertionError):
        backprop.load(
            changed(
                NETWORK, {"layers": {1: {"activation": "linear"}}, "loss": "mean-squared-error"}
            )
        )
