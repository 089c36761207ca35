"""A problem file whose inputs are letters to its quantities as functions of them."""

from __future__ import annotations

from msgspec.structs import replace

from backprop_cli.cli.derive_formats import set_sheet
from backprop_cli.derive.free import FreeInputs, free_functions
from backprop_cli.derive.pieces import TooManyPiecesError
from backprop_cli.errors import Complaint, Complaints
from backprop_cli.problem.format import read_problem
from backprop_cli.problem.load import Source
from backprop_cli.render.view import View


def free_inputs(source: Source, format_: str, view: View) -> str:
    """What `derive PROBLEM` writes for a problem with letters in x."""
    complaints = Complaints()
    problem = read_problem(source.data, complaints)
    if problem is None or complaints.found:
        raise source.error(*complaints.found)
    if problem.layers is None or problem.x is None or not problem.x.free:
        raise source.error(
            Complaint("no input is free here", instead="letters in place of numbers: x: [x1, x2]")
        )
    try:
        found = free_functions(problem, complaints)
    except TooManyPiecesError:
        message = "these functions fall into more pieces than can be shown"
        raise source.error(
            Complaint(message, instead="fewer units, or fewer free inputs")
        ) from None
    if found is None:
        raise source.error(*complaints.found)
    return written(found, format_, replace(view, notation=problem.notation, layers=True))


def written(found: FreeInputs, format_: str, view: View) -> str:
    """The functions in one format."""
    if format_ in ("latex", "html"):
        from backprop_cli.render.sheet import free_sheet

        return set_sheet(free_sheet(found, view), format_)
    from backprop_cli.render.free import markdown, text

    return (markdown if format_ == "markdown" else text)(found, view)
