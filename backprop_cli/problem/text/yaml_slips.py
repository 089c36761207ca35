"""The lines of a file that is no YAML -> the slips of the hand in them: where, and the line mended.

YAML's own library names the line where it could go on no longer, which is often the one below.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from backprop_cli.errors import Complaint, Mark

MOST_LINES: Final = 5_000
"""Of a longer file no line is looked at."""

_NAME = r"[^\W\d][\w/'@∂∇.]*(?:\[[\d, ]*\])?"
_block = re.compile(r"(?:.*[\s:-])?[|>][+-]?\d?\s*(?:#.*)?").fullmatch
_unspaced = re.compile(rf"(?P<head> *(?:- +)?{_NAME})(?P<sign>):(?=[^\s:/\\])").match
_equals = re.compile(rf"(?P<head> *{_NAME})(?P<sign> *=) *(?=\S)").match
_dash = re.compile(r"(?P<head> *)(?P<sign>-)(?=[{\[\"']|[^\W\d_])").match
_bare = re.compile(rf"(?P<head> *{_NAME})(?P<sign>) +(?=[\[{{\"'.+\-−]|\d)[^:]*$").match
_alone = re.compile(rf"(?P<head> *{_NAME})(?P<sign>) *(?:#.*)?$").match
_in_braces = re.compile(rf"(?<=[{{,])(?P<head> *{_NAME})(?P<sign>):(?=[^\s:/\\,}}])")


class Slip(Struct, frozen=True):
    """One slip: what is said of it, and the whole line as it was meant."""

    complaint: Complaint
    mended: str

    @property
    def line(self) -> int:
        """The number of the line."""
        return self.complaint.mark.line


class _Kind(Struct, frozen=True):
    """What is said of a match, and what stands in the place of `sign` instead."""

    message: str
    put: str


_COLON = _Kind("a colon is missing after this name", ":")
_SPACE = _Kind("a space is missing after this colon", ": ")
_EQUALS = _Kind("`=` stands where a colon belongs", ":")
_DASH = _Kind("a space is missing after this dash", "- ")
_TAB = "a tab stands where only spaces may"


def slips(lines: list[str]) -> list[Slip]:
    """The slips that a file with these lines seems to have, at most one a line."""
    if len(lines) > MOST_LINES:
        return []
    return [slip for number, line, below in _outside(lines) for slip in _slip(number, line, below)]


def _outside(lines: list[str]) -> Iterator[tuple[int, str, str]]:
    """Each line, its number and the next, but for those inside brackets or a block of text."""
    depth, block = 0, -1
    for number, line in enumerate(lines, 1):
        plain = re.sub(r"\"[^\"]*\"|'[^']*'|(?:^|\s)#.*", "", line)
        indent = len(line) - len(line.lstrip())
        if not line.strip() or depth > 0 or indent > block >= 0:
            depth = max(depth + _opened(plain), 0) if indent <= block or block < 0 else depth
            continue
        block = indent if _block(plain) else -1
        depth = max(_opened(plain), 0)
        below = next((other for other in lines[number : number + 3] if other.strip()), "")
        yield number, line, below


def _opened(text: str) -> int:
    return sum(text.count(char) for char in "[{") - sum(text.count(char) for char in "]}")


def _slip(number: int, line: str, below: str) -> Iterator[Slip]:
    indentation = line[: len(line) - len(line.lstrip())]
    if "\t" in indentation:
        mark = Mark(number, indentation.index("\t") + 1)
        yield Slip(Complaint(_TAB, mark, "spaces"), indentation.expandtabs(2) + line.lstrip())
        return
    for matches, kind in ((_unspaced, _SPACE), (_equals, _EQUALS), (_dash, _DASH), (_bare, _COLON)):
        if match := matches(line):
            yield _made(number, line, match, kind)
            return
    if (match := _alone(line)) and len(below) - len(below.lstrip()) > len(indentation):
        yield _made(number, line, match, _COLON)
    elif match := _in_braces.search(line):
        mended = _in_braces.sub(r"\g<head>: ", line)
        yield Slip(_said(number, match, _SPACE, mended), mended)


def _made(number: int, line: str, match: re.Match[str], kind: _Kind) -> Slip:
    rest = line[match.end() if kind is _EQUALS else match.end("sign") :]
    if kind is _SPACE:
        rest = rest[1:]
    mended = f"{match['head']}{kind.put}{' ' if kind is _EQUALS else ''}{rest}"
    mended = _in_braces.sub(r"\g<head>: ", mended)
    return Slip(_said(number, match, kind, mended), mended)


def _said(number: int, match: re.Match[str], kind: _Kind, mended: str) -> Complaint:
    mark = Mark(number, match.start("sign") + len(match["sign"]) - len(match["sign"].lstrip()) + 1)
    return Complaint(kind.message, mark, mended.strip())
