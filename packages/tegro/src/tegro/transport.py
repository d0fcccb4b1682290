"""HTTP requests to one host: reads repeated within a budget, writes sent exactly once.

No redirect is followed, so that nothing signed and no header of the user ever reaches another host.
"""

import os
import random
import re
from collections.abc import Callable, Mapping
from typing import Final

import aiohttp
import msgspec
from msgspec import Struct, field
from yarl import URL

from tegro._version import __version__
from tegro.backoff import Backoff, Sleep
from tegro.errors import BadReply, Closed, NotConnected, RateLimited, Refused

MAX_TEXT: Final = 300
"""Longest part of a reply that goes into a message."""

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_TRY_LATER: Final = frozenset({408, 425, 429})
"""4xx statuses that are about the moment rather than the request."""


class _Refusal(Struct):
    """The forms in which venues say why not."""

    error: str = ""
    message: str = ""
    msg: str = ""
    code: object = None


class Request(Struct, frozen=True, kw_only=True):
    """One request as it goes on the wire."""

    method: str
    path: str
    query: Mapping[str, str] | str = ""
    """A text is sent as it is: it was signed."""
    body: bytes | None = None
    content_type: str = "application/json"
    """Of the body."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Beside those of every request."""


class ReadPolicy(Struct, frozen=True, kw_only=True):
    """How a read is repeated."""

    tries: int = 4
    budget_secs: float = 10.0
    """No wait is begun that would bring the sum of the waits above this."""
    backoff: Backoff = Backoff(first_secs=0.2, cap_secs=2.0)


class Timeouts(Struct, frozen=True, kw_only=True):
    """How long one request may take."""

    connect_secs: float = 5.0
    """To reach the host. When this ends, nothing was sent yet."""
    total_secs: float = 15.0


class Reply(Struct, frozen=True):
    """What the host answered."""

    status: int
    body: bytes
    retry_after_secs: float | None

    @property
    def is_success(self) -> bool:
        """Whether the request was done (2xx)."""
        return 200 <= self.status < 300

    @property
    def is_definite_refusal(self) -> bool:
        """Whether the host says no to what was asked: 4xx, but none that is about the moment."""
        return 400 <= self.status < 500 and self.status not in _TRY_LATER

    @property
    def text(self) -> str:
        """The reason in the body, else the body itself: on one line, printable, at most `MAX_TEXT` characters."""
        refusal = self._refusal()
        text = refusal.error or refusal.message or refusal.msg
        plain = _CONTROL.sub(" ", text or self.body[: 4 * MAX_TEXT].decode(errors="replace")).strip()
        return plain[:MAX_TEXT] or "no reason given"

    @property
    def code(self) -> int | None:
        """The number that the body gives for the reason; None where it gives none."""
        code = self._refusal().code
        return code if isinstance(code, int) else None

    def _refusal(self) -> _Refusal:
        try:
            return msgspec.json.decode(self.body, type=_Refusal)
        except (msgspec.DecodeError, RecursionError):
            return _Refusal()


class Lost(Struct, frozen=True):
    """A request that may have reached the host, and got no whole answer."""

    cause: str


class Transport:
    """Requests below one address.

    Parameters
    ----------
    origin
        Scheme, host and port.
    session
        Used, never closed.
    headers
        Sent with every request.
    reads, timeouts
        Limits of repetition and of time.
    sleep, rng
        For the waits between reads; passed in so that a test need not wait.
    root
        What stands between the host and every path.
    """

    def __init__(
        self,
        origin: str,
        session: aiohttp.ClientSession,
        *,
        headers: Mapping[str, str],
        reads: ReadPolicy,
        timeouts: Timeouts,
        sleep: Sleep,
        rng: random.Random,
        root: str = "/api/",
    ) -> None:
        self._origin = origin
        self._root = root
        self._session = session
        self._headers = {"User-Agent": f"tegro-python/{__version__}", **headers}
        self._reads = reads
        self._timeout = aiohttp.ClientTimeout(total=timeouts.total_secs, sock_connect=timeouts.connect_secs)
        self._sleep = sleep
        self._rng = rng

    async def get(self, path: str, query: Mapping[str, str]) -> bytes:
        """Return the body of a successful answer.

        Raises
        ------
        NotConnected
            If no answer came, or only 5xx, within the budget.
        RateLimited
            If the host asked for fewer requests and the budget did not hold out.
        Refused
            If the host said no.
        BadReply
            If the host answered with a redirect.
        """
        request = Request(method="GET", path=path, query=query)
        return await self.read(lambda: request)

    async def ask(self, path: str, body: bytes) -> bytes:
        """Send a JSON body that changes nothing at the host, and return the body of a successful answer.

        It is repeated within the same budget as `get`, and fails with the same errors.
        """
        request = Request(method="POST", path=path, body=body)
        return await self.read(lambda: request)

    async def read(self, build: Callable[[], Request]) -> bytes:
        """Return the body of a successful answer to a request that changes nothing.

        It is built anew for each repetition, because a signed request carries its time. Errors as in `get`.
        """
        attempt, waited_secs = 0, 0.0
        while True:
            attempt += 1
            request = build()
            try:
                return _body_of(request, await self.send(request))
            except (NotConnected, RateLimited) as failure:
                delay_secs = self._reads.backoff.delay_secs(attempt, self._rng)
                if isinstance(failure, RateLimited):
                    delay_secs = max(delay_secs, failure.retry_after_secs or 0.0)
                waited_secs += delay_secs
                if attempt >= self._reads.tries or waited_secs > self._reads.budget_secs:
                    raise
            await self._sleep(delay_secs)

    async def get_once(self, path: str, query: Mapping[str, str]) -> Reply | Lost:
        """Ask once and return what came back, whatever its status.

        Raises
        ------
        NotConnected
            If the connection was never made.
        """
        return await self.send(Request(method="GET", path=path, query=query))

    async def post(self, path: str, body: bytes) -> Reply | Lost:
        """Send a JSON body once and return what came back.

        Raises
        ------
        NotConnected
            If the connection was never made: nothing left this machine.
        """
        return await self.send(Request(method="POST", path=path, body=body))

    async def send(self, request: Request) -> Reply | Lost:
        """Send a request once and return what came back, whatever its status.

        Raises
        ------
        NotConnected
            If the connection was never made: nothing left this machine.
        Closed
            If the session was closed. Nothing left this machine.
        """
        if self._session.closed:
            raise Closed("the client was closed before this request was sent")
        headers = {**self._headers, **request.headers}
        if request.body is not None:
            headers["Content-Type"] = request.content_type
        url = f"{self._origin}{self._root}{request.path}"
        is_ready = isinstance(request.query, str)
        try:
            async with self._session.request(
                request.method,
                URL(f"{url}?{request.query}", encoded=True) if request.query and is_ready else url,
                params=None if is_ready else request.query,
                data=request.body,
                headers=headers,
                timeout=self._timeout,
                allow_redirects=False,
            ) as response:
                return Reply(response.status, await response.read(), _retry_after_secs(response.headers))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise NotConnected(f"no connection to {self._origin}: {_why(error)}") from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return Lost(f"{request.method} {request.path} got no whole answer: {_words(error)}")


def _body_of(request: Request, answer: Reply | Lost) -> bytes:
    if isinstance(answer, Lost):
        raise NotConnected(answer.cause)
    if answer.is_success:
        return answer.body
    told = f"{request.method} {request.path} was answered with HTTP {answer.status}: {answer.text}"
    if answer.status == 429:
        raise RateLimited(told, retry_after_secs=answer.retry_after_secs)
    if answer.is_definite_refusal:
        raise Refused(told, status=answer.status, code=answer.code)
    if answer.status >= 400:
        raise NotConnected(told)
    raise BadReply(told)


def _retry_after_secs(headers: Mapping[str, str]) -> float | None:
    """Read `Retry-After`; None where it is missing or a date, which nobody in this field sends."""
    text = headers.get("Retry-After", "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else None


def _why(error: aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError) -> str:
    """Return the system's words for a connection that was not made: `Connection refused`."""
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return "no answer in time"
    number = error.os_error.errno
    return os.strerror(number) if number and number > 0 else _words(error.os_error)


def _words(error: Exception) -> str:
    return str(error)[:MAX_TEXT] or type(error).__name__
