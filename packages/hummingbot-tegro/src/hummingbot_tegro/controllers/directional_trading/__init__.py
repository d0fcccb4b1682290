"""Controllers that take a side."""
