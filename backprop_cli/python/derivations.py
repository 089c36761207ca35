"""A function, a formula, or two quantities of a problem -> the derivation in symbols."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from backprop_cli.errors import Complaint, Mark, UserError, refusal
from backprop_cli.formats.registry import DERIVATIONS
from backprop_cli.python import showing
from backprop_cli.python.complaining import door, expect, expect_one_of, expect_text, told
from backprop_cli.python.showing import Shown

if TYPE_CHECKING:
    from backprop_cli.derive.derivation_data import Derivation as Chain

Layout = Literal["numerator", "denominator"]


class Derivation(Shown):
    """A derivation in symbols; `render` writes it out."""

    def __init__(self, written: Callable[[str, Any], str]) -> None:
        self._written = written

    @door
    def render(
        self,
        format: str = "text",  # noqa: A002  # as the option of the command is called
        *,
        width: int = 100,
        ascii: bool = False,  # noqa: A002
    ) -> str:
        """The derivation as `text`, `markdown`, `latex`, `html` or `json`; Error for another."""
        showing.refuse_other(format, DERIVATIONS)
        with told("derive"):
            return self._written(format, showing.view(width=width, ascii=ascii))


def derive(
    what: str,
    *,
    wrt: str | None = None,
    numbers: Sequence[str] = (),
    layout: Layout = "numerator",
) -> Derivation:
    """The derivative of a function (`sigmoid`), a formula (`z * sigmoid(z)`) or several (`a, b`).

    `wrt` is the letter, or the letters with commas, by which it is taken; `numbers` are the letters
    that stand for numbers. Several formulas give their Jacobian, in this `layout`. Error for what
    is no formula, or has no derivative here.
    """
    expect_text("derive", what)
    expect(isinstance(wrt, str | None), "wrt", "letters", wrt)
    expect(isinstance(numbers, Iterable), "numbers", "a list of letters", numbers)
    for letter in numbers:
        expect_text("numbers", letter)
    expect_one_of("layout", layout, ("numerator", "denominator"))
    with told("derive"):
        found = chain(what, wrt, numbers, layout if _is_list(what) else None, "derive")
    return Derivation(lambda format_, view: showing.chain(format_, found, view))


def taylor(text: str, order: int, at: str | None, wrt: str | None) -> Chain:
    """The Taylor polynomial of a formula; UserError where there is none."""
    from backprop_cli.derive.steps.taylor import of_taylor

    source = "--function"
    return _told(lambda: of_taylor(_as_formula(text, source), order, at, wrt), text, source)


def chain(
    text: str, wrt: str | None, numbers: Sequence[str], layout: Layout | None, source: str
) -> Chain:
    """The derivative line by line; with a `layout`, the Jacobian of a list of formulas.

    UserError, with the `source` of the text, where there is none.
    """
    from backprop_cli.derive.steps.formulas import of_expressions, of_formula
    from backprop_cli.derive.steps.functions import named

    def derived() -> Chain:
        if layout is not None:
            return of_expressions(text, wrt, layout)
        if not numbers and (found := named(text)) is not None:
            return found
        return of_formula(_as_formula(text, source), wrt, numbers=list(numbers))

    return _told(derived, text, source)


def _told(derived: Callable[[], Chain], text: str, source: str) -> Chain:
    """A derivation, with what is wrong with its text told as a UserError."""
    from backprop_cli.derive.steps.formulas import UnderivableError
    from backprop_cli.problem.text.parser import FormulaError

    try:
        return derived()
    except FormulaError as error:
        mark = Mark(1, error.offset + 1)
        complaint = Complaint(error.message, mark, error.instead)
        raise UserError(complaint, source=source, lines=(text,)) from None
    except UnderivableError as error:
        raise refusal(str(error), instead=error.instead, source=source) from None


def _is_list(text: str) -> bool:
    """Whether several formulas stand there: a comma outside of parentheses."""
    depth = 0
    for char in text:
        depth += (char in "([") - (char in ")]")
        if char == "," and depth == 0:
            return True
    return False


def _as_formula(text: str, source: str) -> str:
    """A bare name applied to z; a word that is no function is refused with the nearest."""
    from backprop_cli.derive.steps.functions import names
    from backprop_cli.operations.table import TABLE
    from backprop_cli.problem.text.other_functions import elsewhere
    from backprop_cli.problem.text.other_keys import nearest

    word = text.strip()
    if not word:
        raise refusal("a formula is missing here", instead="'z * sigmoid(z)'", source=source)
    if word in TABLE and TABLE[word].public:
        if TABLE[word].arity == 1:
            return f"{word}(z)"
        raise refusal(f"`{word}` takes several arguments", instead=f"{word}(…)", source=source)
    named = word.replace("-", "").replace("_", "").isalpha() and word[0].isalpha()
    if named and len(word) > 1:
        known = elsewhere(word, names())
        near = (known.name or known.formula) if known else nearest(word, names())
        meant = near or f"one of {', '.join(names())}, or a formula in z"
        raise refusal(f"there is no function `{word[:40]}`", instead=meant, source=source)
    return word
