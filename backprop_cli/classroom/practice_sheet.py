"""What somebody has answered so far, as the sheet that `check` grades, and back again.

The sheet holds all that a session needs to go on: answers as they were typed, and in comments what
was shown and where it stands.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct, field

from backprop_cli.errors import refusal
from backprop_cli.problem.typed_numbers import printable

_HEAD: Final = "# backprop practice: "
_SHOWN: Final = "  # shown by the last hint"
_line = re.compile(r"  (?P<name>\S.*?): (?P<text>\"(?:[^\"\\]|\\.)*\"|_)(?P<shown>  # shown.*)?")


class Answered(Struct):
    """Texts by question as they were typed, the hints taken, what was shown, and the place."""

    texts: dict[str, str] = field(default_factory=dict)
    hints: dict[str, int] = field(default_factory=dict)
    tries: dict[str, int] = field(default_factory=dict)
    shown: set[str] = field(default_factory=set)
    at: int = 0


class Session(Struct, frozen=True):
    """Which session a sheet belongs to: the problem's numbers, and how it was begun."""

    problem: str
    seed: int | None
    worked: int


def as_typed(line: str) -> str:
    """An answer as a sheet has it: `[[1, 2], [3, 4]]` is `1 2; 3 4`."""
    text = printable(" ".join(line.split()))  # a file may not hold everything that can be typed
    if not text.startswith("["):
        return text
    rows = re.sub(r"\]\s*,\s*\[", ";", text)
    return " ".join(re.sub(r"[\[\],]", " ", rows.replace(";", " ; ")).split()).replace(" ;", ";")


def written_sheet(questions: Sequence[str], answered: Answered, session: Session) -> str:
    """The sheet, a line a question."""
    kept = {
        "problem": session.problem,
        "seed": session.seed,
        "worked": session.worked,
        "at": answered.at,
        "hints": answered.hints,
        "tries": answered.tries,
    }
    lines = [f"{_HEAD}{json.dumps(kept)}", "student: _", "answers:"]
    return "\n".join([*lines, *_answers(questions, answered)]) + "\n"


def _answers(questions: Sequence[str], answered: Answered) -> Iterator[str]:
    for name in questions:
        text = answered.texts.get(name)
        quoted = "_" if text is None else json.dumps(text, ensure_ascii=False)
        yield f"  {name}: {quoted}{_SHOWN * (name in answered.shown)}"


def read_session(data: bytes, source: str) -> tuple[Session, Answered]:
    """What a sheet says of its session; UserError where it is none."""
    first, *lines = data.decode("utf-8", "replace").splitlines() or [""]
    try:
        kept: Any = json.loads(first.removeprefix(_HEAD)) if first.startswith(_HEAD) else None
        return _session(kept), _answered(kept, lines)
    except (ValueError, KeyError, TypeError, AttributeError):
        message = "this is no sheet of a practice session"
        instead = "the sheet that `backprop practice` wrote, with its first line"
        raise refusal(message, instead=instead, source=source) from None


def _session(kept: Mapping[str, object]) -> Session:
    seed = kept["seed"]
    if not isinstance(kept["worked"], int) or not isinstance(seed, int | None):
        raise TypeError
    return Session(str(kept["problem"]), seed, kept["worked"])


def _answered(kept: Mapping[str, object], lines: Sequence[str]) -> Answered:
    at, hints, tries = kept["at"], kept["hints"], kept["tries"]
    if not isinstance(at, int) or not isinstance(hints, dict) or not isinstance(tries, dict):
        raise TypeError
    found = Answered(hints=_counts(hints), tries=_counts(tries), at=max(0, at))
    for line in lines:
        if (match := _line.fullmatch(line)) is None:
            continue
        if match["text"] != "_":
            found.texts[match["name"]] = str(json.loads(match["text"]))
        if match["shown"]:
            found.shown.add(match["name"])
    return found


def _counts(found: Mapping[object, object]) -> dict[str, int]:
    return {str(name): count for name, count in found.items() if isinstance(count, int)}
