"""Each format of a report against its own reader, what it may reveal, and hostile texts in it."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any, get_args
from xml.etree import ElementTree as ET

import pytest
from jsonschema import Draft202012Validator
from markdown_it import MarkdownIt
from msgspec.structs import replace
from reports import (
    BROKEN,
    CLASS,
    DZ1,
    EXPLANATION,
    HOSTILE,
    ONE,
    RIGHT,
    RIGHT_VALUES,
    SETTINGS,
    SHEET,
    SLIPS,
    entries,
    hostile,
    hostile_class,
)

from backprop_cli.errors import UserError
from backprop_cli.grading.report_data import (
    How,
    Report,
    Result,
    Reveal,
    Submission,
    Summary,
    Verdict,
)
from backprop_cli.notation.boxes import width
from backprop_cli.report import wording
from backprop_cli.report.csv_ import defused
from backprop_cli.report.facts import written
from backprop_cli.report.formats import RENDER, step_summary
from backprop_cli.report.github import SUMMARY_BYTES
from backprop_cli.report.settings import LONGEST, clean, revealed

SNAPSHOTS = Path(__file__).parent / "snapshots"
FORMATS = list(RENDER)
OF_A_CLASS = [name for name in FORMATS if name != "gradescope"]


def shown(name: str, report: Report, reveal: Reveal = "what", **changes: Any) -> str:
    return RENDER[name](report, replace(SETTINGS, reveal=reveal, **changes))


def same_as_snapshot(text: str, name: str) -> None:
    path = SNAPSHOTS / name
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), f"UPDATE_SNAPSHOTS=1 rewrites {name}"


LEVELS: tuple[Reveal, ...] = get_args(Reveal)


# What may be said ----------------------------------------------------------------------------


def every(report: Report) -> Iterator[tuple[str, str]]:
    """What each format writes of a report, and the step summary."""
    for reveal in LEVELS:
        settings = replace(SETTINGS, reveal=reveal)
        for name in FORMATS if len(report.submissions) == 1 else OF_A_CLASS:
            yield reveal, RENDER[name](report, settings)
        yield reveal, step_summary(report, settings)


@pytest.mark.parametrize("report", [ONE, CLASS], ids=["one", "class"])
def test_right_values_are_only_told_with_value(report: Report) -> None:
    for reveal, text in every(report):
        if reveal != "value":
            assert not any(value in text for value in (*RIGHT_VALUES, EXPLANATION))


@pytest.mark.parametrize("name", ["text", "json", "markdown", "csv", "junit", "gradescope"])
def test_value_tells_right_values_and_explanations(name: str) -> None:
    text = shown(name, ONE, "value", width=200)
    assert all(value in text for value in (*RIGHT_VALUES, EXPLANATION))


@pytest.mark.parametrize("reveal", ["none", "where"])
@pytest.mark.parametrize("report", [ONE, CLASS], ids=["one", "class"])
def test_below_what_no_slip_formula_or_message(report: Report, reveal: Reveal) -> None:
    secret = [word for slip in SLIPS.values() for word in (slip.id, slip.title, slip.sentence)]
    secret += ["dL/dH1 *", "These are the numbers", "[[0.25, 1], [2, 3]]"]
    for told, text in every(report):
        if told == reveal:
            assert not [word for word in secret if word in text]


@pytest.mark.parametrize("report", [ONE, CLASS], ids=["one", "class"])
def test_none_tells_marks_only(report: Report) -> None:
    for told, text in every(report):
        if told == "none":
            assert not re.search(r"dL/dZ1|\bZ1\b|\bwrong\b|carried", text)
            assert "4" in text


def test_where_tells_verdicts_of_entries_and_what_cannot_be_read() -> None:
    text = shown("text", ONE, "where")
    assert "[1,1] wrong; [2,1] missing" in text
    assert "'=cmd()' is no number" in text


def test_revealing_twice_changes_nothing_more() -> None:
    for reveal in LEVELS:
        once = revealed(CLASS, reveal)
        assert revealed(once, reveal) == once
    assert revealed(CLASS, "value") is CLASS


# Wording -------------------------------------------------------------------------------------


def test_every_verdict_and_how_has_words() -> None:
    assert set(wording.VERDICTS) == set(get_args(Verdict))
    assert set(wording.HOW) == set(get_args(How))
    for words in wording.VERDICTS.values():
        assert words.plain_sign.isascii()
        assert len(words.sign) == len(words.plain_sign) == 1


def test_points_without_needless_zeros() -> None:
    numbers = (7.0, 0.5, 1 / 3, 0.0, -0.0)
    assert [wording.number(number) for number in numbers] == ["7", "0.5", "0.333", "0", "0"]
    assert wording.points(replace(DZ1, points=0.0, max_points=0.0)) == "–"


def test_what_was_written_looks_as_it_would_be_typed() -> None:
    assert written(DZ1.entries) == "[[-.627, 0], [_, 0]]"
    assert written(entries("wrong", "1/3", None)) == "[1/3, _]"
    assert written(entries("missing", None)) == ""
    assert len(written(entries("wrong", *["1" * 50] * 50))) <= 240


def test_a_slip_without_words_is_called_by_its_id() -> None:
    odd = replace(DZ1, slips=("new-slip",), message="")
    text = shown("text", Report("", (replace(SHEET, results=(odd,)),), Summary(1, 0)))
    assert "probably   new slip\n" in text


def test_not_judged_gives_a_reason() -> None:
    assert wording.DEFAULT_REASON in " ".join(shown("text", ONE).split())


# Text ----------------------------------------------------------------------------------------


def test_text_of_one_sheet() -> None:
    same_as_snapshot(shown("text", ONE), "report_one.txt")


def test_text_of_one_sheet_with_values() -> None:
    same_as_snapshot(shown("text", ONE, "value", ascii=True, width=60), "report_one_value.txt")


def test_text_of_a_class() -> None:
    same_as_snapshot(shown("text", CLASS), "report_class.txt")


def test_a_large_class_is_one_table() -> None:
    many = 1001
    class_ = Report(
        "p", tuple(replace(RIGHT, student=f"s{n:04}") for n in range(many)), Summary(1, 1)
    )
    lines = shown("text", class_).splitlines()
    first = next(n for n, line in enumerate(lines) if line.startswith("s0000"))
    rows = lines[first : first + many]
    assert [row[:5] for row in rows] == [f"s{n:04}" for n in range(many)]
    assert len({row[5:] for row in rows}) == 1
    assert sum(line.startswith("student") for line in lines) == 1


def test_text_says_when_all_is_right() -> None:
    text = shown("text", Report("p", (RIGHT,), Summary(1, 1)))
    assert "Everything is right." in text
    assert "2 of 2 points, passed" in text


def test_text_of_an_unreadable_sheet() -> None:
    text = shown("text", Report("p", (BROKEN,), Summary(1, 0)))
    assert "this sheet could not be read (line 3): this is no YAML" in text


def test_text_of_no_sheets() -> None:
    assert shown("text", Report("p", (), Summary(0, 0))) == "p: 0 sheets, 0 passed\n"


@pytest.mark.parametrize("columns", [40, 60, 80, 120])
@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("report", [ONE, CLASS, hostile("長" * 300), hostile_class("x" * 500)])
def test_text_fits_the_width(report: Report, columns: int, plain: bool) -> None:
    text = shown("text", report, "value", width=columns, ascii=plain)
    assert max(map(width, text.split("\n"))) <= columns
    assert text.isascii() or not plain


def test_colours_only_where_asked() -> None:
    plain, painted = shown("text", CLASS), shown("text", CLASS, color="standard")
    assert "\x1b" not in plain
    assert set(re.findall(r"\x1b\[(\d+)m", painted)) <= {"0", "1", "2", "31", "32", "33"}
    assert re.sub(r"\x1b\[\d+m", "", painted) == plain
    one = shown("text", ONE, color="standard")
    assert re.sub(r"\x1b\[\d+m", "", one) == shown("text", ONE)


# JSON ----------------------------------------------------------------------------------------

VALIDATOR = Draft202012Validator(
    json.loads(resources.files("backprop_cli").joinpath("schemas/report.schema.json").read_text())
)


def test_the_schema_is_one() -> None:
    VALIDATOR.check_schema(VALIDATOR.schema)


def properties(schema: Any) -> Iterator[tuple[str, Any]]:
    """Every field that a schema names."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {}).items()
        for inner in schema.values():
            yield from properties(inner)


def test_the_schema_says_what_each_field_means() -> None:
    for name, field in properties(VALIDATOR.schema):
        assert "description" in field or "$ref" in field, name


@pytest.mark.parametrize("reveal", LEVELS)
@pytest.mark.parametrize("report", [ONE, CLASS, *map(hostile_class, HOSTILE)])
def test_json_follows_its_schema(report: Report, reveal: Reveal) -> None:
    VALIDATOR.validate(json.loads(shown("json", report, reveal)))


def test_json_has_the_documented_keys_in_their_order() -> None:
    data = json.loads(shown("json", CLASS))
    assert list(data) == ["schema", "problem", "submissions", "summary"]
    assert data["schema"] == "backprop-report/1"
    sheet = data["submissions"][0]
    assert list(sheet) == [
        "student", "file", "score", "max_score", "passed", "first_wrong", "error", "results",
    ]  # fmt: skip
    assert sheet["results"][3] == {
        "id": "dL/dZ1", "verdict": "wrong", "how": None, "points": 0.5, "max_points": 1.0,
        "line": 9, "column": 3,
        "entries": [
            {"index": [1, 1], "verdict": "wrong"},
            {"index": [1, 2], "verdict": "correct"},
            {"index": [2, 1], "verdict": "missing"},
            {"index": [2, 2], "verdict": "correct"},
        ],
        "slips": ["activation-derivative-omitted", "sign-flipped"],
        "origin": None,
        "cannot_exclude": [],
        "message": "These are the numbers of dL/dH1.",
    }  # fmt: skip
    assert data["submissions"][2]["error"] == {"message": "this is no YAML", "line": 3, "column": 1}
    assert data["summary"]["quantities"][1] == {
        "id": "dL/dZ1", "correct": 12, "carried": 3, "wrong": 8,
        "slips": {"sign-flipped": 2, "activation-derivative-omitted": 3},
        "unexplained": [{"written": "[[0.25, 1], [2, 3]]", "students": 3, "perhaps": None}],
    }  # fmt: skip


def test_json_of_what_is_missing_has_no_place() -> None:
    result = json.loads(shown("json", ONE))["submissions"][0]["results"][5]
    assert (result["line"], result["column"], result["entries"]) == (None, None, [])


@pytest.mark.parametrize("reveal", LEVELS)
def test_json_keeps_its_keys_whatever_is_revealed(reveal: Reveal) -> None:
    full, data = json.loads(shown("json", CLASS)), json.loads(shown("json", CLASS, reveal))
    assert data.keys() == full.keys()
    for one, other in zip(data["submissions"], full["submissions"], strict=True):
        assert one.keys() == other.keys()
        for result in one["results"]:
            added = {"expected", "explanation"} if reveal == "value" else set()
            assert result.keys() == other["results"][0].keys() | added


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("text", HOSTILE)
def test_json_keeps_texts_and_hides_nothing(text: str, plain: bool) -> None:
    out = shown("json", hostile(text), ascii=plain)
    assert json.loads(out)["submissions"][0]["student"] == text
    assert out.replace("\n", "").isprintable()


# CSV -----------------------------------------------------------------------------------------


def rows(report: Report, reveal: Reveal = "what") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(shown("csv", report, reveal)), strict=True))


def test_csv_has_a_row_a_sheet_and_a_row_a_quantity() -> None:
    read = rows(CLASS)
    assert [row["quantity"] for row in read[:2]] == ["", "Z1"]
    marks = [row for row in read if not row["quantity"]]
    assert [row["student"] for row in marks] == ["s1234567", "s2", "broken"]
    assert [row["verdict"] for row in marks] == ["failed", "passed", "error"]
    assert marks[0]["points"] == "4"
    wrong = next(row for row in read if row["quantity"] == "dL/dZ1")
    assert (wrong["verdict"], wrong["line"]) == ("wrong", "9")
    assert wrong["slips"] == "activation-derivative-omitted sign-flipped"
    assert len(rows(CLASS, "none")) == 3


FORMULAS = ("=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", "-2/3", "::x", "-")


@pytest.mark.parametrize("text", FORMULAS)
def test_spreadsheet_formulas_are_defused(text: str) -> None:
    assert defused(text) == f"'{text}"


@pytest.mark.parametrize("text", ["-1", "+.5", "-1.5e-3", "4", ".982", "[1, 2]", "", "a=b", "1/3"])
def test_numbers_and_words_stay_as_they_are(text: str) -> None:
    assert defused(text) == text


@pytest.mark.parametrize("text", HOSTILE)
def test_no_cell_of_a_csv_is_computed(text: str) -> None:
    for row in rows(hostile_class(text), "value"):
        for cell in row.values():
            assert not re.match(r"\s*[=+\-@\t\r]", cell) or re.fullmatch(r"[+-]?[\d.e+-]+", cell)


# JUnit ---------------------------------------------------------------------------------------


def parsed(xml: str) -> ET.Element:
    return ET.fromstring(xml)  # noqa: S314  # written a moment ago by what is tested here


def test_junit_has_a_case_a_quantity() -> None:
    root = parsed(shown("junit", CLASS))
    assert root.attrib == {
        "name": "backprop: Sigmoid, then softmax", "tests": "11", "failures": "1", "errors": "2",
    }  # fmt: skip
    suite = root[0]
    counts = {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "8", "failures": "1", "errors": "1", "skipped": "2"}
    found = {case.get("name"): [inner.tag for inner in case] for case in suite}
    assert found == {
        "Z1": [], "H1": [], "L": ["system-out"], "dL/dZ1": ["failure"],
        "dL/dW1": ["system-out"], "W1_new": ["skipped"], "b1_new": ["error"], "L_new": ["skipped"],
    }  # fmt: skip
    wrong = suite.find("testcase[@name='dL/dZ1']")
    assert wrong is not None
    assert (wrong.get("file"), wrong.get("line")) == ("sheets/s1234567.yaml", "9")
    assert [case.get("name") for case in root[2]] == ["the sheet"]


@pytest.mark.parametrize("text", HOSTILE)
def test_junit_keeps_its_structure(text: str) -> None:
    out = shown("junit", hostile_class(text), "value", ascii=True)
    assert out.isascii()
    root = parsed(out)
    assert [len(suite) for suite in root] == [2, 1]
    assert {element.tag for element in root.iter()} <= {
        "testsuites", "testsuite", "testcase", "failure", "error",
    }  # fmt: skip


def test_junitparser_reads_it(tmp_path: Path) -> None:
    junitparser = pytest.importorskip("junitparser")
    path = tmp_path / "report.xml"
    path.write_text(shown("junit", CLASS), encoding="utf-8")
    read = junitparser.JUnitXml.fromfile(str(path))
    assert (read.tests, read.failures, read.errors) == (11, 1, 2)
    read.update_statistics()
    assert (read.tests, read.failures, read.errors, read.skipped) == (11, 1, 2, 2)


# GitHub --------------------------------------------------------------------------------------

COMMAND = re.compile(r"::(error|warning|notice) ([^:]*)::(.*)")


def commands(text: str) -> list[tuple[str, dict[str, str], str]]:
    """The workflow commands, read as GitHub's runner does, and nothing but a line that counts."""
    *lines, last = text.removesuffix("\n").split("\n")
    assert re.fullmatch(r"\d+ sheets?, \d+ passed", last)
    found = []
    for line in lines:
        match = COMMAND.fullmatch(line)
        assert match, line
        pairs = dict(pair.split("=", 1) for pair in match[2].split(","))
        properties = {name: unescaped(value) for name, value in pairs.items()}
        found.append((match[1], properties, unescaped(match[3])))
    return found


def unescaped(text: str) -> str:
    for code, char in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(code, char)
    return text


def test_github_tells_first_causes_first() -> None:
    late = replace(SHEET, student="late", results=(replace(DZ1, id="W9"), DZ1))
    read = commands(shown("github", Report("p", (late, SHEET, BROKEN), Summary(3, 0))))
    titles = [properties["title"] for _, properties, _ in read]
    assert titles[:5] == [
        "late: dL/dZ1 wrong", "s1234567: dL/dZ1 wrong", "broken", "late: W9 wrong",
        "s1234567: b1_new unreadable",
    ]  # fmt: skip
    levels = [level for level, _, _ in read]
    assert levels == sorted(levels, key=["error", "warning", "notice"].index)


def test_github_points_into_the_answer_file() -> None:
    _, properties, message = commands(shown("github", ONE))[0]
    assert properties == {
        "file": "sheets/s1234567.yaml", "line": "9", "col": "3", "title": "s1234567: dL/dZ1 wrong",
    }  # fmt: skip
    assert "you wrote: [[-.627, 0], [_, 0]]\n" in message


def test_github_with_marks_only() -> None:
    read = commands(shown("github", CLASS, "none"))
    assert [message for level, _, message in read if level == "error"] == [
        "4 of 10 points, not passed",
        "this sheet could not be read (line 3): this is no YAML",
    ]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_student_writes_stays_inside_a_command(text: str) -> None:
    plain, dull = shown("github", hostile_class(text)), shown("github", hostile_class("x"))
    assert [level for level, _, _ in commands(plain)] == [level for level, _, _ in commands(dull)]
    for _, properties, _ in commands(plain):
        assert properties.keys() <= {"file", "line", "col", "title"}


def test_the_step_summary_is_a_table() -> None:
    text = step_summary(CLASS, SETTINGS)
    assert "| `s1234567` | 4/10 | not passed | dL/dZ1: derivative" in text


def test_a_step_summary_that_is_too_long_is_cut() -> None:
    many = Report("p", (RIGHT,) * 40_000, Summary(40_000, 40_000))
    text = step_summary(many, SETTINGS)
    assert SUMMARY_BYTES - 1000 < len(text.encode()) < SUMMARY_BYTES + 1000
    assert "The rest is left out" in text


# Gradescope ----------------------------------------------------------------------------------

GRADESCOPE = {
    "type": "object",
    "required": ["score", "output", "visibility", "tests"],
    "additionalProperties": False,
    "properties": {
        "score": {"type": "number"},
        "output": {"type": "string"},
        "visibility": {"enum": ["hidden", "after_due_date", "after_published", "visible"]},
        "output_format": {"enum": ["text", "html", "simple_format", "md", "ansi"]},
        "test_output_format": {"enum": ["text", "html", "simple_format", "md", "ansi"]},
        "test_name_format": {"enum": ["text", "html", "simple_format", "md", "ansi"]},
        "tests": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": [
                    "score", "max_score", "name", "number", "status", "output", "output_format",
                    "visibility",
                ],
                "properties": {
                    "score": {"type": "number"},
                    "max_score": {"type": "number"},
                    "name": {"type": "string", "minLength": 1},
                    "number": {"type": "string"},
                    "status": {"enum": ["passed", "failed"]},
                    "output": {"type": "string"},
                    "output_format": {"const": "text"},
                    "visibility": {"const": "visible"},
                },
            },
        },
    },
}  # fmt: skip
"""The fields of results.json that are used here, as its documentation describes them."""


@pytest.mark.parametrize("reveal", LEVELS)
@pytest.mark.parametrize(
    "sheet", [SHEET, RIGHT, BROKEN, *(hostile(text).submissions[0] for text in HOSTILE)]
)
def test_gradescope_reads_it(sheet: Submission, reveal: Reveal) -> None:
    data = json.loads(shown("gradescope", Report("p", (sheet,), Summary(1, 0)), reveal))
    Draft202012Validator(GRADESCOPE).validate(data)
    assert data["score"] == sheet.score
    assert sum(test["score"] for test in data["tests"]) == sheet.score


def test_gradescope_passes_what_is_right_or_follows() -> None:
    tests = json.loads(shown("gradescope", ONE))["tests"]
    passed = [test["name"] for test in tests if test["status"] == "passed"]
    assert passed == ["Z1", "H1", "dL/dW1"]
    assert [test["number"] for test in tests] == [str(n) for n in range(1, 9)]


def test_gradescope_is_about_one_sheet() -> None:
    with pytest.raises(UserError, match="one sheet, and here are several"):
        shown("gradescope", CLASS)


# Markdown ------------------------------------------------------------------------------------


def markup(text: str) -> list[str]:
    """The kinds of things that a reader of Markdown sees, in order."""
    tokens = MarkdownIt("commonmark", {"html": True, "linkify": False}).enable("table").parse(text)
    inner = [child for token in tokens for child in token.children or []]
    return [token.type for token in (*tokens, *inner) if token.type not in {"text", "code_inline"}]


def test_markdown_of_one_sheet() -> None:
    same_as_snapshot(shown("markdown", ONE), "report_one.md")


def test_markdown_of_a_class() -> None:
    same_as_snapshot(shown("markdown", CLASS), "report_class.md")


@pytest.mark.parametrize("text", [text for text in HOSTILE if text])
@pytest.mark.parametrize("build", [hostile, hostile_class])
def test_nothing_a_student_wrote_is_markup(build: Any, text: str) -> None:
    assert markup(shown("markdown", build(text), "value")) == markup(
        shown("markdown", build("dull"), "value")
    )


def test_no_links_and_no_mentions() -> None:
    text = shown("markdown", hostile_class("http://a.example www.b.example @someone"))
    outside = re.sub(r"(`+).*?\1", "", text)
    assert not re.search(r"http:/|www\.|@", outside)


# Hostile texts -------------------------------------------------------------------------------


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("columns", [40, 80])
def test_no_line_of_any_output_is_a_command(text: str, columns: int) -> None:
    settings = replace(SETTINGS, reveal="value", width=columns)
    for report in (hostile(text), hostile_class(text)):
        outputs = {name: RENDER[name] for name in FORMATS} | {"summary": step_summary}
        del outputs["github"]
        if len(report.submissions) > 1:
            del outputs["gradescope"]
        for name, render in outputs.items():
            for line in re.split(r"[\n\r\x85\u2028]", render(report, settings)):
                assert not line.strip().startswith("::"), name
                assert "##[" not in line, name


@pytest.mark.parametrize("text", HOSTILE)
def test_no_output_moves_a_cursor(text: str) -> None:
    for report in (hostile(text), hostile_class(text)):
        for _, out in every(report):
            assert out.replace("\n", "").isprintable()
            out.encode()


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("text", HOSTILE)
def test_ascii_where_only_that_is_wanted(name: str, text: str) -> None:
    assert shown(name, hostile(text), "value", ascii=True).isascii()
    assert shown(name, ONE, ascii=True).isascii()


def test_texts_that_are_shown_are_short() -> None:
    assert len(clean("x" * 10**6)) == LONGEST
    assert len(clean("\x1b" * 10**6)) == LONGEST
    assert clean("plain ŷ − 長") == "plain ŷ − 長"


def test_a_result_can_be_told_without_anything_optional() -> None:
    bare = Result("Z", "wrong", None, 0.0, 0.0, None)
    report = Report("", (Submission("s", "f", 0.0, 0.0, False, "Z", (bare,)),), Summary(1, 0))
    for _, out in every(report):
        assert out.endswith("\n")
