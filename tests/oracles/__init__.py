"""Independent oracles: problem files drawn by seed, and what they must come to."""
