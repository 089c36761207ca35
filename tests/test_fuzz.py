"""No file can hurt: 3,000 broken or hostile problem files end in a result or a clear message.

For more, other files every time, and with the findings shortened and kept:

    python tests/fuzz_problems.py --count 200000 --jobs 2 --seed $RANDOM
    python tests/fuzz_sheets.py --count 100000 --seed $RANDOM
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from fuzz_cases import case

COUNT = 3000
SHARE = 250  # files a test, so that the tests spread over the processes of pytest-xdist
PATIENCE = 120  # seconds of computing: how fast a machine is decides nothing, but tests must end


@pytest.mark.parametrize("first", range(0, COUNT, SHARE))
def test_every_file_ends_in_a_result_or_a_message(first: int) -> None:
    script = str(Path(__file__).with_name("fuzz_problems.py"))
    command = [sys.executable, script, "--count", str(SHARE), "--first", str(first)]
    command += ["--seconds", str(PATIENCE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("first", range(0, COUNT, 2 * SHARE))
def test_every_sheet_is_graded_or_told(first: int) -> None:
    script = str(Path(__file__).with_name("fuzz_sheets.py"))
    command = [sys.executable, script, "--count", str(2 * SHARE), "--first", str(first)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_same_seed_gives_the_same_files() -> None:
    assert [case(3, index) for index in range(50)] == [case(3, index) for index in range(50)]
    assert len({case(3, index) for index in range(50)}) > 45
