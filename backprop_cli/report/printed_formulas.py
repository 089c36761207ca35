"""A problem and the id of a quantity -> its formula as `solve` prints it, on one line."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from backprop_cli.algebra.quantity import plain_id, quantity

if TYPE_CHECKING:
    from backprop_cli.grading.grader import Grader
    from backprop_cli.grading.judging.stages import Stage


class PrintedFormulas:
    """Gives the formulas of a problem, made when one is first shown. Picklable."""

    def __init__(self, grader: Grader, in_ascii: bool) -> None:
        self._grader = grader
        self._in_ascii = in_ascii
        self._known: dict[str, str | None] = {}

    def __reduce__(self) -> tuple[type[PrintedFormulas], tuple[Grader, bool]]:
        return PrintedFormulas, (self._grader, self._in_ascii)

    def __call__(self, id: str) -> str | None:
        if id not in self._known:
            step = quantity(id).step
            writer = self._writers.get(step)
            formula = None if writer is None else writer(plain_id(id))
            self._known[id] = f"step {step}: {formula}" if step != 1 and formula else formula
        return self._known[id]

    @cached_property
    def _writers(self) -> dict[int, Callable[[str], str | None]]:
        return {stage.number: self._writer(stage) for stage in self._grader.stages}

    def _writer(self, stage: Stage) -> Callable[[str], str | None]:
        from backprop_cli.document.names import Names, formulas  # where a formula is shown
        from backprop_cli.document.view import View, as_written

        model, steps = stage.model, stage.steps
        view = as_written(model.problem, View(ascii=self._in_ascii))
        names = Names(
            view.notation,
            view.layers,
            model.samples is not None,
            self._in_ascii,
            frozenset((*model.given, *steps)),
        )
        exprs = {id: step.expr for id, step in steps.items()}
        return formulas(exprs, stage.plan.shapes, names, view)
