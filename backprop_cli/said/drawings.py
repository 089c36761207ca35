"""A problem to its drawing: the computation graph of its first step, or its network of units."""

from __future__ import annotations

from msgspec import Struct

from backprop_cli.document.view import View
from backprop_cli.errors import Complaint, UserError
from backprop_cli.problem.problem_file import Source
from backprop_cli.said.any_number_of_steps import of_any_length
from backprop_cli.solving.limits import Allowed
from backprop_cli.solving.loading import Loaded, loaded
from backprop_cli.solving.solution import Request, in_symbols, solve
from backprop_cli.trace import Trace


class Drawable(Struct, frozen=True):
    """A problem and its first step; formulas and shapes alone where it has no numbers."""

    loaded: Loaded
    trace: Trace


def drawable(source: Source, allowed: Allowed) -> Drawable:
    """What of a problem is drawn; UserError where there is nothing, or it takes too much work."""
    stated = loaded(source, numbers=False, allowed=allowed)
    if not stated.model.equations:
        message = "there is nothing to draw: the file has an update and no computation before it"
        raise source.error(Complaint(message))
    if stated.model.unknown:
        trace = in_symbols(stated.model, stated.plan)
        return Drawable(stated, of_any_length(trace, source, ends=True))
    return Drawable(stated, _solved(source, loaded(source, allowed=allowed), allowed))


def _solved(source: Source, found: Loaded, allowed: Allowed) -> Trace:
    trains = found.model.update is not None and found.model.trained
    with source.blamed():
        return solve(found.model, Request(1 if trains else 0, max_work=allowed.most)).trace


def drawing(of: Drawable, format_: str, view: View, *, network: bool) -> str:
    """The drawing as SVG or as lines of text; UserError where it is no network, or too wide."""
    if network:
        return _network(of, format_, view)
    from backprop_cli.drawing.graph import graph

    if format_ == "svg":
        from backprop_cli.drawing.graph_svg import svg

        return svg(graph(of.trace, view))
    from backprop_cli.drawing.graph_text import graph_text

    return graph_text(graph(of.trace, view), view)


def _network(of: Drawable, format_: str, view: View) -> str:
    from backprop_cli.document.networks import network_of
    from backprop_cli.drawing.network_pictures import network_file, network_lines

    network = network_of(of.trace, of.loaded.model.problem, view)
    if network is None:
        message = "this is no network of units joined by weights alone"
        complaint = Complaint(message, instead="backprop draw, without --network")
        raise of.loaded.source.error(complaint)
    if format_ == "svg":
        return network_file(network, of.trace.title or "Network")
    lines = network_lines(network, view.width, view.ascii)
    if lines is None:
        message = f"{view.width} columns are too few for a network of so many layers"
        complaint = Complaint(message, instead="--width 160, or -o network.svg")
        raise UserError(complaint, source="--network")
    return "\n".join(lines)
