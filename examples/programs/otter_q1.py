"""A test file for otter: put it into the folder `tests` of an assignment, beside network.yaml.

The notebook defines `backprop_of_mine(X, Y, W1, b1, W2, b2)`, which returns arrays by name.
"""

from otter.test_files import test_case

import backprop_cli as backprop

OK_FORMAT = False
name = "q1"
points = 2


@test_case(points=2, hidden=False)
def test_gradients(backprop_of_mine):
    """Raises where one of the arrays is wrong, and says which line makes it."""
    problem = backprop.load("network.yaml")
    given = problem.solve()
    numbers = [given[name] for name in ("X", "Y", "W1", "b1", "W2", "b2")]
    backprop.testing.assert_backprop(problem, backprop_of_mine(*numbers))
