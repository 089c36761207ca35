"""A problem to its model, whichever way it is written."""

from __future__ import annotations

from backprop_cli.errors import Complaints
from backprop_cli.problem.model import Built, Model
from backprop_cli.problem.network import network
from backprop_cli.problem.problem_data import Problem


def build(problem: Problem, complaints: Complaints, numbers: bool = True) -> Built | None:
    """What can be made of a problem; None where the file states no model to look at.

    Without `numbers` shapes alone will do, as for a derivation in symbols.
    """
    if problem.layers:
        return network(problem, complaints, numbers=numbers)
    from backprop_cli.problem.equations_model import general, updates_only

    if problem.equations:
        return general(problem, complaints, numbers)
    if problem.gradients:
        return updates_only(problem, complaints)
    return None


def batch_model(problem: Problem, chosen: tuple[int, ...]) -> Model:
    """The model of some of the samples; the problem is one whose model could be built."""
    built = network(problem, Complaints(), chosen)
    assert built.model is not None
    return built.model
