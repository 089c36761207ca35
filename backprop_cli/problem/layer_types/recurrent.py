"""Layers over time: their keys, and their equations, the same for each step of a sequence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

import numpy as np
from msgspec import Struct

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Sym, op, symbols
from backprop_cli.algebra.quantity import layer_id
from backprop_cli.algebra.shapes import Size, described
from backprop_cli.problem.file_format.composed_fields import ByKind
from backprop_cli.problem.file_format.fields import Choice, Numbers
from backprop_cli.problem.file_format.records import Given, Key, Record
from backprop_cli.problem.fitted_arrays import as_matrix, fan, oriented, product, weight_axes
from backprop_cli.problem.layer_types.layer_type import LayerType, activated, dropped_at, put_out
from backprop_cli.problem.model import Array
from backprop_cli.problem.model_builder import BIAS, POST, PRE, WEIGHTS, Draft, rule_of
from backprop_cli.problem.problem_data import Layer, Values
from backprop_cli.problem.text import other_keys

_INPUT, _BEHIND = "U", "Htilde"
_MATRICES = {"input_weights": _INPUT, "recurrent_weights": WEIGHTS}
_BIASES = {"bias": BIAS, "recurrent_bias": "bW"}
PARAMETERS = {**_MATRICES, **_BIASES}

_AT = Key(
    Choice(("every-step", "last-step")),
    "whether what is behind it goes on from every step, or from the last one alone",
    default="every-step",
)


_OF_GRU = {
    "update_gate": Key(
        Choice(("keeps", "replaces")),
        "whether z says how much of the state before stays, or how much of it is replaced",
        default="keeps",
    ),
    "reset_gate": Key(
        Choice(("before", "after")),
        "whether r multiplies the state before it meets W, or W times the state",
        default="before",
    ),
}


class _Cell(Struct, frozen=True):
    """A layer whose parameters are in the draft: what each gate computes, step by step."""

    net: Draft
    number: int
    steps: int

    @property
    def layer(self) -> Layer:
        """The layer as written."""
        return self.net.layers[self.number - 1]

    def at(self, letter: str, step: int) -> str:
        """The id of a quantity at a step: `Z1_2`."""
        return layer_id(letter, self.number, step)

    def total(self, gate: str, step: int, state: Expr | None = None) -> Expr:
        """U xₜ + W hₜ₋₁ + b with the parameters of a gate; `state` in place of W hₜ₋₁."""
        fed = self.times(_INPUT, gate, self.net.input_at(self.number - 1, step))
        total = op("add", fed, state or self.fed_back(gate, Sym(self.at(POST, step - 1))))
        return self.with_bias("bias", gate, total)

    def fed_back(self, gate: str, vector: Expr) -> Expr:
        """W times a vector, and the bias that W may have of its own."""
        return self.with_bias("recurrent_bias", gate, self.times(WEIGHTS, gate, vector))

    def with_bias(self, key: str, gate: str, total: Expr) -> Expr:
        """The same and a bias, where the file states one."""
        name = _parameter(_BIASES[key], self.number, gate)
        return op("add", total, Sym(name)) if name in self.net.shapes else total

    def times(self, letter: str, gate: str, vector: Expr) -> Expr:
        """A matrix of a gate times a vector."""
        return product(self.net.convention, Sym(_parameter(letter, self.number, gate)), vector)

    def define(self, letter: str, step: int, expr: Expr, rule: str, words: str) -> None:
        """A quantity of a step, and what it comes from."""
        self.net.define(self.at(letter, step), expr, rule, ("unit",), f"{words} at step {step}")

    def activated(self, z: Expr) -> Expr:
        """The activation of the layer."""
        return activated(self.net, self.number, z)


def _parameter(letter: str, number: int, gate: str) -> str:
    name = layer_id(letter, number)
    return f"{name}_{gate}" if gate else name


# Cells --------------------------------------------------------------------------------------------


def _rnn_step(cell: _Cell, t: int) -> None:
    rule = rule_of(cell.layer.activation)
    cell.define(PRE, t, cell.total("", t), "affine", "pre-activation")
    cell.define(POST, t, cell.activated(Sym(cell.at(PRE, t))), rule, "state")


def _lstm_step(cell: _Cell, t: int) -> None:
    words = {"i": "input gate", "f": "forget gate", "o": "output gate", "g": "what is let in"}
    for gate, what in words.items():
        total = cell.total(gate, t)
        value = cell.activated(total) if gate == "g" else op("sigmoid", total)
        rule = rule_of(cell.layer.activation) if gate == "g" else "sigmoid"
        cell.define(gate, t, value, rule, what)
    i, f, o, g = (Sym(cell.at(gate, t)) for gate in words)
    kept, let_in = op("mul", f, Sym(cell.at("c", t - 1))), op("mul", i, g)
    cell.define("c", t, op("add", kept, let_in), "add", "cell")
    cell.define(POST, t, op("mul", o, cell.activated(Sym(cell.at("c", t)))), "mul", "state")


def _gru_step(cell: _Cell, t: int) -> None:
    before = Sym(cell.at(POST, t - 1))
    for gate, what in (("z", "update gate"), ("r", "reset gate")):
        cell.define(gate, t, op("sigmoid", cell.total(gate, t)), "sigmoid", what)
    z, r = (Sym(cell.at(gate, t)) for gate in "zr")
    if cell.layer.own["reset_gate"] == "after":
        state: Expr = op("mul", r, cell.fed_back("h", before))
    else:
        state = cell.fed_back("h", op("mul", r, before))
    new = cell.activated(cell.total("h", t, state))
    cell.define("h", t, new, rule_of(cell.layer.activation), "new state offered")
    rest = op("sub", build.ONE, z)
    keeps = cell.layer.own["update_gate"] == "keeps"
    stays, comes = (z, rest) if keeps else (rest, z)
    mixed = op("add", op("mul", stays, before), op("mul", comes, Sym(cell.at("h", t))))
    cell.define(POST, t, mixed, "add", "state")


def _add(
    net: Draft,
    number: int,
    *,
    gates: str,
    letters: tuple[str, ...],
    step: Callable[[_Cell, int], None],
) -> None:
    """The equations of each step, one after the other."""
    steps = net.steps_into(number)
    cell = None if steps is None else _begun(net, number, gates, steps, letters)
    if cell is None:
        net.stand_in(number, ())
        return
    for t in range(1, cell.steps + 1):
        first = len(net.equations)
        step(cell, t)
        for equation in net.equations[first:]:
            net.neighbours += [(equation.name, name) for name in _computed(net, equation.expr)]
    _put_out(cell, letters)


def _put_out(cell: _Cell, letters: tuple[str, ...]) -> None:
    """What the layer puts out; dropout takes of that alone, and leaves what goes on in time."""
    net, number = cell.net, cell.number
    if net.at_last(number):
        put_out(net, number, Sym(cell.at(POST, cell.steps)), "copy", ("unit",))
        net.neighbours.append((net.output_of(number), cell.at(POST, cell.steps)))
    else:
        if cell.layer.dropout is not None:
            letters = (*letters, _BEHIND)
            for t in range(1, cell.steps + 1):
                left = dropped_at(net, number, Sym(cell.at(POST, t)), t, cell.steps)
                cell.define(_BEHIND, t, left, "dropout", "behind dropout")
                net.neighbours.append((cell.at(_BEHIND, t), cell.at(POST, t)))
        net.put_out_over_time(number, layer_id(letters[-1], number), cell.steps)
    net.add_over_time([layer_id(letter, number) for letter in letters], cell.steps)


def _computed(net: Draft, expr: Expr) -> Iterable[str]:
    known = {equation.name for equation in net.equations}
    return [name for name in symbols(expr) if name in known]


# Parameters ---------------------------------------------------------------------------------------


def _begun(
    net: Draft, number: int, gates: str, steps: int, letters: tuple[str, ...]
) -> _Cell | None:
    """The cell with its parameters and where it starts in the draft; None where they do not fit."""
    layer, before = net.layers[number - 1], len(net.complaints.found)
    inputs, units = net.inputs_at(number - 1), _units(net, number, gates)
    if units is None:
        return None
    for key, letter in PARAMETERS.items():
        for gate in gates or ("",):
            values = _of_gate(layer, key, gate)
            if values is not None:
                _give(net, number, (key, letter, gate), values, (inputs, units))
    _start(net, number, units, [letter for letter in letters if letter in (POST, "c")])
    if len(net.complaints.found) > before:
        return None
    net.units.append(units)
    return _Cell(net, number, steps)


def _of_gate(layer: Layer, key: str, gate: str) -> Values | None:
    found = layer.own.get(key)
    return found.get(gate) if isinstance(found, Mapping) else found


def _units(net: Draft, number: int, gates: str) -> int | None:
    """How many units there are: the recurrent weights are square."""
    values = _of_gate(net.layers[number - 1], "recurrent_weights", gates[:1])
    array = values.array if values is not None else None
    if array is None:
        return None
    if array.size == 1:
        return 1
    if array.ndim == 2 and array.shape[0] == array.shape[1]:
        return int(array.shape[0])
    assert values is not None
    message = f"the recurrent weights of layer {number} are {described(array.shape)}"
    instead = "a square matrix: they take the layer's own output of the step before"
    net.complaints.add(message, values.mark, instead)
    return None


def _give(
    net: Draft,
    number: int,
    place: tuple[str, str, str],
    values: Values,
    sizes: tuple[Size, int],
) -> None:
    """One parameter, or a complaint that it does not fit."""
    (key, letter, gate), (inputs, units) = place, sizes
    name, trained = _parameter(letter, number, gate), key in net.layers[number - 1].train
    if values.array is None:
        return
    if key in _BIASES:
        array: Array | None = values.array.reshape(-1)
        wanted: tuple[Size, ...] = (units,)
        axes: tuple[str, ...] = ("unit",)
    else:
        wanted = oriented(inputs if letter == _INPUT else units, units, net.convention)
        array = as_matrix(values, net.convention, inputs if letter == _INPUT else units)
        axes = weight_axes(net.convention)
    if array is None or array.shape != wanted:
        of = f" of gate {gate}" if gate else ""
        have = described(values.array.shape)
        message = f"`{key}`{of} in layer {number} is {have}"
        if key == "input_weights" and array is not None and array.ndim == 2:
            takes = fan(array.shape, net.convention)[0]
            message += f" and takes {takes} numbers, and each step has {inputs}"
        net.complaints.add(message, values.mark, described(wanted))
        return
    net.parameter(name, array, wanted, axes, trained)
    net.penalised.append((name, "bias" if key in _BIASES else "weights"))


def _start(net: Draft, number: int, units: int, letters: Iterable[str]) -> None:
    """What the first step starts from: zero where the file says nothing."""
    initial = net.layers[number - 1].own.get("initial")
    for letter in letters:
        values = initial.get(letter.lower()) if isinstance(initial, Mapping) else initial
        if letter == "c" and not isinstance(initial, Mapping):
            values = None
        array = np.zeros(()) if values is None or values.array is None else values.array
        if array.ndim and array.size != units:
            assert values is not None
            message = f"`initial` of layer {number} is {described(array.shape)}"
            net.complaints.add(message, values.mark, f"a vector of {units}, or one number")
            return
        value = np.array(np.broadcast_to(array.reshape(-1), (units,)), dtype=float)
        net.give(layer_id(letter, number, 0), value, ("unit",), "data")


# Keys ---------------------------------------------------------------------------------------------


def _gates(letters: str, key: str) -> Record[Mapping[str, Values]]:
    each = key != "recurrent_bias"
    return Record(
        f"`{key}`",
        {letter: Key(Numbers(), f"of gate {letter}", required=each) for letter in letters},
        lambda given: dict(given.values),
        _for_each(letters),
        other_keys.OF_GATES[letters],
    )


def _for_each(gates: str) -> str:
    """What is written where each gate has its own."""
    return f"{{{', '.join(f'{gate}: …' for gate in gates)}}}"


_START: ByKind[object] = ByKind(
    "a number or a vector, or `{h: …, c: …}`",
    scalar=Numbers(),
    listed=Numbers(),
    mapped=Record(
        "`initial`",
        {"h": Key(Numbers(), "the state"), "c": Key(Numbers(), "the cell")},
        lambda given: dict(given.values),
        "{h: 0, c: 0}",
    ),
)


_AND_CELL = ", or state and cell: `{h: …, c: …}`"


def _keys(gates: str) -> dict[str, Key]:
    """The keys of a layer over time."""
    fields = {key: _gates(gates, key) if gates else Numbers() for key in PARAMETERS}
    each = f", of each gate: `{_for_each(gates)}`" if gates else ""
    return {
        "input_weights": Key(
            fields["input_weights"], f"U, what the step's input is multiplied by{each}"
        ),
        "recurrent_weights": Key(
            fields["recurrent_weights"], f"W, what the state before is multiplied by{each}"
        ),
        "bias": Key(fields["bias"], f"a vector{each}; absent: none"),
        "recurrent_bias": Key(
            fields["recurrent_bias"], "added to W times the state alone; absent: none"
        ),
        "initial": Key(
            _START if "f" in gates else Numbers(),
            f"the state before the first step{_AND_CELL if 'f' in gates else ''}; 0 if absent",
        ),
        "at": _AT,
    }


def _check(given: Given, numbers: str) -> None:
    for key in _MATRICES:
        if not given.has(key):
            given.complain(key, f"this layer has no `{key}`", f"{key}: {numbers}")


def _type(
    name: str,
    words: str,
    gates: str,
    letters: tuple[str, ...],
    step: Callable[[_Cell, int], None],
    also: str,
    more: Mapping[str, Key] | None = None,
) -> LayerType:
    numbers = _for_each(gates) if gates else "[[…], […]]"
    return LayerType(
        name,
        words,
        {**_keys(gates), **(more or {})},
        partial(_add, gates=gates, letters=letters, step=step),
        "{type: rnn, input_weights: [[0.5], [-1]], recurrent_weights: [[0.5, 0.2], [-0.3, 0.4]]}"
        if not gates
        else f"{{type: {name}, input_weights: {numbers}, recurrent_weights: {numbers}}}",
        PARAMETERS,
        letters,
        partial(_check, numbers=numbers),
        also,
        other_keys.OF_RECURRENT,
        "tanh",
    )


RECURRENT = (
    _type(
        "rnn",
        "over time: each step takes its input and the state of the step before",
        "",
        (PRE, POST),
        _rnn_step,
        "recurrent simplernn elman",
    ),
    _type(
        "lstm",
        "over time, with a cell, and gates that say what is let in, kept and let out",
        "ifog",
        ("i", "f", "o", "g", "c", POST),
        _lstm_step,
        "",
    ),
    _type(
        "gru",
        "over time, with gates that mix the state before, z of it, with a new one",
        "zrh",
        ("z", "r", "h", POST),
        _gru_step,
        "",
        _OF_GRU,
    ),
)
