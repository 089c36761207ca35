"""Lists as typed -> the numbers probably meant, where commas or semicolons in them are astray."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from itertools import pairwise

from msgspec import Struct

from backprop_cli.errors import Mark
from backprop_cli.problem.text.tree import Entry, ListNode, MapNode, Node, ScalarNode
from backprop_cli.problem.typed_numbers import DECIMAL_COMMA, NumberError, point_for_comma, shown

DEEPEST = 6
"""Lists within lists that anybody may write; a Jacobian of two matrices has four."""

_QUOTES = "“”„‟‘’‚‛«»"
_whole = partial(re.fullmatch, r"[+\-\N{MINUS SIGN}]?[0-9]+")
_fraction = partial(re.fullmatch, r"[0-9]+(?:[eE][+-]?[0-9]+)?")


class Pair(Struct, frozen=True):
    """Two numbers of a list with nothing but a comma between them, `0,5`."""

    typed: str
    mark: Mark

    @property
    def message(self) -> str:
        """What is said where the comma turns out to be a decimal one."""
        return f"{shown(self.typed)} has a comma in it: the decimal sign is a point"

    @property
    def doubt(self) -> str:
        """What is said where it may be."""
        return f"{shown(self.typed)} is read as two numbers; a decimal sign would be a point"

    @property
    def instead(self) -> str:
        """The number that was meant."""
        return self.typed.replace(",", ".")

    @property
    def advice(self) -> str:
        """What to write instead: a comma before three digits may be one of thousands."""
        return point_for_comma(self.typed)


def with_points(node: Node, pairs: list[Pair]) -> Node:
    """The same value with every `0,5` of a list as one number; what was joined is put in `pairs`.

    Only a comma without a space can be meant as a decimal one.
    """
    if isinstance(node, ListNode):
        return ListNode(node.line, node.column, _joined(node.items, pairs))
    if isinstance(node, MapNode):
        entries = {
            name: Entry(entry.key, with_points(entry.value, pairs))
            for name, entry in node.entries.items()
        }
        return MapNode(node.line, node.column, entries, node.again)
    return node


def _joined(items: list[Node], pairs: list[Pair]) -> list[Node]:
    found: list[Node] = []
    position = 0
    while position < len(items):
        item = items[position]
        following = items[position + 1] if position + 1 < len(items) else None
        if following is not None and is_pair(item, following):
            pair = pair_of(item, following)
            pairs.append(pair)
            found.append(ScalarNode(pair.instead, "plain", item.line, item.column))
            position += 2
        else:
            found.append(with_points(item, pairs))
            position += 1
    return found


def is_pair(first: Node, second: Node) -> bool:
    """Whether two values with a comma between them look like the halves of a decimal number."""
    return (
        isinstance(first, ScalarNode)
        and isinstance(second, ScalarNode)
        and first.style == second.style == "plain"
        and (first.line, first.column + len(first.text) + 1) == (second.line, second.column)
        and _whole(first.text) is not None
        and _fraction(second.text) is not None
    )


def pair_of(first: Node, second: Node) -> Pair:
    """The number that two values are the halves of."""
    assert isinstance(first, ScalarNode)
    assert isinstance(second, ScalarNode)
    return Pair(f"{first.text},{second.text}", first.mark)


def has_spaces(node: Node) -> bool:
    """Whether some list has a space behind one of its commas, as its writer may do everywhere."""
    return any(_is_apart(*pair) for items in _lists(node) for pair in pairwise(items))


def separates_without_spaces(node: Node) -> bool:
    """Whether some list is `1,2,3`, which no decimal signs explain: its commas separate."""
    return any(
        len(items) % 2 == 1
        and all(is_pair(*pair) for pair in pairwise(items))
        and not any(isinstance(item, ScalarNode) and item.text == "0" for item in items)
        for items in _lists(node)
        if len(items) > 1
    )


def _lists(node: Node) -> Iterator[list[Node]]:
    """What is in each list, wherever it stands."""
    stack = [node]
    while stack:
        inner = stack.pop()
        if isinstance(inner, ListNode):
            yield inner.items
            stack += inner.items
        elif isinstance(inner, MapNode):
            stack += [entry.value for entry in inner.entries.values()]


def _is_apart(first: Node, second: Node) -> bool:
    return (
        isinstance(first, ScalarNode)
        and isinstance(second, ScalarNode)
        and first.line == second.line
        and first.column + len(first.text) + 1 < second.column
    )


def refuse_semicolons(node: ListNode) -> None:
    """NumberError where a list is a matrix with its rows between semicolons: `[1 0; -1 1]`."""
    if any(isinstance(item, ScalarNode) and ";" in item.text for item in node.items):
        text = ""
        for before, item in zip([None, *node.items], node.items, strict=False):
            if not isinstance(item, ScalarNode):
                return
            joint = "," if before is not None and _is_close(before, item) else " "
            text += (joint if text else "") + item.text
        meant = re.sub(DECIMAL_COMMA, ".", text).replace(",", " ")
        message = "rows between semicolons are a text, in quotes and without brackets"
        raise NumberError(message, f'"{" ".join(meant.split())}"')


def _is_close(first: Node, second: ScalarNode) -> bool:
    return isinstance(first, ScalarNode) and first.column + len(first.text) + 1 == second.column


def refuse_quotes(text: str) -> None:
    """NumberError where typographic quotes stand around numbers."""
    if (plain := text.strip().strip(_QUOTES).strip()) != text.strip():
        several = any(char in plain for char in " ;,")
        message = f"{shown(text)} stands in typographic quotes, which quote nothing here"
        raise NumberError(message, f'"{plain}"' if several else plain)


def refuse_brackets(text: str) -> None:
    """NumberError where a text is a list, as quotes around one or a block of text make it."""
    if (plain := without_brackets(text)) == text:
        return
    if "\n" in text.strip():
        first = plain.partition(";")[0]
        raise NumberError("in a block of text a row of numbers has no brackets", first)
    if ";" in text:
        message = "rows between semicolons are a text, in quotes and without brackets"
        raise NumberError(message, f'"{plain}"')
    raise NumberError(f"{shown(text)} stands in quotes, and a list stands without", text.strip())


_in_latex = re.compile(
    r"\W*(?:\\left\W*)?\\begin\s*\{\w*(?:matrix|array)\*?\}(?:\s*\{[clr| ]+\})?(.+?)"
    r"\\end\s*\{\w+\*?\}\W*(?:\\right\W*)?",
    re.DOTALL,
).fullmatch


_plain_fraction = re.compile(r"\\[dt]?frac\s*\{([^{}]+)\}\s*\{([^{}]+)\}").sub


def refuse_latex(text: str) -> None:
    """NumberError where a matrix stands as LaTeX has it, entries apart by &."""
    if (found := _in_latex(text)) is None:
        return
    plain = _plain_fraction(r"\1/\2", found[1])
    rows = (row.strip() for row in plain.split("\\\\"))
    entries = [[entry.strip() for entry in row.split("&")] for row in rows if row]
    written = ", ".join(f"[{', '.join(row)}]" for row in entries)
    raise NumberError("a matrix in LaTeX is no matrix here", f"[{written}]")


def without_brackets(text: str) -> str:
    """A list that is one text, `[[1, 2], [3, 4]]`, with semicolons for the brackets of its rows."""
    if _in_brackets(text) is None:
        return text
    rows = re.sub(r"\]\s*,?\s*\[", "; ", text).strip().strip("[]").strip()
    return re.sub(r",\s*", ", ", rows)  # in brackets a comma separates


def in_square_brackets(text: str) -> str:
    """`(1; 2)`, `(1, 2)^T` and `tensor([1., 2.])`, as people and programs write them, as lists.

    A vector is one, lying or standing; of a matrix `^T` would make another one, and stays.
    """
    printed = _printed(text)
    listed = text if printed is None else re.split(r", *\w+=", printed[1], maxsplit=1)[0]
    for _ in range(DEEPEST):
        listed, found = _several(r"[\1]", listed)
        if not found:
            break
    if (column := _turned(listed)) is not None:
        listed = column[1]
    return listed if _in_brackets(listed) else text


def without_type(text: str) -> str:
    """One number that is printed with its type, `np.float64(0.5)`, without it."""
    found = _of_type(text)
    return text if found is None else found[1]


_of_type = partial(
    re.fullmatch, r"\s*(?:(?:np|numpy)\.float\d+|(?:torch\.)?tensor)\(([^()\[\],]*)\)\s*"
)
_several = partial(  # the first separator is found once, whatever follows it
    re.subn, r"(?<!\w)\(((?:[^(),;]|\([^()]*\))*[,;](?:[^()]|\([^()]*\))*)\)"
)
_printed = partial(
    re.fullmatch, r"\s*(?:\w+\.)?(?:array|tensor|matrix)\((.*)\)\s*", flags=re.DOTALL
)
_turned = partial(re.fullmatch, r"(\s*\[[^\[\]]*\])(?:\^T|ᵀ|\.T)\s*")
_in_brackets = partial(re.fullmatch, r"\s*\[.*\]\s*", flags=re.DOTALL)
