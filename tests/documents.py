"""What README.md and docs/ show of the program: outputs, tables, the picture, the problem schema.

    python tests/documents.py    # brings all of it up to date

In the pages, a console block holds commands and what they print; with `<!-- from Path -->` or
`<!-- from Forward to Results -->` before it that part, the rest as `…`. A YAML block is a file, its
name in the first line: a problem, or the answers to one. `problems/` is there as well, and from
examples/ `answers/` and `homework.yaml`, unless the page has its own. What stands between
`<!-- keys LAYER -->` and `<!-- end -->` is made here.
"""

from __future__ import annotations

import ast
import json
import re
import shlex
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import chdir
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import click
from click.testing import CliRunner
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text
from seeded_bugs.programs import Network
from seeded_bugs.tried import HAS_TORCH, IN_NUMPY, KINDS, TORCH, row
from test_layers_of_imports import LAYERS, PACKAGE

from backprop_cli.cli import main as backprop
from backprop_cli.grading.slips.table_of_slips import FORMULA_SLIPS, SLIP_WORDS
from backprop_cli.operations.table import SAME, TABLE
from backprop_cli.problem.file_format import layer_keys as format_layer
from backprop_cli.problem.file_format import model_keys as format_model
from backprop_cli.problem.file_format import reading as format_
from backprop_cli.problem.file_format import training_keys as format_training
from backprop_cli.problem.file_format.function_names import ACTIVATION, LOSS_NAMES
from backprop_cli.problem.file_format.layer_keys import TYPES
from backprop_cli.problem.file_format.records import Key, Record
from backprop_cli.problem.layer_types.dense import DENSE, SKIP
from backprop_cli.problem.layer_types.layer_type import LayerType
from backprop_cli.problem.text import parser as formula
from backprop_cli.problem.text import tree
from backprop_cli.problem.typed_numbers import LONGEST_NUMBER
from backprop_cli.solving import limits, plan
from backprop_cli.solving import weight_paths as paths

ROOT = Path(__file__).resolve().parent.parent
PAGES = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
)
SCHEMAS = ROOT / "backprop_cli" / "schemas"
PROBLEM_SCHEMA = SCHEMAS / "problem.schema.json"
PICTURE = ROOT / "docs" / "solve.svg"
PICTURE_COMMAND = (
    "backprop solve problems/sigmoid-softmax.yaml"
    " --only Z1 --only dL/dZ1 --only dL/dW1 --only W1_new"
)

FENCED = re.compile(
    r"(?P<part>^<!-- from (?P<first>\S+)(?: to (?P<stop>\S+))? -->\n)?"
    r"^```(?P<kind>\w+)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
MADE = re.compile(
    r"<!-- (?P<what>(?:keys|options|limit) \w+"
    r"|functions|layers|limits|schema|slips|floors|seeded|seeded_torch) -->"
    r".*?<!-- end -->",
    re.DOTALL,
)

# Console blocks -----------------------------------------------------------------------------------


def blocks(page: str, kind: str) -> list[str]:
    """The fenced blocks of a page that are of one kind."""
    return [found["text"] for found in FENCED.finditer(page) if found["kind"] == kind]


def files(page: str) -> dict[str, str]:
    """The YAML files that a page shows, by the name in their first line."""
    return {text.split(maxsplit=2)[1]: text for text in blocks(page, "yaml")}


def commands(console: str) -> list[str]:
    """The commands of a console block."""
    return [line[2:] for line in console.splitlines() if line.startswith("$ ")]


def shown(command: str) -> list[str]:
    """The lines that a command prints, cut by `| head -n N` or `| tail -n N` if that is there."""
    line, _, cut = command.partition(" | ")
    lines = run(line).rstrip("\n").splitlines()
    if not cut:
        return lines
    end, flag, count = cut.split()
    assert (end in ("head", "tail"), flag) == (True, "-n"), cut
    return lines[: int(count)] if end == "head" else lines[-int(count) :]


def part(lines: list[str], first: str | None, stop: str | None) -> list[str]:
    """The lines from one that begins with a word to before another, what is left out as `…`."""
    if first is None:
        return lines
    start = next(place for place, line in enumerate(lines) if line.startswith(first))
    end = len(lines)
    if stop is not None:
        end = next(place for place, line in enumerate(lines) if line.startswith(stop))
    while not lines[end - 1].strip():
        end -= 1
    return [*(["…"] if start else []), *lines[start:end], *(["…"] if end < len(lines) else [])]


def run(line: str, **environment: str | None) -> str:
    """What `backprop …` prints, on standard output and standard error."""
    program, *arguments = shlex.split(line)
    assert program == "backprop", line
    plain = {"COLUMNS": "80", "TERM": "xterm", "FORCE_COLOR": None, "NO_COLOR": None, **environment}
    done = CliRunner(env=plain).invoke(backprop, arguments, prog_name="backprop")
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.output


def console(page: str) -> str:
    """The page with what its commands print today."""
    with folder(page):
        return FENCED.sub(_answered, page)


def _answered(found: re.Match[str]) -> str:
    if found["kind"] != "console":
        return found[0]
    lines = []
    for command in commands(found["text"]):
        lines += [f"$ {command}", *part(shown(command), found["first"], found["stop"])]
    return (found["part"] or "") + "\n".join(["```console", *lines, "```"])


class folder(chdir[str]):  # noqa: N801  # used like the function it extends
    """A temporary folder to work in: the files of a page, problems/, a homework, answers/."""

    def __init__(self, page: str) -> None:
        self.temporary = tempfile.TemporaryDirectory()
        place = Path(self.temporary.name)
        for name, text in files(page).items():
            (place / name).write_text(text, encoding="utf-8")
        (place / "problems").symlink_to(ROOT / "problems")
        (place / "answers").symlink_to(ROOT / "examples" / "answers")
        if not (place / "homework.yaml").exists():
            (place / "homework.yaml").symlink_to(ROOT / "examples" / "homework.yaml")
        super().__init__(self.temporary.name)

    def __exit__(self, *exception: object) -> None:
        super().__exit__(*exception)
        self.temporary.cleanup()


# Tables -------------------------------------------------------------------------------------------


def tables(page: str, kept: Collection[str]) -> str:
    """The page with the tables that the program gives today, but for those kept as they stand."""
    return MADE.sub(partial(_again, kept=kept), page)


def _again(found: re.Match[str], kept: Collection[str]) -> str:
    if found["what"] in kept:
        return found[0]
    return f"<!-- {found['what']} -->{made(found['what'])}<!-- end -->"


def made(what: str) -> str:
    """What stands between two marks."""
    kind, _, name = what.partition(" ")
    return _MAKERS[kind](name)


def table(*rows: tuple[str, ...]) -> str:
    """A Markdown table, the first row its head."""
    head, *body = [
        "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows
    ]
    return "\n".join(["", head, "|---" * len(rows[0]) + "|", *body, ""])


def _keys(name: str) -> str:
    rows = [(f"`{key}`", *_about(what)) for key, what in records()[name].keys.items()]
    return table(("key", "value", "default", "meaning"), *rows)


def _about(key: Key) -> tuple[str, str, str]:
    default = "needed" if key.required else _written(key.default)
    return key.field.words, default, key.says


def _written(default: object) -> str:
    if default is None:
        return ""
    text = f"{default:g}" if isinstance(default, float) else str(default)
    return f"`{text.lower() if isinstance(default, bool) else text}`"


def records() -> dict[str, Record[Any]]:
    """The mappings that a problem file is made of, by the name of their table."""
    activation = ACTIVATION.mapped
    loss = format_model.LOSS.mapped
    assert isinstance(activation, Record)
    assert isinstance(loss, Record)
    modules = (format_, format_model, format_training)
    found = {
        name: value
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, Record)
    }
    layer = format_layer.RECORDS["dense"]
    return {**found, "LAYER": layer, "SKIP": SKIP, "ACTIVATION": activation, "LOSS": loss}


def _layers(_: str) -> str:
    """The types of layers, each with the keys that the others have not."""
    rows = [
        (f"`{kind.name}`", kind.words, ", ".join(map(_key, kind.keys.items())), _ids(kind))
        for kind in TYPES.values()
    ]
    return table(("type", "what it does", "keys", "ids"), *rows)


def _key(item: tuple[str, Key]) -> str:
    name, key = item
    default = "" if key.default is None else f": {key.default}"
    return f"`{name}{default}` ({key.says})" if name not in DENSE.keys else f"`{name}`"


def _ids(kind: LayerType) -> str:
    letters = (*kind.parameters.values(), *kind.ids)
    return ", ".join(f"`{letter}1`" for letter in letters)


def _options(name: str) -> str:
    command = backprop.get_command(click.Context(backprop), name)
    assert command is not None
    commands = command.commands.values() if isinstance(command, click.Group) else [command]
    rows = dict.fromkeys(
        (_spelled(option), option.help or "")
        for one in commands
        for option in one.params
        if isinstance(option, click.Option)
    )
    return table(("option", "does"), *rows)


def _spelled(option: click.Option) -> str:
    names = ", ".join(f"`{name}`" for name in option.opts)
    if option.is_flag:
        return names
    if isinstance(option.type, click.Choice):
        default = f" ({option.default} if absent)"
        return f"{names} {', '.join(f'`{choice}`' for choice in option.type.choices)}{default}"
    default = f" ({option.default} if absent)" if isinstance(option.default, int) else ""
    return f"{names} {option.metavar}{default}"


def _functions(_: str) -> str:
    rows = [(f"`{name}`", words_of(name)) for name in sorted(formula.FUNCTIONS)]
    return table(("name", "is"), *rows)


_SAID = {
    "dot": "sum of the products, entry by entry",
    "identity": "the same as linear",
    "linear": "unchanged",
    "ln": "natural logarithm",
    "log": "natural logarithm",
    "max": "largest entry; of two arguments the larger, entry by entry",
    "min": "smallest entry; of two arguments the smaller, entry by entry",
    "maximum": "the larger, entry by entry",
    "minimum": "the smaller, entry by entry",
    "xlogy": "a·ln b, and 0 where a is 0",
}


def words_of(function: str) -> str:
    """What a function of the equations is."""
    if function in _SAID:
        return _SAID[function]
    if function.replace("_", "-") in LOSS_NAMES.known:
        return "loss"
    if function in SAME:
        return f"the same as {SAME[function]}"
    operation = TABLE[function]
    options = [
        f"`{key}` {value}" for key, value in operation.options.items() if value and value is not ...
    ]
    activation = "activation: " if operation.activation else ""
    return "; ".join([activation + operation.words, *options])


LIMITS = {
    "bytes of a file": tree.MAX_BYTES,
    "values in a file, aliases written out": tree.MAX_NODES,
    "levels of nesting": tree.MAX_DEPTH,
    "characters of a number": LONGEST_NUMBER,
    "characters of a formula": formula.MAX_LENGTH,
    "levels of nesting in a formula": formula.MAX_DEPTH,
    "numbers in one step, all quantities together": limits.MAX_ENTRIES,
    "operations of a run; `--max-work` raises it": limits.MAX_WORK,
    "entries of a Jacobian that nothing asks for": plan.MAX_JACOBIAN,
    "paths that `--entry` writes out": paths.MAX_PATHS,
}


def _limits(_: str) -> str:
    return table(("at most", "of"), *((f"{value:,}", what) for what, value in LIMITS.items()))


def _limit(_: str) -> str:
    return f"{limits.MAX_WORK:,}"


def _slips(_: str) -> str:
    rows = [
        (f"`{id}`", words.title, FORMULA_SLIPS[id].example if id in FORMULA_SLIPS else "")
        for id, words in SLIP_WORDS.items()
    ]
    return table(("slip", "is", "for instance"), *rows)


def _seeded(_: str) -> str:
    """How many bugs in NumPy programs are placed and named."""
    return _found_bugs(IN_NUMPY)


def _seeded_torch(_: str) -> str:
    """The same of programs in PyTorch, where it is installed."""
    return _found_bugs(TORCH)


def _found_bugs(networks: Sequence[Network]) -> str:
    rows = [row(network) for network in networks]
    totals = [str(sum(int(one[k]) for one in rows)) for k in range(1, len(rows[0]))]
    heads = [f"{kind}, {what}" for kind in KINDS for what in ("placed", "named")]
    return table(("program", "bugs", *heads), *rows, ("all", *totals))


def _floors(_: str) -> str:
    """The floors of the package, and what each room on them is for in its own words."""
    rows = []
    for entries in LAYERS:
        for name in (entry for entry in entries if entry != PACKAGE):
            path = ROOT / PACKAGE / name
            module = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
            said = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or ""
            rows.append((f"`{name}`", said.partition("\n")[0]))
    return table(("room", "what it turns into what"), *rows)


def _schema(_: str) -> str:
    schema = json.loads((SCHEMAS / "trace.schema.json").read_text(encoding="utf-8"))
    lines = "".join(f"- {text}\n" for text in _fields(schema, schema, ""))
    return f"\n\n{lines}\n"


def _fields(schema: Mapping[str, Any], top: Mapping[str, Any], path: str) -> Iterator[str]:
    """`path`: description, for every field below a schema."""
    for name, field in schema.get("properties", {}).items():
        yield f"`{path}{name}`: {described(field, top)}"
        yield from _within(field, top, f"{path}{name}")


def _within(field: Mapping[str, Any], top: Mapping[str, Any], path: str) -> Iterator[str]:
    """The fields of an object, of the items of a list, of the values of a mapping."""
    inner = _meant(field, top)
    yield from _fields(inner, top, f"{path}.")
    for key, ending in (("items", "[]"), ("additionalProperties", ".ID")):
        if isinstance(inner.get(key), dict) and not path.endswith(ending):
            yield from _within(inner[key], top, path + ending)
    for choice in inner.get("anyOf", ()):
        if "$ref" in choice and not choice["$ref"].endswith(("array", "number")):
            yield from _within(choice, top, path)


def _meant(field: Mapping[str, Any], top: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = field.get("$ref", "").rpartition("/")[2]
    return {} if reference in ("array", "number") else top["$defs"].get(reference, field)


def described(field: Mapping[str, Any], top: Mapping[str, Any]) -> str:
    """What a field is, in its own words or those of what it refers to."""
    return str(field.get("description") or _meant(field, top)["description"])


_MAKERS: Mapping[str, Callable[[str], str]] = {
    "keys": _keys,
    "layers": _layers,
    "options": _options,
    "functions": _functions,
    "floors": _floors,
    "limits": _limits,
    "limit": _limit,
    "schema": _schema,
    "slips": _slips,
    "seeded": _seeded,
    "seeded_torch": _seeded_torch,
}

# The picture and the schema -----------------------------------------------------------------------

_THEME = TerminalTheme(
    (255, 255, 255),
    (36, 41, 47),
    [(36, 41, 47), (207, 34, 46), (17, 99, 41), (154, 103, 0), (9, 105, 218), (130, 80, 223),
     (27, 124, 131), (110, 119, 129)],
)  # fmt: skip
_FONT_FACES = re.compile(r"@font-face \{.*?\}", re.DOTALL)


def picture() -> str:
    """Real output as an SVG, in the fonts that the reader has."""
    screen = Console(
        file=StringIO(), record=True, width=80, color_system="standard", force_terminal=True
    )
    with folder(""):
        output = run(PICTURE_COMMAND, FORCE_COLOR="1")
    screen.print(Text.from_ansi(output.rstrip("\n")), soft_wrap=True)
    svg = screen.export_svg(
        title=PICTURE_COMMAND.partition(" --")[0], theme=_THEME, unique_id="backprop"
    )
    svg = _FONT_FACES.sub("", svg).replace("Fira Code", "DejaVu Sans Mono, Menlo, Consolas")
    return "".join(f"{line.rstrip()}\n" for line in svg.splitlines())


def problem_schema() -> str:
    """The JSON Schema of a problem file as the package has it."""
    return json.dumps(format_.schema(), ensure_ascii=False, indent=2) + "\n"


def documents(kept: Collection[str]) -> dict[Path, str]:
    """Every file that shows something of the program, as it should be, but for tables kept."""
    pages = {page: console(tables(page.read_text(encoding="utf-8"), kept)) for page in PAGES}
    return {**pages, PICTURE: picture(), PROBLEM_SCHEMA: problem_schema()}


if __name__ == "__main__":
    for path, text in documents(kept=() if HAS_TORCH else ("seeded_torch",)).items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print("brought up to date:", path.relative_to(ROOT))
