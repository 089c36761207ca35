"""Grading on a Dask cluster: the same submissions as here, wherever the sheets are graded."""

from __future__ import annotations

from pathlib import Path

import pytest

from backprop_cli.grading.desk import Desk
from backprop_cli.grading.summary import summarised
from backprop_cli.problem.load import Source
from backprop_cli.report.formats import Settings, rendered
from backprop_cli.solving.load import loaded

distributed = pytest.importorskip("dask.distributed", reason="the dask extra is not installed")

ROOT = Path(__file__).resolve().parent.parent
PROBLEM = ROOT / "problems" / "sigmoid-softmax.yaml"
SHEETS = sorted((ROOT / "problems" / "sheets" / "sigmoid-softmax").glob("*.yaml"))


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
def test_a_cluster_grades_like_this_process() -> None:
    desk = Desk(loaded(Source(PROBLEM.name, PROBLEM.read_bytes())).model)
    here = [desk.grade(path.read_bytes(), path.name) for path in SHEETS]
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        sent = client.scatter(desk, broadcast=True)
        futures = [
            client.submit(Desk.grade, sent, path.read_bytes(), path.name, pure=True)
            for path in SHEETS
        ]
        there = client.gather(futures)
    assert there == here
    one, other = (rendered("json", summarised("", found), Settings()) for found in (here, there))
    assert one == other
