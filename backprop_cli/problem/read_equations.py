"""Equations as written to expressions whose names and shapes fit, or to what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from msgspec import Struct, field

from backprop_cli.algebra.expr import Expr, Op, Sym, symbols
from backprop_cli.algebra.quantity import step_of, typed_entry
from backprop_cli.algebra.shapes import Shape, ShapeError, described
from backprop_cli.errors import Complaints, Mark
from backprop_cli.operations.losses import LOSSES
from backprop_cli.operations.padded_pooling import opened
from backprop_cli.operations.table import Sizes, operation
from backprop_cli.operations.worked_out import in_steps, with_named_arguments
from backprop_cli.problem.ids import said_of_gradient, taken
from backprop_cli.problem.model import Equation, letters_of, state_shape
from backprop_cli.problem.named import loss_of, losses_of, rule_of
from backprop_cli.problem.problem_data import ForEach, Problem, Text, kinks
from backprop_cli.problem.targets import complain_of_letters
from backprop_cli.problem.text.formula_texts import Scope, dialect, moved, parsed
from backprop_cli.problem.text.lexer import is_name, unprimed
from backprop_cli.problem.text.parser import TAKEN
from backprop_cli.problem.typed_numbers import shown
from backprop_cli.problem.unrolled import Stated, behind_the_last, hints, unrolled
from backprop_cli.readings.formula_text import for_readers, plain
from backprop_cli.trace import Given, OverTime, Unknown, side_by_side

AXES: dict[int, tuple[str, ...]] = {
    0: (),
    1: ("row",),
    2: ("row", "column"),
    3: ("channel", "row", "column"),
    4: ("filter", "channel", "row", "column"),
}

_BACKWARDS = "the range the other way round, as 3..1 for 1..3"
_LONGEST = 60  # characters of a formula that a message repeats


class Equations(Struct):
    """The quantities gathered while the list is read; something is wrong with those in `failed`.

    `stated` are the equations to be read, one a step where they are taken for each of several, and
    `hints` what to say of names that somebody may write in them.
    """

    problem: Problem
    complaints: Complaints
    numbers: bool = True
    given: dict[str, Given] = field(default_factory=dict)
    unknown: dict[str, Unknown] = field(default_factory=dict)
    shapes: dict[str, Shape] = field(default_factory=dict)
    equations: list[Equation] = field(default_factory=list)
    failed: dict[str, None] = field(default_factory=dict)
    failed_values: dict[str, None] = field(default_factory=dict)
    later: dict[str, tuple[str, Text]] = field(default_factory=dict)
    stated: list[Stated] = field(default_factory=list)
    over_time: tuple[OverTime, ...] = ()
    hints: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    lengths: Mapping[str, int] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)

    @property
    def values(self) -> list[str]:
        """What the equations start from, whether it could be read or not."""
        return [*self.given, *self.unknown, *self.failed_values]

    @property
    def known(self) -> dict[str, None]:
        """Every name so far, right or wrong, in the order of the file."""
        return dict.fromkeys([*self.shapes, *self.failed_values, *self.failed])

    def excused(self, name: str) -> bool:
        """Whether what could not be read may have given `name`, or another step of it."""
        base, _, step = name.rpartition("_")
        wrong = [*self.lost, *self.failed] if step.isdecimal() else []
        bases = {word.partition("_")[0] for word in wrong}
        return name in self.lost or base in bases

    def sizes(self) -> Sizes:
        """The shapes so far, for those who ask for the shape of an expression."""
        return Sizes(self.shapes, kinks(self.problem.convention.kinks))


def read_values(read: Equations) -> None:
    """The values that the equations start from."""
    for name, (text, values) in read.problem.values.items():
        _check_not_function(read, name, text.mark)
        if values.array is None or complain_of_letters(name, values, read.complaints):
            read.failed_values[name] = None
            continue
        read.given[name] = Given(values.array, AXES[values.array.ndim], "data")
        read.shapes[name] = values.array.shape
    for name, (text, shape) in read.problem.shapes.items():
        _check_not_function(read, name, text.mark)
        if not read.numbers:
            _read_shape(read, name, text.mark, shape)
        elif name not in read.known:
            read.failed_values[name] = None
            message = f"{shown(name)} has a shape and no numbers, and solving needs numbers"
            read.complaints.add(message, text.mark, f"values: {{{name}: …}}, {described(shape)}")


def _read_shape(read: Equations, name: str, mark: Mark, shape: Shape) -> None:
    """A quantity of which the file states the shape alone."""
    if len(shape) not in AXES:
        message = f"{shown(name)} is {described(shape)}, and a quantity has four axes at most"
        read.complaints.add(message, mark, "[M, N]")
        read.failed_values[name] = None
        return
    read.unknown[name] = Unknown(shape, AXES[len(shape)])
    state_shape(read.shapes, name, shape)


def unroll(read: Equations) -> None:
    """Takes what is written once for several steps once for each."""
    sizes = frozenset() if read.numbers else letters_of(read.shapes.values()) | _depths(read)
    found = unrolled(read.problem.equations or (), read.values, read.complaints, sizes)
    read.stated, read.over_time = found.equations, side_by_side(found.over_time)
    read.lengths = found.lengths
    read.lost |= found.lost
    read.hints = hints(read.over_time, read.values)


def _depths(read: Equations) -> frozenset[str]:
    """The letters that count steps which take nothing of their own: layers, or rounds of a map."""
    equations = read.problem.equations or ()
    taken = {each.text.partition("=")[0].strip() for each in equations if isinstance(each, Text)}
    found = set()
    for each in equations:
        if not isinstance(each, ForEach) or not is_name(last := each.last.text.strip()):
            continue
        own = re.compile(rf"\[[^\]]*\b{re.escape(each.letter)}\b")
        used = " ".join(text.text for text in each.equations)
        if last not in {*read.values, *taken} and not own.search(used):
            found.add(last)
            read.shapes.setdefault(last, ())
    return frozenset(found)


def read_equations(read: Equations) -> None:
    """The equations of `stated`, each with the names before it."""
    for each in read.stated:
        if each.name:
            line = each.text.mark.line
            where = f"on line {line}" if line else "later"
            said = f"{shown(each.name)} is used before it is defined ({where})"
            read.later.setdefault(each.name, (said, each.text))
    wrong: set[Mark] = set()
    for each in read.stated:
        if read.complaints.full:
            return
        before = len(read.complaints.found)
        if each.text.mark in wrong and each.running:  # what is wrong is said for one step
            read.failed[each.name] = None
        elif is_name(each.name):
            _equation(read, each)
        else:
            _complain_of_form(read, each.text)
        if len(read.complaints.found) > before:
            wrong.add(each.text.mark)


def _complain_of_form(read: Equations, text: Text) -> None:
    left, sign, right = text.text.partition("=")
    if range_above := _FOR.match(text.text):
        read.lost.update(_WORD.findall(text.text))
        read.complaints.add("a colon is missing after this range", text.mark, f"{range_above[0]}:")
        return
    read.lost.update(_WORD.findall(left))
    instead = "z = W @ x + b"
    if sign and not right.startswith("=") and left.strip():
        name = left.strip()
        message, instead = said_of_gradient(name, right.strip()) or (
            f"{shown(name)} cannot be the name of a quantity",
            _name_meant(name) or "a letter, then letters, digits and underscores, such as z1",
        )
    else:
        message = "an equation is a name, `=` and a formula"
    read.complaints.add(message, text.mark, instead)


_FOR = re.compile(r"\s*for \w+ in [^\s:]+")
_WORD = re.compile(r"[^\W\d_]\w*")
_accented = re.compile(
    r"\\(?P<accent>hat|bar|tilde|vec|mathbf|mathrm|bm)\{\\?(?P<name>\w+)\}"
).fullmatch


def _name_meant(text: str) -> str | None:
    """What to write for a name in the way of a programming language, or of LaTeX."""
    text = text.strip("$ ")
    if (accented := _accented(text)) is not None:
        return accented["name"] + (accented["accent"] if accented["accent"] == "hat" else "")
    if is_name(text.removeprefix("\\")):
        return text.removeprefix("\\")
    if text.endswith(":") and is_name(defined := text[:-1].rstrip()):
        return f"{defined} = …"
    if (stated := text.rstrip("+-*/@").rstrip()) != text and is_name(stated):
        return f"a name of its own, such as {stated}2 = {stated} {text[len(stated) :].strip()} …"
    base, index = typed_entry(text)
    return f"{base}_{index}" if index and index.isalnum() and is_name(base) else unprimed(text)


def _check_not_function(read: Equations, name: str, mark: Mark) -> bool:
    if name not in TAKEN:
        return True
    message = f"{shown(name)} is the name of a function, and so cannot name a quantity"
    read.complaints.add(message, mark, f"{name}1, or another name")
    return False


def _check_name(read: Equations, name: str, mark: Mark) -> bool:
    """Whether an equation may define `name`, which nothing else may be called."""
    if not _check_not_function(read, name, mark):
        return False
    if not is_name(name):
        message = f"{shown(name)} is not a name: a letter, then letters, digits, underscores"
        read.complaints.add(message, mark)
        return False
    if (why := taken(name)) is not None:
        read.complaints.add(why[0], mark, why[1])
        return False
    if name in read.known:
        message = f"{shown(name)} is there already, and a name is given once"
        instead = "another name" if step_of(name) else f"{name}2, or another name"
        read.complaints.add(message, mark, instead)
        return False
    return True


def _equation(read: Equations, stated: Stated) -> None:
    name, text = stated.name, stated.text
    blanks = len(text.text) - len(text.text.lstrip())
    allowed = _check_name(read, name, moved(text.mark, blanks))
    known = read.known
    later = {
        other: (said, _BACKWARDS if place is text else "the equations in order of computing")
        for other, (said, place) in read.later.items()
        if other not in known
    }
    if allowed:
        later[name] = (
            f"{shown(name)} is used in its own equation",
            f"{name}2 = …, a name of its own",
        )
    how = dialect(read.problem.convention, stated.running, read.lengths)
    where = "values" if read.numbers else "shapes"
    scope = Scope(read.known, {**read.hints, **later}, where, read.excused)
    expr = parsed(text, how, read.complaints, scope, stated.start)
    shape = None
    if expr is not None and all(used in read.shapes for used in symbols(expr)):
        shape = _shape(read, name, expr, text, stated.start)
    if expr is not None and shape is not None and read.lengths:
        shape = _unless_behind(read, expr, shape, moved(text.mark, stated.start))
    if not allowed:
        read.lost |= set() if name in read.known else {name}
        return
    if expr is None or shape is None:
        read.failed[name] = None
        return
    expr = opened(expr, read.sizes())
    if isinstance(expr, Op) and operation(expr).stages is not None:
        _in_steps(read, name, expr, moved(text.mark, blanks))
        return
    read.shapes[name] = shape
    rule, words = _called(expr, read, shape)
    read.equations.append(Equation(name, expr, rule, AXES.get(len(shape), ()), words))


def _unless_behind(read: Equations, expr: Expr, shape: Shape, mark: Mark) -> Shape | None:
    """The shape; None, with a complaint, where a step takes what comes behind the last one."""
    if (name := behind_the_last(expr, read.shapes, read.lengths)) is None:
        return shape
    message = f"{shown(name)} ends where the steps do, and here an entry behind its last is taken"
    read.complaints.add(message, mark, "a size with more in it, as T+1 for x[t+1]")
    return None


def _called(expr: Expr, read: Equations, shape: Shape) -> tuple[str, str]:
    """The stable name of a step, and what its quantity is where it is a loss."""
    found = loss_of(expr, read.shapes) if not shape else None
    if found is not None:
        return found.loss.name, found.words
    if shape or isinstance(expr, Sym):
        rule = rule_of(expr)
        return "at-row" if rule == "at" and shape else rule, ""  # W[2] of a matrix
    added = [*losses_of(expr, read.shapes)]
    if len(added) == 1 and (once := added[0][1]) is not None:
        return once.loss.name, f"{once.words}, times a number"
    terms = [*dict.fromkeys(each.loss.name if each else "" for _, each in added)]
    if read.over_time and len(terms) == 1 and (loss := LOSSES.get(terms[0])) is not None:
        return loss.name, f"{loss.words}, summed over the steps"
    return rule_of(expr), _sum_in_words(terms)


def _sum_in_words(losses: Sequence[str]) -> str:
    """What is added up, where there is a loss in it: each by its name, what has none as a term."""
    named = [LOSSES[name].words for name in losses if name]
    if not named:
        return ""
    return " and ".join([*named, *(["another term"] if "" in losses else [])])


def _in_steps(read: Equations, name: str, node: Op, mark: Mark) -> None:
    """An equation for each step of what is worked out in steps, each with a name of its own."""

    def called(step: str) -> str:
        return f"{step}_{name}" if step else name

    node, before = with_named_arguments(node, called)
    inner = read.sizes()
    names = {**read.shapes, **{stage.name: inner.shape(stage.expr) for stage in before}}
    stages = operation(node).stages
    assert stages is not None
    found = [*before, *in_steps(node, Sizes(names, inner.kinks), stages, called)]
    free = [_check_name(read, stage.name, mark) for stage in found if stage.name != name]
    if not all(free):
        read.failed[name] = None
        return
    for stage in found:
        shape = read.shapes[stage.name] = read.sizes().shape(stage.expr)
        axes = AXES.get(len(shape), ())
        rule = rule_of(stage.expr)
        read.equations.append(Equation(stage.name, stage.expr, rule, axes, stage.words))


# Shapes -----------------------------------------------------------------------------------------


def _shape(read: Equations, name: str, expr: Expr, text: Text, start: int) -> Shape | None:
    """The shape of a formula; None, with a complaint about the part that does not fit."""
    try:
        return read.sizes().shape(expr)
    except ShapeError as error:
        node = _culprit(expr, read.sizes())
        written = for_readers(node, read.problem.convention.indices)
        said = f"`{written}`: {error}" if len(written) <= _LONGEST else str(error)
        mark = moved(text.mark, _within(text.text, written, start))
        instead = _as_meant(node, read) or error.instead
        read.complaints.add(f"in {name}, {said}", mark, instead)
        return None


def _culprit(expr: Expr, sizes: Sizes) -> Expr:
    """The innermost operation whose arguments do not fit."""
    for arg in expr.args if isinstance(expr, Op) else ():
        try:
            sizes.shape(arg)
        except ShapeError:
            return _culprit(arg, sizes)
    return expr


def _as_meant(node: Expr, read: Equations) -> str | None:
    """What may be meant by a sum or product entry by entry of what does not fit."""
    found = [each for each in (_product(node, read), _row_or_column(node, read)) if each]
    return " or ".join(found)[: 3 * _LONGEST] or None


def _product(node: Expr, read: Equations) -> str | None:
    """The matrix product in place of one entry by entry, where the sizes are those of one."""
    if not isinstance(node, Op) or node.name != "mul":
        return None
    product = Op("matmul", node.args)
    try:
        read.sizes().shape(product)
    except ShapeError:
        return None
    return plain(product, read.problem.convention.indices)


def _row_or_column(node: Expr, read: Equations) -> str | None:
    """A vector that meets a matrix entry by entry, written as the row or column that fits."""
    if not isinstance(node, Op) or node.name not in ("add", "sub", "mul", "div"):
        return None
    sizes = read.sizes()
    left, right = (sizes.shape(arg) for arg in node.args)
    if sorted((len(left), len(right))) != [1, 2]:
        return None
    position = 0 if len(left) == 1 else 1
    vector, matrix = (left, right) if position == 0 else (right, left)
    fits = [name for name, size in zip(("column", "row"), matrix, strict=True) if size == vector[0]]
    written = []
    for fit in fits:
        args = list(node.args)
        args[position] = Op(fit, (args[position],))
        written.append(plain(Op(node.name, tuple(args)), read.problem.convention.indices))
    return " or ".join(written)


def _within(text: str, part: str, start: int) -> int:
    """Where `part` stands in `text`, blanks apart; `start` where it is written another way."""
    places = [place for place in range(start, len(text)) if not text[place].isspace()]
    found = "".join(text[place] for place in places).find("".join(part.split()))
    return places[found] if found >= 0 and places else start
