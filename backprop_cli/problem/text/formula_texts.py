"""Formula texts of a file to expressions, their complaints placed in the file."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from msgspec import Struct

from backprop_cli.algebra.expr import Expr, symbols
from backprop_cli.algebra.quantity import entry_id
from backprop_cli.errors import Complaints, Mark
from backprop_cli.problem.ids import in_letters, listed
from backprop_cli.problem.problem_data import Convention, Text
from backprop_cli.problem.text.other_keys import LONGEST, nearest, told_apart
from backprop_cli.problem.typed_numbers import shown

if TYPE_CHECKING:
    from backprop_cli.problem.text.calls import Dialect


def log_base(convention: Convention) -> int | None:
    """What logarithms are taken to; None for the natural ones."""
    return None if convention.log == "natural" else int(convention.log)


def dialect(
    convention: Convention,
    running: Mapping[str, int] = MappingProxyType({}),
    lengths: Collection[str] = (),
) -> Dialect:
    """How formulas are read under the conventions of a file, where these letters run over time.

    `lengths` are those among them that count all steps, and are sizes themselves.
    """
    from backprop_cli.problem.text.calls import Dialect

    flipped = convention.convolution == "flipped"
    at_zero = convention.kinks.step_at_zero
    return Dialect(
        convention.indices,
        log_base(convention),
        at_zero,
        running=running,
        flipped=flipped,
        lengths=lengths,
    )


class Scope(Struct, frozen=True):
    """The `known` names that a formula may use, and what is said of others.

    `later` is what to say, and to write instead, of names that it may not use yet, `stated` the key
    of the file under which it may state one. Nothing is said of names that are `excused`.
    """

    known: Collection[str]
    later: Mapping[str, tuple[str, str]] = {}
    stated: str | None = None
    excused: Callable[[str], bool] = lambda _name: False


def parsed(
    text: Text, how: Dialect, complaints: Complaints, scope: Scope, skip: int = 0
) -> Expr | None:
    """The expression of a formula; None, with complaints, where it is none.

    `skip` are the characters before the formula itself.
    """
    from backprop_cli.problem.text.parser import FormulaError, parse_placed

    if used := _gradient_in(text.text, skip, scope):
        gradient = f"{used[0]}(…)" if used["call"] else used[0]
        complaints.add(_worked_out(gradient), moved(text.mark, used.start()), _IN_PLACE_OF_GRADIENT)
        return None
    try:
        expr, places = parse_placed(text.text[skip:], how)
    except FormulaError as error:
        complaints.add(error.message, moved(text.mark, skip + error.offset), error.instead)
        return None
    unknown = [name for name in symbols(expr) if name not in scope.known]
    for name in unknown:
        if scope.excused(name):
            continue
        place = skip + places.get(name, 0)
        said, instead = scope.later.get(name) or _said_of(name, text.text[:place], scope)
        complaints.add(said, moved(text.mark, place), instead)
    return None if unknown else expr


_gradient = re.compile(
    r"(?<!\w)[d∂] ?(?P<of>\w*) ?/ ?[d∂] ?(?P<by>\w+)|∇\w*|(?<!\w)(?P<call>grad|gradient)(?=\()"
)
_gradient_name = re.compile(r"(?:d[^\W\d_]+_?d|grad_?|nabla_?)(?P<by>\w+)").fullmatch
_IN_PLACE_OF_GRADIENT = (
    "g = …, an equation with the formula of this gradient (`backprop derive` prints it), and g here"
)


def _gradient_in(text: str, start: int, scope: Scope) -> re.Match[str] | None:
    """Where a formula uses a gradient, if no names that are known make it a quotient or a call."""
    names = {*scope.known, *scope.later}
    for found in _gradient.finditer(text, start):
        of, by, call = found.group("of", "by", "call")
        quotient = {f"d{of}", f"d{by}"}
        if call not in names if call else by is None or (by in names and not quotient & names):
            return found
    return None


def _worked_out(gradient: str) -> str:
    return f"{shown(gradient)} is worked out from the equations, and no formula can use it"


def _said_of(name: str, before: str, scope: Scope) -> tuple[str, str | None]:
    """What to say of a name that is not known, and what to write instead.

    `before` is the text up to it.
    """
    from backprop_cli.problem.text.calls import FUNCTIONS, no_argument

    if name in FUNCTIONS:
        return no_argument(name)
    if name in ("T", "t", "top") and before.rstrip().endswith(("^", "**")):
        return f"`^{name}` would be a power, of a quantity {shown(name)}", ".T for transposed"
    if name == "e":
        return "`e` is not known here: it is no number", "exp(x) for e^x"
    known, stated = scope.known, scope.stated
    if (gradient := _gradient_name(name)) and gradient["by"] in known:
        return _worked_out(name), _IN_PLACE_OF_GRADIENT
    near = in_letters(name) if in_letters(name) in known else nearest(name, known)
    meant = f"; did you mean `{near}`?{told_apart(name)}" if near else ""
    ways = [listed(known), f"{stated}: {{{name}: …}}" if stated else None]
    instead = near or _meant(name, known) or ", or ".join(way for way in ways if way)
    return f"{shown(name)} is not known here{meant}", instead


_entry = partial(re.fullmatch, r"(?P<name>.*?[^\W\d_])_?(?P<place>[0-9]+)")


def _meant(name: str, known: Collection[str]) -> str | None:
    """What somebody wrote as a name: w_1 for w[1], Wᵀ for W.T, wx for w * x."""
    if name.endswith("ᵀ") and name[:-1] in known:
        return f"{name[:-1]}.T"
    found = _entry(name)
    if found and found["name"] in known:
        return entry_id(found["name"], [found["place"]])
    factors = _factors(name[:LONGEST], known)
    return " * ".join(factors) if factors else None


def _factors(name: str, known: Collection[str]) -> list[str]:
    """The known names that `name` is made of, one after another; none where it is not."""
    ends: dict[int, list[str]] = {0: []}
    for end in range(1, len(name) + 1):
        for start, before in list(ends.items()):
            if name[start:end] in known:
                ends[end] = [*before, name[start:end]]
    return ends.get(len(name), [])


def moved(mark: Mark, offset: int) -> Mark:
    """The place so many characters further on."""
    return Mark(mark.line, mark.column + offset)
