"""A trace of any number of steps, of which some are drawn, to who uses whom in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct, field

from backprop_cli.algebra.expr import symbols
from backprop_cli.trace import Step, Trace


class Links(Struct):
    """The edges of the steps so far; `left_out` are states between steps that are drawn."""

    known: set[str]
    letters: frozenset[str]
    drawn: dict[str, list[str]]
    edges: list[tuple[str, str]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, trace: Trace) -> Links:
        """No edges yet."""
        lists = trace.over_time
        bases: dict[str, list[str]] = {base: [] for over in lists for base in over.bases}
        letters = frozenset(over.letter for over in lists)
        return cls({*trace.given, *trace.unknown}, letters, bases)

    def add(self, step: Step) -> Sequence[str]:
        """The edges into a step; what is left out before it."""
        before = len(self.left_out)
        own, _, _ = step.id.rpartition("_")
        for name in symbols(step.expr):
            found = self._sources(name, of_a_step=own in self.drawn)
            self.edges += [(source, step.id) for source in found]
        self.known.add(step.id)
        if own in self.drawn:
            self.drawn[own].append(step.id)
        return self.left_out[before:]

    def _sources(self, name: str, *, of_a_step: bool) -> Iterator[str]:
        """The vertices that a name in a formula stands for: all steps in a sum over them."""
        base, _, place = name.rpartition("_")
        if base in self.drawn and place in self.letters and not of_a_step:
            yield from self.drawn[base]
        elif base in self.drawn and name not in self.known:
            yield self._left_out(base, name)
        elif name in self.known:
            yield name
        elif base in self.known:  # x_t is a row of x
            yield base

    def _left_out(self, base: str, name: str) -> str:
        """A state that no drawn step gives, behind the last one that is drawn."""
        self.edges += [(before, name) for before in self.drawn[base][-1:]]
        self.known.add(name)
        self.left_out.append(name)
        return name
