"""What the grader finds of each bug: whether it is placed, and whether it is named."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec

import yaml

from backprop_cli.grading.grader import Desk
from backprop_cli.grading.report_data import Result, Submission
from backprop_cli.problem.problem_file import Source
from backprop_cli.solving.loading import loaded
from seeded_bugs.as_in_threads import ASKED
from seeded_bugs.assignment_bugs import ASSIGNMENT_BUGS
from seeded_bugs.assignments import ASSIGNMENTS
from seeded_bugs.bugs import BUGS, Bug
from seeded_bugs.bugs_of_courses import COURSE_BUGS, TORCH_BUGS
from seeded_bugs.cell_bugs import CELL_BUGS, CELLS
from seeded_bugs.counted_bugs import COUNTED_BUGS
from seeded_bugs.course_programs import COURSES
from seeded_bugs.fresh_bugs import FRESH, FRESH_BUGS, FRESH_TORCH, FRESH_TORCH_BUGS
from seeded_bugs.gates_and_counts import COUNTED
from seeded_bugs.graphs_and_states import STATES
from seeded_bugs.held_out_bugs import HELD_OUT, HELD_OUT_BUGS
from seeded_bugs.later_bugs import LATER_BUGS, LATER_TORCH_BUGS
from seeded_bugs.layer_object_bugs import OBJECT_BUGS
from seeded_bugs.layer_objects import OBJECTS
from seeded_bugs.letters_and_words import SIMILAR_AND_COUNTS, WORDS_AND_LETTERS
from seeded_bugs.model_bugs import MODEL_BUGS, MODELS
from seeded_bugs.picture_programs import PICTURES
from seeded_bugs.programs import NETWORKS, Network
from seeded_bugs.shared_weight_bugs import SHARED_BUGS, SHARED_TORCH_BUGS
from seeded_bugs.shared_weights import SHARED
from seeded_bugs.stacked_gate_bugs import GATE_BUGS
from seeded_bugs.stacked_gates import STACKED
from seeded_bugs.state_bugs import STATE_BUGS
from seeded_bugs.thread_bugs import THREAD_BUGS
from seeded_bugs.torch_block_bugs import BLOCK_BUGS
from seeded_bugs.torch_blocks import BLOCKS
from seeded_bugs.torch_layers import LAYERS
from seeded_bugs.torch_programs import FUNCTIONS, TENSORS
from seeded_bugs.trained_programs import TRAINED

KINDS = ("float64", "float32")
HAS_TORCH = find_spec("torch") is not None
IN_NUMPY = (
    *(*NETWORKS, *COURSES, *TRAINED, *PICTURES, *FRESH, *CELLS, *MODELS, *HELD_OUT),
    *(*OBJECTS, *STACKED, *SHARED, *WORDS_AND_LETTERS, *ASSIGNMENTS),
    *(*ASKED, *STATES, *COUNTED),
)
TORCH = (FUNCTIONS, TENSORS, *LAYERS, *FRESH_TORCH, *BLOCKS, *SIMILAR_AND_COUNTS)
NUMPY_BUGS = (
    *BUGS,
    *COURSE_BUGS,
    *LATER_BUGS,
    *FRESH_BUGS,
    *CELL_BUGS,
    *MODEL_BUGS,
    *HELD_OUT_BUGS,
    *OBJECT_BUGS,
    *GATE_BUGS,
    *SHARED_BUGS,
    *ASSIGNMENT_BUGS,
    *THREAD_BUGS,
    *STATE_BUGS,
    *COUNTED_BUGS,
)
IN_TORCH = (
    *(*TORCH_BUGS, *LATER_TORCH_BUGS, *FRESH_TORCH_BUGS),
    *(*BLOCK_BUGS, *SHARED_TORCH_BUGS),
)


@cache
def desk(name: str) -> Desk:
    (network,) = [one for one in (*IN_NUMPY, *TORCH) if one.name == name]
    text = yaml.safe_dump(network.problem)
    return Desk(loaded(Source("problem.yaml", text.encode())).model)


def graded(network: Network, source: str, kind: str) -> Submission:
    return desk(network.name).grade_numbers(network.run(source, kind), "program.npz")


def found(bug: Bug, kind: str) -> tuple[bool, bool]:
    """Whether a bug is placed where it was put, and named within three."""
    submission = graded(bug.network, bug.source, kind)
    first: dict[str, Result] = {result.id: result for result in submission.results}
    placed = submission.first_wrong == bug.at
    return placed, placed and bool(set(first[bug.at].slips[:3]) & set(bug.names))


def row(network: Network) -> tuple[str, ...]:
    """What a table says of the bugs of a network: how many, placed and named in each type."""
    bugs = [bug for bug in (*NUMPY_BUGS, *IN_TORCH) if bug.network is network]
    results = [[found(bug, kind) for bug in bugs] for kind in KINDS]
    counts = [str(sum(column)) for one in results for column in zip(*one, strict=True)]
    return (network.name, str(len(bugs)), *counts)
