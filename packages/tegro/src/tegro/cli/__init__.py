"""The command `tegro`."""
