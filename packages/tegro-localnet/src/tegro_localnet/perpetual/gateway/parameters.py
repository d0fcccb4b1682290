"""What a request carries, and who sent it (perpetual dialect 1.2 to 1.5)."""

import hmac
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from aiohttp import web

from tegro_localnet.perpetual.api_keys import Credentials, KeyRing
from tegro_localnet.perpetual.engine.rejection import Rejected
from tegro_localnet.perpetual.notation import read_number

KEY_HEADER: Final = "X-MBX-APIKEY"
_AHEAD_MS: Final = 1_000
_WINDOW_MS: Final = 5_000
_LONGEST_WINDOW_MS: Final = 60_000


class Parameters:
    """Named values of a request. Names are compared in lower case; unknown ones are ignored."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = {name.lower(): value for name, value in values.items()}

    def text(self, name: str) -> str:
        """Return a value that must be there."""
        value = self._values.get(name.lower(), "")
        if not value:
            raise Rejected(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
        return value

    def find(self, name: str) -> str | None:
        """Return a value; None where it is absent or empty."""
        return self._values.get(name.lower()) or None

    def integer(self, name: str, default: int | None = None) -> int:
        """Return a whole number; without a default it must be there."""
        if default is not None and self.find(name) is None:
            return default
        return read_number(self.text(name), name, 0)

    def flag(self, name: str) -> bool:
        """Return a boolean in any letter case; absent is false."""
        value = (self.find(name) or "false").lower()
        if value not in ("true", "false"):
            raise Rejected(-1130, f"Data sent for parameter '{name}' is not valid.")
        return value == "true"

    def choice[T](self, name: str, kind: type[T], default: T | None = None, code: int = -1130) -> T:
        """Return an enumeration value; without a default it must be there."""
        if default is not None and self.find(name) is None:
            return default
        value = self.text(name)
        try:
            return kind(value)  # type: ignore[call-arg]
        except ValueError:
            raise Rejected(code, f"Data sent for parameter '{name}' is not valid.") from None

    def limit(self, default: int, most: int) -> int:
        """Return `limit`, at least 1 and never above its maximum."""
        limit = self.integer("limit", default)
        if limit < 1:
            raise Rejected(-1130, "Data sent for parameter 'limit' is not valid.")
        return min(limit, most)

    def span(self, longest_ms: int | None = None, default_ms: int | None = None, now_ms: int = 0) -> tuple[int, int]:
        """Return `startTime` and `endTime`, checked against each other; without both, the last `default_ms`."""
        end_ms = self.integer("endTime", 2**62)
        default_start_ms = now_ms - default_ms if default_ms is not None and self.find("endTime") is None else 0
        start_ms = self.integer("startTime", default_start_ms)
        if start_ms > end_ms:
            raise Rejected(-1023, "Start time is greater than end time.")
        both = self.find("startTime") is not None and self.find("endTime") is not None
        if both and longest_ms is not None and end_ms - start_ms > longest_ms:
            raise Rejected(-1127, "More than the allowed time between startTime and endTime.")
        return start_ms, end_ms


class Request:
    """A request as it came in: the raw query and the raw body, which are what is signed."""

    def __init__(self, request: web.Request, body: bytes) -> None:
        self._query = request.raw_path.partition("?")[2].encode("utf-8", "surrogateescape")
        self._body = body
        self._api_key = request.headers.get(KEY_HEADER)
        # The query's value counts where a name is in both.
        self.parameters = Parameters({**_decoded(body), **_decoded(self._query)})

    def key_holder(self, keys: KeyRing) -> Credentials:
        """Return whose key the request carries."""
        return keys.find(self._api_key)

    def signer(self, keys: KeyRing, now_ms: int) -> Credentials:
        """Return who signed the request, or refuse it: key, signature, time, in that order."""
        credentials = keys.find(self._api_key)
        given = self.parameters.text("signature").lower()
        expected = credentials.signature_of(_unsigned(self._query) + _unsigned(self._body))
        if not hmac.compare_digest(expected.encode(), given.encode()):
            raise Rejected(-1022, "Signature for this request is not valid.")
        self._check_time(now_ms)
        return credentials

    def _check_time(self, now_ms: int) -> None:
        timestamp_ms = self.parameters.integer("timestamp")
        window_ms = self.parameters.integer("recvWindow", _WINDOW_MS)
        if not 1 <= window_ms <= _LONGEST_WINDOW_MS:
            raise Rejected(-1130, "Data sent for parameter 'recvWindow' is not valid.")
        if timestamp_ms >= now_ms + _AHEAD_MS:
            raise Rejected(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
        if now_ms - timestamp_ms > window_ms:
            raise Rejected(-1021, "Timestamp for this request is outside of the recvWindow.")


def _decoded(part: bytes) -> dict[str, str]:
    try:
        return dict(parse_qsl(part.decode(), keep_blank_values=True))
    except ValueError:
        raise Rejected(-1100, "Illegal characters found in a parameter.") from None


def _unsigned(part: bytes) -> bytes:
    """Return the bytes as they came, without the signature; nothing is decoded and encoded again."""
    return b"&".join(piece for piece in part.split(b"&") if not piece.startswith(b"signature="))
