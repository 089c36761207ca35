"""Numbers and formulas that stand beside the keys of a file -> where they belong, with a complaint.

Read as keys of the file they would lead to a complaint at every formula that uses them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from functools import partial

from backprop_cli.errors import Complaints
from backprop_cli.problem.array_files import is_reference
from backprop_cli.problem.text import other_keys
from backprop_cli.problem.text.lexer import is_name
from backprop_cli.problem.text.other_keys import folded, nearest
from backprop_cli.problem.text.tree import Entry, ListNode, MapNode, Node, ScalarNode
from backprop_cli.problem.typed_numbers import shown

_WORDS = partial(re.findall, r"[^\W\d]\w*")
_assigned = partial(re.match, r"\s*\w+\s*=[^=]")
_has_operator = partial(re.fullmatch, r".*[*/@^(].*")
_SHORT = 2  # letters of a name that is no slip of a key


def is_told(node: Node, complaints: Complaints) -> bool:
    """Whether a file is a list of assignments without any key, which is then told."""
    if not (isinstance(node, ScalarNode) and _assigned(node.text)):
        return False
    message = "a file has keys: numbers stand under `values`, formulas under `equations`"
    under = "values: with a line `x: [1, 2]` each, equations: with a line `- z = w * x + b` each"
    complaints.add(message, node.mark, under)
    return True


def put_under_equations(node: MapNode, keys: Collection[str], complaints: Complaints) -> None:
    """Takes `h: sigmoid(w * x)` for the equation that it says."""
    if "equations" in node.entries:
        return
    values = node.entries.get("values")
    inner = values.value.entries if values and isinstance(values.value, MapNode) else {}
    named = node.entries.keys() | inner.keys()
    made: list[Node] = []
    for key, entry in list(node.entries.items()):
        name = "L" if key == "loss" and made else key
        value = entry.value
        if not isinstance(value, ScalarNode) or not _is_own(name, keys):
            continue
        if _has_operator(value.text) and named & set(_WORDS(value.text)):  # no remark, no address
            text = f"{name} = {value.text}"
            message = f"the formula of {shown(key)} belongs under `equations`"
            complaints.add(message, entry.key.mark, f"equations: with a line `- {text}`")
            column = max(value.inside.column - len(f"{name} = "), 1)
            made.append(ScalarNode(text, "plain", value.line, column))
            del node.entries[key]
    if made:
        listed = ListNode(made[0].line, made[0].column, made)
        node.entries["equations"] = Entry(ScalarNode("equations", "plain", 1, 1), listed)


def _is_own(name: str, keys: Collection[str]) -> bool:
    """Whether somebody gave a name of their own, and did not misspell a key."""
    if name in keys or not is_name(name):
        return False
    known = folded(name) in other_keys.OF_PROBLEM or nearest(name, keys) is not None
    return len(name) <= _SHORT or not known


def put_under_values(node: MapNode, keys: Collection[str], complaints: Complaints) -> None:
    """Takes numbers that equations use from beside `equations` to `values`."""
    strays = [name for name in node.entries if name not in keys and is_name(name)]
    if not strays or "equations" not in node.entries:
        return
    values = node.entries.get("values") or Entry(ScalarNode("values", "plain", 1, 1), MapNode(1, 1))
    if not isinstance(values.value, MapNode):
        return
    used = set(_WORDS(" ".join(_texts(node.entries["equations"].value))))
    for name in strays:
        entry = node.entries[name]
        if name in used and (not isinstance(entry.value, MapNode) or is_reference(entry.value)):
            message = f"the numbers of {shown(name)}, which equations use, belong under `values`"
            complaints.add(message, entry.key.mark, f"values: {{{name}: …}}")
            values.value.entries.setdefault(name, node.entries.pop(name))
            node.entries["values"] = values


def words(node: Node) -> list[str]:
    """The names, and whatever else begins with a letter, in a part of a file and its keys."""
    return _WORDS(" ".join(_texts(node, keys=True)))


def _texts(node: Node, *, keys: bool = False) -> Iterator[str]:
    """All that is written in a part of a file, with its keys or without."""
    if isinstance(node, ScalarNode):
        yield node.text
    elif isinstance(node, ListNode):
        for item in node.items:
            yield from _texts(item, keys=keys)
    else:
        for entry in node.entries.values():
            if keys:
                yield entry.key.text
            yield from _texts(entry.value, keys=keys)
