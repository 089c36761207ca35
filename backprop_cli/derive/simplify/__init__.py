"""Expressions in letters to shorter equal ones, by verified rules."""
