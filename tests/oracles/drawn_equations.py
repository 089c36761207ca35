"""A seed to the equations of a small problem: products, functions, sums, rows, sizes in letters."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from random import Random

Shape = tuple[str, ...]

SIZES = (("2", "3"), ("1", "2"), ("N", "2"), ("N", "K"), ("3", "1"), ("2", "N"))
FUNCTIONS = ("tanh", "sigmoid", "exp", "sin", "relu", "softplus", "silu")
GIVEN = 0.75  # of what there may be


def drawn(seed: int) -> str:
    """The text of a problem in letters; what each of its names is, nothing says but its shape."""
    return _Drawn(Random(seed)).text()


class _Drawn:
    def __init__(self, random: Random) -> None:
        self.random = random
        self.n, self.k = random.choice(SIZES)
        self.names: dict[Shape, list[str]] = defaultdict(list)
        self.shapes: dict[str, Shape] = {}
        n, k = self.n, self.k
        vectors = {"x": (n,), "u": (n,), "y": (k,), "b": (k,)}
        matrices = {"A": (n, k), "B": (k, n), "S": (n, n)}
        shapes: dict[str, Shape] = {**vectors, **matrices, "c": ()}
        for name, shape in shapes.items():
            if name == "x" or random.random() < GIVEN:
                self.add(name, shape)

    def add(self, name: str, shape: Shape) -> None:
        self.shapes[name] = shape
        self.names[shape].append(name)

    def one(self, *shape: str) -> str | None:
        names = self.names[shape]
        return self.random.choice(names) if names else None

    def function(self) -> str:
        return self.random.choice(FUNCTIONS)

    def text(self) -> str:
        lines = []
        for place in range(self.random.randint(1, 4)):
            shape = self.random.choice(self.likely)
            if (right := self.some(self.expressions(shape))) is not None:
                self.add(f"q{place}", shape)
                lines.append(f"q{place} = {right}")
        lines.append(f"L = {self.loss()}")
        used = set(re.findall(r"[A-Za-z]\w*", " ".join(line.partition("=")[2] for line in lines)))
        given = {name: shape for name, shape in self.shapes.items() if name[0] != "q"}
        stated = [f"{name}: [{', '.join(at)}]" for name, at in given.items() if name in used]
        return f"shapes: {{{', '.join(stated)}}}\nequations:\n" + "".join(
            f'  - "{line}"\n' for line in lines
        )

    @property
    def likely(self) -> list[Shape]:
        n, k = self.n, self.k
        return [(n,), (k,)] * 4 + [(n, k), (k, n), (n, n)] + [()] * 2

    def some(self, found: Iterator[str]) -> str | None:
        several = list(found)
        return self.random.choice(several) if several else None

    def loss(self) -> str:
        """A number made from what comes last, and perhaps of more."""
        last = [*self.shapes][-1]
        of = {
            0: "{}^2|3 * {}",
            1: "sum({})|sum({}^2)|logsumexp({})|mean({})",
            2: "sum({})|mean({}^2)",
        }
        first = self.random.choice(of[len(self.shapes[last])].split("|")).format(last)
        more = self.some(self.numbers()) if self.random.random() < 0.5 else None
        return first if more is None else f"{first} + {more}"

    def expressions(self, shape: Shape) -> Iterator[str]:
        if not shape:
            return self.numbers()
        return self.vectors(shape) if len(shape) == 1 else self.matrices(shape)

    def vectors(self, shape: Shape) -> Iterator[str]:
        if v := self.one(*shape):
            w, f = self.one(*shape), self.function()
            yield from (
                f"{f}({v})",
                f"{v} * {w}",
                f"{v} + {w}",
                f"{v} - 2 * {w}",
                f"{v}^2",
                f"-{v}",
            )
            yield from (
                f"softmax({v})",
                f"softmax({v} * {w})",
                f"{f}({v} + {w})",
                f"max({v}, 1 - {w})",
            )
            yield from (f"{v} / (1 + {w}^2)", f"{v} / norm({w})", f"sqrt({v}^2 + 1)")
            yield from (f"log(1 + exp({v}))", f"{v} * sum({w})", f"{v} - mean({w})")
        if v and (c := self.one()):
            yield from (f"{c} * {v}", f"{v} / {c}", f"{v} + {c}")
        yield from self.products(shape)

    def products(self, shape: Shape) -> Iterator[str]:
        """Of matrices with vectors, and what is made from rows and columns."""
        (size,) = shape
        other = self.k if size == self.n else self.n
        m, t, s = self.one(size, other), self.one(other, size), self.one(size, size)
        v, o = self.one(size), self.one(other)
        if m and o:
            yield from (f"{m} @ {o}", f"{self.function()}({m} @ {o})")
        if t and o:
            yield from (f"{t}.T @ {o}", f"{o} @ {t}")
        if s and v:
            yield from (f"{s} @ {v}", f"{s}.T @ {v}", f"{v} @ {s}", f"diagonal({s})")
        if m:
            yield from (
                f"sum({m}, axis=1)",
                f"mean({m}, axis=1)",
                f"sum({m}^2, axis=1)",
                f"{m}[:, 1]",
            )
        if t:
            yield from (f"sum({t}, axis=0)", f"{t}[1, :]")

    def matrices(self, shape: Shape) -> Iterator[str]:
        rows, columns = shape
        m, t = self.one(*shape), self.one(columns, rows)
        row, column = self.one(columns), self.one(rows)
        if m:
            w = self.one(*shape)
            yield from (f"{self.function()}({m})", f"{m} * {w}", f"{m} + {w}", f"{m}^2", f"2 * {m}")
            yield f"softmax({m}, axis=1)"
        if m and row:
            yield from (f"{m} + row({row})", f"{m} * row({row})")
        if m and column:
            yield from (f"{m} + column({column})", f"{m} / column(1 + {column}^2)")
        if m and (s := self.one(columns, columns)):
            yield f"{m} @ {s}"
        if m and (s := self.one(rows, rows)):
            yield f"{s} @ {m}"
        if t:
            yield f"{t}.T"
        if row and column:
            yield f"outer({column}, {row})"

    def numbers(self) -> Iterator[str]:
        for size in (self.n, self.k):
            if v := self.one(size):
                w = self.one(size)
                yield from (
                    f"sum({v})",
                    f"dot({v}, {w})",
                    f"mean({v})",
                    f"sum({v}^2) / 2",
                    f"{v}[1]",
                )
                yield from (
                    f"norm({v})",
                    f"sum({v} * {w}^2)",
                    f"logsumexp({v})",
                    f"sum(({v} - {w})^2)",
                )
                if s := self.one(size, size):
                    yield from (f"{v} @ {s} @ {w}", f"trace({s})")
        for shape in ((self.n, self.k), (self.k, self.n), (self.n, self.n)):
            if m := self.one(*shape):
                yield from (f"sum({m})", f"sum({m}^2)", f"mean({m})", f"{m}[1, 1]")
        if c := self.one():
            yield from (f"{c}^2", f"tanh({c})", f"{c} * {self.one()}")
