"""How formulas look, apart from any format: expressions to nodes, nodes to LaTeX and MathML."""
