"""What is drawn on a terminal, by rich: its themes, its consoles, and what a text is drawn into."""
