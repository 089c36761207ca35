"""How formulas look: expressions to nodes, nodes to LaTeX, MathML and the terminal."""
