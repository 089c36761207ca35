"""Functions, reductions and cases to the way they are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction as Exact
from types import MappingProxyType

from backprop_cli.algebra.build import levels
from backprop_cli.algebra.expr import Expr, Num, Op, Option, Sym, num
from backprop_cli.notation import conditions
from backprop_cli.notation.nodes import (
    DETERMINANT,
    Cases,
    Fenced,
    Fraction,
    Letter,
    Node,
    Number,
    Places,
    Root,
    Script,
    Sign,
    Total,
    Word,
    row,
)
from backprop_cli.notation.parts import (
    AXES,
    UNWRITTEN,
    WITHIN,
    Form,
    Part,
    Writer,
    applied,
    called,
    fenced,
    listed,
    put,
)
from backprop_cli.operations.table import TABLE, operation

HELD_FIXED = (
    "what stands behind a bar is held fixed in that factor: what goes through it has a path of "
    "its own"
)

_NAMES: Mapping[str, Node] = MappingProxyType(
    {
        "sigmoid": Letter("σ"),
        "f": Letter("f"),
        "f_prime": Script(Letter("f"), Sign("′", bare=True)),
        "cof_along": Script(Word("cof"), Sign("′", bare=True)),
        "normal_cdf": Letter("Φ"),
        "normal_pdf": Letter("φ"),
        "log2": Script(Word("log"), None, Number("2")),
        "log10": Script(Word("log"), None, Number("10")),
    }
)
"""Functions whose names are not a word."""


def name_of(node: Op) -> Node:
    """How a function is called."""
    return _NAMES.get(node.name) or Word(operation(node).notation.text)


def _axis(writer: Writer, node: Op, words: Mapping[int, str]) -> str:
    """What an axis is called; nothing for a vector, which has but one."""
    axis = node.option("axis")
    return words[axis] if isinstance(axis, int) and writer.rank(node.args[0]) == 2 else ""


def total(writer: Writer, node: Op) -> Part:
    """Σ a, with `rows` or `columns` below the sign where only these are added; of a number it."""
    if not writer.rank(node.args[0]):
        return writer.part(node.args[0])
    along = _axis(writer, node, AXES)
    inner = put(writer, node.args[0], "sum of")
    sign = Total(Word(along) if along else None)
    return Part(row(sign, inner.node), "total", open=True, drawn=inner.drawn)


def of_each(writer: Writer, node: Op) -> Part:
    """max(x), with the axis below where it is taken of each row or column."""
    along = _axis(writer, node, WITHIN)
    name = Word(operation(node).notation.text)
    head = Script(name, None, Word(f"each {along}")) if along else name
    return called(writer, head, *node.args)


def of_several(writer: Writer, node: Op) -> Part:
    """max(a, b, c) for the larger of a and b, and of that and c."""
    return called(writer, name_of(node), *_alike(node, node.name))


def _alike(expr: Expr, name: str) -> list[Expr]:
    """What stands in operations of one name within one another."""
    if isinstance(expr, Op) and expr.name == name:
        return [part for arg in expr.args for part in _alike(arg, name)]
    return [expr]


def bars(fence: str) -> Form:
    """|a| or ‖a‖."""

    def form(writer: Writer, node: Op) -> Part:
        inner = writer.part(node.args[0])
        return Part(Fenced(fence, inner.node, fence), drawn=inner.drawn)

    return form


def norm(writer: Writer, node: Op) -> Part:
    """‖a‖, and in words where it is taken of each row or column."""
    along = _axis(writer, node, WITHIN)
    if not along:
        return bars("‖")(writer, node)
    return called(writer, Script(Word("norm"), None, Word(f"each {along}")), *node.args)


def logarithm_of_determinant(writer: Writer, node: Op) -> Part:
    """ln |A|."""
    inner = bars(DETERMINANT)(writer, node)
    joined = row(Word("ln"), Sign(" ", bare=True), inner.node)
    return Part(joined, "prefix", drawn=inner.drawn)


def logarithm(writer: Writer, node: Op) -> Part:
    """ln a, or ln(a + b)."""
    inner = writer.part(node.args[0])
    simple = inner.kind in ("atom", "raised", "total") and not isinstance(inner.node, Fenced)
    bare = simple and not inner.minus and not _is_call(node.args[0])
    if not bare:
        return applied(name_of(node), inner)
    joined = row(name_of(node), Sign(" ", bare=True), inner.node)
    return Part(joined, "prefix", open=True, drawn=inner.drawn)


def _is_call(expr: Expr) -> bool:
    record = TABLE.get(expr.name) if isinstance(expr, Op) else None
    return record is not None and record.notation.kind == "function"


def root(writer: Writer, node: Op) -> Part:
    """The root of a."""
    inner = writer.part(node.args[0])
    return Part(Root(inner.node), drawn=inner.drawn)


def function(writer: Writer, node: Op) -> Part:
    """name(args), then the constants that differ from the usual ones."""
    inner = listed([writer.part(arg) for arg in node.args])
    nodes = [inner.node]
    for key, value in node.options:
        if key not in UNWRITTEN and value != operation(node).options.get(key):
            nodes += [Sign(";", bare=True), _constant(value)]
    return applied(name_of(node), Part(row(*nodes), "sum", drawn=inner.drawn))


def _constant(value: Option) -> Node:
    """A constant behind the arguments: a number, a word, or a shape with its signs as signs."""
    if not isinstance(value, tuple):
        return Number(str(value))
    each = [node for one in value for node in (Sign("×", bare=True), Number(str(one)))]
    return row(*each[1:])


def diagonal(writer: Writer, node: Op) -> Part:
    """diag(a); of ones it is the identity I."""
    return Part(Letter("I")) if is_identity(node) else function(writer, node)


def is_identity(node: Op) -> bool:
    """Whether a diagonal consists of ones."""
    match node.args:
        case (Op("spread", (Num(value),)),):
            return value == 1
    return False


def positive_part(writer: Writer, node: Op) -> Part:
    """max(0, a)."""
    return called(writer, "max", num(0), *node.args)


def stopped(writer: Writer, node: Op) -> Part:
    """stopgrad(a); with numbers put in it is what a is."""
    (inner,) = node.args
    return writer.part(inner) if writer.numbers else called(writer, "stopgrad", inner)


def pi(_: Writer, __: Op) -> Part:
    """π."""
    return Part(Letter("π"))


# Constants on either side of 0 -------------------------------------------------------------------


def switch(writer: Writer, node: Op) -> Part:
    """1{a > 0}, sign(a), or cases, one of them for the kink where the value there is another."""
    if levels(node) == (-1, 0, 1):
        return called(writer, "sign", node.args[0])
    found = conditions.cases(node)
    if not found.cases:
        return writer.part(Num(found.otherwise))
    if found.indicator is not None:
        return indicator(_held(writer, found.indicator))
    held = [_held(writer, case) for case in found.cases]
    rows = [
        (writer.part(Num(case.value)).node, part.node)
        for case, part in zip(found.cases, held, strict=True)
    ]
    rows.append((writer.part(Num(found.otherwise)).node, Word("otherwise")))
    return Part(Cases(tuple(rows)), drawn=any(part.drawn for part in held))


def _held(writer: Writer, case: conditions.Case) -> Part:
    left, right = writer.part(case.left), writer.part(case.right)
    node = row(left.node, Sign(case.relation), right.node)
    return Part(node, "sum", drawn=left.drawn or right.drawn)


def indicator(condition: Part) -> Part:
    """1{…}."""
    inner = Fenced("{", condition.node, "}")
    return Part(row(Word("1", bold=True), inner), drawn=condition.drawn)


def choose(writer: Writer, node: Op) -> Part:
    """{a if x > 0, b otherwise}."""
    yes, no = map(writer.part, node.args[1:])
    x = _held(writer, conditions.Case(Exact(1), *conditions.compared(node.args[0], ">")))
    pairs = ((yes.node, x.node), (no.node, Word("otherwise")))
    return Part(Cases(pairs), drawn=x.drawn or yes.drawn or no.drawn)


def largest(writer: Writer, node: Op) -> Part:
    """1{a = max(a)}, and what holds where several are equal."""
    shared = conditions.largest_share(node)
    if shared is not None:
        return writer.part(shared)
    inner, tie = writer.part(node.args[0]), conditions.at_tie(node)
    top = of_each(writer, Op("max", node.args, _axis_alone(node)))
    whole = Part(row(inner.node, Sign("="), top.node), "sum", drawn=inner.drawn)
    if tie == 1:
        return indicator(whole)
    said = conditions.THE_FIRST if tie is None else conditions.ALONE
    single = Part(
        row(whole.node, Sign(",", bare=True), Sign(" ", bare=True), Word(said)), drawn=inner.drawn
    )
    if not tie:
        return indicator(single)
    rows = ((1, single.node), (tie, whole.node), (0, Word("otherwise")))
    return Part(Cases(tuple((writer.part(num(value)).node, held) for value, held in rows)))


def _axis_alone(node: Op) -> tuple[tuple[str, Option], ...]:
    return tuple((key, value) for key, value in node.options if key == "axis")


def jacobian(writer: Writer, node: Op) -> Part:
    """∂a over ∂b."""
    of, by = (row(Letter("∂"), writer.part(arg).node) for arg in node.args)
    return Part(Fraction(of, by, bare=True), "fraction")


# In derivations -----------------------------------------------------------------------------------


def derivative(writer: Writer, node: Op) -> Part:
    """df over dz of a name, d over dz before brackets of anything else; ∂ for an entry."""
    of, by = node.args
    alone = isinstance(by, Sym) and len(by.name) == 1 and not node.option("partial")
    sign = Letter("d" if alone else "∂")
    below = row(sign, writer.part(by).node)
    if isinstance(of, Sym):
        above = row(sign, writer.part(of).node)
        return Part(Fraction(above, below, bare=True), "fraction")
    return Part(
        row(Fraction(sign, below, bare=True), fenced(writer.part(of), "[", "]").node), "atom"
    )


def held(writer: Writer, node: Op) -> Part:
    """∂A/∂B, and behind a bar what does not change meanwhile."""
    quotient, *fixed = (writer.part(arg).node for arg in node.args)
    return Part(with_held(quotient, fixed), "fraction")


def with_held(quotient: Node, fixed: Sequence[Node]) -> Node:
    """∂A/∂B with the bar where something is held fixed."""
    if not fixed:
        return quotient
    names = row(*[each for name in fixed for each in (Sign(",", bare=True), name)][1:])
    below = names if len(fixed) == 1 else Fenced("(", names, ")")
    return row(quotient, Script(Sign("|", bare=True), None, below))


def sum_over(writer: Writer, node: Op) -> Part:
    """Σ with its letter below, and the letter it leaves out."""
    below: Node = Letter(str(node.option("index")))
    if node.option("without") is not None:
        below = row(below, Sign("≠", bare=True), Letter(str(node.option("without"))))
    inner = put(writer, node.args[0], "sum of")
    return Part(row(Total(below), inner.node), "total", open=True)


def equal(writer: Writer, node: Op) -> Part:
    """1{i = j}."""
    left, right = node.args
    return indicator(Part(row(_letter(writer, left), Sign("="), _letter(writer, right)), "sum"))


def within(writer: Writer, node: Op) -> Part:
    """1{1 ≤ i ≤ N}."""
    places = (part for each in node.args for part in (Sign("≤"), _letter(writer, each)))
    return indicator(Part(row(*[*places][1:]), "sum"))


def max_over(writer: Writer, node: Op) -> Part:
    """max of a, with its letters below: one sign for several."""
    letters, inner = [str(node.option("index"))], node.args[0]
    while isinstance(inner, Op) and inner.name == node.name:
        letters.append(str(inner.option("index")))
        inner = inner.args[0]
    head = Script(Word("max"), None, Places(tuple(letters)))
    return called(writer, head, inner)


def is_largest(writer: Writer, node: Op) -> Part:
    """1{a = m} of one that may be the largest, m."""
    one, largest = map(writer.part, node.args)
    return indicator(Part(row(one.node, Sign("="), largest.node), "sum"))


def _letter(writer: Writer, expr: Expr) -> Node:
    return writer.part(expr).node
