"""A problem file to its derivation in symbols, or to functions where its inputs are letters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from msgspec import Struct
from msgspec.structs import replace

from backprop_cli.document.view import View, as_written
from backprop_cli.errors import Complaint, Complaints, UserError, refusal
from backprop_cli.formats.registry import Said
from backprop_cli.problem.problem_data import Problem, with_numbers
from backprop_cli.problem.problem_file import Source
from backprop_cli.said.derived import of_functions, of_symbols
from backprop_cli.solving.asked import asked, asked_pairs
from backprop_cli.solving.limits import Allowed
from backprop_cli.solving.loading import Loaded, Selection, checked, selected, stated
from backprop_cli.solving.plan import plan
from backprop_cli.solving.solution import in_symbols
from backprop_cli.trace import Trace


def of_source(
    source: Source, view: View, allowed: Allowed, *, index: bool = False
) -> tuple[Said, View]:
    """What there is to say of a problem in symbols, and how the problem wants it shown."""
    stated_problem, complaints = stated(source)
    if stated_problem is not None and stated_problem.has_letters and not index:
        said = functions_of(stated_problem, complaints, source, allowed)
        return said, as_written(stated_problem, view)
    found = checked(stated_problem, complaints, source, numbers=False, allowed=allowed)
    names = tuple(dict.fromkeys(each.id for each in asked(found.model, found.plan)))
    shown = replace(as_written(found.model.problem, view), asked=names)
    trace = in_symbols(found.model, found.plan)
    if any(over.length for over in trace.over_time):
        trace = _of_any_length(trace, source, index=index)
        return of_symbols(trace, shown), shown
    return of_symbols(_by_index(trace, found) if index else trace, shown), shown


def _by_index(trace: Trace, found: Loaded) -> Trace:
    """The trace entry by entry, with letters as indices."""
    from backprop_cli.derive.tensors.by_index import by_index
    from backprop_cli.readings.entries import NoEntryError

    try:
        return by_index(trace, found.model, found.plan.shapes)
    except NoEntryError as error:
        message = f"no letters can name an entry: {error}"
        complaint = Complaint(message, instead="convention: {indices: 1}")
        raise UserError(complaint, source="--index") from None


# Functions of inputs ------------------------------------------------------------------------------


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
    from backprop_cli.derive.regions.free_inputs import NotGivenError, check_letters, free_functions

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
        raise refusal(
            "letters have no update: new weights belong to one input, not to all of them",
            instead="numbers in the file, or --only forward, backward",
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
    raise refusal(message, instead=f"{_INSTEAD}, or --format text", source="solve")


def _of_any_length(trace: Trace, source: Source, *, index: bool) -> Trace:
    """The trace in the letter that counts the steps, where their number is a letter."""
    from backprop_cli.derive.over_time import NotAlikeError, in_letters

    instead = "a number of steps, such as `for t in 1..3:`"
    if index:
        message = "--index needs a number of steps, and it is a letter here"
        raise refusal(message, instead=instead, source="--index")
    try:
        return in_letters(trace)
    except NotAlikeError as error:
        raise source.error(Complaint(str(error), instead=instead)) from None
