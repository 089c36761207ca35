"""A problem file whose inputs are letters to its quantities as functions of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from msgspec import Struct
from msgspec.structs import replace

from backprop_cli.derive.regions.free_inputs import (
    NotGivenError,
    check_letters,
    free_functions,
)
from backprop_cli.errors import Complaint, Complaints, UserError
from backprop_cli.formats.registry import Said
from backprop_cli.problem.placeholders import with_numbers
from backprop_cli.problem.problem_data import Problem
from backprop_cli.problem.problem_file import Source
from backprop_cli.said.derived import of_functions
from backprop_cli.solving.asked import asked_pairs
from backprop_cli.solving.limits import Allowed
from backprop_cli.solving.loading import Loaded, checked
from backprop_cli.solving.plan import plan
from backprop_cli.solving.selection import Selection, selected


class Asked(Struct, frozen=True):
    """What is to be shown of the functions: as `--only` and `--until` say."""

    only: Sequence[str] = ()
    until: str | None = None


_ALL = Asked()


def functions_of(
    problem: Problem,
    complaints: Complaints,
    source: Source,
    allowed: Allowed,
    asked: Asked = _ALL,
) -> Said:
    """The functions of a problem with letters, for any format."""
    loaded = checked(with_numbers(problem), complaints, source, allowed=allowed)
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
    return replace(of_functions(found), program=_no_program)


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


_INSTEAD = "numbers in place of the letters in the file"


def refuse_numbers_only(given: dict[str, bool]) -> None:
    """Complains of options of `solve` that mean nothing without numbers."""
    found = [
        Complaint(f"{option} needs numbers, and this file has letters", instead=_INSTEAD)
        for option, is_given in given.items()
        if is_given
    ]
    if found:
        raise UserError(*found, source="solve")


def _no_program() -> NoReturn:
    message = "a program needs numbers, and this file has letters"
    raise UserError(Complaint(message, instead=f"{_INSTEAD}, or --format text"), source="solve")
