"""Convolutions and pooling to the way they are written: X ∗ K, pad(…), rot(…), maxpool(X)."""

from __future__ import annotations

from backprop_cli.algebra.expr import Expr, Op, op
from backprop_cli.notation.nodes import Node, Number, Script, Sign, Total, Word, row
from backprop_cli.notation.parts import Part, Writer, applied, between, put
from backprop_cli.operations.convolutions import AXES, sliding
from backprop_cli.operations.window_values import around

_PRODUCT = 2
SLIDES = "∗"
"""The kernel behind it slides over what stands before it."""


def conv(writer: Writer, node: Op) -> Part:
    """X ∗ K, with the zeros around X."""
    x, k = node.args
    return _slid(writer, _padded(x, node, writer), k)


def conv_kernel(writer: Writer, node: Op) -> Part:
    """X ∗ ∂L/∂Z."""
    x, g = node.args
    return _slid(writer, _padded(x, node, writer), _spaced(g, node))


def conv_input(writer: Writer, node: Op) -> Part:
    """pad(∂L/∂Z) ∗ rot(K)."""
    g, k = node.args
    axes = int(str(node.option("axes", AXES)))
    shape, padding = writer.shape(k) or (), int(str(node.option("padding", 0)))
    wide = _spaced(g, node)
    places = tuple(size for size in shape[len(shape) - axes :] if isinstance(size, int))
    widths = around(places, padding)
    if len(places) < axes or any(widths):
        same = len(set(widths)) == 1
        wide = op("zero_padded", wide, width=widths[0] if same else widths or 1, axes=_kept(axes))
    return _slid(writer, wide, turned(k, axes))


def turned(k: Expr, axes: int) -> Expr:
    """rot(K); what was turned before is as it was."""
    if isinstance(k, Op) and k.name == "rot":
        return k.args[0]
    return op("rot", k, axes=_kept(axes))


def _kept(axes: int) -> int | None:
    return None if axes == AXES else axes


def _padded(x: Expr, node: Op, writer: Writer) -> Expr:
    how = sliding(node, writer.shape(x) or (1, 1))
    return op("zero_padded", x, width=how.padding, axes=_kept(how.axes)) if how.padding else x


def _spaced(g: Expr, node: Op) -> Expr:
    stride = int(str(node.option("stride", 1)))
    axes = int(str(node.option("axes", AXES)))
    return op("zeros_between", g, step=stride, axes=_kept(axes)) if stride != 1 else g


def _slid(writer: Writer, x: Expr, k: Expr) -> Part:
    left, right = put(writer, x, "a slid"), put(writer, k, "slid b")
    return between(left, Sign(SLIDES, _PRODUCT), right, "quotient")


def pad(writer: Writer, node: Op) -> Part:
    """pad(X): zeros around it; crop(X) where there are fewer entries."""
    width = node.option("width")
    least = min(width) if isinstance(width, tuple) else width  # type: ignore[type-var]
    name = "crop" if isinstance(least, int) and least < 0 else "pad"
    return applied(name, writer.part(node.args[0]))


def spaced(writer: Writer, node: Op) -> Part:
    """spaced(G): zeros between its entries."""
    return applied("spaced", writer.part(node.args[0]))


def pooled(writer: Writer, node: Op) -> Part:
    """maxpool(X), with the size of the windows below where it is not 2 × 2."""
    words = {"max_pool": "maxpool", "mean_pool": "meanpool", "window_entries": "windows"}
    return applied(_of_size(words.get(node.name, "unpool"), node), writer.part(node.args[0]))


def _of_size(word: str, node: Op) -> Node:
    """The word with the size as it is stated: whether there are such windows, a shape rule says."""
    size = node.option("size", 2)
    return Word(word) if size == 2 else Script(Word(word), None, Number(str(size)))


def to_winners(writer: Writer, node: Op) -> Part:
    """unpool(G; X): each entry of G to the largest entry of its window in X."""
    g, x = (writer.part(arg) for arg in node.args)
    inner = row(g.node, Sign(";", bare=True), x.node)
    return applied(_of_size("unpool", node), Part(inner, drawn=g.drawn or x.drawn))


def each_channel(writer: Writer, node: Op) -> Part:
    """Σ over the places, for each channel."""
    inner = put(writer, node.args[0], "sum of")
    return Part(row(Total(None), inner.node), "total", open=True, drawn=inner.drawn)
