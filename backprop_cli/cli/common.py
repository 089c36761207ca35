"""What all commands share: their options, where output goes, how complaints end the program."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from backprop_cli.errors import USAGE, Complaint, UserError

Command = TypeVar("Command", bound=Callable[..., Any])
PROBLEM = click.argument("problem", type=click.Path(path_type=Path, allow_dash=True))


def output_options(*formats: str) -> Callable[[Command], Command]:
    """The options that every command with output has."""

    def decorate(command: Command) -> Command:
        for option in reversed(
            (
                click.option(
                    "--format",
                    "format_",
                    type=click.Choice(formats),
                    default="text",
                    show_default=True,
                    help="What to write.",
                ),
                click.option(
                    "-o",
                    "--output",
                    type=click.Path(path_type=Path),
                    help="Write to this file, whole or not at all.",
                ),
                click.option(
                    "--precision",
                    type=click.IntRange(0, 15),
                    default=4,
                    show_default=True,
                    help="Decimals shown; numbers too small for them keep significant digits.",
                ),
                click.option("--ascii", "ascii_", is_flag=True, help="Use ASCII characters only."),
                click.option(
                    "--width",
                    type=click.IntRange(40, 1000),
                    help="Columns to use (default: the terminal's).",
                ),
            )
        ):
            command = option(command)
        return command

    return decorate


def terminal_width(asked: int | None) -> int:
    """The columns to fill: as asked, else COLUMNS or the terminal's, 80 where there is none."""
    return asked or max(40, shutil.get_terminal_size((80, 24)).columns)


def wants_color(to_file: bool) -> bool:
    """Whether output is coloured: never in files, else by FORCE_COLOR, NO_COLOR and the terminal."""
    if to_file or os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def only_ascii(asked: bool, to_file: bool) -> bool:
    """Whether to keep to ASCII: as asked, or where the output's encoding has nothing else."""
    if asked or to_file:
        return asked
    try:
        "∂Ŷ⎡⊙".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return True
    return False


def write(text: str, output: Path | None) -> None:
    """Prints the text, or writes it to a file that exists whole or not at all."""
    if not text.endswith("\n"):
        text += "\n"
    if output is None or str(output) == "-":
        click.echo(text, nl=False, color=True)
        return
    try:
        _replace(output, text)
    except OSError as error:
        raise UserError(
            Complaint(f"cannot be written: {error.strerror}"), source=str(output)
        ) from None


def _replace(output: Path, text: str) -> None:
    if output.is_dir():
        raise IsADirectoryError(21, "it is a folder")
    target = output.resolve()
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        mode = target.stat().st_mode if target.exists() else 0o666 & ~_umask()
        os.chmod(name, mode & 0o777)  # noqa: PTH101  # mkstemp makes files private
        os.replace(name, target)  # noqa: PTH105  # in one step
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


@contextmanager
def complaints_end_it() -> Iterator[None]:
    """Prints what a UserError says and exits with its code."""
    try:
        yield
    except UserError as error:
        from backprop_cli.render.complaints import complaints_text

        click.echo(complaints_text(error), err=True)
        sys.exit(USAGE)
