"""Class lists as platforms export them, and what lies beside the sheets that they hand over."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from backprop_cli.classroom.rosters import WhoIsWho, read_roster
from backprop_cli.cli import main
from backprop_cli.errors import UserError

CANVAS = """Student,ID,SIS User ID,SIS Login ID,Section,Homework 1 (1234)
,,,,,Manual Posting
    Points Possible,,,,,10
"Muster, Anna",90001,,amuster,CS 101,
"de la Cruz, Ben",90002,,bcruz,CS 101,
"""
MOODLE = """Identifier,Full name,ID number,Email address,Status
Participant 7001,Anna Muster,,a@x.org,Submitted
Participant 7002,Ben de la Cruz,,b@x.org,Submitted
"""
BLIND = """Identifier,Status
Participant 7001,Submitted
Participant 7002,Submitted
"""
GERMAN = """Vorname;Nachname;ID-Nummer;E-Mail-Adresse
Anna;Muster;s1;a@x.org
Ben;de la Cruz;s2;b@x.org
"""
NAMES = "Prénom;Nom\nAnna;Muster\nBen;de la Cruz\n"
OTHERS = "Etunimi;Sukunimi;Opiskelijanumero\nAnna;Muster;s1\nBen;de la Cruz;s2\n"
GRADESCOPE = """Name,Email,SID,Role
Anna Muster,a@x.org,s1,Student
Ben de la Cruz,b@x.org,s2,Student
Prof X,p@x.org,,Instructor
"""
GITHUB = """"identifier","github_username","github_id","name"
"Anna Muster","octo-anna","123",""
"Ben de la Cruz","","",""
"""
EXCEL = "sep=;\nid;name\ns1;Anna Muster\ns2;Ben de la Cruz\n"


@pytest.mark.parametrize(
    ("text", "ids", "called"),
    [
        (CANVAS, ["amuster", "bcruz"], ["musteranna", "90001", "Muster, Anna", "Anna Muster"]),
        (CANVAS.replace(",amuster", ","), ["Muster, Anna", "de la Cruz, Ben"], ["musteranna"]),
        (MOODLE, ["a@x.org", "b@x.org"], ["Anna Muster", "Participant 7001", "a"]),
        (BLIND, ["Participant 7001", "Participant 7002"], ["Participant_7001"]),
        (GERMAN, ["s1", "s2"], ["Anna Muster", "MusterAnna", "a@x.org"]),
        (NAMES, ["Anna Muster", "Ben de la Cruz"], ["musteranna", "Anna Muster", "anna"]),
        (OTHERS, ["s1", "s2"], ["anna", "muster"]),
        (GRADESCOPE, ["s1", "s2"], ["Anna Muster", "a@x.org"]),
        (GITHUB, ["Anna Muster", "Ben de la Cruz"], ["octo-anna", "Anna Muster"]),
        (EXCEL, ["s1", "s2"], ["Anna Muster"]),
    ],
    ids="canvas no-login moodle blind german names unknown gradescope github excel".split(),
)
def test_lists_of_platforms(tmp_path: Path, text: str, ids: list[str], called: list[str]) -> None:
    (tmp_path / "r.csv").write_text(text, encoding="utf-8-sig")
    roster = read_roster(str(tmp_path / "r.csv"))
    assert [one.id for one in roster.students] == ids
    who = WhoIsWho(roster)
    assert [who.student(name) for name in called] == [ids[0]] * len(called)
    second = "Participant 7002" if text == BLIND else "delacruzben"
    if text != OTHERS:
        assert who.student(second) == ids[1]


def test_a_list_may_be_a_workbook(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in (["Vorname", "Nachname", "Matrikelnummer"], ["Anna", "Muster", 4711]):
        book.active.append(row)
    book.save(tmp_path / "r.xlsx")
    (one,) = read_roster(str(tmp_path / "r.xlsx")).students
    assert (one.id, one.cells) == ("4711", ("Anna", "Muster", "4711"))


def test_a_problem_is_no_class_list(tmp_path: Path) -> None:
    (tmp_path / "homework.yaml").write_text(PROBLEM)
    with pytest.raises(UserError, match="a class list is a table"):
        read_roster(str(tmp_path / "homework.yaml"))


def test_a_workbook_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "r.xlsx").write_bytes(b"PK no workbook")
    with pytest.raises(UserError) as told:
        read_roster(str(tmp_path / "r.xlsx"))
    assert "CSV" in (told.value.complaints[0].instead or "")


# What lies beside the sheets ----------------------------------------------------------------------

PROBLEM = """x: [1, 2]
y: [1, 0]
layers:
  - {weights: [[1, 0], [-1, 1]], bias: [0, -1]}
loss: half-squared-error
"""
SHEET = "answers:\n  Z1: [1, 0]\n"


def check(folder: Path, roster: str, files: dict[str, str], *words: str) -> Result:
    (folder / "p.yaml").write_text(PROBLEM)
    (folder / "r.csv").write_text(roster)
    for name, text in files.items():
        place = folder / "in" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    paths = [str(folder / "p.yaml"), str(folder / "in"), "--roster", str(folder / "r.csv")]
    return CliRunner().invoke(main, ["check", *paths, *words])


def whose(done: Result) -> dict[str, str]:
    found = json.loads(done.stdout)["submissions"]
    return {Path(one["file"]).parent.name: one["student"] for one in found}


def test_two_of_one_name_are_told_apart_by_the_numbers_of_a_platform(tmp_path: Path) -> None:
    roster = MOODLE.replace("Ben de la Cruz", "Anna Muster")
    files = {
        f"Anna Muster_700{n}_assignsubmission_file_/a.yaml": SHEET for n in (1, 2)
    } | {"Anna Muster/sheet.yaml": SHEET}  # fmt: skip
    done = check(tmp_path, roster, files, "--format", "json")
    assert whose(done) == {
        "Anna Muster_7001_assignsubmission_file_": "a@x.org",
        "Anna Muster_7002_assignsubmission_file_": "b@x.org",
        "Anna Muster": "sheet",
    }
    (line,) = [one for one in done.stderr.splitlines() if one.startswith("nobody's sheet")]
    assert line.endswith("a@x.org and b@x.org go by the name on it")


def test_hidden_names_stay_numbers(tmp_path: Path) -> None:
    files = {f"Participant_700{n}_assignsubmission_file_/a.yaml": SHEET for n in (1, 2)}
    done = check(tmp_path, BLIND, files, "--format", "json")
    assert sorted(whose(done).values()) == ["Participant 7001", "Participant 7002"]
    alone = CliRunner().invoke(
        main, ["check", str(tmp_path / "p.yaml"), str(tmp_path / "in"), "--format", "json"]
    )
    assert sorted(whose(alone).values()) == ["Participant 7001", "Participant 7002"]


def test_a_repository_is_one_hand_in(tmp_path: Path) -> None:
    roster = "id\nanna\nben-c\ncem\ndora\n"
    files = {}
    for name in ("anna", "ben-c", "cem", "dora-main"):
        files[f"hw-{name}/answers/sheet.yaml"] = SHEET
        files[f"hw-{name}/README.md"] = "# Homework"
        files[f"hw-{name}/problem.yaml"] = PROBLEM
        files[f"hw-{name}/package.json"] = "{}"
    files["hw-cem/answers/sheet.yaml"] = "answers: [1, {\n"
    done = check(tmp_path, roster, files, "--format", "json")
    students = [one["student"] for one in json.loads(done.stdout)["submissions"]]
    assert sorted(students) == ["anna", "ben-c", "cem", "dora"]
    assert "sheets of" not in done.stderr
    assert [line.partition(": ")[2].split(":")[0] for line in done.stderr.splitlines()] == [
        "4 files called README.md", "4 files called package.json", "4 files called problem.yaml"
    ]  # fmt: skip


def test_who_has_handed_in_what_is_not_read_is_told_beside_who_has_nothing(tmp_path: Path) -> None:
    files = {
        "Anna Muster_1_assignsubmission_file_/solution.pdf": "%PDF",
        "Cem_3_assignsubmission_file_/a.yaml": SHEET,
    }
    done = check(tmp_path, "id,name\ns1,Anna Muster\ns2,Ben\ns3,Cem\n", files)
    told = [line for line in done.stderr.splitlines() if line.startswith("no sheet")]
    assert len(told) == 2
    assert told[0].startswith("no sheet: s1; handed in, and not read: ")
    assert told[0].endswith("solution.pdf (a PDF)")
    assert told[1] == "no sheet: s2"


def test_a_sheet_of_two_names_both(tmp_path: Path) -> None:
    files = {
        "submission_77/a.yaml": SHEET,
        "submission_metadata.yml": "---\nsubmission_77:\n  :submitters:\n"
        "  - :name: Anna Muster\n    :sid: s1\n  - :name: Ben\n    :email: ben@x.org\n",
    }
    done = check(tmp_path, "id,name,email\ns1,Anna Muster,\ns2,Ben,ben@x.org\n", files)
    assert done.stderr.startswith("s2 handed in together with s1, for the same points: ")


@pytest.mark.parametrize("form", ["folder", "zip", "zip in a folder"])
def test_an_export_of_gradescope_is_read_as_it_comes(tmp_path: Path, form: str) -> None:
    files = {
        "export/submission_77/a.yaml": SHEET,
        "export/submission_metadata.yml": "---\nsubmission_77:\n  :submitters:\n"
        "  - :name: Anna Muster\n    :sid: s1\n",
    }
    if form != "folder":
        with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
            for name, text in files.items():
                archive.writestr(name, text)
        (tmp_path / "in").mkdir()
        (tmp_path / "export.zip").rename(tmp_path / "in" / "export.zip")
        files = {}
    done = check(tmp_path, "id,name\ns1,Anna Muster\n", files, "--format", "json")
    if form == "zip":
        words = [str(tmp_path / name) for name in ("p.yaml", "in/export.zip")]
        words += ["--roster", str(tmp_path / "r.csv"), "--format", "json"]
        done = CliRunner().invoke(main, ["check", *words])
    assert (whose(done), done.stderr) == ({"submission_77": "s1"}, "")


def test_what_excel_saves_in_germany_is_read(tmp_path: Path) -> None:
    """Windows-1252, semicolons, decimal commas: the list, and a sheet; UTF-16 and a BOM, too."""
    roster = "Vorname;Nachname;ID-Nummer\r\nJürgen;Weiß;s1\r\nZoë;Łoś;s2\r\n"
    (tmp_path / "r.csv").write_bytes(roster.replace("Łoś", "Los").encode("cp1252"))
    sheet = "student;Jürgen Weiß\r\nname;row;column;value\r\nZ1;1;;1,0\r\nZ1;2;;0,0\r\n"
    (tmp_path / "p.yaml").write_text(PROBLEM)
    for encoding in ("cp1252", "utf-8-sig", "utf-16"):
        (tmp_path / "sheet.csv").write_bytes(sheet.encode(encoding))
        words = ["check", str(tmp_path / "p.yaml"), str(tmp_path / "sheet.csv"), "--format", "json"]
        done = CliRunner().invoke(main, [*words, "--roster", str(tmp_path / "r.csv")])
        (found,) = json.loads(done.stdout)["submissions"]
        assert (found["student"], found["results"][0]["verdict"]) == ("s1", "correct"), encoding


def test_bytes_that_are_no_text_anywhere_are_still_refused(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_bytes(b"id,name\ns1,\x81\x8d\n")
    with pytest.raises(UserError, match="byte 0x81 is not UTF-8 text"):
        read_roster(str(tmp_path / "r.csv"))


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
def test_text_of_wide_characters_says_what_to_save_it_as(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "roster.csv").write_bytes("id,name\ns1,Zo\ns2,Jörg\n".encode(encoding))
    with pytest.raises(UserError) as error:
        read_roster(str(tmp_path / "roster.csv"))
    (complaint,) = error.value.complaints
    assert complaint.instead == "save it as UTF-8"


def test_what_belongs_to_nobody_is_not_called_unreadable(tmp_path: Path) -> None:
    """A sheet of a stranger was read; a problem file among the hand-ins is no sheet at all."""
    files = {"x/a.yaml": f"student: Nobody\n{SHEET}", "p.yaml": PROBLEM, "s1/a.yaml": SHEET}
    done = check(tmp_path, "id\ns1\n", files, "--format", "csv")
    rows = [line for line in done.stdout.splitlines() if "Nobody" in line]
    assert all("not graded" in row or "error" in row for row in rows)
    assert "not read: " in done.stderr
    assert "this is a problem file" in done.stderr
    text = check(tmp_path, "id\ns1\n", files).stdout
    assert "not graded" in text
    assert "could not be read" not in text
