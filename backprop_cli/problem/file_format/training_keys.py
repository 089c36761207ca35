"""What a file may say about updates, questions, grading, rounding, other numbers -> data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal

from msgspec import Struct

from backprop_cli.errors import Complaints, listed
from backprop_cli.operations import updates
from backprop_cli.problem.file_format.composed_fields import ByKind, ListOf, Made, NamedOf
from backprop_cli.problem.file_format.fields import (
    NOT_NEGATIVE,
    Bounds,
    Choice,
    Integer,
    Number,
    Numbers,
    Placed,
)
from backprop_cli.problem.file_format.records import Given, Key, Record
from backprop_cli.problem.problem_data import Digits, Grading, Interval, Rounding, Update
from backprop_cli.problem.text import other_keys
from backprop_cli.problem.text.tree import Node
from backprop_cli.problem.typed_numbers import shown

MOST_DECIMALS = 15
"""More digits than this are not in a float."""

# Update -------------------------------------------------------------------------------------------


class Rule(Struct, frozen=True):
    """What an update rule takes: constants with defaults, and forms.

    `form` is that which a rule has where the file says nothing.
    """

    constants: Mapping[str, float]
    forms: tuple[str, ...] = ()
    form: str | None = None
    rate: bool = True


def _rule(name: str) -> Rule:
    """What the table says of a rule in all its forms."""
    forms = {form: each for (other, form), each in updates.RULES.items() if other == name}
    first, named = next(iter(forms)), tuple(form for form in forms if form is not None)
    return Rule(forms[first].constants, named, first, forms[first].rate)


RULES: Mapping[str, Rule] = MappingProxyType({name: _rule(name) for name, _ in updates.RULES})
"""The update rules; each but Newton's also takes `learning_rate`."""

_FORMS = tuple(form for rule in RULES.values() for form in rule.forms)
_DECAY = Number(Bounds(at_least=0, below=1))
_RATE = Number(NOT_NEGATIVE, instead="one above 0, and a loss with the other sign to go uphill")
_SIGNS = {"beta": "β", "beta1": "β₁", "beta2": "β₂", "epsilon": "ε"}


def _constants() -> dict[str, Key]:
    """A key for each constant of a rule, with the default that all rules have for it."""
    keys = dict.fromkeys(key for rule in RULES.values() for key in rule.constants)
    return {key: _constant(key) for key in keys}


def _constant(key: str) -> Key:
    of = {name: rule.constants[key] for name, rule in RULES.items() if key in rule.constants}
    kind = Number(NOT_NEGATIVE) if key == "epsilon" else _DECAY
    (default, *others) = dict.fromkeys(of.values())
    rules = [f"{name} ({value:g} if absent)" if others else name for name, value in of.items()]
    words = f"{_SIGNS.get(key, key)} of {listed(rules)}"
    return Key(kind, words, default=None if others else default)


_CONSTANTS = _constants()


def _batches(batches: tuple[tuple[int, ...], ...], node: Node, complaints: Complaints) -> object:
    if batches and all(batches):
        return batches
    complaints.add("a batch needs at least one sample", node.mark, "[[1, 2], [3, 4]]")
    return None


BATCHES: ByKind[object] = ByKind(
    "a batch size, or lists of sample numbers such as [[1, 2], [3, 4]]",
    scalar=Integer(Bounds(at_least=1)),
    listed=Made(
        ListOf(
            ListOf(Integer(NOT_NEGATIVE), "a list of sample numbers, such as [1, 2]"),
            "a list of batches",
        ),
        _batches,
    ),
    instead="32, or [[1, 2], [3, 4]]",
)


def _update(given: Given) -> Update | None:
    name = given.get("rule")
    if name is None:
        return None
    rule = RULES[name]
    _refuse_foreign(name, rule, given)
    form = _form(given, rule)
    kept = updates.RULES[name, form].kept
    for key in given.get("state", {}):
        if not key.startswith(tuple(f"{letter}_" for letter in kept)):
            _complain_of_state(key, name, kept, given)
    if rule.rate and not given.has("learning_rate"):
        given.complain("learning_rate", f"`{name}` needs a `learning_rate`", "learning_rate: 0.1")
    rates = given.get("learning_rate", (0.0,))
    _check_rates(rates, given)
    rate = {"learning_rate": rates[0] if rates else 0.0} if rule.rate else {}
    clip = given.get("clip", _NO_CLIP)
    constants = {key: given.get(key, default) for key, default in rule.constants.items()}
    return Update(
        rule=name,
        form=form,
        constants=tuple({**rate, **constants}.items()),
        t=given.get("t", 1),
        steps=given.get("steps", 1),
        state=given.get("state", {}),
        batches=given.get("batches"),
        rates=rates if len(rates) > 1 else (),
        decay=given.get("weight_decay", 0.0),
        longest=clip.norm,
        largest=clip.value,
        mark=given.mark,
        batches_mark=given.value_at("batches"),
    )


def _form(given: Given, rule: Rule) -> str | None:
    form: str | None = given.get("form", rule.form)
    return form if form in rule.forms else rule.form  # of another rule: that is complained of


def _refuse_foreign(name: str, rule: Rule, given: Given) -> None:
    """Complains about constants and forms that belong to other rules."""
    if not rule.rate:
        for key in ("learning_rate", "weight_decay", "clip"):
            if given.has(key):
                given.complain(key, f"the rule `{name}` has no {shown(key)}", "leave it out")
    for key in given.entries:
        if key in _CONSTANTS and key not in rule.constants:
            has = ", ".join(("learning_rate", *rule.constants))
            owner = next(other for other, each in RULES.items() if key in each.constants)
            given.complain(
                key,
                f"the rule `{name}` has no {shown(key)}; it has {has}",
                f"leave it out, or rule: {owner}",
            )
    if given.has("form") and not rule.forms:
        given.complain("form", f"the rule `{name}` has one form only", "leave `form` out")
    elif (form := given.get("form")) is not None and form not in rule.forms:
        has = f"the rule `{name}` has no form {shown(form)}"
        given.complain("form", has, f"form: {' or '.join(rule.forms)}, or leave `form` out")


def _complain_of_state(key: str, name: str, kept: Sequence[str], given: Given) -> None:
    text, _ = given.get("state")[key]
    parameter = key.partition("_")[2] or "W1"
    called = " and ".join(f"`{letter}_{parameter}`" for letter in kept)
    has = f"its state is called {called}" if kept else "it has none"
    given.complaints.add(f"{shown(key)} is not a state of the rule `{name}`; {has}", text.mark)


class Clip(Struct, frozen=True):
    """How long all gradients together may be, or how large an entry of them."""

    norm: float | None = None
    value: float | None = None


_NO_CLIP = Clip()


def _clip(given: Given) -> Clip:
    if given.has("norm") == given.has("value"):
        given.complain("norm", "gradients are cut off by `norm` or by `value`", "{norm: 1}")
    return Clip(given.get("norm"), given.get("value"))


CLIP = Record(
    "`clip`",
    {
        "norm": Key(Number(NOT_NEGATIVE), "all gradients together are made no longer than this"),
        "value": Key(Number(NOT_NEGATIVE), "each entry of a gradient is cut off at this"),
    },
    _clip,
    "{norm: 1}, or {value: 0.5}",
)


def _check_rates(rates: tuple[float, ...], given: Given) -> None:
    """Complains of learning rates that are too few for the steps."""
    steps = given.get("steps", 1)
    if not rates:
        given.complain("learning_rate", "there is no learning rate in this list", "0.1")
    elif 1 < len(rates) < steps:
        message = f"there are {len(rates)} learning rates and {steps} steps"
        given.complain("learning_rate", message, "one for each step, or one for all")


def _rules_as_keys() -> dict[str, str]:
    """What to write where someone writes a rule, or what else it is called, for a key."""
    called = {**{name: name for name in RULES}, **other_keys.RULES}
    rated = {name: ", and a `learning_rate`" for name, rule in RULES.items() if rule.rate}
    return {word: f"rule: {name}{rated.get(name, '')}" for word, name in called.items()}


UPDATE = Record(
    "`update`",
    {
        "rule": Key(
            Choice(tuple(RULES), meant=other_keys.RULES), "how parameters change", required=True
        ),
        "learning_rate": Key(
            ListOf(_RATE, "a number, or a list of them, one a step", single=True),
            "η, or a list of them, one a step",
        ),
        "weight_decay": Key(
            Number(NOT_NEGATIVE),
            "λ in W − ηλW beside the rule's own change; not of biases, b…",
        ),
        "clip": Key(CLIP, "how gradients are made shorter before they are used"),
        "form": Key(
            Choice(_FORMS),
            "how momentum is written; `paper`: of nesterov, the gradient at W + βv;"
            " `amsgrad`: of adam, with the largest v so far",
            default=_FORMS[0],
        ),
        **_CONSTANTS,
        "t": Key(Integer(Bounds(at_least=1)), "the number of the first step", default=1),
        "state": Key(
            NamedOf(
                Numbers(deepest=4),
                "a mapping from names such as v_W1 to numbers",
                "{v_W1: [[0, 1]]}",
            ),
            "where the optimizer's state does not start at zero",
        ),
        "steps": Key(Integer(NOT_NEGATIVE), "how many updates", default=1),
        "batches": Key(BATCHES, "a batch size, or the sample numbers of each batch"),
    },
    _update,
    "{rule: sgd, learning_rate: 0.1}",
    {**_rules_as_keys(), **other_keys.OF_UPDATE},
)

# Questions, grading, rounding ---------------------------------------------------------------------

ASK = ListOf(Placed("the name of a quantity"), "a list of quantities, such as [Z1, L]", single=True)

_DIGITS = {
    "decimals": Key(Integer(Bounds(at_least=0, at_most=MOST_DECIMALS)), "digits after the point"),
    "significant": Key(Integer(Bounds(at_least=1, at_most=MOST_DECIMALS)), "digits that count"),
}


def _digits(given: Given) -> Digits | None:
    decimals, significant = given.has("decimals"), given.has("significant")
    if decimals and significant:
        given.complain(
            "significant", "`decimals` and `significant` exclude each other", "one of the two"
        )
    if not decimals and not significant:
        given.complain(
            "decimals", "the number of digits is missing", "decimals: 3, or significant: 3"
        )
    for kind, value in given.values.items():
        if kind == "decimals":
            return Digits(value)
        if kind == "significant":
            return Digits(value, "significant")
    return None


def _rounding(given: Given) -> Rounding | None:
    digits = _digits(given)
    return Rounding(digits, given.get("mode", "half-up")) if digits else None


ROUNDING = Record(
    "`rounding`",
    {
        **_DIGITS,
        "mode": Key(Choice(("half-up", "half-even", "truncate")), "how", default="half-up"),
    },
    _rounding,
    "{decimals: 3}",
)


def _grading(given: Given) -> Grading:
    values = dict(given.values)
    if "pass" in values:
        values["passing"] = values.pop("pass")
    if "points" in values:
        values["points"] = tuple(values["points"].values())
    return Grading(**values)


_SHARE = Number(Bounds(at_least=0, at_most=1))
_NO_GRADING = Grading()
GRADING = Record(
    "`grading`",
    {
        "precision": Key(
            Record("`precision`", _DIGITS, _digits, "{decimals: 3}"),
            "the least digits to write; as written if absent",
        ),
        "points": Key(
            NamedOf(
                Number(NOT_NEGATIVE), "a mapping from quantities to points", "{dL/dW1: 4, L: 1}"
            ),
            "points of each quantity, 1 if absent",
        ),
        "entries": Key(
            Choice(("proportional", "all-or-nothing")),
            "how the points of a matrix are given",
            default=_NO_GRADING.entries,
        ),
        "carried": Key(
            _SHARE,
            "share of the points for what follows from an earlier slip",
            default=_NO_GRADING.carried,
        ),
        "imprecise": Key(
            _SHARE, "share of the points for too few digits", default=_NO_GRADING.imprecise
        ),
        "rtol": Key(
            _SHARE,
            "tolerance for arrays of a program, by the largest entry; of their type if absent",
        ),
        "pass": Key(_SHARE, "share of all points that passes", default=_NO_GRADING.passing),
    },
    _grading,
    "{precision: {decimals: 3}}",
    other_keys.OF_GRADING,
)

# Other numbers ------------------------------------------------------------------------------------


def _interval(given: Given) -> Interval | None:
    if not {"from", "to"} <= given.values.keys():
        return None  # of which a complaint has told
    found = Interval(given.values["from"], given.values["to"])
    if found.from_ < found.to:
        return found
    given.complain("from", "`from` is not below `to`", "{from: -3, to: 3}, or keep")
    return None


_INTERVAL = Record(
    "what a quantity may be",
    {
        "from": Key(Number(), "the smallest number", required=True),
        "to": Key(Number(), "the largest number", required=True),
    },
    _interval,
    "{from: -3, to: 3}",
)
_KEEP: ByKind[Interval | Literal["keep"] | Any] = ByKind(
    "`keep`, or {from: -3, to: 3}",
    scalar=Choice(("keep",)),
    mapped=_INTERVAL,
    instead="keep, or {from: -3, to: 3}",
)
VARY = NamedOf(
    _KEEP, "a mapping from quantities to what they may be", "{x: {from: -3, to: 3}, W1: keep}"
)
