"""The table of operations: one frozen record each, from which every reading follows."""
