"""Backpropagation by hand, by program: solve, check and derive, from Python.

>>> import backprop_cli as backprop
>>> problem = backprop.load({"values": {"x": 2, "w": 3}, "equations": ["y = w * x", "L = y^2"]})
>>> float(problem.solve()["dL/dw"])
24.0
>>> report = problem.check({"y": 6, "L": 36, "dL/dy": 12, "dL/dw": 12})
>>> report.first_wrong, report["dL/dw"].verdict
('dL/dw', 'wrong')

`load` gives a problem, with `solve`, `check`, `derive`, `vary`, `handout` and `practice`; `new`
makes one; `check_class` grades the hand-ins of a class; `derive` takes a function or a formula;
`testing` has assertions; `Error` is what all of them raise. Nothing prints and nothing exits.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from backprop_cli import testing as testing
    from backprop_cli.python.complaining import Error as Error
    from backprop_cli.python.derivations import Derivation as Derivation
    from backprop_cli.python.derivations import derive as derive
    from backprop_cli.python.exercises import ClassReport as ClassReport
    from backprop_cli.python.exercises import Practice as Practice
    from backprop_cli.python.exercises import Report as Report
    from backprop_cli.python.exercises import check_class as check_class
    from backprop_cli.python.from_onnx import from_onnx as from_onnx
    from backprop_cli.python.from_sklearn import from_sklearn as from_sklearn
    from backprop_cli.python.from_torch import from_torch as from_torch
    from backprop_cli.python.problems import Drawing as Drawing
    from backprop_cli.python.problems import Problem as Problem
    from backprop_cli.python.problems import load as load
    from backprop_cli.python.problems import new as new
    from backprop_cli.python.solutions import Solution as Solution

__version__ = "0.1.0"

__all__ = [
    "ClassReport",
    "Derivation",
    "Drawing",
    "Error",
    "Practice",
    "Problem",
    "Report",
    "Solution",
    "check_class",
    "derive",
    "from_onnx",
    "from_sklearn",
    "from_torch",
    "load",
    "new",
    "testing",
]

_PLACES = {
    "ClassReport": "python.exercises",
    "Derivation": "python.derivations",
    "Drawing": "python.problems",
    "Error": "python.complaining",
    "Practice": "python.exercises",
    "Problem": "python.problems",
    "Report": "python.exercises",
    "Solution": "python.solutions",
    "check_class": "python.exercises",
    "derive": "python.derivations",
    "from_onnx": "python.from_onnx",
    "from_sklearn": "python.from_sklearn",
    "from_torch": "python.from_torch",
    "load": "python.problems",
    "new": "python.problems",
}
"""Where each of them is: a room is opened when somebody asks for what is in it."""


class _Package(ModuleType):
    """The package, in which `derive` is the function: the room of that name is only imported from.

    The import of a room would else be put in the function's place.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if name not in _PLACES:
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name == "testing":
        return import_module("backprop_cli.testing")
    if name not in _PLACES:
        raise AttributeError(f"module 'backprop_cli' has no attribute '{name}'")
    return getattr(import_module(f"backprop_cli.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])


def load_ipython_extension(shell: Any) -> None:
    """What `%load_ext backprop_cli` does: the cell magic `%%backprop`."""
    import_module("backprop_cli.python.cell_magic").register(shell)
