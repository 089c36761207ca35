"""The name of an activation or a loss, or a formula, to the derivation of its derivative."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from msgspec.structs import replace

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Op, Sym, free_name, num, op, walk
from backprop_cli.derive.derivation_data import Chain, Condition, Definition, Derivation
from backprop_cli.derive.derivation_nodes import derivative, indexed
from backprop_cli.derive.simplify.endings import Ending, Name
from backprop_cli.derive.steps.engine import at_kink, case_chain, chain, fixed, line, scalars
from backprop_cli.derive.steps.rules import Scalars
from backprop_cli.derive.steps.step_table import (
    ACTIVATIONS,
    LOSS_STEPS,
    SOFTMAX_CASES,
    SOFTMAX_TOGETHER,
    Behind,
    Finish,
    LossSteps,
    Steps,
    condition,
    formula,
)
from backprop_cli.derive.tensors.entrywise import OfVectors
from backprop_cli.operations.losses import LOSSES, Loss, Setting
from backprop_cli.operations.table import SAME, TABLE, written_out
from backprop_cli.problem.problem_data import TRAINED_SLOPE, Kinks

F, Z = Sym("f"), Sym("z")
_LEFT = derivative(F, Z)
_L, _K = Sym("L"), Sym("K")
_SUMS = "klmn"
_ONE_TERM = ("only one term", "only the term k = j contains it; that term, in this case")


def names() -> tuple[str, ...]:
    """What has a derivation under its name."""
    activations = [name for name, record in TABLE.items() if record.activation]
    activations = ["linear", *activations, TRAINED_SLOPE]
    return (*(name.replace("_", "-") for name in activations), *LOSSES)


def named(name: str, kinks: Kinks = Kinks()) -> Derivation | None:
    """The derivation of an activation or loss; None where there is none of that name."""
    rules = scalars(kinks)
    plain = name.strip().casefold().replace("-", "_").replace(" ", "_")
    plain = {"identity": "linear", **SAME}.get(plain, plain)
    if plain == "softmax":
        return _softmax(rules)
    if plain == "linear":
        definition = Definition(F, (Z,))
        return Derivation(_title("identity"), (definition,), (chain(_LEFT, Z, Z, rules),))
    if plain == TRAINED_SLOPE:
        return _with_trained_slope(rules)
    if plain in TABLE and TABLE[plain].activation:
        return _activation(plain, ACTIVATIONS.get(plain), rules)
    dashed = plain.replace("_", "-")
    if dashed in LOSSES:
        return _loss(LOSSES[dashed], LOSS_STEPS.get(dashed), rules)
    return None


# Activations --------------------------------------------------------------------------------------


def option_letters(name: str) -> dict[str, str]:
    """A letter for each constant of an operation."""
    return {option: _LETTERS.get(option, option) for option in TABLE[name].options}


_LETTERS = {"slope": "a"}
_LETTERLESS = frozenset({"at_zero"})  # it is the function's value at 0, said as such


def _title(words: str) -> str:
    return f"The derivative of the {words}"


def _activation(name: str, steps: Steps | None, rules: Scalars) -> Derivation:
    letters = {
        option: letter
        for option, letter in option_letters(name).items()
        if option not in _LETTERLESS
    }
    form = _form(op(name, Z, **letters), rules)
    whole = Definition(F, (op(name, Z),))
    finish = steps.finish if steps is not None else ()
    if isinstance(form, Op) and form.name in ("choose", "switch"):
        pieces = _pieces(name, form)
        definitions = (whole, *(Definition(F, (piece,), (holds,)) for holds, piece, _ in pieces))
        chains = tuple(
            _piece_chain(each, rules, finish if number == 1 else ())
            for number, each in enumerate(pieces)
        )
    else:
        definitions = (Definition(F, tuple(dict.fromkeys((*whole.forms, form)))),)
        own = None if steps is not None else Ending(Name(F, form))
        chains = (chain(_LEFT, Z, form, rules, finish=finish, ending=own),)
    notes = (*fixed(letters, TABLE[name].options), *(steps.notes if steps is not None else ()))
    return Derivation(_title(TABLE[name].words), definitions, chains, notes=notes)


def _with_trained_slope(rules: Scalars) -> Derivation:
    """The leaky ReLU, its slope a letter by which it is differentiated as well."""
    a, below = Sym("a"), condition("z ≤ 0")
    of_z = _activation("leaky_relu", None, rules)
    by_slope = (
        chain(derivative(F, a), a, form, rules, conditions=(holds,), first=("case", ""))
        for holds, form in ((condition("z > 0"), Z), (below, build.mul(a, Z)))
    )
    title = _title("rectified linear unit with a trained slope")
    pieces = of_z.definitions[1:]  # the name alone would be that of the fixed slope
    return replace(
        of_z, title=title, definitions=pieces, chains=(*of_z.chains, *by_slope), notes=()
    )


def _form(node: Op, rules: Scalars) -> Expr:
    """What a function of the table is in others; itself where that is not said."""
    return written_out(node, rules) or Op(node.name, node.args)


Piece = tuple[Condition, Expr, str]
"""Where it holds, what the function is there, and the name of a value that is declared."""


def _pieces(name: str, form: Op) -> tuple[Piece, ...]:
    """The pieces of a function above and below 0, and where there is a kink at 0."""
    if form.name == "choose":
        above, below = form.args[1:]
    else:
        above, below = (_level(form, key) for key in ("above", "below"))
    kink = TABLE[name].kink or (name if form.name == "switch" else "")
    pieces = [("z > 0", above, ""), ("z < 0" if kink else "z ≤ 0", below, "")]
    if kink:
        pieces.append(("z = 0", _level(form, "at") if form.name == "switch" else num(0), kink))
    return tuple((condition(where), piece, declared) for where, piece, declared in pieces)


def _level(form: Op, key: str) -> Expr:
    return num(float(str(form.option(key, TABLE[form.name].options[key]))))  # type: ignore[arg-type]


def _piece_chain(piece: Piece, rules: Scalars, finish: tuple[Finish, ...]) -> Chain:
    holds, form, kink = piece
    if not kink:
        first = ("case", "")
        return chain(_LEFT, Z, form, rules, finish=finish, conditions=(holds,), first=first)
    why = _JUMP if kink in _JUMPS else _CORNER
    return at_kink(_LEFT, holds, rules.kink(kink), why)


_CORNER = "a corner: the slopes on its two sides differ"
_JUMP = "a jump: there is no slope"
_JUMPS = frozenset({"step", "sign"})


def in_letters(name: str, letter: str) -> Expr:
    """An entry of ŷ, which is an activation of z."""
    if name == "linear":
        return indexed("z", letter)
    if name == "softmax":
        return OfVectors({"z": True}, _SUMS, "K").entry(op("softmax", Z), (letter,))
    return op(name, indexed("z", letter))


def _softmax(rules: Scalars) -> Derivation:
    entries = (Definition(indexed("yhat", "i"), (in_letters("softmax", "i"),)),)
    by = indexed("z", "j")
    chains = []
    for case in SOFTMAX_CASES:
        letter = "j" if case.condition == "i = j" else "i"
        left, form = derivative(indexed("yhat", letter), by), in_letters("softmax", letter)
        holds = (condition(case.condition),)
        first = ("case", "")
        chains.append(
            chain(left, by, form, rules, finish=case.finish, conditions=holds, first=first)
        )
    together = line(
        formula(SOFTMAX_TOGETHER), "together", "for i = j the first case, else the second"
    )
    both = Chain("Both cases in one", derivative(indexed("yhat", "i"), by), (together,))
    return Derivation("The derivative of the softmax", entries, (*chains, both))


# Functions within formulas ------------------------------------------------------------------------


def functions_in(chains: Sequence[Chain], used: Collection[str]) -> Iterator[Definition]:
    """What the functions in the lines are, each by what stands above it or is known."""
    argument = Sym(free_name(("u", "v", "t", "s", "q", "r"), used))
    lines = (each.expr for chain in chains for each in chain.lines)
    nodes = {node.name: node for expr in lines for node in walk(expr) if isinstance(node, Op)}
    for name in (name for name, entry in TABLE.items() if entry.unfamiliar and name in nodes):
        node = Op(name, (argument,), nodes[name].options)
        yield Definition(node, (_written_out_once(node),))


def _written_out_once(node: Op) -> Expr:
    if node.name == "clip":
        limit = num(float(str(node.option("limit", 1))))
        return op("maximum", build.neg(limit), op("minimum", limit, node.args[0]))
    return written_out(node, scalars()) or node


# Losses -------------------------------------------------------------------------------------------


def _loss(loss: Loss, known: LossSteps | None, rules: Scalars) -> Derivation:
    steps = known or LossSteps()
    name = "z" if loss.logits else "yhat"
    by = indexed(name, "j")
    left = derivative(_L, by)
    # the options' letters stand in place of numbers in the cases, so the table's defaults do here
    whole = loss.build(Sym(name), Sym("y"), Setting(units=_K), loss.options)
    form = OfVectors({name: True, "y": True}, _SUMS, "K").entry(whole, ())
    if steps.cases:
        chains = [case_chain(case, left, by, rules, _ONE_TERM) for case in steps.cases]
    else:
        own = None if known is not None else Ending(Name(_L, form), size=_K)
        chains = [chain(left, by, form, rules, finish=steps.finish, ending=own)]
    chains += map(_behind, steps.behind)
    definitions = [Definition(_L, (form,)), *_prediction(loss), *_terms(loss, steps)]
    notes = (*fixed(dict(steps.options), loss.options), *steps.notes)
    title = f"The derivative of {_worded(loss)}"
    return Derivation(title, tuple(definitions), tuple(chains), notes=notes)


def _worded(loss: Loss) -> str:
    named = loss.words[0].isupper() or loss.words.startswith("half")
    return loss.words if named else f"the {loss.words}"


def _prediction(loss: Loss) -> list[Definition]:
    """What ŷ is behind logits."""
    if not loss.logits:
        return []
    if loss.name.startswith("binary"):
        return [Definition(indexed("yhat", "j"), (op("sigmoid", indexed("z", "j")),))]
    return [Definition(indexed("yhat", "i"), (in_letters("softmax", "i"),))]


def _terms(loss: Loss, steps: LossSteps) -> list[Definition]:
    """One term of a loss that is put together from pieces."""
    if not steps.options:
        return []
    error = build.sub(indexed("yhat", "j"), indexed("y", "j"))
    term = op(loss.name, error)
    return [
        Definition(term, (formula(case.form),), (condition(case.condition),))
        for case in steps.cases
    ]


def _behind(behind: Behind) -> Chain:
    """The loss as a function of what comes before the activation."""
    left = derivative(_L, indexed("z", "j"))
    uses = condition(behind.uses) if behind.uses else None
    lines = [line(formula(text), reason, words) for text, reason, words in behind.lines]
    if uses is not None:
        lines[-1] = replace(lines[-1], uses=uses)
    letter = "i" if behind.activation == "softmax" else "j"
    prediction = Definition(indexed("yhat", letter), (in_letters(behind.activation, letter),))
    notes = (f"Σ y = 1 holds for {behind.because}.",) if behind.because else ()
    heading = (
        "Without an activation"
        if behind.activation == "linear"
        else f"Behind the {behind.activation}"
    )
    return Chain(heading, left, tuple(lines), (), (prediction,), notes)
