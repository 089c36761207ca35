"""Paths of files and folders -> the answer files among them, in the order of their names, read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from backprop_cli.errors import Complaint, UserError
from backprop_cli.grading.answers import MAX_SHEET, Reader, unusable
from backprop_cli.grading.data import Sheet

ENDINGS: Final = (".yaml", ".yml", ".json", ".csv")
_NOT_SHEETS = frozenset({"__MACOSX"})  # beside what is hidden; left behind by unpacking


def answer_files(paths: Iterable[Path], leave_out: Path | None = None) -> list[Path]:
    """The files named, and those in the folders named; each once, in the order of their names.

    `leave_out` is the problem's own file, which may lie in such a folder. UserError where there is
    no such path, or a folder without any answer file.
    """
    found: dict[Path, Path] = {}
    problem = _real(leave_out) if leave_out is not None else None
    for path in paths:
        for file in _files(path, problem):
            found.setdefault(Path.cwd() / file, file)
    return sorted(found.values(), key=lambda file: file.parts)


def read_answers(path: Path, reader: Reader) -> Sheet:
    """The sheet in a file; one with an error where the file cannot be read."""
    try:
        data = _bytes(path)
    except OSError as error:
        return unusable(str(path), f"the file cannot be read: {error.strerror or error}")
    except ValueError:  # a NUL in the name
        return unusable(str(path), "there can be no file of this name")
    return reader.sheet(data, str(path))


def _bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_SHEET + 1)


def _files(path: Path, problem: Path | None) -> Sequence[Path]:
    if not path.is_dir():
        if not os.path.lexists(path):
            raise UserError(Complaint("there is no such file or folder"), source=str(path))
        return [path]
    files = [file for file in _walked(path) if _real(file) != problem]
    if not files:
        kinds = ", ".join(f"*{ending}" for ending in ENDINGS)
        message = "there are no answer files in this folder"
        raise UserError(Complaint(message, instead=f"a folder with {kinds}"), source=str(path))
    return files


def _walked(folder: Path) -> Iterator[Path]:
    """The answer files below a folder but for hidden ones and links that lead out of it."""
    inside = _real(folder)
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if _wanted(name))
        for name in sorted(names):
            file = Path(place, name)
            if _wanted(name) and file.suffix.casefold() in ENDINGS and _belongs(file, inside):
                yield file


def _wanted(name: str) -> bool:
    return not name.startswith(".") and name not in _NOT_SHEETS


def _belongs(file: Path, inside: Path) -> bool:
    """Whether it is a file (a pipe would never end), and one of this folder."""
    try:
        if not stat.S_ISLNK(file.lstat().st_mode):
            return file.is_file()
        return file.is_file() and _real(file).is_relative_to(inside)
    except OSError:
        return True  # the reason is told when it is read


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))
