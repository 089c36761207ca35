"""A document to what is written: one file and one row of the registry a format."""
