"""Archives with one byte changed, anywhere in them: read, or told that they are damaged."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from archives import PROBLEM, SHEET, npy, packed
from click.testing import CliRunner

from backprop_cli.cli import main
from backprop_cli.errors import UserError
from backprop_cli.grading.grader import Desk
from backprop_cli.grading.sheets.collect import answer_files, read_answers
from backprop_cli.problem.problem_file import Source
from backprop_cli.solving.loading import loaded

WAYS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]


def damaged(data: bytes) -> Iterator[bytes]:
    for place in range(len(data)):
        for other in (0xFF, 0x07):
            yield data[:place] + bytes([data[place] ^ other]) + data[place + 1 :]
        yield data[:place]


@pytest.mark.parametrize("way", WAYS)
def test_a_program_s_arrays(way: int) -> None:
    desk = Desk(loaded(Source("p.yaml", PROBLEM)).model)
    for data in damaged(packed([("Z1.npy", npy([-0.5]))], way)):
        assert desk.grade(data, "mine.npz").fault is None


@pytest.mark.parametrize("way", WAYS)
def test_a_workbook(way: int) -> None:
    desk = Desk(loaded(Source("p.yaml", PROBLEM)).model)
    for data in damaged(packed([("xl/workbook.xml", b"<workbook/>")], way)):
        assert desk.grade(data, "mine.xlsx").fault is None


@pytest.mark.parametrize("way", WAYS)
def test_a_class_in_an_archive(way: int, tmp_path: Path) -> None:
    for number, data in enumerate(damaged(packed([("anna.yaml", SHEET)], way))):
        file = tmp_path / f"class{number}.zip"
        file.write_bytes(data)
        try:
            inside = [one for one in answer_files([file]) if one.startswith(str(file) + "/")]
        except UserError:  # it is told to be none
            continue
        for one in inside:
            read_answers(one)


@pytest.mark.parametrize("way", WAYS)
def test_numbers_beside_a_problem(way: int, tmp_path: Path) -> None:
    problem = tmp_path / "p.yaml"
    problem.write_text("x: {file: w.npz, name: x}\nlayers: [{weights: [[1, 2]]}]\n")
    for data in list(damaged(packed([("x.npy", npy([1.0, 2.0]))], way)))[::7]:
        (tmp_path / "w.npz").write_bytes(data)
        done = CliRunner().invoke(main, ["solve", str(problem)])
        assert done.exit_code in (0, 2), done.output
