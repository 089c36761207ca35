"""Quantities as functions of free inputs: pieces, each with its region."""
