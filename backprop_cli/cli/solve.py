"""`backprop solve`: a problem file to its worked derivation."""

from __future__ import annotations

from pathlib import Path

import click

from backprop_cli.cli.common import PROBLEM, complaints_end_it, output_options


@click.command(
    "solve",
    epilog="Example: backprop solve problems/sigmoid-softmax.yaml --only backward --precision 3",
)
@PROBLEM
@output_options("text", "json", "markdown")
@click.option(
    "--detail",
    type=click.Choice(["short", "normal", "long"]),
    default="normal",
    show_default=True,
    help="short: formula and result; normal: with the numbers put in; long: every entry too.",
)
@click.option(
    "--only",
    multiple=True,
    metavar="ID",
    help="Show only this: an id such as dL/dW1 or dYhat/dW1, or forward, backward, update."
    " Repeatable.",
)
@click.option(
    "--entry", metavar="'W1[2,1]'", help="Follow one weight along every path to the loss."
)
@click.option("--until", metavar="ID", help="Stop after this quantity.")
@click.option(
    "--steps", type=click.IntRange(0), metavar="N", help="Train N steps instead of the file's."
)
@click.option(
    "--at", type=click.IntRange(1), default=1, metavar="K", help="Show the derivation of step K."
)
@click.option("--verify", is_flag=True, help="Compare every gradient with finite differences.")
@click.option(
    "--max-work",
    type=click.IntRange(1),
    metavar="N",
    help="Raise the limit on the number of operations.",
)
def command(problem: Path, **options: object) -> None:
    """Works PROBLEM out: forward, backward and update, every intermediate shown.

    PROBLEM is a YAML file, or - for standard input.
    """
    from backprop_cli.cli.solve_run import Options, run

    with complaints_end_it():
        run(problem, Options(**options))  # type: ignore[arg-type]  # click has checked them
