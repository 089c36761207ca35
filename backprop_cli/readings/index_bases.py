"""What the entries of every quantity are counted from: the one place where an entry is named."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from types import MappingProxyType

from msgspec import Struct

from backprop_cli.algebra.quantity import entry_id, layer_name, quantity

Index = tuple[int, ...]


class Bases(Struct, frozen=True):
    """From which number each axis counts: `first`, but for the weights in `special`.

    Where the bias is a row of W (or a column) it is number 0 there, and the first input number 1,
    whatever else counts from. `denominator` says that the axes of a Jacobian by W come first.
    """

    first: int = 1
    special: Mapping[str, Index] = MappingProxyType({})
    denominator: bool = False

    def of(self, id: str, rank: int) -> Index:
        """The number of the first entry on each axis of a quantity, its gradient or state."""
        found = self.own(id)
        if found is None or rank < len(found):
            return (self.first,) * rank
        others = rank - len(found)
        behind = min(others, 1) if self.denominator else 0
        return (self.first,) * (others - behind) + found + (self.first,) * behind

    def shown(self, id: str, index: Iterable[int | None]) -> tuple[str, ...]:
        """The indices of an entry, counted from 0, as they are written; None is a whole axis."""
        places = tuple(index)
        bases = self.of(id, len(places))
        return tuple(
            ":" if i is None else str(i + base) for i, base in zip(places, bases, strict=True)
        )

    def entry(self, id: str, index: Iterable[int]) -> str:
        """The id of an entry: `W1[2,1]`; of a number, its own."""
        return entry_id(id, self.shown(id, index))

    def ends(self, id: str, shape: Index) -> str:
        """`W1[1,1] to W1[2,3]`: from which entry to which there are some; of a number, its id."""
        first, last = (0,) * len(shape), [size - 1 for size in shape]
        return f"{self.entry(id, first)} to {self.entry(id, last)}" if shape else id

    def counted(self, id: str, index: Index) -> Index:
        """A written index counted from 0."""
        return tuple(i - base for i, base in zip(index, self.of(id, len(index)), strict=True))

    def own(self, id: str) -> Index | None:
        """The numbers of the parameter that a gradient, a new value, a change or a state is of."""
        if not self.special:
            return None
        found = quantity(id, frozenset(self.special))
        return self.special.get(found.by or found.name)


def bases_of(convention: Mapping[str, object], axes: Mapping[str, Collection[str]]) -> Bases:
    """Those of a problem: what its conventions say, and what the axes of what it states are."""
    first = int(str(convention.get("indices", 1)))
    special: dict[str, Index] = {}
    if convention.get("bias") == "first":
        for name in _with_biases(axes):
            special[name] = tuple(0 if axis == "input" else first for axis in axes[name])
    return Bases(first, special, convention.get("jacobian") == "denominator")


def _with_biases(names: Collection[str]) -> Iterator[str]:
    """The weights that have biases among them: not of skips, nor of what a state goes through."""
    found = {name: layered for name in names if (layered := layer_name(name)) is not None}
    recurrent = {layered.layer for layered in found.values() if layered.letter == "U"}
    for name, layered in found.items():
        if layered.letter == "W" and layered.source is None and layered.layer not in recurrent:
            yield name
