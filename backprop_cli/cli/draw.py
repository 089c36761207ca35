"""`backprop draw`: a problem file to its computation graph."""

from __future__ import annotations

from pathlib import Path

import click

from backprop_cli.cli.common import PROBLEM, output_options


@click.command(
    "draw",
    epilog="\b\nExample:\n  backprop draw problems/skip-connection.yaml -o graph.svg",
)
@PROBLEM
@output_options("text", "svg")
def command(problem: Path, **options: object) -> None:
    """Draws the computation graph of PROBLEM: values forward, gradients below them.

    A file that ends in .svg is written as SVG. PROBLEM is a YAML file, or - for standard input.
    """
    from backprop_cli.cli.draw_run import Options, run

    run(problem, Options(**options))  # type: ignore[arg-type]  # click has checked them
