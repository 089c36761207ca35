"""A formula as text to an expression: NumPy's notation, the table's functions, nothing executed."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from difflib import get_close_matches
from fractions import Fraction

from backprop_cli.algebra.expr import Expr, Num, Op, Option, Sym, num, op
from backprop_cli.operations.losses import LOSSES, Setting
from backprop_cli.operations.table import TABLE
from backprop_cli.readings.values import evaluate

MAX_LENGTH = 5_000
MAX_DEPTH = 100

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<name>[^\W\d_]\w*)"
    r"|(?P<sign>\*\*|\.T(?!\w)|[-+*/^@()\[\],=:]))"
)
_SAME = str.maketrans({"−": "-", "·": "*", "×": "*", "⋅": "*", "⊙": "*", "∗": "*"})
_ALIASES = {"ln": "log", "identity": "linear", "cross": "outer"}
_LOSS_NAMES = {name.replace("-", "_"): loss for name, loss in LOSSES.items()}
_SPECIAL = frozenset({"linear", "dot", "max", "min", "sum", "log", "ln", "e", "pi"})
FUNCTIONS = frozenset(
    {
        name
        for name, entry in TABLE.items()
        if entry.public and entry.notation.kind in ("function", "special")
    }
    | set(_LOSS_NAMES)
    | _SPECIAL
    | {"transpose", "outer", "identity"}
) - {"e", "neg", "place"}
"""The names a formula may call, which are therefore taken."""


class FormulaError(Exception):
    """A formula that cannot be read: what is wrong, where (from 0), what to write instead."""

    def __init__(self, message: str, offset: int, instead: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.instead = instead


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a formula's words mean where it stands: index base, log's base, step(0), known ids.

    `compound` are ids such as `dL/dW1` to be read as one name; `all_operations` lets the formulas
    of a trace use operations that a file may not.
    """

    indices: int = 1
    log_base: int | None = None
    step_at_zero: float = 1.0
    compound: Collection[str] = ()
    all_operations: bool = False


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    offset: int


@dataclass
class _Reader:
    tokens: list[_Token]
    dialect: Dialect
    position: int = 0
    depth: int = field(default=0)

    # What comes next --------------------------------------------------------------------------

    @property
    def token(self) -> _Token:
        return self.tokens[self.position]

    def take(self) -> _Token:
        token = self.token
        self.position += 1
        return token

    def accept(self, *texts: str) -> _Token | None:
        if self.token.kind == "sign" and self.token.text in texts:
            return self.take()
        return None

    def expect(self, text: str) -> None:
        if not self.accept(text):
            found = f"'{self.token.text}'" if self.token.text else "the end"
            raise FormulaError(f"expected '{text}' here, and found {found}", self.token.offset)

    # The grammar, loosest first ---------------------------------------------------------------

    def sum(self) -> Expr:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise FormulaError(
                "this formula is nested too deeply",
                self.token.offset,
                "several equations, one a step",
            )
        result = self.product()
        while sign := self.accept("+", "-"):
            result = op("add" if sign.text == "+" else "sub", result, self.product())
        self.depth -= 1
        return result

    def product(self) -> Expr:
        result = self.signed()
        while sign := self.accept("*", "/", "@"):
            right = self.signed()
            name = {"*": "mul", "/": "div", "@": "matmul"}[sign.text]
            result = _fraction(result, right) if name == "div" else op(name, result, right)
        return result

    def signed(self) -> Expr:
        signs = 0
        while sign := self.accept("+", "-"):
            signs += sign.text == "-"
        result = self.power()
        for _ in range(signs % 2):
            result = Num(-result.value) if isinstance(result, Num) else op("neg", result)
        return result

    def power(self) -> Expr:
        base = self.postfix()
        if self.accept("^", "**"):
            self.depth += 1
            if self.depth > MAX_DEPTH:
                raise FormulaError("this formula is nested too deeply", self.token.offset)
            exponent = self.signed()
            self.depth -= 1
            return op("pow", base, exponent)
        return base

    def postfix(self) -> Expr:
        result = self.atom()
        while sign := self.accept(".T", "["):
            if sign.text == ".T":
                result = op("transpose", result)
            else:
                result = op("at", result, index=self.index())
        return result

    def atom(self) -> Expr:
        token = self.take()
        if token.kind == "number":
            return _literal(token)
        if token.kind == "name":
            return self.named(token)
        if token.text == "(":
            inner = self.sum()
            self.expect(")")
            return inner
        if token.text == "[":
            return Op("stack", tuple(self.listed("]")))
        self.position -= 1
        what = f"'{token.text}'" if token.text else "the end"
        raise FormulaError(f"expected a name, a number or '(' here, and found {what}", token.offset)

    def listed(self, end: str) -> list[Expr]:
        items = [self.sum()]
        while self.accept(","):
            items.append(self.sum())
        self.expect(end)
        return items

    def index(self) -> tuple[Option, ...]:
        places = [self.place()]
        while self.accept(","):
            places.append(self.place())
        self.expect("]")
        return tuple(places)

    def place(self) -> Option:
        if self.accept(":"):
            return None
        first = self.whole_number()
        if self.dialect.all_operations and self.accept(":"):
            return (first, self.whole_number())
        return first

    def whole_number(self) -> int:
        token = self.take()
        if token.kind != "number" or not token.text.isdigit():
            raise FormulaError("an index is a whole number or ':'", token.offset)
        value = int(token.text) - self.dialect.indices
        if value < 0:
            raise FormulaError(f"indices count from {self.dialect.indices}", token.offset)
        return value

    # Names and calls --------------------------------------------------------------------------

    def named(self, token: _Token) -> Expr:
        if self.accept("("):
            return self.call(token)
        if token.text == "pi":
            return op("pi")
        if token.text in FUNCTIONS and token.text not in self.dialect.compound:
            raise FormulaError(
                f"{token.text} is a function and needs its argument in parentheses",
                token.offset,
                f"{token.text}(…)",
            )
        return Sym(token.text)

    def call(self, token: _Token) -> Expr:
        args: list[Expr] = []
        options: dict[str, Option] = {}
        while not self.accept(")"):
            if args or options:
                self.expect(",")
            ahead = self.tokens[self.position + 1]
            if self.token.kind == "name" and ahead.text == "=":
                name = self.take()
                self.take()
                options[name.text] = self.option(name.text)
            else:
                args.append(self.sum())
        return _applied(token, args, options, self.dialect)

    def option(self, name: str) -> Option:
        if name == "index":
            self.expect("[")
            return self.index()
        if self.accept("["):
            values = [self.option("")]
            while self.accept(","):
                values.append(self.option(""))
            self.expect("]")
            return tuple(values)
        if self.token.kind == "name":
            return self.letter()
        token = self.token
        value = self.signed()
        if not isinstance(value, Num):
            raise FormulaError(f"{name} is a number", token.offset)
        return int(value.value) if value.value.denominator == 1 else float(value.value)

    def letter(self) -> Option:
        text = self.take().text
        if sign := self.accept("+", "-"):
            text += sign.text + self.take().text
        return None if text == "None" else text


def parse(text: str, dialect: Dialect = Dialect()) -> Expr:
    """The expression that `text` writes; FormulaError where it is none."""
    if len(text) > MAX_LENGTH and not dialect.all_operations:
        raise FormulaError(f"a formula has at most {MAX_LENGTH} characters", 0)
    reader = _Reader(_tokens(text, dialect.compound), dialect)
    result = reader.sum()
    if reader.token.kind != "end":
        raise _leftover(reader.token)
    _check_depth(result)
    return result


def parse_constant(text: str) -> float:
    """The value of a formula without names: `2/3`, `ln(2)`, `sqrt(2)/2`."""
    result = parse(text)
    for token in _tokens(text, ()):
        if token.kind == "name" and token.text not in FUNCTIONS and token.text != "T":
            raise FormulaError(f"'{token.text}' is not a number", token.offset)
    value = evaluate(result, {})
    if value.ndim:
        raise FormulaError("this is not one number", 0)
    return float(value)


def _leftover(token: _Token) -> FormulaError:
    if token.kind in ("name", "number") or token.text in "([":
        return FormulaError(
            f"expected an operator before '{token.text}'",
            token.offset,
            f"* {token.text} for a product entry by entry, @ for a matrix product",
        )
    return FormulaError(f"'{token.text}' is not expected here", token.offset)


def _tokens(text: str, compound: Collection[str]) -> list[_Token]:
    text = text.translate(_SAME)
    longest_first = sorted(
        (name for name in compound if not name.isidentifier()), key=len, reverse=True
    )
    tokens, position = [], 0
    while position < len(text.rstrip()):
        start = position + len(text[position:]) - len(text[position:].lstrip())
        known = next((name for name in longest_first if _stands(name, text, start)), None)
        if known:
            tokens.append(_Token("name", known, start))
            position = start + len(known)
            continue
        found = _TOKEN.match(text, position)
        if not found or found.lastgroup is None:
            raise _unreadable(text, start)
        tokens.append(_Token(found.lastgroup, found[found.lastgroup], found.start(found.lastgroup)))
        position = found.end()
    return [*tokens, _Token("end", "", len(text.rstrip()))]


def _stands(name: str, text: str, start: int) -> bool:
    end = start + len(name)
    return text.startswith(name, start) and not (
        end < len(text) and (text[end].isalnum() or text[end] == "_")
    )


def _unreadable(text: str, start: int) -> FormulaError:
    character = text[start]
    instead = {
        "'": ".T for transposed",
        "ᵀ": ".T for transposed",
        "²": "^2",
        "{": "(",
        "}": ")",
        "|": "abs(…)",
        ";": "one equation a line",
        "%": "/ 100",
    }.get(character)
    shown = character if character.isprintable() else f"character {ord(character):#x}"
    return FormulaError(f"'{shown}' has no meaning in a formula", start, instead)


def _literal(token: _Token) -> Expr:
    if not float(token.text) < float("inf"):
        raise FormulaError(
            f"{token.text} is too large for a number", token.offset, "at most about 1.8e308"
        )
    if float(token.text) == 0:
        return num(0)
    return num(Fraction(token.text))


def _fraction(left: Expr, right: Expr) -> Expr:
    """2/3 between whole numbers is one number; anything else is a division."""
    if isinstance(left, Num) and isinstance(right, Num) and right.value != 0:
        return Num(left.value / right.value)
    return op("div", left, right)


def _applied(token: _Token, args: list[Expr], options: dict[str, Option], dialect: Dialect) -> Expr:
    name = _ALIASES.get(token.text, token.text)
    if name in _LOSS_NAMES and not (name == "huber" and len(args) == 1):
        return _loss(token, name, args, options, dialect)
    match name, args:
        case "linear", [inner]:
            return inner
        case "dot", [left, right]:
            return op("matmul", left, right)
        case (("max" | "min"), [first, second, *rest]) if not options:
            pairwise = "maximum" if name == "max" else "minimum"
            result = op(pairwise, first, second)
            for arg in rest:
                result = op(pairwise, result, arg)
            return result
        case "min", [inner]:
            return op("neg", Op("max", (op("neg", inner),), _options(token, "max", options)))
    if token.text == "log" and dialect.log_base:
        name = f"log{dialect.log_base}"
    if name == "step" and dialect.step_at_zero != 1:
        options.setdefault("at_zero", dialect.step_at_zero)
    return _checked(token, name, args, options, dialect)


def _checked(
    token: _Token, name: str, args: list[Expr], options: dict[str, Option], dialect: Dialect
) -> Expr:
    entry = TABLE.get(name)
    if entry is None or not (entry.public or dialect.all_operations):
        near = get_close_matches(token.text, FUNCTIONS, 1)
        raise FormulaError(
            f"there is no function '{token.text}'",
            token.offset,
            f"did you mean {near[0]}?" if near else "* between two names that are multiplied",
        )
    if (entry.arity is not None and len(args) != entry.arity) or (not args and entry.arity != 0):
        raise FormulaError(
            f"{token.text} takes {entry.arity or 'some'} argument"
            f"{'' if entry.arity == 1 else 's'}, and here are {len(args)}",
            token.offset,
        )
    return Op(name, tuple(args), _options(token, name, options))


def _options(
    token: _Token, name: str, options: dict[str, Option]
) -> tuple[tuple[str, Option], ...]:
    allowed = TABLE[name].options
    for key in options:
        if key not in allowed:
            known = ", ".join(k for k in allowed if k != "keep")
            raise FormulaError(
                f"{token.text} has no option '{key}'",
                token.offset,
                f"it has: {known}" if known else None,
            )
    return tuple(sorted((key, value) for key, value in options.items() if value is not None))


def _loss(
    token: _Token, name: str, args: list[Expr], options: dict[str, Option], dialect: Dialect
) -> Expr:
    loss = _LOSS_NAMES[name]
    if len(args) != 2:
        raise FormulaError(
            f"{token.text} takes the prediction and the target",
            token.offset,
            f"{token.text}(yhat, y)",
        )
    for key in options:
        if key not in loss.options:
            raise FormulaError(f"{token.text} has no option '{key}'", token.offset)
    numbers = {key: float(str(value)) for key, value in options.items()}
    return loss.build(
        args[0], args[1], Setting(log_base=dialect.log_base), {**loss.options, **numbers}
    )


def _check_depth(expr: Expr) -> None:
    level, layer = 0, [expr]
    while layer:
        level += 1
        if level > 2 * MAX_DEPTH:
            raise FormulaError(
                "this formula has too many parts", 0, "several equations, one a step"
            )
        layer = [arg for node in layer if isinstance(node, Op) for arg in node.args]
