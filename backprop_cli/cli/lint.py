"""`backprop lint`: a problem file to what a teacher should know before handing it out."""

from __future__ import annotations

import sys

import click

from backprop_cli.cli.common import PROBLEM, output_options, whole
from backprop_cli.cli.output import Output
from backprop_cli.solving.limits import MOST_VARIANTS


@click.command("lint", epilog="\b\nExample:\n  backprop lint problems/three-layers.yaml")
@PROBLEM
@output_options("text", "json")
@whole(
    "--variants", 1, MOST_VARIANTS, "Also draw the numbers of N students, and say how they differ."
)
def command(problem: str, out: Output, variants: int | None) -> None:
    """Says which mistakes PROBLEM would not notice at the precision it asks for.

    Exit code 0 where nothing is found, 1 where something is.
    """
    from backprop_cli.cli.arguments import allowed_for, announced, load
    from backprop_cli.cli.common import end_with_fault
    from backprop_cli.said.linted import linted

    loaded = announced(load(problem, task="linting"), "trying mistakes")
    decimals = out.view(loaded.model.problem).decimals
    found = linted(loaded, allowed_for("linting"), decimals, variants)
    out.write(found.json() if out.format == "json" else found.text(out.look()))
    if found.faults.found:
        end_with_fault(found.faults.found[0].trace)
    sys.exit(1 if found.matters else 0)
