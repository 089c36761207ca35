"""A backpropagation calculator that prints step-by-step derivations."""

__version__ = "0.1.0"
