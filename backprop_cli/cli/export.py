"""`backprop export`: a problem file to a question of a learning platform."""

from __future__ import annotations

from pathlib import Path

import click

from backprop_cli.cli.common import PROBLEM, complaints_end_it
from backprop_cli.cli.output import write_new


@click.group(
    "export",
    epilog="\b\nExample:\n  backprop export prairielearn problems/adam.yaml -o question/",
)
def command() -> None:
    """Writes PROBLEM as a question of a learning platform."""


_FORCE = click.option("--force", is_flag=True, help="Replace what is there and differs.")


@command.command(
    "prairielearn",
    short_help="The folder of a question: numbers of each student's own, graded as by `check`.",
    epilog="\b\nExample:\n  backprop export prairielearn problems/adam.yaml -o question/",
)
@PROBLEM
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    metavar="FOLDER",
    help="The folder of the question.",
)
@_FORCE
def prairielearn(problem: str, output: Path, force: bool) -> None:
    """Writes the folder of a question: info.json, question.html, server.py, the problem.

    Each variant has numbers of its own, as `backprop vary` draws them, and is graded as `backprop
    check` does. backprop itself has to be in the course's serverFilesCourse.
    """
    from backprop_cli.classroom.exports.prairielearn_server import prairielearn_files
    from backprop_cli.classroom.rosters import make_folder
    from backprop_cli.cli.arguments import load

    with complaints_end_it():
        files = prairielearn_files(load(problem))
        make_folder(output)
        for name, text in files.items():
            write_new(text, output / name, force=force)
    click.echo(
        f"a question in {output}; once a course, in the folder with backprop's sources:"
        " pip install --target COURSE/serverFilesCourse .",
        err=True,
    )


@command.command(
    "moodle",
    short_help="A question of the type `formulas`: an interval for each box.",
    epilog="\b\nExample:\n  backprop export moodle problems/adam.yaml -o question.xml",
)
@PROBLEM
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    metavar="FILE",
    help="The XML file, which Moodle imports.",
)
@_FORCE
def moodle(problem: str, output: Path, force: bool) -> None:
    """Writes a question of the type `formulas`: a part for each quantity, an interval for each box.

    The intervals are what `backprop check` takes for right. What the format cannot carry is said.
    """
    from backprop_cli.classroom.exports.moodle_formulas import LOST, moodle_question
    from backprop_cli.cli.arguments import announced, load

    with complaints_end_it():
        loaded = announced(load(problem), "trying what is right in each box")
        write_new(moodle_question(loaded), output, force=force)
    click.echo(LOST, err=True)
