"""Why it is not known what became of an order. Each connector raises these, and Hummingbot asks for their kind."""

from tegro.errors import TegroError


class OrderNotFound(TegroError):
    """The venue answered, and has no such order."""


class FateUnknown(TegroError):
    """The order was sent and may be live. It is looked for; until it is found it stays tracked."""
