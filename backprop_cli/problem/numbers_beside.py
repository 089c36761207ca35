"""`{file: weights.npz, name: W1}` in a problem -> the array of that name in a file beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from backprop_cli.errors import Complaints, Mark
from backprop_cli.problem.array_files import (
    MOST_BYTES,
    ArrayFileError,
    array_of,
    from_archive,
    is_archive,
)
from backprop_cli.problem.problem_data import Values
from backprop_cli.problem.problem_file import read_up_to
from backprop_cli.problem.text.near import nearest
from backprop_cli.problem.text.tree import MapNode, ScalarNode
from backprop_cli.problem.typed_numbers import shown
from backprop_cli.trace import Array

KEYS: Final = ("file", "name")
_FORM: Final = "{file: weights.npz, name: W1}"
_MOST_NAMED: Final = 12


def is_reference(node: object) -> bool:
    """Whether numbers stand in a file, and not here."""
    return isinstance(node, MapNode) and "file" in node.entries


def values_beside(node: MapNode, complaints: Complaints, deepest: int) -> Values:
    """The numbers that a mapping refers to; None for them, with a complaint, where there are none.

    They have at most `deepest` axes. The file lies beside the problem, or in a folder there:
    nothing else on the machine is read.
    """
    texts = _texts(node, complaints)
    if texts is None:
        return Values(None, node.mark)
    try:
        found = _numbers(_file(texts["file"], complaints.folder), texts.get("name"), deepest)
    except ArrayFileError as error:
        complaints.add(error.message, node.mark, error.instead)
        return Values(None, node.mark)
    return Values(found, node.mark)


def _texts(node: MapNode, complaints: Complaints) -> dict[str, str] | None:
    """The file and the name, as they are written."""
    found: dict[str, str] = {}
    for key, entry in node.entries.items():
        if key not in KEYS:
            complaints.add(f"`{key}` does not belong beside `file`", entry.key.mark, _FORM)
        elif not isinstance(entry.value, ScalarNode) or not entry.value.text.strip():
            complaints.add(f"`{key}` is a text", _mark(entry.value, node.mark), _FORM)
        else:
            found[key] = entry.value.text.strip()
    return found if len(found) == len(node.entries) else None


def _mark(node: Any, otherwise: Mark) -> Mark:
    return getattr(node, "mark", otherwise)


def _file(name: str, folder: str) -> bytes:
    """The bytes of a file below the folder of the problem."""
    inside = Path(folder).resolve()
    try:
        path = (inside / name).resolve()
        if Path(name).is_absolute() or inside not in path.parents:
            message = f"{shown(name)} does not lie beside the problem"
            raise ArrayFileError(message, "a file in the same folder, or below it")
        data = read_up_to(str(path), MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "there can be no such name"
        raise ArrayFileError(f"{shown(name)} cannot be read: {why}") from None
    if len(data) > MOST_BYTES:
        raise ArrayFileError(f"{shown(name)} is too large: at most {MOST_BYTES // 10**6} MB")
    return data


def _numbers(data: bytes, name: str | None, deepest: int) -> Array:
    if is_archive(data):
        arrays, refused = from_archive(data)
        name = name or (next(iter(arrays)) if len(arrays) == 1 else None)
        if name in refused:
            raise ArrayFileError(f"{shown(name)}: {refused[name]}")
        if name not in arrays:
            raise _no_such(name, list(arrays))
        found = arrays[name]
    else:
        found = array_of(data)
    value = np.asarray(found, dtype=np.float64)
    if value.ndim > deepest or not value.size:
        shape = " × ".join(map(str, value.shape))
        message = f"the array has the shape {shape}: a number, a vector or a matrix belongs here"
        raise ArrayFileError(message)
    if not np.isfinite(value).all():
        raise ArrayFileError("not all of its numbers are finite")
    return np.array(value)


def _no_such(name: str | None, known: list[str]) -> ArrayFileError:
    listed = ", ".join(known[:_MOST_NAMED]) + (", …" if len(known) > _MOST_NAMED else "")
    if name is None:
        return ArrayFileError("the archive has several arrays: which?", f"name: one of {listed}")
    near = nearest(name, known)
    return ArrayFileError(f"there is no array {shown(name)}", near or f"one of {listed}")
