"""The one way in which the venue says no."""


class Refused(Exception):
    """A request that is answered with HTTP 400 and this text (protocol 3.7): what was wrong, what it was."""


def excerpt(text: object) -> str:
    """Return a value as it may appear in a refusal: quoted and never longer than a line."""
    shown = repr(str(text)[:80])
    return shown if len(str(text)) <= 80 else shown + " (cut)"
