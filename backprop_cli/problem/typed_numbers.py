"""Text as a person types it -> a number, or what is wrong with it and what to write instead."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable
from functools import partial

from msgspec import Struct

from backprop_cli.errors import HintedError

LONGEST_NUMBER = 400
"""A number may be typed in this many characters; nothing honest is longer."""

_DIGITS = r"(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)"

# Nearly all numbers there are: decimals that can neither overflow nor vanish in float().
is_simple = re.compile(
    r"-?(?:(?:0|[1-9][0-9]{0,99})(?:\.[0-9]{0,99})?|\.[0-9]{1,99})(?:[eE][+-]?[0-9]{1,2})?"
).fullmatch
_decimal = partial(re.fullmatch, rf"[+-]?({_DIGITS})(?:[eE]([+-]?[0-9]+))?")
_THOUSANDS = r"[+-]?[1-9][0-9]{0,2},[0-9]{3}"


_minus_infinity = partial(re.fullmatch, r"-\.?(?:inf|infinity|∞)", flags=re.IGNORECASE)


def is_minus_infinity(text: str) -> bool:
    """Whether −∞ is typed, which stands in a mask."""
    return _minus_infinity(normal_minus(text.strip())) is not None


class NumberError(HintedError, ValueError):
    """Text that is no number: why, what to write instead, and whether it could be a letter."""

    def __init__(
        self, message: str, instead: str | None = None, *, offset: int = 0, letter: bool = False
    ) -> None:
        super().__init__(message, instead)
        self.offset = offset
        self.letter = letter


class _Surprise(Struct, frozen=True):
    """Text that looks like a number and is read by YAML, or by people, in more than one way."""

    pattern: str
    message: str
    instead: Callable[[re.Match[str]], str]


def shown(text: str, longest: int = 40) -> str:
    """`text` as a message quotes it: in backticks, on one line, cut where it is long."""
    flat = printable(" ".join(text[: longest + 1].split()) if text.strip() else text[:longest])
    return f"`{flat}`" if len(flat) <= longest else f"`{flat[: longest - 1]}…`"


def printable(text: str, kept: str = "") -> str:
    """`text` with everything written out that could move a cursor or hide from the reader.

    Characters of `kept`, such as ends of lines, stay.
    """
    plain = text
    for one in kept:
        plain = plain.replace(one, "")
    if plain.isprintable():
        return text
    return "".join(
        char
        if char in kept or unicodedata.category(char) not in _UNPRINTABLE
        else f"\\u{ord(char):04x}"
        for char in text
    )


_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"})


def read_number(text: str) -> float:
    """The number that was typed: `3`, `-.5`, `1e-3`, `2/3`, `ln(2)`; else raises NumberError."""
    if is_simple(text):
        return float(text)
    plain = normal_minus(text.strip())
    if len(plain) > LONGEST_NUMBER:
        raise NumberError(f"{shown(plain)} is too long for a number ({len(plain)} characters)")
    _refuse_surprises(plain)
    if _decimal(plain):
        value = float(plain)
    else:
        _refuse_several(plain)
        value = _constant(plain)
    _refuse_out_of_range(plain, value)
    return value


def split_row(text: str) -> list[tuple[str, int]]:
    """The entries of a row written as text, each with its offset.

    Spaces and commas stand between entries, but for spaces in parentheses and around an operator:
    `2 - 1` is one entry, and `2 -1` are two, as everywhere that numbers are read.
    """
    return [(text[start:end], start) for start, end, _ in _split(text)]


def entries_of(text: str) -> list[tuple[str, int]]:
    """The same; NumberError where one of several entries has spaces around an operator."""
    found = list(_split(text))
    for start, end, loose in found if len(found) > 1 else ():
        if loose is not None:
            entry = "".join(text[start:end].split())
            message = f"`{text[loose]}` stands alone: there are no spaces inside an entry"
            raise NumberError(message, re.split(f"[{_RELATIONS}]", entry)[-1], offset=loose)
    return [(text[start:end], start) for start, end, _ in found]


def _split(text: str) -> list[tuple[int, int, int | None]]:
    """Where each entry begins and ends, and where an operator stands in it with spaces."""
    if not _may_go_on(text):
        return [(*word.span(), None) for word in _plain_words(text)]
    found: list[tuple[int, int, int | None]] = []
    for word in _words(text):
        if found and "," not in text[found[-1][1] : word.start()]:
            start, end, loose = found[-1]
            open_end = text[end - 1] in _OPERATORS
            if open_end or word[0][0] in _TIMES or word[0] in _SIGNS:
                at = end - 1 if open_end else word.start()
                found[-1] = (start, word.end(), at if loose is None else loose)
                continue
        found.append((*word.span(), None))
    return found


_is_word = partial(re.fullmatch, r"[^\W\d_]\w*")
_SIGNS = "+-\N{MINUS SIGN}"
_RELATIONS = "=≈≃~"
_TIMES = "*/^@·×⋅=≈≃"
_OPERATORS = _SIGNS + _TIMES
_may_go_on = partial(re.search, rf"[(),{re.escape(_TIMES)}]|[{re.escape(_SIGNS)}](?!\S)")
_plain_words = partial(re.finditer, r"\S+")
_words = partial(
    re.finditer,
    r"[^\s(),]*(?:\([^()]*(?:\([^()]*\)[^()]*)*\)[^\s(),]*)+|[^\s,]+(?:(?<=[0-9]),(?=[0-9])[^\s,]+)*",
)
DECIMAL_COMMA = r"(?<=[0-9]),(?=[0-9])"
_like_an_entry = partial(re.match, r"[+-]?(?:[0-9.(]|[^\W\d_]\w{0,3}$|[^\W\d_]\w*\()")


def _refuse_several(text: str) -> None:
    """Two numbers with nothing between them are not a difference."""
    if all(map(_decimal, parts := text.split(","))):
        raise NumberError(f"{shown(text)} is more than one number", f"[{', '.join(parts)}]")
    words = [word for word, _ in split_row(text)]
    if _groups(text):
        apart = "" if any(word[0] == "0" for word in words) else f", or {', '.join(words)}"
        raise NumberError(f"{shown(text)} has a space in it", "".join(words) + apart)
    if len(words) == 2 and _decimal(words[0]) and _is_word(words[1]):
        message = f"{shown(text)} is a number with a word behind it"
        raise NumberError(message, f"{words[0]} without it, or {', '.join(words)} for two entries")
    if len(words) > 1 and all(map(_like_an_entry, words)):
        missing = "" if "," in text else ": a comma is missing"
        meant = ", ".join(re.sub(DECIMAL_COMMA, ".", word) for word in words)
        raise NumberError(f"{shown(text)} is more than one number{missing}", meant)


def last_place(text: str) -> int | None:
    """The power of ten of the last digit typed: -3 for `.982`; None for `2/3`, `ln(2)`."""
    match = _decimal(normal_minus(text.strip()))
    if match is None:
        return None
    _, _, fraction = match[1].partition(".")
    return int(match[2] or 0) - len(fraction)


def normal_minus(text: str) -> str:
    """`text` with the Unicode minus written as `-`."""
    return text.replace("\N{MINUS SIGN}", "-")


_groups = partial(re.fullmatch, r"[+-]?[1-9][0-9]{0,2}(?: [0-9]{3})+")  # 1 000, 12 500 000
_listed = partial(re.fullmatch, r"\([-+.\d\s/()]+(?:,[-+.\d\s/()]*)+\)")


def _out_of_place(text: str, sign: str) -> str:
    """Why a sign is none of a number; of a bracket, that the other of its pair is missing."""
    other = {"[": "]", "]": "["}.get(sign)
    alone = other is not None and other not in text
    return f"its `{sign}` has no `{other}`" if alone else f"`{sign}` has no place in one"


def _constant(text: str) -> float:
    from backprop_cli.problem.text.lexer import is_name
    from backprop_cli.problem.text.parser import TAKEN, FormulaError, parse_constant

    if text == "e":  # no letter for a free input either: who writes it means Euler's number
        raise NumberError("`e` is not a number", "exp(1), or exp(x) for e^x")
    if _is_word(text) and text not in TAKEN:
        raise NumberError(f"{shown(text)} is a word where a number belongs", letter=is_name(text))
    if match := re.search(r"[@=:<>\[\]]", text):
        message = f"{shown(text)} is not a number: {_out_of_place(text, match[0])}"
        raise NumberError(message, offset=match.start())
    if _listed(text):
        message = f"{shown(text)} is no number: a list stands in square brackets"
        raise NumberError(message, text.replace("(", "[").replace(")", "]"))
    if (missing := text.count("(") - text.count(")")) > 0:
        raise NumberError(f"{shown(text)} lacks a closing parenthesis", text + ")" * missing)
    try:
        return parse_constant(text)
    except FormulaError as error:
        message = f"{shown(text)} is not a number: {error.message}"
        stray = error.message.startswith("expected an operator")  # 1cm, 1.2.3: no product is meant
        instead = "a number, such as 0.5" if stray else error.instead
        raise NumberError(message, instead, offset=error.offset) from error


def _refuse_out_of_range(text: str, value: float) -> None:
    match = _decimal(text)
    if not math.isfinite(value):
        why = "is too large: numbers end at about 1.8e308" if match else "is not a finite number"
        raise NumberError(f"{shown(text)} {why}")
    if value == 0 and match and re.search("[1-9]", match[1]):
        raise NumberError(f"{shown(text)} is too small to be told from zero", "0")


def _refuse_surprises(text: str) -> None:
    for surprise in _SURPRISES:
        if match := re.fullmatch(surprise.pattern, text, re.IGNORECASE):
            instead = surprise.instead(match)
            raise NumberError(surprise.message.format(shown(text)), instead)


def _without_zeros(match: re.Match[str]) -> str:
    return f"{match[1]}{match[2]}"


def _without_commas(match: re.Match[str]) -> str:
    return point_for_comma(match[0])


def point_for_comma(text: str) -> str:
    """What to write for a number with commas in it."""
    if text.count(",") > 1 or "." in text:
        parts = text.split(",")
        apart = any(len(part.partition(".")[0]) != 3 for part in parts[1:])
        return f"[{', '.join(parts)}]" if apart else "".join(parts)
    decimal = text.replace(",", ".")
    return (
        f"{decimal}, or {text.replace(',', '')} for thousands"
        if re.fullmatch(_THOUSANDS, text)
        else decimal
    )


def _as_fraction(match: re.Match[str]) -> str:
    return unicodedata.normalize("NFKC", match[0]).replace("\N{FRACTION SLASH}", "/")


_SURPRISES = (
    _Surprise("|~|null|none", "a number is missing here", lambda _: "a number, such as 0.5"),
    _Surprise(
        r"([+-]?)0+([0-9][0-9]*(?:\.[0-9]*)?(?:e[+-]?[0-9]+)?)",
        "{} begins with a zero, which some programs read as a number in base eight",
        _without_zeros,
    ),
    _Surprise(
        r"[+-]?[0-9.]+_[0-9_.]*(?:e[+-]?[0-9]+)?",
        "{} has an underscore in it",
        lambda match: match[0].replace("_", ""),
    ),
    _Surprise(
        r"[+-]?0(?:x[0-9a-f]+|o[0-7]+|b[01]+)",
        "{} is not a decimal number",
        lambda match: str(int(match[0], 0)),
    ),
    _Surprise(
        r"([+-]?[0-9]+):([0-9]+)(?::[0-9.]+)*",
        "{} has a colon in it, which YAML reads as a time",
        lambda match: f"{match[1]}/{match[2]}, if a ratio is meant",
    ),
    _Surprise(
        r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[t\s].*)?",
        "{} is a date, not a number",
        lambda _: "a number, such as 2024",
    ),
    _Surprise("yes|true|on", "{} is a word that YAML reads as true, not a number", lambda _: "1"),
    _Surprise("no|false|off", "{} is a word that YAML reads as false, not a number", lambda _: "0"),
    _Surprise(
        r"[+-]?\.?(?:nan|inf|infinity|∞)",
        "{} is not a finite number",
        lambda _: "a number, such as 1e6",
    ),
    _Surprise(
        r"[+-]?(?:[0-9]+,)*[0-9]*,[0-9]+(?:\.[0-9]*)?(?:e[+-]?[0-9]+)?",
        "{} has a comma in it: the decimal sign is a point",
        _without_commas,
    ),
    _Surprise(
        rf"([+-]?{_DIGITS})\s*[x×·⋅]\s*10\s*\^?\s*[({{]?([+-]?[0-9]+|[⁺⁻]?[⁰¹²³⁴-⁹]+)[)}}]?",
        "{} is not written as a number",
        lambda match: f"{match[1]}e{normal_minus(unicodedata.normalize('NFKC', match[2]))}",
    ),
    _Surprise(rf"([+-]?{_DIGITS})\s*%", "{} is a percentage", lambda match: f"{match[1]}/100"),
    _Surprise(
        rf".*[{_RELATIONS}]\s*([+-]?{_DIGITS})", "{} says more than a number", lambda m: m[1]
    ),
    _Surprise(
        r"(?=.*[^\x00-\x7f])[+-]?[\d.]+(?:e[+-]?\d+)?",
        "{} is not written in the digits 0 to 9",
        lambda match: "".join(str(unicodedata.decimal(char, char)) for char in match[0]),
    ),
    _Surprise(
        r"[+-]?(?=[\d.OoIl]*[\d.])(?=[\d.]|[OoIl]+\.)(?=.*[OoIl])[\dOoIl]*\.?[\dOoIl]*",
        "{} has a letter in it that looks like a digit",
        lambda match: match[0].translate(str.maketrans("OoIl", "0011")),
    ),
    _Surprise(
        r"([+-]?[\d.]+(?:e[+-]?\d+)?) *[,;]",
        "{} ends with a sign that separates",
        lambda match: match[1],
    ),
    _Surprise(
        ".*[，；].*",
        "{} has a comma of full width in it, to YAML a letter",
        lambda match: unicodedata.normalize("NFKC", match[0]),
    ),
    _Surprise(
        r"([+-]?\d*)\.\.+(\d+)",
        "{} has more than one point",
        lambda match: f"{match[1] or 0}.{match[2]}",
    ),
    _Surprise("[+-]?[¼-¾⅐-⅞]", "{} is a fraction in one character", _as_fraction),
    _Surprise(
        rf"[\N{{EN DASH}}\N{{EM DASH}}]({_DIGITS})",
        "{} begins with a dash instead of a minus",
        lambda match: f"-{match[1]}",
    ),
)
