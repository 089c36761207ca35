"""Numbers and formulas that stand beside the keys of a file -> where they belong, with a complaint.

Read as keys of the file they would lead to a complaint at every formula that uses them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set
from functools import partial

from backprop_cli.errors import Complaints, first_of, listed
from backprop_cli.problem.array_files import is_reference
from backprop_cli.problem.file_format.fields import sizes_of
from backprop_cli.problem.file_format.records import Key
from backprop_cli.problem.text import other_keys
from backprop_cli.problem.text.lexer import is_name
from backprop_cli.problem.text.other_keys import folded, nearest
from backprop_cli.problem.text.tree import (
    Entry,
    ListNode,
    MapNode,
    Node,
    ScalarNode,
    flow_text,
)
from backprop_cli.problem.typed_numbers import shown

_WORDS = partial(re.findall, r"[^\W\d]\w*")
_assigned = partial(re.match, r"\s*\w+\s*=[^=]")
_has_operator = partial(re.fullmatch, r".*[*/@^(].*")
_number = partial(re.fullmatch, r"[-+−]?(?:\d+[.,]?\d*|[.,]\d+)(?:[eE][-+]?\d+)?")
_is_parameter = partial(re.fullmatch, r"[wWvVuUbBθ]_?\d{0,3}")
_VECTORS = frozenset({"x", "y", "inputs"})
_SHORT = 2  # letters of a name that is no slip of a key
_MOST = 6  # names in a sentence
_MOST_AGAIN = 12  # numbers with names that are shown as they should stand
_MODELS = frozenset({"layers", "equations"})


def is_told(node: Node, complaints: Complaints) -> bool:
    """Whether a file is a list of assignments without any key, which is then told."""
    if not (isinstance(node, ScalarNode) and _assigned(node.text)):
        return False
    message = "a file has keys: numbers stand under `values`, formulas under `equations`"
    under = "values: with a line `x: [1, 2]` each, equations: with a line `- z = w * x + b` each"
    complaints.add(message, node.mark, under)
    return True


def put_outermost(node: MapNode, keys: Set[str], complaints: Complaints) -> None:
    """Takes the keys of a problem from under a name of their own, such as `model` and `data`.

    Beside equations what stands under `data` is numbers with names.
    """
    _unwrap(node, keys, complaints, lambda inside: not _MODELS.isdisjoint(inside))
    if "layers" in node.entries:
        _unwrap(node, keys, complaints, lambda inside: inside <= keys)


def _unwrap(
    node: MapNode, keys: Set[str], complaints: Complaints, is_problem: Callable[[Set[str]], bool]
) -> None:
    for name, entry in list(node.entries.items()):
        inside = entry.value.entries if isinstance(entry.value, MapNode) else {}
        if name in keys or not inside or not is_problem(inside.keys()):
            continue
        message = f"the keys of a problem stand in the first column, not under {shown(name)}"
        said = ", ".join(f"{key}: …" for key in inside)
        complaints.add(message, entry.key.mark, f"{said}, a line each")
        del node.entries[name]
        node.entries = _both(inside, node.entries, complaints)


def _both(
    first: Mapping[str, Entry], second: Mapping[str, Entry], complaints: Complaints
) -> dict[str, Entry]:
    """The keys of two places together; what stands in both is said to be there twice."""
    for name in first.keys() & second.keys():
        later = max(first[name].key.mark, second[name].key.mark)
        complaints.add(f"{shown(name)} is given twice", later, "one of the two")
    return {**first, **second}


def put_under_convention(node: MapNode, choices: Mapping[str, Key], complaints: Complaints) -> None:
    """Takes `affine: x W + b` from beside `convention` into it: what follows depends on it."""
    given = node.entries.get("convention") or _section("convention", MapNode(1, 1))
    if not isinstance(given.value, MapNode):
        return
    for name in [each for each in node.entries if each in choices]:
        entry = node.entries[name]
        choices[name].field.read(entry.value, name, trial := Complaints())
        is_free = name not in given.value.entries and not trial.found
        if isinstance(entry.value, ScalarNode) and is_free:
            message = f"{shown(name)} is not a key of a problem file"
            instead = f"convention: {{{name}: {entry.value.text}}}"
            complaints.add(message, entry.key.mark, instead)
            given.value.entries[name] = node.entries.pop(name)
            node.entries["convention"] = given


def _section(name: str, value: Node) -> Entry:
    """A part of a file that is not written there."""
    return Entry(ScalarNode(name, "plain", 1, 1), value)


def put_under_equations(node: MapNode, keys: Collection[str], complaints: Complaints) -> None:
    """Takes `h: sigmoid(w * x)` for the equation that it says."""
    if "equations" in node.entries:
        return
    values = node.entries.get("values")
    inner = values.value.entries if values and isinstance(values.value, MapNode) else {}
    named = node.entries.keys() | inner.keys()
    made: list[Node] = []
    told: list[Entry] = []
    for key, entry in list(node.entries.items()):
        name = "L" if key == "loss" and made else key
        value = entry.value
        if not isinstance(value, ScalarNode) or not _is_own(name, keys):
            continue
        if _has_operator(value.text) and named & set(_WORDS(value.text)):  # no remark, no address
            made.append(as_equation(name, value))
            told.append(node.entries.pop(key))
    if made:
        _tell_formulas([entry.key for entry in told], made, complaints)
        lines = ListNode(made[0].line, made[0].column, made)
        node.entries["equations"] = _section("equations", lines)


def _tell_formulas(
    keys: Sequence[ScalarNode], made: Sequence[Node], complaints: Complaints
) -> None:
    """Says once which formulas are equations."""
    said = [f"`- {line.text}`" for line in made if isinstance(line, ScalarNode)]
    names, one = first_of([shown(key.text) for key in keys], _MOST), len(keys) == 1
    message = f"the formula{'s' * (not one)} of {names} belong{'s' * one} under `equations`"
    instead = f"equations: with {'a line' if one else 'the lines'} {first_of(said, _MOST)}"
    complaints.add(message, keys[0].mark, instead)


def as_equation(name: str, formula: ScalarNode) -> ScalarNode:
    """`z = W @ x` for `z: W @ x`, the formula where it stands."""
    column = max(formula.inside.column - len(f"{name} = "), 1)
    return ScalarNode(f"{name} = {formula.text}", "plain", formula.line, column)


def _is_own(name: str, keys: Collection[str]) -> bool:
    """Whether somebody gave a name of their own, and did not misspell a key."""
    if name in keys or not is_name(name):
        return False
    known = folded(name) in other_keys.OF_PROBLEM or nearest(name, keys) is not None
    return len(name) <= _SHORT or not known


def put_under_shapes(node: MapNode, keys: Set[str], complaints: Complaints) -> None:
    """Takes sizes that stand as numbers do, beside equations or under `values`, to `shapes`."""
    values = node.entries.get("values")
    inside = values.value.entries if values and isinstance(values.value, MapNode) else {}
    places = [(node.entries, node.entries.keys() - keys), (inside, inside.keys())]
    stated = [(place, name) for place, names in places for name in place if name in names]
    if "equations" not in node.entries or not _say_sizes([p[name].value for p, name in stated]):
        return
    shapes = node.entries.get("shapes") or _section("shapes", MapNode(1, 1))
    used = set(_WORDS(" ".join(_texts(node.entries["equations"].value))))
    moved = [
        (place, name, sizes)
        for place, name in stated
        if name in used and (sizes := _sizes(place[name].value)) is not None
    ]
    if not moved or not isinstance(shapes.value, MapNode):
        return
    said = ", ".join(f"{name}: [{', '.join(sizes)}]" for _, name, sizes in moved)
    place, name, _ = moved[0]
    message = "sizes of what equations use belong under `shapes`"
    complaints.add(message, place[name].key.mark, f"shapes: {{{said}}}")
    for place, name, sizes in moved:
        shapes.value.entries[name] = _as_shape(place.pop(name), sizes)
    node.entries["shapes"] = shapes


def _say_sizes(values: Sequence[Node]) -> bool:
    """Whether one is in words, or lists share a name: of `[n]` and `[m, n]` it is no number."""
    if any(isinstance(value, ScalarNode) and sizes_of(value.text) for value in values):
        return True
    each = [set(_sizes(value) or ()) for value in values if isinstance(value, ListNode)]
    return len(set().union(*each)) < sum(map(len, each))


def _sizes(value: Node) -> list[str] | None:
    """The sizes that are stated, alone or in a list; None where it may be numbers."""
    if isinstance(value, ListNode):
        texts = [item.text for item in value.items if isinstance(item, ScalarNode)]
        return texts if len(texts) == len(value.items) and all(map(is_name, texts)) else None
    if not isinstance(value, ScalarNode):
        return None
    found = sizes_of(value.text)
    return [value.text] if found is None and is_name(value.text) else found


def _as_shape(entry: Entry, sizes: Sequence[str]) -> Entry:
    line, column = entry.value.line, entry.value.column
    items: list[Node] = [ScalarNode(size, "plain", line, column) for size in sizes]
    return Entry(entry.key, ListNode(line, column, items))


def put_under_values(node: MapNode, keys: Set[str], complaints: Complaints) -> None:
    """Takes numbers that equations use from beside `equations` to `values`."""
    strays = [entry for name, entry in node.entries.items() if name not in keys and is_name(name)]
    values = node.entries.get("values") or _section("values", MapNode(1, 1))
    if not strays or "equations" not in node.entries or not isinstance(values.value, MapNode):
        return
    used = set(_WORDS(" ".join(_texts(node.entries["equations"].value))))
    groups = [each for each in strays if used & _names(each.value)]
    alone = [each for each in strays if each.key.text in used and not _names(each.value)]
    if alone:
        names = first_of([shown(each.key.text) for each in alone], _MOST)
        message = f"the numbers of {names}, which equations use, belong under `values`"
        complaints.add(message, alone[0].key.mark, as_values(alone))
    by_name = {each.key.text: each for each in alone}
    if found := _both(by_name, _of_groups(groups, complaints), complaints):
        values.value.entries = _both(found, values.value.entries, complaints)
        node.entries["values"] = values
    for each in (*alone, *groups):
        del node.entries[each.key.text]


def name_numbers(node: MapNode, keys: Set[str], complaints: Complaints) -> None:
    """Takes `w1: 0.15` and `weights: {w1: 0.15}` for values, where there is no model at all."""
    if not _MODELS.isdisjoint(node.entries) or "values" in node.entries:
        return
    alone = {
        name: entry
        for name, entry in node.entries.items()
        if (name in _VECTORS or _is_own(name, keys)) and _is_number(entry.value)
    }
    groups = {
        name: entry.value.entries
        for name, entry in node.entries.items()
        if isinstance(entry.value, MapNode) and (name not in keys or name in _VECTORS)
    }
    groups = {name: each for name, each in groups.items() if each and _are_numbers(each)}
    found = alone | {name: entry for each in groups.values() for name, entry in each.items()}
    if not any(map(_is_parameter, found)):
        return
    first = min((entry.key for entry in found.values()), key=lambda key: (key.line, key.column))
    line = f"z = {' * '.join(_two_of(found))}"
    message = "numbers with names are `values`, and `equations` say what is worked out from them"
    values = as_values([*found.values()])
    complaints.add(message, first.mark, f"{values}, equations: with lines such as `- {line}`")
    for name in (*alone, *groups):
        del node.entries[name]
    node.entries.pop("activation", None)  # a function in some of these lines
    node.entries["values"] = _section("values", MapNode(first.line, first.column, found))
    lines: list[Node] = [ScalarNode(line, "plain", first.line, first.column)]
    node.entries["equations"] = _section("equations", ListNode(first.line, first.column, lines))


def _two_of(names: Collection[str]) -> list[str]:
    """A parameter, and what it may be multiplied with."""
    others = [name for name in names if not _is_parameter(name)]
    return [next(filter(_is_parameter, names)), *others[:1]]


def _are_numbers(entries: Mapping[str, Entry]) -> bool:
    return all(_is_number(entry.value) for entry in entries.values())


def _is_number(node: Node) -> bool:
    return isinstance(node, ScalarNode) and _number(node.text) is not None


def as_values(entries: Sequence[Entry]) -> str:
    """Numbers with names as they are written; of many the first."""
    said = [f"{each.key.text}: {flow_text(each.value)}" for each in entries[:_MOST_AGAIN]]
    return f"values: {{{', '.join([*said, *['…'] * (len(entries) > _MOST_AGAIN)])}}}"


def _names(value: Node) -> Set[str]:
    """The names of the numbers in a group, such as `parameters`; none of numbers alone."""
    return set() if not isinstance(value, MapNode) or is_reference(value) else value.entries.keys()


def _of_groups(groups: Sequence[Entry], complaints: Complaints) -> dict[str, Entry]:
    """What stands in groups, where there are any, which is told once."""
    inside = [each.value.entries for each in groups if isinstance(each.value, MapNode)]
    found: dict[str, Entry] = {}
    for entries in inside:
        found = _both(found, entries, complaints)
    if groups:
        named = listed([shown(each.key.text) for each in groups])
        message = f"numbers that equations use belong under `values`, not under {named}"
        complaints.add(message, groups[0].key.mark, as_values([*found.values()]))
    return found


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
