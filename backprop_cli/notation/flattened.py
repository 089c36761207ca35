"""A formula to the same on one line: fractions as quotients, in parentheses where needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from backprop_cli.notation.nodes import (
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

_HALF = Fraction(Number("1"), Number("2"), bare=True)
_SLASH = Sign("/", 2)
_FUNCTIONS = (Letter, Word, Script)


def flat(node: Node) -> Node:
    """The formula without fractions that take two lines."""
    match node:
        case Row(inside):
            return row(*_spread(inside))
        case Fraction(top, bottom, bare):
            return _short(node) if bare else row(*_quotient(flat(top), flat(bottom)))
        case Named():
            return node
        case Grid() if is_of_numbers(node):
            return node
        case Root(inner):
            under = flat(inner)
            return Root(under if is_simple(under) else _fenced(under))
    return mapped(node, flat)


def _short(node: Fraction) -> Node:
    return Number("½") if node == _HALF else mapped(node, flat)


def _quotient(top: Node, bottom: Node) -> Iterator[Node]:
    yield from items(top if _may_be_divided(top) else _fenced(top))
    yield _SLASH
    yield bottom if is_simple(bottom) or isinstance(bottom, Script) else _fenced(bottom)


def _fenced(node: Node) -> Node:
    return Fenced("(", node, ")")


def _spread(inside: Sequence[Node]) -> Iterator[Node]:
    """The nodes of a row, each as it stands between its neighbours."""
    for place, node in enumerate(inside):
        before = inside[place - 1] if place else None
        after = inside[place + 1] if place + 1 < len(inside) else None
        if isinstance(before, Total) and isinstance(before.below, Word):
            end = place + reach(inside[place:])
            yield from _each(row(*_spread(inside[place:end])))
            yield from _after(inside, end)
            return
        yield from _between(before, node, after)


def _after(inside: Sequence[Node], place: int) -> Iterator[Node]:
    """What follows a sum, of which the sign itself needs no neighbour."""
    if place < len(inside):
        yield inside[place]
        yield from _spread(inside[place + 1 :])


def _each(node: Node) -> tuple[Node, ...]:
    """What stands behind words: `Σ rows of (A ⊙ B)`."""
    return items(node) if is_simple(node) or _is_name(node) else (_fenced(node),)


def _between(before: Node | None, node: Node, after: Node | None) -> Iterator[Node]:
    divided = isinstance(after, Sign) and after == _SLASH
    if isinstance(node, Braced):
        yield Braced(row(*_between(before, node.inner, after)), node.label)
    elif isinstance(node, Fraction) and not node.bare:
        yield from _among(before, row(*_quotient(flat(node.top), flat(node.bottom))), after)
    elif divided and _is_name(node) and not _is_number(node):
        yield _fenced(flat(node))
    elif divided and not _multiplies(before):
        yield from items(_without_fence(flat(node)))
    else:
        yield flat(node)


def _without_fence(node: Node) -> Node:
    """Σ a / 2 is the same with parentheses and without."""
    match node:
        case Fenced("(", Row((Total(), *_)) | Row((Sign("−"), Total(), *_)) as inner, _):
            return inner
    return node


def _among(before: Node | None, quotient: Node, after: Node | None) -> tuple[Node, ...]:
    """A quotient between its neighbours."""
    if _multiplies(after) or (_multiplies(before) and not _scales(before)):
        return (_fenced(quotient),)
    if isinstance(before, Sign) and before.level in (1, 2) and _begins_with_minus(quotient):
        top, *rest = _cut(quotient)
        return (_fenced(top), *rest)
    return items(quotient)


def _scales(node: Node | None) -> bool:
    """Whether a sign stands behind a number that multiplies."""
    return isinstance(node, Sign) and node.text in ("·", TIMES)


def _multiplies(node: Node | None) -> bool:
    return isinstance(node, Sign) and node.level == 2 and node.text != "/"


def _cut(quotient: Node) -> list[Node]:
    """The top, the slash, the bottom."""
    nodes = items(quotient)
    place = max(place for place, node in enumerate(nodes) if node == _SLASH)
    return [row(*nodes[:place]), *nodes[place:]]


def _begins_with_minus(node: Node) -> bool:
    first = items(node)[0]
    return first == Sign("−", bare=True) or (isinstance(first, Number) and first.text[:1] in "−-")


# What needs no parentheses ------------------------------------------------------------------------


def reach(inside: Sequence[Node]) -> int:
    """How many of the nodes a Σ or ln before them has as its argument."""
    for place, node in enumerate(inside):
        if isinstance(node, Sign) and (ends_terms(node) or (node.bare and node.text in ",;")):
            return place
    return len(inside)


def ends_terms(sign: Sign) -> bool:
    """Whether a sign stands between terms or sides, not between factors."""
    return not sign.bare and sign.level != 2


def is_simple(node: Node) -> bool:
    """Whether a node is a name, a number, a call or closed otherwise, and nothing is raised."""
    match node:
        case Letter() | Word() | Fenced() | Accent() | Grid() | Cases() | Root():
            return True
        case Number(text):
            return text[:1] not in "−-"
        case Script(base, up, _):
            return up is None or (isinstance(base, Letter) and up == Sign("′", bare=True))
        case Named():
            return not _is_name(node)
        case Row((head, Fenced())):
            return isinstance(head, _FUNCTIONS)
    return False


def _is_name(node: Node) -> bool:
    """Whether a node is a name that has a slash in it: ∂L/∂W."""
    match node:
        case Named(_, inner):
            return _is_name(inner) or (isinstance(inner, Row) and " " in _texts(inner))
        case Word(text):
            return "/" in text
    return isinstance(node, Fraction) and node.bare


def _texts(node: Row) -> set[str]:
    return {part.text for part in node.items if isinstance(part, Sign)}


def _is_number(node: Node) -> bool:
    return isinstance(node, Fraction) and isinstance(node.top, Number)


def _may_be_divided(node: Node) -> bool:
    """Whether a node stands before a slash as it is."""
    nodes = items(node)
    negative = nodes[0] == Sign("−", bare=True)
    inside = nodes[1:] if negative else nodes
    if reach(inside) < len(inside):
        return False
    if len(inside) == 1 and _is_name(inside[0]):
        return _is_number(inside[0])
    opens = [place for place, part in enumerate(inside) if _opens(inside, place)]
    return not opens or (opens[0] == 0 and (negative or isinstance(inside[0], Total)))


def _opens(inside: Sequence[Node], place: int) -> bool:
    """Whether a Σ, or a function before a blank, begins here."""
    blank = place + 1 < len(inside) and inside[place + 1] == Sign(" ", bare=True)
    return isinstance(inside[place], Total) or (blank and isinstance(inside[place], _FUNCTIONS))
