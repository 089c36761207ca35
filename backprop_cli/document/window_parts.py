"""A step that slides a window to what is said of it beside its formula: one window written out."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np

from backprop_cli.algebra.expr import Expr, Op, Sym, op, uses, walk
from backprop_cli.derive.derivation_nodes import EQUAL, Indices, NoMoreLettersError, indexed
from backprop_cli.derive.tensors.entrywise import Counting, Entrywise
from backprop_cli.document.document_data import Equation
from backprop_cli.document.step_equations import Formulas, Known
from backprop_cli.errors import listed
from backprop_cli.operations.convolutions import SLIDING
from backprop_cli.operations.pooling import POOLED, pool_of, windows_at
from backprop_cli.operations.sliding import AXES
from backprop_cli.operations.table import Sizes
from backprop_cli.readings.entries import NoEntryError
from backprop_cli.readings.values import evaluate
from backprop_cli.trace import Step

_LONGEST = 160  # parts of a window that is written out
_MOST_WINDOWS = 6  # of a step that pools, all of which are written out
_INDEX = {"conv": "fij", "conv_kernel": "fcuv"}
_SUMMED = {"conv": "cuvmprst", "conv_kernel": "ijmprst"}


def _windowed(step: Step) -> Op | None:
    """What slides a window in the formula of a step; where a gradient goes back, no pooling."""
    sliding = SLIDING if step.phase != "forward" else {*SLIDING, *POOLED}
    for node in walk(step.expr):
        if isinstance(node, Op) and node.name in sliding:
            return node
    return None


def any_entry(step: Step, formulas: Formulas) -> Iterator[Equation]:
    """The formula of any entry: sums over offsets, or over places, without a condition in them."""
    node = _windowed(step)
    if node is None or node.name not in _INDEX:
        return
    writer = _Offsets(formulas, node)
    try:
        letters = writer.index(step)
        if len(letters) != len(step.shape):
            return  # it slides within a formula of something smaller, as a sum is
        found = writer.entry(step.expr, letters, step.id)
    except (NoEntryError, NoMoreLettersError):
        return
    if not uses(found, EQUAL):
        head = formulas.names.node(indexed(step.id, *letters).name)
        yield Equation(head, (formulas.writer().node(found),))


class _Offsets(Entrywise):
    """Writes entries with the letters that convolutions are written with, where they are free."""

    def __init__(self, formulas: Formulas, node: Op) -> None:
        bases = formulas.names.counting
        sizes = Sizes(formulas.known.shapes, {})
        super().__init__(sizes, Counting(bases.first, {}), Indices())
        self.node = node
        self.taken = {name for name in formulas.known.shapes if len(name) == 1}

    def free(self, liked: str) -> str:
        """The first letter that means nothing else."""
        for letter in liked:
            if letter not in self.taken and letter not in self.around:
                return letter
        raise NoMoreLettersError

    def index(self, step: Step) -> tuple[str, ...]:
        """The letters of the entry itself: f and c for filters and channels, i and j for places."""
        liked, rank = _INDEX[self.node.name], len(step.shape)
        axes = self._axes()
        before = liked[: len(liked) - AXES][: rank - axes]
        own = before + liked[len(liked) - AXES :][:axes]
        letters: list[str] = []
        for letter in own:
            self.around = set(letters)
            letters.append(self.free(letter + "mnpqrst"))
        return tuple(letters)

    def _axes(self) -> int:
        rank = len(self.shape(self.node.args[0]))
        return int(str(self.node.option("axes") or (1 if rank == 1 else AXES)))

    def letter(self, own: object, first: int, node: Expr) -> str:  # noqa: ARG002
        """A letter of a sum, none that is in use."""
        channels = len(self.shape(self.node.args[0])) > self._axes()
        liked = _SUMMED[self.node.name]
        skipped = liked[1:] if self.node.name == "conv" and not channels else liked
        return self.free(skipped)


def example(step: Step, formulas: Formulas, used: Known) -> Iterator[Equation]:
    """One window of a convolution written out, a few of pooling; none that is too long to read."""
    node, value = _windowed(step), step.value
    if node is None or value is None or not value.size:
        return
    places = [tuple(size // 2 if node.name == "conv_transpose" else 0 for size in value.shape)]
    if node.name in POOLED:
        places = [*islice(np.ndindex(value.shape), _MOST_WINDOWS)]
    yield from formulas.examples(step, used, places, _LONGEST)


def notes(step: Step, formulas: Formulas) -> Iterator[str]:
    """Where the largest entry of each window is, and where each entry of a gradient goes."""
    for node in walk(step.expr):
        if isinstance(node, Op) and node.name == "to_winners":
            yield from _winners(node, formulas)


def _winners(node: Op, formulas: Formulas) -> Iterator[str]:
    g, (x, width) = node.args[0], _named(node.args[1])
    values = formulas.known.values
    if not (isinstance(g, Sym) and isinstance(x, Sym) and g.name in values and x.name in values):
        return
    how, bases = pool_of(node), formulas.names.counting
    shares = evaluate(_shares(node), values)
    for place, inside in islice(windows_at(values[g.name].shape, how), _MOST_WINDOWS):
        own = [
            bases.entry(x.name, (*at[: -how.axes], *(i - width for i in at[-how.axes :])))
            for at, share in zip(inside, shares[place], strict=True)
            if share
        ]
        what = bases.entry(g.name, place)
        amount = formulas.drawn.digits.one(float(values[g.name][place]))
        yield f"{what} = {amount} goes to {own[0] + ' alone' if len(own) == 1 else listed(own)}"


def _named(picture: Expr) -> tuple[Expr, int]:
    """What has a name in what is pooled, and how much is put around it."""
    match picture:
        case Op("low_padded", (inner,)):
            return inner, picture.whole("width")
    return picture, 0


def _shares(node: Op) -> Expr:
    how = pool_of(node)
    tie = node.option("at_tie")
    return op(
        "largest_shares", op("window_entries", node.args[1], **how.options), axis=-1, at_tie=tie
    )
