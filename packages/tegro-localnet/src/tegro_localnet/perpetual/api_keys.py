"""API keys, their secrets, and the listen keys of user streams."""

import hmac
import random
from hashlib import sha256
from typing import Final

from msgspec import Struct

from tegro_localnet.perpetual.engine.rejection import Rejected

LISTEN_KEY_MS: Final = 3_600_000
_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_LENGTH: Final = 64


class Credentials(Struct, frozen=True):
    """A key, its secret, and the account they open."""

    api_key: str
    api_secret: str
    account_id: int

    def __repr__(self) -> str:
        return f"Credentials(account_id={self.account_id})"

    def signature_of(self, message: bytes) -> str:
        """Return the lower-case hex HMAC-SHA256 of a message (perpetual dialect 1.3)."""
        return hmac.new(self.api_secret.encode(), message, sha256).hexdigest()


class KeyRing:
    """All keys of the venue.

    Parameters
    ----------
    rng
        Draws the keys; seeded, so that a run with the same seed hands out the same ones.

    Attributes
    ----------
    credentials : dict of str to Credentials
        By API key; to be read only.
    listening : dict of str to (int, int)
        Account and end of life of each listen key; to be read only.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.credentials: Final[dict[str, Credentials]] = {}
        self.listening: Final[dict[str, tuple[int, int]]] = {}

    def draw(self) -> str:
        """Return a text that nobody could guess."""
        return "".join(self._rng.choices(_ALPHABET, k=_LENGTH))

    def add(self, credentials: Credentials) -> None:
        """Let a key open its account from now on."""
        self.credentials[credentials.api_key] = credentials

    def find(self, api_key: str | None) -> Credentials:
        """Return what belongs to a key, or refuse it."""
        if not api_key:
            raise Rejected(-2014, "API-key format invalid.")
        credentials = self.credentials.get(api_key)
        if credentials is None:
            raise Rejected(-2015, "Invalid API-key, IP, or permissions for action.")
        return credentials

    def listen(self, listen_key: str, account_id: int, end_ms: int) -> None:
        """Let a listen key name the user stream of an account until a moment."""
        self.listening[listen_key] = (account_id, end_ms)

    def stop_listening(self, listen_key: str) -> None:
        """Forget a listen key."""
        del self.listening[listen_key]

    def listen_key_of(self, account_id: int) -> str | None:
        """Return the active listen key of an account; None where there is none."""
        return next((key for key, (owner, _) in self.listening.items() if owner == account_id), None)

    def require_listen_key(self, account_id: int) -> str:
        """Return the active listen key of an account, or refuse where there is none."""
        listen_key = self.listen_key_of(account_id)
        if listen_key is None:
            raise Rejected(-1125, "This listenKey does not exist.")
        return listen_key

    def owners_of(self, listen_key: str) -> list[str]:
        """Return the API keys, in lower case, of the account that a listen key is of; none where it is not active."""
        owner, _ = self.listening.get(listen_key, (None, 0))
        return [api_key.lower() for api_key, each in self.credentials.items() if each.account_id == owner]

    def expire(self, now_ms: int) -> list[str]:
        """Forget the listen keys whose time has come and return them."""
        ended = [key for key, (_, end_ms) in self.listening.items() if end_ms <= now_ms]
        for listen_key in ended:
            del self.listening[listen_key]
        return ended
