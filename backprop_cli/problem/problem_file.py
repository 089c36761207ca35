"""The path of a file to its bytes, and what is said about them to an error that shows the lines."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EPIPE
from stat import S_ISFIFO
from typing import BinaryIO

from msgspec import Struct

from backprop_cli.errors import Complaint, UserError, refusal
from backprop_cli.problem import ENDINGS
from backprop_cli.problem.text.tree import MAX_BYTES, source_lines
from backprop_cli.problem.typed_numbers import printable

_USUAL = 16_384  # bytes that nearly every file has room in


class Source(Struct, frozen=True):
    """A file as it was read: what it is called in messages, and its bytes."""

    name: str
    data: bytes

    @property
    def folder(self) -> str:
        """The folder that it lies in; that of the caller for what is no file."""
        return os.path.dirname(self.name) if self.name[:1] != "<" else ""  # noqa: PTH120

    def error(self, *complaints: Complaint) -> UserError:
        """The error that says all of this about the file."""
        return UserError(*complaints, source=self.name, lines=source_lines(self.data))

    @contextmanager
    def blamed(self) -> Iterator[None]:
        """Says of the file what is complained of meanwhile."""
        try:
            yield
        except UserError as error:
            raise self.error(*error.complaints) from None


def read_source(path: str | os.PathLike[str]) -> Source:
    """The bytes of a file; UserError where it cannot be read."""
    try:
        return Source(str(path), read_up_to(str(path), MAX_BYTES + 1))
    except FileNotFoundError:
        instead = _near(str(path))
        raise refusal("there is no such file", instead=instead, source=str(path)) from None
    except OSError as error:
        if os.path.isdir(path):
            message = "it is a folder, and one problem file is read"
            raise refusal(message, instead=next(files_in(path), None), source=str(path)) from None
        raise refusal(f"cannot be read: {error.strerror}", source=str(path)) from None
    except ValueError:  # a character that no name has
        raise refusal("no file has such a name", source=printable(str(path))) from None


def files_in(folder: str | os.PathLike[str]) -> Iterator[str]:
    """The problem files of a folder, by name; none where it cannot be looked into."""
    with suppress(OSError):
        for name in sorted(os.listdir(folder)):  # noqa: PTH208  # names, as typed
            if name.casefold().endswith(ENDINGS) and not name.startswith("."):
                yield os.path.join(folder, name)  # noqa: PTH118


def read_up_to(path: str, most: int) -> bytes:
    """The first bytes of a file, asking no more room than it needs.

    A pipe is read to its end; one that nobody writes to is an OSError, and not waited for.
    """
    with open(path, "rb", opener=_at_once) as file:
        data = _first_of_pipe(file) if S_ISFIFO(os.fstat(file.fileno()).st_mode) else b""
        data += file.read(min(_USUAL, most))
        return data if len(data) < _USUAL else data + file.read(most - len(data))


def zip_errors() -> tuple[type[Exception], ...]:
    """What reading an archive may raise that is damaged, locked, or packed in an unknown way."""
    from struct import error as cut_off
    from zipfile import BadZipFile
    from zlib import error as unpacking

    known = [BadZipFile, cut_off, unpacking, OSError, EOFError, KeyError, RuntimeError, ValueError]
    with suppress(ImportError):  # a Python without it unpacks nothing of that kind either
        from lzma import LZMAError

        known.append(LZMAError)
    return (*known, OverflowError)


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _first_of_pipe(file: BinaryIO) -> bytes:
    """What is in a pipe already."""
    try:
        data = os.read(file.fileno(), _USUAL)
    except BlockingIOError:
        data = None
    if data == b"":
        raise OSError(EPIPE, "it is a pipe, and nobody writes to it")
    os.set_blocking(file.fileno(), True)
    return data or b""


def _near(name: str) -> str | None:
    from difflib import get_close_matches
    from pathlib import Path

    path = Path(name)
    try:
        names = {
            other.stem: other.name  # endings are alike, whatever stands before them
            for other in path.parent.iterdir()
            if other.suffix in ENDINGS
        }
    except OSError:
        return None
    near = get_close_matches(path.stem, names, 1)
    return str(path.with_name(names[near[0]])) if near else None
