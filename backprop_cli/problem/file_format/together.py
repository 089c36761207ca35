"""What the keys of a problem file say together -> complaints where that makes no sense."""

from __future__ import annotations

from collections.abc import Iterator

from backprop_cli.algebra.quantity import derivative_id
from backprop_cli.problem.file_format.layer_keys import stated_parameters
from backprop_cli.problem.file_format.records import Given
from backprop_cli.problem.problem_data import Layer, Problem, Text, Values
from backprop_cli.problem.text.lexer import is_name
from backprop_cli.problem.text.other_keys import nearest
from backprop_cli.problem.typed_numbers import shown

_MODELS = ("layers", "equations", "gradients")
_OF_LAYERS = ("x", "y", "input", "inputs", "samples", "loss")
_OF_EQUATIONS = ("equations", "train", "differentiate", "shapes")


def check_together(problem: Problem, given: Given) -> None:
    """Complains about combinations that make no sense."""
    _check_model(given)
    if given.has("equations"):
        _check_equations(problem, given)
    elif given.has("layers"):
        _check_layers(problem, given)
    elif given.has("gradients"):
        _check_gradients(given)
    if given.empty("ask"):
        given.complain("ask", "`ask` names nothing", "leave it out for the usual quantities")
    _check_varied(problem, given)


def _check_varied(problem: Problem, given: Given) -> None:
    """Complains about `vary` where it names what has no numbers in the file."""
    known = tuple(stated_quantities(problem))
    for name, (text, _) in problem.vary.items():
        if name not in known:
            near = nearest(name, known) or f"one of {', '.join(known)}"
            message = f"{shown(name)} has no numbers in this file that could vary"
            given.complaints.add(message, text.mark, near)


def _check_model(given: Given) -> None:
    models = [key for key in _MODELS if given.has(key)]
    if not models:
        message = "there is no model: a problem has `layers` or `equations`"
        instead = "layers: with a line `- {weights: …}` for each layer"
        if given.has("values") or given.has("shapes"):
            instead = "equations: with a line such as `- z = w * x` for each step"
        given.complaints.add(message, given.mark, instead)
    stated = [key for key in models if key in given.entries]  # not what another key stands for
    for other in stated[1:]:
        instead = "one of the two"
        if other == "gradients":
            instead += "; `upstream` for the gradient of an output that is given"
        given.complain(other, f"`{other}` and `{stated[0]}` exclude each other", instead)
    if models == ["layers"]:
        for key in ("values", *_OF_EQUATIONS[1:]):
            if given.has(key):
                given.complain(key, f"`{key}` belongs to `equations`, and this file has `layers`")


def _check_equations(problem: Problem, given: Given) -> None:
    for key in _OF_LAYERS:
        if given.has(key):
            instead = _as_line(problem) if key == "loss" else f"values: {{{key}: …}}"
            message = f"`{key}` belongs to `layers`, and this file has `equations`"
            given.complain(
                key, message, instead if key in ("x", "y", "loss") else "shapes: {x: [N]}"
            )
    if given.empty("equations") and "equations" in given.entries:
        given.complain("equations", "there are no equations", "- z = W @ x + b")
    for name in problem.shapes:
        if name in problem.values:
            text, _ = problem.shapes[name]
            message = f"{shown(name)} has a value, which says its shape"
            given.complaints.add(message, text.mark, "leave the shape out")


def _as_line(problem: Problem) -> str:
    """The loss of a network as the last line of equations."""
    name = problem.loss.function.name if problem.loss is not None else None
    *_, last = problem.equations or (None,)
    output = last.text.partition("=")[0].strip() if isinstance(last, Text) else ""
    called = (name or "loss").replace("-", "_")
    return f"equations: with `- L = {called}({output if is_name(output) else 'yhat'}, y)` as a line"


def _check_layers(problem: Problem, given: Given) -> None:
    if given.empty("layers"):
        given.complain("layers", "there are no layers", "- {weights: [[3, 6], [4, 5]]}")
    for number, layer in enumerate(problem.layers or (), 1):
        _check_layer(number, layer, problem, given)
    no_loss = problem.loss is None and ("loss" in given.values or not given.has("loss"))
    without_gradients = problem.update is not None and problem.update.rule == "perceptron"
    if given.has("update") and no_loss and not given.has("upstream") and not without_gradients:
        message = "an update needs gradients, and there is no loss"
        given.complain("update", message, "loss: squared-error, or upstream: {Yhat: …}")


def _check_layer(number: int, layer: Layer, problem: Problem, given: Given) -> None:
    add = given.complaints.add
    biased = layer.type == "dense" and (layer.bias is not None or layer.biased)
    if biased and problem.convention.bias != "separate":
        where = f"with `bias: {problem.convention.bias}` it is part of the weights"
        mark = layer.bias.mark if layer.bias is not None else layer.mark
        add(f"layer {number} has a `bias`, and {where}", mark, "leave it out")
    for skip in layer.skips:
        if skip.source >= number:
            earlier = "0 (x)" if number == 1 else f"0 (x) to {number - 1}"
            add(f"a skip into layer {number} comes from an earlier one: {earlier}", skip.mark)


def _check_gradients(given: Given) -> None:
    if given.empty("gradients"):
        given.complain("gradients", "`gradients` gives none", "gradients: {W1: [[0.1, 0.2]]}")
    for key in ("values", "update"):
        if not given.has(key):
            message = f"`gradients` alone need `{key}` beside them"
            instead = (
                "values: {W1: …}" if key == "values" else "update: {rule: sgd, learning_rate: 0.1}"
            )
            given.complain("gradients", message, instead)
    for key in (*_OF_LAYERS, *_OF_EQUATIONS, "penalty", "upstream"):
        if given.has(key):
            given.complain(key, f"`{key}` has no meaning beside `gradients`: there is no model")


def stated_quantities(problem: Problem) -> Iterator[str]:
    """The quantities whose numbers a file states, as `vary` calls them."""
    yield from (name for name in ("x", "y") if isinstance(getattr(problem, name), Values))
    for number, layer in enumerate(problem.layers or (), 1):
        yield from (id for id, _ in stated_parameters(number, layer))
    yield from problem.values
    from_outside = [text.text for text, _ in problem.upstream.values()]
    yield from (derivative_id("L", name) for name in (*problem.gradients, *from_outside))
    yield from problem.update.state if problem.update is not None else ()
