"""A problem file whose inputs are letters to its quantities as functions of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from backprop_cli.cli.arguments import Selection, allowed_for, selected
from backprop_cli.cli.derive_formats import set_sheet
from backprop_cli.derive.regions.free_inputs import (
    FreeInputs,
    NotGivenError,
    check_letters,
    free_functions,
)
from backprop_cli.errors import Complaint, Complaints, UserError
from backprop_cli.problem.placeholders import with_numbers
from backprop_cli.problem.problem_data import Problem
from backprop_cli.problem.problem_file import Source
from backprop_cli.render.view import View, as_written
from backprop_cli.solving.asked import asked_pairs
from backprop_cli.solving.loading import Loaded, checked
from backprop_cli.solving.plan import plan


class Asked(Struct, frozen=True):
    """What is to be shown of the functions: as `--only` and `--until` say."""

    only: Sequence[str] = ()
    until: str | None = None


_ALL = Asked()


def free_inputs(
    problem: Problem,
    complaints: Complaints,
    source: Source,
    format_: str,
    view: View,
    asked: Asked = _ALL,
) -> str:
    """The functions of a problem with letters, in one format."""
    loaded = checked(with_numbers(problem), complaints, source, allowed=allowed_for("solving"))
    clashes = list(check_letters(problem, loaded.model))
    if clashes:
        raise source.error(*clashes)
    selection = selected(loaded, asked.only, asked.until)
    model = loaded.model
    planned = plan(model, {*selection.extra, *asked_pairs(model)})
    try:
        found = free_functions(problem, model, planned, _goals(loaded, selection))
    except NotGivenError as error:
        raise source.error(error.complaint) from None
    return written(found, format_, as_written(problem, view))


def _goals(loaded: Loaded, selection: Selection) -> frozenset[str] | None:
    if selection.ids is None:
        return None
    updates = {step.id for step in loaded.plan.steps if step.phase == "update"}
    goals = selection.ids - updates
    if not goals:
        raise UserError(
            Complaint(
                "letters have no update: new weights belong to one input, not to all of them",
                instead="numbers in the file, or --only forward, backward",
            ),
            source="--only",
        )
    return goals


def refuse_numbers_only(given: dict[str, bool], format_: str) -> None:
    """Complains of options of `solve` that mean nothing without numbers."""
    found = list(_refused(given, format_))
    if found:
        raise UserError(*found, source="solve")


def _refused(given: dict[str, bool], format_: str) -> Iterator[Complaint]:
    instead = "numbers in place of the letters in the file"
    for option, is_given in given.items():
        if is_given:
            yield Complaint(f"{option} needs numbers, and this file has letters", instead=instead)
    if format_ == "python":
        message = "a program needs numbers, and this file has letters"
        yield Complaint(message, instead=f"{instead}, or --format text")


def written(found: FreeInputs, format_: str, view: View) -> str:
    """The functions in one format."""
    if format_ == "json":
        from backprop_cli.derive.regions.regions_json import to_json
        from backprop_cli.trace_json import written as as_json

        return as_json(to_json(found), ascii_only=view.ascii)
    if format_ in ("latex", "html"):
        from backprop_cli.render.free_sheet import free_sheet

        return set_sheet(free_sheet(found, view), format_)
    from backprop_cli.render.free import markdown, text

    return (markdown if format_ == "markdown" else text)(found, view)
