"""Questions for learning platforms: PrairieLearn's code is called as it calls it, Moodle's read."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from click.testing import CliRunner, Result

import backprop_cli as backprop
from backprop_cli.classroom.exports import answer_boxes
from backprop_cli.classroom.exports.moodle_formulas import Typist
from backprop_cli.cli import main
from backprop_cli.grading.grader import Desk
from backprop_cli.grading.judging.standing import Kept
from backprop_cli.problem.problem_file import Source
from backprop_cli.solving.loading import loaded

ROOT = Path(__file__).resolve().parent.parent
PROBLEMS = ["sigmoid-softmax", "minibatch-tanh", "lstm-cell", "bias-first-row", "given-gradients"]
INFO = set("uuid type title topic tags gradingMethod singleVariant showCorrectAnswer".split())
"""Keys of info.json in PrairieLearn's own schema, of those that a question like this can have."""


def text_of(name: str) -> str:
    return (ROOT / "problems" / f"{name}.yaml").read_text(encoding="utf-8")


def exported(kind: str, problem: str, target: Path, *more: str) -> Result:
    arguments = ["export", kind, "-", "-o", str(target), *more]
    return CliRunner().invoke(main, arguments, input=problem)


# PrairieLearn -------------------------------------------------------------------------------------


class Question:
    """A question's folder, and its code as PrairieLearn runs it."""

    def __init__(self, problem: str, folder: Path) -> None:
        done = exported("prairielearn", problem, folder)
        assert done.exit_code == 0, done.output
        self.folder = folder
        self.code: dict[str, Any] = {}
        source = (folder / "server.py").read_text(encoding="utf-8")
        exec(compile(source, "server.py", "exec"), self.code)  # noqa: S102  # as PrairieLearn does
        self.html = (folder / "question.html").read_text(encoding="utf-8")

    def variant(self, seed: int) -> dict[str, Any]:
        data = {
            "params": {},
            "correct_answers": {},
            "variant_seed": str(seed),
            "options": {"question_path": str(self.folder)},
        }
        self.code["generate"](data)
        return data

    def graded(self, variant: dict[str, Any], typed: dict[str, str]) -> dict[str, Any]:
        data = {
            **json.loads(json.dumps(variant)),  # it goes through JSON there
            "submitted_answers": typed,
            "raw_submitted_answers": typed,
            "format_errors": {},
            "partial_scores": {},
            "score": 0,
            "feedback": {},
        }
        self.code["grade"](data)
        json.dumps(data)
        return data

    def boxes(self) -> list[tuple[str, str]]:
        """The name of each box, and what it is called."""
        return re.findall(r'answers-name="(\w+)" aria-label="([^"]+)"', self.html)


def typed_right(question: Question, problem: backprop.Problem) -> dict[str, str]:
    solution = problem.solve()
    return {name: f"{float(solution[called]):.4f}" for name, called in question.boxes()}


def as_sheet(question: Question, typed: dict[str, str]) -> str:
    """The same answers as a CSV file for `check`."""
    rows = ["id,i,j,value"]
    for name, called in question.boxes():
        found = re.fullmatch(r"(.+?)(?:\[(.+)\])?", called)
        assert found
        index = [*(found[2] or "").split(","), "", ""]
        if typed.get(name):
            rows.append(f"{found[1]},{index[0]},{index[1]},{typed[name]}")
    return "\n".join(rows)


@pytest.mark.parametrize("name", PROBLEMS)
def test_prairielearn_grades_what_was_drawn(name: str, tmp_path: Path) -> None:
    question = Question(text_of(name), tmp_path / "question")
    info = json.loads((question.folder / "info.json").read_text(encoding="utf-8"))
    assert {"uuid", "type", "title", "topic"} <= set(info) <= INFO
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", info["uuid"])
    first, second, again = (question.variant(seed) for seed in (1, 2, 1))
    assert first == again
    assert (first["params"]["problem"] == second["params"]["problem"]) is info["singleVariant"]
    problem = backprop.load(first["params"]["problem"])
    typed = typed_right(question, problem)
    names = [box for box, _ in question.boxes()]
    assert len(set(names)) == len(names)
    done = question.graded(first, typed)
    assert done["score"] == pytest.approx(1)
    assert {one["score"] for one in done["partial_scores"].values()} == {1}
    assert set(done["partial_scores"]) == set(names)
    assert question.graded(first, {})["score"] == 0


def test_marks_are_those_of_check(tmp_path: Path) -> None:
    """Wrong boxes, boxes that follow from them, and blank ones."""
    question = Question(text_of("sigmoid-softmax"), tmp_path / "question")
    variant = question.variant(3)
    problem = backprop.load(variant["params"]["problem"])
    right = typed_right(question, problem)
    names = [*right]
    for number, (wrong, blank) in enumerate([(0, 5), (7, 2), (12, 13), (20, 0), (4, 9)]):
        typed = dict(right)
        typed[names[wrong]] = f"{float(right[names[wrong]]) * 2 + number + 1:.4f}"
        typed[names[blank]] = " "
        done = question.graded(variant, typed)
        sheet = tmp_path / "sheet.csv"
        sheet.write_text(as_sheet(question, {**typed, names[blank]: ""}), encoding="utf-8")
        report = problem.check(sheet)
        assert done["score"] == pytest.approx(report.score / report.max_score)
        shares = [(one["score"], one["weight"]) for one in done["partial_scores"].values()]
        total = sum(score * weight for score, weight in shares)
        assert total == pytest.approx(report.score)
        assert done["partial_scores"][names[wrong]]["score"] < 1


def test_the_reply_names_the_slip_and_no_value(tmp_path: Path) -> None:
    question = Question(text_of("sigmoid-softmax"), tmp_path / "question")
    variant = question.variant(1)
    problem = backprop.load(variant["params"]["problem"])
    typed = typed_right(question, problem)
    right = problem.solve()["dL/dW2"]
    for i, j in np.ndindex(right.shape):
        typed[f"dL_dW2_{i + 1}_{j + 1}"] = f"{2 * right[i, j]:.4f}"
    said = question.graded(variant, typed)["feedback"]["backprop"]
    assert said.startswith("<pre>")
    assert "Start with dL/dW2" in said
    assert "factor of 2" in said
    assert f"{abs(right[0, 0]):.3f}" not in said


def test_the_exercise_shows_no_solution(tmp_path: Path) -> None:
    question = Question(text_of("sigmoid-softmax"), tmp_path / "question")
    params = question.variant(1)["params"]
    assert "Forward" not in params["exercise"]
    assert "Forward" in params["solution"]
    assert "params.solution" in question.html.split("<pl-answer-panel>")[1]


def test_asked_entries_and_other_names(tmp_path: Path) -> None:
    problem = text_of("sigmoid-softmax") + "\nask: [dW1, 'W1_new[2,1]', L]\n"
    question = Question(problem, tmp_path / "question")
    variant = question.variant(1)
    assert len(question.boxes()) == 6
    own = backprop.load(variant["params"]["problem"])
    assert question.graded(variant, typed_right(question, own))["score"] == pytest.approx(1)


# By hand: w_new = 2 − 0.1 · 2 · 6 · 3 = −1.6, and then −1.6 − 0.1 · 2 · (−4.8) · 3 = 1.28.
TWO_UPDATES = """
values: {w: 2, x: 3}
equations: ["y = w * x", "L = y^2"]
train: [w]
update: {rule: sgd, learning_rate: 0.1, steps: 2}
ask: [w_new, "w_new@2"]
vary: {w: keep, x: keep}
"""


def test_each_update_has_boxes_of_its_own(tmp_path: Path) -> None:
    question = Question(TWO_UPDATES, tmp_path / "question")
    done = question.graded(question.variant(1), {"w_new": "7", "w_new_2": "1.28"})
    scores = {name: one["score"] for name, one in done["partial_scores"].items()}
    assert scores == {"w_new": 0, "w_new_2": 1}
    exported("moodle", TWO_UPDATES, tmp_path / "question.xml")
    shown = [float(inside(part, "answer")) for part in parts(tmp_path / "question.xml")]
    assert shown == pytest.approx([-1.6, 1.28])


# Moodle -------------------------------------------------------------------------------------------


def share(correctness: str, values: list[float]) -> float:
    """What the question type makes of its criterion, in Python's words."""
    text = re.sub(
        r"\((_\d+) >= (\S+)\) && \(_\d+ <= (\S+)\) \? 1 : 0", r"\2 <= \1 <= \3", correctness
    )
    return float(eval(text, {f"_{n}": value for n, value in enumerate(values)}))  # noqa: S307


def parts(path: Path) -> list[ET.Element]:
    question = ET.parse(path).getroot().find("question")  # noqa: S314  # our own
    assert question is not None
    assert question.get("type") == "formulas"
    return question.findall("answers")


def inside(part: ET.Element, tag: str) -> str:
    return part.findtext(f"{tag}/text") or ""


def name_of(part: ET.Element) -> str:
    (name,) = re.findall(r"<strong>(.+?)</strong>", inside(part, "subqtext"))
    return str(name)


@pytest.mark.parametrize("name", PROBLEMS)
def test_moodle_takes_what_check_takes(name: str, tmp_path: Path) -> None:
    target = tmp_path / "question.xml"
    done = exported("moodle", text_of(name), target)
    assert done.exit_code == 0
    assert done.stderr.count("no slip is named") == 1
    problem = backprop.load(text_of(name))
    solution = problem.solve()
    for part in parts(target):
        values = np.asarray(solution[name_of(part)], float).ravel()
        answer = json.loads(inside(part, "answer"))
        assert np.allclose(np.atleast_1d(answer), values)
        assert int(inside(part, "numbox")) == len(values)
        assert inside(part, "subqtext").count("{_") == len(values)
        correctness = inside(part, "correctness")
        assert share(correctness, values.tolist()) == 1  # Moodle refuses a question otherwise
        assert share(correctness, [float(f"{value:.3f}") for value in values]) == 1
        assert share(correctness, (values + 0.5 + abs(values)).tolist()) == 0


def test_marks_of_moodle_for_one_wrong_box_are_those_of_check(tmp_path: Path) -> None:
    """Where all else is right, so that nothing follows from the wrong one."""
    target = tmp_path / "question.xml"
    exported("moodle", text_of("minibatch-tanh"), target)
    problem = backprop.load(text_of("minibatch-tanh"))
    solution = problem.solve()
    (part,) = [one for one in parts(target) if "<strong>dL/dW2</strong>" in inside(one, "subqtext")]
    right = np.asarray(solution["dL/dW2"]).round(3)
    names = [
        re.findall(r"<strong>(.+?)</strong>", inside(one, "subqtext"))[0] for one in parts(target)
    ]
    given = {name: texts(solution[name]) for name in names}
    for unit in (-0.02, -0.004, -0.002, -0.001, 0, 0.001, 0.002, 0.004, 0.02):
        moved = (right + unit).round(3)
        result = problem.check({**given, "dL/dW2": texts(moved)})["dL/dW2"]
        correct = np.mean([entry.verdict == "correct" for entry in result.entries])
        found = share(inside(part, "correctness"), moved.ravel().tolist())
        assert found == pytest.approx(correct), unit


LARGE = """values: {U: [[1000000000, 0.5], [-1, 2]], v: [0.5, -1]}
equations: [s = U @ v, L = sum(s)]
train: [v]
"""


def test_numbers_of_many_digits_in_moodle_are_typed_and_no_program_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a sheet. Read as arrays of a program, slips of programs were looked for at each try."""
    monkeypatch.delattr("backprop_cli.grading.slips.program_detect.ProgramDetector.explain")
    target = tmp_path / "question.xml"
    assert exported("moodle", LARGE, target).exit_code == 0
    desk = Desk(loaded(Source("large.yaml", LARGE.encode())).model)
    (part,) = [one for one in parts(target) if name_of(one) == "s"]
    for unit in (-0.02, -0.001, 0, 0.001, 0.02):
        values = [499999999.5 + unit, -2.5 + unit]  # [10⁹/2 − 1/2, −1/2 − 2]
        sheet = f"answers: {{s: [{values[0]:.4f}, {values[1]:.4f}]}}".encode()
        result = next(one for one in desk.grade(sheet, "s.yaml").results if one.id == "s")
        correct = np.mean([entry.verdict == "correct" for entry in result.entries])
        assert share(inside(part, "correctness"), values) == pytest.approx(correct), unit


def texts(value: Any) -> Any:
    """Numbers as somebody types them, with three decimals."""
    return np.vectorize(lambda one: f"{one:.3f}")(np.asarray(value, float)).tolist()


def test_files_that_differ_are_spared(tmp_path: Path) -> None:
    target = tmp_path / "question.xml"
    target.write_text("mine", encoding="utf-8")
    done = exported("moodle", text_of("sigmoid-softmax"), target)
    assert done.exit_code == 2
    assert "differs" in done.output
    assert target.read_text(encoding="utf-8") == "mine"
    assert exported("moodle", text_of("sigmoid-softmax"), target, "--force").exit_code == 0


@pytest.mark.parametrize("kind", ["prairielearn", "moodle"])
def test_too_many_boxes_are_refused(kind: str, tmp_path: Path) -> None:
    large = {
        "x": [[1.0] * 30] * 10,
        "layers": [{"weights": [[0.5] * 30] * 30}],
        "ask": ["Z1", "Yhat"],
    }
    done = exported(kind, yaml.safe_dump(large), tmp_path / "question")
    assert done.exit_code == 2
    assert "boxes at most" in done.output
    assert not (tmp_path / "question").exists()


def test_ways_of_rounding_are_worked_out_once_for_all_numbers_in_a_box() -> None:
    """They depend on the rest of the sheet alone, and there are many where much is behind."""
    typist = Typist(loaded(Source("recurrent.yaml", text_of("recurrent").encode())))
    one = next(each for each in typist.boxes if each.place.name == "dL/dU")
    kept: Kept = {}
    typist.is_right(one, 20, kept)
    first = len(kept)
    typist.is_right(one, 21, kept)
    assert first > 10
    assert len(kept) - first < first / 10


@pytest.mark.parametrize("kind", ["prairielearn", "moodle"])
def test_more_boxes_than_a_question_has_are_counted_before_any_is_made(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer_boxes, "_cells", None)
    problem = "values: {w: [" + "1, " * 1500 + "1]}\nequations: [L = sum(w^2)]\n"
    done = exported(kind, problem, tmp_path / "question")
    assert done.exit_code == 2, done.exception
    assert "400 boxes" in done.stderr


def test_moodle_refuses_by_name_what_no_box_takes(tmp_path: Path) -> None:
    problem = "x: [1]\ny: [1]\nlayers:\n  - {weights: [[-1]]}\nloss: cross-entropy\n"
    done = exported("moodle", problem, tmp_path / "question.xml")
    assert done.exit_code == 2, done.exception
    assert "L cannot be typed" in done.stderr
    assert not (tmp_path / "question.xml").exists()
    shorter = f"{problem}ask: [Z1, dL/dW1]\n"
    assert exported("moodle", shorter, tmp_path / "question.xml").exit_code == 0


# From Python --------------------------------------------------------------------------------------


def test_python_gives_the_files_that_the_command_writes(tmp_path: Path) -> None:
    text = text_of("sigmoid-softmax")
    assert exported("prairielearn", text, tmp_path / "question").exit_code == 0
    assert exported("moodle", text, tmp_path / "question.xml").exit_code == 0
    problem = backprop.load(text)
    for name, said in problem.export("prairielearn").items():
        assert (tmp_path / "question" / name).read_text(encoding="utf-8") == said
    assert problem.export("moodle") == {
        "question.xml": (tmp_path / "question.xml").read_text(encoding="utf-8")
    }


def test_another_platform_is_refused_by_the_name_of_the_argument() -> None:
    with pytest.raises(backprop.Error, match="platform: one of prairielearn, moodle") as raised:
        backprop.load(text_of("sigmoid-softmax")).export("canvas")
    assert raised.value.source == "platform"
