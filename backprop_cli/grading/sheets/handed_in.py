"""The files of a class -> whose each is where it does not say so, and why some are no sheets."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from msgspec import Struct

OF_PLATFORMS: Final = frozenset({"submission_metadata.yml"})
"""Files that a platform puts beside the sheets, to say whose they are."""

_moodle = re.compile(r"(?P<name>.+?)_\d+_assignsubmission_.*").fullmatch
_canvas = re.compile(r"(?P<name>[^_]+)_(?P<late>LATE_)?\d+_\d+_.+", re.IGNORECASE).fullmatch
_OTHER = "no .yaml, .yml, .json, .csv or .npz file"
_KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "a Word document": ".docx .doc .odt .rtf .pages",
        "a PDF": ".pdf",
        "a spreadsheet; saved as CSV it can be read": ".xlsx .xls .ods .numbers",
        "a picture": ".png .jpg .jpeg .heic .gif .webp .svg .tif .tiff",
        "text; given by its own name it is read": ".txt .md .text .tsv .tab",
        "an archive; unpack it": ".zip .rar .7z .gz .tar",
        "code": ".py .ipynb .m .r .c .cpp .java .js",
    }
)
_BY_ENDING = {ending: kind for kind, endings in _KINDS.items() for ending in endings.split()}


class Unread(Struct, frozen=True):
    """A file in a folder of sheets that is none, and why."""

    file: str
    why: str


def unread(file: str) -> Unread:
    """What is said of a file that is not read."""
    return Unread(file, _BY_ENDING.get(os.path.splitext(file)[1].casefold(), _OTHER))  # noqa: PTH122


def folder_of_students(files: Sequence[str]) -> str | None:
    """The folder in which each student has one, where files of one name lie in several.

    So learning platforms hand a class over: a folder a student, in which all files may be called
    the same. None where the names of the files tell them apart.
    """
    folders: dict[str, str] = {}
    for file in files:
        folder, name = os.path.split(file)
        if folders.setdefault(os.path.splitext(name)[0], folder) != folder:  # noqa: PTH122
            break
    else:
        return None
    try:
        return os.path.commonpath([os.path.dirname(file) or "." for file in files])  # noqa: PTH120
    except ValueError:  # on several drives
        return None


def name_by_folder(file: str, above: str) -> str | None:
    """Whose sheet lies in a folder below `above`; None where it lies in none."""
    first, slash, _ = os.path.relpath(file, above).partition(os.sep)
    if not slash or first == os.pardir:
        return None
    match = _moodle(first)
    return match["name"] if match is not None else first


def claimed_names(file: str, above: str) -> list[str]:
    """Whose a file may be by where it lies below `above`, and by its name; what is surest first.

    Moodle: `Anna Muster_11_assignsubmission_file/…`, Canvas: `musteranna_LATE_11_12_sheet.yaml`.
    """
    *folders, name = os.path.relpath(file, above).split(os.sep)  # noqa: PTH206
    parts = [folder for folder in folders if folder not in (os.pardir, os.curdir)]
    parts.append(os.path.splitext(name)[0])  # noqa: PTH122
    matches = [match for part in parts for match in (_moodle(part), _canvas(part)) if match]
    return [*(match["name"] for match in matches), *parts]


def is_late(file: str) -> bool:
    """Whether a platform says in a file's name that it came late."""
    match = _canvas(os.path.splitext(os.path.basename(file))[0])  # noqa: PTH119, PTH122
    return match is not None and match["late"] is not None
