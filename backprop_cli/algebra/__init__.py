"""Expressions as data: their nodes, how they are built, their shapes; ids as data."""
