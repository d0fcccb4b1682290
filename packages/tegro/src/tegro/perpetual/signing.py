"""Signatures of the dialect: HMAC-SHA256 over the parameters as they are sent (dialect 1.3)."""

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import urlencode

from tegro.errors import InvalidInput


class ApiKey:
    """An API key and its secret. The secret is in no text that this object gives.

    Parameters
    ----------
    key
        Sent with each request in `X-MBX-APIKEY`.
    secret
        Signs; never sent.

    Raises
    ------
    InvalidInput
        If one of them is empty or has characters that no header can carry.
    """

    __slots__ = ("_secret", "key")

    def __init__(self, key: str, secret: str) -> None:
        for name, text in (("API key", key), ("API secret", secret)):
            if not text or not text.isascii() or not text.isprintable() or " " in text:
                raise InvalidInput(f"the {name} must be one word of plain characters; copy it again from the venue")
        self.key = key
        self._secret = secret.encode()

    def sign(self, text: str) -> str:
        """Return the signature of a query or a body, in lower-case hex."""
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()

    def signed(self, parameters: Mapping[str, str], *, timestamp_ms: int, recv_window_ms: int) -> str:
        """Return parameters as they go on the wire, with time, window and, last, the signature."""
        text = urlencode({**parameters, "recvWindow": str(recv_window_ms), "timestamp": str(timestamp_ms)})
        return f"{text}&signature={self.sign(text)}"

    def __repr__(self) -> str:
        return f"ApiKey({self.key[:4]}...)"

    def __reduce__(self) -> str:
        raise TypeError("an API key is not pickled: its secret would be written down")
