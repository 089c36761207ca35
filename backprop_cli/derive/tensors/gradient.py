"""A question about one derivative to its whole derivation: factors, product, shapes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec.structs import replace

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Op, Sym, symbols, walk
from backprop_cli.algebra.quantity import derivative_id, entry_id
from backprop_cli.calculus.differentiate import shares
from backprop_cli.derive.derivation_data import Chain
from backprop_cli.derive.derivation_nodes import (
    MAX_OVER,
    SUM_OVER,
    NoMoreLettersError,
    moving,
    parts,
    same_but_entries,
)
from backprop_cli.derive.steps.engine import TooLongError
from backprop_cli.derive.tensors.drawn import drawing
from backprop_cli.derive.tensors.factor import direct, factor, factor_name
from backprop_cli.derive.tensors.gradient_data import (
    Factor,
    Part,
    Place,
    Ranges,
    Remark,
    Route,
    Section,
    Stated,
    TensorDerivation,
    Where,
    quotient,
)
from backprop_cli.derive.tensors.product import (
    Edge,
    Walk,
    entry_products,
    fit,
    matrices,
    matrix_product,
    narrowed,
    ordered,
    product_chain,
    products,
    shape_asked,
    shape_of,
    slice_formula,
    walks,
)
from backprop_cli.derive.tensors.setting import Chainwork, Names, Question, TensorError, chainwork
from backprop_cli.notation.function_forms import HELD_FIXED
from backprop_cli.problem.model import Model
from backprop_cli.readings.entries import NoEntryError


def tensor(model: Model, question: Question) -> TensorDerivation:
    """The derivation; TensorError where it cannot be written."""
    try:
        work = chainwork(model, question)
    except NoEntryError as error:
        message = f"no letters can name an entry: {error}"
        raise TensorError(message, "convention: {indices: 1}") from None
    except NoMoreLettersError:
        raise _too_long() from None
    try:
        return _derivation(work)
    except NoEntryError as error:
        message = f"on the way from {question.by} no letters can name an entry: {error}"
        instead = (
            "quantities with no such step between, or --index for the loss's gradients by entries"
        )
        raise TensorError(message, instead) from None
    except (NoMoreLettersError, TooLongError):
        raise _too_long() from None


def _too_long() -> TensorError:
    return TensorError(
        "this derivation would fill pages", "quantities that are closer to one another"
    )


def _derivation(work: Chainwork) -> TensorDerivation:
    whole = {edge: factor(work.setting, *edge) for walk in walks(work) for edge in walk.edges}
    if work.entry:
        paths = narrowed(work, whole)
        factors = {edge: factor(work.setting, *edge) for walk in paths for edge in walk.edges}
        body = [*_entry_sections(work, paths, factors)]
    else:
        paths, factors = walks(work), whole
        body = [*_tensor_sections(work, factors)]
    closing = _closing(work, paths, factors)
    left = quotient(work.of.symbol, work.by.symbol)
    result = _chain_of(closing).result if closing else factors[paths[0].edges[0]].entry
    rest = (*body, *closing, _results(work, left, result))
    return TensorDerivation(
        _asked(work.question.of, work.of, work.question.of_letters),
        _asked(work.question.by, work.by, work.question.by_letters),
        (),
        (*_opening(work, rest), *rest),
        dict(work.indices.ranges),
        left,
        result,
    )


def _chain_of(sections: Sequence[Section]) -> Chain:
    return next(part for section in sections for part in section.parts if isinstance(part, Chain))


# What is given ------------------------------------------------------------------------------------


def _opening(work: Chainwork, rest: Sequence[Section]) -> Iterator[Section]:
    """The equations on the way, each with its shape and its entry, and the letters."""
    names = {name for path in work.paths for name in path[:-1]}
    parts: list[Part] = []
    for equation in work.model.equations:
        if equation.name not in names:
            continue
        shape = work.setting.sizes.names[equation.name]
        parts.append(Stated(Sym(equation.name), (equation.expr,), shape))
        place = work.place(equation.name)
        entry = _entry_of(work, place, equation.expr)
        if entry is not None and (place.letters or not same_but_entries(entry, equation.expr)):
            parts.append(Stated(place.symbol, (entry,)))
    parts += _constants(work, names)
    ranges = _ranges(work, _letters_in(rest) | _letters_in([Section("", tuple(parts))]))
    parts += [ranges] if ranges.letters else []
    yield Section("Equations", tuple(parts))


def _entry_of(work: Chainwork, place: Place, expr: Expr) -> Expr | None:
    """The entry that letters name; None where they name none, as of [a, b]."""
    try:
        return work.setting.write.entry(expr, place.letters, place.name)
    except NoEntryError:
        return None


def _constants(work: Chainwork, names: set[str]) -> Iterator[Remark]:
    """What x₀ stands for where the bias is a row of W."""
    convention = work.model.problem.convention
    for name in dict.fromkeys(_grown(work, names)):
        axis = work.setting.samples.get(name)
        shape = work.setting.shape(name)
        place = "0" if convention.bias == "first" else _next(shape[0], work)
        letters = [place]
        if axis is not None:
            letters.insert(axis, work.setting.sample)
        value = f"{convention.bias_input:g}"
        yield Remark(f"{entry_id(name, letters)} stands for the constant {value} of the bias")


def _next(size: object, work: Chainwork) -> str:
    first = work.setting.write.counting.first
    return str(size + first) if isinstance(size, int) else f"{size}+{first}" if first else str(size)


def _grown(work: Chainwork, names: set[str]) -> Iterator[str]:
    for name, expr in work.model.definitions.items():
        for node in walk(expr) if name in names else ():
            match node:
                case Op("prepend" | "append", (Sym(inner), _)):
                    yield inner


def _ranges(work: Chainwork, used: set[str]) -> Ranges:
    """The letters that appear, those with the same range together."""
    groups: dict[object, list[str]] = {}
    for letter, range_ in work.indices.ranges.items():
        if letter in used:
            groups.setdefault(range_, []).append(letter)
    return Ranges(
        tuple((tuple(letters), work.indices.ranges[letters[0]]) for letters in groups.values())
    )


def _letters_in(sections: Sequence[Section]) -> set[str]:
    """Every index letter in what is printed."""
    found: set[str] = set()
    for section in sections:
        for part in section.parts:
            if isinstance(part, Chain):
                exprs = [part.left, *(each.expr for each in part.lines)]
            elif isinstance(part, Stated):
                exprs = [part.left, *part.forms]
            else:
                continue
            for expr in exprs:
                found |= _letters_of(expr)
    return found


def _letters_of(expr: Expr) -> set[str]:
    places = (place for name in symbols(expr) for place in parts(name)[1] or (name,))
    names = {letter for place in places for letter in moving(place)}
    sums = {
        str(node.option("index"))
        for node in walk(expr)
        if isinstance(node, Op) and node.name in (SUM_OVER, MAX_OVER)
    }
    return names | sums


# Factors ------------------------------------------------------------------------------------------


def _tensor_sections(work: Chainwork, factors: Mapping[Edge, Factor]) -> Iterator[Section]:
    setting = work.setting
    more = tuple(_of_one_sample(work, "the factor is that"))
    if any(len(path) > 2 for path in work.paths) or len(work.paths) > 1:
        yield Section("Chain rule", (products(work), *_remarks(work)))
        more = ()
    done: set[tuple[str, str]] = set()
    for path in work.paths:
        for of, by in ordered(setting, path):
            if (of, by) in done:
                continue
            done.add((of, by))
            section = _factor_section(work, factors[work.place(of), work.place(by)])
            yield replace(section, parts=(*section.parts, *more))


def _remarks(work: Chainwork) -> Iterator[Remark]:
    if work.setting.denominator and any(len(path) > 2 for path in work.paths):
        yield Remark("denominator layout: the factors stand from the inside out")
    yield from _of_one_sample(work, "the factors are those")
    if any(direct(path, work.model.definitions) for path in work.paths):
        yield Remark(HELD_FIXED)


def _of_one_sample(work: Chainwork, what: str) -> Iterator[Remark]:
    used = {name for path in work.paths for name in path}
    letter = work.setting.sample
    if used & work.setting.samples.keys() and not letter.isdecimal():
        yield Remark(f"samples do not act on one another: {what} of sample {letter}")


def _factor_section(work: Chainwork, found: Factor) -> Section:
    setting = work.setting
    of, by = found.of.name, found.by.name
    name = factor_name(Sym(of), Sym(by), setting.definitions)
    parts = _steps(found)
    drawn = drawing(setting, found, work.indices.ranges)
    if drawn is not None:
        parts.append(drawn)
    if found.matrix is not None:
        parts.append(Stated(name, (found.matrix,), shape_of(setting, of, by)))
    return Section("Factor", tuple(parts), name, shape_of(setting, of, by))


def _steps(found: Factor) -> list[Part]:
    """How a factor comes about."""
    return [*([Remark(found.words)] if found.words else []), *found.chains]


def _entry_sections(
    work: Chainwork, paths: Sequence[Walk], factors: Mapping[Edge, Factor]
) -> Iterator[Section]:
    """The ways through the network, and each factor of single entries."""
    routes: list[Part] = [
        Route(tuple(place.symbol for place in walk.places[::-1]), walk.sums) for walk in paths
    ]
    yield Section("One path" if len(paths) == 1 else f"{len(paths)} paths", tuple(routes))
    done: set[Edge] = set()
    for walk_ in paths:
        for edge in walk_.edges[::-1]:
            if edge not in done:
                done.add(edge)
                of, by = edge
                left = factor_name(of.symbol, by.symbol, work.setting.definitions)
                yield Section("Factor", tuple(_steps(factors[edge])), left)


# The product --------------------------------------------------------------------------------------


def _closing(
    work: Chainwork, paths: Sequence[Walk], factors: Mapping[Edge, Factor]
) -> list[Section]:
    question = work.question
    if len(paths) == 1 and len(paths[0].edges) == 1:
        return []
    chain = product_chain(work, paths, factors)
    if work.entry:
        found = [Section("Product", (chain,), chain.left)]
        if not question.of_letters and work.of.letters:
            said = _of_one_sample(work, "the factors are those")
            found.append(Section("All entries", (entry_products(work, paths), *said)))
        return found
    sized = [path for path in work.paths if any(map(work.setting.sizes.names.get, path))]
    if not sized:  # numbers have no entries and no shapes
        return [Section("Product", (chain,), chain.left)]
    return [
        *_matrix_section(work, factors),
        Section("Entry by entry", (chain,), chain.left),
        *_whole(work, factors),
        Section("Check of the shapes", tuple(_fits(work, sized))),
    ]


def _results(work: Chainwork, left: Expr, result: Expr) -> Section:
    """The last formula once more, the shape of it all above it."""
    question = work.question
    parts: list[Part] = [Stated(left, (result,))]
    both = question.of in work.setting.samples and question.by in work.setting.samples
    if both and not work.entry and not work.setting.sample.isdecimal():
        parts.append(Remark("a block for each sample; between two samples it is 0"))
    of = _asked(question.of, work.of, question.of_letters)
    by = _asked(question.by, work.by, question.by_letters)
    return Section("Result", tuple(parts), quotient(of, by), shape_asked(work))


def _asked(name: str, place: Place, typed: Sequence[str]) -> Sym:
    """The quantity, or the entry of it that was asked for."""
    return place.symbol if typed else Sym(name)


def _matrix_section(work: Chainwork, factors: Mapping[Edge, Factor]) -> Iterator[Section]:
    """Products of matrices, where a path has two or more in a row."""
    parts: list[Part] = []
    for path in work.paths:
        named = {(of.name, by.name): found for (of, by), found in factors.items()}
        names = matrices(path, named)
        if len(names) > 2 and len(work.paths) == 1:
            parts.append(matrix_product(work.setting, names, named))
    if parts:
        yield Section("The matrices multiplied", tuple(parts))


def _whole(work: Chainwork, factors: Mapping[Edge, Factor]) -> Iterator[Section]:
    """The gradient as a formula over whole arrays: by pulling back, or slice by slice."""
    question, setting = work.question, work.setting
    left = quotient(Sym(question.of), Sym(question.by))
    if setting.sizes.names[question.of] == ():
        pulled = _pulled_back(work, factors)
        if pulled is not None:
            shape = setting.sizes.names[question.by]
            yield Section("As arrays", (Stated(left, (pulled,), shape, alone=True),))
        return
    if len(work.paths) != 1 or len(work.paths[0]) < 3 or setting.sample in work.between:
        return  # the slice of one sample alone is no slice of a sum over them
    *_, last, by = work.paths[0]
    edge = factors[work.place(last), work.place(by)]
    found = slice_formula(setting, edge, work.of)
    if found is not None:
        row, matrix = quotient(work.of.symbol, Sym(last)), quotient(Sym(question.of), Sym(last))
        assert isinstance(matrix, Sym)
        line = "column" if setting.denominator else "row"
        letter = setting.unsampled(question.of, work.of.letters)[0]
        yield Section(
            "Slice by slice",
            (
                Stated(found[0], (found[1],), setting.shape(by)),
                Where(row, f"{line} {letter} of", matrix, setting.shape(last)),
            ),
        )


def _pulled_back(work: Chainwork, factors: Mapping[Edge, Factor]) -> Expr | None:
    """The gradient of a number, from those of what is made from the variable directly."""
    question = work.question
    total: Expr = build.ZERO
    for name in dict.fromkeys(path[-2] for path in work.paths):
        upstream_name = derivative_id(question.of, name)
        alone = name == question.of or _is_added(work, factors, name)
        upstream = build.ONE if alone else Sym(upstream_name)
        shapes = {**work.setting.sizes.names, upstream_name: work.setting.sizes.names[name]}
        sizes = replace(work.setting.sizes, names=shapes)
        for used, share in shares(work.model.definitions[name], upstream, Sym(name), sizes):
            if used == question.by:
                total = build.add(total, share)
    return total


def _is_added(work: Chainwork, factors: Mapping[Edge, Factor], name: str) -> bool:
    """Whether a number is a term of what is differentiated, and acts through nothing else."""
    of, by = work.question.of, work.question.by
    if work.setting.sizes.names[name] != ():
        return False
    if any(path != (of, name, by) for path in work.paths if path[-2] == name):
        return False
    return factors[work.place(of), work.place(name)].entry == build.ONE


def _fits(work: Chainwork, paths: Sequence[Names]) -> Iterator[Part]:
    setting, question = work.setting, work.question
    for path in paths:
        yield fit(setting, path)
    if setting.sample.isdecimal():
        return
    if {question.of, question.by} & setting.samples.keys():
        yield Remark(f"and this for every sample {setting.sample}")
    elif setting.sample in work.between:
        yield Remark(f"and the sum of these over the samples {setting.sample}")
