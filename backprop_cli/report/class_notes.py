"""What a teacher has to be told beside the marks of a class -> lines; rows of CSV, data of JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from backprop_cli.grading.report_data import Note

MOST_TOLD: Final = 50
"""So many lines of files that are not read; the others are counted."""
_FEW: Final = 3  # files of one name that are told one by one


def note_lines(notes: Sequence[Note]) -> Iterator[str]:
    """A line for each; for files that are not read, one for many of one name.

    So the README of everyone's repository is told once.
    """
    unread = list(_unread([note for note in notes if note.kind == "not-read"]))
    yield from unread[:MOST_TOLD]
    if len(unread) > MOST_TOLD:
        yield f"not read: {len(unread) - MOST_TOLD} more"
    yield from (line_of_note(note) for note in notes if note.kind != "not-read")


def _unread(notes: Iterable[Note]) -> Iterator[str]:
    alike: dict[tuple[str, str], list[Note]] = {}
    for note in notes:
        name = note.files[0].replace("\\", "/").rpartition("/")[2]
        alike.setdefault((name, note.why), []).append(note)
    for (name, why), found in alike.items():
        if len(found) > _FEW:
            yield f"not read: {len(found)} files called {name}: {why}"
        else:
            yield from map(line_of_note, found)


def line_of_note(note: Note) -> str:
    """What is said of it."""
    named = ", ".join(note.files)
    match note.kind:
        case "not-read":
            return f"not read: {named}: {note.why}"
        case "no-sheet":
            return f"no sheet: {note.student}{f'; {note.why}' if note.why else ''}"
        case "nobodys-sheet":
            return f"nobody's sheet: {named}: {note.why}"
        case "not-in-class":
            return f"named on a sheet, and not in the class: {note.why}: {named}"
        case "together":
            return (
                f"{note.student} handed in together with {note.why}, for the same points: {named}"
            )
        case "several-sheets":
            most = "the one with most points counts"
            return f"{len(note.files)} sheets of {note.student}, {most}: {named}"
        case "late":
            return f"handed in late: {named}"


def note_data(note: Note) -> dict[str, Any]:
    """The same for programs."""
    return {
        "kind": note.kind,
        "student": note.student or None,
        "files": list(note.files),
        "message": line_of_note(note),
    }


def note_rows(note: Note) -> Iterator[tuple[str, str, str, str]]:
    """Whose it is, each file by itself, its kind, and what is said of it."""
    for file in note.files or ("",):
        yield note.student, file, note.kind, line_of_note(note)
