"""The bytes of an archive of arrays (.npz, or JSON with numbers) -> arrays by name, or why not.

Nothing is unpickled and nothing run: an array is its header, which says type and shape, and bytes.
What an archive says of its size is read before anything of it is unpacked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from io import BytesIO
from math import prod
from typing import Any, Final, TypeAlias
from zipfile import BadZipFile, ZipFile, ZipInfo, is_zipfile

import numpy as np

from backprop_cli.trace import Array

MOST_BYTES: Final = 200_000_000
"""So large may the arrays of one archive be, unpacked."""

MOST_ARRAYS: Final = 2_000
MOST_JSON: Final = 50_000_000
_MOST_HEADER: Final = 10_000
_NUMBERS: Final = "fiub"
_DEEPEST: Final = 8
_BROKEN = "the archive is damaged: numpy.savez writes a new one"

Leaf: TypeAlias = "np.ndarray[Any, np.dtype[Any]] | list[Any] | str"
"""An array as a program has it, or numbers as they were written, in lists or alone."""


class ArrayFileError(Exception):
    """Why an archive, or an array in it, cannot be read, and what to write instead."""

    def __init__(self, message: str, instead: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.instead = instead


def is_archive(data: bytes) -> bool:
    """Whether these are the bytes of an `.npz`."""
    return data[:4] == b"PK\x03\x04" and is_zipfile(BytesIO(data))


def from_archive(data: bytes) -> tuple[dict[str, Leaf], dict[str, str]]:
    """The arrays of an `.npz` by name, and why some of them cannot be read."""
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
    except (BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError, ValueError):
        raise ArrayFileError(_BROKEN) from None


def _checked(file: ZipFile) -> list[ZipInfo]:
    """The entries, once what they say of their sizes is small enough."""
    entries = [entry for entry in file.infolist() if not entry.is_dir()]
    if len(entries) > MOST_ARRAYS:
        raise ArrayFileError(f"the archive has {len(entries):,} entries: at most {MOST_ARRAYS:,}")
    total = sum(entry.file_size for entry in entries)
    if total > MOST_BYTES:
        raise ArrayFileError(
            f"unpacked, the archive would have {total / 1e6:,.0f} MB:"
            f" at most {MOST_BYTES // 1_000_000} MB are read"
        )
    return entries


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
    try:
        tree = json.loads(data.decode("utf-8-sig"), parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        return None
    if not isinstance(tree, dict) or any(key.strip().casefold() == "answers" for key in tree):
        return None
    student = tree.pop("student", None)
    return student if isinstance(student, str) else None, flat(tree)


def flat(tree: Mapping[str, Any], above: str = "", depth: int = 0) -> dict[str, Any]:
    """Dictionaries within dictionaries as one, `grads/W1` being the W1 of grads."""
    found: dict[str, Any] = {}
    for key, value in tree.items():
        name = f"{above}{key}"
        if isinstance(value, Mapping) and depth < _DEEPEST:
            found |= flat(value, f"{name}/", depth + 1)
        else:
            found[name] = value
    return found


def as_array(leaf: Any) -> Array | None:
    """Numbers written in lists as an array; None where they are no rectangle of numbers."""
    try:
        with np.errstate(all="ignore"):
            return np.asarray(leaf, dtype=object).astype(float)
    except (ValueError, TypeError, RecursionError):
        return None
