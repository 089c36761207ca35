"""Expressions as data: their nodes, their shapes and their derivatives, which are expressions again."""
