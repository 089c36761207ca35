"""A solution to what is said of it: its steps or the paths of a weight, data, a program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from backprop_cli.errors import Complaint, UserError
from backprop_cli.formats.registry import Said
from backprop_cli.solving.limits import MAX_WORK

if TYPE_CHECKING:
    from backprop_cli.document.document_data import Document, Page, Part
    from backprop_cli.document.view import View
    from backprop_cli.formats.program_text import Training
    from backprop_cli.solving.solution import Solution
    from backprop_cli.solving.verify import Check
    from backprop_cli.solving.weight_paths import EntryPaths
    from backprop_cli.trace import Trace

    Checks = Sequence[Check] | None


def of_solution(
    solution: Solution,
    only: frozenset[str] | None = None,
    paths: EntryPaths | None = None,
    checks: Checks = None,
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
    checks: Checks = None,
) -> Said:
    """The same of a trace alone, of which there is no program."""
    return Said(
        partial(_document, trace, paths, checks), partial(_data, trace, only, paths, checks)
    )


def _program(solution: Solution, given: Mapping[str, object], most: int) -> tuple[Trace, Training]:
    from backprop_cli.said.whole_training import training_of

    for option, asked_for in given.items():
        if asked_for is not None:
            raise UserError(
                Complaint(f"a program has no {option}", instead="--format text"), source=option
            )
    first = solution.trace.steps[0].iteration if solution.trace.steps else 1
    return solution.trace, training_of(solution, first, most)


def _document(
    trace: Trace, paths: EntryPaths | None, checks: Checks, view: View, page: Page
) -> Document:
    appended = _checked(trace, checks, view)
    if paths is not None:
        from backprop_cli.document.from_paths import followed

        return followed(paths, trace, view, page, appended)
    from backprop_cli.document.from_trace import worked

    return worked(trace, view, page, appended)


def _checked(trace: Trace, checks: Checks, view: View) -> Sequence[Part]:
    if checks is None:
        return ()
    from backprop_cli.document.from_checks import checked
    from backprop_cli.document.names import names_of

    return checked(checks, names_of(trace, view))


def _data(
    trace: Trace, only: frozenset[str] | None, paths: EntryPaths | None, checks: Checks
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
                {"of": factor.of, "by": factor.by, "value": number(factor.value)}
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
