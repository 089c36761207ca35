"""A zip file -> the files in it, named as if it were a folder; nothing is ever unpacked to disk."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from zipfile import ZipFile

ENDING: Final = ".zip"
MOST_MEMBERS: Final = 100_000
_ENCRYPTED = 0x1
_OPEN_AT_ONCE = 8


def is_archive(name: str) -> bool:
    """Whether a file is one by its name."""
    return name.casefold().endswith(ENDING)


def members(path: str) -> list[str]:
    """The files in an archive, each behind the archive's own path; OSError where it is none."""
    infos = _opened(path).infolist()[:MOST_MEMBERS]
    return [path + os.sep + info.filename for info in infos if not info.is_dir()]


def is_inside(path: str) -> bool:
    """Whether a path leads into an archive."""
    return _split(path) is not None


def read_member(path: str, most: int) -> bytes:
    """The first bytes of a file in an archive, however much it would unpack to."""
    found = _split(path)
    if found is None:
        raise FileNotFoundError(path)
    archive, name = found
    from zipfile import BadZipFile

    try:
        info = _opened(archive).getinfo(name)
        if info.flag_bits & _ENCRYPTED:
            raise OSError(0, "it is encrypted")
        with _opened(archive).open(info) as file:
            return file.read(most)
    except (BadZipFile, KeyError, NotImplementedError, EOFError) as error:
        raise OSError(0, f"the archive is damaged ({type(error).__name__})") from None


def _split(path: str) -> tuple[str, str] | None:
    """The archive that a path leads into, and the name in it."""
    parts = path.split(os.sep)  # noqa: PTH206  # what is in an archive is no path
    for number, part in enumerate(parts[:-1], 1):
        archive = _joined(parts[:number])
        if is_archive(part) and os.path.isfile(archive):  # noqa: PTH113  # of many files
            return archive, "/".join(parts[number:])
    return None


def _joined(parts: list[str]) -> str:
    return os.sep.join(parts)  # noqa: PTH118


@lru_cache(maxsize=_OPEN_AT_ONCE)
def _opened(path: str) -> ZipFile:
    from zipfile import BadZipFile, ZipFile

    try:
        return ZipFile(path)
    except (BadZipFile, NotImplementedError, ValueError):
        raise OSError(0, "it is no archive that can be read") from None
