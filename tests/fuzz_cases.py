"""Problem files to test with: right ones, ones with small changes, and ones made to hurt.

`case(seed, index)` gives the same file every time.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parent.parent

# --------------------------------------------------------------------- files that may well be right

ACTIVATIONS = (
    "linear sigmoid tanh relu leaky-relu elu softplus silu gelu mish softsign arctan relu6 exp "
    "step sign softmax"
).split()
LOSSES = (
    "cross-entropy binary-cross-entropy cross-entropy-with-logits squared-error "
    "half-squared-error mean-squared-error absolute-error huber hinge none"
).split()
RULES = "sgd momentum nesterov adagrad rmsprop adam".split()
AFFINE = ("W x + b", "W^T x + b", "x W + b", "x W^T + b")
FUNCTIONS = "exp log sqrt sigmoid tanh relu sum mean max norm softmax abs".split()


def number(rng: Random) -> str:
    """A number as people write it."""
    return rng.choice(
        [str(rng.randint(-5, 5)), f"{rng.uniform(-3, 3):.2f}", "1/3", "-.5", "1e-3", "sqrt(2)/2"]
    )


def vector(rng: Random, size: int) -> str:
    return "[" + ", ".join(number(rng) for _ in range(size)) + "]"


def matrix(rng: Random, rows: int, columns: int) -> str:
    return "[" + ", ".join(vector(rng, columns) for _ in range(rows)) + "]"


def network(rng: Random) -> str:
    """A small network with a loss and an update."""
    affine = rng.choice(AFFINE)
    sizes = [rng.randint(1, 4) for _ in range(rng.randint(2, 4))]
    lines = [
        "title: made up",
        f"convention: {{affine: {affine}, jacobian: {rng.choice(['numerator', 'denominator'])}}}",
        f"x: {vector(rng, sizes[0])}",
        f"y: {vector(rng, sizes[-1])}",
        "layers:",
    ]
    for before, after in pairwise(sizes):
        shape = (before, after) if affine in AFFINE[1:3] else (after, before)
        weights, bias = matrix(rng, *shape), vector(rng, after)
        lines.append(
            f"  - {{weights: {weights}, bias: {bias}, activation: {rng.choice(ACTIVATIONS)}}}"
        )
    lines.append(f"loss: {rng.choice(LOSSES)}")
    lines.append(f"update: {{rule: {rng.choice(RULES)}, learning_rate: 0.5, steps: 3}}")
    return "\n".join(lines) + "\n"


def formula(rng: Random, depth: int) -> str:
    """A formula over x, A and s."""
    if depth == 0:
        return rng.choice(["x", "A @ x", "s", "2", "x[1]", "A.T @ x", number(rng)])
    inner = formula(rng, depth - 1)
    if rng.random() < 0.5:
        return f"{rng.choice(FUNCTIONS)}({inner})"
    return f"({inner}) {rng.choice('+-*/^@')} ({formula(rng, depth - 1)})"


def equations(rng: Random) -> str:
    """A few equations over a matrix, a vector and a number."""
    lines = [f"values: {{x: {vector(rng, 2)}, A: {matrix(rng, 2, 2)}, s: {number(rng)}}}"]
    lines.append("equations:")
    lines += [f'  - "q{i} = {formula(rng, rng.randint(0, 3))}"' for i in range(rng.randint(1, 4))]
    lines.append(f'  - "L = sum(q0) + {formula(rng, 1)}"')
    return "\n".join(lines) + "\n"


def problems() -> tuple[str, ...]:
    """The problem files of the repository; not the answer sheets beside them."""
    texts = (path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("problems/**/*.yaml")))
    return tuple(text for text in texts if not re.search(r"^answers:", text, re.MULTILINE))


PROBLEMS = problems()


def base(rng: Random) -> str:
    """A file to begin with."""
    if PROBLEMS and rng.random() < 0.6:
        return rng.choice(PROBLEMS)
    return rng.choice([network, equations])(rng)


# ----------------------------------------------------------------------------------- small changes

TOKEN = re.compile(r"[A-Za-z_]\w*|[-+]?\d*\.?\d+(?:e[-+]?\d+)?|\S")
NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?")

HUGE = (
    *("1e308", "-1e308", "1e400", "1e-400", "10^400", "9^9^9^9", "9^9^9^9^9", "1e999999999"),
    *("9" * 400, "0." + "0" * 400 + "1", "1/0", "0/0", "1/3", "1e308*10", "exp(exp(exp(99)))"),
    *("-0", "5e-324", "2147483648", "9223372036854775808", "1000000000", "1e9", "exp(-1e9)"),
)
ODD = (
    *("nan", ".nan", "inf", "-.inf", "yes", "null", "~", "true", "010", "1_000", "0x1F", "1:30"),
    *("2020-01-01", '"0,5"', "_", "?", '""', "[]", "{}", "[[]]", "[[], []]", "[1, [2]]", "{1: 2}"),
    *("[1, 2, 3, 4, 5, 6, 7]", "[[1, 2], [3]]", "[a, b]", "x", "L", "L_new", "dL/dW1", "W1[9,9]"),
    *("*missing", "&a [*a]", "<<: 1", "!!python/object/apply:os.system [id]", "!!binary aGk="),
    *(
        "!!set {a, b}",
        "!local 1",
        "!!float x",
        "!!int '1'",
        "|",
        ">-",
        "'",
        '"',
        "@",
        "`",
        "%",
        ":",
    ),
)
STRANGE = (
    *("\x00", "\x1b[31m", "\x7f", "\x85", "\u2028", "\ufeff", "\u202e", "\u200b", "\u0301", "\r"),
    *(
        "\t",
        "−",
        "½",
        "²",
        "٣",
        "３",
        "Ⅳ",
        "𝟑",
        "∂",
        "ŷ",
        "W′",
        "W₁",
        "ﬁ",
        "İ",
        "ß",
        "🙂",
        "\ufffe",
    ),
    *('"\\e[2J"', '"\\ud800"', '"\\0"', '"\\x07"', '"\\u202e"', "\ue000", "\U0010ffff"),
)
KEYS = (
    "title source id notes convention notation x y samples inputs layers values shapes equations "
    "train differentiate loss penalty upstream update gradients ask grading rounding weights bias "
    "activation skip units steps batches state labels classes rule name formula"
).split()
LINES = (
    *("update: {rule: sgd, steps: 1000000000}", "update: {rule: adam, t: 1000000000000}"),
    *("update: {rule: sgd, steps: -1}", "update: {rule: sgd, steps: 1e400, batches: 1000000000}"),
    *("rounding: {decimals: 1000000000}", "rounding: {significant: 0}", "rounding: {decimals: -3}"),
    *("y: {labels: [1], classes: 1000000000}", "y: {labels: [1000000000], classes: 3}", "y: [[1]]"),
    *("inputs: 1000000000", "samples: 1000000000", "units: 1000000000", "ask: ['dYhat/dW1']"),
    *("shapes: {W: [100000, 100000], x: [100000]}", "upstream: {Yhat: [1e308, -1e308]}"),
    *("convention: {indices: 0, bias: first}", "convention: {kinks: {relu: 1e400}}", "---", "..."),
    *("penalty: {l2: 1e308}", "notation: {weights: '\\u001b[2J'}", "%YAML 9.9", "train: [nothing]"),
    *(
        "grading: {points: {Z1: 1e308}, pass: -1}",
        "differentiate: nothing",
        "? [a, b] : c",
        "- - -",
    ),
)

Change = Callable[[Random, str], str]


def at_random(rng: Random, pattern: re.Pattern[str], text: str) -> tuple[int, int]:
    """Where one of the matches of `pattern` is; the whole end of the text where there is none."""
    spans = [match.span() for match in pattern.finditer(text)]
    return rng.choice(spans) if spans else (len(text), len(text))


def put(text: str, span: tuple[int, int], new: str) -> str:
    return text[: span[0]] + new + text[span[1] :]


def swap_tokens(rng: Random, text: str) -> str:
    (a, b), (c, d) = sorted([at_random(rng, TOKEN, text), at_random(rng, TOKEN, text)])
    return text if c < b else text[:a] + text[c:d] + text[b:c] + text[a:b] + text[d:]


def delete_token(rng: Random, text: str) -> str:
    return put(text, at_random(rng, TOKEN, text), "")


def repeat_token(rng: Random, text: str) -> str:
    start, end = at_random(rng, TOKEN, text)
    return put(text, (start, end), text[start:end] * rng.choice([2, 3, 50]))


def other_token(rng: Random, text: str) -> str:
    return put(text, at_random(rng, TOKEN, text), rng.choice([*ODD, *KEYS, *ACTIVATIONS, *LOSSES]))


def other_number(rng: Random, text: str) -> str:
    return put(text, at_random(rng, NUMBER, text), rng.choice(HUGE))


def other_type(rng: Random, text: str) -> str:
    """What stands behind a key becomes something else."""
    return put(text, at_random(rng, re.compile(r"(?<=: )[^,}\n]+"), text), rng.choice(ODD))


def delete_span(rng: Random, text: str) -> str:
    start = rng.randrange(len(text) + 1)
    return put(text, (start, start + rng.randint(1, 40)), "")


def insert_strange(rng: Random, text: str) -> str:
    place = rng.randrange(len(text) + 1)
    return put(text, (place, place), rng.choice(STRANGE))


def strange_title(rng: Random, text: str) -> str:
    """A text that is printed as it is, if nobody takes care."""
    return (
        f'{rng.choice(["title", "source", "notes"])}: "a \\e[2J\\a\\r{rng.choice(STRANGE)}"\n{text}'
    )


def change_lines(change: Callable[[Random, list[str]], object]) -> Change:
    """A change of the list of lines, in place, as a change of the text."""

    def changed(rng: Random, text: str) -> str:
        lines = text.splitlines(keepends=True) or [""]
        change(rng, lines)
        return "".join(lines)

    return changed


def _place(rng: Random, lines: list[str]) -> int:
    return rng.randrange(len(lines))


duplicate_line = change_lines(
    lambda rng, lines: lines.insert(_place(rng, lines), rng.choice(lines))
)
delete_line = change_lines(lambda rng, lines: lines.pop(_place(rng, lines)))
insert_line = change_lines(
    lambda rng, lines: lines.insert(_place(rng, lines), rng.choice(LINES) + "\n")
)
indent_line = change_lines(
    lambda rng, lines: lines.insert(place := _place(rng, lines), "  " + lines.pop(place))
)
shuffle_lines = change_lines(lambda rng, lines: rng.shuffle(lines))


def cut_off(rng: Random, text: str) -> str:
    return text[: rng.randrange(len(text) + 1)]


CHANGES: tuple[Change, ...] = (
    *(swap_tokens, delete_token, repeat_token, other_token, other_token, other_number),
    *(other_number, other_type, other_type, delete_span, insert_strange, strange_title),
    *(duplicate_line, delete_line, insert_line, insert_line, indent_line, shuffle_lines, cut_off),
)


def changed_file(rng: Random) -> bytes:
    """A file with one or a few small changes."""
    text = base(rng)
    for _ in range(rng.choice([1, 1, 2, 3, 8])):
        text = rng.choice(CHANGES)(rng, text)
    return text.encode("utf-8", "surrogatepass")


# ------------------------------------------------------------------------------- files made to hurt


def deep(rng: Random) -> int:
    return rng.choice([60, 300, 1100, 5000, 50_000])


def alias_bomb(rng: Random) -> bytes:
    """A small file that is ten to the tenth numbers long when its aliases are followed."""
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    return "\n".join([*lines, f"{rng.choice(KEYS)}: *a9", "x: *a9"]).encode()


def merge_bomb(rng: Random) -> bytes:
    """The same with merged keys."""
    lines = ["a0: &a0 {k: 1}"]
    lines += [f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}" for i in range(1, 9)]
    return "\n".join([*lines, f"{rng.choice(KEYS)}: *a8"]).encode()


def own_alias(rng: Random) -> bytes:
    """A list or mapping that contains itself."""
    value = rng.choice(["&a [1, *a]", "&a {k: *a}", "&a [[*a], [*a]]"])
    return f"{rng.choice(KEYS)}: {value}\n{base(rng)}".encode()


def deep_lists(rng: Random) -> bytes:
    n = deep(rng)
    left, right = rng.choice([("[", "]"), ("{a: ", "}"), ("[", ""), ("- ", ""), ("? ", "")])
    return f"{rng.choice(KEYS)}:\n  {left * n}1{right * n}\nloss: none\n".encode()


def deep_formula(rng: Random) -> bytes:
    """A formula nested, or only long, beyond any patience."""
    n = deep(rng)
    text = rng.choice(
        [
            "(" * n + "x" + ")" * n,
            "sum(" * n + "x" + ")" * n,
            "exp(" * n + "x",
            "-" * n + "x",
            "x" + "^2" * n,
            "2^" * n + "2",
            "x" + " + x" * n,
            "x" + " * x" * n,
            "x" + ".T" * n,
            "[" * n + "x" + "]" * n,
            "x" + "[1]" * n,
            "x @ " * n,
        ]
    )
    where = rng.choice(['equations: ["L = {}"]', "x: ['{}']", "loss: {{formula: '{}'}}"])
    return f"values: {{x: 1.5}}\n{where.format(text)}\n".encode()


def huge_power(rng: Random) -> bytes:
    """A constant that nobody can write down."""
    text = rng.choice(["9^9^9^9", "2^1000000000", "1e308^1e308", "10^400 / 10^400", "9**9**9"])
    where = rng.choice(['equations: ["L = sum(x) * {}"]', 'x: ["{}", 1]', 'values: {{x: "{}"}}'])
    return f"values: {{x: [1, 2]}}\n{where.format(text)}\n".encode()


PRODUCTS = ["A = outer(x, x)", "B = A @ A @ A", "L = sum(B)"]


def huge_shape(rng: Random) -> bytes:
    """Much to do in few words."""
    size = rng.choice([2_000, 100_000, 10**9, 10**18, 10**400])
    return rng.choice(
        [
            f"inputs: {size}\nsamples: {size}\nlayers: [{{units: {size}, activation: softmax}}]\n",
            f"shapes: {{A: [{size}, {size}], x: [{size}]}}\nequations: [q = A @ x, L = sum(q)]\n",
            f"x: [1]\ny: {{labels: [1], classes: {size}}}\nlayers: [{{weights: [[1]]}}]\n",
            f"values: {{x: {list(range(min(size, 3000)))}}}\nequations: {PRODUCTS}\n",
            network(Random(1)).replace("steps: 3", f"steps: {size}"),
        ]
    ).encode()


def long_line(rng: Random) -> bytes:
    """A long text, name, list of numbers or line of blanks."""
    n = rng.choice([2_000, 100_000, 1_000_000])
    key = rng.choice(KEYS)
    return rng.choice(
        [
            f"{key}: {'a' * n}\n{base(rng)}",
            f"{'k' * n}: 1\n{base(rng)}",
            f"x: [{'1, ' * (n // 20)}1]\nlayers: [{{weights: [[1]]}}]\n",
            f"x: [1]{' ' * n}\n{base(rng)}",
            f"values: {{x: 1}}\nequations: ['L = {'q' * n}']\n",
            f"# {'#' * n}\n{base(rng)}",
            f"{key}: '{'1 ' * (n // 20)};'\n",
        ]
    ).encode()


def many_equations(rng: Random) -> bytes:
    """A long chain, each link used twice."""
    n = rng.choice([30, 300, 3000])
    lines = [f"  - q{i} = q{i - 1} + q{i - 1}" for i in range(1, n)]
    return "\n".join(["values: {x: 1}", "equations:", "  - q0 = 2 * x", *lines]).encode()


def noise(rng: Random) -> bytes:
    """Bytes that mean nothing, alone or within a file."""
    junk = rng.randbytes(rng.choice([0, 1, 7, 200, 5000]))
    text = base(rng).encode()
    place = rng.randrange(len(text) + 1)
    return rng.choice([junk, text[:place] + junk + text[place:], b"\xff\xfe" + text, b"\x1f\x8b"])


def other_encoding(rng: Random) -> bytes:
    return base(rng).encode(rng.choice(["utf-16", "utf-16-be", "utf-32", "utf-8-sig", "utf-7"]))


def no_mapping(rng: Random) -> bytes:
    """A file that is something else than a mapping."""
    return rng.choice(
        [b"", b"\n", b"# nothing\n", b"42", b"[1, 2]", b"text", b"~", b"--- a\n--- b"]
    )


HOSTILE: tuple[Callable[[Random], bytes], ...] = (
    *(alias_bomb, merge_bomb, own_alias, deep_lists, deep_formula, deep_formula, huge_power),
    *(huge_shape, huge_shape, long_line, many_equations, noise, noise, other_encoding, no_mapping),
)


def case(seed: int, index: int) -> bytes:
    """The file number `index` of a seed: one in eight is made to hurt, the others are changed."""
    rng = Random(f"{seed}/{index}")
    return rng.choice(HOSTILE)(rng) if rng.random() < 0.125 else changed_file(rng)


ORDINARY = network(Random(0)).encode()
