"""A loss and the activation before it to what to say where one does not belong behind the other."""

from __future__ import annotations

from msgspec import Struct

from backprop_cli.algebra.shapes import Size
from backprop_cli.operations.losses import Loss
from backprop_cli.problem.problem_data import Function


class Remark(Struct, frozen=True):
    """What to say of a step, and what would help."""

    words: str
    advice: str


def behind(loss: Loss, activation: Function, units: Size | None) -> str | None:
    """What to write instead where a loss has no meaning behind an activation; else None."""
    name = activation.name
    if loss.name == "cross-entropy" and name == "sigmoid" and units == 1:
        return "loss: binary-cross-entropy (with a single unit, Σ y ln ŷ forgets the class 0)"
    if loss.logits:
        fits = {"cross-entropy-with-logits": "softmax"}.get(loss.name, "sigmoid")
        if name not in ("linear", fits):
            return f"activation: linear (this loss takes the logits themselves), or {fits}"
    return None


_FROM_0_TO_1 = frozenset({"sigmoid", "softmax", "step"})
_ENTROPY = "activation: softmax of two or more units"
_BINARY = "loss: binary-cross-entropy behind a sigmoid"


def unsuited(loss: Loss, activation: Function, units: Size | None, *, plain: bool) -> Remark | None:
    """What to say where a loss is computed behind something it is not meant for.

    `plain`: nothing is added to what the activation gives. Of a formula of one's own nothing is
    known.
    """
    name = activation.name
    if name is None:
        return None
    what = f"{name}" if plain else f"{name} and what is added to it"
    if loss.name == "cross-entropy" and name == "softmax" and units == 1:
        words = "a softmax of one unit is always 1: the loss is 0 and so is every gradient"
        return Remark(words, f"{_ENTROPY}, or {_BINARY}")
    if loss.name == "cross-entropy" and not (name == "softmax" and plain):
        words = (
            "cross-entropy belongs behind a softmax: "
            f"the outputs of {what} are no probabilities that add up to 1"
        )
        return Remark(words, f"{_ENTROPY}, or {_BINARY}")
    if loss.name == "binary-cross-entropy" and not (name in _FROM_0_TO_1 and plain):
        words = f"binary cross-entropy belongs behind a sigmoid: {what} can leave 0 … 1"
        return Remark(words, "activation: sigmoid, or binary-cross-entropy-with-logits")
    if loss.logits and name != "linear":
        words = f"this loss is taken from the logits z, before the {name}, which it contains"
        return Remark(words, f"activation: linear, or loss: {loss.name[: -len('-with-logits')]}")
    return None
