"""A model to its worked derivation: what to compute in which order, and the values."""
