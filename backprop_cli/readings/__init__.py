"""Readings of an expression: values, bounds, entries written out, programs, text to read back."""
