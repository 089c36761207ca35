"""The text of a formula to its tokens, each with its place."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from fractions import Fraction
from functools import partial

from msgspec import Struct

from backprop_cli.algebra.expr import Expr, num
from backprop_cli.errors import HintedError

LONGEST = 40
_DIGITS = 10  # of a step
_NAME = r"[^\W\d_⁰¹²³⁴-⁹][^\W⁰¹²³⁴-⁹]*"
_TOKEN = (
    r"\s*(?:(?P<number>(?:\d+(?:\.(?!\.)\d*)?|\.\d+)(?:[eE][+-]?\d+)?)"
    rf"|(?P<name>{_NAME}(?:(?<=_)\{{[^{{}}]*\}})?)"
    r"|(?P<sign>\*\*|\.T(?!\w)|\.\.|[<>=!]=|[-+*/^@()\[\],=:<>]))"
)
_SUPERSCRIPT = "[⁺⁻]?[⁰¹²³⁴-⁹]+"
_name = partial(re.fullmatch, _NAME)
_step = partial(re.fullmatch, r"(?P<base>.*\w)_(?:\{(?P<inner>[^{}]*)\}|(?P<letter>[^\W\d_]\w*))")
_TERM = r"\s*(?P<sign>[+-])?\s*(?P<term>\w+)\s*"
_SAME = str.maketrans({"−": "-", "·": "*", "×": "*", "⋅": "*", "⊙": "*", "∗": "*"})


def is_name(text: str) -> bool:
    """Whether a quantity may be called so: what any program may call it, too, once its letters are
    in their usual form (`x½` would be x1⁄2, `x⑴` a call)."""
    return bool(_name(text)) and (text.isascii() or plain_name(text).isidentifier())


def unprimed(text: str) -> str | None:
    """y_prime for y'; None for what is no name with primes."""
    base = text.rstrip("'′’")
    return f"{base}_prime" if base != text and is_name(base) else None


def plain_name(text: str) -> str:
    """A name as Python sees it: `x₁` is x1."""
    return unicodedata.normalize("NFKC", text)


class FormulaError(HintedError):
    """A formula that cannot be read: what is wrong, where (from 0), what to write instead."""

    def __init__(self, message: str, offset: int, instead: str | None = None) -> None:
        super().__init__(message, instead)
        self.offset = offset

    def moved(self, offset: int) -> FormulaError:
        """The same, so many characters further on."""
        return FormulaError(self.message, self.offset + offset, self.instead)


def stepped(text: str, running: Mapping[str, int]) -> str:
    """A name with its step in numbers: `h_{t-1}` is h_0 where t is 1; other names as they are.

    FormulaError, its place counted from the name's, where the step is no whole number from 0.
    """
    found = _step(text)
    if found is None or (found["inner"] is None and found["letter"] not in running):
        return text
    place = len(found["base"]) + 1
    step = whole(found["letter"] or found["inner"], running, place + (found["inner"] is not None))
    if step < 0:
        where = ", ".join(f"{letter} = {value}" for letter, value in running.items())
        letter = next((each for each in running if each in text[place:]), "")
        later = f"a range that begins with {running[letter] - step}" if letter else None
        raise FormulaError(f"{quoted(text)} would be a step before 0 where {where}", 0, later)
    return f"{found['base']}_{step}"


def whole(text: str, letters: Mapping[str, int], offset: int = 0) -> int:
    """The whole number that `t-1` is, `offset` where it begins; FormulaError where it is none."""
    total, position, term_at = 0, 0, re.compile(_TERM).match
    while position < len(text) or not position:
        found = term_at(text, position)
        if found is None or bool(position) > bool(found["sign"]):
            message = f"{quoted(text.strip())} is no step: a whole number, or a letter and a number"
            raise FormulaError(message, offset, "t-1")
        term = found["term"]
        if term not in letters and not (term.isascii() and term.isdigit() and len(term) < _DIGITS):
            message = f"{quoted(term)} is no number here, and no letter that runs"
            raise FormulaError(message, offset + found.start("term"), _letters(letters))
        number = letters[term] if term in letters else int(term)
        total += -number if found["sign"] == "-" else number
        position = found.end()
    return total


def _letters(letters: Mapping[str, int]) -> str:
    return ", ".join(letters) or "a whole number; a letter runs under `for t in 1..3`"


class Token(Struct, frozen=True):
    """A number, a name, a sign or the end of the formula."""

    kind: str
    text: str
    offset: int


def quoted(text: str) -> str:
    """`text` as a message quotes it, cut where it is long."""
    return f"`{text}`" if len(text) <= LONGEST else f"`{text[: LONGEST - 1]}…`"


def tokens_of(text: str, compound: Collection[str] = ()) -> list[Token]:
    """The tokens, and one for the end; FormulaError at what is none. `compound`: ids like dL/dW."""
    text = text.translate(_SAME).rstrip()
    longest_first = sorted(
        (name for name in compound if not name.isidentifier()), key=len, reverse=True
    )
    tokens, position, token_at = [], 0, re.compile(_TOKEN).match
    while position < len(text):
        start = position + len(text[position:]) - len(text[position:].lstrip())
        known = next((name for name in longest_first if _stands(name, text, start)), None)
        if known:
            tokens.append(Token("name", known, start))
            position = start + len(known)
            continue
        found = token_at(text, position)
        if not found or found.lastgroup is None:
            raise _unreadable(text, start)
        tokens.append(Token(found.lastgroup, found[found.lastgroup], found.start(found.lastgroup)))
        position = found.end()
    return [*tokens, Token("end", "", len(text))]


def _stands(name: str, text: str, start: int) -> bool:
    end = start + len(name)
    return text.startswith(name, start) and not (
        end < len(text) and (text[end].isalnum() or text[end] == "_")
    )


def _unreadable(text: str, start: int) -> FormulaError:
    character, around = text[start], text[max(start - 1, 0) : start + 2]
    if raised := re.match(_SUPERSCRIPT, text[start:]):
        power = unicodedata.normalize("NFKC", raised[0]).replace("\N{MINUS SIGN}", "-")
        said = f"{quoted(raised[0])} has no meaning in a formula"
        return FormulaError(said, start, f"^({power})" if power[1:] else f"^{power}")
    if "||" in around:
        return FormulaError("`||` has no meaning in a formula", start, "norm(…)")
    if character == "." and (found := _of_point(text, start)) is not None:
        return found
    if command := _of_latex(text[start:]):
        written = _LATEX.get(command[1], command[1])
        return FormulaError(f"{quoted(command[0])} is LaTeX, and no formula here", start, written)
    if character in "'\"" and not _transposes(text, start):
        return FormulaError("a formula stands without quotes", start, "no quotes")
    instead = _MEANT.get(character)
    if character == ";" and text.count("[", 0, start) > text.count("]", 0, start):
        instead = "[[1, 2], [3, 4]] for rows, concat(a, b) for vectors"
    if character == "%" and text[start + 1 :].strip()[:1] not in ("", *"+-*/@)"):
        instead = None
    shown = f"`{character}`" if character.isprintable() else f"the character {ord(character):#x}"
    return FormulaError(f"{shown} has no meaning in a formula", start, instead)


_MEANT = {
    "'": ".T for transposed, or _prime in a name",
    "ᵀ": ".T for transposed",
    "{": "(",
    "}": ")",
    "|": "abs(…)",
    ";": "one equation a line",
    "%": "/ 100",
    "&": "(a > 0) * (b > 0)",
    "!": "1 - a for what does not hold",
    "½": "1/2",
    "√": "sqrt(…)",
    "∑": "sum(…)",
    "‖": "norm(…)",
    "∞": "a number, such as 1e6",
    "≥": ">=",
    "≤": "<=",
    "≠": "!=",
    "“": "no quotes",
    "”": "no quotes",
    "„": "no quotes",
}


def _of_point(text: str, start: int) -> FormulaError | None:
    """What is wrong with a point that belongs to no number."""
    before, behind = text[max(start - 1, 0)], text[start + 1 : start + 2]
    if behind and behind in "*/^+-":
        said = f"`.{behind}` has no meaning in a formula: all but @ is taken entry by entry"
        return FormulaError(said, start, behind)
    if before == behind == " ":
        return FormulaError("a point is no product", start, "a * b for numbers, a @ b, dot(a, b)")
    if (owner := _before_point(text[:start])) is not None:
        said = f"{quoted(owner[0] + '.')} before a name has no meaning in a formula"
        return FormulaError(said, start, _without(owner[0], text[start + 1 :]))
    if not before.isalpha():
        return FormulaError("this point belongs to no number", start, "one point, as in 0.5")
    return None


def _transposes(text: str, start: int) -> bool:
    """Whether a quote may be the sign of a transpose: it has a name or a bracket before it."""
    return bool(re.search(r"[\w)\]]$", text[:start]))


_of_latex = partial(re.match, r"\\(?!u[0-9a-f]{4})([^\W\d_]+|\|)")
_LATEX = {
    **dict.fromkeys(("cdot", "times", "odot", "circ", "ast"), "*, or @ for a matrix product"),
    **dict.fromkeys(("frac", "dfrac", "tfrac"), "a / b for \\frac{a}{b}"),
    **dict.fromkeys(("|", "Vert", "lVert", "rVert"), "norm(…)"),
    **dict.fromkeys(("top", "intercal"), ".T for transposed"),
    **dict.fromkeys(("hat", "widehat"), "yhat for \\hat{y}"),
    **dict.fromkeys(("left", "right", "big", "bigl", "bigr"), "the parenthesis alone"),
    **dict.fromkeys(("text", "mathrm", "mathbf", "operatorname", "bm"), "what is in its braces"),
    "sigma": "sigmoid(…), or sigma for a quantity",
    **{name: f"{name}(…)" for name in ("exp", "log", "ln", "tanh", "sin", "cos", "max", "min")},
    **{name: f"{name}(…)" for name in ("sum", "sqrt", "det")},
}


_before_point = partial(re.search, r"[^\W\d]\w*(?:\.\w+)*$")
_after_point = partial(re.match, r"(?:\w+\.)*(?P<name>[^\W\d]\w*)(?P<called> *\()?")
_LIBRARIES = frozenset("np numpy jnp jax torch nn F tf keras math scipy K linalg special".split())
_PRODUCTS = frozenset("dot matmul mm mv".split())


def _without(owner: str, after: str) -> str:
    """What to write for `np.exp(x)`, `W.dot(x)`, `x.sum()`, `x.shape`."""
    from backprop_cli.problem.text.other_functions import elsewhere

    found = _after_point(after)
    if found is None or not found["called"]:
        return f"{owner} alone"
    name = found["name"]
    if owner.partition(".")[0] in _LIBRARIES:
        there = elsewhere(name, ())
        return (there.formula if there else None) or f"{name}(…)"
    if name in ("t", "T", "transpose"):
        return f"{owner}.T"
    return f"{owner} @ …" if name in _PRODUCTS else f"{name}({owner})"


def found_words(token: Token) -> str:
    """What stands there, in a complaint."""
    return quoted(token.text) if token.text else "the end"


def leftover(tokens: Sequence[Token], position: int) -> FormulaError:
    """What is wrong with the token there, behind a whole formula."""
    token = tokens[position]
    before = tokens[position - 1]
    if begins_operand(token):
        if (summed := _summed(before)) is not None:
            return FormulaError(f"{quoted(before.text)} is no sum here", before.offset, summed)
        return missing_before(token, ")")
    if (number := _with_comma(tokens[position - 1 : position + 2])) is not None:
        message = f"{quoted(number)} has a comma in it: the decimal sign is a point"
        return FormulaError(message, token.offset, number.replace(",", "."))
    instead = "one equation a line" if token.text in (",", "=") else None
    return FormulaError(f"{quoted(token.text)} is not expected here", token.offset, instead)


def _with_comma(tokens: Sequence[Token]) -> str | None:
    """`0,5`, where three tokens are that and nothing is between them."""
    text = "".join(token.text for token in tokens)
    together = len(tokens) > 1 and tokens[-1].offset - tokens[0].offset == len(text) - len(
        tokens[-1].text
    )
    return text if together and _decimal_comma(text) else None


_decimal_comma = partial(re.fullmatch, r"\d+,\d+")


def begins_operand(token: Token) -> bool:
    """Whether a name, a number or an open bracket stands there."""
    return token.kind in ("name", "number") or token.text in ("(", "[")


_CASES = "max(z, 0), or (z > 0) * z, 0 where that is not"
_OF_PYTHON = {
    "if": _CASES,
    "else": _CASES,
    "for": "sum(x), or sum(i in 1..3, …) for what is added up",
    "and": "(a > 0) * (b > 0)",
    "or": "1 - (a <= 0) * (b <= 0)",
}


def missing_before(token: Token, expected: str) -> FormulaError:
    """What is missing between two operands: an operator, and where several stand a comma."""
    shown = quoted(token.text)
    if (meant := _OF_PYTHON.get(token.text)) is not None and token.kind == "name":
        return FormulaError(f"{shown} has no meaning in a formula", token.offset, meant)
    if expected == "]":
        return FormulaError(f"a comma is missing before {shown}", token.offset, f", {token.text}")
    products = "* for a product entry by entry, @ for a matrix product"
    if expected == ",":
        message = f"expected an operator or a comma before {shown}"
        return FormulaError(message, token.offset, f"{products}, or `, {token.text}`")
    return FormulaError(f"expected an operator before {shown}", token.offset, products)


def _summed(before: Token) -> str | None:
    """How a sum is written that stands before its terms as on paper: Σ x, sum_i w_i x_i."""
    name, _, letter = before.text.partition("_")
    if before.kind != "name" or name not in ("Σ", "∑", "sum"):
        return None
    return f"sum({letter} in 1..3, …)" if letter else "sum(…)"


def no_index(token: Token, letters: Iterable[str]) -> FormulaError:
    """What is said of what is no index: a letter that nothing counts, an end left out, -1."""
    known = "".join(f", {letter}" for letter in letters)
    instead = "E[[3, 1]] for rows 3 and 1"
    if token.kind == "name":
        instead = f"sum({token.text} in 1..3, …) around it, or `for {token.text} in 1..3:` above"
    elif token.text == "]":
        instead = "both ends, as in x[2:4]"
    elif token.text == "-":
        instead = "its place from the start: x[1] is the first"
    return FormulaError(
        f"an index is a whole number{known}, `:` or a list of numbers", token.offset, instead
    )


def literal(token: Token) -> Expr:
    """The number that a token writes."""
    if not float(token.text) < float("inf"):
        raise FormulaError(
            f"{quoted(token.text)} is too large for a number", token.offset, "at most about 1.8e308"
        )
    if float(token.text) == 0:
        return num(0)
    return num(Fraction(token.text))
