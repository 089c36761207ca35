"""What was solved or derived to what is said of it: a document, data, a program."""
