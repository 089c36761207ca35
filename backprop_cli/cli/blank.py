"""`backprop blank`: a problem file to an empty answer sheet."""

from __future__ import annotations

from pathlib import Path

import click

from backprop_cli.cli.common import PROBLEM, output_options


@click.command(
    "blank",
    epilog="\b\nExample:\n  backprop blank problems/sigmoid-softmax.yaml",
)
@PROBLEM
@output_options("text", "json", "csv")
def command(problem: Path, **options: object) -> None:
    """Writes the empty answer sheet of PROBLEM: every asked quantity, `_` for every entry.

    Filled in, it is what `backprop check` reads. `text` is YAML. PROBLEM is a YAML file, or - for
    standard input.
    """
    from backprop_cli.cli.blank_run import Options, run

    run(problem, Options(**options))  # type: ignore[arg-type]  # click has checked them
