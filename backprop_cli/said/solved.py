"""A solution to what is said of it: its steps or the paths of a weight, data, a program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from backprop_cli.errors import Complaints, refusal
from backprop_cli.formats.registry import Said, Training
from backprop_cli.problem.model import Model
from backprop_cli.problem.network import built_model
from backprop_cli.solving.limits import MAX_WORK
from backprop_cli.solving.prepared import batches
from backprop_cli.solving.solution import Request, Solution, solve
from backprop_cli.solving.update import constant_names, rule_of
from backprop_cli.trace import Trace

if TYPE_CHECKING:
    from backprop_cli.document.document_data import Document, Page, Part
    from backprop_cli.document.view import View
    from backprop_cli.solving.verify import Check
    from backprop_cli.solving.weight_paths import EntryPaths


def of_solution(
    solution: Solution,
    only: frozenset[str] | None = None,
    paths: EntryPaths | None = None,
    checks: Sequence[Check] | None = None,
    most: int = MAX_WORK,
) -> Said:
    """A solution: its steps (or those in `only`), or one weight's paths, and what was checked.

    `most` are the operations that may be spent on what a program needs beyond the step shown.
    """
    asked = {"--entry": paths, "--verify": checks}
    return replace(
        of_trace(solution.trace, only, paths, checks),
        program=partial(_program, solution, asked, most),
    )


def of_trace(
    trace: Trace,
    only: frozenset[str] | None = None,
    paths: EntryPaths | None = None,
    checks: Sequence[Check] | None = None,
) -> Said:
    """The same of a trace alone, of which there is no program."""
    return Said(
        partial(_document, trace, paths, checks), partial(_data, trace, only, paths, checks)
    )


def _program(solution: Solution, given: Mapping[str, object], most: int) -> tuple[Trace, Training]:
    for option, asked_for in given.items():
        if asked_for is not None:
            raise refusal(f"a program has no {option}", instead="--format text", source=option)
    first = solution.trace.steps[0].iteration if solution.trace.steps else 1
    return solution.trace, training_of(solution, first, most)


def _document(
    trace: Trace, paths: EntryPaths | None, checks: Sequence[Check] | None, view: View, page: Page
) -> Document:
    appended = _checked(trace, checks, view)
    if paths is not None:
        from backprop_cli.document.from_paths import followed

        return followed(paths, trace, view, page, appended)
    from backprop_cli.document.from_trace import worked

    return worked(trace, view, page, appended)


def _checked(trace: Trace, checks: Sequence[Check] | None, view: View) -> Sequence[Part]:
    if checks is None:
        return ()
    from backprop_cli.document.from_trace import checked
    from backprop_cli.document.names import names_of

    return checked(checks, names_of(trace, view))


def _data(
    trace: Trace,
    only: frozenset[str] | None,
    paths: EntryPaths | None,
    checks: Sequence[Check] | None,
) -> dict[str, Any]:
    from backprop_cli.trace_json import number, to_json

    if only is not None:
        trace = replace(trace, steps=tuple(step for step in trace.steps if step.id in only))
    data = to_json(trace)
    if paths is not None:
        data["entry"] = _paths_data(paths)
    if checks is not None:
        data["verify"] = [
            {"id": one.id, "checked": one.checked, "kinks": one.kinks, "error": number(one.error)}
            for one in checks
        ]
    return data


def _paths_data(found: EntryPaths) -> dict[str, Any]:
    from backprop_cli.trace_json import number

    paths = [
        {
            "factors": [
                {
                    "of": factor.of,
                    "by": factor.by,
                    "held": list(factor.held),
                    "value": number(factor.value),
                }
                for factor in path.factors
            ],
            "product": number(path.product),
        }
        for path in found.paths
    ]
    return {
        "id": found.entry,
        "paths": paths,
        "omitted": found.omitted,
        "omitted_total": number(found.omitted_total),
        "total": number(found.total),
    }


# Programs that train ------------------------------------------------------------------------------


def training_of(solution: Solution, first: int, most: int) -> Training:
    """The training whose step `first` the solution shows; a step may take `most` operations."""
    found, update = _training_of(solution, first, most), solution.model.update
    if update is None or not update.rates:
        return found
    last = update.rates[-1:] * max(0, solution.steps - len(update.rates))
    name = constant_names(solution.model)["learning_rate"]
    return replace(found, rate=name, rates=(*update.rates, *last))


def _training_of(solution: Solution, first: int, most: int) -> Training:
    model, steps = solution.model, solution.steps
    if model.update is None or steps == 0:
        return Training()
    counter = constant_names(model)["t"] if rule_of(model).counts else None
    if model.update.batches is None or steps == first:
        return Training(steps, first, counter=counter)
    return _with_batches(solution, first, counter, most)


def _with_batches(solution: Solution, first: int, counter: str | None, most: int) -> Training:
    built = built_model(solution.model.problem, Complaints())
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
