"""A problem file to its derivation in symbols, or to functions where its inputs are letters."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from msgspec.structs import replace

from backprop_cli.cli.arguments import allowed_for, source_of
from backprop_cli.errors import Complaint, UserError
from backprop_cli.problem.problem_file import Source
from backprop_cli.render.view import View, as_written
from backprop_cli.solving.asked import asked
from backprop_cli.solving.in_symbols import in_symbols
from backprop_cli.solving.loading import checked, stated


def whole(path: Path, format_: str, view: View, *, index: bool = False) -> str:
    """What `derive PROBLEM` writes."""
    return of_source(source_of(path), format_, view, index=index)


def of_source(source: Source, format_: str, view: View, *, index: bool = False) -> str:
    """The same of a problem that has been read."""
    stated_problem, complaints = stated(source)
    if stated_problem is not None and stated_problem.has_letters and not index:
        from backprop_cli.cli.free import free_inputs

        return free_inputs(stated_problem, complaints, source, format_, view)
    found = checked(
        stated_problem, complaints, source, numbers=False, allowed=allowed_for("solving")
    )
    names = tuple(dict.fromkeys(each.id for each in asked(found.model, found.plan)))
    shown = replace(as_written(found.model.problem, view), asked=names)
    render = import_module(f"backprop_cli.render.{format_}").render
    trace = in_symbols(found.model, found.plan)
    if index:
        from backprop_cli.derive.tensors.by_index import by_index
        from backprop_cli.readings.entries import NoEntryError

        try:
            trace = by_index(trace, found.model, found.plan.shapes)
        except NoEntryError as error:
            message = f"no letters can name an entry: {error}"
            complaint = Complaint(message, instead="convention: {indices: 1}")
            raise UserError(complaint, source="--index") from None
    return str(render(trace, shown))
