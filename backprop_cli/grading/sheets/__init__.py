"""Answer files to what was typed on them, entry by entry."""
