"""Readings of an expression: as values, as one entry written out, as text."""
