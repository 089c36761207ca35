"""A word that is not known -> the known one that was meant: the same but for a slip of the hand.

Another thing's name is never a slip: `relu6` is not `relu`, `eta` not `beta`, `adamw` not `adam`.
"""

from __future__ import annotations

import re
from collections.abc import Collection

LONGEST = 40
"""Characters of a word that is looked up."""

_SHORTEST = 3
_LONG = 8  # letters of a word that may have two slips
_QUOTES = "“”„‟‘’‚‛«»\"'"


def folded(text: str) -> str:
    """`text` as words are compared: in small letters, without quotes, hyphens and spaces."""
    return re.sub(r"[\s_-]", "", text.strip(_QUOTES + " ").casefold())


def nearest(text: str, known: Collection[str]) -> str | None:
    """The one of `known` that was probably meant."""
    if len(text) > LONGEST:
        return None
    word = folded(text)
    names: dict[str, str] = {}
    for name in known:
        names.setdefault(folded(name), name)
    if word in names:
        return names[word]
    if len(word) < _SHORTEST:
        return None
    most = 1 if len(word) < _LONG else 2
    found = [(slips, name) for name in names if (slips := _slips(word, name)) <= most]
    if found:
        fewest = min(slips for slips, _ in found)
        closest = [name for slips, name in found if slips == fewest]
        return names[closest[0]] if len(closest) == 1 else None
    begun = [name for name in names if len(word) > _SHORTEST and name.startswith(word)]
    return names[begun[0]] if len(begun) == 1 else None


def _slips(word: str, name: str) -> int:
    """How many letters are wrong, lost, too many or exchanged; many where it is another word."""
    if word[:1] != name[:1] or abs(len(word) - len(name)) > 2 or len(name) < _SHORTEST:
        return len(word) + len(name)
    if (more := word.removeprefix(name)) != word and more not in ("s", name[-1]):
        return len(word) + len(name)
    before: list[int] = []
    row = list(range(len(name) + 1))
    for i, char in enumerate(word, 1):
        older, before, row = before, row, [i]
        for j, other in enumerate(name, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (char != other))
            if i > 1 and j > 1 and (char, word[i - 2]) == (name[j - 2], other):
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
    return row[-1]
