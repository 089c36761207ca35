"""A formula, or several, to the derivation of their derivatives: the rules alone, line by line."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

import numpy as np
from msgspec.structs import replace

from backprop_cli.algebra.expr import Expr, Op, Sym, free_name, rewrite, symbols, uses, walk
from backprop_cli.algebra.shapes import Shape, ShapeError
from backprop_cli.derive.derivation_data import (
    Chain,
    Condition,
    Definition,
    Derivation,
    Relation,
    Table,
)
from backprop_cli.derive.derivation_nodes import (
    EQUAL,
    NoMoreLettersError,
    derivative,
    indexed,
    parts,
    renamed,
)
from backprop_cli.derive.simplify.endings import TARGETS_NOTE, Ending, Name, names_for
from backprop_cli.derive.steps.engine import TooLongError, chain, line, scalars, with_partials
from backprop_cli.derive.steps.functions import functions_in
from backprop_cli.derive.steps.lettering import Lettering, lettering
from backprop_cli.derive.steps.rules import Scalars
from backprop_cli.derive.steps.step_table import NORMAL
from backprop_cli.derive.tensors.entrywise import OfVectors, plainly
from backprop_cli.errors import HintedError
from backprop_cli.operations.table import TABLE, Sizes, operation
from backprop_cli.problem.text.lexer import quoted
from backprop_cli.problem.text.parser import FormulaError, parse
from backprop_cli.readings.entries import NoEntryError, called
from backprop_cli.readings.entries import entry as written

VARIABLES = ("z", "yhat", "x")
"""By which name a formula is differentiated where it has several, the first that is there."""

_FOR_NUMBERS = frozenset({"pi"})
_SIGNS: tuple[Relation, Relation] = ("=", "≠")
_SUMMED = frozenset(name for name, each in TABLE.items() if each.along) | {"matmul"}
_OF_VECTORS = _SUMMED | {"stack"}
_VECTORS = "letters are single numbers here, and a vector is written by its entries"
_natural = re.compile(r"\d+|\D+").findall


class UnderivableError(HintedError):
    """A formula whose derivation cannot be written; the message is a sentence, `instead` a hint."""


def of_formula(text: str, wrt: str | None = None, numbers: Sequence[str] = ()) -> Derivation:
    """The derivative of one formula by its variable; FormulaError, UnderivableError.

    `numbers` are the letters that stand for one number beside vectors.
    """
    expr = parse(text)
    _check_letters(symbols(expr), numbers, wrt)
    by = _variable(expr, wrt)
    whole = Sym(free_name(("f", "g", "h", "F", "G", "H"), symbols(expr)))
    rules = scalars()
    notes: tuple[str, ...] = ()
    if uses(expr, *_SUMMED) or _is_vector(expr, by):
        letters = _letters(expr, by, numbers)
        definitions, chains = _lettered(expr, by, whole, rules, letters)
        notes = tuple(_said(letters, chains))
    else:
        plain = _plain(expr)
        definitions = (Definition(whole, (plain,)),)
        own = Ending(Name(whole, plain))
        chains = (lines_of(derivative(whole, Sym(by)), Sym(by), plain, rules, ending=own),)
    definitions = (*definitions, *functions_in(chains, symbols(expr)))
    if any(uses(each.result, "normal_cdf", "normal_pdf") for each in chains):
        notes = (*notes, NORMAL)
    return Derivation(f"The derivative of {text.strip()}", definitions, chains, notes=notes)


def _letters(expr: Expr, by: str, numbers: Sequence[str]) -> Lettering:
    """What its letters stand for, and those that are left for indices."""
    try:
        return lettering(expr, by, numbers)
    except NoMoreLettersError:
        message = "its names leave no letters for the indices of vectors"
        hint = "names of several letters, such as x1 and x2"
        raise UnderivableError(message, hint) from None


def _by_entry(expr: Expr) -> frozenset[str]:
    """The letters of which single entries stand in a formula."""
    return frozenset(
        arg.name
        for node in walk(expr)
        if isinstance(node, Op) and node.name == "at"
        for arg in node.args
        if isinstance(arg, Sym)
    )


def _is_vector(expr: Expr, by: str) -> bool:
    """Whether entries make one of a letter: of what is differentiated by, or beside the letter
    itself, as in x * x[1]."""
    by_entry = _by_entry(expr)
    return by in by_entry or not by_entry.isdisjoint(symbols(_single_entries(expr)))


def _check_letters(used: Sequence[str], numbers: Sequence[str], wrt: str | None) -> None:
    """e is no number, and numbers are letters of the formula."""
    if "e" in used and wrt != "e":
        message = "`e` is no number here: it would be a letter like any other"
        raise UnderivableError(message, "exp(x) for e^x, exp(-x) for e^(-x); --wrt e by a letter e")
    unknown = [name for name in numbers if name not in used]
    if unknown:
        raise UnderivableError(f"{quoted(unknown[0])} is not in the formula", ", ".join(used))


def _said(letters: Lettering, chains: Sequence[Chain]) -> Iterator[str]:
    """What the letters are that a reader could take for something else."""
    if letters.said:
        yield letters.said
    if any(letters.size in symbols(each.expr) for chain in chains for each in chain.lines):
        yield f"{letters.size} is the number of entries."


def _variable(expr: Expr, wrt: str | None) -> str:
    used = symbols(_single_entries(expr))
    if wrt is not None and wrt in {*used, *_by_entry(expr)}:
        return wrt
    if wrt is not None or not used:
        said = f"`{wrt}` is not in the formula" if wrt else "there is no letter in the formula"
        raise UnderivableError(said, f"one of {', '.join(used)}" if used else "z^2, for example")
    known = [name for name in VARIABLES if name in used]
    if len(used) > 1 and not known:
        names = ", ".join(used)
        raise UnderivableError(f"by which of {names} is to be differentiated?", f"--wrt {used[0]}")
    return known[0] if known else used[0]


def _plain(expr: Expr) -> Expr:
    """A formula in single numbers, in whose derivation the rules for numbers hold."""
    plain = plainly(_single_entries(expr))
    for node in walk(plain):
        if isinstance(node, Op) and not (operation(node).elementwise or node.name in _FOR_NUMBERS):
            raise UnderivableError(f"there is no derivation with letters for {called(node)}")
    return plain


def lines_of(
    left: Expr,
    by: Sym,
    form: Expr,
    rules: Scalars,
    *conditions: Condition,
    ending: Ending,
) -> Chain:
    """A derivative line by line; UnderivableError where it is too long or cannot be written."""
    try:
        return chain(left, by, form, rules, conditions=conditions, ending=ending)
    except TooLongError:
        raise UnderivableError("this derivation would fill pages", "a shorter formula") from None
    except (ShapeError, AttributeError, IndexError):
        raise UnderivableError("this formula has no derivative that can be written out") from None


_IN_A_FILE = "`shapes: {{{}: [n, n], x: [n]}}` and `equations:` in a file, and `derive` of that"


# Formulas over vectors ----------------------------------------------------------------------------


def _lettered(
    expr: Expr, by: str, whole: Sym, rules: Scalars, letters: Lettering
) -> tuple[tuple[Definition, ...], tuple[Chain, ...]]:
    """Sums and softmax look at whole vectors: their entries are written with letters."""
    i, j = letters.row, letters.column
    variable = indexed(by, j) if by in letters.vectors else Sym(by)
    vectors = {name: name in letters.vectors for name in symbols(expr)}
    write = OfVectors(vectors, letters.sums, letters.size)
    try:
        shape = write.shape(expr)
        if len(shape) > 1:
            raise NoEntryError("matrices")
        if shape not in ((), (letters.size,)):
            raise NoEntryError("part of a vector")
        form = write.entry(expr, (i,) if shape else ())
    except ShapeError as error:
        capital = next((name for name in letters.numbers if name[0].isupper()), None)
        if capital is not None:
            message = f"letters are numbers and vectors here, and `{capital}` would be a matrix"
            raise UnderivableError(message, _IN_A_FILE.format(capital)) from None
        raise UnderivableError(str(error), error.instead) from None
    except NoEntryError as error:
        raise UnderivableError(f"there is no derivation with letters for {error}") from None
    symbol = indexed(whole.name, i) if shape else whole
    size = Sym(letters.size)
    names = names_for([form], symbols(expr), size, i)
    own = Ending(Name(symbol, form), tuple(names), size)
    rules = replace(rules, bound=frozenset(_numerals(form)))
    chains = _entry_chains(symbol, variable, form, rules, own)
    used = {name for each in chains for name in symbols(each.result)}
    said = [each for each in names if _used(each, used) and not _same(each, own)]
    stated = (Definition(symbol, (form,)), *(each.definition for each in said))
    return stated, tuple(map(_noted, chains))


def _numerals(form: Expr) -> Iterator[str]:
    """The numbers of entries that a formula names: x_j may be the x₁ of it."""
    for name in symbols(form):
        yield from filter(str.isdecimal, parts(name)[1])


def _entry_chains(
    symbol: Sym, variable: Sym, form: Expr, rules: Scalars, own: Ending
) -> list[Chain]:
    """The derivative of a number; of a vector's entry by the cases i = j and i ≠ j, then both."""
    name, row = parts(symbol.name)
    column = parts(variable.name)[1]
    if not row or not column:
        return [lines_of(derivative(symbol, variable), variable, form, rules, ending=own)]
    (i,), (j,) = row, column
    same, other = (Condition(Sym(i), sign, Sym(j)) for sign in _SIGNS)
    here, there = indexed(name, j), renamed(form, {i: j})
    first = lines_of(derivative(here, variable), variable, there, rules, same, ending=own)
    second = lines_of(derivative(symbol, variable), variable, form, rules, other, ending=own)
    either = replace(rules, bound=rules.bound | {i})
    whole = lines_of(derivative(symbol, variable), variable, form, either, ending=own)
    if not uses(whole.result, EQUAL):
        return [first, second]
    words = f"for {i} = {j} the first case, else the second"
    together = line(whole.result, "together", words)
    return [first, second, Chain("Both cases in one", derivative(symbol, variable), (together,))]


def _used(name: Name, used: Collection[str]) -> bool:
    return parts(name.symbol.name)[0] in {parts(each)[0] for each in used}


def _same(name: Name, own: Ending) -> bool:
    return own.own is not None and name.form == own.own.form


def _noted(chain: Chain) -> Chain:
    taken = any(each.reason == "targets sum to 1" for each in chain.lines)
    return replace(chain, notes=(TARGETS_NOTE,)) if taken else chain


# Vector functions ---------------------------------------------------------------------------------


def of_expressions(text: str, wrt: str | None = None, layout: str = "numerator") -> Derivation:
    """The Jacobian of a vector function whose entries are written with commas between them."""
    try:
        parsed = parse(f"[{text}]")
    except FormulaError as error:
        place = max(0, error.offset - 1)
        message = error.message
        if place >= len(text.rstrip()):
            message = message.replace("found `]`", "found the end")
        raise FormulaError(message, place, error.instead) from None
    assert isinstance(parsed, Op)
    asked = tuple(name.strip() for name in wrt.split(",")) if wrt else ()
    _check_letters(symbols(parsed), (), "e" if "e" in asked else None)
    forms = [_plain(form) for arg in parsed.args for form in _written_out(arg)]
    variables = _variables(forms, wrt)
    functions = [Sym(f"f{number}") for number in range(1, len(forms) + 1)]
    definitions = tuple(Definition(f, (form,)) for f, form in zip(functions, forms, strict=True))
    rules = scalars()
    rows = [
        [
            lines_of(derivative(f, x), x, form, rules, ending=Ending(Name(f, form)))
            for x in variables
        ]
        for f, form in zip(functions, forms, strict=True)
    ]
    if len(variables) > 1:
        rows = [list(map(with_partials, row)) for row in rows]
    chains = tuple(each for row in rows for each in row)
    title = "The Jacobian of a vector function" if len(forms) > 1 else "The gradient of a function"
    return Derivation(title, definitions, chains, (_table(functions, variables, rows, layout),))


def _written_out(expr: Expr) -> list[Expr]:
    """A formula with vectors written by their entries, `norm([x1, x2])`, as formulas in numbers."""
    if not uses(expr, *_OF_VECTORS):
        return [expr]
    sizes = Sizes(dict.fromkeys(symbols(expr), ()), {})
    if any(_of_a_letter(node, sizes) for node in walk(expr)):
        raise UnderivableError(_VECTORS, "norm([x1, x2]); or derive PROBLEM --of NAME --wrt NAME")
    try:
        shape = tuple(size for size in sizes.shape(expr) if isinstance(size, int))
        return [written(expr, place, sizes) for place in np.ndindex(shape)]
    except ShapeError as error:
        raise UnderivableError(str(error), error.instead) from None


def _of_a_letter(node: Expr, sizes: Sizes) -> bool:
    """Whether something of a vector is asked of one number."""
    if not isinstance(node, Op) or node.name not in _OF_VECTORS - {"stack"}:
        return False
    try:
        return any(sizes.shape(arg) == () for arg in node.args)
    except ShapeError:
        return True


def _variables(forms: Sequence[Expr], wrt: str | None) -> list[Sym]:
    used = {name for form in forms for name in symbols(form)}
    asked = [name.strip() for name in wrt.split(",")] if wrt else sorted(used, key=_in_order)
    unknown = [name for name in asked if name not in used]
    if unknown or not asked:
        said = (
            f"{quoted(unknown[0])} is in none of the entries" if unknown else "there are no letters"
        )
        raise UnderivableError(
            said, "x1 + x2*x3, x1^2 + 3*x2" if not used else ", ".join(sorted(used))
        )
    clash = [name for name in used if re.fullmatch(r"f\d+", name)]
    if clash:
        raise UnderivableError(f"`{clash[0]}` is what an entry of the function is called", "x1")
    return [Sym(name) for name in asked]


def _in_order(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (0, part) for part in _natural(name)]


def _table(
    functions: Sequence[Sym], variables: Sequence[Sym], rows: Sequence[Sequence[Chain]], layout: str
) -> Table:
    entries = tuple(tuple(each.result for each in row) for row in rows)
    words = f"{layout} layout: a row a function, a column a variable"
    if layout == "denominator":
        words = f"{layout} layout: a row a variable, a column a function"
        entries = tuple(zip(*entries, strict=True))
    shape: Shape = (len(entries), len(entries[0]))
    heads: tuple[tuple[Expr, ...], tuple[Expr, ...]] = (tuple(functions), tuple(variables))
    if layout == "denominator":
        heads = (heads[1], heads[0])
    of_x = all(re.fullmatch(r"x\d*", each.name) for each in variables)
    return Table("df/dx" if of_x else "J", *heads, entries, shape, words)


def _single_entries(expr: Expr) -> Expr:
    """x[1] as the number x1."""

    def rule(node: Expr) -> Expr | None:
        match node:
            case Op("at", (Sym(name),)):
                index = node.option("index")
                if isinstance(index, tuple) and all(isinstance(i, int) for i in index):
                    return Sym(name + "".join(str(int(str(i)) + 1) for i in index))
        return None

    return rewrite(expr, rule)
