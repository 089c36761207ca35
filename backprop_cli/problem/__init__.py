"""A problem file to its model: what it says, and the equations that it stands for."""

ENDINGS = (".yaml", ".yml", ".json")
"""What names of problem files end in."""
