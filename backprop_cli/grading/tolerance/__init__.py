"""How far two honest programs may be apart: a type of floats and a formula -> a tolerance."""
