"""What can go wrong with a demo, in one sentence for its user."""

from tegro.errors import TegroError


class DemoFailure(TegroError):
    """The demo cannot go on; the message is one sentence."""
