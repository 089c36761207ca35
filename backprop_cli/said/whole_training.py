"""A solution to what a program needs beyond the step shown: all data, batches, steps."""

from __future__ import annotations

from backprop_cli.errors import Complaints
from backprop_cli.formats.program_text import Training
from backprop_cli.problem.build_model import build
from backprop_cli.problem.model import Model
from backprop_cli.solving.batches import batches
from backprop_cli.solving.solution import Request, Solution, solve
from backprop_cli.solving.update import constant_names
from backprop_cli.trace import Trace


def training_of(solution: Solution, first: int, most: int) -> Training:
    """The training whose step `first` the solution shows; a step may take `most` operations."""
    model, steps = solution.model, solution.steps
    if model.update is None or steps == 0:
        return Training()
    counter = constant_names(model)["t"] if model.update.rule == "adam" else None
    if model.update.batches is None or steps == first:
        return Training(steps, first, counter=counter)
    return _with_batches(solution, first, counter, most)


def _with_batches(solution: Solution, first: int, counter: str | None, most: int) -> Training:
    built = build(solution.model.problem, Complaints())
    assert built is not None
    assert built.model is not None
    whole = built.model
    taken = batches(whole)
    groups = tuple(batch for batch in taken if batch is not None)
    if len(groups) != len(taken):
        return Training(solution.steps, first, counter=counter)
    return Training(
        solution.steps,
        first,
        groups,
        {name: given.value for name, given in whole.given.items() if "sample" in given.axes},
        whole.sample_axis or 0,
        _other_sizes(solution, whole, groups, first, most),
        counter,
    )


def _other_sizes(
    solution: Solution, whole: Model, groups: tuple[tuple[int, ...], ...], first: int, most: int
) -> tuple[Trace, ...]:
    """The trace of a step with each size of batch that is not that of the step shown."""
    found: dict[int, Trace] = {}
    shown = len(groups[(first - 1) % len(groups)])
    for number in range(first, min(solution.steps, first + len(groups) - 1) + 1):
        size = len(groups[(number - 1) % len(groups)])
        if size != shown and size not in found:
            found[size] = solve(whole, Request(number, number, max_work=most)).trace
    return tuple(found.values())
