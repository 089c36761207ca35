"""What was typed to verdicts: what is right, what follows from what."""
