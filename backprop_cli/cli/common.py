"""What all commands share: their options, and how complaints end the program."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

import click
from click.core import ParameterSource
from msgspec.structs import replace

from backprop_cli.cli.output import FOR_READERS, Output
from backprop_cli.errors import BUG, USAGE, UserError, listed, refusal
from backprop_cli.terminal.themes import DEFAULT_THEME, NARROWEST, THEMES, WIDEST, Look, ThemeName

if TYPE_CHECKING:
    from pathlib import Path

Command = TypeVar("Command", bound=Callable[..., Any])
_MAX_WORK = "backprop_cli.max_work"  # what click keeps the option under
_BUG_WORDS = "This is a bug in backprop. Please report it with the file that caused it."
_NEVER_WRITTEN = frozenset({".npz", ".npy", ".xlsx", ".zip"})
"""Endings of files that are read, numbers beside a problem too, and in which nothing is written."""


def problem_files(_ctx: click.Context, _param: click.Parameter, typed: str) -> list[str]:
    """What a shell offers for PROBLEM: problem files and folders."""
    from pathlib import Path

    from backprop_cli.problem import ENDINGS

    folder = Path(typed).parent if Path(typed).name and not typed.endswith("/") else Path(typed)
    try:
        found = sorted(folder.iterdir())
    except OSError:
        return []
    shown = "" if typed == "" or "/" not in typed else typed[: typed.rindex("/") + 1]
    offered = [
        f"{shown}{path.name}{'/' if os.path.isdir(path) else ''}"
        for path in found
        if path.suffix in ENDINGS or os.path.isdir(path)
    ]
    return [text for text in offered if text.startswith(typed) and not text.startswith(".")]


PROBLEM = click.argument("problem", type=click.Path(allow_dash=True), shell_complete=problem_files)


def _allow_work(ctx: click.Context, _param: click.Parameter, value: int | None) -> None:
    """Keeps what `--max-work` says for whoever computes."""
    ctx.meta[_MAX_WORK] = value


def one_of(
    name: str, words: Sequence[str], help_: str, usual: str | None = None
) -> Callable[[Command], Command]:
    """An option that is one of several words: the first, or the usual one, where it is not said."""
    choice = click.Choice(words)
    return click.option(name, type=choice, default=usual or words[0], show_default=True, help=help_)


def whole(
    name: str,
    least: int,
    most: int | None,
    help_: str,
    usual: int | None = None,
    metavar: str = "N",
) -> Callable[[Command], Command]:
    """An option that is a whole number, and which one it is where it is not said, if any."""
    return click.option(
        name,
        type=click.IntRange(least, most),
        default=usual,
        show_default=usual is not None,
        metavar=metavar,
        help=help_,
    )


MAX_WORK = click.option(
    "--max-work",
    type=click.IntRange(1),
    metavar="N",
    expose_value=False,
    callback=_allow_work,
    help="Allow up to N operations; a message says when it is needed.",
)
ASCII = click.option("--ascii", is_flag=True, help="Use ASCII characters only.")
WIDTH = whole("--width", NARROWEST, WIDEST, "Columns to fill (default: the terminal's, or 80).")


def is_stated(option: str) -> bool:
    """Whether an option of the command that runs was typed, and has not only its default."""
    source = click.get_current_context().get_parameter_source(option)
    return source is ParameterSource.COMMANDLINE


def seed_option(help_: str) -> Callable[[Command], Command]:
    """`--seed`, which is 1 everywhere unless it is said."""
    return click.option("--seed", type=int, default=1, show_default=True, metavar="N", help=help_)


def output_options(*formats: str, folders: bool = False) -> Callable[[Command], Command]:
    """The options that every command with output has; it is given them as an `Output`.

    With `folders` its PROBLEM may be a folder, as `vary` writes: it runs for each file in it.
    """

    def decorate(function: Command) -> Command:
        command = cast(Command, _as_options_say(function, formats, folders))
        for option in reversed(
            (
                one_of("--format", formats, "What to write; a file's ending says it, too."),
                click.option(
                    "-o",
                    "--output",
                    "file",
                    type=click.Path(allow_dash=True),
                    metavar="FILE",
                    help="Write to this file, whole or not at all."
                    + " Where PROBLEM is a folder: to one for each in this folder." * folders,
                ),
                whole(
                    "--precision",
                    0,
                    15,
                    "Decimals shown (default: 4, or as many as PROBLEM asks for); numbers too small"
                    " for them keep significant digits.",
                ),
                click.option(
                    "--force", is_flag=True, help="Let -o replace what is read, or was filled in."
                ),
                ASCII,
                WIDTH,
                one_of(
                    "--theme",
                    tuple(THEMES),
                    "dark: the terminal's own colours, chosen with its background;"
                    " light: deeper ones for a white background; plain: none.",
                    usual=DEFAULT_THEME,
                ),
                MAX_WORK,
            )
        ):
            command = option(command)
        return command

    return decorate


def _as_options_say(function: Command, formats: Sequence[str], folders: bool) -> Callable[..., Any]:
    """The command, its output in the right encoding and over none of its inputs."""

    @wraps(function)
    def checked(**kwargs: Any) -> Any:
        of_folder = folders and os.path.isdir(kwargs["problem"])
        with complaints_end_it(kwargs["theme"]):
            kwargs["file"] = _target(kwargs["file"], of_folder)
            by_ending = _kind(kwargs["file"])
            if by_ending in formats and not is_stated("format"):
                kwargs["format"] = by_ending
            names = [name for name in Output.__struct_fields__ if name in kwargs]
            out = Output(**{name: kwargs.pop(name) for name in names})
            if not out.force:
                if not is_stated("format"):
                    _refuse_other_kind(by_ending, out, formats)
                _spare_inputs(out.file, click.get_current_context().params)
            if out.format not in FOR_READERS and hasattr(sys.stdout, "reconfigure"):
                sys.stdout.reconfigure(encoding="utf-8")  # as these formats say of themselves
            run = partial(_for_each, function) if of_folder else function
            return run(out=out, **kwargs)

    return checked


def _target(typed: str | None, of_folder: bool) -> Path | None:
    """What -o names; None for standard output."""
    if typed is None or typed == "-":
        return None
    from pathlib import Path

    if typed.endswith(("/", os.sep)) and not of_folder:
        message = "it is a folder's name, and one file is written"
        raise refusal(message, instead=str(Path(typed) / "report.txt"), source=typed)
    return Path(typed)


def _kind(file: Path | None) -> str | None:
    """The format that a file's name says, if any."""
    if file is None:
        return None
    from backprop_cli.formats.registry import format_of

    return format_of(file)


def _for_each(function: Callable[..., Any], problem: str, out: Output, **options: Any) -> None:
    """The command for each problem of a folder, into the folder of -o; one that fails is told."""
    from pathlib import Path

    from backprop_cli.classroom.rosters import make_folder
    from backprop_cli.formats.registry import ENDING
    from backprop_cli.problem.problem_file import files_in

    files = [Path(file) for file in files_in(problem)]
    if out.file is None or not files:
        message = f"{len(files)} problem files are in this folder"
        hint = "-o FOLDER, for a file of each" if files else "what `backprop vary` wrote"
        raise refusal(message, instead=hint, source=problem)
    make_folder(out.file)
    failed = 0
    for file in files:
        to = out.file / f"{file.stem}{ENDING.get(out.format, '.py')}"
        try:
            function(problem=str(file), out=replace(out, file=to), **options)
        except UserError as error:
            _complain(error, out.theme)
            failed += 1
    click.echo(f"{len(files) - failed} files in {out.file}", err=True)
    if failed:
        sys.exit(USAGE)


def max_work() -> int | None:
    """The operations that the command line allows, where it says so."""
    ctx = click.get_current_context(silent=True)
    return None if ctx is None else ctx.meta.get(_MAX_WORK)


def _refuse_other_kind(kind: str | None, out: Output, formats: Sequence[str]) -> None:
    """Refuses a file whose name says a kind that this command does not write."""
    if kind is None or kind in formats or out.file is None:
        return
    from backprop_cli.formats.registry import ENDING

    better = next(name for name in ("svg", "html", out.format) if name in formats)
    message = f"a {out.file.suffix} file is not written here, but {listed(formats)}"
    hint = f"{out.file.with_suffix(ENDING.get(better, '.txt'))}, or --format {out.format}"
    raise refusal(message, instead=hint, source=str(out.file))


def _spare_inputs(output: Path | None, params: Mapping[str, Any]) -> None:
    """Refuses to write over what is read."""
    if output is None or not os.path.exists(output):
        return
    if output.suffix.casefold() in _NEVER_WRITTEN:
        message = f"a {output.suffix} file is there already, and would be replaced by a text"
        raise refusal(message, instead="another name, or --force", source=str(output))
    named = (*(params.get(name) for name in ("problem", "roster")), *params.get("paths", ()))
    for path in (*named, *params.get("answers", ())):
        if path is not None and os.path.exists(path) and _holds(path, output):
            message = f"it is read, as {path}, and would be replaced"
            raise refusal(message, instead="another name, or --force", source=str(output))


def _holds(path: str | Path, output: Path) -> bool:
    """Whether a path is the output, or a folder in which it would be found."""
    if output.samefile(path):
        return True
    from backprop_cli.problem import ENDINGS

    inside = output.resolve().is_relative_to(os.path.realpath(path))
    return inside and output.suffix.casefold() in (*ENDINGS, ".csv")


def end_with_fault(trace: str) -> NoReturn:
    """Says that the program failed, and how to report it, once all else is done."""
    click.echo(trace.rstrip(), err=True)
    click.echo(_BUG_WORDS, err=True)
    sys.exit(BUG)


@contextmanager
def complaints_end_it(theme: ThemeName = DEFAULT_THEME) -> Iterator[None]:
    """Prints what a UserError says and exits with its code."""
    try:
        yield
    except UserError as error:
        _complain(error, theme)
        sys.exit(USAGE)


def _complain(error: UserError, theme: ThemeName) -> None:
    """In colours where a terminal is read; elsewhere a line each, to be searched."""
    from backprop_cli.terminal.console import IN_A_LINE, colors, complaints_text, console

    on = console(sys.stderr, theme=theme) if sys.stderr is not None else None
    look = Look(on.width, colors(on), theme=theme) if on and on.is_terminal else IN_A_LINE
    click.echo(complaints_text(error, look), err=True, color=True)
