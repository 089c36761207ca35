"""Ids to the symbols that stand for them: `dL/dW1` to ∂L over ∂W¹, `alpha` to α."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from backprop_cli.algebra.greek import GREEK, SHORTENED
from backprop_cli.algebra.quantity import (
    Letters,
    Quantity,
    Second,
    from_outside,
    layer_name,
    loss_part,
    quantity,
    second_derivative,
    state_id,
    step_id,
    whole_id,
)
from backprop_cli.algebra.shapes import Size, is_formula
from backprop_cli.notation.nodes import (
    Accent,
    Fenced,
    Fraction,
    Letter,
    Named,
    Node,
    Number,
    Places,
    Script,
    Sign,
    Word,
    row,
)
from backprop_cli.notation.numbers_and_indices import place

Ending = Literal["plain", "raised", "fraction"]

_CONSTANTS = {
    "learning_rate": "η",
    "l2": "λ",
    "penalty": "λ",
    "weight_decay": "λ",
    "clip_norm": "c",
    "clip_scale": "s",
}
_ACCENTS: tuple[Literal["hat", "bar"], ...] = ("hat", "bar")
_MARKS = {"new": "+", "old": "−"}
_SHIFT = "beta"  # of a norm; beta1 and beta2 are constants of Adam as well, which no state is of
_HATTED_STATES = {"mhat": "m", "vhat": "v"}
_HAT = "\N{COMBINING CIRCUMFLEX ACCENT}"
_LOWERED = frozenset("aehijklmnoprstuvx")  # letters that Unicode has below the line

_numbered = re.compile(r"(.*?[^\W\d_])_?(\d+)").fullmatch
_stepped = re.compile(r"(.+)_\{(.+)\}").fullmatch
_variance = re.compile(r"var_([^\W\d_]+)").fullmatch
_of_a_kind = re.compile(r"([WUVb])([A-Za-z])").fullmatch  # WQ beside WK, bf beside bi
_lettered = re.compile(r"([^\W\d_]+)_([a-z])").fullmatch


class Naming(Struct, frozen=True):
    """What ids are called. `letters` are those of layers, None where digits are no layer numbers.

    `matrices` are quantities that are one, or more than one; `bases` are the ids of quantities,
    `states` those of what an update rule keeps of them; `deltas` are the gradients that are written
    δ; `latin` are the Greek letters that are written out, since a function is called by them.
    """

    letters: Letters | None = None
    matrices: frozenset[str] = frozenset()
    bases: frozenset[str] = frozenset()
    deltas: frozenset[str] = frozenset()
    latin: frozenset[str] = frozenset()
    states: frozenset[str] = frozenset()

    def read(self, id: str) -> Quantity:
        """What an id says; u_w is a name of the user's own where no rule keeps a u of w."""
        found = quantity(id, self.bases)
        own = found.state and state_id(found.state, found.name) not in self.states
        return quantity(id) if own else found


class Symbol(Struct, frozen=True):
    """A symbol, and how it ends: a raised digit or a fraction needs parentheses before ᵀ."""

    node: Node
    ending: Ending = "plain"


@lru_cache(maxsize=4096)
def symbol(naming: Naming, id: str) -> Symbol:
    """The symbol of a quantity."""
    read = naming.read(id)
    if read.step != 1:
        step = row(Sign("(", bare=True), Word(f"step {read.step}"), Sign(")", bare=True))
        first = symbol(naming, step_id(id, 1)).node
        return Symbol(row(first, Sign(" ", bare=True), step), "fraction")
    if read.index:
        whole = symbol(naming, whole_id(id))
        apart = whole.ending == "fraction" or _is_named_below(whole.node)
        inner = Fenced("(", whole.node, ")") if apart else whole.node
        return Symbol(lowered(inner, Places(tuple(map(str.strip, read.index)))))
    if (twice := second_derivative(id)) is not None:
        return _second(naming, twice)
    if id in naming.deltas:
        return _delta(naming, id)
    if read.by:
        of, by = (row(Letter("∂"), symbol(naming, name).node) for name in (read.name, read.by))
        return Symbol(Fraction(of, by, bare=True), "fraction")
    if read.part:
        return _moved(naming, id)
    if read.state:
        inner = Fenced("(", symbol(naming, read.name).node, ")")
        return Symbol(row(_state_letter(read.state), inner))
    if (reached := from_outside(id)) is not None:
        return Symbol(row(Letter("g"), Fenced("(", symbol(naming, reached).node, ")")))
    return _layered(naming, naming.letters, id) if naming.letters else _plain(id, naming.latin)


def _moved(naming: Naming, id: str) -> Symbol:
    """W⁺, ΔW and what else an update makes of a quantity; p_old is a name of the user's own."""
    read = naming.read(id)
    if read.part == "old" and not read.state:
        return _plain(id, naming.latin)
    plain = symbol(naming, replace(read, part="").id)
    if read.part == "ahead":
        return Symbol(marked(plain.node, "bar"), plain.ending)
    before = plain.node
    ended = raised(before, _MARKS[read.part]) if read.part in _MARKS else None
    return Symbol(ended or row(Letter("Δ"), before), "raised")


def _is_named_below(node: Node) -> bool:
    """Whether what stands below is a name, which indices behind it would run into: S of O."""
    match node:
        case Named(_, inner):
            return _is_named_below(inner)
        case Script(_, _, Places(texts)):
            return not all(map(str.isdecimal, texts))
        case Script(_, _, down):
            return isinstance(down, Letter | Accent | Word)
    return False


def _delta(naming: Naming, id: str) -> Symbol:
    """δ with the number of its layer above it, and its step in time below."""
    step = quantity(id).by.partition("_")[2].strip("{}")
    above = Number(layer_of(naming.letters, id)) if naming.letters else None
    below = Places((step,)) if step else None
    return Symbol(Script(Letter("δ"), above, below), "raised" if above else "plain")


def _second(naming: Naming, twice: Second) -> Symbol:
    """∂²L over ∂w², or over ∂w ∂b."""
    of, by, then = (symbol(naming, name).node for name in (twice.of, twice.by, twice.then))
    top = row(Script(Letter("∂"), Number("2")), of)
    if twice.by == twice.then:
        return Symbol(Fraction(top, row(Letter("∂"), _squared(by)), bare=True), "fraction")
    below = row(Letter("∂"), by, Sign(" ", bare=True), Letter("∂"), then)
    return Symbol(Fraction(top, below, bare=True), "fraction")


def _squared(node: Node) -> Node:
    """w², x₁², and (W¹)² where a number stands above already."""
    closed = Fenced("(", node, ")") if isinstance(node, Script) and node.up is not None else node
    return Script(closed, Number("2"))


def layer_of(letters: Letters, id: str) -> str:
    """The number in print of the layer that a gradient is taken by."""
    found = layer_name(quantity(id).by.partition("_")[0])
    assert found is not None, id
    return str(found.layer + letters.first_layer - 1)


def size(shape: Sequence[Size]) -> Node:
    """A shape as it is written: 2×3, or N₁×N."""
    nodes: list[Node] = []
    for length in shape:
        node = _length(length)
        if len(shape) > 1 and isinstance(length, str) and {"+", "-"} & {*length}:
            node = Fenced("(", node, ")")
        nodes += [Sign("×", bare=True), node] if nodes else [node]
    return row(*nodes)


def _length(length: Size) -> Node:
    """One size: a number, a letter, or a letter and what is added to it."""
    if isinstance(length, int):
        return Number(str(length))
    base, sign, rest = length.partition("-" if "-" in length else "+")
    letter = _plain(base).node
    bare = Sign("−" if sign == "-" else sign, bare=True)
    return row(letter, bare, Number(rest)) if sign else letter


def raised(node: Node, mark: str) -> Node:
    """The symbol with a mark at its upper right, behind a layer number that stands there."""
    sign = Sign(mark, bare=True)
    if isinstance(node, Script) and node.up is not None:
        return Script(node.base, row(node.up, sign), node.down)
    if isinstance(node, Script):
        return Script(node.base, sign, node.down)
    return Script(node, sign)


def lowered(node: Node, below: Node) -> Node:
    """The symbol with indices at its lower right, below a layer number that stands there."""
    if isinstance(node, Named):
        return Named(node.id, lowered(node.inner, below))
    if isinstance(node, Script) and node.down is None:
        return Script(node.base, node.up, below)
    return Script(node, None, below)


def takes_index(node: Node) -> bool:
    """Whether an index goes below a number that is raised already, rather than behind it all."""
    return isinstance(node, Named) or (isinstance(node, Script) and node.down is None)


def marked(node: Node, mark: Literal["hat", "tilde", "bar"]) -> Node:
    """The symbol with a mark over its letter; over all of it where there is no letter."""
    return _marked(node, mark) or Accent(node, mark)


def _marked(node: Node, mark: Literal["hat", "tilde", "bar"]) -> Node | None:
    match node:
        case Named(id, inner):
            found = _marked(inner, mark)
            return found and Named(id, found)
        case Script(base, up, down):
            found = _marked(base, mark)
            return found and Script(found, up, down)
        case Letter():
            return Accent(node, mark)
    return None


def _state_letter(letter: str) -> Node:
    base = _HATTED_STATES.get(letter)
    return Accent(Letter(base), "hat") if base else Letter(letter)


def _layered(naming: Naming, letters: Letters, id: str) -> Symbol:
    whole = {
        "X": _letter_of(naming, "X", letters.input),
        "Y": _letter_of(naming, "Y", letters.target),
        "Yhat": letters.output,
        "L": letters.loss,
    }
    if id in whole:
        return Symbol(written(whole[id]))
    if part := loss_part(id):
        return Symbol(Script(written(letters.loss), None, Word(part)))
    if (timed := _over_time(naming, letters, id)) is not None:
        return timed
    found = layer_name(id)
    if found is None or (found.letter == _SHIFT and id not in naming.bases):
        return _plain(id.removesuffix("_"), naming.latin)  # a constant whose name a layer has
    kinds = {"W": letters.weights, "b": letters.bias, "Z": letters.pre, "H": letters.post}
    shift = letters.first_layer - 1
    above: Node = Number(str(found.layer + shift))
    if found.source is not None:
        inner = Number(str(found.source + shift)) if found.source else Letter("x")
        above = row(above, Sign("(", bare=True), inner, Sign(")", bare=True))
    letter = found.letter
    if letter == "var":  # var², with the layer above it, would be a square
        layer = row(Number("2"), Sign("(", bare=True), above, Sign(")", bare=True))
        return Symbol(Script(Letter("σ"), layer), "raised")
    if letter in ("WQ", "WK", "WV", "bW"):
        base = written(kinds[letter[0]])
        return Symbol(Script(base, above, Letter(letter[1])), "raised")
    base = written(kinds[letter]) if letter in kinds else _letter(letter, naming.latin)
    if letter == "Htilde":
        base = marked(written(letters.post), "tilde")
    return Symbol(Script(base, above), "raised")


def _over_time(naming: Naming, letters: Letters, id: str) -> Symbol | None:
    """A step of a layer's quantity, or a gate's parameter, below its letter: H1_2, W1_i."""
    base, _, below = id.rpartition("_")
    below = below.strip("{}")
    of_layer = layer_name(base)
    if not below or (of_layer is None and base not in ("X", "Y", "Yhat")):
        return None
    if of_layer is not None and of_layer.letter == "W" and below.isdecimal():
        return None  # the weights of a skip
    return Symbol(lowered(_layered(naming, letters, base).node, Places((below,))), "raised")


def _letter_of(naming: Naming, id: str, letter: str) -> str:
    """What is a matrix has a capital letter, X, unless the problem names it itself."""
    return id if id in naming.matrices and letter == id.lower() else letter


def _plain(id: str, latin: frozenset[str] = frozenset()) -> Symbol:
    """A name of the user's own: Greek letters, hats, bars, and digits below the line."""
    if is_formula(id):
        return Symbol(place(id))
    if id == "gradient_norm":
        return Symbol(Fenced("‖", Letter("g"), "‖"))
    if id in _CONSTANTS:
        return Symbol(Letter(_CONSTANTS[id]))
    if match := _numbered(id):
        return Symbol(Script(_letter(match[1], latin), None, Number(match[2])))
    if match := _variance(id):
        return Symbol(Script(Letter("σ"), Number("2"), _plain(match[1], latin).node), "raised")
    if (match := _of_a_kind(id)) and id not in latin:
        return Symbol(Script(Letter(match[1]), None, Letter(match[2])))
    if (match := _lettered(id)) and match[2] in _LOWERED:
        return Symbol(Script(_letter(match[1], latin), None, Letter(match[2])))
    if match := _stepped(id):
        return Symbol(lowered(_plain(match[1], latin).node, Places((match[2],))))
    base, _, below = id.partition("_")
    if below and (isinstance(_letter(base, latin), Letter | Accent) or len(below) == 1):
        return Symbol(Script(_plain(base, latin).node, None, _plain(below, latin).node))
    return Symbol(_letter(id, latin))


def _letter(word: str, latin: frozenset[str]) -> Node:
    if word in latin:
        return Word(word)
    if (letter := GREEK.get(SHORTENED.get(word, word))) is not None:
        return Letter(letter)
    for mark in _ACCENTS:
        base = word.removesuffix(mark).removesuffix("_")
        if word.endswith(mark) and (len(base) == 1 or base in GREEK):
            return Accent(Letter(GREEK.get(base, base)), mark)
    return written(word)


def written(text: str) -> Node:
    """A letter or word as the problem writes it: Ŷ is a Y with a hat."""
    decomposed = unicodedata.normalize("NFD", text)
    if decomposed[1:] == _HAT:
        return Accent(Letter(decomposed[0]), "hat")
    return Letter(text) if len(text) == 1 else Word(text)
