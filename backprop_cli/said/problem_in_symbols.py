"""A problem file to its derivation in symbols, or to functions where its inputs are letters."""

from __future__ import annotations

from msgspec.structs import replace

from backprop_cli.document.view import View, as_written
from backprop_cli.errors import Complaint, UserError
from backprop_cli.formats.registry import Said
from backprop_cli.problem.problem_file import Source
from backprop_cli.said.derived import of_symbols
from backprop_cli.solving.asked import asked
from backprop_cli.solving.in_symbols import in_symbols
from backprop_cli.solving.limits import Allowed
from backprop_cli.solving.loading import Loaded, checked, stated
from backprop_cli.trace import Trace


def of_source(
    source: Source, view: View, allowed: Allowed, *, index: bool = False
) -> tuple[Said, View]:
    """What there is to say of a problem in symbols, and how the problem wants it shown."""
    stated_problem, complaints = stated(source)
    if stated_problem is not None and stated_problem.has_letters and not index:
        from backprop_cli.said.functions_of_inputs import functions_of

        said = functions_of(stated_problem, complaints, source, allowed)
        return said, as_written(stated_problem, view)
    found = checked(stated_problem, complaints, source, numbers=False, allowed=allowed)
    names = tuple(dict.fromkeys(each.id for each in asked(found.model, found.plan)))
    shown = replace(as_written(found.model.problem, view), asked=names)
    trace = in_symbols(found.model, found.plan)
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
