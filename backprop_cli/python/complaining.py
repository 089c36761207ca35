"""What a user may be told -> the one exception that calls from Python raise."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from numbers import Integral
from types import MappingProxyType
from typing import Any, Final, ParamSpec, TypeGuard, TypeVar

import numpy as np
from msgspec.structs import replace

from backprop_cli.errors import Complaint, UserError
from backprop_cli.problem.ids import UnknownIdError

Given = ParamSpec("Given")
Found = TypeVar("Found")

_LONGEST: Final = 60
_LARGEST_WHOLE: Final = 2**63
_LARGEST_SAID: Final = 10**_LONGEST
DICT = "<dict>"
"""What a problem that comes as a dict is called: it has no lines in which anything stands."""


class Error(UserError):
    """What was given cannot be used; `complaints` say all that is wrong with it, and where.

    Each complaint has a `message`, a `mark` with `line` and `column` (both 0 where it is about the
    whole), and where it helps `instead`: what to write. `source` names the file or the argument.
    """

    def __str__(self) -> str:
        return "\n".join(map(self._line, self.complaints))

    def _line(self, complaint: Complaint) -> str:
        mark = complaint.mark
        at = f"{mark.line}:{mark.column}" if mark.line and self.source != DICT else ""
        place = ":".join(filter(None, (self.source, at)))
        hint = f"; write {complaint.instead}" if complaint.instead else ""
        return f"{place}: {complaint.message}{hint}" if place else f"{complaint.message}{hint}"


def expect(right: bool, source: str, wanted: str, value: object) -> None:
    """Raises an Error where what was given for `source` is not what is `wanted` there."""
    if not right:
        huge = isinstance(value, int) and abs(value) > _LARGEST_SAID
        plain = isinstance(value, str | int | float | None) and not huge
        said = repr(value)[:_LONGEST] if plain else type(value).__name__
        raise Error(Complaint(f"{wanted} belongs here, not {said}"), source=source)


def expect_text(source: str, value: object) -> None:
    """Raises an Error for what is no text."""
    expect(isinstance(value, str), source, "a text", value)


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, Integral) and not isinstance(value, bool)


def expect_whole(source: str, value: object, least: int, most: int | None = None) -> None:
    """Raises an Error for what is no whole number, or too small or too large."""
    fits = _is_whole(value) and least <= int(value) <= (_LARGEST_WHOLE if most is None else most)
    wanted = f"from {least} on" if most is None else f"from {least} to {most}"
    expect(fits, source, f"a whole number {wanted}", value)


def expect_one_of(source: str, value: object, known: Sequence[str]) -> None:
    """Raises an Error for what is none of some words."""
    expect(isinstance(value, str) and value in known, source, f"one of {', '.join(known)}", value)


_KINDS: Final[Mapping[str, tuple[str, Callable[[object], bool]]]] = MappingProxyType(
    {
        "str": ("a text", lambda value: isinstance(value, str)),
        "str | None": ("a text", lambda value: isinstance(value, str | None)),
        "int": ("a whole number", _is_whole),
        "int | None": ("a whole number", lambda value: value is None or _is_whole(value)),
        "bool": ("True or False", lambda value: isinstance(value, bool | np.bool_ | Integral)),
    }
)
"""What an argument has to be by its annotation, in words and as a test."""


def door(function: Callable[Given, Found]) -> Callable[Given, Found]:
    """A public function that raises an Error where an argument is not what its annotation says."""
    names = function.__code__.co_varnames
    annotations = function.__annotations__.items()
    known = {name: _KINDS[kind] for name, kind in annotations if kind in _KINDS}

    @wraps(function)
    def entered(*args: Given.args, **named: Given.kwargs) -> Found:
        given: dict[str, Any] = {**dict(zip(names, args, strict=False)), **named}
        for name, (wanted, fits) in known.items():
            if name in given:
                expect(fits(given[name]), name, wanted, given[name])
        return function(*args, **named)

    return entered


_OPTION: Final = re.compile(r"(?<![\w-])--([a-z]+(?:-[a-z]+)*)(?: (?!with\b)([\w.-]*\w))?")
_FILE: Final = re.compile(r"(?<![\w-])-o \w+\.(\w+)")
_COMMAND: Final = re.compile(r"\bbackprop (check|derive|draw|handout|lint|practice|solve|vary)\b")


def in_python(text: str) -> str:
    """What is said, with arguments for the options of the command, and calls for commands."""
    plain = _FILE.sub(r'render("\1")', _OPTION.sub(_argument, text))
    return _COMMAND.sub(r"\1()", plain)


def _argument(option: re.Match[str]) -> str:
    name, value = option[1].replace("-", "_"), option[2]
    if value is None:
        return name
    said = value if value.replace(".", "").isdigit() else f'"{value}"'
    if name == "format":
        return f"render({said})"
    return f"load(…, {name}={said})" if name == "max_work" else f"{name}={said}"


def _in_python(complaint: Complaint) -> Complaint:
    message, instead = in_python(complaint.message), complaint.instead
    return replace(complaint, message=message, instead=instead and in_python(instead))


@contextmanager
def told(source: str = "") -> Iterator[None]:
    """Raises what is wrong with what was given as an Error."""
    try:
        yield
    except Error:
        raise
    except UserError as error:
        where = in_python(error.source or source)
        raise Error(*map(_in_python, error.complaints), source=where, lines=error.lines) from None
    except UnknownIdError as unknown:
        raise Error(Complaint(str(unknown), instead=unknown.instead), source=source) from None
