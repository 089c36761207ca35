"""What slides a window to what its formula leaves unsaid: how far, how large, which zeros."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from backprop_cli.algebra.expr import Expr, Op, Sym
from backprop_cli.algebra.shapes import Shape
from backprop_cli.document.names import Names
from backprop_cli.operations.convolutions import SLIDING
from backprop_cli.operations.pooling import POOLED, pool_of
from backprop_cli.operations.sliding import sliding
from backprop_cli.operations.table import Sizes

_GOES = {
    "conv_kernel": "every place of the kernel adds up",
    "conv_transpose": "each entry through every window it is in",
    "to_winners": "each entry goes to the largest of its window",
    "to_windows": "each entry goes to all entries of its window",
}
WINDOWED = frozenset({*SLIDING, *POOLED, *_GOES, "zero_padded"})


_PUT = "each entry puts the kernel, that many times, where its window is; what overlaps adds up"


def of_windows(
    node: Op, shapes: Mapping[str, Shape], names: Names, *, goes_back: bool
) -> Iterator[str]:
    """What is said of it beside its formula, forward or where a gradient goes back."""
    if node.name == "conv_transpose" and not goes_back:
        yield _PUT
    elif node.name in _GOES:
        yield _GOES[node.name]
    if node.name in POOLED and not goes_back:
        yield _windows(node, shapes, names)
        yield from _around(node)
    if node.name == "zero_padded" and goes_back and node.whole("width") < 0:
        yield _padded(node.whole("width"))
    if node.name in SLIDING:
        yield from _zeros(node, shapes, names)


def _windows(node: Op, shapes: Mapping[str, Shape], names: Names) -> str:
    """How large the windows are, and how far apart where one does not begin behind the other."""
    how = pool_of(node, Sizes(shapes, {}).shape(node.args[0]))
    size = (" x " if names.ascii else " × ").join([str(how.size)] * how.axes)
    moved = f", which move {how.stride} at a time" if how.stride != how.size else ""
    return f"windows of {size}{moved}"


def _around(node: Op) -> Iterator[str]:
    """What is put around what is pooled, and whether it counts."""
    match node.args[0]:
        case Op("low_padded") as wide:
            width = wide.whole("width")
            what = "−∞" if width == 1 else f"{width} × −∞"
            yield f"pad puts {what} on every side, which is never the largest"
        case Op("zero_padded", (Sym(),)) as wide:
            counted = "" if node.name == "sum_pool" else ", which count in every mean"
            yield _padded(wide.whole("width")) + counted


def _zeros(node: Op, shapes: Mapping[str, Shape], names: Names) -> Iterator[str]:
    """Which zeros are put around what slides, and between its entries."""
    how = sliding(node, Sizes(shapes, {}).shape(node.args[0]))
    yield from _apart(node.name, how.stride, how.dilation)
    if node.name != "conv_transpose":
        if how.padding:
            yield _padded(how.padding) + _outside(node.args[0], names)
        return
    sizes = Sizes(shapes, {}).shape(node.args[1])[-how.axes :]
    reaches = [how.reach(size) for size in sizes]
    widths = [size - 1 - how.padding for size in reaches if isinstance(size, int)]
    if len(widths) == len(sizes) and any(widths):
        yield _padded(*widths)


def _apart(name: str, stride: int, dilation: int) -> Iterator[str]:
    """How far what slides moves at a time, and how many zeros stand between neighbours."""
    moves = {"conv": ("the kernel", stride), "conv_kernel": ("what slides", dilation)}
    slider, step = moves.get(name, ("", 1))
    if step != 1:
        yield f"{slider} moves {step} at a time"
    spaced = {"conv": (dilation,), "conv_kernel": (stride,)}.get(name, (stride, dilation))
    zeros = [_counted(step - 1) for step in spaced if step != 1]
    if len({*zeros}) == 2:
        yield f"spaced puts {zeros[0]} between neighbours, in the kernel {zeros[1]}"
    elif zeros:
        yield f"spaced puts {zeros[0]} between neighbours"


def _padded(*widths: int) -> str:
    """How many zeros go on which sides; fewer than none are entries that go."""
    if len({*widths}) == 1:
        return f"{'pad' if widths[0] > 0 else 'crop'} {_taken(widths[0], 'every side')}"
    sides = zip(widths, ("top and bottom", "left and right"), strict=True)
    changes = [_taken(width, where) for width, where in sides if width]
    return f"{'crop' if min(widths) < 0 else 'pad'} {' and '.join(changes)}"


def _taken(width: int, where: str) -> str:
    if width > 0:
        return f"puts {_counted(width)} on {where}"
    return f"takes {-width if width != -1 else 'one'} off {where}"


def _outside(picture: Expr, names: Names) -> str:
    """What the sum over a window meets where its index is none of the picture's."""
    return f": {names.text(picture.name)} is 0 there" if isinstance(picture, Sym) else ""


def _counted(zeros: int) -> str:
    return "1 zero" if zeros == 1 else f"{zeros} zeros"
