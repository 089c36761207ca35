"""The derivative of a function or formula, one rule a line."""
