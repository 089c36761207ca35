"""A problem file to its model: what it says, and the equations that it stands for."""
