"""How what slides along an array moves to how many places it has, and which are within."""

from __future__ import annotations

from math import gcd
from typing import TypeVar

from msgspec import Struct

from backprop_cli.algebra.expr import Op
from backprop_cli.algebra.shapes import Shape, ShapeError, Size, combined
from backprop_cli.operations.record import Index

Each = TypeVar("Each")

AXES = 2  # of a picture
NEAR = 100  # so far from a stride is looked for one that comes out


class Sliding(Struct, frozen=True):
    """How a node slides: along so many last axes, so far at a time, zeros around.

    The entries of the kernel meet entries that are `dilation` apart.
    """

    axes: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1

    @property
    def options(self) -> dict[str, int | None]:
        """As options of an operation that goes back."""
        return {
            "stride": self.stride if self.stride != 1 else None,
            "padding": self.padding or None,
            "dilation": self.dilation if self.dilation != 1 else None,
            "axes": self.axes if self.axes != AXES else None,
        }

    def reach(self, window: Size) -> Size:
        """How many entries a kernel of this size reaches over: d(k - 1) + 1."""
        return combined((self.dilation, window), more=1 - self.dilation)


def sliding(node: Op, shape: Shape = (1,) * AXES) -> Sliding:
    """How a node slides over what has this shape."""
    stride, padding = whole(node, "stride", 1), whole(node, "padding", 0, least=0)
    return Sliding(axes_of(node, shape), stride, padding, whole(node, "dilation", 1))


def whole(node: Op, name: str, usual: int, least: int = 1) -> int:
    """An option that is a whole number."""
    value = node.option(name, usual)
    if not isinstance(value, int) or value < least:
        raise ShapeError(f"the {name} of {node.name} is a whole number, at least {least}")
    return value


def axes_of(node: Op, shape: Shape) -> int:
    """Along how many last axes of what has this shape a node slides."""
    axes = node.option("axes") or (1 if len(shape) == 1 else AXES)
    if axes not in (1, AXES):
        raise ShapeError(f"{node.name} slides along 1 axis or 2", "axes=1, or no `axes`")
    return int(str(axes))


def count(size: Size, window: Size, how: Sliding, what: str) -> Size:
    """How many places a window has along an axis: (n + 2p - d(k - 1) - 1)/s + 1, which is whole."""
    stride, padding, reach = how.stride, how.padding, how.reach(window)
    if not (isinstance(size, int) and isinstance(window, int) and isinstance(reach, int)):
        if stride != 1:
            raise ShapeError(f"with a stride, {what} needs sizes that are numbers")
        if how.dilation != 1 and not isinstance(window, int):
            raise ShapeError(f"with a dilation, {what} needs sizes of its own that are numbers")
        return combined((1, size), (-1, reach), more=2 * padding + 1)
    room = size + 2 * padding - reach
    if room < 0:
        has = f"{size} entries" + (f" and {2 * padding} zeros" if padding else "")
        over = f", which reaches over {reach} with dilation {how.dilation}," * (reach != window)
        most = (reach + room - 1) // how.dilation + 1
        raise ShapeError(f"{what} of {window}{over} does not fit into {has}", f"at most {most}")
    if room % stride:
        less = f"{window}" if reach == window else f"{how.dilation}·({window} - 1) - 1"
        worked = f"({size} + 2·{padding} - {less})/{stride} + 1 = {room / stride + 1:g}"
        raise ShapeError(
            f"{what} of {window} with stride {stride} does not come out whole: {worked}",
            _that_comes_out(room, stride),
        )
    return room // stride + 1


def _that_comes_out(room: int, stride: int) -> str:
    near = range(max(1, stride - NEAR), stride + NEAR)
    fitting = [step for step in near if room % step == 0] or [gcd(room, stride)]
    nearest = min(fitting, key=lambda step: abs(step - stride))
    more = _more_padding(room, stride)
    return f"stride={nearest}" + (f", or padding larger by {more}" if more else "")


def _more_padding(room: int, stride: int) -> int | None:
    """The least p with a whole (room + 2·p)/stride."""
    if stride % 2:
        return -room * pow(2, -1, stride) % stride
    return None if room % 2 else -(room // 2) % (stride // 2)


def split(each: tuple[Each, ...], axes: int) -> tuple[tuple[Each, ...], tuple[Each, ...]]:
    """Of what there is once an axis: what stands before the places, and that of the places."""
    return each[: len(each) - axes], each[len(each) - axes :]


def in_numbers(size: Size) -> int:
    """A size that has to be a number."""
    if not isinstance(size, int):
        raise ShapeError("with a stride or dilation, sizes that are numbers are needed")
    return size


def within(places: Index, room: Shape) -> bool:
    """Whether numbers are places of an array."""
    pairs = zip(places, room, strict=True)
    return all(isinstance(i, int) and 0 <= i < int(n) for i, n in pairs)
