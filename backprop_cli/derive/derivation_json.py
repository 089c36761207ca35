"""Derivations to JSON, `backprop-derivation/1`: every line as a formula that a machine can read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from msgspec import Struct

from backprop_cli.algebra.expr import Expr, Op, Sym, op
from backprop_cli.algebra.quantity import derivative_id, whole_id
from backprop_cli.algebra.shapes import Shape, Size
from backprop_cli.derive.derivation_data import Chain, Condition, Definition, Derivation
from backprop_cli.derive.tensors.gradient_data import Stated, TensorDerivation
from backprop_cli.readings.formula_text import plain
from backprop_cli.trace import Trace

SCHEMA = "backprop-derivation/1"
_ANY = (1, "n")
"""From where to where a letter runs where nothing says so: over all entries of a vector."""


class Text(Struct, frozen=True):
    """Writes formulas; `ranges` say from where to where each letter runs."""

    ranges: Mapping[str, tuple[int, Size]]
    base: int = 1

    def of(self, expr: Expr) -> str:
        """The formula in the language of problem files, letters as indices."""
        return plain(self._named(expr), self.base)

    def _named(self, expr: Expr) -> Expr:
        """The formula, what only derivations have in it as names that say it."""
        match expr:
            case Op("sum_over", (inner,)):
                return Sym(self._sum(expr, inner))
            case Op("max_over", (inner,)):
                letter = str(expr.option("index"))
                return Sym(f"max({self._run(letter)}, {self.of(inner)})")
            case Op("is_largest", (one, largest)):
                return Sym(f"({self.of(one)} >= {self.of(largest)})")
            case Op("equal", (left, right)):
                return Sym(f"delta({self.of(left)}, {self.of(right)})")
            case Op("within"):
                pairs = pairwise(map(self.of, expr.args))
                return Sym(" * ".join(f"({low} <= {high})" for low, high in pairs))
            case Op("derivative", (Sym(of), Sym(by))):
                return Sym(derivative_id(of, by))
            case Op("held", args):
                return Sym(f"held({', '.join(map(self.of, args))})")
            case Op("derivative", (inner, by)):
                return Sym(f"derivative({self.of(inner)}, {self.of(by)})")
            case Op(name, args, options):
                return Op(name, tuple(map(self._named, args)), options)
        return expr

    def _sum(self, node: Op, inner: Expr) -> str:
        letter, without = str(node.option("index")), node.option("without")
        if without is not None:
            other = op("equal", Sym(letter), Sym(str(without)))
            body = f"(1 - {self.of(other)}) * ({self.of(inner)})"
        else:
            body = self.of(inner)
        return f"sum({self._run(letter)}, {body})"

    def _run(self, letter: str) -> str:
        first, last = self.ranges.get(letter, _ANY)
        return f"{letter} in {first}..{last}"

    def where(self, conditions: Sequence[Condition]) -> list[str]:
        """What has to hold: `i = j`."""
        return [
            f"{self.of(each.left)} {each.relation} {self.of(each.right)}" for each in conditions
        ]

    def definitions(self, found: Sequence[Definition]) -> list[dict[str, Any]]:
        """What stands for what."""
        return [
            {
                "symbol": self.of(each.symbol),
                "formulas": [self.of(form) for form in each.forms],
                "where": self.where(each.conditions),
            }
            for each in found
        ]

    def chain(self, chain: Chain, words: str = "") -> dict[str, Any]:
        """Equal lines, each with its reason."""
        lines = [
            {"formula": self.of(line.expr), "reason": line.reason, "words": line.words}
            for line in chain.lines
        ]
        return {
            "words": chain.words or words,
            "left": self.of(chain.left),
            "where": self.where(chain.conditions),
            "shape": [],
            "definitions": self.definitions(chain.definitions),
            "lines": lines,
        }


def of_chains(found: Derivation) -> dict[str, Any]:
    """The derivation of a function."""
    text = Text({})
    chains = [text.chain(chain) for chain in found.chains]
    return _whole(found.title, (), {}, {}, text.definitions(found.definitions), chains)


def of_gradient(found: TensorDerivation, shapes: Mapping[str, Shape], title: str) -> dict[str, Any]:
    """The derivation of one derivative."""
    ranges = {letter: (each.first, each.last) for letter, each in found.ranges.items()}
    text = Text(ranges)
    chains = [
        chain
        for section in found.sections
        for chain in _section(text, section.parts, section.words)
    ]
    return _whole(title, found.conventions, ranges, shapes, [], chains)


def _section(text: Text, parts: Sequence[object], words: str) -> Iterator[dict[str, Any]]:
    for part in parts:
        if isinstance(part, Chain):
            yield text.chain(part, words)
        elif isinstance(part, Stated):
            formulas = [text.of(form) for form in part.forms]
            yield _lines(words, text.of(part.left), formulas, part.shape)


def of_trace(trace: Trace, conventions: Sequence[str], words: Mapping[str, str]) -> dict[str, Any]:
    """A derivation in symbols, a chain for each quantity; `words` say what each is."""
    runs = trace.convention.get("indices_run")
    found = runs if isinstance(runs, tuple) else ()
    ranges: dict[str, tuple[int, Size]] = {letter: (first, last) for letter, first, last in found}
    base = trace.convention.get("indices", 1)
    text = Text(ranges, base if isinstance(base, int) else 1)
    shapes = {id: each.value.shape for id, each in trace.given.items()}
    shapes |= {id: each.shape for id, each in trace.unknown.items()}
    chains = [
        _lines(words[step.id], step.id, [text.of(step.expr)], step.shape, step.rule)
        for step in trace.steps
    ]
    shapes |= {whole_id(step.id): step.shape for step in trace.steps}
    return _whole(trace.title, conventions, ranges, shapes, [], chains)


def _lines(
    words: str, left: str, formulas: Sequence[str], shape: Shape, reason: str = "definition"
) -> dict[str, Any]:
    lines = [{"formula": each, "reason": reason, "words": words} for each in formulas]
    return {
        "words": words,
        "left": left,
        "where": [],
        "shape": list(shape),
        "definitions": [],
        "lines": lines,
    }


def _whole(
    title: str,
    conventions: Sequence[str],
    ranges: Mapping[str, tuple[int, Size]],
    shapes: Mapping[str, Shape],
    definitions: list[dict[str, Any]],
    chains: list[dict[str, Any]],
) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "title": title,
        "conventions": list(conventions),
        "indices": {letter: {"first": a, "last": b} for letter, (a, b) in ranges.items()},
        "sizes": {id: list(shape) for id, shape in shapes.items()},
        "definitions": definitions,
        "chains": chains,
    }
