"""V17 to V19: health, the event stream, and how a refusal looks."""

import asyncio
from contextlib import suppress
from typing import Final

import aiohttp

from tegro import wire
from tegro.events import read_frame
from tegro.model import Market
from tegro.transport import Lost
from tegro.verify.json_form import described, kind_of, members_of
from tegro.verify.probe import DEPTH, UNREADABLE, Probe
from tegro.verify.report import Differs, NotChecked

_MARKET_EVENTS: Final = frozenset({"order_book_diff", "trade_created", "trade_updated"})
_CLOSED: Final = frozenset({aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR})


async def health_answers(probe: Probe) -> str:
    """V17."""
    body = await probe.get("v1/trading/health")
    return f"the body is {body[:80].decode(errors='replace')!r}"


async def refusal_names_its_error(probe: Probe) -> str:
    """V19."""
    answer = await probe.ask(DEPTH, {"chain_id": str(probe.chain_id), "market_id": "no_such_market"})
    if isinstance(answer, Lost):
        raise NotChecked(answer.cause)
    if answer.status == 429 or answer.status >= 500:
        raise NotChecked(f"HTTP {answer.status}: {answer.text}")
    try:
        form = described(answer.body)
        error = members_of(answer.body).get("error") if kind_of(answer.body) == "object" else None
    except UNREADABLE:
        form, error = "not JSON", None
    if answer.status != 400 or error is None or kind_of(error) != "string":
        raise Differs(f"HTTP {answer.status}, the body is {form}: {answer.text}")
    return f"HTTP 400, the body is {form}: {answer.text}"


async def stream_answers(probe: Probe) -> str:
    """V18: connect, subscribe to a market, ping, and listen for a while."""
    market = await probe.market()
    limit = aiohttp.ClientWSTimeout(ws_close=1.0)
    url = probe.environment.stream_url
    try:
        async with probe.session.ws_connect(url, autoping=False, timeout=limit) as socket:
            return await _converse(socket, market, probe.listen_secs)
    except aiohttp.WSServerHandshakeError as error:
        raise Differs(f"{url} refuses to open a WebSocket: HTTP {error.status}") from None
    except (aiohttp.ClientError, OSError) as error:
        raise NotChecked(f"no connection to {url}: {str(error) or type(error).__name__}") from None


async def _converse(socket: aiohttp.ClientWebSocketResponse, market: Market, listen_secs: float) -> str:
    await socket.send_str(wire.encode(wire.Subscription(action="subscribe", channel_id=market.channel)).decode())
    await socket.ping(b"verify")
    heard = _Heard()
    with suppress(TimeoutError):
        async with asyncio.timeout(listen_secs):
            while not heard.is_enough:
                await heard.take(socket, await socket.receive())
    return heard.verdict(listen_secs)


class _Heard:
    """What came over the socket so far."""

    def __init__(self) -> None:
        self._has_pong = False
        self._actions: dict[str, None] = {}

    @property
    def is_enough(self) -> bool:
        """Whether nothing more need be waited for."""
        return self._has_pong and not _MARKET_EVENTS.isdisjoint(self._actions)

    async def take(self, socket: aiohttp.ClientWebSocketResponse, message: aiohttp.WSMessage) -> None:
        """Note one message; answer the venue's own pings."""
        if message.type is aiohttp.WSMsgType.PONG:
            self._has_pong = True
        elif message.type is aiohttp.WSMsgType.PING:
            await socket.pong(message.data)
        elif message.type in _CLOSED:
            raise Differs(f"the connection was closed after the subscription, code {socket.close_code}")
        else:
            self._note(message.data)

    def verdict(self, listen_secs: float) -> str:
        """Return what was seen, where it is what the fact says."""
        seen = ", ".join(self._actions)
        if not self._has_pong:
            raise Differs(f"a protocol ping was not answered within {listen_secs:g} s; events: {seen or 'none'}")
        if not self.is_enough:
            raise NotChecked(
                f"connected, subscribed, ping answered; no book or trade event within {listen_secs:g} s; "
                f"other events: {seen or 'none'}"
            )
        return f"ping answered; events: {seen}"

    def _note(self, frame: str | bytes) -> None:
        try:
            action = wire.decode_event(frame).action
            if action in _MARKET_EVENTS:
                read_frame(frame)
        except UNREADABLE as error:
            raise Differs(f"a frame cannot be read: {error}") from None
        if action == "error":
            raise Differs("the subscription was answered with an error")
        self._actions[action] = None
