"""The common options of a command to how its result looks and where it is written."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from errno import EACCES, EISDIR
from typing import TYPE_CHECKING, Literal, NoReturn, TextIO

import click
from msgspec import Struct
from msgspec.structs import asdict

from backprop_cli.errors import Complaint, UserError, refusal
from backprop_cli.terminal.themes import DEFAULT_THEME, Look, ThemeName

if TYPE_CHECKING:
    from pathlib import Path

    from backprop_cli.document.view import View
    from backprop_cli.problem.problem_data import Problem

CLOSED_PIPE = 141  # exit code: the reader has gone, as shells have it
FOR_READERS = ("text", "markdown")  # formats for people, in what their terminal can show
_BLOCK = 65_536  # characters that are written at a time


class Output(Struct, frozen=True):
    """What the common options say: the format of a result, its looks, and the file it goes to."""

    format: str
    file: Path | None = None
    precision: int | None = None
    ascii: bool = False
    width: int | None = None
    theme: ThemeName = DEFAULT_THEME
    detail: Literal["short", "normal", "long"] = "normal"
    force: bool = False

    @property
    def only_ascii(self) -> bool:
        """As asked, or where the terminal's encoding has nothing else; files are UTF-8."""
        if self.ascii or self.file is not None:
            return self.ascii
        try:
            "∂Ŷ⎡⊙".encode(sys.stdout.encoding or "ascii")
        except (UnicodeEncodeError, LookupError, AttributeError):  # or where it is closed
            return True
        return False

    @property
    def is_replaced(self) -> bool:
        """Whether it goes to a file, which exists whole or not at all, and to nobody who reads."""
        return self.file is not None and _may_be_replaced(self.file)

    def look(self) -> Look:
        """How the result looks where it is going: rich knows the terminal and the environment."""
        if self.format not in FOR_READERS or sys.stdout is None:
            return Look(width=self.width or Look().width, ascii=self.only_ascii, theme=self.theme)
        from backprop_cli.terminal.console import colors, console

        on = console(sys.stdout, width=self.width)
        painted = self.format == "text" and self.file is None
        return Look(on.width, colors(on) if painted else None, self.only_ascii, self.theme)

    def view(self, problem: Problem | None = None) -> View:
        """The same for what shows quantities, as `problem` wants them written."""
        from backprop_cli.document.view import View, as_written

        view = View(**asdict(self.look()), precision=self.precision, detail=self.detail)
        return view if problem is None else as_written(problem, view)

    def write(self, text: str) -> None:
        """Prints the text, or writes it to the file, which exists whole or not at all."""
        self.write_pieces([text if text.endswith("\n") else text + "\n"])

    def write_pieces(self, pieces: Iterable[str]) -> None:
        """The same for a text that is made piece by piece, lines each; none of it is kept.

        Where making them is interrupted, the lines so far are printed; in place of the file, they
        stay beside it as `FILE.partial`.
        """
        if self.file is None:
            _print(pieces)
            return
        with _written_to(self.file):
            target = self.file.resolve()
            device = None if _is_plain_file(target) else target.open("w", encoding="utf-8")
        if device is None:
            _replace(target, self.file, pieces)
        else:
            _write_blocks(device, self.file, pieces)


def write_file(text: str, path: Path) -> None:
    """Writes a text to a file, which exists whole or not at all."""
    Output("text", path).write(text)


DIFFERS = Complaint("it is there already, and differs", instead="another name, or --force")


def write_new(text: str, path: Path, *, force: bool, refused: Complaint = DIFFERS) -> None:
    """The same, but a file that is there already and says something else is spared."""
    if os.path.isfile(path) and not force:
        with _written_to(path):
            same = path.read_bytes() == text.encode()
        if same:
            return
        raise UserError(refused, source=str(path))
    write_file(text, path)


def say(text: str = "", end: str = "\n") -> None:
    """Part of a conversation, at once on standard output."""
    _print([text + end])


def _print(pieces: Iterable[str]) -> None:
    if sys.stdout is None:
        raise refusal("it is closed", instead="-o FILE", source="standard output")
    for block in _blocks(pieces):
        with _written_to(None):
            click.echo(block, nl=False, color=True)


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
        raise refusal(f"cannot be written: {why}", source=where) from None


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
    return _may_be_replaced(target)


def _may_be_replaced(target: Path) -> bool:
    return os.path.isfile(target) or not os.path.exists(target)


def _replace(target: Path, output: Path, pieces: Iterable[str]) -> None:
    """Puts the pieces in the place of the target in one step, once the last is written."""
    import tempfile
    from pathlib import Path

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
