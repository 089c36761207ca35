"""A problem to questions of learning platforms, graded by us where they run Python."""
