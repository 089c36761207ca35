"""How a file names an activation or a loss, its constants or its own formula -> Function."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from backprop_cli.errors import Complaints
from backprop_cli.operations.losses import LOSSES
from backprop_cli.operations.table import SAME, TABLE
from backprop_cli.problem.file_format.composed_fields import ByKind
from backprop_cli.problem.file_format.fields import (
    NOT_NEGATIVE,
    Bounds,
    Number,
    Placed,
    Schema,
    unexpected,
)
from backprop_cli.problem.file_format.records import Given, Key, Record
from backprop_cli.problem.problem_data import TRAINED_SLOPE, Function
from backprop_cli.problem.text import other_keys
from backprop_cli.problem.text.other_keys import nearest
from backprop_cli.problem.text.tree import Node, ScalarNode
from backprop_cli.problem.typed_numbers import is_simple, shown

if TYPE_CHECKING:
    from backprop_cli.problem.text.other_functions import Elsewhere

GENERIC = "f"
"""Any activation, in a problem with letters alone."""

_called = partial(re.fullmatch, r"(?P<name>[\w.-]+)\((?P<inside>[^()]*)\)")  # leaky_relu(0.1)
_operator_or_call = partial(re.search, r"[*/^@+]|\w\(")
_RANGES = {"delta": Bounds(above=0), "alpha": NOT_NEGATIVE}


def _formula(text: str) -> str | None:
    """The text, where it is a formula that was written without saying so."""
    return text if _operator_or_call(text) and '"' not in text else None


class FunctionNames(Struct, frozen=True):
    """A field for the name of an activation or a loss.

    `known` are the names with their constants and defaults; `stand_in` takes the place of what
    cannot be read, so that the rest of the file can still be checked; `letters` are what a
    formula of one may use.
    """

    what: str
    known: Mapping[str, Mapping[str, float]]
    same: Mapping[str, str]
    stand_in: Function
    letters: str

    @property
    def words(self) -> str:
        """What is expected."""
        return f"the name of {self.what}"

    def read(self, node: Node, name: str, complaints: Complaints) -> Function | None:
        """The function of that name with its default constants."""
        if not isinstance(node, ScalarNode):
            unexpected(node, name, self, complaints)
            return None
        wanted = node.text.strip().casefold().replace("_", "-").replace(" ", "-")
        wanted = self.same.get(wanted, wanted)
        if wanted in self.known:
            return Function(wanted, tuple(self.known[wanted].items()), mark=node.mark)
        self._complain(wanted, node, complaints)
        return self.stand_in

    def _complain(self, wanted: str, node: ScalarNode, complaints: Complaints) -> None:
        constant = ""
        if (called := _called(wanted)) is not None:
            wanted, constant = called["name"], called["inside"]
        meant = self.meant(wanted)
        near, written = meant.name, meant.formula or _formula(node.text)
        own = f'{{formula: "{written}"}}' if written else None
        more = f"; did you mean `{near}`?" if near else f" (there are {', '.join(self.known)})"
        complaints.add(
            f"{shown(node.text)} is not {self.what}{more}",
            node.mark,
            self._with_constant(near, constant) or near or own or "{formula: …} for your own",
        )

    def meant(self, wanted: str) -> Elsewhere:
        """What there is for a name that is none here: one of these, or a formula."""
        from backprop_cli.problem.text.other_functions import Elsewhere, elsewhere

        found = elsewhere(wanted, self.known, self.letters)
        return Elsewhere(nearest(wanted, self.known)) if found is None else found

    def _with_constant(self, name: str | None, constant: str) -> str | None:
        """How the one constant of a function is said, where a number stands for it."""
        keys = list(self.known.get(name or "", {}))
        return f"{{name: {name}, {keys[0]}: {constant}}}" if keys and is_simple(constant) else None

    def schema(self) -> Schema:
        """The names, each also with underscores."""
        names = dict.fromkeys([*self.known, *self.same])
        return {"enum": list(dict.fromkeys([*names, *(name.replace("-", "_") for name in names)]))}

    # The mapping --------------------------------------------------------------------------------

    def keys(self, formula: str) -> dict[str, Key]:
        """The keys of a mapping that describes one: name, formula, and all constants there are."""
        constants: dict[str, float] = {}
        for options in self.known.values():
            constants = constants | {k: v for k, v in options.items() if k not in constants}
        return {
            "name": Key(self, self.words),
            "formula": Key(Placed("a formula"), formula),
            **{
                key: Key(Number(_RANGES.get(key, Bounds())), default=value)
                for key, value in constants.items()
            },
        }

    def make(self, given: Given) -> Function:
        """The function that a mapping describes."""
        if given.has("name") == given.has("formula"):
            why = "and not both" if given.has("name") else "and neither is here"
            given.complain("formula", f"{self.what} is said by `name` or by `formula`, {why}")
            return self.stand_in
        formula = given.get("formula")
        own = Function(None, formula=formula, mark=given.mark) if formula else self.stand_in
        function = given.get("name", own)
        return function if function is self.stand_in else self._with_constants(function, given)

    def _with_constants(self, function: Function, given: Given) -> Function:
        options = {key: given.get(key, value) for key, value in function.options}
        for key in given.entries:
            if key in self.keys("") and key not in ("name", "formula", *options):
                has = f"it has {', '.join(options)}" if options else "it has no constants"
                called = shown(function.name) if function.name else "a formula"
                given.complain(
                    key, f"{shown(key)} is not a constant of {called}; {has}", "leave it out"
                )
        return replace(function, options=tuple(options.items()))


def _numbers(options: Mapping[str, object]) -> dict[str, float]:
    """Those options of an operation that a file may set: `at_zero` belongs to the convention."""
    return {
        key: float(value)
        for key, value in options.items()
        if isinstance(value, int | float) and key != "at_zero"
    }


def _activations() -> dict[str, Mapping[str, float]]:
    found = [entry for entry in TABLE.values() if entry.activation]
    known = {e.name.replace("_", "-"): _numbers(e.options) for e in found}
    return {"linear": {}, **known, TRAINED_SLOPE: {"slope": 0.25}, GENERIC: {}}


ACTIVATIONS = _activations()
ACTIVATION_NAMES = FunctionNames(
    "an activation", ACTIVATIONS, {"identity": "linear", **SAME}, Function("linear"), "z"
)
LOSS_NAMES = FunctionNames(
    "a loss",
    {"none": {}, **{loss.name: loss.options for loss in LOSSES.values()}},
    {},
    Function("squared-error"),
    "yhat y",
)
ACTIVATION: ByKind[Any] = ByKind(
    "the name of an activation, or `{name: …}` or `{formula: …}`",
    scalar=ACTIVATION_NAMES,
    mapped=Record(
        "`activation`",
        ACTIVATION_NAMES.keys("your own activation, in z"),
        ACTIVATION_NAMES.make,
        meant=other_keys.OF_ACTIVATION,
    ),
    instead="sigmoid, or {name: leaky-relu, slope: 0.1}",
)
