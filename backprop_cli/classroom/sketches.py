"""A sketch such as `4-3-2`, and what is said beside it -> a network without numbers, checked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, Literal, get_args, get_type_hints

from msgspec import Struct
from msgspec.structs import replace

from backprop_cli.errors import Complaint, Complaints, UserError
from backprop_cli.operations.losses import LOSSES
from backprop_cli.problem.file_format.function_names import (
    ACTIVATION_NAMES,
    GENERIC,
    LOSS_NAMES,
    FunctionNames,
)
from backprop_cli.problem.model import behind, unsuited
from backprop_cli.problem.problem_data import Convention, Function
from backprop_cli.problem.typed_numbers import shown

Numbers = Literal["whole", "tenths", "random"]

MOST_NUMBERS: Final = 2_000
"""So many numbers a new problem may have, weights, biases and samples together."""

_CONVENTIONS: Final = {name: get_args(kind) for name, kind in get_type_hints(Convention).items()}
"""What each convention may say."""

_USUAL_LOSS: Final = {"softmax": "cross-entropy", "sigmoid": "binary-cross-entropy"}
_FLAT: Final = ("step", "sign")
"""Activations behind which every gradient is 0."""

_FORM = "inputs, units of each layer, outputs: 4-3-2"


class Choices(Struct, frozen=True):
    """What may be said beside a sketch; what is None is chosen by what goes with the rest.

    `activation` is one name for all hidden layers, or several with commas.
    """

    activation: str | None = None
    output: str | None = None
    loss: str | None = None
    batch: int = 1
    numbers: str = "tenths"
    seed: int = 1
    decimals: int = 4
    learning_rate: str | None = None
    affine: str = "W x + b"
    bias: str = "separate"
    indices: int = 1
    output_gradient: str = "chain"


class Sketch(Struct, frozen=True):
    """A network to be given numbers: how many units and which activation each layer has.

    `loss` is "none" for a forward pass alone.
    """

    sizes: tuple[int, ...]
    activations: tuple[str, ...]
    loss: str
    choices: Choices

    @property
    def convention(self) -> Convention:
        """The conventions that were chosen."""
        chosen = self.choices
        return Convention(
            affine=chosen.affine,  # type: ignore[arg-type]  # `sketched` has checked them
            bias=chosen.bias,  # type: ignore[arg-type]
            indices=chosen.indices,  # type: ignore[arg-type]
            output_gradient=chosen.output_gradient,  # type: ignore[arg-type]
        )

    @property
    def name(self) -> str:
        """The sizes as they were sketched."""
        return "-".join(map(str, self.sizes))


def sketched(text: str, choices: Choices) -> Sketch:
    """The network that a sketch means; UserError with all that is wrong with it."""
    complaints = Complaints()
    sizes = _sizes(text, complaints)
    usual = _usual_hidden(sizes, choices.batch)
    hidden = _hidden(choices.activation, usual, complaints)
    output = _output(sizes, choices, complaints)
    loss = _loss(output, choices, complaints)
    _check_kinds(choices, complaints)
    if not complaints.found:
        _check_fit(sizes, output, loss, complaints)
    if complaints.found:
        raise UserError(*complaints.found, source=f"sketch {shown(text)}")
    if hidden == usual:
        choices = replace(choices, activation=None)
    return Sketch(sizes, (*hidden, output), loss, choices)


# Sizes --------------------------------------------------------------------------------------------


def _sizes(text: str, complaints: Complaints) -> tuple[int, ...]:
    parts = re.split("[-\N{EN DASH}\N{MINUS SIGN}]", text.strip())
    if re.fullmatch(r"\d+([,x×: ]+\d+)+", text.strip()):
        instead = "-".join(re.findall(r"\d+", text))
        complaints.add("hyphens stand between the sizes of a sketch", instead=instead)
        return ()
    if len(parts) < 2:
        complaints.add("a network has inputs and at least one layer", instead=_FORM)
        return ()
    if not all(re.fullmatch(r"\d{1,9}", part.strip(), re.ASCII) for part in parts):
        wrong = next(p for p in parts if not re.fullmatch(r"\d{1,9}", p.strip(), re.ASCII))
        message = f"{shown(wrong)} is no size" if wrong.strip() else "a size is missing"
        letters = "; in letters a problem has no numbers: write it with `units: N1`"
        complaints.add(message + letters * wrong.strip().isalpha(), instead=_FORM)
        return ()
    sizes = tuple(map(int, parts))
    if 0 in sizes:
        complaints.add("a layer has at least one unit", instead=_FORM)
        return ()
    return sizes


def _count(sizes: Sequence[int], batch: int) -> int:
    layers = sum((before + 1) * units for before, units in pairwise(sizes))
    return layers + batch * (sizes[0] + sizes[-1])


# Functions ----------------------------------------------------------------------------------------


def _known(text: str, names: FunctionNames, option: str, complaints: Complaints) -> str:
    """The name of an activation or a loss as the file has it."""
    wanted = text.strip().casefold().replace("_", "-")
    wanted = names.same.get(wanted, wanted)
    known = [name for name in names.known if name != GENERIC]
    if wanted not in known:
        near = names.meant(wanted).name
        message = f"{shown(text)} is not {names.what}"
        complaints.add(message, instead=f"{option} {near}" if near else ", ".join(known))
    return wanted


def _usual_hidden(sizes: Sequence[int], batch: int) -> tuple[str, ...]:
    """ReLU; but one number is either on or off, and where it is on, ReLU' shows nowhere."""
    return tuple("relu" if units * batch > 1 else "tanh" for units in sizes[1:-1])


def _hidden(text: str | None, usual: tuple[str, ...], complaints: Complaints) -> tuple[str, ...]:
    """The activation of each hidden layer."""
    if text is None:
        return usual
    count = len(usual)
    names = [_known(part, ACTIVATION_NAMES, "--activation", complaints) for part in text.split(",")]
    if len(names) == 1:
        return tuple(names * count)
    if len(names) != count and count:
        said = "one hidden layer" if count == 1 else f"{count} hidden layers"
        message = f"there are {said} and {len(names)} activations"
        complaints.add(message, instead="--activation with one name, or one for each of them")
    return tuple(names)


def _output(sizes: Sequence[int], choices: Choices, complaints: Complaints) -> str:
    """The last activation: what goes with the loss, or else with the number of outputs."""
    if choices.output is not None:
        return _known(choices.output, ACTIVATION_NAMES, "--output", complaints)
    loss = choices.loss or "cross-entropy" * (len(sizes) > 1 and sizes[-1] > 1)
    usual = {loss: output for output, loss in _USUAL_LOSS.items()}
    return usual.get(loss, "sigmoid" if choices.loss is None else "linear")


def _loss(output: str, choices: Choices, complaints: Complaints) -> str:
    if choices.loss is not None:
        return _known(choices.loss, LOSS_NAMES, "--loss", complaints)
    return "none" if output in _FLAT else _USUAL_LOSS.get(output, "half-squared-error")


def _check_kinds(choices: Choices, complaints: Complaints) -> None:
    """Complains of a kind of numbers or a convention that there is not."""
    for option, typed, known in (
        ("--numbers", choices.numbers, get_args(Numbers)),
        ("--affine", choices.affine, _CONVENTIONS["affine"]),
        ("--bias", choices.bias, _CONVENTIONS["bias"]),
        ("--indices", choices.indices, _CONVENTIONS["indices"]),
        ("--output-gradient", choices.output_gradient, _CONVENTIONS["output_gradient"]),
    ):
        if typed not in known:
            instead = ", ".join(map(str, known))
            complaints.add(f"{shown(str(typed))} is none of {option}", instead=instead)
    if choices.batch < 1:
        complaints.add("a batch has at least one sample", instead="--batch 3")
    if not 1 <= choices.decimals <= 9:
        complaints.add("answers have from 1 to 9 decimals", instead="--decimals 4")
    rate = choices.learning_rate
    if rate is not None and not (re.fullmatch(r"\d*\.?\d+", rate, re.ASCII) and float(rate) > 0):
        complaints.add("a learning rate is a number above 0", instead="--learning-rate 0.1")


def _check_fit(sizes: Sequence[int], output: str, loss: str, complaints: Complaints) -> None:
    """Complains of what would be computed, and is no exercise."""
    if (count := _count(sizes, 1)) > MOST_NUMBERS:
        message = f"this network has {count} numbers, and a sheet is worked out by hand"
        complaints.add(message, instead=f"fewer units: at most {MOST_NUMBERS} numbers")
    if output == "softmax" and sizes[-1] == 1:
        message = "a softmax of one unit is always 1"
        complaints.add(message, instead="--output sigmoid, or two outputs or more")
        return
    complaints.found += _misplaced(output, sizes[-1], loss)


def _misplaced(output: str, units: int, loss: str) -> Iterator[Complaint]:
    """What there is to say of a loss that does not belong behind the last activation."""
    if loss == "none":
        return
    last, found = Function(output), LOSSES[loss]
    if output in _FLAT:
        yield Complaint(
            f"behind {output} every gradient is 0, and there is no use of a loss",
            instead="--loss none",
        )
    elif (advice := behind(found, last, units)) is not None:
        yield Complaint(f"{loss} does not fit behind {output}", instead=_as_option(advice))
    elif (remark := unsuited(found, last, units, plain=True)) is not None:
        yield Complaint(remark.words, instead=_as_option(remark.advice))
    elif loss == "hinge" and output not in ("linear", "tanh"):
        message = f"targets of a hinge loss are -1 and 1, and {output} does not reach both"
        yield Complaint(message, instead="--output linear")


def _as_option(advice: str) -> str:
    """What a file would say, as an option."""
    return re.sub(r"\b(activation|loss): ", lambda found: _OPTIONS[found[1]], advice)


_OPTIONS = {"activation": "--output ", "loss": "--loss "}
