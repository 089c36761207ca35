"""The pictures of a batch: a layer's equations for each of them, with the same parameters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from backprop_cli.algebra.expr import Expr, Sym, op
from backprop_cli.algebra.quantity import at_step
from backprop_cli.problem.layer_types.layer_type import dropped_at, put_out
from backprop_cli.problem.model_builder import Draft

_TAKE_PICTURES = ("conv", "max-pool", "mean-pool", "flatten")


class Picture(Struct, frozen=True):
    """One that comes into a layer: its formula, and its number in a batch (None: it is alone)."""

    net: Draft
    number: int
    source: Expr
    place: int | None = None

    def called(self, name: str) -> str:
        """A quantity of this picture: `Z1`, or `Z1_2` of the second in a batch."""
        return name if self.place is None else at_step(name, self.place)

    @property
    def output(self) -> str:
        """What the layer makes of this picture."""
        return self.called(self.net.output_of(self.number))

    def put_out(self, result: Expr, rule: str, axes: tuple[str, ...]) -> None:
        """Defines what the layer puts out for this picture."""
        net, count = self.net, self.net.pictures
        if self.place is None or count is None:
            put_out(net, self.number, result, rule, axes)
            return
        words = f"output of layer {self.number}"
        result = dropped_at(net, self.number, result, self.place, count, ("picture", *axes))
        net.define(self.output, result, rule, axes, words)

    def next_to(self, name: str) -> None:
        """Notes that a quantity is made of what comes in."""
        whole = self.source if isinstance(self.source, Sym) else Sym("X")
        self.net.neighbours.append((name, whole.name))


def each_picture(net: Draft, number: int) -> Iterator[Picture]:
    """The pictures that come into a layer."""
    source = net.output_of(number - 1)
    if net.pictures is None:
        yield Picture(net, number, Sym(source))
        return
    for place in range(1, net.pictures + 1):
        one: Expr = Sym(at_step(source, place))
        if source == "X":
            one = op("at", Sym(source), index=(place - 1,))
        yield Picture(net, number, one, place)


def note_pictures(net: Draft, *names: str) -> None:
    """Notes what there is once a picture of a batch."""
    if net.pictures is not None:
        net.add_over_time(names, net.pictures)


def met(net: Draft, vectors: Sequence[Expr]) -> Expr:
    """The vectors of all pictures as the samples of a batch, which they are from here on."""
    if net.pictures is None:
        (alone,) = vectors
        return alone
    net.samples, net.pictures = net.pictures, None
    rows = op("stack", *vectors)
    return rows if net.convention.rows else op("transpose", rows)


def fits_pictures(net: Draft, number: int) -> bool:
    """Whether a layer takes what comes in; a complaint where it is pictures, and it takes none."""
    layer = net.layers[number - 1]
    if net.pictures is None or layer.type in _TAKE_PICTURES:
        return True
    net.samples, net.pictures = net.pictures, None
    if net.output_of(number - 1) not in net.doubtful:
        message = f"layer {number} is {layer.type} and takes vectors, and here come pictures"
        net.complaints.add(message, layer.mark, "- {type: flatten} in the line before it")
    net.stand_in(number, ())
    return False


def end_of_pictures(net: Draft) -> None:
    """Complains where the pictures of a batch are pictures to the end: the loss is of samples."""
    if net.pictures is None:
        return
    net.samples, net.pictures = net.pictures, None
    name = net.output_of(len(net.layers))
    if name not in net.doubtful:
        message = (
            "the last layer gives pictures, and those of a batch have to be vectors at the end"
        )
        net.complaints.add(message, net.layers[-1].mark, "- {type: flatten} in a line after it")
    net.computed_anyhow(name)
    net.guessed.add(len(net.layers))
