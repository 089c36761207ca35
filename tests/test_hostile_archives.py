"""Archives made to take all time and memory, or to lead elsewhere: refused by size before they are
unpacked, told by name, the other sheets graded; and the largest honest ones read."""

from __future__ import annotations

import io
import resource
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from archives import PROBLEM, SHEET, npy, packed
from click.testing import CliRunner, Result

from backprop_cli.cli import main
from backprop_cli.grading.sheets import collect
from backprop_cli.problem import array_files


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Grades a good sheet and a file of these bytes, both given by name."""
    monkeypatch.chdir(tmp_path)
    Path("p.yaml").write_bytes(PROBLEM)
    Path("good.yaml").write_bytes(SHEET)

    def run(name: str, data: bytes, *options: str) -> Result:
        Path(name).write_bytes(data)
        line = ["check", "p.yaml", "good.yaml", name, "--format", "csv", *options]
        return CliRunner().invoke(main, line)

    return run


def memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


# Archives of sheets -------------------------------------------------------------------------------


def test_an_archive_is_refused_by_what_it_says_of_its_size(check: Callable[..., Result]) -> None:
    bomb = packed([(f"s{n}.json", b"[" + b"0," * 10_000_000) for n in range(11)])
    assert len(bomb) < 300_000
    result = check("class.zip", bomb)
    assert result.exit_code == 2
    said = "unpacked, it would have 220 MB, over 100 times its own size, and it is not read"
    assert f"class.zip: {said}" in result.stderr


def test_files_that_are_one_place_of_the_archive(check: Callable[..., Result]) -> None:
    one = packed([("s00000.yaml", SHEET + b"#" * 1_900_000)], zipfile.ZIP_BZIP2)
    start = one.rfind(b"PK\x01\x02")
    entry = one[start : one.rfind(b"PK\x05\x06")]
    names = [entry.replace(b"s00000", b"s%05d" % number) for number in range(2000)]
    size = struct.pack("<HHHHIIH", 0, 0, 2000, 2000, len(entry) * 2000, start, 0)
    result = check("class.zip", one[:start] + b"".join(names) + b"PK\x05\x06" + size)
    assert result.exit_code == 2
    assert "class.zip: unpacked, it would have 3,800 MB" in result.stderr


def test_a_large_archive_of_honest_sheets_is_read(
    check: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collect, "MOST_UNPACKED", 5_000)  # more than there is, packed 3 times
    rng = np.random.default_rng(1)
    sheets = [f"answers: {{Z1: [{rng.normal():.9f}], L: {rng.normal():.9f}}}" for _ in range(300)]
    members = [(f"s{n}.yaml", sheet.encode()) for n, sheet in enumerate(sheets)]
    assert sum(len(data) for _, data in members) > 5_000
    result = check("class.zip", packed(members))
    assert result.exit_code == 1
    assert result.stdout.count(",L,") == 301


def test_more_files_than_are_read_are_told(
    check: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collect, "MOST_MEMBERS", 3)
    members = [(f"s{number}.yaml", SHEET) for number in range(4)]
    result = check("class.zip", packed(members))
    assert result.exit_code == 2
    assert "class.zip: it has 4 files: at most 3 are read" in result.stderr
    assert check("class.zip", packed(members[1:])).exit_code != 2


def test_names_that_lead_out_are_told(check: Callable[..., Result], tmp_path: Path) -> None:
    members = [("../../out.yaml", SHEET), ("a/../../out.yaml", SHEET), ("in.yaml", SHEET)]
    before = set(tmp_path.parent.iterdir())
    result = check("class.zip", packed(members), "--feedback", "replies")
    for name in ("../../out.yaml", "a/../../out.yaml"):
        assert f"class.zip/{name}: its name leads out of the archive" in result.stderr
    assert {file.name for file in Path("replies").iterdir()} == {"good.txt", "in.txt"}
    assert set(tmp_path.parent.iterdir()) == before


def test_an_archive_above_the_working_folder_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "p.yaml").write_bytes(PROBLEM)
    (tmp_path / "class.zip").write_bytes(packed([("in.yaml", SHEET)]))
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    result = CliRunner().invoke(main, ["check", "../p.yaml", "../class.zip", "--format", "csv"])
    assert "leads out" not in result.stderr
    assert ",L," in result.stdout


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_of_one_name_are_told(check: Callable[..., Result]) -> None:
    result = check("class.zip", packed([("a.yaml", SHEET), ("a.yaml", b"answers: {L: 1}")]))
    said = "class.zip/a.yaml: the archive has 2 files of this name, and only the last is read"
    assert said in result.stderr


@pytest.mark.parametrize(
    "data",
    [b"", b"answers: {L: 1}", packed([("a.yaml", SHEET)])[:60]],
    ids=["nothing", "text", "a torn one"],
)
def test_what_is_no_archive_is_not_called_an_empty_one(
    check: Callable[..., Result], data: bytes
) -> None:
    result = check("class.zip", data)
    assert result.exit_code == 2
    assert "class.zip: it is no archive that can be read" in result.stderr


def test_a_name_longer_than_that_of_a_file_keeps_no_reply_from_being_written(
    check: Callable[..., Result],
) -> None:
    for name in ("x" * 390, "ж" * 390):
        result = check("s.yaml", f"student: {name}\n".encode() + SHEET, "--feedback", "replies")
        assert result.exit_code == 1, result.stderr
    assert {len(file.stem.encode()) for file in Path("replies").iterdir()} == {4, 200}


# Arrays and workbooks -----------------------------------------------------------------------------


def test_arrays_of_more_numbers_than_are_read(check: Callable[..., Result]) -> None:
    """Of one byte each they stay below what is said of bytes: they took 3 GB, and 11 s."""
    data = packed([("dW1.npy", npy(np.zeros((2, 60_000_000), dtype=bool)))])
    before = memory()
    result = check("mine.npz", data)
    assert memory() - before < 100
    said = "the arrays would have 120,000,000 numbers: at most 10,000,000 are read"
    assert said in result.stdout


def test_as_many_numbers_as_are_read(
    check: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(array_files, "MOST_NUMBERS", 5)
    some = [("dW1.npy", npy(np.array([[3.0, 6.0]]))), ("W1.npy", npy(np.array([[0.5, -1]])))]
    some += [("Z1.npy", npy(np.array([-0.5])))]
    assert "numbers" not in check("mine.npz", packed(some)).stdout
    some += [("L.npy", npy(np.array(2.25)))]
    assert "would have 6 numbers: at most 5" in check("mine.npz", packed(some)).stdout


def test_json_of_more_numbers_than_are_read(check: Callable[..., Result]) -> None:
    data = b'{"dW1": [' + b"0," * 1_000_001 + b"0]}"
    assert "too large for an answer sheet" in check("mine.json", data).stdout
    data = b'{"dW1": [' + b"0.123456789012345," * 100_000 + b"0]}"
    assert "too large" not in check("mine.json", data).stdout


def test_a_workbook_that_is_mostly_nothing(check: Callable[..., Result]) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in (["name", "row", "column", "value"], ["Z1", 1, None, -0.5], ["L", None, None, 2.25]):
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    empty, cell = b"<row/>", b"</sheetData>"
    for count, said in ((100_000, ""), (900_000, "the workbook is too large for an answer sheet")):
        with zipfile.ZipFile(io.BytesIO(out.getvalue())) as parts:
            members = [
                (name, parts.read(name).replace(cell, empty * count + cell))
                for name in parts.namelist()
            ]
        result = check("mine.xlsx", packed(members))
        assert said in result.stdout
        assert ("too large" in result.stdout) == bool(said)
