"""The frozen record of one type of layer: what a file may say of it, and what it becomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct

from backprop_cli.problem.file_format.records import NOTHING, Given, Key
from backprop_cli.problem.model_builder import Draft


def _nothing(_: Given) -> None:
    """No more to check than the keys say."""


class LayerType(Struct, frozen=True):
    """One type of layer.

    `words` say what it does. `keys` are those it has beside the ones of every layer; what a key is
    if the file does not say it is its default. `parameters` maps the keys that hold numbers to the
    letter of their id, in the order of a derivation: `{"weights": "W"}` is W1 in layer 1. `ids` are
    the letters of what is computed, what the layer puts out last. `build(net, number)` puts the
    equations of layer `number` into the draft, and notes every complaint about it. `check` notes
    what its keys together say wrong. `also` are names that people bring from elsewhere, `meant`
    their names of keys. `activation` is the one that it has if the file does not say it.
    """

    name: str
    words: str
    keys: Mapping[str, Key]
    build: Callable[[Draft, int], None]
    example: str
    parameters: Mapping[str, str] = NOTHING
    ids: tuple[str, ...] = ("H",)
    check: Callable[[Given], None] = _nothing
    also: str = ""
    meant: Mapping[str, str] = NOTHING
    activation: str = "linear"
