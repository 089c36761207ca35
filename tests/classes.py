"""A class for tests: its problems, right sheets typed out of a problem's own truth, its folders."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backprop_cli.grading.grader import Grader
from backprop_cli.problem.problem_file import Source
from backprop_cli.solving.loading import loaded

Array = NDArray[np.float64]
PROBLEMS = Path(__file__).resolve().parent.parent / "problems"


def grader_of(text: str) -> Grader:
    return Grader(loaded(Source("problem.yaml", text.encode())).model)


def typed(value: Array, decimals: int = 6) -> str:
    """An array as somebody writes it, rounded."""
    if value.ndim == 0:
        return f"{float(value) + 0.0:.{decimals}f}"
    return f"[{', '.join(typed(part, decimals) for part in value)}]"


def right_answers(grader: Grader, decimals: int = 6) -> dict[str, str]:
    """The answer to each question as it is typed."""
    truth = grader.key.truth
    return {
        question.id: typed(
            truth[question.name]
            if question.index is None
            else truth[question.name][question.index],
            decimals,
        )
        for question in grader.questions
    }


def sheet(answers: Mapping[str, str], student: str = "_") -> str:
    lines = [f"  {name}: {value}" for name, value in answers.items()]
    return "\n".join([f"student: {student}", "answers:", *lines, ""])
