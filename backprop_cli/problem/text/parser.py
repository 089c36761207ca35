"""A formula as text to an expression: NumPy's notation, the table's functions, nothing executed."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from backprop_cli.algebra.build import COMPARISONS, added, compared
from backprop_cli.algebra.expr import Expr, Num, Op, Option, Sym, num, op, symbols
from backprop_cli.algebra.shapes import ShapeError
from backprop_cli.operations.table import Sizes
from backprop_cli.problem.text.calls import FUNCTIONS, PRODUCT, TAKEN, Dialect, applied, no_argument
from backprop_cli.problem.text.lexer import (
    FormulaError,
    Token,
    begins_operand,
    found_words,
    leftover,
    literal,
    missing_before,
    no_index,
    quoted,
    stepped,
    tokens_of,
)
from backprop_cli.readings.values import evaluate

__all__ = ["FUNCTIONS", "TAKEN", "Dialect", "FormulaError", "parse", "parse_constant"]

_PLAIN = Dialect()

MAX_LENGTH = 5_000
MAX_DEPTH = 100
MOST_STEPS = 1_000
"""Steps of a range."""
MAX_TOWER = 10
"""Powers of powers; more would only be written by a program."""


class _Reader(Struct):
    """Reads tokens from the first to the last, one method a level of precedence.

    `running` are the letters that run over time, with what they are at the moment; `places` says
    where each name first stands.
    """

    tokens: list[Token]
    dialect: Dialect
    position: int = 0
    depth: int = 0
    tower: int = 0
    in_list: bool = False
    running: dict[str, int] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)

    # What comes next --------------------------------------------------------------------------

    @property
    def token(self) -> Token:
        return self.tokens[self.position]

    def take(self) -> Token:
        """The next token; the end is never passed."""
        token = self.token
        self.position += token.kind != "end"
        return token

    def accept(self, *texts: str) -> Token | None:
        if self.token.kind == "sign" and self.token.text in texts:
            return self.take()
        return None

    def expect(self, text: str) -> None:
        if not self.accept(text):
            if self.token.kind == "end" and text in ("]", ")", ","):
                closing = "]" if text == "]" else ")"
                raise FormulaError("a bracket is not closed", self.token.offset, closing)
            if begins_operand(self.token) and text in ("]", ")", ","):
                raise missing_before(self.token, text)
            found = found_words(self.token)
            if text == "]" and self.token.text in (")", ":", "="):
                raise leftover(self.tokens, self.position)
            raise FormulaError(f"expected `{text}` here, and found {found}", self.token.offset)

    # The grammar, loosest first ---------------------------------------------------------------

    def formula(self) -> Expr:
        """A sum, or 1 where two compare as is said and 0 elsewhere."""
        left = self.sum()
        sign = self.accept(*COMPARISONS)
        if not sign:
            return left
        right = self.sum()
        if self.token.kind == "sign" and self.token.text in COMPARISONS:
            message = "two are compared at a time"
            raise FormulaError(message, self.token.offset, "(a < b) * (b < c)")
        return compared(left, sign.text, right)

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
            if self.in_list:
                self.refuse_glued(sign)
            result = op("add" if sign.text == "+" else "sub", result, self.product())
        self.depth -= 1
        return result

    def product(self) -> Expr:
        result = self.signed()
        while sign := self.accept("*", "/", "@"):
            right = self.signed()
            result = PRODUCT[sign.text](result, right)
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
            self.tower += 1
            if self.tower > MAX_TOWER:
                raise FormulaError(
                    f"more than {MAX_TOWER} powers stand on top of one another", self.token.offset
                )
            exponent = self.signed()
            self.tower -= 1
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
            return literal(token)
        if token.kind == "name":
            return self.named(token)
        if token.text == "(":
            return self.inside(")", in_list=False)[0]
        if token.text == "[":
            return Op("stack", tuple(self.inside("]", in_list=True)))
        before = self.tokens[self.position - 2] if self.position > 1 else token
        doubled = token.text == "/" == before.text and token is not before
        raise FormulaError(
            f"expected a name, a number or `(` here, and found {found_words(token)}",
            token.offset,
            "one `/` for a quotient, `#` before a comment" if doubled else None,
        )

    def inside(self, end: str, *, in_list: bool) -> list[Expr]:
        """What stands in brackets: one thing in round ones, in square ones a list."""
        before, self.in_list = self.in_list, in_list
        items = [self.formula()]
        while in_list and self.accept(","):
            items.append(self.formula())
        self.expect(end)
        self.in_list = before
        return items

    def refuse_glued(self, sign: Token) -> None:
        """In a list, `2 -1` are two numbers without a comma, as everywhere that numbers stand."""
        before = self.tokens[self.position - 2]
        if before.offset + len(before.text) < sign.offset and self.token.offset == sign.offset + 1:
            raise FormulaError(
                f"a comma is missing before {quoted(sign.text + self.token.text)}, or a space"
                " behind the sign",
                sign.offset,
                f", {sign.text}{self.token.text}",
            )

    def index(self) -> tuple[Option, ...]:
        start = self.token.offset
        places = [self.place()]
        while self.accept(","):
            places.append(self.place())
        self.expect("]")
        if sum(isinstance(place, tuple) and len(place) == 1 for place in places) > 1:
            message = "numbers in a list are taken along one axis at a time"
            raise FormulaError(message, start, "A[[1, 2], :][:, [3, 1]]")
        return tuple(places)

    def place(self) -> Option:
        if self.accept(":"):
            return None
        if self.accept("["):
            rows = [self.whole_number()]
            while self.accept(","):
                rows.append(self.whole_number())
            self.expect("]")
            return (tuple(rows),)
        start, first = self.token.offset, self.whole_number()
        if not self.accept(":"):
            return first
        last = self.whole_number()
        if last < first:
            message = "a range goes from its first entry to its last, both included"
            raise FormulaError(message, start, "x[2:4]")
        return (first, last + 1)

    def whole_number(self) -> int:
        start = self.token.offset
        value = self.whole() - self.dialect.indices
        if value < 0:
            first = self.dialect.indices
            instead = (
                None if self.running else f"{first} for the first, or convention: {{indices: 0}}"
            )
            raise FormulaError(f"indices count from {first}{self.now()}", start, instead)
        return value

    def whole(self) -> int:
        """A whole number; where letters run, they and sums of them as well."""
        total = self.whole_term()
        while self.running and (sign := self.accept("+", "-")):
            total += self.whole_term() if sign.text == "+" else -self.whole_term()
        return total

    def whole_term(self) -> int:
        token = self.take()
        if token.text in self.running:
            return self.running[token.text]
        if token.kind != "number" or not token.text.isdigit():
            raise no_index(token, self.running)
        return int(token.text)

    def now(self) -> str:
        """What the letters that run are, for a message."""
        said = ", ".join(f"{letter} = {value}" for letter, value in self.running.items())
        return f", and here {said}" if said else ""

    # Names and calls --------------------------------------------------------------------------

    def named(self, token: Token) -> Expr:
        if self.accept("("):
            over = self.token.kind == "name" and self.tokens[self.position + 1].text == "in"
            return self.over_time(token) if over else self.call(token)
        if token.text == "pi":
            return op("pi")
        if token.text in TAKEN and token.text not in self.dialect.compound:
            message, instead = no_argument(token.text)
            if self.accept("^", "**"):
                instead += f"^{found_words(self.token).strip('`')}"
            raise FormulaError(message, token.offset, instead)
        if token.text in self.running and token.text not in self.dialect.lengths:
            return num(self.running[token.text])
        return Sym(self.name(token))

    def name(self, token: Token) -> str:
        """The name of a quantity, its step in numbers."""
        try:
            name = stepped(token.text, self.running)
        except FormulaError as error:
            raise error.moved(token.offset) from None
        self.places.setdefault(name, token.offset)
        return name

    def over_time(self, token: Token) -> Expr:
        """sum(t in 1..3, …): what stands behind the comma for each t, added up."""
        if token.text not in ("sum", "mean"):
            message = f"only `sum` and `mean` go over a range, not {quoted(token.text)}"
            raise FormulaError(message, token.offset, "sum(t in 1..3, …)")
        letter = self.take()
        self.take()
        if letter.text in self.running or letter.text in FUNCTIONS:
            raise FormulaError(f"{quoted(letter.text)} is taken", letter.offset, "another letter")
        first, last = self.range()
        end = self.tokens[self.position - 1].text
        self.expect(",")
        start, terms = self.position, []
        for value in range(first, last + 1):
            self.position = start
            self.running[letter.text] = value
            terms.append(self.formula())
        del self.running[letter.text]
        self.expect(")")
        total = added(terms)
        count = Sym(end) if end in self.dialect.lengths else num(len(terms))
        return op("div", total, count) if token.text == "mean" else total

    def range(self) -> tuple[int, int]:
        """`1..3`, not empty and not endless."""
        start = self.token.offset
        first = self.whole()
        self.expect("..")
        last = self.whole()
        if last < first:
            message = f"the range {first}..{last} is empty{self.now()}"
            raise FormulaError(message, start, "1..3")
        if last - first >= MOST_STEPS:
            raise FormulaError(f"a range has at most {MOST_STEPS} steps", start)
        return first, last

    def call(self, token: Token) -> Expr:
        args: list[Expr] = []
        options: dict[str, Option] = {}
        before, self.in_list = self.in_list, False
        while not self.accept(")"):
            if args or options:
                self.expect(",")
            if self.token.kind == "name" and self.tokens[self.position + 1].text == "=":
                name = self.take()
                self.take()
                options[name.text] = self.option(name.text)
            else:
                args.append(self.formula())
        self.in_list = before
        return applied(token, args, options, self.dialect)

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
        while sign := self.accept("+", "-"):
            text += sign.text + self.take().text
        return None if text == "None" else text


def parse(text: str, dialect: Dialect = _PLAIN) -> Expr:
    """The expression that `text` writes; FormulaError where it is none."""
    return parse_placed(text, dialect)[0]


def parse_placed(text: str, dialect: Dialect) -> tuple[Expr, Mapping[str, int]]:
    """The same, and where each name in it first stands."""
    if len(text) > MAX_LENGTH and not dialect.all_operations:
        raise FormulaError(f"a formula has at most {MAX_LENGTH} characters", 0)
    reader = _Reader(tokens_of(text, dialect.compound), dialect, running=dict(dialect.running))
    result = reader.formula()
    if reader.token.kind != "end":
        raise leftover(reader.tokens, reader.position)
    _check_depth(result)
    return result, reader.places


def parse_constant(text: str) -> float:
    """The value of a formula without names: `2/3`, `ln(2)`, `sqrt(2)/2`."""
    result = parse(text)
    names = symbols(result)  # T is one unless it transposes, `var` one unless it is called
    for token in tokens_of(text):
        called = token.text in FUNCTIONS or token.text == "T"
        if token.kind == "name" and (token.text in names or not called):
            instead = "exp(1), or exp(x) for e^x" if token.text == "e" else None
            raise FormulaError(f"{quoted(token.text)} is not a number", token.offset, instead)
    try:
        shape = Sizes({}, {}).shape(result)
    except ShapeError as error:
        raise FormulaError(str(error), 0, error.instead) from None
    if shape:
        raise FormulaError("this is not one number", 0)
    return float(evaluate(result, {}))


def _check_depth(expr: Expr) -> None:
    level, layer = 0, [expr]
    while layer:
        level += 1
        if level > 2 * MAX_DEPTH:
            raise FormulaError(
                "this formula has too many parts", 0, "several equations, one a step"
            )
        layer = [arg for node in layer if isinstance(node, Op) for arg in node.args]
