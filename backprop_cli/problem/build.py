"""A problem to its model, whichever way it is written."""

from __future__ import annotations

from backprop_cli.errors import Complaints
from backprop_cli.problem.data import Problem
from backprop_cli.problem.general import general, updates_only
from backprop_cli.problem.model import Model
from backprop_cli.problem.network import network


def build_model(problem: Problem, complaints: Complaints) -> Model | None:
    """The model; None, with complaints, where the problem cannot be computed."""
    if problem.layers is not None:
        return network(problem, complaints)
    if problem.equations is not None:
        return general(problem, complaints)
    return updates_only(problem, complaints)


def batch_model(problem: Problem, chosen: tuple[int, ...]) -> Model:
    """The model of some of the samples; the problem is one whose model could be built."""
    model = network(problem, Complaints(), chosen)
    assert model is not None
    return model
