"""Imports go one way, downward; and a command loads only what it uses.

A new module gets its layer from the nearest package named in LAYERS.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "backprop_cli"

LAYERS = (  # low to high: a module imports from its own line or from those above it in this list
    ("backprop_cli", "errors"),
    ("algebra", "algebra.expr", "algebra.build", "algebra.shapes"),
    ("operations",),
    ("algebra.*",),
    ("readings",),
    ("numbers", "trace", "problem"),
    ("solve", "solving", "derive", "trace_json"),
    ("grading",),
    ("render", "report"),
    ("cli", "__main__"),
)

FORBIDDEN = {  # a part of the program, and what it may not import even where its layer would let it
    "render": ("problem.format", "problem.reading", "problem.model", "solve", "solving", "grading"),
    "report": ("problem.format", "problem.reading", "problem.model", "solve", "solving"),
}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_name(path): path for path in sorted((ROOT / PACKAGE).rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in FILES.items()}


def imported(module: str, nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Full names of what `nodes` import; a name taken from a module stands behind its name."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = absolute(module, node)
            yield from (f"{base}.{alias.name}" for alias in node.names)


def absolute(module: str, node: ast.ImportFrom) -> str:
    """Where `from … import` takes its names from, dots resolved."""
    if not node.level:
        return node.module or ""
    is_package = FILES[module].name == "__init__.py"
    parts = module.split(".")
    kept = parts[: len(parts) - node.level + is_package]
    return ".".join([*kept, *([node.module] if node.module else [])])


def own_imports(module: str) -> set[str]:
    """The modules of this package that `module` imports, anywhere in it."""
    found = set()
    for name in imported(module, ast.walk(TREES[module])):
        target = name if name in FILES else name.rpartition(".")[0]
        if target in FILES and target != module:
            found.add(target)
    return found


def outside_imports(module: str, nodes: Iterable[ast.AST]) -> set[str]:
    """The top-level names of other packages that `nodes` import."""
    return {name.split(".")[0] for name in imported(module, nodes)} - {PACKAGE}


def outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    """`node` and what is in it, but for what functions do when they are called."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from outside_functions(child)


def inside(module: str, part: str) -> bool:
    """Whether `module` is the part of the program called `part`, or belongs to it."""
    return f"{module}.".startswith(f"{PACKAGE}.{part}.")


def layer(module: str) -> int:
    """The place of a module in LAYERS: of its own name, else of the nearest package."""
    name = module.removeprefix(f"{PACKAGE}.")
    places = {entry: rank for rank, entries in enumerate(LAYERS) for entry in entries}
    while name:
        if name in places:
            return places[name]
        name = name.rpartition(".")[0]
        if f"{name}.*" in places:
            return places[f"{name}.*"]
    pytest.fail(f"{module} has no layer: name it in LAYERS")


@pytest.mark.parametrize("module", FILES)
def test_imports_go_downward(module: str) -> None:
    upward = sorted(other for other in own_imports(module) if layer(other) > layer(module))
    assert not upward, f"{module} imports what is built on top of it: {upward}"


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {module: own_imports(module) for module in FILES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


@pytest.mark.parametrize("part", FORBIDDEN)
def test_parts_leave_each_other_alone(part: str) -> None:
    wrong = [
        f"{module} imports {other}"
        for module in FILES
        if inside(module, part)
        for other in own_imports(module)
        if any(inside(other, forbidden) for forbidden in FORBIDDEN[part])
    ]
    assert not wrong


@pytest.mark.parametrize("module", FILES)
def test_only_commands_import_click(module: str) -> None:
    if not inside(module, "cli") and not inside(module, "__main__"):
        assert "click" not in outside_imports(module, ast.walk(TREES[module]))


@pytest.mark.parametrize("module", FILES)
def test_only_render_report_and_commands_import_rich(module: str) -> None:
    if not any(inside(module, part) for part in ("render", "report", "cli")):
        assert "rich" not in outside_imports(module, ast.walk(TREES[module]))


@pytest.mark.parametrize("module", FILES)
def test_slow_libraries_are_imported_where_they_are_used(module: str) -> None:
    assert not outside_imports(module, outside_functions(TREES[module])) & {"sympy", "torch", "jax"}


def loaded_by(*arguments: str) -> set[str]:
    """The modules that are loaded when `backprop …` has come to its end."""
    program = (
        "import json, sys\n"
        "from backprop_cli.cli import main\n"
        f"sys.argv = {['backprop', *arguments]!r}\n"
        "try:\n"
        "    main()\n"
        "except SystemExit as end:\n"
        "    assert not end.code, end.code\n"
        "print('\\n' + json.dumps(sorted(sys.modules)), file=sys.stderr)\n"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr.splitlines()[-1]))


def test_solve_loads_neither_sympy_nor_torch() -> None:
    loaded = loaded_by("solve", "problems/sigmoid-softmax.yaml")
    assert "numpy" in loaded
    assert not loaded & {"sympy", "torch", "jax", "hypothesis", "pytest", "jsonschema"}


@pytest.mark.parametrize("arguments", [["--help"], ["solve", "--help"]])
def test_help_loads_nothing_that_calculates_or_draws(arguments: list[str]) -> None:
    assert not loaded_by(*arguments) & {"numpy", "rich.table", "yaml", "sympy", "torch"}
