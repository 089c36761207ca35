"""A problem to a question of PrairieLearn: its files, numbers drawn for it, boxes marked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any, TypeAlias
from uuid import NAMESPACE_URL, uuid5

from backprop_cli.classroom.exercise_sheet import given_part
from backprop_cli.classroom.exports.answer_boxes import Box, Boxes, boxes_of
from backprop_cli.classroom.variants import Varied
from backprop_cli.document.view import View, as_written
from backprop_cli.errors import UserError
from backprop_cli.formats.html_page import fragment
from backprop_cli.formats.registry import written
from backprop_cli.grading.grader import Desk
from backprop_cli.grading.judging.answer_key import share
from backprop_cli.grading.report_data import Submission
from backprop_cli.grading.slips.table_of_slips import SLIP_WORDS
from backprop_cli.grading.summary import summarised
from backprop_cli.problem.problem_file import Source
from backprop_cli.report.formats import rendered
from backprop_cli.report.settings import Settings
from backprop_cli.said.solved import of_solution
from backprop_cli.solving.loading import Loaded, loaded
from backprop_cli.solving.solution import solve

PROBLEM = "problem.yaml"

_SERVER = '''"""Draws the numbers of each variant, and grades: backprop is in serverFilesCourse."""

from backprop_cli.classroom.exports import prairielearn_server


def generate(data):
    """Draws the numbers of a variant, as `backprop vary` does."""
    prairielearn_server.generate(data)


def grade(data):
    """Marks every box as `backprop check` does, and says which slip it was."""
    prairielearn_server.grade(data)
'''


def prairielearn_files(loaded: Loaded) -> dict[str, str]:
    """The text of each file of the question, by name."""
    boxes = boxes_of(loaded)
    text = loaded.source.data.decode("utf-8")
    return {
        "info.json": _info(loaded, text),
        "question.html": "\n".join(_question(boxes)) + "\n",
        "server.py": _SERVER,
        PROBLEM: text,
    }


def _info(loaded: Loaded, text: str) -> str:
    said = {
        "uuid": _uuid(text),
        "title": loaded.model.problem.title or "Backpropagation",
        "topic": "Backpropagation",
        "tags": ["backprop"],
        "type": "v3",
        "singleVariant": not varies(loaded),
    }
    return json.dumps(said, indent=2, ensure_ascii=False) + "\n"


def _uuid(text: str) -> str:
    """The same for the same problem, in the form that version 4 has."""
    plain = uuid5(NAMESPACE_URL, text).hex
    return f"{plain[:8]}-{plain[8:12]}-4{plain[13:16]}-8{plain[17:20]}-{plain[20:]}"


def varies(loaded: Loaded) -> bool:
    """Whether any number of the problem may be another one."""
    try:
        Varied(loaded)
    except UserError:
        return False
    return True


def _question(boxes: list[Boxes]) -> Iterator[str]:
    yield "<pl-question-panel>{{{params.exercise}}}</pl-question-panel>"
    for one in boxes:
        yield one.heading
        yield one.table(_input)
    yield "<pl-submission-panel>{{{feedback.backprop}}}</pl-submission-panel>"
    yield "<pl-answer-panel>{{{params.solution}}}</pl-answer-panel>"


def _input(box: Box) -> str:
    return (
        f'<pl-string-input answers-name="{box.name}" aria-label="{escape(box.called)}" size="8"'
        ' display="inline" allow-blank="true" show-help-text="false"></pl-string-input>'
    )


Data: TypeAlias = dict[str, Any]


def generate(data: Data) -> None:
    """Draws the numbers of a variant by its seed; exercise and solution go into `params`."""
    original = _read((_folder(data) / PROBLEM).read_text(encoding="utf-8"))
    text = original.source.data.decode("utf-8")
    if varies(original):
        text = Varied(original).variant("", int(data["variant_seed"])).text
    own = _read(text)
    view = as_written(own.model.problem, View(width=100))
    solution = of_solution(solve(own.model))
    data["params"] |= {
        "problem": text,
        "exercise": fragment(written("html", given_part(own), view)),
        "solution": fragment(written("html", solution, view)),
    }


def _folder(data: Data) -> Path:
    """Where the question lies; PrairieLearn also runs its code there."""
    return Path(data.get("options", {}).get("question_path") or ".")


def _read(text: str) -> Loaded:
    return loaded(Source(PROBLEM, text.encode()))


def grade(data: Data) -> None:
    """Sets the score of each box and of all of them, and says what is wrong and why."""
    own = _read(data["params"]["problem"])
    boxes = boxes_of(own)
    answers = {one.place.name: one.typed(data["submitted_answers"]) for one in boxes}
    submission = Desk(own.model).grade_numbers(answers, "answers")
    data["partial_scores"] |= dict(_boxes_marked(own, boxes, submission))
    data["score"] = submission.score / submission.max_score if submission.max_score else 0.0
    data["feedback"]["backprop"] = f"<pre>{escape(_said(own, submission))}</pre>"


def _boxes_marked(
    own: Loaded, boxes: list[Boxes], submission: Submission
) -> Iterator[tuple[str, dict[str, float]]]:
    grading = own.model.problem.grading
    for one in boxes:
        result = one.result(submission)
        verdicts = one.verdicts(result) if result is not None else []
        weight = result.max_points / len(one.cells) if result is not None else 0.0
        for box, verdict in zip(one.cells, verdicts, strict=False):
            yield box.name, {"score": share(grading, verdict), "weight": weight}


def _said(own: Loaded, submission: Submission) -> str:
    report = summarised(own.model.problem.title, [submission])
    return rendered("text", report, Settings(slip_words=dict(SLIP_WORDS), width=100))
