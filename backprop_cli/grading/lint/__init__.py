"""A problem to what a teacher should know before handing it out."""
