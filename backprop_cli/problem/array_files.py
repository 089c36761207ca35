"""The bytes of an archive of arrays (.npz, or JSON with numbers) -> arrays by name, or why not.

Nothing is unpickled and nothing run: an array is its header, which says type and shape, and bytes.
What an archive says of its size is read before anything of it is unpacked.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from io import BytesIO
from math import prod
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from backprop_cli.errors import Complaints, HintedError
from backprop_cli.problem.problem_data import Values
from backprop_cli.problem.problem_file import read_up_to, zip_errors
from backprop_cli.problem.text.other_keys import nearest
from backprop_cli.problem.text.tree import MapNode, ScalarNode
from backprop_cli.problem.typed_numbers import shown
from backprop_cli.trace import Array

if TYPE_CHECKING:  # loaded where there is an archive
    from zipfile import ZipFile, ZipInfo

MOST_BYTES: Final = 200_000_000
"""So large may the arrays of one archive be, unpacked."""

MOST_ARRAYS: Final = 2_000
MOST_NUMBERS: Final = 10_000_000
"""So many numbers, as floats 80 MB, may all arrays of one archive have: 190 million truth values
are 190 MB in it, 185 kB packed, and took 3 GB and 11 s to compare."""

MOST_JSON: Final = 50_000_000
_MOST_IN_JSON: Final = 1_000_000
"""Numbers, counted as commas before any is read: each is a text until it is a float."""

_MOST_HEADER: Final = 10_000
_NUMBERS: Final = "fiub"
_DEEPEST: Final = 8
_BROKEN = "the archive is damaged: numpy.savez writes a new one"

Leaf: TypeAlias = "np.ndarray[Any, np.dtype[Any]] | list[Any] | str"
"""An array as a program has it, or numbers as they were written, in lists or alone."""


class ArrayFileError(HintedError):
    """Why an archive, or an array in it, cannot be read, and what to write instead."""


def is_archive(data: bytes) -> bool:
    """Whether these are the bytes of an `.npz`."""
    if data[:4] != b"PK\x03\x04":
        return False
    from zipfile import is_zipfile

    return is_zipfile(BytesIO(data))


def from_archive(data: bytes) -> tuple[dict[str, Leaf], dict[str, str]]:
    """The arrays of an `.npz` by name, and why some of them cannot be read."""
    from zipfile import ZipFile

    try:
        with ZipFile(BytesIO(data)) as file:
            entries = _checked(file)
            arrays: dict[str, Leaf] = {}
            refused: dict[str, str] = {}
            for entry in entries:
                name = entry.filename.removesuffix(".npy")
                try:
                    arrays[name] = array_of(file.read(entry))
                except ArrayFileError as error:
                    refused[name] = error.message
            return arrays, refused
    except zip_errors():
        raise ArrayFileError(_BROKEN) from None


def _checked(file: ZipFile) -> list[ZipInfo]:
    """The entries, once what they say of their sizes is small enough: the archive of bytes, each
    array of numbers."""
    entries = [entry for entry in file.infolist() if not entry.is_dir()]
    if len(entries) > MOST_ARRAYS:
        raise ArrayFileError(f"the archive has {len(entries):,} entries: at most {MOST_ARRAYS:,}")
    total = sum(entry.file_size for entry in entries)
    if total > MOST_BYTES:
        raise ArrayFileError(
            f"unpacked, the archive would have {total / 1e6:,.0f} MB:"
            f" at most {MOST_BYTES // 1_000_000} MB are read"
        )
    numbers = sum(_claimed(file, entry) for entry in entries)
    if numbers > MOST_NUMBERS:
        raise ArrayFileError(
            f"the arrays would have {numbers:,} numbers: at most {MOST_NUMBERS:,} are read"
        )
    return entries


def _claimed(file: ZipFile, entry: ZipInfo) -> int:
    """The numbers of an array by its header; none where it is no array, or cut off: that is told
    by name when it is read."""
    with file.open(entry) as packed:
        beginning = packed.read(_MOST_HEADER)
    try:
        shape, _, dtype, start = _header(beginning)
    except ArrayFileError:
        return 0
    count = prod(shape)
    return count if count * dtype.itemsize == entry.file_size - start else 0


def array_of(data: bytes) -> np.ndarray[Any, np.dtype[Any]]:
    """The array in the bytes of an `.npy`; ArrayFileError for objects, texts, what is cut off."""
    shape, by_columns, dtype, start = _header(data)
    if dtype.hasobject:
        message = "it holds Python objects, which are never unpacked"
        raise ArrayFileError(message, "an array of numbers")
    if dtype.kind not in _NUMBERS:
        raise ArrayFileError(f"its entries are {dtype}, and no real numbers", "an array of numbers")
    if prod(shape) * dtype.itemsize != len(data) - start:
        raise ArrayFileError("it is cut off: its header says another size")
    flat = np.frombuffer(data, dtype, offset=start)
    return flat.reshape(shape[::-1]).T if by_columns else flat.reshape(shape)


def _header(data: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    file = BytesIO(data)
    form = np.lib.format
    try:
        version = form.read_magic(file)
        read = {(1, 0): form.read_array_header_1_0, (2, 0): form.read_array_header_2_0}[version]
        shape, by_columns, dtype = read(file, max_header_size=_MOST_HEADER)
    except (ValueError, KeyError, SyntaxError, TypeError, RecursionError, MemoryError):
        raise ArrayFileError("it is no array of NumPy's") from None
    return shape, by_columns, dtype, file.tell()


# JSON ------------------------------------------------------------------------------------------


def from_json(data: bytes) -> tuple[str | None, dict[str, Leaf]] | None:
    """Whose it is and the numbers by name, where it is JSON and no answer sheet; else None."""
    if data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] != b"{" or len(data) > MOST_JSON:
        return None
    if data.count(b",") > _MOST_IN_JSON:
        return None
    import json

    try:
        tree = json.loads(data.decode("utf-8-sig"), parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        return None
    if not isinstance(tree, dict) or any(key.strip().casefold() == "answers" for key in tree):
        return None
    student = tree.pop("student", None)
    return student if isinstance(student, str) else None, flat(tree)


def flat(tree: Mapping[str, Any], above: str = "", depth: int = 0) -> dict[str, Any]:
    """Dictionaries within dictionaries as one, `grads/W1` being the W1 of grads.

    So are lists of dictionaries, or of arrays of several shapes, their items counted from 0.
    """
    found: dict[str, Any] = {}
    for key, leaf in tree.items():
        name, value = f"{above}{key}", _by_place(leaf)
        if isinstance(value, Mapping) and depth < _DEEPEST:
            found |= flat(value, f"{name}/", depth + 1)
        else:
            found[name] = value
    return found


def _by_place(leaf: Any) -> Any:
    """A list of arrays with a shape each, or of dictionaries, by their places; all else as it is.

    None holds the place of what there is not: [None, W1, W2].
    """
    if not isinstance(leaf, (list, tuple)):
        return leaf
    items = {place: item for place, item in enumerate(leaf) if item is not None}
    shapes = {_extent(item) for item in items.values()}
    several = len(shapes) > 1 or len(items) < len(leaf)
    arrays = several and all(shapes) and any(map(_is_array, items.values()))
    return items if arrays or any(isinstance(item, Mapping) for item in leaf) else leaf


def _is_array(item: Any) -> bool:
    return hasattr(item, "shape") or len(_extent(item)) > 1


def _extent(item: Any) -> tuple[int, ...]:
    """The shape of an array, or of lists by the first of each; () of a number."""
    if hasattr(item, "shape"):
        return tuple(item.shape)
    inside = isinstance(item, (list, tuple))
    return (len(item), *(_extent(item[0]) if item else ())) if inside else ()


def as_array(leaf: Any) -> Array | None:
    """Numbers written in lists as an array; None where they are no rectangle of numbers."""
    try:
        with np.errstate(all="ignore"):
            return np.asarray(leaf, dtype=object).astype(float)
    except (ValueError, TypeError, RecursionError):
        return None


# Beside a problem ---------------------------------------------------------------------------------


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
            complaints.add(f"`{key}` is a text", getattr(entry.value, "mark", node.mark), _FORM)
        else:
            found[key] = entry.value.text.strip()
    return found if len(found) == len(node.entries) else None


def _file(name: str, folder: str) -> bytes:
    """The bytes of a file below the folder of the problem."""
    from pathlib import Path

    try:
        inside = Path(os.path.realpath(folder))  # links that lead to themselves stay as they are
        path = Path(os.path.realpath(inside / name))
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
