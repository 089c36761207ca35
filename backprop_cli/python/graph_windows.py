"""A picture as another library's windows cover it -> lines: what is cut off, what stands around."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal, Protocol, TypeAlias

import numpy as np
from msgspec import Struct

from backprop_cli.python.given_numbers import Chain

Shape: TypeAlias = "tuple[int, ...]"
Sides: TypeAlias = "tuple[tuple[int, int], tuple[int, int]]"
"""Before and behind the rows, before and behind the columns."""
Auto: TypeAlias = Literal["SAME_UPPER", "SAME_LOWER"]
Around: TypeAlias = "int | Sides | Auto"
"""How much stands around: on all sides, on each, or as much as makes n/s windows, rounded up."""

_NOTHING: Final = -np.inf


class Equations(Protocol):
    """What is used of the lines that are written."""

    @property
    def chain(self) -> Chain: ...
    @property
    def values(self) -> dict[str, Any]: ...
    @property
    def shapes(self) -> dict[str, Shape]: ...
    def given(self, name: str, value: np.ndarray[Any, Any]) -> str: ...
    def parameter(self, stem: str, value: np.ndarray[Any, Any]) -> str: ...
    def line(self, stem: str, formula: str, shape: Shape) -> str: ...
    def for_each_unit(self, name: str, shape: Shape) -> str: ...


class Edges(Struct, frozen=True):
    """What windows of a pool do at the edges of a picture.

    `ceil`: a last window may reach over the end. `counted`: what stands around is a part of a mean.
    """

    around: Around = 0
    ceil: bool = False
    counted: bool = True


class _Along(Struct, frozen=True):
    """The windows along one axis: so many, so large, so far apart, and what stands around."""

    size: int
    window: int
    stride: int
    before: int
    behind: int
    count: int

    @property
    def beyond(self) -> int:
        """How far the last window reaches beyond the picture; below 0 what it leaves out."""
        return (self.count - 1) * self.stride + self.window - self.before - self.size

    def entries(self, *, counted: bool) -> np.ndarray[Any, Any]:
        """How many entries of each window count: the picture's, or what is around it, too."""
        start = np.arange(self.count) * self.stride - self.before
        first, last = (-self.before, self.size + self.behind) if counted else (0, self.size)
        return np.minimum(start + self.window, last) - np.maximum(start, first)


def along(
    found: Equations, called: str, x: str, window: Sequence[int], stride: int, edges: Edges
) -> list[_Along]:
    """The windows along both axes of a picture; Error where there is room for none."""
    places = found.shapes[x][-2:]
    sides = [
        _sides(edges.around, n, k, stride, axis)
        for axis, (n, k) in enumerate(zip(places, window, strict=True))
    ]
    made = []
    for n, k, (before, behind) in zip(places, window, sides, strict=True):
        room = n + before + behind - k
        count = (-(-room // stride) if edges.ceil else room // stride) + 1
        if edges.ceil and (count - 1) * stride >= n + before:
            count -= 1  # a window that begins behind the picture is none
        if count < 1 or room < 0:
            message = f"{called}: a window of {k} does not fit into {n + before + behind}"
            raise found.chain.refused(message, "a larger picture")
        made.append(_Along(n, k, stride, before, behind, count))
    return made


def _sides(around: Around, n: int, k: int, stride: int, axis: int) -> tuple[int, int]:
    if isinstance(around, int):
        return around, around
    if not isinstance(around, str):
        return around[axis]
    both = max((-(-n // stride) - 1) * stride + k - n, 0)
    less = both // 2
    return (less, both - less) if around == "SAME_UPPER" else (both - less, less)


def covered(found: Equations, x: str, made: Sequence[_Along], fill: float = 0.0) -> str:
    """A picture as far as windows cover it: what none reaches is cut off, and `fill` put around."""
    x = cut(found, x, [(0, max(-one.beyond, 0)) for one in made])
    for axis, one in enumerate(made, 1):
        x = _with(found, x, axis, (one.before, one.beyond), fill)
    return x


def evenly(made: Sequence[_Along]) -> int | None:
    """How much stands around on all sides; None where that differs, or something is cut off."""
    sides = {side for one in made for side in (one.before, one.beyond)}
    return sides.pop() if len(sides) == 1 else None


def cut(found: Equations, x: str, less: Sequence[tuple[int, int]]) -> str:
    """A picture without so many rows, and columns, at its beginning and its end."""
    if not any(map(any, less)):
        return x
    channels, *places = found.shapes[x]
    index = [
        f"{1 + before}:{n - behind}" if before or behind else ":"
        for n, (before, behind) in zip(places, less, strict=True)
    ]
    kept = (n - sum(both) for n, both in zip(places, less, strict=True))
    return found.line("u", f"{x}[:, {', '.join(index)}]", (channels, *kept))


def _with(found: Equations, x: str, axis: int, sides: tuple[int, int], fill: float) -> str:
    """A picture with so many rows, or columns, of one number before and behind it."""
    parts, sizes = [x], [*found.shapes[x]]
    for is_before, count in zip((True, False), sides, strict=True):
        if count > 0:
            shape = (*sizes[:axis], count, *sizes[axis + 1 :])
            name = f"{'nothing' if fill == _NOTHING else 'zeros'}_{'_'.join(map(str, shape))}"
            edge = found.given(name, np.full(shape, fill))
            parts = [edge, *parts] if is_before else [*parts, edge]
    if len(parts) == 1:
        return x
    sizes[axis] += sum(max(count, 0) for count in sides)
    return found.line("u", f"concat({', '.join(parts)}, axis={axis})", (*sizes,))


def pooled(found: Equations, called: str, layer: dict[str, Any], x: str) -> str:
    """The largest or the mean of each window; of a mean over fewer entries so much more."""
    size, stride, edges = layer["size"], layer["stride"], layer.get("edges", Edges())
    made = along(found, called, x, (size, size), stride, edges)
    is_mean = layer["type"] == "mean-pool"
    if not is_mean and any(one.entries(counted=False).min() < 1 for one in made):
        raise found.chain.refused(f"{called} has a window with nothing of the picture in it")
    wide = covered(found, x, made, 0.0 if is_mean else _NOTHING)
    shape = (*found.shapes[x][:-2], *(one.count for one in made))
    formula = f"{'mean_pool' if is_mean else 'max_pool'}({wide}, size={size}, stride={stride})"
    rows, columns = (one.entries(counted=edges.counted) for one in made)
    more = size * size / np.maximum(np.outer(rows, columns), 1)
    if is_mean and (more != 1).any():
        whole = np.broadcast_to(more, shape)
        formula += f" * {found.given(f'more_{len(found.values)}', whole)}"
    return found.line("q", formula, shape)


def transposed(found: Equations, called: str, layer: dict[str, Any], x: str) -> str:
    """What a transposed convolution gives: the whole, less at its edges, or zeros behind it."""
    kernel, stride = layer["kernel"], layer["stride"]
    channels, *places = found.shapes[x]
    if channels != len(kernel):
        raise found.chain.refused(f"{called} takes {len(kernel)} channels, and gets {channels}")
    whole = [(n - 1) * stride + k for n, k in zip(places, reach(layer), strict=True)]
    formula = f"conv_transpose({x}, {found.parameter('K', kernel)}, stride={stride}{apart(layer)})"
    made = found.line("z", formula, (kernel.shape[1], *whole))
    sides = zip(layer["padding"], layer["behind"], strict=True)
    less = [(before, behind - more) for (before, behind), more in sides]
    made = cut(found, made, [(before, max(behind, 0)) for before, behind in less])
    for axis, (_, behind) in enumerate(less, 1):
        made = _with(found, made, axis, (0, -behind), 0.0)
    shape = found.shapes[made]
    if min(shape) < 1:
        raise found.chain.refused(f"{called} leaves nothing of the picture")
    if "bias" in layer:
        bias = found.for_each_unit(found.parameter("b", layer["bias"]), shape)
        made = found.line("z", f"{made} + {bias}", shape)
    return made


def reach(layer: dict[str, Any]) -> list[int]:
    """How many rows, and columns, a kernel reaches over."""
    return [layer.get("dilation", 1) * (size - 1) + 1 for size in layer["kernel"].shape[-2:]]


def apart(layer: dict[str, Any]) -> str:
    """That the entries that a kernel meets are apart, as an option; nothing where they are not."""
    return f", dilation={layer['dilation']}" if "dilation" in layer else ""


def in_groups(found: Equations, layer: dict[str, Any], x: str, options: str) -> str:
    """The formula of a convolution in which each filter takes the channels of its group."""
    groups, kernel = layer.get("groups", 1), layer["kernel"]
    name = found.parameter("K", kernel)
    if groups == 1:
        return f"conv({x}, {name}, {options})"
    filters, channels = len(kernel) // groups, kernel.shape[1]
    parts = [
        f"conv({x}[{_part(k, channels)}, :, :], {name}[{_part(k, filters)}, :, :, :], {options})"
        for k in range(groups)
    ]
    return f"concat({', '.join(parts)})"


def _part(number: int, size: int) -> str:
    return f"{number * size + 1}:{(number + 1) * size}"
