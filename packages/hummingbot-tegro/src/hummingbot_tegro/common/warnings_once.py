"""Warnings about what is tried again all the time: each is said once."""

import logging


class WarnOnce:
    """Logs a warning, unless it is the same as the last one.

    Parameters
    ----------
    logger
        Where it is logged.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._last = ""

    def say(self, text: str, *, cause: object = None) -> None:
        """Log a text.

        Parameters
        ----------
        cause
            What makes two warnings the same; None means their text.
        """
        key = text if cause is None else str(cause)
        if key != self._last:
            self._last = key
            self._logger.warning(text)

    def forget(self) -> None:
        """Say the next one in any case: it went well in between."""
        self._last = ""
