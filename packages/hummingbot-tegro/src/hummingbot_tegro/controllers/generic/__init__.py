"""Controllers of other kinds."""
