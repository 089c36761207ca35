"""Derivations in symbols: equal lines, each with the rule that leads to it, as data."""
