"""Expressions as data: their nodes, their shapes and their derivatives, expressions again."""
