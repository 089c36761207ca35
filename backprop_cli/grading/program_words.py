"""What is said of an array: its name in the program, its line in the derivation, the factor."""

from __future__ import annotations

from backprop_cli.grading.report_data import Verdict
from backprop_cli.grading.tolerance.floating import FloatType

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
