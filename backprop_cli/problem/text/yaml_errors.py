"""What the YAML library says about broken syntax -> the same in plain words, with its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import yaml
from msgspec import Struct

from backprop_cli.errors import Complaint, Mark


class _Words(Struct, frozen=True):
    """Words for errors whose character, context and problem are these (or hold these pieces)."""

    message: str
    instead: str | None = None
    characters: str = ""  # the character where the library stopped is one of these
    after: str = ""  # the last character before that, spaces apart, is one of these
    context: str = ""  # the library's words for what it was reading
    problem: str = ""  # the library's words for what it did not like
    at_start: bool = False  # the place that helps is where the thing began
    on_one_line: bool = False  # which is on the same line


_QUOTED = "quotes around the text"
_BACKSLASH = r"single quotes, in which a backslash is just that: '\sigma'"

# The first that fits is used. Both libraries, in C and in Python, are understood.
_TABLE = (
    _Words("a tab stands where only spaces may", "spaces", characters="\t"),
    _Words("a comma is missing between these rows", "[[1, 0], [-1, 1]]", characters="[",
           after="]", context="flow", on_one_line=True),
    _Words("a matrix is a list of rows in brackets, without a function around it",
           "[[1, 0], [-1, 1]]", characters="[", after="(", context="flow", on_one_line=True),
    _Words("braces have no place in a name",
           "the name without them, a_1, or quotes around a formula",
           characters="{", after="_", context="flow", on_one_line=True),
    _Words("lists stand in one another too deeply here", "[[1, 0], [-1, 1]] for a matrix",
           characters="[", after="[", context="flow", on_one_line=True),
    _Words(
        "a bracket may not stand inside a text without quotes here",
        "quotes, as in ['dL/dW1[1,1]', L]",
        characters="[{",
        context="flow",
        on_one_line=True,
    ),
    _Words("a backslash in double quotes begins an escape", _BACKSLASH, problem="escape"),
    _Words("a backslash in double quotes begins an escape", _BACKSLASH, problem="hexdec"),
    _Words("the text goes on after its closing quote", "'it''s' for it's", after="'\""),
    _Words("this bracket closes nothing", "leave it out", characters="]}", context="block"),
    _Words("a minus stands right before its number, without a space", "-0.5", characters="-",
           problem="node content"),
    _Words("a value is missing before this comma", "a value, or one comma less", characters=",",
           problem="node content"),
    _Words("a value is missing here", problem="node content"),
    _Words(
        "this list in brackets is not closed, or a comma is missing in it",
        "[1, 2], with a comma between any two and `]` at the end",
        context="flow sequence",
        at_start=True,
    ),
    _Words("this `]` has no `[`: one is missing before it, or the braces are not closed",
           characters="]", context="flow mapping"),
    _Words(
        "these braces are not closed, or a comma is missing in them",
        "{name: value, name: value}, with a comma between any two and `}` at the end",
        context="flow mapping",
        at_start=True,
    ),
    _Words("this text is not closed: its second quote is missing", "the same quote at its end",
           context="quoted", at_start=True),
    _Words("a space is missing after this colon", "key: value", problem="found unexpected ':'"),
    _Words("a colon is missing after this key", "key: value", problem="find expected ':'",
           at_start=True),
    _Words(
        "a colon with a space does not fit here: either this line is not indented like its"
        " neighbours, or the text needs quotes",
        "the indentation of the line above, or quotes around the text",
        problem="mapping values are not allowed",
    ),
    _Words("`- ` begins an item of a list, and what is above is none at this indentation",
           "`- ` before every item, all at the same indentation", characters="-",
           context="block mapping"),
    _Words("a list ends before this comma: rows stand in brackets of their own",
           "[[1, 0], [-1, 1]]", characters=",", after="]", context="block mapping"),
    _Words("the list ends before this, and nothing follows it on its line", "leave it out",
           after="]}", context="block mapping"),
    _Words(
        "this line does not fit the ones above: a key at the same indentation belongs here",
        context="block mapping",
    ),
    _Words(
        "this line does not fit the list above: `- ` at the same indentation belongs here",
        context="block collection",
    ),
    _Words("a list with `- ` begins on a line of its own", "[1, 2], or a new line before `- `",
           problem="sequence entries are not allowed"),
    _Words("`|` or `>` begins a block: its text starts on the next line", context="block scalar"),
    _Words("`*` begins an alias in YAML", _QUOTED, context="alias", at_start=True),
    _Words("`&` begins an anchor in YAML", _QUOTED, context="anchor", at_start=True),
    _Words("`%` begins a directive in YAML", _QUOTED, characters="%"),
    _Words("`%` begins a directive in YAML", _QUOTED, context="directive", at_start=True),
    _Words("`!` begins a tag in YAML", _QUOTED, problem="tag"),
    _Words("`!` begins a tag in YAML", _QUOTED, context="tag"),
    _Words("this character cannot begin a value", _QUOTED, problem="cannot start any token"),
    _Words("the file goes on after its end: is this line indented too little?",
           problem="document start"),
    _Words("`?` does not fit here", _QUOTED, problem="mapping keys are not allowed"),
)  # fmt: skip


def syntax_complaints(error: yaml.YAMLError, lines: list[str], loader: Any) -> list[Complaint]:
    """What to tell the user about an error of the library: what is wrong first, then the rest.

    Where the library gets further once slips of the hand are mended, these are what is wrong.
    """
    told = _complaint(error, lines)
    here = told.mark == _mark(getattr(error, "problem_mark", None))  # not where something began
    found = slips(lines) or (_indented(told.mark.line, lines) if here else [])
    if not found:
        return [told]
    mended = [*lines]
    for slip in found:
        mended[slip.line - 1] = slip.mended
    further = first_error(mended, loader)
    if further is not None and _mark(getattr(further, "problem_mark", None)) <= told.mark:
        return [told]
    causes = [slip.complaint for slip in found]
    return causes if further is None else [*causes, _complaint(further, mended)]


def first_error(lines: list[str], loader: Any) -> yaml.YAMLError | None:
    """What the library does not like first about a file with these lines."""
    try:
        for _ in yaml.parse("\n".join(lines), Loader=loader):
            pass
    except yaml.YAMLError as error:
        return error
    except RecursionError:
        return yaml.YAMLError("this is nested too deeply")
    return None


def _complaint(error: yaml.YAMLError, lines: list[str]) -> Complaint:
    """The same about one error, in the words of the table."""
    context = str(getattr(error, "context", None) or "")
    problem = str(getattr(error, "problem", None) or error)
    place = _mark(getattr(error, "problem_mark", None))
    before, character = _around(place, lines)
    start = _mark(getattr(error, "context_mark", None))
    for words in _TABLE:
        if (
            words.context in context
            and words.problem in problem
            and _among(character, words.characters)
            and _among(before, words.after)
            and not (words.on_one_line and start.line < place.line)
        ):
            at = start if words.at_start and start.line else place
            return Complaint(words.message, at, words.instead)
    return Complaint(f"this is not YAML: {problem}", place)


def _mark(mark: Any) -> Mark:
    return Mark(mark.line + 1, mark.column + 1) if mark is not None else Mark()


def _among(character: str, wanted: str) -> bool:
    return not wanted or (character != "" and character in wanted)


def _around(mark: Mark, lines: list[str]) -> tuple[str, str]:
    """What stands before and after the place; a tab, where the line is indented with one."""
    line = lines[mark.line - 1] if 0 < mark.line <= len(lines) else ""
    indentation = line[: len(line) - len(line.lstrip())]
    before = line[: max(mark.column - 1, 0)].rstrip()
    return before[-1:], "\t" if "\t" in indentation else line[mark.column - 1 : mark.column]


# Slips of the hand --------------------------------------------------------------------------------


MOST_LINES: Final = 5_000
"""Of a longer file no line is looked at."""

_NAME = r"[^\W\d][\w/'@∂∇.]*(?:\[[\d, ]*\])?"
_block = re.compile(r"(?:.*[\s:-])?[|>][+-]?\d?\s*(?:#.*)?").fullmatch
_unspaced = re.compile(rf"(?P<head> *(?:- +)?{_NAME})(?P<sign>):(?=[^\s:/\\])").match
_equals = re.compile(rf"(?P<head> *{_NAME})(?P<sign> *=) *(?=\S)").match
_dash = re.compile(r"(?P<head> *)(?P<sign>-)(?=[{\[\"']|[^\W\d_])").match
_bare = re.compile(
    rf"(?P<head> *{_NAME})(?P<sign>) +(?:\{{.*\}} *$|(?=[\[{{\"'.+\-−]|\d)[^:]*$)"
).match
_dashes = re.compile(r"(?P<head> *)- ").match
_key = re.compile(r"(?P<head> *(?:- +)*)[^\s#-]").match
_comment = re.compile(r"(?P<head> *|[^#\"']*[\]}] +)(?P<sign>//|%)(?=\s)").match
_ended = re.compile(
    rf"(?P<head> *(?:- +)?{_NAME}: +[^#]*[\]}}])(?P<sign> *[,;])(?= *(?:#.*)?$)"
).match
_rows = re.compile(
    r"(?P<head>[^:\[{#]*: +)(?P<sign>)(?=\[[^\[{]*\](?: *, *\[[^\[{]*\])+ *(?:#.*)?$)"
).match
_texts = re.compile(
    rf"(?P<head> *(?:- +)?{_NAME}: +)(?P<sign>)(?=[^\W\d][^\"#:]* [^\"#:]*: [^\"\[{{#]*$)"
).match
_item = re.compile(r"(?P<head> +)(?P<sign>)(?=\{)").match
_bullet = re.compile(r"(?P<head> *)(?P<sign>[*•–—])(?= +\S)").match
_full_colon = re.compile(rf"(?P<head> *(?:- +)?{_NAME})(?P<sign> *： *)(?=\S)").match
_nothing = re.compile(rf" *{_NAME}: +(?P<sign>-+) *(?:#.*)?$").match
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
    at_end: str = ""  # what stands there, too


_COLON = _Kind("a colon is missing after this name", ":")
_SPACE = _Kind("a space is missing after this colon", ": ")
_BULLET = _Kind("an item of a list begins with `- `", "-")
_FULL_COLON = _Kind("this colon is one of full width (U+FF1A), to YAML a letter", ": ")
_EQUALS = _Kind("`=` stands where a colon belongs", ":")
_DASH = _Kind("a space is missing after this dash", "- ")
_COMMENT = _Kind("a comment begins with `#`", "#")
_ITEM = _Kind("`- ` is missing before an item of a list", "- ")
_END = _Kind("nothing stands behind the list on its line", "")
_ROWS = _Kind("a list of rows stands in brackets of its own", "[", "]")
_TEXT = _Kind("a text with a colon and a space in it needs quotes", '"', '"')
_TAB = "a tab stands where only spaces may"
_WIDE = "\u00a0\u2002\u2003\u2007\u2009\u202f\u3000"  # what is copied from pages beside the space


_LOOKED_FOR = (
    (_comment, _COMMENT),
    (_item, _ITEM),
    (_unspaced, _SPACE),
    (_equals, _EQUALS),
    (_full_colon, _FULL_COLON),
    (_bullet, _BULLET),
    (_ended, _END),
    (_rows, _ROWS),
    (_texts, _TEXT),
    (_dash, _DASH),
    (_bare, _COLON),
)


def slips(lines: list[str]) -> list[Slip]:
    """The slips that a file with these lines seems to have, at most one a line."""
    if len(lines) > MOST_LINES:
        return []
    return [slip for number, line, below in _outside(lines) for slip in _slip(number, line, below)]


def _indented(number: int, lines: list[str]) -> list[Slip]:
    """The line as it would stand at the indentation of the key, or the dash, above."""
    line = lines[number - 1] if 0 < number <= len(lines) else ""
    begins = _dashes if line.lstrip().startswith("- ") else _key
    at, levels = len(line) - len(line.lstrip()), _levels(lines[: number - 1], begins)
    if not line.strip() or not levels or at in levels:
        return []
    wanted = min(levels, key=lambda level: abs(level - at))
    message = f"this line is indented by {at}, and its neighbour above by {wanted}"
    instead = f"{wanted or 'no'} space{'' if wanted == 1 else 's'} before it"
    return [Slip(Complaint(message, Mark(number, at + 1), instead), " " * wanted + line.lstrip())]


def _levels(above: list[str], begins: Callable[[str], re.Match[str] | None]) -> list[int]:
    """The indentations that are open below these lines, the innermost first."""
    levels: list[int] = []
    for found in filter(None, map(begins, reversed(above))):
        if not levels or len(found["head"]) < levels[-1]:
            levels.append(len(found["head"]))
    return levels


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
    if wide := next((char for char in line if char in _WIDE), None):
        message = f"this is no usual space (it is U+{ord(wide):04X}): to YAML it is a letter"
        mark = Mark(number, line.index(wide) + 1)
        yield Slip(Complaint(message, mark, "a space"), re.sub(f"[{_WIDE}]", " ", line))
        return
    if match := _nothing(line):
        mark = Mark(number, match.start("sign") + 1)
        complaint = Complaint("a dash alone is no value", mark, "a value, or `_` for an answer")
        yield Slip(complaint, f"{line[: mark.column - 1]}_")
        return
    for matches, kind in _LOOKED_FOR:
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
    mended = (
        f"{match['head']}{kind.put}{' ' if kind is _EQUALS else ''}{rest.rstrip()}{kind.at_end}"
    )
    mended = _in_braces.sub(r"\g<head>: ", mended)
    return Slip(_said(number, match, kind, mended), mended)


def _said(number: int, match: re.Match[str], kind: _Kind, mended: str) -> Complaint:
    mark = Mark(number, match.start("sign") + len(match["sign"]) - len(match["sign"].lstrip()) + 1)
    return Complaint(kind.message, mark, mended.strip())
