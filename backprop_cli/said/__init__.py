"""What was solved or derived to what is said of it: a document, data, a program."""

DRAWINGS = ("text", "svg")
"""The formats of a drawing."""

SHEETS = ("text", "json", "csv")
"""The formats of an empty answer sheet; `text` is YAML."""
