"""`backprop draw`: a problem file to its computation graph."""

from __future__ import annotations

import click

from backprop_cli.cli.common import PROBLEM, output_options
from backprop_cli.cli.output import Output
from backprop_cli.said import DRAWINGS


@click.command(
    "draw",
    epilog="\b\nExample:\n  backprop draw problems/skip-connection.yaml -o graph.svg",
)
@PROBLEM
@output_options(*DRAWINGS)
@click.option(
    "--network",
    is_flag=True,
    help="The network as courses draw it: circles in columns, edges with their weights.",
)
def command(problem: str, out: Output, network: bool) -> None:
    """Draws the computation graph of PROBLEM: values forward, gradients below them.

    PROBLEM is a YAML file, or - for standard input.
    """
    from backprop_cli.cli.arguments import allowed_for, source_of
    from backprop_cli.said.drawings import drawable, drawing

    found = drawable(source_of(problem), allowed_for("drawing"))
    view = out.view(found.loaded.model.problem)
    out.write(drawing(found, out.format, view, network=network))
