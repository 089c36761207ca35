"""What people call a quantity to its id: aliases, signs, upper and lower case."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

_ENTRY = re.compile(r"(?P<name>.*?)\[(?P<index>[^\]]*)\]")
_LATER = re.compile(r"(?P<name>.*?)@(?P<step>\d+)")
_SIGNS = str.maketrans(
    {
        "∂": "d",
        "′": "'",
        "’": "'",
        "⁺": "'",
        "⁰": "0",
        "¹": "1",
        "²": "2",
        "³": "3",
        "⁴": "4",
        "⁵": "5",
        "⁶": "6",
        "⁷": "7",
        "⁸": "8",
        "⁹": "9",
    }
)


class UnknownId(Exception):
    """A name that is no quantity, or several; `instead` says which there are."""

    def __init__(self, message: str, instead: str | None = None) -> None:
        super().__init__(message)
        self.instead = instead


@dataclass(frozen=True, slots=True)
class Reference:
    """A quantity, one entry of it (its indices as written) or all, after which update."""

    id: str
    index: tuple[int, ...] | None = None
    step: int = 1


def reference(
    text: str, known: Collection[str], gradient_of: str, aliases: Mapping[str, str]
) -> Reference:
    """The quantity that `text` names; UnknownId where there is none or more than one."""
    name, index, step = text.strip(), None, 1
    if found := _ENTRY.fullmatch(name):
        name = found["name"].strip()
        index = _index(found["index"], text)
    if found := _LATER.fullmatch(name):
        name, step = found["name"], int(found["step"])
    return Reference(_resolved(name, known, gradient_of, aliases), index, step)


def _index(text: str, whole: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and len(part) < 10 for part in parts):
        raise UnknownId(f"'{text}' in '{whole}' is no index", "whole numbers, such as [2,1]")
    return tuple(int(part) for part in parts)


def _resolved(
    name: str, known: Collection[str], gradient_of: str, aliases: Mapping[str, str]
) -> str:
    if name in known:
        return name
    written = list(dict.fromkeys(_spellings(name, gradient_of, aliases)))
    for same in (_same, _same_letters):
        found = {id for id in known if any(same(spelling, id) for spelling in written)}
        if len(found) == 1:
            return found.pop()
        if found:
            raise UnknownId(f"'{name}' may mean several quantities", " or ".join(sorted(found)))
    near = get_close_matches(name, list(known), 3)
    raise UnknownId(
        f"there is no quantity '{name}'",
        f"did you mean {' or '.join(near)}?" if near else f"they are: {', '.join(known)}",
    )


def _same(spelling: str, id: str) -> bool:
    return spelling == id


def _same_letters(spelling: str, id: str) -> bool:
    return spelling.casefold() == id.casefold()


def _spellings(name: str, gradient_of: str, aliases: Mapping[str, str]) -> Iterator[str]:
    """The ids that a spelling may stand for."""
    plain = _ascii(name)
    for change in (_unchanged, _primed, _numbered):
        yield from _gradients(change(plain), gradient_of, aliases)


def _gradients(name: str, gradient_of: str, aliases: Mapping[str, str]) -> Iterator[str]:
    replaced = aliases.get(name, name)
    yield replaced
    for prefix in ("∇", "grad_", "grad ", "nabla_", f"d{gradient_of}/d", "d"):
        if name.startswith(prefix) and len(name) > len(prefix):
            of = name.removeprefix(prefix).strip()
            yield f"d{gradient_of}/d{aliases.get(of, of)}"
            yield f"d{gradient_of}/d{_numbered(of)}"
    if found := re.fullmatch(r"d(.+)/d(.+)", name):
        of, by = (aliases.get(part, part) for part in found.groups())
        yield f"d{of}/d{by}"


def _unchanged(name: str) -> str:
    return name


def _primed(name: str) -> str:
    """W1' is W1_new."""
    return name.rstrip("'") + "_new" if name.endswith("'") else name


def _numbered(name: str) -> str:
    """H, where there is one hidden layer, is H1."""
    return f"{name}1" if name.isalpha() else name


def _ascii(name: str) -> str:
    """Ŷ and ŷ as Yhat and yhat, ∂ as d, raised digits as digits."""
    decomposed = unicodedata.normalize("NFD", name.translate(_SIGNS))
    return decomposed.replace("\u0302", "hat").replace(" ", "")
