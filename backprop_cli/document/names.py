"""Ids to the symbols that are printed, and quantities and formulas to single lines of text."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cache, lru_cache

from msgspec import Struct, field
from msgspec.structs import replace

from backprop_cli.algebra.expr import Expr, Op, free_name, walk
from backprop_cli.algebra.greek import SHORTENED
from backprop_cli.algebra.quantity import (
    Letters,
    at_step,
    derivative_id,
    layer_name,
    plain_id,
    quantity,
    step_of,
    whole_id,
)
from backprop_cli.algebra.shapes import Shape, plus
from backprop_cli.document.view import View
from backprop_cli.notation import symbols
from backprop_cli.notation.ascii_signs import ascii_text
from backprop_cli.notation.boxes import ASCII, UNICODE, Drawing, Role, plain_text, width
from backprop_cli.notation.flow import joined
from backprop_cli.notation.nodes import Named, Node, Word
from backprop_cli.notation.numbers_and_indices import Digits
from backprop_cli.notation.symbols import Ending, Naming
from backprop_cli.notation.terminal import Terminal
from backprop_cli.notation.writer import Array, Draw, FormulaWriter
from backprop_cli.readings.index_bases import Bases
from backprop_cli.trace import OverTime, Trace


class Symbol(Struct, frozen=True):
    """A printed name, and how it ends: a raised digit or a fraction needs parentheses before ᵀ."""

    text: str
    ending: Ending = "plain"


_UNITS = (("e", "u", "d", "unit"), ("E", "D", "J", "Unit"))


class Names(Struct, frozen=True):
    """What ids are called in one output. `bases` are the ids of quantities, `states` those of what
    an update rule keeps of them.

    `counting` says what entries are counted from.
    """

    notation: Letters = Letters()
    layers: bool = True
    matrices: frozenset[str] = frozenset()
    ascii: bool = False
    bases: frozenset[str] = frozenset()
    deltas: frozenset[str] = frozenset()
    roles: Mapping[str, Role] = field(default_factory=dict)
    counting: Bases = Bases()
    latin: frozenset[str] = frozenset()
    states: frozenset[str] = frozenset()

    @property
    def naming(self) -> Naming:
        """The same, as formulas take it."""
        return Naming(
            self.notation if self.layers else None,
            self.matrices,
            self.bases,
            self.deltas,
            self.latin,
            self.states,
        )

    @property
    def units(self) -> tuple[str, str]:
        """The letters of a unit vector and of a unit matrix: none that is a quantity's."""
        taken = {id.partition("_")[0] for id in (*self.roles, *self.bases)}
        vector, matrix = (free_name(liked, taken) for liked in _UNITS)
        return vector, matrix

    def symbol(self, id: str) -> Symbol:
        """The printed name of a quantity."""
        return _symbol(self.naming, self.ascii, id)

    def text(self, id: str) -> str:
        """The printed name as text."""
        return self.symbol(id).text

    def node(self, id: str) -> Node:
        """The printed name as a part of a formula."""
        if self.ascii:
            return Named(id, Word(self.text(id)))
        return Named(id, symbols.symbol(self.naming, id).node)

    def writer(
        self,
        shapes: Mapping[str, Shape],
        values: Mapping[str, Array] | None = None,
        draw: Draw | None = None,
        *,
        rows: bool = False,
        braces: bool = False,
    ) -> FormulaWriter:
        """What writes expressions with these names."""
        return FormulaWriter(
            lambda id: replace(symbols.symbol(self.naming, id), node=self.node(id)),
            shapes,
            values,
            draw,
            self.counting,
            rows,
            braces,
            self.units,
        )

    def role(self, id: str) -> Role:
        """What a quantity is, for its colour."""
        found = quantity(id)
        if found.by:
            return "gradient"
        moved = found.part in ("new", "change", "ahead")
        return self.roles.get(found.name if moved else plain_id(id), "")


def names_of(trace: Trace, view: View) -> Names:
    """The names of a trace as the view wants them."""
    roles: dict[str, Role] = {
        id: "data" if given.role == "data" else "parameter" if given.role == "parameter" else ""
        for id, given in trace.given.items()
    }
    roles |= {
        id: "data" if stated.role == "data" else "parameter" for id, stated in trace.unknown.items()
    }
    layered = view.notation.delta and view.layers
    ids = (whole_id(step.id) for step in trace.steps)
    deltas = frozenset(id for id in ids if _is_delta(id, trace.loss))
    return Names(
        view.notation,
        view.layers,
        trace.matrices,
        view.ascii,
        trace.quantities,
        (deltas if layered else frozenset()) | deltas_over_time(trace),
        roles,
        trace.bases,
        taken_by_functions(step.expr for step in trace.steps) | _no_letters(trace.quantities),
        trace.states,
    )


def taken_by_functions(exprs: Iterable[Expr]) -> frozenset[str]:
    """The Greek letters that functions in the formulas are called by."""
    used = {node.name for expr in exprs for node in walk(expr) if isinstance(node, Op)}
    return frozenset(letter for name, letter in _CALLED.items() if name in used)


def _no_letters(ids: Collection[str]) -> frozenset[str]:
    """What reads as a Greek letter and is none: xi beside xj, eps beside epsilon."""
    bases = {id.partition("_")[0] for id in ids}
    short = {short for short, long in SHORTENED.items() if long in bases}
    return frozenset(short | ({"xi"} if "xj" in ids else set()))


_CALLED = {"sigmoid": "sigma", "normal_cdf": "Phi", "normal_pdf": "phi"}
"""Functions that are called by a Greek letter, which then stands for no quantity."""


def _is_delta(id: str, loss: str | None) -> bool:
    """Whether a quantity is what textbooks call δ: the gradient of a layer's pre-activation."""
    found = quantity(id)
    layered = layer_name(found.by)
    return found.name == loss and layered is not None and layered.letter == "Z"


def deltas_over_time(trace: Trace) -> frozenset[str]:
    """The gradients δₜ = ∂L/∂zₜ, where zₜ alone goes into an activation and from step to step.

    None where several quantities do: which of them δ is would have to be said.
    """
    bases = [(over, base) for over in trace.over_time for base in over.bases]
    found = [(over, base) for over, base in bases if _is_pre_activation(trace, over, base)]
    named = {name.partition("_")[0] for name in (*trace.given, *(step.id for step in trace.steps))}
    layered = all(layer_name(base) for _, base in found)
    if not (len(found) == 1 or layered) or trace.loss is None or "delta" in named:
        return frozenset()
    return frozenset(
        derivative_id(trace.loss, at_step(base, step))
        for over, base in found
        for by in range(-len(over.steps), len(over.steps) + 1)
        for step in (over.last + by, plus(over.letter, by), over.length or over.last)
    )


def _is_pre_activation(trace: Trace, over: OverTime, base: str) -> bool:
    """Whether what it is at one step goes into an activation, and that into the next step."""
    if over.length:
        return _goes_on(trace, base, over)
    last = over.names[base][-1]
    users = [step for step in trace.steps if step.phase == "forward" and last in step.inputs]
    if len(users) != 1 or users[0].inputs != (last,) or len(over.steps) < 2:
        return False
    post = step_of(users[0].id)
    before = at_step(post[0], over.last - 1) if post and post[0] in over.bases else ""
    return any(step.id == last and before in step.inputs for step in trace.steps)


def _goes_on(trace: Trace, base: str, over: OverTime) -> bool:
    """The same where the steps are a letter."""
    now = at_step(base, over.letter)
    users = [step for step in trace.steps if step.phase == "forward" and now in step.inputs]
    posts = [step.id.rpartition("_")[0] for step in users if step.inputs == (now,)]
    before = {at_step(post, plus(over.letter, 1 if over.down else -1)) for post in posts}
    return len(users) == 1 and any(
        step.id == now and before & set(step.inputs) for step in trace.steps
    )


_ON_ONE_LINE, _IN_ASCII = Terminal(), Terminal(Drawing(Digits(ascii=True)))


@lru_cache(maxsize=4096)
def _symbol(naming: Naming, in_ascii: bool, id: str) -> Symbol:
    if in_ascii and (whole := whole_id(id)) in naming.deltas:
        by = quantity(id).by
        layer = symbols.layer_of(naming.letters, id) if naming.letters else ""
        step = f"_{by.rpartition('_')[2]}" if "_" in by else ""
        return Symbol(f"delta{layer}{step}{id.removeprefix(whole)}")
    if in_ascii:
        return Symbol(id, "fraction" if quantity(id).by else "plain")
    found = symbols.symbol(naming, id)
    return Symbol(_ON_ONE_LINE.one_line(found.node) or "", found.ending)


def shape_text(shape: Shape, times: str = "×") -> str:
    """A shape as it is written below a factor: `2×3`, `N₁×N`; letters as they are in ASCII."""
    return (_IN_ASCII if times == "x" else _ON_ONE_LINE).shape(shape)


def text_setter(names: Names) -> Terminal:
    """What writes formulas with these names on single lines."""
    return Terminal(Drawing(Digits(ascii=names.ascii)), names)


_TABLE_ROWS = 8


class OneLine(Struct, frozen=True):
    """Writes what stands on one line, in the alphabet that is asked for."""

    names: Names
    view: View

    @property
    def drawing(self) -> Drawing:
        """How numbers are written, and with which dots."""
        digits = Digits(self.view.decimals, self.view.ascii)
        return Drawing(digits, ASCII if self.view.ascii else UNICODE, self.view.rows)

    @property
    def dots(self) -> str:
        """What stands for what is left out."""
        return self.drawing.glyphs.across

    def plain(self, text: str) -> str:
        """Words in the alphabet that is asked for."""
        return ascii_text(text) if self.view.ascii else text

    def shape(self, shape: Shape) -> str:
        """A shape as it stands beside a name: `(2×3)`; nothing for a number."""
        return f"({shape_text(shape, 'x' if self.view.ascii else '×')})" if shape else ""

    def formula(self, expr: Expr, shapes: Mapping[str, Shape]) -> str:
        """An expression; of one that takes several lines, the line its operators stand on."""
        node = self.names.writer(shapes, rows=self.view.rows).node(expr)
        box = joined(Terminal(self.drawing, self.names).tokens(node))
        return plain_text(box.lines[box.baseline])

    def flat(self, value: Array, room: int) -> list[str]:
        """A value in rows of text: `3.0055 5.9217; 4 5`, shortened to what fits."""
        if value.ndim == 0:
            return [self.drawing.digits.one(float(value))]
        rows = value.reshape(-1, value.shape[-1])
        texts = [self._row(row, room) for row in rows[:_TABLE_ROWS]]
        whole = "; ".join(texts)
        if len(rows) > _TABLE_ROWS:
            return [*texts[:3], self.drawing.glyphs.across]
        return [whole] if width(whole) <= room else texts

    def _row(self, row: Array, room: int) -> str:
        """Numbers side by side, those in the middle left out where there is no room for them."""
        dots = self.drawing.glyphs.across
        most = room // 2
        numbers = [
            float(number) for number in (row if len(row) <= most else [*row[:most], row[-1]])
        ]
        *texts, last = self.drawing.digits.several(numbers)
        whole = " ".join([*texts, last])
        if len(numbers) == len(row) and width(whole) <= room:
            return whole
        left = room - width(f"{dots} {last}")
        kept = []
        for text in texts:
            left -= width(text) + 1
            if left < 0:
                break
            kept.append(text)
        return " ".join([*kept, dots, last])


def formulas(
    exprs: Mapping[str, Expr], shapes: Mapping[str, Shape], names: Names, view: View
) -> Callable[[str], str | None]:
    """What gives the formula of an id, `∂L/∂W¹ = ∂L/∂Z¹ xᵀ`; None where it fits no line."""
    writer = names.writer(shapes, rows=view.rows)
    setter = Terminal(OneLine(names, view).drawing, names)

    @cache
    def written(id: str) -> str | None:
        expr = exprs.get(id)
        if expr is None or (isinstance(expr, Op) and expr.name == "jacobian"):
            return None
        body = setter.one_line(writer.node(expr))
        return None if body is None else f"{names.text(id)} = {body}"

    return written
