"""`backprop derive`: a function, a formula or a problem with letters to its derivation."""

from __future__ import annotations

from pathlib import Path

import click

from backprop_cli.cli.common import output_options, problem_files


@click.command(
    "derive",
    epilog="\b\nExample:\n  backprop derive --function cross-entropy",
)
@click.argument(
    "problem",
    type=click.Path(path_type=Path, allow_dash=True),
    shell_complete=problem_files,
    required=False,
)
@click.option(
    "--function",
    metavar="NAME",
    help="The derivative of an activation, a loss or a formula such as 'z * sigmoid(z)'.",
)
@click.option(
    "--expression", metavar="'F, G'", help="The Jacobian of a vector function, entries with commas."
)
@click.option("--of", metavar="NAME", help="What is differentiated: Yhat, or an entry Yhat[k].")
@click.option(
    "--wrt",
    metavar="NAME",
    help="By what: W1, or an entry W1[i,j] or W1[2,1] (--expression: a list).",
)
@click.option(
    "--numbers",
    metavar="T,C",
    help="Which letters of --function are numbers, beside vectors such as z.",
)
@click.option(
    "--layout",
    type=click.Choice(["numerator", "denominator"]),
    default="numerator",
    show_default=True,
    help="A Jacobian's rows are functions (numerator) or variables (denominator).",
)
@click.option("--index", is_flag=True, help="Every equation of PROBLEM entry by entry, with sums.")
@output_options("text", "markdown", "latex", "html", "json")
def command(problem: Path | None, **options: object) -> None:
    """Derives in symbols: every line with the rule that leads to it.

    PROBLEM is a YAML file, or - for standard input: its forward pass, its gradients and its update
    as formulas with the shape of everything. No numbers are needed: sizes may be letters. With
    letters in x, every quantity as a function of them.
    """
    from backprop_cli.cli.derive_run import Options, run

    run(problem, Options(**options))  # type: ignore[arg-type]  # click has checked them
