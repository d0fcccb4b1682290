"""Controllers that quote both sides."""
