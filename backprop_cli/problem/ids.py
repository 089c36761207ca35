"""What people call a quantity to its id: aliases, signs, upper and lower case."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from backprop_cli.algebra.expr import Sym
from backprop_cli.algebra.greek import GREEK, SHORTENED
from backprop_cli.algebra.quantity import (
    LAYER_LETTERS,
    derivative_id,
    entry_id,
    layer_name,
    new_id,
    quantity,
    step_id,
    step_of,
    typed_derivative,
    typed_entry,
    typed_step,
    without_layer,
)
from backprop_cli.errors import HintedError
from backprop_cli.operations.updates import Terms
from backprop_cli.problem.text.lexer import is_name
from backprop_cli.problem.typed_numbers import shown

_delta = partial(re.fullmatch, r"(?:delta|δ)_?(\d+)", flags=re.IGNORECASE)
_PREFIXES = ("∇", "nabla_", "nabla", "gradient_", "grad_", "grad")
_LOSSES = frozenset("E J C L".split())  # a small e is the error y − ŷ
_LOSS_WORDS = frozenset(
    "loss cost e_total etotal total_loss total_error total_cost sse mse".split()
)
_LONGEST = 40  # characters of a name that could be meant
_MOST = 12  # names that a message lists
_SIGNS = (
    str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹₀₁₂₃₄₅₆₇₈₉", "01234567890123456789")
    | str.maketrans("∂′’⁺", "d'''")
    | {ord("⁽"): "_", ord("⁾"): None}
    | {ord(letter): word for word, letter in GREEK.items()}
)


class UnknownIdError(HintedError):
    """A name that is no quantity, or several; `instead` says which there are."""


class Reference(Struct, frozen=True):
    """A quantity, one entry of it (its indices as written) or all, after which update."""

    id: str
    index: tuple[int, ...] | None = None
    step: int = 1

    @property
    def whole(self) -> str:
        """The id of the quantity on a sheet: that of a later step has its number."""
        return step_id(self.id, self.step)

    @property
    def text(self) -> str:
        """The same of the entry, where it is one."""
        return step_id(entry_id(self.id, self.index or ()), self.step)


def reference(
    text: str, known: Collection[str], gradient_of: str, aliases: Mapping[str, str]
) -> Reference:
    """The quantity that `text` names; UnknownIdError where there is none or more than one.

    `known` are the ids; `gradient_of` stands on top of gradients; `aliases` are the second names of
    quantities of a network (empty for equations, whose names are their own).
    """
    try:
        return _read(text, known, gradient_of, aliases)
    except UnknownIdError as unknown:
        several = _separate(text.strip()[: _MOST * _LONGEST])
        try:
            found = [_read(each, known, gradient_of, aliases) for each in several]
        except UnknownIdError:
            raise unknown from None
    message = f"{shown(text)} are {len(found)} quantities, and no list of them"
    raise UnknownIdError(message, f"[{', '.join(map(_quoted, several))}]")


_raised = partial(
    re.sub,
    r"""(?x)
    \^ \{? ([(\[])? (\d+) (?(1)[)\]]) \}?  # Z^1, Z^{(1)}, Z^[1]
    | (?<=[^\W\d_]) ⁽ ([⁰¹²³⁴⁵⁶⁷⁸⁹]+) ⁾    # Z⁽¹⁾, and not W²⁽¹⁾, which is what a skip has
    """,
)
"""The number of a layer as courses raise it."""

_LATEX: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), instead)
    for pattern, instead in (
        (r"\\(?:math\w+|boldsymbol|bm|vec|text)\s*\{(\w+)\}", r"\1"),
        (r"\\(?:left|right)\b\s*|[$]|\\[,;]", ""),
        (r"\\[dt]?frac\s*\{(.{1,20})\}\s*\{(?=\s*(?:\\partial|d))(.{1,40})\}", r"\1/\2"),
        (r"\\nabla\s*_\s*(?:\{([^{}]*(?:\{[^{}]*\})?[^{}]*)\}|(\w))\s*\w*", r"d\1\2"),
        (r"\\partial\s*|\\nabla\s*", "d"),
        (r"\\(?:hat|widehat)\s*\{?\s*(\w+)\s*\}?", r"\1hat"),
        (r"\\(delta|alpha|beta|gamma|mu|sigma|theta)\b\s*", r"\1"),
        (r"_\s*\{(\w+)\}", r"_\1"),
        (r"\s*/\s*", "/"),
    )
)


def plain_spelling(name: str) -> str:
    """W2 for W^{(2)}, and dL/dW2 for \\frac{\\partial L}{\\partial W^{(2)}}."""
    if "\\" in name and len(name) <= 2 * _LONGEST:
        for pattern, instead in _LATEX:
            name = pattern.sub(instead, name)
    return _raised(lambda found: found[2] or found[3], name.strip())


_separate = partial(re.split, r"[\s,;]+(?![^\[]*\])")
"""Names by themselves that stand in one text; an index has commas, too."""


def _quoted(name: str) -> str:
    return f"'{name}'" if "[" in name else name


def _read(
    text: str, known: Collection[str], gradient_of: str, aliases: Mapping[str, str]
) -> Reference:
    if (name := text.strip()) in known:
        return Reference(name)
    if (plain := plain_spelling(name)) != name:
        with suppress(UnknownIdError):  # else it is the name as it was typed that is unknown
            return _read(plain, known, gradient_of, aliases)
    name, places = typed_entry(name)
    index = None if places is None else _index(places, text)
    name, step = typed_step(name)
    if step == 0:
        raise UnknownIdError(f"{shown(text)}: steps count from 1", f"{name}@1")
    return Reference(_resolved(name, known, gradient_of, aliases), index, step)


def names_said(name: str, known: Collection[str], what: str) -> tuple[str, str | None]:
    """That there is no such name, and what could be written instead."""
    if (several := [each.strip() for each in name.split(",")])[1:] and set(several) <= {*known}:
        return f"{shown(name)} are {what}s, and no list of them", f"[{', '.join(several)}]"
    near = near_names(name, known)
    meant = f"; did you mean `{near[0]}`?" if len(near) == 1 else ""
    return f"there is no {what} {shown(name)}{meant}", " or ".join(near) or listed(known)


def near_names(name: str, known: Collection[str]) -> list[str]:
    """Those of `known` that were probably meant, in their order."""
    if len(name) > _LONGEST:
        return []
    folded: dict[str, str] = {}
    for id in known:
        folded.setdefault(id.casefold(), id)
    from difflib import get_close_matches

    near = {folded[text] for text in get_close_matches(name.casefold(), folded, 3, 0.7)}
    return [id for id in known if id in near]


def listed(known: Collection[str]) -> str | None:
    """The names there are, as many as one can take in."""
    names = ", ".join([*known][:_MOST]) + (", …" if len(known) > _MOST else "")
    return f"one of {names}" if len(known) > 1 else names or None


def _index(text: str, whole: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdecimal() and len(part) < 10 for part in parts):
        message = f"{shown(text)} in {shown(whole)} is not an index"
        raise UnknownIdError(message, "whole numbers, such as [2,1]")
    return tuple(int(part) for part in parts)


def _resolved(
    name: str, known: Collection[str], gradient_of: str, aliases: Mapping[str, str]
) -> str:
    """The id: as written, else by an alias, else in other letters; each only if there is one."""
    if name in known:
        return name
    if len(name) <= _LONGEST:
        spellings = set(_spellings(name, gradient_of, aliases))
        for same in (_same, _same_letters):
            found = _matching(spellings, known, aliases, same)
            if len(found) == 1 and _of_others(found[0], spellings, known):
                break
            if len(found) == 1:
                return found[0]
            if found:
                message = f"{shown(name)} may mean several quantities"
                raise UnknownIdError(message, " or ".join(found[:_MOST]))
        if (loss := _by_the_loss(name, known, gradient_of, aliases)) is not None:
            return loss
    message, instead = names_said(name, known, "quantity")
    raise UnknownIdError(message, instead)


def _by_the_loss(
    name: str, known: Collection[str], gradient_of: str, aliases: Mapping[str, str]
) -> str | None:
    """∂E/∂W and ∂J/∂W are ∂L/∂W where nothing is called E or J, and E is L in a network."""
    of, by = typed_derivative(in_letters(name)) or (name, "")
    called = bool(by) and of.casefold() == "error"  # which alone may be y − ŷ
    losses = _is_loss(gradient_of) and (called or _is_loss(of))
    if not losses or _matching({of}, known, aliases, _same_letters):
        return None
    if not by:
        return gradient_of if aliases and gradient_of in known else None
    wanted = derivative_id(gradient_of, by)
    if wanted == name:
        return None
    try:
        return _resolved(wanted, known, gradient_of, aliases)
    except UnknownIdError:
        return None


def _is_loss(name: str) -> bool:
    return name in _LOSSES or name.casefold() in _LOSS_WORDS


def loss_gradient_of(text: str) -> str | None:
    """The quantity whose gradient of a loss `text` is: h of ∂L/∂h or dE/dh."""
    of, by = typed_derivative(text) or ("", "")
    return by if _is_loss(of) and is_name(by) else None


def said_of_gradient(text: str, value: str = "") -> tuple[str, str] | None:
    """What to say of a gradient where something is given or defined, and what to write instead."""
    if (by := loss_gradient_of(text)) is None:
        return None
    are_numbers = value[:1] == "["
    given = f"upstream: {{{by}: {value if are_numbers else '…'}}}"
    if not are_numbers:
        given = f"{given} for one that is given, or leave it out: it follows from the model"
    return f"{shown(text)} is a gradient, and no name of a value or an equation", given


def _of_others(id: str, spellings: set[str], known: Collection[str]) -> bool:
    """Whether a spelling of it names other quantities: dL/dO is not dL/do where there is an O.

    Nor is dL/dU what is called dL/du where there are u_1, u_2, … of the steps in time.
    """
    names = {*known, *(found[0] for id in known if (found := step_of(id)) is not None)}
    return any(
        own != other and own in names
        for spelling in spellings
        if _same_letters(spelling) == _same_letters(id)
        for own, other in zip(_parts(spelling), _parts(id), strict=True)
    )


def _parts(id: str) -> tuple[str, str]:
    read = quantity(id)
    return read.name, read.by


def _matching(
    spellings: set[str],
    known: Collection[str],
    aliases: Mapping[str, str],
    same: Callable[[str], str],
) -> list[str]:
    """The ids that one of the spellings is, or else is but for the number of its layer."""
    wanted = {same(spelling) for spelling in spellings}
    found = [id for id in known if same(id) in wanted]
    if found or not aliases:
        return found
    return [id for id in known if wanted.intersection(map(same, _unnumbered(id)))]


def _same(name: str) -> str:
    return name


def _same_letters(name: str) -> str:
    return name.casefold()


def _unnumbered(id: str) -> Iterator[str]:
    """dH1/dZ1 as dH/dZ, dH/dZ1, dH1/dZ: what it is called where there is one such layer."""
    read = quantity(id)
    name, by = without_layer(read.name), without_layer(read.by)
    yield replace(read, name=name, by=by).id
    yield replace(read, name=name).id
    yield replace(read, by=by).id


# Spellings --------------------------------------------------------------------------------------


def _spellings(name: str, gradient_of: str, aliases: Mapping[str, str]) -> Iterator[str]:
    """What a name may be written for, in ids' own letters."""
    plain = _primed(in_letters(name))
    yield _renamed(in_letters(name), aliases)
    yield _renamed(plain, aliases)
    yield _renamed(plain.replace("_hat", "hat"), aliases)
    if aliases and (layer := _delta(plain)):  # of networks, as every course writes ∂L/∂Z
        yield derivative_id(gradient_of, f"Z{layer[1]}")
    for short, long in SHORTENED.items():  # printed λ, and called lam in the file
        if GREEK[long] in name:
            yield from _spellings(name.replace(GREEK[long], short), gradient_of, aliases)
    for prefix in (*_PREFIXES, "d"):
        of = plain[len(prefix) :].lstrip("_")
        if of and plain.casefold().startswith(prefix) and "/" not in of:
            yield derivative_id(gradient_of, _renamed(of, aliases))
    if found := typed_derivative(plain):
        yield derivative_id(*(_renamed(part, aliases) for part in found))


def _renamed(name: str, aliases: Mapping[str, str]) -> str:
    """A second name replaced by the first, whatever ends it: H2_new is Yhat_new.

    In other letters, too, but that Z1 is an id of its own where z1 is what the file calls H1.
    """
    read = quantity(name)
    first = aliases.get(read.name)
    if first is None and getattr(layer_name(read.name), "letter", "") not in LAYER_LETTERS:
        folded = {alias.casefold(): first for alias, first in aliases.items()}
        first = folded.get(read.name.casefold())
    return name if first is None or read.by else replace(read, name=first).id


_after = partial(
    re.fullmatch, r"(?:new|updated)_?(.+)|(.+?)(?:'+|\^?\+|_?[({^]*(?:new|updated)[)}]*)"
)


def _primed(name: str) -> str:
    """W1', W1+, W1(new), W^{new} and newW1 are W1_new."""
    found = _after(name)
    return new_id(found[1] or found[2]) if found else name


_quotient = partial(re.sub, r"(?i)^d(?:(L|J|E|C|loss|cost|error)_?|(\w+?)_)d(?=[^\W\d_])")
"""dL_dW1, dLdW1: a derivative in a name of Python's, which has no stroke."""


def in_letters(name: str) -> str:
    """Ŷ as Yhat, ∂ as d, μ as mu, σ² as var, digits as digits, dL_dW1 as dL/dW1."""
    plain = name.replace("σ²⁽", "var").replace("σ²", "var").translate(_SIGNS)
    decomposed = unicodedata.normalize("NFD", plain)
    return _quotient(r"d\1\2/d", "".join(decomposed.replace("\u0302", "hat").split()))


NAMED = Terms(Sym("gradient"), Sym, Sym, Sym)
"""Asked only for which states a rule has."""


def taken(name: str) -> tuple[str, str] | None:
    """Why no quantity of a file may be called so, and what it may be called."""
    found = quantity(name)
    if found.part not in ("new", "change", "ahead"):
        return None
    return f"names that end in `_{found.part}` are taken: the update makes them", found.name
