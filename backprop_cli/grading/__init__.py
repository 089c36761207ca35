"""Answer sheets to verdicts: what is right, what follows from what, and which slip it was."""
