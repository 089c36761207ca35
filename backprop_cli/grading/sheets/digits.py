"""One number as typed: its digits, with the zeros left out, with two of them exchanged."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from backprop_cli.readings.intervals import Unit

is_plain = re.compile(r"[+-]?[0-9]*\.?[0-9]*").fullmatch
"""Whether a text is a decimal written out, no power of ten and no formula such as 0-1."""


class Figure(NamedTuple):
    """One number as typed."""

    value: float
    unit: float
    text: str


def digits(text: str) -> int:
    """The significant digits of a number as typed."""
    figures = [c for c in text.lower().split("e")[0] if c.isdigit()]
    return len("".join(figures).lstrip("0"))


def readings(figure: Figure, asked: Unit) -> Iterator[Figure]:
    """A number with the zeros that may have been left out behind it, and as it was typed."""
    text = padded(figure.text, asked)
    if text != figure.text:
        unit = float(asked.at(np.asarray(figure.value)))
        yield Figure(figure.value, min(figure.unit, unit), text)
    yield figure


def padded(text: str, asked: Unit) -> str:
    """A number with the zeros behind it that were left out; only of a plain decimal are any."""
    text = text.replace("\u2212", "-")
    if not is_plain(text):
        return text
    there = digits(text) if asked.significant else len(text.partition(".")[2])
    zeros = "0" * (asked.count - there)
    return f"{text}{'' if '.' in text else '.'}{zeros}" if zeros else text


def exchanged(text: str) -> Iterator[float]:
    """The numbers got by exchanging two neighbouring digits; a 0 in front may have been dropped."""
    text = re.sub(r"^([+-]?)0*(?=[0-9.])", r"\g<1>0", text.replace("\u2212", "-"))
    places = [i for i, c in enumerate(text) if c.isdigit()]
    for first, second in pairwise(places):
        if text[first] != text[second]:
            swapped = list(text)
            swapped[first], swapped[second] = swapped[second], swapped[first]
            try:
                yield float("".join(swapped))
            except ValueError:
                return
