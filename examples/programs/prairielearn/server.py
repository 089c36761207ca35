"""PrairieLearn: grades the arrays in mine.npz; network.yaml lies in serverFilesCourse."""

import base64
from html import escape
from pathlib import Path

import backprop_cli as backprop

NETWORK = "network.yaml"


def grade(data):
    """Sets the score and the feedback from the uploaded file."""
    folder = Path(data["options"]["server_files_course_path"])
    files = {one["name"]: one["contents"] for one in data["submitted_answers"].get("_files", [])}
    if "mine.npz" not in files:
        data["format_errors"]["_files"] = "mine.npz is missing"
        return
    report = backprop.load(folder / NETWORK).check(base64.b64decode(files["mine.npz"]))
    score = report.score / report.max_score if report.max_score and not report.error else 0.0
    data["partial_scores"]["backprop"] = {"score": score, "weight": 1}
    data["score"] = score
    data["feedback"]["backprop"] = f"<pre>{escape(report.error or report.render())}</pre>"
