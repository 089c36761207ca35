"""Command lines for the fuzzer: every command, format and option. The same seed gives the same."""

from __future__ import annotations

import json
from random import Random
from xml.etree import ElementTree as ET

IDS = "L Z1 H1 W1 b1 Yhat X dL/dW1 dL/dZ1 dL/db1 W1_new L_new dYhat/dW1 z q s x W1[1,1] nothing"
NAMES = tuple(IDS.split())
FORMATS = {
    "solve": ("text", "json", "markdown", "latex", "html", "python", "pytorch"),
    "derive": ("text", "markdown", "latex", "html"),
    "draw": ("text", "svg"),
    "blank": ("text", "json", "csv"),
    "lint": ("text", "json"),
}
OWN = {
    "solve": (
        ("--detail", "short", "normal", "long"),
        ("--only", *NAMES, "forward", "backward", "update"),
        ("--entry", "W1[1,1]", "W1[2,1]", "b1[1]", "w", "x", "W1[0,0]"),
        ("--until", *NAMES),
        ("--steps", "0", "1", "2", "5", "100", "100000"),
        ("--at", "1", "2", "3"),
        ("--verify",),
    ),
    "derive": (("--of", *NAMES), ("--wrt", *NAMES), ("--index",), ("--layout", "numerator")),
    "draw": (),
    "blank": (),
    "lint": (),
}
COMMON = (
    ("--precision", "0", "1", "4", "15"),
    ("--width", "40", "80", "1000"),
    ("--ascii",),
)
OFTEN = ("solve", "solve", "solve", "derive", "derive", "draw", "lint", "blank")


def command_line(seed: int, index: int) -> tuple[str, list[str]]:
    """A command, and some of its options."""
    rng = Random(f"command {seed} {index}")
    command = rng.choice(OFTEN)
    options = ["--format", rng.choice(FORMATS[command])]
    for name, *values in (*OWN[command], *COMMON):
        if rng.random() < 0.25:
            options += [name, *([rng.choice(values)] if values else [])]
    return command, options


def ill_formed(options: list[str], output: str) -> str | None:
    """What is wrong with an output that programs are to read."""
    format_ = options[options.index("--format") + 1] if "--format" in options else "text"
    try:
        if format_ == "json":
            json.loads(output)
        elif format_ == "svg":
            ET.fromstring(output)  # noqa: S314  # our own
        elif format_ in ("python", "pytorch"):
            compile(output, "program", "exec")
    except (ValueError, SyntaxError) as error:
        return f"no {format_}: {error}"
    return None
