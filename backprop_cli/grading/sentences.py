"""A verdict to the sentences that explain it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from backprop_cli.grading.judging.answer_key import Judged
from backprop_cli.grading.judging.judge import Judge
from backprop_cli.grading.report_data import Index, Origin, Verdict
from backprop_cli.grading.sheets.typed_arrays import Array
from backprop_cli.grading.slips.table_of_slips import GENERAL, SLIP_WORDS
from backprop_cli.grading.slips.values_alone import copied_from
from backprop_cli.operations.masks import every
from backprop_cli.readings.units import FloatType, Unit

_OPPOSITE = frozenset({"sign-flipped", "targets-swapped", "ascent"})
_IMPLIED = {"sign-lost": _OPPOSITE, "units-exchanged": _OPPOSITE}
"""Slips that need no mention beside one of these. That a value was copied needs none at all beside
the known mistake that leads to the same value."""

_SMALL = 6  # values named in an explanation have at most so many entries


def telling(slips: Sequence[str]) -> tuple[str, ...]:
    """The slips worth telling a person, of those that explain a quantity."""
    causes = {slip for slip in slips if slip not in ("copied", "sign-lost")}
    implied = {slip for slip, others in _IMPLIED.items() if others & causes}
    implied |= {"copied"} if causes - GENERAL else set()
    return tuple(slip for slip in slips if slip not in implied)


TOO_SHORT = "right at its digits, which are too few to prove anything"


def message(
    judge: Judge,
    name: str,
    verdict: Verdict,
    slips: Sequence[str],
    origin: Origin | None,
    reason: str | None,
) -> str:
    """What happened to a quantity that can be compared, without the right value."""
    if verdict == "wrong":
        if slips:
            words = " Or: ".join(_sentence(judge, name, slip) for slip in telling(slips))
            return words if origin is None else f"In {origin.id}, not {_where(judge)}: {words}"
        if reason == TOO_SHORT:
            return f"{reason}; {_wanted(judge)}"
        if reason is not None:
            return reason
        earlier = "the program's other arrays" if judge.key.computed else "your earlier values"
        return f"neither right nor what follows from {earlier}"
    if verdict == "carried":
        return _follows(_wrong_sources(judge, name))
    if verdict == "imprecise":
        if judge.judged[name].follows:
            return f"{_follows(_wrong_sources(judge, name))}; {_wanted(judge)}"
        return _wanted(judge)
    if verdict == "not-judged":
        return reason or "cannot be judged"
    return ""


def _where(judge: Judge) -> str:
    return "among the arrays" if judge.key.computed else "on the sheet"


def _sentence(judge: Judge, name: str, slip: str) -> str:
    sources = copied_from(judge, name) if slip == "copied" else []
    return f"These are the values of {sources[0]}." if sources else SLIP_WORDS[slip].sentence


def _wanted(judge: Judge) -> str:
    said = "assumed, since none are asked" if judge.key.assumed else "asked"
    return f"at least {_asked(judge.key.unit)} are {said}"


def _asked(unit: Unit) -> str:
    word = "significant digit" if unit.significant else "decimal"
    return f"{unit.count} {word}{'s' if unit.count != 1 else ''}"


def _follows(sources: Sequence[str]) -> str:
    """`follows from your Z1 and b2: repair those first, then this`."""
    if not sources:
        return "follows from your earlier values: repair those first, then this"
    *most, last = sources
    names = f"{', '.join(most)} and {last}" if most else last
    return f"follows from your {names}: repair {'those' if most else 'that'} first, then this"


def _wrong_sources(judge: Judge, name: str) -> list[str]:
    return [
        source
        for source in judge.key.formulas
        if source in judge.sources(name)
        and source in judge.judged
        and not every(judge.judged[source].verdicts == "correct")
    ]


def explanation(
    judge: Judge, name: str, judged: Judged, asked: Index | None, person: Callable[[Index], Index]
) -> str | None:
    """The interval that decided, where it first did: `anything from 0.6149 to 0.6165`.

    Where not all is right, it is said of which entry, as a `person` counts.
    """
    if judged.decided_by is None:
        return None
    low, high = judged.decided_by
    accepted = np.argwhere((judged.verdicts == "carried") | (judged.how == "carried-rounding"))
    places: list[Index] = [tuple(place) for place in accepted.tolist()]
    if not (places := [place for place in places if asked in (None, place)]):
        return None
    place = places[0]
    whole = asked is not None or every(judged.verdicts == judged.verdicts[place])
    entry = "" if whole else f"[{','.join(map(str, person(place)))}] "
    typed = judge.written[name].value[place]
    sources = [
        f"{source} = {_short(judge.written[source].value)}"
        for source in sorted(judge.sources(name))
        if source in judge.written
        and judge.written[source].value.size <= _SMALL
        and judge.written[source].complete
    ]
    own = f"with your {' and '.join(sources)}, " if sources else ""
    says, does = ("is right", "is") if judged.how[place] else ("follows", "does")
    span = f"anything from {low[place]:.6g} to {high[place]:.6g} {does}"
    return f"{entry}{typed:g} {says}: {own}{span}"


def _short(value: Array) -> str:
    return " ".join(f"{number:g}" for number in value.ravel())


def expected(truth: Array, index: tuple[int, ...] | None, unit: Unit) -> str:
    """The right value as text, at the digits asked."""
    value = truth if index is None else np.asarray(truth[index])
    if value.size > 400:
        return "…"
    rows = value if value.ndim == 2 else value.reshape(1, -1)
    return "; ".join(" ".join(_digits(float(number), unit) for number in row) for row in rows)


def _digits(number: float, unit: Unit) -> str:
    if unit.significant:
        return f"{number:.{unit.count}g}"
    return f"{number:.{unit.count}f}"


# Of programs --------------------------------------------------------------------------------------


_SAID = frozenset({"wrong", "invalid", "carried", "not-judged"})
_NEAR = 1e-4


def about(called: str, line: str, verdict: Verdict, words: str) -> str:
    """The sentence with the array and the line of the derivation that it is about."""
    if not words or verdict not in _SAID:
        return words
    return f"{called} ({line}): {words}" if line != called else f"{called}: {words}"


def factor(ratio: float | None, samples: int | None) -> str:
    """In how many times the right size every entry is; nothing where there is no such number."""
    if ratio is None:
        return ""
    size, sign = abs(ratio), "−" if ratio < 0 else ""
    whole = next((n for n in (size, 1 / size) if abs(n - round(n)) < _NEAR * n), None)
    if whole is None:
        return f"every entry is {sign}{size:.5g} × the right one"
    number = round(whole)
    if number == 1:
        return ""
    of = f" ({number} is the number of samples)" if number == samples else ""
    times = f"{sign}{number} ×" if size > 1 else f"{sign}1/{number} of"
    return f"every entry is {times} the right one{of}"


def tolerances(kind: FloatType, least: float, most: float) -> str:
    """How near to the right value an array has to be."""
    if kind.rtol is not None:
        return f"compared within {kind.rtol:g} of the largest entry (grading: rtol)"
    span = f"{least:.1g}" if f"{least:.1g}" == f"{most:.1g}" else f"{least:.1g} to {most:.1g}"
    return (
        f"computed in {kind.name}: compared within {span} of the largest entry of each array,"
        " the more the longer the sums behind it are"
    )
