"""A problem -> the same in conventions that its file does not state, in which a sheet may be read.

Who writes ∂L/∂Z of each sample's own loss, and brings in 1/M with ∂L/∂W, is as right as who has it
in ∂L/∂Z already, unless the file says which is meant. So is who shares a gradient among equal
maxima. A sheet is read in one convention, all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from backprop_cli.algebra.expr import Op, walk
from backprop_cli.errors import Complaints
from backprop_cli.grading.report_data import Result
from backprop_cli.problem.model import Model
from backprop_cli.problem.network import built_model
from backprop_cli.problem.problem_data import Convention


class Other(Struct, frozen=True):
    """A model in another convention, and what to say of a sheet that is read in it.

    `shown` tells from the results whether a sheet shows that it is written in it, and did not lose
    a factor instead.
    """

    model: Model
    words: str
    shown: Callable[[Model, Sequence[Result]], bool]


def others(model: Model, *, programs: bool) -> Iterator[Other]:
    """The same problem in each convention that is not stated and changes anything.

    `programs`: a mask `x == x.max()` gives all of the gradient to each of several maxima.
    """
    said = model.problem.convention
    if _has_mean(model) and "batch_gradients" not in said.stated:
        yield from _other(
            model,
            replace(said, batch_gradients="per-sample"),
            "read with gradients of each sample's own loss (batch_gradients: per-sample): 1/M comes"
            " in with the gradients of the parameters",
            _has_parameter_gradient,
        )
    if _has_maximum(model) and "max" not in said.stated:
        for how, words in _EQUAL_MAXIMA.items():
            if programs or how == "shared":
                kinks = replace(said.kinks, max=how)
                yield from _other(model, replace(said, kinks=kinks), words, lambda *_: True)


_EQUAL_MAXIMA: Mapping[float | Literal["shared"], str] = MappingProxyType({
    "shared": "read with the gradient shared among equal maxima (kinks: {max: shared})",
    1: "read with all of the gradient given to each of equal maxima (kinks: {max: 1})",
})  # fmt: skip
_MAXIMA = frozenset({"max", "max_pool"})


def _other(
    model: Model,
    convention: Convention,
    words: str,
    shown: Callable[[Model, Sequence[Result]], bool],
) -> Iterator[Other]:
    built = built_model(replace(model.problem, convention=convention), Complaints())
    if built is not None and built.model is not None:
        yield Other(built.model, words, shown)


def _has_mean(model: Model) -> bool:
    """Whether 1/M may be brought in later: the courses that do so write samples as columns.

    With samples as rows, everybody divides at once, and 1/M left out there is a mistake.
    """
    problem = model.problem
    if problem.convention.rows:
        return False
    batch = model.samples is not None and problem.layers is not None
    return batch and problem.loss is not None and problem.loss.over_samples == "mean"


def _has_maximum(model: Model) -> bool:
    nodes = (node for expr in model.definitions.values() for node in walk(expr))
    return any(isinstance(node, Op) and node.name in _MAXIMA for node in nodes)


def _has_parameter_gradient(model: Model, results: Sequence[Result]) -> bool:
    """Whether some gradient of a parameter is right: there both conventions are the same."""
    gradients = {model.gradient(name) for name in model.trained}
    return any(
        result.id in gradients and result.verdict == "correct" and _says_something(result)
        for result in results
    )


def _says_something(result: Result) -> bool:
    return any(any(c in "123456789" for c in entry.typed or "") for entry in result.entries)


def fewest_wrong(found: Mapping[int, Sequence[Result]]) -> int:
    """The reading with the fewest wrong quantities, the first of several.

    What is right as the file states it is made wrong by no other reading.
    """
    right = {result.id for result in found[0] if result.verdict == "correct"}
    fair = [place for place in found if not right & wrong(found[place])]
    return min(fair, key=lambda place: (len(wrong(found[place])), place))


def wrong(results: Sequence[Result]) -> set[str]:
    """The quantities that are wrong."""
    return {result.id for result in results if result.verdict == "wrong"}
