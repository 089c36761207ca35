"""Simulated students: sheets worked out by hand in plain NumPy, and what a grader makes of them."""
