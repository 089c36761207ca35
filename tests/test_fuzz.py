"""No file can hurt: 2,000 broken or hostile problem files end in a result or a clear message.

For 20,000, other files every time, and with the findings shortened and kept:

    python tests/fuzz_problems.py --count 20000 --jobs 2 --seed $RANDOM
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from fuzz_cases import case

COUNT = 2000
SHARE = 250  # files a test, so that the tests spread over the processes of pytest-xdist


@pytest.mark.parametrize("first", range(0, COUNT, SHARE))
def test_every_file_ends_in_a_result_or_a_message(first: int) -> None:
    script = str(Path(__file__).with_name("fuzz_problems.py"))
    command = [sys.executable, script, "--count", str(SHARE), "--first", str(first)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_same_seed_gives_the_same_files() -> None:
    assert [case(3, index) for index in range(50)] == [case(3, index) for index in range(50)]
    assert len({case(3, index) for index in range(50)}) > 45
