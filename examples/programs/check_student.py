"""With pytest: `pytest check_student.py` says which line of student.py is wrong."""

from pathlib import Path

from student import backprop as student_backprop

import backprop_cli as backprop

PROBLEM = backprop.load(Path(__file__).with_name("network.yaml"))


def test_every_line_of_the_backward_pass():
    """Raises where one of student.py's arrays is wrong, and says which line makes it."""
    given = PROBLEM.solve()
    numbers = [given[name] for name in ("X", "Y", "W1", "b1", "W2", "b2")]
    backprop.testing.assert_backprop(PROBLEM, student_backprop(*numbers))
