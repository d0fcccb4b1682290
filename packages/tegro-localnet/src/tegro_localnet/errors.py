"""Why a localnet cannot start or go on."""


class LocalnetError(Exception):
    """One sentence for the person who started it."""
