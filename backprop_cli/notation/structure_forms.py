"""Columns, entries, stacks and what slides over windows to the way they are written."""

from __future__ import annotations

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Num, Op, Option, num, op
from backprop_cli.notation.nodes import (
    TIMES,
    Accent,
    Fenced,
    Grid,
    Letter,
    Named,
    Node,
    Number,
    Places,
    Script,
    Sign,
    Total,
    Word,
    row,
)
from backprop_cli.notation.parts import (
    FLIPPED,
    Form,
    Hand,
    Part,
    Writer,
    applied,
    between,
    places_of,
    put,
)
from backprop_cli.notation.product_forms import SIDE_BY_SIDE, turned
from backprop_cli.notation.symbols import size
from backprop_cli.operations.slicing import ends_of
from backprop_cli.operations.sliding import AXES, Sliding, sliding
from backprop_cli.operations.window_values import around


def upright(column: bool) -> Form:
    """A vector as a column (or row) is itself where vectors are drawn so, else transposed."""

    def form(writer: Writer, node: Op) -> Part:
        (inner,) = node.args
        lies = column == writer.rows and writer.rank(inner) == 1
        return turned(writer, inner) if lies else writer.part(inner)

    return form


def inner(writer: Writer, node: Op) -> Part:
    """Nothing but the argument."""
    return writer.part(node.args[0])


def expand(writer: Writer, node: Op) -> Part:
    """A vector as a row or column of a matrix."""
    stands = upright(node.option("axis") == 1) if writer.rank(node) == 2 else inner
    return stands(writer, node)


def spread(writer: Writer, node: Op) -> Part:
    """A number repeated carries its shape below, since 1 alone would not say how many.

    What is no constant is multiplied by ones: s · 1₃, or 1₂ vᵀ for a vector in every row.
    """
    repeated, shape = node.args[0], node.option("shape")
    if not isinstance(shape, tuple) or (writer.scalars and {*shape} <= {1}):
        return writer.part(repeated)
    if isinstance(repeated, Num):
        return _repeated(writer, repeated, shape)
    return writer.part(times_ones(node, writer.rank(repeated), rows=writer.rows))


def _repeated(writer: Writer, number: Num, shape: tuple[Option, ...]) -> Part:
    part = writer.part(number)
    sizes = [length for length in shape if isinstance(length, int | str)]
    return Part(Script(part.node, None, size(sizes)), part.kind, minus=part.minus)


def ones(writer: Writer, node: Op) -> Part:
    """1 with its shape below."""
    shape = node.option("shape")
    assert isinstance(shape, tuple)
    return _repeated(writer, num(1), shape)


def at(writer: Writer, node: Op) -> Part:
    """W₂₁, or W with 1, : for a whole row."""
    base = writer.part(node.args[0])
    symbol = base.node if base.kind in ("atom", "raised") else Fenced("(", base.node, ")")
    return Part(Script(symbol, None, _places(writer, node)), drawn=base.drawn)


def _places(writer: Writer, node: Op) -> Places:
    return Places(places_of(writer, node))


def in_place(writer: Writer, node: Op) -> Part:
    """An entry in its place among zeros is that entry times a unit vector or matrix."""
    places = _places(writer, node)
    held = [text for text in places.texts if text != ":"]
    if writer.rank(node.args[0]) == 1 and len(held) == 1 and held[0].isdigit():
        return _in_its_row(writer, node.args[0], held[0], column=places.texts[0] == ":")
    if all(map(str.isdigit, places.texts)):
        unit = Part(Script(Letter(writer.units[len(places.texts) > 1]), None, places))
        if node.args[0] == build.ONE:
            return unit
        value = put(writer, node.args[0], "a scalar")
        return between(value, Sign("·" if writer.numbers else TIMES, 2), unit, "scalar")
    value = writer.part(node.args[0])
    where = Word(f"{_where(places.texts)}, else 0")
    return Part(Fenced("(", row(value.node, Sign(" ", bare=True), where), ")"))


def _where(places: tuple[str, ...]) -> str:
    """Where in an array something stands: `in rows 3, 1`, `at [:,2:3]`."""
    rows, *others = places
    if rows.startswith("[") and set(others) <= {":"}:
        return f"in rows {rows[1:-1].replace(',', ', ')}"
    return f"at [{','.join(places)}]"


def _in_its_row(writer: Writer, vector: Expr, place: str, *, column: bool) -> Part:
    """e₂ vᵀ, a vector in its row of a matrix; v e₂ᵀ in its column."""
    unit: Node = Script(Letter(writer.units[0]), None, Places((place,)))
    if column == writer.rows:  # vᵀ e₂ and e₂ vᵀ, where what is drawn stands across
        other = turned(writer, vector)
    else:
        other = put(writer, vector, "a matrix" if column else "matrix b")
    if column != writer.rows:
        unit = Script(unit, Word("T"))
    first, last = (other, Part(unit)) if column else (Part(unit), other)
    return between(first, SIDE_BY_SIDE, last, "matrix")


def bracketed(writer: Writer, node: Op) -> Part:
    """Numbers or vectors below one another in brackets, or beside one another along axis 1."""
    nodes = tuple(writer.part(arg).node for arg in node.args)
    return _grid(nodes, beside=joined_beside(writer, node), single=node.name == "stack")


def grown(writer: Writer, node: Op) -> Part:
    """The constant above (or beside) the rest."""
    rest, constant = (writer.part(arg).node for arg in node.args)
    nodes = (rest, constant) if node.name == "append" else (constant, rest)
    return _grid(nodes, beside=joined_beside(writer, node))


def joined_beside(hand: Hand, node: Op) -> bool:
    """Whether what is joined stands side by side: columns of a matrix, a vector drawn as a row."""
    if hand.rank(node) == 1:
        return hand.rows
    return node.name != "stack" and node.option("axis") in (1, -1)


def _grid(nodes: tuple[Node, ...], *, beside: bool, single: bool = False) -> Part:
    rows = (nodes,) if beside else tuple((node,) for node in nodes)
    return Part(Grid(rows, separator="," if beside or single else ";"))


def dropped(writer: Writer, node: Op) -> Part:
    """A matrix without its bias entries is marked with a tilde."""
    part = writer.part(node.args[0])
    symbol = isinstance(part.node, Named) and part.kind != "fraction"
    return Part(Accent(part.node, "tilde"), part.kind if symbol else "atom")


def part_of(writer: Writer, node: Op) -> Part:
    """A range of entries."""
    axis, start, stop = ends_of(node)
    index = (*(None,) * axis, (start, stop))
    return at(writer, op("at", *node.args, index=index))


# Repeated over a shape ----------------------------------------------------------------------------


ONES = "ones"
"""A vector or matrix of ones; only writers make such nodes."""

PRODUCT = "product"
"""A matrix product whose vectors stand as they are to be drawn; only writers make such nodes."""


def times_ones(node: Op, rank: int, *, rows: bool) -> Expr:
    """s · 1 for a number; 1 vᵀ for a vector in every row, v 1ᵀ in every column.

    `rank` is that of what is repeated; `rows`: vectors are drawn as rows, and so are the ones.
    """
    inner, shape = node.args[0], node.option("shape")
    assert isinstance(shape, tuple)
    if node.args[0] == build.ONE:
        return op(ONES, shape=shape)
    if len(shape) != 2 or (not rank and node.option("axis") is None):
        return op("mul", inner, op(ONES, shape=shape))
    axis = node.option("axis")
    if axis is not None:
        return _product(inner, shape, 0 if axis in (0, -2) else 1, rows)
    for place in (0, 1):  # a matrix of a single row, or of a single column
        if shape[place] != 1 and _single(inner, place):
            return _product(inner, shape, place, rows, is_matrix=True)
    return inner


def _single(inner: Expr, place: int) -> bool:
    """Whether an argument kept for broadcasting has but one entry along the axis."""
    if not isinstance(inner, Op):
        return False
    if inner.name in ("column", "row"):
        return place == (1 if inner.name == "column" else 0)
    axis = inner.option("axis")
    return isinstance(axis, int) and axis % 2 == place


def _product(
    inner: Expr, shape: tuple[Option, ...], axis: int, rows: bool, *, is_matrix: bool = False
) -> Expr:
    """The product with a vector of ones that repeats along an axis."""
    ones: Expr = op(ONES, shape=(shape[axis],))
    if axis == 0:
        left = op(FLIPPED, ones) if rows else ones
        right = inner if is_matrix or rows else op(FLIPPED, inner)
        return op(PRODUCT, left, right)
    left = inner if is_matrix or not rows else op(FLIPPED, inner)
    return op(PRODUCT, left, ones if rows else op(FLIPPED, ones))


_PRODUCT = 2
SLIDES = "∗"
"""The kernel behind it slides over what stands before it."""


def conv(writer: Writer, node: Op) -> Part:
    """X ∗ K, with the zeros around X and within K."""
    x, k = node.args
    how = sliding(node, writer.shape(x) or (1,) * AXES)
    return _slid(writer, _padded(x, how), _spaced(k, how.dilation, how.axes))


def conv_kernel(writer: Writer, node: Op) -> Part:
    """X ∗ ∂L/∂Z."""
    x, g = node.args
    how = sliding(node)
    return _slid(writer, _padded(x, how), _spaced(g, how.stride, how.axes))


def conv_transpose(writer: Writer, node: Op) -> Part:
    """pad(∂L/∂Z) ∗ rot(K)."""
    g, k = node.args
    how = sliding(node, writer.shape(g) or (1,) * AXES)
    axes, shape, wide = how.axes, writer.shape(k) or (), _spaced(g, how.stride, how.axes)
    reaches = (how.reach(size) for size in shape[len(shape) - axes :])
    places = tuple(size for size in reaches if isinstance(size, int))
    widths = around(places, how.padding)
    if len(places) < axes or any(widths):
        same = len(set(widths)) == 1
        wide = op("zero_padded", wide, width=widths[0] if same else widths or 1, axes=_kept(axes))
    return _slid(writer, wide, _spaced(_turned_kernel(k, axes), how.dilation, axes))


def _turned_kernel(k: Expr, axes: int) -> Expr:
    """rot(K); what was turned before is as it was."""
    if isinstance(k, Op) and k.name == "rot":
        return k.args[0]
    return op("rot", k, axes=_kept(axes))


def _kept(axes: int) -> int | None:
    return None if axes == AXES else axes


def _padded(x: Expr, how: Sliding) -> Expr:
    return op("zero_padded", x, width=how.padding, axes=_kept(how.axes)) if how.padding else x


def _spaced(expr: Expr, step: int, axes: int) -> Expr:
    return expr if step == 1 else op("zeros_between", expr, step=step, axes=_kept(axes))


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
    words = {
        "max_pool": "maxpool",
        "mean_pool": "meanpool",
        "sum_pool": "sumpool",
        "window_entries": "windows",
    }
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
