"""The name of an activation or a loss, or a formula, to the derivation of its derivative."""

from __future__ import annotations

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Sym, num, op
from backprop_cli.derive.derivation_data import Chain, Definition, Derivation
from backprop_cli.derive.derivation_nodes import derivative, indexed
from backprop_cli.derive.steps.activation_endings import (
    ACTIVATIONS,
    SOFTMAX,
    SOFTMAX_CASES,
    SOFTMAX_TOGETHER,
)
from backprop_cli.derive.steps.chains import case_chain, chain, fixed, line, scalars
from backprop_cli.derive.steps.loss_endings import LOSS_STEPS
from backprop_cli.derive.steps.rules import Scalars
from backprop_cli.derive.steps.step_language import condition, formula
from backprop_cli.derive.steps.step_table import Behind, Case, LossSteps, Steps
from backprop_cli.derive.tensors.entrywise import OfVectors
from backprop_cli.operations.losses import LOSSES, Loss, Setting
from backprop_cli.operations.table import TABLE
from backprop_cli.problem.problem_data import Kinks

F, Z = Sym("f"), Sym("z")
_L, _K = Sym("L"), Sym("K")
_SUMS = "klmn"
_ONE_TERM = ("only one term", "only the term k = j contains it; that term, in this case")


def names() -> tuple[str, ...]:
    """What has a derivation under its name."""
    activations = (name.replace("_", "-") for name in (*ACTIVATIONS, "softmax"))
    return (*activations, *LOSS_STEPS)


def named(name: str, kinks: Kinks = Kinks()) -> Derivation | None:
    """The derivation of an activation or loss; None where there is none of that name."""
    rules = scalars(kinks)
    plain = name.strip().casefold().replace("-", "_").replace(" ", "_")
    plain = {"identity": "linear", "swish": "silu"}.get(plain, plain)
    if plain == "softmax":
        return _softmax(rules)
    if plain in ACTIVATIONS:
        return _activation(plain, ACTIVATIONS[plain], rules)
    dashed = plain.replace("_", "-")
    if dashed in LOSS_STEPS:
        return _loss(LOSSES[dashed], LOSS_STEPS[dashed], rules)
    return None


# Activations --------------------------------------------------------------------------------------


def _activation(name: str, steps: Steps, rules: Scalars) -> Derivation:
    left = derivative(F, Z)
    whole: tuple[Expr, ...] = () if name == "linear" else (op(name, Z),)
    if steps.cases:
        definitions = (Definition(F, whole), *_pieces(F, steps.cases, name))
        chains = tuple(case_chain(case, left, Z, rules) for case in steps.cases)
    else:
        form = formula(steps.form)
        definitions = (Definition(F, tuple(dict.fromkeys((*whole, form)))),)
        chains = (chain(left, Z, form, rules, finish=steps.finish),)
    words = TABLE[name].words if name in TABLE else "identity"
    notes = (
        (*fixed(dict(steps.options), TABLE[name].options), *steps.notes) if name in TABLE else ()
    )
    return Derivation(f"The derivative of the {words}", definitions, chains, notes=notes)


def _pieces(symbol: Expr, cases: tuple[Case, ...], name: str) -> tuple[Definition, ...]:
    """What the function is in each case; at a kink the table says it."""
    return tuple(
        Definition(
            symbol,
            (formula(case.form) if case.form else _at_zero(name),),
            (condition(case.condition),),
        )
        for case in cases
    )


def _at_zero(name: str) -> Expr:
    return num(1) if name == "step" else num(0)


def _softmax(rules: Scalars) -> Derivation:
    entries = (Definition(indexed("yhat", "i"), (formula(SOFTMAX),)),)
    by = indexed("z", "j")
    chains = []
    for case in SOFTMAX_CASES:
        letter = "j" if case.condition == "i = j" else "i"
        chains.append(case_chain(case, derivative(indexed("yhat", letter), by), by, rules))
    together = line(
        formula(SOFTMAX_TOGETHER), "together", "for i = j the first case, else the second"
    )
    both = Chain("Both cases in one", derivative(indexed("yhat", "i"), by), (together,))
    return Derivation("The derivative of the softmax", entries, (*chains, both))


# Losses -------------------------------------------------------------------------------------------


def _loss(loss: Loss, steps: LossSteps, rules: Scalars) -> Derivation:
    name = "z" if loss.logits else "yhat"
    by = indexed(name, "j")
    left = derivative(_L, by)
    # the options' letters stand in place of numbers in the cases, so the table's defaults do here
    whole = loss.build(Sym(name), Sym("y"), Setting(units=_K), loss.options)
    form = OfVectors({name: True, "y": True}, _SUMS, "K").entry(whole, ())
    if steps.cases:
        chains = [case_chain(case, left, by, rules, _ONE_TERM) for case in steps.cases]
    else:
        chains = [chain(left, by, form, rules, finish=steps.finish)]
    chains += [_behind(each, left) for each in steps.behind]
    definitions = [Definition(_L, (form,)), *_prediction(loss), *_terms(loss, steps)]
    notes = (*fixed(dict(steps.options), loss.options), *steps.notes)
    title = f"The derivative of {_worded(loss)}"
    return Derivation(title, tuple(definitions), tuple(chains), notes=notes)


def _worded(loss: Loss) -> str:
    article = (
        "the "
        if loss.words.split()[0] in ("squared", "absolute", "hinge", "cross-entropy", "binary")
        else ""
    )
    return article + loss.words


def _prediction(loss: Loss) -> list[Definition]:
    """What ŷ is behind logits."""
    if not loss.logits:
        return []
    if loss.name.startswith("binary"):
        return [Definition(indexed("yhat", "j"), (op("sigmoid", indexed("z", "j")),))]
    return [Definition(indexed("yhat", "i"), (formula(SOFTMAX),))]


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


def _behind(behind: Behind, _: Expr) -> Chain:
    """The loss as a function of what comes before the activation."""
    left = derivative(_L, indexed("z", "j"))
    uses = condition(behind.uses) if behind.uses else None
    lines = [line(formula(text), reason, words) for text, reason, words in behind.lines]
    if uses is not None:
        from msgspec.structs import replace

        lines[-1] = replace(lines[-1], uses=uses)
    letter = "i" if "[i]" in behind.prediction else "j"
    prediction = Definition(indexed("yhat", letter), (formula(behind.prediction),))
    notes = (f"Σ y = 1 holds for {behind.because}.",) if behind.because else ()
    heading = (
        "Without an activation"
        if behind.activation == "linear"
        else f"Behind the {behind.activation}"
    )
    return Chain(heading, left, tuple(lines), (), (prediction,), notes)
