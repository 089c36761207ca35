"""Pages that derive one quantity by another to numbers: each line, drawing and product."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from backprop_cli.algebra.expr import Expr, Op, Sym
from backprop_cli.derive.derivation_data import Chain
from backprop_cli.derive.derivation_nodes import has_derivative, parts
from backprop_cli.derive.tensors.gradient import tensor
from backprop_cli.derive.tensors.gradient_data import (
    Dots,
    Drawing,
    Products,
    Section,
    Stated,
    TensorDerivation,
)
from backprop_cli.derive.tensors.setting import Question, chainwork
from backprop_cli.problem.model import Model
from oracles.tensors import Paper, in_numbers, paper


@dataclass(frozen=True)
class Page:
    """A derivation, and its quantities in numbers at a few places that its letters may mean."""

    derivation: TensorDerivation
    papers: tuple[Paper, ...]


def page_of(model: Model, question: Question, seed: int = 0) -> Page:
    found = tensor(model, question)
    return Page(found, tuple(chosen(found, model, question, seed)))


def check_page(page: Page) -> None:
    """Everything on it."""
    check_equations(page)
    check_lines(page)
    check_drawings(page)
    check_arrays(page)
    check_products(page)


def check_equations(page: Page) -> None:
    """What is stated of an entry at the top of the page."""
    for here in page.papers:
        for section, stated in parts_of(page.derivation, Stated):
            assert isinstance(stated, Stated)
            if section.words == "Equations" and "[" in getattr(stated.left, "name", ""):
                wanted = here.value(stated.left)
                assert here.value(stated.forms[0]) == pytest.approx(wanted, rel=1e-9), stated


def check_lines(page: Page) -> None:
    """Each line is the derivative, worked out as a difference."""
    checked = 0
    for here in page.papers:
        for section, chain in parts_of(page.derivation, Chain):
            assert isinstance(chain, Chain)
            checked += check_chain(here, section, chain)
        of, by = ends(page.derivation.left)
        total = here.total(*parts(of), *parts(by))
        assert here.value(page.derivation.result) == pytest.approx(total, rel=2e-6, abs=2e-7)
    assert checked
    assert not has_derivative(page.derivation.result)


def check_drawings(page: Page) -> None:
    """Each entry of a matrix or tensor that is drawn."""
    here, found = page.papers[0], page.derivation
    for section, drawn in parts_of(found, Drawing):
        assert isinstance(drawn, Drawing)
        of, by = ends(drawn.left)
        chain = [part for part in section.parts if isinstance(part, Chain)][-1]
        one, other = (here.unsampled(n, ls) for n, ls in map(parts, ends(chain.left)))
        letters = (*one, *other)
        in_slices, rows_and_columns = axes_drawn(len(one), len(other), here_layout(here.model))
        jacobian = here.jacobian(of, by, total=False)
        for slice_ in drawn.slices:
            stated = {c.left.name: int(here.value(c.right)) for c in slice_.places}  # type: ignore[union-attr]
            at = places_of(letters, in_slices, stated)
            free = [(letters[axis], here.first_of(of, by)[axis]) for axis in rows_and_columns]
            for spot, entry in spots(slice_.rows, free, here, found):
                spotted = at | dict(zip(rows_and_columns, spot, strict=True))
                index = tuple(
                    spotted[axis] - first for axis, first in enumerate(here.first_of(of, by))
                )
                assert not isinstance(entry, Dots)
                assert here.value(entry) == pytest.approx(jacobian[index], rel=2e-6, abs=2e-7)
        assert drawn.slices


def places_of(
    letters: Sequence[str], in_slices: Sequence[int], stated: Mapping[str, int]
) -> dict[int, int]:
    """Where a slice is: by its letters, or in their order where a window has its own lines."""
    if len(stated) == len(in_slices) and not stated.keys() <= {letters[a] for a in in_slices}:
        return dict(zip(in_slices, stated.values(), strict=True))
    return {a: stated[x] if (x := letters[a]) in stated else int(x) for a in in_slices}


def axes_drawn(of: int, by: int, layout: str) -> tuple[list[int], list[int]]:
    """The axes of ∂of/∂by that a slice fixes, and those of its rows and columns."""
    one, other = list(range(of)), list(range(of, of + by))
    if by >= 2:
        return one + other[:-2], other[-2:]
    if of >= 2:
        return other + one[:-2], one[-2:]
    return [], (other + one if layout == "denominator" else one + other)


def check_arrays(page: Page) -> None:
    """Each formula over whole arrays."""
    here = page.papers[0]
    for section, stated in parts_of(page.derivation, Stated):
        assert isinstance(stated, Stated)
        if section.words == "Factor":
            wanted = in_layout(here, *ends(stated.left), total=False)
            check_array(here, stated, wanted)
        if section.words == "As arrays":
            check_array(here, stated, here.named_total(*ends(stated.left)))
        if section.words == "Slice by slice":
            check_array(here, stated, here.quotient(stated.left))
        if section.words == "Equations" and stated.shape:
            assert here.shape(stated.shape) == here.array(stated.forms[0]).shape


def check_products(page: Page) -> None:
    """The matrices of a path, multiplied."""
    here = page.papers[0]
    for section, products in parts_of(page.derivation, Products):
        assert isinstance(products, Products)
        if section.words != "The matrices multiplied":
            continue
        (term,) = products.terms
        value = here.array(term[0].expr)
        assert value.shape == here.shape(term[0].shape)
        for factor in term[1:]:
            other = here.array(factor.expr)
            assert other.shape == here.shape(factor.shape)
            value = value @ other
        wanted = in_layout(here, *ends(products.left), total=True)
        np.testing.assert_allclose(value, wanted, rtol=2e-6, atol=2e-7)


def chosen(found: TensorDerivation, model: Model, question: Question, seed: int) -> Iterator[Paper]:
    """The derivation in numbers, at a few places that its letters may mean."""
    sample = chainwork(model, question).setting.sample
    made = paper(model, found.ranges, sample, seed)
    rng = np.random.default_rng(seed)
    for _ in range(2):
        places = {
            letter: int(rng.integers(r.first, in_numbers(r.last, made.sizes) + 1))
            for letter, r in found.ranges.items()
        }
        yield made.at(**places)


def parts_of(found: TensorDerivation, kind: type) -> Iterator[tuple[Section, object]]:
    for section in found.sections:
        for part in section.parts:
            if isinstance(part, kind):
                yield section, part


# Lines --------------------------------------------------------------------------------------------


def is_total(section: Section) -> bool:
    return section.words in ("Entry by entry", "Product")


def left_of(here: Paper, chain: Chain, section: Section) -> float:
    if not is_total(section):
        return here.value(chain.left)
    assert isinstance(chain.left, Op | Sym)
    of, by = ends(chain.left)
    return here.total(*parts(of), *parts(by))


def ends(left: Expr) -> tuple[str, str]:
    if isinstance(left, Sym):
        of, by = left.name[1:].split("/d")
        return of, by
    assert isinstance(left, Op)
    if left.name == "held":
        return ends(left.args[0])
    of_, by_ = left.args
    assert isinstance(of_, Sym)
    assert isinstance(by_, Sym)
    return of_.name, by_.name


def check_chain(here: Paper, section: Section, chain: Chain) -> bool:
    if not all(map(here.holds, chain.conditions)):
        return False
    wanted = left_of(here, chain, section)
    for line in chain.lines:
        got = here.value(line.expr)
        assert got == pytest.approx(wanted, rel=2e-6, abs=2e-7), (section.words, line)
    return True


def here_layout(model: Model) -> str:
    return model.problem.convention.jacobian


def spots(
    rows: tuple[tuple[Expr | Dots, ...], ...],
    free: list[tuple[str, int]],
    here: Paper,
    found: TensorDerivation,
) -> Iterator[tuple[tuple[int, ...], Expr | Dots]]:
    """The numbers of the row and column of each entry that is drawn, and the entry."""
    counts = (len(rows), len(rows[0]))[: len(free)]
    axes = [places(found, here, *each, n) for each, n in zip(free, counts, strict=True)]
    for r, row in enumerate(rows):
        for c, entry in enumerate(row):
            at = [axis[i] for axis, i in zip(axes, (r, c), strict=False)]
            if None in at:
                assert isinstance(entry, Dots)
            else:
                yield tuple(i for i in at if i is not None), entry


def places(
    found: TensorDerivation, here: Paper, letter: str, first: int, count: int
) -> list[int | None]:
    if letter.isdecimal():  # one entry, or a chain for each
        return [int(letter)] if count == 1 else list(range(first, first + count))
    range_ = found.ranges[letter]
    last = in_numbers(range_.last, here.sizes)
    if isinstance(range_.last, int) and range_.last - range_.first < 4:
        assert count == range_.last - range_.first + 1
        return list(range(range_.first, last + 1))
    assert count == 4
    return [range_.first, range_.first + 1, None, last]


def check_array(here: Paper, stated: Stated, wanted: np.ndarray) -> None:
    got = here.array(stated.forms[0])
    assert got.shape == wanted.shape == here.shape(stated.shape)
    np.testing.assert_allclose(got, wanted, rtol=2e-6, atol=2e-7)


def in_layout(here: Paper, of: str, by: str, *, total: bool) -> np.ndarray:
    found = here.jacobian(of, by, total=total)
    if here_layout(here.model) == "numerator":
        return found
    rank = len(here.unsampled(of, here.values[of].shape))
    return np.moveaxis(found, range(rank), range(-rank, 0)) if rank else found
