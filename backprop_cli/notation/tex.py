"""Formulas and words to LaTeX, in ASCII, for amsmath alone."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from types import MappingProxyType

from backprop_cli.algebra.expr import Expr
from backprop_cli.algebra.greek import GREEK
from backprop_cli.algebra.shapes import Shape, is_formula
from backprop_cli.notation.nodes import (
    DETERMINANT,
    TIMES,
    Accent,
    Braced,
    Cases,
    Fenced,
    Fraction,
    Grid,
    Letter,
    Named,
    Node,
    Number,
    Places,
    Root,
    Row,
    Script,
    Sign,
    Stack,
    Strong,
    Total,
    Word,
    tall,
)
from backprop_cli.notation.numbers_and_indices import INFINITE, joins, place
from backprop_cli.notation.symbols import Naming, lowered, marked, symbol, takes_index
from backprop_cli.notation.writer import FormulaWriter
from backprop_cli.readings.index_bases import Bases

_LETTERS = MappingProxyType(
    {char: rf"\{name}" for name, char in GREEK.items()}
    | {"ο": "o", "ε": r"\varepsilon", "φ": r"\varphi", "∂": r"\partial"}
)
_SIGNS = MappingProxyType(
    {
        "": r"\,",
        TIMES: r"\,",
        " ": r"\ ",
        "−": "-",
        "·": r"\cdot",
        "⊙": r"\odot",
        "∗": r"\ast",
        "×": r"\times",
        "…": r"\cdots",
        "⋮": r"\vdots",
        "⋱": r"\ddots",
        "′": r"\prime",
        "≥": r"\geq",
        "≤": r"\leq",
        "≠": r"\neq",
        "→": r"\to",
        "←": r"\gets",
        "|": r"\big|",
    }
)
_FENCES = MappingProxyType({"{": r"\{", "}": r"\}"})
_BARS = MappingProxyType({"|": "vert", DETERMINANT: "vert", "‖": "Vert"})
_SCIENTIFIC = re.compile(r"(?P<digits>.+)e(?P<sign>[+-]?)0*(?P<power>\d+)").fullmatch
_numbered = re.compile(r"([A-Za-z])(\d*)").fullmatch  # an index such as N1

_SPECIAL = MappingProxyType(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        '"': "''",
    }
    | {char: f"\\{char}" for char in "#$%&_{}"}
)
_OUTSIDE_ASCII = MappingProxyType(
    {
        "−": "$-$",
        "·": r"$\cdot$",
        "×": r"$\times$",
        "…": r"\dots{}",
        "→": r"$\to$",
        "≤": r"$\leq$",
        "≥": r"$\geq$",
        "≠": r"$\neq$",
        "≈": r"$\approx$",
        "⊙": r"$\odot$",
        "∗": r"$\ast$",
        "∂": r"$\partial$",
        "∇": r"$\nabla$",
        "√": r"$\surd$",
        "½": r"$\tfrac12$",
        "′": "$'$",
        "‖": r"$\Vert$",
        "–": r"\textendash{}",
        "—": r"\textemdash{}",
        "“": "``",
        "”": "''",
        "‘": "`",
        "’": "'",
        "„": ",,",
        "ß": r"\ss{}",
        "ø": r"\o{}",
        "Ø": r"\O{}",
        "æ": r"\ae{}",
        "Æ": r"\AE{}",
        "œ": r"\oe{}",
        "Œ": r"\OE{}",
        "ł": r"\l{}",
        "Ł": r"\L{}",
        "ı": r"\i{}",
        "¿": "?`",
        "¡": "!`",
        "§": r"\S{}",
        "©": r"\copyright{}",
        "°": r"${}^{\circ}$",
        "\N{NO-BREAK SPACE}": "~",
        "ˣ": "${}^{x}$",
        "ᵀ": r"${}^{\mathrm{T}}$",
    }
    | {char: f"${command}$" for char, command in _LETTERS.items()}
)
_ACCENTS = MappingProxyType(
    {
        "\N{COMBINING GRAVE ACCENT}": "`",
        "\N{COMBINING ACUTE ACCENT}": "'",
        "\N{COMBINING CIRCUMFLEX ACCENT}": "^",
        "\N{COMBINING TILDE}": "~",
        "\N{COMBINING DIAERESIS}": '"',
        "\N{COMBINING CEDILLA}": "c",
        "\N{COMBINING CARON}": "v",
        "\N{COMBINING BREVE}": "u",
        "\N{COMBINING RING ABOVE}": "r",
        "\N{COMBINING MACRON}": "=",
        "\N{COMBINING DOT ABOVE}": ".",
        "\N{COMBINING DOUBLE ACUTE ACCENT}": "H",
    }
)
_ACCENTED = 2  # characters: a letter and its accent
_HATTED = frozenset("XYZHWxyzhwmv")
"""Letters that a hat makes a quantity's name, and not a word of some language."""

OTHER = r"\backpropcharacter"
"""The command for a character that LaTeX has no name for; `preamble` defines it."""

PREAMBLE = rf"""\usepackage{{amsmath}}
\newcommand{{\result}}[1]{{\boldsymbol{{#1}}}}
\providecommand{{{OTHER}}}[1]{{\ifx\Umathchar\undefined[U+#1]\else\symbol{{"#1}}\fi}}"""
"""What a document needs for what this module writes."""


# Words --------------------------------------------------------------------------------------------


def text(words: str) -> str:
    """Words with everything escaped that LaTeX would take for a command."""
    found = "".join(map(_character, re.split(r"(?s)(.[\u0300-\u036f]?)", _decomposed(words))))
    found = re.sub(r"(?:\\_){8,}", _to_write_on, found)
    return re.sub(r"-(?=-)", "-{}", re.sub(r"(?<!\\)\$\$", "", found))


def _to_write_on(line: re.Match[str]) -> str:
    """A line without gaps, and high enough for handwriting."""
    return rf"\underline{{\rule{{0pt}}{{1.6em}}\hspace{{{len(line[0]) // 4}em}}}}"


def _decomposed(words: str) -> str:
    """One line, in which accents stand behind their letters."""
    spread = (
        unicodedata.normalize("NFD", char)
        if len(unicodedata.normalize("NFD", char)) == 2  # a letter and an accent
        else char
        for char in " ".join(words.split())
    )
    return "".join(spread)


def _character(found: str) -> str:
    """A character, with the accent that follows it."""
    if len(found) == _ACCENTED:
        return _accented(found[0], found[1])
    if found in _SPECIAL:
        return _SPECIAL[found]
    if found.isascii():
        return found if found.isprintable() else _other(found)
    return _OUTSIDE_ASCII.get(found) or _moved(found) or _other(found)


def _accented(base: str, accent: str) -> str:
    if accent not in _ACCENTS:
        return _character(base) + _other(accent)
    if _ACCENTS[accent] == "^" and (base in _LETTERS or base in _HATTED):
        return rf"$\hat{{{_LETTERS.get(base, base)}}}$"
    return rf"\{_ACCENTS[accent]}{{{_character(base)}}}"


def _moved(char: str) -> str | None:
    """A raised or lowered character."""
    kind, _, plain = unicodedata.decomposition(char).partition(" ")
    sign = {"<super>": "^", "<sub>": "_"}.get(kind)
    if sign is None or " " in plain:
        return None
    moved = chr(int(plain, 16))
    return (
        f"${{}}{sign}{{{_SIGNS.get(moved, moved)}}}$"
        if moved.isascii() or moved in _SIGNS
        else None
    )


def _other(char: str) -> str:
    return "" if not char else f"{OTHER}{{{ord(char):X}}}"


# Formulas -----------------------------------------------------------------------------------------


def tex(node: Node) -> str:
    """A formula in mathematics mode."""
    match node:
        case Letter(char):
            return char if char.isascii() else _LETTERS.get(char) or rf"\text{{{text(char)}}}"
        case Word(words, bold):
            return _word(words, bold)
        case Number(digits, pad, _):
            return number(digits) + (rf"\phantom{{{pad}}}" if pad else "")
        case Sign(char, _, bare):
            sign = _SIGNS.get(char, char)
            return f"{{{sign}}}" if bare and char in "−×,;" else sign
        case Row(items):
            return " ".join(map(tex, items))
        case Named(_, inner):
            return tex(inner)
        case Places(texts):
            return ("" if joins(texts) else ",").join(map(_place, texts))
    return _built(node)


def _built(node: Node) -> str:
    match node:
        case Fraction(top, bottom):
            small = all(isinstance(part, Number) and len(part.text) == 1 for part in (top, bottom))
            return rf"\{'t' * small}frac{{{tex(top)}}}{{{tex(bottom)}}}"
        case Script():
            return _script(node)
        case Accent(base, mark):
            return (
                tex(marked(base, mark)) if isinstance(base, Named) else rf"\{mark}{{{tex(base)}}}"
            )
        case Root(inner):
            return rf"\sqrt{{{tex(inner)}}}"
        case Fenced():
            return _fenced(node)
        case Total(below):
            return r"\sum" + (rf"_{{{tex(below)}}}" if below is not None else "")
        case Strong(inner):
            return rf"\result{{{tex(inner)}}}"
        case Braced(inner, label):
            return rf"\underbrace{{{tex(inner)}}}_{{{tex(label)}}}"
        case Grid() | Cases() | Stack():
            return _arranged(node)
    raise AssertionError(node)


def number(digits: str) -> str:
    """A number; `4.5e-05` as a product with a power of ten."""
    plain = digits.replace("−", "-")
    found = _SCIENTIFIC(plain)
    if found:
        sign = "-" if found["sign"] == "-" else ""
        return rf"{found['digits']} \cdot 10^{{{sign}{found['power']}}}"
    signless = plain.removeprefix("-")
    if signless == INFINITE or signless.isalpha():
        infinite = signless in (INFINITE, "inf")
        body = r"\infty" if infinite else rf"\mathrm{{{signless}}}"
        return "-" * (signless != plain) + body
    return plain


def _word(words: str, bold: bool) -> str:
    if bold:
        return rf"\mathbf{{{text(words)}}}"
    if words.isascii() and words.isalpha():
        return rf"\mathrm{{{words}}}"
    return rf"\text{{{text(words)}}}"


def _place(where: str) -> str:
    if is_formula(where):
        return tex(place(where)).replace(" ", "").replace("{-}", "-")
    if found := _numbered(where):
        return found[1] + (f"_{{{found[2]}}}" if found[2] else "")
    return where if where.isalnum() and where.isascii() else rf"\text{{{text(where)}}}"


def _script(node: Script) -> str:
    if node.up is None and node.down is not None and takes_index(node.base):
        return tex(lowered(node.base, node.down))
    simple = isinstance(node.base, Letter | Fenced | Accent | Number | Word)
    written = tex(node.base) if simple else f"{{{tex(node.base)}}}"
    up = f"^{{{tex(node.up)}}}" if node.up is not None else ""
    down = f"_{{{tex(node.down)}}}" if node.down is not None else ""
    return written + up + down


def _fenced(node: Fenced) -> str:
    left, right = (_FENCES.get(fence, fence) for fence in (node.left, node.right))
    if node.left in _BARS:
        left, right = (rf"\{side}{_BARS[node.left]} " for side in "lr")
    inner = tex(node.inner)
    if not tall(node.inner):
        return f"{left}{inner}{right}"
    return rf"\mathopen{{}}\left{left} {inner} \right{right}"


def _arranged(node: Grid | Cases | Stack) -> str:
    if isinstance(node, Grid):
        return _grid(node.rows)
    if isinstance(node, Cases):
        pairs = r" \\ ".join(f"{tex(value)} & {tex(when)}" for value, when in node.rows)
        return rf"\begin{{cases}} {pairs} \end{{cases}}"
    lines = r" \\ & \quad ".join(map(tex, node.rows))
    return rf"\begin{{aligned}} & {lines} \end{{aligned}}"


def _grid(rows: tuple[tuple[Node, ...], ...]) -> str:
    numbers = any(isinstance(entry, Number) for line in rows for entry in line)
    columns = ("r" if numbers else "c") * len(rows[0])
    body = r" \\ ".join(" & ".join(map(tex, line)) for line in rows)
    return rf"\left[\begin{{array}}{{@{{}}{columns}@{{}}}} {body} \end{{array}}\right]"


_PLAIN, _COUNTED = Naming(), Bases()


def latex(
    expr: Expr,
    bases: Bases = _COUNTED,
    naming: Naming = _PLAIN,
    shapes: Mapping[str, Shape] | None = None,
    *,
    rows: bool = False,
) -> str:
    """The formula with the names of `naming`; entries count from `bases`.

    Where `shapes` are known, products of arrays are told from products with numbers, and vectors
    are turned as they stand in a product (`rows`: they are rows).
    """
    writer = FormulaWriter(lambda id: symbol(naming, id), shapes or {}, bases=bases, rows=rows)
    return tex(writer.node(expr))
