"""A grading report, or what lint found, as data to one format a module."""
