"""A grading report as data to one format a module."""
