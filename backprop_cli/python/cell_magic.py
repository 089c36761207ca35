"""A cell of a notebook, YAML under `%%backprop solve`, to what the command would show."""

from __future__ import annotations

import shlex
from typing import Any, Final

from backprop_cli.errors import Complaint
from backprop_cli.python.complaining import Error
from backprop_cli.python.derivations import Derivation, derive
from backprop_cli.python.problems import load
from backprop_cli.python.solutions import Solution

_TASKS: Final = ("solve", "derive")
_FORM: Final = "%%backprop solve, or %%backprop derive, and a problem in YAML below"


def backprop(line: str, cell: str) -> Solution | Derivation:
    """`%%backprop solve`, `%%backprop solve --steps 3 --at 2`, `%%backprop derive`.

    What is below is a problem in YAML; below `%%backprop derive function`, a function or formula.
    """
    task, *options = shlex.split(line) or ["solve"]
    if task not in _TASKS:
        raise Error(Complaint(f"there is no task `{task}`", instead=_FORM), source="%%backprop")
    if task == "derive":
        words = _named(options, {"--of", "--wrt"})
        if "function" in options:
            return derive(cell.strip(), wrt=words.get("wrt"))
        return load(f"{cell}\n").derive(of=words.get("of"), wrt=words.get("wrt"))
    numbers = {
        name: _whole(name, text) for name, text in _named(options, {"--steps", "--at"}).items()
    }
    return load(f"{cell}\n").solve(**numbers)


def _named(options: list[str], known: set[str]) -> dict[str, str]:
    """`--steps 3` as steps: 3."""
    found: dict[str, str] = {}
    words = iter(options)
    for word in words:
        if word in known:
            found[word[2:]] = next(words, "")
        elif word != "function":
            listed = ", ".join(sorted(known))
            raise Error(
                Complaint(f"there is no option `{word}`", instead=listed), source="%%backprop"
            )
    return found


def _whole(name: str, text: str) -> int:
    if not text.isdecimal():
        raise Error(Complaint(f"`{text}` is no whole number", instead=f"--{name} 3"))
    return int(text)


def register(shell: Any) -> None:
    """Makes `%%backprop` known to a notebook, which shows what it gives."""
    shell.register_magic_function(backprop, "cell", "backprop")
