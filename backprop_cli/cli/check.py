"""`backprop check`: a problem file and answer files to a grading report."""

from __future__ import annotations

from pathlib import Path

import click

from backprop_cli.cli.common import PROBLEM, output_options

FORMATS = ("text", "json", "markdown", "csv", "junit", "github", "gradescope", "html", "gradebook")
_PATH = click.Path(path_type=Path)


@click.command(
    "check",
    epilog="\b\nExample:\n  backprop check problems/sigmoid-softmax.yaml"
    " --answers problems/sheets/sigmoid-softmax",
)
@PROBLEM
@click.argument("paths", nargs=-1, type=_PATH)
@click.option(
    "--answers",
    multiple=True,
    type=_PATH,
    metavar="PATH",
    help="A file with answers, or a folder of them. Repeatable; further PATHS are answers too.",
)
@output_options(*FORMATS)
@click.option(
    "--reveal",
    type=click.Choice(["none", "where", "what", "value"]),
    default="what",
    show_default=True,
    help="none: marks only; where: what is wrong; what: and which slip; value: and what is right.",
)
@click.option(
    "--roster",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="The class list, a CSV file with a heading: whose sheet each is, and who has none.",
)
@click.option(
    "--feedback",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Write a reply to each student there.",
)
@click.option(
    "--feedback-format",
    type=click.Choice(["text", "markdown", "html"]),
    default="text",
    show_default=True,
    help="What replies are written in.",
)
@click.option("--exit-zero", is_flag=True, help="Exit with 0 where a sheet does not pass.")
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    metavar="N",
    help="Processes to use (default: the cores, and one for fewer than 400 sheets).",
)
def command(problem: Path, paths: tuple[Path, ...], **options: object) -> None:
    """Grades answer files against PROBLEM, knowing rounding, what follows from what, and slips.

    PROBLEM may be a folder that `backprop vary` wrote: each sheet is graded by its student's
    problem. Folders and .zip files are searched for .yaml, .yml, .json, .csv and .npz files: what
    people typed, or the arrays of a program. Exit code 0: every sheet passes; 1: some sheet does
    not; 2: the problem or every answer file is unusable.
    """
    from backprop_cli.cli.check_run import Options, run

    run(problem, Options(paths=paths, **options))  # type: ignore[arg-type]  # checked by click
