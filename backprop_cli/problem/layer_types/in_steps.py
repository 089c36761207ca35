"""Layers worked out in named steps: batch and layer norm, attention; and rows of a table."""

from __future__ import annotations

import numpy as np

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Op, Option, Sym, op
from backprop_cli.algebra.quantity import layer_id
from backprop_cli.algebra.shapes import ShapeError, described
from backprop_cli.operations.table import TABLE
from backprop_cli.operations.worked_out import in_steps
from backprop_cli.problem.file_format.fields import (
    NOT_NEGATIVE,
    Bounds,
    Choice,
    Integer,
    Number,
    Numbers,
    NumbersOrTrue,
)
from backprop_cli.problem.file_format.records import Key
from backprop_cli.problem.fitted_arrays import fan, weight_axes
from backprop_cli.problem.layer_types.layer_type import LayerType, activated, put_out, rule_behind
from backprop_cli.problem.model_builder import PRE, Draft
from backprop_cli.problem.named import rule_of
from backprop_cli.problem.problem_data import Values

_ONE = Bounds(at_least=1)
_OF_NORM = {"mu": "mu", "var": "var", "xhat": "Xhat"}


def _put_out_in_steps(net: Draft, number: int, node: Op) -> None:
    """A quantity for each step, and what the layer puts out for the last."""
    stages = TABLE[node.name].stages
    assert stages is not None

    def called(step: str) -> str:
        head = step[1:]  # of attention with several heads
        letter = _OF_NORM.get(step) or step[:1]
        return layer_id(letter, number, int(head) if head.isdigit() else None) if step else ""

    layer = net.layers[number - 1]
    for stage in in_steps(node, net.sizes(), stages, called):
        if stage.name:
            axes = _axes(net, stage.name, stage.expr)
            net.define(stage.name, stage.expr, rule_of(stage.expr), axes, stage.words)
        else:
            axes, result = _axes(net, "", stage.expr), stage.expr
            if layer.activation.name != "linear":
                pre = layer_id(PRE, number)
                net.define(pre, result, rule_of(result), axes, stage.words)
                result = Sym(pre)
            rule = rule_behind(layer.activation, rule_of(stage.expr))
            put_out(net, number, activated(net, number, result), rule, axes)


def _axes(net: Draft, name: str, expr: Expr) -> tuple[str, ...]:
    """What the axes of a step run over."""
    shape = net.sizes().shape(expr)
    if net.samples is not None:
        return net.axes() if len(shape) == 2 else ("unit",) * len(shape)
    if name[:1] in ("S", "A"):
        return ("step", "step")
    return ("step", "unit")[-len(shape) :] if shape else ()


# Norms --------------------------------------------------------------------------------------------


def _norm(name: str, over_samples: bool) -> LayerType:
    def add(net: Draft, number: int) -> None:
        source = net.output_of(number - 1)
        shape = net.shapes[source]
        if source in net.doubtful or not _fits(net, number, over_samples):
            net.stand_in(number, ("mu", "var", "Xhat"))
            return
        layer, units = net.layers[number - 1], net.units[-1]
        scale = _trained(net, number, "scale", "gamma", build.ONE)
        shift = _trained(net, number, "shift", "beta", build.ZERO)
        along = len(shape) - 1 if net.unit_axis is None else net.unit_axis
        axis = 1 - along if over_samples else along
        options: dict[str, Option] = {"axis": axis if len(shape) > 1 else None}
        epsilon = layer.own["epsilon"]
        options["epsilon"] = epsilon or None
        node = op(name.replace("-", "_"), Sym(source), scale, shift, **options)
        _put_out_in_steps(net, number, node)
        net.units.append(units)

    over = "over the samples" if over_samples else "over the units of a sample"
    return LayerType(
        name,
        f"mean 0 and variance 1 {over} (with 1/n), then a scale and a shift",
        {
            "scale": Key(NumbersOrTrue(), "γ, a number a unit; absent: 1"),
            "shift": Key(NumbersOrTrue(), "β, a number a unit; absent: 0"),
            "epsilon": Key(Number(NOT_NEGATIVE), "what is added to the variance", default=0),
        },
        add,
        f"{{type: {name}, scale: [2, 1], shift: [0.5, 0]}}",
        {"scale": "gamma", "shift": "beta"},
        ("mu", "var", "Xhat", "H"),
        also=name.replace("-", ""),
        meant={"gamma": "scale", "weight": "scale", "beta": "shift", "bias": "shift"}
        | {"eps": "epsilon"},
    )


def _fits(net: Draft, number: int, over_samples: bool) -> bool:
    """Whether there is what the mean is taken over; a complaint if not."""
    rank = len(net.shapes[net.output_of(number - 1)])
    if over_samples and net.samples is None:
        message = f"layer {number} takes the mean over the samples, and there is one sample"
        instead = "x: [[…], […]], a vector a sample; or type: layer-norm"
        net.complaints.add(message, net.layers[number - 1].mark, instead)
        return False
    if rank > 2:
        message = f"layer {number} takes vectors, and what comes in has {rank} axes"
        net.complaints.add(message, net.layers[number - 1].mark, "- {type: flatten} before it")
        return False
    return True


def _trained(net: Draft, number: int, key: str, letter: str, absent: Expr) -> Expr:
    """The scale or shift, a number a unit, as the file states it."""
    layer = net.layers[number - 1]
    said = layer.own.get(key)
    if said is None or said is False:
        return absent
    name, units = layer_id(letter, number), net.units[-1]
    array = said.array if isinstance(said, Values) else None
    if said is True and net.numbers:
        message = f"the {key} of layer {number} has no numbers: without them nothing can be solved"
        net.complaints.add(message, layer.mark, f"{key}: […], a number for each unit")
    if isinstance(said, Values) and (array is None or array.shape not in ((), (units,))):
        net.doubtful.add(name)
        if array is not None and number - 1 not in net.guessed:
            message = f"the {key} of layer {number} is {described(array.shape)}"
            instead = f"a vector of {units}, or a number alone for all units"
            net.complaints.add(f"{message}, and there are {units} units", said.mark, instead)
        array = None
    shape = (units,) if array is None else array.shape
    net.parameter(name, array, shape, ("unit",)[: len(shape)], key in layer.train)
    net.penalised.append((name, "bias"))
    return Sym(name)


# Attention ----------------------------------------------------------------------------------------

_OF_ATTENTION = (("query", "Q"), ("key", "K"), ("value", "V"))


def _attention(net: Draft, number: int) -> None:
    layer, source = net.layers[number - 1], net.output_of(number - 1)
    if source not in net.doubtful and not _is_sequence(net, source):
        message = f"attention takes a sequence, and here comes {described(net.shapes[source])}"
        instead = "input: sequence, with a vector a position in x; or an embedding before it"
        net.complaints.add(message, layer.mark, instead)
        net.doubtful.add(source)
    if source in net.doubtful:
        net.stand_in(number, ("Q", "K", "V", "S", "A"))
        return
    found = [_projected(net, number, key, letter) for key, letter in _OF_ATTENTION]
    options: dict[str, Option] = {"mask": layer.own["mask"], "heads": layer.whole("heads")}
    node = op("attention", *(Sym(layer_id(letter, number)) for _, letter in _OF_ATTENTION))
    node = Op(node.name, node.args, op("attention", **options).options)
    try:
        net.sizes().shape(node)
    except ShapeError as error:
        if all(found):
            net.complaints.add(f"in layer {number}, {error}", layer.mark, error.instead)
        net.stand_in(number, ("S", "A"))
        return
    _put_out_in_steps(net, number, node)
    net.units.append(net.shapes[layer_id("V", number)][1])


def _is_sequence(net: Draft, source: str) -> bool:
    return net.samples is None and len(net.shapes[source]) == 2


def _projected(net: Draft, number: int, key: str, letter: str) -> bool:
    """Queries, keys or values of what comes in; whether their weights fit."""
    layer, source = net.layers[number - 1], net.output_of(number - 1)
    values, name = layer.numbers(key), layer_id(f"W{letter}", number)
    array = values.array if values is not None else None
    fits = array is not None and array.ndim == 2
    if values is not None and array is not None:
        have = fan(array.shape, net.convention)[0] if fits else 0
        if have != net.units[-1]:
            fits = False
            message = f"the {key} weights of layer {number} are {described(array.shape)}"
            message += f", and {net.units[-1]} numbers come in at each position"
            net.complaints.add(message, values.mark, "a matrix that takes as many")
    if not fits:
        net.doubtful |= {name}
        array = np.ones((int(net.units[-1]),) * 2)
    assert array is not None
    net.parameter(name, array, array.shape, weight_axes(net.convention), key in layer.train)
    net.penalised.append((name, "weights"))
    turned = weight_axes(net.convention)[0] == "unit"
    factor = op("transpose", Sym(name)) if turned else Sym(name)
    words = {"query": "queries", "key": "keys", "value": "values"}[key]
    product = op("matmul", Sym(source), factor)
    net.define(layer_id(letter, number), product, "matmul", ("step", "unit"), words)
    return fits


# Rows of a table ----------------------------------------------------------------------------------


def _embedding(net: Draft, number: int) -> None:
    layer, table = net.layers[number - 1], net.layers[number - 1].numbers("table")
    array = table.array if table is not None else None
    if table is None or array is None or not _is_table(net, number, table):
        net.stand_in(number, ("E",))
        return
    name = layer_id("E", number)
    net.parameter(name, array, array.shape, ("row", "unit"), "table" in layer.train)
    net.penalised.append((name, "weights"))
    rows = _rows(net, number, array.shape[0])
    if rows is None:
        net.stand_in(number, ())
        return
    taken = op("at", Sym(name), index=((rows,),))
    rule = rule_behind(layer.activation, "rows")
    put_out(net, number, activated(net, number, taken), rule, ("step", "unit"))
    net.units.append(array.shape[1])


def _is_table(net: Draft, number: int, table: Values) -> bool:
    assert table.array is not None
    layer = net.layers[number - 1]
    if table.array.ndim != 2:
        message = f"the table of layer {number} is {described(table.array.shape)}"
        net.complaints.add(message, table.mark, "a matrix, a row for each number that x may have")
        return False
    if number > 1:
        message = "an embedding takes the row numbers that stand in x, and so it is the first layer"
        net.complaints.add(message, layer.mark, "the embedding first")
        return False
    return True


def _rows(net: Draft, number: int, count: int) -> tuple[int, ...] | None:
    """The numbers in x, counted from 0; None with a complaint where there are no such rows."""
    x, first = net.problem.x, net.convention.indices
    if x is None or x.array is None or "X" in net.doubtful:
        return None
    flat = x.array.reshape(-1)
    wanted = f"whole numbers from {first} to {count - 1 + first}, such as [{first}, {first + 1}]"
    if net.samples is not None or (x.array.ndim > 1 and 1 not in x.array.shape):
        message = f"x is {described(x.array.shape)}, and layer {number} takes row numbers"
        net.complaints.add(message, x.mark, wanted)
        return None
    rows = [int(value) - first for value in flat]
    if any(value % 1 for value in flat) or not all(0 <= row < count for row in rows):
        message = f"x has numbers that are no rows of the table of layer {number}"
        net.complaints.add(message, x.mark, wanted)
        return None
    return tuple(rows)


IN_STEPS = (
    _norm("batch-norm", over_samples=True),
    _norm("layer-norm", over_samples=False),
    LayerType(
        "attention",
        "each position takes of the values what its query finds in the keys",
        {
            "query": Key(Numbers(), "the weights of the queries, oriented as `affine` says", True),
            "key": Key(Numbers(), "the weights of the keys", True),
            "value": Key(Numbers(), "the weights of the values", True),
            "mask": Key(Choice(("causal",)), "`causal`: no position takes of those behind it"),
            "heads": Key(Integer(_ONE), "how many heads share the columns", default=1),
        },
        _attention,
        "{type: attention, query: [[1, 0], [0, 1]], key: [[1, 1], [0, 1]], value: [[2], [1]]}",
        {"query": "WQ", "key": "WK", "value": "WV"},
        ("Q", "K", "V", "S", "A", "H"),
        also="selfattention multiheadattention",
        meant={"queries": "query", "keys": "key", "values": "value"}
        | {"wq": "query", "wk": "key", "wv": "value"},
    ),
    LayerType(
        "embedding",
        "rows of a table, by the numbers in x",
        {"table": Key(Numbers(), "the matrix of which x names the rows", True)},
        _embedding,
        "{type: embedding, table: [[1, 0], [0.5, 2], [-1, 1]]}",
        {"table": "E"},
        also="lookup embed",
        meant={"weights": "table", "embeddings": "table"},
    ),
)
