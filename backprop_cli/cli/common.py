"""What all commands share: their options, and how complaints end the program."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

import click
from click.core import ParameterSource

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
ENDINGS = (".yaml", ".yml", ".json")


def problem_files(_ctx: click.Context, _param: click.Parameter, typed: str) -> list[str]:
    """What a shell offers for PROBLEM: problem files and folders."""
    from pathlib import Path

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


def _not_a_dash(_ctx: click.Context, _param: click.Parameter, value: Path | None) -> Path | None:
    return None if value is not None and str(value) == "-" else value


class _OutputFile(click.Path):
    """A file to write, which a name that ends in a slash is not."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path, as click has it."""
        from pathlib import Path

        found = Path(os.fsdecode(super().convert(value, param, ctx)))
        if str(value).endswith(("/", os.sep)):
            name = found / "report.txt"
            self.fail(f"'{value}' is a folder's name, and one file is written: {name}", param, ctx)
        return found


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


def output_options(*formats: str) -> Callable[[Command], Command]:
    """The options that every command with output has; it is given them as an `Output`."""

    def decorate(function: Command) -> Command:
        command = cast(Command, _as_options_say(function, formats))
        for option in reversed(
            (
                one_of("--format", formats, "What to write; a file's ending says it, too."),
                click.option(
                    "-o",
                    "--output",
                    "file",
                    type=_OutputFile(allow_dash=True),
                    callback=_not_a_dash,
                    metavar="FILE",
                    help="Write to this file, whole or not at all.",
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


def _as_options_say(function: Command, formats: Sequence[str]) -> Callable[..., Any]:
    """The command, its output in the right encoding and over none of its inputs."""

    @wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        by_ending = None
        if kwargs["file"] is not None and not is_stated("format"):
            from backprop_cli.formats.registry import format_of

            by_ending = format_of(kwargs["file"])
            kwargs["format"] = by_ending if by_ending in formats else kwargs["format"]
        names = [name for name in Output.__struct_fields__ if name in kwargs]
        out = Output(**{name: kwargs.pop(name) for name in names})
        with complaints_end_it(out.theme):
            if not out.force:
                _refuse_other_kind(by_ending, out, formats)
                _spare_inputs(click.get_current_context().params)
            if out.format not in FOR_READERS and hasattr(sys.stdout, "reconfigure"):
                sys.stdout.reconfigure(encoding="utf-8")  # as these formats say of themselves
            return function(*args, out=out, **kwargs)

    return checked


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


def _spare_inputs(params: Mapping[str, Any]) -> None:
    """Refuses to write over what is read."""
    output: Path | None = params["file"]
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
    if not os.path.isdir(path):
        return output.samefile(path)
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
