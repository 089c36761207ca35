"""Imports go one way, downward; and a command loads only what it uses.

A new module gets its layer from the nearest package named in LAYERS.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "backprop_cli"

LAYERS = (  # low to high: a module imports from its own line or from those above it in this list
    ("errors",),
    ("algebra",),
    ("operations",),
    ("calculus",),
    ("readings",),
    ("notation",),
    ("trace", "problem"),
    ("solving", "derive", "trace_json"),
    ("grading",),
    ("terminal",),
    ("document", "formats", "drawing", "report"),
    ("said", "classroom"),
    ("python", "testing"),
    ("backprop_cli",),
    ("cli", "__main__"),
)

DATA_ALONE = ("problem.file_format", "problem.model", "solving", "grading")

FORBIDDEN = {  # a part of the program, and what it may not import even where its layer would let it
    "document": ("problem.file_format", "problem.model", "grading"),
    "formats": DATA_ALONE,
    "drawing": DATA_ALONE,
    "report": ("problem.file_format", "problem.model", "solving"),
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


def named_in_texts(module: str) -> Iterator[str]:
    """Modules of this package that stand in a text, for who loads them by name."""
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in FILES:
            yield node.value


def own_imports(module: str) -> set[str]:
    """The modules of this package that `module` imports, anywhere in it and in whatever way."""
    found = set()
    for name in (*imported(module, ast.walk(TREES[module])), *named_in_texts(module)):
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
def test_only_what_draws_imports_rich(module: str) -> None:
    if not any(
        inside(module, part)
        for part in ("terminal", "formats", "drawing", "notation.boxes", "report", "cli")
    ):
        assert "rich" not in outside_imports(module, ast.walk(TREES[module]))


@pytest.mark.parametrize("module", FILES)
def test_slow_libraries_are_imported_where_they_are_used(module: str) -> None:
    assert not outside_imports(module, outside_functions(TREES[module])) & {"sympy", "torch", "jax"}


# What a command loads -----------------------------------------------------------------------------

SOLVING = "algebra calculus cli errors notation operations problem readings solving terminal trace"
SOLVED = f"{SOLVING} document formats said"
PROBLEM = "problems/sigmoid-softmax.yaml"
SHEET = "problems/sheets/sigmoid-softmax/right.yaml"
READS = "click msgspec numpy yaml"
DRAWS = f"{READS} rich"

LOADS = {  # arguments: parts of the program, and packages of others
    "--help": ("cli errors", "click msgspec"),
    "--version": ("cli errors", "click msgspec"),
    "solve --help": ("cli errors formats terminal", "click msgspec"),  # the names of formats
    "check --help": ("cli errors grading problem report terminal", "click msgspec"),
    "derive --help": ("cli errors formats terminal", "click msgspec"),
    f"solve {PROBLEM}": (SOLVED, DRAWS),
    f"solve {PROBLEM} --detail long --entry W1[1,2]": (SOLVED, DRAWS),
    f"solve {PROBLEM} --verify --steps 300 --at 7": (SOLVED, DRAWS),
    f"solve {PROBLEM} --format json": (f"{SOLVED} trace_json", READS),
    f"solve {PROBLEM} --format python": (SOLVED, DRAWS),
    f"solve {PROBLEM} --format latex": (SOLVED, READS),
    f"solve {PROBLEM} --format html": (SOLVED, READS),
    f"check {PROBLEM} {SHEET}": (
        f"{SOLVING} grading report".replace("notation ", ""),
        DRAWS,
    ),
    f"blank {PROBLEM}": (f"{SOLVING} document grading said", READS),
    f"draw {PROBLEM}": (f"{SOLVING} document drawing said", DRAWS),
    f"derive {PROBLEM}": (SOLVED, DRAWS),
    "derive --function tanh": (
        f"{SOLVED} derive python".replace("solving ", ""),
        "click msgspec numpy rich",
    ),
}

ONLY_WHERE_NEEDED = {  # what a plain `solve` does not load, and the arguments that do
    "readings.scalars": "--steps 300",
    "solving.verify": "--verify",
    "solving.weight_paths": "--entry W1[1,2]",
    "readings.entries": "--detail long",
    "formats.latex": "--format latex",
    "formats.html": "--format html",
    "formats.program_text": "--format python",
    "trace_json": "--format json",
    "problem.text.parser": "",
    "problem.equations_model": "",
    "derive": "",
    "grading": "",
    "report": "",
}


def packages(loaded: set[str]) -> set[str]:
    """The packages of others, those of the standard library and of installers left out."""
    tops = {name.partition(".")[0] for name in loaded}
    return {
        name
        for name in tops - set(sys.stdlib_module_names) - {PACKAGE, "cython_runtime"}
        if not name.startswith("_") and name != "typing_extensions"  # msgspec's own
    }


def parts(loaded: set[str]) -> set[str]:
    """The parts of this program."""
    return {name.split(".")[1] for name in loaded if name.startswith(f"{PACKAGE}.")}


def loaded_by(*arguments: str, environment: Mapping[str, str] | None = None) -> set[str]:
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
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize("arguments", LOADS)
def test_a_command_loads_these_and_no_others(arguments: str) -> None:
    loaded = loaded_by(*arguments.split())
    ours, theirs = LOADS[arguments]
    assert (parts(loaded), packages(loaded)) == (set(ours.split()), set(theirs.split()))


def test_solve_loads_what_it_is_asked_for() -> None:
    plain = loaded_by("solve", PROBLEM)
    for module, arguments in ONLY_WHERE_NEEDED.items():
        assert f"{PACKAGE}.{module}" not in plain
        if arguments:
            assert f"{PACKAGE}.{module}" in loaded_by("solve", PROBLEM, *arguments.split()), module


@pytest.mark.parametrize(
    "arguments", [f"solve {PROBLEM}", f"derive {PROBLEM}", f"check {PROBLEM} {SHEET}"]
)
def test_a_short_run_looks_for_no_unreachable_objects(arguments: str) -> None:
    program = (
        "import gc, sys\n"
        "from backprop_cli.cli import run\n"
        f"sys.argv = {['backprop', *arguments.split()]!r}\n"
        "def told(phase, what):\n"
        "    if what['generation'] < 2:\n"  # 2 is that at the very end, of the few that are left
        "        print(phase, file=sys.stderr)\n"
        "gc.callbacks.append(told)\n"
        "run()\n"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("words", ["s", "solve --det", "solve problems/sig", "check --f"])
def test_completion_loads_nothing_that_calculates_or_draws(words: str) -> None:
    environment = {
        "_BACKPROP_COMPLETE": "bash_complete",
        "COMP_WORDS": f"backprop {words}",
        "COMP_CWORD": str(len(words.split())),
    }
    loaded = loaded_by(environment=environment)
    assert packages(loaded) == {"click", "msgspec"}
