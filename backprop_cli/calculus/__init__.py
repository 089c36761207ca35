"""Equations to the equations of their gradients and Jacobians, and to ones that lose no digits."""
