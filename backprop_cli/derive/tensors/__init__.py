"""The gradient of one quantity by another in letters: factors, product, shapes."""
