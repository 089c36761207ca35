"""`backprop handout`: a problem file to the exercise as it is handed out."""

from __future__ import annotations

import click

from backprop_cli.cli.common import PROBLEM, output_options, whole
from backprop_cli.cli.output import Output
from backprop_cli.formats.registry import HANDOUTS, written


@click.command(
    "handout",
    epilog="\b\nExample:\n  backprop handout problems/adam.yaml --format latex -o sheet.tex",
)
@PROBLEM
@output_options(*HANDOUTS, folders=True)
@whole("--room", 0, 40, "Lines to work in below each quantity (default: as many as it may take).")
def command(problem: str, out: Output, room: int | None) -> None:
    """Writes the exercise of PROBLEM: what is given, drawn with the network, and what is asked.

    No value that has to be worked out is in it. PROBLEM is a YAML file, - for
    standard input, or a folder of problems, as `backprop vary` writes: then -o FOLDER has a file
    for each.
    """
    from backprop_cli.classroom.exercise_sheet import exercise_sheet
    from backprop_cli.cli.arguments import load

    loaded = load(problem, numbers=False)
    view = out.view(loaded.model.problem)
    out.write(written(out.format, exercise_sheet(loaded, room), view))
