"""What all commands share: their options, where output goes, how complaints end the program."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from errno import EACCES, EISDIR
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn, TextIO, TypeVar, cast

import click

from backprop_cli.errors import BUG, USAGE, Complaint, UserError

Command = TypeVar("Command", bound=Callable[..., Any])
NARROWEST, WIDEST = 40, 1000  # columns
CLOSED_PIPE = 141  # exit code: the reader has gone, as shells have it
_MAX_WORK = "backprop_cli.max_work"  # what click keeps the option under
_FOR_READERS = ("text", "markdown")  # formats for people, in what their terminal can show
_BUG_WORDS = "This is a bug in backprop. Please report it with the file that caused it."
_BLOCK = 65_536  # characters that are written at a time
_ENDINGS = (".yaml", ".yml", ".json")


def problem_files(_ctx: click.Context, _param: click.Parameter, typed: str) -> list[str]:
    """What a shell offers for PROBLEM: problem files and folders."""
    folder = Path(typed).parent if Path(typed).name and not typed.endswith("/") else Path(typed)
    try:
        found = sorted(folder.iterdir())
    except OSError:
        return []
    shown = "" if typed == "" or "/" not in typed else typed[: typed.rindex("/") + 1]
    offered = [
        f"{shown}{path.name}{'/' if path.is_dir() else ''}"
        for path in found
        if path.suffix in _ENDINGS or path.is_dir()
    ]
    return [text for text in offered if text.startswith(typed) and not text.startswith(".")]


PROBLEM = click.argument(
    "problem", type=click.Path(path_type=Path, allow_dash=True), shell_complete=problem_files
)


def _not_a_dash(_ctx: click.Context, _param: click.Parameter, value: Path | None) -> Path | None:
    return None if value is not None and str(value) == "-" else value


class _OutputFile(click.Path):
    """A file to write, which a name that ends in a slash is not."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path, as click has it."""
        if str(value).endswith(("/", os.sep)):
            name = str(Path(value) / "report.txt")
            self.fail(f"'{value}' is a folder's name, and one file is written: {name}", param, ctx)
        return super().convert(value, param, ctx)


def output_options(*formats: str) -> Callable[[Command], Command]:
    """The options that every command with output has."""

    def decorate(function: Command) -> Command:
        command = cast(Command, _as_options_say(function))
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
                    type=_OutputFile(path_type=Path, allow_dash=True),
                    callback=_not_a_dash,
                    metavar="FILE",
                    help="Write to this file, whole or not at all.",
                ),
                click.option(
                    "--precision",
                    type=click.IntRange(0, 15),
                    default=4,
                    show_default=True,
                    metavar="N",
                    help="Decimals shown; numbers too small for them keep significant digits.",
                ),
                click.option("--force", is_flag=True, help="Let -o replace a file that is read."),
                click.option("--ascii", "ascii_", is_flag=True, help="Use ASCII characters only."),
                click.option(
                    "--width",
                    type=click.IntRange(NARROWEST, WIDEST),
                    metavar="N",
                    help="Columns to fill (default: the terminal's, or 80).",
                ),
                click.option(
                    "--max-work",
                    type=click.IntRange(1),
                    metavar="N",
                    help="Allow up to N operations; a message says when it is needed.",
                ),
            )
        ):
            command = option(command)
        return command

    return decorate


def _as_options_say(function: Command) -> Callable[..., Any]:
    """The command, its output in the right encoding and over none of its inputs."""

    @wraps(function)
    def checked(*args: Any, force: bool, max_work: int | None, **kwargs: Any) -> Any:
        ctx = click.get_current_context()
        ctx.meta[_MAX_WORK], params = max_work, ctx.params
        with complaints_end_it():
            if not force:
                _spare_inputs(params)
        if params["format_"] not in _FOR_READERS and hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(encoding="utf-8")  # as these formats say of themselves
        return function(*args, **kwargs)

    return checked


def max_work() -> int | None:
    """The operations that the command line allows, where it says so."""
    ctx = click.get_current_context(silent=True)
    return None if ctx is None else ctx.meta.get(_MAX_WORK)


def _spare_inputs(params: Mapping[str, Any]) -> None:
    """Refuses to write over what is read."""
    output: Path | None = params["output"]
    if output is None or not output.exists():
        return
    named = (params.get("problem"), *params.get("paths", ()), *params.get("answers", ()))
    for path in named:
        if path is not None and path.exists() and _holds(path, output):
            message = f"it is read, as {path}, and would be replaced"
            raise UserError(
                Complaint(message, instead="another name, or --force"), source=str(output)
            )


def _holds(path: Path, output: Path) -> bool:
    """Whether a path is the output, or a folder in which it would be found."""
    if not path.is_dir():
        return path.samefile(output)
    inside = output.resolve().is_relative_to(path.resolve())
    return inside and output.suffix.casefold() in (*_ENDINGS, ".csv")


def terminal_width(asked: int | None) -> int:
    """The columns to fill: as asked, else COLUMNS or the terminal's, 80 where there is none."""
    columns = asked or _terminal_columns()
    return min(max(columns, NARROWEST), WIDEST)


def _terminal_columns() -> int:
    """As shutil.get_terminal_size has it, whose module loads what compresses files."""
    said = os.environ.get("COLUMNS", "")
    if said.isdecimal() and int(said):
        return int(said)
    try:
        return os.get_terminal_size(1).columns or 80
    except OSError:
        return 80


def wants_color(to_file: bool) -> bool:
    """Whether to colour: never in files, else by NO_COLOR, FORCE_COLOR and the terminal."""
    if to_file or os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return sys.stdout is not None and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def only_ascii(asked: bool, to_file: bool) -> bool:
    """Whether to keep to ASCII: as asked, or where the output's encoding has nothing else."""
    if asked or to_file:
        return asked
    try:
        "∂Ŷ⎡⊙".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError, AttributeError):  # or where it is closed
        return True
    return False


def write(text: str, output: Path | None) -> None:
    """Prints the text, or writes it to a file that exists whole or not at all."""
    write_pieces([text if text.endswith("\n") else text + "\n"], output)


def write_pieces(pieces: Iterable[str], output: Path | None) -> None:
    """The same for a text that is made piece by piece, lines each; none of it stays in memory.

    Where making them is interrupted, the lines so far are printed; in place of the file, they stay
    beside it as `FILE.partial`.
    """
    if output is None:
        if sys.stdout is None:
            raise UserError(Complaint("it is closed", instead="-o FILE"), source="standard output")
        for block in _blocks(pieces):
            with _written_to(None):
                click.echo(block, nl=False, color=True)
        return
    with _written_to(output):
        target = output.resolve()
        device = None if _is_plain_file(target) else target.open("w", encoding="utf-8")
    if device is None:
        _replace(target, output, pieces)
        return
    _write_blocks(device, output, pieces)


def _write_blocks(file: TextIO, output: Path, pieces: Iterable[str]) -> None:
    try:
        for block in _blocks(pieces):
            with _written_to(output):
                file.write(block)
                file.flush()
        with _written_to(output):
            file.close()
    finally:
        with suppress(OSError):  # of what did not fit, which has been told
            file.close()


def _blocks(pieces: Iterable[str]) -> Iterator[str]:
    """The pieces, small ones together; those at hand also where making more is interrupted."""
    waiting: list[str] = []
    size = 0
    try:
        for piece in pieces:
            waiting.append(piece)
            size += len(piece)
            if size >= _BLOCK:
                yield "".join(waiting)
                waiting, size = [], 0
    except KeyboardInterrupt:
        yield "".join(waiting)
        raise
    yield "".join(waiting)


@contextmanager
def _written_to(output: Path | None) -> Iterator[None]:
    """Says where it is that cannot be written to."""
    try:
        yield
    except BrokenPipeError:
        _leave_quietly()
    except (OSError, RuntimeError) as error:  # a circle of links was a RuntimeError before 3.13
        why = getattr(error, "strerror", None) or str(error)
        where = "standard output" if output is None else str(output)
        raise UserError(Complaint(f"cannot be written: {why}"), source=where) from None


def _leave_quietly() -> NoReturn:
    """Ends the program whose reader has gone (`| head`), with nothing left to be flushed."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(CLOSED_PIPE)


def _is_plain_file(target: Path) -> bool:
    """Whether a target is, or may become, a file; a device or a pipe is not to be replaced."""
    if target.is_dir():
        raise IsADirectoryError(EISDIR, "it is a folder")
    if target.is_file() and not os.access(target, os.W_OK):
        raise PermissionError(EACCES, "it is write-protected")
    return target.is_file() or not target.exists()


def _replace(target: Path, output: Path, pieces: Iterable[str]) -> None:
    """Puts the pieces in the place of the target in one step, once the last is written."""
    import tempfile

    with _written_to(output):
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:50]}.")
        mode = target.stat().st_mode if target.exists() else 0o666 & ~_umask()
        os.chmod(name, mode & 0o777)  # noqa: PTH101  # mkstemp makes files private
    try:
        _write_blocks(os.fdopen(handle, "w", encoding="utf-8"), output, pieces)
        with _written_to(output):
            os.replace(name, target)  # noqa: PTH105  # in one step
    except KeyboardInterrupt:
        _keep_part(Path(name), target)
        raise
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _keep_part(part: Path, target: Path) -> None:
    """Leaves beside the target what was written of it."""
    if not part.stat().st_size:
        part.unlink()
        return
    kept = part.replace(target.with_name(f"{target.name}.partial"))
    click.echo(f"what was written so far is in {kept}", err=True)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def end_with_fault(trace: str) -> NoReturn:
    """Says that the program failed, and how to report it, once all else is done."""
    click.echo(trace.rstrip(), err=True)
    click.echo(_BUG_WORDS, err=True)
    sys.exit(BUG)


@contextmanager
def complaints_end_it() -> Iterator[None]:
    """Prints what a UserError says and exits with its code."""
    try:
        yield
    except UserError as error:
        from backprop_cli.render.complaints import complaints_text

        click.echo(complaints_text(error), err=True)
        sys.exit(USAGE)
