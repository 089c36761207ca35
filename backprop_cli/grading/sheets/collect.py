"""Paths of files and folders -> the answer files among them, in the order of their names, read."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from backprop_cli.errors import UserError, refusal
from backprop_cli.grading.report_data import Note, Sheet
from backprop_cli.grading.sheets.answer_files import AS_TEXT, MAX_SHEET, unusable
from backprop_cli.grading.sheets.rows_as_files import of_table, read_row, table_of
from backprop_cli.problem.array_files import MOST_BYTES, MOST_JSON
from backprop_cli.problem.problem_file import read_up_to, zip_errors

if TYPE_CHECKING:
    from zipfile import ZipFile

ENDINGS: Final = (".yaml", ".yml", ".json", ".csv", ".xlsx", ".npz")
_MOST: Final = {".npz": MOST_BYTES, ".json": MOST_JSON}
"""Arrays are larger than what people type."""

_NOT_SHEETS = frozenset({"__MACOSX"})  # beside what is hidden; left behind by unpacking


def answer_files(
    paths: Iterable[Path], leave_out: Path | None = None, left: list[Unread] | None = None
) -> list[str]:
    """The files named, and those in the folders named; each once, in the order of their names.

    `leave_out` is the problem's own file, which may lie in such a folder. What else lies there and
    is not read is put in `left`. UserError where there is no such path, or a folder without any
    answer file.
    """
    found: dict[str, str] = {}
    problem = os.path.realpath(leave_out) if leave_out is not None else None
    here = _working_folder()
    for path in paths:
        for file in _files(str(path), problem, [] if left is None else left):
            found.setdefault(os.path.join(here, file), file)
    return sorted(found.values(), key=lambda file: file.split(os.sep))


def _working_folder() -> str:
    """Where names begin that do not say so; nowhere where that folder has been removed."""
    try:
        return os.getcwd()
    except OSError:
        return ""


def read_answers(path: str) -> bytes | Sheet:
    """The bytes of an answer file; a sheet with an error where it cannot be read."""
    most = _MOST.get(os.path.splitext(path)[1].casefold(), MAX_SHEET)
    try:
        if archive_of(path) is not None:
            return read_member(path, most + 1)
        return read_up_to(path, most + 1) if table_of(path) is None else read_row(path)
    except OSError as error:
        return unusable(path, f"the file cannot be read: {error.strerror or error}")
    except ValueError:  # a NUL in the name
        return unusable(path, "there can be no file of this name")


def _files(path: str, problem: str | None, left: list[Unread]) -> Iterable[str]:
    archive = is_archive(path) and os.path.isfile(path)
    if not archive and not os.path.isdir(path):
        if not os.path.lexists(path):
            raise refusal("there is no such file or folder", source=path)
        return of_table(path) or [path]
    before = len(left)
    files = list(_in_archive(path, left) if archive else _below(path, problem, left))
    if not files:
        if left[before:] and left[-1].file == path:  # the archive itself
            raise refusal(left[-1].why, source=path)
        kinds = ", ".join(f"*{ending}" for ending in ENDINGS)
        message = f"there are no answer files in this {'archive' if archive else 'folder'}"
        raise refusal(message, instead=f"a folder with {kinds}", source=path)
    return files


def _below(folder: str, problem: str | None, left: list[Unread]) -> Iterator[str]:
    """The answer files below a folder but for hidden ones and links that lead out of it."""
    inside = os.path.realpath(folder)
    stack, seen = [("" if folder == "." else folder, inside)], 0
    while stack:
        place, real = stack.pop()
        for entry in _entries(place or "."):
            seen += 1
            if seen > MOST_MEMBERS:
                raise _too_many(folder)
            path, target = os.path.join(place, entry.name), os.path.join(real, entry.name)
            if entry.is_symlink():
                target = os.path.realpath(path)
                wanted = os.path.isfile(target) and target.startswith(os.path.join(inside, ""))
            elif entry.is_dir(follow_symlinks=False):
                stack.append((path, target))
                continue
            else:
                wanted = entry.is_file()  # a pipe would never end
            if not wanted or target == problem:
                continue
            yield from _in_archive(path, left) if is_archive(path) else _sheet(path, left)


def _too_many(folder: str) -> UserError:
    message = (
        f"there are over {MOST_MEMBERS:,} files in this folder and below it: at most so many are"
    )
    return refusal(
        f"{message} looked at", instead="the folder with the sheets alone", source=folder
    )


def _sheet(path: str, left: list[Unread]) -> Iterator[str]:
    """The file, where it is one with answers."""
    name = os.path.basename(path)
    if name in OF_PLATFORMS:
        return
    if name.casefold().endswith(ENDINGS) or _is_sheet_as_text(path):
        yield from of_table(path) or [path]
    else:
        left.append(unread(path))


_heads_answers = re.compile(rb"(?im)^[ \t]*answers[ \t]*:").search
_HEAD: Final = 4_000
"""In so many bytes of a text its heading is looked for."""


def _is_sheet_as_text(path: str) -> bool:
    """Whether it is a sheet that an editor has put `.txt` behind, `sheet.yaml.txt`."""
    if not path.casefold().endswith(AS_TEXT):
        return False
    try:
        inside = archive_of(path) is not None
        head = read_member(path, _HEAD) if inside else read_up_to(path, _HEAD)
    except OSError:
        return False
    return _heads_answers(head) is not None


def _in_archive(path: str, left: list[Unread]) -> Iterator[str]:
    """The answer files in an archive but for hidden ones."""
    try:
        found = members(path)
    except OSError as error:
        left.append(Unread(path, str(error.strerror or error)))
        return
    for file, times in sorted(Counter(found).items()):
        if os.pardir in file.removeprefix(path).split(os.sep):
            left.append(Unread(file, "its name leads out of the archive"))
        elif all(map(_wanted, os.path.relpath(file, path).split(os.sep))):
            taken = list(_sheet(file, left))
            yield from taken
            if taken and times > 1:
                why = f"the archive has {times} files of this name, and only the last is read"
                left.append(Unread(file, why))


def _entries(folder: str) -> Iterator[os.DirEntry[str]]:
    """What is in a folder, but for what is hidden; nothing where it cannot be opened."""
    try:
        with os.scandir(folder) as entries:
            yield from (entry for entry in entries if _wanted(entry.name))
    except OSError:
        return


def _wanted(name: str) -> bool:
    return not name.startswith(".") and name not in _NOT_SHEETS


# Archives -----------------------------------------------------------------------------------------


ENDING: Final = ".zip"
MOST_MEMBERS: Final = 100_000
"""So many files of an archive, or in a folder and those below it, are looked at."""
MOST_UNPACKED: Final = 200_000_000
"""So many bytes may the files of an archive have that is packed more than a hundred times smaller:
numbers that people or programs write are packed ten times at most."""
_MOST_RATIO: Final = 100
_ENCRYPTED = 0x1
_OPEN_AT_ONCE = 8


def is_archive(name: str) -> bool:
    """Whether a file is one by its name."""
    return name.casefold().endswith(ENDING)


def members(path: str) -> list[str]:
    """The files in an archive, each behind the archive's own path; OSError where it is none, or one
    made to take all there is of time and memory when it is unpacked."""
    infos = _opened(path).infolist()
    if len(infos) > MOST_MEMBERS:
        raise OSError(0, f"it has {len(infos):,} files: at most {MOST_MEMBERS:,} are read")
    unpacked = sum(info.file_size for info in infos)
    if unpacked > max(MOST_UNPACKED, _MOST_RATIO * os.path.getsize(path)):
        size = f"{unpacked / 1e6:,.0f} MB, over {_MOST_RATIO} times its own size"
        raise OSError(0, f"unpacked, it would have {size}, and it is not read")
    return [path + os.sep + info.filename for info in infos if not info.is_dir()]


def archive_of(path: str) -> str | None:
    """The archive that a path leads into; None where it leads into none."""
    found = _split(path)
    return None if found is None else found[0]


def read_member(path: str, most: int) -> bytes:
    """The first bytes of a file in an archive, however much it would unpack to."""
    found = _split(path)
    if found is None:
        raise FileNotFoundError(path)
    archive, name = found
    try:
        info = _opened(archive).getinfo(name)
        if info.flag_bits & _ENCRYPTED:
            raise OSError(0, "it is encrypted")
        with _opened(archive).open(info) as file:
            return file.read(most)
    except OSError:
        raise
    except zip_errors() as error:
        raise OSError(0, f"the archive is damaged ({type(error).__name__})") from None


def _split(path: str) -> tuple[str, str] | None:
    """The archive that a path leads into, and the name in it."""
    parts = path.split(os.sep)  # what is in an archive is no path
    for number, part in enumerate(parts[:-1], 1):
        archive = os.sep.join(parts[:number])
        if is_archive(part) and os.path.isfile(archive):  # of many files
            return archive, "/".join(parts[number:])
    return None


def _opened(path: str) -> ZipFile:
    """The archive as it is now: another may have taken its place since it was opened.

    Each process opens it itself: one that was opened before a fork has its place in the file in
    common with the other process, and either would read from where the other has gone.
    """
    now = os.stat(path)
    return _opened_once(path, (now.st_ino, now.st_mtime_ns, now.st_size, os.getpid()))


@lru_cache(maxsize=_OPEN_AT_ONCE)
def _opened_once(path: str, _state: tuple[int, ...]) -> ZipFile:
    from zipfile import ZipFile

    try:
        return ZipFile(path)
    except OSError:
        raise
    except zip_errors():
        raise OSError(0, "it is no archive that can be read") from None


# Whose they are -----------------------------------------------------------------------------------


OF_PLATFORMS: Final = frozenset({"submission_metadata.yml"})
"""Files that a platform puts beside the sheets, to say whose they are."""

_moodle = re.compile(r"(?P<name>.+?)_(?P<number>\d+)_assignsubmission_.*").fullmatch
_canvas = re.compile(
    r"(?P<name>[^_]+)_(?P<late>LATE_)?(?P<number>\d+)_\d+_.+", re.IGNORECASE
).fullmatch
_HIDDEN: Final = "Participant"
"""What Moodle calls everybody whose name a teacher is not to see."""
_OTHER = f"no {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]} file"
_KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "a Word document": ".docx .doc .odt .rtf .pages",
        "a PDF": ".pdf",
        "a spreadsheet; saved as CSV it can be read": ".xls .xlsm .ods .numbers",
        "a picture": ".png .jpg .jpeg .heic .gif .webp .svg .tif .tiff",
        "text; given by its own name it is read": ".txt .md .text .tsv .tab",
        "an archive; unpack it": ".zip .rar .7z .gz .tar",
        "a web page, such as Moodle makes of what is typed into it": ".html .htm",
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
    return Unread(file, _BY_ENDING.get(os.path.splitext(file)[1].casefold(), _OTHER))


def not_read(
    left: Iterable[Unread], whose: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Note]:
    """The files that are no sheets, in the order of their names, and whose they are if known."""
    for each in sorted(left, key=lambda each: each.file):
        yield Note("not-read", whose.get(each.file, ""), (each.file,), each.why)


def folder_of_students(files: Sequence[str]) -> str | None:
    """The folder in which each student has one, where files of one name lie in several.

    So learning platforms hand a class over: a folder a student, in which all files may be called
    the same. None where the names of the files tell them apart.
    """
    folders: dict[str, str] = {}
    for file in files:
        folder, name = os.path.split(file)
        if folders.setdefault(os.path.splitext(name)[0], folder) != folder:
            break
    else:
        return None
    try:
        return os.path.commonpath([os.path.dirname(file) or "." for file in files])
    except ValueError:  # on several drives
        return None


def name_by_folder(file: str, above: str) -> str | None:
    """Whose sheet lies in a folder below `above`; None where it lies in none."""
    first, slash, _ = os.path.relpath(file, above).partition(os.sep)
    if not slash or first == os.pardir:
        return None
    match = _moodle(first)
    if match is None:
        return first
    hidden = match["name"].startswith(_HIDDEN)
    return f"{_HIDDEN} {match['number']}" if hidden else match["name"]


def name_in_moodle(file: str, above: str) -> str:
    """What Moodle calls the folder below `above` in which a file lies; empty where it did not."""
    folders = os.path.relpath(file, above).split(os.sep)[:-1]
    return next((match["name"] for match in map(_moodle, folders) if match), "")


def claimed_names(file: str, above: str) -> list[str]:
    """Whose a file may be by where it lies below `above`, and by its name; what is surest first.

    Moodle: `Anna Muster_11_assignsubmission_file/…`, Canvas: `musteranna_LATE_11_12_sheet.yaml`.
    Both have numbers of their own, by which two of one name are told apart.
    """
    *folders, name = os.path.relpath(file, above).split(os.sep)
    parts = [folder for folder in folders if folder not in (os.pardir, os.curdir)]
    parts.append(os.path.splitext(name)[0])
    numbered = [f"{_HIDDEN} {match['number']}" for match in map(_moodle, parts) if match]
    matches = [match for part in parts for match in (_moodle(part), _canvas(part)) if match]
    named = [match["name"] for match in matches]
    return [*numbered, *named, *(match["number"] for match in map(_canvas, parts) if match), *parts]


def is_late(file: str) -> bool:
    """Whether a platform says in a file's name that it came late."""
    match = _canvas(os.path.splitext(os.path.basename(file))[0])
    return match is not None and match["late"] is not None
