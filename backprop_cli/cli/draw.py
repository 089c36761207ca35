"""`backprop draw`: a problem file to its computation graph."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from backprop_cli.cli.common import PROBLEM, output_options
from backprop_cli.cli.output import Output
from backprop_cli.errors import Complaint, UserError

if TYPE_CHECKING:  # loaded where the command runs
    from backprop_cli.document.view import View
    from backprop_cli.problem.problem_file import Source
    from backprop_cli.solving.loading import Loaded
    from backprop_cli.trace import Trace


@click.command(
    "draw",
    epilog="\b\nExample:\n  backprop draw problems/skip-connection.yaml -o graph.svg",
)
@PROBLEM
@output_options("text", "svg")
@click.option(
    "--network",
    is_flag=True,
    help="The network as courses draw it: circles in columns, edges with their weights.",
)
def command(problem: Path, out: Output, network: bool) -> None:
    """Draws the computation graph of PROBLEM: values forward, gradients below them.

    PROBLEM is a YAML file, or - for standard input.
    """
    from backprop_cli.drawing.graph import graph

    stated, trace = _first_step(problem)
    to_svg = out.format == "svg"
    view = out.view(stated.model.problem)
    if network:
        out.write(_network(stated, trace, view, to_svg=to_svg))
    elif to_svg:
        from backprop_cli.drawing.graph_svg import svg

        out.write(svg(graph(trace, view)))
    else:
        from backprop_cli.drawing.graph_text import graph_text

        out.write(graph_text(graph(trace, view), view))


def _network(stated: Loaded, trace: Trace, view: View, *, to_svg: bool) -> str:
    from backprop_cli.document.networks import network_of

    network = network_of(trace, stated.model.problem, view)
    if network is None:
        message = "this is no network of units joined by weights alone"
        complaint = Complaint(message, instead="backprop draw, without --network")
        raise stated.source.error(complaint)
    if to_svg:
        from backprop_cli.drawing.network_pictures import network_file

        return network_file(network, trace.title or "Network")
    from backprop_cli.drawing.network_pictures import network_lines

    lines = network_lines(network, view.width, view.ascii)
    if lines is None:
        message = f"{view.width} columns are too few for a network of so many layers"
        complaint = Complaint(message, instead="--width 160, or -o network.svg")
        raise UserError(complaint, source="--network")
    return "\n".join(lines)


def _first_step(problem: Path) -> tuple[Loaded, Trace]:
    """The problem and its first step; formulas and shapes alone where it has no numbers."""
    from backprop_cli.cli.arguments import allowed_for, source_of
    from backprop_cli.solving.loading import loaded
    from backprop_cli.solving.solution import in_symbols

    source = source_of(problem)
    stated = loaded(source, numbers=False, allowed=allowed_for("drawing"))
    if not stated.model.equations:
        message = "there is nothing to draw: the file has an update and no computation before it"
        raise source.error(Complaint(message))
    if stated.model.unknown:
        return stated, in_symbols(stated.model, stated.plan)
    return stated, _solved(source, loaded(source, allowed=allowed_for("drawing")))


def _solved(source: Source, found: Loaded) -> Trace:
    from backprop_cli.cli.arguments import allowed_for
    from backprop_cli.solving.solution import Request, solve

    steps = min(1, _steps(found))
    with source.blamed():
        return solve(found.model, Request(steps, max_work=allowed_for("drawing").most)).trace


def _steps(found: Loaded) -> int:
    return 1 if found.model.update is not None and found.model.trained else 0
