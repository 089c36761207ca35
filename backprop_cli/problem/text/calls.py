"""A function's name with its arguments to an expression: the table's operations, and the losses."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from types import MappingProxyType

from msgspec import Struct

from backprop_cli.algebra.expr import Expr, Num, Op, Option, op
from backprop_cli.operations.losses import LOSSES, Setting
from backprop_cli.operations.padded_pooling import PADDED
from backprop_cli.operations.record import Operation
from backprop_cli.operations.table import SAME, TABLE
from backprop_cli.problem.text.lexer import FormulaError, Token, quoted
from backprop_cli.problem.text.other_functions import elsewhere
from backprop_cli.problem.text.other_keys import nearest

_ALIASES = {"ln": "log", "identity": "linear", "cross": "outer", **SAME}
_LOSS_NAMES = {name.replace("-", "_"): loss for name, loss in LOSSES.items()}
_ARITIES = {"linear": 1, "min": 1, "dot": 2}
"""What functions take that stand in no table of their own."""
_SPECIAL = frozenset({"linear", "dot", "max", "min", "sum", "log", "ln", "e", "pi"})
FUNCTIONS = frozenset(
    {
        name
        for name, entry in TABLE.items()
        if entry.public and entry.notation.kind in ("function", "special", "defined")
    }
    | set(_LOSS_NAMES)
    | _SPECIAL
    | {"transpose", "outer", "identity", *SAME}
) - {"e", "neg", "place"}
"""The names a formula may call."""
TAKEN = FUNCTIONS - {name for name, entry in TABLE.items() if not entry.taken}
"""What no quantity may be called; the others are functions before a parenthesis alone."""


class Dialect(Struct, frozen=True):
    """What a formula's words mean where it stands: index base, log's base, step(0), known ids.

    `compound` are ids such as `dL/dW1` to be read as one name; `all_operations` lets the formulas
    of a trace use operations that a file may not. `running` says what the letters are that run
    over time: where t is 2, `h_t` is h_2 and `x[t]` its second row. `flipped`: `conv`
    and `conv_transpose` turn their kernel. `lengths` are those that stand for themselves in a
    formula.
    """

    indices: int = 1
    log_base: int | None = None
    step_at_zero: float = 1.0
    compound: Collection[str] = ()
    all_operations: bool = False
    running: Mapping[str, int] = MappingProxyType({})
    flipped: bool = False
    lengths: Collection[str] = ()


def applied(token: Token, args: list[Expr], options: dict[str, Option], dialect: Dialect) -> Expr:
    """What the function called `token` makes of its arguments; FormulaError where it cannot."""
    name = _ALIASES.get(token.text, token.text)
    if name in _LOSS_NAMES and not (name == "huber" and len(args) == 1):
        return _loss(token, name, args, options, dialect)
    if name == "reshape" and len(args) > 1:
        return _reshaped(token, args)
    name, args, options = _slid(token, name, args, options, dialect)
    match name, args:
        case "linear", [inner]:
            return inner
        case "dot", [left, right]:
            return matrix_product(left, right)
        case (("max" | "min"), [first, second, *rest]) if not options:
            pairwise = "maximum" if name == "max" else "minimum"
            result = op(pairwise, first, second)
            for arg in rest:
                result = op(pairwise, result, arg)
            return result
        case "min", [inner]:
            return op(
                "neg", Op("max", (op("neg", inner),), _options(token, "max", options, dialect))
            )
    if token.text == "log" and dialect.log_base:
        name = f"log{dialect.log_base}"
    if name == "step" and dialect.step_at_zero != 1:
        options.setdefault("at_zero", dialect.step_at_zero)
    return _checked(token, name, args, options, dialect)


_AROUND = ("padding", "count_padding")


def _slid(
    token: Token, name: str, args: list[Expr], options: dict[str, Option], dialect: Dialect
) -> tuple[str, list[Expr], dict[str, Option]]:
    """The name and the arguments of what slides a window as the table has them."""
    if name in PADDED:
        args, options = _sized(token, args, options) if len(args) > 1 else (args, options)
        if options.get("padding"):
            return PADDED[name], args, options
        kept = {key: value for key, value in options.items() if key not in _AROUND}
        return name, args, kept
    if name in ("conv", "conv_transpose") and dialect.flipped and len(args) == 2:
        return name, [args[0], _turned(args[1], options)], options
    return name, args, options


def _sized(
    token: Token, args: list[Expr], options: dict[str, Option]
) -> tuple[list[Expr], dict[str, Option]]:
    """max_pool(A, 2), whose second argument is the size of the windows."""
    match args:
        case [inner, Num(value)] if value.denominator == 1 and "size" not in options:
            return [inner], {**options, "size": int(value)}
    message = f"`{token.text}` takes what is pooled and the size of the windows, a whole number"
    raise FormulaError(message, token.offset, f"{token.text}(A, 2), or with stride=1")


def _turned(expr: Expr, options: dict[str, Option]) -> Expr:
    """The kernel turned by 180°, as convolution means in a file that says so."""
    axes = options.get("axes")
    if isinstance(expr, Op) and expr.name == "rot" and expr.option("axes") == axes:
        return expr.args[0]
    return op("rot", expr, axes=axes)


def _reshaped(token: Token, args: list[Expr]) -> Expr:
    """reshape(x, [2, 3]), whose sizes are whole numbers in brackets."""
    match args:
        case [inner, Op("stack", sizes)]:
            whole = [int(n.value) for n in sizes if isinstance(n, Num) and n.value % 1 == 0]
            if len(whole) == len(sizes):
                return op("reshape", inner, shape=tuple(whole))
    message = "reshape takes a shape in whole numbers"
    raise FormulaError(message, token.offset, "reshape(x, [2, 3])")


def _checked(
    token: Token, name: str, args: list[Expr], options: dict[str, Option], dialect: Dialect
) -> Expr:
    entry = TABLE.get(name)
    public = token.text in PADDED or (entry is not None and entry.public)
    if entry is None or not (public or dialect.all_operations):
        raise _of_so_many(token, _ARITIES[name], args) if name in _ARITIES else _unknown(token)
    args = _with_defaults(args, entry)
    if (entry.arity is not None and len(args) != entry.arity) or (not args and entry.arity != 0):
        raise _of_so_many(token, entry.arity, args, len(entry.defaults))
    return Op(name, tuple(args), _options(token, name, options, dialect))


def _with_defaults(args: list[Expr], entry: Operation) -> list[Expr]:
    """The arguments, the last ones that may be left out among them."""
    left_out = (entry.arity or 0) - len(args)
    if args and 0 < left_out <= len(entry.defaults):
        return [*args, *entry.defaults[-left_out:]]
    return args


def _of_so_many(
    token: Token, arity: int | None, args: Sequence[Expr], left_out: int = 0
) -> FormulaError:
    """What is said of a function with more or fewer arguments than it takes."""
    takes = "no argument" if arity == 0 else "1 argument" if arity == 1 else f"{arity} arguments"
    takes = "arguments" if arity is None else takes
    takes = f"{arity - left_out} to {takes}" if arity and left_out else takes
    have = f"here {'is' if len(args) < 2 else 'are'} {len(args) or 'none'}"
    message = f"`{token.text}` takes {takes}, and {have}"
    return FormulaError(message, token.offset, _with_fewer(token.text, args))


def _with_fewer(said: str, args: Sequence[Expr]) -> str | None:
    """What is meant by arguments too many: an axis without its name, a base, two limits."""
    entry = TABLE.get(_ALIASES.get(said, said))
    match args:
        case [_, Num(value)] if said == "norm":  # of which order: 2 is the only one there is
            return "norm(…)" if value == 2 else "sum(abs(…)) for the sum of the absolute values"
        case [_, Num(value)] if entry is not None and "axis" in entry.options:
            return f"{said}(…, axis={value})"
        case [_, _] if said in ("log", "ln"):
            return "ln(x) / ln(b) for base b"
        case [_, _, _] if said == "clip":
            return "minimum(maximum(x, a), b) between a and b"
    return None


def no_argument(name: str) -> tuple[str, str]:
    """What to say of a function that stands without one, and what to write instead."""
    return f"`{name}` is a function and needs its argument in parentheses", f"{name}(…)"


def _with_index(name: str) -> str | None:
    """The function of a name such as sum_i, which says of itself over what it goes."""
    base, _, index = name.partition("_")
    return base if base in FUNCTIONS and len(index) == 1 else None


def _called(function: str, written: str) -> str:
    """How it is called: a sum whose name says which letter runs (sum_t) may be one over time."""
    letter = written.partition("_")[2] if written.startswith(("sum_", "mean_")) else ""
    over = f", or {function}({letter} in 1..3, …) over {letter}" if len(letter) == 1 else ""
    return f"{function}(…){over}"


def _unknown(token: Token) -> FormulaError:
    """What is said of a function that there is not: its name here, or how to write it."""
    known = sorted(FUNCTIONS)
    message, instead = f"there is no function {quoted(token.text)}", None
    if (meant := elsewhere(token.text, known)) is not None:
        if meant.name is not None:
            message += f": here it is `{meant.name}`"
        instead = f"{meant.name}(…)" if meant.name else meant.formula
    elif (near := nearest(token.text, known) or _with_index(token.text)) is not None:
        message += f"; did you mean `{near}`?"
        instead = _called(near, token.text)
    elif token.text.endswith("_"):  # a step, such as h_(t-1)
        instead = f"{token.text}{{…}}"
    else:
        instead = f"`*` between two factors, if {quoted(token.text)} is a quantity"
    return FormulaError(message, token.offset, instead)


def _options(
    token: Token, name: str, options: dict[str, Option], dialect: Dialect
) -> tuple[tuple[str, Option], ...]:
    allowed = {**TABLE[name].options, **TABLE[PADDED.get(name, name)].options}
    if not dialect.all_operations:
        allowed = {key: value for key, value in allowed.items() if key != "samples"}
    for key in options:
        if key not in allowed:
            raise _no_option(token, key, [each for each in allowed if each != "keep"])
    return tuple(sorted((key, value) for key, value in options.items() if value is not None))


def matrix_product(left: Expr, right: Expr) -> Expr:
    """½ · xᵀ A x, the number in front of the whole product as it is read, not of its first part."""
    match left:
        case Op("mul", (Num() as number, first)):
            return op("mul", number, op("matmul", first, right))
        case Op("neg", (first,)):
            return op("neg", op("matmul", first, right))
    return op("matmul", left, right)


def _no_option(token: Token, key: str, known: Sequence[str]) -> FormulaError:
    message = f"`{token.text}` has no option {quoted(key)}"
    if known:
        message += f"; it has {' and '.join(map(quoted, known))}"
    meant = [each for each in known if each.startswith(key) or known == [each] != ["axis"]]
    return FormulaError(message, token.offset, f"{meant[0]}=…" if len(meant) == 1 else None)


def _loss(
    token: Token, name: str, args: list[Expr], options: dict[str, Option], dialect: Dialect
) -> Expr:
    loss = _LOSS_NAMES[name]
    if len(args) != 2:
        raise FormulaError(
            f"`{token.text}` takes the prediction and the target",
            token.offset,
            f"{token.text}(yhat, y)",
        )
    for key in options:
        if key not in loss.options:
            raise FormulaError(f"`{token.text}` has no option {quoted(key)}", token.offset)
    numbers = {key: float(str(value)) for key, value in options.items()}
    return loss.build(
        args[0], args[1], Setting(log_base=dialect.log_base), {**loss.options, **numbers}
    )


_LARGEST = 10**308  # what is larger is left to be computed, which makes it infinite


def _fraction(left: Expr, right: Expr) -> Expr:
    """2/3 between whole numbers is one number, also in y * 2/3; anything else is a division."""
    match left, right:
        case Num(value=over), Num(value=under) if under and abs(over / under) < _LARGEST:
            return Num(over / under)
        case Op("mul", (factor, Num(value=over))), Num(value=under) if under and over % under:
            return op("mul", factor, _fraction(Num(over), right))
    return op("div", left, right)


PRODUCT: Mapping[str, Callable[[Expr, Expr], Expr]] = MappingProxyType(
    {"*": partial(op, "mul"), "/": _fraction, "@": matrix_product}
)
"""What a sign between two factors makes of them."""
