"""Formulas and words to ASCII: names as ids, functions for signs, `W.T @ x` for products."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from types import MappingProxyType

from backprop_cli.notation.flattened import is_simple, reach
from backprop_cli.notation.nodes import (
    DETERMINANT,
    INVERSE,
    INVERSE_TRANSPOSED,
    TIMES,
    Accent,
    Fenced,
    Fraction,
    Grid,
    Letter,
    Named,
    Node,
    Number,
    Root,
    Row,
    Script,
    Sign,
    Total,
    Word,
    is_of_numbers,
    items,
    mapped,
    row,
)

SIGNS: Mapping[str, str] = MappingProxyType(
    {
        "−": "-",
        "·": "*",
        TIMES: "*",
        "⊙": "*",
        "∗": "(*)",
        "×": "x",
        "≤": "<=",
        "≥": ">=",
        "≠": "!=",
        "≈": "~",
        "→": "->",
        "←": "<-",
        "…": "...",
        "⋮": ":",
        "⋱": ".",
        "′": "'",
        "∂": "d",
        "∇": "grad ",
        "σ": "sigmoid",
        "Φ": "normal_cdf",
        "φ": "normal_pdf",
        "π": "pi",
        "η": "eta",
        "λ": "lambda",
        "δ": "delta",
        "α": "alpha",
        "Σ": "sum",
        "√": "sqrt",
        "ŷ": "yhat",
        "Ŷ": "Yhat",
        "½": "1/2",
        "²": "^2",
        "ⁿ": "^n",
        "⁻": "-",
        "¹": "1",
        "ᵀ": ".T",
        "⁺": "_new",
        "ᵘ": "^u",
        "ᵛ": "^v",
        "ⱼ": "_j",
        "–": "-",
        "—": "-",
        "’": "'",
        "“": '"',
        "”": '"',
    }
)
"""Every sign that the program prints, in ASCII."""

_TABLE = str.maketrans(dict(SIGNS))
_raised = partial(re.sub, "[ⁿ⁻⁺⁰¹²³]{2,}")
_POWERS = str.maketrans("ⁿ⁻⁺⁰¹²³", "n-+0123")
_HALF = Fraction(Number("1"), Number("2"), bare=True)
_BARS = {"|": "abs", "‖": "norm", DETERMINANT: "det"}
_LOGARITHMS = frozenset({"ln", "log"})


def ascii_text(text: str) -> str:
    """Words in ASCII: signs as in formulas, any other letter as its code."""
    plain = _raised(lambda found: f"^({found[0].translate(_POWERS)})", text)
    return plain.translate(_TABLE).encode("ascii", "backslashreplace").decode()


def in_ascii(node: Node, called: Callable[[str], str]) -> Node:
    """The formula in ASCII; `called` says what a quantity is called there."""
    return _Reader(called).read(node)


class _Reader:
    def __init__(self, called: Callable[[str], str]) -> None:
        self.called = called

    def read(self, node: Node) -> Node:
        match node:
            case Named(_, Word(text)) if text.isascii():
                return node  # an id already
            case Named(id, _):
                return Named(id, Word(self.called(id)))
            case Letter(text) if not text.isascii():
                return Word(ascii_text(text))
            case Row(inside):
                return row(*self.within(inside))
            case Script():
                return self.script(node)
        return self.built(node)

    def built(self, node: Node) -> Node:
        match node:
            case Root(inner):
                return _call("sqrt", self.read(inner))
            case Fenced(bar, inner, _) if bar in _BARS:
                return _call(_BARS[bar], self.read(inner))
            case Grid() if is_of_numbers(node):
                return node
            case Fraction() if node == _HALF:
                return Number("0.5")
        return mapped(node, self.read)

    def script(self, node: Script) -> Node:
        match node:
            case Script(Letter("f"), Sign("′"), None):
                return Word("f_prime")
            case Script(Word("cof"), Sign("′"), None):
                return Word("cof_along")
            case Script(base, power, None) if power in (INVERSE, INVERSE_TRANSPOSED):
                found = _call("inv", self.read(base))
                return found if power == INVERSE else Script(found, Word("T"))
            case Script(number, None, shape) if shape is not None and _is_number(number):
                return _repeated(self.read(number), self.read(shape))
            case Script(Fenced("(", inner, _), up, down):
                found = self.read(inner)
                base = found if _stands_alone(found) else Fenced("(", found, ")")
                return Script(base, up and self.read(up), down)
        base = self.read(node.base)
        slashed = isinstance(base, Named) and not is_simple(base)
        up, down = (part and self.read(part) for part in (node.up, node.down))
        return Script(Fenced("(", base, ")") if slashed else base, up, down)

    def within(self, inside: Sequence[Node]) -> Iterator[Node]:
        """The nodes of a row: sums and logarithms as calls, factors without needless fences."""
        for place, node in enumerate(inside):
            blank = place + 1 < len(inside) and inside[place + 1] == Sign(" ", bare=True)
            if isinstance(node, Total) or (blank and _is_logarithm(node)):
                start = place + 1 + (not isinstance(node, Total))
                end = start + reach(inside[start:])
                yield from items(_call(_called(node), self.read(row(*inside[start:end]))))
                yield from self.within_after(inside, end)
                return
            yield self.factor(inside, place) if isinstance(node, Fenced) else self.read(node)

    def within_after(self, inside: Sequence[Node], place: int) -> Iterator[Node]:
        if place < len(inside):
            yield self.read(inside[place])
            yield from self.within(inside[place + 1 :])

    def factor(self, inside: Sequence[Node], place: int) -> Node:
        """Something between delimiters, without them where it is a call by now."""
        node = inside[place]
        found = self.read(node)
        before, after = (
            inside[at] if 0 <= at < len(inside) else None for at in (place - 1, place + 1)
        )
        if before is not None and not isinstance(before, Sign):
            return found  # the arguments of a function
        multiplied = any(isinstance(each, Sign) and each.level == 2 for each in (before, after))
        call = isinstance(found, Fenced) and found.left == "(" and isinstance(found.inner, Row)
        if call and multiplied and isinstance(found, Fenced) and is_simple(found.inner):
            return found.inner
        return found


def _stands_alone(node: Node) -> bool:
    return isinstance(node, Named | Accent | Row) and is_simple(node)


def _is_number(node: Node) -> bool:
    signed = isinstance(node, Row) and node.items[0] == Sign("−", bare=True)
    return signed or isinstance(node, Number | Fraction)


def _is_logarithm(node: Node) -> bool:
    match node:
        case Word(name) | Script(Word(name), None, Number()):
            return name in _LOGARITHMS
    return False


def _called(node: Node) -> str:
    match node:
        case Total(None):
            return "sum"
        case Total(Word(words)):
            return f"sum of {words}"
        case Total(below):
            return f"sum over {_plain(below)} of "
        case Script(Word(name), None, Number(base)):
            return name + base
    assert isinstance(node, Word), node
    return node.text


def _plain(node: Node | None) -> str:
    """Letters, and a sign between them."""
    found = "" if node is None else "".join(getattr(each, "text", "") for each in items(node))
    return found.replace("≠", " != ")


def _call(name: str, inner: Node) -> Node:
    single = isinstance(inner, Fenced) and inner.left == "("
    return row(Word(name), inner if single else Fenced("(", inner, ")"))


def _repeated(number: Node, shape: Node) -> Node:
    """A number in every place: 2 * ones(3)."""
    sizes = [each for each in items(shape) if each != Sign("×", bare=True)]
    spread: list[Node] = []
    for size in sizes:
        spread += [Sign(",", bare=True), size] if spread else [size]
    ones = row(Word("ones"), Fenced("(", row(*spread), ")"))
    return ones if number == Number("1") else row(number, Sign("·", 2), ones)
